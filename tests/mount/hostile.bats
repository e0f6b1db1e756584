#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A server that tries everything: each list of what it might ask for, whole. What it gets by the
# table of least authority is in authority.bats, what happens when something ends in lifecycle.bats;
# here is what it must never get, at no time, in no spelling, and what must not be left of it.
#
# shellcheck disable=SC2016 # the scripted server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load ../lib

setup() {
  prepare
  start_peer
  mounts_before=$(</proc/self/mountinfo)
}

teardown() { clean_up; }

mount_as_peer() { run_mount "$img" "$mnt" -t fuse.svc.peer "$@"; }

# ask LINE...: the server says these after it got its arguments, and gives up
ask() { obey hello args "$@" 'bye 1'; }

# Not a mount was made, moved, bound, remounted or shared.
assert_mounts_untouched() {
  assert_equal "$(</proc/self/mountinfo)" "$mounts_before"
}

# assert_count NUMBER REGEX: so many lines of the server's log match
assert_count() {
  local n
  n=$(grep -cE -e "$2" "$log" || true)
  ((n == $1)) || fail "$n lines instead of $1 match $2"
}

# Servers that look at nothing any more.
end_servers() {
  our_processes | while read -r pid _; do kill -KILL "$pid" 2>/dev/null || true; done
}

#
# Paths
#

# forbidden_paths: all that nobody named
forbidden_paths() {
  printf '%s\n' '""' . .. / ./ ../ img ./img ../img ../../etc/passwd /.. /etc /etc/passwd /etc/shadow \
    '$TARGET' '$TARGET/' '$TARGET/.' '$TARGET/..' '$TARGET/x' '$NAME' ./peer argv fusedev none \
    '$SOURCE/' '$SOURCE/.' '$SOURCE/..' '$SOURCE\x20' '$SOURCE\x0a' '$SOURCE\x5c' '$SOURCE,' '$SOURCE.' \
    '/$SOURCE' '//$SOURCE' "/$img" "/./$img" "//$img" "\\x20$img" "file://$img" "${img%/*}/./img" \
    "${img%/*}//img" "${img%/*}/../${BATS_TEST_TMPDIR##*/}/img" "${img%?}" "$img*" '$OPTIONS' \
    /proc/self/{exe,maps,mem,environ,cmdline,mountinfo,cwd,root,cwd/img,"root$img",ns/mnt,fd/{0..9}} \
    /proc/thread-self/{mem,fd/3} /proc/1/{environ,mem,root/etc/passwd} /proc/{kcore,sysrq-trigger} \
    /dev/{fuse,stdin,null,mem,fd/0,fd/3,loop-control} /sys/kernel/uevent_helper /run/filesystems/peer
}

@test "paths: nothing opens that was not named, in no spelling" {
  local path n=0 lines=()
  cd "${img%/*}"
  while IFS= read -r path; do
    lines+=("open $path O_RDONLY" "bdev $path O_RDONLY 0")
    n=$((n + 2))
  done < <(forbidden_paths)
  ((n < 256)) || fail "more than a server may open"
  ask "${lines[@]}"
  mount_as_peer -o 'list=x:/etc/passwd,other=./img'
  assert_log 'bye 1: OK'
  refute_log ': OK ro' ': OK rw' ': OK wo' ': OK without'
  assert_count "$n" ': EPERM$'
  assert_mount_fails 32 'asked for "/run/filesystems/peer"'
  assert_mounts_untouched
}

@test "paths: nor for writing, nor if the answer is not to be spoken of" {
  local path n=0 lines=()
  while IFS= read -r path; do
    lines+=("open $path O_RDWR quiet" "open $path O_WRONLY|O_SYNC quiet" "open $path O_CREAT|O_TRUNC quiet")
    n=$((n + 3))
  done < <(forbidden_paths)
  ask "${lines[@]:0:255}"
  mount_as_peer
  assert_log 'bye 1: OK'
  assert_count "$((n < 255 ? n : 255))" ': EPERM$'
  assert_mount_fails 32 'gave up without saying why'
}

