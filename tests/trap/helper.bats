#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=mount
#
# fuse-svc-run, started by a helper that is hostile or broken (tests/rogue/rogue, which says what a
# script can be). Whatever it does, runner and server end soon.

# shellcheck disable=SC2016 # scripts of the helper have variables of their own
# shellcheck disable=SC2034 # what rogue.bash reads
# shellcheck disable=SC2030,SC2031,SC2154 # what tests/lib.bash sets, in a subshell for each test
bats_require_minimum_version 1.5.0
load ../lib
load trap
load ../rogue/rogue

setup() {
  prepare_trap
  rogue=${FSVC_PEER%/*/*}/rogue/rogue
  [[ -x $rogue ]] || lack "no scripted helper: $rogue"
  server=run-odd target=$mnt faults=0 hangs=0
  # A service has no arguments but its preset.
  printf '#!/bin/sh\nexec %s odd\n' "$FSVC_LIBEXECDIR/fuse-svc-run" >"$FSVC_LIBEXECDIR/$server"
  chmod 755 "$FSVC_LIBEXECDIR/$server"
  # rogue.bash has scripts and logs of its own.
  odd_script=$script odd_log=$BATS_TEST_TMPDIR/odd-log
  : >"$odd_log"
  sed -i "s|^arguments = .*|arguments = $odd_script $odd_log {source} {mountpoint}|" \
    "$FSVC_PRESET_DIR/odd"
}
teardown() {
  script=''
  clean_up_trap
}

# do_odd LINE...: what the server does
do_odd() { printf '%s\n' "$@" >"$odd_script"; }

# runner_fails SCRIPT: it must, and the server must be gone
runner_fails() {
  attack '' "$1"
  wait_for 3 has_no_servers || complain "left: $(our_processes)"
}
has_no_servers() { [[ -z $(our_processes) ]]; }

readonly steps='OPEN FSOPEN SOURCE MNTPT MNTOPTS MOUNT'

@test "helper: a good one" {
  do_odd 'head $SOURCE' good
  accept 'play 99'
  [[ $out == *mounted*"heard BYE 0"* ]]
  ((faults == 0))
}

@test "helper: hangs up at each step" {
  local step
  do_odd 'head $SOURCE' good
  for step in $steps; do
    runner_fails "until $step; close"
  done
  runner_fails 'play 3; close'
  ((faults == 0))
}

@test "helper: refuses at each step" {
  local step error
  do_odd 'head $SOURCE' good
  for error in 1 5 95 4095 4096; do
    for step in FSOPEN SOURCE MNTPT MNTOPTS MOUNT; do
      runner_fails "until $step; reply $error; refuse 1"
    done
    runner_fails "until OPEN; file \$PATH $error; refuse 1"
  done
  ((faults == 0))
}

@test "helper: says that it has mounted, and has not" {
  do_odd 'head $SOURCE' good
  runner_fails 'until MOUNT; reply 0; refuse 1'
  runner_fails 'until MOUNT; reply 0; close'
  ((faults == 0))
}

@test "helper: answers of the wrong kind, and descriptors where none belongs" {
  local step kind
  do_odd 'head $SOURCE' good
  for step in FSOPEN SOURCE MNTPT MNTOPTS MOUNT; do
    runner_fails "until $step; file \$SOURCE 0 image; refuse 1"
    runner_fails "until $step; reply 0 null; refuse 1"
    runner_fails "until $step; raw 00; refuse 1"
  done
  for kind in none dir dir-path pipe socket null zero fuse memory epoll; do
    runner_fails "until OPEN; file \$SOURCE 0 $kind; refuse 1"
  done
  runner_fails 'until OPEN; file /etc/passwd 0 image; refuse 1'
  runner_fails 'until OPEN; file $SOURCE 5 image; refuse 1'
  runner_fails 'until OPEN; file $SOURCE 0 image image; refuse 1'
  runner_fails 'until OPEN; reply 0; refuse 1'
  ((faults == 0))
}

@test "helper: a directory never reaches the server" {
  do_odd 'open $SOURCE O_RDONLY' 'open $SOURCE O_RDONLY' 'exit 1'
  runner_fails 'until OPEN; file $SOURCE 0 image; until OPEN; file $SOURCE 0 dir; until OPEN; file $SOURCE 0 pipe; hear'
  grep -qx 'open /source O_RDONLY: EPERM' "$odd_log"
  run -1 grep 'open.*OK' "$odd_log"
  ((faults == 0))
}

@test "helper: arguments that are no good" {
  do_odd good
  local words
  for words in odd 'odd ""' 'odd $SOURCE' 'odd $SOURCE $TARGET -o' 'odd $SOURCE $TARGET x' \
    'odd -o a $SOURCE' 'odd $SOURCE $TARGET -o a -o b' 'odd -x $SOURCE $TARGET' \
    'odd $SOURCE $TARGET -o unknown' 'odd $SOURCE $TARGET -o svc=x'; do
    runner_fails "hello; argv $words; fusedev fuse; refuse 1"
  done
  ((faults == 0))
}
