#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# examples/archive as an ordinary FUSE server, on archives made by the tools that people use.
#
# FSVC_ARCHIVE is the path of the program. Needs /dev/fuse. Must never kill by name, nor leave a
# mount behind.
# shellcheck disable=SC2154,SC2164 # bats sets what "run" finds out, and stops at a failing cd
bats_require_minimum_version 1.5.0

setup() {
  [[ -x ${FSVC_ARCHIVE:?must be the path of the program} ]]
  export LC_ALL=C.UTF-8 TZ=UTC
  ((EUID == 0)) || require fusermount3
  mnt=$BATS_TEST_TMPDIR/mnt
  src=$BATS_TEST_TMPDIR/src
  image=$BATS_TEST_TMPDIR/image
  server=
  mkdir "$mnt" "$src"
}

teardown() {
  if mountpoint -q "$mnt"; then unmount || umount -l "$mnt"; fi
  if [[ -n $server ]]; then
    kill "$server" 2>/dev/null || true
    wait "$server" || true
  fi
}

unmount() {
  if ((EUID == 0)); then umount "$mnt"; else fusermount3 -u "$mnt"; fi
}

# require COMMAND...: skips if one is missing, which CI does not accept.
require() {
  local c
  for c in "$@"; do
    command -v "$c" >/dev/null && continue
    if [[ ${CI-} == true ]]; then
      echo "this test needs $c" >&2
      return 1
    fi
    skip "needs $c"
  done
}

# serve [OPTION...] IMAGE: mounts.
serve() {
  "$FSVC_ARCHIVE" "$@" "$mnt" 3>&-
  mountpoint -q "$mnt"
}

