#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What happens when something stops, dies, lies or floods, at each step of a mount: it fails with
# an exit code of ours, in time, and leaves nothing.
#
# shellcheck disable=SC2016 # the scripted server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load ../lib

setup() {
  prepare
  start_peer
}

teardown() { clean_up; }

mount_as_peer() { run_mount "$img" "$mnt" -t fuse.svc.peer "$@"; }

# until_pending LINE...: the server has the kernel wait for its answer to INIT, inside mount(2)
until_pending() {
  require sync-init
  obey hello args sync-init 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount-nowait 0' "$@"
}

# The process that mounts is there from the beginning; with /dev/fuse it has been told to.
mounter() { children | sed -n 2p; }
has_mounter() { find "/proc/$(mounter)/fd" -lname /dev/fuse 2>/dev/null | grep -q .; }

# start_mount_as_peer LINE [ARGS...]: and wait until the server logged that line
start_mount_as_peer() {
  start_mount "$img" "$mnt" -t fuse.svc.peer "${@:2}"
  assert_log "$1"
}

#
# The server stops at a step
#

@test "a server that says nothing is not waited for longer than svc-timeout" {
  local step start
  for step in $all_steps; do
    until_step "$step" wait-eof
    start=$SECONDS
    mount_as_peer -o svc-timeout=1
    assert_mount_fails 32 'service "peer": said nothing for 1 seconds'
    ((SECONDS - start < deadline)) || fail "after $((SECONDS - start)) seconds"
    assert_log 'wait-eof: EOF'
    assert_nothing_left
  done
}

@test "a server that closes the connection" {
  local step
  for step in $all_steps; do
    until_step "$step" close 'sleep 0.2'
    mount_as_peer
    assert_mount_fails 32 'service "peer": ended before the file system was up'
    assert_nothing_left
  done
}

@test "a server that is killed" {
  local step
  for step in $all_steps; do
    until_step "$step" kill
    mount_as_peer
    assert_mount_fails 32 'service "peer": ended before the file system was up'
    assert_nothing_left
  done
}

@test "a server that exits" {
  local step
  for step in $all_steps; do
    until_step "$step" 'exit 3'
    mount_as_peer
    assert_mount_fails 32 'service "peer": ended before the file system was up'
    assert_nothing_left
  done
}

@test "a slow server may take up to svc-timeout for each of its steps" {
  obey 'sleep 0.6' hello args 'sleep 0.6' 'fsopen 0' 'sleep 0.6' 'source x' 'mntpt 0 $TARGET' \
    'mount 0' init 'sleep 0.6' 'bye 0' serve
  mount_as_peer -o svc-timeout=2
  assert_mount_works
  unmount
}

@test "a server that dies after its goodbye leaves a mount that does not hang" {
  until_step init 'bye 0' kill
  mount_as_peer
  assert_status 0
  wait_for "$deadline" grep -q 'died' "$BATS_TEST_TMPDIR/service.log"
  run_command stat "$mnt"
  assert_status 1
  [[ $stderr == *'not connected'* ]]
  unmount
}

@test "a server that never answers INIT, nor is waited for, can be unmounted" {
  until_step mount 'bye 0' 'sleep 600'
  mount_as_peer
  assert_mount_works
  umount --lazy --no-canonicalize "$mnt"
  kill -KILL "$(our_processes | cut -d ' ' -f 1)"
}

#
# Goodbye
#

@test "goodbye with a code other than 0, at each step" {
  local step code
  for code in 1 2 255 4294967295; do
    for step in $all_steps; do
      case $step in start | get-hello) continue ;; esac # "hello: a goodbye instead"
      until_step "$step" "bye $code"
      mount_as_peer
      assert_mount_fails 32 'service "peer": gave up'
      assert_log "bye $code: OK"
    done
  done
}

@test "goodbye without a mount" {
  local step
  for step in hello argv args open fsopen source mntpt mntopts mtabopts; do
    until_step "$step" 'bye 0'
    mount_as_peer
    assert_mount_fails 32 'service "peer": ended without mounting'
  done
}

