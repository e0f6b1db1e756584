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

# Its source is a directory, which the unit has to show; its user has to be able to write there.
@test "gocryptfs: a server in Go, on a directory that a drop-in shows" {
  local home=/home/fsvc-alice drop_in=/etc/systemd/system/fuse-svc-gocryptfs@.service.d
  local cipher=$home/cipher
  useradd --create-home --home-dir "$home" fsvc-alice
  chmod 700 "$home"
  mkdir "$cipher"
  echo secret >"$BATS_TEST_TMPDIR/password"
  chmod 600 "$BATS_TEST_TMPDIR/password"
  gocryptfs -q -init -scryptn 10 -passfile "$BATS_TEST_TMPDIR/password" "$cipher"
  chown -R fsvc-alice: "$cipher"
  mkdir -p "$drop_in"
  # The recipe of docs/presets.md, as "systemctl edit" writes it.
  sed -n '/systemctl edit fuse-svc-gocryptfs@/,/BindPaths/s/^    //p' "$BATS_TEST_DIRNAME/../../docs/presets.md" |
    sed "/^#/d; s|alice|fsvc-alice|" >"$drop_in/override.conf"
  grep -qx "BindPaths=$cipher" "$drop_in/override.conf"
  systemctl daemon-reload
  systemctl start fuse-svc-gocryptfs.socket
  run_command mount -t fuse.svc.gocryptfs -o "passfile=$BATS_TEST_TMPDIR/password" "$cipher" "$mnt"
  assert_equal "$status: $stderr" "0: "
  cp -r "$BATS_FILE_TMPDIR/plain/." "$mnt"
  diff -r "$BATS_FILE_TMPDIR/plain" "$mnt"
  umount "$mnt"
  [[ -n $(find "$cipher" -size +700k) ]] || fail "nothing was written"
  ! grep -rq hello "$cipher" || fail "it is not encrypted"
  run_command mount -t fuse.svc.gocryptfs -o "ro,passfile=$BATS_TEST_TMPDIR/password" "$cipher" "$mnt"
  assert_equal "$status: $stderr" "0: "
  diff -r "$BATS_FILE_TMPDIR/plain" "$mnt"
  umount "$mnt"
  echo wrong >"$BATS_TEST_TMPDIR/password"
  run_command mount -t fuse.svc.gocryptfs -o "passfile=$BATS_TEST_TMPDIR/password" "$cipher" "$mnt"
  assert_equal "$status" 32
  [[ $stderr == *[Pp]assword* ]] || fail "other words: $stderr"
  run_command fuse-svc doctor gocryptfs
  [[ $stdout != *sandbox* && $stdout != *problem:* ]] || fail "$stdout"
  rm "$drop_in/override.conf"
  systemctl daemon-reload
}

# A host on the loopback of the container.
start_sshd() {
  local dir=$BATS_TEST_TMPDIR/sshd
  mkdir -m 700 "$dir"
  mkdir -p /run/sshd
  ssh-keygen -q -t ed25519 -N '' -f "$dir/host"
  ssh-keygen -q -t ed25519 -N '' -f "$dir/key"
  printf '[127.0.0.1]:2222 %s\n' "$(cut -d' ' -f1,2 "$dir/host.pub")" >"$dir/hosts"
  /usr/sbin/sshd -f /dev/null -o ListenAddress=127.0.0.1:2222 -o HostKey="$dir/host" \
    -o AuthorizedKeysFile="$dir/key.pub" -o StrictModes=no -o PidFile="$dir/pid" \
    -o Subsystem="sftp internal-sftp" -o PermitRootLogin=prohibit-password 3>&- 4>&-
  wait_for "$usual" test -s "$dir/pid"
}

@test "sshfs: the network is open to it alone, and keys are files that options name" {
  local dir=$BATS_TEST_TMPDIR/sshd
  # The container has a loopback of its own.
  start_sshd
  systemctl start fuse-svc-sshfs.socket
  run_command mount -t fuse.svc.sshfs \
    -o "port=2222,IdentityFile=$dir/key,UserKnownHostsFile=$dir/hosts" \
    "root@127.0.0.1:$BATS_FILE_TMPDIR/plain" "$mnt"
  kill_sshd=$(<"$dir/pid")
  [[ $status == 0 ]] || { kill "$kill_sshd"; fail "$stderr"; }
  diff -r "$BATS_FILE_TMPDIR/plain" "$mnt"
  umount "$mnt"
  # Whom nobody knows is not trusted.
  : >"$dir/hosts"
  run_command mount -t fuse.svc.sshfs \
    -o "port=2222,IdentityFile=$dir/key,UserKnownHostsFile=$dir/hosts" \
    "root@127.0.0.1:$BATS_FILE_TMPDIR/plain" "$mnt"
  kill "$kill_sshd"
  assert_equal "$status" 32
  [[ $stderr == *'Host key verification failed'* ]] || fail "other words: $stderr"
}
