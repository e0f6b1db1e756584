#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The command line of fuse-svc: what all its commands have in common.
#
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load fuse-svc

setup() { prepare_fuse_svc; }

teardown() { clean_up; }

# assert_misuse TEXT ARGS...
assert_misuse() {
  fuse_svc "${@:2}"
  assert_status 1 || fail "fuse-svc ${*:2}" || return
  [[ -z $stdout ]] || fail "output of fuse-svc ${*:2}" || return
  [[ $stderr == "fuse-svc: $1"*$'\n'"Try 'fuse-svc --help' for more information." ]] ||
    fail "fuse-svc ${*:2}"
}

@test "options: help and version" {
  local command option
  for option in -h --help; do
    fuse_svc "$option"
    assert_status 0
    [[ $stdout == "Usage: fuse-svc COMMAND"* && -z $stderr ]]
    for command in list status probe doctor; do
      [[ $stdout == *$'\n'" $command "* ]]
    done
  done
  for command in list status probe doctor; do
    fuse_svc "$command" --help
    assert_status 0
    [[ $stdout == "Usage: fuse-svc $command "* && -z $stderr ]]
    fuse_svc "$command" -V
    assert_status 0
    [[ $stdout == "fuse-svc from fuse-svc "* && -z $stderr ]]
  done
  fuse_svc --version
  assert_status 0
  [[ $stdout == "fuse-svc from fuse-svc "* ]]
}

@test "options: misuse" {
  local escape=$'\e[31m'
  assert_misuse 'a command is needed'
  assert_misuse 'unknown command "mount"' mount
  assert_misuse 'unknown command ""' ''
  assert_misuse 'unknown option "--json"' --json list
  assert_misuse 'unknown command "\x1b[31m"' "$escape"
  assert_misuse 'unknown option "-x"' list -x
  assert_misuse 'unknown option "--x"' status --x
  assert_misuse 'unknown option "-a"' list -a
  assert_misuse 'option -o needs an argument' list -o
  assert_misuse '--json and --raw exclude each other' list -Jr
  assert_misuse 'either --all or TARGETs' status --all "$mnt"
  assert_misuse 'a SOURCE is needed' probe
}

@test "options: columns" {
  assert_misuse 'there is no column "x"' list -o x
  assert_misuse 'there is no column ""' list -o ''
  assert_misuse 'there is no column ""' list -o NAME,
  assert_misuse 'there is no column ""' list -o +
  assert_misuse 'there is no column "\x1b"' list -o NAME,$'\e'
  assert_misuse 'there are too many columns' list -o "NAME$(printf ',NAME%.0s' {1..40})"
  start_peer
  fuse_svc list -o mode,Name
  assert_status 0
  assert_equal "$stdout" $'MODE NAME\n0644 peer'
  fuse_svc list --noheadings --output=NAME --output=+name
  assert_status 0
  assert_equal "$stdout" 'peer peer'
}

@test "options: the help lists each column, and each can be asked for" {
  local command column columns args=()
  for command in list status probe; do
    [[ $command != probe ]] || args=("$img")
    fuse_svc "$command" --help
    columns=$(sed -n '/^Columns:/,/^$/s/^ *\([A-Z][A-Z]*\)  .*/\1/p' <<<"$stdout")
    (($(wc -l <<<"$columns") >= 5))
    for column in $columns; do
      fuse_svc "$command" -Jo "$column" "${args[@]}"
      [[ $stderr != *'no column'* ]]
      jq . <<<"$stdout" >/dev/null
    done
  done
}

@test "options: a reader that is full" {
  start_peer
  [[ -c /dev/full ]] || mknod /dev/full c 1 7
  # shellcheck disable=SC2016 # it is the other shell's
  run_command bash -c '"$1" list >/dev/full' - "$FSVC_FUSE_SVC"
  assert_status 2
  assert_says 'cannot print: No space left on device'
}

@test "options: a set-user-ID bit is refused" {
  prepare_users
  cp "$FSVC_FUSE_SVC" "$FSVC_INSIDE/setuid"
  chmod u+s "$FSVC_INSIDE/setuid"
  run_as alice "$FSVC_INSIDE/setuid" list
  rm "$FSVC_INSIDE/setuid"
  assert_status 2
  assert_says 'must not be set-user-ID'
}
