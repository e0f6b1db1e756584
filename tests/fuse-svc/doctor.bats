#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# fuse-svc doctor, where there is no service manager: the host, sockets, presets, mounts. Each test
# breaks one thing on a healthy host, and what is printed mends it, where that can be.
#
# shellcheck disable=SC2016 # the scripted server and other shells have variables of their own
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load fuse-svc
load doctor

setup() {
  prepare_fuse_svc
  mountpoint -q /sys/fs/fuse/connections ||
    mount -t fusectl fusectl /sys/fs/fuse/connections
}

# What a test that fails leaves behind shall not fail the others.
teardown() {
  cmp -s "$FSVC_HELPER" /sbin/mount.fuse.svc || restore_helper
  chmod 755 /sbin/umount.fuse.svc
  [[ -d /run/filesystems ]] || rm -f /run/filesystems
  mkdir -p /run/filesystems
  clean_up
}

#
# The program
#

@test "doctor: nothing is wrong" {
  assert_healthy
  start_peer
  obey_and_mount
  assert_healthy
  assert_healthy peer
  # Nobody was started for it.
  [[ ! -s $log ]]
  doctor --json
  assert_json .findings '[]'
}

@test "doctor: no such service, and one that is nearly so" {
  start_peer "two-$$"
  assert_found "problem service-unknown tow-$$" "tow-$$"
  assert_text "do you mean \"two-$$\"?"
  doctor zzzzzzzz
  assert_status 32
  assert_text "zzzzzzzz: there is no such service; 'fuse-svc list' shows all"
  [[ -z $(commands) ]]
}

@test "doctor: misuse" {
  doctor --nonsense
  assert_status 1
  doctor ../x
  assert_status 1
  [[ $stderr == *"../x: cannot be the name of a service"* ]]
}

@test "doctor: findings as JSON" {
  chmod 777 /run/filesystems
  doctor --json
  chmod 755 /run/filesystems
  assert_status 32
  assert_json '.findings[0]' '{"level":"problem","check":"socket-dir","subject":"/run/filesystems",'\
'"text":"mode 0777: others can pretend to be any service","mend":"chmod 755 /run/filesystems"}'
}

#
# Helpers
#

restore_helper() { install -m 755 "$(dirname "$FSVC_HELPER")/${1:-mount}.fuse.svc" /sbin; }

@test "helper: missing, or not where it was installed" {
  mv /sbin/mount.fuse.svc /sbin/away
  rm /sbin/mount.fuseblk.svc
  assert_found "problem helper-missing mount.fuse.svc"
  mv /sbin/away /sbin/mount.fuse.svc
  assert_found "problem helper-link mount.fuseblk.svc"
  assert_mended
}

@test "helper: whose it is, and who may change or run it" {
  prepare_users
  chmod u-s /sbin/mount.fuse.svc
  chmod o+w /sbin/mount.fuse.svc
  assert_found "problem helper-mode /sbin/mount.fuse.svc"
  assert_equal "$(commands)" "make install # in the source tree" # nobody knows what is in it
  restore_helper
  chmod a-x /sbin/umount.fuse.svc
  assert_found "problem helper-mode /sbin/umount.fuse.svc"
  assert_mended
  chown bob /sbin/umount.fuse.svc
  assert_found "problem helper-mode /sbin/umount.fuse.svc"
  assert_equal "$(commands)" "make install # in the source tree"
  restore_helper umount
  assert_healthy
  remove_users
}

@test "helper: one without its libraries" {
  printf '%s\n' '#!/bin/sh' \
    'echo "mount.fuse.svc: error while loading shared libraries: libfusesvc.so.0: no such file" >&2' \
    'exit 127' >/sbin/mount.fuse.svc
  doctor
  restore_helper
  assert_status 32
  assert_text 'it does not find its libraries: mount.fuse.svc: error while' \
    '>/etc/ld.so.conf.d/fuse-svc.conf && ldconfig'
  # What mends both helpers is said once.
  cp /sbin/umount.fuse.svc "$BATS_TEST_TMPDIR/umount"
  printf '%s\n' '#!/bin/sh' 'exit 127' | tee /sbin/mount.fuse.svc >/sbin/umount.fuse.svc
  doctor
  restore_helper
  cp "$BATS_TEST_TMPDIR/umount" /sbin/umount.fuse.svc
  assert_text "2 problems"
  [[ $(commands) != *$'\n'* ]]
}

