#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Mistakes that people make, and the whole line that they get, by stock mount(8). Where the line
# names a command, it is run, and mends the mistake. Here is no systemd: see tests/systemd.
#
# shellcheck disable=SC2016 # the scripted server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load ../lib

setup() {
  prepare
  start_peer
  obey_and_mount
}

teardown() {
  rm -f /etc/systemd/system/fuse-svc-test*.socket
  clean_up
}

at=/run/filesystems
log_is='its log is where scripts/activate was started, or in its -l FILE'
all='"fuse-svc list" shows all services'

use_peer() { stock_mount -t fuse.svc.peer "$@"; }

# use_archive: $img is a zip, and there is the service "archive"
use_archive() {
  require server archive tool zip
  echo hello >"$BATS_TEST_TMPDIR/hello"
  rm "$img"
  (cd "$BATS_TEST_TMPDIR" && zip -q "$img.zip" hello)
  mv "$img.zip" "$img"
  start_service archive -- "$FSVC_LIBEXECDIR/archive"
}

# bytes TEXT OFFSET: written into $img
bytes() { printf '%b' "$1" | dd of="$img" bs=1 seek="$2" conv=notrunc status=none; }

#
# The service
#

@test "service: misspelled, or cut off" {
  local name
  start_peer archive iso9660 ext4
  for name in archiv archve acrhive Archive archives arch; do
    stock_mount -t "fuse.svc.$name" "$img" "$mnt"
    assert_says 32 "service \"$name\": not available (no socket $at/$name); did you mean \"archive\"? \"fuse-svc list\" shows all"
  done
  stock_mount -t fuse.svc.iso "$img" "$mnt"
  assert_says 32 "service \"iso\": not available (no socket $at/iso); did you mean \"iso9660\"? \"fuse-svc list\" shows all"
  stock_mount -t fuse.svc.archive "$img" "$mnt"
  assert_mount_works
  unmount
}

@test "service: nothing of that name, nor of one like it" {
  local name
  start_peer archive ext4
  touch "$at/zap"
  for name in zip ntfs xfs nosuch ar; do
    stock_mount -t "fuse.svc.$name" "$img" "$mnt"
    assert_says 32 "service \"$name\": not available (no socket $at/$name); scripts/activate lets it listen, $all"
  done
}

@test "service: one that is installed is not misspelled" {
  start_peer testa
  : >/etc/systemd/system/fuse-svc-testb.socket
  stock_mount -t fuse.svc.testb "$img" "$mnt"
  assert_says 32 "service \"testb\": not available (no socket $at/testb); scripts/activate lets it listen, $all"
}

@test "service: its socket is there, and nobody listens" {
  kill -KILL "${services[0]}"
  wait "${services[0]}" || true
  use_peer "$img" "$mnt"
  assert_says 32 "service \"peer\": not available (nobody listens on $at/peer); scripts/activate lets it listen, $all"
  start_peer
  use_peer "$img" "$mnt"
  assert_mount_works
  unmount
}

@test "service: none for what the source is" {
  require tool mkfs.ext4
  truncate -s 1M "$img"
  mkfs.ext4 -q -O ^has_journal "$img"
  stock_mount -t fuse.svc "$img" "$mnt"
  assert_says 32 "the source is of type \"ext4\", but service \"ext4\" is not available (no socket $at/ext4); scripts/activate lets it listen, $all"
}

@test "service: none named, and no way to guess" {
  stock_mount -t fuse.svc none "$mnt"
  assert_says 1 "which service? use -t fuse.svc.NAME or -o svc=NAME, as there is no source to look at; \"fuse-svc list\" shows all"
  stock_mount -t fuse.svc "$img" "$mnt"
  assert_says 32 "$img: file system type not recognized; use -t fuse.svc.NAME or -o svc=NAME, $all"
  stock_mount -t fuse.svc "$mnt" # what mount(8) itself has to say
  [[ $status == 1 && $stderr == "mount: $mnt: can't find in /etc/fstab." ]]
}

#
# Source and target
#

