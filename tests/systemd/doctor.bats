#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# fuse-svc doctor where systemd runs: what it finds, and that the very commands that it prints mend
# it. Each test breaks one thing on a healthy installation, and leaves a healthy one.
#
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

# shellcheck source=tests/systemd/lib.bash
source "$BATS_TEST_DIRNAME/lib.bash"
# shellcheck source=tests/fuse-svc/doctor.bash
source "$BATS_TEST_DIRNAME/../fuse-svc/doctor.bash"

admin=/etc/systemd/system
socket=/run/filesystems/archive
unit=fuse-svc-archive.socket
template=fuse-svc-archive@.service

setup_file() {
  make_images "$BATS_FILE_TMPDIR"
  stop_all_sockets
  systemctl enable --quiet --now "$unit" fuse-svc-ext4.socket
}

teardown_file() {
  systemctl disable --quiet --now "$unit" fuse-svc-ext4.socket
}

setup() {
  prepare_systemd
  zip=$BATS_FILE_TMPDIR/image.zip
}

# What a test that fails leaves behind shall not fail the others.
teardown() {
  local name
  rm -rf "$admin"/fuse-svc-{archive*,gocryptfs*,ext4*,}.{socket,service}.d /etc/fuse-svc
  : >/etc/fstab
  [[ ! -e $admin/fuse-svc-own.socket ]] || remove_own_unit
  systemctl unmask --quiet "$unit" "$template"
  systemctl daemon-reload
  for name in $(services); do
    [[ $name == archive || $name == ext4 ]] || systemctl disable --quiet --now "fuse-svc-$name.socket"
  done
  systemctl enable --quiet --now "$unit" fuse-svc-ext4.socket
  clean_up_systemd
}

# drop_in UNIT FILE LINE...: as systemctl edit does it
drop_in() {
  mkdir -p "$admin/$1.d"
  printf '%s\n' "${@:3}" >"$admin/$1.d/$2"
  systemctl daemon-reload
}

mount_archive() { run_command mount -t fuse.svc.archive "$zip" "$mnt"; }

# shellcheck disable=SC2016 # perl's variables
connect_often() {
  perl -MSocket -e '
    for (1 .. 20) {
      socket(S, AF_UNIX, SOCK_SEQPACKET, 0) or die;
      connect(S, sockaddr_un($ARGV[0])) or exit;
    }' "$socket"
}

#
# Nothing is wrong
#

@test "doctor: a healthy installation" {
  assert_healthy
  assert_healthy archive
}

@test "doctor: the sandbox of each service is what is shipped; what is wrong is what is missing here" {
  local name
  for name in $(services); do
    systemctl start "fuse-svc-$name.socket"
    ! findings "$name" | grep -v ' program \| unit-transient ' || fail "$name" || return
    # All settings can be judged.
    fuse-svc doctor --raw --noheadings --output LEVEL "$name" >"$BATS_TEST_TMPDIR/out" || true
    ! grep detail "$BATS_TEST_TMPDIR/out" || return
  done
}

@test "doctor: what is shipped and not in use is nobody's business" {
  systemctl disable --quiet --now "$unit"
  [[ ! -e $socket ]]
  assert_healthy
  # Not even if its socket is there, as one that was killed leaves it.
  perl -MSocket -e 'socket(S, AF_UNIX, SOCK_SEQPACKET, 0); bind(S, pack_sockaddr_un(shift)) or die' "$socket"
  assert_healthy
  systemctl disable --quiet --now fuse-svc-ext4.socket
  assert_found "note service-enabled services"
  assert_text "systemctl enable --now fuse-svc-NAME.socket" "nothing wrong found"
  doctor archive
  systemctl enable --quiet --now "$unit"
  assert_text "1 problem, 0 warnings"
}

@test "doctor: recipes of the documents are no weakness" {
  systemctl start fuse-svc-gocryptfs.socket
  drop_in fuse-svc-gocryptfs@.service zz.conf '[Service]' DynamicUser=no User=daemon \
    PrivateUsers=yes ProtectHome=tmpfs BindPaths=/srv
  [[ $(findings gocryptfs) != *sandbox* ]] || fail "$(findings gocryptfs)"
  drop_in fuse-svc-gocryptfs@.service zz.conf '[Service]' DynamicUser=no User=root BindPaths=/srv
  [[ $(findings gocryptfs) == *"problem sandbox $admin/fuse-svc-gocryptfs@.service.d/zz.conf" ]]
}

