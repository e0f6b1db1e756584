#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=mount
#
# examples/single-file: what goes through the mount is what is in the source, whatever the source,
# the mount point and the options are.

# shellcheck disable=SC2030,SC2031,SC2154 # what tests/lib.bash sets, in a subshell for each test
bats_require_minimum_version 1.5.0
load ../lib

setup() {
  prepare
  require server single-file
  start_service single-file -- "$FSVC_LIBEXECDIR/single-file"
  file=$mnt/img
}

teardown() {
  [[ -z ${disk:-} ]] || ! is_mounted "$disk" || umount --lazy "$disk"
  clean_up
}

# An odd size: neither pages nor blocks.
readonly SIZE=1000003

make_image() { head -c "${1:-$SIZE}" /dev/urandom >"$img"; }

# mount_file [-o OPTIONS] [SOURCE [TARGET]]: the stock mount(8), without a word
mount_file() {
  local options=()
  if [[ ${1:-} == -o ]]; then
    options=(-o "$2")
    shift 2
  fi
  run_command mount -t fuse.svc.single-file "${options[@]}" "${1:-$img}" "${2:-$mnt}"
  assert_status 0 || return
  [[ -z $stderr ]] || fail "stderr is not empty" || return
  assert_mounted "${2:-$mnt}"
}

server_pid() { sed -n 's/.*svc\.pid=\([0-9]*\).*/\1/p' /run/mount/utab; }

# source_flags [PID]: with which flags the server has opened the source
source_flags() {
  local pid=${1:-} fd
  [[ -n $pid ]] || pid=$(server_pid)
  for fd in /proc/"$pid"/fd/*; do
    if [[ $fd -ef ${loop:-$img} ]]; then
      sed -n 's/^flags:\t/0/p' "/proc/$pid/fdinfo/${fd##*/}"
      return
    fi
  done
  fail "the server has not opened the source"
}

# has_flag FLAG [PID]
has_flag() { (($(source_flags "${@:2}") & $1)); }

readonly O_SYNC=04010000
o_direct() {
  case $(uname -m) in
  arm* | aarch64) echo 0200000 ;;
  ppc*) echo 0400000 ;;
  *) echo 040000 ;;
  esac
}

# poke FILE OFFSET SIZE PATTERN: writes so many bytes of the file PATTERN there
poke() {
  dd of="$1" if="$4" bs="$3" count=1 seek="$2" oflag=seek_bytes conv=notrunc status=none
}

# open_exclusively FILE: prints "open" or why not
open_exclusively() {
  perl -MFcntl -e 'print sysopen(F, $ARGV[0], O_RDONLY | O_EXCL) ? "open" : $!' "$1"
}

# One line that mount(8) shows, exit code 32, and nothing is left.
assert_refused() {
  assert_mount_fails 32 "$@" || return
  assert_nothing_left
}

# A file system with real direct I/O, in $disk, with $img in it.
make_disk() {
  require loop tool mkfs.ext4
  disk=$BATS_TEST_TMPDIR/disk
  truncate -s 16M "$disk.img"
  mkfs.ext4 -q -b 4096 "$disk.img"
  use_loop "$disk.img"
  mkdir "$disk"
  mount -t ext4 "$loop" "$disk"
  img=$disk/img
  loop=
}

@test "single-file: a directory as mount point has one file, with the source's bytes" {
  make_image
  mount_file
  assert_equal "$(mounted_as FSTYPE)" fuse.svc.single-file
  assert_equal "$(mounted_as SOURCE)" "$img"
  assert_option rw nosuid nodev
  assert_equal "$(ls -A "$mnt")" img
  assert_equal "$(find "$mnt" -printf '%y %m %n %f,')" "d 555 2 mnt,f 644 1 img,"
  cmp "$img" "$file"
  [[ ! -e $mnt/other ]]
  unmount
}

@test "single-file: a file as mount point is the file" {
  make_image
  echo before >"$mnt.file"
  mount_file "$img" "$mnt.file"
  [[ -f $mnt.file ]]
  cmp "$img" "$mnt.file"
  poke "$mnt.file" 12345 777 /dev/urandom
  cmp "$img" "$mnt.file"
  unmount "$mnt.file"
  assert_equal "$(<"$mnt.file")" before
}

