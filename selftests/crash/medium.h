/* SPDX-License-Identifier: GPL-2.0 */
/* A file as the disk has it: what is durable, and one state it may be in. */
#ifndef CRASH_MEDIUM_H
#define CRASH_MEDIUM_H

#include "format/port.h"

/**
 * struct medium - one file
 * @durable:	its bytes in every state that is still to come
 * @state:	its bytes in the state that is looked at
 * @capacity:	bytes of both; no operation reaches beyond.  Behind the file's
 *		end they are zero.
 * @durable_size: the file's size, bytes
 * @state_size: of the state
 * @unit_bits:	log2 of the bytes that one member of @touched stands for
 * @clock:	counts the states that were looked at
 * @touched:	when each unit of @state changed last
 * @changed:	when some unit, or the size, did
 */
struct medium {
	u8 *durable;
	u8 *state;
	u64 capacity;
	u64 durable_size;
	u64 state_size;
	unsigned int unit_bits;
	u32 clock;
	u32 *touched;
	u32 changed;
};

/** medium_load - begin with the bytes of a file; exits where that fails */
void medium_load(struct medium *m, const char *path, u64 reach,
		 unsigned int unit_bits);

/** medium_touch - these bytes of the state are about to change */
void medium_touch(struct medium *m, u64 pos, u64 len);

/** medium_is_touched - might any of these have changed after this time? */
bool medium_is_touched(const struct medium *m, u32 since, u64 pos, u64 len);

/** medium_settle - the state was looked at: what changes does so later */
void medium_settle(struct medium *m);

/** medium_at - bytes of the state, NULL where the range leaves the medium */
static inline const u8 *medium_at(const struct medium *m, u64 pos, u64 len)
{
	if (pos > m->capacity || len > m->capacity - pos)
		return NULL;
	return m->state + pos;
}

/** medium_compare - is the state this file?  Exits if not */
void medium_compare(const struct medium *m, const char *path);

/** medium_save - write the state to a file */
void medium_save(const struct medium *m, const char *path);

#endif /* CRASH_MEDIUM_H */