@test "source: missing, a directory, none at all" {
  use_archive
  stock_mount -t fuse.svc.archive "$img.zpi" "$mnt"
  assert_says 32 "$img.zpi: cannot open: No such file or directory"
  stock_mount -t fuse.svc "$img.zpi" "$mnt"
  assert_says 32 "$img.zpi: cannot open the source: No such file or directory"
  fstab ro "$img.zpi" "$mnt" fuse.svc.archive
  stock_mount "$mnt"
  assert_says 32 "$img.zpi: cannot open: No such file or directory"
  stock_mount -t fuse.svc.archive "$BATS_TEST_TMPDIR" "$mnt"
  assert_says 32 "$BATS_TEST_TMPDIR: neither a regular file nor a block device, which a source must be"
  stock_mount -t fuse.svc.archive none "$mnt"
  assert_says 32 'service "archive" wants a source, and none was named; put it before the mount point'
}

@test "source: empty" {
  use_archive
  truncate -s 0 "$img"
  stock_mount -t fuse.svc "$img" "$mnt"
  assert_says 32 "$img: file system type not recognized; the source is empty"
  stock_mount -t fuse.svc.archive "$img" "$mnt"
  assert_says 32 "archive: $img: not an archive of a known format: it is empty"
}

@test "source: what the service is not for" {
  use_archive
  require tool mkfs.ext4
  truncate -s 1M "$img.2"
  mkfs.ext4 -q -O ^has_journal "$img.2"
  stock_mount -t fuse.svc "$img" "$mnt"
  assert_says 32 "$img: file system type not recognized; the source looks like \"archive\": -t fuse.svc.archive"
  stock_mount -t fuse.svc.archive "$img" "$mnt"
  assert_mount_works
  unmount
  stock_mount -t fuse.svc.archive "$img.2" "$mnt"
  assert_says 32 "archive: $img.2: not an archive of a known format; the source looks like \"ext4\": -t fuse.svc.ext4"
  start_peer ext4
  stock_mount -t fuse.svc.ext4 "$img.2" "$mnt"
  assert_mount_works
  unmount
}

@test "source: damaged" {
  use_archive
  head -c 80 "$img" >"$img.2"
  stock_mount -t fuse.svc.archive "$img.2" "$mnt"
  assert_says 32 "archive: $img.2: corrupt archive: a zip without its end"
}

@test "source: a whole disk with partitions, encrypted, swap" {
  use_archive
  truncate -s 0 "$img" && truncate -s 1M "$img"
  bytes '\x00\x00\x02\x00\x83\x00\x0a\x00\x01\x00\x00\x00\xff\x07\x00\x00' 446 # one of type 83
  bytes '\x55\xaa' 510
  stock_mount -t fuse.svc "$img" "$mnt"
  assert_says 32 "$img: file system type not recognized; the source is a whole disk (dos): losetup -fP --show $img, then mount a partition of the device that it names, such as /dev/loop0p1"
  require loop
  use_loop "$img"
  stock_mount -t fuse.svc "$loop" "$mnt"
  assert_says 32 "$loop: file system type not recognized; the source is a whole disk (dos): mount a partition, lsblk $loop shows them"

  bytes 'LUKS\xba\xbe\x00\x01' 0
  local encrypted="the source is encrypted: cryptsetup open $img NAME, then mount /dev/mapper/NAME"
  stock_mount -t fuse.svc "$img" "$mnt"
  assert_says 32 "the source is of type \"crypto_LUKS\", but service \"crypto_LUKS\" is not available (no socket $at/crypto_LUKS); $encrypted"
  stock_mount -t fuse.svc.archive "$img" "$mnt"
  assert_says 32 "archive: $img: not an archive of a known format; $encrypted"

  truncate -s 0 "$img" && truncate -s 1M "$img" && mkswap -q "$img"
  stock_mount -t fuse.svc.archive "$img" "$mnt"
  assert_says 32 "archive: $img: not an archive of a known format; the source is \"swap\", which is no file system"
}

