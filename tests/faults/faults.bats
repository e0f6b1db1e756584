#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Each call of the helper that can fail fails once in turn (see faults.c and inject.c), in a mount
# and in the undoing of one: always a clean error, never half a mount.
#
# shellcheck disable=SC2016 # the scripted server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load ../lib

setup() {
  require root namespace fuse peer tool systemd-socket-activate
  [[ -x ${FSVC_FAULTS:-}/faults ]] || lack "FSVC_FAULTS is not set"
  [[ -z ${FSVC_VALGRIND:-} ]] || skip "valgrind runs no other library first"
  prepare
  : >"$BATS_TEST_TMPDIR/key"
}

teardown() { clean_up; }

# What is known and not mended yet. Each is a regular expression for "FUNCTION: FINDING, called by
# CALLERS".
known=(
  # helpers/: an error that cannot be written cannot be told.
  '^write: exit code [0-9]+ without one clear line: "", called by helper,'
  # libmount writes an incomplete line, which it does not find again; the exit code is 16.
  '^malloc: utab: "(SRC=[^ ]+ )?(TARGET=[^ ]+ )?(ROOT=/ )?ATTRS=svc=[a-z0-9]+,svc\.pid=N'
  '^malloc: utab: "(SRC=[^ ]+ )?(TARGET=[^ ]+ )?(ROOT=/ )?OPTS='
  '^malloc: umount left the line in utab,'
)

# inject [-u] [-NPID] KIND ERRNO: the helper with faults. Whatever is lost of the
# mount options shows, in the mount tables or in the server's log.
inject() {
  local flags=() ns=() options="ro,noexec,nosuid,x-foo=1,svc-timeout=10,key=$BATS_TEST_TMPDIR/key" k
  while [[ $1 == -* ]]; do
    flags+=("$1")
    [[ $1 != -N* ]] || ns=("$1")
    shift
  done
  for k in "${known[@]}"; do
    flags+=(-k "$k")
  done
  # A sanitizer's own library comes second: what it stands before still is the C library's.
  ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0 LC_ALL=C \
    "$FSVC_FAULTS/faults" "${flags[@]}" "$1" "$2" "$FSVC_FAULTS/.libs/inject.so" "$FSVC_PEER" \
    "$log" "$source" "$mnt" -t "$type" -o "$options" "${ns[@]}" 3>&- 4>&-
}

# each KIND:ERRNO... [-- -NPID]: in a mount, and in one that the server gives up
each() {
  local kinds=() rc=0 k
  while (($#)) && [[ $1 != -- ]]; do
    kinds+=("$1")
    shift
  done
  shift || true
  for k in "${kinds[@]}"; do
    obey_and_mount 'open $SOURCE O_RDONLY'
    inject "$@" "${k%:*}" "${k#*:}" || rc=1
    obey hello args 'open $SOURCE O_RDONLY' 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' \
      init 'bye 1'
    inject -u "$@" "${k%:*}" "${k#*:}" || rc=1
  done
  return "$rc"
}

peer() {
  type=fuse.svc.peer source=$img
  start_peer
}

@test "faults: allocations" {
  peer
  each alloc:ENOMEM
}

@test "faults: opening files" {
  peer
  each open:EMFILE open:EINTR
}

@test "faults: connecting, sending and receiving" {
  peer
  each socket:ENOMEM send:ENOBUFS send:EINTR recv:ENOMEM recv:EINTR
}

@test "faults: processes, signals and waiting" {
  peer
  each process:EAGAIN wait:ENOMEM wait:EINTR
}

@test "faults: mounting and unmounting" {
  peer
  each mount:ENOMEM
}

@test "faults: writing utab" {
  peer
  each write:ENOSPC write:EINTR
}

@test "faults: dropping privileges" {
  peer
  each privs:EPERM
}

@test "faults: looking at files and descriptors" {
  peer
  each look:EIO look:EINTR
}

@test "faults: a service that is guessed from the source" {
  type=fuse.svc source=$img
  require tool mke2fs
  truncate -s 1M "$img"
  mke2fs -q -F -t ext2 "$img"
  start_peer ext2
  each alloc:ENOMEM open:EMFILE look:EIO
}

@test "faults: a block device" {
  require loop
  type=fuse.svc.peer
  start_peer
  use_loop "$img"
  source=$loop
  each alloc:ENOMEM open:EMFILE look:EIO mount:ENOMEM process:EAGAIN
}

@test "faults: another mount namespace" {
  peer
  unshare --mount --propagation private sleep 600 3>&- 4>&- &
  services+=($!)
  wait_for "$deadline" grep -qx sleep "/proc/$!/comm" # else it is our own namespace still
  each open:EMFILE look:EIO mount:ENOMEM -- "-N$!"
}
