# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What tests that mount share. A bats file loads it, and calls prepare in setup() and clean_up in
# teardown(); tests/run provides the namespaces in which nothing can do harm.
#
# After prepare: $img is a regular file, $mnt an empty directory, $script and $log belong to the
# scripted server. After run_mount: $status, $stdout and $stderr.

# What a test reads, but this file only sets.
# shellcheck disable=SC2034
declare img mnt script log status stdout stderr helper home secret

services=() # pids of listeners
loop_fds=() # open loop devices
deadline=20 # seconds that anything may take before a test fails; ten times what is usual

#
# The two ways of mounting
#

# By helper, mount(8) runs mount.fuse.svc, as tests also do themselves. By module (tests/module/run)
# libmount has loaded fuse-svc.so, there is no helper, and mount(8) tells of errors: with a full stop.
# A test of what is different by nature has the tag "helper" and a reason; it is not run by module.
by_module() { [[ ${FSVC_BY:-helper} == module ]]; }

if by_module; then
  mount_program=(/usr/bin/mount) full_stop=.
else
  mount_program=(/sbin/mount.fuse.svc) full_stop=
fi

# error_line TEXT [TARGET]: the whole line about a mount that failed
error_line() { printf '%s%s' "$(message_line "$@")" "$full_stop"; }

# message_line TEXT [TARGET]: the whole line that tells what a server says
message_line() { printf '%s: %s: %s' "${mount_program[0]##*/}" "${2:-$mnt}" "$1"; }

# Can it be seen as soon as the kernel has it? What a module mounts is attached after the goodbye.
is_attached_early() { ! by_module; }

#
# Needs
#

lack() {
  if [[ ${CI:-} == true ]]; then
    fail "needed, but missing in CI: $*"
  else
    skip "$*"
  fi
}

# require root | namespace | fuse | loop | sync-init | peer | fuse-svc | tool NAME | server NAME ...
require() {
  while (($#)); do
    case $1 in
    root) ((EUID == 0)) || lack "not root" || return ;;
    namespace) [[ -n ${FSVC_INSIDE:-} ]] || lack "not started by tests/run" || return ;;
    fuse) [[ -c /dev/fuse ]] || lack "no /dev/fuse" || return ;;
    loop) [[ -c /dev/loop-control ]] || lack "no loop devices" || return ;;
    peer) [[ -x ${FSVC_PEER:-} ]] || lack "no scripted server: FSVC_PEER is not set" || return ;;
    sync-init)
      if ! "$FSVC_PEER" --check-sync-init; then
        is_kernel_at_least 6 18 || skip "Linux 6.18 is needed" # not even CI can change that
        lack "/dev/fuse without SYNC_INIT" || return
      fi
      ;;
    tool)
      command -v "$2" >/dev/null || lack "no $2" || return
      shift
      ;;
    fuse-svc) [[ -x ${FSVC_FUSE_SVC:-} ]] || lack "no fuse-svc: FSVC_FUSE_SVC is not set" || return ;;
    server)
      [[ -x ${FSVC_LIBEXECDIR:-}/$2 ]] || lack "no server $2" || return
      shift
      ;;
    *) fail "require: what is $1?" || return ;;
    esac
    shift
  done
}

is_kernel_at_least() {
  local major minor
  IFS=.- read -r major minor _ < <(uname -r)
  ((major > $1 || (major == $1 && minor >= $2)))
}

