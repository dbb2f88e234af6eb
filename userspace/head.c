// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "format/rebase.h"
#include "head.h"
#include "medium.h"

static int failed(const struct image *img, int err)
{
	return fail_errno(-err, "cannot write the header of %s",
			  img->file.path);
}

/* The rest of the cluster first: the first sector makes it valid. */
static int write_head(struct image *img, const u8 *head, size_t len)
{
	struct repair_sink sink = medium_sink(&img->file);
	int err = 0;

	if (len > QCOW2_HEAD_SECTOR)
		err = sink.write(sink.ctx, head + QCOW2_HEAD_SECTOR,
				 len - QCOW2_HEAD_SECTOR, QCOW2_HEAD_SECTOR) ?:
		      sink.sync(sink.ctx);
	if (!err)
		err = sink.write(sink.ctx, head, QCOW2_HEAD_SECTOR, 0) ?:
		      sink.sync(sink.ctx);
	return err ? failed(img, err) : 0;
}

int head_rebase(struct image *img, const char *backing, const char *format)
{
	size_t len = 1UL << img->header.cluster_bits;
	struct qcow2_extensions names = {
		.backing_file = backing,
		.backing_file_len = backing ? strlen(backing) : 0,
		.backing_format = format,
		.backing_format_len = format ? strlen(format) : 0,
	};
	u8 *head = xcalloc(1, len), *work = xcalloc(1, len);
	int ret;

	ret = file_read(&img->file, head, len, 0);
	if (!ret && qcow2_head_rebase(&img->header, &names, head, len, work))
		ret = fail(EXIT_IMAGE,
			   "%s: there is no room for the name \"%s\" beside what its first cluster of %zu bytes holds; convert -B makes a new image",
			   img->file.path, backing, len);
	ret = ret ?: write_head(img, head, len);
	free(work);
	free(head);
	return ret;
}
