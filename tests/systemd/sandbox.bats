#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a server cannot do, even if an image took it over. The probe (probe.c) is a service like the
# others, in the same sandbox; it tries, and tells line by line. A line of its report is
# "ATTEMPT: denied (ERROR)", or "is FACT: VALUE".

# shellcheck source=tests/systemd/lib.bash
source "$BATS_TEST_DIRNAME/lib.bash"

setup_file() {
  local dir
  export victim report=$BATS_FILE_TMPDIR/report
  make_images "$BATS_FILE_TMPDIR"
  for dir in /boot /dev/shm /etc /home /media /mnt /opt /root /run /srv /tmp /usr/bin /usr/lib \
    /usr/local /usr/share /var/lib /var/log /var/tmp; do
    mkdir -p "$dir"
    echo secret >"$dir/fsvc-canary"
  done
  mkdir -p "$BATS_FILE_TMPDIR/mnt" "$BATS_FILE_TMPDIR/other"
  start_sockets probe archive
  # Another server of the same service, to attack.
  mount -t fuse.svc.probe -o probe=wait,svc-timeout=100 none "$BATS_FILE_TMPDIR/other" \
    >/dev/null 2>&1 3>&- 4>&- &
  wait_for "$usual" find_victim
  run_probe "sibling=$victim" >"$report"
  kill -0 "$victim" # it lives on
  systemctl stop 'fuse-svc-probe@*.service'
  wait
  systemctl reset-failed
}

find_victim() { victim=$(pgrep -n -x probe); }

# run_probe OPTIONS: what it tells
run_probe() {
  mark
  ! timeout 120 mount -t fuse.svc.probe -o "$1" none "$BATS_FILE_TMPDIR/mnt" 2>/dev/null \
    3>&- 4>&- || return
  # shellcheck disable=SC2034 # read by wait_for's command
  wait_for "$usual" has_ended
  journal --unit='fuse-svc-probe@*' SYSLOG_IDENTIFIER=fuse-svc-probe | sed -n 's/^probe: //p'
}
has_ended() { journal --unit='fuse-svc-probe@*' | grep -qx 'probe: end'; }

setup() {
  prepare_systemd
}

teardown() { clean_up_systemd; }

# assert_denied PREFIX COUNT: so many attempts begin like this at least, and each was denied
assert_denied() {
  local count bad
  count=$(grep -c "^$1" "$report" || true)
  ((count >= $2)) || fail "only $count attempts: $1"
  bad=$(grep "^$1" "$report" | grep -v ': denied ([A-Z]*)$' || true)
  [[ -z $bad ]] || fail "$bad"
}

