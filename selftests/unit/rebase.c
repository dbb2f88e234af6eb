// SPDX-License-Identifier: GPL-2.0
/*
 * Another backing file: the new first cluster says what it should, and with
 * the old first sector before the new rest it still says what it did.
 */
#include <stdlib.h>
#include <string.h>

#include "format/compose.h"
#include "format/rebase.h"
#include "unit.h"

static const unsigned int lengths[] = {
	0, 1, 8, 100, 300, 376, 377, 500, 700, 1023,
};

static char backing[2][1024];

static struct qcow2_extensions names_of(unsigned int which, unsigned int length,
					unsigned int data_file)
{
	struct qcow2_extensions names = {
		.backing_file = length ? backing[which] : NULL,
		.backing_file_len = length,
		.backing_format = length ? "qcow2" : NULL,
		.backing_format_len = length ? 5 : 0,
		.data_file = data_file ? "another one" : NULL,
		.data_file_len = data_file,
	};

	memset(backing[which], 'a' + which, sizeof(backing[which]));
	return names;
}

static bool says(const void *head, size_t len,
		 const struct qcow2_extensions *names)
{
	struct qcow2_extensions ext;
	struct qcow_fault fault;
	struct qcow2_header h;

	if (qcow2_header_parse(head, len, &h, &fault) ||
	    qcow2_extensions_parse(&h, head, len, &ext, &fault)) {
		explain("refused: %s %s", fault.structure, fault.problem);
		return false;
	}
	return h.size == 1 << 20 && h.autoclear_features == 0 &&
	       ext.backing_file_len == names->backing_file_len &&
	       ext.backing_format_len == names->backing_format_len &&
	       ext.data_file_len == names->data_file_len &&
	       !memcmp(ext.backing_file ?: "", names->backing_file ?: "",
		       ext.backing_file_len) &&
	       !memcmp(ext.backing_format ?: "", names->backing_format ?: "",
		       ext.backing_format_len) &&
	       !memcmp(ext.data_file ?: "", names->data_file ?: "",
		       ext.data_file_len);
}

/* Whatever of the rest has reached the disk before the first sector. */
static bool safe(const u8 *old, const u8 *new, size_t len,
		 const struct qcow2_extensions *names)
{
	u8 *mixed = tight(old, len);
	bool ok = true;
	size_t cut;

	for (cut = QCOW2_HEAD_SECTOR; ok && cut < len && cut < 4096;
	     cut += QCOW2_HEAD_SECTOR) {
		memcpy(mixed + cut, new + cut, QCOW2_HEAD_SECTOR);
		ok = says(mixed, len, names);
	}
	free(mixed);
	return ok;
}

/* 1: as it should be; 0: wrong; -1: refused, and nothing changed */
static int rebases(u8 *head, u8 *work, size_t len,
		   const struct qcow2_extensions *from,
		   const struct qcow2_extensions *to)
{
	u8 *old = tight(head, len);
	struct qcow_fault fault;
	struct qcow2_header h;
	int ret;

	if (qcow2_header_parse(head, len, &h, &fault))
		ret = 0;
	else if (qcow2_head_rebase(&h, to, head, len, work))
		ret = memcmp(old, head, len) ? 0 : -1;
	else
		ret = says(head, len, to) && safe(old, head, len, from);
	free(old);
	return ret;
}

static u8 *new_head(unsigned int version, unsigned int bits,
		    const struct qcow2_extensions *names)
{
	struct qcow2_header h = {
		.version = version, .cluster_bits = bits, .size = 1 << 20,
		.l1_size = 64, .l1_table_offset = 3ULL << bits,
		.refcount_table_offset = 100ULL << bits,
		.refcount_table_clusters = 1, .refcount_order = 4,
	};
	u8 *head = calloc(1, 1UL << bits);

	if (names->data_file)
		h.incompatible_features = QCOW2_INCOMPAT_DATA_FILE;
	if (!qcow2_head_compose(&h, names, head, 1UL << bits))
		return head;
	free(head);
	return NULL;
}

/* From one name to another and back, as often as it takes to meet both. */
static bool there_and_back(unsigned int version, unsigned int bits,
			   unsigned int a, unsigned int b,
			   unsigned int data_file, unsigned int *done)
{
	struct qcow2_extensions names[2] = {
		names_of(0, a, data_file), names_of(1, b, data_file),
	};
	u8 *head = new_head(version, bits, &names[0]);
	u8 *work = calloc(1, 1UL << bits);
	unsigned int i, now = 0;
	int ret = 1;

	for (i = 0; head && ret && i < 5; i++) {
		ret = rebases(head, work, 1UL << bits, &names[now],
			      &names[!now]);
		now ^= ret == 1;
		*done += ret == 1;
	}
	if (!ret)
		explain("version %u, cluster_bits %u: %u to %u", version, bits,
			a, b);
	free(work);
	free(head);
	return ret;
}

static bool all_lengths(unsigned int version, unsigned int bits,
			unsigned int data_file, unsigned int *done)
{
	bool ok = true;
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(lengths); i++)
		for (j = 0; j < ARRAY_SIZE(lengths); j++)
			ok &= there_and_back(version, bits, lengths[i],
					     lengths[j], data_file, done);
	return ok;
}

/* In a large cluster there is room for all of them, in a small one for few. */
void test_rebase(void)
{
	static const struct {
		unsigned int version, bits, data_file, least;
	} rows[] = {
		{ 3, 9, 0, 150 }, { 3, 10, 0, 150 }, { 3, 11, 0, 150 },
		{ 3, 12, 0, 500 }, { 3, 16, 0, 500 }, { 3, 16, 11, 500 },
		{ 3, 10, 11, 150 }, { 2, 9, 0, 150 }, { 2, 16, 0, 500 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned int done = 0;
		bool ok = all_lengths(rows[i].version, rows[i].bits,
				      rows[i].data_file, &done);

		report(ok && done >= rows[i].least,
		       "version %u, cluster_bits %u, data file %u: %u times",
		       rows[i].version, rows[i].bits, rows[i].data_file, done);
	}
}
