#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Where an ordinary user may mount: what the user could write to, on file systems made for files.
#
# shellcheck disable=SC2016 # the scripted server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load ../lib

setup() {
  prepare
  prepare_users
  start_peer
  share_services
  place=''
}

teardown() {
  [[ -z ${place:-} ]] || leave_places
  clean_up
}

# What a test mounted for its targets to lie in; the last one first.
leave_places() {
  while mountpoint -q "$home/place"; do umount --lazy "$home/place" || break; done
}

# place TYPE SOURCE [ARGS...]: a mount on $place, of which alice gets the root directory
place() {
  place=$home/place
  mkdir -p "$place"
  mount -t "$@" "$place" 2>"$BATS_TEST_TMPDIR/place.err" ||
    skip "no $1 here: $(cat "$BATS_TEST_TMPDIR/place.err")"
  chown alice:alice "$place" && chmod 755 "$place"
}

# mount_at TARGET: as alice, without mount(8) before it
mount_at() {
  mnt=$1
  if [[ -d $1 ]]; then
    obey_and_mount
  else
    obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' init 'bye 0' 'serve file'
  fi
  run_mount_as alice "$img" "$1" -t fuse.svc.peer
}

# assert_works_at TARGET: it is mounted there, as a user's
assert_works_at() {
  mount_at "$1"
  assert_mount_works || return
  assert_option nosuid nodev "user_id=$alice_id" || return
  assert_utab "TARGET=$1 " || return
  run_as alice umount "$1"
  assert_status 0 || return
  assert_nothing_mounted
}

# assert_refused_at TARGET TEXT...: for want of a right, and no server was bothered
assert_refused_at() {
  mount_at "$1"
  assert_status 1 || return
  assert_error "${@:2}" || return
  refute_log start || return
  assert_nothing_mounted
}

# assert_fails_at TARGET: whatever the reason
assert_fails_at() {
  mount_at "$1"
  [[ $status == 1 || $status == 32 ]] || fail "exit code $status" || return
  assert_nothing_mounted
}

assert_nothing_mounted() {
  [[ -z $(our_mounts) ]] || fail "mounted: $(our_mounts)" || return
  assert_equal "$(utab)" ''
}

#
# Rights
#

@test "target: a directory of the user's, whatever its mode beside write and search" {
  local mode
  for mode in 755 700 300 1777 1700 2755 4755; do
    chmod "$mode" "$mnt"
    assert_works_at "$mnt" || fail "mode $mode"
  done
}

@test "target: a directory in which the user may not write, or not search" {
  local mode
  for mode in 555 500 0 077 200 600 100 400 666; do
    chmod "$mode" "$mnt"
    assert_refused_at "$mnt" 'may not write to the mount point' || fail "mode $mode"
  done
}

@test "target: a regular file of the user's" {
  local mode
  touch "$home/alice/file"
  chown alice "$home/alice/file"
  for mode in 644 200 600; do
    chmod "$mode" "$home/alice/file"
    assert_works_at "$home/alice/file" || fail "mode $mode"
  done
  for mode in 444 0 555 066; do
    chmod "$mode" "$home/alice/file"
    assert_refused_at "$home/alice/file" 'may not write to the mount point' || fail "mode $mode"
  done
}

@test "target: what is another's" {
  assert_refused_at "$home/bob/mnt" 'may not write to the mount point'
  assert_refused_at "$home" 'may not write to the mount point'
  assert_refused_at / 'may not write to the mount point'
  assert_refused_at /etc 'may not write to the mount point'
  assert_refused_at /etc/passwd 'may not write to the mount point'
  assert_refused_at "$home/bob/img" 'may not write to the mount point'
}

@test "target: root's, in a directory of the user's" {
  install -d -m 755 "$home/alice/roots"
  install -m 644 /dev/null "$home/alice/roots-file"
  assert_refused_at "$home/alice/roots" 'may not write to the mount point'
  assert_refused_at "$home/alice/roots-file" 'may not write to the mount point'
}

