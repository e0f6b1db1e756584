#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The units as a person uses them: sockets, mount units, fstab; many mounts; errors; the log.

# shellcheck source=tests/systemd/lib.bash
source "$BATS_TEST_DIRNAME/lib.bash"

setup_file() {
  make_images "$BATS_FILE_TMPDIR"
  systemctl enable --quiet --now fuse-svc-archive.socket fuse-svc-iso9660.socket
}

setup() {
  prepare_systemd
  zip=$BATS_FILE_TMPDIR/image.zip
  iso=$BATS_FILE_TMPDIR/image.iso
  corrupt=$BATS_FILE_TMPDIR/corrupt.zip
}

teardown() { clean_up_systemd; }

mount_archive() { run_command mount -t fuse.svc.archive "$zip" "${1:-$mnt}"; }

assert_content() {
  assert_equal "$(<"${1:-$mnt}/hello.txt")" hello || return
  assert_equal "$(<"${1:-$mnt}/grüße/ä.txt")" salut
}

@test "verify finds nothing to say about any unit" {
  local name count=0
  for name in $(services); do
    run_command systemd-analyze verify --man=no "fuse-svc-$name.socket" "fuse-svc-$name@x.service"
    assert_equal "$status: $stdout$stderr" "0: "
    count=$((count + 1))
  done
  ((count >= 2))
}

