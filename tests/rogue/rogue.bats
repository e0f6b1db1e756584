#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=mount
#
# Servers on our library, started by a helper that is hostile or broken (tests/rogue/rogue, which
# says what a script can be). Whatever it does, a server ends soon and by itself, with an error
# exit code and a line in its log, and never by a signal.
#
# A helper that says nothing at all is left to the unit tests, whose clock leaps: a server waits
# for it for 90 seconds.

# shellcheck disable=SC2016 # scripts of the helper have variables of their own
# shellcheck disable=SC2030,SC2031,SC2154 # what tests/lib.bash sets, in a subshell for each test
bats_require_minimum_version 1.5.0
load ../lib
load rogue

setup() { prepare_rogue; }
teardown() { clean_up; }

readonly breach='the peer broke the protocol' closed='the peer closed the connection or died'

#
# Before the conversation
#

connections() {
  local start
  for start in closed stream dgram listening unconnected inet pipe file two many; do
    attack "taking over the service's socket" '' "$start"
  done
}

@test "rogue: descriptor 3 is no connection of ours" {
  each_server connections
}

# Without arguments they cannot do anything either.
ordinary_programs() {
  local start
  for start in none no-fds no-pid other-pid zero negative no-number empty huge; do
    attack '' '' "$start"
  done
}

@test "rogue: not started as a service, servers are ordinary programs" {
  each_server ordinary_programs
}

hellos() {
  attack 'impossible hello' 'hello 2 1'
  attack 'impossible hello' 'hello 65535 0'
  attack 'no protocol version' 'hello 2 2'
  attack 'no protocol version' 'hello 2 65535'
  attack 'no protocol version' 'hello 0 0'
  attack 'impossible hello' 'hello 1 1 4'
  attack 'impossible hello' 'hello 1 1 0x80000000'
  attack 'impossible hello' 'hello 1 1 0xffffffff'
  attack "$breach" 'raw 53414654'
  attack "$breach" 'raw 5341465400010001000000'
  attack "$breach" 'raw 534146540001000100000000ff'
  attack "$breach" 'raw 544641530001000100000000'
  attack "$breach" 'raw 00'
  attack "$closed" 'raw'
  attack 'no hello' 'argv'
  attack 'no hello' 'fusedev fuse'
  attack 'no hello' 'reply 0'
  attack "$breach" 'hello; hello; argv; fusedev fuse'
  attack "$breach" 'hello; reply 0; argv; fusedev fuse'
  attack 'no hello' 'raw 534146540001000100000000 null'
  attack "$breach" 'raw 534146540001000100000000 null null'
  attack "$breach" 'pad 534146540001000100000000 65536 0'
  attack "$breach" 'pad 534146540001000100000000 70000 0'
  accept 'hello 0 1 0; play 99'
  accept 'hello 1 65535 0; play 99'
}

@test "rogue: hellos" {
  each_server hellos
}

#
# The argv memfd: magic, argc; position and length of svc, SOURCE, TARGET; strings from 32 on
#

# corrupt COMMAND...: one that sends argv
corrupt() {
  local command
  for command in "$@"; do
    attack 'malformed arguments' "hello; $command; fusedev fuse"
  done
}

same_strings() {
  printf '415247530000000%d' 3
  printf '%08x%08x' 32 64 32 64 32 64
  printf '61%.0s' {1..63}
  printf '00'
}

