/* SPDX-License-Identifier: GPL-2.0 */
/* JSON or text for people: the ways to say so, ours and qemu-img's. */
#ifndef QCOWCTL_OUTPUT_H
#define QCOWCTL_OUTPUT_H

#include "format/port.h"

/* The rows of a command's table of options that output_option() knows. */
enum { OUTPUT = 512 };
#define JSON_ROW \
	{ 'J', "json", NULL, "as JSON, with the keys of qemu-img" }
#define OUTPUT_ROW \
	{ OUTPUT, "output", "human|json", "the same, in the words of qemu-img" }

/**
 * output_option - take one of these
 * @ret: 0 or an exit code
 * Return: false if it is not one.
 */
bool output_option(bool *json, int key, const char *arg, int *ret);

#endif /* QCOWCTL_OUTPUT_H */
