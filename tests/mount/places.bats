#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Where a mount can be, and what can be done with it there: files, bind mounts, moves, propagation,
# other namespaces, one on top of another.
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

mount_peer() { stock_mount -t fuse.svc.peer "$@"; }

count_mounts() { our_mounts | wc -l; }

# start_namespace PROPAGATION: $ns is a process in a mount namespace of its own
start_namespace() {
  unshare --mount --propagation "$1" sleep 600 3>&- 4>&- &
  ns=$!
  services+=("$ns")
  wait_for "$deadline" grep -qx sleep "/proc/$ns/comm"
}

# Is $mnt one in the other namespace?
is_there() {
  nsenter --mount="/proc/$ns/ns/mnt" findmnt --nocanonicalize -rn --mountpoint "$mnt" >/dev/null
}

is_not_there() { ! is_there; }

# a_shared_place: $mnt and $mnt.2 lie in a mount that is shared
a_shared_place() {
  mkdir "$mnt.shared"
  mount -t tmpfs tmpfs "$mnt.shared"
  mount --make-shared "$mnt.shared"
  mnt=$mnt.shared/mnt
  mkdir "$mnt" "$mnt.2"
}

#
# Files
#

# a_file: $mnt is one, and the server shows one
a_file() {
  rmdir "$mnt"
  : >"$mnt"
  obey hello args 'fsopen 0' 'source x' 'mntpt file $TARGET' 'mount 0' init 'bye 0' 'serve file'
}

@test "file: an image on a file, by a link to it, in fstab, and with all of umount" {
  local how
  a_file
  ln -s "$mnt" "$mnt.link"
  fstab x-a,ro
  for how in "$mnt" "$mnt.link" "$img" "-l $mnt" "-R $mnt" "-a -t fuse.svc.peer"; do
    stock_mount -a
    assert_mount_works
    assert_equal "$(stat -c %F "$mnt")" 'regular empty file'
    assert_option ro
    assert_utab "TARGET=$mnt " x-a
    stock_mount -a
    assert_quiet
    assert_equal "$(count_mounts)" 1
    # shellcheck disable=SC2086 # words
    run_umount $how
    assert_quiet || fail "umount $how"
    refute_mounted
    refute_utab
  done
  mount_peer "$img" "$mnt.link"
  assert_mount_works
  unmount
}

@test "file: an image on itself" {
  a_file
  rm "$mnt"
  mnt=$img
  mount_peer "$img" "$mnt"
  assert_mount_works
  run_umount "$mnt"
  assert_quiet
  refute_mounted
  refute_utab
}

@test "file: bind mounts, moves, a loop device" {
  require loop
  a_file
  : >"$mnt.2"
  use_loop "$img"
  mount_peer "$loop" "$mnt"
  assert_mount_works
  assert_equal "$(mounted_as FSTYPE)" fuseblk.svc.peer
  mount --move "$mnt" "$mnt.2"
  refute_mounted
  mount --bind "$mnt.2" "$mnt"
  run_umount "$mnt"
  assert_quiet
  run_umount "$mnt.2"
  assert_quiet
  refute_utab
  assert_log 'serve: ENODEV'
}

#
# Bind mounts and moves
#

@test "bind: of a mount, and of a directory in it, which outlive it" {
  require server archive
  mkdir "$img.d" "$img.d/sub" "$mnt.2" "$mnt.3"
  printf text >"$img.d/sub/inside"
  tar -cf "$img" -C "$img.d" sub
  start_service archive -- "$FSVC_LIBEXECDIR/archive"
  stock_mount -t fuse.svc.archive -o x-a "$img" "$mnt"
  assert_mount_works
  stock_mount --bind "$mnt" "$mnt.2"
  assert_quiet
  stock_mount --bind "$mnt/sub" "$mnt.3"
  assert_quiet
  assert_equal "$(mounted_as SOURCE,FSTYPE,FSROOT "$mnt.3")" "${img}[/sub] fuse.svc.archive /sub"
  assert_equal "$(<"$mnt.3/inside")" text
  run_umount "$mnt"
  assert_quiet
  refute_mounted
  refute_utab
  assert_equal "$(<"$mnt.3/inside")" text
  run_umount "$mnt.2"
  assert_quiet
  run_umount "$mnt.3"
  assert_quiet
}

@test "bind: with flags of its own, by fstab" {
  mkdir "$mnt.2"
  fstab defaults
  fstab bind,ro "$mnt" "$mnt.2" none
  stock_mount -a
  assert_quiet
  assert_equal "$(count_mounts)" 2
  if has_mount_api; then # without, mount(8) sets the flags that are said, and clears others
    assert_equal "$(mounted_as VFS-OPTIONS "$mnt.2")" ro,nosuid,nodev,relatime
  fi
  assert_equal "$(mounted_as VFS-OPTIONS "$mnt.2" | cut -d , -f 1)" ro
  assert_option rw nosuid nodev
  stock_mount -a
  assert_quiet
  assert_equal "$(count_mounts)" 2
  run_umount "$mnt.2"
  assert_quiet
  run_umount "$mnt"
  assert_quiet
  refute_utab
}

@test "move: what is mounted goes on elsewhere" {
  local server
  mkdir "$mnt.2"
  mount_peer -o x-a "$img" "$mnt"
  assert_mount_works
  server=$(our_processes)
  stock_mount --move "$mnt" "$mnt.2"
  assert_quiet
  refute_mounted
  assert_mounted "$mnt.2"
  assert_utab "TARGET=$mnt.2 " svc=peer, x-a
  assert_equal "$(our_processes)" "$server"
  run_umount "$mnt.2"
  assert_quiet
  refute_utab
  assert_log 'serve: ENODEV'
}

