#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=mount
#
# Servers that know nothing of contained services and die, hang, or multiply; and what they say.

# shellcheck disable=SC2016 # the odd server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2154 # what tests/lib.bash sets, in a subshell for each test
bats_require_minimum_version 1.5.0
load ../lib
load trap

setup() { prepare_trap; }
teardown() { clean_up_trap; }

# at_step STEP LINE...: the server is good up to that step, and then obeys
at_step() {
  local lines=() s
  for s in 'start' 'open $SOURCE O_RDWR' fuse mount get-init; do
    [[ $s == start ]] || lines+=("$s")
    [[ $s != "$1"* ]] || break
  done
  obey "${lines[@]}" "${@:2}"
}
steps='start open fuse mount get-init'

# die_everywhere: at each step, in all ways
die_everywhere() {
  local step
  for step in $steps; do
    at_step "$step" 'exit 7'
    odd_mount
    assert_mount_fails 32 'odd: the server ended with status 7'
    at_step "$step" 'exit 0'
    odd_mount
    assert_mount_fails 32 'odd: the server ended with status 0'
    at_step "$step" 'die 11'
    odd_mount
    assert_mount_fails 32 'odd: the server was killed by signal 11 (Segmentation fault)'
    at_step "$step" 'die 9'
    odd_mount
    assert_mount_fails 32 'odd: the server was killed by signal 9 (Killed)'
    at_step "$step" 'say i am no good' 'exit 1'
    odd_mount
    assert_mount_fails 32 'odd: i am no good'
    at_step "$step" daemon 'exit 1'
    odd_mount
    assert_mount_fails 32 'odd: the server ended with status 1'
  done
  assert_nothing_left
}

@test "death: at each step" { die_everywhere; }

@test "death, old kernel: at each step before FUSE_INIT is read" {
  without_sync_init
  steps='start open fuse mount'
  die_everywhere
}

@test "death: words come before the signal, and both are told" {
  at_step mount 'say version 1.2.3' 'die 11'
  odd_mount
  assert_mount_fails 32 'odd: version 1.2.3; the server was killed by signal 11'
}

@test "death: an error for FUSE_INIT" {
  at_step get-init 'put-init 5' 'say no init' serve
  odd_mount
  assert_mount_fails 32
  assert_nothing_left
}

# hang_everywhere WAY...: at each step
hang_everywhere() {
  local step start
  for step in $steps; do
    start=$SECONDS
    at_step "$step" "$@"
    odd_mount -o svc-timeout=1
    assert_mount_fails 32 'said nothing for 1 seconds'
    ((SECONDS - start < 6)) || fail "$((SECONDS - start)) seconds"
    # Until the server is gone, nobody else gets the source.
    assert_nothing_left
  done
}

@test "hang: at each step" { hang_everywhere hang; }
@test "hang, old kernel: at each step before FUSE_INIT is read" {
  without_sync_init
  steps='open mount'
  hang_everywhere hang
}
@test "hang: stopped, or deaf to SIGTERM" {
  steps='open mount'
  hang_everywhere 'die 19'
  steps=mount
  hang_everywhere 'term ignore' hang
  steps=open
  hang_everywhere 'child hang' daemon hang
}

@test "kill: the server, while it is mounted" {
  local start=$EPOCHREALTIME
  obey good
  odd_mount
  assert_mount_works
  kill -KILL "$(odds)"
  wait_for 2 is_dead "$mnt"
  wait_for 2 has_no_processes
  unmount
  assert_nothing_left
}
is_dead() { [[ $(stat "$1" 2>&1) == *'not connected'* ]]; }
has_no_processes() { [[ -z $(our_processes) ]]; }

@test "kill: a server in the background, while it is mounted" {
  obey fuse mount daemon get-init 'put-init 0' serve
  odd_mount
  assert_mount_works
  kill -KILL "$(odds)"
  wait_for 2 is_dead "$mnt"
  wait_for 2 has_no_processes
  unmount
}

@test "kill: the runner, at each step" {
  local step
  for step in $steps; do
    at_step "$step" hang
    start_mount "$img" "$mnt" -t fuse.svc.odd
    case $step in
    start) assert_log_matches 'start: .*' ;;
    open) assert_log 'open /source O_RDWR: OK' ;;
    fuse) assert_log 'fuse: OK' ;;
    mount) assert_log_matches 'mount .*: OK' ;;
    get-init) assert_log 'get-init: OK' ;;
    esac
    kill -KILL "$(runner)"
    finish_mount
    assert_mount_fails 32
    wait_for 3 has_no_processes || fail "at $step: $(our_processes)"
  done
}

@test "kill: the runner, while it is mounted" {
  obey good
  odd_mount
  assert_mount_works
  kill -KILL "$(runner)"
  wait_for 3 has_no_processes
  is_dead "$mnt"
  unmount
}

@test "SIGTERM: the server may save, and the runner waits for that" {
  obey 'term slow' good
  odd_mount
  assert_mount_works
  kill -TERM "$(runner)"
  sleep 0.5
  [[ -n $(runner) ]]
  wait_for 5 has_no_processes
  assert_log saved
  unmount
}

