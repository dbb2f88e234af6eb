// SPDX-License-Identifier: GPL-2.0
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "error.h"
#include "table.h"

enum { HELP = 'h', MAX_OPTIONS = 32 };

static void print_row(const struct option_row *row)
{
	char left[64];
	int len = 0;

	if (row->key < 256)
		len = snprintf(left, sizeof(left), "-%c, ", row->key);
	else
		len = snprintf(left, sizeof(left), "    ");
	len += snprintf(left + len, sizeof(left) - len, "--%s%s%s", row->name,
			row->arg ? " " : "", row->arg ? row->arg : "");
	printf("  %-30s %s\n", left, row->help);
}

static void print_help(const struct command *cmd)
{
	static const struct option_row help = {
		HELP, "help", NULL, "print this and exit"
	};
	const struct option_row *row;

	printf("Usage: qcowctl %s [options] %s\n\n%s.\n\nOptions:\n",
	       cmd->name, cmd->args, cmd->summary);
	for (row = cmd->options; row && row->key; row++)
		print_row(row);
	print_row(&help);
	if (cmd->table)
		table_help(cmd->table);
}

static int option_error(const struct command *cmd, int key, const char *word)
{
	return fail(EXIT_USAGE, "%s: %s: %s; see qcowctl %s --help", cmd->name,
		    word, key == ':' ? "an argument is missing" :
		    "no such option, or it takes no argument", cmd->name);
}

static int finish(const struct command *cmd, int ret)
{
	return output_end(ret, cmd->failed ?: EXIT_IMAGE);
}

int command_run(const struct command *cmd, int argc, char **argv)
{
	return finish(cmd, cmd->run(cmd, argc, argv));
}

int command_usage_error(const struct command *cmd, const char *problem)
{
	return fail(EXIT_USAGE, "%s: %s; see qcowctl %s --help", cmd->name,
		    problem, cmd->name);
}

/* getopt's own tables, made of ours. */
static void translate(const struct command *cmd, struct option *longs,
		      char *shorts)
{
	const struct option_row *row;

	*longs++ = (struct option){ "help", no_argument, NULL, HELP };
	*shorts++ = ':';
	*shorts++ = HELP;
	for (row = cmd->options; row && row->key; row++) {
		*longs++ = (struct option){
			row->name, row->arg ? required_argument : no_argument,
			NULL, row->key
		};
		if (row->key > 255)
			continue;
		*shorts++ = row->key;
		if (row->arg)
			*shorts++ = ':';
	}
	*longs = (struct option){ 0 };
	*shorts = '\0';
}

int options_parse(const struct command *cmd, int argc, char **argv,
		  int (*take)(void *into, int key, char *arg), void *into)
{
	struct option longs[MAX_OPTIONS + 2];
	char shorts[2 * MAX_OPTIONS + 4];
	int key, ret;

	translate(cmd, longs, shorts);
	optind = 1;
	opterr = 0;
	while ((key = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (key == HELP) {
			print_help(cmd);
			exit(finish(cmd, EXIT_DONE));
		}
		if (key == '?' || key == ':')
			return option_error(cmd, key, argv[optind - 1]);
		ret = take(into, key, optarg);
		if (ret)
			return ret;
	}
	return 0;
}