@test "paths: over-long ones" {
  local long length longest=$((65536 - 4 - 16 - 1))
  for length in 107 255 256 4095 4096 4097 "$longest"; do
    printf -v long '/%0*d' $((length - 1)) 0
    ask "open $long O_RDONLY"
    mount_as_peer
    assert_log "open $long: EPERM"
    assert_mount_fails 32 'service "peer": asked for "/0000'
    ((${#stderr} < 1200)) || fail "an error of ${#stderr} characters"
  done
  printf -v long '/%0*d' "$longest" 0 # one more than a packet holds
  ask "open $long O_RDONLY"
  mount_as_peer
  assert_log 'open: EMSGSIZE'
  assert_mount_fails 32 'ended before'
}

@test "paths: over-long ones that the caller named" {
  local long length
  for length in 300 4096 60000; do
    printf -v long '/%0*d' $((length - 1)) 0
    ask "open $long O_RDONLY"
    mount_as_peer -o "ro,journal=$long"
    assert_log "open $long: ENAMETOOLONG"
    assert_mount_fails 32 '/0000' 'File name too long'
    ((${#stderr} < 1200)) || fail "an error of ${#stderr} characters"
    ask 'open $SOURCE O_RDONLY'
    run_mount "$long" "$mnt" -t fuse.svc.peer
    assert_log "open $long: ENAMETOOLONG"
    assert_mount_fails 32 'File name too long'
  done
}

# The caller named a path, and it is the caller's rights that follow it. Whoever may write to the
# directories on the way decides where it leads, as for any program that the caller runs. It stays
# a name: what lies behind it has no other, and no other kind or access than by the table.
@test "paths: the source becomes a symlink while the server is asked" {
  local other=$BATS_TEST_TMPDIR/other go=$BATS_TEST_TMPDIR/go
  truncate -s 4096 "$other"
  obey hello args "wait-file $go" 'open $SOURCE O_RDONLY' 'open $SOURCE O_RDONLY|O_NOFOLLOW' \
    'open $SOURCE O_WRONLY' "open $other O_RDONLY" 'bye 1'
  start_mount "$img" "$mnt" -t fuse.svc.peer -o ro
  assert_log 'fusedev: OK'
  ln -sf "$other" "$img"
  : >"$go"
  finish_mount
  assert_log "open $img: OK ro reg" "open $img: EPERM" "open $img: EROFS" "open $other: EPERM"
  assert_count 1 ': OK r[ow]'
  assert_mount_fails 32 "asked for \"$other\""
}

@test "paths: the source becomes what may not be opened" {
  local kind go=$BATS_TEST_TMPDIR/go
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  mkdir "$BATS_TEST_TMPDIR/dir"
  for kind in "$BATS_TEST_TMPDIR/fifo" "$BATS_TEST_TMPDIR/dir" "$mnt" /run/filesystems/peer /dev/null \
    /dev/fuse /dev/tty "$img.gone"; do
    rm -f "$go" "$img"
    : >"$img"
    obey hello args "wait-file $go" 'open $SOURCE O_RDONLY' 'open $SOURCE O_RDWR' 'bdev $SOURCE O_RDONLY 0' 'bye 1'
    start_mount "$img" "$mnt" -t fuse.svc.peer
    assert_log 'fusedev: OK'
    ln -sf "$kind" "$img"
    : >"$go"
    finish_mount
    assert_log 'bye 1: OK'
    case $kind in
    *.gone) assert_count 3 ': ENOENT$' ;;
    *) assert_count 3 ': EPERM$' ;;
    esac
    assert_mount_fails 32 "$img"
  done
}

#
# Open flags
#

@test "open flags: each of the 32 bits" {
  # O_ACCMODE's two, O_EXCL, O_NONBLOCK, O_DSYNC, O_DIRECT, O_LARGEFILE, O_NOFOLLOW, O_NOATIME,
  # O_CLOEXEC, and O_SYNC's second one; the numbers are those of most architectures
  local allowed bit hex lines=() n=0
  case $(uname -m) in x86_64 | i?86 | riscv64 | s390x) ;; *) skip "other numbers" ;; esac
  allowed=$((3 | 0200 | 04000 | 010000 | 040000 | 0100000 | 0400000 | 01000000 | 02000000 | 04000000))
  for bit in {0..31}; do
    (((1 << bit) & allowed)) && continue
    printf -v hex '0x%x' $((1 << bit))
    lines+=("open \$SOURCE $hex" "open \$SOURCE O_RDWR|$hex" "bdev \$SOURCE $hex 0" "open \$SOURCE 0x1090000|$hex")
    n=$((n + 4))
  done
  lines+=('open $SOURCE 3' 'open $SOURCE 0xffffffff' 'open $SOURCE 0x7fffffff' 'open $SOURCE O_TMPFILE|O_RDWR')
  ask "${lines[@]}"
  mount_as_peer
  assert_log 'bye 1: OK'
  assert_count $((n + 4)) '^(open|bdev) .*: EINVAL$'
  assert_count 0 ': OK r[ow]'
  [[ $(stat -c '%s %a' "$img") == '65536 644' ]] || fail "the source was changed"
  assert_mount_fails 32 'in a way that is not allowed'
}

@test "open flags: none opens for writing under ro" {
  local flag lines=()
  for flag in O_EXCL O_SYNC O_DSYNC O_NOATIME O_NOFOLLOW O_NONBLOCK O_LARGEFILE O_CLOEXEC O_DIRECT; do
    lines+=("open \$SOURCE O_RDWR|$flag" "open \$SOURCE O_WRONLY|$flag" "bdev \$SOURCE O_RDWR|$flag 0")
  done
  ask "${lines[@]}"
  mount_as_peer -o ro
  assert_log 'bye 1: OK'
  assert_count "${#lines[@]}" ': EROFS$'
  assert_mount_fails 32 'read-only'
}

#
# MS flags, mount points, sources
#

# BIND, BIND|REC, MOVE, REMOUNT, REMOUNT|BIND|RDONLY, REC, UNBINDABLE, PRIVATE, SLAVE, SHARED, SHARED|REC,
# MANDLOCK, POSIXACL, SILENT, I_VERSION, STRICTATIME, LAZYTIME, KERNMOUNT, ACTIVE, NOUSER, the old magic
bad_ms_flags='1000 5000 2000 20 1021 4000 20000 40000 80000 100000 104000 40 10000 8000 800000 1000000
  2000000 400000 40000000 80000000 c0ed0000 ffffffff'

@test "MS flags: before anything else was said" {
  local flags
  for flags in 0 $bad_ms_flags; do
    obey hello args "mount $flags" 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' 'bye 1'
    mount_as_peer
    assert_log "mount $flags: EINVAL" 'mount 0: EINVAL' 'fsopen 0: EINVAL'
    assert_mount_fails 32 'service "peer"'
    assert_mounts_untouched
  done
}

@test "MS flags: after a whole order, or half of one" {
  local flags
  for flags in $bad_ms_flags; do
    obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mntopts default_permissions' "mount $flags" 'mount 0' 'bye 0'
    mount_as_peer
    assert_log "mount $flags: EINVAL" 'mount 0: EINVAL'
    assert_mount_fails 32 'asked for mount flags 0x'
    assert_mounts_untouched
    obey hello args 'fsopen 0' "mount $flags" 'source x' 'mntpt 0 $TARGET' 'mount 0' 'bye 0'
    mount_as_peer
    assert_log "mount $flags: EINVAL" 'source x: EINVAL' 'mount 0: EINVAL'
    assert_mount_fails 32 'without mounting'
    assert_mounts_untouched
  done
}

@test "MS flags: the propagation of what lies around stays as it is" {
  local before
  mount --make-shared -t tmpfs tmpfs "$mnt"
  mkdir "$mnt/below"
  before=$(</proc/self/mountinfo)
  for flags in 40000 44000 80000 1000 2000 20; do
    obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' "mount $flags" 'bye 1'
    run_mount "$img" "$mnt/below" -t fuse.svc.peer
    assert_log "mount $flags: EINVAL"
    assert_equal "$(</proc/self/mountinfo)" "$before"
  done
  umount "$mnt"
}

@test "MS flags: what the caller set stands whatever the server adds" {
  local flags
  for flags in 0 1 400 d9f; do
    obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' "mount $flags" init 'bye 0' serve
    mount_as_peer -o ro,noexec,svc-suid,svc-dev,nosuid,nodev
    assert_mount_works
    assert_option ro nosuid nodev noexec
    unmount
  done
}

@test "mount points: no other, in no spelling" {
  local path long
  printf -v long '/%060000d' 0
  ln -s mnt "$BATS_TEST_TMPDIR/link"
  mkdir "$mnt/below"
  cd "$mnt"
  while IFS= read -r path; do
    obey hello args 'fsopen 0' 'source x' "mntpt 0 $path" 'mntpt 0 $TARGET' 'mount 0' 'bye 0'
    mount_as_peer
    assert_count 1 ': EPERM$'
    assert_log "mntpt $mnt: EINVAL" 'mount 0: EINVAL'
    assert_mount_fails 32 'asked to mount on "'
    assert_mounts_untouched
  done < <(printf '%s\n' '""' . .. / // /etc /proc /dev /run /sbin mnt ./mnt below '$TARGET/below' '$TARGET/..' \
    '$TARGET//' '/$TARGET' '$TARGET\x0a' '$TARGET\x20' "${mnt%?}" "${mnt^^}" "$BATS_TEST_TMPDIR/link" \
    /proc/self/cwd /proc/self/fd/{0..8} /proc/self/root /dev/fd/5 '$SOURCE' '$NAME' none "$long")
  rmdir "$mnt/below"
}

@test "mount points: the target is swapped while the server is asked" {
  local how go=$BATS_TEST_TMPDIR/go there=$BATS_TEST_TMPDIR/there before
  mkdir "$there"
  for how in symlink other cover gone file; do
    rm -f "$go"
    until_step mtabopts "wait-file $go" 'mount 0' 'bye 0'
    start_mount "$img" "$mnt" -t fuse.svc.peer
    assert_log 'mtabopts x: OK'
    case $how in
    cover) mount -t tmpfs tmpfs "$mnt" ;;
    *) mv "$mnt" "$mnt.away" ;;
    esac
    case $how in
    symlink) ln -s "$there" "$mnt" ;;
    other) mkdir "$mnt" ;;
    file) : >"$mnt" ;;
    esac
    before=$(</proc/self/mountinfo)
    : >"$go"
    finish_mount
    assert_status 32
    [[ $how == gone ]] || assert_error 'the mount point changed during the mount'
    assert_count 0 '^mount 0: OK'
    assert_equal "$(</proc/self/mountinfo)" "$before"
    case $how in
    cover) umount "$mnt" ;;
    *)
      rm -rf "$mnt"
      mv "$mnt.away" "$mnt"
      ;;
    esac
    assert_mounts_untouched
  done
}

