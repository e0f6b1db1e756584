/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Capabilities and ids: the helper keeps what it needs, the child becomes the caller for good.
 *
 * Every step is checked; whoever cannot drop something must not go on.
 */
#include <cap-ng.h>
#include <grp.h>
#include <sys/prctl.h>

#include "svc.h"

/*
 * The parent's: mounting and namespaces, making the child, looking at what root may look at. The
 * last is for root as the caller alone: mount(8) names a namespace (-N) by a descriptor of its
 * own, in /proc, where the kernel asks for at least the capabilities that mount(8) has.
 */
static const unsigned int parent_caps[] = {
	CAP_SYS_ADMIN, CAP_SYS_CHROOT,	 CAP_SETUID,	      CAP_SETGID,     CAP_SETPCAP,
	CAP_KILL,      CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE,
};

/* The child's, if the caller is root: opening the files that root named. */
static const unsigned int root_child_caps[] = { CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH };

/* Cuts all sets, the bounding set too, down to @caps, as far as we have them. */
static int keep_only(const unsigned int *caps, size_t n)
{
	bool have[CAP_LAST_CAP + 1];

	if (capng_get_caps_process() != 0)
		return -EPERM;
	for (size_t i = 0; i < n; i++)
		have[caps[i]] = capng_have_capability(CAPNG_PERMITTED, caps[i]);
	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < n; i++)
		if (have[caps[i]] &&
		    capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET,
				 caps[i]) != 0)
			return -EPERM;
	return capng_apply(CAPNG_SELECT_ALL) == 0 ? 0 : -EPERM;
}

int svc_limit_capabilities(void)
{
	return keep_only(parent_caps, ARRAY_SIZE(parent_caps) - (getuid() != 0));
}

static int set_ids(uid_t uid, gid_t gid)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;

	/* The groups are the caller's already: a setuid program keeps them. */
	if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	if (getresuid(&r, &e, &s) < 0 || getresgid(&rg, &eg, &sg) < 0)
		return -errno;
	return r == uid && e == uid && s == uid && rg == gid && eg == gid && sg == gid ? 0 : -EPERM;
}

int svc_become_caller(const struct svc_mount *m)
{
	int rc;

	/* Caps first: they can cut the bounding set only while we have them. */
	if (m->uid == 0) {
		rc = keep_only(root_child_caps, ARRAY_SIZE(root_child_caps));
	} else {
		rc = set_ids(m->uid, m->gid);
		if (!rc)
			rc = keep_only(NULL, 0);
	}
	if (!rc && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		rc = -errno;
	return rc;
}
