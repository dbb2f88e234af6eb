// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "chunk.h"
#include "copy.h"
#include "error.h"
#include "pump.h"
#include "squeeze.h"

enum { CHUNK = 1 << 18, BLOCK = 4096, SUBCLUSTERS = QCOW2_SUBCLUSTERS };

/* What becomes of a cluster of the new image. */
enum fate {
	FATE_NONE,		/* what is behind the image shows through */
	FATE_ZERO,
	FATE_DATA,
	FATE_STREAM,		/* compressed */
};

/**
 * struct unit - a cluster of the new image; of a raw one the whole piece
 * @bytes:	what is written: at @length bytes
 * @host:	where, in the file that has the data
 * @placed:	zeros too have such a place, whose bytes are read
 * @bitmap:	extended L2: which subclusters hold data or zeros
 */
struct unit {
	enum fate fate;
	const u8 *bytes;
	u64 length;
	u64 host;
	bool placed;
	u64 bitmap;
};

/**
 * struct piece - the work of one thread
 * @units:	@nr of them, each of @unit bytes of the disk
 * @streams:	room for their compressed bytes
 */
struct piece {
	struct chunk chunk;
	struct unit *units;
	size_t nr;
	u8 *streams;
	struct squeeze *squeeze;
};

static bool is_qcow2(const struct copy *c)
{
	return c->to->n->format == QCOW_FORMAT_QCOW2;
}

static u64 unit_size(const struct copy *c)
{
	return is_qcow2(c) ? 1ULL << c->to->n->cluster_bits : CHUNK;
}

/* Whole clusters of the new image. */
static u64 chunk_size(const struct copy *c)
{
	return unit_size(c) > CHUNK ? unit_size(c) : CHUNK;
}

/* Bytes that are not written read as zeros, or nobody reads them. */
static bool may_skip_zeros(const struct copy *c)
{
	return c->zeroed || !target_data(c->to)->in_place;
}

/* --- Take: what comes next --- */

static u64 disk_size(const struct copy *c)
{
	return c->from->layers[0].size;
}

/* Zeros that need nothing are passed over, however many they are. */
static bool zeros_need_nothing(const struct copy *c)
{
	const struct newimage *n = c->to->n;

	return c->sparse && may_skip_zeros(c) && !n->backing &&
	       !n->preallocation && !n->data_file_raw;
}

static int skip_zeros(struct copy *c)
{
	u64 size = chunk_size(c), whole;
	struct extent e;
	int ret = 0;

	while (c->next < disk_size(c)) {
		ret = views_at(c->from, c->next, &e);
		if (ret || e.data)
			break;
		whole = e.length / size * size;
		if (c->next + e.length == disk_size(c))
			whole = e.length;
		if (!whole)
			break;
		c->next += whole;
		progress_step(c->progress, whole);
	}
	return ret;
}

static int take(void *ctx, void *into)
{
	struct copy *c = ctx;
	struct piece *p = into;
	u64 start, length = chunk_size(c);
	int ret = 0;

	if (zeros_need_nothing(c))
		ret = skip_zeros(c);
	if (ret)
		return ret;
	start = c->next;
	if (start >= disk_size(c))
		return PUMP_END;
	if (length > disk_size(c) - start)
		length = disk_size(c) - start;
	c->next += length;
	return chunk_look(&p->chunk, c->from, start, length);
}

/* --- Prepare: read, look for zeros, compress --- */

static u64 length_of(const struct copy *c, const struct piece *p, size_t i)
{
	u64 left = p->chunk.length - i * unit_size(c);

	return left < unit_size(c) ? left : unit_size(c);
}

static bool in_top_layer(const struct extent *e)
{
	return e->present && !e->depth;
}

/* Is any of it in the top layer? */
static bool touches_top(const struct copy *c, const struct piece *p, size_t i)
{
	u64 start = p->chunk.start + i * unit_size(c);
	u64 end = start + length_of(c, p, i);
	const struct extent *e;
	size_t j;

	for (j = 0; j < p->chunk.nr; j++) {
		e = &p->chunk.extents[j];
		if (in_top_layer(e) && e->start < end &&
		    e->start + e->length > start)
			return true;
	}
	return false;
}

