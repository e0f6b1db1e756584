#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=mount
#
# examples/null: what is written to it is gone, and nobody is told otherwise.

# shellcheck disable=SC2030,SC2031,SC2154 # what tests/lib.bash sets, in a subshell for each test
bats_require_minimum_version 1.5.0
load ../lib

setup() {
  prepare
  require server null
  start_service null -- "$FSVC_LIBEXECDIR/null"
}

teardown() { clean_up; }

# mount_null [TARGET]
mount_null() {
  run_command mount -t fuse.svc.null none "${1:-$mnt}"
  assert_status 0 || return
  [[ -z $stderr ]] || fail "stderr is not empty" || return
  assert_mounted "${1:-$mnt}"
}

server_pid() { sed -n 's/.*svc\.pid=\([0-9]*\).*/\1/p' /run/mount/utab; }

# assert_bucket FILE: takes all that there is, and keeps none of it
assert_bucket() {
  assert_equal "$(stat -c '%F %s %a' "$1")" "regular empty file 0 666" || return
  echo words >"$1" && echo more >>"$1" || return
  head -c 5000001 /dev/urandom | dd of="$1" bs=70001 status=none || return
  dd if=/dev/zero of="$1" bs=1M count=3 seek=1000 conv=notrunc,fsync status=none || return
  cp /etc/passwd "$1" && truncate -s 1M "$1" && touch "$1" || return
  assert_equal "$(wc -c <"$1")" 0 || return
  assert_equal "$(dd if="$1" status=none | od)" 0000000 || return
  assert_equal "$(stat -c '%s %b' "$1")" "0 0"
}

# Nothing of a write is there for the one who wrote it either, in the same open file.
assert_forgets() {
  perl -e 'open(F, "+<", $ARGV[0]) or die; syswrite(F, "x" x 9999) == 9999 or die;
    sysseek(F, 0, 0); print sysread(F, $b, 100), " ", sysseek(F, 0, 2) + 0' "$1" >"$log"
  assert_equal "$(<"$log")" "0 0"
}

@test "null: a directory as mount point has one file, null" {
  mount_null
  assert_equal "$(mounted_as FSTYPE)" fuse.svc.null
  assert_equal "$(mounted_as SOURCE)" null # there is no source
  assert_option rw nosuid nodev
  assert_equal "$(find "$mnt" -printf '%y %m %n %f,')" "d 555 2 mnt,f 666 1 null,"
  assert_bucket "$mnt/null"
  assert_forgets "$mnt/null"
  assert_equal "$(ls -A "$mnt")" null
  [[ ! -e $mnt/other ]]
  unmount
}

@test "null: a file as mount point is the bit bucket itself" {
  echo before >"$mnt.file"
  mount_null "$mnt.file"
  assert_bucket "$mnt.file"
  assert_forgets "$mnt.file"
  unmount "$mnt.file"
  assert_equal "$(<"$mnt.file")" before
}

@test "null: what makes no sense is refused" {
  local command
  mount_null
  for command in "chmod 600 $mnt/null" "chown 1:1 $mnt/null" "touch $mnt/new" \
    "cp /etc/passwd $mnt"; do
    # shellcheck disable=SC2086 # words
    run -1 $command
    [[ $output == *"Operation not permitted"* ]] || fail "$command: $output"
  done
  run -1 rm -f "$mnt/null"
  run -1 mkdir "$mnt/dir"
  assert_equal "$(stat -c %a "$mnt/null")" 666
  unmount
}

@test "null: everybody may write" {
  local nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  chmod 755 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" "$BATS_SUITE_TMPDIR" "$BATS_FILE_TMPDIR" || true
  mount_null
  "${nobody[@]}" dd if=/dev/zero of="$mnt/null" bs=10000 count=3 status=none
  "${nobody[@]}" cat "$mnt/null"
  run -1 "${nobody[@]}" touch "$mnt/new"
  [[ $output == *"Permission denied"* ]]
  unmount
}

@test "null: -o ro: nobody may" {
  run_command mount -t fuse.svc.null -o ro none "$mnt"
  assert_mount_works
  assert_option ro
  run -1 dd if=/dev/zero of="$mnt/null" count=1
  [[ $output == *"Read-only file system"* ]]
  unmount
}

@test "null: many at once" {
  local i pids=()
  mount_null
  for i in {1..8}; do
    dd if=/dev/zero of="$mnt/null" bs="$i"0K count=200 conv=notrunc status=none &
    pids+=($!)
  done
  for i in "${pids[@]}"; do wait "$i"; done
  unmount
}

@test "null: unmounted, the server is gone" {
  local pid
  mount_null
  pid=$(server_pid)
  is_alive "$pid"
  unmount
  wait_gone "$pid" 1
  [[ -z $(utab) ]]
}

@test "null: an option that nobody knows" {
  run_command mount -t fuse.svc.null -o frobnicate=7 none "$mnt"
  assert_mount_fails 32 "null: " frobnicate=7
  assert_nothing_left
}

@test "null: a server that is killed leaves an error, not a hang" {
  local pid
  mount_null
  pid=$(server_pid)
  kill -KILL "$pid"
  wait_gone "$pid" "$deadline"
  run timeout 10 ls "$mnt"
  [[ $status != 0 && $output == *"Transport endpoint is not connected"* ]]
  unmount
}

@test "null: by hand it is an ordinary FUSE server" {
  local program=$FSVC_LIBEXECDIR/null
  require tool fusermount3
  cd "$BATS_TEST_TMPDIR"
  "$program" none mnt 3>&- # a relative path
  assert_equal "$(findmnt -nro FSTYPE "$mnt")" fuse.null
  assert_bucket "$mnt/null"
  fusermount3 -u "$mnt"
  wait_for "$deadline" is_nothing_left
  : >"$mnt.file"
  "$program" none "$mnt.file" 3>&-
  assert_bucket "$mnt.file"
  fusermount3 -u "$mnt.file"
  cd /
  wait_for "$deadline" is_nothing_left
}

@test "null: by hand, its words and its exit codes" {
  local program=$FSVC_LIBEXECDIR/null
  run -0 "$program" --help
  [[ ${lines[0]} == "usage: null [options] none mountpoint" ]]
  run -0 "$program" --version
  [[ $output == "null (fuse-svc) "[0-9]* ]]
  run -1 "$program"
  [[ $output == "null: a source, like \"none\", and a mount point are needed" ]]
  run -1 "$program" none
  run -1 "$program" none "$mnt.none"
  run -1 "$program" none "$mnt" extra
  run -1 "$program" -o nonsense none "$mnt"
  [[ $output == *nonsense* ]]
}
