#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The table of least authority, row by row, for a root caller: what a server asks for, what it
# gets, what it does not, and what the person who mounts is told.
#
# shellcheck disable=SC2016 # the scripted server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load ../lib

setup() {
  prepare
  start_peer
}

teardown() { clean_up; }

# ask LINE...: the server says these after it got its arguments, and gives up
ask() { obey hello args "$@" 'bye 1'; }

# mount_as_peer [ARGS...]
mount_as_peer() { run_mount "$img" "$mnt" -t fuse.svc.peer "$@"; }

# assert_refused LINE TEXT...: the line stands in the server's log, the texts on stderr, and
# nothing is mounted
assert_refused() {
  assert_log "$1" || return
  assert_mount_fails 32 "${@:2}"
}

#
# open a path
#

@test "open: the source, to read and to write" {
  ask 'open $SOURCE O_RDONLY' 'open $SOURCE O_RDWR' 'open $SOURCE O_WRONLY'
  mount_as_peer
  assert_log "arg 1: $img" "open $img: OK ro reg" "open $img: OK rw reg" "open $img: OK wo reg"
  assert_mount_fails 32 'gave up'
}

@test "open: an option's whole value" {
  local extra=$BATS_TEST_TMPDIR/extra
  touch "$extra"
  ask "open $extra O_RDONLY"
  mount_as_peer -o "ro,journal=$extra"
  assert_log "arg 4: ro,journal=$extra" "open $extra: OK ro reg"
}

@test "open: an option's value with commas and backslashes" {
  mkdir "$BATS_TEST_TMPDIR/a,b" '/run/a,b'
  touch '/run/a,b/c' '/run/a,b/d\e'
  ask 'open /run/a,b/c O_RDONLY' 'open /run/a,b/d\x5ce O_RDONLY'
  mount_as_peer -o 'one="/run/a,b/c",two="/run/a,b/d\e"'
  assert_log 'arg 4: rw,one=/run/a\,b/c,two=/run/a\,b/d\\e' \
    'open /run/a,b/c: OK ro reg' 'open /run/a,b/d\e: OK ro reg'
  rm -r '/run/a,b'
}

@test "open: only a whole value that begins with a slash counts" {
  ask 'open /etc/passwd O_RDONLY' 'open /etc/fstab O_RDONLY' 'open /etc O_RDONLY'
  mount_as_peer -o 'list=x:/etc/passwd,deep=/etc/fstab/,etc=file:/etc'
  assert_log 'open /etc/passwd: EPERM' 'open /etc/fstab: EPERM' 'open /etc: EPERM'
}

@test "open: values of options that are not the server's do not count" {
  ask 'open /etc/passwd O_RDONLY' 'open /etc/group O_RDONLY'
  mount_as_peer -o 'x-key=/etc/passwd,uhelper=/etc/group,comment=/etc/passwd'
  assert_log 'arg 4: rw' 'open /etc/passwd: EPERM' 'open /etc/group: EPERM'
}

@test "open: with uhelper= the options are a user's, whose files are not root's to open" {
  ask 'open /etc/passwd O_RDONLY' 'open $SOURCE O_RDONLY'
  mount_as_peer -o 'uhelper=udisks2,acl=/etc/passwd'
  assert_log 'arg 4: rw,acl=/etc/passwd' 'open /etc/passwd: EPERM' "open $img: OK ro reg"
}

@test "open: a path that nobody named" {
  ask 'open /etc/passwd O_RDONLY'
  mount_as_peer
  assert_refused 'open /etc/passwd: EPERM' 'service "peer"' 'asked for "/etc/passwd"'
}

