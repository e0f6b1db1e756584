# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Cases for the scripted helper: each plays a script to a server, and judges how that ended. What
# is wrong is printed and counted, and the next case follows; each_server() fails at the end.

# What tests/lib.bash sets, and what only tests read.
# shellcheck disable=SC2154,SC2034

# prepare_rogue: for setup()
prepare_rogue() {
  prepare
  rogue=${FSVC_ROGUE:-${FSVC_PEER%/*/*}/rogue/rogue}
  [[ -x $rogue ]] || lack "no scripted helper: $rogue"
  echo hello >"$BATS_TEST_TMPDIR/file"
  tar -cf "$img" -C "$BATS_TEST_TMPDIR" file
  faults=0 hangs=0
  servers=()
  local name
  for name in ${FSVC_SERVERS:-archive single-file null}; do # what is not built counts in CI only
    [[ ! -x $FSVC_LIBEXECDIR/$name && ${CI:-} != true ]] || require server "$name"
    [[ ! -x $FSVC_LIBEXECDIR/$name ]] || servers+=("$name")
  done
  ((${#servers[@]})) || lack "no server"
}

#
# One case
#

# complain WHAT: notes what is wrong with the case that was run last, and goes on
complain() {
  faults=$((faults + 1))
  printf '%s: %s%s: %s\n' "$server" "$script" "${start:+ (start: $start)}" "$1"
  printf '  helper: %s\n' "${out//$'\n'/$'\n'  helper: }"
  head -c 2000 "$log" | sed 's/^/  server: /'
  [[ $out != *"ended: hang" ]] || hangs=$((hangs + 1))
  ((hangs < 3)) || exit 1 # each costs its deadline
}

# play SCRIPT [START]: sets $out and $said, its log, and complains of what is never right
play() {
  local LC_ALL=C has_nul
  script=$1 start=${2:-}
  : >"$log"
  out=$("$rogue" ${start:+-s "$start"} -i "$img" -m "$target" -l "$log" -e "$script" \
    "$FSVC_LIBEXECDIR/$server" 3>&- 4>&-) || true
  if IFS= read -rd '' said <"$log"; then has_nul=1; fi
  if [[ $out != *"ended: exit "* ]]; then
    complain "did not end well"
  elif [[ $out == *"left: "* ]]; then
    complain "left a process"
  elif [[ $said =~ Sanitizer|"runtime error"|Assertion ]]; then
    complain "a bug"
  elif [[ -n ${has_nul:-} || ${said//$'\n'/} == *[[:cntrl:]]* ]]; then
    complain "control characters in the log"
  fi
}

# attack WORDS SCRIPT [START]: the server must fail, and say WORDS in its log
attack() {
  play "${@:2}"
  has_failed "$1"
}

# has_failed WORDS: what attack() says, of the case that was run last
has_failed() {
  [[ $out == *"ended: exit "* ]] || return 0 # there was a complaint
  if [[ $out == *"ended: exit 0" ]]; then
    complain "did not fail"
  elif [[ $out == *"heard BYE 0"* && $out != *"heard MOUNT"* ]]; then
    complain "said that all is well"
  elif [[ ! $said =~ [^[:space:]] || $said != *"$1"* ]]; then
    complain "did not say: ${1:-a word}"
  fi
}

# accept SCRIPT: all must go well
accept() {
  play "$@"
  [[ $out != *"ended: exit "[1-9]* ]] || complain "failed"
}

# each_server FUNCTION: with $server, its $target, and $steps, the requests that it makes
each_server() {
  for server in "${servers[@]}"; do
    target=$mnt
    accept 'play 99'
    [[ $out == *mounted*"heard BYE 0"* ]] || complain "did not mount"
    steps=$(sed -n 's/^heard \(OPEN\|OPEN_BDEV\|FSOPEN\|SOURCE\|MNTPT\|MNTOPTS\|MTABOPTS\|MOUNT\)\b.*/\1/p' \
      <<<"$out")
    "$1"
  done
  ((faults == 0)) || fail "$faults faults"
}

has_step() { [[ $'\n'$steps$'\n' == *$'\n'$1$'\n'* ]]; }
