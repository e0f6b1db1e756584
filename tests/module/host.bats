#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A program with threads mounts by libmount, several at once, and is after that what it was before.
#
# shellcheck disable=SC2154 # variables of lib.bash

load ../lib

setup() {
  prepare
  require server null
  start_service null -- "$FSVC_LIBEXECDIR/null"
  mkdir "$mnt"/{0..7}
}

teardown() { clean_up; }

@test "host: eight threads mount, and no signal, child or descriptor is missing or left" {
  run_command "${FSVC_PEER%/*/*}/module/host" fuse.svc.null none "$mnt" 8 12
  assert_status 0
  assert_equal "$stdout$stderr" '97 mounts'
}

# The last word of one thread's mount is not another's.
@test "host: mounts that fail at once" {
  run_command "${FSVC_PEER%/*/*}/module/host" fuse.svc.nosuch none "$mnt" 8 5
  assert_status 1
  assert_equal "$(sort -u <<<"$stderr")" \
    'host: service "nosuch": not available (no socket /run/filesystems/nosuch); scripts/activate lets it listen, "fuse-svc list" shows all services'
  assert_equal "$(wc -l <<<"$stderr")" 41
}