@test "target: what all may write to" {
  install -d -m 777 "$home/open"
  install -m 666 /dev/null "$home/open-file"
  assert_works_at "$home/open"
  assert_works_at "$home/open-file"
}

@test "target: by a supplementary group" {
  install -d -m 775 -g team "$home/shared"
  install -m 664 -g team /dev/null "$home/shared-file"
  assert_works_at "$home/shared"
  assert_works_at "$home/shared-file"
  chgrp bob "$home/shared" "$home/shared-file"
  assert_refused_at "$home/shared" 'may not write to the mount point'
  assert_refused_at "$home/shared-file" 'may not write to the mount point'
}

@test "target: a group of the user's that this process is not in" {
  install -d -m 775 -g team "$home/shared"
  obey_and_mount
  run_command setpriv --reuid=alice --regid=alice --clear-groups --reset-env -- \
    /sbin/mount.fuse.svc "$img" "$home/shared" -t fuse.svc.peer
  mnt=$home/shared
  assert_mount_fails 1 'may not write to the mount point'
}

@test "target: a group that the owner has less rights than" {
  install -d -m 575 -o alice -g team "$home/odd"
  assert_refused_at "$home/odd" 'may not write to the mount point'
}

@test "target: by an access list" {
  require tool setfacl
  install -d -m 755 "$home/listed"
  setfacl -m "u:alice:rwx" "$home/listed" || skip "no access lists here"
  assert_works_at "$home/listed"
  setfacl -m "u:alice:rx" "$home/listed"
  assert_refused_at "$home/listed" 'may not write to the mount point'
  install -d -m 777 "$home/listed-2"
  setfacl -m "u:alice:---" "$home/listed-2"
  assert_refused_at "$home/listed-2" 'may not write to the mount point'
}

@test "target: a sticky directory, like /tmp" {
  install -d -m 1777 "$home/tmp"
  assert_refused_at "$home/tmp" sticky
  chown bob "$home/tmp"
  assert_refused_at "$home/tmp" sticky
  install -d -m 1775 -g team "$home/team"
  assert_refused_at "$home/team" sticky
  chown alice "$home/tmp"
  assert_works_at "$home/tmp"
}

@test "target: in a sticky directory: the user's own, and nobody else's" {
  install -d -m 1777 "$home/tmp"
  install -d -o alice "$home/tmp/mine"
  install -d -o bob "$home/tmp/his"
  install -m 666 -o bob /dev/null "$home/tmp/file"
  assert_works_at "$home/tmp/mine"
  assert_refused_at "$home/tmp/his" 'may not write to the mount point'
  assert_works_at "$home/tmp/file" # as anybody may write to it
}

@test "target: read-only" {
  place tmpfs none
  touch "$place/file" && chown alice "$place/file"
  mount -o remount,bind,ro "$place"
  assert_refused_at "$place" 'may not write to the mount point'
  assert_refused_at "$place/file" 'may not write to the mount point'
}

@test "target: a read-only bind of what the user may write to" {
  place=$home/place
  mkdir "$place"
  mount --bind "$mnt" "$place"
  mount -o remount,bind,ro "$place"
  assert_refused_at "$place" 'may not write to the mount point'
}

@test "target: what the user cannot reach" {
  install -d -m 700 "$home/bob/private"
  install -d -m 777 "$home/bob/private/open" "$secret/open"
  install -m 666 /dev/null "$secret/file"
  chown bob "$home/bob/private"
  assert_fails_at "$home/bob/private/open"
  assert_error 'Permission denied'
  mnt=$secret/open
  run_mount_as alice "$img" "$mnt" -t fuse.svc.peer
  assert_mount_fails "$status" 'Permission denied'
  [[ $status != 0 ]]
}

