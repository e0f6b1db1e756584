#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Code written against fuse_service.h alone, low level and high level: it compiles with what is
# installed, as its author would compile it, and it works.
#
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

bats_require_minimum_version 1.5.0
load ../lib

# What is installed lies in a staging folder: pkg-config is told where.
relocate_pkgconfig() {
  cp -r "$FSVC_LIBDIR/pkgconfig" "$BATS_FILE_TMPDIR"
  sed -i -e "s|^includedir=.*|includedir=$FSVC_INCLUDEDIR|" -e "s|^libdir=.*|libdir=$FSVC_LIBDIR|" \
    "$BATS_FILE_TMPDIR"/pkgconfig/*.pc
}

# build PROGRAM: beside the servers of the project
build() {
  local cc flags
  read -ra cc <<<"${FSVC_CC:-cc}"
  read -ra flags < <(PKG_CONFIG_PATH=$BATS_FILE_TMPDIR/pkgconfig \
    pkg-config --cflags --libs libfusesvc-fuse3)
  "${cc[@]}" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -o "$FSVC_LIBEXECDIR/$1" \
    "$BATS_TEST_DIRNAME/$1.c" "${flags[@]}"
}

setup_file() {
  [[ -n ${FSVC_INSIDE:-} && -n ${FSVC_LIBDIR:-} ]] || return 0
  relocate_pkgconfig
  build low
  build high
}

setup() {
  prepare
  require server low server high tool strace
  printf 'the source\nand more\n' >"$img"
}

teardown() { clean_up; }

start_low() { start_service low -- "$FSVC_LIBEXECDIR/low"; }
start_high() { start_service high -- "$FSVC_LIBEXECDIR/high"; }

# Without FUSE_DEV_IOC_SYNC_INIT, as on Linux before 6.18. The server stays the process that the
# service manager started.
start_low_on_old_kernel() {
  start_service low -- strace -D -f -qq -e trace=none -e signal=none -e status=none \
    -e inject=ioctl:error=ENOTTY -o "$BATS_TEST_TMPDIR/strace" "$FSVC_LIBEXECDIR/low"
}

mount_low() { run_command mount -t fuse.svc.low "$@" "$img" "$mnt"; }

report() { sed -n "s/^$1: //p" "$mnt/report"; }

# in_log TEXT: what the service logged
in_log() { grep -qF -e "$1" "$BATS_TEST_TMPDIR/service.log"; }

@test "the low-level API: a file system" {
  start_low
  mount_low
  assert_mount_works
  assert_equal "$(mounted_as FSTYPE)" fuse.svc.low
  assert_equal "$(report 'mount point')" "$mnt"
  assert_equal "$(report source)" open
  assert_equal "$(report 'begins with')" 'the source'
  assert_equal "$(report allow_other)" yes
  assert_equal "$(report fuseblk)" no
  unmount
}

@test "the low-level API: the program's own arguments come before the helper's" {
  start_service low -- "$FSVC_LIBEXECDIR/low" -s
  mount_low -o max_read=65536
  assert_mount_works
  assert_equal "$(report cmdline)" "$FSVC_LIBEXECDIR/low -t low -s $img $mnt -o rw,max_read=65536"
  unmount
}

@test "the low-level API: mount options reach the kernel" {
  start_low
  mount_low -o allow_other,default_permissions,max_read=65536,ro,noexec,noatime
  assert_mount_works
  assert_option allow_other default_permissions max_read=65536 ro noexec noatime
  unmount
  mount_low
  assert_mount_works
  refute_option allow_other default_permissions ro noexec
  unmount
}

@test "the low-level API: two files at once, and one that is refused" {
  start_low
  printf 'another\n' >"$BATS_TEST_TMPDIR/other"
  mount_low -o "other=$BATS_TEST_TMPDIR/other"
  assert_mount_works
  assert_equal "$(report source)" open
  assert_equal "$(report other)" open
  assert_equal "$(report 'begins with')" $'the source\nanother'
  unmount
  mount_low -o "other=$BATS_TEST_TMPDIR/missing"
  assert_mount_works
  assert_equal "$(report other)" 'No such file or directory'
  unmount
}

@test "the low-level API: block devices" {
  require loop
  start_low
  mount_low -o blockdev
  assert_mount_works
  assert_equal "$(report source)" 'Block device required'
  unmount
  truncate -s 64K "$img"
  use_loop "$img"
  run_command mount -t fuse.svc.low -o blockdev "$loop" "$mnt"
  assert_mount_works
  assert_equal "$(report source)" open
  assert_equal "$(report 'begins with')" 'the source'
  assert_equal "$(report fuseblk)" yes
  unmount
}

@test "the low-level API: one thread, and threads with descriptors of their own" {
  local option
  for option in -s '-o clone_fd'; do
    # shellcheck disable=SC2086 # two words
    start_service low -- "$FSVC_LIBEXECDIR/low" $option
    mount_low
    assert_mount_works
    assert_equal "$(report source)" open
    unmount
    assert_nothing_left
    stop_services
  done
}

@test "mounted means up: the init operation is over when mount(8) returns" {
  start_low
  mount_low -o die=slow
  assert_mount_works
  in_log 'low: init is done'
  unmount
  assert_nothing_left
  stop_services
  start_low_on_old_kernel
  mount_low -o die=slow
  assert_mount_works
  in_log 'low: init is done'
  unmount
}

# dies_at STEP...: nothing stays mounted, and mount(8) says so
dies_at() {
  local step
  for step in "$@"; do
    mount_low -o "die=$step"
    assert_mount_fails 32 low || fail "died at $step" || return
    assert_nothing_left || fail "died at $step" || return
  done
}

@test "a server that dies at any step fails the mount" {
  start_low
  dies_at files-exit files-abort mount-exit mount-abort
  dies_at init-exit init-abort init-stop
}

@test "a server that dies at any step fails the mount, on an old kernel" {
  start_low_on_old_kernel
  dies_at files-exit mount-exit init-exit init-abort init-stop
}

@test "a server that dies after its goodbye leaves no hang" {
  start_low
  mount_low -o die=loop-exit
  [[ $status == 0 ]]
  wait_for 5 in_log 'low: dying at loop'
  run_command cat "$mnt/report"
  [[ $status == 1 && $stderr == *'not connected'* ]]
  unmount
}

@test "the kernel has SYNC_INIT, and it is used" {
  require sync-init
  start_service low -- strace -D -f -qq -e trace=ioctl -o "$BATS_TEST_TMPDIR/strace" \
    "$FSVC_LIBEXECDIR/low"
  mount_low
  assert_mount_works
  unmount
  wait_for 5 grep -qE '(0xe5, 0x3, 0|SYNC_INIT).* = 0' "$BATS_TEST_TMPDIR/strace"
}

@test "an option that nobody knows, and words of libfuse's that reach the caller" {
  start_low
  mount_low -o nonsense=7
  assert_mount_fails 32 low 'nonsense=7'
  mount_low -o max_read=much
  assert_mount_fails 32 low 'max_read=much'
  mount_low -o allow_root
  assert_mount_fails 32 low allow_root
}

@test "a mount point of the wrong format" {
  start_low
  rmdir "$mnt"
  : >"$mnt"
  mount_low
  assert_mount_fails 32 'mounts on a directory'
}

@test "the high-level API: a directory" {
  start_high
  run_command mount -t fuse.svc.high "$img" "$mnt"
  assert_mount_works
  assert_equal "$(ls "$mnt")" hello
  assert_equal "$(cat "$mnt/hello")" 'hello from high'
  unmount
}

@test "the high-level API: a file" {
  start_high
  rmdir "$mnt"
  : >"$mnt"
  run_command mount -t fuse.svc.high -o file "$img" "$mnt"
  assert_mount_works
  assert_equal "$(cat "$mnt")" 'hello from high'
  unmount
  run_command mount -t fuse.svc.high "$img" "$mnt"
  assert_mount_fails 32 'mounts on a directory'
}

@test "the high-level API: init fails, and says why" {
  start_high
  run_command mount -t fuse.svc.high -o die "$img" "$mnt"
  assert_mount_fails 32 'high: no memory of how to do this'
}

@test "the high-level API: by hand it is an ordinary server" {
  run_command "$FSVC_LIBEXECDIR/high" "$mnt"
  [[ $status == 0 ]]
  assert_mounted
  assert_equal "$(cat "$mnt/hello")" 'hello from nobody'
  unmount
}

@test "a stop of the service is no failure" {
  local pid
  start_high
  run_command mount -t fuse.svc.high "$img" "$mnt"
  assert_mount_works
  pid=$(our_processes | sed -n 's| .*/high$||p')
  kill -TERM "$pid"
  wait_gone "$pid" "$deadline"
  wait_for 5 in_log "Child $pid died with code 0"
  unmount
}

# exported LIBRARY: its symbols, but for the names of versions
exported() { nm -D --defined-only "$1" | sed -n 's/^[0-9a-f]* [TRDB] \([^@]*\).*/\1/p' | sort; }

# listed MAP: the symbols of a version script
listed() { sed -n 's/^\t\([a-z0-9_]*\);$/\1/p' "$1" | sort; }

@test "the libraries export what is listed, and no symbol of libfuse's" {
  local lib=$BATS_TEST_DIRNAME/../../lib
  assert_equal "$(exported "$FSVC_LIBDIR/libfusesvc.so")" "$(listed "$lib/libfusesvc.sym")"
  assert_equal "$(exported "$FSVC_LIBDIR/libfusesvc-fuse3.so")" \
    "$(listed "$lib/fuse3/libfusesvc-fuse3.sym")"
  [[ $(exported "$FSVC_LIBDIR/libfusesvc-fuse3.so") == *fusesvc_fuse_service_accept* ]]
  run ! grep -E '^fuse_' < <(exported "$FSVC_LIBDIR/libfusesvc-fuse3.so")
}
