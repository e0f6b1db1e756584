// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The tree of an archive in memory.
 *
 * Four arrays: nodes, inodes, strings, and the buckets of a hash table keyed by directory and
 * name. Numbers instead of pointers, so that the arrays may grow and take little room. Children
 * stay in the order in which the archive has them: whoever copies a tree reads it linearly.
 *
 * Must never trust a length or a number that was not checked against the limits first.
 */
#include "tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static uint64_t tree_bytes(const struct tree *t)
{
	return (uint64_t)t->cap_nodes * sizeof(*t->nodes) +
	       (uint64_t)t->cap_inodes * sizeof(*t->inodes) +
	       (uint64_t)t->n_buckets * sizeof(*t->buckets) + t->cap_strings;
}

/* An array with room for @want items of @item bytes, maybe elsewhere; NULL and errno if not. */
static void *tree_grow(const struct tree *t, void *array, uint32_t *cap, uint64_t want, size_t item)
{
	uint64_t to = *cap + (uint64_t)*cap / 2;

	if (want <= *cap)
		return array;
	if (to < want)
		to = want;
	if (to < 64)
		to = 64;
	if (to > UINT32_MAX || tree_bytes(t) + (to - *cap) * item > t->max_bytes) {
		errno = E2BIG;
		return NULL;
	}
	array = realloc(array, to * item);
	if (array)
		*cap = (uint32_t)to;
	return array;
}

static int tree_grow_nodes(struct tree *t, uint64_t want)
{
	struct node *v = tree_grow(t, t->nodes, &t->cap_nodes, want, sizeof(*v));

	if (!v)
		return -errno;
	t->nodes = v;
	return 0;
}

static uint32_t tree_bucket(const struct tree *t, uint32_t parent, const char *name, size_t len)
{
	return (uint32_t)hash_bytes(&t->key, parent, name, len) & (t->n_buckets - 1);
}

static void tree_hash(struct tree *t, uint32_t node)
{
	struct node *n = &t->nodes[node];
	uint32_t b = tree_bucket(t, n->parent, tree_string(t, n->name), n->len);

	n->bucket_next = t->buckets[b];
	t->buckets[b] = node;
}

static int tree_rehash(struct tree *t)
{
	uint32_t want = t->n_buckets ? t->n_buckets * 2 : 64;
	uint32_t i, *buckets;

	if (t->n_nodes < t->n_buckets || want > 1U << 30)
		return 0;
	if (tree_bytes(t) + (uint64_t)(want - t->n_buckets) * sizeof(*buckets) > t->max_bytes)
		return -E2BIG;
	buckets = calloc(want, sizeof(*buckets));
	if (!buckets)
		return -ENOMEM;
	free(t->buckets);
	t->buckets = buckets;
	t->n_buckets = want;
	for (i = TREE_ROOT + 1; i < t->n_nodes; i++)
		tree_hash(t, i);
	return 0;
}

int tree_init(struct tree *t, uint32_t max_nodes, uint64_t max_bytes)
{
	uint32_t inode;
	int rc;

	memset(t, 0, sizeof(*t));
	t->max_nodes = max_nodes;
	t->max_bytes = max_bytes;
	rc = hash_key_init(&t->key);
	if (rc)
		return rc;

	/* Number 0 means "none" everywhere. */
	rc = tree_grow_nodes(t, 2);
	if (rc)
		return rc;
	memset(t->nodes, 0, 2 * sizeof(*t->nodes));
	t->n_nodes = 2;
	rc = tree_add_inode(t, &inode);
	if (rc)
		return rc;
	t->nodes[TREE_ROOT].inode = inode;
	t->nodes[TREE_ROOT].parent = TREE_ROOT;
	t->inodes[inode].mode = S_IFDIR | 0755;
	t->inodes[inode].nlink = 2;
	t->inodes[inode].node = TREE_ROOT;
	t->inodes[inode].flags = INODE_IMPLICIT;
	return tree_rehash(t);
}

void tree_free(struct tree *t)
{
	free(t->nodes);
	free(t->inodes);
	free(t->strings);
	free(t->buckets);
	memset(t, 0, sizeof(*t));
}

bool tree_is_dir(const struct tree *t, uint32_t node)
{
	return S_ISDIR(tree_node_inode(t, node)->mode);
}

uint32_t tree_find(const struct tree *t, uint32_t parent, const char *name, size_t len)
{
	uint32_t i = t->buckets[tree_bucket(t, parent, name, len)];

	for (; i != TREE_NONE; i = t->nodes[i].bucket_next) {
		const struct node *n = &t->nodes[i];

		if (n->parent == parent && n->len == len &&
		    memcmp(tree_string(t, n->name), name, len) == 0)
			break;
	}
	return i;
}

