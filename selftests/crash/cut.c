// SPDX-License-Identifier: GPL-2.0
#include <err.h>
#include <stdlib.h>

#include "cut.h"
#include "sector.h"

u64 cut_random(struct cut *cut)
{
	cut->rng ^= cut->rng << 13;
	cut->rng ^= cut->rng >> 7;
	cut->rng ^= cut->rng << 17;
	return cut->rng * 0x2545f4914f6cdd1dULL >> 20;
}

static struct op *op_at(const struct cut *cut, size_t i)
{
	return &cut->pending->ops[i];
}

static void want(const struct cut *cut, size_t i, bool there)
{
	op_at(cut, i)->wanted = there ? OP_WHOLE : OP_ABSENT;
}

static void want_all(const struct cut *cut, bool there)
{
	size_t i;

	for (i = 0; i < cut->pending->count; i++)
		want(cut, i, there);
}

/* --- No state twice --- */

static u64 hash(const struct cut *cut)
{
	const struct op *op;
	u64 sum = 1;
	size_t i;

	for (i = 0; i < cut->pending->count; i++) {
		op = op_at(cut, i);
		sum = sector_mix(sum, op->wanted);
		if (op->wanted == OP_TORN)
			sum = sector_mix(sum, op->wanted_seed);
	}
	return sum;
}

static bool is_new(struct cut *cut)
{
	u64 sum = hash(cut);
	size_t i;

	for (i = 0; i < cut->nr_seen; i++)
		if (cut->seen[i] == sum)
			return false;
	if (cut->nr_seen == cut->room) {
		cut->room = cut->room * 2 + 256;
		cut->seen = realloc(cut->seen, cut->room * sizeof(u64));
		if (!cut->seen)
			err(1, "states");
	}
	cut->seen[cut->nr_seen++] = sum;
	return true;
}

static void check(struct cut *cut, const char *kind)
{
	if (!is_new(cut))
		return;
	cut->kind = kind;
	pending_apply(cut->pending);
	cut->check(cut->ctx);
}

/* --- Kinds of states --- */

/* Half of the time one of metadata, if there is any. */
static size_t pick(struct cut *cut)
{
	size_t i, try, n = cut->pending->count;

	for (try = 0; try < 16; try++) {
		i = cut_random(cut) % n;
		if (op_at(cut, i)->metadata)
			return i;
	}
	return i;
}

static void one_of(struct cut *cut, size_t i)
{
	want_all(cut, true);
	want(cut, i, false);
	check(cut, "all but one");
	want_all(cut, false);
	want(cut, i, true);
	check(cut, "one alone");
}

/* Each if the budget suffices, else those of metadata before the others. */
static void each(struct cut *cut)
{
	size_t i, n = cut->pending->count, most = cut->budget / 4 + 1;

	for (i = 0; i < n && i < most; i++)
		one_of(cut, n <= most ? i : pick(cut));
}

static void first_ones(struct cut *cut)
{
	size_t i, n = cut->pending->count, end = cut_random(cut) % n;

	for (i = 0; i < n; i++)
		want(cut, i, i <= end);
	check(cut, "the first ones");
}

/* In eighths, how likely an operation is there; few, half, or most are. */
static void random_ones(struct cut *cut)
{
	static const unsigned int likely[] = { 1, 4, 7 };
	unsigned int eighths = likely[cut_random(cut) % 3];
	size_t i;

	for (i = 0; i < cut->pending->count; i++)
		want(cut, i, cut_random(cut) % 8 < eighths);
	check(cut, "random");
}

static void torn_one(struct cut *cut)
{
	size_t i, victim = pick(cut);
	unsigned int others = cut_random(cut) % 3;

	for (i = 0; i < cut->pending->count; i++)
		want(cut, i, others == 2 ? cut_random(cut) & 1 : others);
	op_at(cut, victim)->wanted = OP_TORN;
	op_at(cut, victim)->wanted_seed = cut_random(cut);
	check(cut, "one torn");
}

static void torn_ones(struct cut *cut)
{
	struct op *op;
	size_t i;

	for (i = 0; i < cut->pending->count; i++) {
		op = op_at(cut, i);
		op->wanted = cut_random(cut) % 3;
		op->wanted_seed = cut_random(cut);
	}
	check(cut, "many torn");
}

#define TRIES	4	/* for each state */

static void (*const kinds[])(struct cut *cut) = {
	first_ones, random_ones, torn_one, torn_ones,
};

u64 cut_here(struct cut *cut)
{
	size_t tries;

	cut->nr_seen = 0;
	want_all(cut, false);
	check(cut, "none");
	if (!cut->pending->count)
		return cut->nr_seen;
	want_all(cut, true);
	check(cut, "all");
	each(cut);
	/* few operations have few states: many tries find no new one */
	for (tries = 0; tries < cut->budget * TRIES &&
	     cut->nr_seen < cut->budget; tries++)
		kinds[tries % ARRAY_SIZE(kinds)](cut);
	return cut->nr_seen;
}

void cut_none(struct cut *cut)
{
	want_all(cut, true);
	pending_apply(cut->pending);
}