@test "goodbye after a refused mount" {
  until_step mntpt 'mount 20' 'bye 0'
  mount_as_peer
  assert_log 'mount 20: EINVAL'
  assert_mount_fails 32
}

#
# Malformed packets
#

# assert_breach LINE...: after its arguments the server sends this, and it is a breach
assert_breach() {
  obey hello args "$@" wait-eof
  mount_as_peer
  assert_log 'wait-eof: EOF' || return
  assert_mount_fails 32 'service "peer": broke the protocol'
}

@test "malformed packets" {
  local hex name
  while read -r hex name; do
    printf '# %s\n' "$name"
    assert_breach "raw $hex"
  done <<'PACKETS'
00 one byte
545950 less than a magic number
deadbeef an unknown magic number
deadbeef00000000 an unknown magic number and a body
00000000 zeros
54595045 FSOPEN without a body
545950450000 FSOPEN with half a body
54595045000000000000 FSOPEN with too much of it
5459504500000000545950450000000000 FSOPEN twice in one packet
4e414d45 SOURCE without a string
4e414d4578 SOURCE without NUL
4e414d45780078 SOURCE with something after its NUL
4e414d4578007800 SOURCE with two strings
4e414d45007800 SOURCE with a NUL in front
4d4e545040000001782f00 MNTPT with padding
4d4e54504000000078 MNTPT without NUL
4f50454e000000000000000000000000 OPEN that is too short
4f50454e00000000000000000000000000000000 OPEN without a path
4f50454e000000000000000000000000000000002f OPEN without NUL
444f495400 MOUNT that is too short
444f49540000000000 MOUNT that is too long
42594545 BYE without a code
425945450000000000 BYE that is too long
4d455347000000030000 MESG that is too short
4d4553470000000300000000 MESG without a text
4d45534700000003ffffffff78 MESG without NUL
4d4553470000000000000000780000 MESG with two NULs
PACKETS
}

@test "packets that only a helper sends, or that belong elsewhere" {
  assert_breach 'raw 534146540001000100000000'   # HELLO
  assert_breach 'raw 4c41535400010000'           # HELLO_REPLY, again
  assert_breach 'raw 46494c45000000002f7800'     # FILE
  assert_breach 'raw 5245504c00000000'           # REPLY
}

@test "packets that are too long" {
  local size
  for size in 65536 65537 131072; do
    assert_breach "rawlen $size"
  done
}

@test "an empty packet" {
  obey hello args 'rawlen 0' wait-eof
  mount_as_peer
  assert_mount_fails 32
}

@test "messages that are none" {
  local level
  for level in 0 1 2 5 7 8 255 4294967295; do
    assert_breach "msg $level text"
  done
  assert_breach 'progress 1001 text'
  assert_breach 'progress 4294967294 text'
}

@test "a malformed packet after the mount" {
  until_step init 'raw deadbeef' wait-eof
  mount_as_peer
  assert_mount_fails 32 'broke the protocol'
}

@test "hello: other versions" {
  local version
  for version in 0 2 256 65535; do
    obey "hello $version" wait-eof
    mount_as_peer
    assert_mount_fails 32 'another version'
  done
}

@test "hello: malformed or no answers" {
  local hex
  for hex in 00 4c415354 4c4153540001 4c41535400010001 4c4153540001000000 5245504c00000000 42594545000000000 \
    54595045 deadbeef00010000; do
    obey "raw $hex" wait-eof
    mount_as_peer
    assert_mount_fails 32 'broke the protocol'
  done
}

@test "hello: a goodbye instead" {
  obey 'bye 1' wait-eof
  mount_as_peer
  assert_mount_fails 32
}

@test "descriptors that a server sends are dropped" {
  obey_and_mount 'sendfds 1' 'sendfds 8' 'open $SOURCE O_RDONLY' 'sendfds 1'
  mount_as_peer
  assert_mount_works
  assert_log_matches 'sendfds: (EPERM|OK)'
  assert_log "open $img: OK ro reg"
  unmount
}

#
# A mount that is under way: mount(2) waits for the server
#