/* Subclusters of zeros are not written. */
static u64 bitmap_of(const struct copy *c, const struct unit *u)
{
	u64 size = unit_size(c) / SUBCLUSTERS, at, bitmap = 0;
	unsigned int i;

	for (i = 0; i < SUBCLUSTERS; i++) {
		at = i * size;
		if (at < u->length && (!c->sparse ||
		    !bytes_are_zero(u->bytes + at, u->length - at < size ?
				    u->length - at : size)))
			bitmap |= 1ULL << i;
		else if (c->to->w.zero_flag)
			bitmap |= 1ULL << (SUBCLUSTERS + i);
	}
	return bitmap;
}

static void try_stream(const struct copy *c, struct piece *p, struct unit *u,
		       u8 **room)
{
	u64 size = unit_size(c);
	size_t length;

	/* What is behind the disk's end is compressed too. */
	memset((u8 *)u->bytes + u->length, 0, size - u->length);
	length = squeeze_cluster(p->squeeze, u->bytes, size, *room);
	if (!length)
		return;
	u->fate = FATE_STREAM;
	u->bytes = *room;
	u->length = length;
	*room += length;
}

static void judge(const struct copy *c, struct piece *p, size_t i, bool zero)
{
	struct unit *u = &p->units[i];

	*u = (struct unit){
		.fate = FATE_DATA, .bytes = p->chunk.data + i * unit_size(c),
		.length = length_of(c, p, i),
	};
	if (c->top_only && !touches_top(c, p, i))
		u->fate = FATE_NONE;
	else if (c->sparse && (zero || bytes_are_zero(u->bytes, u->length)))
		u->fate = FATE_ZERO;
}

static void prepare_units(const struct copy *c, struct piece *p, bool zero)
{
	u8 *room = p->streams;
	struct unit *u;
	size_t i;

	p->nr = DIV_ROUND_UP(p->chunk.length, unit_size(c));
	for (i = 0; i < p->nr; i++) {
		judge(c, p, i, zero);
		u = &p->units[i];
		if (u->fate != FATE_DATA)
			continue;
		if (c->compress)
			try_stream(c, p, u, &room);
		else if (is_qcow2(c) && c->to->n->extended_l2)
			u->bitmap = bitmap_of(c, u);
	}
}

static int prepare(void *ctx, void *what)
{
	struct copy *c = ctx;
	struct piece *p = what;
	bool zero = chunk_is_zero(&p->chunk) && c->sparse;
	int ret = 0;

	if (!zero)
		ret = chunk_read(&p->chunk);
	if (!ret)
		prepare_units(c, p, zero);
	return ret;
}

/* --- Pass: where it goes --- */

/* A place for zeros where there is no way to say that they are zeros, and
 * where all clusters are to have one.
 */
static int pass_zero(struct copy *c, struct unit *u, u64 guest)
{
	const struct newimage *n = c->to->n;
	u64 zeros = c->to->w.zero_flag ? GENMASK_ULL(63, 32) : 0;

	if (!n->preallocation && !n->data_file_raw &&
	    (n->version >= 3 || !n->backing))
		return writer_place_zero(&c->to->w, guest);
	u->placed = true;
	return writer_place(&c->to->w, guest, n->extended_l2 ? zeros : 0,
			    &u->host);
}

static int pass_unit(struct copy *c, struct unit *u, u64 guest)
{
	if (!is_qcow2(c)) {
		u->host = guest;
		u->placed = true;
		return 0;
	}
	switch (u->fate) {
	case FATE_ZERO:
		return pass_zero(c, u, guest);
	case FATE_DATA:
		if (c->compress && c->to->n->extended_l2)
			u->bitmap = bitmap_of(c, u);
		return writer_place(&c->to->w, guest, u->bitmap, &u->host);
	case FATE_STREAM:
		return writer_place_stream(&c->to->w, guest, u->length,
					   &u->host);
	default:
		return 0;
	}
}

static int pass(void *ctx, void *what)
{
	struct copy *c = ctx;
	struct piece *p = what;
	u64 guest = p->chunk.start;
	int ret = 0;
	size_t i;

	for (i = 0; !ret && i < p->nr; i++, guest += unit_size(c))
		ret = pass_unit(c, &p->units[i], guest);
	progress_step(c->progress, p->chunk.length);
	return ret;
}

/* --- Finish: write --- */

/* Bytes that lie together in memory and in the file. */
struct run {
	const u8 *bytes;
	u64 host;
	u64 length;
};

