/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An image that is to be changed, attached or not.  One that is not is
 * attached for the time, hidden: the driver does it all, so that whatever
 * happens on the way, the image is the old one or the new one.
 */
#ifndef QCOWCTL_SESSION_H
#define QCOWCTL_SESSION_H

#include <stdbool.h>

#include "chain.h"

/**
 * struct session - it
 * @word:	what the user called it
 * @number:	of its device
 * @node:	"/dev/qcowN"
 * @hidden:	attached by session_open()
 */
struct session {
	const char *word;
	unsigned int number;
	char node[32];
	bool hidden;
};

/* The rows of a command's table of options that session_option() knows. */
enum { SESSION_BACKING_FORMAT = 256, SESSION_LAST };
#define SESSION_OPTIONS \
	{ 'f', "format", "FORMAT", "raw or qcow2; else name and content must agree" }, \
	{ SESSION_BACKING_FORMAT, "backing-format", "FORMAT", "of backing files that declare none" }

/** session_option - take an option of SESSION_OPTIONS; 0 or EXIT_USAGE */
int session_option(struct chain_options *o, int key, const char *arg);

/** session_find - the device that @word is, or on which its active disk is */
bool session_find(const char *word, unsigned int *number);

/**
 * session_open - find the device of an image, or make one
 * @word:	a device or an image file
 * @o:		for an image file
 *
 * Return: 0, or an exit code; only after 0 session_close() is due.
 */
int session_open(struct session *s, const char *word,
		 const struct chain_options *o);

/** session_disk - what the user has in use: a device, or else the image */
const char *session_disk(const struct session *s);

/** session_close - @ret, or an exit code where the end fails */
int session_close(struct session *s, int ret);

/**
 * session_failed - say why the driver refused; the exit code
 * @what:	"create the snapshot s1 of"
 * @err:	the driver's error, negative
 * @message:	the driver's words
 */
int session_failed(const struct session *s, const char *what, int err,
		   const char *message);

#endif /* QCOWCTL_SESSION_H */
