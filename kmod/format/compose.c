// SPDX-License-Identifier: GPL-2.0
/*
 * Make the first cluster of an image.
 *
 * Only programs of the host make images.  The module changes single members
 * (see header.h) and is built without this file.
 */
#include "compose.h"
#include "disk.h"

static const struct disk_feature_name feature_names[] = {
	{ QCOW2_FEATURE_INCOMPATIBLE, 0, "dirty bit" },
	{ QCOW2_FEATURE_INCOMPATIBLE, 1, "corrupt bit" },
	{ QCOW2_FEATURE_INCOMPATIBLE, 2, "external data file" },
	{ QCOW2_FEATURE_INCOMPATIBLE, 3, "compression type" },
	{ QCOW2_FEATURE_INCOMPATIBLE, 4, "extended L2 entries" },
	{ QCOW2_FEATURE_COMPATIBLE, 0, "lazy refcounts" },
	{ QCOW2_FEATURE_AUTOCLEAR, 0, "bitmaps" },
	{ QCOW2_FEATURE_AUTOCLEAR, 1, "raw external data" },
};

/*
 * The cluster that is being made: @at is where the next part goes, and the last
 * part must end before @len.
 */
struct place {
	u8 *buf;
	size_t at;
	size_t len;
};

static size_t padded(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

/* The mark that ends the extensions must also fit behind this one. */
static bool fits(const struct place *p, size_t length)
{
	size_t left = p->len - p->at;

	return length <= left && padded(length) + 2 *
	       sizeof(struct disk_extension) <= left;
}

static int put_extension(struct place *p, u32 type, const void *data,
			 size_t length)
{
	struct disk_extension e = {
		cpu_to_be32(type), cpu_to_be32((u32)length)
	};

	if (!fits(p, length))
		return -ENOSPC;
	memcpy(p->buf + p->at, &e, sizeof(e));
	memcpy(p->buf + p->at + sizeof(e), data, length);
	p->at += sizeof(e) + padded(length);
	return 0;
}

static int put_extensions(struct place *p, u32 version,
			  const struct qcow2_extensions *ext)
{
	size_t names = ext->backing_file ? ext->backing_file_len : 0;
	int err = 0;

	if (ext->backing_format)
		err = put_extension(p, QCOW2_EXT_BACKING_FORMAT,
				    ext->backing_format,
				    ext->backing_format_len);
	if (!err && ext->data_file)
		err = put_extension(p, QCOW2_EXT_DATA_FILE, ext->data_file,
				    ext->data_file_len);
	if (!err && version >= 3 && fits(p, sizeof(feature_names) + names))
		err = put_extension(p, QCOW2_EXT_FEATURE_NAMES, feature_names,
				    sizeof(feature_names));
	/* An extension of zeros ends the extensions. */
	p->at += sizeof(struct disk_extension);
	return err;
}

static int put_backing_file(struct place *p, struct qcow2_header *h,
			    const struct qcow2_extensions *ext)
{
	h->backing_file_offset = 0;
	h->backing_file_size = 0;
	if (!ext->backing_file)
		return 0;
	if (p->at > p->len || ext->backing_file_len > p->len - p->at)
		return -ENOSPC;
	memcpy(p->buf + p->at, ext->backing_file, ext->backing_file_len);
	h->backing_file_offset = p->at;
	h->backing_file_size = ext->backing_file_len;
	return 0;
}

static void encode(const struct qcow2_header *h, struct disk_header *raw)
{
	raw->magic = cpu_to_be32(QCOW2_MAGIC);
	raw->version = cpu_to_be32(h->version);
	raw->backing_file_offset = cpu_to_be64(h->backing_file_offset);
	raw->backing_file_size = cpu_to_be32(h->backing_file_size);
	raw->cluster_bits = cpu_to_be32(h->cluster_bits);
	raw->size = cpu_to_be64(h->size);
	raw->crypt_method = cpu_to_be32(h->crypt_method);
	raw->l1_size = cpu_to_be32(h->l1_size);
	raw->l1_table_offset = cpu_to_be64(h->l1_table_offset);
	raw->refcount_table_offset = cpu_to_be64(h->refcount_table_offset);
	raw->refcount_table_clusters =
		cpu_to_be32(h->refcount_table_clusters);
	raw->nb_snapshots = cpu_to_be32(h->nb_snapshots);
	raw->snapshots_offset = cpu_to_be64(h->snapshots_offset);
	raw->incompatible_features = cpu_to_be64(h->incompatible_features);
	raw->compatible_features = cpu_to_be64(h->compatible_features);
	raw->autoclear_features = cpu_to_be64(h->autoclear_features);
	raw->refcount_order = cpu_to_be32(h->refcount_order);
	raw->header_length = cpu_to_be32(h->header_length);
	raw->compression_type = h->compression_type;
}

int qcow2_head_compose(struct qcow2_header *h,
		       const struct qcow2_extensions *ext, void *buf,
		       size_t len)
{
	struct disk_header raw = { 0 };
	struct place p = { .buf = buf, .len = len };
	int err;

	h->header_length = h->version >= 3 ? QCOW2_HEADER_FULL_LENGTH :
					     QCOW2_HEADER_V2_LENGTH;
	p.at = h->header_length;
	err = put_extensions(&p, h->version, ext) ?:
	      put_backing_file(&p, h, ext);
	if (err)
		return err;
	encode(h, &raw);
	memcpy(buf, &raw, h->header_length);
	return 0;
}

u64 qcow2_compressed_encode(const struct qcow2_geometry *geo, u64 host_offset,
			    u64 length)
{
	unsigned int x = 62 - (geo->cluster_bits - 8);
	u64 sectors = ((host_offset & 511) + length + 511) / 512;

	return QCOW2_OFLAG_COMPRESSED | (sectors - 1) << x | host_offset;
}