@test "open: the same file under another name" {
  cd "$BATS_TEST_TMPDIR"
  ask 'open img O_RDONLY' 'open ./img O_RDONLY' "open $BATS_TEST_TMPDIR/../${BATS_TEST_TMPDIR##*/}/img O_RDONLY" \
    'open /$SOURCE O_RDONLY' 'open $SOURCE/ O_RDONLY' 'open $SOURCE/. O_RDONLY' \
    'open $SOURCE\x0a O_RDONLY' 'open "" O_RDONLY'
  run_mount img "$mnt" -t fuse.svc.peer
  assert_log "arg 1: $img" 'open img: EPERM' 'open ./img: EPERM' \
    "open $BATS_TEST_TMPDIR/../${BATS_TEST_TMPDIR##*/}/img: EPERM" \
    'open /$SOURCE: EPERM' 'open : EPERM' "open $img/: EPERM" "open $img/.: EPERM"
  refute_log ': OK ro'
  assert_mount_fails 32
}

@test "open: descriptors of the helper" {
  ask 'open /proc/self/fd/0 O_RDWR' 'open /dev/fd/3 O_RDWR' 'open /proc/self/exe O_RDONLY' 'open fusedev O_RDWR'
  mount_as_peer
  assert_log 'open /proc/self/fd/0: EPERM' 'open /dev/fd/3: EPERM' \
    'open /proc/self/exe: EPERM' 'open fusedev: EPERM'
  assert_mount_fails 32 'asked for "fusedev"'
}

@test "open: the target, also where the caller named it otherwise" {
  ask 'open $TARGET O_RDONLY'
  mount_as_peer -o "dir=$mnt"
  assert_refused "open $mnt: EPERM" "asked for \"$mnt\""

  run_mount "$mnt" "$mnt" -t fuse.svc.peer
  assert_log "arg 1: $mnt" "open $mnt: EPERM"
  refute_mounted

  mnt=$BATS_TEST_TMPDIR/file
  touch "$mnt"
  run_mount "$mnt" "$mnt" -t fuse.svc.peer
  assert_refused "open $mnt: EPERM" "asked for \"$mnt\""
}

@test "open: argv[0]" {
  cd "$BATS_TEST_TMPDIR"
  ask 'open $NAME O_RDONLY' 'open $SOURCE O_RDONLY'
  mount_as_peer
  assert_log 'arg 0: peer' 'open peer: EPERM'
  run_mount peer "$mnt" -t fuse.svc.peer # a source of that name that is not there
  assert_log 'arg 1: peer'
  refute_log 'open peer: ENOENT'
}

@test "open: \"none\" is no path" {
  ask 'open none O_RDONLY'
  run_mount none "$mnt" -t fuse.svc.peer
  assert_refused 'open none: EPERM' 'service "peer" wants a source, and none was named'
}

# mount(8) itself takes it for the path of that file.
# bats test_tags=helper
@test "open: \"none\" is no path, even if there is a file of that name" {
  cd "$BATS_TEST_TMPDIR"
  touch none
  ask 'open none O_RDONLY'
  run_mount none "$mnt" -t fuse.svc.peer
  assert_refused 'open none: EPERM' 'service "peer" wants a source, and none was named'
}

@test "open: a directory" {
  mkdir "$BATS_TEST_TMPDIR/dir"
  ask 'open $SOURCE O_RDONLY'
  run_mount "$BATS_TEST_TMPDIR/dir" "$mnt" -t fuse.svc.peer
  assert_refused "open $BATS_TEST_TMPDIR/dir: EPERM" "$BATS_TEST_TMPDIR/dir"

  ask "open $BATS_TEST_TMPDIR/dir O_RDONLY"
  mount_as_peer -o "lower=$BATS_TEST_TMPDIR/dir"
  assert_refused "open $BATS_TEST_TMPDIR/dir: EPERM" "$BATS_TEST_TMPDIR/dir"
}

@test "open: a FIFO, a socket, a character device" {
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  ask 'open $SOURCE O_RDONLY'
  run_mount "$BATS_TEST_TMPDIR/fifo" "$mnt" -t fuse.svc.peer
  assert_refused "open $BATS_TEST_TMPDIR/fifo: EPERM" "$BATS_TEST_TMPDIR/fifo"
  run_mount /run/filesystems/peer "$mnt" -t fuse.svc.peer
  assert_refused 'open /run/filesystems/peer: EPERM' '/run/filesystems/peer'
  run_mount /dev/null "$mnt" -t fuse.svc.peer
  assert_refused 'open /dev/null: EPERM' '/dev/null'
  run_mount /dev/fuse "$mnt" -t fuse.svc.peer
  assert_refused 'open /dev/fuse: EPERM' '/dev/fuse'
}

