# SPDX-License-Identifier: GPL-2.0-or-later
#
# Figures of one run of a program, from what strace -ff -y wrote: a file for each process, that of
# the program itself first.
#
#   awk -v name=NAME -v socket=PATH -v last=TEXT -f trace.awk FILE...
#
# socket is the one that packets go over; last, for a server: what follows the call with this text
# is not counted, nor are other processes and threads.
#
# Not counted: what the dynamic loader does, which depends on the processor and on folders (the
# libraries that it opens are); calls that wait, or find nothing to be done, of which there are more
# or fewer from run to run; and another program, once it is executed.

function count(key) { figures[name "." key]++ }
function add(key, n) { figures[name "." key] += n }

function stop(text) {
  print "trace.awk: " name ": " text >"/dev/stderr"
  failed = 1
  exit 1
}

# The packet that a call sent or received; the return value is the size.
function packet(direction) {
  if ($NF !~ /^[0-9]+$/ || $NF == 0) return
  count("packets." direction)
  add("bytes." direction, $NF)
}

function waits(call) {
  return call ~ /^(poll|ppoll|select|pselect6|epoll_wait|epoll_pwait|wait4|waitid|futex)$/ ||
    call ~ /^(rt_sigtimedwait|rt_sigreturn|restart_syscall|nanosleep|clock_nanosleep)$/ ||
    / = -1 EAGAIN / || / = -1 EINTR / || / = \? ERESTART/ ||
    /^read\([0-9]+<anon_inode:\[signalfd\]>/
}

# In the loader: it is done with when it gives back its list of libraries.
function load(call) {
  if (call == "openat" && $NF ~ /\.so/ && $NF !~ /ld\.so\.cache>$/) count("libraries")
  else if (call == "mmap" && /<\/etc\/ld\.so\.cache>/) cache = $NF
  else if (call == "munmap" && cache != "" && index($0, "munmap(" cache ",") == 1) loading = 0
}

FNR == 1 {
  process++
  role[process] = process == 1 ? "parent" : "worker"
  ended = 0
  service = "\n"
}

process == 1 && FNR == 1 {
  if (!/^execve\(.* = 0$/) stop("does not begin with a program: " $0)
  loading = 1
  next
}

# Signals and ends of processes are no calls.
ended || (last != "" && process > 1) || !/^[a-z_0-9]+\(/ { next }

{ call = substr($0, 1, index($0, "(") - 1) }

loading { load(call); next }

!waits(call) {
  calls[process]++
  count("calls")
  count("call." call)
}

call ~ /^(fork|vfork|clone|clone3)$/ && !/CLONE_THREAD/ && $NF ~ /^[0-9]+(<.*>)?$/ {
  count("forks")
}
call ~ /^execve(at)?$/ && / = 0$/ { count("execs"); ended = 1 }
call == "connect" && socket != "" && index($0, "sun_path=\"" socket "\"") {
  role[process] = "talker"
  service = substr($0, 9, index($0, ",") - 9) # like 7<socket:[4711]>
}
call ~ /^(mount|move_mount)$/ && / = 0$/ && process > 1 { role[process] = "mounter" }
call ~ /^(sendmsg|sendto|write)$/ && index($0, call "(" service ",") == 1 { packet("sent") }
call ~ /^(recvmsg|recvfrom|read)$/ && index($0, call "(" service ",") == 1 { packet("received") }
last != "" && index($0, last) { ended = 1; found = 1 }

END {
  if (failed) exit 1
  if (!process) stop("no trace")
  if (loading) stop("the dynamic loader's part has no end")
  if (last != "" && !found) stop("it never came to " last)
  if (process > 1 && last == "")
    for (p = 1; p <= process; p++) add("calls." role[p], calls[p])
  for (key in figures) print key, figures[key]
}
