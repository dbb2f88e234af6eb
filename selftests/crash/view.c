// SPDX-License-Identifier: GPL-2.0
#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image.h"
#include "report.h"
#include "sector.h"

#define MAX_ENTRIES	((2 << 20) / 8)

/** struct chunk - neighbouring bytes of the guest and where they lie */
struct chunk {
	struct view *view;
	struct image *image;
	u64 pos, len;		/* guest bytes */
	const u8 *data;		/* NULL: zeros */
};

struct span span_load(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	struct span span = { 0 };

	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", path);
	span.size = st.st_size;
	if (span.size)
		span.data = mmap(NULL, span.size, PROT_READ, MAP_PRIVATE, fd,
				 0);
	if (span.data == MAP_FAILED)
		err(1, "%s", path);
	close(fd);
	return span;
}

bool image_parse(struct image *image)
{
	const struct medium *m = &image->medium[0];
	struct qcow_fault fault;

	if (!qcow2_header_parse(m->state, m->state_size, &image->header,
				&fault))
		return true;
	report_problem(PROMISE_METADATA, "%s: %s", fault.structure,
		       fault.problem);
	return false;
}

static void *array(u64 count, size_t size)
{
	void *p = calloc(count, size);

	if (!p)
		err(1, "map");
	return p;
}

void view_init(struct view *view, const struct image *image,
	       struct span content, const struct oracle *oracle)
{
	u64 cluster = 1ULL << image->geo.cluster_bits;

	view->content = content;
	view->oracle = oracle;
	view->clusters = (content.size + cluster - 1) / cluster;
	view->map = array(view->clusters, sizeof(*view->map));
	view->again = array(view->clusters, sizeof(bool));
	memset(view->again, 1, view->clusters);
	view->restless = true;
}

void view_free(struct view *view)
{
	free(view->map);
	free(view->again);
}

void view_look_again(struct view *view, u64 index)
{
	view->again[index] = true;
	view->restless = true;
}

void view_remember(const struct view *view, struct image *image)
{
	struct origin *o = &image->origins[image->nr_origins++];
	struct qcow2_l2_entry *map = array(view->clusters, sizeof(*map));

	memcpy(map, view->map, view->clusters * sizeof(*map));
	*o = (struct origin){ map, view->clusters, view->content.data };
}

static enum promise promise_of(const struct view *view)
{
	return view->name ? PROMISE_SNAPSHOT : PROMISE_CONTENT;
}

static bool complain(const struct view *view, u64 pos, const char *what)
{
	report_problem(promise_of(view), "%s: guest offset %#llx %s",
		       view->name ?: "active disk", pos, what);
	return false;
}

/* --- Content --- */

static const char *object(const struct view *view, u64 sector, const u8 *data)
{
	const u8 *initial = view->content.data + sector * SECTOR_SIZE;

	if (view->oracle)
		return oracle_objects(view->oracle, sector, data);
	if (data ? !memcmp(data, initial, SECTOR_SIZE) :
	    sector_is_zero(initial))
		return NULL;
	return "is not what the snapshot holds";
}

static bool copy_bytes(const struct chunk *c)
{
	if (c->data)
		memcpy(c->view->copy + c->pos, c->data, c->len);
	else
		memset(c->view->copy + c->pos, 0, c->len);
	return true;
}

static bool check_bytes(const struct chunk *c)
{
	const char *objection;
	bool fine = true;
	u64 i;

	if (c->view->copy)
		return copy_bytes(c);
	for (i = 0; i < c->len; i += SECTOR_SIZE) {
		objection = object(c->view, (c->pos + i) / SECTOR_SIZE,
				   c->data ? c->data + i : NULL);
		if (objection)
			fine = complain(c->view, c->pos + i, objection);
	}
	return fine;
}

/* The backing file may end in the middle. */
static bool check_backing(struct chunk c)
{
	u64 end = c.image->backing.size, len = c.len;

	if (c.pos < end) {
		c.data = c.image->backing.data + c.pos;
		if (c.len > end - c.pos)
			c.len = end - c.pos;
		if (!check_bytes(&c))
			return false;
		c.pos += c.len;
		c.len = len - c.len;
	}
	c.data = NULL;
	return check_bytes(&c);
}

static bool check_host(struct chunk c, u64 host)
{
	const struct image *image = c.image;

	c.data = medium_at(&image->medium[image->geo.external_data], host,
			   c.len);
	if (!c.data)
		return complain(c.view, c.pos, "is mapped behind the end");
	return check_bytes(&c);
}

