// SPDX-License-Identifier: GPL-2.0
/*
 * cuts IMAGE...
 *
 * Damages copies of each image in every way that can be mended, repairs them,
 * and cuts the power at every sync of the repair: any subset of the writes
 * since the last one may be there, torn at any sector.  After each cut:
 *
 *  - the image has no damage that it did not have before, and none at all if
 *    only clusters leaked (a COPIED flag may be missing: that costs a copy);
 *  - all content is as before, of the disk and of its snapshots;
 *  - an image without the dirty bit, which had it, is without errors;
 *  - another repair gets as far as the first one did.
 *
 * Where only clusters leaked, both ways of repairing are tried.  What is given
 * back to the file system counts as overwritten with zeros.
 *
 * Prints KTAP: one line an image.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "damage.h"
#include "format/l2.h"

#define SECTOR		512
#define MAX_WRITES	4096
#define SEEDS		1

/* What the repair did, in order; a sync has no bytes. */
struct step {
	u8 *bytes;
	size_t len;
	u64 pos;
};

struct record {
	struct memory *image;
	struct step steps[MAX_WRITES];
	unsigned int nr;
};

/* The image before the repair, and what became of it. */
struct trial {
	const char *what;
	enum repair_mode mode;
	struct memory before;
	struct check_result found;
	struct check_result left;
	u64 content;
};

static struct check check;
static u64 states, failures, random_state = 1;

static void fault(const struct trial *t, const char *problem)
{
	printf("# %s: %s\n", t->what, problem);
	failures++;
}

/* --- Content --- */

static void digest(u64 *sum, const void *bytes, size_t len)
{
	const u64 *words = bytes;
	size_t i;

	for (i = 0; i < len / sizeof(*words); i++)
		*sum = (*sum ^ words[i]) * 0x100000001b3ULL + (*sum >> 29);
}

/* Beyond the end of the file there are zeros. */
static void digest_data(u64 *sum, struct memory *m, u64 offset, size_t len)
{
	static u64 bytes[1 << (QCOW2_MAX_CLUSTER_BITS - 3)];
	struct check_source src = memory_source(m);

	src.read(m, bytes, len, offset);
	digest(sum, bytes, len);
}

static void digest_entry(u64 *sum, struct memory *m, u64 pos)
{
	u64 entry = memory_word(m, pos) & ~QCOW2_OFLAG_COPIED;
	u64 offset = entry & QCOW2_L2E_OFFSET_MASK;
	u64 bitmap = check.geo.extended_l2 ? memory_word(m, pos + 8) : 0;
	struct qcow2_compressed comp;

	digest(sum, &entry, sizeof(entry));
	digest(sum, &bitmap, sizeof(bitmap));
	if (entry & QCOW2_OFLAG_COMPRESSED) {
		qcow2_compressed_decode(&check.geo, entry, &comp);
		digest_data(sum, m, comp.host_offset, comp.length / 8 * 8);
	} else if (offset && !check.geo.external_data) {
		digest_data(sum, m, offset, 1ULL << check.geo.cluster_bits);
	}
}

/* Of all that L2 tables lead to, whoever has them; after a check of @m. */
static u64 content_of(struct memory *m)
{
	u64 sum = 1, step = 1ULL << check.geo.l2_entry_bits, at;
	size_t i;

	for (i = 0; i < check.nr_l2; i++) {
		digest(&sum, &check.l2[i], sizeof(check.l2[i]));
		for (at = 0; at < 1ULL << check.geo.cluster_bits; at += step)
			digest_entry(&sum, m, check.l2[i].offset + at);
	}
	return sum;
}

/* --- The repair, on record --- */

static struct step *add_step(struct record *r)
{
	if (r->nr == MAX_WRITES)
		errx(1, "more writes than expected");
	return &r->steps[r->nr++];
}

