#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=mount
#
# That `make bench` works when somebody wants to know: each part once, with numbers so small that
# they mean nothing. But not systemd and module: these build trees of other releases, and util-linux.
# No time that is measured here decides anything.

# shellcheck disable=SC2030,SC2031,SC2154 # what tests/lib.bash sets, in a subshell for each test
bats_require_minimum_version 1.5.0
load ../lib

setup() {
  prepare
  require server null server archive server single-file server fuse-svc-run tool jq \
    tool systemd-socket-activate tool xorriso tool squashfuse_ll tool mksquashfs tool zip tool unzip
  [[ -x ${FSVC_BENCH:-}/floor ]] || lack "no floor: FSVC_BENCH is not set"
  json=$BATS_TEST_TMPDIR/bench.json
  export BENCH_ROUNDS=1 BENCH_SIZE=8 BENCH_FILES=16 BENCH_TYPES='squashfs archive' BENCH_COUNTS='0 3' \
    BENCH_LINES=3 BENCH_PARALLEL=4 BENCH_MOUNTS=4
}

teardown() { clean_up; }

# run_bench PARTS [ARGUMENT...]
run_bench() {
  BENCH_PARTS=$1 run_command "$BATS_TEST_DIRNAME/../../bench/run" --json "$json" "${@:2}"
}

# has_result PART WHAT SIDE [BASE]: samples, and with BASE a ratio for each of them; a row in the table
has_result() {
  jq -e --arg part "$1" --arg what "$2" --arg side "$3" --arg base "${4:-}" '
    .parts[$part].results
    | map(select(.what == $what and .side == $side and ($base == "" or .to == $base)))
    | length == 1
      and (.[0] | (.samples | length) > 0 and (.p90 >= .median)
        and ($base == "" or .ratio > 0))' "$json" >/dev/null ||
    fail "no result in the file: $*" || return
  grep -qE "^$2 +$3 .*${4:+to $4}\$" <<<"$stdout" || fail "no row in the table: $*"
}

# has_results PART SIDE BASE WHAT...: of SIDE, and as a ratio to BASE
has_results() {
  local what
  for what in "${@:4}"; do has_result "$1" "$what" "$2" "$3" || return; done
}

@test "bench: mount" {
  run_bench mount
  assert_status 0
  has_results mount helper floor {,u}mount\ {null,ISO,squashfs}
  has_results mount ours bare {,u}mount\ {null,ISO,squashfs}
  has_results mount tmpfs '' {,u}mount\ null
  jq -e '.machine.kernel and .machine.libmount and .date and .failed == []' "$json"
}

@test "bench: growth" {
  run_bench growth
  assert_status 0
  has_results growth ours 'ours, none' {,u}mount,\ {0,3,'0 again'}
  has_results growth noted 'noted, none' {,u}mount,\ {0,3,'0 again'}
  has_results growth tmpfs '' 'mount -a, 3 lines'
  has_results growth 'at once' 'one by one' '4 mounts, ours'
}

@test "bench: memory" {
  run_bench memory
  assert_status 0
  has_results memory helper '' 'peak, mount' 'peak, umount'
  has_results memory parent '' 'private, in a mount'
  has_results memory ours bare private,\ {null,single-file,archive,squashfs} 'one of many, private'
}

@test "bench: data, and its limit" {
  run_bench data --max-ratio 100000
  assert_status 0
  has_results data contained bare squashfs\ {read,'read all over',find,'copy out',mount,umount}
  has_results data contained bare archive\ {read,'read all over',find,'copy out','read whole','copy whole'}
  has_results data unzip bare archive\ {'read whole','copy whole'}
}

# What is measured, not how long it took: 1 % is too little for anything.
@test "bench: a ratio above the limit, a part that there is not" {
  export BENCH_TYPES=squashfs
  run_bench data --max-ratio 1
  assert_status 1
  [[ $stderr == *"more than 1 %"* ]]
  jq -e '.failed == ["data"] and .parts.data.results' "$json"
  run_bench nowhere
  assert_status 2
  [[ $stderr == *"BENCH_PARTS are: mount growth memory data"* ]]
}
