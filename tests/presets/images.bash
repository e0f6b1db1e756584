# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Real images for the presets, by each file system's own mkfs, with a tree that is always the same;
# and what such a tree looks like behind a mount. A bats file loads it after tests/lib.bash.
#
# Images are made without any program of this project: where mkfs cannot copy a tree, the server
# mounts the image by itself, as root in the namespace of tests/run.

# shellcheck disable=SC2154 # what tests/lib.bash sets

# make_tree DIR [plain]: names, sizes and owners that are telling; plain is for what has no links,
# owners and permissions
make_tree() {
  mkdir -p "$1/a dir/deep/er" "$1/empty" "$1/grüße" "$1/many"
  (
    cd "$1" || exit
    echo hello >'a dir/hello'
    seq 20000 >'a dir/deep/er/numbers'
    printf x >grüße/日本語.txt
    : >nothing
    seq 1000000 1099999 >big
    head -c 300000 /dev/zero >zeros
    for i in {1..60}; do echo "$i" >"many/file number $i"; done
    if [[ ${2:-} != plain ]]; then
      ln -s 'a dir/hello' link
      ln -s /nowhere/at/all dangling
      ln big hard
      chmod 4755 'a dir/hello'
      chmod 2750 'a dir/deep'
      chmod 400 big
      chown -h 1234:2345 big 'a dir' link
    fi
    find . -exec touch -h -d '2021-02-03 04:05:06Z' {} +
  )
}

# tree_kind TYPE: what make_tree takes for it
tree_kind() {
  case $1 in
  exfat | ntfs) echo plain ;;
  esac
}

# make_image TYPE FILE DIR [SIZE]: an image with what is in DIR. SIZE is for what can be written.
make_image() {
  local type=$1 file=$2 dir=$3 size=${4:-12M} log=$BATS_TEST_TMPDIR/mkfs.log
  rm -f "$file"
  case $type in
  squashfs) mksquashfs "$dir" "$file" -quiet -no-progress -processors 1 ;;
  erofs) mkfs.erofs "$file" "$dir" ;;
  ext[234])
    truncate -s "$size" "$file"
    "mkfs.$type" -q -F -U 11111111-2222-3333-4444-555555555555 -d "$dir" "$file"
    ;;
  ntfs | exfat) make_by_server "$type" "$file" "$dir" "$size" ;;
  iso9660 | fuseiso) xorriso -as mkisofs -quiet -R -J -o "$file" "$dir" ;;
  fuse-zip) (cd "$dir" && zip -qry - .) >"$file" ;;
  archivemount) (cd "$dir" && tar --create --file "$file" -- *) ;; # it hangs with an entry "."
  *) fail "make_image: what is $type?" ;;
  esac >"$log" 2>&1 || fail "no image of type $type: $(tail -n 20 "$log")"
}

# By the server alone, on a loop device: what this makes is not what is tested.
make_by_server() {
  local type=$1 file=$2 dir=$3 bare=$BATS_TEST_TMPDIR/bare loop server
  truncate -s "$4" "$file"
  case $type in
  ntfs) mkntfs --force --fast --quiet --sector-size 512 --partition-start 0 "$file" ;;
  exfat) mkfs.exfat "$file" ;;
  esac || return
  mkdir -p "$bare"
  loop=$(losetup --find --show "$file") || return
  case $type in
  ntfs) ntfs-3g "$loop" "$bare" ;;
  exfat) mount.exfat-fuse "$loop" "$bare" ;;
  esac 3>&- 4>&- && cp -rT --preserve=timestamps "$dir" "$bare"
  server=$?
  umount "$bare" || true
  losetup --detach "$loop"
  wait_for "$deadline" is_free "$loop" "$file" || return
  return "$server"
}

# is_free LOOP FILE: its server has written all, and closed it
is_free() { [[ $(losetup --noheadings --output BACK-FILE "$1" 2>/dev/null) != *"$2" ]]; }

# listing DIR FORMAT: what find -printf says of each name but the root and lost+found. The size of
# what is no file differs between file systems.
listing() {
  (
    cd "$1" || exit
    find . -mindepth 1 -name lost+found -prune -o \
      \( -type f -printf "%P %y $2\0" -o -printf "%P %y ${2//%s/}\0" \) |
      sort -z | tr '\0' '\n'
  )
}

# sums DIR: of all regular files
sums() {
  (
    cd "$1" || exit
    find . -name lost+found -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
  )
}

# listing_format TYPE: what that type can hold, as far as its server shows it
listing_format() {
  case $1 in
  squashfs | erofs | ext[234] | iso9660 | fuseiso) echo '%m %U %G %s %Ts %l' ;;
  archivemount) echo '%U %G %s %Ts %l' ;; # some versions take away all w
  fuse-zip) echo '%m %s %l' ;;
  *) echo '%s' ;;
  esac
}

# assert_same TYPE DIR MOUNT: the same names, contents, and all that the type can hold
assert_same() {
  local format
  format=$(listing_format "$1")
  diff <(listing "$2" "$format") <(listing "$3" "$format") >&2 || fail "other names" || return
  diff <(sums "$2") <(sums "$3") >&2 || fail "other contents"
}