@test "source: a hint only where it helps" {
  require tool mkfs.ext4 tool mksquashfs
  truncate -s 1M "$img"
  mkfs.ext4 -q -O ^has_journal "$img"
  start_peer ext3
  obey hello args 'open $SOURCE O_RDONLY' 'msg 3 damaged' 'bye 1'
  stock_mount -t fuse.svc.ext3 "$img" "$mnt"
  assert_says 32 'ext3: damaged' # the same family
  use_peer "$img" "$mnt"
  assert_says 32 'peer: damaged' # who knows what it is for
  start_peer squashfs
  stock_mount -t fuse.svc.squashfs "$img" "$mnt"
  assert_says 32 'squashfs: damaged; the source looks like "ext4": -t fuse.svc.ext4'
  obey hello args 'open $SOURCE O_RDONLY' 'msg 3 unknown option "x"' 'bye 1'
  stock_mount -t fuse.svc.squashfs "$img" "$mnt"
  assert_says 32 'squashfs: unknown option "x"' # which is not about what is in it
  obey hello args 'msg 3 what is foo?' 'bye 1'
  use_peer -o foo "$img" "$mnt"
  assert_says 32 'peer: what is foo?' # it has not even looked at it
}

# The command that the error ends with.
run_hint() {
  local hint=${stderr##*; }
  eval "${hint%"$full_stop"}"
}

@test "target: missing, a file, a directory, mounted already" {
  use_archive
  mnt=$BATS_TEST_TMPDIR/new
  stock_mount -t fuse.svc.archive "$img" "$mnt"
  assert_says 32 "cannot use the mount point: No such file or directory; mkdir -p $mnt"
  mnt="$BATS_TEST_TMPDIR/a b"
  stock_mount -t fuse.svc.archive "$img" "$mnt"
  assert_says 32 "cannot use the mount point: No such file or directory; mkdir -p '$mnt'"
  run_hint
  stock_mount -t fuse.svc.archive "$img" "$mnt"
  assert_mount_works
  run_umount "$mnt"
  mnt="$BATS_TEST_TMPDIR/it's \$(touch $BATS_TEST_TMPDIR/evil)"
  stock_mount -t fuse.svc.archive "$img" "$mnt"
  run_hint
  [[ -d $mnt && ! -e $BATS_TEST_TMPDIR/evil ]]

  mnt=$BATS_TEST_TMPDIR/mnt
  stock_mount -t fuse.svc.archive "$img" "$mnt"
  assert_mount_works
  stock_mount -t fuse.svc.archive "$img" "$mnt"
  assert_status 32
  assert_equal "$stderr" "$(error_line "$img is already mounted here; to mount it anew: umount $mnt")"
  unmount

  mnt=$BATS_TEST_TMPDIR/file
  touch "$mnt"
  stock_mount -t fuse.svc.archive "$img" "$mnt"
  assert_says 32 'the mount point is a file, but service "archive" mounts on a directory'
  mnt=$BATS_TEST_TMPDIR/mnt
  obey hello args 'fsopen 0' 'source x' 'mntpt file $TARGET' 'msg 3 no' 'bye 1'
  use_peer "$img" "$mnt"
  assert_says 32 'the mount point is a directory, but service "peer" mounts on a file'
}

# Half a path, or one with other bytes, would be that of something else.
@test "target: a path that cannot be pasted" {
  local name
  for name in $'a\nb' 'a\b' "$(printf '%0200d/' 1 2)new"; do
    mnt=$BATS_TEST_TMPDIR/$name
    run_mount "$img" "$mnt" -t fuse.svc.peer
    assert_status 32
    [[ $stderr == *': cannot use the mount point: No such file or directory; mkdir -p PATH'"$full_stop" ]]
  done
}

@test "umount: busy" {
  use_archive
  stock_mount -t fuse.svc.archive "$img" "$mnt"
  assert_mount_works
  exec {busy}<"$mnt/hello"
  run_umount "$mnt"
  exec {busy}<&-
  [[ $status == 32 && $stderr == "umount: $mnt: target is busy." ]]
  unmount
}

#
# Options
#

@test "options: ours, misspelled or with a bad value" {
  use_peer -o svc-timout=5 "$img" "$mnt"
  assert_says 1 'unknown option "svc-timout" (there are svc=, svc-timeout=, svc-suid, svc-dev, svc-noblk)'
  use_peer -o svc-timeout=5s "$img" "$mnt"
  assert_says 1 'option "svc-timeout" takes whole seconds, up to 31536000, or 0 to wait for ever: svc-timeout=300'
  use_peer -o svc-suid=1 "$img" "$mnt"
  assert_says 1 'option "svc-suid" takes no value'
  stock_mount -t fuse.svc -o svc=a/b "$img" "$mnt"
  assert_says 1 'option "svc" takes the name of a service, such as svc=archive'
  use_peer -o svc=archive "$img" "$mnt"
  assert_says 1 'svc=archive contradicts the type'
  use_peer -o remount,ro "$img" "$mnt"
  assert_says 1 'remount: fuse.svc.peer is not mounted here'
}

# Newer mount(8) has a word of its own for it, and 2.38 would drop an open quote.
# bats test_tags=helper
@test "options: a list that is none" {
  run_mount "$img" "$mnt" -t fuse.svc.peer -o ro,=x
  assert_says 1 'malformed options "ro,=x": a quote is open, or a name is missing before "="'
  run_mount "$img" "$mnt" -t fuse.svc.peer -o 'key="a'
  assert_says 1 'malformed options "key="a": a quote is open, or a name is missing before "="'
}

@test "options: what the server does not know" {
  use_archive
  stock_mount -t fuse.svc.archive -o foo "$img" "$mnt"
  assert_says 32 'archive: unknown option "foo"'
}

#
# Servers that fail, and the system
#

@test "server: dies, gives up, is too slow" {
  obey hello args
  use_peer "$img" "$mnt"
  assert_says 32 "service \"peer\": ended before the file system was up; $log_is"
  obey hello args 'bye 1'
  use_peer "$img" "$mnt"
  assert_says 32 "service \"peer\": gave up without saying why; $log_is"
  obey hello args 'bye 0'
  use_peer "$img" "$mnt"
  assert_says 32 "service \"peer\": ended without mounting; $log_is"
  obey hello args wait-eof
  use_peer -o svc-timeout=1 "$img" "$mnt"
  assert_says 32 "service \"peer\": said nothing for 1 seconds (svc-timeout=SECONDS waits longer); $log_is"
}

@test "source: cannot be written to, and the server fails" {
  require loop
  use_loop "$img" --read-only
  obey hello args 'open $SOURCE O_RDWR' 'open $SOURCE O_RDONLY' 'msg 3 journal is dirty.' 'bye 1'
  use_peer "$loop" "$mnt"
  assert_says 32 'peer: journal is dirty; the source cannot be written to, which may be why; use a copy that can'
}

# A look at it would ask the server that hangs, while what it mounted is there.
@test "source: covered by the mount, whose server gives up and hangs" {
  cp "$img" "$mnt/img"
  until_step init 'bye 1' wait-eof
  run_mount "$mnt/img" "$mnt" -t fuse.svc.peer -o svc-timeout=0
  assert_says 32 "service \"peer\": gave up without saying why; $log_is"
}

@test "source: a device that is mounted already" {
  require loop tool lsblk
  use_loop "$img"
  obey hello args 'open $SOURCE O_RDONLY' 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' init 'bye 0' serve
  mkdir "$mnt.2"
  use_peer "$loop" "$mnt.2"
  assert_status 0
  use_peer "$loop" "$mnt"
  assert_says 32 "$loop is mounted already, or in use by something else; lsblk $loop"
  assert_equal "$(lsblk --noheadings --raw --output MOUNTPOINT "$loop")" "$mnt.2"
  unmount "$mnt.2"
}

@test "/dev/fuse: missing" {
  mount -t tmpfs -o mode=755 tmpfs "$BATS_TEST_TMPDIR/mnt"
  mkdir "$mnt/mnt" "$mnt/dev"
  mknod -m 666 "$mnt/dev/null" c 1 3
  mount --bind "$mnt/dev" /dev # of the test's own namespace
  mnt=$mnt/mnt
  use_peer "$img" "$mnt"
  umount /dev
  assert_says 32 'cannot open /dev/fuse: No such file or directory; modprobe fuse (a container must be given that device)'
  umount "$BATS_TEST_TMPDIR/mnt"
}
