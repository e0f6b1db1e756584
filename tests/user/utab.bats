#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What users could do to utab, on which root's umount(8) relies, and with the privilege that it is
# written with.
#
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load ../lib

setup() {
  prepare
  prepare_users
  start_peer
  share_services
  obey_and_mount
}

teardown() { clean_up; }

# A mount that umount(8) does not know of any more.
@test "utab: users cannot make it as long as they like" {
  mkdir -p /run/mount
  printf 'SRC=x TARGET=/nowhere/%s ROOT=/ OPTS=x-note=1\n' {1..6000} >/run/mount/utab
  (($(stat -c %s /run/mount/utab) > 256 * 1024))
  for _ in 1 2; do
    run_as alice mount -t fuse.svc.peer "$img" "$mnt"
    assert_mount_works
    assert_equal "$(utab | wc -l)" 6000
    run_as alice umount "$mnt"
    assert_status 0
    refute_mounted
  done
  run_command mount -t fuse.svc.peer "$img" "$mnt"
  assert_mount_works
  assert_equal "$(utab | wc -l)" 6001
  unmount
  assert_equal "$(utab | wc -l)" 6000
  rm /run/mount/utab
}

# Anybody can hold libmount's lock. What is mounted is to stay, and somebody to be told.
hold_lock() {
  mkdir -p /run/mount
  : >>/run/mount/utab.lock
  chmod 644 /run/mount/utab.lock
  setpriv --reuid=bob --regid=bob --init-groups flock -x /run/mount/utab.lock sleep 600 3>&- 4>&- &
  services+=($!)
  wait_for 5 is_locked
}

is_locked() { ! flock -n /run/mount/utab.lock true; }

release_lock() {
  pkill -KILL -P "${services[-1]}"
  wait_for 5 flock -n /run/mount/utab.lock true
}

@test "utab: whoever holds its lock makes nobody wait for ever" {
  hold_lock
  start_mount "$img" "$mnt" -t fuse.svc.peer -o svc-timeout=2
  finish_mount
  release_lock
  assert_status 16
  assert_error 'mounted, but could not be noted in utab: Connection timed out'
  assert_mounted
  refute_utab
  unmount
}

@test "utab: whoever waits for its lock can be interrupted" {
  hold_lock
  start_mount "$img" "$mnt" -t fuse.svc.peer
  wait_for "$deadline" is_mounted "$mnt"
  assert_log 'bye 0: OK'
  sleep 0.5
  kill -TERM "$helper"
  finish_mount
  release_lock
  assert_status 16
  assert_error 'mounted, but could not be noted in utab: Interrupted system call'
  assert_mounted
  unmount
}

has_no_umount() { [[ -z $(pgrep -f "umount.*$mnt") ]]; }

@test "utab: whoever holds its lock does not make umount speak of what is not written" {
  # Newer libmount takes the lock to read, too: umount(8) waits for it before it runs any helper.
  ! libmount_at_least 2.39 || return 0
  run_command mount -t fuse.svc.peer -o svc-timeout=2 "$img" "$mnt"
  assert_mount_works
  hold_lock
  run_command umount "$mnt"
  assert_status 16
  [[ $stderr == "umount.fuse.svc: $mnt: unmounted, but utab was locked for 2 seconds; process "* ]]
  refute_mounted
  release_lock
  wait_for "$deadline" has_no_umount # which goes on
  refute_utab
}

# A socket would tell its other end who speaks. By then there is nobody left who has more power: it
# could not be ended any more.
says_as_its_caller() {
  local pipe
  exec {pipe}<> <(:)
  head -c 65536 /dev/zero >&"$pipe"
  setpriv --reuid=alice --regid=alice --init-groups --reset-env -- /sbin/mount.fuse.svc "$img" "$mnt" \
    "$@" >&"$pipe" 2>&"$pipe" </dev/null 3>&- 4>&- &
  helper=$!
  wait_for 5 has_given_up || fail "$(grep Uid "/proc/$helper/status")" || return
  assert_equal "$(children)" '' || return
  status=0
  wait "$helper" || status=$?
  exec {pipe}>&-
}

@test "words: the setuid helper says them as its caller" {
  says_as_its_caller -t fuse.svc.nowhere
  assert_status 32
  says_as_its_caller -t fuse.svc.peer -n -v
  assert_status 0
  assert_mounted
  unmount
}

has_given_up() {
  grep -qx "Uid:	$alice_id	$alice_id	$alice_id	$alice_id" "/proc/$helper/status" &&
    grep -qx 'CapPrm:	0000000000000000' "/proc/$helper/status"
}
