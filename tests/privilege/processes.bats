#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The helper's processes while they wait for a server: what each of them is, has, and may; and what
# the user who called can do to them.
#
# shellcheck disable=SC2016 # the scripted server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load ../lib
load privilege

setup() { prepare_callers; }
teardown() { clean_up_callers; }

# status_of PID FIELD: of /proc/PID/status, with single spaces
status_of() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status" | tr -s '\t ' ' ' | sed 's/ $//'; }

# assert_status_of PID FIELD VALUE
assert_status_of() {
  local is
  is=$(status_of "$1" "$2")
  [[ $is == "$3" ]] || fail "process $1: $2 is \"$is\" instead of \"$3\""
}

# mask NUMBER...: bits, as the kernel writes capabilities and signals
mask() {
  local bit value=0
  for bit; do
    ((value |= 1 << bit))
  done
  printf '%016x' "$value"
}

# assert_within PID FIELD MASK: there are no other bits than those
assert_within() {
  local is
  is=$(status_of "$1" "$2")
  ((0x$is & ~0x$3)) || return 0
  fail "process $1: $2 is $is, more than $3"
}

finish() {
  kill -TERM "$helper"
  finish_mount
  assert_status 8
}

# Capabilities by number: DAC_OVERRIDE, DAC_READ_SEARCH; DAC_READ_SEARCH, KILL, SETGID, SETUID,
# SETPCAP, SYS_ADMIN; and for root also DAC_OVERRIDE, SYS_CHROOT, SYS_PTRACE.
dac="1 2"
parents="2 5 6 7 8 21"
roots_parents="$parents 1 18 19"

assert_has_power() {
  local pid=$1 set caps=$parents
  [[ $who == user ]] || caps=$roots_parents
  assert_status_of "$pid" Uid '0 0 0 0' || return
  for set in CapPrm CapEff CapBnd; do
    # shellcheck disable=SC2086 # words
    assert_within "$pid" "$set" "$(mask $caps)" || return
  done
  for set in CapInh CapAmb; do
    assert_status_of "$pid" "$set" "$(mask)" || return
  done
}

assert_has_no_power() {
  local pid=$1 set
  if [[ $who == user ]]; then
    assert_status_of "$pid" Uid "$uid $uid $uid $uid" || return
    assert_status_of "$pid" Gid "$gid $gid $gid $gid" || return
    assert_status_of "$pid" Groups "${groups//,/ }" || return
    for set in CapInh CapPrm CapEff CapBnd CapAmb; do
      assert_status_of "$pid" "$set" "$(mask)" || return
    done
    # Whose memory nobody may read, those files are root's.
    assert_equal "$(stat -c '%u %g' "/proc/$pid/environ")" '0 0' || return
  else
    assert_status_of "$pid" Uid '0 0 0 0' || return
    # shellcheck disable=SC2086 # words
    for set in CapPrm CapEff CapBnd; do
      assert_status_of "$pid" "$set" "$(mask $dac)" || return
    done
    for set in CapInh CapAmb; do
      assert_status_of "$pid" "$set" "$(mask)" || return
    done
  fi
  assert_status_of "$pid" NoNewPrivs 1
}

looks_right() {
  local step=$1
  at_step "$step" || return
  assert_has_power "$helper" || return
  assert_has_no_power "$(talker)" || return
  if [[ $who == user ]]; then
    assert_status_of "$helper" Gid '0 0 0 0' || return
  fi
  assert_has_power "$(mounter)" || return
  finish
}

@test "ids and capabilities, at each step" {
  local step
  for step in hello args mntpt pending init; do
    for_each_caller looks_right "$step"
  done
}

@test "the server sees who calls" {
  who=user
  at_step args
  assert_log "caller: $uid:$gid"
  finish
}

# /proc/PID/limits: NAME SOFT HARD
assert_limit() {
  grep -qE "^$2 +$3 " "/proc/$1/limits" || fail "process $1: $(grep "^$2" "/proc/$1/limits")"
}

has_sane_signals() {
  local pid
  at_step args --block-signals --soft-limit core max || return
  # But for KILL 9, CONT 18, STOP 19, and those that the C library keeps for itself (32, 33), all are
  # blocked, those of job control too.
  local must=$((0xffffffffffffffff & ~(1 << 8 | 3 << 17 | 3 << 31)))
  ((($((0x$(status_of "$helper" SigBlk))) & must) == must)) ||
    fail "SigBlk is $(status_of "$helper" SigBlk)" || return
  for pid in "$helper" "$(talker)"; do
    assert_limit "$pid" 'Max core file size' 0 || return
  done
  finish
}

