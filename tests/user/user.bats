#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Ordinary users, by the setuid helper and the stock mount(8) and umount(8): what they get, what
# others see of it, and what stays root's.
#
# shellcheck disable=SC2016 # the scripted server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load ../lib

setup() {
  prepare
  prepare_users
  start_peer
  share_services
  obey_and_mount
}

teardown() { clean_up; }

# alice_mounts [ARGS...]: as she would
alice_mounts() { run_as alice mount -t fuse.svc.peer "$@" "$img" "$mnt"; }

# what she may not do: nobody was asked, nothing is mounted
assert_refused() {
  assert_mount_fails 1 "$@" || return
  refute_log start
}

# assert_users_mount [OPTIONS]: as a user's mount has to look, whoever asked for what. OPTIONS may be
# in utab where fstab grants them: mount(8) is still root then, and newer ones add what we left out.
assert_users_mount() {
  assert_mount_works || return
  assert_option nosuid nodev "user_id=$alice_id" "group_id=$alice_id" || return
  assert_equal "$(mounted_as FSTYPE)" fuse.svc.peer || return
  assert_utab "TARGET=$mnt " 'ATTRS=svc=peer,' || return
  [[ $(utab) != *OPTS=* || -n ${1:-} && $(utab) == *" OPTS=$1" ]] || fail "options in utab: $(utab)"
}

#
# Mounting and unmounting
#

@test "user: mount -t, umount" {
  alice_mounts
  assert_users_mount
  refute_option allow_other
  assert_equal "$(mounted_as SOURCE)" "$img"
  assert_log 'hello: 1-1 flags 0' "caller: $alice_id:$alice_id" 'fusedev: OK' "arg 1: $img" "arg 2: $mnt" 'arg 4: rw'
  as_user alice ls -A "$mnt"
  run_as alice umount "$mnt"
  assert_status 0
  refute_mounted
  assert_equal "$(utab)" ''
}

@test "user: the helper without mount(8) before it" {
  run_mount_as alice "$img" "$mnt" -t fuse.svc.peer
  assert_users_mount
  run_as alice umount "$mnt"
  assert_status 0
}

@test "user: the group that the caller has now is the mount's" {
  run_command setpriv --reuid=alice --regid=team --init-groups --reset-env -- \
    mount -t fuse.svc.peer "$img" "$mnt"
  assert_mount_works
  assert_option "user_id=$alice_id" "group_id=$team_id"
  assert_log "caller: $alice_id:$team_id"
  run_as alice umount "$mnt"
  assert_status 0
}

@test "user: nobody else can look into it, not even root" {
  alice_mounts
  assert_users_mount
  run_as bob ls "$mnt"
  [[ $status != 0 && $stderr == *'Permission denied'* ]]
  run_command ls "$mnt"
  [[ $status != 0 && $stderr == *'Permission denied'* ]]
  unmount
}

@test "user: another one cannot umount it" {
  alice_mounts
  assert_users_mount
  for how in "$mnt" "$img" "--lazy $mnt" "--force $mnt" '--all --types fuse.svc.peer'; do
    # shellcheck disable=SC2086 # words
    run_as bob umount $how
    assert_mounted || fail "umount $how"
    assert_users_mount_is_whole || fail "umount $how"
  done
  run_as bob /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc.peer
  [[ $status != 0 ]]
  assert_users_mount_is_whole
  run_as alice umount "$mnt"
  assert_status 0
  refute_mounted
}

assert_users_mount_is_whole() {
  assert_equal "$(our_mounts | wc -l)" 1 && assert_utab "TARGET=$mnt " && as_user alice ls -A "$mnt"
}

@test "user: root can umount it" {
  alice_mounts
  assert_users_mount
  unmount
  refute_mounted
  assert_equal "$(utab)" ''
}

@test "user: a mount of root's is not an ordinary user's to umount" {
  run_mount "$img" "$mnt" -t fuse.svc.peer
  assert_mount_works
  assert_option user_id=0
  run_as alice umount "$mnt"
  [[ $status != 0 ]]
  assert_mounted
  unmount
}

