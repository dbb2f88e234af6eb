/* SPDX-License-Identifier: GPL-2.0 */
/* Which format a file is attached as, where the user did not say. */
#ifndef QCOWCTL_PROBE_H
#define QCOWCTL_PROBE_H

#include "image.h"

/**
 * probe_format - the format on which the magic and the file's name agree
 *
 * A guest can write a qcow2 header, which names other files of the host, into
 * its raw disk.  So the content alone never decides, and where the two
 * disagree the user has to.
 *
 * Return: 0, or an exit code after saying which -f to add.
 */
int probe_format(const struct file *f, enum qcow_format *format);

/** probe_name - what the end of the name promises; 0 for nothing */
enum qcow_format probe_name(const char *path);

/** format_option - the argument of -f; 0 or EXIT_USAGE */
int format_option(const char *option, const char *name,
		  enum qcow_format *format);

#endif /* QCOWCTL_PROBE_H */
