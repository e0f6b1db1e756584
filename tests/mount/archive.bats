#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=mount
#
# The whole line with a server worth having: real images made by the real tools, mounted by the
# stock mount(8), compared with what they were made from.

# shellcheck disable=SC2030,SC2031,SC2154 # what tests/lib.bash sets, in a subshell for each test
bats_require_minimum_version 1.5.0
load ../lib

setup() {
  prepare
  require server archive tool xorriso tool zip
  start_service archive iso9660 -- "$FSVC_LIBEXECDIR/archive"
  tree=$BATS_TEST_TMPDIR/tree
}

teardown() { clean_up; }

make_tree() {
  mkdir -p "$tree/sub dir/deeper" "$tree/empty"
  echo hello >"$tree/hello.txt"
  : >"$tree/nothing"
  echo 'with a space' >"$tree/sub dir/a file"
  echo 'grüße' >"$tree/sub dir/grüße.txt"
  head -c 3000000 /dev/urandom >"$tree/big"
  ln "$tree/hello.txt" "$tree/sub dir/hard-link"
  ln -s ../hello.txt "$tree/sub dir/link"
  ln -s /nowhere/at/all "$tree/dangling"
  chmod 4755 "$tree/hello.txt"
  chmod 600 "$tree/big"
  chmod 1777 "$tree/empty"
  chown 1234:4321 "$tree/big"
  find "$tree" -exec touch -h -d '2024-02-29 12:34:56' {} +
}

# listing DIR FORMAT: one line for each file, and the checksums of all contents
listing() {
  (cd "$1" && find . -printf "$2" | sort && find . -type f -exec sha256sum {} + | sort)
}

# assert_same_tree FORMAT: of find's -printf; links have no size in some formats
assert_same_tree() {
  diff <(listing "$tree" "$1") <(listing "$mnt" "$1") || fail "the trees differ"
}

readonly EVERYTHING='%y %P %m %U:%G %n %l %TY-%Tm-%Td %TH:%TM:%.2TS\n'
readonly WITHOUT_LINK_COUNT='%y %P %m %U:%G %l\n'
readonly WITHOUT_OWNER='%y %P %m %l %TY-%Tm-%Td %TH:%TM:%.2TS\n'

server_pid() { sed -n 's/.*svc\.pid=\([0-9]*\).*/\1/p' /run/mount/utab; }

assert_contained_mount() {
  [[ $(mounted_as FSTYPE) == "$1" ]] || fail "type is $(mounted_as FSTYPE)"
  [[ $(mounted_as SOURCE) == "$2" ]] || fail "source is $(mounted_as SOURCE)"
  assert_option ro nosuid nodev
}

@test "archive: ISO 9660 by -t fuse.svc.archive: the tree is the same" {
  make_tree
  xorriso -as mkisofs -quiet -R -J -o "$img" "$tree"
  run_command mount -t fuse.svc.archive "$img" "$mnt"
  assert_mount_works
  assert_contained_mount fuse.svc.archive "$img"
  assert_same_tree "$WITHOUT_LINK_COUNT"
  [[ $(stat -c %i "$mnt/hello.txt") == $(stat -c %i "$mnt/sub dir/hard-link") ]]
  unmount
}

@test "archive: zip by -o svc=archive: the tree is the same" {
  make_tree
  rm "$img" "$tree/sub dir/hard-link" # zip has none
  touch -d '2024-02-29 12:34:56' "$tree/sub dir" "$tree"
  (cd "$tree" && zip -qry -X "$img.zip" . && mv "$img.zip" "$img")
  run_command mount -t fuse.svc -o svc=archive "$img" "$mnt"
  assert_mount_works
  assert_contained_mount fuse.svc.archive "$img"
  # The root directory itself is not in a zip.
  diff <(listing "$tree" "$WITHOUT_OWNER" | grep -v '^d  ') \
    <(listing "$mnt" "$WITHOUT_OWNER" | grep -v '^d  ')
  unmount
}

@test "archive: tar, plain and compressed: the tree is the same, with links, owners and times" {
  local option
  require tool bzip2 tool xz tool zstd tool lzip tool compress
  make_tree
  tar -C "$tree" --format=pax -cf "$img" .
  run_command mount -t fuse.svc.archive "$img" "$mnt"
  assert_mount_works
  assert_same_tree "$EVERYTHING"
  unmount
  for option in gzip bzip2 xz zstd lzip 'compress -f'; do
    # shellcheck disable=SC2086 # words; compress(1) says 2 where it could not make it smaller
    tar -C "$tree" --format=pax -cf - . | $option -c >"$img" || [[ $option == compress* ]]
    run_command mount -t fuse.svc.archive "$img" "$mnt"
    assert_mount_works
    assert_same_tree "$EVERYTHING"
    unmount
  done
}

