# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the tests under systemd share, which run in the container that tests/systemd/run boots. A
# bats file calls prepare_systemd in setup() and clean_up_systemd in teardown().

# shellcheck source=tests/lib.bash
source "$BATS_TEST_DIRNAME/../lib.bash"

units=/usr/lib/systemd/system
usual=20 # seconds that anything may take on a busy machine

# All services of the project that are installed.
services() {
  local path
  for path in "$units"/fuse-svc-*.socket; do
    path=${path##*/fuse-svc-}
    printf '%s\n' "${path%.socket}"
  done
}

# version: systemd's
version() { systemctl --version | awk 'NR == 1 { print $2 }'; }

make_images() {
  local dir=$1
  mkdir -p "$dir/tree/grüße"
  printf 'hello\n' >"$dir/tree/hello.txt"
  printf 'salut\n' >"$dir/tree/grüße/ä.txt"
  xorriso -as mkisofs -quiet -R -J -o "$dir/image.iso" "$dir/tree" 2>/dev/null
  (cd "$dir/tree" && zip -q -r ../image.zip .)
  head -c 100000 "$dir/image.zip" | tr '\1-\200' x >"$dir/corrupt.zip"
}

# make_nodes: a container has no loop devices
make_nodes() {
  local n
  [[ -c /dev/loop-control ]] || mknod -m 660 /dev/loop-control c 10 237
  for n in {0..127}; do
    [[ -b /dev/loop$n ]] || mknod -m 660 "/dev/loop$n" b 7 "$n"
  done
}

# mark: what journal prints is what is logged from now on. (A cursor and a filter do not go well
# together: the first entry is left out.)
mark() { since=@$EPOCHREALTIME; }

# journal OPTIONS...: since mark, without decoration
journal() {
  journalctl --sync
  journalctl --quiet --output=cat --no-pager --since="$since" "$@"
}

instances() {
  systemctl list-units --all --plain --no-legend --no-pager 'fuse-svc-*@*.service' |
    awk '{ print $1, $3, $4 }'
}

are_instances_gone() { [[ -z $(instances) ]]; }

# assert_clean: nothing failed, nothing is left
assert_clean() {
  local failed
  wait_for "$usual" are_instances_gone || fail "instances left: $(instances)" || return
  failed=$(systemctl list-units --failed --plain --no-legend --no-pager)
  [[ -z $failed ]] || fail "failed units: $failed" || return
  [[ -z $(our_mounts) ]] || fail "mounts left: $(our_mounts)" || return
  [[ -z $(utab) ]] || fail "left in utab: $(utab)" || return
  ! journal --unit='fuse-svc-*.socket' | grep -i 'too many\|limit\|drop\|refus' ||
    fail "a limit of the socket was hit"
}

# Whatever other files of tests have left.
stop_all_sockets() {
  local name
  for name in $(services); do
    systemctl disable --quiet --now "fuse-svc-$name.socket" || return
  done
  rm -f /run/filesystems/*
}

start_sockets() {
  local name
  for name in "$@"; do
    systemctl start "fuse-svc-$name.socket" || return
  done
}

prepare_systemd() {
  [[ -d /run/systemd/system && -d /t ]] || lack "not started by tests/systemd/run" || return
  mnt=$BATS_TEST_TMPDIR/mnt
  status='' stdout='' stderr=''
  mkdir "$mnt"
  mark
}

clean_up_systemd() {
  local rc=0 target
  [[ -n ${since:-} ]] || return 0
  if [[ -n ${BATS_TEST_COMPLETED:-} ]]; then
    assert_clean || rc=1
  else
    rc=1
  fi
  if ((rc)); then
    printf 'status: %s\nstdout: %s\nstderr: %s\n' "$status" "$stdout" "$stderr"
    journal | tail -n 50
  fi
  our_mounts | while read -r _ _ _ _ target _; do
    umount --lazy --no-canonicalize "$target" || true
  done
  rm -f /run/mount/utab /etc/systemd/system/fuse-svc-*.d/{test,override}.conf
  systemctl stop 'fuse-svc-*@*.service' || true
  systemctl reset-failed
  return "$rc"
}
