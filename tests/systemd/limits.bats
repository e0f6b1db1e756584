#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A server that eats memory or makes tasks is stopped, and nobody else. Where the machine's
# controllers are not in the unified hierarchy, these run in a container with the old one.

# shellcheck source=tests/systemd/lib.bash
source "$BATS_TEST_DIRNAME/lib.bash"

setup_file() {
  make_images "$BATS_FILE_TMPDIR"
  start_sockets probe archive
}

setup() {
  prepare_systemd
  mkdir "$BATS_TEST_TMPDIR/good"
  run_command mount -t fuse.svc.archive "$BATS_FILE_TMPDIR/image.zip" "$BATS_TEST_TMPDIR/good"
  assert_status 0
}

teardown() {
  umount "$BATS_TEST_TMPDIR/good" || true
  clean_up_systemd
}

run_probe() { run_command mount -t fuse.svc.probe -o "probe=$1" none "$mnt"; }

# fact NAME: the last that the probe told
fact() {
  journal --unit='fuse-svc-probe@*' SYSLOG_IDENTIFIER=fuse-svc-probe |
    sed -n "s/^probe: is $1: //p" | tail -n 1
}

# What a server logged may come a moment after its end.
is_told() { [[ -n $(fact "$1") ]]; }

assert_others_live() {
  assert_equal "$(<"$BATS_TEST_TMPDIR/good/hello.txt")" hello
  [[ $(instances) == *fuse-svc-archive@*"active running"* ]]
  systemctl is-active systemd-journald.service
}

@test "limits: memory: who takes more is killed, and others live on" {
  local mib
  run_probe memory
  assert_status 32
  wait_for "$usual" is_told eater || wait_for "$usual" is_told memory
  mib=$(fact memory)
  mib=${mib% MiB}
  echo "# killed after $mib MiB" >&3
  ((mib >= 512 && mib <= 1024))
  [[ $(fact eater) != alive ]]
  assert_others_live
}

@test "limits: tasks: there are no more, and others live on" {
  local tasks
  run_probe tasks
  assert_status 32
  wait_for "$usual" is_told tasks
  tasks=$(fact tasks)
  assert_equal "$tasks" "64 (EAGAIN)"
  assert_others_live
}
