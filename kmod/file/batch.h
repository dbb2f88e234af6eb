/* SPDX-License-Identifier: GPL-2.0 */
/* Submit many I/Os, and wait for all of them together. */
#ifndef QCOW_FILE_BATCH_H
#define QCOW_FILE_BATCH_H

#include <linux/completion.h>
#include <linux/llist.h>

#include "file/file_io.h"

/**
 * struct qcow_batch - I/Os of one worker, which waits for all of them
 * @pending: how many times @event will still be completed
 * @event: completed once for each I/O that is over or has to be resumed
 * @again: I/Os that have to be resumed
 * @error: of the first I/O that failed, or 0
 */
struct qcow_batch {
	unsigned int pending;
	struct completion event;
	struct llist_head again;
	int error;
};

/**
 * struct qcow_batch_io - one I/O of a batch
 * @io:	   with its "in" members set, except @complete
 * @batch: the batch that the I/O belongs to
 * @again: node in @batch->again
 *
 * The memory must stay until qcow_batch_wait() returns.
 */
struct qcow_batch_io {
	struct qcow_io io;
	struct qcow_batch *batch;
	struct llist_node again;
};

void qcow_batch_init(struct qcow_batch *batch);

/**
 * qcow_batch_submit - start one I/O of a batch
 *
 * Context: the worker that will call qcow_batch_wait().
 */
void qcow_batch_submit(struct qcow_batch *batch, struct qcow_batch_io *io);

/** qcow_batch_wait - wait until all I/Os are over; 0 or the first error */
int qcow_batch_wait(struct qcow_batch *batch);

#endif /* QCOW_FILE_BATCH_H */
