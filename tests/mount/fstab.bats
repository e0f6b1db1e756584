#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# /etc/fstab, by the stock mount(8), umount(8) and findmnt(8): a line of ours is a line like others.
#
# shellcheck disable=SC2016 # the scripted server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load ../lib

setup() {
  prepare
  start_peer
  obey_and_mount
}

teardown() { clean_up; }

# new_fstab OPTIONS [SOURCE [TARGET [TYPE]]]: this line alone
new_fstab() {
  : >/etc/fstab
  fstab "$@"
}

count_mounts() { our_mounts | wc -l; }

# assert_once COMMAND...: run twice, it makes one mount and one server, and says nothing
assert_once() {
  : >"$log"
  run_command "$@"
  assert_quiet || return
  assert_equal "$(count_mounts)" 1 || return
  run_command "$@"
  assert_quiet || return
  assert_equal "$(count_mounts)" 1 || return
  assert_equal "$(grep -c '^start' "$log")" 1
}

#
# Which lines are mounted
#

@test "fstab: noauto is for mount TARGET alone" {
  fstab noauto
  stock_mount -a
  assert_quiet
  refute_mounted
  stock_mount "$mnt"
  assert_mount_works
  assert_log 'arg 4: rw'
  unmount
}

@test "fstab: a line is named by its target or its source" {
  local args
  fstab noauto,noexec
  for args in "$mnt" "$img" "--target $mnt" "--source $img"; do
    # shellcheck disable=SC2086 # words
    stock_mount $args
    assert_mount_works
    assert_option noexec
    unmount
  done
  for args in "$img $mnt" "--source $img --target $mnt"; do # with both, the line is not looked at
    # shellcheck disable=SC2086 # words
    stock_mount -t fuse.svc.peer $args
    assert_mount_works
    refute_option noexec
    unmount
  done
}

@test "fstab: options on the command line are added to those of the line" {
  fstab noauto,noatime,a=1
  stock_mount -o ro,b=2 "$mnt"
  assert_mount_works
  assert_log 'arg 4: ro,noatime,a=1,b=2'
  assert_option ro noatime
  unmount
  stock_mount -o ro,b=2 --options-mode ignore "$img" "$mnt" -t fuse.svc.peer
  assert_mount_works
  assert_log 'arg 4: ro,b=2'
  unmount
}

@test "fstab: defaults is no option for the server, whoever says it" {
  fstab defaults
  stock_mount -a
  assert_mount_works
  assert_log 'arg 4: rw'
  assert_option rw
  unmount
  stock_mount -o defaults,key=1 "$mnt"
  assert_mount_works
  assert_log 'arg 4: rw,key=1'
  unmount
}

@test "fstab: mount -a twice mounts once: a file, a link to it, a loop device, no source" {
  require loop
  local source
  ln -s "$img" "$img.link"
  use_loop "$img"
  for source in "$img" "$img.link" "$loop" peer; do
    new_fstab defaults "$source"
    assert_once mount -a
    unmount
    refute_utab
  done
}

@test "fstab: a source of none is not found again, as the mount table has the service's name" {
  fstab defaults none
  stock_mount -a
  assert_mount_works
  assert_equal "$(mounted_as SOURCE)" peer
  stock_mount -a
  assert_status 32
  assert_error 'peer is already mounted here'
  assert_equal "$(count_mounts)" 1
  unmount
}

@test "fstab: mount -a -t, by type, list and pattern" {
  fstab defaults
  stock_mount -a -t nofuse.svc.peer
  assert_quiet
  refute_mounted
  stock_mount -a -t fuse.svc.other
  assert_quiet
  refute_mounted
  assert_once mount -a -t ext4,fuse.svc.peer
  unmount
  assert_once mount -a -t noext4
  unmount
}

@test "fstab: mount -a -O, by option" {
  mkdir "$mnt.2"
  fstab _netdev,x-a
  fstab defaults "$img" "$mnt.2"
  stock_mount -a -O no_netdev
  assert_quiet
  refute_mounted
  assert_mounted "$mnt.2"
  umount "$mnt.2"
  assert_once mount -a -O _netdev
  assert_mounted
  unmount
}

