# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What tests of the manual pages share: where pages and programs are, and what is in them. Pages are
# read as their authors wrote them, in mdoc; a bats file loads it after lib.bash.

top=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)

# pages SECTION...: all of ours
pages() {
  local section
  for section in "$@"; do
    find "$top"/{lib,plugin,helpers,examples} -name "*.$section" | sort
  done
}

# page_of PROGRAM: the page about it, in a section of commands
page_of() {
  pages 1 8 | grep -E -m 1 "/(fuse-svc-)?${1//./\\.}\.[18]$"
}

# programs: all that are installed, but for links and what configure put in their place
programs() {
  find "$FSVC_STAGE" -type f -perm -u+x ! -name '*.so*' ! -name '*.la' -printf '%p\n' | sort
}

# options_of_help: in what --help says, one a line: "-x", "--long", "mount-option" or "with-value=".
# They begin a line; those of mount(8) come after -o, or under a headline, as commands and columns.
options_of_help() {
  awk '
    function mount_options(words,    i, n, each) {
      n = split(words, each, ",")
      for (i = 1; i <= n; i++)
        if (each[i] ~ /^[a-z][a-z0-9_-]*(=.*)?$/ && each[i] != "opt") {
          sub(/=.*/, "=", each[i])
          print each[i]
        }
    }
    /^[^ ]/ { own = /^(Options of its own|Commands:)/; columns = /^Columns:/ }
    own && /^ +[a-z]/ { mount_options($1) }
    columns {
      for (i = 1; $i ~ /^[A-Z][A-Z-]*,?$/; i++) {
        print substr($i, 1, length($i) - ($i ~ /,/))
        if ($i !~ /,/) break
      }
    }
    /^ +-/ {
      for (i = 1; i <= NF; i++) {
        word = $i
        sub(/[,=].*/, "", word)
        if (word ~ /^-/) print word
        else if ($(i - 1) == "-o") mount_options($i)
        else if ($i !~ /^[<[]?[A-Z]+[]>]?$/) break
      }
    }' | sort -u
}

# options_of_page PAGE: the same, of the items that describe them
options_of_page() {
  awk '
    function plain(    i, macro, word, glue, text) {
      for (i = 2; i <= NF; i++) {
        if ($i ~ /^(Fl|Cm|Ar|Op|No|Pq)$/) { macro = $i; continue }
        if ($i == "Ns") { glue = 1; continue }
        word = macro == "Fl" && $i != "," ? "-" $i : macro == "Ar" ? toupper($i) : $i
        text = text (glue || word == "," ? "" : " ") word
        glue = 0
      }
      return text
    }
    /^\.Sh / { here = /^\.Sh (DESCRIPTION|OPTIONS|COMMANDS)$/ }
    here && /^\.It Cm [A-Z]/ { print "Columns:" }
    here && /^\.It (Fl|Cm) / { print "  " plain(); print "Others:" }' "$1" |
    sed -E 's/^ +([a-z])/  -o \1/; s/, ([a-z_]+=)/,\1/g' | options_of_help |
    if grep -qE '^\.It Fl o' "$1"; then cat; else awk '$0 != "-o"'; fi
}

# options_of_synopsis PAGE: those of the program, not of mount(8)
options_of_synopsis() {
  awk '
    /^\.Sh / { here = $2 == "SYNOPSIS" }
    /^\.Nm/ { other = NF > 1 && $2 ~ /^u?mount$/ }
    here && !other {
      for (i = 1; i < NF; i++)
        if ($i ~ /^\.?Fl$/) {
          if ($(i + 1) ~ /^-/) print "-" $(i + 1)
          else for (j = 1; j <= length($(i + 1)); j++) print "-" substr($(i + 1), j, 1)
        }
    }' "$1" | sort -u
}

#
# The pages about functions
#

# A header's declarations, one a line, in the one way in which they are compared.
plain_header() {
  sed -e ':a' -e '/\\$/{N;s/\\\n/ /;ba}' -e '/^#/d' "$@" | tr -s '\n\t ' ' ' |
    sed -E 's@/\*[^*]*\*+([^/*][^*]*\*+)*/@@g'
}
one_way() { tr -s ' \t' ' ' | sed -E 's/\* /*/g; s/ ?([{};]) ?/\1/g; s/^ //; s/ $//'; }

# functions_of_headers HEADER...: as code writes them; fuse_service.h has macros for the true names
functions_of_headers() {
  plain_header "$@" | sed -E 's/FUSESVC_(MUST_CHECK|NONNULL\([^)]*\))//g; s/[;{}]/\n/g' |
    grep -E '^ *[a-z][a-z0-9_ *]*[ *]fuse[a-z0-9_]*\(' |
    grep -vE '^ *return|fusesvc_fuse(_session)?_new\(' |
    sed -E 's/static inline //; s/fusesvc_(fuse_service_)/\1/; s/fuse_service_take/fusesvc_&/
      /fuse_service_main/s/size_t op_size, //' | one_way | sort
}

# functions_of_pages PAGE...: in their synopses
functions_of_pages() {
  awk '
    /^\.Sh / { here = $2 == "SYNOPSIS" }
    !here { next }
    { text = $0; sub(/^\.[A-Z][a-z] /, "", text); gsub(/"/, "", text) }
    /^\.Ft / { type = text }
    /^\.Fo / { line = type " " text "("; glue = "" }
    /^\.Fa / { line = line glue text; glue = ", " }
    /^\.Fc/ { print line ")" }' "$@" | one_way | sort
}

# structs_of_headers HEADER..., structs_of_pages PAGE...: with their members
structs_of_headers() { plain_header "$@" | grep -oE 'struct [a-z_]+ \{[^}]*\}' | one_way | sort; }
structs_of_pages() {
  cat "$@" | tr '\n' ' ' | grep -oE '\.Bd -literal struct [a-z_]+ \{[^}]*\}' |
    sed 's/\.Bd -literal //' | one_way | sort
}

# names_of PAGE...: what the page is about
names_of() { sed -n '/^\.Sh NAME/,/^\.Nd/s/^\.Nm \([^ ]*\).*/\1/p' "$@"; }

#
# Examples
#

# example PAGE NAME: what stands there after the line '.\" test: NAME'
example() {
  awk -v name="$2" '
    $0 == ".\\\" test: " name { on = 1; next }
    on && /^\.Bd/ { block = 1; next }
    on && /^\.Dl/ { sub(/^\.Dl /, ""); print; next }
    on && (!block || /^\.Ed/) { exit }
    on' "$(find "$top"/{lib,plugin,helpers,examples} -name "$1")" |
    sed -E 's/^\\&//; s/\\[e\\]/\\/g; s/\\-/-/g; s/\\\(dq/"/g'
}

# commands PAGE NAME: an example without prompts
commands() { example "$1" "$2" | sed 's/^# //'; }

# run_example PAGE NAME: as commands of a shell; sets what run_command sets
run_example() {
  local commands
  commands=$(commands "$1" "$2")
  [[ -n $commands ]] || fail "$1 has no example \"$2\"" || return
  run_command bash -euc "$commands"
}
