#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Races: while a user's helper works, the user exchanges the paths that it works on with others, all
# the time. Nothing may ever be mounted but on the user's own directory, and nothing unmounted
# but what was mounted by this call.
#
# Of a round of a race, the swaps are stopped (not ended) before anybody looks, so that there is
# one truth to be compared with.
#
# shellcheck disable=SC2016 # the scripted server has variables of its own
# shellcheck disable=SC2030,SC2031,SC2154 # variables of lib.bash, set anew in each test

load ../lib

rounds=${FSVC_SWAP_ROUNDS:-6} # of each kind, some 170 mounts in all; more find more

setup() {
  prepare
  prepare_users
  [[ -x ${FSVC_SWAP:-} ]] || lack "no tests/user/swap"
  start_peer
  share_services
  obey_and_mount
  own=$(stat -c %i "$mnt")
  swapper='' n_mounted=0 n_refused=0
  decoys=()
  victim=$home/victim # root's, like /etc
  install -d -m 755 "$victim" "$victim/mnt"
}

teardown() {
  local target
  [[ -z ${swapper:-} ]] || kill -KILL "$swapper" 2>/dev/null || true
  awk '$5 ~ /\/decoy/ || / decoy / { print $5 }' /proc/self/mountinfo | while read -r target; do
    umount --lazy "$target" || true
  done
  clean_up
}

#
# The swaps
#

# start_swaps A B: by alice
start_swaps() {
  setpriv --reuid=alice --regid=alice --init-groups --reset-env -- "$FSVC_SWAP" "$1" "$2" \
    >"$BATS_TEST_TMPDIR/swaps" 2>&1 </dev/null 3>&- 4>&- &
  swapper=$!
  wait_for 5 is_swapping || fail "no swaps: $(cat "$BATS_TEST_TMPDIR/swaps")"
}

is_swapping() {
  local name
  read -r name <"/proc/$swapper/comm" && [[ $name == swap ]]
}

