# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The completion of mount(8) is loaded when it is wanted; ours has to be put before it then. Each
# shell reads this file at its start: so it does next to nothing, and runs no program.

_fuse_svc_mount_loader() {
  local load=__load_completion spec
  complete -r mount
  ! declare -F _comp_load >/dev/null || load=_comp_load
  "$load" mount >/dev/null 2>&1
  spec=$(complete -p mount 2>/dev/null)
  if [[ $spec =~ ' -F '([^ ]+) ]] && "$load" mount.fuse.svc >/dev/null 2>&1; then
    _fuse_svc_other=${BASH_REMATCH[1]}
    eval "${spec/ -F $_fuse_svc_other / -F _fuse_svc_mount }"
  fi
  # The shell tries again; older versions of what completes "sudo mount" do not.
  [[ ${FUNCNAME[1]-main} != main ]] || return 124
  [[ $(complete -p mount 2>/dev/null) =~ ' -F '([^ ]+) ]] || return 124
  "${BASH_REMATCH[1]}" "$@"
}
complete -p mount >/dev/null 2>&1 || complete -F _fuse_svc_mount_loader mount
