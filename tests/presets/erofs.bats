#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=mount
#
# EROFS, whose server Debian has had since 13: what the other files do with all other presets.

# shellcheck disable=SC2030,SC2031,SC2034 # for what is loaded, in a subshell for each test
bats_require_minimum_version 1.5.0
load ../lib
load images
load presets
load checks
load corrupt

setup() {
  prepare
  src=$BATS_TEST_TMPDIR/src
}

teardown() { clean_up; }

@test "erofs: read" { check_read erofs; }
@test "erofs: no image" { check_garbage erofs "superblock|magic|erofs"; }
@test "erofs: a block device" { check_device erofs; }
@test "erofs: 20 broken images" { check_corrupt erofs; }
