/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See namespace.h. Must be called with rights that the caller has himself, as it opens what he
 * names.
 */
#include "namespace.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fusesvc.h"
#include "say.h"

int set_namespace(struct libmnt_context *cxt, const char *ns)
{
	char path[64], clean[FUSESVC_SUBJECT_SIZE];
	size_t digits = strspn(ns, "0123456789");
	int rc;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/ns/mnt", ns);
	rc = mnt_context_set_target_ns(cxt, digits && !ns[digits] ? path : ns);
	if (rc == 0)
		return -1;
	use_language();
	say(STDERR_FILENO, PROGRAM ": cannot use the namespace \"%s\": %s\n",
	    fusesvc_escape(ns, clean, sizeof(clean)), strerror(rc < 0 ? -rc : EINVAL));
	return rc == -ENOMEM || rc == -EMFILE || rc == -ENFILE ? MNT_EX_SYSERR : MNT_EX_USAGE;
}