static int record_write(void *ctx, const void *buf, size_t len, u64 pos)
{
	struct record *r = ctx;
	struct step *s = add_step(r);

	s->bytes = malloc(len);
	if (!s->bytes)
		err(1, "memory");
	memcpy(s->bytes, buf, len);
	s->len = len;
	s->pos = pos;
	memory_write(r->image, buf, len, pos);
	return 0;
}

static int record_sync(void *ctx)
{
	*add_step(ctx) = (struct step){ .bytes = NULL };
	return 0;
}

static void record_discard(void *ctx, u64 pos, u64 len)
{
	void *zeros = calloc(1, len);

	if (!zeros)
		err(1, "memory");
	record_write(ctx, zeros, len, pos);
	free(zeros);
}

static void record_free(struct record *r)
{
	while (r->nr)
		free(r->steps[--r->nr].bytes);
}

static int run_check(struct memory *m, struct check_result *r)
{
	struct check_source src = memory_source(m);

	return check_image(&check, &src, r, NULL, NULL);
}

/* As qcowctl does it: check, repair, check, finish. */
static int run_repair(struct memory *m, const struct repair_sink *sink,
		      enum repair_mode mode, struct check_result *left)
{
	struct check_source src = memory_source(m);
	struct check_result found;
	int err;

	err = run_check(m, &found);
	if (!err && (found.corruptions || found.leaks || found.check_errors))
		err = repair_image(&check, &src, sink, mode, &found, NULL,
				   NULL);
	return err ?: run_check(m, left) ?: repair_finish(&check, sink, left);
}

/* --- Cuts --- */

static bool is_dirty(void)
{
	return check.header.incompatible_features & QCOW2_INCOMPAT_DIRTY;
}

static void judge_found(const struct trial *t, const struct check_result *r)
{
	if (check_result_lasting(r) > check_result_lasting(&t->found))
		fault(t, "a cut leaves damage that was not there");
	if (r->too_low > t->found.too_low ||
	    r->blocks_wrong > t->found.blocks_wrong)
		fault(t, "a cut leaves refcounts worse than they were");
	if (!t->found.corruptions && r->corruptions != r->copied_wrong)
		fault(t, "leaks became corruption");
	if (t->found.dirty && !is_dirty() && r->corruptions)
		fault(t, "not dirty any more, but corrupt");
}

static void judge(const struct trial *t, struct memory *m)
{
	struct repair_sink sink = memory_sink(m);
	struct check_result r;

	states++;
	if (run_check(m, &r)) {
		fault(t, "a cut leaves what cannot be checked");
		return;
	}
	judge_found(t, &r);
	if (content_of(m) != t->content)
		fault(t, "a cut changes content");
	if (run_repair(m, &sink, t->mode, &r))
		fault(t, "another repair fails after a cut");
	else if (r.corruptions > t->left.corruptions || r.leaks > t->left.leaks)
		fault(t, "another repair leaves more than the first");
	else if (content_of(m) != t->content)
		fault(t, "another repair changes content");
}

static void write_sectors(struct memory *m, const struct step *s, bool torn)
{
	u64 at, end, stop = s->pos + s->len;

	for (at = s->pos; at < stop; at = end) {
		end = (at / SECTOR + 1) * SECTOR;
		if (end > stop)
			end = stop;
		if (!torn || next_random(&random_state) & 1)
			memory_write(m, s->bytes + (at - s->pos), end - at, at);
	}
}

/* Of the steps from @first to @sync those of which @pick says so. */
static void cut(const struct trial *t, const struct memory *durable,
		const struct record *r, unsigned int first, unsigned int sync,
		bool (*pick)(unsigned int i, unsigned int which),
		unsigned int which, bool torn)
{
	static struct memory m;
	unsigned int i;

	memory_copy(&m, durable);
	for (i = first; i < sync; i++)
		if (pick(i - first, which))
			write_sectors(&m, &r->steps[i], torn);
	judge(t, &m);
}

static bool pick_one(unsigned int i, unsigned int which)
{
	return i == which;
}

static bool pick_others(unsigned int i, unsigned int which)
{
	return i != which;
}

