#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What went wrong in other setuid helpers for mounts, each by its name: a path looked at with
# privilege, an empty option, arguments that look like options, descriptors that are something else.
# Swapped paths have a file of their own, and so has /etc/fuse.conf.
#
# shellcheck disable=SC2016 # the scripted server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test
# shellcheck disable=SC2317 # functions that are called by a name in a variable

load ../lib

setup() {
  prepare
  prepare_users
  start_peer
  share_services
  obey_and_mount
  mkdir "$secret/a-dir"
  echo word >"$secret/a-file"
  ln -s a-file "$secret/a-link"
  ln -s "$mnt" "$secret/a-link-home"
  mkfifo "$secret/a-fifo"
  mknod "$secret/a-device" c 1 3
  install -m 777 -d "$secret/an-open-dir"
  install -m 666 -o alice /dev/null "$secret/an-own-file"
  ln -s "$secret" "$home/alice/secret"
  chown -h alice "$home/alice/secret"
}

teardown() { clean_up; }

# tell NAME ARGS...: all that alice learns: exit code, output, the server's log; without the name. (Its
# last word may come later than we look.)
tell() {
  local name=$1
  shift
  : >"$log"
  run_as alice "$@"
  {
    printf '%s\n%s\n%s\n' "$status" "$stdout" "$stderr"
    grep -v -e ^start -e ^bye "$log" || true
  } | sed "s#$name\\b#NAME#g"
}

# assert_same A B: what was told of two things
assert_same() {
  [[ $1 == "$2" ]] || diff <(printf '%s\n' "$1") <(printf '%s\n' "$2")
}

