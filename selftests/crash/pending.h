/* SPDX-License-Identifier: GPL-2.0 */
/* Operations on the files that a power cut may still undo. */
#ifndef CRASH_PENDING_H
#define CRASH_PENDING_H

#include "medium.h"
#include "record.h"

enum op_mode {
	OP_ABSENT,
	OP_WHOLE,
	OP_TORN,	/* some of its sectors */
};

/**
 * struct op - an operation that began and that no sync has made durable
 * @head:	as recorded
 * @data:	of a write
 * @ended:	when, by pending's clock; 0: it is under way
 * @metadata:	it writes no guest's sector
 * @mode:	what is left of it in the medium's state
 * @wanted:	what is to be left, once pending_apply() was called
 * @seed:	which sectors of a torn one are there; of @mode
 * @wanted_seed: of @wanted
 */
struct op {
	struct record head;
	const u8 *data;
	u64 ended;
	bool metadata;
	enum op_mode mode, wanted;
	u64 seed, wanted_seed;
};

struct sync {
	u64 id, began;
	u32 file;
};

#define MAX_SYNCS	64

/**
 * struct pending - all of them, in the order in which they began
 * @media: by the file number of an operation
 */
struct pending {
	struct medium *media;
	unsigned int nr_media;
	struct op *ops;
	size_t count, room;
	struct sync syncs[MAX_SYNCS];
	size_t nr_syncs;
	u64 clock;
};

/**
 * pending_begin - an operation or a sync begins
 *
 * Return: whether another one that changes the same bytes is under way.
 */
bool pending_begin(struct pending *p, const struct record *head,
		   const u8 *data);

/** pending_end - an operation or a sync has come back; a sync's make durable
 *
 * Everything on its file that ended before the sync began is durable.
 */
void pending_end(struct pending *p, const struct record *head);

/** pending_is_sync - is this the end of a sync? */
bool pending_is_sync(const struct pending *p, u64 id);

/** pending_apply - make the media's states what is wanted of each operation */
void pending_apply(struct pending *p);

#endif /* CRASH_PENDING_H */