static bool pick_any(unsigned int i, unsigned int which)
{
	(void)i;
	(void)which;
	return next_random(&random_state) & 1;
}

/* Each alone there, each alone missing, none, all, some, and torn. */
static void cut_at(const struct trial *t, const struct memory *durable,
		   const struct record *r, unsigned int first,
		   unsigned int sync)
{
	unsigned int n = sync - first, i;

	for (i = 0; i <= n; i++) {
		cut(t, durable, r, first, sync, pick_one, i, false);
		cut(t, durable, r, first, sync, pick_others, i, false);
	}
	for (i = 0; n && i < 8; i++) {
		cut(t, durable, r, first, sync, pick_any, i, false);
		cut(t, durable, r, first, sync, pick_others, n, true);
	}
}

static void cut_everywhere(const struct trial *t, const struct record *r)
{
	struct memory durable = { .bytes = NULL };
	unsigned int first = 0, i, j;

	memory_copy(&durable, &t->before);
	for (i = 0; i < r->nr; i++) {
		if (r->steps[i].bytes)
			continue;
		cut_at(t, &durable, r, first, i);
		for (j = first; j < i; j++)
			write_sectors(&durable, &r->steps[j], false);
		first = i + 1;
	}
	if (first != r->nr)
		fault(t, "it ends without a sync");
	memory_free(&durable);
}

/* --- Trials --- */

static void try_repair(struct trial *t)
{
	static struct record r;
	struct repair_sink sink = {
		.write = record_write, .sync = record_sync,
		.discard = record_discard, .ctx = &r,
	};
	struct memory m = { .bytes = NULL };

	memory_copy(&m, &t->before);
	if (run_check(&m, &t->found))
		errx(1, "%s: cannot be checked", t->what);
	t->content = content_of(&m);
	r.image = &m;
	if (run_repair(&m, &sink, t->mode, &t->left))
		fault(t, "cannot be repaired");
	else if (t->left.corruptions || t->left.leaks || t->left.check_errors)
		fault(t, "errors are left");
	else if (content_of(&m) != t->content)
		fault(t, "the repair changes content");
	else
		cut_everywhere(t, &r);
	record_free(&r);
	memory_free(&m);
}

static void set_dirty(struct memory *m)
{
	u64 features = memory_word(m, 72);

	if (m->bytes[7] >= 3)
		memory_set_word(m, 72, features | QCOW2_INCOMPAT_DIRTY);
}

static unsigned int try_damage(const struct memory *whole,
			       const struct damage *d)
{
	struct trial t = { .what = d->name };
	unsigned int done = 0;
	u64 seed;

	for (seed = 1; seed <= SEEDS; seed++) {
		memory_copy(&t.before, whole);
		if (!damage_apply(&t.before, d, seed))
			continue;
		if (seed & 1)
			set_dirty(&t.before);
		t.mode = REPAIR_ALL;
		try_repair(&t);
		done++;
		if (t.found.corruptions || t.found.check_errors)
			continue;
		t.mode = REPAIR_LEAKS;
		try_repair(&t);
		done++;
	}
	memory_free(&t.before);
	return done;
}

static void try_image(unsigned int number, const char *path)
{
	u64 before = states, failed = failures;
	unsigned int trials = 0;
	const struct damage *d;
	struct memory whole;

	memory_load(&whole, path);
	for (d = damages; d->name; d++)
		if (d->mendable)
			trials += try_damage(&whole, d);
	memory_free(&whole);
	printf("%sok %u cuts: %s: %llu states of %u repairs\n",
	       failures > failed || states == before ? "not " : "", number,
	       strrchr(path, '/') ? strrchr(path, '/') + 1 : path,
	       states - before, trials);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int i;

	printf("KTAP version 1\n1..%d\n", argc - 1);
	for (i = 1; i < argc; i++)
		try_image(i, argv[i]);
	check_free(&check);
	return failures ? 1 : 0;
}
