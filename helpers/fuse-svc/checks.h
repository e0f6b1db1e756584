/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All checks of fuse-svc doctor, and what they share. See doctor.h for what a check is.
 */
#ifndef FUSE_SVC_CHECKS_H
#define FUSE_SVC_CHECKS_H

#include "doctor.h"
#include "services.h"

/* checks-helper.c */
bool is_helper_setuid(void);
/* Is it there, with its path, and can only root mount by it? */
bool is_helper_for_root(char *path, size_t size) _nonnull_all_;
void check_helper_missing(struct doctor *d);
void check_helper_link(struct doctor *d);
void check_helper_mode(struct doctor *d);
void check_helper_libraries(struct doctor *d);
void check_helper_version(struct doctor *d);
void check_helper_nosuid(struct doctor *d);
void check_umount_setuid(struct doctor *d);
void check_users_may_mount(struct doctor *d);

/* checks-host.c */
void check_kernel_version(struct doctor *d);
void check_fuse_module(struct doctor *d);
void check_fuse_device(struct doctor *d);
void check_fusectl(struct doctor *d);
void check_seccomp(struct doctor *d);
void check_ptrace_scope(struct doctor *d);
void check_fuse_conf(struct doctor *d);
void check_socket_dir(struct doctor *d);

/* checks-fstab.c */
/* Fills in d->in_fstab. */
void find_in_fstab(struct doctor *d);
void check_fstab_boot(struct doctor *d);
void check_fstab_service(struct doctor *d);

/* checks-mounts.c */
void check_mount_dead(struct doctor *d);
void check_mount_stopped(struct doctor *d);
void check_mount_stuck(struct doctor *d);

/* checks-unit.c: of the units of a service */
void check_unit_masked(struct doctor *d, const struct service *s);
void check_unit_broken(struct doctor *d, const struct service *s);
void check_template(struct doctor *d, const struct service *s);
void check_unit_failed(struct doctor *d, const struct service *s);
void check_unit_disabled(struct doctor *d, const struct service *s);
void check_unit_transient(struct doctor *d, const struct service *s);
void check_unit_inactive(struct doctor *d, const struct service *s);
void check_unit_accept(struct doctor *d, const struct service *s);
void check_instances(struct doctor *d, const struct service *s);
/*
 * Commands that set the mode of a service's socket, or where and how it listens, for good. The mode
 * is never that of a service which nobody asked for, nor of one that is root's: is_for_root().
 */
#define USERS_SOCKET_MODE "0222" /* all may connect */
void mend_socket_mode(struct doctor *d, const struct service *s, const char *mode);
void mend_socket_listen(struct doctor *d, const struct service *s);

/* checks-service.c: of what a service has, whoever manages it */
void check_service_unknown(struct doctor *d);
void check_service_enabled(struct doctor *d);
void check_socket_missing(struct doctor *d, const struct service *s);
void check_socket_type(struct doctor *d, const struct service *s);
void check_socket_stale(struct doctor *d, const struct service *s);
void check_socket_protocol(struct doctor *d, const struct service *s);
void check_socket_mode(struct doctor *d, const struct service *s);
void check_preset(struct doctor *d, const struct service *s);
void check_program(struct doctor *d, const struct service *s);
const struct service *find_service(const struct doctor *d, const char *name);
/* The one whose name is most like it; NULL if none is. */
const struct service *near_service(const struct doctor *d, const char *name);
bool has_preset_service(const struct doctor *d);
/* Its source is no file that a caller must be able to open: what it reaches, its user decides. */
bool is_for_root(const struct service *s) _nonnull_all_;

/* checks-view.c: of units of people's own */
void check_program_hidden(struct doctor *d, const struct service *s);
void check_trap(struct doctor *d, const struct service *s);

/* checks-sandbox.c */
void check_sandbox(struct doctor *d, const struct service *s);

/* doctor.c: is it asked for by its name? */
bool is_named(const struct doctor *d, const struct service *s) _nonnull_all_;
/* Or, if none is, in use? */
bool is_examined(const struct doctor *d, const struct service *s) _nonnull_all_;

#endif /* FUSE_SVC_CHECKS_H */
