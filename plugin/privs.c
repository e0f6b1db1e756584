/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Capabilities and ids: the helper keeps what it needs, the child becomes the caller for good.
 *
 * Every step is checked; whoever cannot drop something must not go on.
 */
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "svc.h"

#define NOBODY 65534

#define CAP(number) (UINT64_C(1) << (number))

/*
 * The parent's: mounting, making the child, hanging up on it, and reaching a mount point where
 * nobody else may go.
 */
#define PARENT_CAPS                                                                  \
	(CAP(CAP_SYS_ADMIN) | CAP(CAP_SETUID) | CAP(CAP_SETGID) | CAP(CAP_SETPCAP) | \
	 CAP(CAP_KILL) | CAP(CAP_DAC_READ_SEARCH))

/*
 * With root as the caller, also: what root may open, and other namespaces. mount(8) names one (-N)
 * by a descriptor of its own, in /proc, where the kernel asks for at least the capabilities that
 * mount(8) has.
 */
#define ROOT_PARENT_CAPS \
	(PARENT_CAPS | CAP(CAP_DAC_OVERRIDE) | CAP(CAP_SYS_CHROOT) | CAP(CAP_SYS_PTRACE))

/* The child's, if the caller is root: opening the files that root named. */
#define ROOT_CHILD_CAPS (CAP(CAP_DAC_OVERRIDE) | CAP(CAP_DAC_READ_SEARCH))

/* Another caller's child's, while it gives up its ids. */
#define ID_CAPS (CAP(CAP_SETUID) | CAP(CAP_SETGID))

/*
 * The kernel's own calls: a library would be one more to load for each mount, and this is all of
 * it. Bit N of a set is capability N.
 */
struct caps {
	uint64_t effective, permitted, inheritable;
};

static int get_caps(struct caps *c)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct half[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &head, half) < 0)
		return -errno;
	c->effective = half[0].effective | (uint64_t)half[1].effective << 32;
	c->permitted = half[0].permitted | (uint64_t)half[1].permitted << 32;
	c->inheritable = half[0].inheritable | (uint64_t)half[1].inheritable << 32;
	return 0;
}

/* Sets what may be used, and nothing that an executed program could inherit. */
static int set_caps(uint64_t wanted)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct half[_LINUX_CAPABILITY_U32S_3] = { 0 };
	struct caps now;
	int rc;

	for (size_t i = 0; i < ARRAY_SIZE(half); i++)
		half[i].effective = half[i].permitted = (uint32_t)(wanted >> (32 * i));
	if (syscall(SYS_capset, &head, half) < 0 ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	rc = get_caps(&now);
	if (rc)
		return rc;
	return now.effective == wanted && now.permitted == wanted && !now.inheritable ? 0 : -EPERM;
}

/* Takes all but @kept out of the bounding set; asked again, each of them must be gone. */
static int cut_bounding_set(uint64_t kept)
{
	for (unsigned int cap = 0; cap < 64; cap++) {
		int rc = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

		if (rc < 0) /* the kernel knows no more */
			return errno == EINVAL ? 0 : -errno;
		if (!rc || (kept & CAP(cap)))
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return -errno;
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 0)
			return -EPERM;
	}
	return 0;
}

/* Cuts all sets down to @kept, as far as we have them, and the bounding set to @bounding. */
static int keep_only(uint64_t kept, uint64_t bounding)
{
	struct caps now;
	int rc = get_caps(&now);

	if (!rc)
		rc = cut_bounding_set(bounding);
	return rc ? rc : set_caps(now.permitted & kept);
}

int svc_limit_capabilities(bool for_root)
{
	uint64_t caps = for_root ? ROOT_PARENT_CAPS : PARENT_CAPS;

	return keep_only(caps, caps);
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
	int rc = keep_only(ID_CAPS, 0);

	if (!rc)
		rc = set_ids(uid, gid);
	return rc ? rc : set_caps(0);
}

int svc_become_caller(const struct svc_mount *m)
{
	int rc;

	if (m->uid == 0)
		rc = keep_only(ROOT_CHILD_CAPS, ROOT_CHILD_CAPS);
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
