// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdarg.h>
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

static void say(const char *suffix, const char *fmt, va_list args)
{
	char *text;

	if (vasprintf(&text, fmt, args) < 0) {
		fputs("qcowctl: out of memory\n", stderr);
		return;
	}
	fputs("qcowctl: ", stderr);
	/* Names in it come from images: none may pass for a line of ours. */
	text_print(stderr, text, strlen(text));
	if (suffix)
		fprintf(stderr, ": %s", suffix);
	fputc('\n', stderr);
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

void warn(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(NULL, fmt, args);
	va_end(args);
}

static void *need(void *p)
{
	if (!p)
		exit(fail(EXIT_MEMORY, "out of memory"));
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
