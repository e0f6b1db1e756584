// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The index: the tree of an archive, built in one pass over its headers.
 *
 * The tree is what extraction in order would leave: a later entry replaces an earlier one, but
 * never a directory that has files in it. An entry that extraction could not or must not create
 * (a ".." in its name, a hard link to nowhere) is skipped and counted.
 *
 * Must never follow a name out of the tree, through a symlink, or allocate by a size that an
 * entry claims; the pass is bounded by the number of headers and by the memory of the tree.
 */
#include "index.h"
#include "iso.h"
#include "path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* Blocks without data that a decoder may return in a row before it counts as stuck. */
#define MAX_EMPTY_BLOCKS 100000U

/** struct pass - the state of the pass, and what holds for all entries */
struct pass {
	struct index *ix;
	const struct index_params *params;
	const struct image *img;
	struct stream *s;
	struct archive_entry *entry;
	struct fault *fault;
	uint64_t before;
	bool no_owner; /* the format has none: a zero means nothing */
	bool no_mode;  /* the format has no permissions */
};

static void skip(struct pass *p, const char *name, const char *why)
{
	struct index *ix = p->ix;

	if (ix->skipped++ == 0)
		(void)snprintf(ix->first_skipped, sizeof(ix->first_skipped), "\"%.300s\": %s",
			       name ? name : "", why);
}

/* Bytes that are not holes. */
static uint64_t stored_bytes(struct archive_entry *entry, uint64_t size)
{
	la_int64_t offset, len;
	uint64_t sum = 0;

	if (archive_entry_sparse_reset(entry) == 0)
		return size;
	while (archive_entry_sparse_next(entry, &offset, &len) == ARCHIVE_OK)
		if (len > 0)
			sum += (uint64_t)len;
	return sum < size ? sum : size;
}

uint64_t index_contents(struct archive_entry *entry)
{
	if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_size(entry) < 0)
		return 0;
	return stored_bytes(entry, (uint64_t)archive_entry_size(entry));
}

uint32_t index_check(const struct tree *t, struct archive_entry *entry)
{
	const char *name = archive_entry_pathname(entry);
	uint64_t size = archive_entry_size_is_set(entry) ? (uint64_t)archive_entry_size(entry) : 0;

	if (!name)
		name = archive_entry_pathname_utf8(entry);
	if (!name)
		return 0;
	return (uint32_t)hash_bytes(&t->key, size, name, strlen(name)) | 1U;
}

static void implicit_dir(const struct pass *p, struct inode *inode)
{
	inode->mode = S_IFDIR | 0755;
	inode->uid = p->params->uid;
	inode->gid = p->params->gid;
	inode->mtime = inode->atime = inode->ctime = p->img->mtime;
	inode->flags = INODE_IMPLICIT;
}

/*
 * Go to the directory of a path, making up directories on the way. *name is the last component,
 * of *len bytes, 0 for the root itself. *parent is TREE_NONE if something else is in the way.
 */
static int walk(struct pass *p, const char *path, uint32_t *parent, const char **name, size_t *len)
{
	struct tree *t = &p->ix->tree;
	uint32_t node, inode;
	const char *next;
	size_t next_len;
	int rc;

	*parent = TREE_ROOT;
	*len = path_next(&path);
	for (*name = path; *len; *name = next, *len = next_len) {
		next = *name + *len;
		next_len = path_next(&next);
		if (next_len == 0)
			break;
		node = tree_find(t, *parent, *name, *len);
		if (node == TREE_NONE) {
			rc = tree_add_inode(t, &inode);
			if (rc)
				return rc;
			implicit_dir(p, tree_inode(t, inode));
			rc = tree_add_node(t, *parent, *name, *len, inode, &node);
			if (rc)
				return rc;
		} else if (!tree_is_dir(t, node)) {
			*parent = TREE_NONE;
			return 0;
		}
		*parent = node;
	}
	return 0;
}

/* Like walk(), but makes up nothing: the node of a path or TREE_NONE. */
static uint32_t find_path(const struct tree *t, const char *path)
{
	uint32_t node = TREE_ROOT;
	size_t len;

	for (; node != TREE_NONE && (len = path_next(&path)) > 0; path += len)
		node = tree_find(t, node, path, len);
	return node;
}

