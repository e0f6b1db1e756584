#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Examples of the pages work as they stand there: real images, the servers that distributions ship,
# the stock mount(8) and a compiler. In a page, a comment names an example: .\" test: NAME
#
# shellcheck disable=SC2154 # variables of lib.bash

bats_require_minimum_version 1.5.0
load ../lib
load ../presets/presets
load pages

setup() {
  prepare
  mount -t tmpfs -o mode=755 tmpfs /srv
  mnt=/mnt
  cd "$BATS_TEST_TMPDIR" || return
  mkdir tree
  echo hello >tree/hello
}

teardown() {
  local rc=0 dir
  [[ -n ${FSVC_INSIDE:-} ]] || return 0
  cd /
  clean_up || rc=1
  for dir in /usr/local/bin /usr/local /srv; do
    ! mountpoint -q "$dir" || umount "$dir"
  done
  rm -rf /etc/fuse-svc /etc/ssh/{ssh_config,test_key,ssh_known_hosts}
  return $rc
}

start_archive() {
  require server archive
  start_service archive iso9660 -- "$FSVC_LIBEXECDIR/archive"
}

# assert_hello [DIR]: it is mounted there, and shows the tree; then it is unmounted
assert_hello() {
  assert_quiet || return
  assert_equal "$(cat "${1:-/mnt}/hello")" hello || return
  unmount "${1:-/mnt}"
}

@test "all examples of these pages are marked, and run below" {
  local page name
  for page in {,u}mount.fuse.svc.8 fuse-svc-{archive.8,preset.5} fuse_service.3; do
    awk '/^\.Sh/ { here = $2 == "EXAMPLES" }
      here && /^\.(Dl|Bd)/ && last !~ /^\.\\" test: / {
        print FILENAME ": not marked: " $0
        bad = 1
      }
      { last = $0 }
      END { exit bad }' "$(find "$top"/{lib,helpers,examples} -name "$page")"
    while read -r name; do
      grep -qE "(example|commands) $page '$name'" "$BATS_TEST_FILENAME" ||
        fail "$page: $name is not run" || return
    done < <(sed -n 's/^\.\\" test: //p' "$(find "$top"/{lib,helpers,examples} -name "$page")")
  done
}

@test "mount.fuse.svc(8), umount.fuse.svc(8)" {
  require tool xorriso tool zip server null
  start_archive
  xorriso -as mkisofs -quiet -R -o cd.iso tree 2>/dev/null
  (cd tree && zip -q ../backup.zip hello)
  run_example mount.fuse.svc.8 'by type'
  assert_hello
  run_example mount.fuse.svc.8 'zip'
  assert_quiet
  assert_equal "$(</mnt/hello)" hello
  run_example umount.fuse.svc.8 'umount'
  assert_status 0
  refute_mounted

  cp backup.zip /srv/docs.zip
  mkdir /srv/docs /srv/drop
  example mount.fuse.svc.8 'fstab' >/etc/fstab
  run_command mount /srv/docs
  assert_hello /srv/docs
  start_service null -- "$FSVC_LIBEXECDIR/null"
  example mount.fuse.svc.8 'no source' >/etc/fstab
  run_command mount /srv/drop
  assert_quiet
  assert_equal "$(ls /srv/drop)" null
  unmount /srv/drop
}

@test "fuse-svc-archive(8)" {
  require tool zip tool zstd
  start_archive
  tar -C tree --zstd -cf backup.tar.zst hello
  run_example fuse-svc-archive.8 'tar'
  assert_hello
  (cd tree && zip -q /srv/docs.zip hello)
  mkdir /srv/docs
  example fuse-svc-archive.8 'fstab' >/etc/fstab
  run_command mount /srv/docs
  assert_hello /srv/docs
}

# take_preset NAME: from standard input, as an administrator would
take_preset() {
  mkdir -p /etc/fuse-svc/presets
  cat >"/etc/fuse-svc/presets/$1"
  chmod 644 "/etc/fuse-svc/presets/$1"
}

