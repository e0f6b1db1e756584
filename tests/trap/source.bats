#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=mount
#
# What a server that knows nothing of contained services sees of its source under fuse-svc-run, and
# of all other files; and what surrounds it.

# shellcheck disable=SC2016 # the odd server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2154 # what tests/lib.bash sets, in a subshell for each test
load ../lib
load trap

setup() { prepare_trap; }
teardown() { clean_up_trap; }

# look LINE...: the server obeys, and gives up
look() {
  obey "$@" 'say enough'
  odd_mount "${options[@]}"
  assert_mount_fails 32 'odd: enough'
  assert_log_matches 'start: [0-9]+'
  assert_nothing_left
}
options=()
no_signals='(0000000[01]80000000|0{16})' # two are the C library's, which lets nobody change them

@test "source: all calls that look at it tell the truth" {
  [[ $(uname -m) == x86_64 ]] || skip "no stat(2)"
  look "same \$SOURCE $img"
  assert_log 'same '{stat,lstat,newfstatat,nofollow,statx}': yes'
}

@test "source: of a static program too" {
  preset "program = $FSVC_LIBEXECDIR/odd-static"
  look "same \$SOURCE $img" 'head $SOURCE' 'memory'
  assert_log 'same '{newfstatat,nofollow,statx}': yes' 'head /source: 1' 'edge: OK'
  obey good
  odd_mount
  assert_ends_well
}

@test "source: in a thread, in a child, in the background" {
  obey "thread same \$SOURCE $img" 'thread head $SOURCE' "child same \$SOURCE $img" wait daemon \
    'head $SOURCE' 'say enough'
  odd_mount
  assert_mount_fails 32 'odd: enough'
  assert_equal "$(grep -c 'same .*: yes' "$log")" 10
  assert_equal "$(grep -c 'head /source: 1$' "$log")" 2
}

@test "source: access" {
  look 'call access $SOURCE 0' 'call access $SOURCE 6' 'call access $SOURCE 1' \
    'call faccessat -100 /source 6' 'call faccessat2 -100 /source 2 0' \
    'call faccessat2 -100 /source 2 0x200' 'call access $SOURCE 64'
  assert_log 'call access /source 0: OK' 'call access /source 6: OK' \
    'call access /source 1: EACCES' 'call faccessat -100 /source 6: OK' \
    'call faccessat2 -100 /source 2 0: OK' 'call faccessat2 -100 /source 2 0x200: OK' \
    'call access /source 64: EINVAL'
  options=(-r)
  look 'call access $SOURCE 4' 'call access $SOURCE 2' 'call faccessat2 -100 /source 6 0'
  assert_log 'call access /source 4: OK' 'call access /source 2: EROFS' \
    'call faccessat2 -100 /source 6 0: EROFS'
}

@test "source: it is no link, and openat2 is not there" {
  look 'call readlink $SOURCE BUFFER 100' 'call readlinkat -100 /source BUFFER 100' \
    'realpath $SOURCE' 'call openat2 -100 /source HOW 24' "call openat2 -100 $img HOW 24"
  assert_log 'call readlink /source BUFFER 100: EINVAL' \
    'call readlinkat -100 /source BUFFER 100: EINVAL' 'realpath: /source' \
    'call openat2 -100 /source HOW 24: ENOSYS' "call openat2 -100 $img HOW 24: OK"
}

