/* SPDX-License-Identifier: GPL-2.0 */
/* Decode, check and encode entries of the snapshot table. */
#ifndef QCOW_FORMAT_SNAPSHOT_H
#define QCOW_FORMAT_SNAPSHOT_H

#include "fault.h"
#include "header.h"
#include "port.h"

/* The icount of a snapshot that has none. */
#define QCOW2_SNAPSHOT_NO_ICOUNT	(~0ULL)

/**
 * struct qcow2_snapshot - a snapshot table entry in CPU order
 *
 * The strings and @unknown_extra point into the buffer that was parsed.  The
 * strings are not NUL-terminated.
 */
struct qcow2_snapshot {
	u64 l1_table_offset;
	u32 l1_size;			/* entries */
	u32 date_sec;
	u32 date_nsec;
	u64 vm_clock_nsec;
	u64 vm_state_size;		/* bytes */
	u64 disk_size;			/* bytes */
	u64 icount;
	u32 extra_data_size;
	const char *id;
	u16 id_len;
	const char *name;
	u16 name_len;
	const u8 *unknown_extra;	/* beyond the members above */
	u32 unknown_extra_len;
	u32 entry_len;			/* bytes of the entry with padding */
};

/**
 * qcow2_snapshot_parse - decode and check one entry
 * @h:      the header
 * @buf:    the table from this entry on
 * @len:    bytes at @buf
 * @offset: offset of the entry in the image file, bytes, for @fault
 * @s:      filled in; a missing disk size becomes the header's size
 * @fault:  set where the entry is refused
 *
 * Checks the entry, and the size, the alignment and the range of its L1 table.
 *
 * Return: 0; -EUCLEAN; -ENODATA: the entry goes on beyond @len, and
 * @s->entry_len is set to the bytes that are known to be needed.
 */
int qcow2_snapshot_parse(const struct qcow2_header *h, const void *buf,
			 size_t len, u64 offset, struct qcow2_snapshot *s,
			 struct qcow_fault *fault);

/** qcow2_snapshot_encoded_len - bytes of an encoded entry with its padding */
u32 qcow2_snapshot_encoded_len(const struct qcow2_snapshot *s);

/**
 * qcow2_snapshot_encode - encode a new entry as it lies in the file
 * @buf: room for qcow2_snapshot_encoded_len() bytes
 * @s:   the entry
 *
 * The entry gets the extra data that QEMU writes today, and no unknown ones.
 */
void qcow2_snapshot_encode(void *buf, const struct qcow2_snapshot *s);

/** qcow2_snapshot_matches_id - does the id, or the name, equal a string? */
bool qcow2_snapshot_matches_id(const struct qcow2_snapshot *s,
			       const char *string, size_t len);
bool qcow2_snapshot_matches_name(const struct qcow2_snapshot *s,
				 const char *string, size_t len);

#endif /* QCOW_FORMAT_SNAPSHOT_H */
