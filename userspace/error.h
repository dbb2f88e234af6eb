/* SPDX-License-Identifier: GPL-2.0 */
/* What goes wrong: one line on the terminal, one exit code to the shell. */
#ifndef QCOWCTL_ERROR_H
#define QCOWCTL_ERROR_H

#include <stddef.h>

/*
 * Functions of qcowctl that can fail return one of these, after they have said
 * why: the caller passes it on, up to main().
 */
enum exit_code {
	EXIT_DONE		= 0,
	EXIT_USAGE		= 1,
	EXIT_PERMISSION		= 2,
	EXIT_MEMORY		= 3,
	EXIT_IMAGE		= 4,	/* wrong image or device */
	EXIT_BUSY		= 5,	/* busy, or it exists already */
};

/** exit_code_of - the exit code for an errno value */
int exit_code_of(int err);

/** fail - say "qcowctl: ..." and return @code */
int fail(int code, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** fail_errno - the same, with the error's text behind, and its exit code */
int fail_errno(int err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * output_end - the last of standard output
 * @lost: the exit code where it was lost, on a full disk or a closed pipe
 *
 * Return: @ret, which stays if it is a failure already.
 */
int output_end(int ret, int lost);

/** warn - say it and go on */
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * errors_keep - keep what this thread says from now on, for who decides
 * @text: NULL, or what is there already and to be freed; lines are added to
 *	  it.  Without @text they go to the terminal again.
 */
void errors_keep(char **text);

/** errors_say - say what was kept */
void errors_say(const char *text);

/** out_of_memory - say so and end the program, code 3 */
void out_of_memory(void) __attribute__((noreturn));

/* Allocation that cannot fail: without memory the program ends, code 3. */
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *old, size_t n, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t len);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif /* QCOWCTL_ERROR_H */
