#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=mount
#
# What servers that know nothing of contained services, and the steps before them, tell a terminal.

# shellcheck disable=SC2016 # the odd server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # what tests/lib.bash sets, in a subshell for each test
bats_require_minimum_version 1.5.0
load ../lib
load ../mount/terminal
load trap

setup() {
  prepare_trap
  prepare_terminal
  go=$BATS_TEST_TMPDIR/go
}
teardown() { clean_up_trap; }

# step LINE...: what is run before the server, by bash; $1 is the descriptor for its progress
step() {
  printf '%s\n' "$@" >"$BATS_TEST_TMPDIR/step"
  preset "prepare = /bin/bash $BATS_TEST_TMPDIR/step {progress}"
}

# wait_in_step FILE: a line of bash
wait_in_step() { printf 'until [[ -e %q ]]; do sleep 0.05; done' "$1"; }

odd_on_terminal() { start_on_terminal /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc.odd; }
line() { printf '%s' "mount.fuse.svc: $mnt: odd: $1"; }

@test "progress: of a step that tells it, and of one that does not" {
  step "$(wait_in_step "$go")" 'echo "1 50 100 /source" >&"$1"' "$(wait_in_step "$go.2")"
  obey good
  odd_on_terminal
  assert_shown "$(line 'running bash, 1 s')"
  assert_shown "$(line 'running bash, 2 s')"
  touch "$go"
  assert_shown "$(line 'running bash 35%')"
  touch "$go.2"
  end_on_terminal
  assert_status 0
  assert_rest ''
  assert_mounted
  unmount
}

@test "progress: of a step that says nonsense, without end" {
  step "$(wait_in_step "$go")" 'head -c 4M /dev/zero >&"$1"' 'yes "9 9 x" | head -n 100000 >&"$1"' \
    'echo >&"$1"' 'echo "5 1 1" >&"$1"' "$(wait_in_step "$go.2")"
  obey good
  odd_on_terminal
  assert_shown "$(line 'running bash, 1 s')"
  touch "$go"
  assert_shown "$(line 'running bash 100%')"
  touch "$go.2"
  end_on_terminal
  assert_status 0
  unmount
}

@test "progress: the server itself does not get the descriptor" {
  step 'echo "1 50 100" >&"$1"'
  obey fds good
  odd_mount
  assert_mount_works
  assert_equal "$(grep '^fd: ' "$log")" $'fd: 0\nfd: 1\nfd: 2'
  unmount
}

@test "progress: a step that hangs, and Ctrl-C" {
  step 'exec sleep 600'
  obey good
  odd_on_terminal
  assert_shown "$(line 'running bash, 1 s')"
  press '\003'
  end_on_terminal
  assert_status 8
  assert_rest "mount.fuse.svc: $mnt: interrupted"
  assert_nothing_left
}

# Each line gives it the whole timeout again; one that is silent is hung.
@test "progress: a server that starts slowly is waited for as long as it says something" {
  local i lines=()
  for i in {1..6}; do lines+=('print replaying' 'sleep 1'); done
  obey "${lines[@]}" good
  run_on_terminal /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc.odd -o svc-timeout=3
  assert_status 0
  assert_shown "$(line starting)"
  assert_rest ''
  unmount
  obey 'say replaying' hang
  odd_mount -o svc-timeout=2
  assert_mount_fails 32 'said nothing for 2 seconds'
  assert_nothing_left
}

@test "words: names that the server says itself are not said twice" {
  obey 'say odd: no good' 'exit 1'
  odd_mount
  assert_mount_fails 32
  assert_equal "$stderr" "$(line 'no good')"
  obey "say $FSVC_LIBEXECDIR/odd: no good" 'say odd: /source: bad' 'say last' 'exit 1'
  odd_mount
  assert_mount_fails 32
  assert_equal "$stderr" "$(line "no good; $img: bad; last")"
}
