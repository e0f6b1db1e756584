#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The pages about functions say what the headers say, have all that is exported, and are found under
# each function's name.

bats_require_minimum_version 1.5.0
load ../lib
load pages

setup() {
  require namespace
  headers=("$top"/lib/fusesvc*.h "$top"/lib/fuse3/fuse*.h)
  mapfile -t pages < <(pages 3)
}

# exported: all functions, by the names that code has for them
exported() {
  sed -n 's/^\t\([a-z0-9_]*\);$/\1/p' "$top"/lib/{,fuse3/}libfusesvc*.sym |
    sed -E 's/fusesvc_(fuse_service_)/\1/; s/fuse_service_take/fusesvc_&/'
  echo fuse_service_accepted # inline
}

@test "each function stands in the NAME of one page, and in its SYNOPSIS" {
  local page
  diff -u <(exported | sort) <(names_of "${pages[@]}" | grep _ | sort)
  for page in "${pages[@]}"; do
    diff -u <(names_of "$page" | grep _ | sort) \
      <(functions_of_pages "$page" | sed -E 's/\(.*//; s/.*[ *]//' | sort)
  done
}

@test "synopses are the prototypes of the headers" {
  [[ $(functions_of_headers "${headers[@]}" | wc -l) == "$(exported | wc -l)" ]]
  diff -u <(functions_of_headers "${headers[@]}") <(functions_of_pages "${pages[@]}")
}

@test "structures have the members that they have in the headers" {
  [[ $(structs_of_headers "${headers[@]}") == *'struct fusesvc_error{'* ]]
  diff -u <(structs_of_headers "${headers[@]}") <(structs_of_pages "${pages[@]}")
}

@test "each constant of the headers stands in a page" {
  local name
  while read -r name; do
    grep -qE "\\b$name\\b" "${pages[@]}" || fail "no page has $name" || return
  done < <(grep -ohE '\bFUSE(SVC)?_[A-Z_]*[A-Z]\b' "${headers[@]}" | sort -u |
    grep -vE '^FUSESVC_(H|[A-Z]+_H|MUST_CHECK|NONNULL|FUSE_SERVICE_H)$|^FUSE_ARGS_INIT$')
}

@test "fuse-svc-protocol(7) has the packets of the code, by their numbers" {
  diff -u <(sed -En 's/^\tPACKET_(\w+) = (0x\w+),.*\* (\w+) \*.*/\1 \2 \3/p' "$top/lib/packet.h" |
    sed 's/^MESSAGE /MESG /' | sort) \
    <(sed -En 's/^\.It (\w+) , (0x\w+) \((\w+)\)$/\1 \2 \3/p' "$top/lib/fuse-svc-protocol.7" | sort)
  [[ $(<"$top/lib/fuse-svc-protocol.7") == *'HELLO , 0x53414654 (SAFT)'* ]]
}

@test "each function has its page where man(1) looks" {
  local man name
  man=$(dirname "$(find "$FSVC_STAGE" -name libfusesvc.3)")
  while read -r name; do
    grep -qE "^\.Nm $name( |\$)" "$man/$name.3" || fail "no page of $name" || return
  done < <(exported)
}