@test "helper: of another version, or one that never ends" {
  local before=$SECONDS
  printf '%s\n' '#!/bin/sh' 'echo "mount.fuse.svc from fuse-svc 0.0.9"' >/sbin/mount.fuse.svc
  assert_found "problem helper-version /sbin/mount.fuse.svc"
  assert_text "version 0.0.9, and this is "
  printf '%s\n' '#!/bin/sh' 'exec sleep 12345' >/sbin/mount.fuse.svc
  doctor
  restore_helper
  assert_status 32
  assert_text "it does not say its version (Connection timed out)"
  ! pgrep -f 'sleep 12345' || return
  ((SECONDS - before < 60))
}

@test "helper: none is run that anybody but root may have written" {
  printf '%s\n' '#!/bin/sh' "touch $BATS_TEST_TMPDIR/run" >/sbin/mount.fuse.svc
  chmod 777 /sbin/mount.fuse.svc
  assert_found "problem helper-mode /sbin/mount.fuse.svc"
  [[ ! -e $BATS_TEST_TMPDIR/run ]]
  restore_helper
}

@test "helper: umount.fuse.svc with set-user-ID" {
  chmod u+s /sbin/umount.fuse.svc
  assert_found "problem umount-setuid /sbin/umount.fuse.svc"
  assert_mended
}

@test "helper: set-user-ID where that has no effect" {
  mount -o remount,bind,nosuid "$(findmnt -no TARGET -T /sbin/mount.fuse.svc)"
  assert_healthy
  chmod u+s /sbin/mount.fuse.svc
  assert_found "problem helper-nosuid /sbin/mount.fuse.svc"
  assert_mended
  chmod u-s /sbin/mount.fuse.svc
}

@test "users: the helper lets them mount, and no socket does; and the other way round" {
  start_peer
  chmod u+s /sbin/mount.fuse.svc
  assert_found "warning users-may-mount /sbin/mount.fuse.svc"
  assert_text "choose which: chmod 0222 /run/filesystems/NAME"
  [[ -z $(commands) ]]
  assert_found "warning users-may-mount /sbin/mount.fuse.svc" peer
  assert_equal "$(commands)" "chmod 0222 /run/filesystems/peer"
  assert_mended peer
  assert_healthy
  chmod u-s /sbin/mount.fuse.svc
  assert_found "warning users-may-mount /run/filesystems/peer"
  assert_mended
  chmod u-s /sbin/mount.fuse.svc
}

@test "users: nobody opens what they did not name, nor what is root's" {
  start_peer peer gocryptfs sshfs
  chmod u+s /sbin/mount.fuse.svc
  doctor peer
  assert_equal "$(commands)" "chmod 0222 /run/filesystems/peer"
  doctor gocryptfs sshfs
  assert_text "users may connect to no service"
  [[ $stdout != *"0222"* ]]
  chmod u-s /sbin/mount.fuse.svc
}

@test "users: what one of them may" {
  prepare_users
  start_peer
  fuse_svc_as alice doctor peer
  assert_status 32
  assert_text "/run/filesystems/peer: mode 0644: you may not connect" "The commands are for root."
  chmod 222 /run/filesystems/peer
  fuse_svc_as alice doctor peer
  assert_status 0
  assert_text "nothing wrong found"
  chmod u-s /sbin/mount.fuse.svc
  fuse_svc_as alice doctor
  assert_status 0
  assert_text "warning: /sbin/mount.fuse.svc: not set-user-ID: only root can mount"
  fuse_svc_as alice doctor peer
  assert_status 32
  remove_users
}

#
# The kernel, /dev/fuse, fuse.conf
#

# run_with THERE HERE COMMAND...: in a mount namespace where HERE is what THERE is
run_with() {
  run_command unshare --mount bash -c 'mount --bind "$0" "$1" && shift && "$@"' "$@"
}

@test "kernel: too old" {
  run_command setarch --uname-2.6 "$FSVC_FUSE_SVC" doctor
  assert_status 32
  assert_text "Linux: version 2.6." "nothing can be mounted before 5.9"
}

