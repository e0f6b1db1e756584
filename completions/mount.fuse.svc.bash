# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Completion of mount.fuse.svc(8), and what it adds to that of mount(8): types fuse.svc.NAME, and
# options if the type is one of ours. bash-completion loads it when it is wanted, or, for mount(8),
# the file that it reads at its start (startup.bash). For all other mounts the completion that was
# there is asked, and nothing else is done.

# _fuse_svc_reply LIST WORD...: those that continue the last element of a list with commas. The
# shell replaces only what follows a "=" or ":", if it breaks words there.
_fuse_svc_reply() {
  local list=$1 done='' word
  shift
  [[ $list != *,* ]] || done=${list%,*},
  for word; do
    word=$done$word
    [[ $word == "$list"* ]] || continue
    if [[ $list == *[=:]* && $COMP_WORDBREAKS == *=* ]]; then
      word=${word#"${list%[=:]*}"?}
    fi
    COMPREPLY+=("$word")
  done
}

_fuse_svc_names() { fuse-svc list -rno NAME 2>/dev/null; }

# _fuse_svc_options LIST: of mount.fuse.svc(8)
_fuse_svc_options() {
  local name
  compopt -o nospace
  if [[ ${1##*,} == svc=* ]]; then
    while read -r name; do
      _fuse_svc_reply "$1" "svc=$name"
    done < <(_fuse_svc_names)
  else
    _fuse_svc_reply "$1" svc= svc-timeout= svc-suid svc-dev svc-noblk
  fi
}

# _fuse_svc_types TYPE
_fuse_svc_types() {
  local prefix=fuse.svc name
  [[ $1 != fuseblk* ]] || prefix=fuseblk.svc
  _fuse_svc_reply "$1" "$prefix"
  while read -r name; do
    _fuse_svc_reply "$1" "$prefix.$name"
  done < <(_fuse_svc_names)
}

# _fuse_svc_look: what the line says before the cursor. Sets $cur, the word under it, $after, the
# option whose value that is, and $type.
_fuse_svc_look() {
  local words i
  read -ra words <<<"${COMP_LINE:0:COMP_POINT}"
  cur='' after='' type=''
  if [[ ${COMP_LINE:0:COMP_POINT} != *[[:blank:]] ]]; then
    cur=${words[-1]}
    unset 'words[-1]'
  fi
  ((${#words[@]})) || return 0
  after=${words[-1]}
  for i in "${!words[@]}"; do
    case ${words[i]} in
    -t | --types) type=${words[i + 1]-} ;;
    --types=*) type=${words[i]#*=} ;;
    -t*) type=${words[i]#-t} ;;
    esac
  done
  case $cur in
  --types=* | --options=*) after=${cur%%=*} cur=${cur#*=} ;;
  esac
}

# _fuse_svc_is_ours TYPE
_fuse_svc_is_ours() { [[ $1 =~ ^fuse(blk)?\.svc(\..*)?$ ]]; }

# As the completion of mount, in place of $_fuse_svc_other.
_fuse_svc_mount() {
  local cur after type
  _fuse_svc_look
  case $after in
  -o | --options)
    if _fuse_svc_is_ours "$type"; then
      COMPREPLY=()
      _fuse_svc_options "$cur"
      return
    fi
    ;;
  -t | --types)
    if _fuse_svc_is_ours "$cur"; then
      COMPREPLY=()
      _fuse_svc_types "$cur"
      return
    fi
    ;;
  esac
  # shellcheck disable=SC2154 # startup.bash sets it
  "$_fuse_svc_other" "$@"
  if [[ $after == @(-t|--types) && -n $cur && fuse.svc == "$cur"* ]]; then
    _fuse_svc_types "$cur"
  fi
}

_fuse_svc_helper() {
  local cur after type word
  COMPREPLY=()
  _fuse_svc_look
  case $after in
  -o) _fuse_svc_options "$cur" ;;
  -t) _fuse_svc_types "${cur:-fuse.svc}" ;;
  *)
    if [[ $cur == -* ]]; then
      for word in $(mount.fuse.svc --help 2>/dev/null | grep -oE '^ +--?[a-zA-Z-]+'); do
        [[ $word != "$cur"* ]] || COMPREPLY+=("$word")
      done
    else
      compopt -o default
    fi
    ;;
  esac
}
complete -F _fuse_svc_helper mount.fuse.svc mount.fuseblk.svc
