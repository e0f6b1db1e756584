/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one place that prints.
 */
#ifndef SAY_H
#define SAY_H

#include "cleanup.h"

/*
 * Prints one line, or a few. A reader who does not read must not keep us from ending: then it is
 * lost.
 */
__attribute__((format(printf, 2, 3))) void say(int fd, const char *format, ...);

/*
 * Before what the system calls its errors is put into words: in the caller's language. Only then,
 * as its files take longer to be read than a mount.
 */
void use_language(void);

/* "PROGRAM: TARGET: TEXT", in the form of mount(8). The target is the caller's word: it is cleaned.
 */
void say_about(int fd, const char *target, const char *text) _nonnull_all_;

/* On stderr, with the way to the help. Returns the exit code of a misuse. */
int say_misuse(const char *what) _nonnull_all_;

/* What the system says of -errno. Returns the exit code. */
int say_system_error(int rc);

/* What getopt could not use of argv, whose last word is @last_word. Returns the exit code. */
int say_bad_option(int c, const char *last_word) _nonnull_all_;

#endif /* SAY_H */
