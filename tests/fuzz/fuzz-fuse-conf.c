/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any text as fuse.conf: it grants what the whole of it says, or nothing. */
#include <limits.h>
#include <stdint.h>

#include "fuse-conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct svc_fuse_conf conf;
	unsigned int line;
	int rc = svc_fuse_conf_parse((const char *)data, size, &conf, &line);

	if (rc && (rc != -EINVAL || conf.user_allow_other || conf.mount_max != 0 || line == 0))
		abort();
	if (!rc && conf.mount_max < SVC_MOUNT_MAX_NO_LIMIT)
		abort();
	return 0;
}
