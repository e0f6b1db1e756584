#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What mounts by module get of libmount for nothing, as the kernel's own types do; by helper they
# lack it.
#
# shellcheck disable=SC2016 # the scripted server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load ../lib

setup() {
  prepare
  by_module
}

teardown() { clean_up; }

# start_archive: an archive with a folder in it, as $img
start_archive() {
  require tool tar
  mkdir -p "$BATS_TEST_TMPDIR/tree/inner"
  echo deep >"$BATS_TEST_TMPDIR/tree/inner/file"
  tar -C "$BATS_TEST_TMPDIR/tree" -cf "$img" .
  start_service archive -- "$FSVC_LIBEXECDIR/archive"
}

@test "X-mount.mkdir: with a mode" {
  start_archive
  stock_mount -t fuse.svc.archive -o X-mount.mkdir=0710 "$img" "$mnt/a" # not of the file system
  assert_quiet
  assert_equal "$(stat -c %a "$mnt")" 755
  [[ -e $mnt/a/inner/file ]]
  run_umount "$mnt/a"
  assert_equal "$(stat -c %a "$mnt/a")" 710
}

@test "X-mount.subdir: only that folder" {
  start_archive
  stock_mount -t fuse.svc.archive -o X-mount.subdir=inner "$img" "$mnt"
  assert_quiet
  assert_equal "$(<"$mnt/file")" deep
  assert_equal "$(findmnt -n -o FSROOT "$mnt")" /inner
  run_umount "$mnt"
  assert_quiet
}

@test "X-mount.subdir: one that is not there, and nothing was ever mounted" {
  start_archive
  stock_mount -t fuse.svc.archive -o X-mount.subdir=nosuch "$img" "$mnt"
  assert_status 32
  refute_mounted
  refute_utab
}

@test "propagation: as an option, on what is new" {
  start_archive
  stock_mount -t fuse.svc.archive -o shared "$img" "$mnt"
  assert_quiet
  assert_equal "$(findmnt -n -o PROPAGATION "$mnt")" shared
  run_umount "$mnt"
}

# bats test_tags=libmount242
@test "--beneath: below what is mounted, which goes on" {
  start_archive
  mount -t tmpfs tmpfs "$mnt"
  touch "$mnt/above"
  stock_mount --beneath -t fuse.svc.archive "$img" "$mnt"
  assert_quiet
  [[ -e $mnt/above ]]
  umount "$mnt"
  [[ -e $mnt/inner/file ]]
  run_umount "$mnt"
  assert_quiet
}

# bats test_tags=libmount242
@test "--exclusive" {
  start_archive
  stock_mount --exclusive -t fuse.svc.archive "$img" "$mnt"
  assert_quiet
  [[ -e $mnt/inner/file ]]
  run_umount "$mnt"
}

# With the helper it is there for a moment.
@test "a mount that fails was never there" {
  local seen=$BATS_TEST_TMPDIR/seen go=$BATS_TEST_TMPDIR/go
  start_peer
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' init "wait-file $go" 'bye 7'
  start_mount "$img" "$mnt" -t fuse.svc.peer
  assert_log 'mount 0: OK' 'init: OK'
  our_mounts >"$seen"
  : >"$go"
  finish_mount
  assert_status 32
  [[ ! -s $seen ]]
  refute_mounted
  refute_utab
}

@test "a host that is killed leaves nothing, whenever that is" {
  local step
  start_peer
  for step in get-hello hello args fsopen source mntpt mount init; do
    until_step "$step" wait-eof
    start_mount "$img" "$mnt" -t fuse.svc.peer
    wait_for "$deadline" has_logged "$step"
    kill -KILL "$helper"
    wait "$helper" 2>/dev/null || true
    wait_for "$deadline" is_nothing_left || fail "after $step: $(our_processes) $(our_mounts)"
  done
}
has_logged() {
  case $1 in
  get-hello) grep -q '^start' "$log" ;;
  hello) grep -q '^hello: ' "$log" ;;
  args) grep -q '^fusedev: ' "$log" ;;
  *) grep -q "^$1.*: OK" "$log" ;;
  esac
}
