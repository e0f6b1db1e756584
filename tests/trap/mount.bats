#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=mount
#
# mount(2) and its kin, called by a server that knows nothing of contained services.

# shellcheck disable=SC2016 # the odd server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2154 # what tests/lib.bash sets, in a subshell for each test
load ../lib
load trap

setup() { prepare_trap; }
teardown() { clean_up_trap; }

assert_mounts_untouched() {
  [[ $(wc -l </proc/self/mountinfo) == "$n_mounts" ]] || fail "the mount table has changed"
}

# attempt LINE...: the server does this, and after all that mounts as it should
attempt() {
  n_mounts=$(wc -l </proc/self/mountinfo)
  obey fuse "$@" good
  odd_mount "${options[@]}"
  assert_mount_works || return
  # What was refused before had no effect.
  [[ $(wc -l </proc/self/mountinfo) == $((n_mounts + 1)) ]] || fail "more than one mount" || return
  unmount || return
  assert_nothing_left || return
  assert_mounts_untouched
}
options=()

@test "mount: other targets" {
  attempt "mount-at $mnt 6" 'mount-at / 6' 'mount-at /mnt 6' 'mount-at $TARGET/ 6' 'mount-at . 6' \
    'mount-at /source 6' 'call mount NULL NULL fuse 6 NULL' 'call mount a 1 fuse 6 b'
  assert_log "mount $mnt 0x6 : EPERM" 'mount / 0x6 : EPERM' 'mount /mnt 0x6 : EPERM' \
    'mount . 0x6 : EPERM' 'mount /source 0x6 : EPERM' 'call mount NULL NULL fuse 6 NULL: EFAULT' \
    'call mount a 1 fuse 6 b: EFAULT'
}

@test "mount: the target as working directory" {
  n_mounts=$(wc -l </proc/self/mountinfo)
  obey fuse 'call chdir $TARGET' 'mount-at . 6' 'get-init' 'put-init 0' 'serve'
  odd_mount
  assert_ends_well
  assert_log 'mount . 0x6 : OK'
  assert_mounts_untouched
}

@test "mount: other file systems" {
  attempt 'call mount none /usr tmpfs 0 NULL' 'call mount none $TARGET tmpfs 0 a' \
    "call mount none $FSVC_MOUNTPOINT tmpfs 0 a" "call mount none $FSVC_MOUNTPOINT proc 0 a" \
    "call mount none $FSVC_MOUNTPOINT fusectl 0 a" "call mount none $FSVC_MOUNTPOINT NULL 0 a" \
    "call mount none $FSVC_MOUNTPOINT fuse 0 a=b" "call mount none $FSVC_MOUNTPOINT fuse 0 NULL"
  assert_log 'call mount none /usr tmpfs 0 NULL: EPERM' 'call mount none $TARGET tmpfs 0 a: EPERM' \
    "call mount none $FSVC_MOUNTPOINT tmpfs 0 a: ENODEV" \
    "call mount none $FSVC_MOUNTPOINT proc 0 a: ENODEV" \
    "call mount none $FSVC_MOUNTPOINT fusectl 0 a: ENODEV" \
    "call mount none $FSVC_MOUNTPOINT NULL 0 a: EFAULT" \
    "call mount none $FSVC_MOUNTPOINT fuse 0 a=b: EINVAL" \
    "call mount none $FSVC_MOUNTPOINT fuse 0 NULL: EFAULT"
}

@test "mount: binds, moves, remounts, propagation" {
  local flag flags=(0x1000 0x2000 0x20 0x100000 0x40000 0x80000 0x20000 0x5000 0x1020 0x2006)
  attempt "${flags[@]/#/mount-at \$TARGET }" "${flags[@]/#/mount-at / }"
  for flag in "${flags[@]}"; do
    assert_log "mount $FSVC_MOUNTPOINT $flag : EPERM" "mount / $flag : EPERM"
  done
}

@test "mount: options that are nobody's, or somebody else's" {
  local option bad=(suid dev context=x unknown=1 rootcontext=x 'max_read=1,max_read=2' nonempty)
  attempt "${bad[@]/#/mount }"
  for option in "${bad[@]}"; do
    assert_log "mount $FSVC_MOUNTPOINT 0x6 $option: EINVAL"
  done
}

@test "mount: what would free is not passed on" {
  obey fuse 'mount-at $TARGET 0 allow_other,fsname=/dev/sda,subtype=ext4,user_id=4711,max_read=8192' \
    'get-init' 'put-init 0' serve
  odd_mount
  assert_mount_works
  assert_option nosuid nodev user_id=0 allow_other default_permissions max_read=8192
  assert_equal "$(mounted_as SOURCE)" "$img"
  assert_equal "$(mounted_as FSTYPE)" fuse.svc.odd
  unmount
}

@test "mount: what would restrict is passed on" {
  obey fuse "mount-at \$TARGET $((1 | 8 | 16 | 1024 | 2048 | 0x200000 | 0x1000000))" 'get-init' 'put-init 0' serve
  odd_mount
  assert_mount_works
  assert_option ro noexec sync noatime nodiratime
  unmount
}

