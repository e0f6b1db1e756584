# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What tests/run puts in its namespaces if tests mount by module, where libmount loads modules: ours,
# and no helper.
#
#   FSVC_MODULE       fuse-svc.so
#   FSVC_MODULE_RUNS  where the module looks for the program that it runs, fuse-svc-mount

# libmount: the one that mount(8) runs with
libmount() { realpath "$(ldd "$(command -v mount)" | awk '$1 == "libmount.so.1" { print $3 }')"; }

install_module() {
  local name hooks
  [[ -e $FSVC_MODULE ]] || die "by module: no $FSVC_MODULE"
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
  mount --version | grep -q hook-modules || die "by module: $(mount --version)"
  for helper in {,/usr}/sbin/{mount,umount}.fuse*.svc; do
    [[ ! -e $helper ]] || die "by module: mount(8) could run $helper"
  done
}
