#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A helper whose processes are killed, stopped or left, by the user who called, by a terminal, or by
# root: it ends with the right exit code, and nothing is left.
#
# shellcheck disable=SC2016 # the scripted server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load ../lib
load privilege

setup() {
  prepare_callers
  typing=''
}

teardown() {
  [[ -z $typing ]] || exec {typing}>&-
  clean_up_callers
}

all_steps='hello args fsopen mntpt pending init'

# send SIGNAL PID...: as the caller
send() {
  if [[ $who == root ]]; then
    kill -s "$1" -- "${@:2}"
  else
    "$area/launch" --user "$uid" "$gid" "$groups" -- /bin/kill -s "$1" -- "${@:2}"
  fi
}

# assert_ends STATUS TEXT: within the deadline, and nothing is left
assert_ends() {
  finish_mount || return
  assert_mount_fails "$@" || return
  assert_nothing_left
}

#
# The process that talks
#

talker_dies() {
  local signal=$1 step=$2
  at_step "$step" || return
  send "$signal" "$(talker)" || return
  case $signal in
  INT | TERM | HUP) assert_ends 8 interrupted ;;
  *) assert_ends 4 crashed ;;
  esac || fail "step $step, signal $signal"
}

@test "the process that talks is killed, at each step" {
  local step signal
  for step in $all_steps; do
    for signal in KILL TERM SEGV; do
      for_each_caller talker_dies "$signal" "$step"
    done
  done
}

@test "the process that talks dies of any other signal" {
  local signal
  for signal in HUP INT QUIT ILL ABRT BUS FPE USR1 USR2 PIPE ALRM XCPU SYS 34 64; do
    for_each_caller talker_dies_or_not "$signal" || fail "$signal"
  done
}

# What is ignored there does no harm.
talker_dies_or_not() {
  local signal=$1 go=$BATS_TEST_TMPDIR/go
  rm -f "$go"
  obey hello args 'open /here O_RDONLY quiet' "wait-file $go" 'fsopen 0' 'source x' \
    'mntpt 0 $TARGET' 'mount 0' init 'bye 0' serve
  start_in_state
  assert_log 'open /here: EPERM' || return
  send "$signal" "$(talker)" || return
  : >"$go"
  finish_mount || return
  case $status in
  0) assert_entirely_mounted ;;
  4 | 8) assert_refused ;;
  32) [[ $signal == ALRM ]] && assert_refused ;; # its own way to say that it waited for too long
  *) fail "exit code $status" ;;
  esac
}

talker_stops() {
  local step=$1 signal=${2:-STOP}
  at_step "$step" -- -o svc-timeout=2 || return
  send "$signal" "$(talker)" || return
  assert_ends 32 stopped || fail "step $step, signal $signal"
}

@test "the process that talks is stopped, at each step, and never goes on" {
  local step
  for step in $all_steps; do
    for_each_caller talker_stops "$step"
  done
}

# The whole takes longer than the helper has patience with a stop, and with a silence.
talker_goes_on() {
  obey hello args 'open /here O_RDONLY quiet' 'sleep 2' 'fsopen 0' 'sleep 2' 'source x' 'sleep 2' \
    'mntpt 0 $TARGET' 'mount 0' init 'bye 0' serve
  start_in_state -- -o svc-timeout=4
  assert_log 'open /here: EPERM' || return
  for _ in 1 2; do
    send STOP "$(talker)" || return
    sleep 0.3
    send CONT "$(talker)" || return
  done
  finish_mount || return
  assert_entirely_mounted || return
  assert_equal "$stderr" ''
}

@test "the process that talks is stopped, and goes on in time" {
  for_each_caller talker_goes_on
}

@test "the process that talks is stopped, and then killed" {
  local signal
  for signal in KILL TERM; do
    for who in user root; do
      at_step args
      send STOP "$(talker)"
      send "$signal" "$(talker)"
      [[ $signal == KILL ]] || send CONT "$(talker)"
      finish_mount
      ((status == 4 || status == 8)) || fail "exit code $status"
      assert_refused
    done
  done
}

@test "the helper is told to end while the process that talks is stopped" {
  local signal
  for signal in INT TERM HUP QUIT; do
    for who in user root; do
      at_step args
      send STOP "$(talker)"
      kill -s "$signal" "$helper"
      assert_ends 8 interrupted
    done
  done
}

#
# Root meddles with the others
#

mounter_dies() {
  at_step pending -- -o svc-timeout=2 || return # the server has nothing to say about it
  kill -KILL "$(mounter)"
  finish_mount || return
  assert_mount_fails 32 || return
  assert_nothing_left
}

@test "the process that mounts is killed" {
  for_each_caller mounter_dies
}

