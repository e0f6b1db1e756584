/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hook modules: file systems that are mounted by a shared object rather than by
 * the kernel or by /sbin/mount.<type>. The interface, and what a module may
 * expect, is described in libmount-hooks.h.
 *
 * Operations: functions and STAGE
 *
 *	- find, check and load the module, prepare()	PREP (before hook_mount.c)
 *	- mount()					MOUNT (called by hook_mount.c)
 *	- attached()					POST (after it has been attached)
 *	- deinit()					end of the mount
 *
 * Everything else is done by the other hooksets as for any other filesystem:
 * the module gives a detached tree to hook_mount.c where fsmount() would do so.
 *
 * What is loaded here gets all the power of the process, so:
 *
 *	- there is one directory, given at compile time; no variable changes that
 *	- the directory, all directories above, and the module belong to root and
 *	  are not writable for anyone else. Nobody else can replace what has been
 *	  checked, so it does not matter that dlopen() looks up the path again
 *	- the directory is the one in the original mount namespace
 *	- the context has no data from a module that is not usable; the mount goes on
 *	  as if it was not there
 *
 * Nothing is shared between contexts here, and dlopen() may be called by more
 * threads at once.
 *
 * Please, see the comment in libmount/src/hooks.c to understand how hooks work.
 */
#include "mountP.h"

#ifdef USE_LIBMOUNT_HOOKS

#include <ctype.h>
#include <dlfcn.h>
#include <limits.h>

#include "libmount-hooks.h"

#define RESTRICTED_HOOKS_DIR	LIBMOUNT_HOOKS_DIR "/restricted"

struct hookset_data {
	const struct libmnt_hooks_module *mod;
	void *data;			/* private data of the module */
};

static int hookset_deinit(struct libmnt_context *cxt, const struct libmnt_hookset *hs)
{
	struct hookset_data *hsd = mnt_context_get_hookset_data(cxt, hs);

	DBG(HOOK, ul_debugobj(hs, "deinit '%s'", hs->name));

	/* remove all our hooks */
	while (mnt_context_remove_hook(cxt, hs, 0, NULL) == 0);

	if (!hsd)
		return 0;
	if (hsd->mod->deinit)
		hsd->mod->deinit(cxt, hsd->data);

	free(hsd);
	mnt_context_set_hookset_data(cxt, hs, NULL);
	return 0;
}

/*
 * The functions that a module calls have to be those that have created the
 * context. A program with a static libmount would get the second one with the
 * module.
 */
static int is_shared_library(void)
{
	const char *name;
	Dl_info info;

	if (!dladdr((void *) is_shared_library, &info) || !info.dli_fname)
		return 0;

	name = strrchr(info.dli_fname, '/');
	name = name ? name + 1 : info.dli_fname;
	return strncmp(name, "libmount.so", 11) == 0;
}

/*
 * Returns how much of the type may become a file name: all of it, or what is
 * before the suffix with another character. The type itself is up to the module.
 */
static size_t usable_length(const char *type)
{
	size_t len = 0;
	const char *p;

	for (p = type; *p; p++) {
		if (!isascii(*p) || (!isalnum(*p) && !strchr("._+-", *p)))
			return len;
		if (*p == '.')
			len = p - type;
	}
	return p - type;
}

static int is_usable_type(const char *type)
{
	size_t len;

	if (!type || *type == '.' || strchr(type, ',') || strcmp(type, "none") == 0)
		return 0;

	len = usable_length(type);
	return len > 0 && len < NAME_MAX - 3;	/* .so */
}

static int is_usable_operation(struct libmnt_context *cxt)
{
	struct libmnt_optlist *ol = mnt_context_get_optlist(cxt);

	return ol
	       && cxt->action == MNT_ACT_MOUNT
	       && !cxt->guessed_fstype
	       && !mnt_context_is_nohelpers(cxt)
	       && !mnt_optlist_is_bind(ol)
	       && !mnt_optlist_is_move(ol)
	       && !mnt_context_propagation_only(cxt);
}