uint32_t tree_lookup(const struct tree *t, const char *path)
{
	uint32_t node = TREE_ROOT;

	while (node != TREE_NONE) {
		size_t len;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 0)
			break;
		node = len > TREE_MAX_NAME ? TREE_NONE : tree_find(t, node, path, len);
		path += len;
	}
	return node;
}

int tree_add_inode(struct tree *t, uint32_t *inode)
{
	uint32_t i = t->n_inodes ? t->n_inodes : TREE_ROOT;
	struct inode *v;

	v = tree_grow(t, t->inodes, &t->cap_inodes, (uint64_t)i + 1, sizeof(*v));
	if (!v)
		return -errno;
	t->inodes = v;
	memset(&t->inodes[i], 0, sizeof(t->inodes[i]));
	t->inodes[i].entry = TREE_NO_ENTRY;
	t->n_inodes = i + 1;
	*inode = i;
	return 0;
}

int tree_add_string(struct tree *t, const char *text, size_t len, uint32_t *offset)
{
	uint64_t want = (uint64_t)t->n_strings + len + 1;
	char *v;

	v = tree_grow(t, t->strings, &t->cap_strings, want, 1);
	if (!v)
		return -errno;
	t->strings = v;
	memcpy(t->strings + t->n_strings, text, len);
	t->strings[t->n_strings + len] = '\0';
	*offset = t->n_strings;
	t->n_strings = (uint32_t)want;
	return 0;
}

static void tree_link_last(struct tree *t, uint32_t node)
{
	struct node *n = &t->nodes[node];
	struct node *dir = &t->nodes[n->parent];

	n->prev = dir->last;
	n->next = TREE_NONE;
	if (dir->last != TREE_NONE)
		t->nodes[dir->last].next = node;
	else
		dir->first = node;
	dir->last = node;
}

static void tree_unlink(struct tree *t, uint32_t node)
{
	struct node *n = &t->nodes[node];
	struct node *dir = &t->nodes[n->parent];

	if (n->prev != TREE_NONE)
		t->nodes[n->prev].next = n->next;
	else
		dir->first = n->next;
	if (n->next != TREE_NONE)
		t->nodes[n->next].prev = n->prev;
	else
		dir->last = n->prev;
}

/* Count a name of an inode: a directory has two, and is one of its parent's. */
static void tree_count(struct tree *t, const struct node *n, int by)
{
	struct inode *inode = &t->inodes[n->inode];
	uint32_t each = (uint32_t)by;

	if (S_ISDIR(inode->mode)) {
		inode->nlink += 2 * each;
		tree_node_inode(t, n->parent)->nlink += each;
	} else {
		inode->nlink += each;
	}
}

int tree_add_node(struct tree *t, uint32_t parent, const char *name, size_t len, uint32_t inode,
		  uint32_t *node)
{
	uint32_t i = t->n_nodes, offset;
	int rc;

	if (len == 0 || len > TREE_MAX_NAME)
		return -ENAMETOOLONG;
	/* Root and "none" are no entries of the archive. */
	if (i - 2 >= t->max_nodes)
		return -E2BIG;
	rc = tree_grow_nodes(t, (uint64_t)i + 1);
	if (rc)
		return rc;
	rc = tree_add_string(t, name, len, &offset);
	if (rc)
		return rc;
	rc = tree_rehash(t);
	if (rc)
		return rc;

	t->nodes[i] = (struct node){
		.name = offset, .len = (uint8_t)len, .parent = parent, .inode = inode
	};
	t->n_nodes = i + 1;
	tree_hash(t, i);
	tree_link_last(t, i);
	tree_count(t, &t->nodes[i], 1);
	if (t->inodes[inode].node == TREE_NONE)
		t->inodes[inode].node = i;
	*node = i;
	return 0;
}

void tree_rename_inode(struct tree *t, uint32_t node, uint32_t inode)
{
	struct node *n = &t->nodes[node];
	struct inode *old = &t->inodes[n->inode];

	tree_count(t, n, -1);
	if (old->node == node)
		old->node = TREE_NONE;
	tree_unlink(t, node);
	n->inode = inode;
	tree_link_last(t, node);
	tree_count(t, n, 1);
	if (t->inodes[inode].node == TREE_NONE)
		t->inodes[inode].node = node;
}

const char *tree_path(const struct tree *t, uint32_t node, char *buf, size_t size)
{
	size_t at = size - 1;

	buf[at] = '\0';
	if (node == TREE_NONE)
		return buf + at;
	if (node == TREE_ROOT && at > 0)
		buf[--at] = '/';
	for (; node != TREE_ROOT; node = t->nodes[node].parent) {
		const struct node *n = &t->nodes[node];

		if (at < (size_t)n->len + 1)
			break;
		at -= n->len;
		memcpy(buf + at, tree_string(t, n->name), n->len);
		buf[--at] = '/';
	}
	return buf + at;
}
