#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# umount.fuse.svc, by the stock umount(8): when it returns, the server has written all and is gone.
#
# shellcheck disable=SC2016 # the scripted server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load ../lib

setup() {
  prepare
  start_peer
}

teardown() { clean_up; }

# slow_server: one that has to write for as long as there is no $mnt.end
slow_server() {
  obey hello args 'fsopen 0' 'source anything' 'mntpt 0 $TARGET' 'mount 0' init 'bye 0' serve \
    "wait-file $mnt.end"
}

mount_peer() {
  run_command mount -t fuse.svc.peer "$@" "$img" "$mnt"
  assert_mount_works
}

run_umount() { run_command umount "$@"; }

start_umount() {
  umount "$@" >"$BATS_TEST_TMPDIR/stdout" 2>"$BATS_TEST_TMPDIR/stderr" </dev/null 3>&- 4>&- &
  helper=$!
}

server_pid() { utab | sed -n 's/.*svc\.pid=\([0-9]*\).*/\1/p'; }

is_unmounted() { ! is_mounted "$mnt"; }

is_gone() { [[ ! -e /proc/$1 ]]; }

# assert_umount_error TEXT...: of our helper; beside it umount(8) may say something
assert_umount_error() {
  local text
  for text in "umount.fuse.svc: $mnt: " "$@"; do
    [[ $stderr == *"$text"* ]] || fail "stderr does not say: $text" || return
  done
}

assert_quiet() { [[ -z $stdout && -z $stderr ]] || fail "it said something"; }

@test "umount: waits until the server has written, and is gone" {
  local server
  slow_server
  mount_peer
  server=$(server_pid)
  start_umount "$mnt"
  wait_for 10 is_unmounted
  sleep 0.5
  kill -0 "$helper"
  kill -0 "$server"
  : >"$mnt.end"
  finish_mount
  assert_status 0
  assert_quiet
  is_gone "$server"
  refute_utab
}

@test "umount: by the source, by the device, of all of a type, recursively" {
  local how server
  for how in "$mnt" "$img" "-a -t fuse.svc.peer" "-R $mnt" "-A $mnt"; do
    obey_and_mount
    mount_peer
    server=$(server_pid)
    # shellcheck disable=SC2086 # words
    run_umount $how
    assert_status 0
    refute_mounted
    is_gone "$server" || fail "umount $how"
    refute_utab
  done
}

@test "umount: -v says who has ended" {
  obey_and_mount
  mount_peer
  run_umount -v "$mnt"
  assert_status 0
  [[ $stdout == *"umount.fuse.svc: $mnt: service \"peer\" (process "[0-9]*") has ended"* ]]
}

@test "umount: a server that has not ended in time is told of" {
  slow_server
  mount_peer -o svc-timeout=1
  assert_utab svc.timeout=1
  run_umount "$mnt"
  assert_status 32
  assert_umount_error 'unmounted, but service "peer" (process ' \
    'has not ended within 1 seconds: not all may be written yet'
  refute_mounted
  refute_utab
  : >"$mnt.end"
}

@test "umount: svc-timeout=0 waits for ever" {
  slow_server
  mount_peer -o svc-timeout=0
  start_umount "$mnt"
  wait_for 10 is_unmounted
  sleep 1
  kill -0 "$helper"
  : >"$mnt.end"
  finish_mount
  assert_status 0
}

@test "umount: -l waits for nothing" {
  slow_server
  mount_peer
  run_umount -l "$mnt"
  assert_status 0
  assert_quiet
  refute_mounted
  refute_log "wait-file $mnt.end"
  refute_utab
  : >"$mnt.end"
}

@test "umount: -l of what is in use" {
  obey_and_mount
  mount_peer
  exec 9<"$mnt"
  run_umount -l "$mnt"
  assert_status 0
  refute_mounted
  refute_log 'serve: ENODEV'
  exec 9<&-
  assert_log 'serve: ENODEV'
}

@test "umount: what is busy stays, with umount(8)'s own words" {
  obey_and_mount
  mount_peer
  exec 9<"$mnt"
  run_umount "$mnt"
  exec 9<&-
  assert_status 32
  [[ $stderr == *"umount: $mnt: target is busy."* ]]
  assert_mounted
  assert_utab svc=peer,
  unmount
}

@test "umount: -r makes read-only what is busy, and does not wait" {
  obey_and_mount
  mount_peer
  exec 9<"$mnt"
  run_umount -r "$mnt"
  exec 9<&-
  assert_status 0
  assert_mounted
  assert_option ro
  unmount
}

@test "umount: -f hangs up" {
  obey hello args 'fsopen 0' 'source anything' 'mntpt 0 $TARGET' 'mount 0' init 'bye 0' 'serve deaf'
  mount_peer
  stat "$mnt/name" >/dev/null 2>&1 3>&- 4>&- & # nobody answers that
  services+=($!)
  sleep 0.2
  run_umount -f "$mnt" # whoever asks still holds it
  run_umount -f "$mnt"
  assert_log 'serve: ENODEV'
  refute_mounted
  refute_utab
}

@test "umount: -n leaves the line in utab" {
  obey_and_mount
  mount_peer
  run_umount -n "$mnt"
  assert_status 0
  refute_mounted
  assert_utab svc=peer,
  rm /run/mount/utab
}

@test "umount: without utab nobody is waited for" {
  slow_server
  mount_peer
  rm /run/mount/utab
  run_umount "$mnt"
  assert_status 0
  assert_quiet
  refute_mounted
  : >"$mnt.end"
}

