#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What plugin/libmount/libmount-hooks.h says, seen through a mount(8) with the loader. Started by
# tests/module/run; the modules are tests/module/variants.c.
#
# shellcheck disable=SC2154 # variables of bats

setup_file() {
  [[ $(mount --version) == *hook-modules* ]] || skip "not started by tests/module/run"
}

setup() {
  lib=/usr/lib/$(gcc -print-multiarch)
  hooks=$lib/libmount/hooks
  mnt=/mnt/example
  marks=/tmp/marks
  mkdir -p "$hooks/restricted" "$mnt"
  chmod 755 "$lib/libmount" "$hooks" "$hooks/restricted"
}

teardown() {
  while umount "$mnt" 2>/dev/null; do :; done
  rm -rf "$hooks" "$marks" /sbin/mount.example /etc/fstab /tmp/lib /run/mount/utab
  find /mnt -mindepth 1 -delete
  chown root:root "$lib"
  chmod 755 "$lib"
}

# module FILE [-DNAME...]: in the folder of modules
module() { compile variants.c "$1" -DMARK="\"$marks\"" "${@:2}"; }

compile() {
  gcc -std=gnu11 -Wall -Wextra -Werror -Wno-unused-parameter -D_GNU_SOURCE "${@:3}" -fPIC -shared \
    -I"$BATS_TEST_DIRNAME/../../plugin/libmount" -I/usr/include/libmount "$BATS_TEST_DIRNAME/$1" \
    -lmount -o "$hooks/$2"
}

# helper: says when it is run, and mounts nothing
helper() {
  printf '#!/bin/sh\necho helper >>%s\n' "$marks" >/sbin/mount.example
  chmod 755 /sbin/mount.example
}

marked() { [[ $(paste -sd ' ' "$marks" 2>/dev/null) == "$*" ]]; }
fstype() { findmnt --noheadings --output FSTYPE "$mnt"; }
flags() { findmnt --noheadings --output VFS-OPTIONS "$mnt"; }
as_user() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }

# ignored: the helper is run, and what the module would have done was not
ignored() {
  helper
  mount -t example src "$mnt"
  marked helper
}

#
# A module mounts
#

@test "mount: the library says that it can" {
  [[ $(mount --version) == *hook-modules* ]]
}

@test "mount: by the smallest module there is" {
  compile ten-lines.c ten.so
  mount -t ten -o noexec,X-mount.mkdir=700 src "$mnt/sub"
  [[ $(findmnt --noheadings --output SOURCE,FSTYPE,VFS-OPTIONS "$mnt/sub") == src*tmpfs*noexec* ]]
  [[ $(df --output=itotal "$mnt/sub" | tail -n 1) -eq 10 ]]
  umount "$mnt/sub"
}

@test "mount: all callbacks, in order, and no helper" {
  module example.so
  helper
  mount -t example src "$mnt"
  marked prepare mount attached deinit
  [[ $(fstype) == tmpfs ]]
}

@test "mount: flags, the caller's and the module's" {
  module example.so '-DAPPEND="nodev"'
  mount -t example -o ro,nosuid src "$mnt"
  [[ $(flags) == ro,nosuid,nodev* ]]
}

@test "mount: X-mount.mkdir and X-mount.subdir" {
  module example.so
  mount -t example -o X-mount.mkdir,X-mount.subdir=sub src /mnt/new
  [[ $(findmnt --noheadings --output FSROOT /mnt/new) == /sub ]]
  marked prepare mount attached deinit
  umount /mnt/new
}

@test "mount: what cannot be attached is never said to be" {
  module example.so
  run mount -t example -o X-mount.subdir=no-such-folder src "$mnt"
  ((status == 32))
  marked prepare mount deinit
  run fstype
  [[ -z $output ]]
}

# bats test_tags=libmount242
@test "mount: --exclusive and --beneath" {
  module example.so
  mount -t example --exclusive src "$mnt"
  touch "$mnt/above"
  mount -t example --beneath src "$mnt"
  [[ -e $mnt/above ]]
  umount "$mnt"
  [[ ! -e $mnt/above ]]
  [[ $(fstype) == tmpfs ]]
}

@test "mount: remount is the module's, and the flags are set" {
  module example.so
  mount -t example -o ro src "$mnt"
  rm "$marks"
  mount -t example -o remount,rw,noexec "$mnt"
  marked prepare mount deinit
  [[ $(flags) == rw*noexec* ]]
}

@test "mount: bind, move and propagation are not for modules" {
  module example.so
  mount -t tmpfs none "$mnt"
  mkdir /mnt/other
  mount -t example -o bind "$mnt" /mnt/other
  mount --make-private /mnt/other
  umount /mnt/other
  [[ ! -e $marks ]]
}