# assert_same_for_all [DIRECTORY...]: for things that exist below a directory that only root may
# search, and for one that does not, `probe DIRECTORY NAME` tells alice the same; nothing is mounted
assert_same_for_all() {
  local name dir missing
  (($#)) || set -- "$secret" "$home/alice/secret" "/proc/self/root$secret"
  for dir in "$@"; do
    missing=$(probe "$dir" a-nothing)
    [[ -n $missing ]] || fail "nothing is told" || return
    for name in a-dir a-file a-link a-link-home a-fifo a-device an-open-dir an-own-file; do
      assert_same "$missing" "$(probe "$dir" "$name")" ||
        fail "$name can be told from what is missing" || return
      [[ -z $(our_mounts) ]] || fail "$name is mounted" || return
    done
  done
}

#
# Nothing is looked at with privilege
#

@test "probe: SOURCE" {
  obey hello args 'open $SOURCE O_RDONLY' 'bye 1'
  probe() { tell "$2" /sbin/mount.fuse.svc "$1/$2" "$mnt" -t fuse.svc.peer; }
  assert_same_for_all
  [[ $(probe "$secret" a-file) == *'Permission denied'* ]]
}

@test "probe: SOURCE, with mount(8)" {
  obey hello args 'open $SOURCE O_RDONLY' 'bye 1'
  probe() { tell "$2" mount -t fuse.svc.peer "$1/$2" "$mnt"; }
  assert_same_for_all
}

@test "probe: SOURCE, to guess the type" {
  probe() { tell "$2" /sbin/mount.fuse.svc "$1/$2" "$mnt" -t fuse.svc; }
  assert_same_for_all
  [[ $(probe "$secret" a-file) == *'Permission denied'* ]]
}

@test "probe: SOURCE, with nofail" {
  obey hello args 'open $SOURCE O_RDONLY' 'bye 1'
  probe() { tell "$2" /sbin/mount.fuse.svc "$1/$2" "$mnt" -t fuse.svc.peer -o nofail; }
  assert_same_for_all
}

@test "probe: SOURCE, with -f" {
  probe() { tell "$2" /sbin/mount.fuse.svc "$1/$2" "$mnt" -t fuse.svc.peer -f; }
  assert_same_for_all
}

@test "probe: SOURCE, which is not opened at all" {
  obey hello args 'bye 1'
  probe() { tell "$2" /sbin/mount.fuse.svc "$1/$2" "$mnt" -t fuse.svc.peer; }
  assert_same_for_all
}

@test "probe: TARGET" {
  probe() { tell "$2" /sbin/mount.fuse.svc "$img" "$1/$2" -t fuse.svc.peer; }
  assert_same_for_all
  [[ $(probe "$secret" a-dir) == *'Permission denied'* ]]
  refute_log start
}

@test "probe: TARGET, with mount(8), with -f" {
  probe() { tell "$2" mount -t fuse.svc.peer "$img" "$1/$2"; }
  assert_same_for_all
  probe() { tell "$2" /sbin/mount.fuse.svc "$img" "$1/$2" -t fuse.svc.peer -f; }
  assert_same_for_all
}

@test "probe: TARGET, below a link of another's" {
  ln -s "$secret/a-dir" "$home/bob/link"
  ln -s "$secret/a-nothing" "$home/bob/dangling"
  run_mount_as alice "$img" "$home/bob/link" -t fuse.svc.peer
  assert_equal "$status" 32
  first=${stderr//link/NAME}
  run_mount_as alice "$img" "$home/bob/dangling" -t fuse.svc.peer
  assert_equal "${stderr//dangling/NAME}" "$first"
}

@test "probe: the path of an option" {
  probe() {
    obey hello args "open $1/$2 O_RDONLY" 'bye 1'
    tell "$2" /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc.peer -o "journal=$1/$2"
  }
  assert_same_for_all
  [[ $(probe "$secret" a-file) == *'Permission denied'* ]]
}

@test "probe: options of libmount that have a path" {
  local option
  for option in loop offset uhelper helper verity.hashdevice verity.roothashfile X-mount.subdir X-mount.mkdir \
    X-mount.owner context rootcontext x-systemd.requires encryption; do
    probe() {
      obey hello args 'bye 1'
      tell "$2" /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc.peer -o "$option=$1/$2"
    }
    assert_same_for_all "$secret" || fail "$option"
  done
}

@test "probe: -N" {
  probe() { tell "$2" /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc.peer -N "$1/$2"; }
  assert_same_for_all
  [[ $(probe "$secret" a-file) == *'only root may do that'* ]]
}

@test "probe: -N, of a process that is there and one that is not" {
  local there missing
  probe() { tell x /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc.peer -N "$1"; }
  there=$(probe 1)
  missing=$(probe 999999999)
  assert_same "${there//[0-9]/}" "${missing//[0-9]/}"
}

@test "probe: the service's name" {
  probe() { tell "$2" /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc -o "svc=../../$1/$2"; }
  assert_same_for_all
  probe() { tell "$2" /sbin/mount.fuse.svc "$img" "$mnt" -t "fuse.svc.../../$1/$2"; }
  assert_same_for_all
  probe() { tell "$2" /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc -o "svc=$1/$2"; }
  assert_same_for_all
  [[ $(probe "$secret" a-file) == *svc* ]]
}

@test "probe: a socket where the user may not look" {
  local present missing
  probe() { tell "$1" /sbin/mount.fuse.svc "$img" "$mnt" -t "fuse.svc.$1"; }
  ln -s peer /run/filesystems/twin # as "peer" is a word in paths of the tests, too
  chmod 700 /run/filesystems
  present=$(probe twin)
  missing=$(probe nosuch)
  chmod 755 /run/filesystems
  assert_same "$present" "$missing"
  [[ $present == *'Permission denied'* ]]
  [[ $(probe nosuch) != "$missing" ]] # here it matters
}

@test "probe: LABEL= and UUID= of a device that the user may not read" {
  require loop tool mkfs.ext4
  truncate -s 8M "$secret/ext4"
  mkfs.ext4 -q -O ^has_journal -L fsvc-hidden "$secret/ext4"
  use_loop "$secret/ext4"
  blkid "$loop" || true # it is in root's cache, if there is one
  obey hello args 'open $SOURCE O_RDONLY' 'bye 1'
  probe() { tell "$1" /sbin/mount.fuse.svc "$1" "$mnt" -t fuse.svc.peer; }
  assert_same "$(probe LABEL=fsvc-hidden)" "$(probe LABEL=fsvc-missing)"
  uuid=$(blkid -o value -s UUID "$loop")
  assert_same "$(probe "UUID=$uuid")" "$(probe "UUID=01234567-89ab-cdef-0123-456789abcdef")"
}

@test "probe: a mount of another user's is not unmounted, and not told of" {
  run_mount_as bob "$home/bob/img" "$home/bob/mnt" -t fuse.svc.peer
  assert_status 0
  obey hello args 'fsopen 0' 'source x' 'mntpt dir $TARGET' 'mount 0' 'bye 1'
  for target in "$home/bob/mnt" "$home/bob/mnt/." "$home/bob/mnt/x" "$home/bob/mnt/.."; do
    run_mount_as alice "$img" "$target" -t fuse.svc.peer
    [[ $status != 0 ]] || fail "$target"
    assert_mounted "$home/bob/mnt" || fail "$target"
  done
  as_user bob ls -A "$home/bob/mnt"
  unmount "$home/bob/mnt"
}

#
# Empty options
#

@test "empty options: they are as none, and bend nothing" {
  local options extra
  for options in '' ',' ',,' ',,,' ',nosuid' 'nodev,' ',,exec,,' 'noexec,,nosuid'; do
    for extra in '' -r; do
      obey_and_mount
      run_mount_as alice "$img" "$mnt" -t fuse.svc.peer $extra -o "$options"
      if ((status == 0)); then
        assert_mount_works || fail "\"$options\" $extra"
        assert_option nosuid nodev "user_id=$alice_id" || fail "\"$options\" $extra"
        [[ -z $extra ]] || assert_option ro || fail "\"$options\" $extra"
        [[ $options != noexec* ]] || assert_option noexec || fail "\"$options\" $extra"
        unmount
      else
        assert_mount_fails 1 malformed || fail "\"$options\" $extra"
      fi
    done
  done
}

@test "empty options: '' and -r is read-only" {
  run_mount_as alice "$img" "$mnt" -t fuse.svc.peer -o '' -r
  assert_mount_works
  assert_option ro nosuid nodev
  assert_log 'arg 4: ro'
  unmount
  obey_and_mount
  run_mount_as alice "$img" "$mnt" -t fuse.svc.peer -r -o ''
  assert_mount_works
  assert_option ro nosuid nodev
  unmount
}

@test "empty options: names and values that are empty" {
  local options
  for options in = =x ,= 'ro,=,' '"' 'a="' 'x="y,suid' ro,=suid; do
    run_mount_as alice "$img" "$mnt" -t fuse.svc.peer -o "$options"
    assert_mount_fails 1 || fail "$options"
  done
  for options in svc= svc-timeout= svc-timeout svc; do
    run_mount_as alice "$img" "$mnt" -t fuse.svc.peer -o "$options"
    assert_mount_fails 1 || fail "$options"
  done
  refute_log start
}

@test "empty arguments" {
  run_mount_as alice '' '' -t fuse.svc.peer
  assert_status 1
  run_mount_as alice "$img" '' -t fuse.svc.peer
  assert_status 1
  run_mount_as alice "$img" "$mnt" -t ''
  assert_status 1
  run_mount_as alice
  assert_status 1
  run_mount_as alice '' "$mnt" -t fuse.svc.peer
  if ((status == 0)); then
    assert_option nosuid nodev
    unmount
  fi
}

#
# Too much of everything
#

@test "many options: over 64 KiB are refused" {
  run_mount_as alice "$img" "$mnt" -t fuse.svc.peer -o "key=$(printf '%070000d' 0)"
  assert_status 1
  [[ $stderr == *'options are too long'* ]]
  run_mount_as alice "$img" "$mnt" -t fuse.svc.peer -o "a=$(printf '%030000d' 0)" -o "b=$(printf '%030000d' 0)" \
    -o "c=$(printf '%030000d' 0)"
  assert_status 1
  [[ $stderr == *'options are too long'* ]]
  refute_mounted
  refute_log start
}

@test "many options: what is forced stands behind thousands of others" {
  local options
  options=$(printf 'suid,dev,exec,%.0s' {1..300})
  run_mount_as alice "$img" "$mnt" -t fuse.svc.peer -o "${options%,}"
  if ((status == 0)); then
    assert_option nosuid nodev "user_id=$alice_id"
    unmount
  else
    assert_mount_fails "$status"
  fi
  # mount(2) takes one page and cuts the rest without a word.
  obey_and_mount
  options=$(printf 'sync,async,%.0s' {1..500})
  run_mount_as alice "$img" "$mnt" -t fuse.svc.peer -o "${options}x=$(printf '%05000d' 0),ro"
  if ((status == 0)); then
    assert_option nosuid nodev ro "user_id=$alice_id"
    unmount
  else
    assert_mount_fails "$status"
  fi
}

@test "a source as long as a source can be" {
  local long
  for n in 3000 4090 5000 60000; do
    long=/$(printf "%0${n}d" 0)
    obey_and_mount
    run_mount_as alice "$long" "$mnt" -t fuse.svc.peer
    if ((status == 0)); then
      assert_option nosuid nodev "user_id=$alice_id"
      unmount
    else
      refute_mounted
    fi
  done
}

@test "a source that looks like mount options, or like lines of the table" {
  local source
  for source in 'x,suid,dev,user_id=0' $'x\nsuid' 'x rw,suid 0 0' $'x\n0 0 0:0 / /etc rw - ext4 / rw' 'a=b' '\040' '"'; do
    obey_and_mount
    run_mount_as alice "$source" "$mnt" -t fuse.svc.peer
    assert_status 0 || fail "$source"
    assert_option nosuid nodev "user_id=$alice_id" || fail "$source"
    assert_equal "$(our_mounts | wc -l)" 1
    assert_utab "TARGET=$mnt " svc=peer, || fail "$source"
    run_as alice umount "$mnt"
    assert_status 0 || fail "$source"
    assert_equal "$(utab)" ''
  done
}

#
# Arguments that look like options
#

# in_home ARGS...: the helper, by alice, in her home
in_home() {
  run_command setpriv --reuid=alice --regid=alice --init-groups --reset-env -- \
    env -C "$home/alice" /sbin/mount.fuse.svc "$@"
}

@test "like options: SOURCE" {
  local source
  for source in -h --help -V -f -o --version -N -; do
    obey_and_mount
    in_home -t fuse.svc.peer -- "$source" mnt
    assert_status 0 || fail "$source"
    assert_log "arg 1: $source" || fail "$source"
    assert_option nosuid nodev || fail "$source"
    unmount
  done
}

@test "like options: TARGET" {
  local target
  for target in -rf --help -- -o -N; do
    install -d -o alice -g alice "$home/alice/$target"
    obey_and_mount
    in_home -t fuse.svc.peer -- img "$target"
    assert_status 0 || fail "$target"
    assert_mounted "$home/alice/$target" || fail "$target"
    assert_utab "TARGET=$home/alice/$target " || fail "$target"
    unmount "$home/alice/$target"
    obey hello args 'fsopen 0' 'source x' 'mntpt dir $TARGET' 'mount 0' 'bye 1'
    in_home -t fuse.svc.peer -- img "$target"
    assert_status 32 || fail "$target"
    [[ -z $(our_mounts) ]] || fail "$target"
  done
}

@test "like options: the name of the service" {
  local name
  for name in -x -- -h --help -rf; do
    in_home img mnt -t "fuse.svc.$name"
    assert_status 1 || fail "$name"
    [[ $stderr == *'cannot be the name of a service'* ]] || fail "$name: $stderr"
    in_home img mnt -t fuse.svc -o "svc=$name"
    assert_status 1 || fail "$name"
  done
  refute_log start
}

@test "like options: after mount(8), which puts no -- before them" {
  local source
  for source in --help -V -osuid,dev -N1 -f; do
    obey_and_mount
    run_command setpriv --reuid=alice --regid=alice --init-groups --reset-env -- \
      mount -t fuse.svc.peer -- "$source" "$mnt"
    if is_mounted; then
      assert_option nosuid nodev "user_id=$alice_id" || fail "$source"
      unmount
    else
      [[ $status != 0 ]] || fail "$source: nothing is mounted, and nobody is told"
    fi
    refute_log 'caller: 0:0'
  done
}

@test "like options: SOURCE and TARGET before and after the others" {
  in_home img -t fuse.svc.peer mnt -o ro
  assert_status 0
  assert_option ro nosuid nodev
  unmount
  in_home img mnt -t fuse.svc.peer -- extra
  assert_status 1
  in_home img mnt extra -t fuse.svc.peer
  assert_status 1
  assert_equal "$(our_mounts)" ''
}

#
# Descriptors
#

@test "descriptors: the standard ones are closed" {
  local closed
  for closed in '<&-' '>&-' '2>&-' '<&- >&-' '<&- 2>&-' '>&- 2>&-' '<&- >&- 2>&-'; do
    obey_and_mount
    run_as alice sh -c "exec /sbin/mount.fuse.svc $img $mnt -t fuse.svc.peer $closed"
    assert_status 0 || fail "$closed"
    assert_option nosuid nodev || fail "$closed"
    assert_log 'fusedev: OK'
    as_user alice ls -A "$mnt"
    unmount
    obey hello args 'fsopen 0' 'source x' 'mntpt dir $TARGET' 'mount 0' 'bye 1'
    run_as alice sh -c "exec /sbin/mount.fuse.svc $img $mnt -t fuse.svc.peer $closed"
    assert_status 32 || fail "$closed"
    refute_mounted || fail "$closed"
  done
}

@test "descriptors: the standard ones are something else" {
  local redirections
  mkfifo "$home/alice/fifo"
  chown alice "$home/alice/fifo"
  for redirections in "<$home/alice" '</dev/fuse >/dev/fuse' "<$mnt >/dev/full 2>/dev/full" '0<>/dev/fuse 1<>/dev/fuse 2<>/dev/fuse' \
    "0<>$home/alice/fifo 1<>$home/alice/fifo 2<>$home/alice/fifo" '</proc/self/mem' "<$img >>$img 2>>$img"; do
    obey_and_mount
    run_as alice sh -c "exec /sbin/mount.fuse.svc $img $mnt -t fuse.svc.peer $redirections"
    assert_status 0 || fail "$redirections"
    assert_option nosuid nodev || fail "$redirections"
    unmount
    run_as alice sh -c "exec /sbin/mount.fuse.svc $img $home/bob/mnt -t fuse.svc.peer $redirections"
    [[ $status == 1 ]] || fail "$redirections: $status"
  done
}

@test "descriptors: their fstat fails" {
  # A file of a FUSE mount whose server is dead.
  obey hello args 'fsopen 0' 'source x' 'mntpt file $TARGET' 'mount 0' init 'bye 0' 'serve file'
  touch "$home/alice/dead" && chown alice "$home/alice/dead"
  run_mount_as alice "$img" "$home/alice/dead" -t fuse.svc.peer
  assert_status 0
  kill -KILL "$(sed -n 's/^start: //p' "$log")"
  obey_and_mount
  run_as alice bash -c "exec 0<$img; exec 5<$home/alice/dead; exec /sbin/mount.fuse.svc $img $mnt -t fuse.svc.peer"
  [[ $status == 0 || $stderr == *'not connected'* ]]
  ! is_mounted || unmount
  unmount "$home/alice/dead"
}

@test "descriptors: many, of all kinds, are not the service's and not the helper's" {
  obey_and_mount
  run_as alice bash -c "
    for ((i = 0; i < 40; i++)); do exec {fd}<>/dev/fuse; exec {fd}</etc; exec {fd}<>$img; exec {fd}</proc/self/mountinfo; done
    exec 3<>/dev/fuse 4<$mnt 5<>/dev/fuse 6</etc
    exec /sbin/mount.fuse.svc $img $mnt -t fuse.svc.peer"
  assert_mount_works
  as_user alice ls -A "$mnt"
  unmount
}

@test "descriptors: as many as there may be" {
  local n
  for n in 4 5 6 7 8 10 12 16; do
    obey_and_mount
    run_command setpriv --reuid=alice --regid=alice --init-groups --reset-env -- \
      prlimit --nofile="$n:$n" /sbin/mount.fuse.svc "$img" "$mnt" -t fuse.svc.peer
    if ((status == 0)); then
      assert_option nosuid nodev "user_id=$alice_id"
      unmount
    else
      refute_mounted || fail "$n descriptors"
      assert_equal "$(utab)" ''
    fi
  done
}