# assert_fact NAME VALUE
assert_fact() { assert_equal "$(sed -n "s/^is $1: //p" "$report")" "$2"; }

@test "the probe came to its end" {
  grep -qx end "$report"
  ((BATS_TEST_NUMBER == 1)) && echo "# $(grep -c ': denied' "$report") attempts denied" >&3
}

@test "log: a server cannot say how urgent it is: that is shown to all users" {
  local log=(journalctl --quiet --output=cat --no-pager --unit='fuse-svc-probe@*')
  "${log[@]}" | grep -qx '<0>probe: loud'
  assert_equal "$("${log[@]}" --priority=alert)" ''
}

@test "files: what is visible is what should be" {
  local root=/usr/libexec/fuse-svc/root expected dir
  # The places of all services, of which most are empty here, and what systemd adds.
  expected=(/dev /etc/ld.so.cache /proc /run/systemd /run/systemd/incoming /usr/libexec/fuse-svc/probe
    "/usr/lib/$(gcc -print-multiarch)" /usr/lib/locale)
  for dir in / /etc /usr /usr/lib /usr/libexec /usr/libexec/fuse-svc /run /var; do
    mapfile -t -O "${#expected[@]}" expected < <(find "$root$dir" -mindepth 1 -maxdepth 1 -printf "/%P\n" |
      sed "s|^|${dir%/}|")
  done
  # Some versions of systemd have it; there it is an empty folder that nobody can open.
  diff <(printf '%s\n' "${expected[@]}" | sort -u) \
    <(sed -n 's/^is visible: //p' "$report" | grep -vx /run/host | sort)
  assert_equal "$(find "$root" -type f -size +0)" ""
}

@test "files: nothing of the host can be read" { assert_denied "read " 37; }
@test "files: nothing can be written" { assert_denied "write " 2; }
@test "files: the walk that tried to write went everywhere" {
  (($(sed -n 's/^is directories tried: //p' "$report") > 20))
}
@test "files: nothing can be opened for writing" { assert_denied "open for writing " 5; }

@test "devices: none can be opened" { assert_denied "open /dev/" 18; }
@test "devices: none can be made" { assert_denied "mknod " 6; }

@test "capabilities: there is none" {
  local set
  for set in CapInh CapPrm CapEff CapBnd CapAmb; do
    assert_fact "$set" 0000000000000000
  done
  assert_fact NoNewPrivs 1
  assert_fact root no
  # That of the dynamic user, or none.
  [[ $(sed -n 's/^is Groups: //p' "$report") =~ ^(6[0-9]{4})?$ ]]
}
@test "capabilities: none can be gained, nor another user" { assert_denied "gain " 5; }
@test "capabilities: a set-user-ID program gives nothing" {
  assert_fact "setuid program's user" "as before"
}

@test "namespaces: none of any kind can be made or entered" {
  assert_denied "unshare " 8
  assert_denied "clone3 " 7
  assert_denied "setns" 1
}

@test "sockets: none of any family" { assert_denied "socket " 14; }

@test "processes: none but the own one is visible" { assert_fact "other processes" 0; }
@test "processes: not the first one, nor all at once" {
  assert_denied "the first process: " 6
  assert_denied "all processes: " 1
}
@test "processes: not another server of the same service" { assert_denied "another server: " 6; }

@test "limits: none can be raised" { assert_denied "raise " 5; }

@test "calls: nothing that changes the system" {
  local name
  for name in mount umount2 pivot_root chroot fsopen open_tree move_mount mount_setattr reboot \
    kexec_load init_module finit_module delete_module clock_settime settimeofday adjtimex \
    sethostname setdomainname swapon acct quotactl syslog vhangup; do
    assert_denied "call $name:" 1
  done
}
@test "calls: nothing that reaches other processes" {
  local name
  for name in ptrace kcmp shmget semget msgget mq_open keyctl add_key request_key; do
    assert_denied "call $name:" 1
  done
}
@test "calls: no large part of the kernel that nobody needs" {
  local name
  for name in bpf perf_event_open io_uring_setup io_setup userfaultfd open_by_handle_at \
    fanotify_init personality memfd_create; do
    assert_denied "call $name:" 1
  done
  assert_denied "call " 41
}
@test "calls: no code from data, no set-user-ID bit, no foreign table" { assert_denied "make " 3; }

@test "every other line of the report is denied, too" {
  local bad
  bad=$(grep -v '^is \|^end$\|: denied ([A-Z]*)$' "$report" || true)
  [[ -z $bad ]] || fail "$bad"
}

@test "the probe sees what an open service can do" {
  local open=$BATS_TEST_TMPDIR/open closed
  mkdir -p /etc/systemd/system/fuse-svc-probe@.service.d
  cat >/etc/systemd/system/fuse-svc-probe@.service.d/test.conf <<'END'
[Service]
DynamicUser=no
User=root
RootDirectory=
BindReadOnlyPaths=
InaccessiblePaths=
CapabilityBoundingSet=~
NoNewPrivileges=no
RestrictSUIDSGID=no
PrivateUsers=no
PrivateNetwork=no
RestrictAddressFamilies=
DevicePolicy=auto
PrivateDevices=no
PrivateIPC=no
PrivateTmp=no
ProcSubset=all
ProtectClock=no
ProtectControlGroups=no
ProtectHome=no
ProtectHostname=no
ProtectKernelLogs=no
ProtectKernelModules=no
ProtectKernelTunables=no
ProtectProc=default
ProtectSystem=no
LockPersonality=no
MemoryDenyWriteExecute=no
RestrictNamespaces=no
RestrictRealtime=no
SystemCallArchitectures=
SystemCallFilter=
END
  systemctl daemon-reload
  run_probe probe=all >"$open"
  rm -r /etc/systemd/system/fuse-svc-probe@.service.d
  systemctl daemon-reload
  closed=$(grep ': denied' "$open" || true)
  echo "$closed"
  grep -qx end "$open"
  echo "# in an open service, $(grep -c ': ALLOWED\|: REACHED' "$open") attempts succeed," \
    "$(wc -l <<<"$closed") are denied" >&3
  # Of each kind it sees some, and of most kinds all.
  local line
  for line in "read /etc/shadow" "read /root/fsvc-canary" "read /tmp/fsvc-canary" "open /dev/fuse" \
    "open /dev/shm" "mknod char 1:3" "write into any directory" "open for writing" "gain setuid" \
    "gain capset" "unshare user" "unshare mount" "clone3 net" "setns" "socket AF_UNIX" \
    "socket AF_INET" "socket AF_NETLINK" "socket AF_PACKET" "socket socketpair" "socket connect" \
    "the first process: kill" "the first process: tgkill" "the first process: /proc/PID/mem" \
    "all processes: kill" "raise nice" "call mount:" "call chroot:" \
    "call fsopen:" "call ptrace:" "call shmget:" "call memfd_create:" "call personality:" \
    "make writable code" "make code from data"; do
    grep "^$line" "$open" | grep -q ': ALLOWED$\|: REACHED ([A-Z]*)$' ||
      fail "not seen: $(grep "^$line" "$open" || echo "$line")"
  done
  assert_equal "$(grep -c '^is other processes: 0$' "$open")" 0
  systemctl reset-failed
}
