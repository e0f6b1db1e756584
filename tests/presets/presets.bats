#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=mount
#
# Servers as Debian ships them, run by fuse-svc-run, on real images: what is in them, which options
# they take, what they say.

# shellcheck disable=SC2030,SC2031,SC2154 # what tests/lib.bash sets, in a subshell for each test
bats_require_minimum_version 1.5.0
load ../lib
load ../mount/terminal
load images
load presets
load checks

setup() {
  prepare
  src=$BATS_TEST_TMPDIR/src
  # Others shall get as far as the mount.
  chmod 755 "$BATS_TEST_TMPDIR" "${BATS_TEST_TMPDIR%/*}" "$BATS_RUN_TMPDIR"
}

teardown() { clean_up; }

@test "squashfs: read" { check_read squashfs; }
@test "ext2: read" { check_read ext2; }
@test "ext3: read" { check_read ext3; }
@test "ext4: read" { check_read ext4; }
@test "ntfs: read" { check_read ntfs; }
@test "exfat: read" { check_read exfat; }
@test "fuseiso: read" { check_read fuseiso; }
@test "fuse-zip: read" { check_read fuse-zip; }
@test "archivemount: read" { check_read archivemount; }

@test "ext2: written" { check_write ext2; }
@test "ext3: written" { check_write ext3; }
@test "ext4: written" { check_write ext4; }
@test "ntfs: written" { check_write ntfs; }
@test "exfat: written" { check_write exfat; }

@test "squashfs: no image" { check_garbage squashfs "squashfs image"; }
@test "ext4: no image" { check_garbage ext4 "bad magic number"; }
@test "ntfs: no image" { check_garbage ntfs "NTFS signature is missing|valid NTFS"; }
@test "exfat: no image" { check_garbage exfat "exFAT file system is not found"; }
@test "fuseiso: no image" { check_garbage fuseiso "iso|image"; }
@test "fuse-zip: no image" { check_garbage fuse-zip "zip archive"; }
@test "archivemount: no image" { check_garbage archivemount "archive"; }

@test "squashfs: a block device" { check_device squashfs; }
@test "ext4: a block device" { check_device ext4; }
@test "ntfs: a block device" { check_device ntfs; }
@test "exfat: a block device" { check_device exfat; }

@test "read-only presets: what is not writable, though rw was said" {
  local type
  for type in squashfs fuse-zip archivemount; do
    require_preset "$type"
    rm -rf "$src"
    make_tree "$src"
    make_image "$type" "$img" "$src"
    cp "$img" "$img.before"
    start_preset "$type"
    mount_image "$type" rw
    assert_option ro
    run -1 rm -f "$mnt/nothing"
    unmount
    assert_nothing_left
    cmp "$img" "$img.before"
  done
}

# use_fstab TYPE OPTIONS: a line as there are for the kernel's driver, but for its type
use_fstab() {
  use_image "$1" || return
  fstab "$2" "$img" "$mnt" "fuse.svc.$1"
  stock_mount "$mnt"
  assert_mount_works
}

usual=defaults,nofail,x-systemd.device-timeout=10s,x-gvfs-show

@test "ext4: a line of fstab for the kernel's driver" {
  use_fstab ext4 "$usual,noatime,errors=remount-ro,discard,commit=60,data=ordered,user_xattr,acl,barrier=1"
  assert_option rw noatime
  assert_same ext4 "$src" "$mnt"
  unmount
}

@test "ntfs: a line of fstab for the kernel's driver" {
  use_fstab ntfs "$usual,relatime,uid=1000,gid=1000,umask=022,nls=utf8,windows_names,discard,prealloc,force"
  assert_option rw relatime
  assert_same ntfs "$src" "$mnt"
  assert_equal "$(stat -c '%u:%g %a' "$mnt/big")" "1000:1000 755"
  run -1 touch "$mnt/what?"
  unmount
}

@test "ntfs: a line of fstab for ntfs-3g" {
  use_fstab ntfs "$usual,uid=1000,gid=1000,dmask=027,fmask=137,locale=de_DE.UTF-8,big_writes,inherit,silent"
  assert_equal "$(stat -c '%u:%g %a' "$mnt/big")" "1000:1000 640"
  unmount
}

@test "exfat: a line of fstab for the kernel's driver" {
  use_fstab exfat "$usual,uid=1000,gid=1000,umask=022,iocharset=utf8,errors=remount-ro,discard,noatime"
  assert_option rw noatime
  assert_same exfat "$src" "$mnt"
  assert_equal "$(stat -c '%u:%g %a' "$mnt/big")" "1000:1000 755"
  unmount
}

