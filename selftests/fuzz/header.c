// SPDX-License-Identifier: GPL-2.0
/* The beginning of a file: header, extensions, features. */
#include <string.h>

#include "fuzz.h"

static void hold_header(const struct qcow2_header *h)
{
	struct qcow2_geometry geo;

	promise(h->version == 2 || h->version == 3);
	promise(h->cluster_bits >= 9 && h->cluster_bits <= 21);
	promise(h->refcount_order <= 6 && h->crypt_method <= 2);
	promise(h->header_length >= 72 &&
		h->header_length <= 1ULL << h->cluster_bits);
	promise(h->compression_type <= 1);
	promise(h->version == 3 ||
		(h->refcount_order == 4 && h->header_length == 72 &&
		 !h->incompatible_features && !h->compatible_features &&
		 !h->autoclear_features && !h->compression_type));
	promise(h->nb_snapshots <= 65536);
	promise(h->backing_file_size <= 1023);
	promise_table(h->cluster_bits, h->l1_table_offset,
		      h->l1_size * 8ULL, 32 << 20);
	promise(h->refcount_table_clusters);
	promise_table(h->cluster_bits, h->refcount_table_offset,
		      (u64)h->refcount_table_clusters << h->cluster_bits,
		      8 << 20);
	promise_table(h->cluster_bits, h->snapshots_offset,
		      h->nb_snapshots * 40ULL, 64 << 20);
	qcow2_geometry_init(&geo, h);
	promise(!geo.extended_l2 || geo.cluster_bits >= 14);
	promise(geo.l2_entry_bits == (geo.extended_l2 ? 4 : 3));
	promise(geo.l2_bits + geo.l2_entry_bits == geo.cluster_bits);
	promise(geo.subcluster_bits >= 9 && geo.l2_bits >= 6);
	promise(qcow2_l1_entries(&geo, h->size) <= h->l1_size);
	/* What follows computes with it in signed 64 bits. */
	promise(h->size <= 1ULL << 61);
}

static void hold_features(const struct qcow2_header *h,
			  const struct qcow2_extensions *ext)
{
	struct qcow_fault fault = {};
	const char *c;
	int err = qcow2_header_check_features(h, ext, &fault);

	promise(!err == !(h->incompatible_features & ~0x1fULL));
	if (!err)
		return;
	promise_fault(err, &fault);
	promise(*fault.feature);
	for (c = fault.feature; *c; c++)
		promise(*c >= ' ' && *c <= '~');
}

static void hold_extensions(const struct qcow2_header *h,
			    const struct qcow2_extensions *ext,
			    const uint8_t *data, size_t size)
{
	promise_within(ext->backing_file, ext->backing_file_len, data, size);
	promise_within(ext->backing_format, ext->backing_format_len, data,
		       size);
	promise_within(ext->data_file, ext->data_file_len, data, size);
	promise_within(ext->feature_names, ext->nr_feature_names * 48ULL, data,
		       size);
	promise(ext->backing_format_len <= 15);
	promise(!ext->has_bitmaps == !ext->nb_bitmaps);
	promise(ext->nb_bitmaps <= 65535);
	promise_table(h->cluster_bits, ext->bitmap_directory_offset,
		      ext->bitmap_directory_size, 65535 * 1024);
	promise(!ext->has_crypto == !ext->crypto_header_length);
	promise_table(h->cluster_bits, ext->crypto_header_offset,
		      ext->crypto_header_length, 1ULL << 56);
	hold_features(h, ext);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct qcow_fault fault = {};
	struct qcow2_extensions ext;
	struct qcow2_header h;
	int err = qcow2_header_parse(data, size, &h, &fault);

	if (err) {
		promise_fault(err, &fault);
		return 0;
	}
	promise(qcow2_has_magic(data, size));
	hold_header(&h);
	if (size > 1ULL << h.cluster_bits)
		size = 1ULL << h.cluster_bits;
	err = qcow2_extensions_parse(&h, data, size, &ext, &fault);
	if (err) {
		promise_fault(err, &fault);
		return 0;
	}
	accepted();
	hold_extensions(&h, &ext, data, size);
	return 0;
}
