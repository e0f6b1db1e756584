# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Broken images. A bats file loads it after tests/lib.bash, images.bash and presets.bash, and sets
# $src to where a tree can be made.

# shellcheck disable=SC2154 # what tests/lib.bash and the bats file set

# mutate FROM TO NUMBER: a broken copy. Most of it hits where the structures are, which is the start
# in most types, or the end.
mutate() {
  perl -e '
    use strict; use warnings;
    my ($from, $to, $n) = @ARGV;
    my $state = 12345 + 7919 * $n;
    sub any {
      $state = ($state * 1103515245 + 12345) & 0x7fffffff;
      return int(($state >> 8) % $_[0]);
    }
    open my $in, "<:raw", $from or die; local $/; my $image = <$in>;
    my $size = length $image;
    my $kind = $n % 5;
    my $start = $image =~ /[^\0]/ ? $-[0] : 0;
    if ($kind == 0) { # bits of the first structure
      for (1..3) { my $at = $start + any(256); substr($image, $at, 1) ^= chr(1 << any(8)); }
    } elsif ($kind == 1) { # bytes of the first structures
      my $length = $size - $start < 32768 ? $size - $start : 32768;
      substr($image, $start + any($length), 1) = chr(any(256)) for 1..200;
    } elsif ($kind == 2) { # whole blocks
      for (1..4) { my $at = 512 * any($size / 512); substr($image, $at, 4096) = "\xff" x 4096; }
      $image = substr($image, 0, $size);
    } elsif ($kind == 3) { # the end is missing
      $image = substr($image, 0, 512 + any($size));
    } else { # bytes everywhere, and of the last structures
      substr($image, any($size), 1) = chr(any(256)) for 1..300;
      my $last = $size < 4096 ? $size : 4096;
      substr($image, $size - 1 - any($last), 1) = chr(any(256)) for 1..20;
    }
    open my $out, ">:raw", $to or die; print $out $image or die; close $out or die;
  ' "$1" "$2" "$3"
}

# A failure that can be understood, by what run_command has found out.
is_clear_failure() {
  ((status == 32)) || fail "exit code $status" || return
  assert_error "mount.fuse.svc: $mnt: " || return
  refute_mounted
}

# A mount that is alive: it can be looked at. What the server says about broken files is its own
# matter, and even that it dies of them.
is_alive_mount() {
  local text
  text=$(timeout 10 stat "$mnt" 2>&1) || {
    [[ $text != *"endpoint is not connected"* && -n $text ]] || fail "dead mount: $text" || return
  }
  timeout 20 find "$mnt" -type f -size -100k -exec cat {} + >/dev/null 2>&1 || (($? != 124)) ||
    fail "it hangs" || return
  unmount
}

# check_corrupt TYPE [SIZE]
check_corrupt() {
  local type=$1 i works=0
  require_preset "$type"
  mkdir -p "$src/dir"
  seq 2000 >"$src/dir/numbers"
  for i in {1..20}; do echo "$i" >"$src/dir/file $i"; done
  make_image "$type" "$img.good" "$src" "${2:-}"
  start_preset "$type"
  for i in {1..20}; do
    echo "image $i"
    mutate "$img.good" "$img" "$i"
    run_command timeout -k 5 30 mount -t "fuse.svc.$type" "$img" "$mnt"
    if ((status == 0)); then
      works=$((works + 1))
      is_alive_mount || return
    else
      is_clear_failure || return
    fi
    assert_nothing_left || return
  done
  echo "# $type: $works of 20 could be mounted" >&3
}