corrupt_arguments() {
  local size
  # cut short
  corrupt 'argv-cut 0' 'argv-cut 1' 'argv-cut 7' 'argv-cut 8' 'argv-cut 31' 'argv-cut 32' \
    'argv-cut 35' 'argv-cut 36' 'argv-cut -9'
  # magic and number
  corrupt 'argv-patch 0 0' 'argv-patch 0 0x53475241' 'argv-patch 4 0' 'argv-patch 4 0xffffffff' \
    'argv-patch 4 0x7fffffff' 'argv-patch 4 0x80000000' 'argv-patch 4 0x20000000' \
    'argv-patch 4 0x20000003' 'argv-patch 4 4' 'argv-patch 4 1000' 'argv-hex 4152475300000001'
  # positions and lengths: in the header, outside, wrapping, nothing
  corrupt 'argv-patch 8 0' 'argv-patch 8 31' 'argv-patch 8 0xffffffff' 'argv-patch 8 0x7fffffff' \
    'argv-patch 24 1048576' 'argv-patch 12 0' 'argv-patch 12 3' 'argv-patch 12 5' \
    'argv-patch 12 0xffffffff' 'argv-patch 12 0xffffffe0' 'argv-patch 12 0xffffffe4' \
    'argv-patch 28 0xffffffff' 'argv-patch 8 0xfffffff0 12 32' 'argv-patch 8 0xfffffffc 12 4' \
    'argv-patch 8 0xffffffff 12 0xffffffff' 'argv-patch 8 0 12 0' \
    "argv-hex $(same_strings)"
  # without an end, with two
  corrupt 'argv-poke 35 0x61' 'argv-poke 33 0' 'argv-poke 32 0' 'argv-poke -9 0x61'
  # changed after it was sent, and perhaps after it was read
  for size in 0 4 20 34; do
    attack '' "hello; argv-patch; shrink $size; fusedev fuse; refuse 1"
  done
  # what has the form, but overlaps
  attack '' 'hello; argv-patch 16 32 20 4; fusedev fuse; refuse 1'
  attack '' 'hello; argv-patch 16 33 20 3 24 34 28 2; fusedev fuse; refuse 1'
}

@test "rogue: corrupt argv memfds" {
  each_server corrupt_arguments
}

changing_arguments() {
  local i
  for i in 1 2 3; do
    attack '' 'hello; argv-patch; churn 2000; file fusedev 1' # even if it got good ones
  done
}

@test "rogue: an argv memfd that changes while it is read" {
  each_server changing_arguments
}

arguments_in_no_memfd() {
  local kind
  for kind in pipe pipe-write dir dir-path zero full random null sparse socket connection epoll \
    empty image memory fuse; do
    attack 'malformed arguments' "hello; file argv 0 $kind; fusedev fuse"
  done
  for kind in image-path image-write; do # -EBADF
    attack '' "hello; file argv 0 $kind; fusedev fuse"
  done
}

@test "rogue: argv that is no memfd" {
  each_server arguments_in_no_memfd
}

extensions() {
  local i
  for i in 1 2 3 4 5 6 7 8; do
    accept "hello; argv-cut -$i; play 99"
  done
  accept 'hello; argv-patch -4 0; play 99'
  accept 'hello; argv-patch -4 0xffffffff; play 99'
  accept 'hello; argv-patch -4 0xfffffffe; play 99'
  accept 'hello; argv-patch -8 0x58544e32; play 99'
}

@test "rogue: extensions of argv that are cut off or unknown do no harm" {
  each_server extensions
}

hostile_words() {
  local words rest='fusedev fuse; refuse 1'
  for words in 'svc' 'svc $SOURCE' '""' '"" "" ""' '"" "" "" "" ""' 'svc -- --' 'svc -' \
    'svc -o' 'svc -o ro' 'svc $SOURCE -o $TARGET' \
    'svc $SOURCE $TARGET -o' 'svc $SOURCE $TARGET -o -o' 'svc $SOURCE $TARGET -o ""' \
    'svc $SOURCE $TARGET -o \x5c' 'svc $SOURCE $TARGET -o ro,\x5c' \
    'svc $SOURCE $TARGET -o ,,,,' 'svc $SOURCE $TARGET -o =' \
    'svc $SOURCE $TARGET -o max_read=' 'svc $SOURCE $TARGET -o blksize=999999999999999999999' \
    'svc $SOURCE $TARGET -o fd=3,rootmode=040000,user_id=0,group_id=0' \
    'svc $SOURCE $TARGET -d -d' 'svc $SOURCE $TARGET -s' 'svc $SOURCE $TARGET -f' \
    '%n%n%n%s%s%s %s%n %n' 'svc %n%s \x1b[2J -o \x1b]0\x3bx\x07,%n%s' \
    'svc \xc2\x9b31m \xe2\x80\xae' 'svc \xff\xfe \x80' 'svc a\x0ab\x0d c\x09'; do
    attack '' "hello; argv $words; $rest"
  done
  for words in --help -h --version -V; do # an answer or an error
    play "hello; argv svc $words; $rest"
    play "hello; argv svc \$SOURCE \$TARGET $words; $rest"
  done
  attack 'nosuchoption' "hello; argv svc \$SOURCE \$TARGET -o nosuchoption; fusedev fuse; play 99"
  attack 'such\x1b' "hello; argv svc \$SOURCE \$TARGET -o such\\x1b; fusedev fuse; play 99"
  attack 'extra' "hello; argv svc \$SOURCE \$TARGET extra; fusedev fuse; play 99"
  attack '' "hello; argv /dev/fd/3 /dev/fd/3 /dev/fd/3; $rest"
}

