#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# README.md tells the truth: each example in it is run as it stands there. A line "<!-- test: NAME -->"
# before a block of code, which nobody sees, says which test here does that. A test makes what the
# reader is to have (a stick, an image), runs the block by a shell that ends at the first command that
# fails, and looks at what came out.
#
# shellcheck disable=SC2030,SC2031 # variables of setup(), set anew in each test

# shellcheck source=tests/systemd/lib.bash
source "$BATS_TEST_DIRNAME/lib.bash"

readme=$BATS_TEST_DIRNAME/../../README.md
system=/etc/systemd/system

# block NAME: what is in it
block() {
  awk -v mark="<!-- test: $1 -->" '
    $0 == mark { found = 1 }
    found && /^```/ { if (inside) exit; inside = 1; next }
    inside' "$readme"
}

# What people have to install is there already: a name that is no package's is an error all the same.
make_apt() {
  cat >"$BATS_FILE_TMPDIR/bin/apt" <<'END'
#!/bin/sh
test "$1" = install && shift && exec dpkg-query --show "$@"
END
  chmod 755 "$BATS_FILE_TMPDIR/bin/apt"
}

# As "make install" has it by default; here the prefix is /usr.
make_prefix() {
  mkdir -p /usr/local/libexec /usr/local/share/doc
  ln -sfT /usr/libexec/fuse-svc /usr/local/libexec/fuse-svc
  ln -sfT /usr/share/doc/fuse-svc /usr/local/share/doc/fuse-svc
}

setup_file() {
  mkdir "$BATS_FILE_TMPDIR/bin"
  make_apt
  make_prefix
  make_nodes
  make_images "$BATS_FILE_TMPDIR"
}

teardown_file() { rm -f /usr/local/libexec/fuse-svc /usr/local/share/doc/fuse-svc; }

setup() {
  prepare_systemd
  # Where the reader sits. Should the container die, run finds loop devices by this name.
  reader=$BATS_TEST_TMPDIR/${FSVC_GROUP:-fuse-svc-test}.reader
  mkdir "$reader"
  mnt=/mnt
  images=$BATS_FILE_TMPDIR
  loop='' used=()
}

teardown() {
  local rc=0 name
  clean_up_systemd || rc=1
  for name in "${used[@]}"; do systemctl disable --quiet --now "fuse-svc-$name.socket" || rc=1; done
  [[ -z $loop ]] || { rm -f /dev/sdb1 && losetup --detach "$loop"; }
  return "$rc"
}

# follow NAME [COMMAND...]: runs the example, by that command; $stdout is what it showed
follow() {
  block "$1" >"$BATS_TEST_TMPDIR/$1"
  [[ -s $BATS_TEST_TMPDIR/$1 ]] || fail "README.md has no block \"$1\"" || return
  chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR"
  cd "$reader" || return
  PATH=$BATS_FILE_TMPDIR/bin:$PATH run_command "${@:2}" bash -e "$BATS_TEST_TMPDIR/$1"
  [[ $status == 0 ]] || fail "README.md, \"$1\": exit status $status, $stdout, $stderr"
}

# shows TEXT...: the example showed that
shows() {
  local text
  for text; do
    [[ $stdout == *"$text"* ]] || fail "the example does not show \"$text\": $stdout" || return
  done
}

# plug_in IMAGE: a stick, as /dev/sdb1
plug_in() {
  loop=$(losetup --find --show "$1")
  mknod -m 660 /dev/sdb1 b 7 "${loop#/dev/loop}"
}

# make_stick TYPE: $reader/stick.img, with hello.txt in it
make_stick() {
  truncate -s 8M "$reader/stick.img"
  case $1 in
  ext4) mkfs.ext4 -q -d "$images/tree" "$reader/stick.img" ;;
  ntfs)
    mkntfs --force --fast --quiet --sector-size 512 --partition-start 0 "$reader/stick.img"
    loop=$(losetup --find --show "$reader/stick.img")
    ntfscp "$loop" "$images/tree/hello.txt" hello.txt
    losetup --detach "$loop"
    ;;
  esac >"$BATS_TEST_TMPDIR/mkfs.log" 2>&1 || fail "$(cat "$BATS_TEST_TMPDIR/mkfs.log")"
}

@test "every block of commands is run by a test, and every test finds its block" {
  local here=$BATS_TEST_DIRNAME/readme.bats names
  ! awk '/^```(sh|c)$/ && last !~ /^<!-- test: [a-z.-]+ -->$/ { print NR ": " $0 } { last = $0 }' "$readme" |
    grep . || fail "a block has no mark"
  names=$(sed -n 's/^<!-- test: \(.*\) -->$/\1/p' "$readme" | sort)
  [[ -n $names && $names == "$(sort -u <<<"$names")" ]] || fail "a mark stands there twice"
  assert_equal "$(grep -oE '(^ +|&& |\$\()(follow|block) [a-z.-]+' "$here" | awk '{ print $NF }' | sort -u)" "$names"
}

