#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The helper started in strange states, by root and by a user who is up to something: the mount
# works entirely, or it fails and nothing is left.
#
# shellcheck disable=SC2016 # the scripted server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load ../lib
load privilege

setup() { prepare_callers; }
teardown() { clean_up_callers; }

#
# Arguments
#

@test "no state at all" {
  for_each_caller assert_works
}

no_arguments() {
  set_launch_arguments "$@" -- /sbin/mount.fuse.svc
  as
  [[ $status == 1 || $status == 2 ]] || fail "exit code $status" || return
  [[ -n $stderr && $stderr != *"$area"* ]] || fail "stderr: $stderr"
}

@test "no arguments at all, not even the program's name" {
  for_each_caller no_arguments --no-argv # since Linux 5.18 there is an empty one
  for_each_caller no_arguments
}

@test "a strange name of the program" {
  local name
  for name in '' / -f --help x/y '%s%n' $'\x1b[31m'; do
    for_each_caller assert_works --argv0 "$name"
  done
  for_each_caller assert_works --huge-argv0 130000
}

# Where the mount point stands in the arguments is not known yet.
assert_too_long() {
  assert_status 1 || return
  [[ $stderr == 'mount.fuse.svc: '*'options are too long'* ]] || fail "stderr: ${stderr:0:1000}" || return
  ((${#stderr} < 1000)) || fail "an error of ${#stderr} bytes" || return
  refute_mounted
}

too_long() {
  local list
  printf -v list '%0131000d' 0
  mount_in_state -- -o "$list"
  assert_too_long || return
  printf -v list '%07000d' 0 # in ten parts
  mount_in_state -- -o "$list" -o "$list" -o "$list" -o "$list" -o "$list" -o "$list" -o "$list" \
    -o "$list" -o "$list" -o "$list"
  assert_too_long
}

@test "options that are too long, in one part and in many" {
  obey_and_mount
  for_each_caller too_long
}

huge_arguments() {
  local list args=()
  printf -v list '%0130000d' 0
  while ((${#args[@]} < 20)); do
    args+=(-o "$list")
  done
  mount_in_state -- "${args[@]}"
  assert_too_long || return
  mount_in_state -- "${args[@]//-o/--no-such-option}" # 1.3 MB that are no options
  assert_status 1 || return
  ((${#stderr} < 1000)) || fail "an error of ${#stderr} bytes"
}

@test "arguments of more than a megabyte" {
  obey_and_mount
  for_each_caller huge_arguments
}

long_paths() {
  local long mnt_before=$mnt img_before=$img
  printf -v long '%0130000d' 0
  mnt=/$long
  mount_in_state
  mnt=$mnt_before
  ((status == 1 || status == 2 || status == 32)) || fail "exit code $status" || return
  refute_mounted || return
  img=/$long
  mount_in_state
  img=$img_before
  ((status == 1 || status == 2 || status == 32)) || fail "exit code $status" || return
  refute_mounted
}

@test "a source and a mount point that no path can be" {
  obey hello args 'open $SOURCE O_RDONLY' 'bye 1'
  for_each_caller long_paths
}

#
# Descriptors
#

@test "standard descriptors that are closed, in every combination" {
  local fds fd states
  for fds in 0 1 2 "0 1" "0 2" "1 2" "0 1 2"; do
    states=()
    for fd in $fds; do
      states+=(--close "$fd")
    done
    for_each_caller assert_works "${states[@]}"
  done
}

closed_and_fails() {
  obey hello args 'bye 1'
  mount_in_state "$@"
  assert_status 32
}

@test "an error that cannot be told" {
  for_each_caller closed_and_fails --close 2
  for_each_caller closed_and_fails --close 0 --close 1 --close 2
  for_each_caller closed_and_fails --broken-pipe 2
  for_each_caller closed_and_fails --full-pipe 2
  for_each_caller closed_and_fails --full-pipe 2 --full-pipe 1
  for_each_caller closed_and_fails --broken-pipe 0 --broken-pipe 1 --broken-pipe 2
}

@test "pipes that nobody reads, or that nobody can read" {
  for_each_caller assert_works --full-pipe 1
  for_each_caller assert_works --full-pipe 2
  for_each_caller assert_works --full-pipe 1 --full-pipe 2
  for_each_caller assert_works --silent-pipe 0
  for_each_caller assert_works --broken-pipe 0
  for_each_caller assert_works --broken-pipe 1 --broken-pipe 2
}

chatter() {
  obey hello args 'flood-msg 60' 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' init 'bye 0' serve
  mount_in_state "$@" -- -v
  assert_entirely_mounted
}

@test "warnings that cannot be told" {
  for_each_caller chatter --full-pipe 2
  for_each_caller chatter --broken-pipe 2 --broken-pipe 1
  for_each_caller chatter --close 1 --close 2
}

bad_usage() {
  set_launch_arguments "$@" -- /sbin/mount.fuse.svc --no-such-option
  as
  assert_status 1
}

@test "a word on usage that cannot be told" {
  for_each_caller bad_usage --full-pipe 2
  for_each_caller bad_usage --broken-pipe 2
  for_each_caller bad_usage --close 2
}

@test "descriptors of all kinds, and as many as there can be" {
  install -d -m 700 "$area/roots"
  for_each_caller assert_works --fds 1
  for_each_caller assert_works --fds 100
  for_each_caller assert_works --fds 1000
  for_each_caller assert_works --fd /dev/fuse --fd /dev/fuse --then
  for_each_caller assert_works --fd-of-dir "$area/roots" --fd-of-dir / --fd-of-socket --then
}

# A descriptor is no way around a mount point's or a source's rights, nor are those of /proc.
named_by_descriptor() {
  install -d -m 700 "$area/roots"
  install -d -m 777 "$area/roots/mnt"
  obey_and_mount
  local fd
  for fd in 3 4 5; do
    set_launch_arguments --fd-of-dir "$area/roots/mnt" --then -- \
      /sbin/mount.fuse.svc "$img" "/proc/self/fd/$fd" -t fuse.svc.peer
    as
    ((status == 1 || status == 32)) || fail "exit code $status" || return
    assert_refused || return
  done
}

@test "a user's mount point that is a descriptor" {
  who=user
  named_by_descriptor
}

all_fds() {
  # The caller's limit is full, so the loader cannot open a library: that is an error of its own.
  obey_and_mount
  mount_in_state --soft-limit nofile 64 --fds max
  ((status != 0)) || return 0
  assert_refused
}

@test "no free descriptor" {
  for_each_caller all_fds
}

#
# Signals, timers
#

@test "all signals ignored" {
  for_each_caller assert_works --ignore-signal all
}

@test "all signals blocked" {
  for_each_caller assert_works --block-signals
}

fails_in_state() {
  obey hello args 'bye 1'
  mount_in_state "$@"
  assert_mount_fails 32 'gave up'
}

@test "all signals ignored or blocked, and the mount fails" {
  for_each_caller fails_in_state --ignore-signal all
  for_each_caller fails_in_state --block-signals
  for_each_caller fails_in_state --ignore-signal 17 # SIGCHLD: no child is there to be waited for
}

undone_in_state() {
  require sync-init
  obey hello args sync-init 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount-nowait 0' get-init wait-eof
  mount_in_state "$@" -- -o svc-timeout=1
  assert_mount_fails 32 'said nothing for 1 seconds'
}

@test "all signals ignored or blocked, and a pending mount is undone" {
  for_each_caller undone_in_state --ignore-signal all
  for_each_caller undone_in_state --block-signals
  for_each_caller undone_in_state --children
}

# slow STATE...: the server takes its time
slow() {
  obey hello args 'sleep 0.3' 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' init 'sleep 0.3' 'bye 0' \
    serve
  mount_in_state "$@"
  assert_entirely_mounted
}

@test "timers that ring all the time, in vain" {
  local ms timer
  for ms in 1 7 50; do
    for timer in real virtual prof; do
      for_each_caller slow --block-signals --timer "$timer" "$ms"
      for_each_caller slow --ignore-signal all --timer "$timer" "$ms"
    done
  done
}

# What rings before the program's first statement ends it there; else it is not to be heard.
early_or_never() {
  obey_and_mount
  mount_in_state "$@"
  if ((status > 128)); then assert_refused; else assert_entirely_mounted; fi
}

@test "timers that ring as soon as they can" {
  local ms timer
  for ms in 1 2 3 5 8 13 21 34 50; do
    for timer in real virtual prof; do
      for_each_caller early_or_never --timer "$timer" "$ms"
    done
  done
}

# It rings when the helper is waiting; only a machine that stands still is hit before that.
late_timer() {
  obey hello args 'sleep 4' 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' init 'bye 0' serve
  mount_in_state --timer real 3000
  assert_entirely_mounted
}

@test "a timer that rings in the midst of it" {
  who=user
  late_timer
  unmount
}

#
# Limits
#

# May anybody here raise a hard limit?
can_raise_limits() { setpriv --dump | grep -q '^Capability bounding set:.*sys_resource'; }

@test "limits that must not matter" {
  local states
  for states in "rtprio 0" "nice 0" "locks 0" "memlock 0" "sigpending 0" "msgqueue 0" \
    "rss 0" "core 0"; do
    # shellcheck disable=SC2086 # words
    for_each_caller assert_works --limit $states
  done
  for_each_caller assert_works --soft-limit core max
  for_each_caller assert_works --soft-limit cpu 1
  for states in "cpu 1" "rttime 1"; do
    if can_raise_limits; then
      # shellcheck disable=SC2086 # words
      for_each_caller assert_works --limit $states
    else
      # shellcheck disable=SC2086 # words
      for_each_caller assert_works_or_fails --limit $states
    fi
  done
}

# A limit that root set himself is his own will.
@test "files may have no size" {
  who=user
  local states
  for states in "--soft-limit fsize 0" "--soft-limit fsize 1" \
    "--soft-limit fsize 1 --ignore-signal all" "--soft-limit fsize 0 --block-signals"; do
    # shellcheck disable=SC2086 # words
    assert_works $states
    unmount
  done
  who=root
  assert_works_or_fails --soft-limit fsize 0
  unmount_if_mounted
}

@test "files may have no size, by a hard limit" {
  who=user
  if can_raise_limits; then
    assert_works --limit fsize 0
    unmount
    assert_works --limit fsize 1
    unmount
  else
    assert_works_or_fails --limit fsize 0
    assert_works_or_fails --limit fsize 1
    unmount_if_mounted
  fi
}

@test "processes: one, or none" {
  who=user # root has no such limit
  assert_works_or_fails --limit nproc 1
  unmount_if_mounted
  assert_works_or_fails --limit nproc 0
  unmount_if_mounted
}

nofile() {
  obey_and_mount
  mount_in_state --limit nofile "$1"
  # The loader has an exit code of its own, as it cannot open a library.
  if ((status == 127)); then assert_refused; else works_or_is_refused; fi
}

# As assert_works_or_fails, of what was run already.
works_or_is_refused() {
  case $status in
  0) assert_entirely_mounted ;;
  1 | 2 | 4 | 32)
    [[ -n $stderr && $stderr != *$'\n'* ]] || fail "not one line: $stderr" || return
    assert_refused
    ;;
  *) fail "exit code $status" ;;
  esac
}

@test "few descriptors" {
  local n
  for n in {0..16}; do
    for_each_caller nofile "$n"
  done
}

little_memory() {
  obey_and_mount
  mount_in_state --limit "$1" "$2"
  case $status in
  0) assert_entirely_mounted ;;
  # The kernel (137, 139, or 125 of the launcher) or the loader (127) has no memory for it.
  125 | 127 | 137 | 139) assert_refused ;;
  *) works_or_is_refused ;;
  esac
}

is_sanitized() { ldd "$FSVC_HELPER" 2>/dev/null | grep -q asan || grep -qa __asan_init "$FSVC_HELPER"; }

@test "little memory" {
  ! is_sanitized || return 0 # it needs terabytes; the plain build runs this
  local kib
  for kib in 0 1000 {2500..9000..250} 12000 16000; do
    for_each_caller little_memory as $((kib * 1024))
  done
  for kib in 0 4 16 64 100 200 300 400 500 600 800 1000 1500 2000; do
    for_each_caller little_memory data $((kib * 1024))
  done
}

@test "a small stack" {
  ! is_sanitized || return 0 # it needs more; the plain build runs this
  local kib
  for kib in 0 4 8 16 32 64 128 256 512; do
    for_each_caller little_memory stack $((kib * 1024))
  done
}

#
# umask, working directory
#

new_utab() {
  rm -rf /run/mount
  assert_works "$@" || return
  assert_equal "$(stat -c %a /run/mount)" 755
}

@test "umask" {
  local mask
  for mask in 0 0777 0077 0222; do
    for_each_caller assert_works --umask "$mask"
    for_each_caller new_utab --umask "$mask"
  done
  mkdir -p /run/mount
}

@test "a working directory that is deleted" {
  chmod 777 "$area"
  for_each_caller assert_works --deleted-cwd "$area/gone"
}

@test "a working directory that the caller cannot reach" {
  install -d -m 700 "$area/roots"
  for_each_caller assert_works --cwd "$area/roots" --then
  rmdir "$area/roots"
  install -d -m 0 "$area/roots"
  for_each_caller assert_works --cwd "$area/roots" --then
}

relative_path() {
  local whole=$mnt
  install -d -m 700 "$area/roots"
  install -d -m 777 "$area/roots/mnt"
  mnt=mnt
  obey_and_mount
  mount_in_state --cwd "$area/roots" --then
  mnt=$whole
  if [[ $who == user ]]; then
    # The way to it begins in a directory that the user may not search.
    ((status == 1 || status == 32)) || fail "exit code $status" || return
    assert_refused
  else
    assert_status 0
    assert_mounted "$area/roots/mnt"
    unmount "$area/roots/mnt"
  fi
}

@test "a relative path from a working directory that the caller cannot reach" {
  for_each_caller relative_path
}

# What the server's process was that logged last.
server() { sed -n 's/^start: //p' "$log" | tail -n 1; }

@test "a working directory whose file system hangs" {
  local server fd
  mkdir "$area/hung"
  obey_and_mount
  run_mount "$img" "$area/hung" -t fuse.svc.peer -n
  assert_status 0
  server=$(server)
  exec {fd}<"$area/hung"
  (cd "$area/hung") # so that the kernel knows that the server is not asked whether one may
  kill -STOP "$server"
  for who in user root; do
    assert_works --cwd "/proc/self/fd/$fd" --then
    umount "$mnt"
  done
  exec {fd}<&-
  kill -KILL "$server"
  umount --lazy --no-canonicalize "$area/hung"
}

#
# Environment
#

@test "no environment" {
  for_each_caller assert_works --no-env
}

@test "an environment of a megabyte" {
  for_each_caller assert_works --huge-env 1024
}

hostile_environment() {
  local states=() variable trap=$area/trap
  printf '#!/bin/sh\ntouch %s/sprung\n' "$area" >"$trap"
  chmod 755 "$trap"
  for variable in LIBMOUNT_FSTAB="$trap" LIBMOUNT_UTAB="$area/utab" LIBMOUNT_MTAB="$area/mtab" \
    BLKID_FILE="$area/blkid.tab" BLKID_CONF="$trap" LANG=../../x LC_ALL=../../../etc LANGUAGE=/ \
    LOCPATH="$area" NLSPATH="$area/%N" GCONV_PATH="$area" TEXTDOMAINDIR="$area" \
    MALLOC_PERTURB_=165 MALLOC_ARENA_MAX=1 IFS=/ "PATH=$area" "TMPDIR=$area/none" HOME=/none \
    LISTEN_FDS=3 LISTEN_PID=1 NOTIFY_SOCKET=/none BASH_ENV="$trap" ENV="$trap" \
    RESOLV_HOST_CONF=/etc/shadow TZ=:/etc/shadow =x novalue= TERM=../../x; do
    states+=(--env "$variable")
  done
  if [[ $who == user ]]; then
    # Of root's own they are root's own will.
    for variable in LD_PRELOAD="$area/evil.so" LD_LIBRARY_PATH="$area" LD_AUDIT="$area/evil.so" \
      LD_DEBUG=all LD_DEBUG_OUTPUT="$area/debug" LD_BIND_NOW=1 \
      GLIBC_TUNABLES=glibc.malloc.check=3 LIBMOUNT_DEBUG=all LIBBLKID_DEBUG=all \
      LIBMOUNT_FORCE_MOUNT2=always; do
      states+=(--env "$variable")
    done
  fi
  assert_works "${states[@]}" || return
  [[ -z $stdout ]] || fail "stdout: $stdout" || return
  [[ ! -e $area/sprung && ! -e $area/utab && ! -e $area/mtab && ! -e $area/blkid.tab ]] ||
    fail "a file was made or executed where a variable said" || return
  [[ -z $(find "$area" -name 'debug*') ]] || fail "a file of LD_DEBUG"
}

@test "a hostile environment" {
  for_each_caller hostile_environment
}

#
# Relatives
#

@test "children that the helper does not know" {
  for_each_caller assert_works --children
  for_each_caller assert_works --subreaper --children
  for_each_caller fails_in_state --subreaper --children
}

@test "whoever calls is gone, and wanted the helper to go too" {
  who=user
  obey hello args 'open /here O_RDONLY quiet' 'sleep 1' 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' \
    init 'bye 0' serve
  start_in_state --pdeathsig
  assert_log 'open /here: EPERM'
  kill -KILL "$helper" # the launcher
  assert_log 'bye 0: OK'
  status=0
  wait_for "$deadline" grep -qs "$mnt" /run/mount/utab
  assert_entirely_mounted
  unmount
}

# Where the kernel does not honour the bit, the helper has no power, and does not try.
@test "a caller who gets no power from any program, or who traces it" {
  who=user
  obey_and_mount
  local states
  for states in --no-new-privs --traced; do
    mount_in_state "$states"
    assert_mount_fails 1 'must be root to mount'
    assert_nothing_left
  done
  refute_log start
}

@test "a user who is root in a namespace of his own" {
  local flags
  set_launch_arguments -- /usr/bin/unshare --user --map-root-user --mount /bin/true
  as
  ((status == 0)) || lack "no user namespaces" || return
  obey_and_mount
  for flags in --user '--user --mount'; do
    # shellcheck disable=SC2086 # words
    set_launch_arguments -- /usr/bin/unshare --map-root-user $flags \
      /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc.peer
    as
    ((status < 126)) || fail "exit code $status"
    assert_refused # neither is anything mounted here, nor is there a line in utab
  done
}