# It has nothing to do when it dies, as of a want of memory.
idle_mounter_dies() {
  local step=$1 go=$BATS_TEST_TMPDIR/go lines pid
  rm -f "$go"
  lines=('open /here O_RDONLY quiet' "wait-file $go")
  [[ $step == init ]] || lines+=('fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' init)
  until_step "$step" "${lines[@]}" 'bye 0' serve
  start_in_state
  assert_log 'open /here: EPERM' || return
  pid=$(mounter)
  kill -KILL "$pid"
  wait_gone "$pid" "$deadline" || return
  : >"$go"
  finish_mount || return
  if [[ $step == init ]]; then
    assert_entirely_mounted
  else
    assert_mount_fails 2 'cannot start the mount: Broken pipe'
  fi
}

@test "the process that mounts is killed before it mounts, or after that" {
  for_each_caller idle_mounter_dies args
  for_each_caller idle_mounter_dies init
}

helper_dies() {
  local step=$1
  at_step "$step" || return
  kill -KILL "$helper"
  finish_mount || return
  if [[ $step == init ]]; then
    assert_mounted || return # nobody is there to undo it
    umount "$mnt" || return
  else
    refute_mounted || return
  fi
  assert_nothing_left
}

@test "the helper itself is killed, at each step" {
  local step
  for step in $all_steps; do
    for_each_caller helper_dies "$step"
  done
}

helper_is_told() {
  local signal=$1 step=$2
  at_step "$step" || return
  kill -s "$signal" "$helper"
  assert_ends 8 interrupted || fail "step $step, signal $signal"
}

@test "the helper is told to end, at each step" {
  local step signal
  for step in $all_steps; do
    for signal in INT TERM HUP QUIT; do
      for_each_caller helper_is_told "$signal" "$step"
    done
  done
}

helper_ignores() {
  obey hello args 'open /here O_RDONLY quiet' 'sleep 1' 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' \
    init 'bye 0' serve
  local name=$1 number=$2
  start_in_state --ignore-signal "$number"
  assert_log 'open /here: EPERM' || return
  kill -s "$name" "$helper"
  finish_mount || return
  assert_entirely_mounted || fail "$name"
}

@test "a signal that the caller ignores ends nothing" {
  for_each_caller helper_ignores HUP 1
  for_each_caller helper_ignores INT 2
  for_each_caller helper_ignores QUIT 3
  for_each_caller helper_ignores TERM 15
}

@test "signals that mean nothing to a setuid helper end nothing" {
  who=user
  obey hello args 'open /here O_RDONLY quiet' 'sleep 1' 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' \
    init 'bye 0' serve
  start_in_state
  assert_log 'open /here: EPERM'
  local signal
  for signal in ALRM VTALRM PROF USR1 USR2 PIPE IO XCPU XFSZ PWR SYS TSTP TTIN TTOU WINCH CHLD RTMIN; do
    kill -s "$signal" "$helper"
  done
  finish_mount
  assert_entirely_mounted
  unmount
}

#
# A storm
#

# At any moment, also in the first, when a setuid program is not its own master yet.
@test "the user sends signals at any moment" {
  who=user
  local signal pid
  for _ in {1..60}; do
    obey_and_mount
    start_in_state
    signal=$(shuf -n 1 -e TERM INT HUP KILL STOP ABRT QUIT)
    sleep "0.0$(printf %02d $((RANDOM % 60)))"
    for pid in "$helper" $(children); do
      send "$signal" "$pid" 2>/dev/null || true
    done
    if [[ $signal == STOP ]]; then
      sleep 0.1
      for pid in "$helper" $(children); do
        send CONT "$pid" 2>/dev/null || true
      done
    fi
    finish_mount
    case $status in
    0) assert_entirely_mounted && unmount ;;
    4 | 8 | 32 | 129 | 130 | 131 | 134 | 137 | 143) assert_refused ;;
    *) fail "exit code $status after $signal" ;;
    esac
  done
}

#
# A terminal
#

# on_terminal COMMAND...: in the background, as the caller, on a terminal of its own; type types
# there. $helper is the pid of the terminal, which has the exit code of the command.
on_terminal() {
  local fifo=$BATS_TEST_TMPDIR/typing
  [[ -p $fifo ]] || mkfifo "$fifo"
  exec {typing}<>"$fifo"
  set_launch_arguments --pty --then -- "$@"
  env --default-signal=INT,TERM,HUP,QUIT "$area/launch" "${launch_arguments[@]}" <"$fifo" >"$BATS_TEST_TMPDIR/stdout" \
    2>"$BATS_TEST_TMPDIR/stderr" 3>&- 4>&- {typing}>&- &
  helper=$!
}

type_keys() { printf '%b' "$1" >&"$typing"; }

