#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# /etc/fuse.conf, and the number of mounts that it allows.
#
# shellcheck disable=SC2016 # the scripted server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load ../lib

setup() {
  prepare
  prepare_users
  start_peer
  share_services
  obey_and_mount
  conf=/etc/fuse.conf
}

teardown() { clean_up; }

alice_mounts() { run_mount_as alice "$img" "$mnt" -t fuse.svc.peer; }

# conf FORMAT [ARGS...]: as printf has it
conf() {
  rm -rf "$conf"
  # shellcheck disable=SC2059 # a format it is
  printf "$@" >"$conf"
}

# assert_conf_is_fine FORMAT [WANTED-OPTION]
assert_conf_is_fine() {
  conf "$1"
  obey_and_mount
  [[ -z ${2:-} ]] || obey_and_mount_with "$2"
  alice_mounts
  assert_mount_works || fail "refused: $1" || return
  [[ -z ${2:-} ]] || assert_option "$2" || fail "no $2: $1" || return
  unmount
}

# assert_conf_is_bad FORMAT [LINE]: and it is said which line is
assert_conf_is_bad() {
  conf "$1"
  obey_and_mount
  alice_mounts
  assert_mount_fails 1 "/etc/fuse.conf: ${2:+line $2: }" || fail "taken: $1" || return
  refute_log start || fail "somebody was asked: $1"
}

# assert_file_is_refused WHAT: $conf, whatever it is
assert_file_is_refused() {
  obey_and_mount
  alice_mounts
  assert_mount_fails 1 '/etc/fuse.conf: ' || fail "taken: $1" || return
  refute_log start || fail "somebody was asked: $1" || return
  run_mount "$img" "$mnt" -t fuse.svc.peer # root does not read it
  assert_mount_works || fail "root reads it: $1" || return
  unmount
}

@test "fuse.conf: missing, empty, blank lines, comments" {
  rm -f "$conf"
  alice_mounts
  assert_mount_works
  refute_option allow_other
  unmount
  assert_conf_is_fine ''
  assert_conf_is_fine '\n'
  assert_conf_is_fine '\n\n  \n\n'
  assert_conf_is_fine '# a comment\n'
  assert_conf_is_fine '#user_allow_other\n#mount_max = 0'
  assert_conf_is_fine '   # mount_max = nonsense\n'
}

@test "fuse.conf: user_allow_other" {
  assert_conf_is_fine 'user_allow_other\n' allow_other
  assert_conf_is_fine 'user_allow_other' allow_other
  assert_conf_is_fine '  user_allow_other  \n' allow_other
  assert_conf_is_fine '# first\n\nuser_allow_other\n# last\n' allow_other
  assert_conf_is_fine 'user_allow_other # a comment\n' allow_other
  assert_conf_is_fine 'mount_max = 5\nuser_allow_other\n' allow_other
  assert_conf_is_fine 'user_allow_other\nmount_max=5\n' allow_other
}

@test "fuse.conf: a comment that looks like user_allow_other permits nothing" {
  local text
  for text in '#user_allow_other\n' '# user_allow_other\n' ' #\tuser_allow_other' 'mount_max = 3\n#\n#user_allow_other'; do
    conf "$text"
    obey hello args 'fsopen 0' 'mntopts allow_other' 'bye 1'
    alice_mounts
    assert_log 'hello: 1-1 flags 0' 'mntopts allow_other: EPERM' || fail "$text"
    assert_mount_fails 1 user_allow_other || fail "$text"
  done
}

@test "fuse.conf: mount_max in all its forms" {
  local text
  for text in 'mount_max = 1' 'mount_max=1' 'mount_max =1' 'mount_max= 1' '  mount_max  =  1  ' \
    'mount_max = 1\n' 'mount_max = 1000' 'mount_max = 2147483647' 'mount_max = -1' 'mount_max=-1\n'; do
    assert_conf_is_fine "$text"
  done
}

