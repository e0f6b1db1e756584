#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Ordinary users and the units: the helper is set-user-ID, the sockets are open to all, as
# --enable-setuid has it.

# shellcheck source=tests/systemd/lib.bash
source "$BATS_TEST_DIRNAME/lib.bash"

uid=2001 other=2002

setup_file() {
  local name
  make_images "$BATS_FILE_TMPDIR"
  # mount(8) wants a name for the line in utab. They go with the container.
  useradd --uid "$uid" --no-create-home fsvc-user
  useradd --uid "$other" --no-create-home fsvc-other
  chmod u+s /sbin/mount.fuse.svc
  for name in archive single-file probe; do
    mkdir -p "/etc/systemd/system/fuse-svc-$name.socket.d"
    printf '[Socket]\nSocketMode=0222\n' >"/etc/systemd/system/fuse-svc-$name.socket.d/users.conf"
  done
  systemctl daemon-reload
  systemctl stop fuse-svc-{archive,single-file,probe}.socket
  start_sockets archive single-file probe
}

teardown_file() {
  userdel fsvc-user
  userdel fsvc-other
  chmod u-s /sbin/mount.fuse.svc
  rm -r /etc/systemd/system/fuse-svc-{archive,single-file,probe}.socket.d
  systemctl daemon-reload
  systemctl stop fuse-svc-{archive,single-file,probe}.socket
}

setup() {
  prepare_systemd
  home=/run/user-$uid
  install -d -o "$uid" -g "$uid" -m 711 "$home"
  install -d -o "$uid" -g "$uid" "$home/mnt"
  install -o "$uid" -g "$uid" -m 600 "$BATS_FILE_TMPDIR/image.zip" "$home/image.zip"
  : >/etc/fstab
}

teardown() {
  clean_up_systemd
  rm -rf "$home"
  : >/etc/fstab
}

# as UID COMMAND...
as() {
  run_command setpriv --reuid "$1" --regid "$1" --clear-groups "${@:2}"
}

@test "a user mounts, sees, and unmounts what is his alone" {
  as "$uid" mount -t fuse.svc.archive "$home/image.zip" "$home/mnt"
  assert_equal "$status:$stderr" 0:
  as "$uid" cat "$home/mnt/hello.txt"
  assert_equal "$stdout" hello
  [[ $(findmnt -no FSTYPE,OPTIONS "$home/mnt") == \
    fuse.svc.archive*nosuid,nodev*user_id=$uid,group_id=$uid* ]]
  as "$other" cat "$home/mnt/hello.txt"
  ((status != 0)) && [[ $stderr == *'Permission denied'* ]]
  as "$other" umount "$home/mnt"
  ((status != 0))
  mountpoint -q "$home/mnt" || findmnt "$home/mnt"
  as "$uid" umount "$home/mnt"
  assert_equal "$status:$stderr" 0:
}

@test "a line in fstab that users may mount" {
  echo "$home/image.zip $home/mnt fuse.svc.archive user,noauto 0 0" >/etc/fstab
  as "$uid" mount "$home/mnt"
  assert_equal "$status:$stderr" 0:
  [[ $(findmnt -no OPTIONS "$home/mnt") == *noexec*user_id=$uid,* ]]
  as "$other" umount "$home/mnt"
  ((status != 0))
  as "$uid" umount "$home/mnt"
  assert_equal "$status:$stderr" 0:
}

@test "a user writes to his own file" {
  echo old >"$home/disk"
  chown "$uid" "$home/disk"
  chmod 600 "$home/disk"
  as "$uid" mount -t fuse.svc.single-file "$home/disk" "$home/mnt"
  assert_equal "$status:$stderr" 0:
  # shellcheck disable=SC2016 # the inner shell's
  as "$uid" sh -c 'echo new >"$1/mnt/disk"' sh "$home"
  assert_equal "$status:$stderr" 0:
  as "$uid" umount "$home/mnt"
  wait_for "$usual" are_instances_gone
  assert_equal "$(<"$home/disk")" new
}

@test "a user cannot mount what he cannot read" {
  chown root "$home/image.zip"
  as "$uid" mount -t fuse.svc.archive "$home/image.zip" "$home/mnt"
  assert_equal "$status" 32
  [[ $stderr == *"$home/image.zip"*'Permission denied'* ]]
  wait_for "$usual" are_instances_gone
  systemctl reset-failed
}

@test "the service sees who mounts" {
  mark
  as "$uid" mount -t fuse.svc.probe none "$home/mnt"
  assert_equal "$status" 32
  wait_for "$usual" has_told "$uid:$uid"
  mark
  run_command mount -t fuse.svc.probe none "$home/mnt"
  wait_for "$usual" has_told 0:0
  wait_for 60 are_instances_gone
  systemctl reset-failed
}
has_told() { journal --unit='fuse-svc-probe@*' | grep -qx "probe: is caller: $1"; }

@test "without its set-user-ID bit the helper mounts for root alone" {
  chmod u-s /sbin/mount.fuse.svc
  as "$uid" mount -t fuse.svc.archive "$home/image.zip" "$home/mnt"
  chmod u+s /sbin/mount.fuse.svc
  assert_equal "$status" 1
  [[ $stderr == *'must be root to mount'* ]]
}
