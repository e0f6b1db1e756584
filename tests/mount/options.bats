#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Options that are mount(8)'s own: X-mount.* where libmount offers them with a helper, and what utab
# keeps.
#
# shellcheck disable=SC1003 # a backslash
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load ../lib

setup() {
  prepare
  start_peer
  obey_and_mount
}

teardown() { clean_up; }

mount_peer() { stock_mount -t fuse.svc.peer "$@" "$img" "$mnt"; }

# assert_kept OPTIONS: exactly these, in one line, and nothing after umount
assert_kept() {
  assert_mount_works || return
  assert_utab svc=peer, svc.pid= || return
  assert_equal "$(utab_options)" "$1" || return
  run_umount "$mnt"
  assert_quiet || return
  refute_utab
}

#
# X-mount.*
#

@test "X-mount.mkdir: makes the mount point, with its parents and its mode" {
  local option mode
  while read -r mode option; do
    mnt=$BATS_TEST_TMPDIR/new$mode/sub
    obey_and_mount
    # shellcheck disable=SC2086 # words
    mount_peer $option
    assert_mount_works
    assert_log 'arg 4: rw'
    unmount
    assert_equal "$(stat -c %a "$mnt")" "$mode"
    rm -r "${mnt%/*}"
  done <<'LIST'
755 -o X-mount.mkdir
700 -o X-mount.mkdir=0700
755 --mkdir
750 --mkdir=0750
711 -m0711
LIST
}

@test "X-mount.mkdir: in fstab, for mount -a" {
  mnt=$BATS_TEST_TMPDIR/new/sub
  fstab X-mount.mkdir=0700,x-a
  stock_mount -a
  assert_kept x-a
  assert_equal "$(stat -c %a "$mnt")" 700
}

@test "X-mount.mkdir: of a mount that fails the mount point stays, as with any type" {
  mnt=$BATS_TEST_TMPDIR/new
  stock_mount -t fuse.svc.nosuch -o X-mount.mkdir "$img" "$mnt"
  assert_status 32
  refute_mounted
  refute_utab
  [[ -d $mnt ]]
}

# By the setuid helper: what mounts for users, mount(8) does not load.
# bats test_tags=helper
@test "X-mount.mkdir: users too, where they may" {
  prepare_users
  share_services
  mnt=$home/alice/new
  run_as alice mount -t fuse.svc.peer -o X-mount.mkdir "$img" "$mnt"
  assert_mount_works
  umount "$mnt"
  assert_equal "$(stat -c %U "$mnt")" alice
  mnt=$home/bob/new
  run_as alice mount -t fuse.svc.peer -o X-mount.mkdir "$img" "$mnt"
  [[ $status != 0 && ! -e $mnt ]]
  refute_mounted
}

# a_tar: $img is one, of sub/inside
a_tar() {
  require server archive
  start_service archive -- "$FSVC_LIBEXECDIR/archive"
  mkdir "$img.d" "$img.d/sub"
  : >"$img.d/sub/inside"
  tar -cf "$img" -C "$img.d" sub
}

# The place on which mount(8) has it mounted first is gone by then, and so has no line in utab.
@test "X-mount.subdir: a directory of what is mounted, from 2.39 on; before, it is ignored" {
  local root=/ inside=sub
  a_tar
  if libmount_at_least 2.39; then root=/sub inside=inside; fi
  stock_mount -t fuse.svc.archive -o X-mount.subdir=sub,x-a=1 "$img" "$mnt"
  if libmount_at_least 2.39 && ! has_mount_api; then # mount(8) finds out too late, and does not tell
    assert_quiet
    assert_equal "$(our_mounts)" ''
    rm /run/mount/utab # its line stays
    return
  fi
  assert_mount_works
  assert_equal "$(mounted_as FSROOT)" "$root"
  assert_equal "$(ls "$mnt")" "$inside"
  assert_utab "TARGET=$mnt " OPTS=x-a=1
  run_umount "$mnt"
  assert_quiet
  refute_utab
}