hang_up() {
  exec {typing}>&-
  typing=''
}

# on_terminal_at STEP ARGS...: the mount helper
mount_on_terminal() {
  on_terminal /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc.peer "$@"
}

# What is on the terminal's screen is not stderr's.
finish_on_terminal() {
  finish_mount || return
  [[ -z $typing ]] || hang_up
  stdout=${stdout//$'\r'/}
}

type_and_end() {
  local keys=$1 step
  for step in hello args init; do
    if [[ $step == hello ]]; then
      until_step "$step" wait-eof
    else
      until_step "$step" 'open /here O_RDONLY quiet' wait-eof
    fi
    mount_on_terminal
    if [[ $step == hello ]]; then
      assert_log_matches 'caller: .*' || return
    else
      assert_log 'open /here: EPERM' || return
    fi
    if [[ $keys == hangup ]]; then hang_up; else type_keys "$keys"; fi
    finish_on_terminal || return
    assert_status 8 || return
    [[ $keys == hangup || $stdout == *"mount.fuse.svc: $mnt: interrupted"* ]] ||
      fail "on the terminal: $stdout" || return
    assert_refused || return
  done
}

@test "Ctrl-C on a terminal" { for_each_caller type_and_end '\003'; }

@test "Ctrl-\\ on a terminal" { for_each_caller type_and_end '\034'; }

@test "a terminal that hangs up" { for_each_caller type_and_end hangup; }

works_on_terminal() {
  obey_and_mount
  mount_on_terminal -v
  finish_on_terminal || return
  assert_entirely_mounted || return
  [[ $stdout == *'mounted by service "peer"'* ]]
}

@test "a mount on a terminal" { for_each_caller works_on_terminal; }

ignores_on_terminal() {
  obey hello args 'open /here O_RDONLY quiet' 'sleep 1' 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' \
    init 'bye 0' serve
  on_terminal /bin/sh -c 'trap "" INT QUIT; exec /sbin/mount.fuse.svc "$@"' sh \
    "$img" "$mnt" -t fuse.svc.peer
  assert_log 'open /here: EPERM' || return
  type_keys '\003\034\003'
  finish_on_terminal || return
  assert_entirely_mounted
}

@test "Ctrl-C that the caller ignores" { for_each_caller ignores_on_terminal; }

suspended() {
  obey hello args 'open /here O_RDONLY quiet' 'sleep 1' 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' \
    init 'bye 0' serve
  # shellcheck disable=SC2016 # for that shell
  on_terminal /bin/bash --norc -m -c \
    '/sbin/mount.fuse.svc "$@"; echo "first $?"; fg; echo "then $?"' sh \
    "$img" "$mnt" -t fuse.svc.peer -o svc-timeout=3
  assert_log 'open /here: EPERM' || return
  type_keys '\032'
  finish_on_terminal || return
  if [[ $who == root ]]; then
    [[ $stdout == *'first 148'*'then 0'* ]]
  else # a user's terminal does not stop what has more power than he has
    [[ $stdout == *'first 0'* ]]
  fi || fail "on the terminal: $stdout" || return
  status=0
  assert_entirely_mounted
}

@test "Ctrl-Z, and back to the foreground" { for_each_caller suspended; }

n_mounts() { our_mounts | wc -l; }
is_one_mount() { (($(n_mounts) == 1)); }
are_two_pending() { (($(grep -cx 'get-init: OK' "$log") == 2)); }

# Two helpers are in mount(2), each of them sure that there is place for one more. The kernel stops
# them, if it may, as soon as both mounts are made.
@test "Ctrl-Z does not keep a mount that is one too many" {
  require sync-init
  who=user
  printf 'mount_max = 1\n' >/etc/fuse.conf
  install -d -o "$uid" -g "$gid" "$area/mnt2"
  obey hello args sync-init 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount-nowait 0' get-init 'sleep 3' \
    'answer-init 0' reply 'bye 0' serve
  # shellcheck disable=SC2016 # for that shell
  on_terminal /bin/bash --norc -m -c \
    '(/sbin/mount.fuse.svc "$1" "$2" -t fuse.svc.peer & exec /sbin/mount.fuse.svc "$1" "$2"2 -t fuse.svc.peer)
    sleep 30' sh "$img" "$mnt"
  wait_for "$deadline" are_two_pending
  type_keys '\032'
  assert_log 'answer-init: OK'
  wait_for 3 is_one_mount || wait_for 3 eval '[[ -z $(our_mounts) ]]' || fail "$(our_mounts)"
  rm -f /etc/fuse.conf
  kill -KILL "$helper" # the terminal
  ! is_mounted "$mnt" || umount "$mnt"
  ! is_mounted "$area/mnt2" || umount "$area/mnt2"
}
