// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "attachment.h"
#include "claim.h"
#include "control.h"
#include "error.h"
#include "mend.h"
#include "probe.h"

static int check_request(const struct attachment *r, const struct chain *c)
{
	const struct image *top = &c->layers[0]->image;

	if (r->snapshot && top->format == QCOW_FORMAT_RAW)
		return fail(EXIT_IMAGE, "%s is raw: it has no snapshots",
			    top->file.path);
	if (r->snapshot && !*r->snapshot)
		return fail(EXIT_USAGE, "--snapshot: empty");
	if ((r->offset || r->sizelimit) && top->format != QCOW_FORMAT_RAW)
		return fail(EXIT_USAGE,
			    "%s is %s: --offset and --sizelimit are for raw images",
			    top->file.path, format_name(top->format));
	if (r->offset && r->offset >= top->file.length)
		return fail(EXIT_IMAGE, "%s has %llu bytes: --offset %llu leaves nothing",
			    top->file.path, top->file.length, r->offset);
	return 0;
}

struct qcow_layer *attachment_layers(const struct chain *c)
{
	struct qcow_layer *layers = xcalloc(c->nr + 1, sizeof(*layers));
	unsigned int i;

	for (i = 0; i < c->nr; i++) {
		layers[i].fd = c->layers[i]->image.file.fd;
		layers[i].format = c->layers[i]->image.format;
		layers[i].data_fd = c->layers[i]->data.fd;
	}
	return layers;
}

static struct qcow_layer *fill_layers(const struct attachment *r,
				      const struct chain *c)
{
	struct qcow_layer *layers = attachment_layers(c);

	layers[0].offset = r->offset;
	layers[0].sizelimit = r->sizelimit;
	return layers;
}

/* What to do about it, unless the driver has said so itself. */
static const char *hint_for(const struct attachment *r, int err,
			    const char *message)
{
	if (r->flags & (QCOW_ATTACH_READ_ONLY | QCOW_ATTACH_HIDDEN))
		return "";
	if (strstr(message, "read-only"))
		return " (-r)";
	if (err == -EROFS || err == -EOPNOTSUPP || err == -EUCLEAN)
		return "; it may be attached read-only with -r";
	return "";
}

static int attach_refused(const struct attachment *r, const struct chain *c,
			  int err, const char *message)
{
	return fail(exit_code_of(-err), "cannot attach %s: %s%s",
		    c->layers[0]->image.file.path,
		    *message ? message : strerror(-err),
		    hint_for(r, err, message));
}

static int attach_chain(const struct attachment *r, const struct chain *c,
			unsigned int *number)
{
	struct qcow_layer *layers = fill_layers(r, c);
	char message[512] = "";
	struct qcow_attach a = {
		.size = sizeof(a),
		.flags = r->flags,
		.layers = (uintptr_t)layers,
		.nr_layers = c->nr,
		.sector_size = r->sector_size,
		.snapshot = (uintptr_t)r->snapshot,
		.snapshot_len = r->snapshot ? strlen(r->snapshot) : 0,
		.cache_size = r->cache_size,
		.message = (uintptr_t)message,
		.message_len = sizeof(message),
	};
	int err;

	if (r->name)
		strcpy(a.name, r->name);
	err = control_attach(&a);
	free(layers);
	message[sizeof(message) - 1] = '\0';
	*number = a.number;
	return err ? attach_refused(r, c, err, message) : 0;
}

static bool is_dirty(const struct image *img)
{
	u64 features = img->header.incompatible_features;

	return img->format == QCOW_FORMAT_QCOW2 &&
	       features & QCOW2_INCOMPAT_DIRTY &&
	       !(features & QCOW2_INCOMPAT_CORRUPT);
}

/* Who wrote it last has left its refcounts behind: bring them up to date. */
static int mend_dirty(const struct attachment *r, struct chain *c)
{
	struct image *top = &c->layers[0]->image;
	struct mended m;
	int ret;

	if (r->flags & QCOW_ATTACH_READ_ONLY || !is_dirty(top))
		return 0;
	ret = mend_file(&top->file, REPAIR_ALL, &m, NULL);
	if (ret)
		return fail(ret, "cannot attach %s: it was not closed and could not be repaired%s",
			    top->file.path, hint_for(r, -EUCLEAN, ""));
	if (m.left.dirty)
		return fail(EXIT_IMAGE, "cannot attach %s: it was not closed, and of its errors %llu cannot be repaired (see qcowctl check)%s",
			    top->file.path,
			    m.left.corruptions + m.left.check_errors,
			    hint_for(r, -EUCLEAN, ""));
	warn("%s was not closed: its refcounts were repaired (%llu wrong, %llu leaked clusters)",
	     top->file.path, m.found.corruptions, m.found.leaks);
	return 0;
}

int attachment_make(const struct attachment *r, const char *path,
		    unsigned int *number)
{
	struct chain c = { .nr = 0 };
	int ret;

	ret = chain_open(&c, path, &r->chain) ?:
	      check_request(r, &c) ?:
	      control_open() ?:
	      claim_chain(&c, r->snapshot ? CLAIM_SNAPSHOT : CLAIM_ATTACH) ?:
	      mend_dirty(r, &c) ?:
	      attach_chain(r, &c, number);
	chain_close(&c);
	return ret;
}
