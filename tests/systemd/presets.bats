#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The presets under systemd: what Debian ships, in the units' sandbox.

# shellcheck source=tests/systemd/lib.bash
source "$BATS_TEST_DIRNAME/lib.bash"
# shellcheck source=tests/presets/images.bash
source "$BATS_TEST_DIRNAME/../presets/images.bash"

setup_file() {
  make_nodes
  make_tree "$BATS_FILE_TMPDIR/tree"
  make_tree "$BATS_FILE_TMPDIR/plain" plain
}

setup() {
  prepare_systemd
  image=$BATS_TEST_TMPDIR/image
}

teardown() { clean_up_systemd; }

# source_tree TYPE: what is in the image
source_tree() {
  if [[ $(tree_kind "$1") == plain ]]; then echo "$BATS_FILE_TMPDIR/plain"; else echo "$BATS_FILE_TMPDIR/tree"; fi
}

# check_preset TYPE: a real image is mounted, has what it should have, and nothing stays
check_preset() {
  local type=$1 tree
  tree=$(source_tree "$type")
  make_image "$type" "$image" "$tree"
  chmod 600 "$image"
  systemctl start "fuse-svc-$type.socket"
  run_command mount -t "fuse.svc.$type" "$image" "$mnt"
  assert_equal "$status: $stderr" "0: "
  assert_equal "$(mounted_as FSTYPE)" "fuse.svc.$type"
  assert_same "$type" "$tree" "$mnt"
  umount "$mnt"
}

@test "squashfs" { check_preset squashfs; }
@test "erofs" { check_preset erofs; }
@test "ext2" { check_preset ext2; }
@test "ext3" { check_preset ext3; }
@test "ext4" { check_preset ext4; }
@test "ntfs" { check_preset ntfs; }
@test "exfat" { check_preset exfat; }
@test "fuseiso" { check_preset fuseiso; }
@test "fuse-zip" { check_preset fuse-zip; }
@test "archivemount" { check_preset archivemount; }
