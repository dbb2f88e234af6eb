/* SPDX-License-Identifier: GPL-2.0 */
/* Commands and their options, as tables from which usage is printed too. */
#ifndef QCOWCTL_COMMAND_H
#define QCOWCTL_COMMAND_H

struct table;

/**
 * struct option_row - one option of a command; a row without key ends a table
 * @key:	its short form, or a number above 255 where it has none
 * @name:	its long form, without the dashes
 * @arg:	what its argument is called, NULL if it has none
 * @help:	one line
 */
struct option_row {
	int key;
	const char *name;
	const char *arg;
	const char *help;
};

/**
 * struct command - one row of the command table
 * @name:	the word, or two words, on the command line
 * @args:	the synopsis behind the options
 * @summary:	one line
 * @options:	its table of options, without --help
 * @table:	the listing it prints, whose columns --help names; NULL for none
 * @failed:	exit code where it could not say what it found; 0 as usual
 * @run:	does it, with the command's own words at @argv[0]; exit code
 */
struct command {
	const char *name;
	const char *args;
	const char *summary;
	const struct option_row *options;
	const struct table *table;
	int failed;
	int (*run)(const struct command *cmd, int argc, char **argv);
};

/**
 * options_parse - read a command's options
 * @take: called for each with its key; returns 0 or an exit code
 * @into: passed to @take
 *
 * --help prints the command's usage and ends the program.
 *
 * Return: 0 with optind at the first operand, or an exit code.
 */
int options_parse(const struct command *cmd, int argc, char **argv,
		  int (*take)(void *into, int key, char *arg), void *into);

/** command_run - do it, up to the last of its output; exit code */
int command_run(const struct command *cmd, int argc, char **argv);

/** command_usage_error - say what is wrong with the words; EXIT_USAGE */
int command_usage_error(const struct command *cmd, const char *problem);

/* Each in its own file. */
extern const struct command attach_command;
extern const struct command detach_command;
extern const struct command list_command;
extern const struct command info_command;
extern const struct command map_command;
extern const struct command create_command;
extern const struct command commit_command;
extern const struct command rebase_command;
extern const struct command compare_command;
extern const struct command convert_command;
extern const struct command measure_command;
extern const struct command check_command;
extern const struct command stat_command;
extern const struct command resize_command;
extern const struct command snapshot_list_command;
extern const struct command snapshot_create_command;
extern const struct command snapshot_apply_command;
extern const struct command snapshot_delete_command;

#endif /* QCOWCTL_COMMAND_H */