@test "source: flags of open" {
  look 'open $SOURCE O_RDONLY' 'open $SOURCE O_RDWR|O_CLOEXEC' 'open $SOURCE O_WRONLY' \
    'open $SOURCE O_RDWR|O_EXCL' 'open $SOURCE O_RDWR|O_CREAT|O_EXCL' 'open $SOURCE O_RDWR|O_CREAT' \
    'open $SOURCE O_RDWR|O_TRUNC' 'open $SOURCE O_RDONLY|O_TRUNC' 'open $SOURCE O_RDWR|O_CREAT|O_TRUNC' \
    'open $SOURCE O_RDONLY|O_DIRECTORY' 'open $SOURCE O_PATH' 'open $SOURCE O_PATH|O_DIRECTORY' \
    'open $SOURCE O_RDWR|O_APPEND' 'open $SOURCE O_RDWR|O_TMPFILE' 'open $SOURCE O_RDONLY|O_NOFOLLOW' \
    'open $SOURCE O_RDWR|O_SYNC|O_NONBLOCK|O_NOCTTY' 'call open $SOURCE 3 0'
  assert_log 'open /source O_RDONLY: OK' 'open /source O_RDWR|O_CLOEXEC: OK cloexec' \
    'open /source O_WRONLY: OK' 'open /source O_RDWR|O_EXCL: OK' \
    'open /source O_RDWR|O_CREAT|O_EXCL: EEXIST' 'open /source O_RDWR|O_CREAT: OK' \
    'open /source O_RDWR|O_TRUNC: EPERM' 'open /source O_RDONLY|O_TRUNC: EPERM' \
    'open /source O_RDWR|O_CREAT|O_TRUNC: EPERM' 'open /source O_RDONLY|O_DIRECTORY: ENOTDIR' \
    'open /source O_PATH: EPERM' 'open /source O_RDWR|O_APPEND: EINVAL' \
    'open /source O_RDWR|O_TMPFILE: ENOTDIR' 'open /source O_RDONLY|O_NOFOLLOW: OK' \
    'open /source O_RDWR|O_SYNC|O_NONBLOCK|O_NOCTTY: OK' 'call open /source 3 0: EINVAL'
  assert_image_untouched
}

@test "source: read-only, by the caller or by the preset, it is never open for writing" {
  local attempts=(O_RDWR O_WRONLY 'O_RDWR|O_EXCL' 'O_RDWR|O_CREAT' 'O_WRONLY|O_TRUNC' 'O_RDONLY|O_TRUNC')
  local how flags
  for how in caller preset; do
    if [[ $how == preset ]]; then preset 'access = read-only' && options=(); else options=(-r); fi
    look "${attempts[@]/#/open /source }" 'open $SOURCE O_RDONLY' 'open $SOURCE O_RDWR|O_CREAT|O_EXCL' \
      'call truncate $SOURCE 0' 'call unlink $SOURCE'
    for flags in "${attempts[@]}"; do
      assert_log "open /source $flags: EROFS"
    done
    assert_log 'open /source O_RDONLY: OK' 'open /source O_RDWR|O_CREAT|O_EXCL: EEXIST' \
      'call truncate /source 0: ENOENT' 'call unlink /source: ENOENT'
    assert_image_untouched
  done
}

@test "source: a file that cannot be written is read-only, whatever the preset says" {
  chattr +i "$img" 2>/dev/null || skip "no immutable files here"
  obey 'open $SOURCE O_RDWR' 'open $SOURCE O_RDONLY' good
  odd_mount || true
  chattr -i "$img"
  assert_status 0
  [[ $stderr == *'warning: the source cannot be written to: mounted read-only' ]]
  assert_option ro
  assert_log 'open /source O_RDWR: EROFS' 'open /source O_RDONLY: OK'
  unmount
}

@test "source: each open has an offset of its own, and their number is bounded" {
  look 'offsets $SOURCE' 'opens 300 $SOURCE' 'open $SOURCE O_RDONLY'
  assert_log 'offsets: 10 0' 'open /source O_RDONLY: EMFILE'
  assert_log_matches 'opens: 25[0-9], then EMFILE'
}

@test "source: once it is mounted it is there no more" {
  obey fuse mount 'open $SOURCE O_RDONLY' get-init 'put-init 0' 'sleep 0.2' 'open $SOURCE O_RDONLY' \
    "same \$SOURCE $img" 'call access $SOURCE 4' fuse serve
  odd_mount
  assert_status 0
  assert_log 'fuse: ENODEV' 'open /source O_RDONLY: ENXIO' 'same newfstatat: ENXIO' \
    'same statx: ENXIO' 'call access /source 4: ENXIO'
  unmount
}