is_stopped() {
  local line
  read -r line <"/proc/$swapper/stat" && [[ ${line##*) } == T* ]]
}

stop_swaps() {
  kill -STOP "$swapper" || fail "the swaps ended: $(cat "$BATS_TEST_TMPDIR/swaps")" || return
  until is_stopped; do is_alive "$swapper" || return; done
}

go_on_swapping() { kill -CONT "$swapper"; }

# end_swaps: enough of them took place, and the race had the outcomes that it can have
end_swaps() {
  local n
  kill -CONT "$swapper"
  kill -TERM "$swapper"
  wait "$swapper" || fail "swap: $(cat "$BATS_TEST_TMPDIR/swaps")" || return
  swapper=''
  n=$(<"$BATS_TEST_TMPDIR/swaps")
  echo "# $BATS_TEST_DESCRIPTION: $n swaps, $n_mounted mounted, $n_refused refused" >&3
  ((n > rounds)) || fail "only $n swaps"
}

#
# Mounts of others, which have to survive
#

# decoy_of_bob PLACE: the same service, the same source, another user
decoy_of_bob() {
  chown bob "$1" && chmod 755 "$1"
  obey_and_mount
  run_mount_as bob "$img" "$1" -t fuse.svc.peer
  assert_status 0 || return
  remember_decoy "$1"
}

# decoy_of_root PLACE: a tmpfs
decoy_of_root() {
  mount -t tmpfs decoy "$1" || return
  chmod 777 "$1"
  remember_decoy "$1"
}

# remember_decoy PLACE: by the number of the mount, as its path changes
remember_decoy() {
  decoys+=("$(findmnt --nocanonicalize --noheadings --raw --output ID --mountpoint "$1")")
  [[ -n ${decoys[-1]} ]] || fail "no decoy at $1"
}

assert_decoys() {
  local id
  for id in "${decoys[@]}"; do
    grep -q "^$id " /proc/self/mountinfo || fail "another's mount is gone" || return
  done
}

# Mounts by the helper that are no decoys: "ID TARGET" a line
new_mounts() {
  local id target
  our_mounts | while read -r id _ _ _ target _; do
    [[ " ${decoys[*]} " == *" $id "* ]] || printf '%s %s\n' "$id" "$target"
  done
}




remove_decoys() {
  local id target
  for id in "${decoys[@]}"; do
    target=$(awk -v id="$id" '$1 == id { print $5 }' /proc/self/mountinfo)
    umount --lazy "$target"
  done
  decoys=()
  rm -f /run/mount/utab # the names under which bob's were mounted may lead elsewhere now
}

#
# Rounds
#

# assert_own_mount [NAME...]: there is one mount, on alice's own directory; utab has its path, or
# one of the names by which it went
assert_own_mount() {
  local target name line
  [[ $(new_mounts | wc -l) == 1 ]] || fail "mounts after success: $(new_mounts)" || return
  target=$(new_mounts)
  target=${target#* }
  [[ $target == "$home/alice/"* ]] || fail "mounted at $target" || return
  line=$(utab | grep -F "TARGET=$home/alice/" || true)
  for name in "$target" "$@"; do
    [[ $line != *"TARGET=$name "* ]] || break
  done
  [[ $line == *"TARGET=$name "* ]] || fail "mounted at $target, but in utab: $line" || return
  umount "$target" || return
  [[ $(stat -c %i "$target") == "$own" ]] || fail "mounted on what is not alice's: $target" || return
  rm -f /run/mount/utab
}

# mount_rounds TARGET [NAME...]: whatever the outcome of each, it is a fair one
mount_rounds() {
  local i
  for ((i = 0; i < rounds; i++)); do
    run_mount_as alice "$img" "$1" -t fuse.svc.peer
    stop_swaps || return
    case $status in
    0)
      n_mounted=$((n_mounted + 1))
      assert_own_mount "${@:2}" || return
      ;;
    1 | 32)
      n_refused=$((n_refused + 1))
      [[ -z $(new_mounts) ]] || fail "mounted in spite of: $stderr: $(new_mounts)" || return
      [[ $stderr != *'could not be undone'* ]] || fail "$stderr" || return
      ;;
    *) fail "exit code $status: $stderr" || return ;;
    esac
    assert_decoys || return
    go_on_swapping
  done
}

# undo_rounds TARGET: the server mounts and then gives up
undo_rounds() {
  local i
  obey hello args 'fsopen 0' 'source x' 'mntpt 0 $TARGET' 'mount 0' 'bye 1'
  for ((i = 0; i < 2 * rounds; i++)); do
    : >"$log"
    run_mount_as alice "$img" "$1" -t fuse.svc.peer
    stop_swaps || return
    [[ $status == 1 || $status == 32 ]] || fail "exit code $status: $stderr" || return
    if grep -q 'mount 0: OK' "$log"; then
      n_mounted=$((n_mounted + 1))
    else
      n_refused=$((n_refused + 1))
    fi
    [[ -z $(new_mounts) ]] || fail "left: $(new_mounts): $stderr" || return
    assert_decoys || return
    go_on_swapping
  done
}

#
# The target itself
#

# race_target WHAT: $home/alice/other is swapped with the mount point
race_target() {
  start_swaps "$mnt" "$home/alice/other" &&
    mount_rounds "$mnt" &&
    undo_rounds "$mnt" &&
    end_swaps
}

@test "swap: the target with a directory of root's" {
  install -d -m 755 "$home/alice/other"
  race_target
}

@test "swap: the target with a symlink to a directory of root's" {
  ln -s "$victim" "$home/alice/other"
  race_target
}

@test "swap: the target with a symlink to a mount of another's" {
  install -d -o bob "$home/bob/decoy"
  decoy_of_bob "$home/bob/decoy"
  obey_and_mount
  ln -s "$home/bob/decoy" "$home/alice/other"
  race_target
  remove_decoys
}

@test "swap: the target with a symlink into proc" {
  start_as alice sleep 300
  ln -s "/proc/$helper/comm" "$home/alice/other"
  race_target
}

@test "swap: the target with a sticky directory of root's" {
  install -d -m 1777 "$home/alice/other"
  race_target
}

@test "swap: the target with a regular file" {
  install -m 666 /dev/null "$home/alice/other"
  start_swaps "$mnt" "$home/alice/other"
  obey hello args 'fsopen 0' 'source x' 'mntpt dir $TARGET' 'mount 0' init 'bye 0' serve
  mount_rounds "$mnt"
  end_swaps
}

#
# A symlink
#

@test "swap: a symlink to the target with one to root's" {
  ln -s mnt "$home/alice/link"
  ln -s "$victim/mnt" "$home/alice/other"
  start_swaps "$home/alice/link" "$home/alice/other"
  mount_rounds "$home/alice/link"
  undo_rounds "$home/alice/link"
  end_swaps
}

@test "swap: a symlink to the target with one to a mount of another's" {
  install -d -o bob "$home/bob/decoy"
  decoy_of_bob "$home/bob/decoy"
  obey_and_mount
  ln -s mnt "$home/alice/link"
  ln -s "$home/bob/decoy" "$home/alice/other"
  start_swaps "$home/alice/link" "$home/alice/other"
  mount_rounds "$home/alice/link"
  undo_rounds "$home/alice/link"
  end_swaps
  remove_decoys
}

#
# A parent: what is mounted moves with it
#

# make_parents: $deep/p/mnt is alice's, what else there is is for the test to say. The way there is
# long, so that much can happen between the kernel's word on where a mount is and a look at it.
make_parents() {
  deep=$home/alice$(printf '/d%.0s' {1..1200})
  mkdir -p "$deep"
  chown alice "$deep"
  install -d -o alice -g alice "$deep/p" "$deep/q"
  mv "$mnt" "$deep/p/mnt"
  mnt=$deep/p/mnt
}

race_parents() {
  cd "$deep" && # the swaps do not go that way
    start_swaps p q &&
    mount_rounds "$mnt" "$deep/p/mnt" "$deep/q/mnt" &&
    undo_rounds "$mnt" &&
    end_swaps &&
    cd "$BATS_TEST_TMPDIR" || return
}

@test "swap: a parent with one in which the same name is root's" {
  make_parents
  install -d -m 755 "$deep/q/mnt"
  race_parents
}

@test "swap: a parent with a symlink to a directory of root's" {
  make_parents
  rmdir "$deep/q"
  ln -s "$victim" "$deep/q"
  race_parents
}

@test "swap: a parent with a symlink to a directory where another has the same mounted" {
  make_parents
  rmdir "$deep/q"
  mv "$home/bob/mnt" "$home/bob/decoy"
  mkdir "$home/bob/dir"
  mkdir "$home/bob/dir/mnt"
  decoy_of_bob "$home/bob/dir/mnt"
  obey_and_mount
  ln -s "$home/bob/dir" "$deep/q"
  race_parents
  remove_decoys
}

@test "swap: a parent with one in which another has the same mounted" {
  make_parents
  install -d "$deep/q/mnt"
  decoy_of_bob "$deep/q/mnt"
  obey_and_mount
  race_parents
  remove_decoys
}

@test "swap: a parent with one in which root has mounted something" {
  make_parents
  install -d "$deep/q/mnt"
  decoy_of_root "$deep/q/mnt"
  chmod 755 "$deep/q/mnt"
  race_parents
  remove_decoys
}

# long_mount_table: so that much can happen while it is read
long_mount_table() {
  local long i
  long=$(printf ' %.0s' {1..4000})x # a blank takes four bytes there
  for i in {1..60}; do
    install -d -o alice -g alice "$home/alice/decoys" "$home/alice/decoys/$i"
    obey_and_mount
    run_mount_as alice "$long" "$home/alice/decoys/$i" -n -t fuse.svc.peer
    assert_status 0 || return
    remember_decoy "$home/alice/decoys/$i" || return
  done
}

@test "swap: parents that never have the same name twice" {
  local dir=$home/alice/names
  rounds=3
  long_mount_table
  install -d -o alice -g alice "$dir" "$dir"/{0,0/e,0/e/0,0/e/0/p}
  mv "$mnt" "$dir/0/e/0/p/mnt"
  cd "$dir/0/e/0/p"
  mnt=mnt
  setpriv --reuid=alice --regid=alice --init-groups --reset-env -- "$FSVC_SWAP" --new-names \
    "$dir/0/e" >/dev/null 2>&1 </dev/null 3>&- 4>&- &
  services+=($!)
  start_swaps --new-names "$dir"
  undo_rounds mnt
  end_swaps
  cd "$BATS_TEST_TMPDIR"
  remove_decoys
}

#
# The source
#

# race_source: $home/alice/other is swapped with the source; it is not for alice to read
race_source() {
  local i n
  echo mine >"$img"
  start_swaps "$img" "$home/alice/other" || return
  obey hello args 'peek $SOURCE' 'peek $SOURCE' 'peek $SOURCE' 'peek $SOURCE' 'peek $SOURCE' 'peek $SOURCE' \
    'peek $SOURCE' 'peek $SOURCE' 'peek $SOURCE' 'peek $SOURCE' 'peek $SOURCE' 'peek $SOURCE' 'bye 1'
  for ((i = 0; i < rounds; i++)); do
    run_mount_as alice "$img" "$mnt" -t fuse.svc.peer
    [[ $status == 32 ]] || fail "exit code $status" || return
  done
  stop_swaps
  n=$(grep -c '^peek: OK mine$' "$log" || true)
  ((n > 0)) || fail "never opened" || return
  ! grep -E '^peek: ' "$log" | grep -vE '^peek: (OK mine|EACCES )$' || fail "that was not hers" || return
  n_mounted=$n
  n_refused=$(grep -c EACCES "$log" || true)
  ((n_refused > 0)) || fail "never refused" || return
  end_swaps
}

@test "swap: the source with a file that only root may read" {
  install -m 600 <(echo secret) "$home/alice/other"
  race_source
}

@test "swap: the source with a symlink to a file that only root may read" {
  install -m 600 <(echo secret) "$victim/file"
  ln -s "$victim/file" "$home/alice/other"
  race_source
}

@test "swap: the source with a symlink into a directory that only root may search" {
  install -m 644 <(echo secret) "$secret/file"
  ln -s "$secret/file" "$home/alice/other"
  race_source
}
