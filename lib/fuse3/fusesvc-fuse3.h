/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libfusesvc-fuse3 - what a contained service of libfuse3 can do beyond fuse_service.h.
 */
#ifndef FUSESVC_FUSE3_H
#define FUSESVC_FUSE3_H

#include <fuse_service.h>
#include <fusesvc.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * fusesvc_fuse3_server() - the connection of a service to its helper
 * @sf: the service
 *
 * For what fusesvc-server.h has and fuse_service.h has not: fusesvc_server_message() to the person
 * who called mount(8), fusesvc_server_peer() to learn who that is, fusesvc_server_open_rw(),
 * fusesvc_server_error(). Leave the mount and the goodbye to the functions of fuse_service.h.
 *
 * Returns: the connection, which belongs to @sf; NULL if @sf is.
 *
 * Since: 0.1
 */
struct fusesvc_server *fusesvc_fuse3_server(const struct fuse_service *sf);

#ifdef __cplusplus
}
#endif
#endif /* FUSESVC_FUSE3_H */
