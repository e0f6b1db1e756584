#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/session.txt is what the commands in it show today. scripts/record-session makes it.

# shellcheck source=tests/systemd/lib.bash
source "$BATS_TEST_DIRNAME/lib.bash"

top=$BATS_TEST_DIRNAME/../..

setup() { prepare_systemd; }

teardown() { clean_up_systemd; }

@test "the recording of a session is true" {
  local new=/t/keep/session.txt
  mkdir -p /t/keep
  "$top/scripts/record-session" --play >"$new"
  diff -u "$top/docs/session.txt" "$new" ||
    fail "docs/session.txt is not true any more: scripts/record-session makes it anew"
}
