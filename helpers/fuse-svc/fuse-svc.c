/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuse-svc - shows contained services, what they have mounted, and what keeps them from it.
 *
 * This is its main: options, help, and the way to the commands. It only looks; it starts, mounts
 * and changes nothing. Must have no power that its caller has not: a set-user-ID bit is refused.
 */
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

#include "commands.h"
#include "fusesvc.h"
#include "say.h"

static const struct command *const commands[] = {
	&list_command,
	&status_command,
	&probe_command,
	&doctor_command,
};

static const struct flag common_flags[] = {
	{ 'h', "help", "show this text" },
	{ 'V', "version", "show the version" },
	{ 0 },
};

static const struct flag table_flags[] = {
	{ 'J', "json", "print JSON" },
	{ 'r', "raw", "print blanks in values, and all that is not ASCII, as \\xNN" },
	{ 'n', "noheadings", "print no line with the names of the columns" },
	{ 'o', "output", "print these columns; +LIST: these too" },
	{ 0 },
};

#define MAX_OPTIONS 16

static void print_flags(const struct flag *flags)
{
	char name[32];

	for (; flags && flags->letter; flags++) {
		(void)snprintf(name, sizeof(name), "%s%s", flags->name,
			       flags->letter == 'o' ? " LIST" : "");
		printf(" -%c, --%-13s %s\n", flags->letter, name, flags->help);
	}
}

void say_units_error(int rc)
{
	if (rc)
		say(STDERR_FILENO,
		    PROGRAM ": the service manager does not answer (%s): units are not shown\n",
		    strerror(-rc));
}

int check_names(char *const *names)
{
	char text[160], clean[FUSESVC_SUBJECT_SIZE];

	for (; *names; names++) {
		if (fusesvc_name_is_valid(*names))
			continue;
		(void)snprintf(text, sizeof(text), "%.100s: cannot be the name of a service",
			       fusesvc_escape(*names, clean, sizeof(clean)));
		return say_misuse(text);
	}
	return -1;
}

static void print_version(void)
{
	puts(PROGRAM " from " PACKAGE_STRING);
}

static void print_help(void)
{
	puts("Usage: " PROGRAM " COMMAND [OPTION...] [ARGUMENT...]\n"
	     "\n"
	     "Show contained services, and what they have mounted.\n"
	     "\n"
	     "Commands:");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		char synopsis[64];

		(void)snprintf(synopsis, sizeof(synopsis), "%s %s", commands[i]->name,
			       commands[i]->arguments);
		printf(" %-31s %s\n", synopsis, commands[i]->what);
	}
	puts("\nOptions:");
	print_flags(common_flags);
	puts("\n'" PROGRAM " COMMAND --help' has the options of a command.\n"
	     "For more details see " PROGRAM "(8).");
}

static void print_command_help(const struct command *c)
{
	printf("Usage: " PROGRAM " %s [OPTION...] %s\n\n%c%s.\n\nOptions:\n", c->name, c->arguments,
	       c->what[0] - 'a' + 'A', c->what + 1);
	print_flags(c->flags);
	if (c->table)
		print_flags(table_flags);
	print_flags(common_flags);
	if (c->table)
		table_print_help(c->table);
	puts("\nFor more details see " PROGRAM "(8).");
}

/* Adds them to what getopt_long(3) gets. */
static void add_flags(const struct flag *flags, char *letters, struct option *options, size_t *n)
{
	size_t len = strlen(letters);

	for (; flags && flags->letter && *n < MAX_OPTIONS - 1; flags++) {
		bool has_arg = flags->letter == 'o';

		options[(*n)++] = (struct option){ flags->name, has_arg, NULL, flags->letter };
		letters[len++] = flags->letter;
		if (has_arg)
			letters[len++] = ':';
	}
}

static int take_columns(const struct command *c, struct invocation *inv, const char *list)
{
	char what[FUSESVC_SUBJECT_SIZE + 128], clean[FUSESVC_SUBJECT_SIZE];

	inv->has_table_options = true;
	if (table_parse_columns(c->table, &list, &inv->table) == 0)
		return -1;
	if (inv->table.n_columns == TABLE_MAX_COLUMNS)
		return say_misuse("there are too many columns");
	(void)snprintf(what, sizeof(what),
		       "there is no column \"%s\"; '" PROGRAM " %s --help' lists them",
		       fusesvc_escape(list, clean, sizeof(clean)), c->name);
	return say_misuse(what);
}

/* Returns -1 to go on, or the exit code. */
static int take_option(const struct command *c, struct invocation *inv, int letter,
		       const char *word)
{
	switch (letter) {
	case 'h':
		print_command_help(c);
		return MNT_EX_SUCCESS;
	case 'V':
		print_version();
		return MNT_EX_SUCCESS;
	case 'o':
		return take_columns(c, inv, optarg);
	case ':':
	case '?':
		return say_bad_option(letter, word);
	default:
		break;
	}
	inv->table.json |= letter == 'J';
	inv->table.raw |= letter == 'r';
	inv->table.no_headings |= letter == 'n';
	inv->has_table_options |= letter == 'J' || letter == 'r' || letter == 'n';
	inv->all |= letter == 'a';
	return -1;
}

static int run_command(const struct command *c, int argc, char **argv)
{
	struct option options[MAX_OPTIONS] = { 0 };
	char letters[2 * MAX_OPTIONS] = ":";
	struct invocation inv = { 0 };
	int letter, excode = -1;
	size_t n = 0;

	add_flags(c->flags, letters, options, &n);
	add_flags(c->table ? table_flags : NULL, letters, options, &n);
	add_flags(common_flags, letters, options, &n);
	if (c->table)
		table_default_columns(c->table, &inv.table);
	while (excode < 0 && (letter = getopt_long(argc, argv, letters, options, NULL)) != -1)
		excode = take_option(c, &inv, letter, argv[optind - 1]);
	if (excode < 0 && inv.table.json && inv.table.raw)
		excode = say_misuse("--json and --raw exclude each other");
	inv.args = argv + optind;
	return excode < 0 ? c->run(&inv) : excode;
}

static int dispatch(int argc, char **argv)
{
	char what[FUSESVC_SUBJECT_SIZE + 64], clean[FUSESVC_SUBJECT_SIZE];

	if (argc < 2)
		return say_misuse("a command is needed: list, status, probe or doctor");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(argv[1], commands[i]->name) == 0)
			return run_command(commands[i], argc - 1, argv + 1);
	if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0) {
		print_help();
		return MNT_EX_SUCCESS;
	}
	if (strcmp(argv[1], "-V") == 0 || strcmp(argv[1], "--version") == 0) {
		print_version();
		return MNT_EX_SUCCESS;
	}
	(void)snprintf(what, sizeof(what), "unknown %s \"%s\"",
		       argv[1][0] == '-' ? "option" : "command",
		       fusesvc_escape(argv[1], clean, sizeof(clean)));
	return say_misuse(what);
}

int main(int argc, char **argv)
{
	int excode;

	if (getauxval(AT_SECURE)) {
		say(STDERR_FILENO, PROGRAM ": must not be set-user-ID\n");
		return MNT_EX_SYSERR;
	}
	(void)setlocale(LC_ALL, "");
	(void)mnt_init_debug(0);
	excode = dispatch(argc, argv);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		say(STDERR_FILENO, PROGRAM ": cannot print: %s\n", strerror(errno));
		return MNT_EX_SYSERR;
	}
	return excode;
}
