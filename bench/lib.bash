# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the parts of the benchmark share: samples, what they come to, and how it is told. A part
#
#   begin_inside NAME "$@"   reads [--json FILE] [--max-ratio PERCENT], and makes $work
#   sample WHAT SIDE N...    collects numbers: microseconds, KiB, or what was counted
#   row WHAT SIDE [BASE]     is told of later, in this order; with BASE as a ratio to that side, too
#   finish                   prints the table, writes FILE; fails if a ratio is above PERCENT
#
# No machine is equally fast all the time. So sides are measured in turn, less than a second apart,
# and a ratio is made for each pair of samples: the number I of one side by the number I of the
# other. What is told is the median of these, and the value that nine of ten do not exceed (p90).
#
# Needs FSVC_BENCH, the folder with stopwatch and floor, and tests/run around it; a part that needs no
# namespaces calls begin instead of begin_inside.

# What a part reads, but this file only sets.
# shellcheck disable=SC2034
declare part work never worst worst_row

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib.bash
source "$here/../tests/lib.bash"

json='' max_ratio=''
about=''             # one line: with which settings it was measured
rows=() skipped=()
declare -A samples    # "WHAT|SIDE": numbers
declare -A unit_of    # the same: what is not in "ms"
declare -A is_bounded # the same: counts for --max-ratio
declare -A peak       # "WHAT|SIDE": KiB, of what time_plan ran

die() {
  printf 'bench: %s\n' "$*" >&2
  exit 2
}

say() { printf 'bench: %s: %s\n' "$part" "$*" >&2; }

# What tests/lib.bash calls if something is missing, and parts do.
skip() {
  say "without: $*"
  skipped+=("$*")
  return 1
}

#
# Numbers. Those with a fraction are integers of thousandths.
#

sorted() { printf '%s\n' "$@" | sort -n; }