@test "pending: a server that answers INIT" {
  until_pending init reply 'bye 0' serve
  mount_as_peer
  assert_mount_works
  assert_log 'init: OK' 'reply: OK'
  unmount
}

@test "pending: other requests are served meanwhile" {
  until_pending 'open $SOURCE O_RDONLY' 'msg 4 patience' init reply 'bye 0' serve
  mount_as_peer
  assert_status 0
  assert_mounted
  assert_log "open $img: OK ro reg"
  [[ $stderr == *'warning: patience' ]]
  unmount
}

@test "pending: a server that never reads INIT" {
  until_pending ignore-init
  mount_as_peer -o svc-timeout=1
  assert_mount_fails 32 'said nothing for 1 seconds'
}

@test "pending: a server that reads INIT and never answers" {
  until_pending get-init wait-eof
  mount_as_peer -o svc-timeout=1
  assert_log 'get-init: OK'
  assert_mount_fails 32 'said nothing for 1 seconds'
}

@test "pending: a server that reads INIT, never answers, and does not care that we hang up" {
  until_pending get-init 'sleep 10'
  mount_as_peer -o svc-timeout=1
  assert_log 'get-init: OK'
  assert_mount_fails 32 'said nothing for 1 seconds'
  [[ -n $(our_processes) ]] || fail "the helper waited for the server"
  kill -KILL "$(our_processes | cut -d ' ' -f 1)"
}

@test "pending: a server that answers with an error" {
  until_pending get-init 'answer-init 5' reply 'bye 1'
  mount_as_peer
  assert_log 'get-init: OK' 'answer-init: OK'
  refute_log 'reply: OK'
  assert_mount_fails 32 'mount failed'
}

@test "pending: a server that dies" {
  until_pending kill
  mount_as_peer
  assert_mount_fails 32
  until_pending get-init kill
  mount_as_peer
  assert_mount_fails 32
  until_pending 'exit 0'
  mount_as_peer
  assert_mount_fails 32
}

@test "pending: a server that closes /dev/fuse" {
  until_pending close-fuse reply 'bye 1'
  mount_as_peer -o svc-timeout=5
  refute_log 'reply: OK'
  assert_mount_fails 32
}

@test "pending: a server that closes the connection" {
  until_pending close 'sleep 1'
  mount_as_peer
  assert_mount_fails 32 'ended before the file system was up'
  until_pending get-init close 'sleep 1'
  mount_as_peer
  assert_mount_fails 32 'ended before the file system was up'
}

@test "pending: goodbye" {
  until_pending 'bye 1'
  mount_as_peer
  assert_mount_fails 32 'gave up'
  until_pending 'bye 0'
  mount_as_peer
  assert_mount_fails 32
  until_pending 'bye 0' 'sleep 1'
  mount_as_peer
  assert_mount_fails 32
}

@test "pending: packets out of order" {
  until_pending 'mount-nowait 1' 'reply second' init 'reply first' 'bye 0' serve
  mount_as_peer
  assert_mount_works
  assert_log 'reply second: EINVAL' 'reply first: OK'
  refute_option ro
  unmount
  until_pending 'raw deadbeef' wait-eof
  mount_as_peer
  assert_mount_fails 32 'broke the protocol'
}

@test "pending: what mount(2) waits for comes from nobody else's server" {
  until_step args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' 'bye 0' init serve
  mount_as_peer # a server of libfuse's: it answers INIT after it said goodbye
  assert_mount_works
  run_command stat -c %F "$mnt"
  assert_equal "$stdout" directory
  unmount
}

#
# Signals
#

# assert_interrupted_by SIGNAL: it is, and nothing is left
assert_interrupted_by() {
  finish_mount || return
  assert_interrupted "$1" || return
  assert_nothing_left
}

@test "Ctrl-C, at each step" {
  local step
  for step in $all_steps; do
    until_step "$step" 'open /here O_RDONLY quiet' wait-eof # the refusal says how far we are
    case $step in start | get-hello | hello | argv) until_step "$step" wait-eof ;; esac
    start_mount "$img" "$mnt" -t fuse.svc.peer
    case $step in
    start | get-hello | hello | argv) assert_log_matches "start: .*" ;;
    *) assert_log 'open /here: EPERM' ;;
    esac
    sleep 0.1
    kill -INT -- -"$helper"
    assert_interrupted_by INT
  done
}

