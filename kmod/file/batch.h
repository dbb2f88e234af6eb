/* SPDX-License-Identifier: GPL-2.0 */
/* Many I/Os at a time, waited for together. */
#ifndef QCOW_FILE_BATCH_H
#define QCOW_FILE_BATCH_H

#include <linux/completion.h>
#include <linux/llist.h>

#include "file/file_io.h"

/**
 * struct qcow_batch - I/Os of one worker
 * @pending: how many times @event will still be completed
 * @event: once for each I/O that is over, or has to go on in a task
 * @again: the latter
 * @error: of the first that failed
 */
struct qcow_batch {
	unsigned int pending;
	struct completion event;
	struct llist_head again;
	int error;
};

/**
 * struct qcow_batch_io - one of them; the memory stays until the wait is over
 * @io:	   with its "in" members set, but @complete
 * @batch: whose
 * @again: in its list
 */
struct qcow_batch_io {
	struct qcow_io io;
	struct qcow_batch *batch;
	struct llist_node again;
};

void qcow_batch_init(struct qcow_batch *batch);

/** qcow_batch_submit - Context: a worker, the one that will wait */
void qcow_batch_submit(struct qcow_batch *batch, struct qcow_batch_io *io);

/** qcow_batch_wait - until all are over; 0 or the first error */
int qcow_batch_wait(struct qcow_batch *batch);

#endif /* QCOW_FILE_BATCH_H */
