#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# fuse-svc asks the service manager: what it knows of units, root and an ordinary user see alike.

# shellcheck source=tests/systemd/lib.bash
source "$BATS_TEST_DIRNAME/lib.bash"

uid=2003

setup_file() {
  make_images "$BATS_FILE_TMPDIR"
  mksquashfs "$BATS_FILE_TMPDIR/tree" "$BATS_FILE_TMPDIR/image.squashfs" -quiet -no-progress \
    >/dev/null
  stop_all_sockets
  start_sockets archive squashfs
  useradd --uid "$uid" --no-create-home fsvc-looker # the bus serves no nameless users
}

setup() { prepare_systemd; }

teardown() {
  systemctl --quiet disable fuse-svc-archive.socket
  systemctl --quiet unmask fuse-svc-null.socket
  systemctl daemon-reload
  clean_up_systemd
}

teardown_file() {
  systemctl stop fuse-svc-{archive,squashfs}.socket
  userdel fsvc-looker
}

fuse_svc() { run_command fuse-svc "$@"; }

as_user() { run_command setpriv --reuid "$uid" --regid "$uid" --clear-groups fuse-svc "$@"; }

# as_both ARGS...: root and a user get the same output
as_both() {
  as_user "$@"
  [[ -z $stderr ]] || fail "a user's stderr is not empty" || return
  local users=$stdout
  fuse_svc "$@"
  assert_status 0 || return
  [[ -z $stderr ]] || fail "stderr is not empty" || return
  [[ $users == "$stdout" ]] || fail "users see something else: $users"
}

# assert_json FILTER VALUE
assert_json() {
  local value
  value=$(jq -c "$1" <<<"$stdout") || fail "not JSON: $stdout" || return
  [[ $value == "$2" ]] || fail "$1 is $value instead of $2"
}

@test "list: all units, whether they are in use or not" {
  local name
  as_both list -Jo NAME,UNIT
  for name in $(services); do
    assert_json ".services[] | select(.name == \"$name\") | .unit" "\"fuse-svc-$name.socket\"" ||
      return
  done
}

@test "list: enabled, disabled, masked" {
  systemctl --quiet enable fuse-svc-archive.socket
  systemctl --quiet mask fuse-svc-null.socket
  fuse_svc list -Jo NAME,ENABLED,LISTENING,MODE,PROBLEM archive ext4 null squashfs
  assert_status 0
  assert_json '.services[0]' \
    '{"name":"archive","enabled":"enabled","listening":true,"mode":"0220","problem":null}'
  assert_json '.services[1]' '{"name":"ext4","enabled":"disabled","listening":false,"mode":"0220",'\
'"problem":"not enabled: nobody listens; systemctl enable --now fuse-svc-ext4.socket"}'
  assert_json '.services[2] | .enabled, .listening, .problem' \
    $'"masked"\nfalse\n'"\"masked: nobody listens; systemctl unmask fuse-svc-null.socket"\
' && systemctl enable --now fuse-svc-null.socket"'
  assert_json '.services[3] | .enabled, .listening, .problem' $'"disabled"\ntrue\nnull'
}

@test "list: which program serves" {
  local -A programs=([archive]=/usr/libexec/fuse-svc/archive [squashfs]=/usr/bin/squashfuse_ll
    [probe]=/usr/libexec/fuse-svc/probe)
  local name
  as_both list -Jo NAME,PROGRAM,TYPES,DESCRIPTION
  for name in "${!programs[@]}"; do
    assert_json ".services[] | select(.name == \"$name\") | .program" "\"${programs[$name]}\"" ||
      return
  done
  assert_json '.services[] | select(.name == "squashfs") | .types' '"fuse.svc.squashfs,fuse.svc"'
  assert_json '.services[] | select(.name == "null") | .description | startswith("Contained service")' \
    true
}

@test "list: a program that is not installed" {
  mount --bind /dev/null /usr/bin/squashfuse
  mount --bind /dev/null /usr/bin/squashfuse_ll
  fuse_svc list -Jo PROGRAM,PROBLEM squashfs
  umount /usr/bin/squashfuse /usr/bin/squashfuse_ll
  assert_status 0
  assert_json '.services[0].program' '"/usr/bin/squashfuse_ll"'
  assert_json '.services[0].problem' '"there is no /usr/bin/squashfuse_ll: '\
'no mount gets a server; apt install --reinstall squashfuse"'
}

@test "list: a user is told that he may not connect" {
  as_user list -Jo LISTENING,PROBLEM archive
  assert_status 0
  assert_json '.services[0]' '{"listening":true,"problem":"mode 0220: you may not connect"}'
}

