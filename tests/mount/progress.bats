#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=mount
#
# The line on a terminal that tells how far a long start is: when it is there, and that it goes away.

# shellcheck disable=SC2016 # the scripted server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # what tests/lib.bash sets, in a subshell for each test
bats_require_minimum_version 1.5.0
load ../lib
load terminal

setup() {
  prepare
  prepare_terminal
  go=$BATS_TEST_TMPDIR/go
  start_peer
}
teardown() { clean_up; }

line() { message_line "peer: $1"; }

@test "progress: a start that takes long has a line, which goes away" {
  obey_and_mount "$moment" 'progress 420 indexing' 'sleep 0.2' 'progress 1000 writing'
  run_on_terminal "${mount_program[@]}" "$img" "$mnt" -t fuse.svc.peer
  assert_status 0
  assert_mounted
  assert_equal "$(<"$screen")" "$clear$(line 'indexing 42%')$clear$(line 'writing 100%')$clear"
  unmount
}

@test "progress: what is not known has no number" {
  obey_and_mount "$moment" 'progress 0 starting' 'sleep 0.2' 'progress 9 starting'
  run_on_terminal "${mount_program[@]}" "$img" "$mnt" -t fuse.svc.peer
  assert_equal "$(<"$screen")" "$clear$(line starting)$clear$(line 'starting 0%')$clear"
  unmount
}

@test "progress: mount(8) shows it too" {
  obey_and_mount "$moment" 'progress 420 indexing'
  run_on_terminal mount -t fuse.svc.peer "$img" "$mnt"
  assert_status 0
  assert_equal "$(<"$screen")" "$clear$(line 'indexing 42%')$clear"
  unmount
}

# Of a mount that took longer, for whatever reason, nothing can be said.
@test "progress: a quick mount prints no byte" {
  local start
  obey_and_mount 'repeat 50 progress 420 indexing'
  for _ in {1..20}; do
    start=${EPOCHREALTIME/./}
    run_on_terminal "${mount_program[@]}" "$img" "$mnt" -t fuse.svc.peer
    assert_status 0
    unmount
    ((${EPOCHREALTIME/./} - start >= 1000000)) || break
  done
  assert_equal "$(<"$screen")" ""
}

@test "progress: nothing in a pipe or file, whatever is asked for" {
  local option
  for option in -n -v; do
    obey_and_mount "$moment" 'progress 420 indexing' 'sleep 0.2' 'progress 500 indexing'
    run_mount "$img" "$mnt" -t fuse.svc.peer "$option"
    assert_status 0
    [[ -z $stderr && $stdout != *indexing* ]]
    unmount
  done
}

@test "progress: cleared before an error" {
  obey hello args "$moment" 'progress 420 indexing' 'msg 3 no good' 'bye 1'
  run_on_terminal "${mount_program[@]}" "$img" "$mnt" -t fuse.svc.peer
  assert_status 32
  assert_shown 'indexing 42%'
  assert_rest "$(error_line 'peer: no good')"
}

@test "progress: cleared before a warning, and back after it" {
  obey_and_mount "$moment" 'progress 420 indexing' 'msg 4 a bit odd' 'sleep 0.2' 'progress 430 indexing'
  run_on_terminal "${mount_program[@]}" "$img" "$mnt" -t fuse.svc.peer
  assert_status 0
  assert_equal "$(<"$screen")" "$clear$(line 'indexing 42%')$clear$(line 'warning: a bit odd')"$'\r\n'"$clear$(
    line 'indexing 43%'
  )$clear"
  unmount
}

@test "progress: cleared when the server dies, says nothing, or talks nonsense" {
  local end words
  while IFS='|' read -r end words; do
    obey hello args "$moment" 'progress 420 indexing' "$end" wait-eof
    run_on_terminal "${mount_program[@]}" "$img" "$mnt" -t fuse.svc.peer -o svc-timeout=2
    assert_status 32
    assert_shown 'indexing 42%'
    [[ $(tail -n 1 "$screen") == *"$clear$(message_line '')"*"$words"* ]]
  done <<<'kill|
sleep 5|said nothing for 2 seconds
raw 00|malformed packet'
}

