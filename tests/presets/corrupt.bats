#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=mount
#
# Images that are broken, each in a way that is always the same: a mount of one fails clearly, or it
# works. It is never dead from the start, nothing hangs, and nothing is left.

# shellcheck disable=SC2030,SC2031,SC2034 # for what is loaded, in a subshell for each test
bats_require_minimum_version 1.5.0
load ../lib
load images
load presets
load corrupt

setup() {
  prepare
  src=$BATS_TEST_TMPDIR/src
}

teardown() { clean_up; }

@test "squashfs: 20 broken images" { check_corrupt squashfs; }
@test "ext2: 20 broken images" { check_corrupt ext2 2M; }
@test "ext3: 20 broken images" { check_corrupt ext3 4M; }
@test "ext4: 20 broken images" { check_corrupt ext4 4M; }
@test "ntfs: 20 broken images" { check_corrupt ntfs 3M; }
@test "exfat: 20 broken images" { check_corrupt exfat 4M; }
@test "fuseiso: 20 broken images" { check_corrupt fuseiso; }
@test "fuse-zip: 20 broken images" { check_corrupt fuse-zip; }
@test "archivemount: 20 broken images" { check_corrupt archivemount; }
