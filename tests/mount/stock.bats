#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The stock mount(8), umount(8), findmnt(8) and fstab: a contained service is a type like others.
#
# shellcheck disable=SC2016 # the scripted server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load ../lib

setup() {
  prepare
  start_peer peer squashfs ext4
  obey_and_mount
}

teardown() { clean_up; }

# stock_mount ARGS...
stock_mount() { run_command mount "$@"; }

@test "stock: -t fuse.svc.NAME" {
  stock_mount -t fuse.svc.peer "$img" "$mnt"
  assert_mount_works
  assert_equal "$(mounted_as FSTYPE)" fuse.svc.peer
  assert_equal "$(findmnt -nro TARGET -t fuse.svc.peer)" "$mnt"
  assert_utab svc=peer,
  unmount
  refute_mounted
}

@test "stock: -t fuse.svc -o svc=NAME" {
  stock_mount -t fuse.svc -o svc=peer,noexec "$img" "$mnt"
  assert_mount_works
  assert_equal "$(mounted_as FSTYPE)" fuse.svc.peer
  assert_log 'arg 4: rw,noexec'
  unmount
}

@test "stock: -t fuse.svc, the name by what is in a squashfs image" {
  require tool mksquashfs
  mkdir "$BATS_TEST_TMPDIR/empty"
  mksquashfs "$BATS_TEST_TMPDIR/empty" "$img" -noappend -quiet -no-progress >/dev/null
  stock_mount -t fuse.svc "$img" "$mnt"
  assert_mount_works
  assert_equal "$(mounted_as FSTYPE)" fuse.svc.squashfs
  assert_log 'arg 0: squashfs'
  unmount
}

@test "stock: -t fuse.svc, the name by what is on a block device; lsblk, umount DEVICE" {
  require loop tool mkfs.ext4
  truncate -s 1M "$img"
  mkfs.ext4 -q -O ^has_journal "$img"
  use_loop "$img"
  stock_mount -t fuse.svc "$loop" "$mnt"
  assert_mount_works
  assert_equal "$(mounted_as FSTYPE)" fuseblk.svc.ext4
  assert_equal "$(lsblk --noheadings --raw --output MOUNTPOINT "$loop")" "$mnt"
  umount "$loop"
  refute_mounted
}

@test "stock: -t fuseblk.svc.NAME" {
  require loop
  use_loop "$img"
  stock_mount -t fuseblk.svc.peer "$loop" "$mnt"
  assert_mount_works
  assert_equal "$(mounted_as FSTYPE)" fuseblk.svc.peer
  umount "$loop"
}

@test "stock: -o loop" {
  require loop
  stock_mount -t fuse.svc.peer -o loop "$img" "$mnt"
  assert_mount_works
  [[ $(mounted_as SOURCE) == /dev/loop* ]]
  assert_log_matches 'arg 1: /dev/loop[0-9]+' 'arg 4: rw'
  assert_equal "$(mounted_as FSTYPE)" fuseblk.svc.peer
  unmount
  wait_for "$deadline" has_no_loops
}

@test "stock: -o ro and -r" {
  local option
  for option in '-o ro' -r; do
    # shellcheck disable=SC2086 # words
    stock_mount -t fuse.svc.peer $option "$img" "$mnt"
    assert_mount_works
    assert_option ro
    assert_log 'arg 4: ro'
    unmount
  done
}

@test "stock: suid and dev are not to be had by mount flags" {
  stock_mount -t fuse.svc.peer -o suid,dev "$img" "$mnt"
  assert_mount_works
  assert_option nosuid nodev
  unmount
  stock_mount -t fuse.svc.peer -o svc-suid,svc-dev "$img" "$mnt"
  assert_mount_works
  refute_option nosuid nodev
  unmount
}

@test "stock: an option with a comma in its value" {
  stock_mount -t fuse.svc.peer -o 'key="/a,b",c' "$img" "$mnt"
  assert_mount_works
  assert_log 'arg 4: rw,key=/a\,b,c'
  unmount
}

@test "stock: fstab, with options of all kinds" {
  printf '%s %s fuse.svc.peer noauto,ro,noatime,x-foo=bar,nofail,key=value 0 0\n' "$img" "$mnt" >/etc/fstab
  stock_mount "$mnt"
  assert_mount_works
  assert_log 'arg 4: ro,noatime,key=value'
  assert_option ro noatime
  findmnt --list --output TARGET,SOURCE,FSTYPE,OPTIONS,USER-OPTIONS 2>/dev/null | grep -F "$mnt" || true
  unmount
  stock_mount "$img" # by its source
  assert_mount_works
  umount "$mnt"
}

@test "stock: mount -a mounts it once" {
  printf '%s %s fuse.svc.peer defaults 0 0\n' "$img" "$mnt" >/etc/fstab
  stock_mount -a
  assert_mount_works
  stock_mount -a
  assert_status 0
  assert_equal "$(our_mounts | wc -l)" 1
  assert_equal "$(grep -c start "$log")" 1
  unmount
}