#
# Units
#

@test "doctor: a service that is not enabled, or only for now" {
  systemctl disable --quiet --now "$unit"
  assert_found "problem unit-disabled $unit" archive
  assert_text "systemctl enable --now $unit"
  assert_mended archive
  systemctl disable --quiet "$unit"
  assert_found "warning unit-transient $unit"
  assert_mended
}

@test "doctor: a masked unit" {
  systemctl stop "$unit"
  systemctl mask --quiet "$unit"
  assert_found "problem unit-masked $unit" archive
  assert_mended archive
}

@test "doctor: a masked template" {
  systemctl mask --quiet "$template"
  assert_found "problem template $template"
  assert_mended
  mount_archive
  assert_mount_works
  umount "$mnt"
}

@test "doctor: a unit that systemd does not understand" {
  drop_in "$unit" test.conf '[Socket]' ListenSequentialPacket=
  systemctl stop "$unit"
  systemctl daemon-reload
  assert_found "problem unit-broken $unit" archive
  rm -r "$admin/$unit.d"
  systemctl daemon-reload
  systemctl start "$unit"
  assert_healthy
  mark # systemd says that it refuses the unit
}

@test "doctor: a unit that is enabled, and stopped" {
  systemctl stop "$unit"
  assert_found "problem unit-inactive $unit"
  assert_mended
}

@test "doctor: a socket that failed" {
  drop_in "$unit" test.conf '[Socket]' TriggerLimitIntervalSec=60 TriggerLimitBurst=2
  systemctl restart "$unit"
  connect_often
  wait_for "$usual" systemctl is-failed --quiet "$unit"
  assert_found "problem unit-failed $unit"
  assert_text trigger-limit-hit "systemctl reset-failed $unit"
  assert_mended
  mark # that a limit was hit is right here
}

@test "doctor: a socket that is handed to one server as a whole" {
  drop_in "$unit" override.conf '[Socket]' Accept=no
  assert_found "problem unit-accept $unit"
  assert_mended
  # Cause before consequence.
  rm "$admin/$unit.d/zz-accept.conf"
  systemctl daemon-reload
  systemctl stop "$unit"
  assert_found "problem unit-accept $unit"$'\n'"problem unit-inactive $unit"
  assert_mended
}

@test "doctor: servers that failed and stay" {
  drop_in "$template" test.conf '[Unit]' CollectMode=inactive
  run_command mount -t fuse.svc.archive "$BATS_FILE_TMPDIR/corrupt.zip" "$mnt"
  assert_status 32
  wait_for "$usual" systemctl --quiet is-failed 'fuse-svc-archive@*'
  assert_found "warning instances $template"
  assert_text "1 of its servers failed" "journalctl --no-pager -u 'fuse-svc-archive@*'"
  assert_mended
}

#
# Sockets
#

@test "doctor: a socket that somebody removed, or put something else there" {
  rm "$socket"
  assert_found "problem socket-missing $socket"
  assert_mended
  rm "$socket"
  mkdir "$socket"
  assert_found "problem socket-type $socket"
  assert_mended
}

@test "doctor: a socket of another kind" {
  drop_in "$unit" override.conf '[Socket]' ListenSequentialPacket= "ListenStream=$socket"
  systemctl restart "$unit"
  assert_found "problem socket-protocol $socket"
  assert_mended
}

@test "doctor: an ordinary user: who may mount" {
  add_user
  run_as carol fuse-svc doctor archive
  assert_status 32
  assert_text "/sbin/mount.fuse.svc: not set-user-ID: only root can mount" \
    "$socket: mode 0220: you may not connect" "SocketMode=0222"
  assert_mended archive
  run_as carol fuse-svc doctor archive
  assert_text "nothing wrong found"
  assert_status 0
  run_as carol fuse-svc doctor
  assert_status 0
  assert_text "/run/filesystems/ext4: mode 0220: you may not connect" "0 problems, 1 warning"
  chmod u-s /sbin/mount.fuse.svc
  rm -r "$admin/$unit.d"
  systemctl daemon-reload
  systemctl restart "$unit"
}