@test "list: a unit that has failed" {
  systemctl stop fuse-svc-archive.socket
  mkdir -p /etc/systemd/system/fuse-svc-archive.socket.d
  printf '[Socket]\nSocketUser=nobody-at-all\n' >/etc/systemd/system/fuse-svc-archive.socket.d/test.conf
  systemctl daemon-reload
  ! systemctl start fuse-svc-archive.socket || fail "it starts" || return
  fuse_svc list -Jo LISTENING,PROBLEM archive
  rm -r /etc/systemd/system/fuse-svc-archive.socket.d
  systemctl daemon-reload
  systemctl reset-failed fuse-svc-archive.socket
  systemctl start fuse-svc-archive.socket
  assert_status 0
  assert_json '.services[0]' '{"listening":false,"problem":"failed (exit-code): '\
'nobody listens; systemctl reset-failed fuse-svc-archive.socket && '\
'systemctl restart fuse-svc-archive.socket"}'
}

@test "list: without a bus there are sockets" {
  run_command env DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent fuse-svc list -Jo NAME,UNIT
  assert_status 0
  [[ -z $stderr ]]
  assert_json .services '[{"name":"archive","unit":null},{"name":"squashfs","unit":null}]'
}

@test "list: a bus that says nothing" {
  local bus
  systemd-socket-activate -l "$BATS_TEST_TMPDIR/bus" sleep 60 </dev/null >/dev/null 2>&1 3>&- 4>&- &
  bus=$!
  wait_for "$usual" test -S "$BATS_TEST_TMPDIR/bus"
  run_command env DBUS_SYSTEM_BUS_ADDRESS="unix:path=$BATS_TEST_TMPDIR/bus" \
    fuse-svc list -Jo NAME,UNIT archive
  kill "$bus"
  wait "$bus" || true
  assert_status 0
  [[ $stderr == 'fuse-svc: the service manager does not answer'* ]]
  assert_json .services '[{"name":"archive","unit":null}]'
}

@test "status: the unit of a server, its memory and its log" {
  local unit
  mount -t fuse.svc.squashfs "$BATS_FILE_TMPDIR/image.squashfs" "$mnt"
  as_both status -Jo TARGET,SERVICE,STATE,PID,UNIT,PROGRAM,LOGS
  unit=$(jq -r '.mounts[0].unit' <<<"$stdout")
  systemctl is-active "$unit"
  [[ $unit == fuse-svc-squashfs@*.service ]]
  assert_json '.mounts[0] | .target, .service, .state, .program, .logs' \
    "\"$mnt\""$'\n"squashfs"\n"serving"\n"/usr/bin/squashfuse_ll"\n'"\"journalctl -u $unit\""
  assert_equal "$(jq -r '.mounts[0].pid' <<<"$stdout")" \
    "$(systemctl show --value --property MainPID "$unit")"
  $(jq -r '.mounts[0].logs' <<<"$stdout") --no-pager
  as_user status -Jo MEMORY,WAITING
  assert_json '.mounts[0] | (.memory > 4096), .waiting' $'true\nnull'
  fuse_svc status "$mnt"
  grep -qx "Unit:        $unit" <<<"$stdout"
  umount "$mnt"
}

@test "status: of a server that was killed" {
  local unit
  mount -t fuse.svc.archive "$BATS_FILE_TMPDIR/image.zip" "$mnt"
  fuse_svc status -nro UNIT
  unit=$stdout
  systemctl kill --signal=KILL "$unit"
  wait_for "$usual" is_dead
  fuse_svc status -Jo UNIT,LOGS
  assert_json '.mounts[0]' "{\"unit\":null,\"logs\":\"journalctl -u 'fuse-svc-archive@*'\"}"
  umount "$mnt"
  wait_for "$usual" are_instances_gone
  systemctl reset-failed
}
is_dead() { fuse_svc status -nro STATE && [[ $stdout == dead ]]; }

@test "probe: of a unit that is not enabled" {
  truncate -s 8M "$BATS_TEST_TMPDIR/ext4"
  mkfs.ext4 -q "$BATS_TEST_TMPDIR/ext4"
  fuse_svc probe -J "$BATS_FILE_TMPDIR/image.squashfs" "$BATS_TEST_TMPDIR/ext4"
  assert_status 0
  assert_json '.sources[0] | .service, .listening, .problem' $'"squashfs"\ntrue\nnull'
  assert_json '.sources[1] | .service, .listening, .problem' \
    $'"ext4"\nfalse\n"not enabled: nobody listens; systemctl enable --now fuse-svc-ext4.socket"'
}
