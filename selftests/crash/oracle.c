// SPDX-License-Identifier: GPL-2.0
#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "oracle.h"
#include "sector.h"

struct request {
	struct request *next;
	struct record head;
	u32 *done;	/* of a flush: base_done when it began */
};

static const u8 zeros[SECTOR_SIZE];

static void *array(u64 count)
{
	void *p = calloc(count, sizeof(u32));

	if (!p)
		err(1, "oracle");
	return p;
}

/* --- What the load says --- */

static int compare(const void *a, const void *b)
{
	const u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void read_zeroes(struct oracle *o, FILE *file)
{
	size_t room = 0;
	u32 pair[2];

	while (fread(pair, sizeof(pair), 1, file) == 1) {
		if (o->nr_zeroes == room) {
			room = room * 2 + 1024;
			o->zeroes = realloc(o->zeroes, room * sizeof(u64));
			if (!o->zeroes)
				err(1, "zeroes");
		}
		o->zeroes[o->nr_zeroes++] = (u64)pair[0] << 32 | pair[1];
	}
	qsort(o->zeroes, o->nr_zeroes, sizeof(u64), compare);
}

static void read_versions(struct oracle *o, const char *path)
{
	FILE *file = fopen(path, "r");

	if (!file)
		err(1, "%s", path);
	if (fread(o->final, sizeof(u32), o->largest, file) != o->largest)
		errx(1, "%s: too short", path);
	read_zeroes(o, file);
	fclose(file);
}

static bool is_zeroed(const struct oracle *o, u64 s, u32 version)
{
	u64 key = s << 32 | version;

	return bsearch(&key, o->zeroes, o->nr_zeroes, sizeof(u64), compare);
}

void oracle_init(struct oracle *o, const u8 *initial, u64 sectors, u64 largest,
		 const char *versions)
{
	o->sectors = sectors;
	o->largest = largest;
	o->initial = initial;
	o->base = array(largest);
	o->begun = array(largest);
	o->zeroed = array(largest);
	o->base_begun = array(largest);
	o->base_done = array(largest);
	o->floor = array(largest);
	o->final = array(largest);
	read_versions(o, versions);
}

void oracle_next(const struct oracle *o, struct oracle *next,
		 const u8 *initial, u64 sectors)
{
	if (o->requests)
		errx(1, "record: request %llu is under way while the structure changes",
		     o->requests->head.id);
	if (sectors > o->largest)
		errx(1, "record: a disk of %llu sectors", sectors);
	*next = *o;
	next->initial = initial;
	next->sectors = sectors;
	next->floor = array(o->largest);
	next->base = array(o->largest);
	memcpy(next->base, o->begun, o->largest * sizeof(u32));
}

void oracle_free(struct oracle *o)
{
	free(o->floor);
	free(o->base);
}

/* --- Requests --- */

static unsigned int op_of(const struct record *head)
{
	return head->arg & RECORD_OP_MASK;
}

static bool changes(const struct record *head)
{
	switch (op_of(head)) {
	case RECORD_OP_WRITE:
	case RECORD_OP_DISCARD:
	case RECORD_OP_ZEROES:
		return true;
	}
	return false;
}

static u64 first_of(const struct record *head)
{
	return head->pos / SECTOR_SIZE;
}

static u64 end_of(const struct oracle *o, const struct record *head)
{
	u64 end = (head->pos + head->len) / SECTOR_SIZE;

	if (end > o->sectors)
		errx(1, "record: a request beyond the disk's end");
	return end;
}

static void new_version(struct oracle *o, u64 s, unsigned int op)
{
	o->begun[s]++;
	if (op != RECORD_OP_DISCARD)
		o->base_begun[s] = o->begun[s];
	if (op != RECORD_OP_WRITE || is_zeroed(o, s, o->begun[s]))
		o->zeroed[s] = o->begun[s];
}

static void keep(struct oracle *o, const struct record *head)
{
	struct request *r = calloc(1, sizeof(*r));

	if (!r)
		err(1, "request");
	r->head = *head;
	if (op_of(head) == RECORD_OP_FLUSH) {
		r->done = array(o->largest);
		memcpy(r->done, o->base_done, o->largest * sizeof(u32));
	}
	r->next = o->requests;
	o->requests = r;
}

void oracle_begin(struct oracle *o, const struct record *head)
{
	u64 s;

	if (changes(head))
		for (s = first_of(head); s < end_of(o, head); s++)
			new_version(o, s, op_of(head));
	keep(o, head);
}

static struct request *take(struct oracle *o, u64 id)
{
	struct request **at, *r;

	for (at = &o->requests; (r = *at); at = &r->next) {
		if (r->head.id == id) {
			*at = r->next;
			return r;
		}
	}
	errx(1, "record: an answer to %llu, which was not asked", id);
}

static void rise(struct oracle *o, u64 first, u64 end, const u32 *done,
		 oracle_risen risen, void *ctx)
{
	u64 s;

	for (s = first; s < end; s++) {
		if (done[s] <= o->floor[s])
			continue;
		o->floor[s] = done[s];
		risen(ctx, s);
	}
}

static bool finish(struct oracle *o, const struct request *r,
		   oracle_risen risen, void *ctx)
{
	const struct record *head = &r->head;
	u64 s;

	if (r->done) {
		rise(o, 0, o->sectors, r->done, risen, ctx);
		return true;
	}
	if (!changes(head))
		return false;
	/* nobody else has these sectors in flight */
	for (s = first_of(head); s < end_of(o, head); s++)
		o->base_done[s] = o->base_begun[s];
	if (!(head->arg & RECORD_OP_FUA))
		return false;
	rise(o, first_of(head), end_of(o, head), o->base_done, risen, ctx);
	return true;
}

bool oracle_end(struct oracle *o, const struct record *head,
		oracle_risen risen, void *ctx)
{
	struct request *r = take(o, head->id);
	bool promise;

	if (head->result)
		errx(1, "record: request %llu failed: %d", head->id,
		     head->result);
	promise = finish(o, r, risen, ctx);
	free(r->done);
	free(r);
	return promise;
}

/* --- Judgement --- */

static const char *about_version(const struct oracle *o, u64 s, u64 version)
{
	if (version < o->floor[s])
		return "is older than a completed flush";
	if (version > o->begun[s])
		return "was never written";
	return NULL;
}

static const char *about_initial(const struct oracle *o, u64 s, const u8 *data)
{
	if (memcmp(data, o->initial + s * SECTOR_SIZE, SECTOR_SIZE))
		return sector_is_zero(data) ? "has lost its content" :
		       "has bytes that were never its own";
	return o->floor[s] > o->base[s] ?
	       "is as before the load, in spite of a flush" : NULL;
}

const char *oracle_objects(const struct oracle *o, u64 s, const u8 *data)
{
	uint64_t number, version;

	if (!data)
		data = zeros;
	if (!sector_read(data, &number, &version)) {
		if (o->zeroed[s] > o->base[s] &&
		    o->zeroed[s] >= o->floor[s] && sector_is_zero(data))
			return NULL;
		return about_initial(o, s, data);
	}
	if (number != s)
		return "is another sector's";
	if (version & SECTOR_LAYER || version <= o->base[s])
		return about_initial(o, s, data);
	return about_version(o, s, version);
}

const char *oracle_objects_now(const struct oracle *o, u64 s, const u8 *data)
{
	struct oracle now = *o;

	now.floor = o->base_done;
	return oracle_objects(&now, s, data);
}

void oracle_compare(const struct oracle *o)
{
	u64 s;

	for (s = 0; s < o->largest; s++)
		if (o->final[s] != o->begun[s])
			errx(1, "sector %llu: the load counted %u changes, the record has %u",
			     s, o->final[s], o->begun[s]);
}
