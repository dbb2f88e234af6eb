// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "size.h"
#include "text.h"

static void indent(struct report *r, unsigned int depth)
{
	fprintf(r->out, "%*s", 4 * depth, "");
}

/* Names on Linux are bytes; what is not UTF-8 becomes the replacement mark. */
static void put_quoted(FILE *out, const char *s, size_t len)
{
	size_t n;

	fputc('"', out);
	for (; len; s += n, len -= n) {
		n = text_utf8_length(s, len);
		if (!n) {
			fputs("\\ufffd", out);
			n = 1;
		} else if (*s == '"' || *s == '\\') {
			fprintf(out, "\\%c", *s);
		} else if ((unsigned char)*s < 0x20 || *s == 0x7f) {
			fprintf(out, "\\u%04x", *s);
		} else {
			fwrite(s, 1, n, out);
		}
	}
	fputc('"', out);
}

static bool in_outermost_list(const struct report *r)
{
	return r->depth == 1 && r->levels[0].list;
}

static void json_key(struct report *r, const char *key, unsigned int index)
{
	if (index)
		fputc(',', r->out);
	if (!r->compact) {
		fputc('\n', r->out);
		indent(r, r->depth);
	} else if (index) {
		fputc(in_outermost_list(r) ? '\n' : ' ', r->out);
	}
	if (!key)
		return;
	put_quoted(r->out, key, strlen(key));
	fputs(": ", r->out);
}

static void text_key(struct report *r, const char *key, unsigned int index)
{
	indent(r, r->depth - 1);
	if (!key)
		fprintf(r->out, "[%u]", index);
	for (; key && *key; key++)
		fputc(*key == '-' ? ' ' : *key, r->out);
	fputs(":", r->out);
}

/* What stands before a value. */
static void begin_member(struct report *r, const char *key)
{
	unsigned int index;

	if (!r->depth)
		return;
	index = r->levels[r->depth - 1].members++;
	if (r->json)
		json_key(r, key, index);
	else
		text_key(r, key, index);
}

static void open_level(struct report *r, const char *key, bool list)
{
	bool outermost = !r->depth;

	begin_member(r, key);
	r->levels[r->depth].list = list;
	r->levels[r->depth++].members = 0;
	if (r->json)
		fputc(list ? '[' : '{', r->out);
	else if (!outermost)
		fputc('\n', r->out);
}

static void close_level(struct report *r)
{
	r->depth--;
	if (!r->json)
		return;
	if (!r->compact && r->levels[r->depth].members) {
		fputc('\n', r->out);
		indent(r, r->depth);
	}
	fputc(r->levels[r->depth].list ? ']' : '}', r->out);
	if (!r->depth)
		fputc('\n', r->out);
}

void report_open(struct report *r, const char *key)
{
	open_level(r, key, false);
}

void report_close(struct report *r)
{
	close_level(r);
}

void report_open_list(struct report *r, const char *key)
{
	open_level(r, key, true);
}

void report_close_list(struct report *r)
{
	close_level(r);
}

/* A number or a word, the same in both ways of writing. */
static void bare(struct report *r, const char *key, const char *value)
{
	begin_member(r, key);
	fprintf(r->out, r->json ? "%s" : " %s\n", value);
}

void report_bytes(struct report *r, const char *key, const char *value,
		  size_t len)
{
	begin_member(r, key);
	if (r->json) {
		put_quoted(r->out, value, len);
		return;
	}
	fputc(' ', r->out);
	text_print(r->out, value, len);
	fputc('\n', r->out);
}

void report_string(struct report *r, const char *key, const char *value)
{
	report_bytes(r, key, value, strlen(value));
}

void report_u64(struct report *r, const char *key, u64 value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%llu", value);
	bare(r, key, digits);
}

void report_bool(struct report *r, const char *key, bool value)
{
	bare(r, key, value ? "true" : "false");
}

void report_size(struct report *r, const char *key, u64 value)
{
	char *human;

	if (r->json) {
		report_u64(r, key, value);
		return;
	}
	human = size_human(value);
	begin_member(r, key);
	fprintf(r->out, " %s (%llu bytes)\n", human, value);
	free(human);
}
