#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What --help lists is what the page describes, for each program that is installed: option by
# option, mount options of our own among them, in both directions.

bats_require_minimum_version 1.5.0
load ../lib
load pages

setup() { require namespace; }

# help_of PROGRAM: with that of each of its commands
help_of() {
  local help command
  help=$("$1" --help) || return
  printf '%s\n' "$help"
  while read -r command; do
    "$1" "$command" --help || return
  done < <(sed -n '/^Commands:/,/^$/s/^ \([a-z]*\) .*/\1/p' <<<"$help")
}

# agree PROGRAM
agree() {
  local help page
  page=$(page_of "${1##*/}")
  [[ -n $page ]] || fail "$1: there is no page about it" || return
  help=$(help_of "$1") || fail "$1 --help fails" || return
  diff --label "${1##*/} --help" --label "${page##*/}" -u \
    <(options_of_help <<<"$help") <(options_of_page "$page") ||
    fail "$1: --help and the page do not list the same options" || return
  diff <(options_of_synopsis "$page" | comm -23 - <(options_of_page "$page")) /dev/null ||
    fail "$page: the synopsis has options that the page does not describe"
}

@test "the parsers see options where there are some" {
  local text
  text=$(options_of_help <<<$' -a, --all   x\n -o, --out LIST  x
    -b   --bee  -c\n -o uid=N,ro  x\n -no option
Options of its own:\n svc=NAME   x\nAll others -z\n and so on\nColumns:\n  SIZE x
Commands:\n go NO')
  assert_equal "${text//$'\n'/ }" '--all --bee --out -a -b -c -no -o SIZE go ro svc= uid='
  printf '%s\n' '.Sh SYNOPSIS' '.Nm mount' '.Fl t' '.Nm' '.Op Fl ab' '.Fl -help | Fl -all' \
    '.Sh DESCRIPTION' '.It Fl a , Fl -all' '.It Fl N Ar ns' '.It Cm SIZE , USED' \
    '.It Cm uid Ns = Ns Ar number , Cm svc=' \
    '.It Fl o Cm size Ns = Ns Ar bytes' '.Sh FILES' '.It Cm none' >"$BATS_TEST_TMPDIR/page"
  text=$(options_of_page "$BATS_TEST_TMPDIR/page")
  assert_equal "${text//$'\n'/ }" '--all -N -a -o SIZE USED size= svc= uid='
  text=$(options_of_synopsis "$BATS_TEST_TMPDIR/page")
  assert_equal "${text//$'\n'/ }" '--all --help -a -b'
}

@test "--help and the page list the same options" {
  local program n=0 bad=0
  while read -r program; do
    agree "$program" || bad=$((bad + 1))
    n=$((n + 1))
  done < <(programs)
  ((n >= 2)) || fail "only $n programs found"
  ((bad == 0))
}
