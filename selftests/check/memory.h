/* SPDX-License-Identifier: GPL-2.0 */
/* An image file in memory, to be damaged, checked and repaired. */
#ifndef QCOW_CHECK_MEMORY_H
#define QCOW_CHECK_MEMORY_H

#include "check.h"
#include "repair.h"

struct memory {
	u8 *bytes;
	u64 size;
	u64 room;
};

void memory_load(struct memory *m, const char *path);
void memory_save(const struct memory *m, const char *path);
void memory_copy(struct memory *to, const struct memory *from);
void memory_free(struct memory *m);

/** memory_write - also beyond the end; the file grows */
void memory_write(struct memory *m, const void *buf, size_t len, u64 pos);

struct check_source memory_source(struct memory *m);

/** memory_sink - writes go to @m, and syncs nowhere */
struct repair_sink memory_sink(struct memory *m);

/* A word of a table, as it means. */
u64 memory_word(const struct memory *m, u64 pos);
void memory_set_word(struct memory *m, u64 pos, u64 value);

/** next_random - xorshift; @state must not be 0 */
static inline u64 next_random(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state * 0x2545f4914f6cdd1dULL >> 8;
}

#endif /* QCOW_CHECK_MEMORY_H */
