// SPDX-License-Identifier: GPL-2.0
/* Header extensions and the backing file's name. */
#include <stdlib.h>
#include <string.h>

#include "format/header.h"
#include "image.h"

#define CLUSTER		512
#define START		112
#define REFUSED		-EUCLEAN

#define END		0
#define FORMAT		0xe2792aca
#define NAMES		0x6803f857
#define BITMAPS		0x23852875
#define CRYPTO		0x0537be77
#define DATA_FILE	0x44415441

#define BITMAPS_24(count, reserved, size, at) .type = BITMAPS, .length = 24, \
	.words = { (u64)(count) << 32 | (reserved), size, at }
#define CRYPTO_16(at, size) .type = CRYPTO, .length = 16, .words = { at, size }

/* The bitmap directory may hold 65535 entries of up to 1 KiB. */
#define DIRECTORY_MAX	(65535ULL * 1024)

struct piece {
	u32 type;
	u32 length;
	const char *text;	/* NULL: the words */
	u64 words[3];
};

/*
 * A row is an image of 512-byte clusters whose first one holds the header,
 * these extensions from byte 112 on, and nothing else.
 */
struct row {
	const char *name;
	struct edit edits[3];
	struct piece pieces[4];
	struct verdict v;
};

#define BITMAPS_ON	{ AUTOCLEAR, 1 }
#define LUKS		{ CRYPT_METHOD, 2 }

