// SPDX-License-Identifier: GPL-2.0
/* qcowctl: attach image files as block devices, and look into them. */
#include <locale.h>
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

static int usage(FILE *to)
{
	size_t i;

	fputs("Usage: qcowctl COMMAND [options] ...\n\nCommands:\n", to);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
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

static int dispatch(int argc, char **argv)
{
	size_t i;
	int words;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		words = words_matched(commands[i]->name, argc, argv);
		if (words)
			return commands[i]->run(commands[i], argc - words + 1,
						argv + words - 1);
	}
	fail(EXIT_USAGE, "no such command: %s", argv[0]);
	return usage(stderr);
}

/* Output that was lost, on a full disk or a closed pipe, is a failure. */
static int finish(int ret)
{
	if ((fflush(stdout) || ferror(stdout)) && !ret)
		return fail(EXIT_IMAGE, "cannot write the output: %m");
	return ret;
}

int main(int argc, char **argv)
{
	/* Only for the width of characters: numbers stay as they are. */
	setlocale(LC_CTYPE, "");
	if (argc < 2)
		return usage(stderr);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return finish(usage(stdout));
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts("qcowctl " QCOW_VERSION);
		return finish(EXIT_DONE);
	}
	return finish(dispatch(argc - 1, argv + 1));
}