@test "user: two users at a time, each with an own" {
  alice_mounts
  assert_users_mount
  run_as bob mount -t fuse.svc.peer "$home/bob/img" "$home/bob/mnt"
  assert_status 0
  assert_equal "$(our_mounts | wc -l)" 2
  as_user alice ls -A "$mnt"
  as_user bob ls -A "$home/bob/mnt"
  run_as alice umount "$mnt"
  assert_status 0
  assert_mounted "$home/bob/mnt"
  as_user bob ls -A "$home/bob/mnt"
  run_as bob umount "$home/bob/mnt"
  assert_status 0
}

@test "user: what fails is undone" {
  obey hello args 'fsopen 0' 'source x' 'mntpt dir $TARGET' 'mount 0' 'bye 1'
  alice_mounts
  assert_log 'mount 0: OK'
  assert_mount_fails 32 'gave up'
  assert_equal "$(utab)" ''
}

@test "user: a source that the user may not open stays closed" {
  obey hello args 'open $SOURCE O_RDONLY' 'open $SOURCE O_RDWR' 'open $SOURCE O_WRONLY' 'bye 1'
  chown root "$img"
  chmod 600 "$img"
  alice_mounts
  assert_log "open $img: EACCES"
  refute_log ': OK ro' ': OK rw' ': OK wo'
  assert_mount_fails 32 "$img" 'Permission denied'

  chmod 644 "$img"
  alice_mounts
  assert_log "open $img: OK ro reg" "open $img: EACCES"
  refute_log ': OK rw' ': OK wo'

  chmod 660 "$img"
  chgrp team "$img"
  alice_mounts # by a supplementary group
  assert_log "open $img: OK ro reg" "open $img: OK rw reg" "open $img: OK wo reg"
}

@test "user: so does a file that an option names" {
  obey hello args "open $home/journal O_RDONLY" 'bye 1'
  install -m 600 /dev/null "$home/journal"
  alice_mounts -o "journal=$home/journal"
  assert_log "open $home/journal: EACCES"
  assert_mount_fails 32 "$home/journal" 'Permission denied'
}

@test "user: a set-group-ID program or a capability is not lent to the service" {
  obey hello args 'open $SOURCE O_RDONLY' 'bye 1'
  chown root:bob "$img"
  chmod 640 "$img"
  run_command setpriv --reuid=alice --regid=alice --clear-groups --reset-env -- \
    mount -t fuse.svc.peer "$img" "$mnt"
  assert_log "open $img: EACCES"
  chgrp team "$img" # alice's by /etc/group, but this process is not in it
  run_command setpriv --reuid=alice --regid=alice --clear-groups --reset-env -- \
    mount -t fuse.svc.peer "$img" "$mnt"
  assert_log "open $img: EACCES"
  refute_log ': OK ro'
}

#
# fstab
#

# fstab OPTIONS
fstab() { printf '%s %s fuse.svc.peer %s 0 0\n' "$img" "$mnt" "$1" >/etc/fstab; }

@test "user: fstab: user" {
  fstab noauto,user
  run_as alice mount "$mnt"
  assert_users_mount user=alice
  assert_option noexec # mount(8)'s own meaning of "user"
  refute_option allow_other
  assert_log "caller: $alice_id:$alice_id"
  run_as bob umount "$mnt"
  [[ $status != 0 ]]
  assert_mounted
  run_as alice umount "$mnt"
  assert_status 0
  refute_mounted
  assert_equal "$(utab)" ''
}

@test "user: fstab: by the source, and with what it cannot have" {
  fstab noauto,user,exec,suid,dev,nofail,x-foo=bar,comment=baz
  run_as alice mount "$img"
  assert_users_mount user=alice,x-foo=bar
  refute_option noexec
  unmount
}

@test "user: fstab: user, but the place is another's" {
  fstab noauto,user
  run_as bob mount "$mnt"
  assert_mount_fails 1 'may not write to the mount point'
}

@test "user: fstab: users" {
  fstab noauto,users
  run_as alice mount "$mnt"
  assert_users_mount
  run_as alice umount "$mnt"
  assert_status 0
  run_as bob mount "$mnt"
  assert_mount_fails 1 'may not write to the mount point'
  refute_mounted
}

