// SPDX-License-Identifier: GPL-2.0
#include <err.h>
#include <stdlib.h>

#include "pending.h"
#include "sector.h"

/* --- What an operation does to bytes --- */

/* A file has no bytes behind its end, so extending it changes none. */
static u64 op_end(const struct op *op, const struct medium *m)
{
	switch (op->head.type) {
	case RECORD_EXTEND:
		return op->head.pos;
	case RECORD_TRUNCATE:
		return m->capacity;
	default:
		return op->head.pos + op->head.len;
	}
}

static void put_bytes(const struct op *op, u8 *file, u64 from, u64 to)
{
	if (op->head.type == RECORD_WRITE)
		memcpy(file + from, op->data + (from - op->head.pos),
		       to - from);
	else
		memset(file + from, 0, to - from);
}

static bool is_kept(const struct op *op, u64 sector)
{
	return sector_mix(sector, op->seed) >> 17 & 1;
}

static void put_torn(const struct op *op, u8 *file, u64 from, u64 to)
{
	u64 next;

	for (; from < to; from = next) {
		next = (from / SECTOR_SIZE + 1) * SECTOR_SIZE;
		if (next > to)
			next = to;
		if (is_kept(op, from / SECTOR_SIZE))
			put_bytes(op, file, from, next);
	}
}

/* The part of an operation that lies within these bytes of its file. */
static void put(const struct op *op, const struct medium *m, u8 *file,
		u64 from, u64 to)
{
	u64 end = op_end(op, m);

	from = from > op->head.pos ? from : op->head.pos;
	to = to < end ? to : end;
	if (from >= to)
		return;
	if (op->mode == OP_WHOLE)
		put_bytes(op, file, from, to);
	else if (op->mode == OP_TORN)
		put_torn(op, file, from, to);
}

/* A torn write reaches as far as its last sector that is there. */
static u64 written_end(const struct op *op)
{
	u64 end = op->head.pos + op->head.len;

	while (op->mode == OP_TORN && end > op->head.pos &&
	       !is_kept(op, (end - 1) / SECTOR_SIZE))
		end = (end - 1) / SECTOR_SIZE * SECTOR_SIZE;
	return end > op->head.pos ? end : 0;
}

static u64 size_after(const struct op *op, u64 size)
{
	u64 end = 0;

	if (op->mode == OP_ABSENT)
		return size;
	switch (op->head.type) {
	case RECORD_TRUNCATE:
		return op->head.pos;
	case RECORD_WRITE:
		end = written_end(op);
		break;
	case RECORD_EXTEND:
		end = op->head.pos + op->head.len;
		break;
	}
	return end > size ? end : size;
}

/* --- States --- */

static void redo(struct pending *p, const struct op *changed)
{
	struct medium *m = &p->media[changed->head.file];
	u64 from = changed->head.pos, to = op_end(changed, m);
	size_t i;

	if (from >= to)
		return;
	medium_touch(m, from, to - from);
	memcpy(m->state + from, m->durable + from, to - from);
	for (i = 0; i < p->count; i++)
		if (p->ops[i].head.file == changed->head.file)
			put(&p->ops[i], m, m->state, from, to);
}

static void resize(struct pending *p, u32 file)
{
	struct medium *m = &p->media[file];
	u64 size = m->durable_size;
	size_t i;

	for (i = 0; i < p->count; i++)
		if (p->ops[i].head.file == file)
			size = size_after(&p->ops[i], size);
	if (size != m->state_size)
		m->changed = m->clock;
	m->state_size = size;
}

static bool is_as_wanted(const struct op *op)
{
	return op->mode == op->wanted &&
	       (op->mode != OP_TORN || op->seed == op->wanted_seed);
}

void pending_apply(struct pending *p)
{
	struct op *op, *end = p->ops + p->count;
	u32 file;
	/* all take their new modes before the bytes are put together */
	bool change[p->count + 1];

	for (op = p->ops; op < end; op++) {
		change[op - p->ops] = !is_as_wanted(op);
		op->mode = op->wanted;
		op->seed = op->wanted_seed;
	}
	for (op = p->ops; op < end; op++)
		if (change[op - p->ops])
			redo(p, op);
	for (file = 0; file < p->nr_media; file++)
		resize(p, file);
}

/* --- Beginnings and ends --- */

