#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The helper's command line: what it takes, what it refuses and how it says so, what it notes in
# utab, and that its surroundings do not confuse it.
#
# shellcheck disable=SC2016 # the scripted server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load ../lib

setup() {
  prepare
  start_peer
  obey_and_mount
}

teardown() { clean_up; }

mount_as_peer() { run_mount "$img" "$mnt" -t fuse.svc.peer "$@"; }

# assert_usage TEXT: exit code 1, the text, and where to read more; no server was bothered
assert_usage() {
  assert_status 1 || return
  assert_equal "$stderr" "mount.fuse.svc: $1
Try 'mount.fuse.svc --help' for more information." || return
  refute_log start
}

# assert_refused STATUS TEXT...: as assert_mount_fails, and no server was bothered
assert_refused() {
  assert_mount_fails "$@" || return
  refute_log start
}

#
# Arguments
#

@test "arguments: SOURCE and TARGET are needed, and nothing else" {
  local args
  for args in '' '/a' '/a /b /c' '-t fuse.svc.peer' '/a -o ro' '-- /a' '/a /b -- /c'; do
    # shellcheck disable=SC2086 # words
    run_mount $args
    assert_usage 'SOURCE and TARGET are needed, and nothing else'
  done
  run_mount "$img" '' -t fuse.svc.peer
  assert_usage 'TARGET is empty'
}

@test "arguments: options that there are not" {
  local option
  for option in -z -a --all --hel=x -B --bind -U; do
    mount_as_peer "$option"
    assert_usage "unknown option \"$option\""
  done
  for option in -vz -zv -rsz; do
    mount_as_peer "$option"
    assert_usage 'unknown option "-z"'
  done
  mount_as_peer $'--\e[31m\nred'
  assert_usage 'unknown option "--\x1b[31m\x0ared"'
  mount_as_peer $'-\e[31m'
  assert_usage 'unknown option "-\x1b"'
  for option in -o -t -N; do
    run_mount "$img" "$mnt" "$option"
    assert_usage "option $option needs an argument"
  done
}

@test "arguments: --help and --version go to stdout" {
  run_mount --help
  assert_status 0
  [[ -z $stderr && $stdout == 'Usage: mount.fuse.svc SOURCE TARGET '* ]]
  local word
  for word in -f -n -N -o -r -s -t -v -w svc= svc-timeout= svc-suid svc-dev svc-noblk; do
    [[ $stdout == *" $word"* ]] || fail "--help does not mention $word"
  done
  run_mount --version
  assert_status 0
  [[ -z $stderr && $stdout == 'mount.fuse.svc from fuse-svc '[0-9]* ]]
}

@test "arguments: options may stand anywhere, -s and -w are accepted" {
  run_mount -t fuse.svc.peer -s "$img" -o noexec "$mnt" -w
  assert_mount_works
  assert_option rw noexec
  unmount
}

@test "arguments: -r is ro" {
  mount_as_peer -r
  assert_mount_works
  assert_option ro
  assert_log 'arg 4: ro'
  unmount
}

@test "arguments: -v changes nothing but what is said" {
  mount_as_peer -v
  assert_status 0
  assert_mounted
  unmount
}

#
# Options
#

@test "options: those of ours that there are not" {
  local option
  for option in svc-foo svc-foo=1 svc- svc-timeouts=1 svc-Suid svc-nosuid; do
    mount_as_peer -o "$option"
    assert_refused 1 "unknown option \"${option%=*}\""
  done
}

@test "options: svc-timeout" {
  local value
  for value in '' = =-1 =+1 =1x =x '= 1' '=1 ' =0x1 =1.5 =99999999999999999999 =31536001 ='""'; do
    mount_as_peer -o "svc-timeout$value"
    assert_refused 1 'option "svc-timeout" takes whole seconds'
  done
  for value in 0 1 31536000; do
    mount_as_peer -o "svc-timeout=$value"
    assert_mount_works
    assert_log 'arg 4: rw'
    unmount
  done
}

