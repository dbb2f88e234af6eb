/* SPDX-License-Identifier: GPL-2.0 */
/* A disk's content, copied into a new image by all the processors there are. */
#ifndef QCOWCTL_COPY_H
#define QCOWCTL_COPY_H

#include "progress.h"
#include "target.h"
#include "view.h"

/**
 * struct copy - what is copied where, and how
 * @from:	the disk
 * @to:		the image, as long as the disk or longer
 * @sparse:	so many zeros together take no room, bytes; 0: all zeros do
 * @compress:	into compressed clusters
 * @top_only:	what is not in the top layer shows through from behind @to
 * @zeroed:	the target reads as zeros already, device or not
 * @threads:	how many
 * @progress:	told of
 * @next:	where the next piece begins
 */
struct copy {
	struct views *from;
	struct target *to;
	u64 sparse;
	bool compress;
	bool top_only;
	bool zeroed;
	unsigned int threads;
	struct progress *progress;
	u64 next;
};

/** copy_run - 0 or an exit code */
int copy_run(struct copy *c);

#endif /* QCOWCTL_COPY_H */