/* The size of an entry that does not state it: read it through. A negative value if it fails. */
static int64_t measure(const struct pass *p)
{
	unsigned int empty = 0;
	int64_t end = 0, offset;
	const void *data;
	size_t len;
	int rc;

	do {
		rc = archive_read_data_block(p->s->archive, &data, &len, &offset);
		if (rc == ARCHIVE_OK && offset >= 0 && (int64_t)len <= INT64_MAX - offset &&
		    offset + (int64_t)len > end) {
			end = offset + (int64_t)len;
			empty = 0;
		}
	} while (rc == ARCHIVE_OK && empty++ < MAX_EMPTY_BLOCKS);
	return rc == ARCHIVE_EOF ? end : -1;
}

static uint32_t owner_id(const struct pass *p, int64_t id, uint32_t fallback)
{
	if (id < 0 || id >= UINT32_MAX || (id == 0 && p->no_owner))
		return fallback;
	return (uint32_t)id;
}

static void take_attributes(const struct pass *p, struct inode *inode)
{
	struct archive_entry *e = p->entry;

	inode->mode = (archive_entry_mode(e) & 07777U) | archive_entry_filetype(e);
	if (p->no_mode)
		inode->mode = archive_entry_filetype(e) |
			      (archive_entry_filetype(e) == AE_IFDIR ? 0555U : 0444U);
	inode->uid = owner_id(p, archive_entry_uid(e), p->params->uid);
	inode->gid = owner_id(p, archive_entry_gid(e), p->params->gid);

	inode->mtime = p->img->mtime;
	if (archive_entry_mtime_is_set(e))
		inode->mtime =
			(struct timespec){ archive_entry_mtime(e), archive_entry_mtime_nsec(e) };
	inode->atime = inode->ctime = inode->mtime;
	if (archive_entry_atime_is_set(e))
		inode->atime =
			(struct timespec){ archive_entry_atime(e), archive_entry_atime_nsec(e) };
	if (archive_entry_ctime_is_set(e))
		inode->ctime =
			(struct timespec){ archive_entry_ctime(e), archive_entry_ctime_nsec(e) };
}

/* Where the contents are; NULL or what is wrong with them. */
static const char *take_contents(struct pass *p, struct inode *inode)
{
	int64_t size = archive_entry_size(p->entry);

	if (!archive_entry_size_is_set(p->entry))
		size = archive_entry_is_encrypted(p->entry) ? 0 : measure(p);
	if (size < 0)
		return "its size is not known";
	inode->size = (uint64_t)size;
	inode->stored = stored_bytes(p->entry, inode->size);
	inode->entry = p->ix->n_entries - 1;
	inode->before = p->before;
	inode->check = index_check(&p->ix->tree, p->entry);
	inode->header_pos = (uint64_t)archive_read_header_position(p->s->archive);
	inode->flags &= ~INODE_ENCRYPTED;
	if (archive_entry_is_encrypted(p->entry))
		inode->flags |= INODE_ENCRYPTED;
	return NULL;
}

static int take_symlink(struct pass *p, struct inode *inode, const char **why)
{
	const char *target = archive_entry_symlink(p->entry);

	if (!target)
		target = archive_entry_symlink_utf8(p->entry);
	if (!target || !*target) {
		*why = "it is a symlink without a target";
		return 0;
	}
	inode->size = strlen(target);
	if (inode->size > TREE_MAX_TARGET) {
		*why = "its symlink target is too long";
		return 0;
	}
	return tree_add_string(&p->ix->tree, target, inode->size, &inode->target);
}