@test "fuse-svc-preset(5): a server that only reads" {
  require server fuse-svc-run tool mksquashfs tool squashfuse
  # What serves APFS is in no distribution: another one stands in, that takes these options too.
  mount -t tmpfs -o mode=755 tmpfs /usr/local/bin
  cp "$(command -v squashfuse)" /usr/local/bin/apfs-fuse
  mksquashfs tree image -quiet -no-progress >/dev/null
  example fuse-svc-preset.5 'apfs' | take_preset apfs
  start_preset apfs
  run_command mount -t fuse.svc.apfs -o uid=1234,iocharset=utf8 image /mnt
  assert_quiet
  assert_equal "$(stat -c %u:%g /mnt/hello)" 1234:0
  assert_hello
  run_command mount -t fuse.svc.apfs -o nonsense image /mnt
  assert_mount_fails 32 'option "nonsense" is not known to the service "apfs"'
}

@test "fuse-svc-preset(5): one that writes" {
  require_preset ext4
  truncate -s 8M image
  mkfs.ext4 -q image
  example fuse-svc-preset.5 'ext4' | take_preset ext4
  start_preset ext4
  run_command mount -t fuse.svc -o errors=remount-ro,discard image /mnt
  assert_quiet
  echo hello >/mnt/hello
  unmount /mnt
  run_command mount -t fuse.svc.ext4 -o ro image /mnt
  assert_hello
  is_clean ext4 image
}

@test "fuse-svc-preset(5): one with a network" {
  require server fuse-svc-run
  require_preset sshfs
  start_sshd
  install -o 65534 -m 400 key /etc/ssh/test_key # what a user has in his home
  echo 'IdentityFile /etc/ssh/test_key' >/etc/ssh/ssh_config
  install -m 644 known /etc/ssh/ssh_known_hosts
  example fuse-svc-preset.5 'sshfs' | take_preset sshfs
  start_service sshfs -- "${nobody[@]}" "$FSVC_LIBEXECDIR/fuse-svc-run" sshfs
  run_command mount -t fuse.svc.sshfs -o "port=$port,timeout=15" "root@127.0.0.1:$PWD/tree" /mnt
  assert_hello
}

@test "fuse_service(3): a server, from the page to the mount" {
  local build
  require tool pkg-config tool systemd-analyze
  example fuse_service.3 'view.c' >view.c
  cp -r "$FSVC_LIBDIR/pkgconfig" .
  sed -i -e "s|^includedir=.*|includedir=$FSVC_INCLUDEDIR|" -e "s|^libdir=.*|libdir=$FSVC_LIBDIR|" \
    pkgconfig/*.pc
  build=$(commands fuse_service.3 'build')
  PKG_CONFIG_PATH=$PWD/pkgconfig run_command bash -euc \
    "${build/#cc /${FSVC_CC:-cc} -Wall -Wextra -Wno-unused-parameter -Werror }"
  assert_quiet
  head -c 100000 /dev/urandom >disk.img

  run_example fuse_service.3 'by hand'
  assert_quiet
  is_ready() { [[ -S /run/filesystems/view ]]; }
  bash -euc "exec $(commands fuse_service.3 'listen')" </dev/null >>service.log 2>&1 3>&- 4>&- &
  services+=($!)
  wait_for "$deadline" is_ready
  run_example fuse_service.3 'mount'
  assert_quiet

  run_command mount -t fuse.svc.view disk.img /mnt
  assert_quiet
  assert_option allow_other default_permissions
  unmount /mnt
  run_command mount -t fuse.svc.view missing.img /mnt
  assert_mount_fails 32 'missing.img: No such file or directory'
  mnt=$PWD/file
  : >"$mnt"
  run_command mount -t fuse.svc.view disk.img "$mnt"
  assert_mount_fails 32 'the mount point is a file, but service "view" mounts on a directory'
}

@test "fuse_service(3): its units" {
  require tool systemd-analyze
  [[ $(example fuse_service.3 'start') == *'enable --now fuse-svc-view.socket' ]]
  mount -t tmpfs -o mode=755 tmpfs /usr/local
  mkdir /usr/local/libexec
  cp /bin/true /usr/local/libexec/view
  example fuse_service.3 'socket' >fuse-svc-view.socket
  example fuse_service.3 'service' >fuse-svc-view@.service
  ln -s fuse-svc-view@.service fuse-svc-view@1.service
  run_command systemd-analyze verify --man=no ./fuse-svc-view.socket ./fuse-svc-view@1.service
  assert_quiet
}
