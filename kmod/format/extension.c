// SPDX-License-Identifier: GPL-2.0
/*
 * Parse what follows the header in the first cluster: the header extensions,
 * the name of the backing file, and the names that the image gives to features.
 */
#include "disk.h"
#include "header.h"

struct disk_bitmaps {
	__be32 nb_bitmaps;
	__be32 reserved;
	__be64 directory_size;
	__be64 directory_offset;
} __packed;

struct disk_crypto {
	__be64 offset;
	__be64 length;
} __packed;

/* The limit of QEMU for the name of a format, bytes. */
#define MAX_FORMAT_NAME		15
/* A bitmap has a name of up to 1023 bytes, so an entry may take 1 KiB. */
#define MAX_BITMAP_DIRECTORY	((u64)QCOW2_MAX_BITMAPS * 1024)

/* One extension: its offset in the file, its type, and its data. */
struct extension {
	u64 where;
	u32 type;
	u32 length;
	const void *data;
};

static int refuse(struct qcow_fault *fault, const struct extension *e,
		  const char *problem, u64 value)
{
	return qcow_fault_set(fault, -EUCLEAN, "header extension", problem,
			      e->where, value);
}

static int parse_backing_format(const struct extension *e,
				struct qcow2_extensions *ext,
				struct qcow_fault *fault)
{
	if (e->length > MAX_FORMAT_NAME)
		return refuse(fault, e, "backing format name exceeds 15 bytes",
			      e->length);
	ext->backing_format = e->data;
	ext->backing_format_len = e->length;
	return 0;
}

static int check_bitmaps(const struct qcow2_header *h,
			 const struct extension *e,
			 const struct disk_bitmaps *raw,
			 const struct qcow2_extensions *ext,
			 struct qcow_fault *fault)
{
	if (raw->reserved)
		return refuse(fault, e, "bitmaps: reserved field is not zero",
			      be32_to_cpu(raw->reserved));
	if (!ext->nb_bitmaps || ext->nb_bitmaps > QCOW2_MAX_BITMAPS)
		return refuse(fault, e, "bitmaps: count is not 1 to 65535",
			      ext->nb_bitmaps);
	if (!ext->bitmap_directory_size)
		return refuse(fault, e, "bitmaps: directory is empty", 0);
	return qcow2_table_check("bitmap directory", h->cluster_bits,
				 ext->bitmap_directory_offset,
				 ext->bitmap_directory_size,
				 MAX_BITMAP_DIRECTORY, fault);
}

static int parse_bitmaps(const struct qcow2_header *h,
			 const struct extension *e,
			 struct qcow2_extensions *ext,
			 struct qcow_fault *fault)
{
	const struct disk_bitmaps *raw = e->data;

	if (e->length != sizeof(*raw))
		return refuse(fault, e, "bitmaps: length is not 24", e->length);
	/*
	 * If the bit is clear, a program that does not know bitmaps has written
	 * to the image, and the extension is stale.
	 */
	if (!(h->autoclear_features & QCOW2_AUTOCLEAR_BITMAPS))
		return 0;
	ext->has_bitmaps = true;
	ext->nb_bitmaps = be32_to_cpu(raw->nb_bitmaps);
	ext->bitmap_directory_size = be64_to_cpu(raw->directory_size);
	ext->bitmap_directory_offset = be64_to_cpu(raw->directory_offset);
	return check_bitmaps(h, e, raw, ext, fault);
}

static int parse_crypto(const struct qcow2_header *h,
			const struct extension *e,
			struct qcow2_extensions *ext, struct qcow_fault *fault)
{
	const struct disk_crypto *raw = e->data;

	if (h->crypt_method != QCOW2_CRYPT_LUKS)
		return refuse(fault, e, "crypto header without LUKS",
			      h->crypt_method);
	if (e->length != sizeof(*raw))
		return refuse(fault, e, "crypto header: length is not 16",
			      e->length);
	ext->has_crypto = true;
	ext->crypto_header_offset = be64_to_cpu(raw->offset);
	ext->crypto_header_length = be64_to_cpu(raw->length);
	if (!ext->crypto_header_length)
		return refuse(fault, e, "crypto header is empty", 0);
	return qcow2_table_check("crypto header", h->cluster_bits,
				 ext->crypto_header_offset,
				 ext->crypto_header_length,
				 QCOW2_MAX_HOST_OFFSET, fault);
}

/*
 * An extension that has no meaning here is skipped; the format document demands
 * that it is preserved.
 */
static int parse_one(const struct qcow2_header *h, const struct extension *e,
		     struct qcow2_extensions *ext, struct qcow_fault *fault)
{
	switch (e->type) {
	case QCOW2_EXT_BACKING_FORMAT:
		return parse_backing_format(e, ext, fault);
	case QCOW2_EXT_BITMAPS:
		return parse_bitmaps(h, e, ext, fault);
	case QCOW2_EXT_CRYPTO:
		return parse_crypto(h, e, ext, fault);
	case QCOW2_EXT_FEATURE_NAMES:
		ext->feature_names = e->data;
		ext->nr_feature_names =
			e->length / (u32)sizeof(struct disk_feature_name);
		return 0;
	case QCOW2_EXT_DATA_FILE:
		ext->data_file = e->data;
		ext->data_file_len = e->length;
		return 0;
	}
	return 0;
}