/* Give a name to an inode that is in the tree, as extraction would. */
static int place(struct pass *p, const char *path, uint32_t inode)
{
	struct tree *t = &p->ix->tree;
	uint32_t parent, node;
	const char *name;
	size_t len;
	int rc;

	rc = walk(p, path, &parent, &name, &len);
	if (rc)
		return rc;
	if (parent == TREE_NONE) {
		skip(p, path, "something that is no directory is in its way");
		return 0;
	}
	node = len ? tree_find(t, parent, name, len) : TREE_ROOT;
	if (node == TREE_NONE)
		return tree_add_node(t, parent, name, len, inode, &node);
	if (t->nodes[node].inode == inode)
		return 0;
	if (tree_is_dir(t, node) && S_ISDIR(t->inodes[inode].mode)) {
		struct inode *old = tree_node_inode(t, node);

		t->inodes[inode].nlink = old->nlink;
		t->inodes[inode].node = old->node;
		*old = t->inodes[inode];
		t->inodes[inode].nlink = 0;
	} else if (node == TREE_ROOT || t->nodes[node].first != TREE_NONE) {
		skip(p, path, "a directory with files in it has that name");
	} else {
		tree_rename_inode(t, node, inode);
	}
	return 0;
}

static int add_hardlink(struct pass *p, const char *path, const char *target)
{
	struct tree *t = &p->ix->tree;
	const char *why = path_trouble(target);
	uint32_t node = why ? TREE_NONE : find_path(t, target);
	struct inode *inode;

	if (node == TREE_NONE || tree_is_dir(t, node)) {
		skip(p, path, "it is a hard link to a file that is not there");
		return 0;
	}
	/* In some formats the contents come with the last name instead of the first. */
	inode = tree_node_inode(t, node);
	if (S_ISREG(inode->mode) && archive_entry_size_is_set(p->entry) &&
	    archive_entry_size(p->entry) > 0) {
		why = take_contents(p, inode);
		if (why)
			skip(p, path, why);
	}
	return place(p, path, t->nodes[node].inode);
}

static int add_file(struct pass *p, const char *path)
{
	struct inode new = { .entry = TREE_NO_ENTRY };
	const char *why = NULL;
	uint32_t inode;
	int rc = 0;

	take_attributes(p, &new);
	switch (archive_entry_filetype(p->entry)) {
	case AE_IFREG:
		why = take_contents(p, &new);
		break;
	case AE_IFLNK:
		rc = take_symlink(p, &new, &why);
		break;
	case AE_IFCHR:
	case AE_IFBLK:
		new.rdev = archive_entry_rdev(p->entry);
		break;
	case AE_IFDIR:
	case AE_IFIFO:
	case AE_IFSOCK:
		break;
	default:
		why = "it is no file of a known type";
	}
	if (!rc && why)
		skip(p, path, why);
	if (rc || why)
		return rc;
	rc = tree_add_inode(&p->ix->tree, &inode);
	if (rc)
		return rc;
	*tree_inode(&p->ix->tree, inode) = new;
	return place(p, path, inode);
}

static int add_entry(struct pass *p)
{
	const char *path = archive_entry_pathname(p->entry);
	const char *link = archive_entry_hardlink(p->entry);
	const char *why;

	if (!path)
		path = archive_entry_pathname_utf8(p->entry);
	if (!link)
		link = archive_entry_hardlink_utf8(p->entry);
	why = path ? path_trouble(path) : "its name cannot be represented";
	if (why) {
		skip(p, path, why);
		return 0;
	}
	return link ? add_hardlink(p, path, link) : add_file(p, path);
}

/* What is known once libarchive has seen the first header. */
static int learn_format(struct pass *p)
{
	int format = archive_format(p->s->archive) & ARCHIVE_FORMAT_BASE_MASK;
	const char *name = archive_format_name(p->s->archive);
	bool filtered = stream_is_filtered(p->s);
	int rc = 0;

	p->ix->format = format;
	p->ix->solid = filtered || format == ARCHIVE_FORMAT_7ZIP;
	p->ix->jump = !filtered && (format == ARCHIVE_FORMAT_TAR || format == ARCHIVE_FORMAT_CPIO);
	if (format == ARCHIVE_FORMAT_ZIP) {
		rc = zip_load(&p->ix->zip, p->img, p->params->max_entries);
		p->no_owner = !p->ix->zip.all_owned;
	} else if (format == ARCHIVE_FORMAT_7ZIP) {
		p->no_owner = true;
	} else if (format == ARCHIVE_FORMAT_ISO9660) {
		p->no_owner = p->no_mode = !name || !strcasestr(name, "rockridge");
		if (!filtered)
			rc = iso_check(p->img, p->fault);
	}
	return rc;
}