# Without a helper mount(8) just ends, and a program that cleared the line would hit the prompt.
# bats test_tags=helper
@test "progress: cleared after Ctrl-C" {
  obey hello args "$moment" 'progress 420 indexing' wait-eof
  start_on_terminal "${mount_program[@]}" "$img" "$mnt" -t fuse.svc.peer
  assert_shown 'indexing 42%'
  press '\003'
  end_on_terminal
  assert_status "$(interrupted_status INT)"
  assert_rest "$(interrupted_line)"
  refute_mounted
}

@test "progress: cleared when the process that has drawn it is killed" {
  obey hello args "$moment" 'progress 420 indexing' wait-eof
  start_on_terminal "${mount_program[@]}" "$img" "$mnt" -t fuse.svc.peer
  assert_shown 'indexing 42%'
  helper=$(children_of "$pid") # the one child of the terminal is the mount
  kill -KILL "$(talker)"
  end_on_terminal
  assert_status 4
  assert_rest "$(error_line 'the process that talks to the service crashed (signal 9)')"
}

@test "progress: one line, whatever its width" {
  local columns wide
  printf -v wide '\\xe6\\x97\\xa5%.0s' {1..40} # a character of two columns and three bytes
  for columns in 1 2 10 60 79 80 81 200 1000 65535; do
    obey_and_mount "$moment" "progress 420 $wide$wide" 'sleep 0.2' 'progress 420 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'
    run_on_terminal "-c$columns" "${mount_program[@]}" "$img" "$mnt" -t fuse.svc.peer
    assert_status 0
    perl -CS -e '
      my ($columns, $wide) = (shift, 0);
      $_ = do { local $/; <STDIN> };
      for (split /\r\e\[K/) {
        /\n/ and die "more than one line";
        my $width = length() + (() = /\x{65e5}/g);
        $width < $columns or die "$width columns in $columns";
        /\x{fffd}/ and die "half a character";
        $columns >= 10 && length() && !/ 42%$/ and die "no number: $_";
      }' "$columns" <"$screen"
    unmount
  done
}

@test "progress: hostile words" {
  obey_and_mount "$moment" 'progress 420 \x1b]0;title\x07\x1b[2J\x0amount.fuse.svc: /: all is well\x0d\xff\xc2\x9b'
  run_on_terminal -c300 "${mount_program[@]}" "$img" "$mnt" -t fuse.svc.peer
  assert_status 0
  assert_equal "$(<"$screen")" \
    "$clear$(line '\x1b]0;title\x07\x1b[2J\x0amount.fuse.svc: /: all is well\x0d\xff\xc2\x9b 42%')$clear"
  unmount
}

@test "progress: a server that tells it without end" {
  obey_and_mount "$moment" 'repeat 900 progress 420 indexing' 'msg 4 still heard'
  run_on_terminal "${mount_program[@]}" "$img" "$mnt" -t fuse.svc.peer
  assert_status 0
  assert_shown 'warning: still heard'
  (($(grep -oaF "42%" "$screen" | wc -l) < 50))
  unmount
  obey hello args "$moment" 'repeat 1100 progress 420 indexing' wait-eof
  run_on_terminal "${mount_program[@]}" "$img" "$mnt" -t fuse.svc.peer
  assert_status 32
  [[ $(tail -n 1 "$screen") == *"$clear$(message_line '')"*'sent too many requests'* ]]
}

@test "progress: a terminal that is stopped" {
  obey_and_mount "$moment" 'progress 420 indexing' "wait-file $go" 'repeat 300 progress 430 indexing' \
    'msg 4 a bit odd'
  start_on_terminal "${mount_program[@]}" "$img" "$mnt" -t fuse.svc.peer
  assert_shown 'indexing 42%'
  press '\023'
  sleep 0.2 # until the terminal has heard it, which nothing tells
  touch "$go"
  end_on_terminal
  assert_status 0
  assert_mounted
  unmount
}

# is_stuck PID: it has not written anything for a while
is_stuck() {
  local before
  before=$(grep wchar "/proc/$1/io")
  sleep 0.3
  [[ $(grep wchar "/proc/$1/io") == "$before" ]]
}

@test "progress: a terminal that nobody reads, until it is full" {
  local flood=$BATS_TEST_TMPDIR/flood writer
  mkfifo "$flood"
  obey_and_mount "$moment" 'progress 420 indexing' "wait-file $go" 'repeat 300 progress 430 indexing' \
    'sleep 0.2' 'progress 440 indexing' 'msg 4 a bit odd'
  start_on_terminal bash -c 'cat "$1" & echo "pid $!"; exec "${@:2}"' - "$flood" \
    "${mount_program[@]}" "$img" "$mnt" -t fuse.svc.peer
  assert_shown 'indexing 42%'
  writer=$(tr -d '\r' <"$screen" | sed -n 's/^pid //p')
  kill -STOP "$pid"
  head -c 1M /dev/zero >"$flood" 3>&- 4>&- &
  wait_for "$deadline" is_stuck "$writer"
  touch "$go"
  wait_for "$deadline" is_mounted
  kill -CONT "$pid"
  end_on_terminal
  assert_status 0
  unmount
}

@test "progress: nothing from the background, where it would stop us" {
  obey_and_mount "$moment" 'progress 420 indexing' 'sleep 0.2' 'progress 430 indexing'
  run_on_terminal -b "${mount_program[@]}" "$img" "$mnt" -t fuse.svc.peer
  assert_status 0
  assert_mounted
  assert_equal "$(<"$screen")" ""
  unmount
}

# By the setuid helper.
# bats test_tags=helper
@test "progress: a user's mount, on his terminal and on another's" {
  prepare_users
  share_services
  install -m 755 "$terminal" "$home/terminal"
  obey_and_mount "$moment" 'progress 420 indexing'
  screen=$home/alice/screen
  run_as alice "$home/terminal" "$screen" /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc.peer
  assert_status 0
  assert_equal "$(<"$screen")" "$clear$(line 'indexing 42%')$clear"
  unmount
  run_on_terminal setpriv --reuid=alice --regid=alice --init-groups --reset-env -- \
    /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc.peer
  assert_status 0
  assert_equal "$(<"$screen")" ""
  unmount
}

# make_slow_archive FILE MEMBERS: of one file, in so many of gzip's members of 64 MiB
make_slow_archive() {
  local tree=$BATS_TEST_TMPDIR/tree member=$BATS_TEST_TMPDIR/member i
  mkdir -p "$tree"
  truncate -s "$((64 * $2))M" "$tree/zeros"
  head -c 64M /dev/zero | gzip -1 >"$member"
  {
    tar -cf - -C "$tree" zeros 2>/dev/null | head -c 512 | gzip -1
    for ((i = 0; i < $2; i++)); do cat "$member"; done
    head -c 1024 /dev/zero | gzip -1
  } >"$1"
}

@test "progress: an archive that takes long" {
  require server archive tool gzip
  start_service archive -- "$FSVC_LIBEXECDIR/archive"
  local members deadline=300 # the last one is 48 GiB, unpacked twice
  for members in 48 192 768; do # as large as this machine needs to be slow
    make_slow_archive "$img.tar.gz" "$members"
    run_on_terminal "${mount_program[@]}" "$img.tar.gz" "$mnt" -t fuse.svc.archive
    assert_status 0
    assert_equal "$(stat -c %s "$mnt/zeros")" $((members * 64 << 20))
    unmount
    if has_shown indexing && has_shown 'verifying checksums'; then
      assert_rest ''
      return
    fi
  done
  fail "no progress was shown"
}
has_shown() { [[ $(tr -d '\033' <"$screen") =~ "archive: $1 "[0-9]+% ]]; }
