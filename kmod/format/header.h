/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Decode, check and change the qcow2 header; parse its extensions; and derive
 * the geometry of the image.
 */
#ifndef QCOW_FORMAT_HEADER_H
#define QCOW_FORMAT_HEADER_H

#include "fault.h"
#include "port.h"

#define QCOW2_MAGIC			0x514649fbU

#define QCOW2_HEADER_V2_LENGTH		72
#define QCOW2_HEADER_V3_LENGTH		104
/* Bytes that must be read before qcow2_header_parse() can judge the header. */
#define QCOW2_HEADER_MIN_READ		112

#define QCOW2_CRYPT_NONE		0
#define QCOW2_CRYPT_AES			1
#define QCOW2_CRYPT_LUKS		2

#define QCOW2_INCOMPAT_DIRTY		BIT_ULL(0)
#define QCOW2_INCOMPAT_CORRUPT		BIT_ULL(1)
#define QCOW2_INCOMPAT_DATA_FILE	BIT_ULL(2)
#define QCOW2_INCOMPAT_COMPRESSION	BIT_ULL(3)
#define QCOW2_INCOMPAT_EXTL2		BIT_ULL(4)
#define QCOW2_INCOMPAT_KNOWN		GENMASK_ULL(4, 0)

#define QCOW2_COMPAT_LAZY_REFCOUNTS	BIT_ULL(0)

#define QCOW2_AUTOCLEAR_BITMAPS		BIT_ULL(0)
#define QCOW2_AUTOCLEAR_DATA_FILE_RAW	BIT_ULL(1)
#define QCOW2_AUTOCLEAR_KNOWN		GENMASK_ULL(1, 0)

#define QCOW2_COMPRESSION_ZLIB		0
#define QCOW2_COMPRESSION_ZSTD		1

#define QCOW2_EXT_END			0x00000000U
#define QCOW2_EXT_BACKING_FORMAT	0xe2792acaU
#define QCOW2_EXT_FEATURE_NAMES		0x6803f857U
#define QCOW2_EXT_BITMAPS		0x23852875U
#define QCOW2_EXT_CRYPTO		0x0537be77U
#define QCOW2_EXT_DATA_FILE		0x44415441U

/* Limits, all of them those of QEMU. */
#define QCOW2_MIN_CLUSTER_BITS		9
#define QCOW2_MAX_CLUSTER_BITS		21
#define QCOW2_MAX_L1_SIZE		(32ULL << 20)	/* bytes */
#define QCOW2_MAX_REFTABLE_SIZE		(8ULL << 20)	/* bytes */
#define QCOW2_MAX_SNAPSHOTS		65536
#define QCOW2_MAX_SNAPSHOT_TABLE	(64ULL << 20)	/* bytes */
#define QCOW2_MAX_SNAPSHOT_EXTRA	1024
#define QCOW2_MAX_BACKING_NAME		1023
#define QCOW2_MAX_BACKING_FORMAT	15
#define QCOW2_MAX_REFCOUNT_ORDER	6
#define QCOW2_MAX_BITMAPS		65535
#define QCOW2_MAX_HOST_OFFSET		BIT_ULL(56)

/**
 * struct qcow2_header - the header in CPU order
 *
 * The members are named as in the format document.  A version 2 header has the
 * values that the document gives for absent members: no features,
 * refcount_order 4, header_length 72, compression_type 0.
 */
struct qcow2_header {
	u32 version;
	u64 backing_file_offset;
	u32 backing_file_size;
	u32 cluster_bits;
	u64 size;
	u32 crypt_method;
	u32 l1_size;
	u64 l1_table_offset;
	u64 refcount_table_offset;
	u32 refcount_table_clusters;
	u32 nb_snapshots;
	u64 snapshots_offset;
	u64 incompatible_features;
	u64 compatible_features;
	u64 autoclear_features;
	u32 refcount_order;
	u32 header_length;
	u8 compression_type;
};

/**
 * qcow2_has_magic - does this look like a qcow2 file of any version?
 * @buf: the beginning of the file
 * @len: bytes at @buf
 */
bool qcow2_has_magic(const void *buf, size_t len);

/**
 * qcow2_header_parse - decode and check the header
 * @buf:   the beginning of the file
 * @len:   bytes at @buf: the whole file if it is shorter than
 *	   QCOW2_HEADER_MIN_READ, else at least that many
 * @h:     filled in
 * @fault: set where the header is refused
 *
 * Checks all that can be checked from the header alone: version, limits,
 * alignment, overflow of each table's offset + length, l1_size against the
 * virtual size, compression type against its feature bit.  Unknown incompatible
 * features are left to qcow2_header_check_features(), which has their names.
 * Whether a feature is supported is left to the caller.
 *
 * Return: 0; -EUCLEAN: malformed, or not qcow2; -EOPNOTSUPP: version 1 or an
 * unknown version, or an unknown compression type.
 */
int qcow2_header_parse(const void *buf, size_t len, struct qcow2_header *h,
		       struct qcow_fault *fault);

/**
 * qcow2_header_set_autoclear - change the autoclear features of a v3 header
 * @buf: the beginning of the file, at least QCOW2_HEADER_V3_LENGTH bytes
 */
void qcow2_header_set_autoclear(void *buf, u64 autoclear_features);

