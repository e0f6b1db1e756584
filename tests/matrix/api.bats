#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# That each column of the matrix is what it says: by which calls the libmount there mounts.
#
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load ../lib

setup() {
  prepare
  require tool strace
  start_peer peer
  obey_and_mount
  trace=$BATS_TEST_TMPDIR/trace
}

teardown() { clean_up; }

# traced_mount TARGET: what mounts a FUSE file system, by its name
traced_mount() {
  run_command strace -f -qq -o "$trace" -e trace=mount,fsopen,move_mount \
    mount -t fuse.svc.peer "$img" "$1"
  assert_status 0 || return
  grep -v ENOSYS "$trace" | grep -oE '\b(fsopen\("fuse"|mount\([^,]*, [^,]*, "fuse"|move_mount)' |
    sed 's/(.*//' | paste -sd ' '
}

@test "api: a directory is mounted by the API that libmount has" {
  if has_mount_api; then
    assert_equal "$(traced_mount "$mnt")" 'fsopen move_mount'
  else
    assert_equal "$(traced_mount "$mnt")" mount
  fi
  unmount
}

# move_mount(2) does not follow a link to a file, and so not what names the pinned one.
@test "api: a file is mounted by mount(2), whatever libmount has" {
  local file=$BATS_TEST_TMPDIR/file
  : >"$file"
  # shellcheck disable=SC2016 # the scripted server has variables of its own
  obey hello args 'fsopen 0' 'source x' 'mntpt file $TARGET' 'mount 0' init 'bye 0' 'serve file'
  assert_equal "$(traced_mount "$file")" mount
  unmount "$file"
}
