/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between units.c and units-text.c alone.
 */
#ifndef FUSE_SVC_UNITS_TEXT_H
#define FUSE_SVC_UNITS_TEXT_H

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "cleanup.h"

/* The next value of a message, of that type, as units.h says; NULL for one that has no text. */
int units_text(sd_bus_message *m, const char *type, char **text) _must_check_ _nonnull_all_;

#endif /* FUSE_SVC_UNITS_TEXT_H */