/* Decode the extension at @pos and check that it ends before @end. */
static int next_extension(const u8 *buf, u64 pos, u64 end, struct extension *e,
			  struct qcow_fault *fault)
{
	const struct disk_extension *raw = (const void *)(buf + pos);

	e->where = pos;
	if (end - pos < sizeof(*raw))
		return refuse(fault, e, "is cut off", end - pos);
	e->type = be32_to_cpu(raw->type);
	e->length = be32_to_cpu(raw->length);
	e->data = raw + 1;
	if (e->type != QCOW2_EXT_END && e->length > end - pos - sizeof(*raw))
		return refuse(fault, e, "exceeds the room for it", e->length);
	return 0;
}

static int walk(const struct qcow2_header *h, const u8 *buf, u64 end,
		struct qcow2_extensions *ext, struct qcow_fault *fault)
{
	u64 pos = h->header_length;
	struct extension e;
	int err;

	while (pos < end) {
		err = next_extension(buf, pos, end, &e, fault);
		if (err || e.type == QCOW2_EXT_END)
			return err;
		err = parse_one(h, &e, ext, fault);
		if (err)
			return err;
		/* The data are padded to 8 bytes; @end bounds the length. */
		pos += sizeof(struct disk_extension) +
		       DIV_ROUND_UP((u64)e.length, 8) * 8;
	}
	return 0;
}

static int find_backing_file(const struct qcow2_header *h, const u8 *buf,
			     size_t len, struct qcow2_extensions *ext,
			     struct qcow_fault *fault)
{
	/*
	 * This cannot wrap: qcow2_header_parse() has found both within a
	 * cluster.
	 */
	if (h->backing_file_offset + h->backing_file_size > len)
		return qcow_fault_set(fault, -EUCLEAN, "backing file name",
				      "the file ends before it does",
				      h->backing_file_offset, len);
	if (h->backing_file_size) {
		ext->backing_file = (const char *)buf + h->backing_file_offset;
		ext->backing_file_len = h->backing_file_size;
	}
	return 0;
}

int qcow2_extensions_parse(const struct qcow2_header *h, const void *buf,
			   size_t len, struct qcow2_extensions *ext,
			   struct qcow_fault *fault)
{
	u64 end = h->backing_file_offset;
	int err;

	memset(ext, 0, sizeof(*ext));
	if (h->header_length > len)
		return qcow_fault_set(fault, -EUCLEAN, "header",
				      "the file ends within it", 0, len);
	if (!end)
		end = 1ULL << h->cluster_bits;
	if (end > len)
		end = len;
	err = find_backing_file(h, buf, len, ext, fault);
	if (err)
		return err;
	return walk(h, buf, end, ext, fault);
}

/*
 * Copy only printable characters: an image must not send control characters to
 * a terminal or a log.
 */
static void copy_printable(char *dst, const char *src, size_t n)
{
	size_t i;

	for (i = 0; i < n && src[i]; i++)
		dst[i] = src[i] >= ' ' && src[i] <= '~' ? src[i] : '?';
	dst[i] = '\0';
}

static void number_name(char *name, unsigned int bit)
{
	size_t n = strlen("bit ");

	memcpy(name, "bit ", n);
	if (bit >= 10)
		name[n++] = (char)('0' + bit / 10);
	name[n++] = (char)('0' + bit % 10);
	name[n] = '\0';
}

void qcow2_feature_name(const struct qcow2_extensions *ext,
			enum qcow2_feature_kind kind, unsigned int bit,
			char name[QCOW2_FEATURE_NAME_SIZE])
{
	const struct disk_feature_name *f = (const void *)ext->feature_names;
	u32 i;

	for (i = 0; i < ext->nr_feature_names; i++) {
		if (f[i].kind != kind || f[i].bit != bit || !f[i].name[0])
			continue;
		copy_printable(name, f[i].name, sizeof(f[i].name));
		return;
	}
	number_name(name, bit);
}

int qcow2_header_check_features(const struct qcow2_header *h,
				const struct qcow2_extensions *ext,
				struct qcow_fault *fault)
{
	u64 unknown = h->incompatible_features & ~QCOW2_INCOMPAT_KNOWN;
	unsigned int bit = 0;
	int err;

	if (!unknown)
		return 0;
	while (!(unknown >> bit & 1))
		bit++;
	err = qcow_fault_set(fault, -EOPNOTSUPP, "header",
			     "incompatible feature is unknown",
			     offsetof(struct disk_header, incompatible_features),
			     unknown);
	qcow2_feature_name(ext, QCOW2_FEATURE_INCOMPATIBLE, bit,
			   fault->feature);
	return err;
}