@test "mount: -a, and -a --fork, with one context for all" {
  module example.so
  mkdir /mnt/{1,2,3}
  printf '%s /mnt/%s %s defaults 0 0\n' a 1 example b 2 tmpfs c 3 example.c >/etc/fstab
  mount -a
  [[ $(findmnt -n -o FSTYPE /mnt/2) == tmpfs ]]
  marked prepare mount attached deinit prepare mount attached deinit
  umount /mnt/{1,2,3}
  mount -a --fork
  umount /mnt/{1,2,3}
}

@test "mount: into another mount namespace, by the module of this one" {
  module example.so
  unshare --mount --propagation private sh -c "mount -t tmpfs none '$hooks'; exec sleep 60" &
  for _ in {1..50}; do
    nsenter --target $! --mount findmnt "$hooks" >/dev/null && break
    sleep 0.1
  done
  mount -N $! -t example src "$mnt"
  marked prepare mount attached deinit
  [[ $(nsenter --target $! --mount findmnt -n -o FSTYPE "$mnt") == tmpfs ]]
  run fstype
  kill $!
  [[ -z $output ]]
}

@test "mount: -i is without modules, as without helpers" {
  module example.so
  run mount -i -t example src "$mnt"
  ((status == 32))
  [[ ! -e $marks ]]
}

@test "mount: the old mount API is without modules" {
  module example.so
  helper
  LIBMOUNT_FORCE_MOUNT2=always mount -t example src "$mnt"
  marked helper
}

#
# utab
#

@test "utab: attributes, set in mount() or in prepare()" {
  module example.so
  mount -t example src "$mnt"
  grep -q "TARGET=$mnt .*ATTRS=example=1" /run/mount/utab
  umount "$mnt"
  module example.so -DEARLY
  mount -t example -o x-mine src "$mnt"
  grep -q "TARGET=$mnt .*ATTRS=example=1 OPTS=x-mine" /run/mount/utab
  umount "$mnt"
  run grep "$mnt" /run/mount/utab
  [[ -z $output ]]
}

@test "utab: attributes survive a remount with options" {
  module example.so
  mount -t example -o x-mine src "$mnt"
  mount -t example -o remount,x-other "$mnt"
  grep -q "TARGET=$mnt .*ATTRS=example=1 OPTS=.*x-other" /run/mount/utab
}

#
# A module fails
#

# EROFS would be tried again read-only, EPERM without permissions.
@test "failure: text and exit code are the module's, once, and nothing else is tried" {
  local stage rc
  helper
  for stage in PREPARE MOUNT; do
    for rc in EIO EROFS EPERM EACCES ENODEV; do
      rm -f "$marks"
      module example.so "-DFAIL_$stage=-$rc" '-DSAY="the server is ill"' -DEXCODE=11
      run mount -t example src "$mnt"
      ((status == 11))
      [[ $output == "mount: $mnt: the server is ill." ]]
      if [[ $stage == PREPARE ]]; then marked prepare deinit; else marked prepare mount deinit; fi
      run fstype
      [[ -z $output ]]
    done
  done
}

@test "failure: one that is none after all" {
  module example.so -DFAIL_MOUNT=-ENOENT '-DSAY=""' -DEXCODE=0
  run mount -t example -o nofail src "$mnt"
  ((status == 0))
  [[ -z $output ]]
}

@test "failure: the next mount of the same context knows nothing of it" {
  module example.so -DFAIL_MOUNT=-EIO '-DSAY="the server is ill"'
  mkdir /mnt/{1,2}
  printf '%s /mnt/%s %s defaults 0 0\n' a 1 example b 2 tmpfs >/etc/fstab
  run mount -a
  ((status == 64))
  [[ $output == 'mount: /mnt/1: the server is ill.' ]]
  umount /mnt/2
}

#
# What is found
#

@test "found: the longest name, and by links" {
  module one.so
  module two.so -DNO_TYPE
  ln -s one.so "$hooks/example.so"
  mount -t example.x.y src "$mnt"
  marked prepare mount attached deinit
  umount "$mnt"
  rm "$marks"
  ln -s two.so "$hooks/example.x.so"
  run mount -t example.x.y src "$mnt"
  ((status == 32))
  [[ ! -e $marks ]]
}

@test "found: not for lists, nor for names that are no names" {
  local type
  module example.so
  ln -s example.so "$hooks/.so"
  ln -s example.so "$hooks/tmpfs.so"
  for type in example,example ../hooks/example ./example .example example/x /example; do
    run mount -t "$type" src "$mnt"
    ((status != 0))
    [[ ! -e $marks ]]
  done
  # Of fstab, a list is the type itself.
  printf 'src %s example.x,example defaults 0 0\n' "$mnt" >/etc/fstab
  run mount "$mnt"
  ((status != 0))
  [[ ! -e $marks ]]
}

