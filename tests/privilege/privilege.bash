# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Callers of two kinds: root, and an ordinary user with the helper setuid. What tests of privilege
# share, on top of tests/lib.bash.
#
# After prepare_callers: $uid, $gid and $groups are the user's; $area is a directory that everybody
# reaches, with $img and $mnt, which are the user's. $who is "root" or "user", for as.
#
# shellcheck disable=SC2016 # the scripted server has variables of its own
# shellcheck disable=SC2034,SC2154 # variables of lib.bash and for the tests

uid=4242 gid=4243 groups=4244,4245
who=user

# make_setuid is lib.bash's where that has it.
declare -F make_setuid >/dev/null || make_setuid() { chmod u+s /sbin/mount.fuse.svc; }

build_dir() { dirname "$(dirname "$FSVC_PEER")"; }

prepare_callers() {
  prepare
  [[ -z ${FSVC_VALGRIND:-} ]] || skip "a script cannot be setuid" # the helper under valgrind is one
  local program
  for program in launch meddle; do
    [[ -x $(build_dir)/privilege/$program ]] || lack "no $program: make check builds it"
  done
  area=$FSVC_INSIDE/area
  install -d -m 755 "$area"
  install -t "$area" "$(build_dir)/privilege/launch" "$(build_dir)/privilege/meddle"
  img=$area/img mnt=$area/mnt
  truncate -s 64K "$img"
  install -d -o "$uid" -g "$gid" "$mnt"
  chown "$uid:$gid" "$img"
  open_fuse_device
  start_peer
  chmod 666 /run/filesystems/peer
  make_setuid
}

# Every user may open /dev/fuse, where udev is at work.
open_fuse_device() {
  [[ $(stat -c %a /dev/fuse) != 666 ]] || return 0
  mknod -m 666 "$area/fuse" c 10 229
  mount --bind "$area/fuse" /dev/fuse
}

clean_up_callers() {
  local rc=0
  clean_up || rc=1
  [[ -n ${area:-} ]] || return "$rc"
  [[ ! -e $area/fuse ]] || umount --lazy /dev/fuse
  chmod u-s /sbin/mount.fuse.svc
  rm -rf "$area"
  return "$rc"
}

# as [STATE...] -- PROGRAM [ARGUMENT...]: by the caller $who, in a strange state; sets $status,
# $stdout and $stderr. A state of "--then" is where the caller becomes the user: what comes before
# is done by root.
as() {
  run_command "$area/launch" "${launch_arguments[@]}"
}

# launch_arguments ARGS: sets the array of that name
set_launch_arguments() {
  local word before=() after=() seen=''
  launch_arguments=()
  while [[ $1 != -- ]]; do
    if [[ $1 == --then ]]; then
      seen=1
    elif [[ -n $seen ]]; then
      after+=("$1")
    else
      before+=("$1")
    fi
    shift
  done
  # Without --then all that is asked for is done by the user.
  [[ -n $seen ]] || { after=("${before[@]}"); before=(); }
  launch_arguments+=("${before[@]}")
  [[ $who == root ]] || launch_arguments+=(--user "$uid" "$gid" "$groups")
  launch_arguments+=("${after[@]}" "$@")
}

