#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# -o loop, and block devices: what stock tools show and do with them.
#
# shellcheck disable=SC2016 # the scripted server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load ../lib

setup() {
  prepare
  require loop
  start_peer
  obey_and_mount
}

teardown() { clean_up; }

mount_peer() { stock_mount -t fuse.svc.peer "$@"; }

# our_loop COLUMN: of the loop device that mount(8) made of $img
our_loop() { losetup --noheadings --raw --list --output "$1" --associated "$img"; }

assert_no_loop() {
  wait_for "$deadline" has_no_loops || fail "a loop device is left: $(our_loops)"
}

# assert_gone: after umount nothing is left, not even the loop device
assert_gone() {
  assert_quiet || return
  refute_mounted || return
  refute_utab || return
  assert_no_loop
}

#
# -o loop
#

@test "loop: the device goes with the mount, however that is ended" {
  local how
  for how in "$mnt" "-d $mnt" "-l $mnt" DEVICE "$img" "-R $mnt" "-A $mnt" "-a -t fuseblk.svc.peer"; do
    obey_and_mount
    mount_peer -o loop "$img" "$mnt"
    assert_mount_works
    assert_equal "$(mounted_as SOURCE)" "$(our_loop NAME)"
    assert_equal "$(mounted_as FSTYPE)" fuseblk.svc.peer
    assert_log "arg 1: $(our_loop NAME)" 'arg 4: rw'
    # shellcheck disable=SC2086 # words
    run_umount ${how/DEVICE/$(our_loop NAME)}
    assert_gone || fail "umount $how"
  done
}

@test "loop: offset= and sizelimit= are the device's, and not the server's" {
  truncate -s 1M "$img"
  printf 'here it is' | dd of="$img" bs=1 seek=65536 conv=notrunc status=none
  obey_and_mount 'peek $SOURCE'
  mount_peer -o loop,offset=65536,sizelimit=131072,key=1 "$img" "$mnt"
  assert_mount_works
  assert_log 'arg 4: rw,key=1'
  assert_log 'peek: OK here'
  assert_equal "$(our_loop OFFSET,SIZELIMIT)" '65536 131072'
  run_umount "$mnt"
  assert_gone

  obey_and_mount
  mount_peer -o offset=64KiB "$img" "$mnt" # implies loop
  assert_mount_works
  assert_equal "$(our_loop OFFSET,SIZELIMIT)" '65536 0'
  run_umount "$mnt"
  assert_gone
}

@test "loop: ro makes device, descriptors and mount read-only" {
  local option
  for option in '-o loop,ro' '-r -o loop'; do
    obey_and_mount 'open $SOURCE O_RDWR' 'open $SOURCE O_RDONLY'
    # shellcheck disable=SC2086 # words
    mount_peer $option "$img" "$mnt"
    assert_mount_works
    assert_option ro
    assert_equal "$(our_loop RO)" 1
    assert_log "open $(our_loop NAME): EROFS" 'arg 4: ro'
    assert_log_matches "open $(our_loop NAME): OK ro blk .*"
    run_umount "$mnt"
    assert_gone
  done
}

@test "loop: a file that cannot be written to: device and mount are read-only" {
  mkdir "$img.d"
  mv "$img" "$img.d/img"
  mount --bind -o ro "$img.d" "$img.d"
  img=$img.d/img
  mount_peer -o loop "$img" "$mnt"
  assert_mount_works
  assert_option ro
  assert_equal "$(our_loop RO)" 1
  run_umount "$mnt"
  assert_gone
  umount "${img%/*}"
}

@test "loop: a device of one's own" {
  local device
  device=$(losetup --find)
  mount_peer -o "loop=$device" "$img" "$mnt"
  assert_mount_works
  assert_equal "$(mounted_as SOURCE)" "$device"
  run_umount -d "$device"
  assert_gone
}

@test "loop: of a mount that fails, the device goes" {
  stock_mount -t fuse.svc.nosuch -o loop "$img" "$mnt"
  assert_mount_fails 32 'service "nosuch": not available'
  assert_no_loop
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' init 'bye 1'
  mount_peer -o loop "$img" "$mnt"
  assert_mount_fails 32 'gave up'
  refute_utab
  assert_no_loop
}

@test "loop: the same file twice is refused, and the first mount lives on" {
  mkdir "$mnt.2"
  mount_peer -o loop "$img" "$mnt"
  assert_mount_works
  mount_peer -o loop "$img" "$mnt.2"
  assert_status 32
  [[ $stderr == *"$(our_loop NAME) is mounted already, or in use by something else"* ]]
  refute_mounted "$mnt.2"
  stat --file-system "$mnt" >/dev/null
  run_umount "$mnt"
  assert_gone
}