@test "options: svc-suid, svc-dev and svc-noblk have no value" {
  local option
  for option in svc-suid svc-dev svc-noblk; do
    mount_as_peer -o "$option=1"
    assert_refused 1 "option \"$option\" takes no value"
  done
}

@test "options: ours and libmount's never reach the server, others do" {
  mount_as_peer -o svc=peer,svc-timeout=30,_netdev,nofail,uhelper=hal,users,loop=/x,x-a=b,X-b,comment=c,key=a:b,flag,noauto
  assert_mount_works
  assert_log 'arg 4: rw,key=a:b,flag'
  unmount
}

@test "options: what is no mount of a service" {
  local option
  for option in remount,bind bind rbind rw,bind shared rprivate slave unbindable; do
    mount_as_peer -o "$option"
    assert_refused 1 'not supported for a contained service'
  done
}

@test "options: malformed lists" {
  local list
  for list in 'key="never closed' 'a=b,key="never closed,ro' 'ro,"' '"' '=x' 'a,=,ro'; do
    mount_as_peer -o "$list"
    assert_refused 1 'malformed options'
  done
  mount_as_peer -o ',,,'
  assert_mount_works
  unmount
}

@test "options: lists that are malformed make no good one together" {
  mount_as_peer -o 'key="a' -o ro -o 'b"'
  assert_refused 1 'malformed options'
}

#
# Which service
#

@test "name: svc= contradicts the type, or repeats it" {
  mount_as_peer -o svc=other
  assert_refused 1 'svc=other contradicts the type'
  mount_as_peer -o svc=other,svc=peer
  assert_mount_works
  unmount
}

@test "name: svc= alone, with or without the type fuse.svc" {
  run_mount "$img" "$mnt" -o svc=peer
  assert_mount_works
  assert_equal "$(mounted_as FSTYPE)" fuse.svc.peer
  unmount
  run_mount "$img" "$mnt" -t fuse.svc -o svc=peer
  assert_mount_works
  unmount
  run_mount "$img" "$mnt" -t fuseblk.svc.peer # not a block device: the name of the type is no wish
  assert_mount_works
  assert_equal "$(mounted_as FSTYPE)" fuse.svc.peer
  unmount
}

@test "name: names that there cannot be" {
  local name long
  printf -v long '%064d' 0
  for name in '' . .. ../peer a/b /run/filesystems/peer -x _x 'a b' $'a\nb' $'a\x1b[m' 'ü' "$long" 'a:b' '%n'; do
    run_mount "$img" "$mnt" -t "fuse.svc.$name"
    assert_refused 1 'cannot be the name of a service'
  done
  for name in '' = =. =.. =../peer =a/b =-x '=a b' "=$long" '="a,b"'; do
    run_mount "$img" "$mnt" -o "svc$name"
    assert_refused 1 'option "svc" takes the name of a service'
  done
  [[ $stderr != *$'\x1b'* ]]
}

@test "name: a long one" {
  local name
  printf -v name '%063d' 0
  start_peer "$name"
  run_mount "$img" "$mnt" -t "fuse.svc.$name"
  assert_mount_works
  assert_equal "$(mounted_as FSTYPE)" "fuse.svc.$name"
  assert_utab "svc=$name,"
  unmount
}

@test "type: others are not ours" {
  local type
  for type in fuse fuse.sshfs fuse.svcx ext4 fuseblk fuse.sv svc fuse.svcpeer xfuse.svc.peer; do
    run_mount "$img" "$mnt" -t "$type"
    assert_refused 1 "type \"$type\" is not fuse.svc"
  done
}

@test "guess: the source's type is the name" {
  require tool mksquashfs
  start_peer squashfs
  mkdir "$BATS_TEST_TMPDIR/empty"
  mksquashfs "$BATS_TEST_TMPDIR/empty" "$img" -noappend -quiet -no-progress >/dev/null
  run_mount "$img" "$mnt"
  assert_mount_works
  assert_log 'arg 0: squashfs'
  assert_equal "$(mounted_as FSTYPE)" fuse.svc.squashfs
  assert_utab svc=squashfs,
  unmount
}

