# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What is checked in the same way for many presets. A bats file loads it after tests/lib.bash,
# images.bash and presets.bash, and sets $src to where a tree can be made.

# shellcheck disable=SC2154 # what tests/lib.bash and the bats file set

# use_image TYPE: $src is a tree, $img an image of it that only root can read; there is a service
use_image() {
  require_preset "$1" || return
  make_tree "$src" "$(tree_kind "$1")" || return
  make_image "$1" "$img" "$src" || return
  chmod 600 "$img"
  start_preset "$1"
}

# mount_image TYPE [OPTIONS]
mount_image() {
  stock_mount -t "fuse.svc.$1" -o "${2:-rw}" "$img" "$mnt"
  assert_mount_works
}

# check_read TYPE: by its name, and by the source's type alone if libblkid knows it
check_read() {
  local type=$1
  use_image "$type"
  mount_image "$type" ro
  assert_equal "$(mounted_as FSTYPE)" "fuse.svc.$type"
  assert_equal "$(mounted_as SOURCE)" "$img"
  assert_option ro nosuid nodev allow_other default_permissions
  assert_same "$type" "$src" "$mnt"
  run -1 touch "$mnt/new"
  [[ $output == *"Read-only file system"* ]]
  unmount
  assert_nothing_left
  [[ $(blkid -p -o value -s TYPE "$img") == "$type" ]] || return 0
  stock_mount -t fuse.svc -o ro "$img" "$mnt"
  assert_mount_works
  assert_equal "$(mounted_as FSTYPE)" "fuse.svc.$type"
  assert_same "$type" "$src" "$mnt"
  unmount
  assert_nothing_left
}

# check_write TYPE: what was written is there the next time, and the file system is clean
check_write() {
  local type=$1
  use_image "$type"
  mount_image "$type"
  assert_option rw
  assert_same "$type" "$src" "$mnt"
  mkdir "$mnt/new" "$src/new"
  seq 50000 | tee "$src/new/numbers" >"$mnt/new/numbers"
  mv "$mnt/a dir/hello" "$mnt/new/hello"
  mv "$src/a dir/hello" "$src/new/hello"
  rm "$mnt/many/"*7 "$src/many/"*7
  truncate -s 1000 "$mnt/zeros" "$src/zeros"
  touch -d '2022-02-03 04:05:06Z' {"$mnt","$src"}/{new,new/*,zeros,many,a\ dir}
  sync -f "$mnt/new/numbers"
  assert_same "$type" "$src" "$mnt"
  unmount
  assert_nothing_left
  is_clean "$type" "$img"
  mount_otherwise "$type" "$img" "$mnt"
  assert_same "$type" "$src" "$mnt"
  unmount
}

# check_garbage TYPE REGEX: what is no such image is refused, in the server's words
check_garbage() {
  require_preset "$1"
  start_preset "$1"
  head -c 3M /dev/zero | tr '\0' '\377' >"$img"
  stock_mount -t "fuse.svc.$1" "$img" "$mnt"
  assert_mount_fails 32
  grep -qiE -e "$2" <<<"$stderr" || fail "not the server's words: $stderr"
  [[ $stderr != *"/source"* ]] || fail "/source is nothing that people know: $stderr"
  assert_nothing_left
}

# check_device TYPE: fuseblk, so that udisks and lsblk see it, and umount waits
check_device() {
  use_image "$1"
  use_loop "$img"
  stock_mount -t "fuse.svc.$1" "$loop" "$mnt"
  assert_mount_works
  assert_equal "$(mounted_as FSTYPE)" "fuseblk.svc.$1"
  assert_equal "$(mounted_as SOURCE)" "$loop"
  assert_same "$1" "$src" "$mnt"
  assert_equal "$(lsblk --noheadings --output MOUNTPOINT "$loop")" "$mnt"
  run_umount "$loop"
  assert_quiet
  assert_nothing_left
}