@test "kernel: without FUSE, or without fuseblk" {
  local file=$BATS_TEST_TMPDIR/filesystems
  printf 'nodev\tproc\n' >"$file"
  run_with "$file" /proc/filesystems "$FSVC_FUSE_SVC" doctor
  assert_status 32
  assert_text "the module \"fuse\" is not loaded" "    modprobe fuse"
  printf 'nodev\tproc\nnodev\tfuse\n' >"$file"
  run_with "$file" /proc/filesystems "$FSVC_FUSE_SVC" doctor
  assert_status 0
  assert_text "warning: Linux: it has no fuseblk"
}

@test "kernel: what servers behind fuse-svc-run need" {
  local dir=$BATS_TEST_TMPDIR/kernel
  mkdir -p "$dir/seccomp" "$dir/yama"
  echo 'kill_process trap allow' >"$dir/seccomp/actions_avail"
  echo 2 >"$dir/yama/ptrace_scope"
  start_peer
  run_with "$dir" /proc/sys/kernel "$FSVC_FUSE_SVC" doctor
  assert_text "nothing wrong found"
  start_peer squashfs
  run_with "$dir" /proc/sys/kernel "$FSVC_FUSE_SVC" doctor
  assert_status 32
  assert_text "no user notification of seccomp(2)" "/proc/sys/kernel/yama/ptrace_scope: 2:"
  assert_equal "$(commands)" "sysctl kernel.yama.ptrace_scope=1"
  run_with "$dir" /proc/sys/kernel sysctl kernel.yama.ptrace_scope=1
  assert_equal "$(<"$dir/yama/ptrace_scope")" 1
}

@test "kernel: fusectl is not mounted" {
  umount /sys/fs/fuse/connections
  assert_found "warning fusectl /sys/fs/fuse/connections"
  assert_mended
}

@test "/dev/fuse: missing, something else, or not open to users" {
  local dir=$BATS_TEST_TMPDIR/dev
  mkdir "$dir"
  cp -a /dev/null /dev/zero "$dir"
  cat >"$BATS_TEST_TMPDIR/steps" <<'END'
    set -e
    mount --bind "$2" /dev
    look() { "$1" doctor >"$3/out" || true; grep -A1 "$4" "$3/out"; sed -n 's/^    //p' "$3/out" | sh -e; "$1" doctor; }
    look "$@" "/dev/fuse: No such file"
    rm /dev/fuse
    : >/dev/fuse
    look "$@" "/dev/fuse: not the character device"
    chmod 600 /dev/fuse
    "$1" doctor
    chmod u+s /sbin/mount.fuse.svc
    look "$@" "/dev/fuse: mode 0600: users cannot mount"
END
  run_command unshare --mount bash "$BATS_TEST_TMPDIR/steps" "$FSVC_FUSE_SVC" "$dir" "$BATS_TEST_TMPDIR"
  chmod u-s /sbin/mount.fuse.svc
  assert_status 0
}

@test "fuse.conf: not understood, not safe, not readable" {
  prepare_users
  printf 'user_allow_other\nmount_max = many\n' >/etc/fuse.conf
  assert_found "problem fuse-conf /etc/fuse.conf"
  assert_text "line 2 is not understood"
  assert_mended
  chmod 666 /etc/fuse.conf
  assert_found "problem fuse-conf /etc/fuse.conf"
  assert_mended
  chmod 600 /etc/fuse.conf
  fuse_svc_as alice doctor
  assert_status 0
  assert_text "note: /etc/fuse.conf: only root can read it" "nothing wrong found"
  # It limits nobody but users.
  chmod 666 /etc/fuse.conf
  chmod u-s /sbin/mount.fuse.svc
  assert_found "warning fuse-conf /etc/fuse.conf"
  remove_users
}

@test "sockets: who can make some" {
  prepare_users
  chmod 777 /run/filesystems
  assert_found "problem socket-dir /run/filesystems"
  assert_mended
  chown bob /run/filesystems
  assert_found "problem socket-dir /run/filesystems"
  assert_mended
  chmod 700 /run/filesystems
  assert_found "warning socket-dir /run/filesystems"
  assert_mended
  rmdir /run/filesystems
  : >/run/filesystems
  assert_found "problem socket-dir /run/filesystems"
  bash -e <<<"$(commands)"
  mkdir /run/filesystems
  remove_users
}