/* What the guest wrote says so in its first sector. */
static bool is_metadata(const struct record *head, const u8 *data)
{
	u64 word;

	if (head->type != RECORD_WRITE || head->len < SECTOR_SIZE)
		return head->type != RECORD_PUNCH;
	memcpy(&word, data, sizeof(word));
	return word != SECTOR_MAGIC;
}

static void begin_sync(struct pending *p, const struct record *head)
{
	if (p->nr_syncs == MAX_SYNCS)
		errx(1, "more than %d syncs at a time", MAX_SYNCS);
	p->syncs[p->nr_syncs++] = (struct sync) {
		.id = head->id, .file = head->file, .began = ++p->clock,
	};
}

static bool overlaps(const struct op *a, const struct op *b,
		     const struct medium *m)
{
	return a->head.file == b->head.file &&
	       a->head.pos < op_end(b, m) && b->head.pos < op_end(a, m);
}

static bool is_under_way(const struct pending *p, const struct op *op)
{
	size_t i;

	for (i = 0; i < p->count; i++)
		if (!p->ops[i].ended &&
		    overlaps(&p->ops[i], op, &p->media[op->head.file]))
			return true;
	return false;
}

static void add(struct pending *p, const struct op *op)
{
	if (p->count == p->room) {
		p->room = p->room * 2 + 64;
		p->ops = realloc(p->ops, p->room * sizeof(*p->ops));
		if (!p->ops)
			err(1, "operations");
	}
	p->ops[p->count++] = *op;
}

bool pending_begin(struct pending *p, const struct record *head,
		   const u8 *data)
{
	const struct op op = {
		.head = *head, .data = data, .mode = OP_ABSENT,
		.metadata = is_metadata(head, data),
	};
	bool overlapping;

	if (head->type == RECORD_SYNC) {
		begin_sync(p, head);
		return false;
	}
	overlapping = is_under_way(p, &op);
	add(p, &op);
	return overlapping;
}

static void make_durable(struct pending *p, struct op *op)
{
	struct medium *m = &p->media[op->head.file];

	op->mode = OP_WHOLE;
	put(op, m, m->durable, 0, m->capacity);
	m->durable_size = size_after(op, m->durable_size);
}

static void want_as_is(struct pending *p)
{
	struct op *op;

	for (op = p->ops; op < p->ops + p->count; op++) {
		op->wanted = op->mode;
		op->wanted_seed = op->seed;
	}
}

static bool is_covered(const struct op *op, const struct sync *sync)
{
	return op->head.file == sync->file && op->ended &&
	       op->ended < sync->began;
}

static void end_sync(struct pending *p, struct sync *sync)
{
	struct op *op;
	size_t i, left = 0;

	/* the states' bytes must not depend on what is no longer listed */
	want_as_is(p);
	for (op = p->ops; op < p->ops + p->count; op++)
		if (is_covered(op, sync))
			op->wanted = OP_WHOLE;
	pending_apply(p);
	for (i = 0; i < p->count; i++) {
		if (is_covered(&p->ops[i], sync))
			make_durable(p, &p->ops[i]);
		else
			p->ops[left++] = p->ops[i];
	}
	p->count = left;
	*sync = p->syncs[--p->nr_syncs];
}

static struct sync *find_sync(const struct pending *p, u64 id)
{
	size_t i;

	for (i = 0; i < p->nr_syncs; i++)
		if (p->syncs[i].id == id)
			return (struct sync *)&p->syncs[i];
	return NULL;
}

bool pending_is_sync(const struct pending *p, u64 id)
{
	return find_sync(p, id);
}

static struct op *find_op(struct pending *p, u64 id)
{
	size_t i;

	for (i = 0; i < p->count; i++)
		if (p->ops[i].head.id == id)
			return &p->ops[i];
	errx(1, "record: the end of %llu, which has not begun", id);
}

/* It was refused and has done nothing; the driver will find another way. */
static void drop(struct pending *p, struct op *op)
{
	want_as_is(p);
	op->wanted = OP_ABSENT;
	pending_apply(p);
	p->count--;
	memmove(op, op + 1, (p->ops + p->count - op) * sizeof(*op));
}

void pending_end(struct pending *p, const struct record *head)
{
	struct sync *sync = find_sync(p, head->id);

	if (!sync && (head->result == -EAGAIN || head->result == -EOPNOTSUPP))
		return drop(p, find_op(p, head->id));
	if (head->result)
		errx(1, "record: operation %llu failed: %d", head->id,
		     head->result);
	if (sync)
		end_sync(p, sync);
	else
		find_op(p, head->id)->ended = ++p->clock;
}