# By module it is told.
# bats test_tags=helper
@test "X-mount.subdir: of one that is not there, mount(8) does not tell; nothing is mounted since 2.39" {
  local n=0
  a_tar
  stock_mount -t fuse.svc.archive -o X-mount.subdir=none "$img" "$mnt"
  assert_quiet
  libmount_at_least 2.39 || n=1 # all of it
  assert_equal "$(our_mounts | wc -l)" "$n"
  ((n == 0)) || run_umount "$mnt"
  refute_utab
}

# mount(8) believes the helper alone: what it fails to change afterwards, it does not tell of.
# bats test_tags=helper
@test "X-mount.owner, group, mode, idmap: not where the server cannot change them; it is mounted" {
  local option
  for option in X-mount.owner=1 X-mount.group=1 X-mount.mode=0700 X-mount.idmap=0:1000:1; do
    obey_and_mount
    mount_peer -o "$option"
    assert_mount_works
    assert_equal "$(stat -c '%a %u %g' "$mnt")" '755 0 0'
    assert_kept ''
  done
}

@test "X-*: other options with an X are nobody's" {
  mount_peer -o X-foo=1,X-mount.auto-fstypes=ext4,comment=text
  assert_mount_works
  assert_log 'arg 4: rw'
  assert_equal "$(utab_options)" ''
  unmount
}

#
# utab
#

@test "utab: x-* options, in each spelling of -o" {
  local words
  for words in '-ox-a=1,x-b' '-vo x-a=1,x-b' '-o x-a=1,x-b' '-o x-a=1 -o x-b' '--options x-a=1,x-b' \
    '--options=x-a=1,x-b' '-ro x-a=1,x-b' '-t fuse.svc.peer -wox-a=1,x-b' \
    '--options x-a=1 -wo x-b' '-o noexec,x-a=1,key=1 -o x-b,svc-timeout=90'; do
    obey_and_mount
    # shellcheck disable=SC2086 # words
    mount_peer $words
    [[ -z $stdout || $stdout == *' mounted '* ]] || fail "$words"
    assert_kept x-a=1,x-b || fail "$words"
  done
}

@test "utab: of a command line, whatever stands before and after the options" {
  stock_mount -t fuse.svc.peer "$img" -o x-a=1 "$mnt"
  assert_kept x-a=1
  stock_mount "$img" "$mnt" -t fuse.svc.peer -o x-a=1
  assert_kept x-a=1
  stock_mount --source "$img" -o x-a=1 --target "$mnt" --types fuse.svc.peer
  assert_kept x-a=1
  stock_mount -o x-a=1 -t fuse.svc -o svc=peer "$img" "$mnt"
  assert_kept x-a=1
}