@test "archive: by the type that libblkid sees" {
  make_tree
  xorriso -as mkisofs -quiet -R -o "$img" "$tree"
  run_command mount -t fuse.svc "$img" "$mnt"
  assert_mount_works
  assert_contained_mount fuse.svc.iso9660 "$img"
  unmount
}

@test "archive: a line in fstab; mount -a mounts it once" {
  make_tree
  tar -C "$tree" -cf "$img" .
  echo "$img $mnt fuse.svc.archive ro,nofail 0 0" >/etc/fstab
  run_command mount "$mnt"
  assert_mount_works
  assert_same_tree "$EVERYTHING"
  unmount
  run_command mount -a
  assert_mount_works
  run_command mount -a
  assert_status 0
  [[ $(our_mounts | wc -l) == 1 ]] || fail "mounted more than once"
  run_command umount "$mnt"
  assert_status 0
}

@test "archive: a loop device becomes fuseblk, and umount by the device works" {
  require loop
  make_tree
  xorriso -as mkisofs -quiet -R -o "$img" "$tree"
  use_loop "$img"
  run_command mount -t fuse.svc "$loop" "$mnt"
  assert_mount_works
  assert_contained_mount fuseblk.svc.iso9660 "$loop"
  unmount "$loop"
}

@test "archive: umount ends the server within a second and empties utab" {
  local pid
  make_tree
  tar -C "$tree" -cf "$img" .
  run_command mount -t fuse.svc.archive "$img" "$mnt"
  assert_mount_works
  pid=$(server_pid)
  is_alive "$pid"
  unmount
  wait_gone "$pid" 1
  [[ -z $(utab) ]]
}

@test "archive: the server runs without capabilities under scripts/activate" {
  local pid
  stop_services
  make_tree
  tar -C "$tree" -cf "$img" .
  "$BATS_TEST_DIRNAME/../../scripts/activate" -l "$BATS_TEST_TMPDIR/service.log" \
    archive "$FSVC_LIBEXECDIR/archive" 3>&- 4>&- &
  services+=($!)
  wait_for "$deadline" test -S /run/filesystems/archive
  run_command mount -t fuse.svc.archive "$img" "$mnt"
  assert_mount_works
  pid=$(server_pid)
  grep -qx 'CapEff:.0*' "/proc/$pid/status"
  grep -qx 'CapBnd:.0*' "/proc/$pid/status"
  grep -qx 'NoNewPrivs:.1' "/proc/$pid/status"
  grep -qE '^Uid:.65534.65534.65534.65534' "/proc/$pid/status"
  [[ $(readlink "/proc/$pid/ns/net") != $(readlink /proc/self/ns/net) ]]
  assert_same_tree "$EVERYTHING"
  unmount
}

@test "archive: scripts/activate gives the sockets the mode that is asked for" {
  local mode
  stop_services
  for mode in 220 222; do
    "$BATS_TEST_DIRNAME/../../scripts/activate" -l "$BATS_TEST_TMPDIR/service.log" -m "0$mode" \
      archive,iso9660 "$FSVC_LIBEXECDIR/archive" 3>&- 4>&- &
    services+=($!)
    wait_for "$deadline" has_mode "$mode" /run/filesystems/{archive,iso9660}
    stop_services
  done
}

has_mode() { [[ $(stat -c %a "${@:2}" 2>/dev/null | sort -u) == "$1" ]]; }

@test "archive: other users see what the modes allow, as with a file system of the kernel" {
  make_tree
  tar -C "$tree" -cf "$img" .
  chmod 755 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" || true
  run_command mount -t fuse.svc.archive "$img" "$mnt"
  assert_mount_works
  cd "$mnt"
  [[ $(setpriv --reuid=65534 --regid=65534 --clear-groups cat hello.txt) == hello ]]
  run ! setpriv --reuid=65534 --regid=65534 --clear-groups cat big
  cd /
  unmount
}

@test "archive: corrupt, empty and foreign images fail with one line that says so" {
  local what
  make_tree
  tar -C "$tree" -cJf "$BATS_TEST_TMPDIR/good" .
  for what in truncated random empty text; do
    case $what in
    truncated) head -c 100000 "$BATS_TEST_TMPDIR/good" >"$img" ;;
    random) head -c 100000 /dev/urandom >"$img" ;;
    empty) : >"$img" ;;
    text) seq 10000 >"$img" ;;
    esac
    run_command mount -t fuse.svc.archive "$img" "$mnt"
    assert_mount_fails 32 "archive: $img: " archive
    assert_nothing_left
  done
}

