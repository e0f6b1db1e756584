#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# fuse-svc status: real mounts, by servers that are well, hang, or are dead.
#
# shellcheck disable=SC2016 # the scripted server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load fuse-svc

setup() {
  prepare_fuse_svc
  start_peer
  obey_and_mount
}

teardown() { clean_up; }

mount_peer() {
  stock_mount -t fuse.svc.peer "$@"
  assert_status 0
}

server_pid() { utab | sed -n 's/.*svc\.pid=\([0-9]*\).*/\1/p' | tail -n 1; }

@test "status: nothing is mounted" {
  fuse_svc status
  assert_quiet
  fuse_svc status --all --json
  assert_status 0
  assert_json .mounts '[]'
}

@test "status: all that there is to know" {
  local pid connection
  mount_peer -o ro "$img" "$mnt"
  pid=$(server_pid)
  connection=$(mountpoint -d "$mnt")
  fuse_svc status -J -o TARGET,SOURCE,SERVICE,STATE,PID,PROGRAM,UNIT,SINCE,MEMORY,WAITING,RO,TYPE,OPTIONS,CONNECTION,LOGS
  assert_status 0
  [[ -z $stderr ]]
  assert_json '.mounts | length' 1
  assert_json '.mounts[0] | .target, .source, .service, .type' \
    "\"$mnt\""$'\n'"\"$img\""$'\n"peer"\n"fuse.svc.peer"'
  assert_json '.mounts[0] | .state, .pid, .program' $'"serving"\n'"$pid"$'\n'"\"$FSVC_PEER\""
  assert_json '.mounts[0] | .unit, .logs' $'null\nnull'
  assert_json '.mounts[0] | .waiting, .ro' $'0\ntrue'
  assert_json '.mounts[0].connection' "${connection#*:}"
  assert_json '.mounts[0].options | split(",") | index("nosuid") != null' true
  # Memory in bytes, and the time to the second.
  assert_json ".mounts[0].memory > 4096 and .mounts[0].memory % 1024 == 0" true
  assert_json '.mounts[0].since | test("^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ$")' true
  (($(date +%s) - $(date -d "$(jq -r '.mounts[0].since' <<<"$stdout")" +%s) < deadline))
  fuse_svc status -nro MEMORY,RO
  [[ $stdout =~ ^[0-9.]+[KM]\ yes$ ]]
  unmount
}

@test "status: by target or source, however they are written" {
  local how
  mount_peer "$img" "$mnt"
  ln -s "$mnt" "$BATS_TEST_TMPDIR/to-mnt"
  ln -s "$img" "$BATS_TEST_TMPDIR/to-img"
  cd "$BATS_TEST_TMPDIR"
  for how in "$mnt" "$img" "$mnt/" mnt ./mnt img ../"${BATS_TEST_TMPDIR##*/}"/mnt to-mnt to-img; do
    fuse_svc status -nro TARGET "$how"
    assert_status 0 || fail "$how" || return
    assert_equal "$stdout" "$mnt" || fail "$how" || return
  done
  unmount
}

@test "status: one in full, for people" {
  mount_peer "$img" "$mnt"
  fuse_svc status "$mnt"
  assert_status 0
  [[ -z $stderr && $stdout != *SERVICE* ]]
  grep -qx "Target:      $mnt" <<<"$stdout"
  grep -qx 'Service:     peer' <<<"$stdout"
  grep -qx 'State:       serving' <<<"$stdout"
  grep -qx "PID:         $(server_pid)" <<<"$stdout"
  grep -qx 'RO:          no' <<<"$stdout"
  [[ $stdout != *Unit:* ]]
  unmount
}

@test "status: what is not there, or not ours" {
  local what
  mount_peer "$img" "$mnt"
  mount -t tmpfs tmpfs /media
  for what in /media /nowhere / "$script" '' UUID=00000000-1111-2222-3333-444444444444; do
    fuse_svc status "$what"
    assert_status 32 || fail "$what" || return
    assert_says "fuse-svc: $what: no contained service is mounted there" || return
    [[ -z $stdout ]] || fail "$what" || return
  done
  umount /media
  fuse_svc status -Jo TARGET /nowhere "$mnt"
  assert_status 32
  assert_says '/nowhere: '
  assert_json .mounts "[{\"target\":\"$mnt\"}]"
  unmount
}

@test "status: a server that hangs keeps nobody" {
  local pid
  mount_peer "$img" "$mnt"
  pid=$(server_pid)
  kill -STOP "$pid"
  stat "$mnt/file" >/dev/null 2>&1 3>&- 4>&- &
  wait_for "$deadline" has_waiting 1
  for how in "$mnt" "$img" --all; do
    fuse_svc status -Jo STATE,PID,WAITING "$how"
    assert_status 0
    assert_json '.mounts[0]' "{\"state\":\"stopped\",\"pid\":$pid,\"waiting\":1}"
  done
  cd "$BATS_TEST_TMPDIR"
  fuse_svc status -nro PID mnt
  assert_equal "$stdout" "$pid"
  fuse_svc status "$mnt/file"
  assert_status 32
  assert_says "$mnt/file: lies on a file system that does not answer"
  kill -CONT "$pid"
  unmount
}
has_waiting() { fuse_svc status -nro WAITING && [[ $stdout == "$1" ]]; }