@test "rogue: hostile arguments" {
  each_server hostile_words
}

long_words() {
  local rest='fusedev fuse; refuse 1' size many=100000 most=90000
  # AddressSanitizer's realloc copies each time, which makes libfuse's lists slow.
  [[ -z ${ASAN_OPTIONS:-} ]] || many=10000 most=10000
  for size in 4096 61440 65536 524288; do
    attack '' "hello; argv-long $size svc LONG \$TARGET; $rest"
    attack '' "hello; argv-long $size svc \$SOURCE LONG; $rest"
    attack '' "hello; argv-long $size svc \$SOURCE \$TARGET -o LONG; $rest"
    attack '' "hello; argv-long $size LONG \$SOURCE \$TARGET; $rest"
    attack '' "hello; argv-long $size svc \$SOURCE \$TARGET -LONG; $rest"
  done
  attack '' "hello; argv-many $many svc x; $rest"
  attack '' "hello; argv-many $many \"\"; $rest"
  attack '' "hello; argv-many $most svc -o; $rest"
  attack '' "hello; argv-many $((many / 2)) svc \$SOURCE \$TARGET -o ro -oro; $rest"
  attack '' "hello; argv-many $most svc \$SOURCE \$TARGET --; $rest"
}

@test "rogue: long arguments, and a hundred thousand" {
  each_server long_words
}

#
# Descriptors
#

start_files() {
  # none, too many, one with an error, an error without
  attack "$breach (argv)" 'hello; file argv 0; fusedev fuse'
  attack "$breach (argv)" 'hello; file argv 1 copy; fusedev fuse'
  attack "$breach (argv)" 'hello; file argv 0 copy copy; fusedev fuse'
  attack "$breach (argv)" 'hello; file argv 0 null null null null null null null null'
  attack "$breach (fusedev)" 'hello; argv; file fusedev 0'
  attack "$breach (fusedev)" 'hello; argv; file fusedev 1 fuse'
  attack "$breach (fusedev)" 'hello; argv; file fusedev 0 fuse fuse'
  attack "$breach (fusedev)" 'hello; argv; file fusedev 0 fuse null null null null null null null'
  attack 'Operation not permitted' 'hello; file argv 1; fusedev fuse'
  attack 'Permission denied' 'hello; argv; file fusedev 13'
  attack "$breach" 'hello; argv; file fusedev 4096'
  attack "$breach" 'hello; argv; file fusedev 0xffffffff'
  # order and names
  attack "$breach" 'hello; argv; argv; fusedev fuse'
  attack "$breach" 'hello; fusedev fuse; argv'
  attack "$breach" 'hello; file ARGV 0 copy'
  attack "$breach" 'hello; file argvx 0 copy'
  attack "$breach" 'hello; file "" 0 copy'
  attack "$breach" 'hello; file ../argv 0 copy'
  attack "$breach" 'hello; argv; file fuse 0 fuse'
  attack "$breach" 'hello; argv; file \x1b[2J 0 fuse'
  attack "$breach" 'hello; argv; hello'
  attack "$breach" 'hello; argv; reply 0'
  # bytes: no path, no end, two ends, an odd error, too large
  attack "$breach" 'hello; raw 46494c45 copy'
  attack "$breach" 'hello; raw 46494c4500000000 copy'
  attack "$breach" 'hello; raw 46494c450000000061726776 copy'
  attack "$breach" 'hello; raw 46494c45000000006172677600ff copy'
  attack "$breach" 'hello; raw 46494c4500000000617267760000 copy'
  attack "$breach" 'hello; raw 46494c45000000 copy'
  attack "$breach" 'hello; pad 46494c450000000061726776 65536 0 copy'
  attack "$breach" 'hello; pad 46494c4500000000 65536 0x61 copy'
  attack "$breach" 'hello; pad 46494c4500000000 70000 0x61 copy'
}

