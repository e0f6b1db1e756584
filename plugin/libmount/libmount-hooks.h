/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hook modules for libmount: file systems that are mounted by code outside of libmount, in the
 * process of whoever mounts (mount(8), udisksd ...), instead of by a /sbin/mount.TYPE program.
 *
 * A module is a shared object with one exported descriptor:
 *
 *	const struct libmnt_hooks_module libmnt_hooks_module = {
 *		.abi = LIBMNT_HOOKS_ABI,
 *		.size = sizeof(struct libmnt_hooks_module),
 *		.name = "example",
 *		.types = (const char *const[]){ "example", "example.*", NULL },
 *		.mount = mount_example,
 *	};
 *
 * and is built so; this file lies beside libmount.h:
 *
 *	cc -shared -fPIC example.c $(pkg-config --cflags --libs mount) -o example.so
 *
 * How it is found. For a mount of type "a.b.c" libmount looks for a.b.c.so, then a.b.so, then a.so
 * in its folder of modules (HOOKS below, normally $(libdir)/libmount/hooks): the first that is
 *there is the one. So a module has a link for each of its types, and no other mount pays more for
 *it than a look at a name that is not there. The folder, all folders above, and the module itself
 *(to which a link may lead, in the same folder) must belong to root, and nobody else may write to
 *them. No variable of the environment changes that. A type that is a list ("a,b") or that is
 *guessed has no module. None is asked where libmount does not use the new mount API (before
 *Linux 5.14, or with LIBMOUNT_FORCE_MOUNT2=always), nor with mount -i or -f.
 *
 * In a restricted context (mnt_context_is_restricted(): a set-user-ID mount(8) of an ordinary
 * user's) only HOOKS/restricted is looked at, and what is found there must have
 * LIBMNT_HOOKS_RESTRICTED among its flags, too: nothing else is even loaded. A process whose
 *effective user is not root has no modules at all, as it could not mount. In both cases a helper is
 *run if there is one; if not, but there is a module for root, the mount fails with -EPERM.
 *
 * A module that cannot be used (not root's, another ABI, an older libmount than it needs, a type
 * that it does not declare) is as if it was not there, but for a word to LIBMOUNT_DEBUG; mounts by
 * helpers and by the kernel go on. A module that can be used has the mount: from prepare() on, its
 * failure is the mount's, nothing else is tried, and no helper is run.
 *
 * What a module must do without, as the process is not its own and may have threads: fork(2)
 *without an exec (posix_spawn(3) is right), signal dispositions, waiting for children that are not
 *its own, the working directory, umask, ids, the environment, exit(3), and printing. It is never
 *unloaded. A callback that may wait for others has a deadline of its own, or waits for a program of
 *its own that has one.
 *
 * To libmount it speaks by the public functions of <libmount.h> alone.
 */
#ifndef LIBMOUNT_HOOKS_H
#define LIBMOUNT_HOOKS_H

#include <libmount.h>
#include <stddef.h>

/* Changes with every change of what is below that a built module would notice. */
#define LIBMNT_HOOKS_ABI 1

/* Fit for a process that has root's power and a stranger's command line and environment. */
#define LIBMNT_HOOKS_RESTRICTED (1U << 0)

struct libmnt_hooks_module {
	unsigned int abi;   /* LIBMNT_HOOKS_ABI */
	size_t size;	    /* of this struct, as the module was built */
	const char *name;   /* for messages */
	int min_libmount;   /* the oldest libmount that will do, as mnt_get_library_version() has it
			     */
	unsigned int flags; /* LIBMNT_HOOKS_* */

	/*
	 * The types it mounts; NULL ends the list. "a.b" is that alone, "a.b.*" all that begins
	 * with "a.b.".
	 */
	const char *const *types;

	/*
	 * Stage "prep": source, target and options are as they will be used (LABEL= is a path,
	 * fstab has been read). May append options (mnt_context_append_options()): of those,
	 * libmount applies the mount flags (nosuid ...) to what mount() makes. *@data is the
	 * module's, for this mount. May be NULL. Returns 0, or a negative number: then get_excode()
	 * is asked.
	 */
	int (*prepare)(struct libmnt_context *cxt, void **data);

	/*
	 * Stage "mount", in the mount namespace of the target. Makes a detached mount, and returns
	 * its descriptor in *@fd_tree, close-on-exec, as fsmount(2) does: libmount attaches it to
	 * the target, with what flags and X-mount options ask for. Options of the file system
	 * (mnt_fs_get_fs_options()) are the module's to use or to refuse. A file system that is
	 * remounted (MS_REMOUNT) has no new one: then the module changes what belongs to the file
	 * system, and leaves *@fd_tree alone; libmount sets the flags of the mount. It finds the
	 * module only if the type is still the one: in the kernel's table, in fstab, or by -t.
	 * Returns 0, or a negative number.
	 */
	int (*mount)(struct libmnt_context *cxt, void *data, int *fd_tree);

	/*
	 * Stage "post-mount": it is attached. Not after a remount. May be NULL; cannot fail any
	 * more.
	 */
	void (*attached)(struct libmnt_context *cxt, void *data);

	/*
	 * After a failure: one line about it in @buf, without the target and without a newline, and
	 * the exit code of mount(8) (MNT_EX_*); 0 if it is none after all, as with "nofail". Both
	 * come out of mnt_context_get_excode(). @rc is what the callback returned. May be NULL:
	 * then the text and the code are what libmount has for @rc, as a negative errno value.
	 */
	int (*get_excode)(struct libmnt_context *cxt, void *data, int rc, char *buf, size_t size);

	/*
	 * The end of this mount, attached or not, also if prepare() failed; after it libmount
	 * closes
	 * *@fd_tree. If it was never attached, and closing it could wait for somebody, this is
	 * where to prevent that. May be NULL.
	 */
	void (*deinit)(struct libmnt_context *cxt, void *data);
};

/* The one symbol that a module exports. */
extern const struct libmnt_hooks_module libmnt_hooks_module;

#endif /* LIBMOUNT_HOOKS_H */
