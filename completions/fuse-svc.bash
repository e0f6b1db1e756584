# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Completion of fuse-svc(8). bash-completion loads it when it is wanted. The program itself says
# what it understands, so nothing here can be out of date.

# _fuse_svc_offer WORD...: those that begin with $cur
_fuse_svc_offer() {
  local word
  for word; do
    [[ $word != "$cur"* ]] || COMPREPLY+=("$word")
  done
}

# _fuse_svc_values COMMAND COLUMN: what fuse-svc has in a column; it writes odd bytes as \xNN. They
# are quoted here: the shell would look at what it takes for names of files, and hang with a server.
_fuse_svc_values() {
  local line
  while read -r line; do
    printf -v line %b "$line"
    [[ -z $line ]] || _fuse_svc_offer "$(printf %q "$line")"
  done < <(fuse-svc "$1" -rno "$2" 2>/dev/null | sort -u)
}

# _fuse_svc_help COMMAND...: the options that its help lists
_fuse_svc_help() {
  local word
  while read -r word; do
    _fuse_svc_offer "$word"
  done < <("$@" --help 2>/dev/null | grep '^ ' | grep -oE '(^| )--?[a-zA-Z][a-z-]*' | tr -d ' ')
}

# _fuse_svc_columns COMMAND: a list with commas
_fuse_svc_columns() {
  local list=$cur name
  compopt -o nospace
  [[ $list == *,* ]] && list=${list%,*}, || list=${list%%[^+]*}
  while read -r name; do
    [[ ,${list#+} == *",$name,"* ]] || _fuse_svc_offer "$list$name"
  done < <(fuse-svc "$1" --help 2>/dev/null |
    sed -n '/^Columns:/,/^$/s/^ *\([A-Z][A-Z-]*\)  .*/\1/p')
}

_fuse_svc_commands() {
  local name
  while read -r name; do
    _fuse_svc_offer "$name"
  done < <(fuse-svc --help 2>/dev/null | sed -n '/^Commands:/,/^$/s/^ \([a-z]*\) .*/\1/p')
}

_fuse_svc() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    if [[ $cur == -* ]]; then _fuse_svc_help fuse-svc; else _fuse_svc_commands; fi
  elif [[ $prev == -o || $prev == --output ]]; then
    _fuse_svc_columns "$command"
  elif [[ $cur == -* ]]; then
    _fuse_svc_help fuse-svc "$command"
  else
    case $command in
    list | doctor) _fuse_svc_values list NAME ;;
    status)
      _fuse_svc_values status TARGET
      _fuse_svc_values status SOURCE
      ;;
    probe) compopt -o default ;;
    esac
  fi
}
complete -F _fuse_svc fuse-svc
