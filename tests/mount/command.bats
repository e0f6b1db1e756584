#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# mount(8), umount(8) and findmnt(8), on lines of fstab: their own options, one by one.
#
# shellcheck disable=SC2154 # variables of lib.bash

load ../lib

setup() {
  prepare
  start_peer
  obey_and_mount
}

teardown() { clean_up; }

new_fstab() {
  : >/etc/fstab
  fstab "$@"
}

count_mounts() { our_mounts | wc -l; }

#
# mount(8)'s own options
#

@test "command: -f mounts nothing, -n leaves utab alone, -s and -v do no harm" {
  fstab a=1
  stock_mount -f "$mnt"
  assert_status 0
  refute_mounted
  stock_mount -f -a
  assert_status 0
  refute_mounted
  refute_utab
  refute_log start
  stock_mount -n "$mnt"
  assert_mount_works
  refute_utab
  unmount
  stock_mount -s "$mnt"
  assert_mount_works
  assert_log 'arg 4: rw,a=1'
  unmount
  stock_mount -v "$mnt"
  assert_status 0
  [[ $stdout == *"mounted by service \"peer\", process "* && -z $stderr ]]
  unmount
}

@test "command: -f makes a line in utab of x-* options, as for any type" {
  fstab x-a
  stock_mount -f "$mnt"
  assert_status 0
  assert_utab OPTS=x-a
  rm /run/mount/utab
  mount -f -t tmpfs -o x-a tmpfs "$mnt"
  assert_utab OPTS=x-a
  rm /run/mount/utab
}

@test "command: -i: without the helper there is nothing to mount" {
  stock_mount -i -t fuse.svc.peer "$img" "$mnt"
  assert_status 32
  refute_mounted
  refute_utab
  refute_log start
}

@test "command: -r and -w say how, whatever the line says" {
  fstab noauto,rw
  stock_mount -r "$mnt"
  assert_mount_works
  assert_option ro
  unmount
  new_fstab noauto,ro
  stock_mount -w "$mnt"
  assert_mount_works
  assert_option rw
  unmount
}

@test "command: findmnt --verify has nothing to say against it" {
  require loop
  use_loop "$img"
  fstab ro,nofail,x-systemd.automount,key=value
  mkdir "$mnt.2" "$mnt.3"
  fstab noauto,user "$loop" "$mnt.2" fuse.svc
  fstab defaults peer "$mnt.3"
  run_command findmnt --verify --verbose
  assert_status 0
  [[ $stdout$stderr == *"0 parse errors, 0 errors, "* ]]
}

@test "command: findmnt --fstab, and what is mounted of it" {
  fstab noauto,ro,x-a
  run_command findmnt --fstab -rn -o SOURCE,TARGET,FSTYPE,OPTIONS -t fuse.svc.peer
  assert_equal "$stdout" "$img $mnt fuse.svc.peer noauto,ro,x-a"
  stock_mount "$mnt"
  assert_equal "$(findmnt -rn -o SOURCE,TARGET -S "$img")" "$img $mnt"
  assert_equal "$(findmnt -rn -o FSTYPE -T "$mnt")" fuse.svc.peer
  assert_equal "$(findmnt --kernel -rn -o USER-OPTIONS "$mnt" 2>/dev/null || true)" ''
  unmount
}

#
# umount(8)
#

@test "command: umount by target, by source, by a link to it" {
  local what
  ln -s "$img" "$img.link"
  fstab noauto
  for what in "$mnt" "$img" "$img.link"; do
    stock_mount "$mnt"
    assert_mount_works
    run_umount "$what"
    assert_quiet || fail "$what"
    refute_mounted
    refute_utab
  done
}

@test "command: umount -a, of a type" {
  mkdir "$mnt.2"
  fstab x-a
  fstab defaults "$img" "$mnt.2"
  stock_mount -a
  assert_status 0
  assert_equal "$(count_mounts)" 2
  run_umount -a -t fuse.svc.other
  assert_quiet
  assert_equal "$(count_mounts)" 2
  run_umount -a -t fuse.svc.peer
  assert_quiet
  assert_equal "$(count_mounts)" 0
  refute_utab
}

# As with any type: --fake takes the line in utab away, and so nobody knows whom to wait for.
@test "command: umount --fake, -l, -R, -A" {
  local option
  fstab noauto,x-a
  stock_mount "$mnt"
  assert_mount_works
  run_umount --fake "$mnt"
  assert_status 0
  assert_mounted
  run_umount "$mnt"
  assert_quiet
  refute_utab
  for option in -l -R -A; do
    obey_and_mount
    stock_mount "$mnt"
    assert_mount_works
    run_umount "$option" "$mnt"
    assert_quiet
    refute_mounted
    refute_utab
    assert_log 'serve: ENODEV'
  done
}