/* Whichever disk had the cluster then, it read the same there. */
static const u8 *content_of_compressed(const struct chunk *c,
				       const struct qcow2_l2_entry *e)
{
	u64 index = c->pos >> c->image->geo.cluster_bits;
	const struct origin *o = c->image->origins, *end;

	end = o + c->image->nr_origins;
	if (o == end)
		return c->view->content.data + c->pos;
	for (; o < end; o++)
		if (index < o->clusters && o->map[index].entry == e->entry)
			return o->content + c->pos;
	return NULL;
}

/* Nobody writes such clusters: one is as it was or is no longer there. */
static bool check_compressed(struct chunk c, const struct qcow2_l2_entry *e)
{
	const u8 *content = content_of_compressed(&c, e);
	const struct span *initial = &c.image->initial;
	struct qcow2_compressed at;
	const u8 *now;
	u64 len;

	if (!content)
		return complain(c.view, c.pos, "has a new compressed cluster");
	qcow2_compressed_decode(&c.image->geo, e->entry, &at);
	len = at.length;
	if (at.host_offset + len > initial->size)
		len = initial->size - at.host_offset;
	now = medium_at(&c.image->medium[0], at.host_offset, len);
	if (!now || memcmp(now, initial->data + at.host_offset, len))
		return complain(c.view, c.pos, "has a changed compressed cluster");
	c.data = content;
	return check_bytes(&c);
}

/* --- Clusters --- */

static bool check_type(const struct chunk *c, enum qcow2_cluster_type type,
		       u64 host)
{
	switch (type) {
	case QCOW2_CLUSTER_NORMAL:
		return check_host(*c, host);
	case QCOW2_CLUSTER_UNALLOCATED:
		return check_backing(*c);
	default:
		return check_bytes(c);
	}
}

static bool check_subclusters(struct chunk c, const struct qcow2_l2_entry *e)
{
	const struct qcow2_geometry *geo = &c.image->geo;
	enum qcow2_cluster_type type = qcow2_cluster_type(geo, e->entry);
	u64 host = e->entry & QCOW2_L2E_OFFSET_MASK, end = c.pos + c.len;
	u64 size = 1ULL << geo->subcluster_bits;
	bool fine = true;
	unsigned int sc;

	for (sc = 0; c.pos < end; sc++, c.pos += size) {
		c.len = size < end - c.pos ? size : end - c.pos;
		fine &= check_type(&c, qcow2_subcluster_type(type, e->bitmap,
							     sc),
				   host + sc * size);
	}
	return fine;
}

static bool check_mapped(const struct chunk *c, const struct qcow2_l2_entry *e)
{
	const struct qcow2_geometry *geo = &c->image->geo;
	enum qcow2_cluster_type type = qcow2_cluster_type(geo, e->entry);

	if (type == QCOW2_CLUSTER_COMPRESSED)
		return check_compressed(*c, e);
	if (geo->extended_l2)
		return check_subclusters(*c, e);
	return check_type(c, type, e->entry & QCOW2_L2E_OFFSET_MASK);
}

static bool check_cluster(const struct chunk *c,
			  const struct qcow2_l2_entry *e)
{
	struct qcow_fault fault;

	if (!qcow2_l2_entry_check(&c->image->geo, c->pos, e, &fault))
		return check_mapped(c, e);
	report_problem(promise_of(c->view),
		       "corrupt %s: guest %#llx: %s (%#llx)", fault.structure,
		       c->pos, fault.problem, fault.value);
	return false;
}

/* Of a plain cluster only what was touched need be looked at. */
static bool check_touched(struct chunk c, const struct qcow2_l2_entry *e)
{
	const struct medium *m = &c.image->medium[c.image->geo.external_data];
	u64 host = e->entry & QCOW2_L2E_OFFSET_MASK, end = c.pos + c.len;
	u64 unit = 1ULL << m->unit_bits;
	bool fine = true;

	for (; c.pos < end; c.pos += unit, host += unit) {
		c.len = unit < end - c.pos ? unit : end - c.pos;
		if (medium_is_touched(m, c.view->seen, host, c.len))
			fine &= check_host(c, host);
	}
	return fine;
}