static int flush(struct copy *c, struct run *r)
{
	int ret = 0;

	if (r->length)
		ret = fresh_write(target_data(c->to), r->bytes, r->length,
				  r->host);
	r->length = 0;
	return ret;
}

static int emit(struct copy *c, struct run *r, const u8 *bytes, u64 length,
		u64 host)
{
	int ret = 0;

	if (bytes != r->bytes + r->length || host != r->host + r->length)
		ret = flush(c, r);
	if (!r->length)
		*r = (struct run){ bytes, host, 0 };
	r->length += length;
	return ret;
}

static bool zeros_take_no_room(const struct copy *c)
{
	return c->sparse && may_skip_zeros(c) &&
	       c->to->n->preallocation != PREALLOCATION_FULL;
}

/* Zeros between data that are too few to be left out are written. */
static int emit_sparsely(struct copy *c, struct run *r, const struct unit *u)
{
	u64 step = c->sparse < BLOCK ? c->sparse : BLOCK;
	u64 at, n, zeros = 0;
	int ret = 0;

	for (at = 0; !ret && at < u->length; at += n) {
		n = u->length - at < step ? u->length - at : step;
		if (bytes_are_zero(u->bytes + at, n)) {
			zeros += n;
			continue;
		}
		if (zeros >= c->sparse)
			zeros = 0;
		ret = emit(c, r, u->bytes + at - zeros, n + zeros,
			   u->host + at - zeros);
		zeros = 0;
	}
	return ret;
}

/* Of the last cluster, what lies behind the disk's end as well: the disk may
 * become longer.
 */
static u64 room_of(const struct copy *c, const struct unit *u)
{
	return is_qcow2(c) && !c->to->n->data_file ? unit_size(c) : u->length;
}

static int finish_data(struct copy *c, struct run *r, const struct unit *u)
{
	int ret;

	if (zeros_take_no_room(c))
		return emit_sparsely(c, r, u);
	ret = emit(c, r, u->bytes, u->length, u->host);
	if (ret || may_skip_zeros(c))
		return ret;
	return fresh_zero(target_data(c->to), u->host + u->length,
			  room_of(c, u) - u->length);
}

static int finish_zero(struct copy *c, const struct unit *u)
{
	const struct newimage *n = c->to->n;

	if (!u->placed)
		return 0;
	if (n->preallocation == PREALLOCATION_FULL)
		return fresh_fill(target_data(c->to), u->host, room_of(c, u));
	if (!may_skip_zeros(c))
		return fresh_zero(target_data(c->to), u->host, room_of(c, u));
	return 0;
}

static int finish_unit(struct copy *c, struct run *r, const struct unit *u)
{
	switch (u->fate) {
	case FATE_ZERO:
		return finish_zero(c, u);
	case FATE_DATA:
		return finish_data(c, r, u);
	case FATE_STREAM:
		return emit(c, r, u->bytes, u->length, u->host);
	default:
		return 0;
	}
}

static int finish(void *ctx, void *what)
{
	struct copy *c = ctx;
	struct piece *p = what;
	struct run r = { .length = 0 };
	int ret = 0;
	size_t i;

	for (i = 0; !ret && i < p->nr; i++)
		ret = finish_unit(c, &r, &p->units[i]);
	return ret ?: flush(c, &r);
}

/* --- The whole --- */

static struct piece *piece_new(const struct copy *c)
{
	struct piece *p = xcalloc(1, sizeof(*p));

	chunk_init(&p->chunk, chunk_size(c));
	p->units = xcalloc(chunk_size(c) / unit_size(c), sizeof(*p->units));
	if (c->compress) {
		p->streams = xcalloc(chunk_size(c), 1);
		p->squeeze = squeeze_new(c->to->n->compression_type);
	}
	return p;
}

static void piece_free(struct piece *p)
{
	chunk_free(&p->chunk);
	squeeze_free(p->squeeze);
	free(p->streams);
	free(p->units);
	free(p);
}

static const struct pump_steps steps = {
	.take = take, .prepare = prepare, .pass = pass, .finish = finish,
};

int copy_run(struct copy *c)
{
	void **pieces = xcalloc(c->threads, sizeof(*pieces));
	unsigned int i;
	int ret;

	for (i = 0; i < c->threads; i++)
		pieces[i] = piece_new(c);
	ret = pump_run(&steps, c, pieces, c->threads);
	for (i = 0; i < c->threads; i++)
		piece_free(pieces[i]);
	free(pieces);
	return ret;
}
