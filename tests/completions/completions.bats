#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Completion, with the shell, bash-completion and mount(8)'s own completion of the system, and with
# services that listen.
#
# shellcheck disable=SC2154 # variables of lib.bash

bats_require_minimum_version 1.5.0
load ../lib
load ../pages/pages
load ../mount/terminal

setup() {
  prepare
  program=$(find "$FSVC_STAGE" -name fuse-svc -type f -perm -u+x)
  [[ -n $program ]] || fail "no fuse-svc in $FSVC_STAGE"
  [[ -f ${FSVC_BASH_COMPLETION:-/usr/share/bash-completion/bash_completion} ]] ||
    lack "no bash-completion" || return
  PATH=$(dirname "$program"):$PATH
  startup=$(dirname "$(find "$FSVC_STAGE" -path '*/bash_completion.d/fuse-svc.bash')")
  data=$(find "$FSVC_STAGE" -name mount.fuse.svc.bash)
  export BASH_COMPLETION_COMPAT_DIR=$startup
  export XDG_DATA_DIRS=${data%/bash-completion/*}:/usr/share
  start_service archive iso9660 null -- "$FSVC_LIBEXECDIR/null"
}

teardown() { clean_up; }

# ask LINE
ask() { "$BATS_TEST_DIRNAME/ask" "$1" 2>&1; }

# assert_offers LINE WORD...: these and no others
assert_offers() {
  local offered
  offered=$(ask "$1")
  assert_equal "${offered//$'\n'/ }" "${*:2}" || fail "for: $1"
}

# offers_among LINE WORD...: these, and perhaps others
offers_among() {
  local word
  for word in "${@:2}"; do
    grep -qxF -e "$word" < <(ask "$1") || fail "not offered for \"$1\": $word" || return
  done
}

@test "fuse-svc: commands, options, columns" {
  assert_offers 'fuse-svc ' doctor list probe status
  assert_offers 'fuse-svc l' list
  assert_offers 'fuse-svc --' --help --version
  diff <(ask 'fuse-svc list -') <(fuse-svc list --help | options_of_help | grep ^-)
  diff <(ask 'fuse-svc doctor -') <(fuse-svc doctor --help | options_of_help | grep ^-)
  assert_offers 'fuse-svc list -o NA' NAME
  assert_offers 'fuse-svc list -o NAME,SO' NAME,SOCKET
  assert_offers 'fuse-svc probe --output +SO,SE' +SO,SERVICE
  assert_offers 'fuse-svc list -o NAME,N'
}

@test "fuse-svc: services and mounts" {
  assert_offers 'fuse-svc list ' archive iso9660 null
  assert_offers 'fuse-svc doctor --json i' iso9660
  mkdir "$mnt/a directory"
  mount -t fuse.svc.null none "$mnt/a directory"
  assert_equal "$(ask "fuse-svc status $mnt")" "$mnt/a\\ directory"
  umount "$mnt/a directory"
  assert_offers 'fuse-svc probe /'
}

# In a real shell, which would look at what it takes for the name of a file.
@test "fuse-svc: a mount whose server hangs is completed, and not touched" {
  prepare_terminal
  start_peer
  until_step init 'bye 0' 'sleep 300'
  mount -t fuse.svc.peer "$img" "$mnt"
  start_on_terminal bash --norc --noprofile -i
  press "source $(find "$FSVC_STAGE" -name fuse-svc.bash -path '*/completions/*')\n"
  press "fuse-svc status -ro TARGET ${mnt%?}\t\n"
  assert_shown $'\nTARGET\r\n'"$mnt"
  press 'exit\n'
  end_on_terminal
  assert_status 0
  kill -KILL "$(our_processes | sed -n "s|^\([0-9]*\) $FSVC_PEER\$|\1|p")"
  umount "$mnt"
}

@test "mount: types" {
  assert_offers 'mount -t fuse.svc.' fuse.svc.archive fuse.svc.iso9660 fuse.svc.null
  assert_offers 'mount -t fuse.svc' fuse.svc fuse.svc.archive fuse.svc.iso9660 fuse.svc.null
  assert_offers 'mount -r --types fuseblk.svc.n' fuseblk.svc.null
  assert_offers 'sudo mount -t fuse.svc.n' fuse.svc.null
  offers_among 'mount -t fu' fuse.svc.null fuse,
}

@test "mount: options, if the type is one of ours" {
  local own='svc-dev svc-noblk svc-suid svc-timeout= svc='
  # shellcheck disable=SC2086 # words
  assert_offers 'mount -t fuse.svc.null -o ' $own
  # shellcheck disable=SC2046 # words
  diff <(ask 'mount -t fuse.svc -o ' | sort) \
    <(mount.fuse.svc --help | options_of_help | grep -v ^- | sort)
  assert_offers 'mount -t fuse.svc -o ro,svc-t' ro,svc-timeout=
  assert_offers 'mount -t fuse.svc -o svc=ar' archive
  assert_offers 'mount --types=fuse.svc -o ro,svc=' archive iso9660 null
  assert_offers 'mount -t fuse.svc -o svc=archive,svc-s' archive,svc-suid
}

@test "mount.fuse.svc" {
  assert_offers 'mount.fuse.svc a b -o svc-n' svc-noblk
  assert_offers 'mount.fuse.svc a b -o svc=n' null
  assert_offers 'mount.fuse.svc a b -t fuse.svc.n' fuse.svc.null
  diff <(ask 'mount.fuse.svc -') <(mount.fuse.svc --help | options_of_help | grep ^-)
}

@test "the completion of other mounts is what it is without us" {
  local line without n=0
  mkdir "$BATS_TEST_TMPDIR/empty"
  for line in 'mount ' 'mount -' 'mount --op' 'mount /' 'mount -t ext' 'mount -t ' 'mount -L ' \
    'mount -t ext4 -o ' 'mount -o ro' 'mount -t fusectl -o s' 'mount --options-mode ' 'umount -' \
    'sudo mount -' 'sudo mount -t ext'; do
    without=$(BASH_COMPLETION_COMPAT_DIR=$BATS_TEST_TMPDIR/empty ask "$line")
    assert_equal "$(ask "$line")" "$without" || fail "for: $line" || return
    [[ -z $without ]] || n=$((n + 1))
  done
  ((n >= 6)) || fail "only $n of these lines are completed at all"
}

@test "one who has a completion of mount keeps it" {
  # shellcheck disable=SC2016 # for the other shell
  run bash --norc -c 'complete -W mine mount; . "$0"; complete -p mount' "$startup/fuse-svc.bash"
  assert_equal "$output" "complete -W 'mine' mount"
}

@test "a shell that starts runs no program for us" {
  require tool strace
  # shellcheck disable=SC2016 # for the other shell
  strace -f -qq -e trace=process -e signal=none -o "$BATS_TEST_TMPDIR/strace" \
    bash --norc -c '. "$0"' "$startup/fuse-svc.bash"
  assert_equal "$(grep -cE '(clone|clone3|fork|vfork)\(' "$BATS_TEST_TMPDIR/strace")" 0
  assert_equal "$(grep -c 'execve(' "$BATS_TEST_TMPDIR/strace")" 1
}