static int too_much(const struct pass *p)
{
	const struct tree *t = &p->ix->tree;

	if (p->ix->n_entries > p->params->max_entries || t->n_nodes - 2 >= p->params->max_entries)
		return fault_set(p->fault, E2BIG,
				 "the archive has more than %u entries; see option max_entries",
				 p->params->max_entries);
	return fault_set(p->fault, E2BIG, "the names in the archive take more than %u MiB",
			 (unsigned int)(p->params->max_bytes >> 20));
}

static int header_failed(const struct pass *p)
{
	if (p->ix->n_entries == 0 && archive_read_has_encrypted_entries(p->s->archive) > 0)
		return fault_set(
			p->fault, ENOKEY,
			"the archive's list of files is encrypted, which is not supported");
	return stream_fault(p->s, p->fault);
}

/* To libarchive whatever begins with zeros is a tar without files. */
static int check_empty(const struct pass *p)
{
	int format = archive_format(p->s->archive) & ARCHIVE_FORMAT_BASE_MASK;

	if (p->ix->n_entries || format != ARCHIVE_FORMAT_TAR || stream_is_filtered(p->s) ||
	    image_is_blank(p->img))
		return 0;
	return fault_set(p->fault, EINVAL, "not an archive of a known format");
}

static int read_headers(struct pass *p)
{
	struct index *ix = p->ix;
	int rc = 0, r;

	while (!rc) {
		r = archive_read_next_header2(p->s->archive, p->entry);
		if (r == ARCHIVE_FATAL)
			return header_failed(p);
		if (ix->n_entries == 0)
			rc = learn_format(p);
		if (r == ARCHIVE_EOF)
			return rc ? rc : check_empty(p);
		if (++ix->n_entries > p->params->max_entries)
			return too_much(p);
		if (rc)
			break;
		if (r < ARCHIVE_WARN)
			skip(p, archive_entry_pathname(p->entry),
			     archive_error_string(p->s->archive) ?: "its header is corrupt");
		else
			rc = add_entry(p);
		p->before += r < ARCHIVE_WARN ? 0 : index_contents(p->entry);
	}
	if (rc == -E2BIG)
		return too_much(p);
	if (*p->fault->text == '\0')
		(void)fault_set(p->fault, -rc, "cannot read the archive: %s", strerror(-rc));
	return rc;
}

static void finish(struct index *ix)
{
	const struct tree *t = &ix->tree;
	uint32_t i;

	for (i = TREE_ROOT; i < t->n_inodes; i++) {
		if (t->inodes[i].nlink == 0)
			continue;
		ix->n_files++;
		ix->bytes += (t->inodes[i].stored + 511) / 512 * 512;
	}
	/* What libarchive saw is not what the central directory seemed to say: do without it. */
	if (ix->zip.n != ix->n_entries)
		zip_free(&ix->zip);
}

int index_build(struct index *ix, const struct image *img, const struct index_params *params,
		struct fault *f)
{
	struct pass p = { .ix = ix, .params = params, .img = img, .fault = f };
	int rc;

	memset(ix, 0, sizeof(*ix));
	f->text[0] = '\0';
	rc = tree_init(&ix->tree, params->max_entries, params->max_bytes);
	if (rc)
		return fault_set(f, -rc, "cannot make the index: %s", strerror(-rc));
	implicit_dir(&p, tree_inode(&ix->tree, TREE_ROOT));
	p.entry = archive_entry_new();
	if (!p.entry)
		return fault_set(f, ENOMEM, "out of memory");
	rc = stream_open(&p.s, img, 0, NULL, 0, 0, true, f);
	if (!rc)
		rc = read_headers(&p);
	if (!rc)
		finish(ix);
	stream_free(p.s);
	archive_entry_free(p.entry);
	return rc;
}

void index_free(struct index *ix)
{
	tree_free(&ix->tree);
	zip_free(&ix->zip);
}
