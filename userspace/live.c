// SPDX-License-Identifier: GPL-2.0
/*
 * Where the two backing files differ, the driver gives the image what the old
 * one shows, unless the image has something there: who writes to the disk
 * meanwhile is not in the way.  It shows the same disk as before.  When that is
 * durable, the name in its first cluster changes and what is read below, and it
 * shows the same disk again.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attachment.h"
#include "claim.h"
#include "control.h"
#include "error.h"
#include "live.h"
#include "move.h"

/**
 * struct filling - on the way to another backing file
 * @changes: as the driver counts them
 */
struct filling {
	const struct session *s;
	u64 changes;
};

/* All of it under one structure: the driver is told which in the end. */
static int fill(void *into, u64 start, u64 length)
{
	struct filling *to = into;
	const struct session *s = to->s;
	char message[512] = "";
	struct qcow_fill f = {
		.size = sizeof(f), .number = s->number, .start = start,
		.length = length, .message = (uintptr_t)message,
		.message_len = sizeof(message),
	};
	int err = control_fill(&f);

	if (err)
		return session_failed(s, "rebase", err, message);
	/* the first one, of no bytes */
	if (!length)
		to->changes = f.changes;
	return 0;
}

/* What is below the top image; @all has the files. */
static struct chain below(const struct chain *all)
{
	struct chain c = { .nr = all->nr - 1 };

	memcpy(c.layers, all->layers + 1, c.nr * sizeof(*c.layers));
	return c;
}

static int compare_and_fill(const struct live *l, struct filling *to,
			    const struct chain *now, const struct chain *next,
			    struct views *views)
{
	const struct image *img = &now->layers[0]->image;
	struct chain old = below(now);
	struct move m = { .old = &views[0], .new = &views[1] };
	int ret;

	ret = views_open(m.old, &old, NULL) ?: views_open(m.new, next, NULL);
	if (ret)
		return ret;
	move_init(&m, img, fill, to);
	progress_begin(&m.progress, l->progress, session_disk(to->s),
		       img->size);
	ret = move_range(&m, 0, img->size);
	if (!ret)
		progress_end(&m.progress);
	move_destroy(&m);
	return ret;
}

static int fill_all(const struct live *l, struct filling *to,
		    const struct chain *now, const struct chain *next)
{
	struct views *views = xcalloc(2, sizeof(*views));
	int ret = compare_and_fill(l, to, now, next, views);

	views_close(&views[0]);
	views_close(&views[1]);
	free(views);
	return ret;
}

static int change(const struct live *l, const struct filling *to,
		  const struct chain *next)
{
	const struct session *s = to->s;
	struct qcow_layer *layers = attachment_layers(next);
	char message[512] = "";
	struct qcow_rebase r = {
		.size = sizeof(r), .number = s->number,
		.flags = l->unsafe ? 0 : QCOW_REBASE_FILLED,
		.changes = to->changes,
		.nr_layers = next->nr, .layers = (uintptr_t)layers,
		.name = (uintptr_t)l->backing,
		.name_len = l->backing ? strlen(l->backing) : 0,
		.format = (uintptr_t)l->format,
		.format_len = l->format ? strlen(l->format) : 0,
		.message = (uintptr_t)message, .message_len = sizeof(message),
	};
	int err = control_rebase(&r);

	free(layers);
	if (err)
		return session_failed(s, "rebase", err, message);
	if (s->hidden || l->progress == PROGRESS_JSON)
		return 0;
	printf("%s is over %s now; it stood still for %.1f ms\n", s->word,
	       l->backing ?: "nothing", r.pause_ns / 1e6);
	return 0;
}

static int check(const struct session *s, const struct image *img)
{
	if (img->format == QCOW_FORMAT_RAW)
		return fail(EXIT_USAGE, "%s: a raw image has no backing file",
			    s->word);
	return 0;
}

/*
 * The structure is noted before the files are looked at: what becomes another
 * one from here on does not go unnoticed.
 */
static int open_now(const struct live *l, struct filling *to,
		    struct chain *now)
{
	const struct session *s = to->s;
	int ret = chain_open_device(now, s->number) ?:
		  check(s, &now->layers[0]->image);

	if (ret || l->unsafe)
		return ret;
	chain_close(now);
	return fill(to, 0, 0) ?: chain_open_device(now, s->number) ?:
	       claim_opened(now);
}

int live_rebase(const struct live *l, const struct session *s)
{
	struct chain now = { .nr = 0 }, next = { .nr = 0 };
	struct filling to = { .s = s };
	int ret = open_now(l, &to, &now);

	if (!ret)
		ret = move_open(&next, &now.layers[0]->image, l->backing,
				l->format);
	if (!ret && !l->unsafe)
		ret = fill_all(l, &to, &now, &next);
	ret = ret ?: change(l, &to, &next);
	chain_close(&next);
	chain_close(&now);
	return ret;
}
