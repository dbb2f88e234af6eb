// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "text.h"

int exit_code_of(int err)
{
	switch (err) {
	case EPERM:
	case EACCES:
		return EXIT_PERMISSION;
	case ENOMEM:
		return EXIT_MEMORY;
	case EBUSY:
	case EEXIST:
	case ETXTBSY:
		return EXIT_BUSY;
	default:
		return EXIT_IMAGE;
	}
}

/* Where this thread's sentences go, if not to the terminal. */
static _Thread_local char **kept;

static void keep(const char *line)
{
	char *all = xasprintf("%s%s", *kept ?: "", line);

	free(*kept);
	*kept = all;
}

void errors_keep(char **text)
{
	kept = text;
}

/* In one piece: other threads and other programs write there too. */
void errors_say(const char *text)
{
	fwrite(text, 1, strlen(text), stderr);
}

static void write_line(FILE *out, const char *suffix, const char *text)
{
	fputs("qcowctl: ", out);
	/* Names in it come from images: none may pass for a line of ours. */
	text_print(out, text, strlen(text));
	if (suffix)
		fprintf(out, ": %s", suffix);
	fputc('\n', out);
}

static void say(const char *suffix, const char *fmt, va_list args)
{
	char *text, *line;
	size_t len;
	FILE *out;

	if (vasprintf(&text, fmt, args) < 0)
		out_of_memory();
	out = open_memstream(&line, &len);
	if (!out)
		out_of_memory();
	write_line(out, suffix, text);
	if (fclose(out))
		out_of_memory();
	if (kept)
		keep(line);
	else
		errors_say(line);
	free(line);
	free(text);
}

int fail(int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(NULL, fmt, args);
	va_end(args);
	return code;
}

int fail_errno(int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(strerror(err), fmt, args);
	va_end(args);
	return exit_code_of(err);
}

int output_end(int ret, int lost)
{
	bool before = ferror(stdout);

	if (fclose(stdout))
		fail_errno(errno, "cannot write the output");
	else if (before)
		fail(lost, "cannot write all of the output");
	else
		return ret;
	return ret ?: lost;
}

void warn(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(NULL, fmt, args);
	va_end(args);
}

/* Said without any, and at once: nobody will come to say what is kept. */
void out_of_memory(void)
{
	errors_say("qcowctl: out of memory\n");
	exit(EXIT_MEMORY);
}

static void *need(void *p)
{
	if (!p)
		out_of_memory();
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	return need(calloc(n ? n : 1, size));
}

void *xrealloc(void *old, size_t n, size_t size)
{
	return need(reallocarray(old, n ? n : 1, size));
}

char *xstrdup(const char *s)
{
	return need(strdup(s));
}

char *xstrndup(const char *s, size_t len)
{
	return need(strndup(s, len));
}

char *xasprintf(const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	return need(text);
}