@test "umount: a pid that is another's now is not waited for" {
  local server
  slow_server
  mount_peer
  server=$(server_pid)
  sed -i "s/svc.pid=$server/svc.pid=$$/" /run/mount/utab
  run_umount "$mnt"
  assert_status 0
  refute_mounted
  : >"$mnt.end"
}

@test "umount: a line that is of another mount, as names have changed" {
  local connection
  slow_server
  mount_peer
  connection=$(utab | sed -n 's/.*svc\.connection=\([0-9]*\).*/\1/p')
  if [[ -n $connection ]]; then # Linux 6.18
    assert_equal "0:$connection" "$(mounted_as MAJ:MIN)"
    sed -i "s/svc.connection=$connection/svc.connection=$((connection + 1))/" /run/mount/utab
  else
    sed -i "s/svc.start=/svc.connection=1,svc.start=/" /run/mount/utab
  fi
  run_umount "$mnt"
  assert_status 0
  refute_mounted
  : >"$mnt.end"
}

@test "umount: lines in utab that are no numbers" {
  local value
  for value in 0 -1 99999999999999999999999999 4294967297 x ''; do
    obey_and_mount
    mount_peer
    sed -i "s/svc.pid=[0-9]*/svc.pid=$value/; s/svc.start=[0-9]*/svc.start=$value/" /run/mount/utab
    run_umount "$mnt"
    assert_status 0
    refute_mounted
    rm -f /run/mount/utab
  done
}

@test "umount: what is mounted elsewhere too is not waited for" {
  obey_and_mount
  mount_peer
  mkdir "$mnt.2"
  mount --bind "$mnt" "$mnt.2"
  run_umount "$mnt"
  assert_status 0
  assert_quiet
  refute_log 'serve: ENODEV'
  run_umount "$mnt.2"
  assert_status 0
  assert_log 'serve: ENODEV'
}

@test "umount: in another mount namespace" {
  local ns server
  obey_and_mount
  unshare --mount --propagation private sleep 600 3>&- 4>&- &
  ns=$!
  services+=("$ns")
  wait_for "$deadline" grep -qx sleep "/proc/$ns/comm"
  run_command mount -N "$ns" -t fuse.svc.peer "$img" "$mnt"
  assert_status 0
  refute_mounted
  server=$(server_pid)
  run_umount -N "$ns" "$mnt"
  assert_status 0
  assert_quiet
  is_gone "$server"
  refute_utab
}

# umount(8) would look at what is mounted there first.
@test "umount: a fuseblk server that does not take what is to be written" {
  local umount
  require loop
  use_loop "$img"
  obey hello args 'fsopen 1' 'source anything' 'mntpt 0 $TARGET' 'mount 0' init 'bye 0' \
    "wait-file $mnt.end" serve
  run_command mount -t fuse.svc.peer -o svc-timeout=1 "$loop" "$mnt"
  assert_status 0
  sleep 1.1 # the kernel has forgotten what it was told of the root
  run_command /sbin/umount.fuseblk.svc "$mnt" -t fuseblk.svc.peer
  assert_status 32
  assert_umount_error 'has not taken all that is to be written within 1 seconds' \
    '/sys/fs/fuse/connections/' '/abort'
  umount=$(sed -n 's/.*process \([0-9]*\) goes on.*/\1/p' <<<"$stderr")
  kill -0 "$umount"
  : >"$mnt.end" # it was slow, no more
  wait_for 10 is_gone "$umount"
  refute_mounted
  refute_utab
}

@test "umount: by the user who mounted, and nobody else" {
  local server
  prepare_users
  share_services
  slow_server
  run_as alice mount -t fuse.svc.peer "$img" "$mnt"
  assert_mount_works
  server=$(server_pid)
  run_as bob umount "$mnt"
  assert_status 32
  assert_mounted
  : >"$mnt.end"
  run_as alice umount "$mnt"
  assert_status 0
  assert_quiet
  refute_mounted
  is_gone "$server"
}

@test "umount: never with a set-user-ID bit" {
  prepare_users
  share_services
  obey_and_mount
  run_command mount -t fuse.svc.peer "$img" "$mnt"
  assert_mount_works
  chmod u+s /sbin/umount.fuse.svc
  run_as alice /sbin/umount.fuse.svc "$mnt"
  chmod u-s /sbin/umount.fuse.svc
  assert_status 2
  [[ $stderr == *"must not be set-user-ID"* ]]
  assert_mounted
  unmount
}

@test "umount: by hand: usage" {
  local words args
  for words in "" "a b" "-x /mnt" "-N" "--help /mnt"; do
    # shellcheck disable=SC2086 # words
    run_command /sbin/umount.fuse.svc $words
    assert_status 1
    [[ $stderr == "umount.fuse.svc: "*"Try 'umount.fuse.svc --help'"* ]]
  done
  read -ra args <<<"$(printf -- '-v -f -n -N /proc/self/ns/mnt %.0s' {1..30})"
  run_command /sbin/umount.fuse.svc "${args[@]}" "$mnt"
  assert_status 32
  run_command /sbin/umount.fuse.svc --help
  assert_status 0
  [[ $stdout == "Usage: umount.fuse.svc TARGET"* ]]
  run_command /sbin/umount.fuseblk.svc --version
  assert_status 0
  [[ $stdout == "umount.fuse.svc from fuse-svc "* ]]
  run_command /sbin/umount.fuse.svc "$mnt"
  assert_status 32
  [[ $stderr == *"not mounted"* ]]
  run_command /sbin/umount.fuse.svc /proc
  assert_status 1
  [[ $stderr == "umount.fuse.svc: /proc: not a file system of the type fuse.svc" ]]
}