@test "sources: the caller's stands in the mount table, whatever the server says" {
  local name long
  printf -v long '/%060000d' 0
  for name in '""' / /etc/passwd /dev/sda none '$TARGET' 'UUID=x' '\x1b[31m\x0aevil' '$SOURCE,user_id=0' "$long"; do
    obey hello args 'fsopen 0' "source $name" 'mntpt 0 $TARGET' 'mount 0' init 'bye 0' serve
    mount_as_peer -o x-a
    assert_mount_works
    assert_equal "$(mounted_as SOURCE) $(mounted_as FSTYPE)" "$img fuse.svc.peer"
    assert_utab "SRC=$img " "TARGET=$mnt " 'OPTS=x-a'
    unmount
  done
}

#
# Options
#

# assert_option_refused LIST: as the whole of the server's options; \xNN is a byte
assert_option_refused() {
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' "mntopts $1" 'mount 0' 'bye 0'
  mount_as_peer
  assert_count 1 '^mntopts .*: EINVAL$' || return
  assert_log 'mount 0: EINVAL' || return
  assert_mount_fails 32 'asked for the mount option "' || return
  ((${#stderr} < 1200)) || fail "an error of ${#stderr} characters" || return
  assert_mounts_untouched
}

@test "options: the kernel's, libmount's, ours and nobody's" {
  local option
  for option in fd=0 fd=9 rootmode=40000 rootmode=100000 user_id=0 user_id=65534 group_id=0 subtype=ext4 \
    subtype=svc.other context=system_u:object_r:x:s0 {fs,def,root}context=x seclabel smackfsroot=x blkdev source=/etc \
    ro rw nosuid suid dev nodev exec sync async dirsync mand silent loud remount bind rbind move shared private \
    X-mount.mkdir x-systemd.automount user users owner group uhelper=x helper=x nofail _netdev loop offset=1 \
    svc=x svc-suid svc-dev svc-noblk svc-timeout=0 fsname=x max_write=1 max_background=1 posix_acl \
    '?' '%s%n' '-o' '=' '=x' 'allow_other=' 'default_permissions=1' 'ALLOW_OTHER' 'allow_othe' 'allow_others'; do
    assert_option_refused "$option" || fail "$option"
  done
}

@test "options: each forbidden one beside a good one, in front of it and behind it" {
  local option
  for option in fd=3 rootmode=40000 user_id=0 group_id=0 subtype=x context=x foo suid '' ' ' max_read=0; do
    assert_option_refused "default_permissions,$option" || fail "$option"
    assert_option_refused "$option,allow_other" || fail "$option"
    assert_option_refused "max_read=4096,$option,default_permissions" || fail "$option"
  done
}

@test "options: each good one twice" {
  local option
  for option in default_permissions allow_other max_read=4096 max_read=4096,max_read=8192; do
    assert_option_refused "$option,${option%%,*}" || fail "$option"
  done
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mntopts max_read=4096' 'mntopts max_read=8192' 'mount 0' init 'bye 0' serve
  mount_as_peer
  assert_mount_works
  assert_log 'mntopts max_read=8192: EINVAL'
  assert_option max_read=4096
  unmount
}

@test "options: padded past a page, where mount(2) would cut" {
  local size filler page padding
  page=$(getconf PAGE_SIZE)
  for size in $((page - 12)) "$page" $((page + 1)) 65000; do
    for filler in ' ' ',' 0 a; do
      padding=$(head -c "$size" /dev/zero | tr '\0' "$filler")
      assert_option_refused "allow_other,$padding" || fail "$size $filler"
      assert_option_refused "x$padding,user_id=0" || fail "$size $filler"
      assert_option_refused "max_read=$padding" || fail "$size $filler"
    done
  done
  printf -v padding 'default_permissions,%.0s' {1..300}
  assert_option_refused "${padding}user_id=0"
}

@test "options: the mount table's, over-long and evil, go nowhere" {
  local long list
  printf -v long '%060000d' 0
  for list in "$long" 'user=evil\x0aevil' '""' ',' 'x-a,SRC=/etc' 'user_id=0'; do
    obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' "mtabopts $list" 'mount 0' init 'bye 0' serve
    mount_as_peer -o x-mine
    assert_mount_works
    assert_utab 'OPTS=x-mine'
    [[ $(utab) != *evil* && $(utab) != *00000* ]] || fail "in utab: $(utab)"
    unmount
  done
}

#
# The order of commands
#

# each_command: what may be said once, well said
each_command=('fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mntopts default_permissions' 'mtabopts x' 'mount 1')

@test "order: each command after MOUNT" {
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' "${each_command[@]}" 'open $SOURCE O_RDONLY' \
    'open /etc/passwd O_RDONLY' init 'bye 0' serve
  mount_as_peer
  assert_mount_works
  assert_count 6 '^(fsopen|source|mntpt|mntopts|mtabopts|mount) .*: EINVAL$'
  assert_log 'open /etc/passwd: EPERM'
  refute_option ro default_permissions
  unmount
}

@test "order: each command after a MOUNT that was refused" {
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 20' "${each_command[@]}" 'mount 0' 'bye 0'
  mount_as_peer
  assert_count 8 '^(fsopen|source|mntpt|mntopts|mtabopts|mount) .*: EINVAL$'
  assert_mount_fails 32 'flags 0x20'
}

@test "order: each command twice, with the first refused" {
  local first
  for first in 'fsopen 1' 'fsopen 2' 'mntpt 0 /etc' 'mntopts suid' 'mntpt 1 $TARGET'; do
    obey hello args 'fsopen 0' 'source x' "$first" "${each_command[@]}" 'mount 0' 'bye 0'
    [[ $first != fsopen* ]] || obey hello args "$first" "${each_command[@]}" 'mount 0' 'bye 0'
    mount_as_peer
    assert_log 'mount 1: EINVAL' 'mount 0: EINVAL'
    assert_count 0 '^mount .*: OK'
    assert_mount_fails 32
  done
}

@test "order: whatever comes after BYE is not heard" {
  local line
  for line in "${each_command[@]}" 'open /etc/passwd O_RDONLY' 'open $SOURCE O_RDWR' 'msg 3 no' 'msg 4 no' 'bye 1' 'bye 0' \
    'raw deadbeef' 'rawlen 131072' 'sendfds 253' 'flood-msg 2000'; do
    until_step init 'bye 0' "$line" 'sleep 600'
    mount_as_peer
    assert_mount_works
    assert_count 0 '^(fsopen|source|mntpt|mntopts|mtabopts) .*: EINVAL'
    assert_count 1 '^open .*: OK'
    umount --lazy --no-canonicalize "$mnt" # a server that got EOF is gone, and serves nobody
    end_servers
    assert_nothing_left
  done
  for line in "${each_command[@]}" 'open $SOURCE O_RDONLY' 'bye 0' 'msg 3 no'; do
    obey hello args 'bye 2' "$line" 'sleep 600'
    mount_as_peer
    assert_mount_fails 32 'gave up without saying why'
    assert_count 0 ': OK ro'
    end_servers
    assert_nothing_left
  done
}

@test "order: after BYE the server goes its way, and the mount is there" {
  local line
  for line in close kill 'exit 0' 'exit 3' close-fuse 'sleep 600'; do
    until_step init 'bye 0' "$line"
    mount_as_peer
    assert_mount_works
    assert_utab "TARGET=$mnt "
    umount --lazy --no-canonicalize "$mnt"
    end_servers
    assert_nothing_left
  done
}

@test "order: BYE at any time, and once more after it" {
  local codes
  for codes in '0 1' '0 0' '1 0' '4294967295 0'; do
    until_step init "bye ${codes% *}" "bye ${codes#* }" 'sleep 600'
    mount_as_peer
    if [[ $codes == 0* ]]; then
      assert_mount_works
      umount --lazy --no-canonicalize "$mnt"
    else
      assert_mount_fails 32 'gave up'
    fi
    end_servers
    assert_nothing_left
  done
}

#
# Descriptors
#

# start_mount_on_old_kernel ARGS...: as start_mount; descriptors that the server sends do arrive
start_mount_on_old_kernel() {
  start_command "$FSVC_PEER" --without-passrights "${mount_program[@]}" "$@"
}

# What the processes that mount have open.
open_files() {
  local pid
  for pid in "$helper" $(parent) $(children); do
    find "/proc/$pid/fd" -type l -printf "$pid %f %l\n"
  done
}

@test "descriptors: hundreds of them, again and again, and none is kept" {
  local start before after
  for start in start_mount start_mount_on_old_kernel; do
    obey hello args 'open /here O_RDONLY quiet' "wait-file $BATS_TEST_TMPDIR/go" 'repeat 20 sendfds 100' \
      'repeat 20 sendfds 1' 'repeat 20 sendfds 253' 'open /there O_RDONLY quiet' wait-eof
    "$start" "$img" "$mnt" -t fuse.svc.peer
    assert_log 'open /here: EPERM'
    before=$(open_files)
    : >"$BATS_TEST_TMPDIR/go"
    assert_log 'open /there: EPERM'
    after=$(open_files)
    [[ -n $before ]] || fail "nothing is open"
    assert_equal "$after" "$before"
    [[ $start == start_mount ]] || assert_count 60 '^sendfds: OK$'
    kill -TERM "$helper"
    finish_mount
    assert_interrupted TERM
    assert_nothing_left
    rm "$BATS_TEST_TMPDIR/go"
  done
}

@test "descriptors: more than the helper may have open, and it mounts" {
  obey hello args 'repeat 30 sendfds 253' 'fsopen 0' 'repeat 30 sendfds 253' 'source x' 'mntpt 0 $TARGET' \
    'mount 0' 'sendfds 253' init 'sendfds 253' 'bye 0' serve
  run_command bash -c 'ulimit -S -n 20; exec "$0" --without-passrights "$@"' \
    "$FSVC_PEER" "${mount_program[@]}" "$img" "$mnt" -t fuse.svc.peer
  assert_mount_works
  assert_count 62 '^sendfds: OK$'
  unmount
}

@test "descriptors: with hello, before the helper can have refused them" {
  obey 'sendfds 253' hello wait-eof
  run_command "$FSVC_PEER" --without-passrights "${mount_program[@]}" "$img" "$mnt" -t fuse.svc.peer
  assert_mount_fails 32 'broke the protocol'
}

@test "descriptors: the server gets those that it asked for, and no other" {
  obey hello args 'open $SOURCE O_RDONLY' 'open /etc/passwd O_RDONLY' "wait-file $BATS_TEST_TMPDIR/go" 'fsopen 0' \
    'source x' 'mntpt 0 $TARGET' 'mount 0' init 'bye 0' serve
  start_mount "$img" "$mnt" -t fuse.svc.peer
  assert_log 'open /etc/passwd: EPERM'
  local pid opened
  pid=$(sed -n 's/^start: //p' "$log")
  opened=$(find "/proc/$pid/fd" -type l -printf '%l\n' | grep -vE "^(/dev/null|socket:.*|pipe:.*|$script|$log|.*/service.log)$" | sort)
  [[ $opened == "/dev/fuse
$img" ]] || fail "the server has open: $opened"
  : >"$BATS_TEST_TMPDIR/go"
  finish_mount
  assert_mount_works
  unmount
}

# Otherwise a mount whose server dies would hang, for as long as we are there.
@test "descriptors: once it is mounted, only the server has /dev/fuse" {
  until_step init 'open /here O_RDONLY quiet' "wait-file $BATS_TEST_TMPDIR/go" close-fuse 'open /there O_RDONLY quiet' wait-eof
  start_mount "$img" "$mnt" -t fuse.svc.peer
  assert_log 'open /here: EPERM'
  [[ $(open_files) != */dev/fuse* ]] || fail "the helper has open: $(open_files)"
  : >"$BATS_TEST_TMPDIR/go"
  assert_log 'open /there: EPERM'
  ! is_attached_early ||
    [[ $(timeout -s KILL "$deadline" stat "$mnt" 2>&1) == *'not connected'* ]] || fail "a dead mount is not dead"
  kill -TERM "$helper"
  finish_mount
  assert_interrupted TERM
  assert_mounts_untouched
}

#
# Floods
#

open_passwd=4f50454e00000000000001800000000000000000$(printf /etc/passwd | od -An -tx1 | tr -d ' \n')00

# Our answers fill all that the kernel keeps for it, or there have been too many before.
@test "floods: of OPEN, by a server that reads no answer" {
  local line=''
  for line in hello args init; do
    until_step "$line" "repeat 1100 raw $open_passwd" 'sleep 600'
    mount_as_peer -o svc-timeout=1
    assert_mount_fails 32
    [[ $stderr == *'said nothing for 1 seconds'* || $stderr == *'sent too many requests'"$full_stop" ]]
    assert_mounts_untouched
    end_servers
  done
}

@test "floods: of OPEN, by a server that reads no answer, while the mount is pending" {
  require sync-init
  obey hello args sync-init 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount-nowait 0' "repeat 1100 raw $open_passwd" 'sleep 600'
  mount_as_peer -o svc-timeout=1
  assert_mount_fails 32
  [[ $stderr == *'said nothing for 1 seconds'* || $stderr == *'sent too many requests'"$full_stop" ]]
  assert_mounts_untouched
  end_servers
}

@test "floods: of each request, refused or not" {
  local line
  for line in 'open /etc/passwd O_RDONLY quiet' 'bdev $SOURCE O_RDONLY 0 quiet' 'fsopen 0' 'fsopen 1' 'source x' \
    'mntpt 0 $TARGET' 'mntpt file $TARGET' 'mntpt 0 /etc' 'mntopts suid' 'mntopts allow_other' 'mtabopts x' 'mount 0' \
    'msg 3 x' 'msg 4 x' 'msg 6 x' 'progress 500 x' 'sendfds 0'; do
    obey hello args "repeat 1100 $line" wait-eof
    mount_as_peer
    assert_status 32 || fail "$line"
    assert_equal "${stderr##*$'\n'}" "$(error_line 'service "peer": sent too many requests')"
    (($(wc -l <"$BATS_TEST_TMPDIR/stderr") <= 65)) || fail "more than 64 messages"
    assert_mounts_untouched
    assert_nothing_left
  done
}

@test "floods: after the mount, which is undone" {
  local line
  for line in 'open /etc/passwd O_RDONLY' 'msg 6 x' 'source x'; do
    until_step init "repeat 1100 $line" wait-eof
    mount_as_peer
    assert_mount_fails 32 'sent too many requests'
    assert_mounts_untouched
    assert_nothing_left
  done
}

@test "floods: while the mount is pending" {
  local line
  require sync-init
  for line in 'open /etc/passwd O_RDONLY' 'msg 6 x' 'mount 1'; do
    obey hello args sync-init 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount-nowait 0' "repeat 1100 $line" wait-eof
    mount_as_peer
    assert_mount_fails 32 'sent too many requests'
    assert_mounts_untouched
    assert_nothing_left
  done
}

@test "floods: the longest packets there are" {
  local long
  printf -v long '/%065000d' 0
  obey hello args "repeat 1100 open $long O_RDONLY quiet" wait-eof
  mount_as_peer
  assert_mount_fails 32 'sent too many requests'
}

#
# The end of things
#

@test "the helper is killed at each step: none of its processes stays, nor a line in utab" {
  local step
  for step in $all_steps; do
    start_at_step "$step"
    kill -KILL "$helper"
    finish_mount
    assert_status 137
    if is_attached_early && [[ $step == mount || $step == init ]]; then
      assert_mounted # the kernel's, and anybody's to unmount
      umount --lazy --no-canonicalize "$mnt"
    else
      refute_mounted
    fi
    assert_log 'wait-eof: EOF'
    assert_nothing_left
  done
}

@test "the process that talks is killed at each step" {
  local step
  for step in $all_steps; do
    start_at_step "$step"
    kill -KILL "$(talker)"
    finish_mount
    assert_mount_fails 4 'crashed (signal 9)'
    assert_mounts_untouched
    assert_log 'wait-eof: EOF'
    assert_nothing_left
  done
}

# start_at_step STEP: mounts, and returns when the server has got there; it waits for the helper's end
start_at_step() {
  local go=$BATS_TEST_TMPDIR/reached.$1
  : >"$go"
  until_step "$1" "wait-file $go" wait-eof
  start_mount "$img" "$mnt" -t fuse.svc.peer
  assert_log 'wait-file: OK'
  wait_for "$deadline" has_children
}
has_children() { [[ -n $(children) ]]; }

@test "a service whose socket nobody looks at" {
  kill -STOP "${services[0]}" # connections wait in the socket's queue
  mount_as_peer -o svc-timeout=1
  kill -CONT "${services[0]}"
  assert_mount_fails 32 'said nothing for 1 seconds'
  assert_mounts_untouched
}

@test "a service that is killed with us in the queue of its socket" {
  kill -STOP "${services[0]}"
  start_mount "$img" "$mnt" -t fuse.svc.peer
  wait_for "$deadline" has_children
  wait_for "$deadline" is_connected
  kill -KILL "${services[0]}"
  finish_mount
  assert_mount_fails 32 'service "peer": ' # ended before, or is not available any more
}
is_connected() { [[ -n $(find "/proc/$(talker)/fd" -lname /dev/fuse 2>/dev/null) ]] && sleep 0.2; }

@test "silence: a sign of life buys no more than one more timeout" {
  local start=$SECONDS
  obey hello args 'msg 6 alive' 'sleep 0.5' 'progress 1 alive' 'sleep 0.5' 'open /etc/passwd O_RDONLY' 'sleep 0.5' \
    'msg 6 alive' 'sleep 600'
  mount_as_peer -o svc-timeout=1
  assert_mount_fails 32 'said nothing for 1 seconds'
  ((SECONDS - start < deadline)) || fail "after $((SECONDS - start)) seconds"
  end_servers
}

#
# Packets that are none
#

@test "malformed packets, at each step" {
  local step line
  for step in $all_steps; do
    for line in 'raw deadbeef' 'raw 4e414d4578' 'raw 4d4e545000000001782f00' 'rawlen 131072' 'rawlen 3' 'rawlen 0'; do
      until_step "$step" "$line" wait-eof
      mount_as_peer
      if [[ $line == 'rawlen 0' ]]; then
        assert_mount_fails 32 'ended before'
      else
        assert_mount_fails 32 'broke the protocol'
      fi
      assert_log 'wait-eof: EOF'
    done
    assert_mounts_untouched
    assert_nothing_left
  done
}

#
# What is printed
#

evil=$'\e]0;title\a\e[31m\n\r\t\v\x7f\xc2\x9b1m\xe2\x80\xae\xff%n%s'
evil_escaped='\x1b]0;title\x07\x1b[31m\x0a\x0d\x09\x0b\x7f\xc2\x9b1m\xe2\x80\xae\xff%n%s'

# assert_clean [LINES]: stdout and stderr hold no control character, and so many lines together (1)
assert_clean() {
  local file
  for file in "$BATS_TEST_TMPDIR/stdout" "$BATS_TEST_TMPDIR/stderr"; do
    [[ -z $(tail -c 1 "$file") ]] || fail "the last line is not ended: $(cat -A "$file")" || return
    ! tr -d '\n' <"$file" | LC_ALL=C grep -qaP '[\x00-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8b-\x8f\xa8-\xae]|\xff' ||
      fail "control characters: $(cat -A "$file")" || return
  done
  (($(cat "$BATS_TEST_TMPDIR/stdout" "$BATS_TEST_TMPDIR/stderr" | wc -l) == ${1:-1})) ||
    fail "not ${1:-1} lines: $(cat -A "$BATS_TEST_TMPDIR/stderr")"
}

# assert_prints STATUS TEXT: one clean line with that text, and the evil string escaped in it
assert_prints() {
  assert_status "$1" || return
  assert_clean || return
  [[ $stdout$stderr == *"$2"* ]] || fail "does not say: $2: $stderr" || return
  [[ $stdout$stderr == *"$evil_escaped"* ]] || fail "without the string, escaped: $stderr"
}

# It is mount(8) itself that reads another one.
# bats test_tags=helper
@test "printed: what the caller wrote on the command line" {
  local option
  for option in "-$evil" "-z$evil" "--$evil" "--help=$evil" "-vz$evil" "-rsf$evil"; do
    mount_as_peer "$option"
    assert_status 1
    assert_clean 2
    [[ $stderr == 'mount.fuse.svc: unknown option "-'* ]]
  done
  mount_as_peer "--$evil"
  assert_equal "$stderr" "mount.fuse.svc: unknown option \"--$evil_escaped\"
Try 'mount.fuse.svc --help' for more information."
  mount_as_peer -vzr
  [[ $stderr == 'mount.fuse.svc: unknown option "-z"'$'\n'* ]]
  mount_as_peer "$evil" # too many arguments
  assert_status 1
  assert_clean 2
  mount_as_peer -N "/run/$evil"
  assert_status 1
  assert_clean 1
  [[ $stderr == *"$evil_escaped"* ]]
  mount_as_peer -N "$evil"
  assert_status 1
  assert_clean 1
}

# mount(8) itself prints it as it is.
# bats test_tags=helper
@test "printed: the target" {
  run_mount "$img" "$mnt/$evil" -t fuse.svc.peer
  assert_prints 32 'cannot use the mount point'
  mkdir "$mnt/$evil"
  obey_and_mount 'msg 4 careful'
  run_mount "$img" "$mnt/$evil" -t fuse.svc.peer
  assert_prints 0 'warning: careful'
  run_mount "$img" "$mnt/$evil" -t fuse.svc.peer # once more
  assert_prints 32 'already mounted here'
  unmount "$mnt/$evil"
  obey_and_mount
  run_mount "$img" "$mnt/$evil" -t fuse.svc.peer -v
  assert_prints 0 'mounted by service'
  unmount "$mnt/$evil"
  run_mount "$img" "$mnt/$evil" -t fuse.svc.peer -o 'a="'
  assert_prints 1 'malformed options'
  rmdir "$mnt/$evil"
}

@test "printed: the source" {
  local bad=$BATS_TEST_TMPDIR/$evil
  run_mount "$bad" "$mnt" -t fuse.svc
  assert_prints 32 'cannot open the source'
  ask 'open $SOURCE O_RDONLY'
  run_mount "$bad" "$mnt" -t fuse.svc.peer
  assert_prints 32 'cannot open: No such file'
  truncate -s 64K "$bad"
  run_mount "$bad" "$mnt" -t fuse.svc
  assert_prints 32 'type not recognized'
  ask 'open $SOURCE O_CREAT'
  run_mount "$bad" "$mnt" -t fuse.svc.peer
  assert_prints 32 'not allowed'
  ask 'open $SOURCE O_RDWR'
  run_mount "$bad" "$mnt" -t fuse.svc.peer -r
  assert_prints 32 'read-only'
  ask 'bdev $SOURCE O_RDONLY 0'
  run_mount "$bad" "$mnt" -t fuse.svc.peer
  assert_prints 32 'not a block device'
  obey_and_mount
  run_mount "$bad" "$mnt" -t fuse.svc.peer
  assert_mount_works
  run_mount "$bad" "$mnt" -t fuse.svc.peer
  assert_prints 32 'already mounted here'
  unmount
  rm "$bad"
  mkdir "$bad"
  ask 'open $SOURCE O_RDONLY'
  run_mount "$bad" "$mnt" -t fuse.svc.peer
  assert_prints 32 'neither a regular file'
}

# What mount(8) itself tells by module.
# bats test_tags=helper
@test "printed: a type that is not ours, options that are none" {
  run_mount "$img" "$mnt" -t "$evil"
  assert_prints 1 'is not fuse.svc'
  mount_as_peer -o "key=\"$evil"
  assert_prints 1 'malformed options'
}

@test "printed: the type, the options" {
  local option
  run_mount "$img" "$mnt" -t "fuse.svc.$evil"
  assert_prints 1 'cannot be the name of a service'
  mount_as_peer -o "svc-$evil"
  assert_prints 1 'unknown option'
  for option in svc svc-timeout svc-suid; do
    mount_as_peer -o "$option=$evil"
    assert_status 1
    assert_clean
  done
  ask "open /nosuch O_RDONLY"
  mount_as_peer -o "$evil=$evil,a=/nosuch"
  assert_status 32
  assert_clean
}

@test "printed: what the server asks for" {
  ask "open /$evil_escaped O_RDONLY"
  mount_as_peer
  assert_prints 32 'asked for'
  ask "bdev $evil_escaped O_RDONLY 0"
  mount_as_peer
  assert_prints 32 'asked for'
  obey hello args 'fsopen 0' 'source x' "mntpt 0 $evil_escaped" 'bye 1'
  mount_as_peer
  assert_prints 32 'asked to mount on'
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' "mntopts allow_other,$evil_escaped" 'bye 1'
  mount_as_peer
  assert_prints 32 'mount option'
  obey hello args 'fsopen 0' "source $evil_escaped" 'mntpt 0 $TARGET' "mtabopts $evil_escaped" 'bye 1'
  mount_as_peer
  assert_status 32
  assert_clean
}

@test "printed: what the server says, of each level, at each time" {
  local step
  for step in hello args fsopen mount init; do
    until_step "$step" "msg 3 $evil_escaped" 'bye 1'
    mount_as_peer
    assert_prints 32 "$(message_line 'peer: ')"
    until_step "$step" "msg 4 $evil_escaped" 'bye 1'
    mount_as_peer -v
    assert_status 32
    assert_clean 2
    [[ $stderr == "$(message_line "peer: warning: $evil_escaped")"$'\n'* ]]
    until_step "$step" "msg 6 $evil_escaped" "progress 10 $evil_escaped" 'bye 1'
    mount_as_peer -v
    assert_status 32
    assert_clean 2
    [[ $stderr == "$(message_line "peer: $evil_escaped")"$'\n'* ]]
  done
}

@test "printed: every byte there is" {
  local byte hex lines=()
  for byte in {1..255}; do
    printf -v hex '\\x%02x' "$byte"
    lines+=("open /$hex O_RDONLY")
    ((byte % 16 == 0)) || continue
    obey hello args "msg 3 a$hex" 'bye 1'
    mount_as_peer
    assert_status 32
    assert_clean
  done
  ask "${lines[@]}"
  mount_as_peer
  assert_status 32
  assert_clean
  assert_count 255 ': EPERM$'
  obey hello args "msg 3 $(printf '\\x%02x' {1..255})" 'bye 1'
  mount_as_peer
  assert_status 32
  assert_clean
  [[ $stderr == *'\x01\x02\x03'*'\x1e\x1f !"#$%&'*'\x7f\x80'*'\xfe\xff'"$full_stop" ]]
}

@test "printed: words that end in the middle of a character, or of an escape" {
  local fill length character
  for length in 1020 1021 1022 1023 1024; do
    printf -v fill '%0*d' "$length" 0
    for character in '\xe2\x82\xac' '\xe2\x82' '\xc3' '\xf0\x9f\x98\x80' '\x1b'; do
      obey hello args "msg 3 $fill" "msg 3 ${fill:$((${#character} / 4))}$character" 'bye 1'
      mount_as_peer
      assert_status 32
      assert_clean
    done
  done
  printf -v fill '%0*d' 300 0
  for length in {70..82} {245..260}; do
    ask "open /${fill:0:length}\\xe2\\x82\\xac\\x1b O_RDONLY"
    mount_as_peer
    assert_status 32
    assert_clean
    obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' "mntopts ${fill:0:length}\\xe2\\x82\\xac\\x1b" 'bye 1'
    mount_as_peer
    assert_status 32
    assert_clean
  done
}
