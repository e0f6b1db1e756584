#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Costs that are counted: none is more than what is kept in tests/counts/figures, by more than a
# tenth. FSVC_COUNTS says which kinds were kept for what is built here, configure finds that out:
# all of them for gcc -O2 on the release of Debian where they were counted; packets everywhere.
#
# shellcheck disable=SC2034,SC2154 # variables of counts.bash

load ../lib
load counts

setup() {
  [[ -z ${FSVC_VALGRIND:-} ]] || skip "the helper runs under valgrind itself"
}

teardown() { [[ -z ${FSVC_INSIDE:-} ]] || assert_nothing_left; }

# tell TEXT...: in the test's output, also if it succeeds
tell() { printf '# %s\n' "$@" >&3; }

# What is more once may be so by who was faster; what costs more is more each time.
@test "counts: nothing costs more than it did" {
  local kinds i
  read -ra kinds <<<"${FSVC_COUNTS:-packets}"
  require root namespace fuse tool strace tool systemd-socket-activate tool xorriso \
    server null server archive
  [[ " ${kinds[*]} " != *" instructions "* ]] || require tool valgrind
  read_kept "$BATS_TEST_DIRNAME/figures"
  for ((i = 0; i < 5; i++)); do
    count_again "$BATS_TEST_TMPDIR/counted" "${kinds[@]}"
    compare "${kinds[@]}"
    if ((${#grown[@]} == 0)); then break; fi
  done
  tell "counted: ${kinds[*]}"
  if ((${#shrunk[@]})); then
    tell "less than what is kept, today: make counts COUNTS_UPDATE=1, and commit it" "${shrunk[@]}"
  fi
  if ((${#grown[@]})); then
    printf '%s\n' "more than what is kept, today:" "${grown[@]}" \
      "If that is meant: make counts COUNTS_UPDATE=1, and say why when you commit it."
    return 1
  fi
}

# compared NAME KEPT TODAY: "grown", "shrunk" or nothing
compared() {
  kept=() today=()
  [[ $2 == 0 ]] || kept[$1]=$2
  [[ $3 == 0 ]] || today[$1]=$3
  compare packets calls instructions
  echo "${grown[*]:+grown}${shrunk[*]:+shrunk}"
}

@test "counts: a figure may grow by a tenth, a call's name by two" {
  assert_equal "$(compared a.mount.calls 100 110)" ''
  assert_equal "$(compared a.mount.calls 100 111)" grown
  assert_equal "$(compared a.mount.calls 111 100)" shrunk
  assert_equal "$(compared a.mount.calls 110 100)" ''
  assert_equal "$(compared a.mount.forks 3 4)" grown
  assert_equal "$(compared a.mount.execs 0 1)" grown
  assert_equal "$(compared a.mount.execs 1 0)" shrunk
  assert_equal "$(compared a.mount.call.read 1 3)" ''
  assert_equal "$(compared a.mount.call.read 1 4)" grown
  assert_equal "$(compared a.mount.call.read 0 3)" grown
  assert_equal "$(compared a.mount.call.read 50 55)" ''
  assert_equal "$(compared a.mount.instructions 1000000 1100001)" grown
}

@test "counts: only the kinds that are asked for are compared" {
  kept=([a.mount.calls]=1 [a.mount.instructions]=1 [a.mount.packets.sent]=1)
  today=([a.mount.calls]=9 [a.mount.instructions]=9 [a.mount.packets.sent]=9)
  compare packets
  assert_equal "${#grown[@]}" 1
  [[ ${grown[0]} == a.mount.packets.sent*' 1 '*' 9 '*'+800.0 %' ]]
  compare packets calls instructions
  assert_equal "${#grown[@]}" 3
}

# Two processes. Of the first, the loader's calls come first.
@test "counts: what is read off a trace" {
  cd "$BATS_TEST_TMPDIR"
  cat >t.9 <<'END'
execve("/sbin/mount.fuse.svc", ["a"], 0x1 /* 2 vars */) = 0
openat(AT_FDCWD</>, "/etc/ld.so.cache", O_RDONLY|O_CLOEXEC) = 3</etc/ld.so.cache>
mmap(NULL, 43835, PROT_READ, MAP_PRIVATE, 3</etc/ld.so.cache>, 0) = 0x7f00
openat(AT_FDCWD</>, "/lib/libc.so.6", O_RDONLY|O_CLOEXEC) = 3</usr/lib/libc.so.6>
munmap(0x7f001, 4096) = 0
munmap(0x7f00, 43835) = 0
getuid() = 0
clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7) = 10<mount.fuse.svc>
clone3({flags=CLONE_VM|CLONE_THREAD, stack=0x7}, 88) = 11
clone(child_stack=NULL, flags=SIGCHLD) = -1 EAGAIN (Resource temporarily unavailable)
poll([{fd=4}], 1, -1) = 1 ([{fd=4, revents=POLLIN}])
read(4<anon_inode:[signalfd]>, "\21\0\0\0"..., 128) = 128
--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED} ---
execve("/usr/sbin/umount", ["umount"], 0x1) = -1 ENOENT (No such file or directory)
execve("/usr/bin/umount", ["umount"], 0x1) = 0
brk(NULL) = 0x7
END
  cat >t.10 <<'END'
sendmsg(5<socket:[7]>, {msg_iovlen=1}, MSG_NOSIGNAL) = 99
connect(7<socket:[8]>, {sa_family=AF_UNIX, sun_path="/run/filesystems/a"}, 110) = 0
sendmsg(7<socket:[8]>, {msg_iov=[{iov_base="SAFT", iov_len=12}]}, MSG_NOSIGNAL) = 12
recvmsg(7<socket:[8]>, {msg_namelen=0}, MSG_DONTWAIT) = -1 EAGAIN (Resource temporarily unavailable)
recvmsg(7<socket:[8]>, {msg_iov=[{iov_base="LAST", iov_len=65536}]}, MSG_DONTWAIT) = 8
recvmsg(7<socket:[8]>, {msg_namelen=0}, MSG_DONTWAIT) = 0
END
  awk -v name=a -v socket=/run/filesystems/a -f "$counts_dir/trace.awk" t.9 t.10 | sort >figures
  cat <<'END' | diff - figures
a.bytes.received 8
a.bytes.sent 12
a.call.clone 1
a.call.clone3 1
a.call.connect 1
a.call.execve 2
a.call.getuid 1
a.call.recvmsg 2
a.call.sendmsg 2
a.calls 10
a.calls.parent 5
a.calls.talker 5
a.execs 1
a.forks 1
a.libraries 1
a.packets.received 1
a.packets.sent 1
END
  sed -i '/munmap(0x7f00,/d' t.9
  run awk -v name=a -f "$counts_dir/trace.awk" t.9
  [[ $status != 0 && $output == *'has no end'* ]]
}

# part PID PART TOTAL LINE...: a file as callgrind writes it
part() {
  printf '%s\n' 'version: 1' "pid: $1" 'cmd: a' "part: $2" "${@:4}" "totals: $3"
}

# What a called function costs is told where that function is, and so not counted with the call.
@test "counts: what is read off callgrind's files" {
  cd "$BATS_TEST_TMPDIR"
  part 9 1 15 'ob=(1) /usr/lib/ld-linux-x86-64.so.2' 'fn=(1) dl_main' '0 5' 'ob=(2) /sbin/a' \
    'fn=(2) main' '0 7' 'cob=(3) /usr/lib/libc.so.6' 'cfn=(3) fork' 'calls=1 0' '0 3' \
    'ob=(3)' 'fn=(3)' '+3 3' >i.9.1
  part 9 2 4 'ob=(1) /sbin/a' 'fn=(2) main' '* 4' >i.9.2
  part 10 1 30 'ob=(1) /sbin/a' 'fn=(2) talk' '0 20' 'cfn=(3) fusesvc_client_connect' 'calls=1 0' \
    '0 10' 'fn=(3)' '0 10' >i.10
  awk -v name=a -f "$counts_dir/instructions.awk" i.9.1 i.9.2 i.10 | sort >figures
  cat <<'END' | diff - figures
a.instructions 44
a.instructions.loader 5
a.instructions.parent 14
a.instructions.talker 30
END
  sed -i 's/^totals: .*/totals: 31/' i.10
  run awk -v name=a -f "$counts_dir/instructions.awk" i.9.1 i.9.2 i.10
  [[ $status != 0 && $output == *'make 30 instructions, not 31'* ]]
}