@test "archive: missing source, directory as source, unknown option, file as target" {
  run_command mount -t fuse.svc.archive "$img.none" "$mnt"
  assert_mount_fails 32 "$img.none" "No such file or directory"
  run_command mount -t fuse.svc.archive "$BATS_TEST_TMPDIR" "$mnt"
  assert_mount_fails 32 "$BATS_TEST_TMPDIR: neither a regular file nor a block device"
  make_tree
  tar -C "$tree" -cf "$img" .
  run_command mount -t fuse.svc.archive -o frobnicate=7 "$img" "$mnt"
  assert_mount_fails 32 'unknown option "frobnicate=7"'
  rmdir "$mnt"
  : >"$mnt"
  run_command mount -t fuse.svc.archive "$img" "$mnt"
  assert_mount_fails 32 "the mount point is a file, but service \"archive\" mounts on a directory"
  assert_nothing_left
}

@test "archive: a server that is killed leaves a mount that umount removes" {
  local pid
  make_tree
  tar -C "$tree" -cf "$img" .
  run_command mount -t fuse.svc.archive "$img" "$mnt"
  assert_mount_works
  pid=$(server_pid)
  kill -KILL "$pid"
  wait_gone "$pid" "$deadline"
  run timeout 10 ls "$mnt"
  [[ $status != 0 && $output == *"Transport endpoint is not connected"* ]]
  unmount
}

@test "archive: fifty mounts, one after the other and ten at once" {
  local i pids=()
  make_tree
  tar -C "$tree" -cf "$img" hello.txt
  for i in {1..50}; do
    run_command mount -t fuse.svc.archive "$img" "$mnt"
    assert_mount_works
    unmount
  done
  for i in {1..10}; do
    mkdir "$mnt.$i"
    mount -t fuse.svc.archive "$img" "$mnt.$i" 3>&- 4>&- &
    pids+=($!)
  done
  for i in "${pids[@]}"; do wait "$i"; done
  [[ $(utab | wc -l) == 10 ]] || fail "utab lost lines"
  for i in {1..10}; do
    [[ -f $mnt.$i/hello.txt ]] || fail "mount $i is not there"
    unmount "$mnt.$i"
  done
}

@test "archive: mount -N and umount -N: in another mount namespace, and not here" {
  local other
  make_tree
  tar -C "$tree" -cf "$img" .
  unshare --mount --propagation private sleep 1000 3>&- 4>&- &
  other=$!
  services+=("$other") # ends with the services
  wait_for "$deadline" grep -qx sleep "/proc/$other/comm"
  run_command mount -N "$other" -t fuse.svc.archive "$img" "$mnt"
  assert_status 0
  refute_mounted
  run nsenter --target "$other" --mount findmnt -no FSTYPE --mountpoint "$mnt"
  [[ $output == fuse.svc.archive ]]
  run_command umount -N "$other" "$mnt"
  assert_status 0
}

@test "archive: a server that has hours of unpacking to do ends with its helper" {
  local i
  require tool bzip2
  truncate -s 27G "$BATS_TEST_TMPDIR/huge"
  tar --format=gnu -C "$BATS_TEST_TMPDIR" -cf - huge 2>/dev/null | head -c 512 | bzip2 >"$img"
  head -c 90000000 /dev/zero | bzip2 >"$BATS_TEST_TMPDIR/zeros"
  for i in {1..300}; do cat "$BATS_TEST_TMPDIR/zeros"; done >>"$img"
  start_mount "$img" "$mnt" -t fuse.svc.archive
  sleep 1
  kill -INT "$helper"
  finish_mount
  assert_interrupted INT
  wait_for 3 is_nothing_left
}

@test "archive: -o nofail: a source that is not there is no error" {
  run_command mount -t fuse.svc.archive -o nofail "$img.none" "$mnt"
  assert_status 0
  [[ -z $stderr ]]
  refute_mounted
}

@test "archive: a line for the kernel's ISO 9660 driver: owners, and how names are written" {
  make_tree
  xorriso -as mkisofs -quiet -R -o "$img" "$tree"
  stock_mount -t fuse.svc.iso9660 -o ro,uid=1000,gid=1001,umask=077,iocharset=utf8 "$img" "$mnt"
  assert_mount_works
  [[ $(find "$mnt" ! -uid 1000 -o ! -gid 1001 -o -perm /077 ! -type l) == '' ]] ||
    fail "owners and modes: $(ls -lanR "$mnt")"
  unmount
  stock_mount -t fuse.svc.iso9660 -o iocharset=koi8-r "$img" "$mnt"
  assert_mount_fails 32 'iocharset=koi8-r'
  stock_mount -t fuse.svc.iso9660 -o umask=mine "$img" "$mnt"
  assert_mount_fails 32 'umask=mine'
  assert_nothing_left
}