@test "rogue: argv and fusedev come otherwise than they should" {
  each_server start_files
}

fuse_devices() {
  local kind
  for kind in image empty copy sparse pipe pipe-write socket connection epoll dir dir-path \
    image-path memory null zero full random; do
    attack 'fusedev is not /dev/fuse' "hello; argv; fusedev $kind; refuse 1"
  done
  attack '' 'hello; argv; fusedev fuse-read-only; until MOUNT; reply 0'
  attack '' 'hello; argv; fusedev fuse-nonblock; until MOUNT; reply 0'
  play 'hello; argv; fusedev fuse-nonblock; play 99; walk'
}

@test "rogue: fusedev is something else" {
  each_server fuse_devices
}

sources() {
  has_step OPEN || return 0
  local kind change
  for kind in image-write image-path dir dir-path pipe pipe-write zero full random null socket \
    connection epoll memory fuse empty sparse; do
    attack '' "until OPEN; file \$PATH 0 $kind; refuse 1"
  done
  for change in 'shrink 0' 'shrink 1' 'shrink 600' 'churn 1000'; do
    attack '' "until OPEN; file \$PATH 0 copy; $change; refuse 1"
    # once it is known to the server: who reads it gets an error, and the server goes on
    accept "until OPEN; file \$PATH 0 copy; until MOUNT; mount; reply 0; $change; hear; walk"
    accept "until OPEN; file \$PATH 0 copy; until MOUNT; mount; reply 0; hear; $change; walk; walk"
  done
}

@test "rogue: the source is hostile, or changes" {
  each_server sources
}

#
# Answers
#

wrong_answers() {
  local step broken gone
  for step in $steps; do
    broken=$breach gone=$closed
    [[ $step != OPEN* ]] || broken='Bad message' gone='Connection reset by peer'
    attack "$broken" "until $step; hello"
    attack "$broken" "until $step; argv"
    attack "$broken" "until $step; raw 5245504c"
    attack "$broken" "until $step; raw 5245504c000000"
    attack "$broken" "until $step; raw 5245504c0000000000"
    attack "$broken" "until $step; raw 00"
    attack "$broken" "until $step; raw ffffffff00000000"
    attack "$broken" "until $step; pad 5245504c00000000 65536 0"
    attack "$broken" "until $step; pad 5245504c00000000 70000 0"
    attack "$broken" "until $step; pad 46494c4500000000 65536 0x61"
    attack "$broken" "until $step; raw 4f50454e00000000000000000000000000000000612f00" # OPEN
    attack "$broken" "until $step; raw 4259454500000000"                               # BYE
    attack "$gone" "until $step; raw"
  done
}

@test "rogue: answers that are none" {
  each_server wrong_answers
}

