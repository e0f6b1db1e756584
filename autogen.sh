#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Makes ./configure.
set -eu
cd "$(dirname "$0")"
exec autoreconf --install --force
