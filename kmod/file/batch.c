// SPDX-License-Identifier: GPL-2.0
/* Submit many I/Os, and wait for all of them together. */
#include "file/batch.h"

void qcow_batch_init(struct qcow_batch *batch)
{
	batch->pending = 0;
	batch->error = 0;
	init_completion(&batch->event);
	init_llist_head(&batch->again);
}

/* After the last complete() the waiting worker may free the batch. */
static void batch_complete(struct qcow_io *io)
{
	struct qcow_batch_io *one = container_of(io, struct qcow_batch_io, io);
	struct qcow_batch *batch = one->batch;

	if (io->result == -EAGAIN)
		llist_add(&one->again, &batch->again);
	else if (io->result)
		cmpxchg(&batch->error, 0, io->result);
	complete(&batch->event);
}

void qcow_batch_submit(struct qcow_batch *batch, struct qcow_batch_io *io)
{
	io->batch = batch;
	io->io.complete = batch_complete;
	batch->pending++;
	qcow_io_submit(&io->io, false);
}

int qcow_batch_wait(struct qcow_batch *batch)
{
	struct qcow_batch_io *io, *next;

	while (batch->pending) {
		wait_for_completion(&batch->event);
		batch->pending--;
		llist_for_each_entry_safe(io, next,
					  llist_del_all(&batch->again), again) {
			batch->pending++;
			qcow_io_resume(&io->io);
		}
	}
	return batch->error;
}
