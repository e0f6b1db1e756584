#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# udisks and the units: what is plugged in is mounted by a contained service, for root and for a
# user whom polkit lets, because of lines in mount_options.conf or in fstab.

# shellcheck source=tests/systemd/lib.bash
source "$BATS_TEST_DIRNAME/lib.bash"
# shellcheck source=tests/presets/presets.bash
source "$BATS_TEST_DIRNAME/../presets/presets.bash"

user=fsvc-desktop uid=2003
config=/etc/udisks2/mount_options.conf
rules=/etc/polkit-1/rules.d/10-fuse-svc-test.rules

# Names that tell run, should the container die, which loop devices are to be detached.
make_media() {
  media=$1/${FSVC_GROUP:-fuse-svc-test}
  make_images "$1"
  xorriso -as mkisofs -quiet -R -J -V FSVC_CD -o "$media.cd" "$1/tree" 2>/dev/null
  # What tells the type is whole.
  head -c 40960 "$media.cd" >"$media.corrupt"
  head -c 100000 /dev/zero | tr '\0' x >>"$media.corrupt"
  truncate -s 8M "$media".{disk,ntfs,exfat}
  mkfs.ext4 -q -L FSVC_DISK -E "root_owner=$uid:$uid" -d "$1/tree" "$media.disk"
  mkntfs --force --fast --quiet --label FSVC_NTFS --sector-size 512 --partition-start 0 "$media.ntfs"
  mkfs.exfat -q -L FSVC_EXFAT "$media.exfat"
  chown "$uid" "$media".*
}

# make_sys ro|rw: a container's is read-only, but udevd does not start with that, and udisks has to
# make it look at a device. /proc/sys and the rest of /sys stay as they are.
make_sys() {
  local dir
  for dir in /sys /sys/devices; do
    mount -o "remount,$1" "$dir"
  done
}

setup_file() {
  grep -qw loop /proc/devices || lack "no loop devices" || return
  [[ -e /usr/libexec/udisks2/udisksd ]] || lack "no udisks" || return
  useradd --uid "$uid" --no-create-home "$user"
  make_media "$BATS_FILE_TMPDIR"
  make_nodes
  cat >"$rules" <<END
polkit.addRule(function (action, subject) {
  if (action.id.indexOf("org.freedesktop.udisks2.") == 0 && subject.user == "$user")
    return polkit.Result.YES;
});
END
  start_sockets iso9660 ext4 ntfs exfat
  make_sys rw
  systemctl start systemd-udevd.service polkit.service udisks2.service
}

teardown_file() {
  systemctl stop udisks2.service polkit.service systemd-udevd{,-control.socket,-kernel.socket}
  make_sys ro
  systemctl stop fuse-svc-{iso9660,ext4,ntfs,exfat}.socket
  rm -f "$rules" "$config"
  userdel "$user"
}

setup() {
  prepare_systemd
  media=$BATS_FILE_TMPDIR/${FSVC_GROUP:-fuse-svc-test}
  place=/media # where udisks mounts
  ! dpkg --compare-versions "$(dpkg-query -W -f '${Version}' udisks2)" ge 2.11 || place=/run/media
  me=() fixed=$BATS_TEST_TMPDIR/fixed
  mkdir "$fixed"
  chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR"
  # As it is shipped, with all types.
  sed 's/^#\(\([a-z0-9]*\)_drivers=fuse\.svc\.\2\)$/\1/' "$(find_example)" >"$config"
}

teardown() {
  local rc=0 name
  clean_up_systemd || rc=1
  our_loops | while read -r name _; do losetup --detach "$name"; done
  set_fstab
  return "$rc"
}

find_example() { echo /usr/share/doc/fuse-svc/examples/udisks2-mount_options.conf; }

our_loops() {
  losetup --noheadings --raw --list --output NAME,BACK-FILE | grep -F "/${media##*/}." || true
}