@test "fstab: mount -a -F, all at once" {
  local i
  for i in {1..8}; do
    mkdir "$mnt.$i"
    truncate -s 64K "$img.$i"
    fstab "x-n=$i" "$img.$i" "$mnt.$i"
  done
  stock_mount -a -F
  assert_status 0
  assert_equal "$(count_mounts)" 8
  assert_equal "$(utab | grep -c 'x-n=')" 8
  umount -a -t fuse.svc.peer
  refute_utab
}

@test "fstab: another table, by --fstab" {
  printf '%s %s fuse.svc.peer noauto,ro 0 0\n' "$img" "$mnt" >"$BATS_TEST_TMPDIR/fstab"
  stock_mount --fstab "$BATS_TEST_TMPDIR/fstab" "$mnt"
  assert_mount_works
  assert_option ro
  unmount
}

#
# What options in it do
#

@test "fstab: nofail: a source that is missing is no error" {
  local source
  obey hello args 'open $SOURCE O_RDONLY' 'bye 1'
  for source in "$img.missing" UUID=00000000-0000-0000-0000-00000000dead; do
    new_fstab nofail "$source"
    stock_mount -a
    assert_quiet
    stock_mount "$mnt"
    assert_quiet
    refute_mounted
    refute_utab
    new_fstab defaults "$source"
    stock_mount -a
    assert_status 32
    [[ $stderr == *"${source#UUID=}"* ]]
  done
}

# To mount(8) it looks as if the helper had mounted.
# bats test_tags=helper
@test "fstab: nofail: with x-* options, mount(8) makes a line in utab of what is not there" {
  fstab nofail,x-a "$img.missing"
  stock_mount -a
  assert_quiet
  refute_mounted
  assert_utab OPTS=x-a
  truncate -s 64K "$img.missing"
  stock_mount -a
  assert_mount_works
  unmount
  refute_utab
}

@test "fstab: nofail: a service that is missing is an error all the same" {
  fstab nofail "$img" "$mnt" fuse.svc.nosuch
  stock_mount -a
  assert_status 32
  [[ $stderr == *'service "nosuch": not available'* ]]
  refute_mounted
  refute_utab
}

@test "fstab: x-systemd.* and its like are utab's, and not the server's" {
  fstab noauto,x-systemd.automount,x-systemd.requires=a.service,x-gvfs-show,X-foo=1,comment=text,_netdev
  stock_mount "$mnt"
  assert_mount_works
  assert_log 'arg 4: rw'
  assert_equal "$(utab_options | tr , '\n' | sort | paste -sd ,)" \
    _netdev,x-gvfs-show,x-systemd.automount,x-systemd.requires=a.service
  assert_utab svc=peer,
  unmount
  refute_utab
}

# mount_by_tag ARGS...: libblkid looks at all devices, and may miss one while others come and go
mount_by_tag() {
  local i
  for i in 1 2 3; do
    stock_mount "$@"
    [[ $stderr == *"can't find"* ]] || return 0
  done
}