@test "target: what is neither directory nor regular file" {
  local target
  mkfifo "$home/alice/fifo"
  mknod "$home/alice/null" c 1 3
  ln -s "$home/nowhere" "$home/alice/dangling"
  ln -s loop "$home/alice/loop"
  chown -h alice "$home/alice"/{fifo,null,dangling,loop}
  for target in fifo null dangling loop missing missing/mnt img/mnt; do
    assert_fails_at "$home/alice/$target" || fail "$target"
  done
  refute_log start
  assert_fails_at /dev/fuse
  assert_fails_at /run/filesystems/peer
}

#
# Names
#

@test "target: symlinks lead where they lead" {
  ln -s mnt "$home/alice/link"
  ln -s "$home/bob/mnt" "$home/alice/to-bob"
  ln -s /etc "$home/alice/to-etc"
  ln -s "$home/alice" "$home/alice/itself"
  chown -h alice "$home/alice"/{link,to-bob,to-etc,itself}
  for target in link link/ itself/mnt itself/itself/link mnt/. mnt/../mnt ../alice/mnt; do
    obey_and_mount
    run_mount_as alice "$img" "$home/alice/$target" -t fuse.svc.peer
    assert_status 0 || fail "$target"
    assert_mounted "$mnt" || fail "$target"
    assert_utab "TARGET=$mnt " || fail "$target"
    run_as alice umount "$mnt"
    assert_status 0
  done
  assert_refused_at "$home/alice/to-bob" 'may not write to the mount point'
  assert_refused_at "$home/alice/to-etc" 'may not write to the mount point'
  assert_refused_at "$home/alice/to-etc/passwd" 'may not write to the mount point'
}

@test "target: relative paths" {
  local target
  mkdir -m 755 "$home/alice/mnt/deep"
  for target in mnt ./mnt ../alice/mnt mnt/../mnt; do
    obey_and_mount
    run_command setpriv --reuid=alice --regid=alice --init-groups --reset-env -- \
      env -C "$home/alice" /sbin/mount.fuse.svc img "$target" -t fuse.svc.peer
    assert_status 0 || fail "$target"
    assert_mounted "$mnt"
    assert_utab "TARGET=$mnt "
    assert_log "arg 1: img" "arg 2: $target"
    unmount
  done
  obey_and_mount
  run_command setpriv --reuid=alice --regid=alice --init-groups --reset-env -- \
    env -C "$mnt" /sbin/mount.fuse.svc ../img . -t fuse.svc.peer
  assert_status 0
  assert_utab "TARGET=$mnt "
  unmount
}

@test "target: descriptors and directories of the helper's own are no way in" {
  local i target
  for i in {0..24}; do
    for target in "/proc/self/fd/$i" "/dev/fd/$i"; do
      assert_fails_at "$target" || fail "$target: $status"
    done
  done
  for target in /proc/self/root /proc/self/root/etc /proc/self/cwd/etc /proc/thread-self/root /proc/1/root /proc/1/cwd \
    /proc/self/exe /proc/self/ns/mnt /proc/self/map_files /proc/self /proc/self/task /proc/self/fd /proc/self/attr; do
    mnt=$target
    obey_and_mount
    run_mount_as alice "$img" "$target" -t fuse.svc.peer
    [[ $status == 1 || $status == 32 ]] || fail "$target: exit code $status"
    assert_nothing_mounted || fail "$target"
  done
}

@test "target: the parent's descriptors, by its number" {
  obey hello args 'sleep 3' 'bye 1'
  start_as alice /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc.peer
  assert_log 'fusedev: OK'
  for pid in $(our_processes | awk '/mount.fuse.svc/ { print $1 }'); do
    for what in fd cwd root exe environ mem maps stat; do
      run_as alice ls "/proc/$pid/$what/"
      case $what in fd | cwd | root) [[ $status != 0 ]] || fail "$pid/$what: $stdout" ;; esac
    done
    for what in environ mem maps; do
      run_as alice cat "/proc/$pid/$what"
      [[ $status != 0 ]] || fail "$pid/$what can be read"
    done
  done
  wait "$helper" || true
}

