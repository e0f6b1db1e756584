#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# fuse-svc probe: what a source is, without any trust in it.
#
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test
# shellcheck disable=SC2059 # bytes are written as printf has them

load fuse-svc

setup() {
  prepare_fuse_svc
  truncate -s 8M "$img"
}

teardown() { clean_up; }

make_images() {
  require tool mkfs.ext4 tool mksquashfs tool xorriso
  local dir=$BATS_TEST_TMPDIR
  mkfs.ext4 -q -O ^has_journal -L 'fsvc probe' "$img"
  mkdir "$dir/tree"
  echo hello >"$dir/tree/hello"
  mksquashfs "$dir/tree" "$dir/squashfs" -quiet -no-progress >/dev/null
  xorriso -as mkisofs -quiet -o "$dir/iso" "$dir/tree" 2>/dev/null
}

@test "probe: what is in images, and who would mount it" {
  local dir=$BATS_TEST_TMPDIR
  make_images
  truncate -s 1M "$dir/swap"
  mkswap -q "$dir/swap" 2>/dev/null
  start_peer swap # which no other test listens as
  kill "${services[0]}"
  wait "${services[0]}" 2>/dev/null || true
  start_peer ext4 squashfs
  fuse_svc probe --json "$img" "$dir/squashfs" "$dir/iso" "$dir/swap"
  assert_status 0
  [[ -z $stderr ]]
  assert_json '.sources[0]' \
    "{\"source\":\"$img\",\"type\":\"ext4\",\"service\":\"ext4\",\"listening\":true,\"problem\":null}"
  assert_json '.sources[1] | del(.source)' \
    '{"type":"squashfs","service":"squashfs","listening":true,"problem":null}'
  assert_json '.sources[2] | del(.source)' \
    '{"type":"iso9660","service":null,"listening":false,"problem":"there is no such service"}'
  assert_json '.sources[3] | del(.source)' \
    '{"type":"swap","service":"swap","listening":false,"problem":"left over: nobody listens any more; rm /run/filesystems/swap"}'
  [[ ! -s $log ]]
}

@test "probe: says the same as the mount" {
  make_images
  start_peer ext4
  obey_and_mount
  fuse_svc probe -nro SERVICE "$img"
  assert_equal "$stdout" ext4
  stock_mount -t fuse.svc "$img" "$mnt"
  assert_mount_works
  assert_equal "$(mounted_as FSTYPE)" fuse.svc.ext4
  unmount
}

@test "probe: a label" {
  local loop label="fsvc $RANDOM$RANDOM"
  require loop tool mkfs.ext4
  label=${label:0:16}
  mkfs.ext4 -q -O ^has_journal -L "$label" "$img"
  use_loop "$img"
  fuse_svc probe -J "LABEL=$label" "$loop" LABEL=nobody-has-this
  assert_status 32
  [[ -z $stderr ]]
  assert_json '.sources | map(.type)' '["ext4","ext4",null]'
  assert_json '.sources[2].problem' '"no such device"'
  assert_json '.sources[0].source' "\"LABEL=$label\""
}

# assert_problem TEXT SOURCE: and the other source is told of all the same. It is said once: in the
# table, or else on stderr.
assert_problem() {
  fuse_svc probe -Jo SOURCE,TYPE "$2" "$img"
  assert_status 32 || return
  assert_says "$2: $1" || return
  assert_json '.sources[0].type, .sources[1].type' $'null\n"ext4"' || return
  fuse_svc probe -Jo PROBLEM "$2"
  assert_status 32 || return
  [[ -z $stderr ]] || fail "said twice: $stderr" || return
  [[ $(jq -r '.sources[0].problem' <<<"$stdout") == "$1" ]] || fail "$stdout"
}

# as_mount_says SOURCE: what is behind the ";" of mount(8)'s message
as_mount_says() {
  run_mount -t fuse.svc "$1" "$mnt"
  [[ $status == 32 && $stderr == *"; "* ]] || fail "mount says: $stderr" || return
  printf '%s\n' "${stderr#*; }"
}

@test "probe: what cannot be told" {
  local dir=$BATS_TEST_TMPDIR
  make_images
  truncate -s 1M "$dir/nothing"
  assert_problem 'file system type not recognized; use -t fuse.svc.NAME or -o svc=NAME, "fuse-svc list" shows all services' \
    "$dir/nothing"
  : >"$dir/empty"
  assert_problem 'file system type not recognized; the source is empty' "$dir/empty"
  cp "$img" "$dir/both"
  mksquashfs "$dir/tree" "$dir/small" -quiet -no-progress >/dev/null
  dd if="$dir/small" of="$dir/both" bs=1024 count=1 conv=notrunc status=none
  assert_problem 'more than one file system type recognized; use -t fuse.svc.NAME or -o svc=NAME' "$dir/both"
  assert_problem 'No such file or directory' "$dir/missing"
  assert_problem 'Is a directory' "$dir/tree"
  assert_problem 'neither a regular file nor a block device' /dev/null
}