# assert_found_by DEVICE TAG...: a line with that source mounts the device
assert_found_by() {
  local device=$1 tag
  for tag in "${@:2}"; do
    new_fstab defaults "$tag"
    assert_once mount -a || return
    assert_equal "$(mounted_as SOURCE)" "$device" || return
    assert_log "arg 1: $device" || return
    run_umount "$mnt"
    assert_quiet || return
    tag=${tag//\\040/ }
    mount_by_tag "$tag"
    assert_mount_works || return
    run_umount "$device"
    assert_quiet || return
    mount_by_tag -t fuse.svc.peer "$tag" "$mnt" # without the table
    assert_mount_works || return
    run_umount "$device"
    assert_quiet || return
  done
}

@test "fstab: LABEL= and UUID= of a real image, and -L and -U" {
  local option words
  require loop tool mkfs.ext4
  truncate -s 1M "$img"
  mkfs.ext4 -q -O ^has_journal -L 'fsvc label' -U 11111111-2222-3333-4444-555555555555 "$img"
  use_loop "$img"
  assert_found_by "$loop" 'LABEL=fsvc\040label' UUID=11111111-2222-3333-4444-555555555555
  for option in '-L fsvc@label' '-U 11111111-2222-3333-4444-555555555555'; do
    read -ra words <<<"$option"
    mount_by_tag -t fuse.svc.peer "${words[@]//@/ }" "$mnt"
    assert_mount_works
    assert_equal "$(mounted_as SOURCE)" "$loop"
    unmount
  done
}

# partition FILE: a table with one partition, whose PARTUUID is 66737663-01
partition() {
  printf 'cvsf\0\0\0\0\0\0\x83\0\0\0\0\x08\0\0\0\x10\0\0' |
    dd of="$1" bs=1 seek=440 conv=notrunc status=none
  printf '\x55\xaa' | dd of="$1" bs=1 seek=510 conv=notrunc status=none
}

@test "fstab: PARTUUID= of a real partition" {
  local rc=0
  require loop tool partx
  truncate -s 4M "$img"
  partition "$img"
  use_loop "$img"
  partx --add "$loop" # the kernel need not know such tables
  assert_found_by "${loop}p1" PARTUUID=66737663-01 || rc=1
  partx --delete "$loop"
  ((rc == 0))
}

#
# Characters
#

# escaped NAME: as fstab has it
escaped() {
  local s=${1//\\/\\134}
  s=${s// /\\040}
  s=${s//$'\t'/\\011}
  s=${s//#/\\043}
  printf '%s' "$s"
}

@test "fstab: spaces, tabs, backslashes and UTF-8 in source and target" {
  local name
  for name in 'a b' $'tab\ttab' 'back\slash' '\040' 'Füße 😀' '#hash' 'com,ma' "quo\"te" "it's"; do
    mnt=$BATS_TEST_TMPDIR/$name
    mkdir "$mnt"
    truncate -s 64K "$mnt.img"
    new_fstab noauto "$(escaped "$mnt.img")" "$(escaped "$mnt")"
    obey_and_mount
    stock_mount "$mnt"
    assert_quiet
    assert_log "arg 1: $mnt.img" "arg 2: $mnt"
    assert_utab svc=peer,
    new_fstab defaults "$(escaped "$mnt.img")" "$(escaped "$mnt")"
    stock_mount -a
    assert_quiet
    assert_equal "$(count_mounts)" 1
    run_umount "$mnt"
    assert_quiet
    refute_utab
  done
}

#
# Users
#

@test "fstab: user, users, owner, group: for root they are mount flags, no more" {
  local option
  for option in user users owner group; do
    new_fstab "noauto,$option"
    obey_and_mount
    stock_mount "$mnt"
    assert_mount_works
    assert_option nosuid nodev user_id=0
    refute_log "$option"
    assert_utab svc=peer,
    run_umount "$mnt"
    assert_quiet
    refute_utab
  done
}

# What such a line grants for other types is not needed: what the user may do himself, he may.
# By the setuid helper: what mounts for users, mount(8) does not load.
# bats test_tags=helper
@test "fstab: user, users, owner, group: a user mounts what is his, and with users all may umount" {
  local option
  prepare_users
  share_services
  for option in user users owner group; do
    new_fstab "noauto,$option,x-a"
    obey_and_mount
    run_as bob mount "$mnt"
    assert_mount_fails 1 'may not write to the mount point'
    run_as alice mount "$mnt"
    assert_mount_works
    assert_option nosuid nodev "user_id=$alice_id"
    run_as bob umount "$mnt"
    if [[ $option != users ]]; then
      assert_status 32
      assert_mounted
      run_as alice umount "$mnt"
    fi
    assert_quiet
    refute_mounted
    refute_utab
  done
}

# By the setuid helper, as the one before.
# bats test_tags=helper
@test "fstab: a user's mount -a mounts what he may" {
  prepare_users
  share_services
  mkdir "$secret/mnt"
  fstab user
  fstab user "$img" "$home/bob/mnt"
  fstab user "$img" "$secret/mnt"
  run_as alice mount -a
  assert_status 64 # some of them
  assert_equal "$(our_mounts | wc -l)" 1
  assert_mounted
  run_as alice umount -a -t fuse.svc.peer
  assert_quiet
  refute_mounted
}
