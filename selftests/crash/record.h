/* SPDX-License-Identifier: GPL-2.0 */
/* The record of what the driver did to its files, as the driver wrote it. */
#ifndef CRASH_RECORD_H
#define CRASH_RECORD_H

#include <stddef.h>

#include "format/port.h"

enum record_type {
	RECORD_WRITE = 1,	/* len bytes of data follow */
	RECORD_EXTEND,		/* the file reaches pos + len at least */
	RECORD_PUNCH,		/* the range reads zeros */
	RECORD_TRUNCATE,	/* the file's size is pos */
	RECORD_SYNC,
	RECORD_END,		/* of any of the above, by id */
	RECORD_REQ,		/* the guest asks: enum record_op in arg */
	RECORD_REQ_END,		/* the guest is told */
	RECORD_STEP,		/* the protocol's step from here on, in arg */
	RECORD_LOST,		/* something is missing: the record is void */
	RECORD_CHANGE,		/* enum record_change in arg; len bytes of a
				 * snapshot's name follow; a new size in pos */
	RECORD_CHANGE_END,
};

enum record_change {
	RECORD_CHANGE_CREATE,	/* of a snapshot */
	RECORD_CHANGE_APPLY,
	RECORD_CHANGE_DELETE,
	RECORD_CHANGE_RESIZE,
	RECORD_CHANGE_EMPTY,	/* the disk becomes what backs it */
};

enum record_op {
	RECORD_OP_READ,
	RECORD_OP_WRITE,
	RECORD_OP_FLUSH,
	RECORD_OP_DISCARD,
	RECORD_OP_ZEROES,
};

#define RECORD_OP_MASK	0xff
#define RECORD_OP_FUA	0x100

/* As it lies in the stream, native endian. */
struct record {
	u32 type;
	u32 file;		/* 0 the image file, 1 the external data file */
	u64 id;
	u64 pos;		/* bytes */
	u64 len;
	int result;
	u32 arg;
};

/**
 * struct record_file - a record that is being read
 * @data: all of it, mapped
 * @size: bytes
 * @next: where the next head lies
 */
struct record_file {
	const u8 *data;
	size_t size;
	size_t next;
};

/** record_open - map a record; exits where that fails */
void record_open(struct record_file *file, const char *path);

/**
 * record_next - the next head, and where its data are
 * @data: set; into the mapping, len bytes of a RECORD_WRITE or RECORD_CHANGE
 *
 * A record that is cut off exits.
 *
 * Return: false at the end.
 */
bool record_next(struct record_file *file, struct record *head,
		 const u8 **data);

/** record_reach - up to where, in bytes, anything was done to this file */
u64 record_reach(const struct record_file *file, u32 number);

#endif /* CRASH_RECORD_H */
