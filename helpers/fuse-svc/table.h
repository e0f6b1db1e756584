/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables, as lsblk(8) and findmnt(8) print them: by libsmartcols, which only table.c knows.
 *
 * One array describes the columns of a table: for its options, its help and its JSON.
 */
#ifndef FUSE_SVC_TABLE_H
#define FUSE_SVC_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"

#define TABLE_MAX_COLUMNS 32

enum table_type {
	TABLE_TEXT,
	TABLE_NUMBER,
	TABLE_SIZE, /* bytes: a number in JSON, for people a short text */
	TABLE_BOOLEAN,
};

struct table_column {
	const char *name, *help;
	enum table_type type;
	bool is_default;
};

struct table_format {
	const char *name; /* in JSON */
	const struct table_column *columns;
	size_t n_columns;
};

struct table_options {
	bool json, raw, no_headings;
	size_t columns[TABLE_MAX_COLUMNS], n_columns;
};

struct table;

/* The columns that are shown if nobody says otherwise, or all. */
void table_default_columns(const struct table_format *f, struct table_options *o) _nonnull_all_;
void table_all_columns(const struct table_format *f, struct table_options *o) _nonnull_all_;

/*
 * Takes a list of columns: instead of those of @o, or, after a "+", behind them. Returns 0, or
 * -EINVAL for an empty list, or one that is too long, or with a word that is no column: @list is
 * then at that word.
 */
int table_parse_columns(const struct table_format *f, const char **list,
			struct table_options *o) _must_check_ _nonnull_all_;

/* Prints the columns, for a help text. */
void table_print_help(const struct table_format *f) _nonnull_all_;

int table_new(const struct table_format *f, const struct table_options *o,
	      struct table **out) _must_check_ _nonnull_all_;

/*
 * A table is filled row by row. What is not set is empty, or null in JSON; setting a column that is
 * not shown does nothing. Texts may be a stranger's: they are cleaned here. What goes wrong,
 * table_print() returns.
 */
void table_add_row(struct table *t) _nonnull_all_;
void table_set_text(struct table *t, size_t column, const char *text) _nonnull_(1);
/* One that is clean already, as this makes it; NULL: there is no memory. */
char *table_clean(const char *text) _nonnull_all_;
void table_set_clean_text(struct table *t, size_t column, const char *text) _nonnull_(1);
void table_set_number(struct table *t, size_t column, uint64_t number) _nonnull_all_;
void table_set_boolean(struct table *t, size_t column, bool is) _nonnull_all_;

/* Returns 0 or -errno. */
int table_print(struct table *t) _must_check_ _nonnull_all_;

/* Each row as lines "Name: value", for people; what is empty is left out. */
int table_print_rows(struct table *t) _must_check_ _nonnull_all_;

void table_free(struct table *t);
static inline void cleanup_table(struct table **t)
{
	table_free(*t);
}
#define _cleanup_table_ _cleanup_(cleanup_table)

#endif /* FUSE_SVC_TABLE_H */
