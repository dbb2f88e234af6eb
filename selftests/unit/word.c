// SPDX-License-Identifier: GPL-2.0
/* Tables of big-endian words. */
#include <string.h>

#include "format/l2.h"
#include "unit.h"

static const u8 bytes[] = {
	0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
	0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10,
	0, 0, 0, 0, 0, 0, 0, 1,
};

static const u64 words[] = { 0x0123456789abcdef, 0xfedcba9876543210, 1 };

static void test_decode(void)
{
	u64 out[3] = { 7, 7, 7 };
	u8 odd[25];

	qcow2_be64_decode(out, bytes, 2);
	report(!memcmp(out, words, 16) && out[2] == 7,
	       "decode as many as asked");
	memcpy(odd + 1, bytes, 24);
	qcow2_be64_decode(out, odd + 1, 3);
	report(!memcmp(out, words, 24), "decode from an odd address");
	memcpy(out, bytes, 24);
	qcow2_be64_decode(out, out, 3);
	report(!memcmp(out, words, 24), "decode in place");
}

static void test_encode(void)
{
	u64 inout[3];
	u8 out[24] = {};

	qcow2_be64_encode(out, words, 2);
	report(!memcmp(out, bytes, 16) && !out[23], "encode as many as asked");
	memcpy(inout, words, 24);
	qcow2_be64_encode(inout, inout, 3);
	report(!memcmp(inout, bytes, 24), "encode in place");
}

void test_word(void)
{
	test_decode();
	test_encode();
}