@test "guess: nothing to see, too much to see, nowhere to look" {
  require tool mkfs.ext4 tool mksquashfs
  run_mount "$img" "$mnt"
  assert_refused 32 "$img" 'not recognized' 'svc=NAME'
  run_mount "$img.missing" "$mnt" -t fuse.svc
  assert_refused 32 "$img.missing" 'cannot open the source' 'No such file'
  run_mount "$BATS_TEST_TMPDIR" "$mnt" -t fuse.svc
  assert_refused 32 'cannot open the source' 'Is a directory'
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  run_mount "$BATS_TEST_TMPDIR/fifo" "$mnt" -t fuse.svc
  assert_refused 32 'cannot open the source'
  run_mount none "$mnt" -t fuse.svc
  assert_refused 1 'which service?'

  truncate -s 4M "$img" # of what is smaller, libblkid takes the first
  mkfs.ext4 -q "$img"
  mkdir "$BATS_TEST_TMPDIR/empty"
  mksquashfs "$BATS_TEST_TMPDIR/empty" "$img.2" -noappend -quiet -no-progress >/dev/null
  dd if="$img.2" of="$img" bs=96 count=1 conv=notrunc status=none
  run_mount "$img" "$mnt"
  assert_refused 32 "$img" 'more than one file system type recognized'
}

@test "service: nobody listens" {
  run_mount "$img" "$mnt" -t fuse.svc.nosuch
  assert_refused 32 'service "nosuch": not available (no socket /run/filesystems/nosuch)'

  kill -KILL "${services[0]}" # its socket stays
  wait "${services[0]}" || true
  mount_as_peer
  assert_refused 32 'service "peer": not available (nobody listens on /run/filesystems/peer)'

  touch /run/filesystems/file
  run_mount "$img" "$mnt" -t fuse.svc.file
  assert_refused 32 'service "file"' '/run/filesystems/file'
  mkdir /run/filesystems/dir
  run_mount "$img" "$mnt" -t fuse.svc.dir
  assert_refused 32 'service "dir"' '/run/filesystems/dir'
  rmdir /run/filesystems/dir
}

@test "service: a socket of another kind" {
  systemd-socket-activate -l /run/filesystems/stream -a /bin/true </dev/null >/dev/null 2>&1 3>&- 4>&- &
  services+=($!)
  wait_for "$deadline" test -S /run/filesystems/stream
  run_mount "$img" "$mnt" -t fuse.svc.stream
  assert_refused 32 'service "stream"' '/run/filesystems/stream'
}

#
# Source and target
#

@test "source: missing" {
  obey hello args 'open $SOURCE O_RDONLY' 'bye 1'
  run_mount "$img.missing" "$mnt" -t fuse.svc.peer
  assert_log "open $img.missing: ENOENT"
  assert_mount_fails 32 "$img.missing: cannot open: No such file or directory"
}

@test "source: a tag that nothing has" {
  local tag
  for tag in LABEL=nosuch UUID=0 PARTLABEL=x; do
    run_mount "$tag" "$mnt" -t fuse.svc.peer
    assert_mount_fails 32 "$tag: cannot open the source: No such file or directory"
  done
}

@test "source: an unknown tag is just a name" {
  run_mount A=b "$mnt" -t fuse.svc.peer
  assert_mount_works
  assert_equal "$(findmnt -no SOURCE "$mnt")" A=b
  unmount
}

@test "source: a relative path and a symlink become the true path, as with mount(8)" {
  ln -s img "$BATS_TEST_TMPDIR/link"
  cd "$BATS_TEST_TMPDIR"
  run_mount ./link "$mnt" -t fuse.svc.peer
  assert_mount_works
  assert_log "arg 1: $img"
  assert_equal "$(mounted_as SOURCE)" "$img"
  unmount
}