@test "SIGTERM and SIGHUP, to the helper alone" {
  local signal step
  for signal in TERM HUP INT; do
    for step in args fsopen init; do
      until_step "$step" 'open /here O_RDONLY quiet' wait-eof
      start_mount_as_peer 'open /here: EPERM'
      kill -s "$signal" "$helper"
      assert_interrupted_by "$signal"
    done
  done
}

@test "Ctrl-C and SIGTERM while the mount is pending" {
  local signal target
  while read -r signal target; do
    until_pending ignore-init
    start_mount "$img" "$mnt" -t fuse.svc.peer
    wait_for "$deadline" has_mounter
    sleep 0.1
    kill -s "$signal" -- "$target$helper"
    assert_interrupted_by "$signal"
  done <<<'INT -
TERM
HUP'
}

@test "Ctrl-C while the mount is pending and the server has read INIT" {
  until_pending get-init wait-eof
  start_mount_as_peer 'get-init: OK'
  kill -INT -- -"$helper"
  assert_interrupted_by INT
}

@test "Ctrl-C while the mount is pending, and the server does not care" {
  until_pending get-init 'sleep 10'
  start_mount_as_peer 'get-init: OK'
  kill -INT -- -"$helper"
  finish_mount
  assert_interrupted INT
  [[ -n $(our_processes) ]] || fail "the helper waited for the server"
  kill -KILL "$(our_processes | cut -d ' ' -f 1)"
}

@test "Ctrl-C, with a timeout that never ends" {
  until_step args 'open /here O_RDONLY quiet' wait-eof
  start_mount_as_peer 'open /here: EPERM' -o svc-timeout=0
  kill -INT -- -"$helper"
  assert_interrupted_by INT
}

@test "the process that talks is killed" {
  local step
  for step in args fsopen init; do
    until_step "$step" 'open /here O_RDONLY quiet' wait-eof
    start_mount_as_peer 'open /here: EPERM'
    kill -KILL "$(talker)"
    finish_mount
    assert_mount_fails 4 'crashed (signal 9)'
    assert_nothing_left
  done
}

@test "the process that talks is killed while the mount is pending" {
  until_pending ignore-init
  start_mount "$img" "$mnt" -t fuse.svc.peer
  wait_for "$deadline" has_mounter
  kill -KILL "$(talker)"
  finish_mount
  assert_mount_fails 4 'crashed (signal 9)'
}

@test "the process that mounts is killed" {
  until_pending 'reply' 'bye 1'
  start_mount "$img" "$mnt" -t fuse.svc.peer
  wait_for "$deadline" has_mounter
  kill -KILL "$(mounter)"
  finish_mount
  refute_log 'reply: OK'
  assert_mount_fails 32
}

@test "the helper itself is killed: none of its processes stays" {
  until_step args 'open /here O_RDONLY quiet' wait-eof
  start_mount_as_peer 'open /here: EPERM'
  kill -KILL "$helper"
  finish_mount
  assert_status 137
  refute_mounted
  assert_nothing_left

  until_pending ignore-init
  start_mount "$img" "$mnt" -t fuse.svc.peer
  wait_for "$deadline" has_mounter
  kill -KILL "$helper"
  finish_mount
  assert_nothing_left
  refute_mounted
}

# By module it is not attached yet.
# bats test_tags=helper
@test "the helper itself is killed after the mount: it stays, and can be unmounted" {
  until_step init 'open /here O_RDONLY quiet' wait-eof
  start_mount_as_peer 'open /here: EPERM'
  kill -KILL "$helper"
  finish_mount
  assert_mounted
  umount "$mnt"
}

#
# Messages
#

@test "messages: the server's reason is the error" {
  obey hello args 'msg 3 no superblock at 0x10' 'bye 1'
  mount_as_peer
  assert_mount_fails 32
  assert_equal "$stderr" "$(error_line 'peer: no superblock at 0x10')"
}

