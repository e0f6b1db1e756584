/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See mounts.h.
 */
#include "mounts.h"

#include "module.h"

int mounts_load(struct mounts *m)
{
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;
	int rc;

	*m = (struct mounts){ .table = mnt_new_table() };
	rc = m->table && iter ? mnt_table_parse_mtab(m->table, NULL) : -ENOMEM;
	if (!rc)
		m->fs = calloc((size_t)mnt_table_get_nents(m->table) + 1, sizeof(*m->fs));
	if (!rc && !m->fs)
		rc = -ENOMEM;
	while (!rc && mnt_table_next_fs(m->table, iter, &fs) == 0)
		if (svc_service_of_type(mnt_fs_get_fstype(fs)))
			m->fs[m->n++] = fs;
	mnt_free_iter(iter);
	return rc > 0 ? -EIO : rc;
}

void mounts_free(struct mounts *m)
{
	free(m->fs);
	mnt_unref_table(m->table);
}
