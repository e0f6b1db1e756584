#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=mount
#
# Writing through servers as Debian ships them: nothing gets lost, whatever ends them.

# shellcheck disable=SC2030,SC2031,SC2154 # what tests/lib.bash sets, in a subshell for each test
bats_require_minimum_version 1.5.0
load ../lib
load images
load presets

setup() {
  prepare
  writer=
}

teardown() {
  [[ -z $writer ]] || kill -KILL "$writer" 2>/dev/null || true
  clean_up
}

# use_empty TYPE: $img is an empty file system, and there is a service
use_empty() {
  require_preset "$1" || return
  mkdir "$BATS_TEST_TMPDIR/empty"
  make_image "$1" "$img" "$BATS_TEST_TMPDIR/empty" 64M || return
  start_preset "$1"
}

# exercise DIR TYPE: what people do with 5000 files, and a few large ones
exercise() {
  perl -e '
    use strict; use warnings; use IO::Handle;
    my ($dir, $type) = @ARGV;
    chdir $dir or die "$dir: $!";
    sub put {
      my ($name, $text, $sync) = @_;
      open my $f, ">", $name or die "$name: $!";
      print $f $text or die "$name: $!";
      if ($sync) { $f->flush; $f->sync or die "fsync $name: $!"; }
      close $f or die "$name: $!";
    }
    for my $d (0..49) {
      mkdir "d$d" or die "d$d: $!";
      put("d$d/f$_", "$d/$_ " x (1 + $_ * 13 % 700), $_ % 50 == 0) for 0..102;
    }
    put("large$_", join("", map { "$_\n" } 1..300000), 1) for 1..3;
    for my $d (0..49) {
      for (0..9) { rename "d$d/f$_", "d$d/renamed $_" or die "rename: $!"; }
      for (10..19) { unlink "d$d/f$_" or die "unlink: $!"; }
      rename "d$d/f20", "d" . ($d + 1) % 50 . "/moved" or die "rename: $!";
      rename "d$d/f21", "d$d/f22" or die "rename over: $!";
      truncate "d$d/f23", 10 or die "truncate: $!";
      open my $f, ">>", "d$d/f24" or die; print $f "more"; close $f or die;
      if ($type ne "exfat") { symlink "f$_", "d$d/link$_" or die "symlink: $!" for 30..33; }
      if ($type =~ /^ext/) {
        chmod 0640 + $_ % 8, "d$d/f$_" or die "chmod: $!" for 40..59;
        chown 1000 + $_, 2000 + $_, "d$d/f$_" or die "chown: $!" for 60..69;
        link "d$d/f34", "d$d/hard" or die "link: $!";
      }
      utime 1600000000 + $d, 1600000000 + $d, "d$d/f35" or die "utime: $!";
    }
    rename "d7", "a new name" or die "rename: $!";
    unlink glob "d8/*" or die; unlink <d8/renamed*>; rmdir "d8" or die "rmdir: $!";
  ' "$1" "$2"
}

# check_work TYPE SOURCE: 5000 files are the same for somebody else, and the file system is clean
check_work() {
  local format before=$BATS_TEST_TMPDIR/before
  format=$(listing_format "$1")
  stock_mount -t "fuse.svc.$1" "$2" "$mnt"
  assert_mount_works
  exercise "$mnt" "$1"
  listing "$mnt" "$format" >"$before"
  sums "$mnt" >"$before.sums"
  (($(wc -l <"$before") > 4500))
  unmount
  assert_nothing_left
  is_clean "$1" "$img"
  mount_otherwise "$1" "$img" "$mnt"
  listing "$mnt" "$format" | diff "$before" -
  sums "$mnt" | diff "$before.sums" -
  unmount
}

@test "ext4: 5000 files in an image" {
  use_empty ext4
  check_work ext4 "$img"
}

@test "ext4: 5000 files on a block device" {
  use_empty ext4
  use_loop "$img"
  check_work ext4 "$loop"
}

@test "ntfs: 5000 files in an image" {
  use_empty ntfs
  check_work ntfs "$img"
}

@test "ntfs: 5000 files on a block device" {
  use_empty ntfs
  use_loop "$img"
  check_work ntfs "$loop"
}