@test "SIGTERM: before the mount, it fails" {
  at_step open hang
  start_mount "$img" "$mnt" -t fuse.svc.odd
  assert_log 'open /source O_RDWR: OK'
  kill -TERM "$(runner)"
  finish_mount
  assert_mount_fails 32 'odd: it was told to end'
}

@test "Ctrl-C of mount(8), at each step" {
  local step
  for step in $steps; do
    at_step "$step" hang
    start_mount "$img" "$mnt" -t fuse.svc.odd
    assert_log_matches 'start: .*'
    sleep 0.1
    kill -INT -"$helper"
    finish_mount
    assert_mount_fails 8 interrupted
    wait_for 3 has_no_processes
  done
}

@test "background: before the mount, after it, after FUSE_INIT" {
  obey daemon good
  odd_mount
  assert_ends_well
  obey fuse daemon mount get-init daemon 'put-init 0' daemon serve
  odd_mount
  assert_ends_well
  obey fuse mount get-init 'put-init 0' daemon serve
  odd_mount
  assert_ends_well
}

@test "background, old kernel: after the mount" {
  without_sync_init
  obey fuse mount daemon get-init 'put-init 0' serve
  odd_mount
  assert_ends_well
}

@test "processes: 30 of them, and 30 that are each a child of another, are gone soon" {
  local many start
  for many in 'bomb 30' 'child chain 30'; do
    start=$SECONDS
    obey "$many" 'say that is that' 'exit 1'
    odd_mount
    assert_mount_fails 32 'odd: that is that'
    wait_for 8 has_no_processes
    ((SECONDS - start < 9)) || fail "$((SECONDS - start)) seconds"
  done
}

@test "processes: 30 that do not want to end" {
  obey 'term ignore' 'child chain 30' 'sleep 0.2' 'say that is that' 'exit 1'
  odd_mount
  assert_mount_fails 32 'odd: that is that'
  wait_for 8 has_no_processes
}

@test "processes: one that was left behind is ended with the mount" {
  obey fuse mount 'child hang' get-init 'put-init 0' serve
  odd_mount
  # It has /dev/fuse too.
  assert_ends_well
  obey 'child hang' good
  odd_mount
  assert_ends_well
}

@test "words: a flood before the mount, and after it" {
  local start=$SECONDS
  obey 'flood 8 lines' 'flood 2 bytes' good
  odd_mount
  assert_ends_well
  obey fuse mount get-init 'put-init 0' 'flood 8 bytes' serve
  odd_mount
  assert_ends_well
  obey 'flood 4 bytes' 'say the end' 'exit 1'
  odd_mount
  assert_mount_fails 32 'the end'
  ((SECONDS - start < 15)) || fail "$((SECONDS - start)) seconds"
  : >"$BATS_TEST_TMPDIR/service.log"
}

@test "words: the last four lines, in one" {
  obey 'say one' 'say two' 'say three' 'say four' 'print five' 'exit 1'
  odd_mount
  assert_mount_fails 32
  assert_equal "$stderr" "mount.fuse.svc: $mnt: odd: two; three; four; five"
  obey 'print one\x0d\x0atwo\x0d\x0a\x0a\x0a\x00three' 'exit 1'
  odd_mount
  assert_equal "$stderr" "mount.fuse.svc: $mnt: odd: one; two"
}

@test "words: control characters" {
  obey 'say \x1b]0;title\x07\x1b[31m\x09\x0b\x7f\xc2\x9b1m\xe2\x80\xae\xff%n%s\x5c' 'exit 1'
  odd_mount
  assert_mount_fails 32 'odd: \x1b]0;title\x07\x1b[31m \x0b\x7f\xc2\x9b1m\xe2\x80\xae\xff%n%s\x5c'
  run -1 grep -v '^[[:print:]]*$' "$BATS_TEST_TMPDIR/service.log"
}

@test "words: the source is what the caller called it" {
  obey 'say /source: no; "/source" (/source,/source)' 'say /sources /usr/source /source/x' 'exit 1'
  odd_mount
  assert_equal "$stderr" \
    "mount.fuse.svc: $mnt: odd: $img: no; \"$img\" ($img,$img); /sources /usr/source /source/x"
}

@test "words: of a source with a long name, its end and the reason are there" {
  local dir name
  printf -v name '%0200d' 0
  dir=$BATS_TEST_TMPDIR/$name
  mkdir "$dir"
  cp "$img" "$dir/disk.img"
  obey 'say /source: bad superblock' 'exit 1'
  run_mount "$dir/disk.img" "$mnt" -t fuse.svc.odd
  assert_mount_fails 32 'disk.img: bad superblock'
}

@test "words: no standard output and error" {
  obey no-output good
  odd_mount
  assert_ends_well
  obey no-output 'exit 1'
  odd_mount
  assert_mount_fails 32 'odd: the server ended with status 1'
}

@test "words: none from where nobody can be started" {
  preset "program = $script"
  odd_mount
  assert_mount_fails 32 'odd: '
  preset "program = /nonexistent"
  odd_mount
  assert_mount_fails 32 'odd: '
  rm "$FSVC_PRESET_DIR/odd"
  odd_mount
  assert_mount_fails 32 'odd: '
}
