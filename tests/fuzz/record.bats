#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Real mounts, each under strace(1), for tests/fuzz/record: no tests of their own. The traces go to
# the folder FSVC_RECORD, one file for each process: SESSION.PID.
#
# shellcheck disable=SC2016 # the scripted server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load ../lib

setup() {
  prepare
  require tool strace
  [[ -n ${FSVC_RECORD:-} ]] || skip "FSVC_RECORD is not set: see tests/fuzz/record"
  # Short, and the same each time. /run is a file system of our own.
  img=/run/img mnt=/run/mnt
  truncate -s 64K "$img"
  mkdir -p "$mnt"
}

teardown() {
  clean_up || return
  rm -rf /run/img /run/mnt
}

# record SESSION MOUNT-ARGS...: the stock mount(8)
record() {
  run_command strace -f -ff -o "$FSVC_RECORD/$1" -s 70000 -xx -e signal=none \
    -e trace=execve,write,sendmsg,recvmsg mount "${@:2}"
}

# record_mount SESSION MOUNT-ARGS...: that succeeds
record_mount() {
  record "$@"
  assert_mount_works
  unmount
}

# record_failure SESSION MOUNT-ARGS...
record_failure() {
  record "$@"
  [[ $status == 32 ]]
  refute_mounted
}

@test "record: archive" {
  require server archive tool xorriso tool zip
  start_service archive iso9660 -- "$FSVC_LIBEXECDIR/archive"
  mkdir "$BATS_TEST_TMPDIR/tree"
  echo hello >"$BATS_TEST_TMPDIR/tree/hello"
  rm "$img"
  xorriso -outdev "$img" -map "$BATS_TEST_TMPDIR/tree" / 2>/dev/null
  record_mount archive-iso -t fuse.svc.archive "$img" "$mnt"
  record_mount archive-options -t fuse.svc.archive -o ro,noexec,nofail,x-gvfs-show "$img" "$mnt"
  rm "$img"
  (cd "$BATS_TEST_TMPDIR" && zip -qr zip.zip tree && mv zip.zip "$img")
  record_mount archive-zip -t fuse.svc.archive -o noatime "$img" "$mnt"
  truncate -s 0 "$img"
  record_failure archive-empty -t fuse.svc.archive "$img" "$mnt"
}

@test "record: null" {
  require server null
  start_service null -- "$FSVC_LIBEXECDIR/null"
  record_mount null -t fuse.svc.null none "$mnt"
  rmdir "$mnt"
  : >"$mnt"
  record_mount null-file -t fuse.svc.null none "$mnt"
}

@test "record: single-file" {
  require server single-file
  start_service single-file -- "$FSVC_LIBEXECDIR/single-file"
  record_mount single-file -t fuse.svc.single-file "$img" "$mnt"
  record_mount single-file-ro -t fuse.svc.single-file -o ro,allow_other "$img" "$mnt"
  rmdir "$mnt"
  : >"$mnt"
  record_mount single-file-file -t fuse.svc.single-file -o sync,svc-timeout=30 "$img" "$mnt"
}

@test "record: a block device" {
  require loop
  start_peer
  use_loop "$img"
  img=$loop
  obey hello args 'open $SOURCE O_RDWR,O_EXCL' 'bdev $SOURCE O_RDWR 512' 'fsopen 1' 'source x' \
    'mntpt dir $TARGET' 'mntopts default_permissions,allow_other,blksize=512' 'mount 1' init \
    'bye 0' serve
  record_mount block-device -t fuse.svc.peer -o svc-dev "$img" "$mnt"
}

@test "record: what a scripted server does well" {
  start_peer
  obey_and_mount 'msg 6 reading' 'progress 500 halfway' 'open $SOURCE O_RDWR quiet' \
    'open /run/img O_RDONLY,O_NOFOLLOW,O_CLOEXEC'
  record_mount messages -t fuse.svc.peer -o 'journal=/run/img,key="/a,b",c' "$img" "$mnt"
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mtabopts a=b' \
    'mntopts default_permissions,max_read=131072' 'mount 40f' init 'bye 0' serve
  record_mount all-commands -t fuse.svc.peer -o 'k=a\,b,_netdev,x-systemd.automount' "$img" "$mnt"
  require sync-init
  obey hello args sync-init 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount-nowait 0' \
    'msg 6 late' init reply 'bye 0' serve
  record_mount pending -t fuse.svc -o svc=peer,svc-suid "$img" "$mnt"
}

@test "record: what a scripted server does badly" {
  start_peer
  obey hello args 'open /etc/shadow O_RDONLY' 'open $SOURCE O_RDWR,O_TRUNC' 'open $TARGET O_RDONLY' \
    'msg 3 no such file' 'bye 1'
  record_failure opens-refused -t fuse.svc.peer "$img" "$mnt"
  obey hello args 'fsopen 1' 'mount 0' 'fsopen 0' 'source x' 'mntpt file $TARGET' \
    'mntpt dir $TARGET' 'mntpt dir /etc' 'mntopts suid,dev' 'mount ffffffff' 'bye 7'
  record_failure commands-refused -t fuse.svc.peer "$img" "$mnt"
  obey hello args 'sendfds 3' 'raw 4d455347'
  record_failure malformed -t fuse.svc.peer "$img" "$mnt"
  obey 'hello 2'
  record_failure version -t fuse.svc.peer "$img" "$mnt"
  obey hello args 'bye 0'
  record_failure no-mount -t fuse.svc.peer "$img" "$mnt"
}
