# SPDX-License-Identifier: GPL-2.0-or-later
#
# Instructions of one run of a program, from what callgrind wrote: files for each process, which has
# one for each time that it forked and one for its end; those of the program itself first.
#
#   awk -v name=NAME -f instructions.awk FILE...
#
# The dynamic loader's stand by themselves: they are most of the start of a short program, and grow
# with each library.

function add(key, n) { figures[name "." key] += n }

function stop(text) {
  print "instructions.awk: " FILENAME ": " text >"/dev/stderr"
  failed = 1
  exit 1
}

function end_of_part() {
  if (sum != total) stop("its lines make " sum " instructions, not " total)
}

# Strings are written once, with a number; from then on the number stands for it.
function object(text, id) {
  id = substr(text, 1, index(text, ")"))
  if (length(text) > length(id)) objects[id] = substr(text, length(id) + 2)
  if (!(id in objects)) stop("what is object " id "?")
  return objects[id]
}

FNR == 1 {
  if (NR > 1) end_of_part()
  sum = total = 0
  split("", objects)
}

/^pid: / && !($2 in seen) {
  process++
  seen[$2] = process
  role[process] = process == 1 ? "parent" : "worker"
}
/^pid: / { p = seen[$2] }
/^totals: / { total = $2 }
/^ob=/ { loader = object(substr($0, 4)) ~ /\/ld-linux[^\/]*$/ }
/^cob=/ { object(substr($0, 5)) }
/^c?fn=.* fusesvc_client_connect$/ { role[p] = "talker" }
/^c?fn=.* (mount|move_mount)$/ && p > 1 { role[p] = "mounter" }

# What a function costs that is called is told where it stands itself.
/^calls=/ { getline; next }

/^[0-9+*-]/ {
  sum += $2
  if (loader) add("instructions.loader", $2)
  else own[p] += $2
}

END {
  if (failed) exit 1
  if (!process) stop("nothing was counted")
  end_of_part()
  for (p = 1; p <= process; p++) {
    all += own[p]
    if (process > 1) add("instructions." role[p], own[p])
  }
  add("instructions", all)
  for (key in figures) printf "%s %d\n", key, figures[key]
}