set_mount_arguments() {
  local states=()
  while (($#)) && [[ $1 != -- ]]; do
    states+=("$1")
    shift
  done
  (($# == 0)) || shift
  set_launch_arguments "${states[@]}" -- /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc.peer "$@"
}

# mount_in_state [STATE...] [-- ARGUMENT...]: of the mount helper
mount_in_state() {
  set_mount_arguments "$@"
  as
}

# start_in_state [STATE...] [-- ARGUMENT...]: the same in the background, with $helper as its pid,
# or as that of whoever holds something for it
start_in_state() {
  set_mount_arguments "$@"
  env --default-signal=INT,TERM,HUP,QUIT setsid "$area/launch" "${launch_arguments[@]}" \
    >"$BATS_TEST_TMPDIR/stdout" 2>"$BATS_TEST_TMPDIR/stderr" </dev/null 3>&- 4>&- &
  helper=$!
}

# by_user COMMAND...: sets $status, $stdout and $stderr
by_user() { run_command "$area/launch" --user "$uid" "$gid" "$groups" -- "$@"; }

# Processes that the helper has made: the one that talks, then the one that mounts.
children() { ps --no-headers -o pid --ppid "$helper" --sort pid | tr -d ' '; }
talker() { children | head -n 1; }
mounter() { children | sed -n 2p; }
has_talker() { [[ -n $(talker) ]]; }
has_both() { [[ -n $(mounter) ]]; }
# It is there from the beginning; with /dev/fuse it has been told to.
has_mounter() { find "/proc/$(mounter)/fd" -lname /dev/fuse 2>/dev/null | grep -q .; }

# until_step STEP LINE...: the server is good up to that step, and then does what the lines say
until_step() {
  local step=$1 lines=() s
  for s in hello args fsopen mntpt mount init; do
    case $s in
    fsopen) lines+=('fsopen 0') ;;
    mntpt) lines+=('source x' 'mntpt 0 $TARGET') ;;
    mount) lines+=('mount 0') ;;
    *) lines+=("$s") ;;
    esac
    [[ $s != "$step" ]] || break
  done
  obey "${lines[@]}" "${@:2}"
}

# at_step STEP [STATE...]: the helper waits there, for a server that says nothing any more. Steps
# are hello, args, fsopen, mntpt, pending (the kernel waits for the server, inside mount(2)), and
# init (all is done but the goodbye).
at_step() {
  local step=$1 mark=here
  shift
  case $step in
  pending)
    require sync-init
    obey hello args sync-init 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount-nowait 0' get-init \
      wait-eof
    ;;
  hello) until_step hello wait-eof ;;
  *) until_step "$step" 'open /here O_RDONLY quiet' wait-eof ;; # the refusal says how far we are
  esac
  start_in_state "$@"
  case $step in
  pending)
    assert_log 'get-init: OK' || return
    wait_for "$deadline" has_mounter || fail "no process that mounts" || return
    ;;
  hello) assert_log_matches 'caller: .*' || return ;;
  *) assert_log 'open /here: EPERM' || return ;;
  esac
  wait_for "$deadline" has_both || fail "no process that will mount"
}

# for_each_caller FUNCTION: with $who as root and as a user; afterwards nothing is left
for_each_caller() {
  for who in user root; do
    "$@" || fail "as $who: $*" || return
    unmount_if_mounted || return
    assert_nothing_left || fail "as $who: $*" || return
  done
}

unmount_if_mounted() {
  is_mounted || return 0
  unmount
}

# assert_entirely_mounted: as a mount is that was asked for in no strange state
assert_entirely_mounted() {
  local id=0
  [[ $who == root ]] || id=$uid
  assert_status 0 || return
  assert_mounted || return
  assert_equal "$(mounted_as FSTYPE)" fuse.svc.peer || return
  assert_equal "$(mounted_as SOURCE)" "$img" || return
  assert_option nosuid nodev "user_id=$id" || return
  assert_utab "SRC=$img" "TARGET=$mnt" 'ATTRS=svc=peer' || return
  assert_equal "$(stat -c '%a %u %g' /run/mount/utab)" '644 0 0' || return
  assert_equal "$(stat -c '%u %g' /run/mount)" '0 0'
}

# assert_works STATE...: with a good server, the mount is there, and not a word was said about it
assert_works() {
  obey_and_mount
  mount_in_state "$@"
  assert_entirely_mounted || return
  [[ -z $stderr ]] || fail "stderr is not empty"
}

# assert_works_or_fails STATE...: nothing in between. An error is one line, if stderr could take it.
assert_works_or_fails() {
  obey_and_mount
  mount_in_state "$@"
  case $status in
  0) assert_entirely_mounted ;;
  1 | 2 | 4 | 16 | 32)
    [[ $stderr != *$'\n'* ]] || fail "not one line: $stderr" || return
    assert_refused
    ;;
  *) fail "exit code $status" ;;
  esac
}

# Whoever fails leaves nothing.
assert_refused() {
  refute_mounted || return
  assert_nothing_left
}
