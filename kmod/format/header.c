// SPDX-License-Identifier: GPL-2.0
/*
 * Decode, check and change the qcow2 header.
 *
 * The header is the first thing that is read of a file from anywhere.  So each
 * member is checked before another check relies on it: cluster_bits before
 * everything that is measured in clusters, header_length before everything that
 * lies behind the header.
 */
#include "disk.h"
#include "header.h"

/* The shortest snapshot table entry, bytes. */
#define MIN_SNAPSHOT_ENTRY	40
/* With smaller clusters a subcluster would be less than a sector. */
#define MIN_EXTL2_CLUSTER_BITS	14

/* Note a problem with one member; its offset in the header is its place. */
#define refuse(fault, err, member, problem, value)			\
	qcow_fault_set(fault, err, "header", #member " " problem,	\
		       offsetof(struct disk_header, member), value)

static u64 cluster_size(const struct qcow2_header *h)
{
	return 1ULL << h->cluster_bits;
}

bool qcow2_has_magic(const void *buf, size_t len)
{
	const struct disk_header *raw = buf;

	return len >= sizeof(raw->magic) &&
	       be32_to_cpu(raw->magic) == QCOW2_MAGIC;
}

/*
 * Decode the members of both versions, and set the values that the other
 * members have in version 2.
 */
static void decode_v2(const struct disk_header *raw, struct qcow2_header *h)
{
	h->version = be32_to_cpu(raw->version);
	h->backing_file_offset = be64_to_cpu(raw->backing_file_offset);
	h->backing_file_size = be32_to_cpu(raw->backing_file_size);
	h->cluster_bits = be32_to_cpu(raw->cluster_bits);
	h->size = be64_to_cpu(raw->size);
	h->crypt_method = be32_to_cpu(raw->crypt_method);
	h->l1_size = be32_to_cpu(raw->l1_size);
	h->l1_table_offset = be64_to_cpu(raw->l1_table_offset);
	h->refcount_table_offset = be64_to_cpu(raw->refcount_table_offset);
	h->refcount_table_clusters = be32_to_cpu(raw->refcount_table_clusters);
	h->nb_snapshots = be32_to_cpu(raw->nb_snapshots);
	h->snapshots_offset = be64_to_cpu(raw->snapshots_offset);
	h->refcount_order = 4;
	h->header_length = QCOW2_HEADER_V2_LENGTH;
}

static void decode_v3(const struct disk_header *raw, struct qcow2_header *h)
{
	h->incompatible_features = be64_to_cpu(raw->incompatible_features);
	h->compatible_features = be64_to_cpu(raw->compatible_features);
	h->autoclear_features = be64_to_cpu(raw->autoclear_features);
	h->refcount_order = be32_to_cpu(raw->refcount_order);
	h->header_length = be32_to_cpu(raw->header_length);
	if (h->header_length > QCOW2_HEADER_V3_LENGTH)
		h->compression_type = raw->compression_type;
}

static int decode(const void *buf, size_t len, struct qcow2_header *h,
		  struct qcow_fault *fault)
{
	struct disk_header raw = {};

	if (!qcow2_has_magic(buf, len))
		return qcow_fault_set(fault, -EUCLEAN, "header",
				      "this is not a qcow2 file", 0, 0);
	memcpy(&raw, buf, len < sizeof(raw) ? len : sizeof(raw));
	decode_v2(&raw, h);
	/* The other members of version 1 lie elsewhere: decode no further. */
	if (len >= offsetof(struct disk_header, backing_file_offset) &&
	    h->version != 2 && h->version != 3)
		return refuse(fault, -EOPNOTSUPP, version, "is not 2 or 3",
			      h->version);
	if (h->version == 3)
		decode_v3(&raw, h);
	return 0;
}

static int check_length(const struct qcow2_header *h, size_t len,
			struct qcow_fault *fault)
{
	size_t least = h->version == 3 ? QCOW2_HEADER_V3_LENGTH :
					 QCOW2_HEADER_V2_LENGTH;

	if (len >= least && h->header_length > QCOW2_HEADER_V3_LENGTH)
		least = QCOW2_HEADER_MIN_READ;
	if (len < least)
		return qcow_fault_set(fault, -EUCLEAN, "header",
				      "the file ends within it", 0, len);
	return 0;
}

static int check_layout(const struct qcow2_header *h, struct qcow_fault *fault)
{
	if (h->cluster_bits < QCOW2_MIN_CLUSTER_BITS ||
	    h->cluster_bits > QCOW2_MAX_CLUSTER_BITS)
		return refuse(fault, -EUCLEAN, cluster_bits,
			      "is not 9 to 21", h->cluster_bits);
	if (h->refcount_order > QCOW2_MAX_REFCOUNT_ORDER)
		return refuse(fault, -EUCLEAN, refcount_order,
			      "is not 0 to 6", h->refcount_order);
	if (h->version == 2)
		return 0;
	if (h->header_length < QCOW2_HEADER_V3_LENGTH)
		return refuse(fault, -EUCLEAN, header_length,
			      "is less than 104", h->header_length);
	if (h->header_length % 8)
		return refuse(fault, -EUCLEAN, header_length,
			      "is not a multiple of 8", h->header_length);
	if (h->header_length > cluster_size(h))
		return refuse(fault, -EUCLEAN, header_length,
			      "exceeds a cluster", h->header_length);
	return 0;
}

