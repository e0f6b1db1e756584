// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The operations of the file system.
 *
 * Nothing ever changes, so the kernel may keep whatever it has learned for as long as it likes:
 * names, that a name does not exist, attributes, directories, contents.
 *
 * Must never offer an operation that writes, nor follow a symlink: that is the kernel's.
 */
#include "ops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define FOREVER (365.0 * 24 * 60 * 60)

/* Places in a directory: after ".", after "..", after the child with that number. */
#define PLACE_DOT    1
#define PLACE_DOTDOT 2
#define PLACE_CHILD  2

static struct archive_fs *the_fs(void)
{
	return fuse_get_context()->private_data;
}

static const struct tree *the_tree(void)
{
	return &the_fs()->index->tree;
}

static void fill_stat(const struct tree *t, uint32_t number, struct stat *st)
{
	const struct inode *i = tree_inode(t, number);

	memset(st, 0, sizeof(*st));
	st->st_ino = number;
	st->st_mode = i->mode;
	st->st_nlink = i->nlink;
	st->st_uid = i->uid;
	st->st_gid = i->gid;
	st->st_rdev = i->rdev;
	st->st_size = (off_t)i->size;
	st->st_blocks = (blkcnt_t)((i->stored + 511) / 512);
	st->st_blksize = CHUNK_SIZE;
	st->st_mtim = i->mtime;
	st->st_atim = i->atime;
	st->st_ctim = i->ctime;
}

static void *fs_init(struct fuse_conn_info *conn, struct fuse_config *cfg)
{
	cfg->use_ino = 1;
	cfg->readdir_ino = 1;
	cfg->nullpath_ok = 1;
	cfg->kernel_cache = 1;
	cfg->entry_timeout = FOREVER;
	cfg->attr_timeout = FOREVER;
	cfg->negative_timeout = FOREVER;
	if (conn->capable & FUSE_CAP_CACHE_SYMLINKS)
		conn->want |= FUSE_CAP_CACHE_SYMLINKS;
	if (conn->capable & FUSE_CAP_READDIRPLUS)
		conn->want |= FUSE_CAP_READDIRPLUS;
	return the_fs();
}

/* The inode of a request: that of the open file, else that of the path. */
static int find_inode(const char *path, const struct fuse_file_info *fi, uint32_t *inode)
{
	const struct tree *t = the_tree();
	uint32_t node;

	if (fi && !path) {
		*inode = (uint32_t)fi->fh;
		return 0;
	}
	node = tree_lookup(t, path);
	if (node == TREE_NONE)
		return -ENOENT;
	*inode = tree_node(t, node)->inode;
	return 0;
}

static int fs_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	uint32_t inode;
	int rc;

	rc = find_inode(path, fi, &inode);
	if (!rc)
		fill_stat(the_tree(), inode, st);
	return rc;
}

static int fs_readlink(const char *path, char *buf, size_t size)
{
	const struct tree *t = the_tree();
	const struct inode *i;
	uint32_t inode;
	int rc;

	rc = find_inode(path, NULL, &inode);
	if (rc)
		return rc;
	i = tree_inode(t, inode);
	if (!S_ISLNK(i->mode))
		return -EINVAL;
	(void)snprintf(buf, size, "%s", tree_string(t, i->target));
	return 0;
}

static int fs_open(const char *path, struct fuse_file_info *fi)
{
	uint32_t inode;
	int rc;

	if ((fi->flags & O_ACCMODE) != O_RDONLY || fi->flags & (O_TRUNC | O_CREAT))
		return -EROFS;
	rc = find_inode(path, NULL, &inode);
	if (!rc)
		rc = reader_check(the_fs()->reader, inode);
	if (rc)
		return rc;
	fi->fh = inode;
	fi->keep_cache = 1;
	fi->noflush = 1;
	return 0;
}

static int fs_read(const char *path, char *buf, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)path;
	if (off < 0)
		return -EINVAL;
	if (size > INT32_MAX)
		size = INT32_MAX;
	return (int)reader_read(the_fs()->reader, (uint32_t)fi->fh, buf, size, (uint64_t)off);
}

/* A directory's handle is its node, as an inode does not know where it hangs. */
static int fs_opendir(const char *path, struct fuse_file_info *fi)
{
	const struct tree *t = the_tree();
	uint32_t node = tree_lookup(t, path);

	if (node == TREE_NONE)
		return -ENOENT;
	if (!tree_is_dir(t, node))
		return -ENOTDIR;
	fi->fh = node;
	fi->keep_cache = 1;
	fi->cache_readdir = 1;
	return 0;
}

static int fs_readdir(const char *path, void *buf, fuse_fill_dir_t filler, off_t off,
		      struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
	const struct tree *t = the_tree();
	const struct node *dir = tree_node(t, (uint32_t)fi->fh);
	enum fuse_fill_dir_flags fill = flags & FUSE_READDIR_PLUS ? FUSE_FILL_DIR_PLUS : 0;
	uint32_t at = dir->first;
	struct stat st;

	(void)path;
	if (off > PLACE_CHILD) {
		if (off - PLACE_CHILD >= t->n_nodes)
			return -EINVAL;
		at = tree_node(t, (uint32_t)(off - PLACE_CHILD))->next;
	}
	if (off < PLACE_DOT) {
		fill_stat(t, dir->inode, &st);
		if (filler(buf, ".", &st, PLACE_DOT, 0))
			return 0;
	}
	if (off < PLACE_DOTDOT) {
		fill_stat(t, tree_node(t, dir->parent)->inode, &st);
		if (filler(buf, "..", &st, PLACE_DOTDOT, 0))
			return 0;
	}
	for (; at != TREE_NONE; at = tree_node(t, at)->next) {
		const struct node *n = tree_node(t, at);

		fill_stat(t, n->inode, &st);
		if (filler(buf, tree_string(t, n->name), &st, (off_t)at + PLACE_CHILD, fill))
			break;
	}
	return 0;
}

static int fs_statfs(const char *path, struct statvfs *st)
{
	const struct index *ix = the_fs()->index;

	(void)path;
	memset(st, 0, sizeof(*st));
	st->f_bsize = 4096;
	st->f_frsize = 512;
	st->f_blocks = ix->bytes / 512;
	st->f_files = ix->n_files;
	st->f_namemax = TREE_MAX_NAME;
	return 0;
}

const struct fuse_operations archive_operations = {
	.init = fs_init,
	.getattr = fs_getattr,
	.readlink = fs_readlink,
	.open = fs_open,
	.read = fs_read,
	.opendir = fs_opendir,
	.readdir = fs_readdir,
	.statfs = fs_statfs,
};