@test "fuse.conf: mount_max with a number that is none" {
  local value
  for value in '' ' ' = '= ' '= -' '= -2' '= -2147483648' '= -01' '= --1' '= +1' '= 0x10' '= 0X10' '= 1x' '= x1' '= 1.5' '= 1e3' \
    '= 2147483648' '= 4294967296' '= 4294967297' '= 18446744073709551617' '= 99999999999999999999999999' '= - 1' \
    '= 1 2' '= 1,2' '= = 1' ' 1' '= unlimited' '= "1"' "= '1'" ': 1'; do
    assert_conf_is_bad "mount_max$value\\n" 1
  done
}

@test "fuse.conf: unknown words" {
  assert_conf_is_bad 'user_allow_others\n' 1
  assert_conf_is_bad 'user_allow_othe\n' 1
  assert_conf_is_bad 'USER_ALLOW_OTHER\n' 1
  assert_conf_is_bad 'user allow other\n' 1
  assert_conf_is_bad 'user_allow_other = 1\n' 1
  assert_conf_is_bad 'user_allow_other user_allow_other\n' 1
  assert_conf_is_bad 'user_allow_other mount_max = 1\n' 1
  assert_conf_is_bad 'user_allow_root\n' 1
  assert_conf_is_bad 'mount_maximum = 1\n' 1
  assert_conf_is_bad 'mount_ma = 1\n' 1
  assert_conf_is_bad '= 1\n' 1
  assert_conf_is_bad 'x\n' 1
  assert_conf_is_bad '[section]\n' 1
  assert_conf_is_bad '\xef\xbb\xbfuser_allow_other\n' 1
  assert_conf_is_bad '; comment\n' 1
  assert_conf_is_bad 'user_allow_other\x07\n' 1
}

@test "fuse.conf: the line that is wrong is named" {
  assert_conf_is_bad '# one\n\nnonsense\nuser_allow_other\n' 3
  assert_conf_is_bad 'user_allow_other\nmount_max = 5\n\n\n\nmount_max = x' 6
  assert_conf_is_bad '\n\n\n\n\n\n\n\n\n\n\n=' 12
}

@test "fuse.conf: a word twice" {
  assert_conf_is_bad 'user_allow_other\nuser_allow_other\n' 2
  assert_conf_is_bad 'mount_max = 1\n# same\nmount_max = 1\n' 3
  assert_conf_is_bad 'mount_max = 1\nmount_max = -1\n' 2
}

@test "fuse.conf: NUL bytes hide nothing" {
  assert_conf_is_bad 'user_allow_other\0\n'
  assert_conf_is_bad '\0'
  assert_conf_is_bad 'mount_max = 5\n\0mount_max = 0\n'
  assert_conf_is_bad 'mount_max = 5\0 7\n'
}

@test "fuse.conf: an error does not let control characters through" {
  conf 'a\033[2Jb\n'
  alice_mounts
  assert_mount_fails 1 '/etc/fuse.conf'
  [[ $stderr != *$'\033'* ]]
}

@test "fuse.conf: how large it may be" {
  conf '%s\n' "#$(printf '%060000d' 0)"
  alice_mounts
  assert_mount_works
  unmount
  conf '%s\nnonsense\n' "#$(printf '%060000d' 0)"
  assert_file_is_refused 'nonsense far behind'
  conf '%s\n' "#$(printf '%065537d' 0)"
  assert_file_is_refused 'over 64 KiB'
  yes '# a comment' | head -c 1048576 >"$conf"
  assert_file_is_refused '1 MiB of comments'
  head -c 1048576 /dev/zero >"$conf"
  assert_file_is_refused '1 MiB of zeros'
  rm "$conf"
  truncate -s 1T "$conf"
  assert_file_is_refused 'a terabyte of nothing'
}

@test "fuse.conf: who may write to it" {
  local mode
  conf 'user_allow_other\n'
  for mode in 664 646 666 622 602 620 777; do
    chmod "$mode" "$conf"
    assert_file_is_refused "mode $mode"
  done
  for mode in 644 600 400 444 0 755; do
    chmod "$mode" "$conf"
    obey_and_mount_with allow_other
    alice_mounts
    assert_mount_works || fail "mode $mode"
    unmount
  done
  chmod 644 "$conf"
  chown alice "$conf"
  assert_file_is_refused 'owned by the caller'
  chown bob "$conf"
  assert_file_is_refused 'owned by another user'
  chown root:team "$conf"
  obey_and_mount
  alice_mounts # whose group cannot write
  assert_mount_works
  unmount
}