@test "user: fstab: a line for root alone gives a user nothing more than no line" {
  fstab noauto
  run_as alice mount "$mnt"
  assert_users_mount
  run_as alice umount "$mnt"
  assert_status 0
  run_as bob mount "$mnt"
  [[ $status != 0 ]]
  refute_mounted
}

@test "user: fstab: options of root's are not a user's" {
  local option
  for option in svc-suid svc-dev; do
    fstab "noauto,user,$option"
    run_as alice mount "$mnt"
    assert_refused "$option" 'only root may do that'
  done
}

@test "user: fstab: root mounts the same line as root" {
  fstab noauto,user
  run_command mount "$mnt"
  assert_mount_works
  assert_option user_id=0
  run_as alice umount "$mnt"
  [[ $status != 0 ]]
  assert_mounted
  unmount
}

#
# Options
#

@test "user: each mount flag that is allowed" {
  local option
  for option in ro rw nosuid nodev noexec exec sync async dirsync atime noatime diratime nodiratime \
    relatime norelatime strictatime nostrictatime nosymfollow symfollow suid dev defaults; do
    obey_and_mount
    run_mount_as alice "$img" "$mnt" -t fuse.svc.peer -o "$option"
    assert_users_mount || fail "$option"
    case $option in
    ro | rw | noexec | sync | dirsync | noatime | nodiratime | nosymfollow) assert_option "$option" ;;
    suid | dev | exec | async) refute_option "$option" noexec ;;
    esac || fail "$option"
    unmount
  done
}

@test "user: suid and dev cannot be had" {
  local options
  for options in suid,dev nosuid,suid,nodev,dev defaults 'suid,dev,suid,dev' 'rw,suid,dev,exec,async'; do
    obey_and_mount
    alice_mounts -o "$options"
    assert_users_mount || fail "$options"
    unmount
    obey_and_mount
    run_mount_as alice "$img" "$mnt" -t fuse.svc.peer -o "$options"
    assert_users_mount || fail "$options"
    unmount
  done
}

@test "user: mount flags that are not allowed" {
  local option
  obey_and_mount
  for option in lazytime nolazytime mand nomand silent loud iversion noiversion rw,lazytime,ro; do
    run_mount_as alice "$img" "$mnt" -t fuse.svc.peer -o "$option"
    assert_refused 'only root may do that' || fail "$option"
  done
}

# Older versions of libmount know no such flags, and leave them to the server; newer ones make plain
# "ro" of "ro=recursive" before anybody sees it.
@test "user: a mount flag with a value" {
  local option
  obey_and_mount
  run_mount_as alice "$img" "$mnt" -t fuse.svc.peer -o ro=recursive
  if [[ $status == 0 ]]; then
    assert_users_mount
    assert_option ro
    unmount
  else
    assert_refused 'takes no value'
  fi
  for option in nosuid=recursive suid=fs exec=vfs noatime=; do
    obey_and_mount
    run_mount_as alice "$img" "$mnt" -t fuse.svc.peer -o "$option"
    if [[ $stderr == *'takes no value'* ]]; then
      assert_refused 'takes no value' || fail "$option" # libmount 2.38 knows no such values
    else
      assert_refused 'only root may do that' || fail "$option"
    fi
  done
}

@test "user: no remount, bind, move, propagation" {
  local option
  obey_and_mount
  for option in remount remount,ro bind rbind shared rshared private rprivate slave rslave \
    unbindable runbindable remount,bind,suid; do
    run_mount_as alice "$img" "$mnt" -t fuse.svc.peer -o "$option"
    assert_refused || fail "$option"
  done
}

@test "user: svc-suid, svc-dev" {
  local option
  for option in svc-suid svc-dev svc-dev,svc-suid nosuid,svc-suid svc-dev,dev; do
    run_mount_as alice "$img" "$mnt" -t fuse.svc.peer -o "$option"
    assert_refused 'only root may do that' || fail "$option"
    alice_mounts -o "$option"
    assert_refused 'only root may do that' || fail "$option"
  done
}

@test "user: no other namespace (-N)" {
  local ns
  for ns in 1 /proc/self/ns/mnt "$secret" /nowhere "$img" ''; do
    run_mount_as alice "$img" "$mnt" -t fuse.svc.peer -N "$ns"
    assert_status 1 || fail "$ns"
    [[ $stderr == *'only root may do that'* ]] || fail "$ns: $stderr"
    refute_mounted
  done
  refute_log start
}