@test "squashfs: a line of fstab for the kernel's driver" {
  require loop
  use_fstab squashfs "$usual,loop,ro,errors=continue,threads=multi"
  assert_equal "$(mounted_as FSTYPE)" fuseblk.svc.squashfs
  assert_same squashfs "$src" "$mnt"
  unmount
  assert_nothing_left
  wait_for "$deadline" has_no_loops
}

@test "ext4: what others may do stands on the disk" {
  local nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  use_image ext4
  mount_image ext4
  "${nobody[@]}" cat "$mnt/a dir/hello"
  run -1 "${nobody[@]}" cat "$mnt/big"
  [[ $output == *"Permission denied"* ]]
  run -1 "${nobody[@]}" touch "$mnt/new"
  setpriv --reuid=1234 --regid=1234 --clear-groups cat "$mnt/big" >/dev/null
  install -o 4711 -g 815 -m 640 /etc/hostname "$mnt/owned"
  assert_equal "$(stat -c '%u:%g %a' "$mnt/owned")" "4711:815 640"
  unmount
}

# owners TYPE OPTIONS: of a directory and a file
owners() {
  mount_image "$1" "$2" || return
  stat -c '%u:%g %a' "$mnt/empty" "$mnt/big" | paste -sd ' '
  unmount
}

@test "ntfs: owners and permissions from options" {
  use_image ntfs
  assert_equal "$(owners ntfs rw)" "0:0 755 0:0 755"
  assert_equal "$(owners ntfs uid=59001,gid=59003,dmask=027,fmask=137)" \
    "59001:59003 750 59001:59003 640"
  assert_equal "$(owners ntfs uid=59001,umask=077,windows_names,nls=utf8,nohidden)" \
    "59001:0 700 59001:0 700"
}

@test "exfat: owners and permissions from options" {
  use_image exfat
  assert_equal "$(owners exfat rw)" "0:0 755 0:0 755"
  assert_equal "$(owners exfat uid=59001,gid=59003,dmask=027,fmask=137)" \
    "59001:59003 750 59001:59003 640"
  assert_equal "$(owners exfat uid=59001,iocharset=utf8,errors=remount-ro,umask=077)" \
    "59001:0 700 59001:0 700"
}

@test "ntfs: permissions on disk" {
  use_image ntfs
  mount_image ntfs permissions
  install -o 59001 -g 59003 -m 640 /etc/hostname "$mnt/owned"
  assert_equal "$(stat -c '%u:%g %a' "$mnt/owned")" "59001:59003 640"
  unmount
  mount_image ntfs permissions
  assert_equal "$(stat -c '%u:%g %a' "$mnt/owned")" "59001:59003 640"
  unmount
}

@test "options that a preset does not know, or not so, are refused by name" {
  use_image ext4
  stock_mount -t fuse.svc.ext4 -o noatime,frobnicate "$img" "$mnt"
  assert_mount_fails 32 'option "frobnicate" is not known to the service "ext4"'
  stock_mount -t fuse.svc.ext4 -o usrquota "$img" "$mnt"
  assert_mount_fails 32 usrquota
  stock_mount -t fuse.svc.ext4 -o commit=soon "$img" "$mnt"
  assert_mount_fails 32 commit=soon
  stock_mount -t fuse.svc.ext4 -o minixdf=1 "$img" "$mnt"
  assert_mount_fails 32 minixdf
  assert_nothing_left
}

@test "options that udisks lets users give are known, all of them" {
  local type options conf=$BATS_TEST_DIRNAME/../../services/udisks2-mount_options.conf
  for type in ext4 ntfs exfat; do
    options=$(sed -n "s/^$type:fuse\.svc\.${type}_allow=//p" "$conf" |
      sed -E 's/=.[UG]ID/=1000/g; s/\b[udf]mask\b/&=022/g; s/\blocale\b/&=C/')
    [[ -n $options ]]
    rm -rf "$src"
    use_image "$type"
    mount_image "$type" "$options"
    unmount
    assert_nothing_left
  done
}

