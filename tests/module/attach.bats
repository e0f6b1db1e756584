#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# From the server's mount to libmount's attaching it: what a server, or a friend of his, could do in
# between, as libmount attaches by path, in a process that may be any.
#
# shellcheck disable=SC2016 # the scripted server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load ../lib

setup() {
  prepare
  start_peer
}

teardown() { clean_up; }

# sockets PID: those that it has open
sockets() { find "/proc/$1/fd" -lname 'socket:*' -printf '%l\n' | sort; }

@test "attach: only the program can report to the host, none of its children" {
  local go=$BATS_TEST_TMPDIR/go pid report
  obey hello args "wait-file $go" 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' init 'bye 0' serve
  start_mount "$img" "$mnt" -t fuse.svc.peer
  assert_log 'fusedev: OK'
  report=$(readlink "/proc/$(parent)/fd/3")
  [[ $report == socket:* ]]
  assert_equal "$(children | wc -l)" 2
  for pid in $(children); do
    ! sockets "$pid" | grep -qxF "$report" || fail "process $pid has $report" || return
  done
  : >"$go"
  finish_mount
  assert_mount_works
  unmount
}

@test "attach: not where the path leads by then" {
  local go=$BATS_TEST_TMPDIR/go
  mkdir -p "$BATS_TEST_TMPDIR"/{users,etc}/conf
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' init "wait-file $go" 'bye 0' serve
  start_mount "$img" "$BATS_TEST_TMPDIR/users/conf" -t fuse.svc.peer
  assert_log 'mount 0: OK'
  mv "$BATS_TEST_TMPDIR/users" "$BATS_TEST_TMPDIR/away"
  ln -s etc "$BATS_TEST_TMPDIR/users"
  : >"$go"
  finish_mount
  [[ -z $(our_mounts) ]] || fail "$(our_mounts)" || return
  assert_status 32
  [[ $stderr == *"$BATS_TEST_TMPDIR/users/conf: "* ]]
  assert_nothing_left
}

@test "attach: all flags that a server asks for, though the caller asks for none" {
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount c09' init 'bye 0' serve
  run_mount "$img" "$mnt" -t fuse.svc.peer -o svc-suid,svc-dev
  assert_quiet
  assert_equal "$(mounted_as VFS-OPTIONS)" ro,noexec,noatime,nodiratime
  unmount
}

# Before Linux 6.15 libmount mounts on a place of its own first.
@test "attach: X-mount.subdir= on an older kernel" {
  local preload=${FSVC_PEER%/*/*}/module/.libs/kernel.so
  require server archive
  [[ -e $preload ]]
  start_service archive -- "$FSVC_LIBEXECDIR/archive"
  mkdir -p "$img.d/sub"
  : >"$img.d/sub/inside"
  tar -cf "$img" -C "$img.d" sub
  run_command env LD_PRELOAD="$preload" MALLOC_PERTURB_=165 \
    mount -t fuse.svc.archive -o X-mount.subdir=sub "$img" "$mnt"
  assert_quiet
  assert_equal "$(mounted_as FSROOT)" /sub
  assert_equal "$(ls "$mnt")" inside
  assert_utab "TARGET=$mnt "
  unmount
}

# is_waiting_for_server: is mount(8) where nothing but an answer ends a wait?
is_waiting_for_server() { grep -q request_wait_answer "/proc/$helper/stack"; }

end_server() { our_processes | cut -d ' ' -f 1 | xargs -r kill -KILL; }

@test "attach: what libmount asks of the server before it has an end" {
  require loop
  local source
  use_loop "$img"
  is_kernel_at_least 6 18 || img=$loop # the connection of others is not known
  for source in "$loop" "$img"; do
    obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' init 'bye 0' 'serve deaf'
    run_mount "$source" "$mnt" -t fuse.svc.peer -o X-mount.subdir=folder,svc-timeout=1
    assert_status 32
    assert_nothing_left
  done
}

@test "attach: a host that is killed before does not wait for a fuseblk server" {
  require loop
  local lines
  use_loop "$img"
  for lines in 'serve deaf' 'sleep 600'; do
    obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' init 'bye 0' "$lines"
    start_mount "$loop" "$mnt" -t fuse.svc.peer -o X-mount.subdir=folder,svc-timeout=3
    wait_for "$deadline" is_waiting_for_server
    kill -KILL "$helper"
    wait_gone "$helper" 10
    [[ -z $(our_mounts) ]]
    wait_for "$deadline" has_no_program
    end_server
  done
}

has_no_program() { ! our_processes | grep -q '/fuse-svc-mount$'; }