@test "single-file: what is written is in the source, at any offset and size" {
  local i offset size pattern=$BATS_TEST_TMPDIR/pattern copy=$BATS_TEST_TMPDIR/copy
  make_image
  cp "$img" "$copy"
  mount_file
  for i in {1..60}; do
    size=$((RANDOM * 11 % 300000 + 1)) offset=$((RANDOM * 31 % SIZE))
    head -c "$size" /dev/urandom >"$pattern"
    poke "$copy" "$offset" "$size" "$pattern"
    poke "$file" "$offset" "$size" "$pattern"
    cmp "$copy" "$img"
  done
  cmp "$copy" "$file"
  unmount
  cmp "$copy" "$img"
}

@test "single-file: unmounted, all is in the source and the server is gone" {
  local pid
  make_image 8M
  cp "$img" "$img.copy"
  mount_file
  head -c 5000001 /dev/urandom >"$BATS_TEST_TMPDIR/pattern"
  poke "$img.copy" 999 5000001 "$BATS_TEST_TMPDIR/pattern"
  poke "$file" 999 5000001 "$BATS_TEST_TMPDIR/pattern"
  pid=$(server_pid)
  is_alive "$pid"
  unmount
  cmp "$img" "$img.copy"
  wait_gone "$pid" 1
  [[ -z $(utab) ]]
}

@test "single-file: append, truncate, O_TRUNC, and writing past the end" {
  make_image
  cp "$img" "$img.copy"
  mount_file
  echo more | tee -a "$img.copy" >>"$file"
  cmp "$img" "$img.copy"
  truncate -s 1234567 "$file"
  truncate -s 1234567 "$img.copy"
  assert_equal "$(stat -c %s "$img")" 1234567
  cmp "$file" "$img.copy"
  truncate -s 4097 "$file"
  assert_equal "$(stat -c '%s' "$img")" 4097
  echo tail | dd of="$file" bs=5 seek=2000000 oflag=seek_bytes conv=notrunc status=none
  assert_equal "$(stat -c %s "$file")" 2000005
  assert_equal "$(tail -c 5 "$img")" tail
  echo short >"$file"
  assert_equal "$(<"$img")" short
  unmount
}

