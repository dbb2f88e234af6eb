// SPDX-License-Identifier: GPL-2.0
/* The first cluster as it is made, held against what the parser reads. */
#include <stdlib.h>
#include <string.h>

#include "format/compose.h"
#include "unit.h"

#define FEATURES	8

/* Lengths of names; 0 for none. */
struct row {
	const char *name;
	unsigned int version;
	unsigned int cluster_bits;
	unsigned int backing;
	unsigned int format;
	unsigned int data_file;
	unsigned int features;
	int err;
};

static const struct row rows[] = {
	{ "version 3", 3, 16, 0, 0, 0, FEATURES, 0 },
	{ "version 2 has no feature names", 2, 16, 0, 0, 0, 0, 0 },
	{ "the longest backing file name", 3, 16, 1023, 5, 0, FEATURES, 0 },
	{ "all names", 3, 16, 9, 3, 11, FEATURES, 0 },
	{ "a name of 8 bytes has no padding", 3, 16, 8, 8, 8, FEATURES, 0 },
	{ "512 byte clusters: feature names fill it", 3, 9, 0, 0, 0,
	  FEATURES, 0 },
	{ "feature names give way to a backing file", 3, 9, 1, 0, 0, 0, 0 },
	{ "feature names give way to a format", 3, 9, 0, 3, 0, 0, 0 },
	{ "a name up to the end", 3, 9, 376, 5, 0, 0, 0 },
	{ "a name a byte too long", 3, 9, 377, 5, 0, 0, -ENOSPC },
	{ "a data file's name up to the end", 3, 9, 0, 0, 384, 0, 0 },
	{ "a data file's name too long", 3, 9, 0, 0, 385, 0, -ENOSPC },
	{ "version 2, a name up to the end", 2, 9, 416, 5, 0, 0, 0 },
	{ "version 2, a name a byte too long", 2, 9, 417, 5, 0, 0, -ENOSPC },
};

static const char *text(unsigned int length, char letter)
{
	static char texts[26][1024];

	memset(texts[letter - 'a'], letter, length);
	return length ? texts[letter - 'a'] : NULL;
}

static struct qcow2_header header_of(const struct row *row)
{
	return (struct qcow2_header){
		.version = row->version, .cluster_bits = row->cluster_bits,
		.size = 12345 * 512, .l1_size = 4096,
		.l1_table_offset = 3ULL << row->cluster_bits,
		.refcount_table_offset = 100ULL << row->cluster_bits,
		.refcount_table_clusters = 2, .refcount_order = 4,
	};
}

static bool same_text(const char *what, const char *a, unsigned int a_len,
		      const char *b, unsigned int b_len)
{
	if (!a == !b && a_len == b_len && (!a || !memcmp(a, b, a_len)))
		return true;
	explain("%s: %u bytes, not %u", what, b_len, a_len);
	return false;
}

static bool same_names(const struct qcow2_extensions *a,
		       const struct qcow2_extensions *b)
{
	return same_text("backing file", a->backing_file, a->backing_file_len,
			 b->backing_file, b->backing_file_len) &&
	       same_text("format", a->backing_format, a->backing_format_len,
			 b->backing_format, b->backing_format_len) &&
	       same_text("data file", a->data_file, a->data_file_len,
			 b->data_file, b->data_file_len);
}

static bool reads_back(const struct row *row, const struct qcow2_header *h,
		       const struct qcow2_extensions *names, const void *buf,
		       size_t len)
{
	struct qcow2_extensions ext;
	struct qcow_fault fault;
	struct qcow2_header read;

	if (qcow2_header_parse(buf, len, &read, &fault) ||
	    qcow2_extensions_parse(&read, buf, len, &ext, &fault)) {
		explain("refused: %s %s", fault.structure, fault.problem);
		return false;
	}
	if (ext.nr_feature_names != row->features)
		explain("%u feature names", ext.nr_feature_names);
	return !memcmp(&read, h, sizeof(read)) && same_names(names, &ext) &&
	       ext.nr_feature_names == row->features;
}

static bool composes(const struct row *row)
{
	size_t len = 1UL << row->cluster_bits;
	struct qcow2_extensions names = {
		text(row->backing, 'b'), row->backing,
		text(row->format, 'f'), row->format,
		text(row->data_file, 'd'), row->data_file,
	};
	struct qcow2_header h = header_of(row);
	void *buf = calloc(1, len);
	bool ok;
	int err;

	if (row->data_file)
		h.incompatible_features |= QCOW2_INCOMPAT_DATA_FILE;
	err = qcow2_head_compose(&h, &names, buf, len);
	ok = err == row->err;
	if (!ok)
		explain("error %d, not %d", err, row->err);
	if (!err)
		ok = ok && reads_back(row, &h, &names, buf, len);
	free(buf);
	return ok;
}

/* Of every length and at every place within a sector. */
static bool compressed_reads_back(unsigned int cluster_bits)
{
	struct qcow2_geometry geo = { .cluster_bits = cluster_bits };
	u64 size = 1ULL << cluster_bits, at, length;
	struct qcow2_compressed c;

	for (at = 7 * size; at < 7 * size + 1024; at += 37) {
		for (length = 1; length < size; length += size / 64 + 1) {
			u64 end = (at + length + 511) / 512 * 512;
			u64 e = qcow2_compressed_encode(&geo, at, length);

			qcow2_compressed_decode(&geo, e, &c);
			if (c.host_offset == at && c.length == end - at &&
			    e & QCOW2_OFLAG_COMPRESSED)
				continue;
			explain("%llu bytes at %llu: %u at %llu", length, at,
				c.length, c.host_offset);
			return false;
		}
	}
	return true;
}

void test_compose(void)
{
	unsigned int bits;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		report(composes(&rows[i]), "%s", rows[i].name);
	for (bits = 9; bits <= 21; bits++)
		report(compressed_reads_back(bits),
		       "compressed entries, cluster_bits %u", bits);
}
