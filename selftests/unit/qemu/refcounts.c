// SPDX-License-Identifier: GPL-2.0
/*
 * Count who refers to each cluster, and compare with the refcounts that lie
 * in the image.  Of an image that QEMU has just closed they are all equal,
 * and COPIED is set where they are 1 and nowhere else.
 */
#include <stdio.h>
#include <stdlib.h>

#include "inspect.h"

static u64 *refs;	/* by cluster */
static u64 clusters;
static u64 problems;

static u64 cluster_size(const struct image *img)
{
	return 1ULL << img->geo.cluster_bits;
}

/* One reference to each cluster from @offset to the last byte. */
static void refer(const struct image *img, u64 offset, u64 len)
{
	u64 i = offset >> img->geo.cluster_bits;

	if (!len)
		return;
	for (; i <= (offset + len - 1) >> img->geo.cluster_bits; i++) {
		if (i < clusters) {
			refs[i]++;
			continue;
		}
		printf("cluster 0x%llx is beyond the file's end\n", i);
		problems++;
	}
}

static u64 stored(const struct image *img, u64 cluster)
{
	unsigned int bits = qcow2_refcount_block_bits(&img->geo);
	u64 table_entries = (u64)img->h.refcount_table_clusters <<
			    (img->geo.cluster_bits - 3);
	u64 block;

	if (cluster >> bits >= table_entries)
		return 0;
	block = image_word(img, img->h.refcount_table_offset, cluster >> bits) &
		QCOW2_REFTABLE_OFFSET_MASK;
	if (!block)
		return 0;
	return qcow2_refcount_get(image_at(img, block, cluster_size(img)),
				  img->geo.refcount_order,
				  cluster & ((1ULL << bits) - 1));
}

static void refer_refcounts(const struct image *img)
{
	u64 len = (u64)img->h.refcount_table_clusters << img->geo.cluster_bits;
	struct qcow_fault fault = {};
	u64 i;

	refer(img, img->h.refcount_table_offset, len);
	for (i = 0; i < len / 8; i++) {
		u64 entry = image_word(img, img->h.refcount_table_offset, i);

		accept(qcow2_reftable_entry_check(&img->geo, i, entry, &fault),
		       &fault);
		if (entry & QCOW2_REFTABLE_OFFSET_MASK)
			refer(img, entry & QCOW2_REFTABLE_OFFSET_MASK,
			      cluster_size(img));
	}
}

static void refer_data(const struct image *img, u64 entry)
{
	struct qcow2_compressed c;

	switch (qcow2_cluster_type(&img->geo, entry)) {
	case QCOW2_CLUSTER_COMPRESSED:
		qcow2_compressed_decode(&img->geo, entry, &c);
		refer(img, c.host_offset, c.length);
		return;
	case QCOW2_CLUSTER_NORMAL:
	case QCOW2_CLUSTER_ZERO_ALLOC:
		if (!img->geo.external_data)
			refer(img, entry & QCOW2_L2E_OFFSET_MASK,
			      cluster_size(img));
		return;
	default:
		return;
	}
}

static void check_copied(const struct image *img, const char *what,
			 u64 guest, u64 entry, u64 offset)
{
	bool copied = entry & QCOW2_OFLAG_COPIED;

	if (!offset || copied == (stored(img, offset >>
					 img->geo.cluster_bits) == 1))
		return;
	printf("%s of guest 0x%llx: COPIED is wrong: %016llx\n", what, guest,
	       entry);
	problems++;
}

static void check_data_copied(const struct image *img, u64 guest, u64 entry)
{
	u64 offset = entry & QCOW2_L2E_OFFSET_MASK;

	if (qcow2_cluster_type(&img->geo, entry) == QCOW2_CLUSTER_COMPRESSED) {
		problems += !!(entry & QCOW2_OFLAG_COPIED);
		return;
	}
	if (!img->geo.external_data)
		check_copied(img, "L2 entry", guest, entry, offset);
}

static void refer_l2(const struct image *img, u64 table, u64 guest,
		     bool active)
{
	u64 i;

	refer(img, table, cluster_size(img));
	for (i = 0; i < 1ULL << img->geo.l2_bits; i++) {
		u64 at = guest + (i << img->geo.cluster_bits);
		u64 entry = image_l2_entry(img, table, i, at).entry;

		refer_data(img, entry);
		if (active)
			check_data_copied(img, at, entry);
	}
}

static void refer_l1(const struct image *img, u64 table, u32 size, bool active)
{
	u32 i;

	refer(img, table, size * 8ULL);
	for (i = 0; i < size; i++) {
		u64 entry = image_word(img, table, i);
		u64 guest = (u64)i << (img->geo.l2_bits +
				       img->geo.cluster_bits);

		if (!(entry & QCOW2_L1E_OFFSET_MASK))
			continue;
		refer_l2(img, entry & QCOW2_L1E_OFFSET_MASK, guest, active);
		if (active)
			check_copied(img, "L1 entry", guest, entry,
				     entry & QCOW2_L1E_OFFSET_MASK);
	}
}

static void refer_snapshot(struct image *img, const struct qcow2_snapshot *s)
{
	refer_l1(img, s->l1_table_offset, s->l1_size, false);
}

static void refer_bitmap(struct image *img, const struct qcow2_bitmap *b)
{
	struct qcow_fault fault = {};
	u32 i;

	refer(img, b->table_offset, b->table_size * 8ULL);
	for (i = 0; i < b->table_size; i++) {
		u64 entry = image_word(img, b->table_offset, i);

		accept(qcow2_bitmap_entry_check(&img->geo, i, entry, &fault),
		       &fault);
		if (entry & QCOW2_BITMAP_OFFSET_MASK)
			refer(img, entry & QCOW2_BITMAP_OFFSET_MASK,
			      cluster_size(img));
	}
}

static void compare(const struct image *img)
{
	u64 i;

	for (i = 0; i < clusters; i++) {
		if (stored(img, i) == refs[i])
			continue;
		printf("cluster 0x%llx: refcount %llu, references %llu\n", i,
		       stored(img, i), refs[i]);
		problems++;
	}
}

void check_refcounts(struct image *img)
{
	clusters = DIV_ROUND_UP(img->len, cluster_size(img)) + 64;
	refs = calloc(clusters, sizeof(*refs));
	if (!refs)
		exit(1);
	refer(img, 0, 1);
	refer_refcounts(img);
	refer_l1(img, img->h.l1_table_offset, img->h.l1_size, true);
	refer(img, img->h.snapshots_offset, each_snapshot(img, refer_snapshot));
	each_bitmap(img, refer_bitmap);
	refer(img, img->ext.bitmap_directory_offset,
	      img->ext.bitmap_directory_size);
	refer(img, img->ext.crypto_header_offset,
	      img->ext.crypto_header_length);
	compare(img);
	free(refs);
	if (problems)
		exit(1);
}
