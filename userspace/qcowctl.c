// SPDX-License-Identifier: GPL-2.0
/* qcowctl: attach image files as block devices, and look into them. */
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "error.h"
#include "format/port.h"

static const struct command *const commands[] = {
	&attach_command,
	&detach_command,
	&list_command,
	&create_command,
	&convert_command,
	&compare_command,
	&rebase_command,
	&commit_command,
	&info_command,
	&map_command,
	&measure_command,
	&check_command,
	&stat_command,
	&resize_command,
	&snapshot_list_command,
	&snapshot_create_command,
	&snapshot_apply_command,
	&snapshot_delete_command,
};

/* Is @word the first of two that name this command? */
static bool in_group(const struct command *cmd, const char *word)
{
	size_t len = strlen(word);

	return !strncmp(cmd->name, word, len) && cmd->name[len] == ' ';
}

static bool is_group(const char *word)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (in_group(commands[i], word))
			return true;
	return false;
}

/* @group: of these commands only; NULL: of all */
static int usage(FILE *to, const char *group)
{
	size_t i;

	fputs("Usage: qcowctl COMMAND [options] ...\n\nCommands:\n", to);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!group || in_group(commands[i], group))
			fprintf(to, "  %-16s %s\n", commands[i]->name,
				commands[i]->summary);
	fputs("\nqcowctl COMMAND --help says more; qcowctl --version.\n", to);
	return to == stderr ? EXIT_USAGE : EXIT_DONE;
}

/* How many words of @argv are this command's name; 0: it is another one. */
static int words_matched(const char *name, int argc, char **argv)
{
	const char *space = strchr(name, ' ');

	if (!space)
		return !strcmp(argv[0], name);
	if (strlen(argv[0]) != space - name ||
	    strncmp(argv[0], name, space - name))
		return 0;
	return argc > 1 && !strcmp(argv[1], space + 1) ? 2 : 0;
}

static bool asks_for_help(const char *word)
{
	return !strcmp(word, "--help") || !strcmp(word, "-h");
}

/* The first word is that of a group, the second one of none in it. */
static int tell_group(int argc, char **argv)
{
	if (argc > 1 && asks_for_help(argv[1]))
		return output_end(usage(stdout, argv[0]), EXIT_IMAGE);
	if (argc > 1)
		fail(EXIT_USAGE, "no such command: %s %s", argv[0], argv[1]);
	return usage(stderr, argv[0]);
}

static int dispatch(int argc, char **argv)
{
	size_t i;
	int words;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		words = words_matched(commands[i]->name, argc, argv);
		if (words)
			return command_run(commands[i], argc - words + 1,
					   argv + words - 1);
	}
	if (is_group(argv[0]))
		return tell_group(argc, argv);
	fail(EXIT_USAGE, "no such command: %s", argv[0]);
	return usage(stderr, NULL);
}

/* Where standard output is closed, an image would be opened in its place. */
static void occupy_standard_files(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDONLY);
	} while (fd >= STDIN_FILENO && fd <= STDERR_FILENO);
	close(fd);
}

int main(int argc, char **argv)
{
	occupy_standard_files();
	/* A file that is too long is an error as others are, not the end. */
	signal(SIGXFSZ, SIG_IGN);
	/* Only for the width of characters: numbers stay as they are. */
	setlocale(LC_CTYPE, "");
	if (argc < 2)
		return usage(stderr, NULL);
	if (asks_for_help(argv[1]))
		return output_end(usage(stdout, NULL), EXIT_IMAGE);
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts("qcowctl " QCOW_VERSION);
		return output_end(EXIT_DONE, EXIT_IMAGE);
	}
	return dispatch(argc - 1, argv + 1);
}