@test "target: a name with whatever a name may hold" {
  local name
  for name in 'a b' $'new\nline' $'tab\ttab' 'back\slash' 'com,ma' '#hash' 'Füße' $'\xff\xfe' ' ' '-o' "$(printf '%0255d' 0)"; do
    install -d -o alice -g alice "$home/alice/$name"
    obey_and_mount
    run_mount_as alice "$img" "$home/alice/$name" -t fuse.svc.peer
    assert_status 0 || fail "$name"
    assert_equal "$(our_mounts | wc -l)" 1
    assert_utab svc=peer,
    run_as alice umount "$home/alice/$name"
    assert_status 0 || fail "umount $name"
    assert_nothing_mounted
  done
}

@test "target: a name that looks like two lines of a mount table" {
  local name=$'x\n1 1 0:1 / /etc rw - fuse.svc.peer peer rw,user_id=59001'
  mkdir -p "$home/alice/$name/etc"
  chown -R alice "$home/alice"
  obey hello args 'fsopen 0' 'source x' 'mntpt dir $TARGET' 'mount 0' 'bye 1'
  run_mount_as alice "$img" "$home/alice/$name/etc" -t fuse.svc.peer
  assert_status 32
  assert_nothing_mounted
}

@test "target: too long a path" {
  local part i
  part=$(printf '%0200d' 0)
  cd "$home/alice"
  for ((i = 0; i < 30; i++)); do
    mkdir "$part" && cd "$part"
  done
  chown alice .
  obey_and_mount
  run_as alice /sbin/mount.fuse.svc "$img" . -t fuse.svc.peer
  # shellcheck disable=SC2103
  cd ..
  i=$(our_mounts | wc -l)
  umount --lazy --no-canonicalize "./$part" 2>/dev/null || true # nobody else could, by its path
  cd "$BATS_TEST_TMPDIR"
  assert_status 32
  assert_equal "$i" 0
  assert_nothing_mounted
}

@test "target: what has no name any more" {
  as_user alice mkdir "$home/alice/gone"
  cd "$home/alice/gone"
  rmdir "$home/alice/gone"
  obey_and_mount
  run_as alice /sbin/mount.fuse.svc "$img" . -t fuse.svc.peer
  cd "$BATS_TEST_TMPDIR"
  [[ $status == 1 || $status == 32 ]] || fail "exit code $status"
  assert_nothing_mounted
}

@test "target: a file that no mount has: a memfd of the user's" {
  require tool perl
  [[ $(uname -m) == x86_64 ]] || skip "memfd_create has another number here"
  start_as alice perl -e '$| = 1; my $fd = syscall(319, my $n = "x", 0); print "$fd\n"; sleep 60'
  wait_for 5 test -s "$BATS_TEST_TMPDIR/stdout"
  target=/proc/$helper/fd/$(<"$BATS_TEST_TMPDIR/stdout")
  [[ -f $target ]]
  assert_fails_at "$target"
}

@test "target: in a mount namespace of the user's own" {
  as_user alice unshare --user --map-root-user --mount true 2>/dev/null || skip "no user namespaces for users"
  start_as alice unshare --user --map-root-user --mount sh -c \
    "mount -t tmpfs x $mnt && mkdir $mnt/dir && touch $home/alice/ready && exec sleep 60"
  wait_for 5 test -e "$home/alice/ready"
  obey_and_mount
  for target in "$mnt" "$mnt/dir" "$home/alice"; do
    run_mount_as alice "$img" "/proc/$helper/root$target" -t fuse.svc.peer
    [[ $status == 1 || $status == 32 ]] || fail "exit code $status"
    ! grep -aF ' - fuse.svc' "/proc/$helper/mountinfo" || fail "mounted in there"
    assert_nothing_mounted
  done
  refute_log 'mount 0: OK'
}

#
# Kinds of file systems
#