# magic FILE OFFSET BYTES: a file of 1 MiB that has them there
magic() {
  truncate -s 1M "$1"
  printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

@test "probe: helps as the mount does" {
  local dir=$BATS_TEST_TMPDIR name
  magic "$dir/zip" 0 'PK\x03\x04'
  magic "$dir/disk" 512 'EFI PART'
  magic "$dir/nothing" 0 'x'
  : >"$dir/empty"
  for name in zip disk nothing empty; do
    fuse_svc probe -Jo PROBLEM "$dir/$name"
    assert_status 32
    assert_json .sources[0].problem \
      "$(as_mount_says "$dir/$name" | jq -Rc '"file system type not recognized; " + .')"
  done
  magic "$dir/luks" 0 'LUKS\xba\xbe\x00\x01'
  fuse_svc probe -Jo TYPE,SERVICE,PROBLEM "$dir/luks"
  assert_status 0
  assert_json '.sources[0]' '{"type":"crypto_LUKS","service":null,"problem":"the source is encrypted: '\
"cryptsetup open $dir/luks NAME, then mount /dev/mapper/NAME\"}"
}

# Nobody writes to it: to open it for reading would wait for ever.
@test "probe: never waits for the other end of a pipe" {
  make_images
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  assert_problem 'neither a regular file nor a block device' "$BATS_TEST_TMPDIR/fifo"
}

@test "probe: a source on a file system that does not answer" {
  local server
  make_images
  start_peer
  obey_and_mount
  stock_mount -t fuse.svc.peer "$img" "$mnt"
  assert_mount_works
  server=$(our_processes | awk -v peer="$FSVC_PEER" '$2 == peer { print $1 }')
  kill -STOP "$server"
  assert_problem 'lies on a file system or device that does not answer' "$mnt/image"
  kill -CONT "$server"
  unmount
}

@test "probe: a user, with his own rights" {
  prepare_users
  truncate -s 8M "$img"
  make_images
  chown alice "$img"
  chmod 600 "$img"
  fuse_svc_as alice probe -nro TYPE "$img"
  assert_status 0
  assert_equal "$stdout" ext4
  fuse_svc_as bob probe -nro PROBLEM "$img"
  assert_status 1
  assert_equal "$stdout" 'Permission\x20denied'
  fuse_svc_as bob probe -nro TYPE "$img"
  assert_status 1
  assert_says "$img: Permission denied"
}

# Who has opened the image has no power left when it reads from it.
@test "probe: whoever looks into the image has no power" {
  local trace=$BATS_TEST_TMPDIR/trace fd before
  require tool strace tool mkfs.ext4
  mkfs.ext4 -q -O ^has_journal "$img"
  run_command strace -f -o "$trace" "$FSVC_FUSE_SVC" probe "$img"
  assert_status 0
  sed -i 's/^[0-9]* *//' "$trace"
  fd=$(sed -n 's/^openat(.*"\/proc\/self\/fd\/.* = //p' "$trace")
  [[ $fd =~ ^[0-9]+$ ]]
  # Before it are only reads from what else had that number.
  before=$(sed "0,/^openat(.*\\/proc\\/self\\/fd/d; /^read($fd,/,\$d" "$trace")
  grep -q '^setgroups(0, NULL) *= 0' <<<"$before"
  grep -q '^setresuid(65534, 65534, 65534) *= 0' <<<"$before"
  grep -q '^prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) *= 0' <<<"$before"
  before=$(grep ^capset <<<"$before" | tail -n 1)
  [[ $before == *'effective=0, permitted=0, inheritable=0'* ]]
}

@test "probe: names that are no good for a terminal" {
  local name=$BATS_TEST_TMPDIR/$'e\e[31m\n'
  make_images
  cp "$img" "$name"
  fuse_svc probe -o SOURCE,TYPE "$name" "$name.missing"
  assert_status 32
  assert_says 'e\x1b[31m\x0a.missing: No such file'
  [[ $stdout == *'e\x1b[31m\x0a '* && $stdout != *$'\e'* ]]
  fuse_svc probe -J "$name"
  assert_json '.sources[0].source | endswith("e\\x1b[31m\\x0a")' true
}