@test "utab: values with commas, spaces, quotes and equal signs" {
  local option
  for option in 'x-a="1,2"' 'x-a=1 2' 'x-a=b=c' 'x-a=\' 'x-a=ü' 'x-a='; do
    obey_and_mount
    mount_peer -o "$option"
    option=${option//\\/\\134} # as libmount writes it
    assert_kept "${option// /\\040}"
  done
}

@test "utab: the options of a line in fstab, whatever its source is" {
  require loop tool mkfs.ext4
  local source label=fsvc-$RANDOM-$RANDOM # the device of no other run
  truncate -s 1M "$img"
  mkfs.ext4 -q -O ^has_journal -L "$label" "$img"
  ln -s "$img" "$img.link"
  use_loop "$img"
  for source in "$img" "$img.link" "$loop" "LABEL=$label" peer; do
    : >/etc/fstab
    fstab noauto,x-a=1,x-b "$source"
    obey_and_mount
    stock_mount "$mnt"
    assert_kept x-a=1,x-b || fail "$source"
    stock_mount -a
    assert_quiet
    stock_mount "$source"
    assert_kept x-a=1,x-b || fail "$source"
  done
}

@test "utab: the options of a line in fstab, with loop" {
  require loop
  fstab loop,noauto,x-a=1
  stock_mount "$mnt"
  assert_mount_works
  assert_utab SRC=/dev/loop svc=peer, x-a=1
  unmount
  refute_utab
  wait_for "$deadline" has_no_loops
}

@test "utab: the options of a line in another table" {
  local words other=$BATS_TEST_TMPDIR/fstab
  fstab noauto,x-b=1
  cp /etc/fstab "$other"
  sed -i 's/x-b/x-a/' "$other"
  for words in "--fstab $other" "--fstab=$other" "-T $other" "-rT$other" "--fst $other"; do
    # shellcheck disable=SC2086 # words
    stock_mount $words "$mnt"
    assert_kept x-a=1 || fail "$words"
  done
}

@test "utab: the options of a line in fstab, under a prefix" {
  mkdir "$BATS_TEST_TMPDIR/root" "$BATS_TEST_TMPDIR/root/mnt"
  fstab x-a=1 "$img" /mnt
  mnt=$BATS_TEST_TMPDIR/root/mnt
  stock_mount -a --target-prefix "$BATS_TEST_TMPDIR/root/"
  assert_kept x-a=1
}

@test "utab: with both source and target, or where fstab is to be ignored, its options are not kept" {
  fstab noauto,x-a=1
  mount_peer
  assert_kept ''
  mount_peer -o x-b,noexec
  assert_kept x-b
  stock_mount -t fuse.svc.peer --source "$img" --target "$mnt"
  assert_kept ''
  stock_mount -t fuse.svc.peer --source "$img" "$mnt"
  assert_kept ''
  stock_mount -t fuse.svc.peer --options-mode ignore -o x-b "$img" "$mnt"
  assert_kept x-b
  mount_peer --options-source-force
  assert_kept x-a=1
}

@test "utab: fstab and the command line, each option once" {
  local option options
  fstab noauto,x-a=1,x-b,_netdev
  stock_mount -o x-c,x-b,x-a=2,x-a=1 "$mnt"
  assert_mount_works
  options=$(utab_options)
  for option in x-a=1 x-a=2 x-b x-c _netdev; do
    [[ ,$options, == *",$option,"* ]] || fail "no $option in $options"
  done
  [[ ,$options, != *,x-b,*,x-b,* ]]
  unmount
}

# A helper believes mount(8), which gives that only for users who mount, and takes it away from root.
# bats test_tags=helper
@test "utab: user=" {
  mount_peer -o 'user=alice,x-a'
  assert_equal "$(utab_options)" user=alice,x-a
  unmount
}

@test "utab: uhelper=, _netdev and x-*, but neither X-*, comment=, nofail nor noauto" {
  mount_peer -o 'uhelper=none,_netdev,x-a,X-b,comment=text,nofail,noauto,nofail,key=1'
  assert_mount_works
  assert_log 'arg 4: rw,key=1'
  assert_equal "$(utab_options)" uhelper=none,_netdev,x-a
  rm /run/mount/utab # or umount(8) runs umount.none
  unmount
}

@test "utab: findmnt --mtab shows what is kept" {
  mount_peer -o x-a=1,noexec
  assert_mount_works
  assert_equal "$(findmnt --mtab -rn -o OPTIONS "$mnt" | grep -o 'x-a=1')" x-a=1
  unmount
}

@test "utab: 50 mounts at once lose no line, and 50 umounts leave none" {
  local i pids=()
  for i in {1..50}; do
    mkdir "$mnt.$i"
    timeout -k 5 100 mount -t fuse.svc.peer -o "x-n=$i" "$img" "$mnt.$i" </dev/null 3>&- 4>&- &
    pids+=($!)
  done
  for i in "${pids[@]}"; do wait "$i"; done
  assert_equal "$(our_mounts | wc -l)" 50
  assert_equal "$(utab | wc -l)" 50
  assert_equal "$(utab | sed 's/.*TARGET=[^ ]*\.\([0-9]*\) .*svc=peer,.*OPTS=x-n=\1$/same/' | sort -u)" same
  pids=()
  for i in {1..50}; do
    timeout -k 5 100 umount "$mnt.$i" </dev/null 3>&- 4>&- &
    pids+=($!)
  done
  for i in "${pids[@]}"; do wait "$i"; done
  assert_equal "$(our_mounts | wc -l)" 0
  refute_utab
}