# become_user: from now on udisks and try are his
become_user() { me=(setpriv --reuid "$uid" --regid "$uid" --clear-groups); }

try() { run_command "${me[@]}" "$@"; }
udisks() { try udisksctl "$1" --no-user-interaction "${@:2}"; }

assert_silent() { assert_equal "$status: $stderr" "0: "; }

# plug_in IMAGE [OPTION...]: sets $dev
plug_in() {
  udisks loop-setup --file "$media.$1" "${@:2}"
  assert_silent || return
  dev=$(grep -o '/dev/loop[0-9]*' <<<"$stdout")
}

unplug() {
  udisks loop-delete --block-device "$dev"
  assert_silent || return
  wait_for "$usual" is_unplugged || fail "still there: $(our_loops)"
}
is_unplugged() { [[ -z $(our_loops) ]]; }

# assert_mounts TARGET: udisks mounts $dev there, and $mnt is that
assert_mounts() {
  mnt=$1
  udisks mount --block-device "$dev" "${@:2}"
  assert_silent || return
  assert_equal "$stdout" "Mounted $dev at $mnt" || return
  assert_mounted || return
  wait_for "$usual" has_mount_points "$mnt" || fail "MountPoints: $(mount_points)"
}

# refute_mounts TEXT...: udisks does not mount it, and tells the person this
refute_mounts() {
  local text
  udisks mount --block-device "$dev"
  assert_status 1 || return
  for text in "$@"; do
    [[ $stderr == *"$text"* ]] || fail "stderr does not say: $text" || return
  done
  [[ -z $(our_mounts) && -z $(mount_points) ]] || fail "mounted"
}

assert_unmounts() {
  udisks unmount --block-device "$dev"
  assert_silent || return
  assert_equal "$stdout" "Unmounted $dev." || return
  assert_gone
}

# assert_gone [KEPT]: no mount, and no directory where udisks had made it
assert_gone() {
  refute_mounted || return
  refute_utab || return
  wait_for "$usual" has_mount_points '' || fail "MountPoints: $(mount_points)" || return
  [[ -n ${1:-} ]] || wait_for "$usual" test ! -e "$mnt" || fail "$mnt is left" || return
  wait_for "$usual" are_instances_gone || fail "instances left: $(instances)"
}

