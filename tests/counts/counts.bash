# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Figures that are kept beside today's: what has grown, and what has shrunk. A figure is a line
# "NAME VALUE", as tests/counts/count prints them; one that is missing is 0.

counts_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tolerance=10 # percent
declare -gA kept=() today=()

# read_kept FILE
read_kept() {
  local name value
  kept=()
  while read -r name value; do
    [[ -z $name || $name == "#"* ]] || kept["$name"]=$value
  done <"$1"
}

# count_again FILE KIND...: by way of FILE into today, where the least of all that was counted stays
count_again() {
  local name value
  "$counts_dir/count" "${@:2}" >"$1" || return
  while read -r name value; do
    if [[ -z ${today[$name]:-} ]] || ((value < today[$name])); then today["$name"]=$value; fi
  done <"$1"
}

# is_kind NAME KIND...
is_kind() {
  case $1 in
  *.packets.* | *.bytes.* | *.forks | *.execs) [[ " ${*:2} " == *' packets '* ]] ;;
  *.instructions*) [[ " ${*:2} " == *' instructions '* ]] ;;
  *) [[ " ${*:2} " == *' calls '* ]] ;;
  esac
}

# is_more NAME A B: is B more than A, by more than is tolerated? A name of a call may come up twice
# more, if the sums do not mind: names are there to explain these.
is_more() {
  local room=0
  [[ $1 != *.call.* ]] || room=2
  (($3 * 100 > $2 * (100 + tolerance) && $3 > $2 + room))
}

# names KIND...: of all figures
names() {
  local name
  for name in "${!kept[@]}" "${!today[@]}"; do
    if is_kind "$name" "$@"; then printf '%s\n' "$name"; fi
  done | LC_ALL=C sort -u
}

# compare KIND...: sets grown and shrunk, which have a row for each figure
compare() {
  local name from to
  grown=() shrunk=()
  while read -r name; do
    from=${kept[$name]:-0} to=${today[$name]:-0}
    if is_more "$name" "$from" "$to"; then
      grown+=("$(row "$name")")
    elif is_more "$name" "$to" "$from"; then
      shrunk+=("$(row "$name")")
    fi
  done < <(names "$@")
}

# row NAME: kept, today, and the change in percent
row() {
  local from=${kept[$1]:-0} to=${today[$1]:-0} change=new sign=+ by
  if ((from > 0)); then
    ((to >= from)) || sign=-
    by=$(((to - from) * 1000 / from))
    change=$sign$((${by#-} / 10)).$((${by#-} % 10))' %'
  fi
  printf '%-36s %12d %12d %10s' "$1" "$from" "$to" "$change"
}