/** qcow2_header_set_incompatible - the same for the incompatible features */
void qcow2_header_set_incompatible(void *buf, u64 incompatible_features);

/** qcow2_header_set_refcount_table - change where the refcount table lies */
void qcow2_header_set_refcount_table(void *buf, u64 offset, u32 clusters);

/**
 * qcow2_header_set_structure - change the disk's size and where tables lie
 * @buf: the beginning of the file
 * @h:   the size, and the places of L1 table, refcount table and snapshot table
 *
 * All of these members lie in the first sector.
 */
void qcow2_header_set_structure(void *buf, const struct qcow2_header *h);

/** qcow2_header_copy_structure - copy these members to another struct */
void qcow2_header_copy_structure(struct qcow2_header *to,
				 const struct qcow2_header *from);

/**
 * struct qcow2_extensions - the header extensions that have a meaning here
 *
 * Pointers point into the buffer that was parsed, and are NULL if the extension
 * is absent.  Strings are not NUL-terminated.
 */
struct qcow2_extensions {
	const char *backing_file;	/* the name itself, from the header */
	u32 backing_file_len;
	const char *backing_format;
	u32 backing_format_len;
	const char *data_file;
	u32 data_file_len;
	const u8 *feature_names;	/* records of 48 bytes */
	u32 nr_feature_names;
	bool has_bitmaps;
	u32 nb_bitmaps;
	u64 bitmap_directory_size;
	u64 bitmap_directory_offset;
	bool has_crypto;
	u64 crypto_header_offset;
	u64 crypto_header_length;
};

/**
 * qcow2_extensions_parse - parse the header extensions and the backing name
 * @h:     the header, from qcow2_header_parse()
 * @buf:   the first cluster of the file, or as much of it as the file has
 * @len:   bytes at @buf
 * @ext:   filled in
 * @fault: set where an extension is refused
 *
 * Return: 0; -EUCLEAN: an extension or the backing name exceeds its room, or
 * has a wrong length.
 */
int qcow2_extensions_parse(const struct qcow2_header *h, const void *buf,
			   size_t len, struct qcow2_extensions *ext,
			   struct qcow_fault *fault);

enum qcow2_feature_kind {
	QCOW2_FEATURE_INCOMPATIBLE,
	QCOW2_FEATURE_COMPATIBLE,
	QCOW2_FEATURE_AUTOCLEAR,
};

#define QCOW2_FEATURE_NAME_SIZE	47

/**
 * qcow2_feature_name - get the name that the image gives to a feature bit
 * @ext:  the extensions
 * @kind: the kind of the feature
 * @bit:  its bit, 0..63
 * @name: filled in: printable ASCII, or "bit N" if the image has no name
 */
void qcow2_feature_name(const struct qcow2_extensions *ext,
			enum qcow2_feature_kind kind, unsigned int bit,
			char name[QCOW2_FEATURE_NAME_SIZE]);

/**
 * qcow2_header_check_features - refuse unknown incompatible features by name
 * @h:     the header
 * @ext:   the extensions, with the image's own table of feature names
 * @fault: set where a feature is unknown
 *
 * Return: 0; -EOPNOTSUPP with @fault->feature set as by qcow2_feature_name().
 */
int qcow2_header_check_features(const struct qcow2_header *h,
				const struct qcow2_extensions *ext,
				struct qcow_fault *fault);

/**
 * struct qcow2_geometry - sizes and shifts that follow from the header
 * @cluster_bits:	log2 of the cluster size in bytes
 * @l2_bits:		log2 of the number of entries of an L2 table
 * @l2_entry_bits:	log2 of the size of an L2 entry in bytes: 3, or 4 if
 *			extended
 * @subcluster_bits:	log2 of the size of a subcluster in bytes; cluster_bits
 *			if there are no subclusters
 * @refcount_order:	log2 of the width of a refcount in bits
 * @version:		2 or 3
 * @extended_l2:	L2 entries have a subcluster bitmap
 * @external_data:	data lie in an external data file
 * @compression_type:	QCOW2_COMPRESSION_*
 */
struct qcow2_geometry {
	u8 cluster_bits;
	u8 l2_bits;
	u8 l2_entry_bits;
	u8 subcluster_bits;
	u8 refcount_order;
	u8 version;
	bool extended_l2;
	bool external_data;
	u8 compression_type;
};

/** qcow2_geometry_init - derive the geometry from a checked header */
void qcow2_geometry_init(struct qcow2_geometry *geo,
			 const struct qcow2_header *h);

/** qcow2_l1_entries - L1 entries needed for a virtual size of @size bytes */
u64 qcow2_l1_entries(const struct qcow2_geometry *geo, u64 size);

/**
 * qcow2_table_check - may a metadata table lie here?
 * @what:   its name in the format document, for @fault
 * @cluster_bits: of the image
 * @offset: its offset in the image file, bytes
 * @length: its length, bytes
 * @max:    the longest that is allowed, bytes
 * @fault:  set where the table is refused
 *
 * An empty table may lie anywhere.
 *
 * Return: 0; -EUCLEAN: the table is too long, is not cluster-aligned, lies in
 * the header's cluster, or ends beyond the largest offset.
 */
int qcow2_table_check(const char *what, u32 cluster_bits, u64 offset,
		      u64 length, u64 max, struct qcow_fault *fault);

#endif /* QCOW_FORMAT_HEADER_H */
