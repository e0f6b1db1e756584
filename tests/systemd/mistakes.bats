#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Mistakes that people make where systemd is: the whole line that they get, and that the command in
# it mends the mistake.

# shellcheck disable=SC2030,SC2031 # variables of lib.bash, set anew in each test
# shellcheck source=tests/systemd/lib.bash
source "$BATS_TEST_DIRNAME/lib.bash"

setup_file() { make_images "$BATS_FILE_TMPDIR"; }

setup() {
  prepare_systemd
  zip=$BATS_FILE_TMPDIR/image.zip
  drop_in=/etc/systemd/system/fuse-svc-archive@.service.d/test.conf
  systemctl start fuse-svc-archive.socket
}

teardown() {
  rm -rf "${drop_in%/*}"
  systemctl daemon-reload
  systemctl stop fuse-svc-{archive,iso9660}.socket
  clean_up_systemd
}

at=/run/filesystems

# try TYPE [SOURCE]
try() { run_command mount -t "fuse.svc$1" "${2:-$zip}" "$mnt"; }

# assert_mended COMMAND: the message ends in it, and it helps
assert_mended() {
  [[ $stderr == *"; $1" ]] || fail "not at the end: $1" || return
  eval "$1" || return
  "${@:2}"
  assert_mount_works || return
  umount "$mnt"
}

@test "service: misspelled, or one that there is not" {
  try .archiv
  assert_says 32 "service \"archiv\": not available (no socket $at/archiv); did you mean \"archive\"? \"fuse-svc list\" shows all"
  try .zip
  assert_says 32 "service \"zip\": not available (no socket $at/zip); there is no unit fuse-svc-zip.socket; \"fuse-svc list\" shows all services"
}

@test "service: not enabled, stopped, and not enabled for what the source is" {
  try .iso9660 "$BATS_FILE_TMPDIR/image.iso"
  assert_says 32 "service \"iso9660\": not available (no socket $at/iso9660); systemctl enable --now fuse-svc-iso9660.socket"
  try '' "$BATS_FILE_TMPDIR/image.iso"
  assert_says 32 "the source is of type \"iso9660\", but service \"iso9660\" is not available (no socket $at/iso9660); systemctl enable --now fuse-svc-iso9660.socket"
  assert_mended 'systemctl enable --now fuse-svc-iso9660.socket' try '' "$BATS_FILE_TMPDIR/image.iso"
  systemctl disable --quiet --now fuse-svc-iso9660.socket

  systemctl mask --quiet --now fuse-svc-archive.socket
  rm -f "$at/archive"
  try .archive
  assert_says 32 "service \"archive\": not available (no socket $at/archive); fuse-svc doctor archive"
  systemctl unmask --quiet fuse-svc-archive.socket
  systemctl start fuse-svc-archive.socket

  # A socket that nobody listens on, as one that was killed leaves it.
  systemctl stop fuse-svc-archive.socket
  perl -MSocket -e 'socket(S, AF_UNIX, SOCK_SEQPACKET, 0); bind(S, pack_sockaddr_un(shift)) or die' "$at/archive"
  try .archive
  assert_says 32 "service \"archive\": not available (nobody listens on $at/archive); systemctl enable --now fuse-svc-archive.socket"
  assert_mended 'systemctl enable --now fuse-svc-archive.socket' try .archive
  systemctl disable --quiet fuse-svc-archive.socket
}

@test "service: a server that dies: the journal has more" {
  mkdir -p "${drop_in%/*}"
  printf '[Service]\nExecStart=\nExecStart=/not/there\n' >"$drop_in"
  systemctl daemon-reload
  try .archive
  assert_says 32 "service \"archive\": ended before the file system was up; journalctl -u 'fuse-svc-archive@*'; fuse-svc doctor archive"
  journalctl --sync
  journalctl -u 'fuse-svc-archive@*' | grep -q 'status=203/EXEC'
  systemctl reset-failed
}

@test "service: for root alone" {
  local home=/run/user-mistakes
  useradd --uid 2003 --no-create-home fsvc-mistake
  install -d -o 2003 -m 711 "$home"
  install -d -o 2003 "$home/mnt"
  install -o 2003 "$zip" "$home/image.zip"
  mnt=$home/mnt
  chmod u+s /sbin/mount.fuse.svc
  run_as fsvc-mistake mount -t fuse.svc.archive "$home/image.zip" "$mnt"
  assert_says 1 "you may not use service \"archive\" ($at/archive: Permission denied); root can let users: chmod 222 $at/archive, and for good SocketMode=0222 by systemctl edit fuse-svc-archive.socket"
  chmod 222 "$at/archive"
  run_as fsvc-mistake mount -t fuse.svc.archive "$home/image.zip" "$mnt"
  assert_mount_works
  umount "$mnt"
  chmod u-s /sbin/mount.fuse.svc
  userdel fsvc-mistake
  rm -r "$home"
}

@test "/dev/fuse: a unit that may not open it" {
  run_command systemd-run --quiet --pipe --wait --collect --property=DevicePolicy=closed \
    mount -t fuse.svc.archive "$zip" "$mnt"
  assert_says 32 'cannot open /dev/fuse: Operation not permitted; the container or unit that this runs in does not allow it'
}
