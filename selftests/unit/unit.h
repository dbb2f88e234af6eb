/* SPDX-License-Identifier: GPL-2.0 */
/* What the unit tests share: KTAP lines, and bytes as they lie in a file. */
#ifndef QCOW_UNIT_H
#define QCOW_UNIT_H

#include "format/fault.h"
#include "format/port.h"

/* One of each file here. */
void test_bitmap(void);
void test_compressed(void);
void test_extension(void);
void test_feature(void);
void test_geometry(void);
void test_header(void);
void test_l1(void);
void test_l2(void);
void test_refcount(void);
void test_snapshot(void);
void test_subcluster(void);
void test_word(void);

/** report - one KTAP line; the name is printed as by printf */
__attribute__((format(printf, 2, 3)))
void report(bool ok, const char *name, ...);

/** explain - a diagnostic line, for what failed */
__attribute__((format(printf, 1, 2)))
void explain(const char *text, ...);

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

/* Big-endian numbers in an array of bytes. */
#define BE1(v)	(u8)(v)
#define BE2(v)	BE1((v) >> 8), BE1(v)
#define BE4(v)	BE2((u32)(v) >> 16), BE2(v)
#define BE8(v)	BE4((u64)(v) >> 32), BE4(v)
#define BYTES(...) ((const u8 []){ __VA_ARGS__ })

#endif /* QCOW_UNIT_H */
