# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What tests of "fuse-svc doctor" share, with a service manager and without. A bats file loads it after
# a lib.bash.

# shellcheck disable=SC2154 # variables of lib.bash
doctor() { run_command "${FSVC_FUSE_SVC:-fuse-svc}" doctor "$@"; }

# findings [NAME...]: one "LEVEL CHECK SUBJECT" a line; not what this systemd cannot tell
findings() {
  local out rc=0
  out=$("${FSVC_FUSE_SVC:-fuse-svc}" doctor --raw --noheadings --output LEVEL,CHECK,SUBJECT "$@") ||
    rc=$?
  ((rc == 0 || rc == 32)) || fail "exit code $rc" || return
  grep -v '^detail\|^$' <<<"$out" || true
}

# assert_found LINES [NAME...]: that is what is found, and nothing else; sets $stdout
assert_found() {
  doctor "${@:2}"
  assert_equal "$(findings "${@:2}")" "$1" || return
  if [[ $1 == *problem* ]]; then assert_status 32; else assert_status 0; fi
}

# assert_text TEXT...: it says each of these
assert_text() {
  local text
  for text in "$@"; do
    [[ $stdout == *"$text"* ]] || fail "it does not say: $text" || return
  done
}

# assert_healthy [NAME...]
assert_healthy() {
  doctor "$@"
  [[ $stdout == "nothing wrong found ("*" checks)" ]] || fail "found: $stdout" || return
  assert_status 0
}

# commands: those that were printed
commands() { sed -n 's/^    //p' <<<"$stdout"; }

# assert_mended [NAME...]: by what is printed, as a person would copy it
assert_mended() {
  [[ -n $(commands) ]] || fail "no command" || return
  bash -e <<<"$(commands)" || fail "it cannot be mended by: $(commands)" || return
  assert_healthy "$@"
}
