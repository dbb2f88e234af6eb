/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Repair of refcounts and COPIED flags, safe against a cut at any instant.
 *
 * A new refcount table and its blocks are written into clusters that nothing
 * refers to, and become valid by one write of one sector of the header.  Then
 * the COPIED flags follow: a flag at a time they are right before or after a
 * cut.  The dirty and the corrupt bit go last, when nothing is left to repair.
 *
 * Where nothing but leaks is to be mended, the refcounts are lowered in place:
 * see lower.c.
 */
#ifndef QCOWCTL_REPAIR_H
#define QCOWCTL_REPAIR_H

#include "check.h"

/**
 * struct repair_sink - where the image can be written
 * @write:	may lengthen the file; returns 0 or a negative errno
 * @sync:	all that was written is durable when it returns 0
 * @discard:	nobody wants these bytes any more; may be NULL, and may do
 *		nothing
 * @ctx:	for both
 */
struct repair_sink {
	int (*write)(void *ctx, const void *buf, size_t len, u64 pos);
	int (*sync)(void *ctx);
	void (*discard)(void *ctx, u64 pos, u64 len);
	void *ctx;
};

enum repair_mode {
	REPAIR_LEAKS,	/* lower refcounts only */
	REPAIR_ALL,
};

/**
 * repair_image - mend what a check has found
 * @c:		from check_image() on the same image, which returned 0; its
 *		working memory is used up: check again before another repair
 * @src:	the image; its size grows with the file
 * @found:	what that check found
 * @report:	may be NULL; @ctx is for it
 *
 * What is left is for another check_image() to say; if it finds nothing,
 * repair_finish() is due.
 *
 * Return: 0; -EUCLEAN: references beyond the end of the file leave no place
 * that is surely free; -EFBIG; -ENOMEM; what @sink or @src returned.
 */
int repair_image(struct check *c, struct check_source *src,
		 const struct repair_sink *sink, enum repair_mode mode,
		 const struct check_result *found, check_report report,
		 void *ctx);

/**
 * repair_finish - clear the dirty and the corrupt bit
 * @left: of a check since: no corruptions, and nothing that was not checked
 *
 * Return: 0, or what @sink returned.
 */
int repair_finish(const struct check *c, const struct repair_sink *sink,
		  const struct check_result *left);

#endif /* QCOWCTL_REPAIR_H */