@test "loop: in fstab, and mount -a twice" {
  fstab loop,x-a
  stock_mount -a
  assert_mount_works
  stock_mount -a
  assert_quiet
  assert_equal "$(our_mounts | wc -l)" 1
  assert_equal "$(our_loop NAME | wc -l)" 1
  run_umount "$img"
  assert_gone
}

#
# Block devices
#

@test "device: fuseblk for root: lsblk, findmnt and umount know the device" {
  use_loop "$img"
  mount_peer "$loop" "$mnt"
  assert_mount_works
  assert_equal "$(lsblk --noheadings --raw --output MOUNTPOINTS "$loop")" "$mnt"
  assert_equal "$(findmnt -rn -o TARGET,FSTYPE "$loop")" "$mnt fuseblk.svc.peer"
  assert_equal "$(findmnt -rn -o MAJ:MIN "$mnt")" "$(lsblk --nodeps -rn -o MAJ:MIN "$loop")"
  assert_utab "SRC=$loop "
  run_umount "$loop"
  assert_quiet
  refute_mounted
  refute_utab
}

@test "device: a link to it is the device" {
  use_loop "$img"
  ln -s "$loop" "$img.link"
  mount_peer "$img.link" "$mnt"
  assert_mount_works
  assert_equal "$(mounted_as SOURCE,FSTYPE)" "$loop fuseblk.svc.peer"
  run_umount "$img.link"
  assert_quiet
  refute_mounted
}

@test "device: svc-noblk: plain fuse, without the number of the device" {
  use_loop "$img"
  mount_peer -o svc-noblk "$loop" "$mnt"
  assert_mount_works
  assert_equal "$(mounted_as SOURCE,FSTYPE)" "$loop fuse.svc.peer"
  assert_equal "$(findmnt -rn -o TARGET "$loop")" "$mnt"
  [[ $(mounted_as MAJ:MIN) == 0:* ]] # which is why udisks, for one, does not see it
  run_umount "$loop"
  assert_quiet
  refute_mounted
}

# assert_refused_as_busy TARGET: the device is not mounted there
assert_refused_as_busy() {
  assert_status 32 || return
  [[ $stderr == "$(message_line "$loop is mounted already, or in use by something else" "$1")"* ]] ||
    fail "$stderr" || return
  refute_mounted "$1"
}

@test "device: one that is mounted already, by us" {
  mkdir "$mnt.2"
  use_loop "$img"
  mount_peer "$loop" "$mnt"
  assert_mount_works
  mount_peer "$loop" "$mnt.2"
  assert_refused_as_busy "$mnt.2"
  assert_utab "TARGET=$mnt "
  stat --file-system "$mnt" >/dev/null
  run_umount "$loop"
  assert_quiet
  refute_utab
}

@test "device: one that is mounted already, by the kernel's ext4" {
  require tool mkfs.ext4
  mkdir "$mnt.2"
  truncate -s 1M "$img"
  mkfs.ext4 -q -O ^has_journal "$img"
  use_loop "$img"
  mount -t ext4 "$loop" "$mnt.2"
  obey_and_mount 'open $SOURCE O_RDWR|O_EXCL'
  mount_peer "$loop" "$mnt"
  assert_refused_as_busy "$mnt"
  refute_utab
  assert_mounted "$mnt.2"
  umount "$mnt.2"
  mount_peer "$loop" "$mnt"
  assert_mount_works
  run_command mount -t ext4 "$loop" "$mnt.2" # and the other way round
  [[ $status == 32 ]]
  refute_mounted "$mnt.2"
  run_umount "$mnt"
  assert_quiet
}

@test "device: 4 KiB sectors" {
  use_loop "$img" --sector-size 4096
  [[ $(lsblk -rn -o LOG-SEC "$loop") == 4096 ]] || skip "no loop devices of 4 KiB sectors"
  mount_peer "$loop" "$mnt"
  assert_mount_works
  assert_option blksize=4096
  run_umount "$loop"
  assert_quiet
  obey hello args 'fsopen 1' 'source x' 'mntpt 0 $TARGET' 'mntopts blksize=512' 'mount 0' 'bye 1'
  mount_peer "$loop" "$mnt"
  assert_status 32
  assert_error 'Invalid argument'
  refute_mounted
}

@test "device: a read-only one is mounted read-only, as by the kernel's own types" {
  local option
  use_loop "$img" --read-only
  for option in rw ro; do
    obey_and_mount
    mount_peer -o "$option" "$loop" "$mnt"
    assert_mount_works
    assert_option ro
    run_umount "$loop"
    assert_quiet
  done
}