@test "a CD image" {
  used=(iso9660)
  cp "$images/image.iso" "$reader/cd.iso"
  follow iso
  shows hello.txt grüße
}

@test "a USB stick" {
  used=(ext4 ntfs exfat)
  echo words >"$reader/report.txt"
  make_stick ext4
  plug_in "$reader/stick.img"
  follow stick
  [[ $(debugfs -R 'cat /report.txt' "$reader/stick.img" 2>/dev/null) == words ]] ||
    fail "what was copied is not on the stick"
}

@test "options" {
  used=(squashfs)
  mksquashfs "$images/tree" "$reader/root.img" -quiet -no-progress
  follow options
  shows fuse.svc.squashfs ro nosuid nodev noexec
}

@test "archives" {
  used=(archive null)
  cp "$images/image.zip" "$reader/backup.zip"
  follow archive
}

@test "fstab" {
  used=(ext4)
  make_stick ext4
  mv "$reader/stick.img" /srv/data.img
  : >/etc/fstab
  systemctl start fuse-svc-ext4.socket
  follow fstab
  # As a boot would do it, when nobody has started the socket.
  systemctl stop fuse-svc-ext4.socket
  systemctl start srv-data.mount
  assert_equal "$(<"/srv/data/hello.txt")" hello
  systemctl stop srv-data.mount
  : >/etc/fstab
  systemctl daemon-reload
  rm /srv/data.img
}

# make_sys ro|rw: without a writable one, udevd does not start
make_sys() {
  mount -o "remount,$1" /sys
  mount -o "remount,$1" /sys/devices
}

@test "udisks" {
  grep -qw loop /proc/devices || lack "no loop devices"
  used=(iso9660)
  xorriso -as mkisofs -quiet -R -J -V PHOTOS -o "$reader/cd.iso" "$images/tree" 2>/dev/null
  start_sockets iso9660
  make_sys rw
  systemctl start systemd-udevd.service polkit.service udisks2.service
  mnt=/media/root/PHOTOS
  follow udisks || { journal -u udisks2; false; }
  shows "at $mnt"
  udisksctl loop-delete --no-user-interaction --block-device /dev/disk/by-label/PHOTOS
  systemctl stop udisks2.service polkit.service systemd-udevd{,-control.socket,-kernel.socket}
  make_sys ro
  rm /etc/udisks2/mount_options.conf
}

@test "another host" {
  local dir=$BATS_TEST_TMPDIR/sshd
  used=(sshfs)
  mkdir -p "$dir" /run/sshd ~/.ssh
  useradd --no-create-home --password '*' alice
  [[ -e /etc/hosts ]] || : >/etc/hosts
  cp /etc/hosts "$dir/hosts"
  echo '127.0.0.1 host' >>/etc/hosts
  ssh-keygen -q -t ed25519 -N '' -f "$dir/key"
  ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519
  echo "host $(cut -d' ' -f1,2 "$dir/key.pub")" >~/.ssh/known_hosts
  # Not in $dir: sshd reads it as alice.
  install -m 644 ~/.ssh/id_ed25519.pub "$BATS_TEST_TMPDIR/authorized"
  chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR"
  /usr/sbin/sshd -f /dev/null -o ListenAddress=127.0.0.1 -o HostKey="$dir/key" \
    -o AuthorizedKeysFile="$BATS_TEST_TMPDIR/authorized" -o StrictModes=no -o PidFile="$dir/pid" \
    -o Subsystem="sftp internal-sftp" 3>&- 4>&-
  wait_for "$usual" test -s "$dir/pid"
  follow sshfs
  kill "$(<"$dir/pid")"
  cp "$dir/hosts" /etc/hosts
  wait_for "$usual" userdel alice # once the last process of her session is gone
  rm -r ~/.ssh
}

@test "ordinary users" {
  used=(archive)
  useradd --home-dir "$BATS_TEST_TMPDIR/alice" --create-home alice
  install -o alice -g alice -m 600 "$images/image.zip" "$BATS_TEST_TMPDIR/alice/backup.zip"
  mnt=$BATS_TEST_TMPDIR/alice/mnt
  systemctl start fuse-svc-archive.socket
  follow users
  follow user setpriv --reuid=alice --regid=alice --clear-groups --reset-env --
  shows hello.txt grüße
  chmod u-s /sbin/mount.fuse.svc
  rm -r "$system/fuse-svc-archive.socket.d"
  systemctl daemon-reload
  userdel alice
}

@test "a preset of one's own" {
  used=(lowntfs)
  make_stick ntfs
  plug_in "$reader/stick.img"
  follow preset
  shows '-rwxr-xr-x 1 root root ' /mnt/HELLO.TXT
  systemctl disable --quiet --now fuse-svc-lowntfs.socket
  used=()
  rm -r "$system"/fuse-svc-lowntfs* /etc/fuse-svc
  systemctl daemon-reload
}

