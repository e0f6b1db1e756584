# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A Debian in a folder, for what tests in one: tests/systemd/run and tests/matrix/run, which set
# $part to what they are called in messages. It is built once for each release, and kept; nobody
# writes to it. Its name has the release, the day on which it was built (what sid was, is said only
# by that) and a hash of the packages in it. To have a newer one, remove it.
#
#   FSVC_CACHE_DIR  where trees are kept between runs (/var/cache/fuse-svc)

# shellcheck disable=SC2154 # $part
cache=${FSVC_CACHE_DIR:-/var/cache/fuse-svc}
# One list for all: what builds the project, and what the tests of both need.
packages=(7zip acl bats build-essential bzip2 cpio dbus e2fsprogs fuse3 libarchive-dev libblkid-dev
  jq libcmocka-dev libfuse3-dev libmount-dev libpam-systemd libsmartcols-dev
  libsystemd-dev lz4 lzip mount ncompress pkgconf polkitd procps squashfs-tools strace systemd-sysv
  udev udisks2 unzip util-linux xorriso xz-utils zip zlib1g-dev zstd)
# What is contained, and what makes images for that: in the release in which units are tested.
servers=(archivemount erofs-utils erofsfuse exfat-fuse exfatprogs fuse-zip fuse2fs fuseiso gocryptfs
  libseccomp-dev ntfs-3g openssh-server squashfuse sshfs)
# For udisks where its libmount loads modules: the servers of disks and sticks, and what makes those.
disks=(exfat-fuse exfatprogs fuse2fs libseccomp-dev ntfs-3g)

say() { printf '# %s\n' "$*"; }

die() {
  printf 'not ok %s: %s\n' "$part" "$*"
  exit 1
}

lack() {
  [[ ${CI:-} != true ]] || die "needed, but missing in CI: $*"
  printf 'SKIP: tests of %s: %s\n' "$part" "$*"
  exit 0
}

# check_needs TOOL...: what a tree needs, and these
check_needs() {
  local tool
  ((EUID == 0)) || lack "not root"
  for tool in debootstrap unshare setpriv flock "$@"; do
    command -v "$tool" >/dev/null || lack "no $tool"
  done
  [[ -c /dev/fuse ]] || lack "no /dev/fuse"
}

# The mirror of Debian that this machine uses.
mirror() {
  local url
  # shellcheck disable=SC2016 # the variable is apt's
  url=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep -m 1 '/debian/$' || true)
  printf '%s\n' "${url:-http://deb.debian.org/debian/}"
}

# build_tree SUITE DIR: in namespaces of its own, so that its end ends all of it
build_tree() {
  local list new=$cache/$1.new
  printf -v list '%s,' "${packages[@]}"
  say "building $2"
  rm -rf "$new"
  setpriv --pdeathsig KILL unshare --mount --propagation private --pid --fork --kill-child \
    --mount-proc -- timeout -k 10 3000 debootstrap --variant=minbase --include="${list%,}" \
    "$1" "$new" "$(mirror)" >"$cache/$1.log" 2>&1 </dev/null || {
    tail -n 20 "$cache/$1.log"
    die "debootstrap failed"
  }
  rm -rf "$new"/var/cache/apt/archives/*.deb
  mv "$new" "$2"
}

# find_tree SUITE: sets $tree to a Debian with all that is needed
find_tree() {
  local hash lock
  case $1 in
  trixie) packages+=("${servers[@]}") ;;
  sid) packages+=("${disks[@]}") ;;
  esac
  hash=$(printf '%s\n' "$1" "${packages[@]}" | sha256sum)
  hash=${hash:0:12}
  mkdir -p "$cache"
  exec {lock}>"$cache/$1.lock"
  flock --timeout 3600 "$lock" || die "somebody else is busy with $cache/$1"
  tree=$(find "$cache" -maxdepth 1 -type d -name "$1-*-$hash" -print -quit)
  if [[ -z $tree ]]; then
    tree=$cache/$1-$(date +%Y%m%d)-$hash
    build_tree "$1" "$tree"
  fi
  exec {lock}>&-
}
