/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See table.h. No byte of a stranger's may reach the output as it is: in raw output libsmartcols
 * encodes all that is not a visible ASCII character, elsewhere texts are cleaned here.
 */
#include "table.h"

#include <ctype.h>
#include <inttypes.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "fusesvc.h"

struct table {
	const struct table_format *format;
	const struct table_options *options;
	struct libscols_table *scols;
	struct libscols_line *row;
	int rc; /* the first thing that went wrong */
};

void table_all_columns(const struct table_format *f, struct table_options *o)
{
	for (o->n_columns = 0; o->n_columns < f->n_columns; o->n_columns++)
		o->columns[o->n_columns] = o->n_columns;
}

void table_default_columns(const struct table_format *f, struct table_options *o)
{
	o->n_columns = 0;
	for (size_t i = 0; i < f->n_columns; i++)
		if (f->columns[i].is_default)
			o->columns[o->n_columns++] = i;
}

static bool find_column(const struct table_format *f, const char *name, size_t len, size_t *column)
{
	for (size_t i = 0; i < f->n_columns; i++) {
		const char *n = f->columns[i].name;

		if (strlen(n) == len && strncasecmp(n, name, len) == 0) {
			*column = i;
			return true;
		}
	}
	return false;
}

int table_parse_columns(const struct table_format *f, const char **list, struct table_options *o)
{
	if (**list == '+')
		(*list)++;
	else
		o->n_columns = 0;
	for (;;) {
		size_t len = strcspn(*list, ",");

		if (o->n_columns == TABLE_MAX_COLUMNS ||
		    !find_column(f, *list, len, &o->columns[o->n_columns]))
			return -EINVAL;
		o->n_columns++;
		if (!(*list)[len])
			return 0;
		*list += len + 1;
	}
}

void table_print_help(const struct table_format *f)
{
	printf("\nColumns:\n");
	for (size_t i = 0; i < f->n_columns; i++)
		printf(" %11s  %s\n", f->columns[i].name, f->columns[i].help);
}

static int add_column(struct table *t, const struct table_column *c)
{
	static const int json_types[] = {
		[TABLE_TEXT] = SCOLS_JSON_STRING,
		[TABLE_NUMBER] = SCOLS_JSON_NUMBER,
		[TABLE_SIZE] = SCOLS_JSON_NUMBER,
		[TABLE_BOOLEAN] = SCOLS_JSON_BOOLEAN,
	};
	bool is_number = c->type == TABLE_NUMBER || c->type == TABLE_SIZE;
	struct libscols_column *column =
		scols_table_new_column(t->scols, c->name, 0, is_number ? SCOLS_FL_RIGHT : 0);

	return column ? scols_column_set_json_type(column, json_types[c->type]) : -ENOMEM;
}

int table_new(const struct table_format *f, const struct table_options *o, struct table **out)
{
	_cleanup_table_ struct table *t = calloc(1, sizeof(*t));
	int rc;

	if (!t)
		return -ENOMEM;
	t->format = f;
	t->options = o;
	(void)scols_init_debug(0);
	t->scols = scols_new_table();
	rc = t->scols ? scols_table_set_name(t->scols, f->name) : -ENOMEM;
	for (size_t i = 0; !rc && i < o->n_columns; i++)
		rc = add_column(t, &f->columns[o->columns[i]]);
	if (rc)
		return rc;
	(void)scols_table_enable_raw(t->scols, o->raw);
	(void)scols_table_enable_json(t->scols, o->json);
	(void)scols_table_enable_noheadings(t->scols, o->no_headings);
	(void)scols_table_enable_noencoding(t->scols,
					    1); /* it would encode what is clean already */
	*out = steal_pointer(&t);
	return 0;
}

void table_add_row(struct table *t)
{
	t->row = scols_table_new_line(t->scols, NULL);
	if (!t->row && !t->rc)
		t->rc = -ENOMEM;
}

char *table_clean(const char *text)
{
	size_t size = 4 * strlen(text) + 1;
	char *buf = malloc(size);

	if (buf)
		(void)fusesvc_escape(text, buf, size);
	return buf;
}

static void set_text(struct table *t, size_t column, const char *text, bool is_clean)
{
	int rc = 0;

	if (!text || !*text || !t->row)
		return;
	for (size_t i = 0; !rc && i < t->options->n_columns; i++) {
		char *value;

		if (t->options->columns[i] != column)
			continue;
		value = is_clean ? strdup(text) : table_clean(text);
		rc = value ? scols_line_refer_data(t->row, i, value) : -ENOMEM;
	}
	if (rc && !t->rc)
		t->rc = rc;
}

void table_set_text(struct table *t, size_t column, const char *text)
{
	set_text(t, column, text, t->options->raw);
}

void table_set_clean_text(struct table *t, size_t column, const char *text)
{
	set_text(t, column, text, true);
}

static const char *size_text(uint64_t bytes, char *buf, size_t size)
{
	static const char units[] = "BKMGTPE";
	double value = (double)bytes;
	size_t unit = 0;

	for (; value >= 1024; unit++)
		value /= 1024;
	(void)snprintf(buf, size, unit && value < 10 ? "%.1f%c" : "%.0f%c", value, units[unit]);
	return buf;
}

void table_set_number(struct table *t, size_t column, uint64_t number)
{
	char text[24];

	if (t->format->columns[column].type == TABLE_SIZE && !t->options->json)
		(void)size_text(number, text, sizeof(text));
	else
		(void)snprintf(text, sizeof(text), "%" PRIu64, number);
	table_set_text(t, column, text);
}

void table_set_boolean(struct table *t, size_t column, bool is)
{
	const char *text = is ? "yes" : "no";

	if (t->options->json)
		text = is ? "1" : "0";
	table_set_text(t, column, text);
}

int table_print(struct table *t)
{
	return t->rc ? t->rc : scols_print_table(t->scols);
}

/* "Mounted-by" of "MOUNTED-BY"; what is as short as "PID" stays. */
static void print_name(const char *name)
{
	size_t len = strlen(name);

	putchar(name[0]);
	for (size_t i = 1; i < len; i++)
		putchar(len > 3 ? tolower((unsigned char)name[i]) : name[i]);
	putchar(':');
	for (; len < 12; len++)
		putchar(' ');
}

int table_print_rows(struct table *t)
{
	struct libscols_line *row;

	for (size_t n = 0; !t->rc && (row = scols_table_get_line(t->scols, n)); n++) {
		if (n)
			putchar('\n');
		for (size_t i = 0; i < t->options->n_columns; i++) {
			const char *value = scols_cell_get_data(scols_line_get_cell(row, i));

			if (!value)
				continue;
			print_name(t->format->columns[t->options->columns[i]].name);
			puts(value);
		}
	}
	return t->rc;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	scols_unref_table(t->scols);
	free(t);
}