# unclean_ext4: $img has a journal to be replayed
unclean_ext4() {
  make_image ext4 "$BATS_TEST_TMPDIR/clean" "$src" || return
  use_loop "$BATS_TEST_TMPDIR/clean"
  mount -t ext4 "$loop" "$mnt" || return
  echo replayed >"$mnt/replayed" && sync -f "$mnt/replayed"
  cp "$BATS_TEST_TMPDIR/clean" "$img"
  umount "$mnt" || return
  [[ $(dumpe2fs -h "$img" 2>/dev/null) == *needs_recovery* ]]
}

@test "ext4: a journal is replayed before it is mounted" {
  require loop
  require_preset ext4
  make_tree "$src"
  unclean_ext4
  start_preset ext4
  # What shall only be read is not changed: the server says what is needed.
  cp "$img" "$img.before"
  stock_mount -t fuse.svc.ext4 -o ro "$img" "$mnt"
  assert_mount_fails 32 "Journal needs recovery"
  cmp "$img" "$img.before"
  stock_mount -t fuse.svc.ext4 -o ro,noload "$img" "$mnt"
  assert_mount_works
  unmount
  cmp "$img" "$img.before"
  stock_mount -t fuse.svc.ext4 "$img" "$mnt"
  assert_mount_works
  assert_equal "$(<"$mnt/replayed")" replayed
  unmount
  assert_nothing_left
}

# Its journal is being used: to replay that, as is done before a mount, would be to lose it.
@test "ext4: a device that the kernel has mounted is left alone" {
  local other=$BATS_TEST_TMPDIR/other
  require loop
  use_image ext4
  use_loop "$img"
  mkdir "$other"
  mount -t ext4 "$loop" "$other"
  echo new >"$other/new" && sync -f "$other/new"
  sum=$(sha256sum <"$loop")
  stock_mount -t fuse.svc.ext4 "$loop" "$mnt"
  assert_equal "$(sha256sum <"$loop")" "$sum"
  umount "$other"
  assert_mount_fails 32 "is mounted already, or in use by something else"
  assert_nothing_left
  stock_mount -t fuse.svc.ext4 "$loop" "$mnt"
  assert_equal "$(<"$mnt/new")" new
  unmount
}

# fuse2fs has no journal of its own: what it left behind when it died is checked.
@test "ext4: what was not unmounted cleanly is checked before it is mounted" {
  use_image ext4
  debugfs -w -R 'set_super_value state 0' "$img" 2>/dev/null
  debugfs -w -R 'set_super_value free_blocks_count 1' "$img" 2>/dev/null
  stock_mount -t fuse.svc.ext4 "$img" "$mnt"
  assert_mount_works
  assert_same ext4 "$src" "$mnt"
  unmount
  is_clean ext4 "$img"
  # What cannot be repaired without a question is not mounted.
  debugfs -w -R 'set_super_value state 0' "$img" 2>/dev/null
  debugfs -w -R 'clri "a dir"' "$img" 2>/dev/null
  stock_mount -t fuse.svc.ext4 "$img" "$mnt"
  assert_mount_fails 32 'RUN fsck MANUALLY'
  assert_nothing_left
}

# Of so many inodes that it takes seconds to look at them.
@test "ext4: a check that takes long tells how far it is" {
  require_preset ext4
  prepare_terminal
  truncate -s 60G "$img"
  mkfs.ext4 -q -F -N 60000000 -O ^metadata_csum,^uninit_bg -E lazy_itable_init=0 "$img"
  debugfs -w -R 'set_super_value state 0' "$img" 2>/dev/null
  start_preset ext4
  run_on_terminal mount -t fuse.svc.ext4 "$img" "$mnt"
  assert_status 0
  assert_mounted
  [[ $(<"$screen") =~ "$mnt: ext4: running e2fsck "[0-9]+% ]]
  assert_rest ''
  unmount
}

@test "an image that is mounted is not mounted once more, unless nobody writes" {
  local type
  for type in ext4 exfat; do
    rm -rf "$src"
    use_image "$type"
    mkdir -p "$mnt-2"
    stock_mount -t "fuse.svc.$type" "$img" "$mnt"
    assert_mount_works
    run_command mount -t "fuse.svc.$type" "$img" "$mnt-2"
    assert_status 32
    [[ $stderr == *'mounted already, or locked by another program; findmnt -S '"$img" ]] || fail "$stderr"
    run_command mount -t "fuse.svc.$type" -o ro "$img" "$mnt-2"
    assert_status 32
    unmount
    stock_mount -t "fuse.svc.$type" -o ro "$img" "$mnt"
    assert_mount_works
    run_command mount -t "fuse.svc.$type" -o ro "$img" "$mnt-2"
    assert_status 0
    umount "$mnt-2"
    run_command mount -t "fuse.svc.$type" "$img" "$mnt-2"
    assert_status 32
    unmount
    is_clean "$type" "$img"
    stop_services
  done
  assert_nothing_left
}