@test "source: paths that are not it go their way" {
  echo other >"$BATS_TEST_TMPDIR/other"
  look "head $BATS_TEST_TMPDIR/other" 'head /source/' 'head //source' 'head /sourcex' 'head /sourc' \
    'head /nonexistent' 'open /run O_RDONLY|O_DIRECTORY' 'call readlink /proc/self BUFFER 10' \
    "call truncate $BATS_TEST_TMPDIR/other 3" 'same /dev/null /dev/null'
  assert_log "head $BATS_TEST_TMPDIR/other: other" 'head /nonexistent: EBADF' 'head /sourcex: EBADF' \
    'open /run O_RDONLY|O_DIRECTORY: OK' 'call readlink /proc/self BUFFER 10: OK' 'same statx: yes'
  assert_equal "$(<"$BATS_TEST_TMPDIR/other")" oth
}

@test "source: lists of users have nobody but the server" {
  look 'head /etc/passwd' 'head /etc/group' 'change /etc/passwd' 'change /proc/filesystems'
  assert_log 'head /etc/passwd: fuse-svc:x:0:0::/:/bin/false' 'head /etc/group: fuse-svc:x:0:' \
    'change /etc/passwd: EPERM' 'change /proc/filesystems: EPERM'
}

@test "source: paths that cannot be read, and answers that cannot be written" {
  look memory race
  assert_log 'null: EFAULT' 'unmapped: EFAULT' 'kernel: EFAULT' 'unterminated: EFAULT' 'edge: OK' \
    'unterminated source: EFAULT' 'large: ENAMETOOLONG' 'large source: ENAMETOOLONG' \
    'read-only answer: EFAULT' 'null answer: EFAULT' 'race: all, 0 others'
}

@test "source: a process that nobody may look into" {
  look undumpable 'head $SOURCE' fuse
  assert_log 'undumpable: OK' 'head /source: 1'
}

@test "server: it has three descriptors, a plain environment, and plain signals" {
  look fds environment 'status NoNewPrivs' 'status Sig' 'status Seccomp:'
  assert_equal "$(grep '^fd:' "$log" | sort | tr -d '\n')" 'fd: 0fd: 1fd: 2'
  assert_equal "$(grep '^environment:' "$log" | sort | tr '\n' ' ')" \
    'environment: HOME=/ environment: LANG=C.UTF-8 environment: PATH=/usr/sbin:/usr/bin:/sbin:/bin '
  assert_log $'NoNewPrivs:\t1' $'SigBlk:\t0000000000000000' $'Seccomp:\t2'
  assert_log_matches $'SigIgn:\t'"$no_signals"
}

@test "server: even if whoever starts it has strange signals, descriptors and variables" {
  stop_services
  : >"$BATS_TEST_TMPDIR/service.log"
  printf '#!/bin/bash\ntrap "" TERM INT CHLD PIPE USR1 SEGV\nexec 4</dev/null 8</dev/null 9>&2\n%s\n' \
    "export LD_DEBUG=bogus LD_BIND_NOW=1 EVIL=1; exec \"\$@\"" >"$BATS_TEST_TMPDIR/strange"
  chmod 755 "$BATS_TEST_TMPDIR/strange"
  start_service odd -- "$BATS_TEST_TMPDIR/strange" "$FSVC_LIBEXECDIR/fuse-svc-run" odd
  look fds environment 'status Sig'
  assert_equal "$(grep '^fd:' "$log" | sort | tr -d '\n')" 'fd: 0fd: 1fd: 2'
  refute_log EVIL LD_ LISTEN
  assert_log $'SigBlk:\t0000000000000000'
  assert_log_matches $'SigIgn:\t'"$no_signals"
  obey good
  odd_mount
  assert_ends_well
}