@test "signals and limits of a setuid helper" {
  who=user
  has_sane_signals
  at_step args --ignore-signal all --soft-limit fsize 1 --soft-limit cpu 100
  assert_limit "$helper" 'Max file size' unlimited
  assert_limit "$helper" 'Max cpu time' unlimited
  # No signal stays ignored, but for those that end it (the caller's will), and what would come of
  # writing: PIPE 13, XFSZ 25. 32 and 33 are the C library's, which sets them when it has threads.
  assert_within "$helper" SigIgn "$(mask 0 1 2 14 12 24 31 32)"
  kill -TERM "$helper" # is ignored
  kill -KILL "$helper"
  finish_mount
}

# Descriptors beyond the standard ones: one "NUMBER WHAT" a line.
descriptors() {
  find "/proc/$1/fd" -mindepth 1 -printf '%f %l\n' | awk '$1 > 2'
}

# assert_descriptors PID MAX REGEX: there are at most so many, and all are of these kinds
assert_descriptors() {
  local list
  list=$(descriptors "$1")
  (($(wc -l <<<"$list") <= $2)) || fail "process $1 has too many: $list" || return
  ! grep -vE "^[0-9]+ ($3)\$" <<<"$list" || fail "process $1 has a descriptor that it should not"
}

@test "nothing that the caller had open is left in a setuid helper" {
  who=user
  : >"$area/secret"
  install -d -m 700 "$area/roots"
  local step
  for step in hello args pending init; do
    at_step "$step" --fds 100 --fd "$area/secret" --fd-of-dir "$area/roots" --fd /dev/fuse \
      --fd-of-socket --then
    # A socket to each other; the signals, a clock, processes; the way to /proc; the mount.
    assert_descriptors "$helper" 8 \
      "socket:.*|anon_inode:\[(signalfd|timerfd|pidfd)\]|/proc|pipe:.*|/dev/fuse|$mnt"
    # A socket to the parent, and one to the server; /dev/fuse, and where it shall be mounted.
    assert_descriptors "$(talker)" 6 "socket:.*|/proc|/dev/fuse|$mnt|anon_inode:\[timerfd\]"
    # A socket to the parent, and no other; /dev/fuse and the place to mount on, while it mounts.
    if [[ $step == pending ]]; then
      assert_descriptors "$(mounter)" 5 "socket:.*|anon_inode:\[signalfd\]|/proc|/dev/fuse|$mnt"
    else
      assert_descriptors "$(mounter)" 3 "socket:.*|anon_inode:\[signalfd\]|/proc"
    fi
    finish
  done
}

# Whoever talks to the server holds nothing that only root could have opened.
@test "nothing that is root's is open in the process that talks" {
  who=user
  at_step args
  if descriptors "$(talker)" | grep -E 'utab|/run/mount|/root|signalfd|mnt:\[|mem'; then
    fail "a descriptor of root's"
  fi
  finish
}

# meddle_with PID [SIGNAL...]: as the user; sets $stdout
meddle_with() {
  by_user "$area/meddle" "$@"
  assert_status 0
}

# assert_refused_all [REGEX]: all attempts were, but those
assert_refused_all() {
  ! grep -vE ": (EPERM|EACCES)\$" <<<"$stdout" | grep -vE "^(${1:-none}): OK\$"
}

@test "the user cannot touch the processes that have the power" {
  who=user
  local step
  for step in hello args pending init; do
    at_step "$step"
    # HUP INT QUIT KILL USR1 SEGV TERM STOP TSTP WINCH
    meddle_with "$helper" 1 2 3 9 10 11 15 19 20 28
    assert_refused_all || fail "step $step"
    meddle_with "$(mounter)" 1 2 3 9 10 11 15 19 20 28
    assert_refused_all || fail "step $step: the mounter"
    is_alive "$helper"
    finish
  done
}

@test "the user can kill, but not look into, the process that talks" {
  who=user
  local step allowed='kill .*|get-limit|set-limit|renice|ioprio|affinity|scheduler'
  for step in hello args pending init; do
    at_step "$step"
    meddle_with "$(talker)"
    assert_refused_all "$allowed" || fail "step $step"
    grep -qx 'kill 0: OK' <<<"$stdout"
    finish
  done
}

@test "a group that the user made the helper's is no way to it" {
  who=user
  at_step args
  by_user /bin/kill -KILL -- -"$helper" # the talker alone is the user's
  finish_mount
  assert_mount_fails 4 crashed
  assert_nothing_left
}

@test "the user can meddle: the tool does what it says" {
  "$area/launch" --user "$uid" "$gid" "$groups" -- /bin/sleep 60 3>&- &
  helper=$!
  wait_for "$deadline" grep -qs "^Uid:.$uid" "/proc/$helper/status"
  wait_for "$deadline" grep -qsx sleep "/proc/$helper/comm"
  meddle_with "$helper" 9
  local name
  for name in ptrace-attach read-memory take-fd set-limit renice read-environ read-maps cwd root \
    fd/0 'kill 9'; do
    grep -qx "$name: OK" <<<"$stdout" || fail "$name: not allowed, though it should be: $stdout"
  done
  wait "$helper" || true
  helper=''
}