@test "target: missing, or of another kind" {
  mnt=$BATS_TEST_TMPDIR/missing
  mount_as_peer
  assert_refused 32 'cannot use the mount point: No such file or directory'
  mnt=$img/below
  mount_as_peer
  assert_refused 32 'cannot use the mount point: Not a directory'
  mnt=/dev/null
  mount_as_peer
  assert_refused 32 'cannot use the mount point'
  mnt=$BATS_TEST_TMPDIR/fifo
  mkfifo "$mnt"
  mount_as_peer
  assert_refused 32 'cannot use the mount point'
}

@test "target: by a symlink, a relative path, with dots: utab has the true path" {
  local given
  ln -s mnt "$BATS_TEST_TMPDIR/link"
  cd "$BATS_TEST_TMPDIR"
  for given in "$BATS_TEST_TMPDIR/link" link mnt ./mnt/. "$mnt/../mnt/"; do
    run_mount "$img" "$given" -t fuse.svc.peer
    assert_mount_works
    assert_log "arg 2: $given" "mntpt $given: OK"
    assert_utab "TARGET=$mnt "
    unmount
    assert_equal "$(utab)" ''
  done
}

@test "target: errors name it as the caller did" {
  cd "$BATS_TEST_TMPDIR"
  mnt=no/such
  mount_as_peer
  assert_refused 32 'No such file'
  mnt=$'evil\n\x1b[31m'
  mount_as_peer
  mnt='evil\x0a\x1b[31m'
  assert_refused 32 'No such file'
}

@test "target: the same source is mounted there already" {
  mount_as_peer
  assert_mount_works
  mount_as_peer
  assert_status 32
  assert_error "$img is already mounted here"
  assert_equal "$(our_mounts | wc -l)" 1
  assert_equal "$(grep -c start "$log")" 1
  truncate -s 64K "$img.2"
  run_mount "$img.2" "$mnt" -t fuse.svc.peer # another one may cover it
  assert_mount_works
  assert_equal "$(our_mounts | wc -l)" 2
  unmount
  unmount
}

@test "target: the same source on two targets" {
  mkdir "$mnt.2"
  mount_as_peer
  assert_mount_works
  run_mount "$img" "$mnt.2" -t fuse.svc.peer
  assert_status 0
  assert_equal "$(our_mounts | wc -l)" 2
  unmount
  assert_mounted "$mnt.2"
  assert_utab "TARGET=$mnt.2 "
  unmount "$mnt.2"
}

#
# -f, -n, -N
#

@test "-f: checks, and neither mounts nor starts anything" {
  mount_as_peer -f
  assert_status 0
  refute_mounted
  refute_log start
  assert_equal "$(utab)" ''
  run_mount -f "$img" "$mnt" -t fuse.svc.nosuch
  assert_refused 32 'not available'
  run_mount -f "$img" "$mnt.missing" -t fuse.svc.peer
  assert_status 32
  run_mount -f "$img" "$mnt" -t fuse.svc.peer -o svc-foo
  assert_refused 1 svc-foo
  run_mount -f "$img" "$mnt"
  assert_refused 32 'not recognized'
  touch /run/filesystems/file
  run_mount -f "$img" "$mnt" -t fuse.svc.file
  assert_refused 32 '/run/filesystems/file'
}

@test "-n: no line in utab" {
  mount_as_peer -n -o x-foo
  assert_mount_works
  assert_equal "$(utab)" ''
  unmount
}

# other_namespace: $other is a process in a mount namespace of its own, $ns the path of that
other_namespace() {
  unshare --mount --propagation private sleep 600 3>&- 4>&- &
  other=$!
  ns=/proc/$other/ns/mnt
  wait_for "$deadline" is_other_namespace
}
end_other_namespace() {
  kill -KILL "$other"
  wait "$other" 2>/dev/null || true
}
is_other_namespace() { [[ $(readlink "/proc/$other/ns/mnt") != "$(readlink /proc/self/ns/mnt)" ]]; }
mounted_there() { grep -q ' fuse.svc.peer ' "/proc/$other/mountinfo"; }
not_mounted_there() { ! mounted_there; }