# mount_points: the property on the bus, one a line
mount_points() {
  timeout 20 busctl get-property org.freedesktop.UDisks2 \
    "/org/freedesktop/UDisks2/block_devices/${dev#/dev/}" \
    org.freedesktop.UDisks2.Filesystem MountPoints |
    perl -ane 'shift @F; for (1 .. shift @F) {
      my @bytes = splice @F, 0, shift @F;
      print pack("C*", @bytes[0 .. $#bytes - 1]), "\n";
    }'
}
has_mount_points() { [[ $(mount_points) == "$1" ]]; }

assert_content() {
  try cat "$mnt/hello.txt" "$mnt/grüße/ä.txt"
  assert_equal "$status: $stdout" $'0: hello\nsalut'
}

# set_fstab [LINE...]
set_fstab() {
  ((!$#)) || printf '%s\n' "$@"
  systemctl daemon-reload
} >/etc/fstab

# What the mount had to say: a helper says it to the journal, a module to udisks, who tells the person.
told_by_udisks() {
  if by_module; then
    grep -F "$dev" <<<"$stderr"
  else
    journal --unit=udisks2.service | grep -F 'mount.fuse.svc: '
  fi
}

@test "root: a CD is mounted, shown, read, unmounted, and nothing is left" {
  plug_in cd
  assert_mounts "$place/root/FSVC_CD"
  assert_equal "$(mounted_as FSTYPE,SOURCE)" "fuseblk.svc.iso9660 $dev"
  assert_option nosuid nodev
  assert_equal "$(lsblk --noheadings --output MOUNTPOINT "$dev")" "$mnt"
  assert_utab uhelper=udisks2 svc=iso9660
  assert_content
  udisks mount --block-device "$dev"
  assert_status 1
  [[ $stderr == *"already mounted at"*"$mnt"* ]]
  assert_unmounts
  unplug
}

@test "root: umount TARGET and umount DEVICE, of what udisks mounted" {
  local what
  plug_in cd
  for what in "$place/root/FSVC_CD" "$dev"; do
    assert_mounts "$place/root/FSVC_CD"
    try umount "$what"
    assert_silent
    assert_gone
  done
  unplug
}

@test "root: what mount(8) has mounted, udisks knows as well, unless svc-noblk hides it" {
  plug_in cd
  try mount -t fuse.svc "$dev" "$mnt"
  assert_silent
  wait_for "$usual" has_mount_points "$mnt" || fail "MountPoints: $(mount_points)"
  udisks unmount --block-device "$dev"
  assert_silent
  assert_gone kept
  try mount -t fuse.svc -o svc-noblk "$dev" "$mnt"
  assert_silent
  udisks unmount --block-device "$dev"
  assert_status 1
  [[ $stderr == *NotMounted* ]]
  umount "$mnt"
  unplug
}

@test "a user: mounts, reads and unmounts; others do not" {
  become_user
  plug_in cd
  assert_mounts "$place/$user/FSVC_CD"
  assert_equal "$(mounted_as FSTYPE)" fuseblk.svc.iso9660
  assert_option nosuid nodev allow_other
  assert_utab uhelper=udisks2
  assert_content
  try touch "$mnt/x"
  [[ $stderr == *'Read-only file system'* ]]
  me=(setpriv --reuid "$((uid + 1))" --regid "$((uid + 1))" --clear-groups)
  udisks unmount --block-device "$dev"
  ((status != 0))
  assert_mounted
  become_user
  assert_unmounts
  unplug
}

@test "a user: umount(8) asks udisks" {
  become_user
  plug_in cd
  assert_mounts "$place/$user/FSVC_CD"
  try umount "$mnt"
  assert_equal "$status" 0
  assert_gone
  unplug
}

# check_stick TYPE TARGET [OPTION...]: what is written there is on the device when it is unmounted,
# says the file system's own checker, and who reads it without this project
check_stick() {
  assert_mounts "$2" "${@:3}"
  assert_equal "$(mounted_as FSTYPE,SOURCE)" "fuseblk.svc.$1 $dev" || return
  assert_option rw nosuid nodev allow_other || return
  try mkdir "$mnt/new"
  assert_silent || return
  try cp "$BATS_FILE_TMPDIR/image.iso" "$mnt/new/copy"
  assert_silent || return
  assert_unmounts || return
  unplug || return
  is_clean "$1" "$media.stick" || return
  mnt=$fixed
  mount_otherwise "$1" "$media.stick" "$mnt" || return
  cmp "$BATS_FILE_TMPDIR/image.iso" "$mnt/new/copy" || return
  owner=$(stat -c '%u' "$mnt/new/copy")
  umount "$mnt"
}

# use_stick IMAGE: a copy that can be written to
use_stick() {
  cp --preserve=ownership "$media.$1" "$media.stick"
  plug_in stick
}

@test "ext4: root writes to a stick" {
  use_stick disk
  check_stick ext4 "$place/root/FSVC_DISK"
  assert_equal "$owner" 0
}

@test "ext4: a user writes to a stick, where he may" {
  become_user
  use_stick disk
  assert_mounts "$place/$user/FSVC_DISK"
  assert_content
  try touch "$mnt/hello.txt"
  [[ $stderr == *"Permission denied"* ]]
  assert_unmounts
  check_stick ext4 "$place/$user/FSVC_DISK" --options errors=remount-ro
  assert_equal "$owner" "$uid"
}

@test "ntfs: a user writes to a stick, on which all is his" {
  become_user
  use_stick ntfs
  assert_mounts "$place/$user/FSVC_NTFS"
  assert_equal "$(stat -c '%u:%g' "$mnt")" "$uid:$uid"
  try touch "$mnt/what?"
  [[ $stderr == *"Invalid argument"* ]]
  assert_unmounts
  check_stick ntfs "$place/$user/FSVC_NTFS" --options nls=utf8,umask=077,noatime
}

@test "exfat: a user writes to a stick, on which all is his" {
  become_user
  use_stick exfat
  assert_mounts "$place/$user/FSVC_EXFAT"
  assert_equal "$(stat -c '%u:%g' "$mnt")" "$uid:$uid"
  assert_unmounts
  check_stick exfat "$place/$user/FSVC_EXFAT" --options iocharset=utf8,errors=remount-ro
}

# sid's fuse2fs does not read a file system that was not unmounted and cannot be written to.
# bats test_tags=debian13
@test "a line for ext4 in a device's own section, for one that is write-protected" {
  cat >"$config" <<'END'
[/dev/disk/by-label/FSVC_DISK]
ext4_drivers=fuse.svc.ext4
END
  become_user
  plug_in disk --read-only
  assert_mounts "$place/$user/FSVC_DISK"
  assert_equal "$(mounted_as FSTYPE)" fuseblk.svc.ext4
  assert_option ro
  assert_content
  assert_unmounts
  unplug
}

@test "options: those of the line with _defaults, and those that _allow lists" {
  local option
  cat >"$config" <<'END'
[defaults]
iso9660_drivers=fuse.svc.iso9660
iso9660:fuse.svc.iso9660_defaults=noexec
iso9660:fuse.svc.iso9660_allow=svc-timeout=30,max_entries
END
  become_user
  plug_in cd
  assert_mounts "$place/$user/FSVC_CD" --options svc-timeout=30,max_entries=1000,noatime
  assert_option noexec noatime
  assert_unmounts
  for option in svc-suid svc-timeout=0; do
    udisks mount --block-device "$dev" --options "$option"
    assert_status 1
    [[ $stderr == *"Mount option \`$option' is not allowed"* ]]
  done
  udisks mount --block-device "$dev" --options max_entries=1
  assert_status 1
  wait_for "$usual" told_by_udisks
  [[ $(told_by_udisks) == *max_entries* ]]
  # What mount.fuse.svc has to reckon with: the value is never looked at.
  mark
  udisks mount --block-device "$dev" --options acl=/etc/shadow
  assert_status 1
  wait_for "$usual" told_by_udisks
  [[ $(told_by_udisks) == *acl=/etc/shadow* ]]
  unplug
}

@test "the type that a person names is taken from /etc/filesystems" {
  plug_in cd
  udisks mount --block-device "$dev" --filesystem-type fuse.svc.iso9660
  assert_status 1
  [[ $stderr == *'nor in /etc/filesystems'* ]]
  echo fuse.svc.iso9660 >/etc/filesystems
  assert_mounts "$place/root/FSVC_CD" --filesystem-type fuse.svc.iso9660
  rm /etc/filesystems
  assert_unmounts
  unplug
}

@test "error: a corrupt image: our line is in the journal, as udisks is brief; or udisks has it" {
  become_user
  plug_in corrupt
  refute_mounts "Error mounting $dev at $place/$user/FSVC_CD"
  echo "# udisks: $stderr" >&3
  [[ $stderr != *mount.fuse.svc* ]]
  wait_for "$usual" told_by_udisks
  assert_equal "$(told_by_udisks | wc -l)" 1
  [[ $(told_by_udisks) == *"$place/$user/FSVC_CD: "*"$dev: "*archive* ]]
  [[ ! -e $place/$user/FSVC_CD ]]
  unplug
}

@test "error: a file that is open: it stays mounted, and somebody says why" {
  become_user
  plug_in cd
  assert_mounts "$place/$user/FSVC_CD"
  exec 7<"$mnt/hello.txt"
  udisks unmount --block-device "$dev"
  assert_status 1
  echo "# udisks: $stderr" >&3
  wait_for "$usual" told_busy
  assert_content
  exec 7<&-
  assert_unmounts
  unplug
}
told_busy() {
  { printf '%s\n' "$stderr" && journal --unit=udisks2.service; } | grep -F 'target is busy'
}

@test "error: a server that is killed: the mount can be unmounted, and made anew" {
  become_user
  plug_in cd
  assert_mounts "$place/$user/FSVC_CD"
  kill -KILL "$(pgrep -n -x archive)"
  wait_for "$usual" is_dead
  assert_unmounts
  assert_mounts "$place/$user/FSVC_CD"
  assert_unmounts
  systemctl reset-failed
  unplug
}
is_dead() { ! ls "$mnt" >/dev/null 2>&1; }

@test "error: a service that does not listen: no other driver takes its place" {
  systemctl stop fuse-svc-iso9660.socket
  plug_in cd
  refute_mounts "Error mounting $dev at $place/root/FSVC_CD"
  start_sockets iso9660
  wait_for "$usual" told_by_udisks
  [[ $(told_by_udisks) == *'systemctl enable --now fuse-svc-iso9660.socket'* ]]
  assert_mounts "$place/root/FSVC_CD"
  assert_unmounts
  unplug
}

@test "fstab: a line gives place and options, and root's rights to whom polkit lets" {
  local who
  plug_in cd
  set_fstab "LABEL=FSVC_CD $fixed fuse.svc.iso9660 noauto,noexec,x-test=1 0 0"
  for who in root user; do
    [[ $who == root ]] || become_user
    assert_mounts "$fixed"
    assert_equal "$(mounted_as FSTYPE)" fuseblk.svc.iso9660
    assert_option noexec nosuid nodev
    assert_utab x-test=1
    [[ $(utab) != *uhelper* ]]
    assert_content
    udisks unmount --block-device "$dev"
    assert_silent
    assert_gone kept
  done
  unplug
}

@test "fstab: user: a user cannot, as the helper is not set-user-ID" {
  become_user
  plug_in cd
  set_fstab "$dev $fixed fuse.svc.iso9660 noauto,user 0 0"
  refute_mounts "Error mounting system-managed device $dev"
  echo "# udisks: $stderr" >&3
  unplug
}

@test "fstab: user,x-udisks-auth: root's rights after all, if polkit lets him" {
  become_user
  plug_in cd
  set_fstab "$dev $fixed fuse.svc.iso9660 noauto,user,x-udisks-auth 0 0"
  assert_mounts "$fixed"
  assert_equal "$(mounted_as FSTYPE)" fuseblk.svc.iso9660
  assert_content
  udisks unmount --block-device "$dev"
  assert_silent
  assert_gone kept
  unplug
}

# bats test_tags=helper
@test "fstab: user: with a set-user-ID helper it is his mount, and udisks does not see it" {
  chmod u+s /sbin/mount.fuse.svc
  chmod 222 /run/filesystems/iso9660
  become_user
  plug_in cd
  chown "$uid" "$dev" "$fixed"
  set_fstab "$dev $fixed fuse.svc.iso9660 noauto,user 0 0"
  udisks mount --block-device "$dev"
  chmod u-s /sbin/mount.fuse.svc
  chmod 220 /run/filesystems/iso9660
  chown root "$dev"
  mnt=$fixed
  assert_silent
  assert_equal "$(mounted_as FSTYPE)" fuse.svc.iso9660
  assert_content
  assert_equal "$(mount_points)" ''
  udisks unmount --block-device "$dev"
  assert_status 1
  [[ $stderr == *NotMounted* ]]
  try umount "$fixed"
  assert_silent
  assert_gone kept
  unplug
}