static bool is_touched(const struct view *view, const struct image *image,
		       const struct qcow2_l2_entry *e)
{
	const struct medium *m = &image->medium[image->geo.external_data];
	struct qcow2_compressed at;

	switch (qcow2_cluster_type(&image->geo, e->entry)) {
	case QCOW2_CLUSTER_NORMAL:
		return m->changed > view->seen &&
		       medium_is_touched(m, view->seen,
					 e->entry & QCOW2_L2E_OFFSET_MASK,
					 1ULL << image->geo.cluster_bits);
	case QCOW2_CLUSTER_COMPRESSED:
		qcow2_compressed_decode(&image->geo, e->entry, &at);
		return medium_is_touched(m, view->seen, at.host_offset,
					 at.length);
	default:
		return false;
	}
}

static bool is_plain(const struct image *image, const struct qcow2_l2_entry *e)
{
	return !image->geo.extended_l2 &&
	       qcow2_cluster_type(&image->geo, e->entry) ==
	       QCOW2_CLUSTER_NORMAL;
}

static void visit(struct view *view, struct image *image, u64 index,
		  const struct qcow2_l2_entry *e)
{
	struct chunk c = {
		.view = view, .image = image,
		.pos = index << image->geo.cluster_bits,
		.len = 1ULL << image->geo.cluster_bits,
	};
	bool same;

	if (view->copy) {
		check_cluster(&c, e);
		return;
	}
	same = !view->again[index] &&
	       !memcmp(e, &view->map[index], sizeof(*e));
	if (same && !is_touched(view, image, e))
		return;
	if (c.len > view->content.size - c.pos)
		c.len = view->content.size - c.pos;
	view->map[index] = *e;
	view->again[index] = same && is_plain(image, e) ?
		!check_touched(c, e) : !check_cluster(&c, e);
	view->restless |= view->again[index];
}

/* --- Tables --- */

static void visit_table(struct view *view, struct image *image, u64 first,
			const u64 *word)
{
	unsigned int words = image->geo.extended_l2 ? 2 : 1;
	u64 i, n = 1ULL << image->geo.l2_bits;
	struct qcow2_l2_entry e = { 0 };

	if (n > view->clusters - first)
		n = view->clusters - first;
	for (i = 0; i < n; i++) {
		e.entry = word[i * words];
		if (words == 2)
			e.bitmap = word[i * words + 1];
		visit(view, image, first + i, &e);
	}
}

static void visit_l1_entry(struct view *view, struct image *image, u64 index,
			   u64 entry)
{
	u64 size = 1ULL << image->geo.cluster_bits;
	u64 offset = entry & QCOW2_L1E_OFFSET_MASK;
	static u64 words[MAX_ENTRIES];
	struct qcow_fault fault;
	const u8 *table;

	if (qcow2_l1_entry_check(&image->geo, index, entry, &fault))
		return report_problem(promise_of(view), "%s: L1 entry %llu: %s",
				      view->name ?: "active disk", index,
				      fault.problem);
	table = medium_at(&image->medium[0], offset, size);
	if (!table)
		return report_problem(promise_of(view),
				      "%s: L2 table %llu lies behind the end",
				      view->name ?: "active disk", index);
	if (offset)
		qcow2_be64_decode(words, table, size / 8);
	else
		memset(words, 0, size);
	visit_table(view, image, index << image->geo.l2_bits, words);
}

static void visit_all(struct view *view, struct image *image, u64 l1_offset,
		      u32 l1_size)
{
	u64 i, entry, need = qcow2_l1_entries(&image->geo, view->content.size);
	const u8 *table;

	table = medium_at(&image->medium[0], l1_offset, need * 8);
	if (l1_size < need || !table)
		return report_problem(promise_of(view), "%s: L1 table",
				      view->name ?: "active disk");
	for (i = 0; i < need; i++) {
		qcow2_be64_decode(&entry, table + i * 8, 1);
		visit_l1_entry(view, image, i, entry);
	}
}

static bool is_as_seen(const struct view *view, const struct image *image,
		       u64 l1_offset)
{
	return !view->restless && l1_offset == view->l1_offset &&
	       image->medium[0].changed <= view->seen &&
	       image->medium[1].changed <= view->seen;
}

void view_check(struct view *view, struct image *image, u64 l1_offset,
		u32 l1_size)
{
	u64 problems = report.problems[promise_of(view)];

	if (!is_as_seen(view, image, l1_offset)) {
		view->restless = false;
		visit_all(view, image, l1_offset, l1_size);
		view->restless |= report.problems[promise_of(view)] > problems;
	}
	view->l1_offset = l1_offset;
	view->seen = image->medium[0].clock;
}

void view_copy(struct view *view, struct image *image, u64 l1_offset,
	       u32 l1_size, u8 *to)
{
	view->copy = to;
	visit_all(view, image, l1_offset, l1_size);
	view->copy = NULL;
}