@test "-N: mounts in another namespace, and not here" {
  local other ns
  other_namespace
  mount_as_peer -N "$ns"
  assert_status 0
  assert_equal "$stderr" ''
  refute_mounted
  mounted_there
  nsenter --target "$other" --mount umount "$mnt"
  not_mounted_there
  mount_as_peer -N "$other"
  assert_status 0 # by its pid, as mount(8) takes it
  mounted_there
  refute_mounted
  rm -f /run/mount/utab
  end_other_namespace
}

@test "-N: undone there on failure" {
  local other ns
  other_namespace
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' init 'bye 1'
  mount_as_peer -N "$ns"
  assert_log 'mount 0: OK'
  assert_mount_fails 32 'gave up'
  not_mounted_there
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' wait-eof
  mount_as_peer -N "$ns" -o svc-timeout=1
  assert_mount_fails 32 'said nothing'
  not_mounted_there
  end_other_namespace
}

@test "-N: a target that is only there, and one that is only here" {
  local other ns
  other_namespace
  nsenter --target "$other" --mount mount -t tmpfs tmpfs "$mnt"
  nsenter --target "$other" --mount mkdir "$mnt/there"
  run_mount "$img" "$mnt/there" -t fuse.svc.peer -N "$ns"
  assert_status 0
  mounted_there
  mkdir "$mnt/here"
  mnt=$mnt/here
  mount_as_peer -N "$ns"
  assert_mount_fails 32 'No such file'
  rm -f /run/mount/utab
  end_other_namespace
}

@test "-N: no such namespace" {
  local ns
  for ns in 4194305 /dev/null "$img" /nosuch x; do
    mount_as_peer -N "$ns"
    assert_status 1
    refute_mounted
    refute_log start
  done
}

#
# utab
#

@test "utab: the caller's userspace options, the service and its process; gone after umount" {
  local pid start
  mount_as_peer -o x-gvfs-name=stick,uhelper=hal,x-foo,noexec,key=value
  assert_mount_works
  pid=$(our_processes | cut -d ' ' -f 1)
  assert_log "start: $pid"
  start=$(sed 's/.*) //' "/proc/$pid/stat" | cut -d ' ' -f 20)
  assert_utab "SRC=$img " "TARGET=$mnt " "ATTRS=svc=peer,svc.pid=$pid,svc.start=$start" \
    'OPTS=x-gvfs-name=stick,uhelper=hal,x-foo'
  [[ $(utab) != *noexec* && $(utab) != *key* ]]
  unmount
  assert_equal "$(utab)" ''
}

@test "utab: a server whose name looks like numbers of its process" {
  local server=$BATS_TEST_TMPDIR/'a) S 1 2 (b' pid start
  cp "$FSVC_PEER" "$server"
  start_service odd -- "$server" "$script" "$log"
  run_mount "$img" "$mnt" -t fuse.svc.odd
  assert_mount_works
  pid=$(sed -n 's/^start: //p' "$log")
  start=$(sed 's/.*) //' "/proc/$pid/stat" | cut -d ' ' -f 20)
  assert_utab "ATTRS=svc=odd,svc.pid=$pid,svc.start=$start"
  unmount
  wait_gone "$pid" "$deadline"
}

@test "utab: no line if the mount failed" {
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' init 'bye 1'
  mount_as_peer -o x-foo
  assert_mount_fails 32
  assert_equal "$(utab)" ''
}

@test "utab: cannot be written" {
  mount -t tmpfs -o ro tmpfs /run/mount
  mount_as_peer
  [[ $status == 0 || $status == 16 ]] || fail "exit code $status"
  assert_mounted
  umount /run/mount
  unmount
}

#
# Surroundings
#