@test "single-file: a block device becomes fuseblk, and its bytes are there" {
  require loop tool losetup
  make_image 3M
  use_loop "$img"
  mount_file "$loop"
  assert_equal "$(mounted_as FSTYPE)" fuseblk.svc.single-file
  assert_equal "$(ls -A "$mnt")" "${loop#/dev/}"
  file=$mnt/${loop#/dev/}
  assert_equal "$(stat -c '%F %s %b' "$file")" "regular file 3145728 6144"
  cmp "$loop" "$file"
  head -c 70001 /dev/urandom >"$BATS_TEST_TMPDIR/pattern"
  poke "$file" 1234567 70001 "$BATS_TEST_TMPDIR/pattern"
  cmp -n 70001 -i 1234567:0 "$loop" "$BATS_TEST_TMPDIR/pattern"
  run -1 dd if=/dev/zero of="$file" bs=512 seek=6144 count=1 conv=notrunc
  [[ $output == *"No space left on device"* ]]
  run -1 truncate -s 1M "$file"
  [[ $output == *"Operation not permitted"* ]]
  truncate -s 3M "$file" # as it is
  [[ $(open_exclusively "$loop") == "Device or resource busy" ]]
  unmount "$loop"
  cmp -n 70001 -i 1234567:0 "$img" "$BATS_TEST_TMPDIR/pattern"
}

@test "single-file: svc-noblk: the server itself has the device exclusively" {
  require loop
  make_image 1M
  use_loop "$img"
  mount_file -o svc-noblk "$loop"
  assert_equal "$(mounted_as FSTYPE)" fuse.svc.single-file
  [[ $(open_exclusively "$loop") == "Device or resource busy" ]]
  cmp "$loop" "$mnt/${loop#/dev/}"
  run_command mount -t fuse.svc.single-file -o svc-noblk "$loop" "$mnt/${loop#/dev/}"
  assert_status 32
  [[ $stderr == *"$loop is in use"* ]]
  unmount
  wait_for "$deadline" is_nothing_left
  assert_equal "$(open_exclusively "$loop")" open
}

@test "single-file: a device is discarded from though it has unwritten data" {
  require loop
  make_image
  use_loop "$img"
  mount_file "$loop"
  file=$mnt/${loop#/dev/}
  head -c 300000 /dev/urandom >"$BATS_TEST_TMPDIR/pattern"
  poke "$file" 100000 300000 "$BATS_TEST_TMPDIR/pattern"
  fallocate --punch-hole --offset 131072 --length 65536 "$file"
  cmp -n 65536 -i 131072:0 "$file" /dev/zero
  cmp -n 1000 -i 100000:0 "$file" "$BATS_TEST_TMPDIR/pattern"
  unmount
}

@test "single-file: -o ro, and what cannot be written to, is mounted read-only" {
  require loop
  make_image
  mount_file -o ro
  assert_option ro
  assert_equal "$(stat -c %a "$file")" 444
  has_flag 3 && fail "opened for writing"
  cmp "$img" "$file"
  run -1 dd if=/dev/zero of="$file" count=1 conv=notrunc
  [[ $output == *"Read-only file system"* ]]
  unmount

  mount --bind "$img" "$img"
  mount -o remount,bind,ro "$img"
  run_command mount -t fuse.svc.single-file "$img" "$mnt"
  assert_status 0
  [[ $stderr == *"$mnt: single-file: "*"cannot be written to: mounted read-only" ]]
  assert_option ro
  cmp "$img" "$file"
  run -1 touch "$file"
  [[ $output == *"Read-only file system"* ]]
  unmount
  umount "$img"
}

@test "single-file: a device that is read-only is mounted read-only" {
  local option
  require loop
  make_image 1M
  use_loop "$img" --read-only
  for option in svc-noblk x-nothing; do
    run_command mount -t fuse.svc.single-file -o "$option" "$loop" "$mnt"
    assert_status 0
    [[ $stderr == *"cannot be written to: mounted read-only" ]]
    assert_option ro
    run -1 touch "$mnt/${loop#/dev/}"
    cmp "$loop" "$mnt/${loop#/dev/}"
    unmount
  done
}

@test "single-file: size= shows the first bytes and never touches those behind" {
  make_image
  cp "$img" "$img.copy"
  mount_file -o size=100001
  assert_equal "$(stat -c %s "$file")" 100001
  (($(stat -c %b "$file") <= 196))
  cmp "$file" <(head -c 100001 "$img")
  assert_equal "$(stat -f -c '%b %f' "$mnt")" "24 0"
  # Across the end: what fits is written.
  run -1 dd if=/dev/zero of="$file" bs=5000 count=2 seek=99000 oflag=seek_bytes conv=notrunc
  [[ $output == *"No space left on device"* ]]
  assert_equal "$(tail -c 1001 "$file" | tr -d '\0' | wc -c)" 0
  run -1 dd if=/dev/zero of="$file" bs=1 count=1 seek=100001 conv=notrunc
  [[ $output == *"No space left on device"* ]]
  run -1 fallocate -l 200000 "$file"
  [[ $output == *"No space left on device"* ]]
  run -1 fallocate -p -n -o 100000 -l 10 "$file"
  run -1 truncate -s 5 "$file"
  [[ $output == *"Operation not permitted"* ]]
  run -1 dd if=/dev/zero of="$file" bs=1 count=1
  [[ $output == *"Operation not permitted"* ]]
  unmount
  cmp -i 100001 "$img" "$img.copy"
  assert_equal "$(stat -c %s "$img")" "$SIZE"
  mount_file -o "size=64K"
  assert_equal "$(stat -c %s "$file")" 65536
  unmount
  mount_file -o "size=$SIZE"
  cmp "$img" "$file"
  unmount
}

@test "single-file: blocksize= is what stat says, and what a device gets" {
  local option
  require loop
  make_image 1M
  mount_file -o blocksize=16K,size=32K
  assert_equal "$(stat -c '%o %s' "$file")" "16384 32768"
  unmount
  use_loop "$img"
  for option in svc-noblk x-nothing; do
    mount_file -o "blocksize=1024,$option" "$loop"
    assert_equal "$(stat -c '%o %s' "$mnt/${loop#/dev/}")" "1024 1048576"
    # As fuseblk, it is the kernel that decides; since 6.18 for pages.
    [[ $option != svc-noblk ]] || assert_equal "$(blockdev --getbsz "$loop")" 1024
    cmp "$loop" "$mnt/${loop#/dev/}"
    unmount
  done
}

@test "single-file: sync: the source is opened O_SYNC" {
  make_image
  mount_file
  has_flag 04000000 && fail "O_SYNC without the option"
  unmount
  mount_file -o sync
  (($(($(source_flags) & O_SYNC)) == O_SYNC)) || fail "no O_SYNC"
  assert_option sync
  poke "$file" 5000 12345 /dev/urandom
  cmp "$file" "$img"
  unmount
}

@test "single-file: sync: fsync reaches the source" {
  local pid
  require tool strace
  make_image
  mount_file
  pid=$(server_pid)
  strace -f -q -o "$BATS_TEST_TMPDIR/trace" -e trace=fsync,fdatasync -p "$pid" 3>&- 4>&- &
  services+=($!)
  wait_for "$deadline" grep -qE 'TracerPid:.*[1-9]' "/proc/$pid/status"
  dd if=/dev/zero of="$file" bs=4k count=1 conv=notrunc,fdatasync status=none
  dd if=/dev/zero of="$file" bs=4k count=1 conv=notrunc,fsync status=none
  unmount
  wait_gone "$pid" "$deadline"
  wait_for 5 grep -q 'exited with' "$BATS_TEST_TMPDIR/trace"
  assert_equal "$(grep -c 'fdatasync(' "$BATS_TEST_TMPDIR/trace")" 1
  assert_equal "$(grep -c ' fsync(' "$BATS_TEST_TMPDIR/trace")" 2 # the second at the unmount
}

# What is read twice by one open file, with a change of the source in between: is it the same?
is_cached() {
  perl -e 'open(F, "<", $ARGV[0]) or die; open(S, "+<", $ARGV[1]) or die;
    sysread(F, $was, 4096) == 4096 or die;
    syswrite(S, $was ^ ("x" x 4096)) == 4096 or die;
    sysseek(F, 0, 0); sysread(F, $is, 4096); exit($is ne $was)' "$file" "$img"
}

@test "single-file: direct: past all page caches, with the same bytes" {
  local flag pattern=$BATS_TEST_TMPDIR/pattern
  make_disk
  make_image
  cp "$img" "$img.copy"
  mount_file -o direct
  flag=$(o_direct)
  has_flag "$flag" || fail "no O_DIRECT"
  cmp "$file" "$img.copy"
  cmp -i 77777 "$file" "$img.copy"
  dd if="$file" bs=100003 status=none | cmp - "$img.copy"
  assert_equal "$(tail -c 3 "$file" | od -An -tx1)" "$(tail -c 3 "$img.copy" | od -An -tx1)"
  assert_equal "$(tail -c +1000004 "$file" | wc -c)" 0
  head -c 409600 /dev/urandom >"$pattern"
  dd if="$pattern" of="$file" bs=4096 seek=3 conv=notrunc status=none
  dd if="$pattern" of="$img.copy" bs=4096 seek=3 conv=notrunc status=none
  cmp "$file" "$img.copy"
  cmp "$img" "$img.copy"
  run -1 dd if="$pattern" of="$file" bs=1000 seek=1 count=1 conv=notrunc
  [[ $output == *"Invalid argument"* ]]
  cmp "$img" "$img.copy"
  truncate -s 8191 "$file"
  cmp -n 8191 "$file" "$img.copy"
  run -1 is_cached
  unmount
  mount_file
  is_cached || fail "not cached without the option"
  unmount
  wait_for "$deadline" is_nothing_left
}

@test "single-file: direct: a block device, and with size=" {
  require loop
  make_image 1M
  use_loop "$img"
  mount_file -o direct,size=5000,svc-noblk "$loop"
  has_flag "$(o_direct)" || fail "no O_DIRECT"
  file=$mnt/${loop#/dev/}
  cmp "$file" <(head -c 5000 "$img")
  dd if=/dev/zero of="$file" bs=512 seek=2 count=1 conv=notrunc status=none
  cmp "$file" <(head -c 5000 "$img")
  unmount
  cmp -n 512 -i 1024:0 "$img" /dev/zero
}

@test "single-file: attributes are those of the source, as they are now" {
  local birth fd
  make_image
  chmod 640 "$img"
  touch -m -d '2024-02-29 12:34:56.123456789Z' "$img"
  touch -a -d '2023-03-31 01:02:03.987654321Z' "$img"
  mount_file
  assert_equal "$(stat -c '%a %u:%g %s %b %o %x %y %z' "$file")" \
    "$(stat -c '%a %u:%g %s %b %o %x %y %z' "$img")"
  birth=$(stat -c %w "$file") # known from libfuse 3.18 on
  [[ $birth == - || $birth == $(stat -c %w "$img") ]] || fail "born $birth"
  exec {fd}<"$file"
  echo more >>"$img"
  poke "$img" 0 1000 /dev/urandom
  sleep 1.1
  assert_equal "$(stat -c '%s %y' "$file")" "$(stat -c '%s %y' "$img")"
  cmp "/dev/fd/$fd" "$img"
  exec {fd}<&-
  touch -m -d '2020-01-02 03:04:05.678Z' "$file"
  assert_equal "$(stat -c %y "$img")" "$(stat -c %y "$file")"
  [[ $(stat -c %y "$img") == 2020-01-02* ]]
  touch "$file"
  [[ $(stat -c %y "$img") != 2020* ]]
  unmount
}

@test "single-file: mode and owner cannot be changed, nothing created or removed" {
  local command
  make_image
  chown 1234:4321 "$img"
  mount_file
  assert_equal "$(stat -c '%u:%g' "$file" "$mnt" | tr '\n' ' ')" "0:0 0:0 "
  for command in "chmod 600 $file" "chown 1:1 $file" "touch $mnt/new" "rm -f $file"; do
    # shellcheck disable=SC2086 # words
    run -1 $command
    [[ $output == *"Operation not permitted"* ]] || fail "$command: $output"
  done
  assert_equal "$(stat -c '%a %u' "$img")" "644 1234"
  unmount
}

@test "single-file: others see what the source's mode allows" {
  local nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  chmod 755 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" "$BATS_SUITE_TMPDIR" "$BATS_FILE_TMPDIR" || true
  make_image
  chmod 640 "$img"
  mount_file
  "${nobody[@]}" test -d "$mnt"
  run -1 "${nobody[@]}" cat "$file"
  [[ $output == *"Permission denied"* ]]
  chmod 644 "$img"
  sleep 1.1
  "${nobody[@]}" cat "$file" | cmp - "$img"
  run -1 "${nobody[@]}" dd if=/dev/zero of="$file" count=1 conv=notrunc
  [[ $output == *"Permission denied"* ]]
  unmount
}

@test "single-file: a source that is truncated meanwhile gives short reads" {
  local fd pid
  make_image
  mount_file
  pid=$(server_pid)
  exec {fd}<"$file"
  truncate -s 5000 "$img"
  cat <&"$fd" >"$BATS_TEST_TMPDIR/out"
  head -c 5000 "$BATS_TEST_TMPDIR/out" | cmp - "$img"
  exec {fd}<&-
  sleep 1.1
  cmp "$file" "$img"
  is_alive "$pid"
  unmount
}

@test "single-file: holes: found, punched, and copied as such" {
  truncate -s 4M "$img"
  printf data | dd of="$img" bs=1 seek=2M oflag=seek_bytes conv=notrunc status=none
  mount_file
  assert_equal "$(stat -c %b "$file")" "$(stat -c %b "$img")"
  perl -e 'open(F, "<", $ARGV[0]) or die; for ([0, 3], [0, 4], [2097152, 4]) {
    print sysseek(F, $$_[0], $$_[1]) + 0, " " }' "$file" >"$BATS_TEST_TMPDIR/seen"
  assert_equal "$(<"$BATS_TEST_TMPDIR/seen")" "2097152 0 2101248 "
  fallocate -p -o 2M -l 4K "$file"
  assert_equal "$(stat -c '%b %s' "$img")" "0 4194304"
  fallocate -l 5M "$file"
  assert_equal "$(stat -c '%s' "$img")" 5242880
  unmount
}

@test "single-file: mkfs on the file makes a file system in the source" {
  require tool mkfs.ext4 tool e2fsck
  truncate -s 16M "$img"
  mount_file
  mkfs.ext4 -q -F "$file"
  unmount
  e2fsck -fn "$img"
}

@test "single-file: many at once" {
  local i pids=() pattern=$BATS_TEST_TMPDIR/pattern
  truncate -s 16M "$img"
  head -c 16M /dev/urandom >"$pattern"
  mount_file
  for i in {0..7}; do
    dd if="$pattern" of="$file" bs=17K skip=$((i * 2))M seek=$((i * 2))M count=2M \
      iflag=skip_bytes,count_bytes oflag=seek_bytes conv=notrunc status=none &
    pids+=($!)
    dd if="$file" of=/dev/null bs=33K skip="$i"M iflag=skip_bytes status=none &
    pids+=($!)
  done
  for i in "${pids[@]}"; do wait "$i"; done
  cmp "$img" "$pattern"
  pids=()
  for i in {0..7}; do
    cmp "$file" "$pattern" &
    pids+=($!)
  done
  for i in "${pids[@]}"; do wait "$i"; done
  unmount
}

@test "single-file: options that make no sense" {
  local line value
  make_image
  for value in '' 0 -1 +1 ' 1' 1x 1KK 0x10 1.5 K 9223372036854775808 99999999999999999999 \
    9007199254740992K 8388608T 18446744073709551617; do
    run_command mount -t fuse.svc.single-file -o "size=$value" "$img" "$mnt"
    assert_mount_fails 32 "single-file: option \"size=$value\": not a number of bytes"
  done
  for value in '' 0 511 513 1000 128K -512 65537 4294967808 512B; do
    run_command mount -t fuse.svc.single-file -o "blocksize=$value" "$img" "$mnt"
    assert_mount_fails 32 "option \"blocksize=$value\": not a power of two from 512 to 65536"
  done
  while IFS='|' read -r value line; do
    run_command mount -t fuse.svc.single-file -o "$value" "$img" "$mnt"
    assert_mount_fails 32 "$line"
  done <<-EOT
	size=1000004|option "size=1000004": $img has only 1000003 bytes
	size=7E|option "size=7E": not a number of bytes
	size=1000,blocksize=512|option "size=1000": not a multiple of the block size 512
	frobnicate=7|frobnicate=7
	size|size
	direct=1|direct=1
	EOT
  assert_nothing_left
}

@test "single-file: sources that cannot be one" {
  make_image
  run_command mount -t fuse.svc.single-file "$img.none" "$mnt"
  assert_refused "cannot open $img.none: No such file or directory"
  run_command mount -t fuse.svc.single-file "$BATS_TEST_TMPDIR" "$mnt"
  assert_refused "$BATS_TEST_TMPDIR: neither a regular file nor a block device"
  mkfifo "$img.fifo"
  run_command mount -t fuse.svc.single-file "$img.fifo" "$mnt"
  assert_refused "$img.fifo: neither a regular file nor a block device"
  run_command mount -t fuse.svc.single-file none "$mnt"
  assert_status 32
}

@test "single-file: a device that is taken, or has no such blocks" {
  require loop
  make_image 1M
  use_loop "$img"
  perl -MFcntl -e 'sysopen(F, $ARGV[0], O_RDONLY | O_EXCL) or die; $| = 1; print "open\n"; sleep' \
    "$loop" >"$BATS_TEST_TMPDIR/holder" 3>&- 4>&- &
  services+=($!)
  wait_for "$deadline" grep -q open "$BATS_TEST_TMPDIR/holder"
  run_command mount -t fuse.svc.single-file -o svc-noblk "$loop" "$mnt"
  assert_refused "$loop is in use"
  stop_services
  start_service single-file -- "$FSVC_LIBEXECDIR/single-file"
  use_loop "$img" --sector-size 4096
  mount_file -o blocksize=4096 "$loop"
  unmount
  run_command mount -t fuse.svc.single-file -o blocksize=512,svc-noblk "$loop" "$mnt"
  assert_refused "option \"blocksize=512\": $loop cannot have such blocks"
}

@test "single-file: a server that is killed leaves an error, not a hang" {
  local pid fd
  make_image
  mount_file
  pid=$(server_pid)
  exec {fd}<"$file"
  kill -KILL "$pid"
  wait_gone "$pid" "$deadline"
  run -1 timeout 10 dd bs=1 count=1 skip=500000 iflag=skip_bytes <&"$fd"
  [[ $output == *"Transport endpoint is not connected"* ]]
  exec {fd}<&-
  run -1 timeout 10 stat -f "$mnt"
  unmount
}

@test "single-file: by hand it is an ordinary FUSE server" {
  local program=$FSVC_LIBEXECDIR/single-file pid
  require tool fusermount3
  make_image
  cd "$BATS_TEST_TMPDIR"
  "$program" img mnt 3>&- # relative paths
  assert_equal "$(findmnt -nro FSTYPE,SOURCE "$mnt")" "fuse.single-file img"
  cmp "$img" "$file"
  poke "$file" 3333 5000 /dev/urandom
  cmp "$img" "$file"
  fusermount3 -u "$mnt"
  wait_for "$deadline" is_nothing_left
  : >"$mnt.file"
  "$program" -o ro,direct,size=777 "$img" "$mnt.file" 3>&-
  cmp "$mnt.file" <(head -c 777 "$img")
  run -1 touch "$mnt.file"
  fusermount3 -u "$mnt.file"
  wait_for "$deadline" is_nothing_left
  "$program" -o ro,sync,rw,async "$img" "$mnt" 3>&- # the last one counts
  echo words >"$file"
  pid=$(our_processes)
  has_flag 04000000 "${pid%% *}" && fail "O_SYNC despite async"
  fusermount3 -u "$mnt"
  cd /
  wait_for "$deadline" is_nothing_left
}

@test "single-file: by hand, on a block device" {
  local program=$FSVC_LIBEXECDIR/single-file
  require loop tool fusermount3
  make_image 1M
  use_loop "$img"
  "$program" -s -o blocksize=2K "$loop" "$mnt" 3>&-
  assert_equal "$(blockdev --getbsz "$loop")" 2048
  [[ $(open_exclusively "$loop") == "Device or resource busy" ]]
  run -1 "$program" "$loop" "$mnt"
  [[ $output == "single-file: $loop is in use"* ]]
  fusermount3 -u "$mnt"
  wait_for "$deadline" is_nothing_left
}

@test "single-file: by hand, its words and its exit codes" {
  local program=$FSVC_LIBEXECDIR/single-file option
  make_image
  run -0 "$program" --help
  [[ ${lines[0]} == "usage: single-file [options] source mountpoint" ]]
  for option in ro size= blocksize= sync direct; do
    [[ $output == *"-o $option"* ]] || fail "not in --help: $option"
  done
  run -0 "$program" -h
  run -0 "$program" --version
  [[ $output == "single-file (fuse-svc) "[0-9]* ]]
  run -1 "$program" -V "$img" "$mnt" extra
  run -1 "$program"
  [[ $output == "single-file: a source and a mount point are needed" ]]
  run -1 "$program" "$img"
  [[ $output == "single-file: a source and a mount point are needed" ]]
  run -1 "$program" "$img/" "$mnt"
  [[ $output == "single-file: \"$img/\" cannot be the path of a file" ]]
  run -1 "$program" "$img.none" "$mnt"
  [[ $output == "single-file: cannot open $img.none: No such file or directory" ]]
  run -1 "$program" /dev/null "$mnt"
  [[ $output == "single-file: /dev/null: neither a regular file nor a block device" ]]
  run -1 "$program" "$img" "$mnt.none"
  run -1 "$program" -o size=abc "$img" "$mnt"
  [[ $output == 'single-file: option "size=abc": not a number of bytes' ]]
  run -1 "$program" -o nonsense "$img" "$mnt"
  [[ $output == *nonsense* ]]
}