@test "user: userspace options do not reach utab, where root's umount would obey them" {
  run_mount_as alice "$img" "$mnt" -t fuse.svc.peer \
    -o 'loop=/dev/loop7,uhelper=evil,helper=evil,user=root,users,owner,group,x-y=z,X-mount.mkdir,_netdev,nofail,encryption=x,offset=4096,sizelimit=1,verity.hashdevice=/x,comment=c'
  assert_users_mount
  assert_log 'arg 4: rw'
  unmount
  assert_equal "$(utab)" ''
}

@test "user: -n writes no line, and umount works without" {
  alice_mounts -n
  assert_mount_works
  assert_equal "$(utab)" ''
  run_as bob umount "$mnt"
  assert_mounted
  run_as alice umount "$mnt"
  assert_status 0
}

@test "user: -f mounts nothing and asks nobody" {
  alice_mounts -f
  assert_status 0
  refute_mounted
  refute_log start
  assert_equal "$(utab)" ''
}

@test "user: -r, -v, -s, -w" {
  run_mount_as alice "$img" "$mnt" -t fuse.svc.peer -r -s
  assert_users_mount
  assert_option ro
  unmount
  run_mount_as alice "$img" "$mnt" -t fuse.svc.peer -v -w
  assert_status 0
  assert_option rw nosuid nodev
  unmount
}

#
# What the server asks for
#

@test "user: a server gets no flag that frees, and adds those that bind" {
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 40f' init 'bye 0' serve # noatime, noexec, nodev, nosuid, ro
  alice_mounts -o suid,dev,exec
  assert_users_mount
  assert_option ro noexec noatime
  unmount
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 20' 'mount 1000' 'mount 80000000' 'bye 1'
  alice_mounts
  assert_log 'mount 20: EINVAL'
  assert_mount_fails 32
}

@test "user: allow_other without user_allow_other: the server asks" {
  obey hello args 'fsopen 0' 'mntopts allow_other' 'bye 1'
  alice_mounts
  assert_log 'hello: 1-1 flags 0' 'mntopts allow_other: EPERM'
  assert_mount_fails 1 user_allow_other
  obey_and_mount_with allow_other # and goes on
  alice_mounts
  assert_log 'mntopts allow_other: EPERM'
  assert_mount_fails 1 user_allow_other
}

@test "user: allow_other without user_allow_other: the caller asks" {
  obey_and_mount_with allow_other
  alice_mounts -o allow_other
  assert_mount_fails 1 user_allow_other
  alice_mounts -o ro,allow_other,noexec
  assert_mount_fails 1 user_allow_other
}

@test "user: allow_other with user_allow_other" {
  echo user_allow_other >/etc/fuse.conf
  obey_and_mount_with allow_other
  alice_mounts -o allow_other
  assert_users_mount
  assert_option allow_other
  assert_log 'hello: 1-1 flags 1' 'mntopts allow_other: OK'
  as_user bob ls -A "$mnt"
  ls -A "$mnt"
  run_as bob umount "$mnt"
  assert_mounted
  run_as alice umount "$mnt"
  assert_status 0
}

@test "user: user_allow_other permits, and does not command" {
  echo user_allow_other >/etc/fuse.conf
  alice_mounts
  assert_users_mount
  refute_option allow_other
  unmount
}

@test "user: allow_root is no way around" {
  obey hello args 'fsopen 0' 'mntopts allow_root' 'bye 1'
  alice_mounts
  assert_log 'mntopts allow_root: EINVAL'
  assert_mount_fails 32
}

@test "user: a server cannot name the ids, the descriptor, the type" {
  local option
  for option in user_id=0 group_id=0 fd=0 rootmode=100000 subtype=x source=/etc suid dev context=x; do
    obey hello args 'fsopen 0' "mntopts $option" 'bye 1'
    alice_mounts
    assert_log "mntopts $option: EINVAL" || fail "$option"
    assert_mount_fails 32 || fail "$option"
  done
}

