/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tree of an archive in memory: names (nodes) and files (inodes), as a file system has them.
 *
 * Built once by the index, then never changed: readers need no lock. Knows nothing of libarchive
 * and does no I/O. Every growth is checked against the limits that the tree was made with.
 */
#ifndef ARCHIVE_TREE_H
#define ARCHIVE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "hash.h"

#define TREE_NONE 0U /* no node, no inode */
#define TREE_ROOT 1U /* the root's node and its inode */

#define TREE_NO_ENTRY	UINT32_MAX /* no contents in the archive */
#define TREE_MAX_NAME	255	   /* bytes of one name, as the kernel has it */
#define TREE_MAX_TARGET 4095	   /* bytes of a symlink's target */
#define TREE_MAX_DEPTH	512	   /* directories above a name */

#define INODE_ENCRYPTED (1U << 0) /* its contents cannot be read without a key */
#define INODE_IMPLICIT	(1U << 1) /* a directory that no entry of the archive described */

/**
 * struct inode - a file
 * @size:	bytes of contents; of a symlink, of its target
 * @stored:	bytes that are not holes
 * @rdev:	device number of a device node
 * @header_pos: where the entry's header begins in the unpacked archive
 * @before:	bytes of contents of all entries before this one
 * @nlink:	names; 0 if it was replaced
 * @entry:	number of the entry in the archive with the contents, or %TREE_NO_ENTRY
 * @check:	hash of that entry's name in the archive, to know it again
 * @node:	a name of it
 * @target:	offset of a symlink's target among the strings
 * @flags:	INODE_*
 */
struct inode {
	struct timespec mtime, atime, ctime;
	uint64_t size;
	uint64_t stored;
	dev_t rdev;
	uint64_t header_pos;
	uint64_t before;
	uint32_t mode, uid, gid, nlink;
	uint32_t entry;
	uint32_t check;
	uint32_t node;
	uint32_t target;
	uint32_t flags;
};

/** struct node - a name in a directory, and its place among its siblings */
struct node {
	uint32_t name;
	uint32_t inode;
	uint32_t parent;
	uint32_t first, last;
	uint32_t prev, next;
	uint32_t bucket_next;
	uint8_t len;
};

struct tree {
	struct hash_key key;
	struct node *nodes;
	struct inode *inodes;
	char *strings;
	uint32_t *buckets;
	uint32_t n_nodes, cap_nodes;
	uint32_t n_inodes, cap_inodes;
	uint32_t n_buckets;
	uint32_t n_strings, cap_strings;
	uint32_t max_nodes;
	uint64_t max_bytes;
};

/**
 * tree_init() - a tree with a root directory alone
 * @max_nodes: names that it may hold
 * @max_bytes: memory that it may take
 *
 * Returns: 0 or -errno. Free it with tree_free() either way.
 */
int tree_init(struct tree *t, uint32_t max_nodes, uint64_t max_bytes)
	__attribute__((warn_unused_result, nonnull));
void tree_free(struct tree *t) __attribute__((nonnull));

static inline struct node *tree_node(const struct tree *t, uint32_t node)
{
	return &t->nodes[node];
}

static inline struct inode *tree_inode(const struct tree *t, uint32_t inode)
{
	return &t->inodes[inode];
}

/** tree_node_inode() - the file that a node names */
static inline struct inode *tree_node_inode(const struct tree *t, uint32_t node)
{
	return &t->inodes[t->nodes[node].inode];
}

static inline const char *tree_string(const struct tree *t, uint32_t offset)
{
	return t->strings + offset;
}

bool tree_is_dir(const struct tree *t, uint32_t node) __attribute__((nonnull));

/** tree_find() - the child of that name, or %TREE_NONE */
uint32_t tree_find(const struct tree *t, uint32_t parent, const char *name, size_t len)
	__attribute__((nonnull));

/** tree_lookup() - the node of a path that begins with "/" and has no "." or ".."; or TREE_NONE */
uint32_t tree_lookup(const struct tree *t, const char *path) __attribute__((nonnull));

/** tree_add_inode() - a zeroed inode; 0, -ENOMEM, or -E2BIG if the limit is reached */
int tree_add_inode(struct tree *t, uint32_t *inode) __attribute__((warn_unused_result, nonnull));

/** tree_add_node() - a name for an inode, last among its siblings; errors as above */
int tree_add_node(struct tree *t, uint32_t parent, const char *name, size_t len, uint32_t inode,
		  uint32_t *node) __attribute__((warn_unused_result, nonnull));

/** tree_add_string() - keep a string; errors as above */
int tree_add_string(struct tree *t, const char *text, size_t len, uint32_t *offset)
	__attribute__((warn_unused_result, nonnull));

/** tree_rename_inode() - let a node name another file, and make it last among its siblings */
void tree_rename_inode(struct tree *t, uint32_t node, uint32_t inode) __attribute__((nonnull));

/** tree_path() - the path of a node, from "/"; cut at the front if it does not fit. Returns @buf */
const char *tree_path(const struct tree *t, uint32_t node, char *buf, size_t size)
	__attribute__((nonnull));

#endif