@test "target: on tmpfs" {
  place tmpfs none
  assert_works_at "$place"
  as_user alice mkdir "$place/dir"
  assert_works_at "$place/dir"
}

@test "target: on ext4" {
  require loop tool mkfs.ext4
  truncate -s 8M "$BATS_TEST_TMPDIR/ext4"
  mkfs.ext4 -q -O ^has_journal "$BATS_TEST_TMPDIR/ext4"
  use_loop "$BATS_TEST_TMPDIR/ext4"
  place ext4 "$loop"
  as_user alice mkdir "$place/dir"
  assert_works_at "$place/dir"
  as_user alice touch "$place/file"
  assert_works_at "$place/file"
}

@test "target: on overlay" {
  mkdir "$home"/{lower,upper,work}
  place overlay -o "lowerdir=$home/lower,upperdir=$home/upper,workdir=$home/work" overlay
  as_user alice mkdir "$place/dir"
  assert_works_at "$place/dir"
}

# The kernel lets nobody look at what lies there who is not the user in all ids, not even root.
@test "target: on another FUSE mount of the user's: mounted, or not, but nothing between" {
  require server null
  start_service null -- "$FSVC_LIBEXECDIR/null"
  share_services
  run_as alice mount -t fuse.svc.null none "$mnt"
  assert_status 0
  obey hello args 'fsopen 0' 'source x' 'mntpt file $TARGET' 'mount 0' init 'bye 0' 'serve file'
  run_mount_as alice "$img" "$mnt/null" -t fuse.svc.peer
  if ((status == 0)); then
    assert_equal "$(our_mounts | wc -l)" 2
    run_as alice umount "$mnt/null"
    assert_status 0
  fi
  assert_equal "$(our_mounts | wc -l)" 1
  assert_equal "$(utab | wc -l)" 1
  run_as alice umount "$mnt"
  assert_status 0
}

# Without default_permissions it would be for the server to say who may write to it.
@test "target: on another user's FUSE mount" {
  echo user_allow_other >/etc/fuse.conf
  obey_and_mount_with allow_other,default_permissions
  run_mount_as bob "$home/bob/img" "$home/bob/mnt" -t fuse.svc.peer
  assert_status 0
  obey_and_mount
  run_mount_as alice "$img" "$home/bob/mnt" -t fuse.svc.peer
  assert_status 1
  [[ $stderr == *'may not write to the mount point'* ]]
  assert_equal "$(our_mounts | wc -l)" 1
  unmount "$home/bob/mnt"
}

@test "target: twice at a place" {
  obey_and_mount
  run_mount_as alice "$img" "$mnt" -t fuse.svc.peer
  assert_mount_works
  obey_and_mount
  run_mount_as alice "$img" "$mnt" -t fuse.svc.peer
  assert_status 32
  assert_error 'already mounted'
  assert_equal "$(our_mounts | wc -l)" 1
  assert_equal "$(utab | wc -l)" 1
  run_as alice umount "$mnt"
  assert_status 0
}

readonly KIND='file system of this kind'

# start_idler: a process of alice's, $helper, that clean_up ends
start_idler() {
  start_as alice sleep 300
  wait_for 5 grep -qs sleep "/proc/$helper/comm"
}

@test "target: on proc: files that the user may write to" {
  local file
  start_idler
  for file in comm oom_score_adj oom_adj coredump_filter timerslack_ns autogroup sched clear_refs loginuid; do
    [[ -e /proc/$helper/$file ]] || continue
    if as_user alice test -w "/proc/$helper/$file"; then
      assert_refused_at "/proc/$helper/$file" "$KIND" || fail "$file"
    else
      assert_fails_at "/proc/$helper/$file" || fail "$file"
    fi
  done
  for file in comm oom_score_adj; do
    assert_refused_at "/proc/$helper/task/$helper/$file" || fail "task/$file"
    assert_fails_at "/proc/self/$file"
    assert_fails_at "/proc/thread-self/$file"
  done
}