/* Returns 1 if nobody but root can modify it */
static int is_trusted(const struct stat *st)
{
	return st->st_uid == 0 && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

/*
 * Opens directory @path, if it and all above are trusted. There is no symbolic
 * link in the path, what is above the target of a link is hard to tell.
 */
static int open_trusted_dir(const char *path)
{
	char buf[sizeof(RESTRICTED_HOOKS_DIR)];
	char *name, *p = NULL;
	struct stat st;
	int fd, sub;

	snprintf(buf, sizeof(buf), "%s", path);
	name = strtok_r(buf, "/", &p);

	fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	while (fd >= 0) {
		if (fstat(fd, &st) != 0 || !is_trusted(&st)) {
			close(fd);
			errno = EPERM;
			return -EPERM;
		}
		if (!name)
			return fd;

		sub = openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		close(fd);
		fd = sub;
		name = strtok_r(NULL, "/", &p);
	}

	return -errno;
}

/*
 * Looks for a.b.c.so, a.b.so and a.so for the type a.b.c; the first is the one.
 *
 * This is all that a mount without a module has to pay for.
 */
static int find_module(const char *path, const char *type, char *name, size_t namesz)
{
	size_t len = usable_length(type);
	struct stat st;
	int found = 0;
	int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return 0;

	while (len > 0) {
		snprintf(name, namesz, "%.*s.so", (int) len, type);
		found = fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
		if (found)
			break;

		while (len > 0 && type[--len] != '.');
	}

	close(dir);
	return found;
}

/*
 * Checks the module in @dir. A symbolic link to another file in the same
 * directory is followed, then @name is the name of that file.
 */
static int is_trusted_module(int dir, char *name, size_t namesz)
{
	char target[NAME_MAX + 1];
	struct stat st;
	ssize_t n;

	n = readlinkat(dir, name, target, sizeof(target));
	if (n >= 0) {
		if ((size_t) n >= sizeof(target) || (size_t) n >= namesz)
			return 0;
		target[n] = '\0';
		if (strchr(target, '/'))
			return 0;
		memcpy(name, target, n + 1);
	}

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0
	       && S_ISREG(st.st_mode)
	       && is_trusted(&st);
}

static const struct libmnt_hooks_module *load_module(const struct libmnt_hookset *hs,
						     const char *dir, const char *name)
{
	char path[sizeof(RESTRICTED_HOOKS_DIR) + NAME_MAX + 1];
	const struct libmnt_hooks_module *mod;
	void *dl;

	snprintf(path, sizeof(path), "%s/%s", dir, name);

	dl = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!dl) {
		DBG(HOOK, ul_debugobj(hs, "dlopen failed: %s", dlerror()));
		return NULL;
	}

	mod = dlsym(dl, "libmnt_hooks_module");

	/* It stays in memory (RTLD_NODELETE), the handle is not needed. */
	dlclose(dl);
	return mod;
}

static int declares_type(const struct libmnt_hooks_module *mod, const char *type)
{
	const char *const *p;

	for (p = mod->types; p && *p; p++) {
		size_t len = strlen(*p);

		if (strcmp(*p, type) == 0)
			return 1;
		if (len > 2 && strcmp(*p + len - 2, ".*") == 0
		    && strncmp(*p, type, len - 1) == 0)
			return 1;
	}
	return 0;
}

/* Returns NULL, or why the module cannot be used for the context */
static const char *get_module_problem(struct libmnt_context *cxt,
				      const struct libmnt_hooks_module *mod,
				      const char *type)
{
	if (!mod)
		return "not a module";
	if (mod->abi != LIBMNT_HOOKS_ABI)
		return "another ABI";
	if (mod->size < sizeof(*mod) || !mod->name || !mod->mount)
		return "incomplete";
	if (mod->min_libmount > mnt_get_library_version(NULL))
		return "newer libmount required";
	if (!declares_type(mod, type))
		return "does not declare the type";
	if (mnt_context_is_restricted(cxt) && !(mod->flags & LIBMNT_HOOKS_RESTRICTED))
		return "not for restricted contexts";

	return NULL;
}