# refuse IMAGE WORDS [OPTION...]: does not mount, says so in one line, and returns 1.
refuse() {
  local image=$1 words=$2
  shift 2
  local stderr='' stderr_lines=()
  run --separate-stderr "$FSVC_ARCHIVE" "$@" "$image" "$mnt"
  echo "$stderr"
  ((status == 1))
  [[ -z $output ]]
  [[ $stderr == "archive: "*"$words"* ]]
  ((${#stderr_lines[@]} == 1))
  ! mountpoint -q "$mnt"
}

# What any format can hold.
plain_tree() {
  cd "$src" || return
  mkdir -p 'a dir/deep/er' empty grüße
  echo hello >'a dir/hello'
  seq 100000 >'a dir/deep/er/numbers'
  printf 'x' >grüße/日本語.txt
  : >nothing
  head -c 3000000 /dev/urandom >random
  head -c 5000000 /dev/zero >zeros
  ln -s 'a dir/hello' link
  ln -s /nowhere/at/all dangling
  chmod 700 empty
  chmod 4755 'a dir/hello'
  chmod 2750 'a dir/deep'
  chmod 400 random
  [[ $EUID -ne 0 ]] || chown -h 1234:2345 random 'a dir' link
  touch -d '2001-02-03 04:05:06.123456789Z' random 'a dir/deep'
  cd "$OLDPWD" || return
}

# What a Unix format can hold besides.
full_tree() {
  plain_tree
  cd "$src" || return
  ln random 'a dir/deep/hard'
  ln link 'hard link of a link'
  printf 'y' >$'new\nline'
  mkfifo -m 622 fifo
  truncate -s 20M sparse
  printf 'in the middle' | dd of=sparse bs=1 seek=10000000 conv=notrunc status=none
  if [[ $EUID -eq 0 ]]; then
    mknod block b 7 300
    mknod char c 10 229
  fi
  cd "$OLDPWD" || return
}

# listing DIRECTORY FORMAT: what find -printf says of each name; sizes of directories differ.
listing() {
  (cd "$1" && find . \( -type d -printf "%P %y ${2//%s/}\0" \) -o -printf "%P %y $2\0" | sort -z |
    tr '\0' '\n')
}

sums() {
  (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum)
}

# same [FORMAT]: the mount is the tree it was made from; FORMAT leaves out what it cannot hold.
same() {
  local format=${1-%m %n %U %G %s %T@ %l}
  diff <(listing "$src" "$format") <(listing "$mnt" "$format")
  diff <(sums "$src") <(sums "$mnt")
}

nodes() {
  (cd "$1" && find . \( -type b -o -type c \) -exec stat -c '%n %t %T' {} + | sort)
}

@test "tar, plain, read where it stands" {
  full_tree
  tar --format=pax -cf "$image" -C "$src" .
  serve "$image"
  same
  diff <(nodes "$src") <(nodes "$mnt")
  [[ "$mnt/random" -ef "$mnt/a dir/deep/hard" ]] || # libfuse has a number for each name
    [[ $(stat -c %i "$mnt/random") == $(stat -c %i "$mnt/a dir/deep/hard") ]]
}

@test "tar, plain, copied out with cp -a" {
  full_tree
  tar --format=pax -cf "$image" -C "$src" .
  serve "$image"
  cp -a "$mnt/." "$BATS_TEST_TMPDIR/copy"
  unmount
  mnt=$BATS_TEST_TMPDIR/copy same
}

@test "tar, GNU and ustar and v7" {
  full_tree
  local format
  for format in gnu ustar; do
    tar --format=$format -cf "$image" -C "$src" .
    serve "$image"
    same '%m %n %U %G %s %Ts %l'
    unmount
  done
}

@test "tar, compressed with gzip" { compressed gzip --gzip; }
@test "tar, compressed with bzip2" { compressed bzip2 --bzip2; }
@test "tar, compressed with xz" { compressed xz --xz; }
@test "tar, compressed with lzma" { compressed lzma --lzma; }
@test "tar, compressed with zstd" { compressed zstd --zstd; }
@test "tar, compressed with lz4" { compressed lz4 --use-compress-program=lz4; }
@test "tar, compressed with lzip" { compressed lzip --lzip; }
@test "tar, compressed with compress" { compressed compress --compress; }

compressed() {
  require "$1"
  full_tree
  tar --format=pax "$2" -cf "$image" -C "$src" .
  serve "$image"
  same
}

@test "tar, sparse, more than 4 GiB" {
  truncate -s 5G "$src/sparse"
  printf 'near the end' | dd of="$src/sparse" bs=1 seek=5000000000 conv=notrunc status=none
  echo after >"$src/z"
  tar --format=pax -Scf "$image" -C "$src" sparse z
  (($(stat -c %s "$image") < 1000000))
  serve "$image"
  [[ $(stat -c %s "$mnt/sparse") == 5368709120 ]]
  (($(stat -c %b "$mnt/sparse") < 1000))
  # Not all of it: that takes a minute.
  [[ $(tail -c +5000000001 "$mnt/sparse" | head -c 12) == 'near the end' ]]
  cmp -n 100M "$src/sparse" "$mnt/sparse"
  cmp -i 4750M "$src/sparse" "$mnt/sparse"
  cmp "$src/z" "$mnt/z"
}

@test "cpio, newc and odc" {
  require cpio
  full_tree
  local format
  for format in newc odc; do
    (cd "$src" && find . -print0 | cpio --quiet -0 -o -H "$format") >"$image"
    serve "$image"
    # A link of a link has contents of its own in cpio.
    same '%m %U %G %s %Ts %l'
    [[ $(stat -c '%h' "$mnt/random") == 2 ]]
    unmount
  done
}

@test "cpio, compressed" {
  require cpio gzip
  full_tree
  (cd "$src" && find . -print0 | cpio --quiet -0 -o -H newc) | gzip >"$image"
  serve "$image"
  same '%m %U %G %s %Ts %l'
}

@test "zip" {
  require zip
  plain_tree
  (cd "$src" && zip -qry "$image.zip" .)
  serve "$image.zip"
  # The owner of a symlink, and times of less than a second, are not in a zip. The root is not.
  rm "$src/link" "$src/dangling"
  diff <(listing "$src" '%m %U %G %s %Ts' | tail -n +2) <(listing "$mnt" '%m %U %G %s %Ts' |
    grep -v -e '^link ' -e '^dangling ' | tail -n +2)
  diff <(sums "$src") <(sums "$mnt")
  [[ $(readlink "$mnt/link") == 'a dir/hello' ]]
  [[ $(readlink "$mnt/dangling") == /nowhere/at/all ]]
}

@test "zip without owners, and one that is only stored" {
  require zip
  plain_tree
  (cd "$src" && zip -qry0X "$image.zip" .)
  serve "$image.zip"
  diff <(sums "$src") <(sums "$mnt")
  [[ $(stat -c '%u %g' "$mnt/random") == "$(id -u) $(id -g)" ]]
  [[ $(stat -c %a "$mnt/a dir/hello") == 4755 ]]
}

@test "zip, 20000 files in one directory, in any order" {
  require zip
  mkdir "$src/many"
  (cd "$src/many" && seq 20000 | split -l 1 -a 5 -)
  (cd "$src" && zip -qr "$image.zip" many)
  serve "$image.zip"
  [[ $(find "$mnt/many" -type f | wc -l) == 20000 ]]
  (cd "$mnt/many" && find . -type f -print0 | shuf -z -n 2000 --random-source=/dev/zero |
    xargs -0 sha256sum >"$BATS_TEST_TMPDIR/sums")
  (cd "$src/many" && sha256sum --quiet -c "$BATS_TEST_TMPDIR/sums")
}

@test "7z" {
  require 7z
  plain_tree
  (cd "$src" && 7z a -bd -snl "$image.7z" . >/dev/null)
  serve "$image.7z"
  diff <(sums "$src") <(sums "$mnt")
  diff <(listing "$src" '%m %s %Ts %l' | tail -n +2) <(listing "$mnt" '%m %s %Ts %l' |
    tail -n +2)
  [[ $(stat -c '%u %g' "$mnt/random") == "$(id -u) $(id -g)" ]]
}

@test "ISO 9660 with Rock Ridge" {
  require xorriso
  full_tree
  xorriso -as mkisofs -quiet -R -iso-level 3 -o "$image" "$src" 2>/dev/null
  serve "$image"
  same '%m %U %G %s %Ts %l'
}

@test "ISO 9660 with Joliet" {
  require xorriso
  echo hello >"$src/a file with a long name"
  mkdir "$src/grüße"
  seq 100000 >"$src/grüße/日本語.txt"
  xorriso -report_about FATAL -outdev "$image" -compliance joliet_long_names -rockridge off \
    -joliet on -map "$src" / 2>/dev/null
  serve "$image"
  diff <(sums "$src") <(sums "$mnt")
  [[ $(stat -c '%a %u' "$mnt/grüße") == "555 $(id -u)" ]]
  [[ $(stat -c '%a' "$mnt/a file with a long name") == 444 ]]
}

@test "links and counts are as in a file system" {
  full_tree
  tar --format=pax -cf "$image" -C "$src" .
  serve "$image"
  [[ $(stat -c %h "$mnt") == 5 ]]
  [[ $(stat -c %h "$mnt/a dir/deep") == 3 ]]
  (($(stat -f -c %c "$mnt") > 15))
  (($(stat -f -c '%b' "$mnt") * $(stat -f -c %S "$mnt") > 28000000))
  [[ $(stat -f -c %f "$mnt") == 0 ]]
}

@test "it is read-only, whatever is asked for" {
  plain_tree
  tar -cf "$image" -C "$src" .
  serve -o rw "$image"
  run touch "$mnt/new"
  ((status != 0))
  run bash -c 'echo >>"$1"' - "$mnt/zeros"
  ((status != 0))
  [[ $output == *"Read-only file system"* ]]
  findmnt -no OPTIONS "$mnt" | grep -qw ro
  findmnt -no OPTIONS "$mnt" | grep -qw default_permissions
}

@test "names that lead out are left out" {
  require zip
  mkdir -p "$src/xx/yy" "$src/good"
  echo evil | tee "$src/xx/evil" >"$src/xx/yy/evil"
  echo good >"$src/good/file"
  (cd "$src" && zip -qrD "$image.zip" xx good)
  LC_ALL=C sed -i 's,xx/yy/evil,../../evil,g; s,xx/evil,../evil,g' "$image.zip"
  run --separate-stderr "$FSVC_ARCHIVE" "$image.zip" "$mnt" 3>&-
  ((status == 0))
  [[ $stderr == 'archive: 2 entries are left out, first "../'*'evil": its name has a ".."' ]]
  [[ $(find "$mnt" -type f -printf '%P ') == 'good/file ' ]]
  unmount

  tar -Pcf "$image" -C "$src" --transform 's,^xx/yy,/abs,;s,^xx,a/../../b,' xx good
  serve "$image"
  [[ $(find "$mnt" -type f -printf '%P\n' | sort | tr '\n' ' ') == 'abs/evil good/file ' ]]
}

@test "what is no archive" {
  head -c 1000000 /dev/urandom >"$image"
  refuse "$image" 'not an archive of a known format'
  : >"$image"
  refuse "$image" 'not an archive of a known format'
  seq 10000 | gzip >"$image"
  refuse "$image" 'not an archive of a known format'
  refuse "$src" 'is a directory'
  refuse "$BATS_TEST_TMPDIR/nothing" 'No such file or directory'
  refuse /dev/null 'not a regular file or block device'
}

@test "archives that are cut off" {
  require zip 7z xorriso
  plain_tree
  tar -cf "$image.tar" -C "$src" .
  gzip -k "$image.tar"
  (cd "$src" && zip -qr "$image.zip" . && 7z a -bd -snl "$image.7z" . >/dev/null)
  xorriso -as mkisofs -quiet -R -o "$image.iso" "$src" 2>/dev/null
  local f
  for f in tar tar.gz zip 7z; do
    truncate -s -2000000 "$image.$f"
    refuse "$image.$f" "$image.$f: "
  done
  refuse "$image.tar" 'corrupt archive: '
  refuse "$image.tar.gz" 'corrupt archive: '
  refuse "$image.zip" 'corrupt archive: a zip without its end'
  truncate -s 2000000 "$image.iso"
  refuse "$image.iso" 'corrupt archive: the image is cut off'
  truncate -s 40000 "$image.iso"
  refuse "$image.iso" "$image.iso: "
}

@test "a damaged tar.gz is refused, more than one member and what follows are not" {
  plain_tree
  tar -cf "$image.tar" -C "$src" .
  gzip -c "$image.tar" >"$image"
  printf 'XXXXXXXX' | dd of="$image" bs=1 seek=100000 conv=notrunc status=none
  refuse "$image" 'corrupt archive: gzip: '
  gzip -c "$image.tar" >"$image"
  printf 'XXXX' | dd of="$image" bs=1 seek=$(($(stat -c %s "$image") - 8)) conv=notrunc status=none
  refuse "$image" 'corrupt archive: gzip: incorrect data check'
  head -c 1000000 "$image.tar" | gzip -c >"$image"
  tail -c +1000001 "$image.tar" | gzip -c >>"$image"
  head -c 5000 /dev/zero >>"$image"
  serve "$image"
  diff -r --no-dereference "$src" "$mnt"
  unmount
}

@test "corrupt contents are an error where they are" {
  require zip
  head -c 1000000 /dev/urandom >"$src/bad"
  seq 100000 >"$src/good"
  (cd "$src" && zip -q "$image.zip" bad good)
  printf 'corrupt' | dd of="$image.zip" bs=1 seek=600000 conv=notrunc status=none
  "$FSVC_ARCHIVE" -f "$image.zip" "$mnt" 3>&- 2>"$BATS_TEST_TMPDIR/log" &
  server=$!
  until mountpoint -q "$mnt"; do sleep 0.1; done
  run cat "$mnt/bad"
  ((status != 0))
  run cat "$mnt/bad"
  [[ $output == *'Input/output error'* ]]
  cmp "$src/good" "$mnt/good"
  cmp -n 100000 "$src/bad" "$mnt/bad"
  [[ $(grep -c '"/bad"' "$BATS_TEST_TMPDIR/log") == 1 ]]
}

@test "encrypted entries are there but cannot be opened" {
  require zip 7z
  echo secret >"$src/secret"
  echo public >"$src/public"
  (cd "$src" && zip -q -P pass "$image.zip" secret && zip -q "$image.zip" public)
  serve "$image.zip"
  [[ $(stat -c %s "$mnt/secret") == 7 ]]
  [[ $(<"$mnt/public") == public ]]
  run cat "$mnt/secret"
  ((status != 0))
  [[ $output == *'Required key not available'* ]]
  unmount

  (cd "$src" && 7z a -bd -ppass "$image.7z" secret >/dev/null)
  serve "$image.7z"
  run cat "$mnt/secret"
  [[ $output == *'Required key not available'* ]]
  unmount

  (cd "$src" && 7z a -bd -ppass -mhe=on "$image-names.7z" secret >/dev/null)
  refuse "$image-names.7z" 'list of files is encrypted'
}

# A zip with 10 GiB of zeros, made without compressing them: one block with the fixed code, a zero
# and then the same match of 258 bytes, eight of which are 13 bytes in the stream.
bomb() {
  perl -e '
    my $groups = 5202402;
    my $size = 1 + 8 * 258 * $groups;
    my $bits = pack("b*", "110" . "00110000" . "1100010100000" x 16 . "0000000");
    my $data = substr($bits, 0, 15) . substr($bits, 2, 13) x ($groups - 2) . substr($bits, 15);
    my ($name, $crc) = ("zeros", 0x247b5d7a);
    my $extra = pack("v v Q< Q<", 1, 16, $size, length $data);
    my $head = pack("v v v v v V V V v v", 45, 0, 8, 0, 0x21, $crc, 0xffffffff, 0xffffffff,
      length $name, length $extra);
    my $local = "PK\3\4$head$name$extra";
    my $central = "PK\1\2" . pack("v", 0x032d) . $head .
      pack("v v v V V", 0, 0, 0, 0100644 << 16, 0) . $name . $extra;
    print $local, $data, $central, "PK\5\6", pack("v v v v V V v", 0, 0, 1, 1,
      length $central, length($local) + length $data, 0);
  '
}

@test "a bomb does not blow up the server" {
  bomb >"$image.zip"
  "$FSVC_ARCHIVE" -f "$image.zip" "$mnt" 3>&- &
  server=$!
  until mountpoint -q "$mnt"; do sleep 0.1; done
  [[ $(stat -c %s "$mnt/zeros") == 10737757729 ]]
  cmp -n 1G "$mnt/zeros" /dev/zero
  local peak
  peak=$(awk '/^VmHWM/ { print $2 }' "/proc/$server/status")
  echo "peak: $peak KiB"
  # Sanitizers have a memory of their own.
  [[ -n ${ASAN_OPTIONS-} ]] || ((peak < 100000))
}

@test "limits and options" {
  plain_tree
  tar -cf "$image" -C "$src" .
  refuse "$image" 'more than 3 entries; see option max_entries' -o max_entries=3
  refuse "$image" 'out of range' -o max_entries=0
  refuse "$image" 'max_entries=many is out of range' -o max_entries=many
  serve -o max_entries=100 "$image"
  unmount
  run "$FSVC_ARCHIVE" -o nonsense "$image" "$mnt"
  ((status != 0))
  [[ $output == *nonsense* ]]
  run "$FSVC_ARCHIVE" "$image"
  ((status == 1))
  run "$FSVC_ARCHIVE" --help
  ((status == 0))
  [[ $output == usage:* ]]
  run "$FSVC_ARCHIVE" --version
  ((status == 0))
}

@test "a relative path, and commas in it" {
  plain_tree
  tar -cf "$BATS_TEST_TMPDIR/a,b.tar" -C "$src" .
  cd "$BATS_TEST_TMPDIR" || return
  "$FSVC_ARCHIVE" a,b.tar mnt 3>&-
  mountpoint -q "$mnt"
  cmp "$src/zeros" "$mnt/zeros"
  cd "$OLDPWD" || return
}
