/* SPDX-License-Identifier: GPL-2.0 */
/* The snapshot table. */
#ifndef QCOW_FORMAT_SNAPSHOT_H
#define QCOW_FORMAT_SNAPSHOT_H

#include "fault.h"
#include "header.h"
#include "port.h"

/* vm_clock and icount of a snapshot without them. */
#define QCOW2_SNAPSHOT_NO_ICOUNT	(~0ULL)

/**
 * struct qcow2_snapshot - a snapshot table entry in CPU order
 *
 * Strings and unknown extra data lead into the buffer that was parsed and are
 * not NUL-terminated.
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
	u32 entry_len;			/* bytes of the entry, padding included */
};

/**
 * qcow2_snapshot_parse - decode and check one entry
 * @h:      the header
 * @buf:    the table from this entry on
 * @len:    bytes at @buf
 * @offset: of the entry in the image file, for @fault
 * @s:      filled in; a missing disk size becomes the header's size
 * @fault:  why it was refused
 *
 * Checks the entry and its L1 table's size, alignment and range.
 *
 * Return: 0; -EUCLEAN; -ENODATA: the entry goes on beyond @len, with
 * @s->entry_len set to what is needed so far.
 */
int qcow2_snapshot_parse(const struct qcow2_header *h, const void *buf,
			 size_t len, u64 offset, struct qcow2_snapshot *s,
			 struct qcow_fault *fault);

/** qcow2_snapshot_encoded_len - bytes of its entry, padding included */
u32 qcow2_snapshot_encoded_len(const struct qcow2_snapshot *s);

/**
 * qcow2_snapshot_encode - a new entry, as it lies in the file
 * @buf: qcow2_snapshot_encoded_len() bytes
 *
 * With the extra data that QEMU writes today, and no unknown one.
 */
void qcow2_snapshot_encode(void *buf, const struct qcow2_snapshot *s);

/** qcow2_snapshot_matches - does the id (or the name) equal this string? */
bool qcow2_snapshot_matches_id(const struct qcow2_snapshot *s,
			       const char *string, size_t len);
bool qcow2_snapshot_matches_name(const struct qcow2_snapshot *s,
				 const char *string, size_t len);

#endif /* QCOW_FORMAT_SNAPSHOT_H */