@test "stock: mount -a goes on after a service that is not there" {
  mkdir "$mnt.2"
  printf '%s %s fuse.svc.%s defaults 0 0\n' "$img" "$mnt.2" nosuch "$img" "$mnt" peer >/etc/fstab
  stock_mount -a
  assert_mounted
  [[ $status != 0 && $stderr == *nosuch* ]]
  refute_mounted "$mnt.2"
  unmount
}

@test "stock: umount by target, by source, of all of a type" {
  stock_mount -t fuse.svc.peer "$img" "$mnt"
  assert_mount_works
  umount "$img"
  refute_mounted
  stock_mount -t fuse.svc.peer "$img" "$mnt"
  assert_mount_works
  umount -a -t fuse.svc.peer
  refute_mounted
  stock_mount -t fuse.svc.peer "$img" "$mnt"
  assert_mount_works
  umount --lazy "$mnt"
  refute_mounted
}

@test "stock: spaces, UTF-8 and what else a name may hold" {
  local name
  for name in 'a b' 'Füße 😀' 'tab	tab' 'back\slash' 'com,ma' "quo\"te" '#hash'; do
    mkdir "$BATS_TEST_TMPDIR/$name"
    truncate -s 64K "$BATS_TEST_TMPDIR/$name.img"
    stock_mount -t fuse.svc.peer "$BATS_TEST_TMPDIR/$name.img" "$BATS_TEST_TMPDIR/$name"
    assert_status 0
    assert_log "arg 1: $BATS_TEST_TMPDIR/$name.img" "arg 2: $BATS_TEST_TMPDIR/$name"
    assert_equal "$(our_mounts | wc -l)" 1
    assert_equal "$(stat -c %t -f "$BATS_TEST_TMPDIR/$name")" 65735546 # FUSE, whatever stat(1) calls it
    assert_utab svc=peer,
    umount "$BATS_TEST_TMPDIR/$name"
    assert_equal "$(utab)" ''
  done
}

@test "stock: spaces in fstab" {
  mkdir "$BATS_TEST_TMPDIR/a b"
  printf '%s %s fuse.svc.peer noauto 0 0\n' "$img" "$BATS_TEST_TMPDIR/a\\040b" >/etc/fstab
  stock_mount "$BATS_TEST_TMPDIR/a b"
  assert_status 0
  assert_log "arg 2: $BATS_TEST_TMPDIR/a b"
  umount "$BATS_TEST_TMPDIR/a b"
}

@test "stock: a source that is none" {
  stock_mount -t fuse.svc.peer none "$mnt"
  assert_mount_works
  assert_equal "$(mounted_as SOURCE)" peer
  unmount
}

@test "stock: a regular file as target" {
  mnt=$BATS_TEST_TMPDIR/file
  touch "$mnt"
  obey hello args 'fsopen 0' 'source x' 'mntpt file $TARGET' 'mount 0' init 'bye 0' 'serve file'
  stock_mount -t fuse.svc.peer "$img" "$mnt"
  assert_mount_works
  unmount
}

@test "stock: exit codes and errors are ours" {
  stock_mount -t fuse.svc.nosuch "$img" "$mnt"
  assert_mount_fails 32 'service "nosuch": not available'
  stock_mount -t fuse.svc.peer -o svc-foo "$img" "$mnt"
  assert_mount_fails 1 'unknown option "svc-foo"'
  obey hello args 'msg 3 not today' 'bye 7'
  stock_mount -t fuse.svc.peer "$img" "$mnt"
  assert_mount_fails 32 'peer: not today'
  obey hello args wait-eof
  stock_mount -t fuse.svc.peer -o svc-timeout=1 "$img" "$mnt"
  assert_mount_fails 32 'said nothing'
}

@test "stock: -f, -n and -v" {
  stock_mount -f -t fuse.svc.peer "$img" "$mnt"
  assert_status 0
  refute_mounted
  refute_log start
  stock_mount -n -t fuse.svc.peer "$img" "$mnt"
  assert_mount_works
  assert_equal "$(utab)" ''
  unmount
  stock_mount -v -t fuse.svc.peer "$img" "$mnt"
  assert_status 0
  assert_mounted
  unmount
}

@test "stock: -o X-mount.mkdir" {
  mnt=$BATS_TEST_TMPDIR/new
  stock_mount -t fuse.svc.peer -o X-mount.mkdir "$img" "$mnt"
  assert_mount_works
  assert_log 'arg 4: rw'
  unmount
}

@test "stock: bind mounts and moves of what is mounted are the kernel's business" {
  mkdir "$mnt.2"
  stock_mount -t fuse.svc.peer "$img" "$mnt"
  assert_mount_works
  mount --bind "$mnt" "$mnt.2"
  assert_mounted "$mnt.2"
  unmount
  refute_log 'serve: ENODEV'
  umount "$mnt.2"
  assert_log 'serve: ENODEV'
}
