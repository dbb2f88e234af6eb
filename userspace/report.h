/* SPDX-License-Identifier: GPL-2.0 */
/* Nested facts, said once and written as JSON or as text for people. */
#ifndef QCOWCTL_REPORT_H
#define QCOWCTL_REPORT_H

#include <stdio.h>

#include "format/port.h"

enum { REPORT_MAX_DEPTH = 8 };

/**
 * struct report - where the writing stands
 * @json:	as JSON, else as indented text
 * @compact:	JSON on one line; if it is a list, on one for each member
 * @depth:	levels that are open
 * @levels:	for each: is it a list, and how many members it has so far
 */
struct report {
	FILE *out;
	bool json;
	bool compact;
	unsigned int depth;
	struct {
		bool list;
		unsigned int members;
	} levels[REPORT_MAX_DEPTH];
};

/*
 * A member of an object has a key, with dashes between words as JSON has them
 * and people see spaces; a member of a list has the key NULL.
 */
void report_open(struct report *r, const char *key);
void report_close(struct report *r);
void report_open_list(struct report *r, const char *key);
void report_close_list(struct report *r);

void report_string(struct report *r, const char *key, const char *value);
/** report_bytes - a string from an image: @len bytes, whatever they are */
void report_bytes(struct report *r, const char *key, const char *value,
		  size_t len);
void report_u64(struct report *r, const char *key, u64 value);
/** report_size - bytes: a plain number in JSON, both ways for people */
void report_size(struct report *r, const char *key, u64 value);
void report_bool(struct report *r, const char *key, bool value);

#endif /* QCOWCTL_REPORT_H */
