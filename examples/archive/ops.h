/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The operations of the file system, on an index and a reader.
 */
#ifndef ARCHIVE_OPS_H
#define ARCHIVE_OPS_H

#define FUSE_USE_VERSION 314
#include <fuse.h>

#include "index.h"
#include "reader.h"

/** struct archive_fs - what the operations work on: fuse_get_context()->private_data */
struct archive_fs {
	struct index *index;
	struct reader *reader;
};

extern const struct fuse_operations archive_operations;

#endif
