/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ends the process when nobody needs it any more, whatever it is unpacking just then.
 */
#ifndef ARCHIVE_WATCH_H
#define ARCHIVE_WATCH_H

/**
 * watch_start() - watch from a thread of its own
 * @connection: to the helper; duplicated
 * @fuse:	/dev/fuse, mounted or not; duplicated
 *
 * Returns: 0 or -errno.
 */
int watch_start(int connection, int fuse) __attribute__((warn_unused_result));

#endif
