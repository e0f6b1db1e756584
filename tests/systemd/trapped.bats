#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a server cannot do that fuse-svc-run has started, even if an image took it over: in the same
# sandbox, with what the answers to its system calls need on top. The probe (probe.c) is that server.

# shellcheck source=tests/systemd/lib.bash
source "$BATS_TEST_DIRNAME/lib.bash"

setup_file() {
  local dir
  export victim report=$BATS_FILE_TMPDIR/report
  for dir in /boot /dev/shm /etc /home /media /mnt /opt /root /run /srv /tmp /usr/bin /usr/lib \
    /usr/local /usr/share /var/lib /var/log /var/tmp; do
    mkdir -p "$dir"
    echo secret >"$dir/fsvc-canary"
  done
  echo source >"$BATS_FILE_TMPDIR/image"
  mkdir "$BATS_FILE_TMPDIR/mnt" "$BATS_FILE_TMPDIR/other"
  start_sockets trapped
  # Another server of the same service, to attack.
  mount -t fuse.svc.trapped -o probe=wait,svc-timeout=100 "$BATS_FILE_TMPDIR/image" \
    "$BATS_FILE_TMPDIR/other" >/dev/null 2>&1 3>&- 4>&- &
  wait_for "$usual" find_victim
  mark
  ! timeout 120 mount -r -t fuse.svc.trapped -o "sibling=$victim" "$BATS_FILE_TMPDIR/image" \
    "$BATS_FILE_TMPDIR/mnt" 2>/dev/null 3>&- 4>&- || return
  wait_for "$usual" has_ended
  journal --unit='fuse-svc-trapped@*' SYSLOG_IDENTIFIER=fuse-svc-trapped |
    sed -n 's/^probe: //p' >"$report"
  kill -0 "$victim" # it lives on
  systemctl stop 'fuse-svc-trapped@*.service'
  wait
  systemctl reset-failed
}

find_victim() { victim=$(pgrep -n -x probe); }
has_ended() { journal --unit='fuse-svc-trapped@*' | grep -qx 'probe: end'; }

setup() { prepare_systemd; }
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

@test "trapped: the probe came to its end" {
  grep -qx end "$report"
  echo "# $(grep -c ': denied' "$report") attempts denied" >&3
}

@test "trapped: log: a server cannot say how urgent it is: that is shown to all users" {
  local log=(journalctl --quiet --output=cat --no-pager --unit='fuse-svc-trapped@*')
  "${log[@]}" | grep -qx '<0>probe: loud'
  assert_equal "$("${log[@]}" --priority=alert)" ''
}

@test "trapped: nothing is out of its reach that it needs" {
  assert_fact source read
  assert_fact null yes
  assert_fact "list of users" "fuse-svc, alone"
  assert_fact descriptors three
}

@test "trapped: not the parent, which has the connection" { assert_denied "parent: " 8; }
@test "trapped: not more of the source than it may have, and no mount" { assert_denied "trapped: " 9; }
@test "trapped: not another server of the same service" { assert_denied "another server: " 6; }
@test "trapped: not the first process" { assert_denied "the first process: " 6; }

@test "trapped: no privilege" {
  local set
  for set in CapInh CapPrm CapEff CapBnd CapAmb; do
    assert_fact "$set" 0000000000000000
  done
  assert_fact NoNewPrivs 1
  assert_fact root no
  assert_fact "other processes" 0
  assert_denied "gain " 5
}

# What the parent answers, or what reaches nobody but the server's own processes: /dev/fuse is that of
# the mount, /dev/null has no bytes, and the list of users is made up.
readonly harmless='^read /etc/passwd: ALLOWED$|^open /dev/(fuse|null): ALLOWED$
^socket socketpair: ALLOWED$|^socket (connect|bind|listen): (ALLOWED|REACHED \(EBADF\))$
^all processes: kill: ALLOWED$'

@test "trapped: all else is denied" {
  local bad
  bad=$(grep -v '^is \|^end$\|: denied ([A-Z]*)$' "$report" | grep -vE "$harmless" || true)
  [[ -z $bad ]] || fail "$bad"
  (($(grep -c ': denied' "$report") > 180))
}
