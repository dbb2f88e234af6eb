/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Record, in order, all that is done to the files of a writable image.
 * selftests/crash makes from the record the states that a power cut could
 * leave.  The functions record only in a module that was built with
 * QCOW_RECORD=y, and do nothing otherwise.
 *
 * /sys/kernel/debug/qcow/record: opening it for reading starts the record,
 * reading it takes entries out, and writing "stop" to it ends the record.
 */
#ifndef QCOW_FILE_RECORD_H
#define QCOW_FILE_RECORD_H

#include <linux/types.h>

enum qcow_record_type {
	QCOW_RECORD_WRITE = 1,		/* the data follows */
	QCOW_RECORD_EXTEND = 2,		/* the new range reads zeros */
	QCOW_RECORD_PUNCH = 3,		/* reads zeros */
	QCOW_RECORD_TRUNCATE = 4,	/* the size is @pos */
	QCOW_RECORD_SYNC = 5,
	QCOW_RECORD_END = 6,		/* one of those above, by @id, ended */
	QCOW_RECORD_REQ = 7,		/* a request began; @arg: QCOW_OP_* */
	QCOW_RECORD_REQ_END = 8,
	QCOW_RECORD_STEP = 9,		/* @arg: enum qcow_record_step */
	QCOW_RECORD_LOST = 10,		/* no memory: the record is useless */
	QCOW_RECORD_CHANGE = 11,	/* a structural change, see below */
	QCOW_RECORD_CHANGE_END = 12,	/* the change ended; requests wait */
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
	QCOW_STEP_SWITCH = 10,		/* header: a longer refcount table */
	QCOW_STEP_SHADOW = 11,		/* tables of a structural change */
	QCOW_STEP_SHADOW_REFS = 12,
	QCOW_STEP_SHADOW_SYNC = 13,
	QCOW_STEP_SHADOW_SWITCH = 14,	/* write the header */
	QCOW_STEP_SHADOW_RELEASE = 15,	/* free what only the old tables used */
};

/*
 * If something is done to a file, @arg is the inode number of the file, which
 * tells two images apart.  If a structural change begins, @arg is enum
 * qcow_change_op, @pos is the size that the disk will have, and @len bytes of a
 * snapshot's name follow.
 */

/**
 * struct qcow_record - the head of an entry, in the byte order of the machine
 * @type:   enum qcow_record_type
 * @file:   0 for the image file, 1 for its external data file
 * @id:	    the same in an entry and in the entry of its end
 * @pos:    offset in the file, bytes
 * @len:    bytes
 * @result: of what has ended: 0 or an error
 * @arg:    depends on @type
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
 * Rules of crash-consistency that a test breaks on purpose, by the module
 * parameter break_rule, to see that selftests/crash notices.  Each comment says
 * the rule.
 */
enum qcow_rule {
	QCOW_RULE_ORDER = 1,		/* write mappings after first sync */
	QCOW_RULE_FIRST_SYNC = 2,
	QCOW_RULE_RELEASE = 3,		/* free clusters after the commit */
	QCOW_RULE_PUNCH = 4,		/* punch freed clusters */
	QCOW_RULE_REFTABLE = 5,		/* write block before table entry */
	QCOW_RULE_LINK = 6,		/* write a copy before its L2 entry */
	QCOW_RULE_FLUSH = 7,		/* end a flush after the second sync */
	QCOW_RULE_COPIED = 8,		/* clear COPIED in a shared L2 table */
	QCOW_RULE_EXTENT = 9,		/* count each allocated cluster */
	QCOW_RULE_EPOCH = 10,		/* release after the epoch's I/O */
	QCOW_RULE_SWITCH = 11,		/* sync the shadow before the header */
	QCOW_RULE_OLD = 12,		/* release after writing the header */
	QCOW_RULE_STRIP = 13,		/* clear COPIED in tables to share */
	QCOW_RULE_SHADOW_REFS = 14,	/* count the new structures */
	QCOW_RULE_BESIDE = 15,		/* look again at what changed since */
};

/*
 * Places where a test has a task stall, by the module parameter stall, so that
 * others overtake it.
 */
enum qcow_stall {
	QCOW_STALL_TABLE = 1,		/* L1 leads to the copy of a table */
	QCOW_STALL_LOAD = 2,		/* it is known where a slice lies */
};

struct qcow_buf;

#ifdef QCOW_RECORD

/**
 * qcow_record_begin - something begins; @buf: the data of a write, or NULL
 *
 * Return: the id for qcow_record_end(); 0 if nothing is recorded.
 */
u32 qcow_record_begin(enum qcow_record_type type, u32 file, u64 pos, u64 len,
		      const struct qcow_buf *buf, u32 arg);
/**
 * qcow_record_change - a structural change begins
 * @kind: enum qcow_change_op
 * @size: the size that the disk will have, bytes
 * @name: name of a snapshot, @len bytes
 *
 * Return: the id for qcow_record_end(); 0 if nothing is recorded.
 */
u32 qcow_record_change(u32 kind, u64 size, const char *name, u32 len);
/** qcow_record_end - it ended; @type is END, REQ_END or CHANGE_END */
void qcow_record_end(enum qcow_record_type type, u32 id, int result);
void qcow_record_step(enum qcow_record_step step);
bool qcow_rule_broken(enum qcow_rule rule);
/** qcow_stall - the first task that comes here after a test has asked sleeps */
void qcow_stall(enum qcow_stall place);
void qcow_record_init(void);
void qcow_record_exit(void);

#else

static inline u32 qcow_record_begin(enum qcow_record_type type, u32 file,
				    u64 pos, u64 len,
				    const struct qcow_buf *buf, u32 arg)
{
	return 0;
}

static inline u32 qcow_record_change(u32 kind, u64 size, const char *name,
				     u32 len)
{
	return 0;
}

static inline void qcow_record_end(enum qcow_record_type type, u32 id,
				   int result) { }
static inline void qcow_record_step(enum qcow_record_step step) { }
static inline bool qcow_rule_broken(enum qcow_rule rule) { return false; }
static inline void qcow_stall(enum qcow_stall place) { }
static inline void qcow_record_init(void) { }
static inline void qcow_record_exit(void) { }

#endif

#endif /* QCOW_FILE_RECORD_H */