@test "the manual pages that units name are there" {
  local page pages
  mapfile -t pages < <(cat "$units"/fuse-svc-*.socket | grep -o 'man:[a-z.-]*' | sort -u)
  for page in "${pages[@]}"; do
    [[ -e /usr/share/man/man8/${page#man:}.8 ]] || fail "no $page"
  done
}

# exposure_limit NAME: what 20-trap.conf allows counts, although nobody there has a privilege that it
# would be of use with; and so does the network.
exposure_limit() {
  if [[ $1 == sshfs ]]; then
    echo 1.6
  elif [[ -e $units/fuse-svc-$1@.service.d/20-trap.conf ]]; then
    echo 0.7
  else
    echo 0.5
  fi
}

@test "security: the exposure of each service is as low as it can be" {
  local name level
  for name in $(services); do
    level=$(systemd-analyze security --no-pager "fuse-svc-$name@x.service" |
      sed -n 's/.*Overall exposure level for .*: \([0-9.]*\) .*/\1/p')
    echo "# exposure of $name: $level" >&3
    awk -v level="$level" -v limit="$(exposure_limit "$name")" \
      'BEGIN { exit !(level != "" && level <= limit) }' || fail "$name: $level"
  done
}

@test "limits: thousands of mounts, but not all of them for one user" {
  local name MaxConnections MaxConnectionsPerSource
  for name in $(services); do
    eval "$(systemctl show -p MaxConnections -p MaxConnectionsPerSource "fuse-svc-$name.socket")"
    ((MaxConnectionsPerSource >= 3000 && MaxConnectionsPerSource < MaxConnections)) ||
      fail "$name: $MaxConnectionsPerSource of $MaxConnections"
    # Each has a dynamic user, of which there are 4336.
    ((MaxConnections <= 4300)) || fail "$name: $MaxConnections"
  done
}

@test "limits: a user who opens what he can leaves room for root" {
  (($(version) >= 256)) || skip "systemd 256 is needed"
  mkdir -p /etc/systemd/system/fuse-svc-archive.socket.d
  printf '[Socket]\nSocketMode=0666\nMaxConnections=8\nMaxConnectionsPerSource=4\n' \
    >/etc/systemd/system/fuse-svc-archive.socket.d/test.conf
  systemctl daemon-reload
  systemctl restart fuse-svc-archive.socket
  # shellcheck disable=SC2016 # perl's variables
  setpriv --reuid=1000 --regid=1000 --clear-groups perl -MSocket -e '
    for (1 .. 12) {
      socket($s[$_], AF_UNIX, SOCK_SEQPACKET, 0) or die;
      connect($s[$_], sockaddr_un("/run/filesystems/archive")) or die $!;
    }
    sleep 30' 3>&- 4>&- &
  wait_for "$usual" at_limit
  assert_equal "$(instances | wc -l)" 4
  mount_archive
  assert_mount_works
  kill %1
  umount "$mnt"
  wait_for "$usual" are_instances_gone
  rm -r /etc/systemd/system/fuse-svc-archive.socket.d
  systemctl daemon-reload
  systemctl restart fuse-svc-archive.socket
  mark # that a limit was hit is right here
}
at_limit() { journal --unit=fuse-svc-archive.socket | grep -q 'Too many'; }

@test "a plain mount of a zip, and of an ISO image by its type" {
  mount_archive
  assert_mount_works
  assert_content
  assert_equal "$(mounted_as FSTYPE)" fuse.svc.archive
  umount "$mnt"
  run_command mount -t fuse.svc "$iso" "$mnt"
  assert_mount_works
  assert_content
  assert_equal "$(mounted_as FSTYPE)" fuse.svc.iso9660
  umount "$mnt"
}

@test "the bit bucket, and a file that is written through its service" {
  local source=$BATS_TEST_TMPDIR/source
  start_sockets null single-file
  run_command mount -t fuse.svc.null none "$mnt"
  assert_mount_works
  head -c 10M /dev/urandom >"$mnt/null"
  assert_equal "$(wc -c <"$mnt/null")" 0
  umount "$mnt"
  head -c 10M /dev/urandom >"$source"
  run_command mount -t fuse.svc.single-file "$source" "$mnt"
  assert_mount_works
  cmp "$source" "$mnt/source"
  seq 1000000 >"$BATS_TEST_TMPDIR/new"
  cp "$BATS_TEST_TMPDIR/new" "$mnt/source"
  sync "$mnt/source"
  cmp "$source" "$BATS_TEST_TMPDIR/new"
  umount "$mnt"
}

@test "an instance has the user of its mount alone" {
  local a b
  mount_archive
  a=$(stat -c %u "/proc/$(pgrep -n -x archive)")
  mkdir "$BATS_TEST_TMPDIR/other"
  mount_archive "$BATS_TEST_TMPDIR/other"
  b=$(stat -c %u "/proc/$(pgrep -n -x archive)")
  umount "$mnt" "$BATS_TEST_TMPDIR/other"
  ((a >= 61184 && b >= 61184 && a != b)) || fail "users $a and $b"
}

# Each one takes systemd as long as some directives together: see bench/systemd.
@test "a sandbox has no more mounts than it needs, so that it is there soon" {
  local mounts
  mount_archive
  mounts=$(awk '{ print $5 }' "/proc/$(pgrep -n -x archive)/mountinfo")
  umount "$mnt"
  (($(wc -l <<<"$mounts") <= 10)) || fail "$mounts"
}

@test "a mount unit" {
  local unit
  unit=$(systemd-escape --path --suffix=mount "$mnt")
  printf '[Mount]\nWhat=%s\nWhere=%s\nType=fuse.svc.archive\nOptions=ro\n' "$zip" "$mnt" \
    >"/run/systemd/system/$unit"
  systemctl daemon-reload
  systemctl start "$unit"
  assert_content
  systemctl is-active "$unit"
  systemctl stop "$unit"
  refute_mounted
  # And an unmount by hand ends it, too.
  systemctl start "$unit"
  umount "$mnt"
  ! wait_for "$usual" systemctl is-active --quiet "$unit" || wait_for "$usual" is_inactive "$unit"
  rm "/run/systemd/system/$unit"
  systemctl daemon-reload
}
is_inactive() { ! systemctl is-active --quiet "$1"; }

@test "a line in fstab: mounted by the first access" {
  local unit
  [[ -c /dev/autofs ]] || skip "the kernel has no autofs" # not even CI can change that
  unit=$(systemd-escape --path --suffix=automount "$mnt")
  printf '%s %s fuse.svc.archive ro,noauto,x-systemd.automount 0 0\n' "$zip" "$mnt" >/etc/fstab
  systemctl daemon-reload
  systemctl start "$unit"
  assert_equal "$(mounted_as FSTYPE)" autofs
  assert_content
  [[ $(mounted_as FSTYPE) == *fuse.svc.archive* ]]
  # In this order: what an automount unit unmounts itself stays in utab.
  systemctl stop "${unit%.automount}.mount"
  assert_equal "$(mounted_as FSTYPE)" autofs
  systemctl stop "$unit"
  refute_mounted
  : >/etc/fstab
  systemctl daemon-reload
}

@test "a line in fstab: mount TARGET, with options that stay" {
  printf '%s %s fuse.svc.archive ro,noauto,nofail,x-test=1 0 0\n' "$zip" "$mnt" >/etc/fstab
  systemctl daemon-reload
  run_command mount "$mnt"
  assert_mount_works
  assert_content
  [[ $(utab) == *x-test=1* ]]
  umount "$mnt"
  : >/etc/fstab
  systemctl daemon-reload
}

@test "the instance is gone right after the unmount" {
  local i start ms all=()
  for i in {1..10}; do
    mount_archive
    assert_mount_works
    umount "$mnt"
    start=${EPOCHREALTIME/[.,]/}
    wait_for 5 are_instances_gone || fail "after 5 s: $(instances)"
    ms=$(((${EPOCHREALTIME/[.,]/} - start) / 1000))
    all+=("$ms")
  done
  echo "# an instance is gone after ${all[*]} ms" >&3
}

@test "100 mounts and unmounts in a row" {
  local i start=$SECONDS
  for i in {1..100}; do
    mount_archive
    assert_mount_works
    umount "$mnt"
  done
  echo "# 100 mounts: $((SECONDS - start)) s" >&3
}

@test "30 mounts at once" {
  local i pids=() start=$SECONDS
  for i in {1..30}; do
    mkdir "$BATS_TEST_TMPDIR/$i"
    timeout 60 mount -t fuse.svc.archive "$zip" "$BATS_TEST_TMPDIR/$i" 3>&- 4>&- &
    pids+=($!)
  done
  for i in "${pids[@]}"; do wait "$i"; done
  assert_equal "$(our_mounts | wc -l)" 30
  assert_equal "$(instances | grep -c ' active running')" 30
  for i in {1..30}; do
    assert_content "$BATS_TEST_TMPDIR/$i"
    umount "$BATS_TEST_TMPDIR/$i"
  done
  echo "# 30 at once: $((SECONDS - start)) s" >&3
}

@test "/usr may be read-only; the sandbox puts nothing there" {
  local before
  before=$(find /usr/libexec/fuse-svc | sort)
  mount --bind /usr /usr
  mount -o remount,bind,ro /usr
  mount_archive
  umount /usr || umount --lazy /usr
  assert_mount_works
  umount "$mnt"
  mount_archive
  assert_equal "$(find /usr/libexec/fuse-svc | sort)" "$before"
  umount "$mnt"
}

@test "error: a corrupt image" {
  run_command mount -t fuse.svc.archive "$corrupt" "$mnt"
  assert_mount_fails 32 "corrupt.zip"
}

@test "error: a malformed list of options, of which libmount 2.41 would use a part" {
  run_command /sbin/mount.fuse.svc "$zip" "$mnt" -t fuse.svc.archive -o 'a="x,ro'
  assert_mount_fails 1 'malformed options'
}

@test "error: what a server logs is in the journal, under its name, and nothing is lost" {
  local i
  for i in {1..20}; do
    run_command mount -t fuse.svc.archive "$corrupt" "$mnt"
    assert_status 32
  done
  wait_for "$usual" are_all_logged || fail "logged: $(corrupt_lines)"
}

corrupt_lines() {
  journal --unit='fuse-svc-archive@*' SYSLOG_IDENTIFIER=fuse-svc-archive | grep -c corrupt.zip
}
are_all_logged() { (($(corrupt_lines) == 20)); }

@test "error: a service that does not listen: the message says how to start it" {
  systemctl disable --quiet --now fuse-svc-archive.socket
  mount_archive
  systemctl enable --quiet --now fuse-svc-archive.socket
  assert_mount_fails 32 /run/filesystems/archive \
    "systemctl enable --now fuse-svc-archive.socket"
  mount_archive
  assert_mount_works
  umount "$mnt"
}

@test "a server that is killed: the mount fails, and can be unmounted" {
  mount_archive
  assert_mount_works
  kill -KILL "$(pgrep -n -x archive)"
  wait_for "$usual" is_dead
  umount "$mnt"
}
is_dead() { ! ls "$mnt" >/dev/null 2>&1; }
