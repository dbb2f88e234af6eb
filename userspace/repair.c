// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "copied.h"
#include "format/l2.h"
#include "lower.h"
#include "shadow.h"

/* Where the header has them: in its first sector, so all or nothing changes. */
#define INCOMPATIBLE_FEATURES	72
#define AUTOCLEAR_FEATURES	88

/* New refcounts aside, where more than leaks is to be mended. */
static bool wants_rebuild(const struct plan *p, const struct check_result *f)
{
	return p->aim != AT_MOST &&
	       (f->too_low || f->blocks_wrong || f->check_errors);
}

static bool wants_lowering(const struct plan *p, const struct check_result *f)
{
	return p->aim != AT_LEAST && f->leaks && !check_result_lasting(f);
}

/*
 * What damaged tables referred to looks leaked: where there are some, nothing
 * is freed.
 */
static enum aim aim_of(enum repair_mode mode, const struct check_result *f)
{
	if (mode == REPAIR_ALL)
		return check_result_lasting(f) ? AT_LEAST : EXACT;
	return AT_MOST;
}

/* Nothing but lower refcounts; flags only if these are right then. */
static bool flags_too(enum repair_mode mode, const struct check_result *f)
{
	return mode == REPAIR_ALL ||
	       (f->corruptions == f->copied_wrong + f->raw_wrong &&
		!f->check_errors);
}

static int write_features(const struct repair_sink *sink, u64 features,
			  u64 pos)
{
	u8 raw[sizeof(features)];

	qcow2_be64_encode(raw, &features, 1);
	return sink->write(sink->ctx, raw, sizeof(raw), pos)
	       ?: sink->sync(sink->ctx);
}

static int mend_features(const struct plan *p)
{
	return write_features(p->sink, p->c->header.autoclear_features &
			      ~QCOW2_AUTOCLEAR_DATA_FILE_RAW,
			      AUTOCLEAR_FEATURES);
}

static int do_repair(struct plan *p, const struct check_result *f, bool flags)
{
	bool set = p->aim != AT_LEAST;
	int err = 0;

	p->block = malloc(cluster_size(p));
	p->old = malloc(cluster_size(p));
	if (!p->block || !p->old)
		return -ENOMEM;
	if (wants_rebuild(p, f))
		err = shadow_rebuild(p);
	else if (wants_lowering(p, f))
		err = lower_leaks(p);
	if (!err && flags)
		err = copied_mend_l1(p, set) ?: copied_mend_l2(p, set) ?:
		      plan_sync(p);
	return err;
}

int repair_image(struct check *c, struct check_source *src,
		 const struct repair_sink *sink, enum repair_mode mode,
		 const struct check_result *found, check_report report,
		 void *ctx)
{
	struct plan p = {
		.c = c, .src = src, .sink = sink, .report = report, .ctx = ctx,
		.aim = aim_of(mode, found),
	};
	int err;

	err = do_repair(&p, found, flags_too(mode, found));
	if (!err && mode == REPAIR_ALL && found->raw_wrong)
		err = mend_features(&p);
	free(p.block);
	free(p.old);
	free(p.table);
	return err;
}

int repair_finish(const struct check *c, const struct repair_sink *sink,
		  const struct check_result *left)
{
	u64 features = c->header.incompatible_features;

	if (left->corruptions || left->check_errors ||
	    !(features & (QCOW2_INCOMPAT_DIRTY | QCOW2_INCOMPAT_CORRUPT)))
		return 0;
	features &= ~(QCOW2_INCOMPAT_DIRTY | QCOW2_INCOMPAT_CORRUPT);
	return write_features(sink, features, INCOMPATIBLE_FEATURES);
}
