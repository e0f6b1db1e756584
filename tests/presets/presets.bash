# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the tests of presets share. A bats file loads it after tests/lib.bash and images.bash.

# As scripts/activate runs a server: nobody, without capabilities.
nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all
  --no-new-privs --)

# start_preset NAME...: services of fuse-svc-run, without network
start_preset() {
  local name
  require server fuse-svc-run || return
  for name; do
    start_service "$name" -- unshare --net --ipc --uts -- \
      "${nobody[@]}" "$FSVC_LIBEXECDIR/fuse-svc-run" "$name" || return
  done
}

# require_preset TYPE...: what serves it, and what makes an image of it
require_preset() {
  local type
  for type; do
    case $type in
    squashfs) require tool squashfuse_ll tool mksquashfs ;;
    erofs) require tool erofsfuse tool mkfs.erofs ;;
    ext[234]) require tool fuse2fs tool "mkfs.$type" tool e2fsck ;;
    ntfs) require tool ntfs-3g tool mkntfs loop ;;
    exfat) require tool mount.exfat-fuse tool mkfs.exfat loop ;;
    fuseiso) require tool fuseiso tool xorriso ;;
    fuse-zip) require tool fuse-zip tool zip ;;
    archivemount) require tool archivemount tool tar ;;
    gocryptfs) require tool gocryptfs ;;
    sshfs) require tool sshfs tool sshd ;;
    *) fail "require_preset: what is $type?" ;;
    esac || return
  done
}

# The process that serves $mnt, which no other does.
real_server() {
  local pid
  for pid in $(find /proc/[0-9]*/fd -lname /dev/fuse 2>/dev/null | cut -d/ -f3 | sort -u); do
    [[ $(readlink "/proc/$pid/exe") == */fuse-svc-run ]] || printf '%s\n' "$pid"
  done
}

# is_clean TYPE FILE: says the file system's own checker, which changes nothing
is_clean() {
  case $1 in
  ext[234]) e2fsck -fn "$2" ;;
  ntfs) ntfsfix --no-action "$2" && ntfs-3g.probe --readwrite "$2" ;;
  exfat) fsck.exfat -n "$2" ;;
  esac >"$BATS_TEST_TMPDIR/fsck.log" 2>&1 ||
    fail "$2 is not clean: $(cat "$BATS_TEST_TMPDIR/fsck.log")"
}

# repair TYPE FILE: by the file system's own tool; then it is clean
repair() {
  case $1 in
  ext[234]) e2fsck -fy "$2" ;;
  ntfs) ntfsfix --clear-dirty "$2" ;;
  exfat) fsck.exfat -y "$2" ;;
  esac >"$BATS_TEST_TMPDIR/repair.log" 2>&1 || (($? <= 1)) ||
    fail "$2 cannot be repaired: $(cat "$BATS_TEST_TMPDIR/repair.log")" || return
  is_clean "$1" "$2"
}

# mount_otherwise TYPE FILE DIR: read-only, without this project: by the kernel's driver where there
# is one, or by the server alone. umount ends it.
mount_otherwise() {
  local loop rc=0
  loop=$(losetup --find --show --read-only "$2") || return
  if grep -qw "$1" /proc/filesystems; then
    mount -t "$1" -o ro "$loop" "$3"
  else
    case $1 in
    ntfs) ntfs-3g -o ro "$loop" "$3" ;;
    exfat) mount.exfat-fuse -o ro "$loop" "$3" ;;
    *) fail "mount_otherwise: what is $1?" ;;
    esac 3>&- 4>&-
  fi || rc=$?
  losetup --detach "$loop"
  return "$rc"
}

# start_sshd: on a free port of this machine, which it sets $port to. Root's key is
# $BATS_TEST_TMPDIR/key, which nobody else can read.
start_sshd() {
  local dir=$BATS_TEST_TMPDIR
  mkdir -p /run/sshd
  ssh-keygen -q -t ed25519 -N '' -f "$dir/key" || return
  ssh-keygen -q -t ed25519 -N '' -f "$dir/host" || return
  for port in {42022..42122}; do
    /usr/sbin/sshd -D -e -f /dev/null -o "Port=$port" -o ListenAddress=127.0.0.1 -o PidFile=none \
      -o "HostKey=$dir/host" -o "AuthorizedKeysFile=$dir/key.pub" -o StrictModes=no -o UsePAM=no \
      -o PermitRootLogin=yes -o "Subsystem=sftp internal-sftp" \
      </dev/null >"$dir/sshd.log" 2>&1 3>&- 4>&- &
    services+=($!)
    wait_for 5 grep -qE 'Server listening|Cannot bind' "$dir/sshd.log" || return
    ! grep -q 'Server listening' "$dir/sshd.log" || break
  done
  printf '[127.0.0.1]:%s %s\n' "$port" "$(cut -d' ' -f1,2 "$dir/host.pub")" >"$dir/known"
}