@test "status: a server that is dead" {
  mount_peer "$img" "$mnt"
  kill -KILL "$(server_pid)"
  wait_for "$deadline" is_dead
  run_command stat "$mnt"
  [[ $stderr == *'Transport endpoint is not connected'* ]]
  fuse_svc status -Jo STATE,PID,SINCE,MEMORY,SERVICE "$mnt"
  assert_status 0
  assert_json '.mounts[0]' \
    '{"state":"dead","pid":null,"since":null,"memory":null,"service":"peer"}'
  unmount
}
is_dead() { fuse_svc status -nro STATE && [[ $stdout == dead ]]; }

@test "status: a pid alone is nobody" {
  mount_peer "$img" "$mnt"
  cp /run/mount/utab "$BATS_TEST_TMPDIR/utab"
  sed -i 's/svc\.start=[0-9]*/svc.start=1/' /run/mount/utab
  fuse_svc status -Jo STATE,PID,SINCE
  assert_json '.mounts[0]' '{"state":"dead","pid":null,"since":null}'
  sed 's/svc\.start=[0-9]*/&,svc.connection=4000000000/' "$BATS_TEST_TMPDIR/utab" >/run/mount/utab
  fuse_svc status -Jo STATE,PID,SINCE
  assert_json '.mounts[0]' '{"state":null,"pid":null,"since":null}'
  cp "$BATS_TEST_TMPDIR/utab" /run/mount/utab
  unmount
}

@test "status: a mount without a line in utab" {
  mount_peer -n "$img" "$mnt"
  refute_utab
  fuse_svc status -Jo TARGET,SERVICE,STATE,PID,WAITING
  assert_status 0
  assert_json '.mounts[0]' \
    "{\"target\":\"$mnt\",\"service\":\"peer\",\"state\":null,\"pid\":null,\"waiting\":0}"
  unmount
}

@test "status: several mounts of a source, and at a target" {
  mkdir "$mnt.2"
  mount_peer "$img" "$mnt"
  mount_peer "$img" "$mnt.2"
  mount_peer -o ro none "$mnt"
  fuse_svc status -nro TARGET,RO "$img"
  assert_equal "$stdout" "$mnt no"$'\n'"$mnt.2 no"
  fuse_svc status -nro SOURCE,RO "$mnt"
  assert_equal "$stdout" "$img no"$'\n''peer yes'
  fuse_svc status -J
  assert_json '.mounts | length' 3
  assert_json '.mounts | map(.pid) | unique | length' 3
  unmount
  unmount
  unmount "$mnt.2"
}

@test "status: names that are no good for a terminal" {
  local odd=$BATS_TEST_TMPDIR/$'a b\e[31m\n\xe2\x80\xae\xff'
  mkdir "$odd"
  mount_peer "$img" "$odd"
  fuse_svc status
  [[ $stdout == *'/a b\x1b[31m\x0a\xe2\x80\xae\xff '* ]]
  fuse_svc status -nro TARGET
  [[ $stdout == *'/a\x20b\x1b[31m\x0a\xe2\x80\xae\xff' ]]
  fuse_svc status -Jo TARGET
  assert_json '.mounts[0].target | endswith("/a b\\x1b[31m\\x0a\\xe2\\x80\\xae\\xff")' true
  fuse_svc status "$odd"
  assert_status 0
  [[ $stdout == *'/a b\x1b[31m\x0a\xe2\x80\xae\xff'$'\n'* ]]
  umount "$odd"
}

@test "status: an image behind a loop device" {
  require loop
  use_loop "$img"
  mount_peer "$loop" "$mnt"
  for how in "$img" "$loop"; do
    fuse_svc status -nro SOURCE "$how"
    assert_status 0
    assert_equal "$stdout" "$loop"
  done
  unmount
}

@test "status: a real server" {
  require server archive tool zip
  start_service archive -- "$FSVC_LIBEXECDIR/archive"
  (cd "$BATS_TEST_TMPDIR" && echo hello >hello && zip -q image.zip hello)
  stock_mount -t fuse.svc.archive "$BATS_TEST_TMPDIR/image.zip" "$mnt"
  assert_mount_works
  fuse_svc status "$BATS_TEST_TMPDIR/image.zip"
  assert_status 0
  grep -qx 'Service:     archive' <<<"$stdout"
  grep -qx "Program:     $FSVC_LIBEXECDIR/archive" <<<"$stdout"
  grep -qxE 'Memory:      [0-9.]+[KM]' <<<"$stdout"
  unmount
}

# How many requests wait is for root and who mounted; all else is for everybody.
@test "status: users" {
  local pid
  prepare_users
  share_services
  run_as alice mount -t fuse.svc.peer "$img" "$mnt"
  assert_mount_works
  pid=$(server_pid)
  mkdir -p /sys/fs/fuse/connections
  mountpoint -q /sys/fs/fuse/connections || mount -t fusectl fusectl /sys/fs/fuse/connections
  fuse_svc_as alice status -Jo TARGET,STATE,PID,WAITING
  assert_status 0
  assert_json '.mounts[0]' \
    "{\"target\":\"$mnt\",\"state\":\"serving\",\"pid\":$pid,\"waiting\":0}"
  fuse_svc_as bob status -Jo TARGET,STATE,PID,WAITING "$mnt"
  assert_status 0
  [[ -z $stderr ]]
  assert_json '.mounts[0]' \
    "{\"target\":\"$mnt\",\"state\":\"serving\",\"pid\":$pid,\"waiting\":null}"
  fuse_svc status -Jo WAITING
  assert_json '.mounts[0].waiting' 0
  run_as alice umount "$mnt"
  assert_status 0
}