static int check_compression(const struct qcow2_header *h,
			     struct qcow_fault *fault)
{
	bool flagged = h->incompatible_features & QCOW2_INCOMPAT_COMPRESSION;

	if (flagged != (h->compression_type != QCOW2_COMPRESSION_ZLIB))
		return refuse(fault, -EUCLEAN, compression_type,
			      "contradicts its feature bit",
			      h->compression_type);
	if (h->compression_type > QCOW2_COMPRESSION_ZSTD)
		return refuse(fault, -EOPNOTSUPP, compression_type,
			      "is unknown", h->compression_type);
	return 0;
}

static int check_features(const struct qcow2_header *h,
			  struct qcow_fault *fault)
{
	if (h->crypt_method > QCOW2_CRYPT_LUKS)
		return refuse(fault, -EUCLEAN, crypt_method,
			      "is not 0 to 2", h->crypt_method);
	if (h->incompatible_features & QCOW2_INCOMPAT_EXTL2 &&
	    h->cluster_bits < MIN_EXTL2_CLUSTER_BITS)
		return refuse(fault, -EUCLEAN, cluster_bits,
			      "is less than 14 with extended L2 entries",
			      h->cluster_bits);
	return check_compression(h, fault);
}

/* The backing file name must lie in the first cluster, behind the header. */
static int check_backing_file(struct qcow2_header *h, struct qcow_fault *fault)
{
	u64 end;

	if (!h->backing_file_offset) {
		/* Without a name the size is undefined: do not rely on it. */
		h->backing_file_size = 0;
		return 0;
	}
	if (h->backing_file_size > QCOW2_MAX_BACKING_NAME)
		return refuse(fault, -EUCLEAN, backing_file_size,
			      "exceeds 1023", h->backing_file_size);
	if (h->backing_file_offset < h->header_length)
		return refuse(fault, -EUCLEAN, backing_file_offset,
			      "lies within the header", h->backing_file_offset);
	if (check_add_overflow(h->backing_file_offset,
			       (u64)h->backing_file_size, &end) ||
	    end > cluster_size(h))
		return refuse(fault, -EUCLEAN, backing_file_offset,
			      "puts the name beyond the first cluster",
			      h->backing_file_offset);
	return 0;
}

struct table {
	const char *name;
	u64 offset;
	u64 length;
	u64 max;
};

/* Both tables must have passed qcow2_table_check(), so this cannot wrap. */
static bool overlap(const struct table *a, const struct table *b)
{
	return a->length && b->length &&
	       a->offset < b->offset + b->length &&
	       b->offset < a->offset + a->length;
}

/* The tables that the header names must be in range and must not overlap. */
static int check_tables(const struct qcow2_header *h, struct qcow_fault *fault)
{
	const struct table tables[] = {
		{ "L1 table", h->l1_table_offset,
		  (u64)h->l1_size * sizeof(u64), QCOW2_MAX_L1_SIZE },
		{ "refcount table", h->refcount_table_offset,
		  (u64)h->refcount_table_clusters << h->cluster_bits,
		  QCOW2_MAX_REFTABLE_SIZE },
		{ "snapshot table", h->snapshots_offset,
		  (u64)h->nb_snapshots * MIN_SNAPSHOT_ENTRY,
		  QCOW2_MAX_SNAPSHOT_TABLE },
	};
	size_t i, j;
	int err;

	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		err = qcow2_table_check(tables[i].name, h->cluster_bits,
					tables[i].offset, tables[i].length,
					tables[i].max, fault);
		if (err)
			return err;
		for (j = 0; j < i; j++)
			if (overlap(&tables[i], &tables[j]))
				return qcow_fault_set(fault, -EUCLEAN,
						      tables[i].name,
						      "overlaps another table",
						      tables[i].offset,
						      tables[j].offset);
	}
	return 0;
}

static int check_counts(const struct qcow2_header *h, struct qcow_fault *fault)
{
	struct qcow2_geometry geo;

	if (h->nb_snapshots > QCOW2_MAX_SNAPSHOTS)
		return refuse(fault, -EUCLEAN, nb_snapshots,
			      "exceeds 65536", h->nb_snapshots);
	if (!h->refcount_table_clusters)
		return refuse(fault, -EUCLEAN, refcount_table_clusters,
			      "is 0", 0);
	qcow2_geometry_init(&geo, h);
	if (h->l1_size < qcow2_l1_entries(&geo, h->size))
		return refuse(fault, -EUCLEAN, l1_size,
			      "is too small for the virtual size", h->l1_size);
	return 0;
}