@test "not root: a clear word, and nothing else" {
  run_command setpriv --reuid 65534 --regid 65534 --clear-groups /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc.peer
  assert_refused 1 'must be root'
}

@test "standard descriptors may be closed" {
  local redirect
  for redirect in '<&-' '>&-' '2>&-' '<&- >&-' '<&- >&- 2>&-'; do
    run_command sh -c "exec /sbin/mount.fuse.svc \"\$@\" $redirect" sh "$img" "$mnt" -t fuse.svc.peer
    assert_mount_works
    unmount
    run_command sh -c "exec /sbin/mount.fuse.svc \"\$@\" $redirect" sh "$img" "$mnt.missing" -t fuse.svc.peer
    assert_status 32
  done
  obey hello args wait-eof
  sh -c 'exec /sbin/mount.fuse.svc "$@" <&- >&- 2>&-' sh "$img" "$mnt" -t fuse.svc.peer 3>&- 4>&- &
  helper=$!
  assert_log 'fusedev: OK'
  local pid fd
  for pid in "$helper" $(ps --no-headers -o pid --ppid "$helper"); do
    for fd in 0 1 2; do
      [[ $(readlink "/proc/$pid/fd/$fd") == /dev/null ]] || fail "descriptor $fd of $pid is open on something else"
    done
  done
  kill "$helper"
  finish_mount
}

@test "an empty environment, and one that lies" {
  run_command env -i ${LD_LIBRARY_PATH:+LD_LIBRARY_PATH="$LD_LIBRARY_PATH"} \
    /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc.peer
  assert_mount_works
  unmount
  run_command env LIBMOUNT_UTAB="$BATS_TEST_TMPDIR/utab" LIBMOUNT_FSTAB=/dev/null LIBMOUNT_MTAB=/dev/null \
    BLKID_FILE=/dev/null LISTEN_FDS=1 LISTEN_PID=1 LANG=xx LC_ALL=../../x TMPDIR=/nosuch \
    /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc.peer
  assert_mount_works
  assert_utab "TARGET=$mnt "
  [[ ! -e $BATS_TEST_TMPDIR/utab ]]
  unmount
}

@test "argv[0] may be anything" {
  local name
  for name in '' x -o /usr/bin/true $'\x1b[31m' mount.fuse.svc.other; do
    run_command bash -c 'exec -a "$0" /sbin/mount.fuse.svc "$@"' "$name" "$img" "$mnt" -t fuse.svc.peer
    assert_mount_works
    unmount
    run_command bash -c 'exec -a "$0" /sbin/mount.fuse.svc "$@"' "$name" "$img" "$mnt" -t fuse.svc.nosuch
    assert_mount_fails 32 nosuch
  done
}

@test "a strict umask and a full set of limits" {
  run_command sh -c 'umask 777; ulimit -c 0; exec /sbin/mount.fuse.svc "$@"' sh "$img" "$mnt" -t fuse.svc.peer
  assert_mount_works
  assert_equal "$(stat -c %a /run/mount/utab)" 644
  unmount
}

@test "signals that the caller ignores or blocks" {
  run_command env --ignore-signal=INT,TERM,HUP,CHLD,PIPE /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc.peer
  assert_mount_works
  unmount
  run_command env --block-signal=INT,TERM,HUP,CHLD /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc.peer
  assert_mount_works
  unmount
  obey hello args 'bye 1'
  run_command env --ignore-signal=CHLD /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc.peer
  assert_mount_fails 32 'gave up'
}

@test "many mounts at once" {
  local i pids=()
  for i in {1..8}; do
    mkdir "$mnt.$i"
    timeout 60 /sbin/mount.fuse.svc "$img" "$mnt.$i" -t fuse.svc.peer 3>&- 4>&- &
    pids+=($!)
  done
  for i in "${pids[@]}"; do wait "$i"; done
  assert_equal "$(our_mounts | wc -l)" 8
  assert_equal "$(utab | wc -l)" 8
  for i in {1..8}; do unmount "$mnt.$i"; done
}
