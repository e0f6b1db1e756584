#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# fuse-svc list, where there is no service manager: the sockets tell.
#
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load fuse-svc

setup() { prepare_fuse_svc; }

teardown() { clean_up; }

@test "list: no services, and no folder for their sockets" {
  fuse_svc list
  assert_quiet
  rmdir /run/filesystems
  fuse_svc list
  mkdir /run/filesystems
  assert_quiet
  fuse_svc list --json
  assert_status 0
  assert_json .services '[]'
}

@test "list: all that a socket tells" {
  start_peer peer ext4
  fuse_svc list --json --output +socket,unit,mode,types,description
  assert_status 0
  [[ -z $stderr ]]
  assert_json '.services | map(.name)' '["ext4","peer"]'
  assert_json '.services[1] | keys_unsorted' '["name","enabled","listening","program","mounts",'\
'"problem","socket","unit","mode","types","description"]'
  assert_json '.services[1] | .socket, .mode, .types' \
    $'"/run/filesystems/peer"\n"0644"\n"fuse.svc.peer"'
  assert_json '.services[1] | .listening, .mounts' $'true\n0'
  assert_json '.services[1] | [.enabled, .unit, .description, .program, .problem]' \
    '[null,null,null,null,null]'
  assert_json '.services[0].types' '"fuse.svc.ext4,fuse.svc"'
}

@test "list: nobody is started by a look" {
  start_peer
  obey_and_mount
  fuse_svc list
  assert_status 0
  [[ $stdout == *peer*yes* ]]
  sleep 0.3
  [[ ! -s $log ]]
  [[ -z $(our_processes) ]]
}

# The name is this test's alone: the kernel lists the sockets of all mount namespaces.
@test "list: a socket that was left behind does not listen" {
  local name=left-$$
  start_peer "$name"
  kill "${services[0]}"
  wait "${services[0]}" 2>/dev/null || true
  [[ -S /run/filesystems/$name ]]
  fuse_svc list -J
  assert_status 0
  assert_json '.services[] | .name, .listening, .problem' "\"$name\""$'\nfalse\n'"\"left over: nobody listens any more; rm /run/filesystems/$name\""
}

@test "list: what is no socket, or has no name of a service" {
  start_peer peer 'with space'
  : >/run/filesystems/file
  mkdir /run/filesystems/directory
  fuse_svc list -n -o NAME
  rmdir /run/filesystems/directory
  assert_status 0
  assert_equal "$stdout" peer
}

@test "list: by name, and one that is not there" {
  start_peer peer other
  fuse_svc list -nro NAME other peer
  assert_status 0
  assert_equal "$stdout" $'other\npeer'
  fuse_svc list -nro NAME missing peer
  assert_status 32
  assert_says 'missing: there is no such service'
  assert_equal "$stdout" peer
  fuse_svc list ../peer
  assert_status 1
  [[ $stderr == *'../peer: cannot be the name of a service'* ]]
}

@test "list: counts mounts, by the service" {
  start_peer peer other
  obey_and_mount
  stock_mount -t fuse.svc.peer "$img" "$mnt"
  assert_mount_works
  mkdir "$mnt.2"
  mount --bind "$mnt" "$mnt.2"
  fuse_svc list -J
  assert_json '.services | map(.name, .mounts)' '["other",0,"peer",2]'
  umount "$mnt.2"
  unmount
}

@test "list: a user sees all, and that he may not connect" {
  prepare_users
  start_peer peer other
  chmod 666 /run/filesystems/other
  fuse_svc_as alice list -J -o NAME,LISTENING,PROBLEM
  assert_status 0
  assert_json '.services[0] | .listening, .problem' $'true\nnull'
  assert_json '.services[1] | .listening, .problem' $'true\n"mode 0644: you may not connect; chmod 0222 /run/filesystems/peer"'
  chmod u-s /sbin/mount.fuse.svc
  fuse_svc_as alice list -Jo NAME,LISTENING,PROBLEM
  assert_json '.services[0] | .listening, .problem' \
    $'true\n"only root can mount: /sbin/mount.fuse.svc is not set-user-ID"'
  fuse_svc list -Jo NAME,PROBLEM
  assert_json '.services[0].problem' null
}

# pretend COMMAND...: somebody else listens on a stream, until stop_services
pretend() {
  local before
  before=$(grep -cF "$name" /proc/net/unix) || true
  "$@" /bin/true </dev/null >>"$BATS_TEST_TMPDIR/out" 2>&1 3>&- 4>&- &
  services+=($!)
  wait_for "$deadline" has_more_sockets "$before"
}
has_more_sockets() { (($(grep -cF "$name" /proc/net/unix) > $1)); }

@test "list: what others listen on does not pass for a service, nor make one look bad" {
  local name=mine-$$
  start_peer "$name"
  pretend systemd-socket-activate -l "@/run/filesystems/$name"
  # shellcheck disable=SC2016 # that shell has arguments of its own
  pretend unshare --mount sh -c 'mount -t tmpfs tmpfs /run && mkdir /run/filesystems && exec "$@"' \
    sh systemd-socket-activate -l "/run/filesystems/$name"
  fuse_svc list -J
  assert_json '.services[] | [.listening, .problem]' '[true,null]'
  stop_services
  name=left-$$
  start_peer "$name"
  kill "${services[0]}"
  wait "${services[0]}" 2>/dev/null || true
  pretend systemd-socket-activate -l "@/run/filesystems/$name"
  fuse_svc list -J
  assert_json '.services[].listening' false
}