int qcow2_header_parse(const void *buf, size_t len, struct qcow2_header *h,
		       struct qcow_fault *fault)
{
	int err;

	memset(h, 0, sizeof(*h));
	err = decode(buf, len, h, fault);
	if (!err)
		err = check_length(h, len, fault);
	if (!err)
		err = check_layout(h, fault);
	if (!err)
		err = check_features(h, fault);
	if (!err)
		err = check_backing_file(h, fault);
	if (!err)
		err = check_tables(h, fault);
	if (!err)
		err = check_counts(h, fault);
	return err;
}

void qcow2_geometry_init(struct qcow2_geometry *geo,
			 const struct qcow2_header *h)
{
	bool extended_l2 = h->incompatible_features & QCOW2_INCOMPAT_EXTL2;

	geo->cluster_bits = (u8)h->cluster_bits;
	geo->l2_entry_bits = extended_l2 ? 4 : 3;
	geo->l2_bits = (u8)(geo->cluster_bits - geo->l2_entry_bits);
	geo->subcluster_bits = (u8)(geo->cluster_bits - (extended_l2 ? 5 : 0));
	geo->refcount_order = (u8)h->refcount_order;
	geo->version = (u8)h->version;
	geo->extended_l2 = extended_l2;
	geo->external_data = h->incompatible_features &
			     QCOW2_INCOMPAT_DATA_FILE;
	geo->compression_type = h->compression_type;
}

u64 qcow2_l1_entries(const struct qcow2_geometry *geo, u64 size)
{
	unsigned int shift = geo->cluster_bits + geo->l2_bits;

	/* Not DIV_ROUND_UP(), which would wrap if the size is very large. */
	return (size >> shift) + !!(size & ((1ULL << shift) - 1));
}

int qcow2_table_check(const char *what, u32 cluster_bits, u64 offset,
		      u64 length, u64 max, struct qcow_fault *fault)
{
	u64 cs = 1ULL << cluster_bits;
	u64 end;

	if (!length)
		return 0;
	if (length > max)
		return qcow_fault_set(fault, -EUCLEAN, what, "is too long",
				      offset, length);
	if (offset & (cs - 1))
		return qcow_fault_set(fault, -EUCLEAN, what,
				      "offset is not cluster-aligned",
				      offset, offset);
	if (offset < cs)
		return qcow_fault_set(fault, -EUCLEAN, what,
				      "lies in the header's cluster",
				      offset, offset);
	if (check_add_overflow(offset, length, &end) ||
	    end > QCOW2_MAX_HOST_OFFSET)
		return qcow_fault_set(fault, -EUCLEAN, what,
				      "ends beyond 2^56", offset, length);
	return 0;
}

static void set_be64(void *buf, size_t at, u64 value)
{
	__be64 be = cpu_to_be64(value);

	memcpy((u8 *)buf + at, &be, sizeof(be));
}

static void set_be32(void *buf, size_t at, u32 value)
{
	__be32 be = cpu_to_be32(value);

	memcpy((u8 *)buf + at, &be, sizeof(be));
}

void qcow2_header_set_autoclear(void *buf, u64 autoclear_features)
{
	set_be64(buf, offsetof(struct disk_header, autoclear_features),
		 autoclear_features);
}

void qcow2_header_set_incompatible(void *buf, u64 incompatible_features)
{
	set_be64(buf, offsetof(struct disk_header, incompatible_features),
		 incompatible_features);
}

void qcow2_header_set_refcount_table(void *buf, u64 offset, u32 clusters)
{
	set_be64(buf, offsetof(struct disk_header, refcount_table_offset),
		 offset);
	set_be32(buf, offsetof(struct disk_header, refcount_table_clusters),
		 clusters);
}

void qcow2_header_set_structure(void *buf, const struct qcow2_header *h)
{
	set_be64(buf, offsetof(struct disk_header, size), h->size);
	set_be32(buf, offsetof(struct disk_header, l1_size), h->l1_size);
	set_be64(buf, offsetof(struct disk_header, l1_table_offset),
		 h->l1_table_offset);
	qcow2_header_set_refcount_table(buf, h->refcount_table_offset,
					h->refcount_table_clusters);
	set_be32(buf, offsetof(struct disk_header, nb_snapshots),
		 h->nb_snapshots);
	set_be64(buf, offsetof(struct disk_header, snapshots_offset),
		 h->snapshots_offset);
}

void qcow2_header_copy_structure(struct qcow2_header *to,
				 const struct qcow2_header *from)
{
	to->size = from->size;
	to->l1_size = from->l1_size;
	to->l1_table_offset = from->l1_table_offset;
	to->refcount_table_offset = from->refcount_table_offset;
	to->refcount_table_clusters = from->refcount_table_clusters;
	to->nb_snapshots = from->nb_snapshots;
	to->snapshots_offset = from->snapshots_offset;
}