@test "found: not for a type that was guessed" {
  module ext4.so
  truncate -s 4M /tmp/ext4.img
  mkfs.ext4 -q /tmp/ext4.img
  run mount -o ro /tmp/ext4.img "$mnt"
  rm /tmp/ext4.img
  ((status == 0))
  [[ $(fstype) == ext4 ]]
  [[ ! -e $marks ]]
}

@test "unusable: is as if not there" {
  local flaw
  for flaw in WRONG_ABI WRONG_SIZE TOO_NEW NO_TYPE NO_MOUNT; do
    rm -f "$marks"
    module example.so "-D$flaw"
    ignored
  done
  rm -f "$marks"
  echo 'no module' >"$hooks/example.so"
  ignored
  rm -f "$marks"
  cp "$lib/libmount.so.1" "$hooks/example.so"
  ignored
}

@test "unusable: does not disturb others" {
  ln -s nowhere.so "$hooks/example.so"
  echo 'no module' >"$hooks/tmpfs.so"
  mount -t tmpfs none "$mnt"
  [[ $(fstype) == tmpfs ]]
}

@test "trust: the module belongs to root, who alone may write to it" {
  local mode
  module example.so
  for mode in 775 757 777; do
    chmod "$mode" "$hooks/example.so"
    rm -f "$marks"
    ignored
  done
  chmod 755 "$hooks/example.so"
  chown nobody "$hooks/example.so"
  rm -f "$marks"
  ignored
}

@test "trust: so do its folder and all above" {
  local dir
  module example.so
  for dir in "$hooks" "$lib/libmount" "$lib"; do
    for mode in 775 757; do
      chmod "$mode" "$dir"
      rm -f "$marks"
      ignored
    done
    chmod 755 "$dir"
    chown nobody "$dir"
    rm -f "$marks"
    ignored
    chown root "$dir"
  done
  rm "$marks"
  mount -t example src "$mnt"
  marked prepare mount attached deinit
}

@test "trust: no link leads out, and the folder is none" {
  module example.so
  mkdir /mnt/lib
  mv "$hooks/example.so" "$lib/libmount/"
  ln -s "$lib/libmount/example.so" "$hooks/example.so"
  ignored
  rm -f "$marks"
  ln -sf ../example.so "$hooks/example.so"
  ignored
  rm -f "$marks" "$hooks/example.so"
  mv "$lib/libmount/example.so" "$hooks/"
  mv "$hooks" /mnt/lib/
  ln -s /mnt/lib/hooks "$hooks"
  ignored
}

@test "trust: the environment has no say" {
  module example.so
  mkdir /tmp/lib
  mv "$hooks/example.so" /tmp/lib/
  helper
  cd /tmp/lib
  LD_LIBRARY_PATH=/tmp/lib LIBMOUNT_HOOKS=/tmp/lib LIBMOUNT_HOOKS_DIR=/tmp/lib \
    mount -t example src "$mnt"
  marked helper
}

#
# mount(8) is set-user-ID
#

user_fstab() {
  [[ -u /usr/bin/mount ]]
  echo "src $mnt example user,noauto 0 0" >/etc/fstab
}

# mount(8) gives up its power then, and tries once more: that is not for modules either.
@test "restricted: only from its folder" {
  user_fstab
  module example.so -DRESTRICTED
  run as_user mount "$mnt"
  ((status == 1))
  [[ $output == "mount: $mnt: operation permitted for root only." ]]
  [[ ! -e $marks ]]
}

@test "restricted: a user's mounts are the helper's, named in full or in fstab" {
  user_fstab
  module example.so
  helper
  chmod 777 /tmp
  as_user mount -t example src "$mnt"
  marked helper
  as_user mount "$mnt"
  marked helper helper
}

@test "restricted: only with the flag" {
  user_fstab
  module restricted/example.so
  run as_user mount "$mnt"
  ((status == 32))
  [[ ! -e $marks ]]
}

@test "restricted: with both" {
  user_fstab
  module restricted/example.so -DRESTRICTED
  as_user mount "$mnt"
  marked prepare mount attached deinit
  [[ $(flags) == *nosuid,nodev,noexec* ]]
  as_user umount "$mnt"
}

@test "restricted: a failure is not tried again without privilege" {
  user_fstab
  module restricted/example.so -DRESTRICTED -DFAIL_PREPARE=-EPERM '-DSAY="no"' -DEXCODE=1
  run as_user mount "$mnt"
  ((status == 1))
  [[ $output == "mount: $mnt: no." ]]
  marked prepare deinit
}
