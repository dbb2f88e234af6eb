// SPDX-License-Identifier: GPL-2.0
/*
 * A whole image file: it is checked, repaired, and checked again.  What a
 * check says can be repaired is repaired, and a repair makes nothing worse.
 */
#include <string.h>

#include "fuzz.h"
#include "memory.h"

static void see_line(void *ctx, const char *line)
{
	(void)ctx;
	promise(*line && strlen(line) < 400);
}

static int run_check(struct check *c, struct memory *m, struct check_result *r)
{
	struct check_source src = memory_source(m);
	int err = check_image(c, &src, r, see_line, NULL);

	promise(err <= 0);
	if (err)
		return err;
	promise(r->too_low + r->copied_wrong + r->overlaps + r->blocks_wrong <=
		r->corruptions);
	promise(r->compressed_clusters <= r->allocated_clusters);
	promise(r->fragmented_clusters <= r->allocated_clusters);
	return 0;
}

static void judge(const struct check_result *found,
		  const struct check_result *left, bool done)
{
	/* Of lasting damage one piece may hide another. */
	if (check_result_lasting(found))
		return;
	promise(!left->corruptions || !done);
	promise(!left->leaks || !done);
	promise(!check_result_lasting(left));
	promise(left->too_low <= found->too_low);
}

static void repair(struct check *c, struct memory *m,
		   const struct check_result *found)
{
	struct check_source src = memory_source(m);
	struct repair_sink sink = memory_sink(m);
	struct check_result left;
	int err;

	err = repair_image(c, &src, &sink, REPAIR_ALL, found, see_line, NULL);
	promise(err <= 0);
	promise(m->size == src.size);
	promise(!run_check(c, m, &left));
	judge(found, &left, !err);
	promise(!repair_finish(c, &sink, &left));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory m = { .bytes = NULL };
	struct check_result found;
	static struct check c;

	memory_write(&m, data, size, 0);
	if (!run_check(&c, &m, &found)) {
		accepted();
		repair(&c, &m, &found);
	}
	memory_free(&m);
	return 0;
}
