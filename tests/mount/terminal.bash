# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A terminal for tests (terminal.c). A bats file loads it after tests/lib.bash, and calls
# prepare_terminal after prepare.

# What a test reads, but this file only sets; and what tests/lib.bash sets.
# shellcheck disable=SC2034,SC2154
declare terminal screen keyboard moment clear pid

prepare_terminal() {
  terminal=${FSVC_PEER%/*/*}/mount/terminal # wherever the tests' programs are
  [[ -x $terminal ]] || lack "no tests/mount/terminal" || return
  screen=$BATS_TEST_TMPDIR/screen
  keyboard=$BATS_TEST_TMPDIR/keyboard
  moment='sleep 1.2' # from then on a mount takes long
  clear=$'\r\033[K'
  mkfifo "$keyboard"
}

# start_on_terminal [-b | -cCOLUMNS] COMMAND...: sets $pid, and opens the keyboard as descriptor 9
start_on_terminal() {
  local options=()
  while [[ $1 == -* ]]; do
    options+=("$1")
    shift
  done
  exec 9<>"$keyboard"
  env --default-signal=INT "$terminal" "${options[@]}" "$screen" "$@" <&9 3>&- 4>&- &
  pid=$!
}

# end_on_terminal: sets $status
end_on_terminal() {
  wait_gone "$pid" "$deadline" || return
  status=0
  wait "$pid" || status=$?
  exec 9>&-
}

# run_on_terminal [OPTION...] COMMAND...
run_on_terminal() { start_on_terminal "$@" && end_on_terminal; }

press() { printf '%b' "$1" >&9; }

# shown TEXT: is it on the screen, or was it?
shown() { grep -qaF -e "$1" "$screen"; }
assert_shown() { wait_for "$deadline" shown "$1" || fail "not shown: $1: $(cat -v "$screen")"; }

# assert_rest TEXT: once the line was cleared for the last time, this is all that follows
assert_rest() {
  local all rest
  all=$(<"$screen")
  [[ $all == *"$clear"* ]] || fail "nothing was cleared: $(cat -v "$screen")" || return
  rest=${all##*"$clear"}
  assert_equal "${rest//$'\r'/}" "$1"
}
