// SPDX-License-Identifier: GPL-2.0
/*
 * Decode, check and encode entries of the snapshot table.
 *
 * An entry is a fixed part, then extra data to which members were added over
 * the years, then the id and the name.
 */
#include "snapshot.h"

struct disk_snapshot {
	__be64 l1_table_offset;
	__be32 l1_size;
	__be16 id_len;
	__be16 name_len;
	__be32 date_sec;
	__be32 date_nsec;
	__be64 vm_clock_nsec;
	__be32 vm_state_size;
	__be32 extra_data_size;
} __packed;

struct disk_extra {
	__be64 vm_state_size;
	__be64 disk_size;
	__be64 icount;
} __packed;

#define END_OF(type, member) \
	(offsetof(type, member) + sizeof(((type *)0)->member))
#define HAS(s, member) \
	((s)->extra_data_size >= END_OF(struct disk_extra, member))

static void decode_fixed(const struct disk_snapshot *raw,
			 struct qcow2_snapshot *s)
{
	s->l1_table_offset = be64_to_cpu(raw->l1_table_offset);
	s->l1_size = be32_to_cpu(raw->l1_size);
	s->id_len = be16_to_cpu(raw->id_len);
	s->name_len = be16_to_cpu(raw->name_len);
	s->date_sec = be32_to_cpu(raw->date_sec);
	s->date_nsec = be32_to_cpu(raw->date_nsec);
	s->vm_clock_nsec = be64_to_cpu(raw->vm_clock_nsec);
	s->vm_state_size = be32_to_cpu(raw->vm_state_size);
	s->extra_data_size = be32_to_cpu(raw->extra_data_size);
}

static void decode_extra(const struct disk_extra *raw,
			 struct qcow2_snapshot *s)
{
	if (HAS(s, vm_state_size))
		s->vm_state_size = be64_to_cpu(raw->vm_state_size);
	if (HAS(s, disk_size))
		s->disk_size = be64_to_cpu(raw->disk_size);
	if (HAS(s, icount))
		s->icount = be64_to_cpu(raw->icount);
	if (s->extra_data_size > sizeof(*raw)) {
		s->unknown_extra = (const u8 *)(raw + 1);
		s->unknown_extra_len = s->extra_data_size - (u32)sizeof(*raw);
	}
}

static int check_fixed(const struct qcow2_header *h, u64 offset,
		       const struct qcow2_snapshot *s,
		       struct qcow_fault *fault)
{
	if (s->extra_data_size > QCOW2_MAX_SNAPSHOT_EXTRA)
		return qcow_fault_set(fault, -EUCLEAN, "snapshot table entry",
				      "extra data exceeds 1024 bytes", offset,
				      s->extra_data_size);
	return qcow2_table_check("snapshot's L1 table", h->cluster_bits,
				 s->l1_table_offset,
				 (u64)s->l1_size * sizeof(u64),
				 QCOW2_MAX_L1_SIZE, fault);
}

/*
 * If the entry does not say the size of the disk, its L1 table may be shorter
 * than the disk is today, because the disk has grown since.
 */
static int check_disk_size(const struct qcow2_header *h, u64 offset,
			   const struct qcow2_snapshot *s,
			   struct qcow_fault *fault)
{
	struct qcow2_geometry geo;

	qcow2_geometry_init(&geo, h);
	if (HAS(s, disk_size) &&
	    s->l1_size < qcow2_l1_entries(&geo, s->disk_size))
		return qcow_fault_set(fault, -EUCLEAN, "snapshot table entry",
				      "L1 table is too small for the disk size",
				      offset, s->disk_size);
	return 0;
}

int qcow2_snapshot_parse(const struct qcow2_header *h, const void *buf,
			 size_t len, u64 offset, struct qcow2_snapshot *s,
			 struct qcow_fault *fault)
{
	const struct disk_snapshot *raw = buf;
	const u8 *extra = (const u8 *)(raw + 1);
	int err;

	memset(s, 0, sizeof(*s));
	s->disk_size = h->size;
	s->icount = QCOW2_SNAPSHOT_NO_ICOUNT;
	s->entry_len = sizeof(*raw);
	if (len < s->entry_len)
		return -ENODATA;

	decode_fixed(raw, s);
	err = check_fixed(h, offset, s, fault);
	if (err)
		return err;
	/* The last entry of a table may lack its padding. */
	s->entry_len += s->extra_data_size + s->id_len + s->name_len;
	if (len < s->entry_len)
		return -ENODATA;
	s->entry_len = DIV_ROUND_UP(s->entry_len, 8) * 8;

	decode_extra((const struct disk_extra *)extra, s);
	s->id = (const char *)extra + s->extra_data_size;
	s->name = s->id + s->id_len;
	return check_disk_size(h, offset, s, fault);
}

static bool equals(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && !memcmp(a, b, a_len);
}

bool qcow2_snapshot_matches_id(const struct qcow2_snapshot *s,
			       const char *string, size_t len)
{
	return equals(s->id, s->id_len, string, len);
}

bool qcow2_snapshot_matches_name(const struct qcow2_snapshot *s,
				 const char *string, size_t len)
{
	return equals(s->name, s->name_len, string, len);
}

u32 qcow2_snapshot_encoded_len(const struct qcow2_snapshot *s)
{
	return DIV_ROUND_UP((u32)sizeof(struct disk_snapshot) +
			    (u32)sizeof(struct disk_extra) + s->id_len +
			    s->name_len, 8) * 8;
}

void qcow2_snapshot_encode(void *buf, const struct qcow2_snapshot *s)
{
	struct disk_snapshot *raw = buf;
	struct disk_extra *extra = (struct disk_extra *)(raw + 1);
	char *strings = (char *)(extra + 1);

	memset(buf, 0, qcow2_snapshot_encoded_len(s));
	raw->l1_table_offset = cpu_to_be64(s->l1_table_offset);
	raw->l1_size = cpu_to_be32(s->l1_size);
	raw->id_len = cpu_to_be16(s->id_len);
	raw->name_len = cpu_to_be16(s->name_len);
	raw->date_sec = cpu_to_be32(s->date_sec);
	raw->date_nsec = cpu_to_be32(s->date_nsec);
	raw->vm_clock_nsec = cpu_to_be64(s->vm_clock_nsec);
	raw->vm_state_size = cpu_to_be32((u32)s->vm_state_size);
	raw->extra_data_size = cpu_to_be32((u32)sizeof(*extra));
	extra->vm_state_size = cpu_to_be64(s->vm_state_size);
	extra->disk_size = cpu_to_be64(s->disk_size);
	extra->icount = cpu_to_be64(s->icount);
	memcpy(strings, s->id, s->id_len);
	memcpy(strings + s->id_len, s->name, s->name_len);
}
