/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A record, in order, of all that is done to the files of a writable image,
 * from which selftests/crash makes the states that a power cut could leave.
 * Only in a module built with QCOW_RECORD=y; nothing otherwise.
 *
 * /sys/kernel/debug/qcow/record: opening it for reading starts the record,
 * reading takes it out, and "stop" written to it ends it.
 */
#ifndef QCOW_FILE_RECORD_H
#define QCOW_FILE_RECORD_H

#include <linux/types.h>

enum qcow_record_type {
	QCOW_RECORD_WRITE = 1,		/* the data follows */
	QCOW_RECORD_EXTEND = 2,		/* reads zeros; the file is longer */
	QCOW_RECORD_PUNCH = 3,		/* reads zeros */
	QCOW_RECORD_TRUNCATE = 4,	/* the size is @pos */
	QCOW_RECORD_SYNC = 5,
	QCOW_RECORD_END = 6,		/* of one of those above, by @id */
	QCOW_RECORD_REQ = 7,		/* a request: @arg is its QCOW_OP_* */
	QCOW_RECORD_REQ_END = 8,
	QCOW_RECORD_STEP = 9,		/* @arg: enum qcow_record_step */
	QCOW_RECORD_LOST = 10,		/* no memory: the record is void */
	QCOW_RECORD_CHANGE = 11,	/* of the structure, see below */
	QCOW_RECORD_CHANGE_END = 12,	/* requests are still waiting */
};

enum qcow_record_step {
	QCOW_STEP_NONE = 0,
	QCOW_STEP_COPY = 1,
	QCOW_STEP_REFCOUNTS = 2,
	QCOW_STEP_FIRST_SYNC = 3,
	QCOW_STEP_MAPPINGS = 4,
	QCOW_STEP_SECOND_SYNC = 5,
	QCOW_STEP_RELEASE = 6,
	QCOW_STEP_EXTEND = 7,
	QCOW_STEP_REFBLOCK = 8,
	QCOW_STEP_REFTABLE = 9,
	QCOW_STEP_SWITCH = 10,		/* the header, to a longer table */
	QCOW_STEP_SHADOW = 11,		/* tables of a structural change */
	QCOW_STEP_SHADOW_REFS = 12,
	QCOW_STEP_SHADOW_SYNC = 13,
	QCOW_STEP_SHADOW_SWITCH = 14,	/* the header */
	QCOW_STEP_SHADOW_RELEASE = 15,	/* of what only the old ones used */
};

/*
 * Of what is done to a file @arg is the file's inode number, by which two
 * images are told apart.  Of a change @arg is enum qcow_change_op, @pos the
 * size that the disk is to have, and @len bytes of a snapshot's name follow.
 */

/**
 * struct qcow_record - the head of a record, in the machine's byte order
 * @type:   enum qcow_record_type
 * @file:   0 the image file, 1 its external data file
 * @id:	    the same in a record and in that of its end
 * @pos, @len: bytes
 * @result: of what has ended
 * @arg:    by @type
 */
struct qcow_record {
	u32 type;
	u32 file;
	u64 id;
	u64 pos;
	u64 len;
	s32 result;
	u32 arg;
};

/*
 * Rules that a run may break on purpose, to see that it is noticed: the
 * parameter break_rule.
 */
enum qcow_rule {
	QCOW_RULE_ORDER = 1,		/* mappings after the first sync */
	QCOW_RULE_FIRST_SYNC = 2,
	QCOW_RULE_RELEASE = 3,		/* freed clusters wait for the commit */
	QCOW_RULE_PUNCH = 4,		/* ...and read zeros then */
	QCOW_RULE_REFTABLE = 5,		/* a block before its table entry */
	QCOW_RULE_LINK = 6,		/* a copy before its entry */
	QCOW_RULE_FLUSH = 7,		/* an answer after the second sync */
	QCOW_RULE_COPIED = 8,		/* no COPIED in a shared table */
	QCOW_RULE_EXTENT = 9,		/* refcounts of what is handed out */
	QCOW_RULE_EPOCH = 10,		/* release after the I/O */
	QCOW_RULE_SWITCH = 11,		/* the header after the shadow's sync */
	QCOW_RULE_OLD = 12,		/* release after the header's */
	QCOW_RULE_STRIP = 13,		/* no COPIED in what becomes shared */
	QCOW_RULE_SHADOW_REFS = 14,	/* refcounts of the new structures */
};

struct qcow_buf;

#ifdef QCOW_RECORD

/** qcow_record_begin - @buf: what is written, or NULL; returns the id */
u64 qcow_record_begin(enum qcow_record_type type, u32 file, u64 pos, u64 len,
		      const struct qcow_buf *buf, u32 arg);
/** qcow_record_change - a structural change of this kind begins */
u64 qcow_record_change(u32 kind, u64 size, const char *name, u32 len);
/** qcow_record_end - @type is END, REQ_END or CHANGE_END */
void qcow_record_end(enum qcow_record_type type, u64 id, int result);
void qcow_record_step(enum qcow_record_step step);
bool qcow_rule_broken(enum qcow_rule rule);
void qcow_record_init(void);
void qcow_record_exit(void);

#else

static inline u64 qcow_record_begin(enum qcow_record_type type, u32 file,
				    u64 pos, u64 len,
				    const struct qcow_buf *buf, u32 arg)
{
	return 0;
}

static inline u64 qcow_record_change(u32 kind, u64 size, const char *name,
				     u32 len)
{
	return 0;
}

static inline void qcow_record_end(enum qcow_record_type type, u64 id,
				   int result) { }
static inline void qcow_record_step(enum qcow_record_step step) { }
static inline bool qcow_rule_broken(enum qcow_rule rule) { return false; }
static inline void qcow_record_init(void) { }
static inline void qcow_record_exit(void) { }

#endif

#endif /* QCOW_FILE_RECORD_H */
