#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=mount
#
# Ordinary users and the presets: whose the files are, who gets in, and whose rights count.

# shellcheck disable=SC2030,SC2031,SC2154 # what tests/lib.bash sets, in a subshell for each test
bats_require_minimum_version 1.5.0
load ../lib
load images
load presets

setup() {
  prepare
  prepare_users
  src=$home/src # where alice can read
}

teardown() { clean_up; }

# use_own_image TYPE: of alice's, and nobody else's; $src is what is in it, partly hers
use_own_image() {
  require_preset "$1" || return
  make_tree "$src" plain || return
  if [[ -z $(tree_kind "$1") ]]; then
    chown alice:alice "$src" "$src/a dir" "$src/a dir/hello"
    chmod 700 "$src/a dir"
    chmod 4755 "$src/nothing"
    chmod 600 "$src/zeros"
  fi
  make_image "$1" "$img" "$src" || return
  chown alice:alice "$img"
  chmod 600 "$img"
  start_preset "$1" || return
  share_services
}

# mount_as_alice TYPE [OPTIONS]
mount_as_alice() {
  run_as alice mount -t "fuse.svc.$1" -o "${2:-rw}" "$img" "$mnt"
  assert_mount_works || return
  assert_equal "$(mounted_as FSTYPE)" "fuse.svc.$1" || return
  assert_option nosuid nodev "user_id=$alice_id" default_permissions || return
  refute_option allow_other
}

# assert_alone: nobody else gets in, not even root
assert_alone() {
  local who
  for who in bob root; do
    run_as "$who" ls "$mnt"
    [[ $status != 0 && $stderr == *"Permission denied"* ]] || fail "$who gets in: $stdout" || return
  done
}

owners() { as_user alice stat -c '%U:%G %a' "$@" | paste -sd ' '; }

# refute_reads FILE: alice may not
refute_reads() {
  run_as alice cat "$1"
  [[ $status != 0 && $stderr == *"Permission denied"* ]] || fail "she reads $1"
}

@test "squashfs: a user's own image" {
  use_own_image squashfs
  mount_as_alice squashfs ro
  assert_alone
  assert_equal "$(owners "$mnt/a dir" "$mnt/a dir/hello" "$mnt/nothing" "$mnt/zeros")" \
    "alice:alice 700 alice:alice 644 root:root 4755 root:root 600"
  as_user alice cmp "$src/big" "$mnt/big"
  refute_reads "$mnt/zeros"
  as_user alice umount "$mnt"
  assert_nothing_left
}

@test "ext4: a user's own image" {
  use_own_image ext4
  mount_as_alice ext4
  assert_alone
  assert_equal "$(owners "$mnt/a dir" "$mnt/a dir/hello" "$mnt/nothing" "$mnt/zeros")" \
    "alice:alice 700 alice:alice 644 root:root 4755 root:root 600"
  refute_reads "$mnt/zeros"
  as_user alice cp "$src/big" "$mnt/a dir/copy"
  as_user alice mv "$mnt/a dir/hello" "$mnt/a dir/moved"
  run_as alice touch "$mnt/many/new"
  [[ $stderr == *"Permission denied"* ]]
  run_as alice chown bob "$mnt/a dir/copy"
  [[ $stderr == *"Operation not permitted"* ]]
  as_user alice umount "$mnt"
  assert_nothing_left
  is_clean ext4 "$img"
  mount_otherwise ext4 "$img" "$mnt"
  cmp "$src/big" "$mnt/a dir/copy"
  assert_equal "$(stat -c '%U:%G' "$mnt/a dir/copy" "$mnt/a dir/moved" | paste -sd ' ')" \
    "alice:alice alice:alice"
  unmount
}

# check_no_owners TYPE: of a type that has none, all is hers
check_no_owners() {
  use_own_image "$1"
  mount_as_alice "$1"
  assert_alone
  assert_equal "$(owners "$mnt/empty" "$mnt/big")" "alice:alice 755 alice:alice 755"
  as_user alice cp "$src/big" "$mnt/empty/copy"
  as_user alice umount "$mnt"
  assert_nothing_left
  is_clean "$1" "$img"
  mount_otherwise "$1" "$img" "$mnt"
  cmp "$src/big" "$mnt/empty/copy"
  unmount
}

@test "ntfs: a user's own image" { check_no_owners ntfs; }
@test "exfat: a user's own image" { check_no_owners exfat; }

@test "an image that a user may only read, and one that he may not" {
  use_own_image ext4
  chown root:root "$img"
  run_as alice mount -t fuse.svc.ext4 "$img" "$mnt"
  assert_mount_fails 32 "Permission denied"
  assert_nothing_left
  chmod 644 "$img"
  cp "$img" "$img.before"
  run_as alice mount -t fuse.svc.ext4 "$img" "$mnt"
  assert_status 0
  assert_equal "$stderr" \
    "mount.fuse.svc: $mnt: ext4: warning: the source cannot be written to: mounted read-only"
  assert_option ro
  as_user alice cmp "$src/big" "$mnt/big"
  as_user alice umount "$mnt"
  assert_nothing_left
  cmp "$img" "$img.before"
}

@test "a file that an option names is opened with the user's rights" {
  local dir=$home/alice/crypt pass
  require_preset gocryptfs
  as_user alice mkdir "$dir"
  for pass in "$home/alice/pass" "$secret/pass"; do
    echo secret >"$pass"
    chown alice "$pass"
    chmod 600 "$pass"
  done
  gocryptfs -q -init -scryptn 10 -passfile "$secret/pass" "$dir"
  chown -R 65534:65534 "$dir"
  start_preset gocryptfs
  share_services
  run_as alice mount -t fuse.svc.gocryptfs -o "passfile=$secret/pass" "$dir" "$mnt"
  assert_mount_fails 32 "permission denied"
  assert_nothing_left
  run_as alice mount -t fuse.svc.gocryptfs -o "passfile=$home/alice/pass" "$dir" "$mnt"
  assert_mount_works
  assert_alone
  as_user alice ls "$mnt"
  as_user alice umount "$mnt"
}