@test "messages: of several reasons the last one is told" {
  obey hello args 'msg 3 first' 'msg 3 second' 'bye 1'
  mount_as_peer
  assert_mount_fails 32 'peer: second'
  [[ $stderr != *first* ]]
}

@test "messages: of a server that goes without reading what it was sent" {
  local pause
  for pause in 0 0.3; do
    obey hello "sleep $pause" 'msg 3 out of memory' 'bye 1'
    mount_as_peer
    assert_mount_fails 32 'peer: out of memory'
  done
}

@test "messages: before what was refused to it, which is the reason otherwise" {
  obey hello args 'open /etc/passwd O_RDONLY' 'msg 3 cannot read my table' 'bye 1'
  mount_as_peer
  assert_mount_fails 32 'peer: cannot read my table'
  obey hello args 'open /etc/passwd O_RDONLY' 'bye 1'
  mount_as_peer
  assert_mount_fails 32 '/etc/passwd'
}

@test "messages: a reason without a failure is nobody's business" {
  obey_and_mount 'msg 3 nothing serious'
  mount_as_peer
  assert_mount_works
  unmount
}

@test "messages: control characters are escaped" {
  obey hello args 'msg 3 \x1b[31mred\x0aroot#\x0d\x09\x7f \xc2\x9b1m \xe2\x80\xae \xff \x5cx41 \xc3\xbcber' 'bye 1'
  mount_as_peer
  assert_mount_fails 32
  assert_equal "$stderr" \
    "$(error_line 'peer: \x1b[31mred\x0aroot#\x0d\x09\x7f \xc2\x9b1m \xe2\x80\xae \xff \x5cx41 über')"
}

@test "messages: so are those in warnings" {
  obey_and_mount 'msg 4 \x1b]0;title\x07\x0amount.fuse.svc: /: all is well'
  mount_as_peer
  assert_status 0
  assert_equal "$stderr" \
    "$(message_line 'peer: warning: \x1b]0;title\x07\x0amount.fuse.svc: /: all is well')"
  unmount
}

