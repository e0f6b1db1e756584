#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the hook module could do at all in the process of whoever mounts: what it imports, and what it
# shows. A function that is not imported is not called, by no error and by no server.

load ../lib

setup() {
  require tool nm
  module=$(find "${FSVC_STAGE:?}" -name fuse-svc.so -print -quit)
  [[ -n $module ]]
}

imported() { nm --dynamic --undefined-only "$module" | awk '{ sub(/@.*/, "", $NF); print $NF }'; }

@test "module: forks nothing, changes nothing of its process, prints nothing" {
  local name bad=()
  imported >"$BATS_TEST_TMPDIR/imported"
  grep -qx posix_spawn "$BATS_TEST_TMPDIR/imported" # the list is one
  for name in fork vfork clone _Fork daemon system popen pthread_create \
    execv execve execvp execvpe execl fexecve \
    set{,e,re,res}{uid,gid} setgroups initgroups setns unshare chroot prctl capset syscall \
    chdir fchdir umask setlocale uselocale setenv putenv unsetenv clearenv \
    signal sigaction sigprocmask pthread_sigmask alarm setitimer exit abort quick_exit atexit \
    mount umount umount2 move_mount mount_setattr \
    connect sendto accept accept4 bind listen dlopen dlsym \
    printf fprintf vfprintf puts fputs putchar perror syslog stdout stderr; do
    ! grep -qx -e "$name" -e "__${name}_chk" "$BATS_TEST_TMPDIR/imported" || bad+=("$name")
  done
  ((${#bad[@]} == 0)) || fail "imported: ${bad[*]}"
}

@test "module: libmount's public functions, and one symbol of its own" {
  imported | grep -qx mnt_context_append_options
  assert_equal "$(nm --dynamic --defined-only "$module" | awk '{ print $NF }')" libmnt_hooks_module
}

@test "module: loads nothing that libmount has not loaded" {
  local lib
  while read -r lib; do
    [[ $lib == libmount.so.1 || $lib == libblkid.so.1 || $lib == libc.so.6 || $lib == ld-linux* ]] ||
      fail "needs $lib" || return
  done < <(objdump -p "$module" | awk '$1 == "NEEDED" { print $2 }')
}

@test "module: a link for each type" {
  local type
  for type in fuse.svc fuseblk.svc; do
    assert_equal "$(readlink "${module%/*}/$type.so")" fuse-svc.so
  done
  [[ ! -e ${module%.so}.la ]]
}