/* Returns usable module for the type or NULL */
static const struct libmnt_hooks_module *get_module(struct libmnt_context *cxt,
						    const struct libmnt_hookset *hs,
						    const char *type)
{
	const char *path = mnt_context_is_restricted(cxt) ?
				RESTRICTED_HOOKS_DIR : LIBMOUNT_HOOKS_DIR;
	const struct libmnt_hooks_module *mod;
	char name[NAME_MAX + 1];
	const char *problem;
	int dir, trusted;

	if (!find_module(path, type, name, sizeof(name)))
		return NULL;

	DBG(HOOK, ul_debugobj(hs, "checking module %s/%s", path, name));

	if (!is_shared_library()) {
		DBG(HOOK, ul_debugobj(hs, "ignore module: static library"));
		return NULL;
	}

	dir = open_trusted_dir(path);
	trusted = dir >= 0 && is_trusted_module(dir, name, sizeof(name));
	if (dir >= 0)
		close(dir);
	if (!trusted) {
		DBG(HOOK, ul_debugobj(hs, "ignore module: not trusted"));
		return NULL;
	}

	mod = load_module(hs, path, name);
	problem = get_module_problem(cxt, mod, type);
	if (problem) {
		DBG(HOOK, ul_debugobj(hs, "ignore module: %s", problem));
		return NULL;
	}
	return mod;
}

/* Saves what the module has to say; mnt_context_get_excode() returns it later. */
static int module_failed(struct libmnt_context *cxt, struct hookset_data *hsd, int rc)
{
	char buf[BUFSIZ] = { 0 };

	if (rc > 0)
		rc = -EINVAL;

	if (hsd->mod->get_excode)
		cxt->module_excode = hsd->mod->get_excode(cxt, hsd->data, rc, buf, sizeof(buf));
	else
		cxt->module_excode = mnt_context_get_generic_excode(rc, buf, sizeof(buf),
						"%s: %m", hsd->mod->name);

	free(cxt->module_mesg);
	cxt->module_mesg = strdup(buf);
	cxt->module_failed = 1;

	DBG(HOOK, ul_debugobj(&hookset_module, "%s failed [rc=%d, excode=%d]: %s",
				hsd->mod->name, rc, cxt->module_excode, buf));

	/* Nothing else is tried. These would be an invitation to do so:
	 * read-only (mnt_context_mount()), without permissions (mount(8)). */
	return rc == -EROFS || rc == -EPERM ? -EACCES : rc;
}

/*
 * The utab entry has been prepared before mount(), but this might have been
 * where the module has learned the attributes.
 */
static int update_attributes(struct libmnt_context *cxt)
{
	const char *attrs = mnt_fs_get_attributes(cxt->fs);

	if (!attrs || !cxt->update)
		return 0;
	if (mnt_update_is_ready(cxt->update))
		return mnt_fs_set_attributes(mnt_update_get_fs(cxt->update), attrs);

	return mnt_context_prepare_update(cxt);
}

static int hook_attached(struct libmnt_context *cxt,
			const struct libmnt_hookset *hs,
			void *data __attribute__((__unused__)))
{
	struct hookset_data *hsd = mnt_context_get_hookset_data(cxt, hs);

	if (hsd && hsd->mod->attached)
		hsd->mod->attached(cxt, hsd->data);
	return 0;
}

/*
 * Called by hook_mount.c. The new tree is in @fd_tree, also if something has
 * failed after the module; it's for close() after deinit().
 */