@test "user: nor can the caller" {
  obey_and_mount
  run_mount_as alice "$img" "$mnt" -t fuse.svc.peer \
    -o 'user_id=0,group_id=0,fd=0,rootmode=100000,subtype=ext4,default_permissions,fsname=/dev/sda,max_read=1'
  assert_users_mount
  assert_equal "$(mounted_as SOURCE)" "$img"
  [[ $(mounted_as OPTIONS) != *user_id=0* && $(mounted_as OPTIONS) != *group_id=0* ]]
  refute_option default_permissions
  unmount
}

# block_device: sets $device, a node of alice's for a loop device, on the tests' own tmpfs
block_device() {
  require loop
  use_loop "$img"
  device=$home/alice/device
  mknod -m 600 "$device" b $((16#$(stat -c %t "$loop"))) $((16#$(stat -c %T "$loop")))
  chown alice "$device"
}

@test "user: a block device is a source like a file: no fuseblk" {
  block_device
  obey_and_mount 'open $SOURCE O_RDWR|O_EXCL' 'bdev $SOURCE O_RDONLY'
  run_as alice mount -t fuse.svc.peer "$device" "$mnt"
  assert_users_mount
  assert_log 'hello: 1-1 flags 0'
  assert_log_matches "open $device: OK rw blk [0-9]+"
  run_as alice umount "$mnt"
  assert_status 0
  run_as alice mount -t fuseblk.svc.peer "$device" "$mnt"
  assert_users_mount
  unmount
}

@test "user: fuseblk, blksize, a block size: not for a user's server" {
  block_device
  obey hello args 'fsopen 1' 'bye 1'
  run_as alice mount -t fuse.svc.peer "$device" "$mnt"
  assert_log 'fsopen 1: EPERM'
  assert_mount_fails 32 fuseblk
  obey hello args 'fsopen 0' 'mntopts blksize=512' 'bye 1'
  run_as alice mount -t fuse.svc.peer "$device" "$mnt"
  assert_log 'mntopts blksize=512: EINVAL'
  assert_mount_fails 32
  obey hello args 'bdev $SOURCE O_RDWR 512' 'bye 1'
  run_as alice mount -t fuse.svc.peer "$device" "$mnt"
  assert_log "bdev $device: EPERM"
  assert_mount_fails 32 'block size'
}

@test "user: a block device of root's" {
  block_device
  chown root "$device"
  obey hello args 'open $SOURCE O_RDONLY' 'bdev $SOURCE O_RDONLY' 'bye 1'
  run_as alice mount -t fuse.svc.peer "$device" "$mnt"
  assert_log "open $device: EACCES" "bdev $device: EACCES"
  assert_mount_fails 32 'Permission denied'
}

#
# Who is no such user
#

@test "user: without the set-user-ID bit" {
  chmod u-s /sbin/mount.fuse.svc
  run_mount_as alice "$img" "$mnt" -t fuse.svc.peer
  assert_refused 'must be root to mount'
  alice_mounts
  assert_refused 'must be root to mount'
}

@test "user: with no_new_privs the bit has no effect" {
  run_command setpriv --reuid=alice --regid=alice --init-groups --no-new-privs --reset-env -- \
    /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc.peer
  assert_refused 'must be root to mount'
}

@test "user: in a user namespace of the user's own the bit has no effect" {
  as_user alice unshare --user --map-root-user true 2>/dev/null || skip "no user namespaces for users"
  run_as alice unshare --user --map-root-user --mount /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc.peer
  [[ $status != 0 ]]
  refute_mounted
  refute_log 'caller: 0:0'
}

@test "user: root's mounts are what they were" {
  run_mount "$img" "$mnt" -t fuse.svc.peer -o svc-suid,svc-dev,lazytime
  assert_mount_works
  refute_option nosuid nodev
  assert_option user_id=0
  unmount
  run_mount "$img" "$mnt" -t fuse.svc.peer -o x-y=z
  assert_utab 'OPTS=x-y=z'
  unmount
}

#
# Real servers
#

@test "user: archive: a zip is mounted, read, and seen by nobody else" {
  require server archive tool zip
  start_service archive -- "$FSVC_LIBEXECDIR/archive"
  share_services
  echo hello >"$BATS_TEST_TMPDIR/file"
  (cd "$BATS_TEST_TMPDIR" && zip -q "$home/alice/a.zip" file)
  chown alice "$home/alice/a.zip"
  chmod 600 "$home/alice/a.zip"
  run_as alice mount -t fuse.svc.archive "$home/alice/a.zip" "$mnt"
  assert_mount_works
  assert_equal "$(as_user alice cat "$mnt/file")" hello
  run_as bob cat "$mnt/file"
  [[ $status != 0 && $stderr == *'Permission denied'* ]]
  assert_option ro nosuid nodev "user_id=$alice_id"
  run_as alice umount "$mnt"
  assert_status 0

  run_as bob mount -t fuse.svc.archive "$home/alice/a.zip" "$home/bob/mnt"
  assert_status 32
  [[ $stderr == *'Permission denied'* ]]
}

@test "user: archive: by what is in the file, through fstab" {
  require server archive tool xorriso
  start_service iso9660 -- "$FSVC_LIBEXECDIR/archive"
  share_services
  mkdir "$BATS_TEST_TMPDIR/tree"
  echo hello >"$BATS_TEST_TMPDIR/tree/file"
  xorriso -as mkisofs -quiet -R -o "$home/alice/iso" "$BATS_TEST_TMPDIR/tree"
  chown alice "$home/alice/iso"
  printf '%s %s fuse.svc noauto,user 0 0\n' "$home/alice/iso" "$mnt" >/etc/fstab
  run_as alice mount "$mnt"
  assert_mount_works
  assert_equal "$(mounted_as FSTYPE)" fuse.svc.iso9660
  assert_equal "$(as_user alice cat "$mnt/file")" hello
  run_as alice umount "$mnt"
  assert_status 0
}

@test "user: null: a directory, and a file" {
  require server null
  start_service null -- "$FSVC_LIBEXECDIR/null"
  share_services
  run_as alice mount -t fuse.svc.null none "$mnt"
  assert_mount_works
  as_user alice sh -c "echo words >$mnt/null"
  run_as alice umount "$mnt"
  assert_status 0
  run_as alice mount -t fuse.svc.null none "$img"
  assert_status 0
  as_user alice sh -c "echo words >$img"
  run_as bob sh -c "echo words >$img"
  [[ $status != 0 ]]
  run_as alice umount "$img"
  assert_status 0
}

@test "user: nofail does not make a mount of what is not there" {
  echo "$img.missing $mnt fuse.svc.peer noauto,user,nofail 0 0" >/etc/fstab
  obey hello args 'open $SOURCE O_RDONLY' 'bye 1'
  run_as alice mount "$mnt"
  assert_equal "$status" 32
  assert_equal "$(utab)" ''
}

@test "user: a socket that is root's alone" {
  chmod 0220 /run/filesystems/peer
  alice_mounts
  assert_mount_fails 1 'you may not use service "peer"'
}

# deaf: a file system of alice's at $deaf that takes a question for a name, and never answers. Not
# even a signal ends who asked.
deaf() {
  deaf=$home/alice/deaf
  install -d -o alice "$deaf"
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' init 'bye 0' 'serve deaf'
  run_mount_as alice "$img" "$deaf" -t fuse.svc.peer
  assert_status 0 || return
  deaf_server=$(our_processes | awk -v peer="$FSVC_PEER" '$2 == peer { print $1 }')
  obey hello args 'open $SOURCE O_RDONLY' 'bye 1'
}

undeaf() {
  kill -KILL "$deaf_server"
  wait_for "$deadline" is_gone "$deaf_server"
  umount "$deaf"
}

@test "user: a source on a file system that never answers" {
  deaf
  run_mount_as alice "$deaf/source" "$mnt" -t fuse.svc.peer -o svc-timeout=1
  assert_status 32
  assert_error 'does not answer'
  undeaf
}

@test "user: a mount point on a file system that never answers" {
  deaf
  run_mount_as alice "$img" "$deaf/mnt" -t fuse.svc.peer -o svc-timeout=1
  assert_status 32
  [[ $stderr == "mount.fuse.svc: $deaf/mnt: "*'does not answer' ]]
  undeaf
}