# median NUMBER..., p90 NUMBER...: of integers
median() {
  local list
  mapfile -t list < <(sorted "$@")
  echo $(((list[($# - 1) / 2] + list[$# / 2]) / 2))
}

p90() {
  local list
  mapfile -t list < <(sorted "$@")
  echo "${list[(9 * $# + 9) / 10 - 1]}"
}

# set_ratios SIDE BASE: names of arrays; sets the array ratios. What memory did not grow has none.
set_ratios() {
  local -n a=$1 b=$2
  local i
  ((${#a[@]} == ${#b[@]})) || die "$1 has ${#a[@]} samples, $2 ${#b[@]}"
  ratios=()
  for i in "${!a[@]}"; do
    ((a[i] <= 0 || b[i] <= 0)) || ratios+=($(((a[i] * 1000 + b[i] / 2) / b[i])))
  done
}

thousandths() { printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)); }

# show UNIT NUMBER: as a person reads it
show() {
  case $1 in
  ms) printf '%d.%02d ms' $(($2 / 1000)) $(($2 % 1000 / 10)) ;;
  KiB) printf '%d KiB' "$2" ;;
  count) printf '%d' "$2" ;;
  *MiB) printf '%d MiB/s' $((${1%MiB} * 1000000 / $2)) ;; # that many are read or written
  esac
}

now() { printf -v "$1" '%s' "${EPOCHREALTIME/[.,]/}"; }

#
# Samples
#

sample() { samples["$1|$2"]+="${samples["$1|$2"]:+ }${*:3}"; }

# row WHAT SIDE [BASE [UNIT]]: UNIT is ms, KiB, count, or NMiB: N MiB are moved in that time
row() {
  rows+=("$1|$2|${3:-}")
  unit_of["$1|$2"]=${4:-ms}
}

# bounded_row WHAT SIDE BASE [UNIT]: one that counts for --max-ratio
bounded_row() {
  row "$@"
  is_bounded["$1|$2"]=1
}

# time_command WHAT SIDE COMMAND...
time_command() {
  local t0 t1
  now t0
  "${@:3}"
  now t1
  sample "$1" "$2" $((t1 - t0))
}

# plan SIDE STEP COMMAND...: a line for stopwatch. SIDE and STEP have _ for a space.
plan() { printf '%s %s %s\n' "${1// /_}" "${2// /_}" "${*:3}"; }

# time_plan ROUNDS [COMMAND...] <PLAN: by stopwatch, which COMMAND starts. What is measured is the
# step, by whom is the side, up to a slash.
time_plan() {
  local step side us kib
  "${@:2}" "$FSVC_BENCH/stopwatch" "$1" >"$work/times" || die "$part: a command failed"
  while read -r step side us kib; do
    step=${step//_/ } side=${side%%/*} side=${side//_/ }
    sample "$step" "$side" "$us"
    ((${peak["$step|$side"]:-0} >= kib)) || peak["$step|$side"]=$kib
  done <"$work/times"
}

#
# Telling
#

quote() {
  local text=${1//\\/\\\\}
  printf '"%s"' "${text//\"/\\\"}"
}

list() { local IFS=,; printf '[%s]' "$*"; }
list_thousandths() { list "$(printf "%s\n" "$@" | awk '{ print $1 / 1000 }' | paste -sd,)"; }

# note_ratio WHAT RATIO: of one that counts; sets $worst and $worst_row
note_ratio() { (($2 <= worst)) || worst=$2 worst_row=$1; }

# For each row, calls "$1" with its numbers in variables; sets $worst.
each_row() {
  local row what side base unit numbers base_numbers ratios
  worst=0
  for row in "${rows[@]}"; do
    IFS='|' read -r what side base <<<"$row"
    [[ -n ${samples["$what|$side"]:-} ]] || continue
    unit=${unit_of["$what|$side"]}
    read -ra numbers <<<"${samples["$what|$side"]}"
    ratios=()
    if [[ -n $base && -n ${samples["$what|$base"]:-} ]]; then
      read -ra base_numbers <<<"${samples["$what|$base"]}"
      set_ratios numbers base_numbers
      [[ -z ${is_bounded["$what|$side"]:-} ]] || note_ratio "$what" "$(median "${ratios[@]}")"
    fi
    "$1"
  done
}

row_of_table() {
  local ratio='' ratio_p90=''
  if ((${#ratios[@]})); then
    ratio=$(thousandths "$(median "${ratios[@]}")")
    ratio_p90=$(thousandths "$(p90 "${ratios[@]}")")
  fi
  printf '%-24s %-13s %12s %12s %4s %9s %9s  %s\n' "$what" "$side" \
    "$(show "$unit" "$(median "${numbers[@]}")")" "$(show "$unit" "$(p90 "${numbers[@]}")")" \
    "${#numbers[@]}" "$ratio" "$ratio_p90" "${ratio:+to $base}"
}

row_of_json() {
  local kind=microseconds
  [[ $unit != KiB && $unit != count ]] || kind=$unit
  printf '%s\n      {"what": %s, "side": %s, "unit": "%s", "median": %s, "p90": %s,' "$comma" \
    "$(quote "$what")" "$(quote "$side")" "$kind" "$(median "${numbers[@]}")" "$(p90 "${numbers[@]}")"
  [[ $unit != *MiB || $unit == KiB ]] || printf ' "MiB": %s,' "${unit%MiB}"
  ((${#ratios[@]} == 0)) || printf ' "to": %s, "ratio": %s, "ratio_p90": %s, "ratios": %s,' \
    "$(quote "$base")" "$(thousandths "$(median "${ratios[@]}")")" \
    "$(thousandths "$(p90 "${ratios[@]}")")" \
    "$(list_thousandths "${ratios[@]}")"
  printf ' "samples": %s}' "$(list "${numbers[@]}")"
  comma=,
}

show_table() {
  local reason
  printf '%s: %s\n\n%-24s %-13s %12s %12s %4s %9s %9s\n' "$part" "$about" what side median p90 n \
    ratio p90
  each_row row_of_table
  for reason in "${skipped[@]}"; do printf 'without: %s\n' "$reason"; done
  echo
}

show_json() {
  local comma='' reason reasons=()
  for reason in "${skipped[@]}"; do reasons+=("$(quote "$reason")"); done
  printf '{\n    "about": %s,\n    "skipped": %s,\n    "results": [' "$(quote "$about")" \
    "$(list "${reasons[@]}")"
  each_row row_of_json
  printf '\n    ]\n  }'
}

finish() {
  show_table
  [[ -z $json ]] || show_json >"$json"
  if [[ -n $max_ratio ]] && ((worst > max_ratio * 10)); then
    say "$worst_row: the ratio is $(thousandths "$worst"), more than $max_ratio %"
    exit 1
  fi
}

#
# Settings
#

# All stays on one processor, where nothing that is done can hide in another one's idle time. With
# more, it makes a difference of up to three times where the scheduler puts a server and who calls
# it, from one mount to the next: that would be measured. BENCH_CPU is a number, or "all".
use_processor() {
  cpu=${BENCH_CPU:-$(taskset --cpu-list --pid $$)} cpu=${cpu##*[ ,-]}
  [[ $cpu == all ]] || taskset --cpu-list --pid "$cpu" $$ >/dev/null ||
    die "BENCH_CPU is a processor, or all"
}

use_all_processors() { taskset --cpu-list --pid "0-$(($(nproc --all) - 1))" $$ >/dev/null; }

# check_numbers NAME...: variables that must be positive numbers
check_numbers() {
  local name
  for name; do
    [[ ${!name} =~ ^[1-9][0-9]*$ ]] || die "$name is ${!name}, not a number"
  done
}

#
# Places
#

declare -A holder # KIND: a process in its mount namespace

# make_namespace KIND: with an utab of its own
make_namespace() {
  rm -f "$work/is-there"
  # shellcheck disable=SC2016 # its own
  unshare --mount --propagation private -- \
    sh -c 'mount -t tmpfs tmpfs /run/mount && : >"$0" && exec sleep infinity' "$work/is-there" &
  holder[$1]=$!
  wait_for "$deadline" test -e "$work/is-there" || die "no namespace"
}

# within KIND COMMAND...
within() { nsenter --mount="/proc/${holder[$1]}/ns/mnt" -- "${@:2}"; }

# end_namespace KIND: it takes its mounts away, and these their servers
end_namespace() {
  kill "${holder[$1]}"
  wait "${holder[$1]}" 2>/dev/null || true
  unset "holder[$1]"
  wait_for 60 has_no_servers || die "servers are still there: $(our_processes | wc -l)"
}
has_no_servers() { [[ -z $(our_processes) ]]; }

#
# Beginning and end of a part
#

end_part() {
  local pid target
  for pid in "${holder[@]}"; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  [[ -z ${FSVC_INSIDE:-} ]] || stop_services # all that listens, in there
  while read -r target; do
    umount -il "$target" || true
  done < <(cut -d" " -f5 /proc/self/mountinfo | grep -F "$work/" | tac)
  [[ -z $has_own_fusectl ]] || umount "$fusectl"
  rm -rf --one-file-system "$work"
}

begin() {
  part=$1
  shift
  while (($#)); do
    case $1 in
    --json) json=${2:-} ;;
    --max-ratio) max_ratio=${2:-} ;;
    *) die "usage: $part [--json FILE] [--max-ratio PERCENT]" ;;
    esac
    [[ -n ${2:-} ]] || die "$1 wants a value"
    shift 2
  done
  [[ -z $max_ratio ]] || check_numbers max_ratio
  [[ -x ${FSVC_BENCH:-}/stopwatch ]] || die "FSVC_BENCH is not set: see \`make bench\`"
  unset CI # to skip is no failure here
  work=${TMPDIR:-/var/tmp}/bench-$part.$$
  trap end_part EXIT
  mkdir -p "$work"
  export BATS_TEST_TMPDIR=$work # what tests/lib.bash and its friends want
  mkfifo "$work/never"
  exec {never}<>"$work/never"
}

# begin_inside NAME "$@": the same, for a part that mounts in the namespaces of tests/run
begin_inside() {
  begin "$@"
  [[ -n ${FSVC_INSIDE:-} ]] || die "tests/run runs it: see \`make bench\`"
  use_processor
  mount_fusectl
}

# As on every system with systemd. Where it is mounted nowhere, each unmount of ours makes one for
# itself, with a folder for every connection that there is.
fusectl=/sys/fs/fuse/connections has_own_fusectl=''
mount_fusectl() {
  [[ $(stat -fc %t "$fusectl") != 65735543 ]] || return 0
  if mount -t fusectl fusectl "$fusectl"; then has_own_fusectl=1; else skip "fusectl" || true; fi
}

# Without a process, as sleep(1) would be: "nap SECONDS"
nap() { read -rt "$1" -u "$never" || true; }

# start_server NAME PROGRAM...: as a service, without anything around it; skips if it is not there
start_server() {
  require tool systemd-socket-activate server "${2##*/}" && start_service "$1" -- "${@:2}"
}