# libmount_at_least VERSION: of the mount(8) that the tests run, like "2.39"
libmount_at_least() {
  local version
  version=$(mount --version)
  version=${version##*libmount }
  printf '%s\n' "$1" "${version%%[: ]*}" | sort --check=quiet --version-sort
}

# Does libmount mount by the new mount API? From 2.39 on, where it finds it (tests/matrix/run).
has_mount_api() { [[ -z ${FSVC_MOUNT2:-} ]] && libmount_at_least 2.39; }

#
# Looking
#

fail() {
  printf '%s\n' "$*" >&2
  return 1
}

# wait_for SECONDS COMMAND...: until it succeeds. Where the whole machine stands still for a while,
# the clock goes on without anybody having had a chance: so it is tried a number of times, too.
wait_for() {
  local end=$((SECONDS + $1 + 1)) tries=$(($1 * 10))
  shift
  until "$@"; do
    ((SECONDS < end || tries-- > 0)) || return 1
    sleep 0.02
  done
}

# Is there such a process, and is it more than a zombie?
is_alive() {
  local line
  { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
  [[ ${line##*) } != Z* ]]
}

is_gone() { ! is_alive "$1"; }

# wait_gone PID SECONDS
wait_gone() { wait_for "$2" is_gone "$1" || fail "process $1 is still there"; }

# Processes that mount, and of servers: one "PID COMMAND" a line.
our_processes() {
  local path exe
  find /proc/[0-9]*/exe -printf '%p %l\n' 2>/dev/null | while read -r path exe; do
    path=${path#/proc/}
    case ${exe% (deleted)} in
    "$FSVC_PEER" | */mount.fuse.svc | */fuse-svc-mount | */valgrind/* | "${FSVC_LIBEXECDIR:-/none}"/*)
      if is_alive "${path%/exe}"; then printf '%s %s\n' "${path%/exe}" "$exe"; fi
      ;;
    esac
  done
}

# Processes that have /dev/fuse open.
fuse_holders() { find /proc/[0-9]*/fd -lname /dev/fuse 2>/dev/null || true; }

our_mounts() { grep -aE ' - fuse(blk)?(\.svc(\.[^ ]*)?)? ' /proc/self/mountinfo || true; }

our_loops() {
  losetup --noheadings --raw --list --output NAME,BACK-FILE | grep -F "${FSVC_INSIDE##*/}/" || true
}

has_no_loops() { [[ -z $(our_loops) ]]; }

utab() { cat /run/mount/utab 2>/dev/null || true; }
utab_options() { utab | sed -n 's/.* OPTS=//p'; }

is_nothing_left() {
  [[ -z $(our_mounts) && -z $(utab) && -z $(our_processes) && -z $(fuse_holders) ]]
}

# Servers take a moment to notice that they are not needed any more.
assert_nothing_left() {
  wait_for "$deadline" is_nothing_left || {
    printf 'mounts left:\n%s\nutab:\n%s\nprocesses left:\n%s\nholders of /dev/fuse:\n%s\n' \
      "$(our_mounts)" "$(utab)" "$(our_processes)" "$(fuse_holders)" >&2
    return 1
  }
}

#
# Services
#

# start_service NAME... -- PROGRAM ARGS: a new instance for each connection to any of the names
start_service() {
  local listen=() env=() names=() var name out=$BATS_TEST_TMPDIR/service.log
  local -A before=() # a service that was stopped has left its line there
  while [[ $1 != -- ]]; do
    names+=("$1")
    listen+=(-l "/run/filesystems/$1")
    before[$1]=$(times_listening "$1" "$out")
    shift
  done
  shift
  for var in LD_LIBRARY_PATH ASAN_OPTIONS UBSAN_OPTIONS; do
    [[ -z ${!var:-} ]] || env+=(-E "$var=${!var}")
  done
  systemd-socket-activate --seqpacket -a "${listen[@]}" "${env[@]}" "$@" \
    </dev/null >>"$out" 2>&1 3>&- 4>&- &
  services+=($!)
  for name in "${names[@]}"; do
    wait_for "$deadline" has_begun_to_listen "$name" "$out" "${before[$name]}" ||
      fail "service $name does not start: $(cat "$out")" || return
  done
}
times_listening() {
  local n
  n=$(grep -cs "Listening on /run/filesystems/$1 as" "$2") || true
  echo "${n:-0}"
}
has_begun_to_listen() { (($(times_listening "$1" "$2") > $3)); }

stop_services() {
  local pid
  for pid in "${services[@]}"; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  services=()
  rm -f /run/filesystems/*
}

# start_peer [NAME...]: the scripted server, as service "peer" or under the names
start_peer() {
  start_service "${@:-peer}" -- "$FSVC_PEER" "$script" "$log"
}

# obey LINE...: what the scripted server shall do from now on; its log starts anew
obey() {
  printf '%s\n' "$@" >"$script"
  : >"$log"
}

# obey_and_mount LINE...: the lines, and then all that a good server does
obey_and_mount() {
  # shellcheck disable=SC2016 # the scripted server has variables of its own
  obey hello args "$@" 'fsopen 0' 'source anything' 'mntpt 0 $TARGET' 'mount 0' init 'bye 0' serve
}

# What a good server does, one by one: it has heard hello or has answered it, has read its arguments
# or has /dev/fuse as well, and so on.
all_steps='start get-hello hello argv args open fsopen source mntpt mntopts mtabopts mount init'

# until_step STEP LINE...: the server is good up to that step, and then does what the lines say
# shellcheck disable=SC2016 # the scripted server has variables of its own
until_step() {
  local step=$1 lines=() s
  for s in $all_steps; do
    case $s in
    start) ;;
    hello) lines=(hello) ;;
    args) lines=(hello args) ;;
    open) lines+=('open $SOURCE O_RDONLY') ;;
    fsopen) lines+=('fsopen 0') ;;
    source) lines+=('source x') ;;
    mntpt) lines+=('mntpt 0 $TARGET') ;;
    mntopts) lines+=('mntopts default_permissions') ;;
    mtabopts) lines+=('mtabopts x') ;;
    mount) lines+=('mount 0') ;;
    *) lines+=("$s") ;;
    esac
    [[ $s != "$step" ]] || break
  done
  obey "${lines[@]}" "${@:2}"
}

# obey_and_mount_with OPTIONS: the same, with options that the server asks the kernel for
obey_and_mount_with() {
  # shellcheck disable=SC2016
  obey hello args 'fsopen 0' 'source anything' 'mntpt 0 $TARGET' "mntopts $1" 'mount 0' init 'bye 0' serve
}

#
# Mounting
#

# run_mount ARGS...: mount.fuse.svc, or mount(8) where that has the module, within a deadline
run_mount() { run_command "${mount_program[@]}" "$@"; }

# run_command COMMAND...: sets $status, $stdout and $stderr
run_command() {
  local out=$BATS_TEST_TMPDIR/stdout err=$BATS_TEST_TMPDIR/stderr
  status=0
  timeout -k 5 $((deadline * 3)) "$@" >"$out" 2>"$err" </dev/null 3>&- 4>&- || status=$?
  stdout=$(<"$out")
  stderr=$(<"$err")
}

# start_mount ARGS...: as run_mount, in a session of its own, with $helper as its pid
start_mount() { start_command "${mount_program[@]}" "$@"; }

# start_command COMMAND...
start_command() {
  env --default-signal=INT,TERM,HUP setsid "$@" \
    >"$BATS_TEST_TMPDIR/stdout" 2>"$BATS_TEST_TMPDIR/stderr" </dev/null 3>&- 4>&- &
  helper=$!
}

# finish_mount: waits for it, and sets $status, $stdout and $stderr
finish_mount() {
  wait_gone "$helper" "$deadline" || return
  status=0
  wait "$helper" 2>/dev/null || status=$?
  stdout=$(<"$BATS_TEST_TMPDIR/stdout")
  stderr=$(<"$BATS_TEST_TMPDIR/stderr")
}

children_of() { ps --no-headers -o pid --ppid "$1" --sort pid | tr -d ' '; }

# The parent of those: the helper itself, or the program that the module runs.
parent() { if by_module; then children_of "$helper"; else echo "$helper"; fi; }

# Processes that the helper, once started by start_mount, has made: the one that talks, then the one
# that mounts.
children() {
  local parent
  parent=$(parent)
  [[ -z $parent ]] || children_of "$parent"
}
talker() { children | head -n 1; }

# use_loop FILE [LOSETUP-OPTION...]: sets $loop. The device is detached when the last one closes
# it: with the end of the test and of its mounts, whatever ends them.
use_loop() {
  local fd
  loop=$(losetup --find --show "${@:2}" "$1")
  exec {fd}<"$loop"
  losetup --detach "$loop"
  loop_fds+=("$fd")
}

# stock_mount ARGS..., run_umount ARGS...: mount(8), umount(8), within a deadline
stock_mount() { run_command mount "$@"; }
run_umount() { run_command umount "$@"; }

# fstab OPTIONS [SOURCE [TARGET [TYPE]]]: one line more
fstab() {
  printf '%s %s %s %s 0 0\n' "${2:-$img}" "${3:-$mnt}" "${4:-fuse.svc.peer}" "$1" >>/etc/fstab
}

is_mounted() { findmnt --nocanonicalize --noheadings --mountpoint "${1:-$mnt}" >/dev/null; }

# mounted_as COLUMN [TARGET]: what findmnt says in a column about our mount
mounted_as() {
  findmnt --nocanonicalize --noheadings --raw --output "$1" --mountpoint "${2:-$mnt}"
}

# unmount [TARGET]
unmount() {
  timeout -k 5 "$deadline" umount "${1:-$mnt}"
}

#
# Ordinary users
#

# Two users and a group of alice's. Lines in the overlaid /etc of tests/run: with its namespace they
# vanish. The numbers are at the end of the range for people, where hardly anybody lives.
readonly alice_id=59001 bob_id=59002 team_id=59003

add_users() {
  local line
  for line in "alice:x:$alice_id:$alice_id::$home/alice:/bin/bash" \
    "bob:x:$bob_id:$bob_id::$home/bob:/bin/bash"; do
    sed -i "/^${line%%:*}:/d" /etc/passwd
    printf '%s\n' "$line" >>/etc/passwd
  done
  for line in "alice:x:$alice_id:" "bob:x:$bob_id:" "team:x:$team_id:alice"; do
    sed -i "/^${line%%:*}:/d" /etc/group
    printf '%s\n' "$line" >>/etc/group
  done
}

# prepare_users: after prepare. $home/alice and $home/bob are theirs and can be searched by all;
# $img and $mnt become alice's; $secret is a directory that only root may search. The helper is
# setuid until clean_up.
prepare_users() {
  require tool setpriv
  [[ -z ${FSVC_VALGRIND:-} ]] || skip "valgrind cannot run setuid programs"
  [[ $(stat -c %a /dev/fuse) == 666 ]] || lack "/dev/fuse is not open to users" || return
  home=$FSVC_INSIDE/home
  secret=$home/secret
  rm -rf --one-file-system "$home"
  add_users
  mkdir -m 755 "$home"
  mkdir -m 700 "$secret"
  install -d -m 755 -o alice -g alice "$home/alice" "$home/alice/mnt"
  install -d -m 755 -o bob -g bob "$home/bob" "$home/bob/mnt"
  img=$home/alice/img
  mnt=$home/alice/mnt
  truncate -s 64K "$img" "$home/bob/img"
  chown alice:alice "$img"
  chown bob:bob "$home/bob/img"
  make_setuid
}

make_setuid() { chmod u+s /sbin/mount.fuse.svc; }

# systemd-socket-activate makes sockets that only root may write to.
share_services() { chmod 666 /run/filesystems/*; }

# as_user USER COMMAND...: with that user's groups and environment, and nothing of root's
as_user() {
  local user=$1
  shift
  setpriv --reuid="$user" --regid="$user" --init-groups --reset-env -- "$@"
}

# run_as USER COMMAND...: sets $status, $stdout and $stderr
run_as() {
  local user=$1
  shift
  run_command setpriv --reuid="$user" --regid="$user" --init-groups --reset-env -- "$@"
}

# start_as USER COMMAND...: with $helper as its pid; clean_up ends what is left of it
start_as() {
  local user=$1
  shift
  setpriv --reuid="$user" --regid="$user" --init-groups --reset-env -- "$@" \
    >"$BATS_TEST_TMPDIR/stdout" 2>"$BATS_TEST_TMPDIR/stderr" </dev/null 3>&- 4>&- &
  helper=$!
}

# run_mount_as USER ARGS...: mount.fuse.svc, without mount(8) before it
run_mount_as() { run_as "$1" /sbin/mount.fuse.svc "${@:2}"; }

# What prepare_users made, and what a test may have said about users.
remove_users() {
  [[ -n $home ]] || return 0
  chmod u-s /sbin/mount.fuse.svc
  rm -rf --one-file-system /etc/fuse.conf "$home"
}

#
# Asserting
#

# Each of these returns as soon as something is wrong, also where the shell's errexit is off.

assert_status() {
  [[ $status == "$1" ]] || fail "exit code $status instead of $1"
}

# assert_quiet: it went well, without a word
assert_quiet() {
  assert_status 0 || return
  [[ -z $stdout && -z $stderr ]] || fail "it said something"
}

# assert_log LINE...: the scripted server logs each of these lines, now or soon
assert_log() {
  local line
  for line in "$@"; do
    wait_for "$deadline" grep -qxF -e "$line" "$log" ||
      fail "not in the server's log: $line; there are: $(our_processes) $(fuse_holders) $(our_mounts)" ||
      return
  done
}

# assert_log_matches REGEX...: the same, by extended regular expressions for whole lines
assert_log_matches() {
  local line
  for line in "$@"; do
    wait_for "$deadline" grep -qxE -e "$line" "$log" || fail "not in the server's log: $line" || return
  done
}

# refute_log TEXT...
refute_log() {
  local text
  for text in "$@"; do
    ! grep -qF -e "$text" "$log" || fail "in the server's log: $text" || return
  done
}

# assert_error TEXT...: one line on stderr, in mount(8)'s form, that holds each of the texts
assert_error() {
  local text
  [[ -n $stderr && $stderr != *$'\n'* ]] || fail "not one line" || return
  [[ $stderr != *[[:cntrl:]]* ]] || fail "control characters" || return
  [[ $stderr == "$(message_line '')"*"$full_stop" ]] || fail "not in the form of mount(8)" || return
  for text in "$@"; do
    [[ $stderr == *"$text"* ]] || fail "stderr does not say: $text" || return
  done
}

# assert_mount_fails STATUS TEXT...: with an error that holds each of the texts; nothing is mounted
assert_mount_fails() {
  assert_status "$1" || return
  assert_error "${@:2}" || return
  refute_mounted "$mnt"
}

# assert_says STATUS TEXT: the same, but with an error that is just this
assert_says() {
  assert_status "$1" || return
  assert_equal "$stderr" "$(error_line "$2")" || return
  refute_mounted "$mnt"
}

# What is left of a mount that SIGNAL ended: a helper has an exit code and a word for it, mount(8)
# just ends.
interrupted_status() { if by_module; then echo $((128 + $(kill -l "$1"))); else echo 8; fi; }
interrupted_line() { by_module || error_line interrupted; }

# assert_interrupted SIGNAL: after finish_mount
assert_interrupted() {
  assert_status "$(interrupted_status "$1")" || return
  assert_equal "$stderr" "$(interrupted_line)" || return
  refute_mounted "$mnt"
}

assert_mount_works() {
  assert_status 0 || return
  [[ -z $stderr ]] || fail "stderr is not empty" || return
  assert_mounted "$mnt"
}

# shellcheck disable=SC2120 # the argument is optional
assert_mounted() { is_mounted "${1:-$mnt}" || fail "not mounted"; }
# shellcheck disable=SC2120
refute_mounted() { ! is_mounted "${1:-$mnt}" || fail "mounted"; }

# assert_equal IS SHOULD
assert_equal() { [[ $1 == "$2" ]] || fail "\"$1\" instead of \"$2\""; }

# assert_utab TEXT...: utab has one line, which holds each of the texts
assert_utab() {
  local text
  [[ $(utab | wc -l) == 1 ]] || fail "not one line in utab: $(utab)" || return
  for text in "$@"; do
    [[ $(utab) == *"$text"* ]] || fail "not in utab: $text: $(utab)" || return
  done
}

# assert_option OPTION... / refute_option OPTION...: among the options of our mount
assert_option() {
  local option options
  options=$(mounted_as OPTIONS)
  for option in "$@"; do
    [[ ,$options, == *",$option,"* ]] || fail "not in $options: $option" || return
  done
}

refute_option() {
  local option options
  options=$(mounted_as OPTIONS)
  for option in "$@"; do
    [[ ,$options, != *",$option,"* ]] || fail "in $options: $option" || return
  done
}

refute_utab() { [[ -z $(utab) ]] || fail "a line in utab: $(utab)"; }

#
# Before and after each test
#

prepare() {
  require root namespace fuse peer tool systemd-socket-activate
  img=$BATS_TEST_TMPDIR/img
  mnt=$BATS_TEST_TMPDIR/mnt
  script=$BATS_TEST_TMPDIR/script
  log=$BATS_TEST_TMPDIR/log
  status='' stdout='' stderr='' helper='' home=''
  truncate -s 64K "$img"
  mkdir "$mnt"
  : >"$script"
  : >"$log"
}

show_failure() {
  printf 'status: %s\nstdout: %s\nstderr: %s\n' "$status" "$stdout" "$stderr"
  [[ ! -s $log ]] || sed 's/^/server: /' "$log"
  grep -vsE '^(Listening|Communication|Connection|Spawned|Execing|Child .* with code 0)' \
    "$BATS_TEST_TMPDIR/service.log" | sed 's/^/service: /'
}

# By pid and path, whatever the test left.
remove_rest() {
  local pid target fd
  [[ -z $helper ]] || kill -KILL "$helper" 2>/dev/null || true
  our_processes | while read -r pid _; do
    kill -KILL "$pid" 2>/dev/null || true
  done
  our_mounts | while read -r _ _ _ _ target _; do
    printf -v target '%b' "$target" # mountinfo writes a space as \040
    umount --lazy --no-canonicalize "$target" || true
  done
  for fd in "${loop_fds[@]}"; do
    exec {fd}<&-
  done
  loop_fds=()
  rm -f /run/mount/utab
  : >/etc/fstab
  remove_users
}

# clean_up: for teardown(); fails if the test left something
clean_up() {
  local rc=0
  [[ -n ${FSVC_INSIDE:-} && -n ${log:-} ]] || return 0 # prepare did not get far
  if [[ -n ${BATS_TEST_COMPLETED:-} ]]; then
    assert_nothing_left || rc=1
  else
    rc=1
  fi
  ((rc == 0)) || show_failure
  stop_services
  remove_rest
  if ! wait_for 5 has_no_loops; then
    printf 'loop devices left:\n%s\n' "$(our_loops)"
    rc=1
  fi
  valgrind_found_nothing || rc=1
  return "$rc"
}

# Of the helper and its children, if they ran under valgrind (tests/run).
valgrind_found_nothing() {
  [[ -d $FSVC_INSIDE/valgrind ]] || return 0
  ! grep -h ^== "$FSVC_INSIDE"/valgrind/* || return
  rm -f "$FSVC_INSIDE"/valgrind/*
}