static const struct row rows[] = {
	{ "none but the end", { }, { { END, 0 } }, { 0 } },
	{ "the end's length means nothing", { }, { { END, ~0U } }, { 0 } },
	{ "what lies behind the end is not looked at", { },
	  { { END, 0 }, { FORMAT, 16 } }, { 0 } },
	{ "an unknown one is skipped with its padding", { },
	  { { 0x12345678, 3, "abc" }, { END, ~0U } }, { 0 } },
	{ "an unknown one up to the cluster's end", { },
	  { { 0x12345678, 392 } }, { 0 } },
	{ "an unknown one a byte beyond the cluster's end", { },
	  { { 0x12345678, 393 } },
	  { REFUSED, "header extension: exceeds the room for it",
	    START, 393 } },
	{ "a length that wraps around in 32 bits", { },
	  { { 0x12345678, 0xfffffff8 } },
	  { REFUSED, "header extension: exceeds the room for it",
	    START, 0xfffffff8 } },
	{ "the second one exceeds the cluster", { },
	  { { 0x12345678, 16 }, { DATA_FILE, 369 } },
	  { REFUSED, "header extension: exceeds the room for it",
	    START + 24, 369 } },
	{ "one up to the backing file name",
	  { { BACKING_OFFSET, 136 }, { BACKING_SIZE, 4 } },
	  { { 0x12345678, 16 } }, { 0 } },
	{ "one into the backing file name",
	  { { BACKING_OFFSET, 136 }, { BACKING_SIZE, 4 } },
	  { { 0x12345678, 17 } },
	  { REFUSED, "header extension: exceeds the room for it",
	    START, 17 } },
	{ "half of one before the backing file name",
	  { { BACKING_OFFSET, 143 }, { BACKING_SIZE, 4 } },
	  { { 0x12345678, 16 } },
	  { REFUSED, "header extension: is cut off", START + 24, 7 } },
	{ "no room for any before the backing file name",
	  { { BACKING_OFFSET, 112 }, { BACKING_SIZE, 400 } },
	  { { 0xffffffff, 0xffffffff } }, { 0 } },

	{ "backing format of 15 bytes", { }, { { FORMAT, 15 } }, { 0 } },
	{ "backing format of 16 bytes", { }, { { FORMAT, 16 } },
	  { REFUSED, "header extension: backing format name exceeds 15 bytes",
	    START, 16 } },

	{ "feature names of no record", { }, { { NAMES, 47 } }, { 0 } },

	{ "one bitmap", { BITMAPS_ON },
	  { { BITMAPS_24(1, 0, 32, 0x400) } }, { 0 } },
	{ "65535 bitmaps in the largest directory", { BITMAPS_ON },
	  { { BITMAPS_24(65535, 0, DIRECTORY_MAX, 0x400) } }, { 0 } },
	{ "no bitmap", { BITMAPS_ON }, { { BITMAPS_24(0, 0, 32, 0x400) } },
	  { REFUSED, "header extension: bitmaps: count is not 1 to 65535",
	    START, 0 } },
	{ "65536 bitmaps", { BITMAPS_ON },
	  { { BITMAPS_24(65536, 0, 32, 0x400) } },
	  { REFUSED, "header extension: bitmaps: count is not 1 to 65535",
	    START, 65536 } },
	{ "bitmaps with a reserved bit", { BITMAPS_ON },
	  { { BITMAPS_24(1, 0x80, 32, 0x400) } },
	  { REFUSED,
	    "header extension: bitmaps: reserved field is not zero",
	    START, 0x80 } },
	{ "bitmaps without a directory", { BITMAPS_ON },
	  { { BITMAPS_24(1, 0, 0, 0x400) } },
	  { REFUSED, "header extension: bitmaps: directory is empty",
	    START, 0 } },
	{ "bitmap directory too long", { BITMAPS_ON },
	  { { BITMAPS_24(1, 0, DIRECTORY_MAX + 1, 0x400) } },
	  { REFUSED, "bitmap directory: is too long",
	    0x400, DIRECTORY_MAX + 1 } },
	{ "bitmap directory of 2^64 - 1 bytes", { BITMAPS_ON },
	  { { BITMAPS_24(1, 0, ~0ULL, 0x400) } },
	  { REFUSED, "bitmap directory: is too long", 0x400, ~0ULL } },
	{ "bitmap directory off its cluster", { BITMAPS_ON },
	  { { BITMAPS_24(1, 0, 32, 0x500) } },
	  { REFUSED, "bitmap directory: offset is not cluster-aligned",
	    0x500, 0x500 } },
	{ "bitmap directory in the header's cluster", { BITMAPS_ON },
	  { { BITMAPS_24(1, 0, 32, 0) } },
	  { REFUSED, "bitmap directory: lies in the header's cluster", 0, 0 } },
	{ "bitmap directory whose end wraps around", { BITMAPS_ON },
	  { { BITMAPS_24(1, 0, 513, -0x200ULL) } },
	  { REFUSED, "bitmap directory: ends beyond 2^56", -0x200ULL, 513 } },
	{ "bitmaps of 16 bytes", { BITMAPS_ON }, { { BITMAPS, 16 } },
	  { REFUSED, "header extension: bitmaps: length is not 24",
	    START, 16 } },
	{ "bitmaps of 32 bytes", { BITMAPS_ON }, { { BITMAPS, 32 } },
	  { REFUSED, "header extension: bitmaps: length is not 24",
	    START, 32 } },
	{ "stale bitmaps are not looked at", { },
	  { { BITMAPS_24(0, 1, ~0ULL, 1) } }, { 0 } },

	{ "crypto header", { LUKS }, { { CRYPTO_16(0x400, 4096) } }, { 0 } },
	{ "crypto header without LUKS", { },
	  { { CRYPTO_16(0x400, 4096) } },
	  { REFUSED, "header extension: crypto header without LUKS",
	    START, 0 } },
	{ "crypto header under legacy AES", { { CRYPT_METHOD, 1 } },
	  { { CRYPTO_16(0x400, 4096) } },
	  { REFUSED, "header extension: crypto header without LUKS",
	    START, 1 } },
	{ "crypto header of 15 bytes", { LUKS }, { { CRYPTO, 15 } },
	  { REFUSED, "header extension: crypto header: length is not 16",
	    START, 15 } },
	{ "crypto header of 17 bytes", { LUKS }, { { CRYPTO, 17 } },
	  { REFUSED, "header extension: crypto header: length is not 16",
	    START, 17 } },
	{ "empty crypto header", { LUKS }, { { CRYPTO_16(0x400, 0) } },
	  { REFUSED, "header extension: crypto header is empty", START, 0 } },
	{ "crypto header off its cluster", { LUKS },
	  { { CRYPTO_16(0x500, 4096) } },
	  { REFUSED, "crypto header: offset is not cluster-aligned",
	    0x500, 0x500 } },
	{ "crypto header in the header's cluster", { LUKS },
	  { { CRYPTO_16(0, 4096) } },
	  { REFUSED, "crypto header: lies in the header's cluster", 0, 0 } },
	{ "crypto header whose end wraps around", { LUKS },
	  { { CRYPTO_16(-0x200ULL, 4096) } },
	  { REFUSED, "crypto header: ends beyond 2^56", -0x200ULL, 4096 } },
	{ "crypto header of 2^64 - 1 bytes", { LUKS },
	  { { CRYPTO_16(0x400, ~0ULL) } },
	  { REFUSED, "crypto header: is too long", 0x400, ~0ULL } },
};