@test "open: what the caller may not or cannot open" {
  ask 'open $SOURCE O_RDONLY'
  run_mount "$BATS_TEST_TMPDIR/missing" "$mnt" -t fuse.svc.peer
  assert_refused "open $BATS_TEST_TMPDIR/missing: ENOENT" "$BATS_TEST_TMPDIR/missing" 'No such file'
}

@test "open: a quiet request is answered alike, but not spoken of" {
  ask 'open /etc/passwd O_RDONLY quiet'
  mount_as_peer
  assert_log 'open /etc/passwd: EPERM'
  assert_mount_fails 32 'gave up without saying why'
}

@test "open: unknown flags of the request, a block size where none belongs" {
  ask 'open $SOURCE O_RDONLY 2' 'bdev $SOURCE O_RDONLY 0 3' 'open $SOURCE O_RDONLY 0 512'
  mount_as_peer
  assert_log "open $img: EINVAL" "bdev $img: EINVAL"
  refute_log ': OK ro'
  assert_mount_fails 32
}

#
# open flags
#

@test "open flags: each that is allowed works" {
  local flag
  local lines=() expected=()
  for flag in O_EXCL O_SYNC O_DSYNC O_NOATIME O_NOFOLLOW O_NONBLOCK O_LARGEFILE O_CLOEXEC; do
    lines+=("open \$SOURCE O_RDONLY|$flag" "open \$SOURCE O_RDWR|$flag" "open \$SOURCE O_WRONLY|$flag")
  done
  if dd if="$img" of=/dev/null bs=4096 count=1 iflag=direct 2>/dev/null; then
    lines+=('open $SOURCE O_RDONLY|O_DIRECT') # tmpfs has it since Linux 6.6
  fi
  ask "${lines[@]}"
  mount_as_peer
  assert_log 'bye 1: OK'
  (($(grep -c "^open $img: OK" "$log") == ${#lines[@]})) || fail "not all were opened"
}

@test "open flags: all other bits are EINVAL" {
  local flag
  for flag in O_CREAT O_TRUNC O_APPEND O_TMPFILE O_PATH O_DIRECTORY O_NOCTTY O_ASYNC \
    'O_CREAT|O_EXCL' 'O_RDWR|O_TRUNC' 'O_WRONLY|O_APPEND' 3 'O_DIRECT|3' 0x1000000 0x80000000; do
    ask "open \$SOURCE $flag"
    mount_as_peer
    assert_refused "open $img: EINVAL" "asked to open \"$img\"" 'not allowed'
  done
  [[ $(stat -c %s "$img") == 65536 ]] || fail "the source was cut"
}

@test "open flags: O_NOFOLLOW looks at the last link only" {
  ln -s "$img" "$BATS_TEST_TMPDIR/link"
  ask "open $BATS_TEST_TMPDIR/link O_RDONLY|O_NOFOLLOW" "open $BATS_TEST_TMPDIR/link O_RDONLY"
  mount_as_peer -o "other=$BATS_TEST_TMPDIR/link"
  assert_log "open $BATS_TEST_TMPDIR/link: OK ro reg"
  assert_log_matches "open $BATS_TEST_TMPDIR/link: (ELOOP|EPERM)"
}

@test "open flags: nothing is created" {
  ask 'open /run/new O_RDWR|O_CREAT' 'open /run O_RDWR|O_TMPFILE'
  mount_as_peer -o new=/run/new,dir=/run
  assert_log 'open /run/new: EINVAL' 'open /run: EINVAL'
  [[ ! -e /run/new ]] || fail "a file was created"
}

#
# write access under ro
#

@test "ro: nothing opens for writing" {
  local extra=$BATS_TEST_TMPDIR/extra args
  touch "$extra"
  for args in "-o ro,log=$extra" "-r -o log=$extra" "-o rw,ro,log=$extra" "-w -o ro,log=$extra"; do
    ask 'open $SOURCE O_RDONLY' 'open $SOURCE O_RDWR' 'open $SOURCE O_WRONLY' \
      "open $extra O_WRONLY" "open $extra O_RDWR|O_EXCL"
    # shellcheck disable=SC2086 # words
    run_mount "$img" "$mnt" -t fuse.svc.peer $args
    assert_log "open $img: OK ro reg" "open $img: EROFS" "open $extra: EROFS" 'bye 1: OK'
    (($(grep -c EROFS "$log") == 4)) || fail "something was opened for writing"
    assert_mount_fails 32 "asked to write to \"$extra\"" 'read-only'
  done
}

@test "ro: a server that asks for it later got its descriptor before" {
  obey_and_mount 'open $SOURCE O_RDWR'
  mount_as_peer -o ro,rw
  assert_mount_works
  assert_log "open $img: OK rw reg" 'arg 4: rw'
  assert_option rw
  unmount
}

@test "ro: the mount is read-only although the server did not ask for it" {
  obey_and_mount
  mount_as_peer -o ro
  assert_mount_works
  assert_log 'arg 4: ro' 'mount 0: OK'
  assert_option ro
  unmount
}

#
# a source
#

@test "source: the caller's is used whatever the server says" {
  obey_and_mount
  mount_as_peer
  assert_mount_works
  assert_log 'source anything: OK'
  assert_equal "$(mounted_as SOURCE)" "$img"
  unmount
}

@test "source: a caller without one gets the service's name" {
  obey_and_mount
  run_mount none "$mnt" -t fuse.svc.peer
  assert_mount_works
  assert_equal "$(mounted_as SOURCE)" peer
  assert_utab 'SRC=peer '
  unmount
}

#
# a target
#

@test "target: any other than the one that was given is EPERM" {
  local other
  for other in / /etc '$TARGET/' '$TARGET/.' '/$TARGET' mnt '' '$TARGET/../mnt' '$SOURCE'; do
    obey hello args 'fsopen 0' 'source x' "mntpt 0 $other" 'mount 0' 'bye 1'
    mount_as_peer
    assert_log_matches 'mntpt.*: EPERM'
    assert_log 'mount 0: EINVAL'
    assert_mount_fails 32 'asked to mount on'
  done
  assert_error "$img"
}

@test "target: a directory as expected, or of any kind" {
  local expected
  for expected in dir 0; do
    obey hello args 'fsopen 0' 'source x' "mntpt $expected \$TARGET" 'mount 0' init 'bye 0' serve
    mount_as_peer
    assert_mount_works
    unmount
  done
}

@test "target: a regular file as expected, or of any kind" {
  local expected
  mnt=$BATS_TEST_TMPDIR/file
  touch "$mnt"
  for expected in file 0; do
    obey hello args 'fsopen 0' 'source x' "mntpt $expected \$TARGET" 'mount 0' init 'bye 0' 'serve file'
    mount_as_peer
    assert_mount_works
    assert_equal "$(stat -c %F "$mnt")" 'regular empty file'
    assert_utab "TARGET=$mnt "
    unmount
  done
}

@test "target: not of the expected kind" {
  obey hello args 'fsopen 0' 'source x' 'mntpt file $TARGET' 'mount 0' 'bye 1'
  mount_as_peer
  assert_log 'mount 0: EINVAL'
  assert_refused "mntpt $mnt: EISDIR" 'mounts on a file'

  mnt=$BATS_TEST_TMPDIR/file
  touch "$mnt"
  obey hello args 'fsopen 0' 'source x' 'mntpt dir $TARGET' 'mount 0' 'bye 1'
  mount_as_peer
  assert_log 'mount 0: EINVAL'
  assert_refused "mntpt $mnt: ENOTDIR" 'mounts on a directory'
}

@test "target: a kind that there is not" {
  local kind
  for kind in 1 0x2000 0x6000 0xa000 0xc000 0xffff 0x41ed; do
    obey hello args 'fsopen 0' 'source x' "mntpt $kind \$TARGET" 'mount 0' 'bye 1'
    mount_as_peer
    assert_log "mntpt $mnt: EINVAL" 'mount 0: EINVAL'
    assert_mount_fails 32
  done
}

#
# the order of commands
#

@test "order: FSOPEN comes first, MOUNT needs SOURCE and MNTPT, each only once" {
  obey hello args 'source x' 'mntpt 0 $TARGET' 'mntopts max_read=4096' 'mtabopts x' 'mount 0' 'bye 1'
  mount_as_peer
  assert_log 'source x: EINVAL' "mntpt $mnt: EINVAL" 'mntopts max_read=4096: EINVAL' \
    'mtabopts x: EINVAL' 'mount 0: EINVAL'
  refute_mounted

  obey hello args 'fsopen 0' 'mntpt 0 $TARGET' 'mount 0' 'bye 1'
  mount_as_peer
  assert_log 'mount 0: EINVAL'
  refute_mounted

  obey hello args 'fsopen 0' 'source x' 'mount 0' 'bye 1'
  mount_as_peer
  assert_log 'mount 0: EINVAL'
  refute_mounted

  obey hello args 'fsopen 0' 'fsopen 0' 'source x' 'source y' 'mntpt 0 $TARGET' 'mntpt dir $TARGET' \
    'mntopts default_permissions' 'mntopts max_read=4096' 'mtabopts x' 'mtabopts y' 'mount 0' 'mount 1' \
    'source z' init 'bye 0' serve
  mount_as_peer
  assert_mount_works
  assert_log 'fsopen 0: EINVAL' 'source y: EINVAL' "mntpt $mnt: EINVAL" \
    'mntopts max_read=4096: EINVAL' 'mtabopts y: EINVAL' 'mount 1: EINVAL' 'source z: EINVAL'
  assert_option default_permissions
  refute_option ro max_read=4096
  unmount
}

#
# MS flags
#

@test "MS flags: each that is allowed" {
  local flag
  for flag in 1=ro 2=nosuid 4=nodev 8=noexec 10=sync 80=dirsync 100=nosymfollow 400=noatime 800=nodiratime; do
    obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' "mount ${flag%=*}" init 'bye 0' serve
    mount_as_peer
    assert_mount_works
    assert_option "${flag#*=}"
    unmount
  done
}

@test "MS flags: all at once" {
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount d9f' init 'bye 0' serve
  mount_as_peer
  assert_mount_works
  assert_option ro nosuid nodev noexec sync dirsync nosymfollow noatime nodiratime
  unmount
}

@test "MS flags: each other bit is EINVAL" {
  local bit hex
  for bit in {0..31}; do
    (((1 << bit) & 0xd9f)) && continue
    printf -v hex '%x' $((1 << bit))
    obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' "mount $hex" 'bye 1'
    mount_as_peer
    assert_refused "mount $hex: EINVAL" "flags 0x$hex"
  done
}

@test "MS flags: one bad bit among good ones is EINVAL" {
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 1027' 'bye 1'
  mount_as_peer
  assert_refused 'mount 1027: EINVAL' 'flags 0x1020'
}

@test "MS flags: those of the caller are never cleared" {
  obey_and_mount
  mount_as_peer -o ro,nosuid,nodev,noexec,sync,dirsync,noatime,nodiratime
  assert_mount_works
  assert_log 'mount 0: OK'
  assert_option ro nosuid nodev noexec sync dirsync noatime nodiratime
  unmount
}

@test "MS flags: the server hears of the caller's" {
  obey_and_mount
  mount_as_peer -o noexec,noatime
  assert_mount_works
  assert_log 'arg 4: rw,noexec,noatime'
  unmount
}

#
# suid, dev
#

@test "suid, dev: never, whatever the caller's mount flags say" {
  local options
  for options in rw suid,dev defaults nosuid,suid,nodev,dev; do
    obey_and_mount
    mount_as_peer -o "$options"
    assert_mount_works
    assert_option nosuid nodev
    unmount
  done
}

@test "suid, dev: root may ask for them, one by one" {
  obey_and_mount
  mount_as_peer -o svc-suid
  assert_mount_works
  assert_log 'arg 4: rw'
  assert_option nodev
  refute_option nosuid
  unmount

  obey_and_mount
  mount_as_peer -o svc-dev
  assert_mount_works
  assert_option nosuid
  refute_option nodev
  unmount
}

@test "suid, dev: an explicit nosuid or nodev still counts" {
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 2' init 'bye 0' serve
  mount_as_peer -o svc-suid,svc-dev,nodev
  assert_mount_works
  assert_option nosuid nodev
  unmount
}

#
# options
#

# mount_with_options OPTIONS [ARGS...]: the server asks for these
mount_with_options() {
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' "mntopts $1" 'mount 0' init 'bye 0' serve
  mount_as_peer "${@:2}"
}

@test "options: those that are allowed" {
  mount_with_options default_permissions,max_read=65536,allow_other
  assert_mount_works
  assert_log 'mntopts default_permissions,max_read=65536,allow_other: OK'
  assert_option default_permissions max_read=65536 allow_other
  unmount
}

@test "options: none, and only what was asked for" {
  mount_with_options ''
  assert_mount_works
  refute_option default_permissions allow_other
  unmount
}

@test "options: all others are EINVAL" {
  local option
  for option in fd=3 rootmode=40000 user_id=0 group_id=0 subtype=x blkdev ro suid dev exec \
    fsname=x context=x foo 'max_read=0' 'max_read=' max_read 'max_read=-1' 'max_read=+1' 'max_read=0x10' \
    'max_read=4096k' 'max_read=1234567890' 'max_read= 1' 'max_read=1 ' Default_permissions \
    default_permissions=1 allow_other=0 allow_root; do
    obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' "mntopts $option" 'mount 0' 'bye 1'
    mount_as_peer
    assert_log 'mount 0: EINVAL'
    assert_refused "mntopts $option: EINVAL" "mount option \"$option\"" 'may not have'
  done
}

@test "options: blksize= is for fuseblk alone" {
  local size
  for size in 512 1024 4096; do
    obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' "mntopts blksize=$size" 'mount 0' 'bye 1'
    mount_as_peer
    assert_log 'mount 0: EINVAL'
    assert_refused "mntopts blksize=$size: EINVAL" 'mount option "blksize' 'may not have'
  done
}

@test "options: one that is not allowed among those that are" {
  local list
  for list in default_permissions,user_id=0 user_id=0,default_permissions \
    default_permissions,allow_other,fd=0,max_read=4096; do
    obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' "mntopts $list" 'mount 0' 'bye 1'
    mount_as_peer
    assert_log 'mount 0: EINVAL'
    assert_refused "mntopts $list: EINVAL"
  done
}

@test "options: twice, empty items, padding" {
  local list
  for list in allow_other,allow_other default_permissions,max_read=1,default_permissions \
    'max_read=1,max_read=2' ',' 'default_permissions,' ',default_permissions' 'allow_other,,default_permissions' \
    '\x20default_permissions' 'default_permissions\x20' 'default_permissions\x0a' \
    'default_permissions\x5c,allow_other' '"default_permissions"'; do
    obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' "mntopts $list" 'mount 0' 'bye 1'
    mount_as_peer
    assert_log 'mount 0: EINVAL'
    assert_mount_fails 32 'mount option'
  done
}

@test "options: over 1024 bytes" {
  local long
  printf -v long 'max_read=%01016d' 1
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' "mntopts $long" 'mount 0' 'bye 1'
  mount_as_peer
  assert_log 'mount 0: EINVAL' "mntopts $long: EINVAL"
  assert_mount_fails 32
}

@test "options: the server's for the mount table are heard and dropped" {
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mtabopts user=evil,x-y' 'mount 0' init 'bye 0' serve
  mount_as_peer
  assert_mount_works
  assert_log 'mtabopts user=evil,x-y: OK'
  [[ $(utab) != *evil* && $(utab) != *x-y* ]] || fail "in utab: $(utab)"
  unmount
}

@test "options: the kernel's own can come from nobody" {
  obey_and_mount
  mount_as_peer -o 'user_id=65534,group_id=65534,rootmode=120000,fd=0,subtype=evil'
  assert_mount_works
  assert_equal "$(mounted_as FSTYPE)" fuse.svc.peer
  assert_option user_id=0 group_id=0
  assert_equal "$(stat -c %F "$mnt")" directory
  unmount
}

@test "allow_other: hello says that root permits it" {
  obey_and_mount
  mount_as_peer
  assert_log 'hello: 1-1 flags 1' 'caller: 0:0'
  refute_option allow_other
  unmount
}

#
# fuseblk
#

# use_ext4_loop: $loop is a loop device with a real file system
use_ext4_loop() {
  require loop tool mkfs.ext4
  truncate -s 1M "$img"
  mkfs.ext4 -q -O ^has_journal "$img"
  use_loop "$img"
}

@test "fuseblk: a block device becomes a mount that lsblk, findmnt and umount understand" {
  require tool lsblk
  use_ext4_loop
  obey_and_mount 'open $SOURCE O_RDWR|O_EXCL'
  run_mount "$loop" "$mnt" -t fuse.svc.peer
  assert_mount_works
  assert_log 'hello: 1-1 flags 3' 'fsopen 0: OK'
  assert_log_matches "open $loop: OK rw blk .*"
  assert_equal "$(mounted_as FSTYPE)" fuseblk.svc.peer
  assert_equal "$(mounted_as SOURCE)" "$loop"
  assert_equal "$(mounted_as MAJ:MIN)" "$(lsblk --nodeps --noheadings --raw --output MAJ:MIN "$loop")"
  assert_equal "$(lsblk --noheadings --raw --output MOUNTPOINT "$loop")" "$mnt"
  umount "$loop"
  refute_mounted
}

@test "fuseblk: the server may say so itself" {
  use_ext4_loop
  obey hello args 'fsopen 1' 'source x' 'mntpt 0 $TARGET' 'mount 0' init 'bye 0' serve
  run_mount "$loop" "$mnt" -t fuse.svc.peer
  assert_mount_works
  assert_equal "$(mounted_as FSTYPE)" fuseblk.svc.peer
  unmount
}

@test "fuseblk: a regular file as target" {
  use_ext4_loop
  mnt=$BATS_TEST_TMPDIR/file
  touch "$mnt"
  obey hello args 'fsopen 0' 'source x' 'mntpt file $TARGET' 'mount 0' init 'bye 0' 'serve file'
  run_mount "$loop" "$mnt" -t fuse.svc.peer
  assert_mount_works
  assert_equal "$(mounted_as FSTYPE) $(mounted_as SOURCE)" "fuseblk.svc.peer $loop"
  unmount
}

@test "fuseblk: O_EXCL is stripped" {
  use_ext4_loop
  ask 'open $SOURCE O_RDWR|O_EXCL' 'bdev $SOURCE O_RDONLY|O_EXCL 0'
  run_mount "$loop" "$mnt" -t fuse.svc.peer
  assert_log_matches "open $loop: OK rw blk .*"
  assert_log_matches "bdev $loop: OK ro blk .*"
}

@test "fuseblk: not with svc-noblk, where O_EXCL means what it says" {
  use_ext4_loop
  ask 'open $SOURCE O_RDWR|O_EXCL' 'bdev $SOURCE O_RDONLY|O_EXCL 0' 'fsopen 1'
  run_mount "$loop" "$mnt" -t fuse.svc.peer -o svc-noblk
  assert_log 'hello: 1-1 flags 1' 'arg 4: rw' "bdev $loop: EBUSY"
  assert_log_matches "open $loop: OK rw blk .*"
  assert_refused 'fsopen 1: EPERM' 'fuseblk'

  obey_and_mount
  run_mount "$loop" "$mnt" -t fuse.svc.peer -o svc-noblk
  assert_mount_works
  assert_equal "$(mounted_as FSTYPE) $(mounted_as SOURCE)" "fuse.svc.peer $loop"
  unmount
}

@test "fuseblk: not for a regular file, nor without a source" {
  ask 'fsopen 1'
  mount_as_peer
  assert_log 'hello: 1-1 flags 1'
  assert_refused 'fsopen 1: EPERM' 'fuseblk'
  run_mount none "$mnt" -t fuse.svc.peer
  assert_refused 'fsopen 1: EPERM' 'fuseblk'
}

@test "fuseblk: other flags of FSOPEN" {
  local flags
  for flags in 2 3 0x80000000; do
    ask "fsopen $flags"
    mount_as_peer
    assert_log "fsopen $flags: EINVAL"
    assert_mount_fails 32
  done
}

@test "fuseblk: its option blksize" {
  local size
  use_ext4_loop
  for size in 0 1 256 1000 513 2097152 -512 1024x; do
    obey hello args 'fsopen 1' 'source x' 'mntpt 0 $TARGET' "mntopts blksize=$size" 'mount 0' 'bye 1'
    run_mount "$loop" "$mnt" -t fuse.svc.peer
    assert_log 'mount 0: EINVAL'
    assert_refused "mntopts blksize=$size: EINVAL" "blksize=$size"
  done
  obey hello args 'fsopen 1' 'source x' 'mntpt 0 $TARGET' 'mntopts blksize=1024' 'mount 0' init 'bye 0' serve
  run_mount "$loop" "$mnt" -t fuse.svc.peer
  assert_mount_works
  [[ $(mounted_as OPTIONS) == *,blksize=* ]] # some kernels make it the size of a page
  unmount
}

#
# a block size
#

@test "block size: set on the device that is the source" {
  local size
  use_ext4_loop
  for size in 512 1024 4096; do
    ask "bdev \$SOURCE O_RDWR $size"
    run_mount "$loop" "$mnt" -t fuse.svc.peer
    assert_log "bdev $loop: OK rw blk $size"
  done
}

@test "block size: bad ones" {
  local size
  use_ext4_loop
  for size in 1 256 511 513 1000 2097152 0x80000000 0xffffffff; do
    ask "bdev \$SOURCE O_RDWR $size"
    run_mount "$loop" "$mnt" -t fuse.svc.peer
    assert_refused "bdev $loop: EINVAL" 'block size' "$loop"
  done
}

@test "block size: not on another device" {
  use_ext4_loop
  ask "bdev $loop O_RDONLY 1024" "bdev $loop O_RDONLY 0"
  mount_as_peer -o "journal=$loop"
  assert_log "bdev $loop: EPERM"
  assert_log_matches "bdev $loop: OK ro blk .*"
}

@test "block size: none of a regular file" {
  ask 'bdev $SOURCE O_RDONLY 0' 'bdev $SOURCE O_RDONLY 512'
  mount_as_peer
  assert_refused "bdev $img: ENOTBLK" "$img" 'block device'
  refute_log ': OK ro'
}

@test "ro: a block device too opens for reading only" {
  use_ext4_loop
  ask 'bdev $SOURCE O_RDWR 0' 'bdev $SOURCE O_RDONLY 0'
  run_mount "$loop" "$mnt" -t fuse.svc.peer -o ro
  assert_log "bdev $loop: EROFS"
  assert_log_matches "bdev $loop: OK ro blk .*"
}

#
# limits
#

@test "limits: 256 opens a mount" {
  ask 'flood-open 258'
  mount_as_peer
  assert_log 'flood-open: 256 OK, 2 refused (EMFILE)'
  assert_mount_fails 32
}

@test "limits: refused opens count" {
  obey hello args 'flood-open 257' 'bye 1'
  run_mount "$BATS_TEST_TMPDIR/missing" "$mnt" -t fuse.svc.peer
  assert_log 'flood-open: 0 OK, 257 refused (EMFILE)'
}

@test "limits: 1024 packets a mount" {
  ask 'flood-open 1100'
  mount_as_peer
  assert_log 'flood-open: 256 OK, 768 refused (EMFILE), EOF'
  assert_mount_fails 32 'too many'
}

@test "limits: a server that needs exactly as many packets as it may mounts" {
  obey hello args 'flood-open 1018' 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' init 'bye 0' serve
  mount_as_peer
  assert_mount_works
  unmount
}