wrong_files() {
  local step=OPEN
  has_step "$step" || return 0
  attack 'Bad message' "until $step; file /etc/passwd 0 image"
  attack 'Bad message' "until $step; file \$PATHx 0 image"
  attack 'Bad message' "until $step; file \"\" 0 image"
  attack 'Bad message' "until $step; file argv 0 image"
  attack 'Bad message' "until $step; file /etc/passwd 1"
  attack 'Bad message' "until $step; file \$PATH 0"
  attack 'Bad message' "until $step; file \$PATH 1 image"
  attack 'Bad message' "until $step; file \$PATH 0 image image"
  attack 'Bad message' "until $step; file \$PATH 4096"
  attack 'Bad message' "until $step; file \$PATH 0xffffffff"
  attack 'Bad message' "until $step; file \$PATH 0x80000000"
  attack 'Bad message' "until $step; reply 0"
  attack 'Bad message' "until $step; reply 0 image"
  attack 'Bad message' "until $step; reply 1"
  attack "$img" "until $step; file \$PATH 1; refuse 1"
  attack "$img" "until $step; file \$PATH 2; refuse 2"
  attack "$img" "until $step; file \$PATH 16; refuse 16"
  attack "$img" "until $step; file \$PATH 4095; refuse 4095"
  attack "$breach" "until $step; file \$PATH 0 copy; file \$PATH 0 copy; refuse 1"
}

@test "rogue: files that were not asked for" {
  each_server wrong_files
}

# Each refusal names the step.
refusals() {
  local step name
  local -A names=([FSOPEN]='choosing the file system type' [SOURCE]='naming the source'
    [MNTPT]='naming the mount point' [MNTOPTS]='mount options' [MTABOPTS]='mount table options'
    [MOUNT]='mounting')
  for step in $steps; do
    [[ -n ${names[$step]:-} ]] || continue
    name=${names[$step]}
    attack "$name: refused by the helper" "until $step; reply 1; refuse 1"
    attack 'Operation not permitted' "until $step; reply 1; refuse 1"
    attack 'Not a directory' "until $step; reply 20; refuse 20"
    attack 'Invalid argument' "until $step; reply 22; refuse 22"
    attack 'Unknown error 4095' "until $step; reply 4095; refuse 4095"
    attack "$name: $breach" "until $step; reply 4096"
    attack "$name: $breach" "until $step; reply 5000"
    attack "$name: $breach" "until $step; reply 0xffffffff"
    attack "$name: $breach" "until $step; file \$SOURCE 0 image"
    attack "$name: $breach" "until $step; file \$SOURCE 1"
    attack '' "until $step; reply 0 null; refuse 1" # kernels before 6.16 let it through
    attack '' "until $step; reply 0 null null; refuse 1"
    attack '' "until $step; reply 0; reply 0; refuse 1"
    attack '' "until $step; reply 1; reply 0; reply 0; reply 0"
    attack '' "until $step; reply 1; close"
  done
}

@test "rogue: refusals, and wrong replies" {
  each_server refusals
}

#
# Going away
#

# Once all was said and the mount is there, a server may serve on until the unmount.
hang_ups() {
  local how n n_steps
  n_steps=$(wc -w <<<"hello argv fusedev $steps")
  for how in 'close' 'half-close write' 'half-close read; play 99' 'sleep 0.02; close' \
    'hear; close' 'hear; half-close write'; do
    for ((n = 0; n <= n_steps; n++)); do
      [[ $n$how != 0hear* ]] || continue # nobody would say anything
      play "play $n; $how"
      [[ $out == *mounted* ]] || has_failed ''
    done
  done
}

@test "rogue: the helper hangs up at each step" {
  each_server hang_ups
}

lies() {
  attack '' 'until MOUNT; reply 0'
  attack '' 'until MOUNT; reply 0; close'
  attack '' 'until MOUNT; reply 0; half-close write'
  attack '' 'hello; argv-cut -8; until MOUNT; reply 0'
}

@test "rogue: the helper says that it mounted, and did not" {
  each_server lies
}

waiting_lies() {
  local argv
  for argv in argv 'argv-cut -8'; do # with and without messages
    attack '' "hello; $argv; fusedev fuse-sync; until MOUNT; reply 0; sleep 0.1; close"
  done
  attack '' 'hello; argv; fusedev fuse-sync; until MOUNT; reply 0'
  [[ $server == "${servers[-1]}" ]] || return 0 # it takes seconds, in the library
  attack '' 'hello; argv-cut -8; fusedev fuse-sync; until MOUNT; reply 0'
}

@test "rogue: the same with a /dev/fuse whose reader waits for the mount" {
  require sync-init
  each_server waiting_lies
}