/* As far as there is room. */
static void lay_data(u8 *at, size_t room, const struct piece *piece)
{
	u8 words[24];
	size_t i;

	memset(at, 0, room);
	for (i = 0; i < ARRAY_SIZE(piece->words); i++)
		put(words + 8 * i, 8, piece->words[i]);
	if (piece->text)
		memcpy(at, piece->text, room);
	else
		memcpy(at, words, room < sizeof(words) ? room : sizeof(words));
}

/* What is not an extension shall look like a bad one. */
static void lay(u8 *cluster, const struct piece *pieces, size_t n)
{
	size_t pos = START, room, i;

	memset(cluster + START, 0xff, CLUSTER - START);
	for (i = 0; i < n && (pieces[i].type || pieces[i].length); i++) {
		put(cluster + pos, 4, pieces[i].type);
		put(cluster + pos + 4, 4, pieces[i].length);
		pos += 8;
		room = CLUSTER - pos;
		if (pieces[i].length < room)
			room = pieces[i].length;
		lay_data(cluster + pos, room, &pieces[i]);
		pos += (room + 7) / 8 * 8;
	}
	if (pos + 8 <= CLUSTER)
		memset(cluster + pos, 0, 8);
}

static void small_image(u8 *cluster, const struct edit *edits, size_t max,
			struct qcow2_header *h)
{
	struct qcow_fault fault = {};

	new_header(cluster, 3);
	put(cluster + 20, 4, 9);
	put(cluster + 24, 8, 0);
	apply_edits(cluster, edits, max);
	if (qcow2_header_parse(cluster, START, h, &fault))
		abort();
}

static void test_row(const struct row *row)
{
	struct qcow_fault fault = {};
	struct qcow2_extensions ext;
	struct qcow2_header h;
	u8 cluster[CLUSTER];
	void *copy;
	int err;

	small_image(cluster, row->edits, ARRAY_SIZE(row->edits), &h);
	lay(cluster, row->pieces, ARRAY_SIZE(row->pieces));
	copy = tight(cluster, sizeof(cluster));
	err = qcow2_extensions_parse(&h, copy, sizeof(cluster), &ext, &fault);
	report(as_expected(&row->v, err, &fault), "%s", row->name);
	free(copy);
}

static bool is(const char *string, u32 len, const char *expected)
{
	return len == strlen(expected) && !memcmp(string, expected, len);
}

static const struct edit rich_edits[] = {
	{ BACKING_OFFSET, 500 }, { BACKING_SIZE, 12 },
	BITMAPS_ON, LUKS,
};

static const char feature_names[99] = { 0, 1, 'x' };

static const struct piece rich[] = {
	{ FORMAT, 5, "qcow2" },
	{ BITMAPS_24(3, 0, 96, 0x1000) },
	{ CRYPTO_16(0x2000, 0x1f8000) },
	{ 0xabad1dea, 1, "a" },
	{ NAMES, 99, feature_names },
	{ DATA_FILE, 9, "data file" },
};