@test "fuse.conf: an access list that lets others write" {
  require tool setfacl
  conf 'user_allow_other\n'
  setfacl -m u:alice:rw "$conf" || skip "no access lists here"
  assert_file_is_refused 'a list that lets alice write'
}

@test "fuse.conf: what is not a regular file" {
  rm -f "$conf"
  mkdir "$conf"
  assert_file_is_refused 'a directory'
  rmdir "$conf"
  mkfifo -m 600 "$conf"
  assert_file_is_refused 'a FIFO'
  rm "$conf"
  mknod -m 600 "$conf" c 1 5
  assert_file_is_refused 'a device'
  rm "$conf"
  start_service socket -- /bin/true
  mv /run/filesystems/socket "$conf"
  chmod 600 "$conf"
  assert_file_is_refused 'a socket'
}

@test "fuse.conf: a symlink is what it leads to" {
  rm -f "$conf"
  echo user_allow_other >"$home/real"
  ln -s "$home/real" "$conf"
  obey_and_mount_with allow_other
  alice_mounts
  assert_mount_works
  unmount
  chmod 666 "$home/real"
  assert_file_is_refused 'a symlink to what anybody may write to'
  chmod 644 "$home/real"
  chown alice "$home/real"
  assert_file_is_refused 'a symlink to what is the caller'"'"'s'
  ln -sf "$conf" "$conf"
  assert_file_is_refused 'a symlink to itself'
}

@test "fuse.conf: the caller's environment and directory choose no other" {
  mkdir "$home/alice/etc"
  echo user_allow_other >"$home/alice/etc/fuse.conf"
  echo user_allow_other >"$home/alice/fuse.conf"
  rm -f "$conf"
  obey hello args 'fsopen 0' 'mntopts allow_other' 'bye 1'
  run_command setpriv --reuid=alice --regid=alice --init-groups --reset-env -- \
    env -C "$home/alice" HOME="$home/alice" FUSE_CONF="$home/alice/fuse.conf" XDG_CONFIG_HOME="$home/alice/etc" \
    /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc.peer
  assert_log 'hello: 1-1 flags 0' 'mntopts allow_other: EPERM'
  assert_mount_fails 1 user_allow_other
}

@test "fuse.conf: root does not read it" {
  conf 'mount_max = 0\nnonsense\n'
  run_mount "$img" "$mnt" -t fuse.svc.peer
  assert_mount_works
  unmount
}

#
# mount_max
#

# more_places N: $home/alice/1 ...
more_places() {
  local i
  for ((i = 1; i <= $1; i++)); do install -d -o alice -g alice "$home/alice/$i"; done
}

unmount_all() {
  local target
  our_mounts | while read -r _ _ _ _ target _; do umount --no-canonicalize "$target"; done
}

@test "mount_max: 0 allows none, -1 and the greatest all" {
  conf 'mount_max = 0\n'
  alice_mounts
  assert_mount_fails 1 mount_max
  assert_log 'init: EPERM' # not even for a moment was it mounted
  conf 'mount_max = -1\n'
  alice_mounts
  assert_mount_works
  unmount
}

@test "mount_max: counts all mounts of FUSE, whosever they are" {
  local i
  more_places 4
  conf 'mount_max = 4\n'
  run_mount_as alice "$img" "$home/alice/1" -t fuse.svc.peer
  assert_status 0
  run_mount_as bob "$home/bob/img" "$home/bob/mnt" -t fuse.svc.peer
  assert_status 0
  run_mount "$img" "$home/alice/2" -t fuse.svc.peer # root's
  assert_status 0
  mount --internal-only -t fuse -o "fd=9,rootmode=40000,user_id=0,group_id=0" plain "$home/alice/3" 9<>/dev/fuse
  alice_mounts
  assert_mount_fails 1 mount_max
  umount --lazy "$home/alice/3"
  obey_and_mount
  alice_mounts
  assert_mount_works
  run_mount "$img" "$home/alice/4" -t fuse.svc.peer # nothing stops root
  assert_status 0
  unmount_all
}

