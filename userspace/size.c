// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "size.h"

static const char units[] = "BKMGTPE";

/* What follows the number: nothing, a letter, or a letter and "B" or "iB". */
static int unit_shift(const char *s, unsigned int *shift)
{
	const char *unit;

	*shift = 0;
	if (!*s)
		return 0;
	unit = strchr(units, toupper((unsigned char)*s));
	if (!unit)
		return -EINVAL;
	*shift = 10 * (unit - units);
	s++;
	if (*s == 'i')
		s++;
	if (*s == 'B')
		s++;
	return *s ? -EINVAL : 0;
}

/* ".5" of a unit; digits beyond what a u64 holds do not matter. */
static u64 fraction(const char *digits, unsigned int len, unsigned int shift)
{
	long double value = 0, weight = 0.1L;

	while (len--) {
		value += (*digits++ - '0') * weight;
		weight /= 10;
	}
	return (u64)(value * (1ULL << shift));
}

static int parse(const char *text, u64 *size)
{
	const char *dot = NULL;
	unsigned int shift, digits = 0;
	char *end;
	u64 whole;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	whole = strtoull(text, &end, text[0] == '0' &&
			 tolower((unsigned char)text[1]) == 'x' ? 16 : 10);
	if (errno)
		return -ERANGE;
	if (*end == '.') {
		dot = ++end;
		digits = strspn(dot, "0123456789");
		end += digits;
	}
	if (unit_shift(end, &shift))
		return -EINVAL;
	if (dot && (!digits || !shift))
		return -EINVAL;
	if (check_mul_overflow(whole, 1ULL << shift, size))
		return -ERANGE;
	if (dot && check_add_overflow(*size, fraction(dot, digits, shift),
				      size))
		return -ERANGE;
	return 0;
}

int size_parse(const char *what, const char *text, u64 *size)
{
	int ret = parse(text, size);

	if (ret == -ERANGE)
		return fail(EXIT_USAGE, "%s: %s is too large", what, text);
	if (ret)
		return fail(EXIT_USAGE,
			    "%s: not a size: \"%s\" (bytes, or with a suffix k, M, G, T, P, E)",
			    what, text);
	return 0;
}

char *size_human(u64 size)
{
	unsigned int unit = 0;
	u64 tenths;

	while (unit < 6 && size >> (10 * (unit + 1)))
		unit++;
	if (!unit)
		return xasprintf("%lluB", size);

	/* Rounded to the nearest tenth, without overflow at 16 EiB. */
	tenths = ((size >> (10 * unit - 10)) * 10 + 512) >> 10;
	if (tenths >= 10240 && unit < 6) {
		unit++;
		tenths = 10;
	}
	if (tenths % 10)
		return xasprintf("%llu.%llu%c", tenths / 10, tenths % 10,
				 units[unit]);
	return xasprintf("%llu%c", tenths / 10, units[unit]);
}