static void test_members(void)
{
	struct qcow_fault fault = {};
	struct qcow2_extensions ext;
	struct qcow2_header h;
	u8 cluster[CLUSTER];
	int err;

	small_image(cluster, rich_edits, ARRAY_SIZE(rich_edits), &h);
	lay(cluster, rich, ARRAY_SIZE(rich));
	memcpy(cluster + 500, "../base.imgs", 12);
	err = qcow2_extensions_parse(&h, cluster, CLUSTER, &ext, &fault);
	report(!err && is(ext.backing_file, ext.backing_file_len,
			  "../base.imgs"), "backing file name");
	report(!err && is(ext.backing_format, ext.backing_format_len, "qcow2"),
	       "backing format");
	report(!err && is(ext.data_file, ext.data_file_len, "data file"),
	       "data file");
	report(!err && ext.has_bitmaps && ext.nb_bitmaps == 3 &&
	       ext.bitmap_directory_size == 96 &&
	       ext.bitmap_directory_offset == 0x1000, "bitmaps");
	report(!err && ext.has_crypto && ext.crypto_header_offset == 0x2000 &&
	       ext.crypto_header_length == 0x1f8000, "crypto header");
	report(!err && ext.nr_feature_names == 2 &&
	       !memcmp(ext.feature_names, feature_names, 99),
	       "feature names, by whole records");
}

static void test_absent(void)
{
	struct qcow_fault fault = {};
	struct qcow2_extensions ext;
	struct qcow2_header h;
	u8 cluster[CLUSTER];
	int err;

	small_image(cluster, NULL, 0, &h);
	lay(cluster, (struct piece []){ { BITMAPS_24(1, 0, 32, 0x400) } }, 1);
	memset(&ext, 0xff, sizeof(ext));
	err = qcow2_extensions_parse(&h, cluster, CLUSTER, &ext, &fault);
	report(!err && !ext.backing_file && !ext.backing_format &&
	       !ext.data_file && !ext.feature_names && !ext.has_bitmaps &&
	       !ext.has_crypto, "what is absent or stale is not there");
}

static void test_empty_name(void)
{
	static const struct edit edits[] = { { BACKING_OFFSET, 200 } };
	struct qcow_fault fault = {};
	struct qcow2_extensions ext;
	struct qcow2_header h;
	u8 cluster[CLUSTER];
	int err;

	small_image(cluster, edits, 1, &h);
	lay(cluster, NULL, 0);
	err = qcow2_extensions_parse(&h, cluster, CLUSTER, &ext, &fault);
	report(!err && !ext.backing_file && !ext.backing_file_len,
	       "an empty backing file name is none");
}

/*
 * A file that ends in its first cluster: whatever was there is found, or the
 * end is seen.  The last thing there is the name, so only all of it will do.
 */
static void test_truncated(void)
{
	struct qcow2_extensions ext;
	struct qcow2_header h;
	u8 cluster[CLUSTER];
	bool ok = true;
	size_t len;

	small_image(cluster, rich_edits, ARRAY_SIZE(rich_edits), &h);
	lay(cluster, rich, ARRAY_SIZE(rich));
	for (len = 0; len <= CLUSTER; len++) {
		struct qcow_fault fault = {};
		void *copy = tight(cluster, len);

		ok = ok && qcow2_extensions_parse(&h, copy, len, &ext,
						  &fault) ==
			   (len < CLUSTER ? -EUCLEAN : 0);
		free(copy);
	}
	report(ok, "cut off at every length");
}

/* No backing file: extensions to the file's end, and each must be whole. */
static void test_truncated_extension(void)
{
	const struct piece piece = { 0x12345678, 20 };
	struct qcow2_extensions ext;
	struct qcow2_header h;
	u8 cluster[CLUSTER];
	bool ok = true;
	size_t len;

	small_image(cluster, NULL, 0, &h);
	lay(cluster, &piece, 1);
	for (len = 0; len <= CLUSTER; len++) {
		struct qcow_fault fault = {};
		void *copy = tight(cluster, len);
		bool whole = len == START ||
			     (len >= START + 28 && len <= START + 32) ||
			     len >= START + 40;
		int err = qcow2_extensions_parse(&h, copy, len, &ext, &fault);

		if (err != (whole ? 0 : -EUCLEAN)) {
			explain("%zu bytes: %d", len, err);
			ok = false;
		}
		free(copy);
	}
	report(ok, "the file ends in an extension");
}

void test_extension(void)
{
	size_t i;

	test_members();
	test_absent();
	test_empty_name();
	test_truncated();
	test_truncated_extension();
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		test_row(&rows[i]);
}