#
# Propagation
#

@test "shared: another namespace sees the mount, and its end" {
  local ns
  a_shared_place
  start_namespace shared
  mount_peer "$img" "$mnt"
  assert_mount_works
  assert_equal "$(mounted_as PROPAGATION)" shared
  wait_for "$deadline" is_there
  run_umount "$mnt"
  assert_quiet
  refute_mounted
  wait_for "$deadline" is_not_there
  assert_log 'serve: ENODEV'
  refute_utab

  obey_and_mount # and back
  mount_peer "$img" "$mnt"
  assert_mount_works
  nsenter --mount="/proc/$ns/ns/mnt" umount "$mnt"
  wait_for "$deadline" is_not_there
  refute_mounted
  assert_log 'serve: ENODEV'
  umount "${mnt%/*}"
}

@test "shared: a mount that fails is undone in all namespaces" {
  local ns
  a_shared_place
  start_namespace slave
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' init 'bye 1'
  mount_peer "$img" "$mnt"
  assert_mount_fails 32 'gave up'
  is_not_there
  umount "${mnt%/*}"
}

@test "slave: a namespace that only follows" {
  local ns
  a_shared_place
  start_namespace slave
  mount_peer "$img" "$mnt"
  assert_mount_works
  wait_for "$deadline" is_there
  nsenter --mount="/proc/$ns/ns/mnt" umount --internal-only "$mnt"
  is_not_there
  assert_mounted
  run_umount "$mnt"
  assert_quiet
  refute_mounted
  umount "${mnt%/*}"
}

@test "propagation: --make-* on what is mounted, and as options when it is mounted" {
  local how option
  mount_peer "$img" "$mnt"
  assert_mount_works
  for how in shared slave private unbindable; do
    stock_mount "--make-$how" "$mnt"
    assert_quiet
    [[ $(mounted_as PROPAGATION) == *"${how/slave/private}" ]] # of nobody's, as there is no other
    stock_mount "--make-r$how" "$mnt"
    assert_quiet
  done
  assert_utab svc=peer,
  run_umount "$mnt"
  assert_quiet
  refute_utab
  for how in shared private unbindable; do
    obey_and_mount
    for option in "-o $how" "--make-$how"; do
      # shellcheck disable=SC2086 # words
      mount_peer $option "$img" "$mnt"
      assert_mount_works
      assert_log 'arg 4: rw'
      [[ $(mounted_as PROPAGATION) == *"$how" ]]
      run_umount "$mnt"
      assert_quiet
    done
  done
}

#
# Other namespaces
#

@test "namespace: mount and umount from outside, by a process and by a file" {
  local ns how
  start_namespace private
  for how in "$ns" "/proc/$ns/ns/mnt"; do
    obey_and_mount
    mount_peer -N "$how" -o x-a,noexec "$img" "$mnt"
    assert_quiet
    refute_mounted
    is_there
    assert_utab "TARGET=$mnt " svc=peer, x-a
    run_umount -N "$how" "$mnt"
    assert_quiet
    is_not_there
    refute_utab
    assert_log 'serve: ENODEV'
  done
}

@test "namespace: what is mounted there can be unmounted there" {
  local ns
  start_namespace private
  mount_peer --namespace "$ns" "$img" "$mnt"
  assert_quiet
  nsenter --mount="/proc/$ns/ns/mnt" umount "$mnt"
  is_not_there
  refute_utab
}

@test "namespace: its end is the end of what is mounted in it" {
  local ns
  start_namespace private
  mount_peer -N "$ns" "$img" "$mnt"
  assert_quiet
  kill "$ns"
  assert_log 'serve: ENODEV'
  rm /run/mount/utab # nobody has unmounted it
}

#
# One on top of another
#

# Of two mounts on one place, libmount takes away both lines in utab with the first: nobody knows then
# for whom to wait at the second.
@test "over: another image on the same place, and both go, one by one" {
  local covered
  truncate -s 64K "$img.2"
  mount_peer -o x-a "$img" "$mnt"
  assert_mount_works
  covered=$(our_processes | cut -d ' ' -f 1)
  mount_peer -o x-b "$img.2" "$mnt"
  assert_mount_works
  assert_equal "$(count_mounts)" 2
  assert_equal "$(utab | wc -l)" 2
  run_umount "$mnt"
  assert_quiet
  assert_equal "$(mounted_as SOURCE)" "$img"
  is_alive "$covered"
  run_umount "$mnt"
  assert_quiet
  refute_mounted
  refute_utab
}

@test "over: something else on ours, and ours on top of something else" {
  mount -t tmpfs below "$mnt"
  mount_peer "$img" "$mnt"
  assert_mount_works
  mount -t tmpfs above "$mnt"
  run_umount "$mnt"
  assert_quiet
  assert_equal "$(count_mounts)" 1
  run_umount "$mnt"
  assert_quiet
  assert_equal "$(count_mounts)" 0
  assert_equal "$(mounted_as SOURCE)" below
  refute_utab
  umount "$mnt"
}

@test "over: one in another, and umount -R" {
  require server archive
  mkdir "$img.d" "$img.d/sub"
  tar -cf "$img.tar" -C "$img.d" sub
  start_service archive -- "$FSVC_LIBEXECDIR/archive"
  stock_mount -t fuse.svc.archive "$img.tar" "$mnt"
  assert_mount_works
  mount_peer "$img" "$mnt/sub"
  assert_quiet
  assert_mounted "$mnt/sub"
  run_umount "$mnt"
  assert_status 32
  [[ $stderr == *"target is busy"* ]]
  run_umount -R "$mnt"
  assert_quiet
  assert_equal "$(count_mounts)" 0
  refute_utab
}
