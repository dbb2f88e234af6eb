// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "format/port.h"
#include "text.h"

/* How long the first byte says that the sequence is. */
static size_t promised_length(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first >> 5 == 0x06)
		return 2;
	if (first >> 4 == 0x0e)
		return 3;
	if (first >> 3 == 0x1e)
		return 4;
	return 0;
}

/* Too long for what they say, a surrogate, or beyond Unicode. */
static bool code_forbidden(unsigned int code, size_t len)
{
	static const unsigned int least[] = { 0, 0, 0x80, 0x800, 0x10000 };

	return code < least[len] || code > 0x10ffff || code >> 11 == 0x1b;
}

size_t text_utf8_length(const char *text, size_t left)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t len, i;
	unsigned int code;

	len = left ? promised_length(*s) : 0;
	if (len > left)
		return 0;
	if (len <= 1)
		return len;
	code = *s & (0x7f >> len);
	for (i = 1; i < len; i++) {
		if (s[i] >> 6 != 2)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	return code_forbidden(code, len) ? 0 : len;
}

void text_clean(char *s)
{
	size_t left = strlen(s), len;

	for (; left; s += len, left -= len) {
		len = text_utf8_length(s, left);
		if (!len || ((unsigned char)*s < 0x20 && *s != '\n') ||
		    *s == 0x7f) {
			*s = '?';
			len = 1;
		}
	}
}

/* Below the space, the delete key, and their like with the eighth bit. */
static bool is_control(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;

	if (len == 1)
		return *s < 0x20 || *s == 0x7f;
	return s[0] == 0xc2 && s[1] < 0xa0;
}

void text_print(FILE *out, const char *s, size_t left)
{
	size_t len;

	for (; left; s += len, left -= len) {
		len = text_utf8_length(s, left);
		if (len && !is_control(s, len)) {
			fwrite(s, 1, len, out);
		} else {
			len = 1;
			fprintf(out, "\\x%02x", (unsigned char)*s);
		}
	}
}
