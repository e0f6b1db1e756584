#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# That what is tested by module is so: who mounts, and from where.
#
# shellcheck disable=SC2016 # the scripted server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load ../lib

setup() {
  prepare
  start_peer
}

teardown() { clean_up; }

@test "module: mount(8) has loaded it, and runs its program, which has no helper beside it" {
  local go=$BATS_TEST_TMPDIR/go
  by_module
  obey hello args "wait-file $go" 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' init 'bye 0' serve
  start_mount "$img" "$mnt" -t fuse.svc.peer
  assert_log 'fusedev: OK'
  [[ $(readlink "/proc/$helper/exe") == /usr/bin/mount ]]
  grep -q '/libmount/hooks/fuse-svc\.so$' "/proc/$helper/maps"
  [[ $(readlink "/proc/$(parent)/exe") == "$(realpath "$FSVC_MODULE_RUNS")" ]]
  [[ $(our_processes) != */mount.fuse.svc* ]]
  : >"$go"
  finish_mount
  assert_mount_works
  unmount
}

@test "module: what has no service is a type like others" {
  stock_mount -t tmpfs tmpfs "$mnt"
  assert_quiet
  assert_equal "$(mounted_as FSTYPE)" tmpfs
  run_umount "$mnt"
  assert_quiet
}

@test "module: its program dies, which is told; nothing is left" {
  obey hello args 'sleep 600'
  start_mount "$img" "$mnt" -t fuse.svc.peer
  assert_log 'fusedev: OK'
  kill -KILL "$(parent)"
  finish_mount
  assert_status 4
  [[ $stderr == *'crashed (signal 9)'* ]]
  refute_mounted
  our_processes | cut -d ' ' -f 1 | xargs -r kill -KILL # the server that sleeps
  assert_nothing_left
}