add_user() { getent passwd carol >/dev/null || useradd carol; }

#
# Programs
#

@test "doctor: the program of a service" {
  chmod a-x /usr/libexec/fuse-svc/archive
  assert_found "problem program /usr/libexec/fuse-svc/archive"
  assert_mended
  mv /usr/libexec/fuse-svc/archive /usr/libexec/fuse-svc/away
  assert_found "problem program /usr/libexec/fuse-svc/archive"
  mv /usr/libexec/fuse-svc/away /usr/libexec/fuse-svc/archive
}

@test "doctor: the program of a preset" {
  mv /usr/bin/fuse2fs /usr/bin/away
  assert_found "problem program ext4"
  mv /usr/bin/away /usr/bin/fuse2fs
  assert_text "there is no /usr/bin/fuse2fs" "    apt install --reinstall fuse2fs"
}

@test "doctor: a preset that is not understood, and one that others may write to" {
  mkdir -p /etc/fuse-svc/presets
  echo 'nonsense = 1' >/etc/fuse-svc/presets/ext4
  assert_found "problem preset ext4"
  assert_text '/etc/fuse-svc/presets/ext4: line 1: unknown key "nonsense"'
  assert_mended
  rm /etc/fuse-svc/presets/*
  cp /usr/share/fuse-svc/presets/ext4 /etc/fuse-svc/presets/ext4
  chmod 666 /etc/fuse-svc/presets/ext4
  assert_found "problem preset ext4"
  assert_mended
  rm -r /etc/fuse-svc/presets
}

#
# Units of one's own
#

# own_unit PROGRAM LINE...
own_unit() {
  cp "$units/$unit" "$admin/fuse-svc-own.socket"
  sed -i 's|/archive$|/own|' "$admin/fuse-svc-own.socket"
  printf '%s\n' '[Unit]' CollectMode=inactive-or-failed '[Service]' "ExecStart=$1" "${@:2}" >"$admin/fuse-svc-own@.service"
  systemctl daemon-reload
  systemctl restart fuse-svc-own.socket
  systemctl enable --quiet fuse-svc-own.socket
}

remove_own_unit() {
  systemctl disable --quiet --now fuse-svc-own.socket || true
  rm -rf "$admin"/fuse-svc-own*
  systemctl daemon-reload
}

mount_own() {
  run_command mount -t fuse.svc.own "$1" "$mnt"
  assert_equal "$status: $stderr" "0: "
  umount "$mnt"
}

@test "own unit: a program that the sandbox does not show" {
  local program=/usr/local/bin/fsvc-own
  cp /usr/libexec/fuse-svc/archive "$program"
  own_unit "$program"
  assert_found "problem program-hidden fuse-svc-own@.service" own
  assert_text "$program"
  assert_mended own
  mount_own "$zip"
  own_unit "$program" "BindReadOnlyPaths=/usr/local/bin"
  rm -r "$admin/fuse-svc-own@.service.d"
  systemctl daemon-reload
  assert_healthy own
  rm "$program"
}

@test "own unit: a program in a home directory" {
  local program=/home/fsvc-own
  cp /usr/libexec/fuse-svc/archive "$program"
  own_unit "$program" "BindReadOnlyPaths=$program"
  assert_found "problem program-hidden fuse-svc-own@.service" own
  assert_text "ProtectHome=yes hides"
  run_command mount -t fuse.svc.own "$zip" "$mnt"
  assert_status 32
  wait_for "$usual" are_instances_gone
  doctor own
  assert_mended own
  mount_own "$zip"
  # No unit shows this one.
  mv "$program" /root/fsvc-own
  own_unit /root/fsvc-own "BindReadOnlyPaths=/root/fsvc-own"
  assert_found "problem program-hidden fuse-svc-own@.service" own
  assert_text "ProtectHome=tmpfs hides /root/fsvc-own" "put it elsewhere"
  rm /root/fsvc-own
}

@test "own unit: fuse-svc-run without what it needs" {
  cp "$units/fuse-svc-ext4@.service" "$BATS_TEST_TMPDIR/unit"
  own_unit "/usr/libexec/fuse-svc/fuse-svc-run ext4" "$(grep ^Bind "$BATS_TEST_TMPDIR/unit")"
  assert_found "problem trap fuse-svc-own@.service" own
  assert_text "Operation not permitted"
  assert_mended own
  truncate -s 8M "$BATS_TEST_TMPDIR/image"
  mkfs.ext4 -q "$BATS_TEST_TMPDIR/image"
  mount_own "$BATS_TEST_TMPDIR/image"
}

#
# The sandbox
#

# Drop-ins are read in the order of their names, whatever folder they are in: so ours begin with
# numbers, and what "systemctl edit" writes, override.conf, comes after them.

@test "sandbox: one drop-in, several settings" {
  drop_in "$template" zz.conf '[Service]' MemoryMax=infinity PrivateNetwork=no User=root \
    IPAddressDeny= 'SystemCallFilter=@mount' 'StandardOutput=null'
  assert_found "problem sandbox $admin/$template.d/zz.conf"
  assert_text "User (" "PrivateNetwork (a server has the network)" "and 2 more"
  assert_mended
  # What is not to blame is still there.
  assert_equal "$(<"$admin/$template.d/zz.conf")" $'[Service]\nStandardOutput=null'
}

@test "sandbox: what counts is what systemd makes of it" {
  drop_in "$template" 00-early.conf '[Service]' PrivateNetwork=no
  assert_healthy
  drop_in "$template" override.conf '[Service]' PrivateNetwork=no
  assert_found "problem sandbox $admin/$template.d/override.conf"
  assert_mended
}

@test "sandbox: a drop-in for all services is told once" {
  drop_in fuse-svc-.service zz.conf '[Service]' PrivateNetwork=no
  assert_found "problem sandbox $admin/fuse-svc-.service.d/zz.conf"
  assert_mended
}

@test "sandbox: only what is consumed is a warning" {
  drop_in "$template" zz.conf '[Service]' MemoryMax=8G
  assert_found "warning sandbox $admin/$template.d/zz.conf"
  assert_mended
  drop_in "$template" zz.conf '[Service]' MemoryMax=100M UMask=0777 OOMScoreAdjust=900
  assert_healthy
}

@test "sandbox: a file in the place of the one that is shipped" {
  mkdir -p "$admin/fuse-svc-.service.d"
  ln -s /dev/null "$admin/fuse-svc-.service.d/10-sandbox.conf"
  systemctl daemon-reload
  assert_found "problem sandbox $admin/fuse-svc-.service.d/10-sandbox.conf"
  assert_mended
  sed 's/^PrivateNetwork=yes/PrivateNetwork=no/' "$units/fuse-svc-.service.d/10-sandbox.conf" \
    >"$admin/fuse-svc-.service.d/10-sandbox.conf"
  systemctl daemon-reload
  assert_found "problem sandbox $admin/fuse-svc-.service.d/10-sandbox.conf"
  assert_mended
}

# What weakens each setting that has a rule: its name, and lines, with "|" between them. With a
# dynamic user, systemd itself insists on some.
weaken=(
  'DynamicUser|DynamicUser=no'
  'User|User=daemon'
  'SupplementaryGroups|SupplementaryGroups=disk'
  'ExecStart|ExecStart=|ExecStart=+/usr/libexec/fuse-svc/archive'
  'ExecStartPre|ExecStartPre=+/bin/true'
  'AmbientCapabilities|AmbientCapabilities=CAP_CHOWN'
  'CapabilityBoundingSet|CapabilityBoundingSet=CAP_CHOWN'
  'NoNewPrivileges|NoNewPrivileges=no|DynamicUser=no'
  'RestrictSUIDSGID|RestrictSUIDSGID=no|DynamicUser=no'
  'RemoveIPC|RemoveIPC=no|DynamicUser=no'
  'UMask|UMask=0022'
  'IPAddressDeny|IPAddressDeny=|IPAddressDeny=10.0.0.0/8'
  'PrivateNetwork|PrivateNetwork=no'
  'NetworkNamespacePath|NetworkNamespacePath=/proc/1/ns/net'
  'RestrictAddressFamilies|RestrictAddressFamilies=AF_INET'
  'RootDirectory|RootDirectory='
  'BindPaths|BindPaths=/srv'
  'BindReadOnlyPaths|BindReadOnlyPaths=/etc'
  'InaccessiblePaths|InaccessiblePaths='
  'TemporaryFileSystem|TemporaryFileSystem='
  'StateDirectory|StateDirectory=x'
  'DevicePolicy|DevicePolicy=auto|PrivateDevices=no'
  'DeviceAllow|DeviceAllow=/dev/sda r'
  'PrivateDevices|PrivateDevices=no'
  'PrivateIPC|PrivateIPC=no'
  'PrivateMounts|PrivateMounts=no'
  'PrivateTmp|PrivateTmp=no|DynamicUser=no'
  'ProcSubset|ProcSubset=all'
  'ProtectClock|ProtectClock=no'
  'ProtectControlGroups|ProtectControlGroups=no'
  'ProtectHome|ProtectHome=no|DynamicUser=no'
  'ProtectHostname|ProtectHostname=no'
  'ProtectKernelLogs|ProtectKernelLogs=no'
  'ProtectKernelModules|ProtectKernelModules=no'
  'ProtectKernelTunables|ProtectKernelTunables=no'
  'ProtectProc|ProtectProc=default'
  'ProtectSystem|ProtectSystem=full|DynamicUser=no'
  'PrivateUsers|PrivateUsers=no'
  'LockPersonality|LockPersonality=no'
  'MemoryDenyWriteExecute|MemoryDenyWriteExecute=no'
  'RestrictNamespaces|RestrictNamespaces=net'
  'RestrictRealtime|RestrictRealtime=no'
  'SystemCallArchitectures|SystemCallArchitectures='
  'SystemCallFilter|SystemCallFilter=ptrace'
  'LimitCORE|LimitCORE=infinity'
  'CoredumpFilter|CoredumpFilter=all'
  'LimitNOFILE|LimitNOFILE=4096'
  'MemoryMax|MemoryMax=infinity'
  'MemorySwapMax|MemorySwapMax=1G'
  'TasksMax|TasksMax=infinity'
  'OOMPolicy|OOMPolicy=continue'
  'OOMScoreAdjust|OOMScoreAdjust=0'
  'SyslogLevelPrefix|SyslogLevelPrefix=yes'
)

# Those that the program knows, and judges.
rules() { sed -n 's/^\t{ "\([A-Z][A-Za-z]*\)", [^,]*, is_.*\|^\t{ "\([A-Z][A-Za-z]*\)", [^,]*, [a-z]*_[a-z_]*,.*/\1\2/p' /src/helpers/fuse-svc/sandbox.c | sort; }

@test "sandbox: each setting that is weaker is found" {
  local entry setting lines file=$admin/$template.d/zz.conf text missed=()
  assert_equal "$(printf '%s\n' "${weaken[@]%%|*}" | sort)" "$(rules)"
  for entry in "${weaken[@]}"; do
    setting=${entry%%|*}
    IFS='|' read -ra lines <<<"${entry#*|}"
    drop_in "$template" zz.conf '[Service]' "${lines[@]}"
    text=$(fuse-svc doctor --raw --noheadings --output TEXT,SUBJECT archive || true)
    [[ $text == *"$setting\\x20("*"$file"* ]] || missed+=("$setting: $text")
  done
  ((${#missed[@]} == 0)) || fail "$(printf '%s\n' "${missed[@]}")"
}

@test "sandbox: the calls of each group that is denied" {
  local group call calls
  for group in @privileged @resources @ipc @keyring @setuid @aio; do
    calls=$(sed -n "/{ \"$group\"/,\$p" /src/helpers/fuse-svc/sandbox.c | sed '/}/q' | grep -o '[a-z0-9_]*' | grep -vxF "${group#@}")
    for call in $calls; do
      expand "$group" | grep -xF "$call" >/dev/null || fail "$call is not in $group" || return
    done
    [[ $group == @privileged || $group == @ipc ]] && continue # some of these are allowed elsewhere
    drop_in "$template" zz.conf '[Service]' "SystemCallFilter=$group"
    assert_found "problem sandbox $admin/$template.d/zz.conf"
  done
}

# expand GROUP: all its system calls
expand() {
  local word
  systemd-analyze syscall-filter "$1" | sed 1d | while read -r word _; do
    case $word in
    @*) expand "$word" ;;
    [a-z]*) printf '%s\n' "$word" ;;
    esac
  done
}

#
# Mounts and fstab
#

@test "doctor: lines of fstab that are mounted at boot" {
  printf '# a comment\n%s %s fuse.svc.archive ro 0 0\n' "$zip" "$mnt" >/etc/fstab
  systemctl daemon-reload
  assert_found "problem fstab-boot /etc/fstab:\\x20line\\x202:\\x20$mnt"
  assert_text "ends in emergency mode"
  assert_mended
  assert_equal "$(tail -n 1 /etc/fstab)" \
    "$zip $mnt fuse.svc.archive ro,nofail,x-systemd.requires=fuse-svc-archive.socket 0 0"
  # Without options; and what systemd does not mount needs none.
  printf '%s %s fuse.svc.archive\n' "$zip" "$mnt" >/etc/fstab
  doctor
  assert_mended
  printf '%s %s fuse.svc.archive ro,nofail 0 0\n' "$zip" "$mnt" >/etc/fstab
  assert_found "warning fstab-boot /etc/fstab:\\x20line\\x201:\\x20$mnt"
  assert_mended
  printf '%s %s fuse.svc.archive noauto\n' "$zip" "$mnt" >/etc/fstab
  assert_healthy
  : >/etc/fstab
  systemctl daemon-reload
}

@test "doctor: lines of fstab whose service does not exist, or does not listen" {
  printf '%s %s fuse.svc.archve noauto\n' "$zip" "$mnt" >/etc/fstab
  assert_found "problem fstab-service /etc/fstab:\\x20line\\x201:\\x20$mnt"
  assert_mended
  printf '%s %s fuse.svc noauto,svc=archve\n' "$zip" "$mnt" >/etc/fstab
  assert_found "problem fstab-service /etc/fstab:\\x20line\\x201:\\x20$mnt"
  assert_text "systemctl daemon-reload"
  assert_mended
  # The one before what follows from it.
  printf '%s %s fuse.svc.archve ro,x-systemd.requires=fuse-svc-archve.socket\n' "$zip" "$mnt" >/etc/fstab
  assert_found "problem fstab-service /etc/fstab:\\x20line\\x201:\\x20$mnt"$'\n'"problem fstab-service /etc/fstab:\\x20line\\x201:\\x20$mnt"
  bash -e <<<"$(sed -n 's/^    //p' <<<"$stdout")"
  assert_found "problem fstab-boot /etc/fstab:\\x20line\\x201:\\x20$mnt"
  assert_mended
  assert_equal "$(</etc/fstab)" "$zip $mnt fuse.svc.archive ro,x-systemd.requires=fuse-svc-archive.socket,nofail"
  # One too many, wherever it is.
  local list good=nofail,x-systemd.requires=fuse-svc-archive.socket bad=x-systemd.requires=fuse-svc-archve.socket
  for list in "$bad,$good" "$good,$bad" "nofail,$bad,x-systemd.requires=fuse-svc-archive.socket"; do
    printf '%s %s fuse.svc.archive %s 0 0\n' "$zip" "$mnt" "$list" >/etc/fstab
    assert_found "problem fstab-service /etc/fstab:\\x20line\\x201:\\x20$mnt"
    assert_mended
    assert_equal "$(</etc/fstab)" "$zip $mnt fuse.svc.archive $good 0 0"
  done
  printf 'none %s fuse.svc.null noauto\n' "$mnt" >/etc/fstab
  assert_found "problem unit-disabled fuse-svc-null.socket"
  assert_mended
  systemctl disable --quiet --now fuse-svc-null.socket
  : >/etc/fstab
  assert_healthy
}

@test "doctor: a mount whose server is gone, and one whose server is stopped" {
  mount_archive
  assert_mount_works
  assert_healthy
  kill -STOP "$(pgrep -n -x archive)"
  assert_found "problem mount-stopped $mnt"
  assert_mended
  kill -KILL "$(pgrep -n -x archive)"
  wait_for "$usual" are_instances_gone
  assert_found "problem mount-dead $mnt"
  assert_mended
  refute_mounted
}
