# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the tests of fuse-svc share, on top of tests/lib.bash.

# shellcheck source=tests/lib.bash
source "$BATS_TEST_DIRNAME/../lib.bash"

prepare_fuse_svc() {
  prepare
  require fuse-svc tool jq
}

# fuse_svc ARGS...: sets $status, $stdout and $stderr
fuse_svc() { run_command "$FSVC_FUSE_SVC" "$@"; }

# fuse_svc_as USER ARGS...
fuse_svc_as() { run_as "$1" "$FSVC_FUSE_SVC" "${@:2}"; }

# assert_json FILTER VALUE: what jq makes of the output, in one line
assert_json() {
  local value
  value=$(jq -c "$1" <<<"$stdout") || fail "not JSON: $stdout" || return
  [[ $value == "$2" ]] || fail "$1 is $value instead of $2" || return
}

# assert_says TEXT...: one line on stderr, in the form of the helpers, that holds each of the texts
assert_says() {
  local text
  [[ $stderr == "fuse-svc: "* && $stderr != *$'\n'* ]] || fail "not one line of fuse-svc" || return
  [[ $stderr != *[[:cntrl:]]* ]] || fail "control characters" || return
  for text in "$@"; do
    [[ $stderr == *"$text"* ]] || fail "stderr does not say: $text" || return
  done
}
