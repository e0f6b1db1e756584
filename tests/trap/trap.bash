# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the tests of fuse-svc-run share. The odd server (odd.c) is one that knows nothing of contained
# services; a preset of the test's own makes it the service "odd".

# shellcheck disable=SC2119,SC2120 # tests call preset with lines
# shellcheck disable=SC2154 # what tests/lib.bash sets

# prepare_trap [PROGRAM...]: for setup(); the programs start fuse-svc-run
prepare_trap() {
  prepare
  require server fuse-svc-run
  [[ -d ${FSVC_PRESETS:-} ]] || lack "no place for a preset: FSVC_PRESETS is not set" || return
  install -m 755 "$FSVC_ODD/odd" "$FSVC_LIBEXECDIR/odd"
  install -m 755 "$FSVC_ODD/odd-static" "$FSVC_LIBEXECDIR/odd-static"
  seq 10000 >"$img"
  sum=$(sha256sum <"$img")
  preset 'access = read-write'
  start_service odd -- "$@" "$FSVC_LIBEXECDIR/fuse-svc-run" odd
}

clean_up_trap() {
  local rc=0
  clean_up || rc=1
  ! grep -E 'Sanitizer|runtime error' "$BATS_TEST_TMPDIR/service.log" || rc=1
  [[ -z ${FSVC_PRESET_DIR:-} ]] || rm -f "$FSVC_PRESET_DIR/odd"
  return "$rc"
}

# preset [LINE...]: how the odd server runs; what the lines say comes first
preset() {
  {
    printf '%s\n' "$@" 'description = an odd server' "arguments = $script $log {source} {mountpoint}"
    [[ "$*" == *'access ='* ]] || echo 'access = read-write'
    [[ "$*" == *'program ='* ]] || echo "program = $FSVC_LIBEXECDIR/odd"
  } >"$FSVC_PRESET_DIR/odd"
}

# without_sync_init: from now on the kernel is one before 6.18
without_sync_init() {
  stop_services
  : >"$BATS_TEST_TMPDIR/service.log" # nobody listens but who will
  start_service odd -- "$FSVC_LIBEXECDIR/odd" --without-sync-init \
    "$FSVC_LIBEXECDIR/fuse-svc-run" odd
}

odd_mount() { run_mount "$img" "$mnt" -t fuse.svc.odd "$@"; }

assert_image_untouched() {
  assert_equal "$(sha256sum <"$img")" "$sum" || return
}

# assert_ends_well: what is mounted works, goes away, and nothing is left
assert_ends_well() {
  assert_mount_works || return
  unmount || return
  assert_nothing_left
}

# The processes of the mount, by their programs.
runner() { pids_of fuse-svc-run; }
odds() { pids_of 'odd(-static)?'; }
pids_of() { our_processes | sed -nE "s|^([0-9]+) .*/$1( \(deleted\))?\$|\1|p"; }