@test "a source that is not there: for a server that would write, too" {
  start_preset ext4
  stock_mount -t fuse.svc.ext4 "$BATS_TEST_TMPDIR/none" "$mnt"
  assert_mount_fails 32 'No such file or directory'
  assert_nothing_left
}

@test "a server that is not installed: which package has it, and nothing is done to the source" {
  use_image ext4
  debugfs -w -R 'set_super_value state 0' "$img" 2>/dev/null
  cp "$img" "$img.before"
  mount --bind /dev/null /usr/bin/fuse2fs
  stock_mount -t fuse.svc.ext4 "$img" "$mnt"
  umount /usr/bin/fuse2fs
  assert_mount_fails 32 'install the package "fuse2fs"'
  cmp "$img" "$img.before"
  assert_nothing_left
}

# As with the kernel's driver: it need not be said, and who did not say it is told.
@test "a device that is write-protected is mounted read-only" {
  local type
  for type in ext4 ntfs exfat; do
    rm -rf "$src"
    use_image "$type"
    sum=$(sha256sum <"$img")
    use_loop "$img" --read-only
    stock_mount -t "fuse.svc.$type" "$loop" "$mnt"
    assert_status 0
    assert_equal "$stderr" \
      "mount.fuse.svc: $mnt: $type: warning: the source cannot be written to: mounted read-only"
    assert_option ro
    assert_same "$type" "$src" "$mnt"
    unmount
    stock_mount -t "fuse.svc.$type" -o ro "$loop" "$mnt"
    assert_quiet
    unmount
    assert_nothing_left
    assert_equal "$(sha256sum <"$img")" "$sum"
  done
}

@test "gocryptfs: a Go server, on a directory" {
  local dir=$BATS_TEST_TMPDIR/crypt pass=$BATS_TEST_TMPDIR/pass
  require_preset gocryptfs
  mkdir "$dir"
  echo secret >"$pass"
  chmod 600 "$pass"
  gocryptfs -q -init -scryptn 10 -passfile "$pass" "$dir"
  chown -R 65534:65534 "$dir"
  start_preset gocryptfs
  stock_mount -t fuse.svc.gocryptfs -o "passfile=$pass" "$dir" "$mnt"
  assert_mount_works
  seq 100000 >"$mnt/numbers"
  mkdir "$mnt/dir"
  mv "$mnt/numbers" "$mnt/dir"
  unmount
  assert_nothing_left
  [[ ! -e $dir/dir ]]
  stock_mount -t fuse.svc.gocryptfs -o "ro,passfile=$pass" "$dir" "$mnt"
  assert_mount_works
  assert_equal "$(sha256sum <"$mnt/dir/numbers")" "$(seq 100000 | sha256sum)"
  unmount
  echo wrong >"$pass"
  stock_mount -t fuse.svc.gocryptfs -o "passfile=$pass" "$dir" "$mnt"
  assert_mount_fails 32
  assert_nothing_left
}

@test "sshfs: a server that needs the network" {
  local dir=$BATS_TEST_TMPDIR options
  require_preset sshfs
  start_sshd
  make_tree "$src"
  rm "$src/dangling" # the latest ones do not show absolute links
  start_service sshfs -- "${nobody[@]}" "$FSVC_LIBEXECDIR/fuse-svc-run" sshfs
  options="port=$port,IdentityFile=$dir/key"
  stock_mount -t fuse.svc.sshfs -o "$options,UserKnownHostsFile=$dir/known" "root@127.0.0.1:$src" \
    "$mnt"
  assert_mount_works
  assert_same ext4 "$src" "$mnt"
  echo new >"$mnt/new"
  assert_equal "$(<"$src/new")" new
  unmount
  assert_nothing_left
  stock_mount -t fuse.svc.sshfs -o "$options" "root@127.0.0.1:/" "$mnt"
  assert_mount_fails 32 "ost key verification failed"
  stock_mount -t fuse.svc.sshfs -o ssh_command=/bin/sh "root@127.0.0.1:$src" "$mnt"
  assert_mount_fails 32 ssh_command
  stock_mount -t fuse.svc.sshfs -- "-oProxyCommand=x@127.0.0.1:/" "$mnt"
  assert_status 1
  assert_nothing_left
}
