#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Mistakes of ordinary users, and of those who let them mount: the whole line that they get, by stock
# mount(8). Where it names a command, it is run, and mends the mistake.
#
# shellcheck disable=SC2016 # the scripted server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load ../lib

setup() {
  prepare
  start_peer
  obey hello args 'open $SOURCE O_RDONLY' 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' init 'bye 0' serve
  share_services
  prepare_users
}

teardown() { clean_up; }

# alice ARGS...: mounts
alice() { run_as alice mount -t fuse.svc.peer "$@"; }

# mend COMMAND: which the message must name
mend() {
  [[ $stderr == *"$1"* ]] || fail "the message does not name: $1" || return
  eval "${1//"$helper_dir"/\/sbin}"
}

alice_can_mount() {
  alice "$img" "$mnt"
  assert_mount_works || return
  run_as alice umount "$mnt"
  assert_quiet
}

@test "the helper is not set-user-ID, the socket is root's" {
  chmod u-s /sbin/mount.fuse.svc
  chmod 220 /run/filesystems/peer
  alice "$img" "$mnt"
  helper_dir=${stderr#*chmod u+s }
  helper_dir=${helper_dir%%/mount.fuse.svc*}
  assert_says 1 "must be root to mount; root can let others: chmod u+s $helper_dir/mount.fuse.svc, see mount.fuse.svc(8)"
  mend "chmod u+s $helper_dir/mount.fuse.svc"
  alice "$img" "$mnt"
  assert_says 1 'you may not use service "peer" (/run/filesystems/peer: Permission denied); root can let users: chmod 222 /run/filesystems/peer, and for good scripts/activate -m 0222'
  mend 'chmod 222 /run/filesystems/peer'
  alice_can_mount
}

@test "a target that is not his" {
  local own='use a directory of your own'
  mnt=$home/bob/mnt
  alice "$img" "$mnt"
  assert_says 1 "you may not write to the mount point: Permission denied; $own"
  mnt=/tmp
  alice "$img" "$mnt"
  assert_says 1 "the mount point is a sticky directory of somebody else's; $own"
  mnt=/proc
  alice "$img" "$mnt"
  assert_status 1
  assert_equal "$stderr" "mount.fuse.svc: /proc: only root may mount over a file system of this kind (0x9fa0); $own"
  mkdir "$secret/mnt"
  mnt=$secret/mnt
  alice "$img" "$mnt"
  assert_says 32 "cannot use the mount point: Permission denied; see who may: namei -l $mnt"
  namei -l "$mnt" | grep -q '^drwx------ root .* secret$'
}

@test "a source that he cannot read" {
  install -m 644 "$img" "$secret/img"
  obey hello args 'open $SOURCE O_RDONLY' 'bye 1'
  alice "$secret/img" "$mnt"
  assert_says 32 "$secret/img: cannot open: Permission denied; see who may: namei -l $secret/img"
  namei -l "$secret/img" | grep -q '^drwx------ root .* secret$'
  run_as alice mount -t fuse.svc "$secret/img" "$mnt"
  assert_says 32 "$secret/img: cannot open the source: Permission denied; see who may: namei -l $secret/img"
  run_mount_as alice LABEL=stick "$mnt" -t fuse.svc.peer
  assert_says 1 'LABEL=stick: only root may name a source so; use its path'
}

@test "what only root may do" {
  alice -o svc-suid "$img" "$mnt"
  assert_says 1 'svc-suid: only root may do that'
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mntopts allow_other' 'mount 0' init 'bye 0' serve
  alice -o allow_other "$img" "$mnt"
  assert_says 1 'allow_other: only root may do that, unless he lets users: echo user_allow_other >>/etc/fuse.conf'
  mend 'echo user_allow_other >>/etc/fuse.conf'
  alice_can_mount
}

@test "fuse.conf: broken, and too many mounts" {
  printf 'user_allow_other\nmount_maximum = 5\n' >/etc/fuse.conf
  alice "$img" "$mnt"
  assert_says 1 '/etc/fuse.conf: line 2: unknown, malformed or repeated; only user_allow_other and mount_max = NUMBER may be there, once each; until then only root can mount'
  echo 'mount_max = 1' >/etc/fuse.conf
  chmod 666 /etc/fuse.conf
  alice "$img" "$mnt"
  assert_says 1 '/etc/fuse.conf: not a small regular file that only root may write to (chmod go-w); until then only root can mount'
  chmod go-w /etc/fuse.conf
  alice_can_mount
  mkdir "$BATS_TEST_TMPDIR/another"
  stock_mount -t fuse.svc.peer "$home/bob/img" "$BATS_TEST_TMPDIR/another"
  assert_status 0
  alice "$img" "$mnt"
  assert_says 1 'there are too many FUSE mounts: mount_max is 1; unmount one, or root can raise it in /etc/fuse.conf'
  echo 'mount_max = 2' >/etc/fuse.conf
  alice_can_mount
  umount "$BATS_TEST_TMPDIR/another"
}

@test "/dev/fuse is root's" {
  mknod -m 600 "$BATS_TEST_TMPDIR/fuse" c 10 229
  mount --bind "$BATS_TEST_TMPDIR/fuse" /dev/fuse
  alice "$img" "$mnt"
  assert_says 1 'you may not open /dev/fuse (Permission denied); root can let users do so: chmod 666 /dev/fuse'
  umount /dev/fuse
}

@test "umount: what somebody else mounted" {
  mkdir "$home/another"
  stock_mount -t fuse.svc.peer "$img" "$home/another"
  assert_status 0
  run_as alice umount "$home/another"
  [[ $status == 32 && $stderr == "umount: $home/another: must be superuser to unmount." ]]
  umount "$home/another"
  run_as alice umount "$mnt"
  [[ $stderr == "umount: $mnt: not mounted." ]]
}