@test "exfat: 5000 files in an image" {
  use_empty exfat
  check_work exfat "$img"
}

# start_writer: writes files into $mnt without end. $done has the names of those that it has called
# fsync(2) for, each with its contents and the directory that it is in.
start_writer() {
  done=$BATS_TEST_TMPDIR/done
  : >"$done"
  perl -e '
    use strict; use warnings; use IO::Handle;
    my ($dir, $done) = @ARGV;
    open my $log, ">>", $done or die; $log->autoflush(1);
    for (my $i = 0; ; $i++) {
      my $d = "$dir/d" . int($i / 50);
      if ($i % 50 == 0) { mkdir $d or die; }
      open my $f, ">", "$d/f$i" or die;
      print $f "$i\n" x (1 + $i * 37 % 3000) or die; $f->flush or die;
      if ($i % 5 == 0) { $f->sync or die; }
      close $f or die;
      if ($i % 5 == 0) { print $log "$i\n"; }
      if ($i % 7 == 3) { unlink "$d/f$i" or die; }
      if ($i % 11 == 4 && $i % 5) { rename "$d/f$i", "$d/renamed$i" or die unless $i % 7 == 3; }
    }' "$mnt" "$done" 2>"$done.log" 3>&- 4>&- &
  writer=$!
  wait_for "$deadline" has_done 60
}

has_done() { (($(wc -l <"$done") >= $1)); }

# assert_done COUNT: of what fsync(2) was called for, the first COUNT are in $mnt, as they were
assert_done() {
  local i
  head -n "$1" "$done" | while read -r i; do
    ((i % 7 != 3)) || continue
    cmp <(yes "$i" | head -n $((1 + i * 37 % 3000))) "$mnt/d$((i / 50))/f$i" || return
  done
}

# check_kill TYPE: the server is killed while somebody writes
check_kill() {
  local server count
  use_empty "$1"
  stock_mount -t "fuse.svc.$1" "$img" "$mnt"
  assert_mount_works
  start_writer
  server=$(real_server)
  count=$(wc -l <"$done")
  kill -KILL "$server"
  wait_gone "$writer" "$deadline"
  run timeout 5 ls "$mnt"
  [[ $output == *"Transport endpoint is not connected"* ]]
  unmount
  assert_nothing_left
  repair "$1" "$img"
  mount_otherwise "$1" "$img" "$mnt"
  assert_done "$count"
  unmount
}

@test "ext4: the server is killed under load" { check_kill ext4; }
@test "ntfs: the server is killed under load" { check_kill ntfs; }

# check_power_cut TYPE: somebody pulls the plug while somebody writes: a copy of the image at that
# moment
check_power_cut() {
  local server count
  use_empty "$1"
  stock_mount -t "fuse.svc.$1" "$img" "$mnt"
  assert_mount_works
  start_writer
  server=$(real_server)
  count=$(wc -l <"$done")
  kill -STOP "$server"
  cp "$img" "$img.cut"
  kill -CONT "$server"
  kill "$writer"
  wait_gone "$writer" "$deadline"
  unmount
  assert_nothing_left
  is_clean "$1" "$img"
  repair "$1" "$img.cut"
  mount_otherwise "$1" "$img.cut" "$mnt"
  assert_done "$count"
  unmount
}

@test "ext4: power fails under load" { check_power_cut ext4; }
@test "ntfs: power fails under load" { check_power_cut ntfs; }

@test "ext4: SIGTERM: what was written is not lost" {
  local pid
  use_empty ext4
  stock_mount -t fuse.svc.ext4 "$img" "$mnt"
  assert_mount_works
  seq 300000 >"$mnt/numbers"
  pid=$(sed -n 's/.*svc\.pid=\([0-9]*\).*/\1/p' /run/mount/utab)
  kill -TERM "$pid"
  wait_gone "$pid" "$deadline"
  run timeout 5 ls "$mnt"
  [[ $output == *"Transport endpoint is not connected"* ]]
  unmount
  assert_nothing_left
  is_clean ext4 "$img"
  mount_otherwise ext4 "$img" "$mnt"
  assert_equal "$(sha256sum <"$mnt/numbers")" "$(seq 300000 | sha256sum)"
  unmount
}
