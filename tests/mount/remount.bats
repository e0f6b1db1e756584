#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Other flags for what is mounted, by the stock mount(8).
#
# shellcheck disable=SC2016 # the scripted server has variables of its own
# shellcheck disable=SC2154 # variables of lib.bash

load ../lib

setup() {
  prepare
  start_peer
  obey_and_mount
}

teardown() { clean_up; }

mount_peer() {
  run_command mount -t fuse.svc.peer "$@" "$img" "$mnt"
  assert_mount_works
}

remount() { run_command mount -o "remount,$1" "$mnt"; }

# assert_remounted OPTION...: it went well, and the mount and utab are as they should be
assert_remounted() {
  assert_status 0 || return
  [[ -z $stderr ]] || fail "stderr is not empty" || return
  assert_option "$@" || return
  if libmount_at_least 2.39 && [[ $(utab) == *OPTS=* ]]; then
    assert_utab "TARGET=$mnt " # mount(8) writes its own options after us, and drops attributes
  else
    assert_utab svc=peer, svc.pid= svc.start=
  fi
}

# What the mount and the file system behind it say: "ro ro", "rw rw" ...
how_mounted() { findmnt -rn -o VFS-OPTIONS,FS-OPTIONS "$mnt" | sed 's/\([^ ,]*\)[^ ]*/\1/g'; }

@test "remount: ro and rw, and the mount is as it was" {
  local before
  mount_peer -o noexec
  before=$(findmnt -rn -o OPTIONS,SOURCE,FSTYPE "$mnt")
  remount ro
  assert_remounted ro noexec nosuid nodev
  assert_equal "$(how_mounted)" "ro ro"
  run touch "$mnt/file"
  [[ $output == *"Read-only file system"* ]]
  remount rw
  assert_remounted rw
  assert_equal "$(findmnt -rn -o OPTIONS,SOURCE,FSTYPE "$mnt")" "$before"
  unmount
}

@test "remount: rw, of what was mounted read-only, is refused with a reason" {
  mount_peer -o ro
  assert_utab svc.ro
  remount rw
  assert_status 32
  assert_error 'the service cannot write, as it got the source read-only' 'unmount it'
  assert_option ro
  remount ro,noexec
  assert_remounted ro noexec
  assert_utab svc.ro
  unmount
}

@test "remount: rw, of what the server made read-only, is refused too" {
  obey hello args 'fsopen 0' 'source anything' 'mntpt 0 $TARGET' 'mount 1' init 'bye 0' serve
  mount_peer
  assert_option ro
  remount rw
  assert_status 32
  assert_error 'the service cannot write'
  assert_option ro
  unmount
}

@test "remount: without utab nobody knows whether the server can write" {
  mount_peer
  remount ro
  assert_remounted ro
  rm /run/mount/utab
  remount rw
  assert_status 32
  assert_error 'the service cannot write'
  assert_option ro
  [[ ! -s /run/mount/utab ]]
  remount ro,noexec
  assert_status 0
  assert_option ro noexec
  unmount
}

@test "remount: flags of the mount come and go; nosuid and nodev stay" {
  mount_peer
  remount noexec,noatime,nodiratime
  assert_remounted noexec noatime nodiratime
  remount exec,suid,dev
  assert_remounted noatime nosuid nodev
  refute_option noexec
  unmount
}

@test "remount: svc-suid and svc-dev are root's to ask for" {
  mount_peer -o svc-suid,svc-dev
  refute_option nosuid nodev
  remount noexec
  assert_remounted noexec
  refute_option nosuid nodev
  remount nosuid,nodev
  assert_remounted nosuid nodev
  run_mount "$img" "$mnt" -t fuse.svc.peer -o remount,svc-suid
  assert_remounted nodev
  refute_option nosuid
  unmount
}

@test "remount: files that are open for writing are in the way" {
  rm -r "$mnt"
  : >"$mnt"
  obey hello args 'fsopen 0' 'source anything' 'mntpt file $TARGET' 'mount 0' init 'bye 0' serve
  mount_peer
  exec 9<>"$mnt"
  remount ro
  exec 9>&-
  assert_status 32
  assert_error 'files are open for writing'
  assert_option rw
  assert_equal "$(how_mounted)" "rw rw"
  remount ro
  assert_remounted ro
  unmount
}

@test "remount: by source and target, by fstab, and of the mount alone" {
  mount_peer
  run_command mount -o remount,ro,noexec "$img" "$mnt"
  assert_remounted ro noexec
  run_command mount -o remount,rw "$img" "$mnt"
  assert_remounted rw
  printf '%s %s fuse.svc.peer noauto,noatime,some=thing,x-note=1 0 0\n' "$img" "$mnt" >/etc/fstab
  run_command mount -o remount,ro "$mnt"
  assert_remounted ro noatime
  run_command mount -o remount,bind,rw "$mnt"
  assert_status 0
  assert_equal "$(how_mounted)" "rw ro"
  unmount
}

@test "remount: what utab holds of the caller's stays" {
  mount_peer -o x-note=1,uhelper=none,comment=two
  assert_utab uhelper=none
  remount ro,noexec
  assert_remounted ro
  assert_utab uhelper=none x-note=1
  rm /run/mount/utab # or umount(8) runs umount.none
  unmount
}

@test "remount: nothing is changed with -f" {
  mount_peer
  run_command mount -f -o remount,ro "$mnt"
  assert_status 0
  assert_option rw
  unmount
}

# mount(8) looks itself at what is mounted there.
# bats test_tags=helper
@test "remount: by hand, with -f, and with an absurd type or target" {
  mount_peer
  run_command /sbin/mount.fuse.svc "$img" "$mnt" -f -t fuse.svc.peer -o remount,ro
  assert_status 0
  assert_option rw
  run_command /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc.other -o remount,ro
  assert_status 1
  assert_error 'remount: fuse.svc.other is not mounted here'
  run_command /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc.peer -o remount,bind,ro
  assert_status 1
  assert_error 'bind, move or propagation: not supported'
  assert_option rw
  unmount
  run_command /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc.peer -o remount,ro
  assert_status 1
  assert_error 'remount: fuse.svc.peer is not mounted here'
  run_command /sbin/mount.fuse.svc "$img" "$mnt/none" -t fuse.svc.peer -o remount,ro
  assert_status 32
}

# mount(8) itself would look at what is mounted there.
# bats test_tags=helper
@test "remount: a server that hangs is not asked" {
  obey hello args 'fsopen 0' 'source anything' 'mntpt 0 $TARGET' 'mount 0' init 'bye 0' \
    "wait-file $mnt.end" serve
  mount_peer
  sleep 1.1 # the kernel has forgotten what it was told of the root
  run_command /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc.peer -o remount,ro
  assert_remounted ro
  : >"$mnt.end"
  remount rw
  assert_remounted rw
  unmount
}

# By the setuid helper.
# bats test_tags=helper
@test "remount: users may not" {
  prepare_users
  share_services
  run_as alice mount -t fuse.svc.peer "$img" "$mnt"
  assert_mount_works
  run_mount_as alice "$img" "$mnt" -t fuse.svc.peer -o remount,ro
  assert_status 1
  assert_error 'remount: only root may do that'
  assert_option rw
  umount "$mnt"
}
