// SPDX-License-Identifier: GPL-2.0
/* 2 bytes of geometry, 4 of the guest cluster, then L2 entries, L1 entries. */
#include <string.h>

#include "format/l2.h"
#include "fuzz.h"

static bool aligned(const struct qcow2_geometry *geo, u64 offset)
{
	return !(offset & ((1ULL << geo->cluster_bits) - 1));
}

static void hold_compressed(const struct qcow2_geometry *geo,
			    const struct qcow2_l2_entry *e)
{
	struct qcow2_compressed c;

	qcow2_compressed_decode(geo, e->entry, &c);
	promise(!geo->external_data && !(geo->extended_l2 && e->bitmap));
	promise(c.host_offset < 1ULL << 56);
	promise(c.length >= 1 && c.length <= 2U << geo->cluster_bits);
	promise((c.host_offset + c.length) % 512 == 0);
}

static void hold_subclusters(const struct qcow2_geometry *geo,
			     const struct qcow2_l2_entry *e)
{
	enum qcow2_cluster_type cluster = qcow2_cluster_type(geo, e->entry);
	u64 host_offset = e->entry & QCOW2_L2E_OFFSET_MASK;
	unsigned int sc, n, i;

	for (sc = 0; sc < 32; sc += n) {
		enum qcow2_cluster_type type =
			qcow2_subcluster_type(cluster, e->bitmap, sc);

		n = qcow2_subcluster_run(cluster, e->bitmap, sc);
		promise(n >= 1 && n <= 32 - sc);
		for (i = sc; i < sc + n; i++)
			promise(qcow2_subcluster_type(cluster, e->bitmap, i) ==
				type);
		promise(sc + n == 32 ||
			qcow2_subcluster_type(cluster, e->bitmap, sc + n) !=
			type);
		promise(type != QCOW2_CLUSTER_NORMAL || host_offset ||
			geo->external_data);
	}
}

static void hold_entry(const struct qcow2_geometry *geo, u64 guest_offset,
		       const struct qcow2_l2_entry *e)
{
	u64 host_offset = e->entry & QCOW2_L2E_OFFSET_MASK;

	switch (qcow2_cluster_type(geo, e->entry)) {
	case QCOW2_CLUSTER_COMPRESSED:
		hold_compressed(geo, e);
		break;
	case QCOW2_CLUSTER_NORMAL:
	case QCOW2_CLUSTER_ZERO_ALLOC:
		promise(aligned(geo, host_offset));
		promise(host_offset || geo->external_data);
		promise(!geo->external_data || host_offset == guest_offset);
		break;
	default:
		promise(!host_offset);
	}
	if (geo->version == 2 && !(e->entry & QCOW2_OFLAG_COMPRESSED))
		promise(!(e->entry & QCOW2_OFLAG_ZERO));
	if (geo->extended_l2)
		hold_subclusters(geo, e);
}

static void check_entry(const struct qcow2_geometry *geo, u64 guest_offset,
			const struct qcow2_l2_entry *e)
{
	struct qcow_fault fault = {};
	int err = qcow2_l2_entry_check(geo, guest_offset, e, &fault);

	if (!err) {
		accepted();
		hold_entry(geo, guest_offset, e);
		return;
	}
	promise_fault(err, &fault);
	promise(fault.where == guest_offset);
}

static void check_l1(const struct qcow2_geometry *geo, u64 entry)
{
	struct qcow_fault fault = {};
	int err = qcow2_l1_entry_check(geo, 1, entry, &fault);

	if (err)
		promise_fault(err, &fault);
	promise(!err == aligned(geo, entry & QCOW2_L1E_OFFSET_MASK));
}

static void check_words(const uint8_t *data, size_t n)
{
	u64 *words = malloc(n * 8 + 1);
	uint8_t *back = malloc(n * 8 + 1);

	if (!words || !back)
		abort();
	qcow2_be64_decode(words, data, n);
	qcow2_be64_encode(back, words, n);
	promise(!memcmp(data, back, n * 8));
	free(words);
	free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct qcow2_geometry geo;
	struct qcow2_l2_entry e;
	struct qcow2_header h;
	u64 guest_offset;

	take_geometry(&data, &size, &h, &geo);
	guest_offset = take(&data, &size, 4) << geo.cluster_bits;
	check_words(data, size / 8);
	while (size) {
		e.entry = take(&data, &size, 8);
		e.bitmap = geo.extended_l2 ? take(&data, &size, 8) : 0;
		check_entry(&geo, guest_offset, &e);
		check_l1(&geo, e.entry);
		guest_offset += 1ULL << geo.cluster_bits;
	}
	return 0;
}
