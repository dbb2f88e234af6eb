/* SPDX-License-Identifier: GPL-2.0 */
/* What the unit tests share: KTAP lines, and bytes as they lie in a file. */
#ifndef QCOW_UNIT_H
#define QCOW_UNIT_H

#include "format/fault.h"
#include "format/port.h"

#define __printf(text, first) __attribute__((format(printf, text, first)))

/* One of each file here. */
void test_bitmap(void);
void test_compose(void);
void test_compressed(void);
void test_extension(void);
void test_feature(void);
void test_geometry(void);
void test_header(void);
void test_l1(void);
void test_l2(void);
void test_rebase(void);
void test_refcount(void);
void test_snapshot(void);
void test_subcluster(void);
void test_word(void);

/** report - one KTAP line; the name is printed as by printf */
__printf(2, 3) void report(bool ok, const char *name, ...);

/** explain - a diagnostic line, for what failed */
__printf(1, 2) void explain(const char *text, ...);

/**
 * struct verdict - what a parser is expected to say
 * @err:   its return value
 * @says:  "structure: problem" of the fault; NULL where @err is 0
 * @where: of the fault
 * @value: of the fault
 */
struct verdict {
	int err;
	const char *says;
	u64 where;
	u64 value;
};

/** as_expected - compare, and explain a difference */
bool as_expected(const struct verdict *expected, int err,
		 const struct qcow_fault *fault);

/** tight - a heap copy of exactly these bytes: ASan sees a read beyond */
void *tight(const void *bytes, size_t len);

/** put - a big-endian number of 1, 2, 4 or 8 bytes */
void put(void *at, unsigned int bytes, u64 value);

/** random64 - the same numbers in each run */
u64 random64(void);

#endif /* QCOW_UNIT_H */
