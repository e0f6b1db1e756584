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

#define NOBODY 65534

/*
 * The parent's: mounting, making the child, hanging up on it, and reaching a mount point where
 * nobody else may go.
 */
static const unsigned int parent_caps[] = {
	CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_KILL, CAP_DAC_READ_SEARCH,
};

/*
 * With root as the caller, also: what root may open, and other namespaces. mount(8) names one (-N)
 * by a descriptor of its own, in /proc, where the kernel asks for at least the capabilities that
 * mount(8) has.
 */
static const unsigned int root_parent_caps[] = {
	CAP_SYS_ADMIN,	     CAP_SETUID,       CAP_SETGID,     CAP_SETPCAP,    CAP_KILL,
	CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE, CAP_SYS_CHROOT, CAP_SYS_PTRACE,
};

/* The child's, if the caller is root: opening the files that root named. */
static const unsigned int root_child_caps[] = { CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH };

/* Another caller's child's, while it gives up its ids. */
static const unsigned int id_caps[] = { CAP_SETUID, CAP_SETGID };

static bool is_among(unsigned int cap, const unsigned int *caps, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (caps[i] == cap)
			return true;
	return false;
}

/* libcap-ng says nothing of a capability that it could not take out of the bounding set. */
static int check_bounding_set(const unsigned int *caps, size_t n)
{
	for (unsigned int cap = 0; cap < 64; cap++) {
		int rc = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

		if (rc < 0) /* the kernel knows no more */
			return errno == EINVAL ? 0 : -errno;
		if (rc && !is_among(cap, caps, n))
			return -EPERM;
	}
	return 0;
}

/*
 * Cuts all sets down to @caps, as far as we have them. The bounding set, and with it what an
 * executed program could get, to those or to nothing.
 */
static int keep_only(const unsigned int *caps, size_t n, bool bounding)
{
	capng_type_t sets = CAPNG_EFFECTIVE | CAPNG_PERMITTED;
	bool have[CAP_LAST_CAP + 1];

	if (bounding)
		sets |= CAPNG_BOUNDING_SET;
	if (capng_get_caps_process() != 0)
		return -EPERM;
	for (size_t i = 0; i < n; i++)
		have[caps[i]] = capng_have_capability(CAPNG_PERMITTED, caps[i]);
	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < n; i++)
		if (have[caps[i]] && capng_update(CAPNG_ADD, sets, caps[i]) != 0)
			return -EPERM;
	if (capng_apply(CAPNG_SELECT_ALL) != 0)
		return -EPERM;
	return check_bounding_set(caps, bounding ? n : 0);
}

/* The bounding set is empty by then: without CAP_SETPCAP nobody can touch it. */
static int keep_none(void)
{
	capng_clear(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT);
	return capng_apply(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT) == 0 ? 0 : -EPERM;
}

int svc_limit_capabilities(bool for_root)
{
	return for_root ? keep_only(root_parent_caps, ARRAY_SIZE(root_parent_caps), true)
			: keep_only(parent_caps, ARRAY_SIZE(parent_caps), true);
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

static int become_user(uid_t uid, gid_t gid)
{
	int rc = keep_only(id_caps, ARRAY_SIZE(id_caps), false);

	if (!rc)
		rc = set_ids(uid, gid);
	return rc ? rc : keep_none();
}

int svc_become_caller(const struct svc_mount *m)
{
	int rc;

	if (m->uid == 0)
		rc = keep_only(root_child_caps, ARRAY_SIZE(root_child_caps), true);
	else
		rc = become_user(m->uid, m->gid);
	if (!rc && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		rc = -errno;
	/* A change of ids may have made us one that can be traced. */
	if (!rc && prctl(PR_SET_DUMPABLE, 0) < 0)
		rc = -errno;
	return rc;
}

int svc_drop_privileges(void)
{
	int rc = 0;

	if (geteuid() == 0)
		rc = setgroups(0, NULL) < 0 ? -errno : become_user(NOBODY, NOBODY);
	if (!rc && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		rc = -errno;
	return rc;
}