@test "without systemd" {
  local out=$BATS_TEST_TMPDIR/activate.log
  make_stick ext4
  plug_in "$reader/stick.img"
  ln -s "$BATS_TEST_DIRNAME/../../scripts" "$reader/scripts"
  # In another terminal.
  (cd "$reader" && block activate | exec bash -e) >"$out" 2>&1 3>&- 4>&- &
  wait_for "$usual" grep -q 'Listening on' "$out" || fail "$(cat "$out")"
  follow no-systemd
  shows hello.txt
  pkill --parent $! || kill $!
  wait $! || true
  rm -f /run/filesystems/ext4
}

@test "where it is logged" {
  used=(archive)
  cp "$images/corrupt.zip" "$reader/broken.zip"
  systemctl start fuse-svc-archive.socket
  follow log
  shows 'exit status 32' 'fuse-svc-archive'
  [[ $stderr == *'mount.fuse.svc: /mnt: archive: '* ]] || fail "mount(8) says: $stderr"
}

@test "looking at services and mounts" {
  used=(iso9660)
  cp "$images/image.iso" "$reader/cd.iso"
  rm -f /run/filesystems/* # sockets that others left, of which the doctor would complain
  systemctl start fuse-svc-iso9660.socket
  follow look
  shows fuse-svc-ext4.socket iso9660 /mnt serving
}

# Lines of a block in the order of the file, with gaps where the block says so.
assert_excerpt() {
  awk 'NR == FNR { file[++n] = $0; next }
    $0 == "..." { is_gap = 1; next }
    $0 == "" { next }
    {
      do while (++at <= n && file[at] == ""); while (is_gap && at <= n && file[at] != $0)
      if (file[at] != $0) { print "not in the file, or not there: " $0; exit 1 }
      is_gap = 0
    }' "$2" <(printf '...\n'; cat "$1")
}

@test "a server of one's own: what is shown is what is compiled, and it is a FUSE server without" {
  local file=$BATS_TEST_DIRNAME/../fuse-service/readme.c shown=$BATS_TEST_TMPDIR/shown added
  used=(content)
  block server.c | sed -e 's/^..//' -e 's/        /\t/g' >"$shown"
  assert_excerpt "$shown" "$file"
  added=$(block server.c | sed -n 's/^+ //p' | sed 's/        /\t/g' | tee "$BATS_TEST_TMPDIR/added" | wc -l)
  ((added <= 21)) || fail "$added lines"

  # Without these lines.
  awk 'NR == FNR { added[++n] = $0; next } $0 == added[at + 1] { at++; next } 1; END { exit at < n }' \
    "$BATS_TEST_TMPDIR/added" "$file" >"$BATS_TEST_TMPDIR/plain.c"
  # shellcheck disable=SC2046 # two words
  cc -D_GNU_SOURCE -Wall -Werror "$BATS_TEST_TMPDIR/plain.c" $(pkg-config --cflags --libs fuse3) \
    -o "$BATS_TEST_TMPDIR/plain"
  "$BATS_TEST_TMPDIR/plain" /etc/hostname "$mnt"
  cmp /etc/hostname "$mnt/content"
  umount "$mnt"

  cp "$file" "$reader/server.c"
  follow server
  ! grep -h '^D' "$system"/fuse-svc-content* || fail "this describes another service"
  assert_equal "$stdout" "$(cat /etc/hostname)"
  "/usr/local/libexec/fuse-svc/content" /etc/hostname "$mnt"
  cmp /etc/hostname "$mnt/content"
  umount "$mnt"
  systemctl disable --quiet --now fuse-svc-content.socket
  used=()
  rm "$system"/fuse-svc-content* /usr/local/libexec/fuse-svc/content
  systemctl daemon-reload
}

# The last one. All that was built is in /build, where nothing is to be generated anew. What the tests
# have put into our folders makes room; folders in /etc are the administrator's.
@test "removing it leaves nothing" {
  local left name ours=(/usr/libexec/fuse-svc/probe /usr/share/fuse-svc/presets/trapped)
  reader=/build
  export MAKEFLAGS='-- ACLOCAL=: AUTOCONF=: AUTOMAKE=: AUTOHEADER=:'
  teardown_file
  mv "${ours[@]}" "$BATS_TEST_TMPDIR"
  follow remove
  left=$(find / -xdev \( -path /proc -o -path /src -o -path /build -o -path /t -o -path /var/fsvc \) -prune -o \
    -name '*fuse*svc*' ! -name '*probe*' ! -name '*trapped*' \
    ! -path '/etc/systemd/system/*.d' -print)
  # Whoever tests after this needs it.
  make -s -C /build install >/dev/null 2>&1
  ldconfig
  for name in "${ours[@]}"; do mv "$BATS_TEST_TMPDIR/${name##*/}" "$name"; done
  systemctl daemon-reload
  [[ -z $left ]] || fail "left: $left"
}