@test "mount: read-only for the caller, whatever the server's flags" {
  obey fuse 'mount-at $TARGET 0 ' 'get-init' 'put-init 0' serve
  odd_mount -r
  assert_mount_works
  assert_option ro
  unmount
}

@test "mount: the helper refuses an option" {
  obey fuse 'mount max_read=x' 'sleep 20'
  odd_mount
  assert_mount_fails 32
  assert_nothing_left
}

@test "mount: a second one, before and after the first is up" {
  obey fuse mount 'child mount' 'thread mount' wait get-init 'put-init 0' 'sleep 0.2' 'child mount' wait serve
  odd_mount
  assert_mount_works
  assert_equal "$(our_mounts | wc -l)" 1
  wait_for 5 has_lines 4 '^mount '
  assert_equal "$(grep -c '^mount .*: EBUSY' "$log")" 3
  unmount
}
has_lines() { (($(grep -c "$2" "$log") == $1)); }

@test "mount: from another process, from another thread" {
  obey fuse 'child mount' wait get-init 'put-init 0' serve
  odd_mount
  assert_ends_well
  obey fuse 'thread mount' 'thread get-init' 'thread put-init 0' 'thread serve'
  odd_mount
  assert_ends_well
}

@test "mount: without /dev/fuse, with another descriptor" {
  obey mount 'say no device' 'exit 1'
  odd_mount
  assert_mount_fails 32 'odd: no device'
}

@test "mount: not in a step that prepares" {
  local step=$BATS_TEST_TMPDIR/step
  printf '%s\n' fuse mount 'open $SOURCE O_RDWR' 'call umount2 /proc 0' 'exit 3' >"$step"
  : >"$BATS_TEST_TMPDIR/step.log"
  preset "prepare = $FSVC_LIBEXECDIR/odd $step $BATS_TEST_TMPDIR/step.log {source} {mountpoint}" \
    'prepare-status = 0 3'
  obey good
  odd_mount
  assert_ends_well
  grep -qx "mount $FSVC_MOUNTPOINT 0x6 : EBUSY" "$BATS_TEST_TMPDIR/step.log"
  grep -qx 'open /source O_RDWR: OK' "$BATS_TEST_TMPDIR/step.log"
  grep -qx 'call umount2 /proc 0: EPERM' "$BATS_TEST_TMPDIR/step.log"
  : >"$BATS_TEST_TMPDIR/step.log" # nothing is prepared for reading
  odd_mount -r
  assert_ends_well
  [[ ! -s $BATS_TEST_TMPDIR/step.log ]]
}

# Whoever mounts hears now and then that there is something to wait for.
@test "mount: a step that prepares may take longer than an answer" {
  preset 'prepare = /bin/sleep 8'
  obey good
  odd_mount -o svc-timeout=4
  assert_ends_well
}

@test "mount: a step that prepares fails, dies, or leaves a process behind" {
  local step=$BATS_TEST_TMPDIR/step
  : >"$BATS_TEST_TMPDIR/step.log"
  preset "prepare = $FSVC_LIBEXECDIR/odd $step $BATS_TEST_TMPDIR/step.log {source} {mountpoint}"
  obey good
  printf '%s\n' 'say broken beyond repair' 'exit 4' >"$step"
  odd_mount
  assert_mount_fails 32 'odd: broken beyond repair'
  printf '%s\n' 'die 11' >"$step"
  odd_mount
  assert_mount_fails 32 'signal 11'
  printf '%s\n' 'child sleep 0.5' 'exit 0' >"$step"
  odd_mount
  assert_ends_well
  preset 'prepare = /nonexistent/step {source}'
  odd_mount
  assert_mount_fails 32 'odd: /nonexistent/step: No such file or directory'
}

@test "mount: the new mount API is not there" {
  attempt 'call fsopen fuse 0' 'call fsconfig 3 0 a b 0' 'call fsmount 3 0 0' 'call fspick -100 / 0' \
    'call move_mount -100 / -100 /mnt 0' 'call open_tree -100 / 1' 'call mount_setattr -100 / 0 BUFFER 32'
  assert_equal "$(grep -c '^call .*: ENOSYS$' "$log")" 7
}

@test "umount: of the mount point it does nothing, of another place it is refused" {
  attempt 'call umount2 $TARGET 0' 'call umount2 $TARGET 2' 'call umount2 /proc 2' 'call umount2 NULL 0' \
    "call umount2 $mnt 2"
  assert_log "call umount2 $FSVC_MOUNTPOINT 0: OK" "call umount2 $FSVC_MOUNTPOINT 2: OK" \
    'call umount2 /proc 2: EPERM' 'call umount2 NULL 0: EFAULT' "call umount2 $mnt 2: EPERM"
  [[ -e /proc/self ]]
}

@test "mount: signals that interrupt it, and calls that are made again" {
  local how
  for how in restart interrupt; do
    obey "tick $how" 'head $SOURCE' fuse mount get-init 'put-init 0' serve
    odd_mount
    assert_ends_well
    assert_log 'head /source: 1'
  done
}

@test "old kernel: signals that interrupt it, and calls that are made again" {
  without_sync_init
  obey 'tick restart' fuse mount get-init 'put-init 0' serve
  odd_mount
  assert_ends_well
  assert_log "mount $FSVC_MOUNTPOINT 0x6 : OK"
}
