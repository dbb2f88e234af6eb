// SPDX-License-Identifier: GPL-2.0
/* Change the backing file in the first cluster of an image. */
#include "disk.h"
#include "rebase.h"

/* The offsets of the header's members that are changed. */
#define BACKING_FILE_OFFSET	offsetof(struct disk_header, backing_file_offset)
#define BACKING_FILE_SIZE	offsetof(struct disk_header, backing_file_size)
#define AUTOCLEAR_FEATURES	offsetof(struct disk_header, autoclear_features)

/* A first cluster that is being made: @at is where the next part goes. */
struct head {
	u8 *bytes;
	size_t len;
	size_t at;
};

static void put_be64(struct head *to, size_t at, u64 value)
{
	__be64 be = cpu_to_be64(value);

	memcpy(to->bytes + at, &be, sizeof(be));
}

static void put_be32(struct head *to, size_t at, u32 value)
{
	__be32 be = cpu_to_be32(value);

	memcpy(to->bytes + at, &be, sizeof(be));
}

/* The length of an extension with head and padding, a multiple of 8 bytes. */
static u64 whole(u32 length)
{
	return sizeof(struct disk_extension) + DIV_ROUND_UP((u64)length, 8) * 8;
}

static u32 word_at(const u8 *bytes, size_t at)
{
	__be32 be;

	memcpy(&be, bytes + at, sizeof(be));
	return be32_to_cpu(be);
}

/*
 * The end of the room for extensions in the old cluster.  They may end there
 * without an end mark.
 */
static u64 extensions_limit(const struct qcow2_header *h, size_t len)
{
	return h->backing_file_offset ? h->backing_file_offset : len;
}

static int put_bytes(struct head *to, const void *from, u64 n)
{
	if (n > to->len - to->at)
		return -ENOSPC;
	memcpy(to->bytes + to->at, from, n);
	to->at += n;
	return 0;
}

static int put_format(struct head *to, const struct qcow2_extensions *names)
{
	u8 e[sizeof(struct disk_extension) + 16] = { 0 };
	struct head raw = { .bytes = e };

	if (!names->backing_format)
		return 0;
	put_be32(&raw, 0, QCOW2_EXT_BACKING_FORMAT);
	put_be32(&raw, 4, names->backing_format_len);
	if (names->backing_format_len > QCOW2_MAX_BACKING_FORMAT)
		return -ENOSPC;
	memcpy(e + sizeof(struct disk_extension), names->backing_format,
	       names->backing_format_len);
	return put_bytes(to, e, whole(names->backing_format_len));
}

/*
 * Copy all extensions except the backing format; without @feature_names, also
 * except the feature names.
 */
static int put_others(struct head *to, const struct qcow2_header *h,
		      const u8 *old, bool feature_names, u64 *old_end)
{
	u64 limit = extensions_limit(h, to->len), at = h->header_length, n;
	int err = 0;
	u32 type;

	for (; !err && at + sizeof(struct disk_extension) <= limit; at += n) {
		type = word_at(old, at);
		n = whole(word_at(old, at + 4));
		if (type == QCOW2_EXT_END)
			break;
		if (n > limit - at)
			n = limit - at;
		if (type != QCOW2_EXT_BACKING_FORMAT &&
		    (feature_names || type != QCOW2_EXT_FEATURE_NAMES))
			err = put_bytes(to, old + at, n);
	}
	*old_end = at + sizeof(struct disk_extension);
	if (*old_end > limit)
		*old_end = limit;
	return err;
}

/* Write the mark that ends the extensions, unless they fill the cluster. */
static int put_end(struct head *to)
{
	static const u8 end[sizeof(struct disk_extension)];

	return to->at == to->len ? 0 : put_bytes(to, end, sizeof(end));
}

/*
 * Return true if the new cluster has the same bytes as the old one from @from
 * to @to, apart from the first sector: the old first sector may refer to them.
 */
static bool kept(const u8 *old, const struct head *new, u64 from, u64 to)
{
	if (from < QCOW2_HEAD_SECTOR)
		from = QCOW2_HEAD_SECTOR;
	return to <= from || !memcmp(old + from, new->bytes + from, to - from);
}

static bool old_kept(const struct qcow2_header *h, const u8 *old,
		     const struct head *new, u64 old_end)
{
	return kept(old, new, h->header_length, old_end) &&
	       kept(old, new, h->backing_file_offset,
		    h->backing_file_offset + h->backing_file_size);
}

static bool try_name(const struct qcow2_header *h,
		     const struct qcow2_extensions *names, const u8 *old,
		     struct head *new, u64 old_end, u64 at)
{
	struct head undo = { .bytes = new->bytes };

	if (at > new->len || names->backing_file_len > new->len - at)
		return false;
	memcpy(new->bytes + at, names->backing_file, names->backing_file_len);
	put_be64(new, BACKING_FILE_OFFSET, at);
	put_be32(new, BACKING_FILE_SIZE, names->backing_file_len);
	if (old_kept(h, old, new, old_end))
		return true;
	memcpy(undo.bytes + at, old + at, names->backing_file_len);
	return false;
}

/*
 * Place the name behind the extensions.  If it would overwrite what must stay,
 * place it behind that.
 */
static bool place_name(const struct qcow2_header *h,
		       const struct qcow2_extensions *names, const u8 *old,
		       struct head *new, u64 old_end)
{
	u64 behind_name = h->backing_file_offset + h->backing_file_size;
	u64 at = new->at;

	put_be64(new, BACKING_FILE_OFFSET, 0);
	put_be32(new, BACKING_FILE_SIZE, 0);
	if (!names->backing_file)
		return old_kept(h, old, new, old_end);
	if (try_name(h, names, old, new, old_end, at))
		return true;
	if (at < old_end)
		at = old_end;
	if (at < QCOW2_HEAD_SECTOR)
		at = QCOW2_HEAD_SECTOR;
	return try_name(h, names, old, new, old_end, at) ||
	       (behind_name > at &&
		try_name(h, names, old, new, old_end, behind_name));
}

static bool try_layout(const struct qcow2_header *h,
		       const struct qcow2_extensions *names, const u8 *old,
		       struct head *new, bool feature_names)
{
	u64 old_end;

	memcpy(new->bytes, old, new->len);
	new->at = h->header_length;
	if (put_format(new, names) ||
	    put_others(new, h, old, feature_names, &old_end) || put_end(new))
		return false;
	if (h->version >= 3)
		put_be64(new, AUTOCLEAR_FEATURES,
			 h->autoclear_features & QCOW2_AUTOCLEAR_KNOWN);
	return place_name(h, names, old, new, old_end);
}

int qcow2_head_rebase(const struct qcow2_header *h,
		      const struct qcow2_extensions *names, void *head,
		      size_t len, void *work)
{
	struct head new = { .bytes = work, .len = len };

	if (!try_layout(h, names, head, &new, true) &&
	    !try_layout(h, names, head, &new, false))
		return -ENOSPC;
	memcpy(head, work, len);
	return 0;
}