@test "mount_max: counts fuseblk too" {
  require loop
  conf 'mount_max = 1\n'
  use_loop "$img"
  run_mount "$loop" "$home/bob/mnt" -t fuse.svc.peer
  assert_status 0
  assert_equal "$(mounted_as FSTYPE "$home/bob/mnt")" fuseblk.svc.peer
  alice_mounts
  assert_mount_fails 1 mount_max
  unmount_all
}

@test "mount_max: does not count others" {
  more_places 2
  conf 'mount_max = 1\n'
  mount -t tmpfs fuse.svc.peer "$home/alice/1"
  mount -t tmpfs fuse "$home/alice/2"
  alice_mounts
  assert_mount_works
  unmount
  umount "$home/alice/1" "$home/alice/2"
}

@test "mount_max: the default is 1000" {
  local i
  rm -f "$conf"
  run_mount "$img" "$home/bob/mnt" -t fuse.svc.peer
  assert_status 0
  mkdir -p "$home"/many/{1..999}
  for ((i = 1; i <= 999; i++)); do # cheap ones: more mounts of the first
    mount --no-mtab --bind "$home/bob/mnt" "$home/many/$i"
  done
  assert_equal "$(our_mounts | wc -l)" 1000
  obey_and_mount
  alice_mounts
  assert_mount_fails 1 mount_max
  umount "$home/many/1"
  obey_and_mount
  alice_mounts
  assert_mount_works
  unmount
  umount "$home"/many/{2..999}
  unmount "$home/bob/mnt"
}

@test "mount_max: many at once do not get past it" {
  local i pids=() n_ok
  more_places 12
  conf 'mount_max = 3\n'
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' init 'bye 0' serve
  for ((i = 1; i <= 12; i++)); do
    as_user alice /sbin/mount.fuse.svc "$img" "$home/alice/$i" -t fuse.svc.peer \
      </dev/null >/dev/null 2>"$BATS_TEST_TMPDIR/err.$i" 3>&- 4>&- &
    pids+=($!)
  done
  n_ok=0
  for i in "${pids[@]}"; do
    status=0
    wait "$i" || status=$?
    case $status in
    0) n_ok=$((n_ok + 1)) ;;
    1) ;;
    *) fail "exit code $status" ;;
    esac
  done
  cat "$BATS_TEST_TMPDIR"/err.*
  assert_equal "$(our_mounts | wc -l)" "$n_ok"
  assert_equal "$(utab | wc -l)" "$n_ok"
  ((n_ok <= 3)) || fail "$n_ok mounts"
  ! grep -qv mount_max "$BATS_TEST_TMPDIR"/err.* || fail "another reason"
  unmount_all
}

# The kernel has the mount wait for the server's first answer, and meanwhile root mounts one more.
@test "mount_max: is checked again after the mount, which is undone" {
  require sync-init
  conf 'mount_max = 1\n'
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' sync-init 'mount-nowait 0' get-init \
    'sleep 3' 'answer-init 0' reply 'bye 0' serve
  start_mount_as alice "$img" "$mnt" -t fuse.svc.peer
  assert_log 'get-init: OK'
  cp "$script" "$script.slow"
  obey_and_mount
  run_mount "$home/bob/img" "$home/bob/mnt" -t fuse.svc.peer
  assert_status 0
  finish_mount
  assert_mount_fails 1 mount_max
  assert_mounted "$home/bob/mnt"
  assert_equal "$(our_mounts | wc -l)" 1
  unmount_all
}

# shellcheck disable=SC2034 # finish_mount waits for $helper
start_mount_as() {
  setpriv --reuid="$1" --regid="$1" --init-groups --reset-env -- setsid /sbin/mount.fuse.svc "${@:2}" \
    >"$BATS_TEST_TMPDIR/stdout" 2>"$BATS_TEST_TMPDIR/stderr" </dev/null 3>&- 4>&- &
  helper=$!
}
