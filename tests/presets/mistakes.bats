#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=mount
#
# Mistakes with images and servers as Debian ships them, and the whole line that people get. What
# the servers say differs between their versions: of that, what matters.

# shellcheck disable=SC2030,SC2031,SC2154 # what tests/lib.bash sets, in a subshell for each test
bats_require_minimum_version 1.5.0
load ../lib
load images
load presets

setup() {
  prepare
  src=$BATS_TEST_TMPDIR/src
  mkdir "$src"
  seq 100000 >"$src/numbers"
}

teardown() { clean_up; }

# try TYPE ARGS...: $img
try() { stock_mount -t "fuse.svc.$1" "${@:2}" "$img" "$mnt"; }

# assert_like STATUS PATTERN: the whole line
assert_like() {
  assert_mount_fails "$1" || return
  # shellcheck disable=SC2053 # a pattern
  [[ $stderr == "mount.fuse.svc: $mnt: "$2 ]] || fail "not like: $2"
}

@test "the wrong service: the image is of another type" {
  require_preset ext4 squashfs ntfs exfat
  start_preset squashfs ext4 ntfs exfat
  make_image ext4 "$img" "$src" 4M
  local ext4='the source looks like "ext4": -t fuse.svc.ext4'
  try squashfs
  assert_says 32 "squashfs: This doesn't look like a squashfs image; $ext4"
  try exfat
  assert_like 32 "exfat: *exFAT file system is not found; $ext4"
  try ntfs
  assert_like 32 "ntfs: *'$img' doesn't seem to have a valid NTFS*; $ext4"
  try ext4
  assert_mount_works
  unmount
  make_image squashfs "$img" "$src"
  try ext4
  assert_like 32 "ext4: *Bad magic number in super-block while trying to open $img*; the source looks like \"squashfs\": -t fuse.svc.squashfs"
  try squashfs
  assert_mount_works
  unmount
}

@test "a truncated image" {
  require_preset ext4 squashfs
  start_preset squashfs ext4
  make_image squashfs "$img" "$src"
  truncate -s 60K "$img"
  try squashfs
  assert_says 32 'squashfs: Something went wrong trying to read the squashfs image.'
  make_image ext4 "$img" "$src" 4M
  truncate -s 2M "$img"
  try ext4
  assert_like 32 "ext4: $img: The filesystem size *; $img: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY*"
}

@test "an empty file" {
  require_preset ext4 squashfs
  start_preset squashfs ext4
  truncate -s 0 "$img"
  try squashfs
  assert_says 32 "squashfs: This doesn't look like a squashfs image; the source is empty"
  try ext4
  assert_like 32 "ext4: *$img; the source is empty"
}

@test "options that the preset does not know, or with another value" {
  require_preset ext4
  start_preset ext4
  make_image ext4 "$img" "$src" 4M
  try ext4 -o foo
  assert_says 32 'ext4: option "foo" is not known to the service "ext4"'
  try ext4 -o commit=5s
  assert_says 32 'ext4: option commit=5s: not a number'
  try ext4 -o commit
  assert_says 32 'ext4: option commit: needs a value'
}

@test "it needs to be written, and cannot be" {
  require_preset ext4
  require loop tool debugfs
  start_preset ext4
  make_image ext4 "$img" "$src" 4M
  debugfs -w -R 'feature needs_recovery' "$img" >/dev/null 2>&1
  use_loop "$img" --read-only
  stock_mount -t fuse.svc.ext4 "$loop" "$mnt"
  assert_like 32 'ext4: *Journal needs recovery*; the source cannot be written to, which may be why; use a copy that can'
  cp "$img" "$img.copy"
  img=$img.copy
  try ext4
  assert_mount_works
  unmount
}

@test "mounted already" {
  require_preset ext4
  start_preset ext4
  make_image ext4 "$img" "$src" 4M
  mkdir "$mnt.2"
  stock_mount -t fuse.svc.ext4 "$img" "$mnt.2"
  assert_status 0
  try ext4
  assert_says 32 "ext4: the source is mounted already, or locked by another program; findmnt -S $img"
  [[ $(findmnt -n -o TARGET -S "$img") == "$mnt.2" ]]
  unmount "$mnt.2"
}

@test "a server that is not installed, and presets that are not there or not right" {
  require_preset ext4
  make_image ext4 "$img" "$src" 4M
  start_preset ext4 sqaushfs odd
  mount --bind /dev/null /usr/bin/fuse2fs
  try ext4
  umount /usr/bin/fuse2fs
  assert_says 32 'ext4: there is no /usr/bin/fuse2fs: install the package "fuse2fs" (on Debian: apt install fuse2fs)'
  try sqaushfs
  assert_says 32 "sqaushfs: there is no preset \"sqaushfs\" in /etc/fuse-svc/presets or $FSVC_PRESET_DIR"
  mkdir -p /etc/fuse-svc/presets
  echo 'progam = /usr/bin/fuse2fs' >/etc/fuse-svc/presets/odd
  try odd
  rm -r /etc/fuse-svc
  assert_says 32 'odd: /etc/fuse-svc/presets/odd: line 1: unknown key "progam"'
}