@test "messages: so is what else a server can bring onto the terminal" {
  obey hello args 'open /etc/\x1b[31m\x0ared O_RDONLY' 'bye 1'
  mount_as_peer
  assert_mount_fails 32 'asked for "/etc/\x1b[31m\x0ared"'
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 /\x1b[31m\x0ared' 'bye 1'
  mount_as_peer
  assert_mount_fails 32 'asked to mount on "/\x1b[31m\x0ared"'
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mntopts \x1b[31m\x0ared' 'bye 1'
  mount_as_peer
  assert_mount_fails 32 'mount option "\x1b[31m\x0ared"'
}

@test "messages: warnings are printed, information only with -v" {
  obey_and_mount 'msg 4 journal is dirty' 'msg 6 12 files' 'progress 500 half'
  mount_as_peer
  assert_status 0
  assert_equal "$stderr" "$(message_line 'peer: warning: journal is dirty')"
  unmount
  mount_as_peer -v
  assert_status 0
  assert_equal "$stderr" "$(message_line 'peer: warning: journal is dirty')
$(message_line 'peer: 12 files')"
  unmount
}

@test "messages: no more than 64 are printed" {
  obey_and_mount 'flood-msg 100'
  mount_as_peer
  assert_status 0
  assert_mounted
  assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/stderr")" 64
  [[ $stderr == *'message 63' ]]
  unmount
}

@test "messages: too many are too many packets" {
  obey hello args 'flood-msg 1100' wait-eof
  mount_as_peer
  assert_status 32
  refute_mounted
  [[ ${stderr##*$'\n'} == *'sent too many requests'"$full_stop" ]]
}

@test "messages: the longest one, and one that is longer" {
  local text
  printf -v text '%01024d' 0
  obey hello args "msg 3 $text" 'bye 1'
  mount_as_peer
  assert_mount_fails 32 "peer: $text"
  printf -v text '%02050d' 0 # 1025 bytes in hex
  assert_breach "raw 4d45534700000003ffffffff${text//0/3}00"
}

@test "an undo does not wait for a fuseblk server that does not answer any more" {
  require loop
  use_loop "$img"
  # shellcheck disable=SC2016 # the scripted server has variables of its own
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' init 'sleep 600'
  run_mount "$loop" "$mnt" -t fuse.svc.peer -o svc-timeout=1
  assert_mount_fails 32 'said nothing for 1 seconds'
  kill -KILL "$(our_processes | cut -d ' ' -f 1)" # it does not look at its socket
}

@test "a fuseblk mount that fails after INIT, and a server that does not answer to its end" {
  require loop sync-init
  use_loop "$img"
  # shellcheck disable=SC2016 # the scripted server has variables of its own
  obey hello args sync-init 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount-nowait 0' get-init \
    'sleep 1' 'answer-init 0' 'sleep 600'
  start_mount "$loop" "$mnt" -t fuse.svc.peer -o svc-timeout=3
  assert_log 'get-init: OK'
  rmdir "$mnt"
  finish_mount
  mkdir "$mnt"
  assert_mount_fails 32
  [[ $stderr != *'could not be undone'* ]]
  kill -KILL "$(our_processes | cut -d ' ' -f 1)" # the server; there is nobody else
}

@test "a device that is mounted already: refused, and the first mount lives on" {
  require loop
  local option first
  start_peer other
  use_loop "$img"
  obey_and_mount
  run_mount "$loop" "$mnt" -t fuse.svc.peer
  assert_mount_works
  mkdir "$mnt.2"
  for option in fuse.svc.peer fuse.svc.other; do
    run_mount "$loop" "$mnt.2" -t "$option"
    assert_status 32
    [[ $stderr == *'is mounted already, or in use by something else'* ]]
    refute_mounted "$mnt.2"
    stat --file-system "$mnt" >/dev/null # asks the server
    assert_equal "$(ls -A "$mnt")" ''
  done
  unmount
  # And at the same time: one of them wins.
  for option in 1 2 3; do
    run_mount "$loop" "$mnt" -t fuse.svc.peer &
    first=$!
    run_mount "$loop" "$mnt.2" -t fuse.svc.other &
    wait "$first" "$!" || true
    assert_equal "$(our_mounts | wc -l)" 1
    umount "$mnt" 2>/dev/null || umount "$mnt.2"
  done
}

has_no_helper() { ! our_processes | grep -qE '/(mount\.fuse\.svc|fuse-svc-mount)$'; }

@test "a device whose mount is pending: whoever waits for it does not hang up on it" {
  require loop sync-init
  use_loop "$img"
  obey hello args sync-init 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount-nowait 0' get-init \
    "wait-file $BATS_TEST_TMPDIR/go" 'answer-init 0' 'reply mount' 'bye 0' serve
  start_mount "$loop" "$mnt" -t fuse.svc.peer
  assert_log 'get-init: OK'
  mkdir "$mnt.2"
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount-nowait 0' wait-eof
  run_mount "$loop" "$mnt.2" -t fuse.svc.peer -o svc-timeout=1
  assert_status 32
  touch "$BATS_TEST_TMPDIR/go"
  finish_mount
  assert_status 0
  assert_mounted
  stat --file-system "$mnt" >/dev/null # asks the server
  wait_for "$deadline" has_no_helper
  umount "$mnt.2" 2>/dev/null || true # by a mount(2) that nothing ended, of which it told
  unmount
}

@test "a goodbye that comes with the end of the mount" {
  require sync-init
  for _ in {1..10}; do
    # shellcheck disable=SC2016 # the scripted server has variables of its own
    obey hello args sync-init 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount-nowait 0' init 'bye 1'
    mount_as_peer
    assert_mount_fails 32 'gave up'
  done
}

@test "an ignored signal is ignored" {
  obey_and_mount 'sleep 1'
  (
    trap '' HUP
    exec setsid "${mount_program[@]}" "$img" "$mnt" -t fuse.svc.peer 3>&- 4>&-
  ) &
  helper=$!
  assert_log 'fusedev: OK'
  kill -HUP "$helper"
  wait "$helper"
  assert_mounted
  unmount
}
