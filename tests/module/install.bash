# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What tests/run puts in its namespaces if tests mount by module: a libmount that loads modules, the
# programs that were built with it, our module, and no helper.
#
#   FSVC_UTIL_LINUX   the folder with libmount.so.1, mount and umount
#   FSVC_MODULE       fuse-svc.so
#   FSVC_MODULE_RUNS  where the module looks for the program that it runs, fuse-svc-mount

# libmount: the one that mount(8) runs with
libmount() { realpath "$(ldd "$(command -v mount)" | awk '$1 == "libmount.so.1" { print $3 }')"; }

install_util_linux() {
  local lib bin
  lib=$(libmount)
  bin=$(dirname "$(realpath "$(command -v mount)")")
  overlay "${lib%/*}"
  overlay "$bin"
  install -m 755 "$FSVC_UTIL_LINUX/libmount.so.1" "$lib"
  install -m 755 -t "$bin" "$FSVC_UTIL_LINUX"/{mount,umount}
}

install_module() {
  local name hooks
  for name in "$FSVC_UTIL_LINUX"/{libmount.so.1,mount,umount} "$FSVC_MODULE"; do
    [[ -e $name ]] || die "by module: no $name"
  done
  install_util_linux
  hooks=$(dirname "$(libmount)")/libmount/hooks
  mkdir -p "$hooks"
  install -m 644 "$FSVC_MODULE" "$hooks/fuse-svc.so"
  for name in fuse.svc fuseblk.svc; do
    ln -sf fuse-svc.so "$hooks/$name.so"
  done
  make_folder "$(dirname "$FSVC_MODULE_RUNS")"
  install -m 755 "$FSVC_LIBEXECDIR/fuse-svc-mount" "$FSVC_MODULE_RUNS"
  rm -f /sbin/{mount,umount}.{fuse,fuseblk}.svc
  prove_module
}

# What would mount otherwise is not there; tests/module/module.bats looks into what does.
prove_module() {
  local helper
  cmp -s "$(libmount)" "$FSVC_UTIL_LINUX/libmount.so.1" || die "by module: mount(8) runs with $(libmount)"
  for helper in {,/usr}/sbin/{mount,umount}.fuse*.svc; do
    [[ ! -e $helper ]] || die "by module: mount(8) could run $helper"
  done
}
