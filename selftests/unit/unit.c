// SPDX-License-Identifier: GPL-2.0
/* Unit tests of kmod/format: run all suites, print KTAP. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

static const struct {
	const char *name;
	void (*run)(void);
} suites[] = {
	{ "header", test_header },
	{ "geometry", test_geometry },
	{ "extension", test_extension },
	{ "feature", test_feature },
	{ "l1", test_l1 },
	{ "l2", test_l2 },
	{ "subcluster", test_subcluster },
	{ "compressed", test_compressed },
	{ "compose", test_compose },
	{ "rebase", test_rebase },
	{ "word", test_word },
	{ "refcount", test_refcount },
	{ "snapshot", test_snapshot },
	{ "bitmap", test_bitmap },
};

static const char *suite;
static unsigned int run;
static unsigned int failed;

void report(bool ok, const char *name, ...)
{
	va_list args;

	va_start(args, name);
	printf("%sok %u %s: ", ok ? "" : "not ", ++run, suite);
	vprintf(name, args);
	putchar('\n');
	va_end(args);
	failed += !ok;
}

void explain(const char *text, ...)
{
	va_list args;

	va_start(args, text);
	printf("# ");
	vprintf(text, args);
	putchar('\n');
	va_end(args);
}

static bool says(const struct verdict *expected, const struct qcow_fault *fault)
{
	char text[200];

	if (!expected->says)
		return !fault->structure;
	if (!fault->structure || !fault->problem)
		return false;
	snprintf(text, sizeof(text), "%s: %s", fault->structure,
		 fault->problem);
	return !strcmp(text, expected->says) &&
	       fault->where == expected->where &&
	       fault->value == expected->value;
}

bool as_expected(const struct verdict *expected, int err,
		 const struct qcow_fault *fault)
{
	if (err == expected->err && says(expected, fault))
		return true;
	explain("expected %d, %s, where 0x%llx, value 0x%llx", expected->err,
		expected->says ? expected->says : "nothing said",
		expected->where, expected->value);
	explain("got      %d, %s: %s, where 0x%llx, value 0x%llx", err,
		fault->structure ? fault->structure : "nothing",
		fault->problem ? fault->problem : "said",
		fault->where, fault->value);
	return false;
}

void *tight(const void *bytes, size_t len)
{
	void *copy = malloc(len);

	if (!copy && len)
		abort();
	if (len)
		memcpy(copy, bytes, len);
	return copy;
}

void put(void *at, unsigned int bytes, u64 value)
{
	u8 *p = at;

	while (bytes--) {
		p[bytes] = (u8)value;
		value >>= 8;
	}
}

u64 random64(void)
{
	static u64 state = 0x9e3779b97f4a7c15ULL;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

int main(void)
{
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("KTAP version 1\n");
	for (i = 0; i < ARRAY_SIZE(suites); i++) {
		unsigned int before = run;

		suite = suites[i].name;
		suites[i].run();
		if (run == before)
			report(false, "ran no test");
	}
	printf("1..%u\n", run);
	return failed != 0;
}