int mnt_context_module_mount(struct libmnt_context *cxt, int *fd_tree)
{
	const struct libmnt_hookset *hs = &hookset_module;
	struct hookset_data *hsd = mnt_context_get_hookset_data(cxt, hs);
	const int is_remount = mnt_optlist_is_remount(cxt->optlist);
	int rc, fd = -1;

	assert(hsd);

	rc = hsd->mod->mount(cxt, hsd->data, &fd);
	if (rc == 0 && !is_remount && fd < 0)
		rc = -EBADF;
	if (rc)
		return module_failed(cxt, hsd, rc);

	DBG(HOOK, ul_debugobj(hs, "mounted by %s", hsd->mod->name));

	rc = update_attributes(cxt);
	if (is_remount)
		return rc;
	*fd_tree = fd;

	/* The last who attaches it is hook_subdir.c, if that uses a temporary
	 * target, or hook_mount.c */
	if (!rc && hsd->mod->attached)
		rc = mnt_context_insert_hook(cxt,
				mnt_context_has_hook(cxt, &hookset_subdir,
						MNT_STAGE_MOUNT_POST, NULL) ?
					hookset_subdir.name : hookset_mount.name,
				hs, MNT_STAGE_MOUNT_POST, NULL, hook_attached);
	return rc;
}

/* From now on the mount is up to the module; there is no /sbin/mount.<type> */
static int claim_mount(struct libmnt_context *cxt,
			const struct libmnt_hookset *hs,
			const struct libmnt_hooks_module *mod)
{
	struct hookset_data *hsd = calloc(1, sizeof(*hsd));
	int rc;

	if (!hsd || mnt_context_set_hookset_data(cxt, hs, hsd) != 0) {
		free(hsd);
		return -ENOMEM;
	}
	hsd->mod = mod;

	rc = mod->prepare ? mod->prepare(cxt, &hsd->data) : 0;
	return rc ? module_failed(cxt, hsd, rc) : 0;
}

/*
 * A user cannot have what is there for root. To go on without it would end with
 * what the kernel says about an unknown type.
 */
static int is_for_root_only(struct libmnt_context *cxt, const char *type)
{
	char name[NAME_MAX + 1];

	return (mnt_context_is_restricted(cxt) || geteuid() != 0)
	       && !cxt->helper
	       && find_module(LIBMOUNT_HOOKS_DIR, type, name, sizeof(name));
}

static int hook_prepare(struct libmnt_context *cxt,
			const struct libmnt_hookset *hs,
			void *data __attribute__((__unused__)))
{
	const char *type = mnt_fs_get_fstype(cxt->fs);
	const struct libmnt_hooks_module *mod;
	struct libmnt_ns *ns_old;
	int root_only;
	char *helper;

	/* mnt_context_prepare_mount() again after it has failed */
	if (mnt_context_has_module(cxt))
		hookset_deinit(cxt, hs);

	if (!is_usable_type(type) || !is_usable_operation(cxt))
		return 0;

	ns_old = mnt_context_switch_origin_ns(cxt);
	if (!ns_old)
		return -MNT_ERR_NAMESPACE;

	/* mount(8) of an ordinary user's gives up its privileges for a helper's
	 * sake. Then it's not restricted, but cannot mount by itself either. */
	mod = geteuid() == 0 ? get_module(cxt, hs, type) : NULL;
	root_only = !mod && is_for_root_only(cxt, type);

	if (!mnt_context_switch_ns(cxt, ns_old))
		return -MNT_ERR_NAMESPACE;
	if (!mod)
		return root_only ? -EPERM : 0;

	/* A helper makes a difference for hook_mount.c */
	helper = cxt->helper;
	cxt->helper = NULL;
	if (!mnt_context_is_mountfd_usable(cxt)) {
		DBG(HOOK, ul_debugobj(hs, "ignore module: no FD based mount API"));
		cxt->helper = helper;
		return 0;
	}
	free(helper);

	DBG(HOOK, ul_debugobj(hs, "%s takes the mount", mod->name));
	return claim_mount(cxt, hs, mod);
}

const struct libmnt_hookset hookset_module =
{
	.name = "__module",

	.firststage = MNT_STAGE_PREP,
	.firstcall = hook_prepare,

	.deinit = hookset_deinit
};

#endif /* USE_LIBMOUNT_HOOKS */