@test "target: on proc: directories" {
  start_idler
  for target in "/proc/$helper" "/proc/$helper/task" "/proc/$helper/net" "/proc/$helper/fd" "/proc/$helper/ns" \
    "/proc/$helper/map_files" /proc /proc/sys /proc/self /proc/self/fd; do
    assert_fails_at "$target" || fail "$target"
  done
}

@test "target: on proc, under another name: a symlink, a bind mount" {
  start_idler
  ln -s "/proc/$helper/comm" "$home/alice/link"
  assert_refused_at "$home/alice/link" "$KIND"
  place=$home/place
  touch "$place"
  mount --bind "/proc/$helper/oom_score_adj" "$place"
  assert_refused_at "$place" "$KIND"
  umount "$place"
}

@test "target: on cgroup2, in a group that is the user's" {
  local cgroup
  cgroup=$(findmnt --noheadings --raw --first-only --types cgroup2 --output TARGET) || skip "no cgroup2"
  cgroup+=/fuse-svc-test.$$
  mkdir "$cgroup" || skip "no groups in cgroup2"
  chown -R alice "$cgroup"
  obey_and_mount
  run_mount_as alice "$img" "$cgroup" -t fuse.svc.peer
  printf '%s\n' "$status $stderr" >"$BATS_TEST_TMPDIR/result"
  run_mount_as alice "$img" "$cgroup/cgroup.procs" -t fuse.svc.peer
  printf '%s\n' "$status $stderr" >>"$BATS_TEST_TMPDIR/result"
  umount --lazy --quiet "$cgroup/cgroup.procs" "$cgroup" 2>/dev/null || true
  rmdir "$cgroup"
  assert_equal "$(grep -c "^1 .*$KIND" "$BATS_TEST_TMPDIR/result")" 2
  assert_nothing_mounted
}

@test "target: on sysfs" {
  for target in /sys /sys/kernel /sys/fs /sys/class /sys/devices; do
    assert_fails_at "$target" || fail "$target"
  done
}

@test "target: on mqueue" {
  place=$home/place
  mkdir "$place"
  # In an IPC namespace of its own, which a process keeps alive.
  unshare --ipc sh -c "mount -t mqueue mqueue $place && touch $place/queue && chown alice $place/queue && exec sleep 300" \
    </dev/null >/dev/null 2>&1 3>&- 4>&- &
  helper=$!
  wait_for 5 test -e "$place/queue" || skip "no mqueue here"
  assert_refused_at "$place/queue" "$KIND"
  assert_refused_at "$place"
  chown alice "$place"
  assert_refused_at "$place" "$KIND"
}

@test "target: on devpts" {
  place devpts -o newinstance,ptmxmode=666 devpts
  assert_refused_at "$place" "$KIND"
  assert_fails_at "$place/ptmx"
}

@test "target: on hugetlbfs" {
  place hugetlbfs none
  assert_refused_at "$place" "$KIND"
}

@test "target: on others that are not made for files" {
  local type tried=0
  for type in tracefs debugfs securityfs configfs bpf fusectl binfmt_misc pstore efivarfs rpc_pipefs selinuxfs smackfs \
    resctrl cpuset cgroup; do
    grep -qw "$type" /proc/filesystems || continue
    place=$home/place
    mkdir -p "$place"
    case $type in
    bpf) mount -t bpf none "$place" 2>/dev/null || continue ;;
    fusectl) mount -t fusectl none "$place" 2>/dev/null || continue ;;
    *) mount -t "$type" -o ro none "$place" 2>/dev/null || continue ;;
    esac
    tried=$((tried + 1))
    [[ $type != bpf ]] || chown alice "$place"
    mount_at "$place"
    [[ $status == 1 && -z $(our_mounts) ]] || fail "$type: $status $stderr"
    [[ $type != bpf || $stderr == *"$KIND"* ]] || fail "$type: $stderr"
    umount "$place"
  done
  ((tried > 0)) || skip "none of them"
}