#
# Services
#

# The name is this test's alone: the kernel lists the sockets of all mount namespaces.
@test "service: nobody listens any more" {
  local name=left-$$
  start_peer "$name"
  kill "${services[0]}"
  wait "${services[0]}" 2>/dev/null || true
  assert_found "problem socket-stale /run/filesystems/$name"
  assert_mended
}

@test "service: a stream" {
  local name=stream-$$
  systemd-socket-activate -a -l "/run/filesystems/$name" /bin/true </dev/null \
    >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- 4>&- &
  services+=($!)
  wait_for "$deadline" test -S "/run/filesystems/$name"
  assert_found "problem socket-protocol /run/filesystems/$name"
  stop_services
}

@test "service: its preset, and the program of that" {
  start_peer squashfs
  mkdir -p /etc/fuse-svc/presets
  printf 'description = x\nprogram = relative\n' >/etc/fuse-svc/presets/squashfs
  assert_found "problem preset squashfs"
  assert_text '/etc/fuse-svc/presets/squashfs: line 2: program: "relative" is not an absolute path'
  assert_mended
  printf '%s\n' 'description = x' 'package = no-such' 'program = /no/such' 'arguments = {source}' \
    >/etc/fuse-svc/presets/squashfs
  assert_found "problem program squashfs"
  assert_text "there is no /no/such" "    apt install no-such"
  chmod 666 /etc/fuse-svc/presets/squashfs
  assert_found "problem preset squashfs"
  assert_text "chmod go-w /etc/fuse-svc/presets/squashfs"
  rm -r /etc/fuse-svc/presets
}

@test "fstab: services that do not exist; bytes of a stranger's are not for terminals" {
  start_peer
  fstab noauto "$img" "$mnt" fuse.svc.perr
  fstab defaults,svc=per "$img" "$mnt" fuse.svc
  fstab defaults none /x$'\e[31m' fuse.svc.nowhere
  fstab defaults none /y fuse.svc
  doctor
  assert_status 32
  [[ $stdout != *$'\e'* ]]
  assert_text "/etc/fstab: line 1: $mnt: there is no service \"perr\"" \
    '/etc/fstab: line 3: /x\x1b[31m: there is no service "nowhere"' "3 problems, 0 warnings"
  bash -e <<<"$(commands)"
  sed -i 3d /etc/fstab
  assert_healthy
  assert_equal "$(head -n 2 /etc/fstab)" \
    "$img $mnt fuse.svc.peer noauto 0 0"$'\n'"$img $mnt fuse.svc defaults,svc=peer 0 0"
  : >/etc/fstab
}

#
# Mounts
#

mount_peer() {
  start_peer
  obey_and_mount
  run_mount "$img" "$mnt" -t fuse.svc.peer
  assert_mount_works
}

server() { pgrep -n -x peer; }

@test "mounts: a server that is gone" {
  mkdir "$BATS_TEST_TMPDIR/it's a place"
  mnt="$BATS_TEST_TMPDIR/it's a place"
  mount_peer
  assert_healthy
  kill -KILL "$(server)"
  wait_for "$deadline" has_dead
  doctor
  assert_status 32
  assert_text "$mnt: its server is gone"
  assert_mended
  refute_mounted "$mnt"
}
has_dead() { [[ $(findings) == "problem mount-dead "* ]]; }

@test "mounts: a server that is stopped, and one that hangs" {
  mount_peer
  kill -STOP "$(server)"
  assert_found "problem mount-stopped $mnt"
  assert_mended
  unmount
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' init 'bye 0' 'sleep 300'
  run_mount "$img" "$mnt" -t fuse.svc.peer
  assert_mount_works
  assert_healthy
  stat "$mnt/file" >/dev/null 2>&1 3>&- 4>&- &
  wait_for "$deadline" is_waited_for
  assert_found "warning mount-stuck $mnt"
  assert_mended
  refute_mounted "$mnt"
}
is_waited_for() { [[ $("$FSVC_FUSE_SVC" status -nro WAITING) == 1 ]]; }
