/* SPDX-License-Identifier: GPL-2.0 */
/* Strings that come from images and file systems: any bytes at all. */
#ifndef QCOWCTL_TEXT_H
#define QCOWCTL_TEXT_H

#include <stddef.h>
#include <stdio.h>

/** text_utf8_length - bytes of the UTF-8 sequence at @s, 0 where it is none */
size_t text_utf8_length(const char *s, size_t left);

/**
 * text_clean - what may go into JSON: in place of what is not UTF-8, and of
 * control characters but the newline, a question mark
 */
void text_clean(char *s);

/**
 * text_print - for a terminal: what is not UTF-8, or could move the cursor,
 * comes as \xNN
 */
void text_print(FILE *out, const char *s, size_t len);

#endif /* QCOWCTL_TEXT_H */
