// SPDX-License-Identifier: GPL-2.0
/*
 * Fill: where an image has nothing of its own, give it what shows through from
 * the backing file.  Afterwards the image can get another backing file.
 *
 * A fill copies a cluster as a write does that writes the bytes it finds: with
 * the same cells, in the same order.  If these are zeros, the entry says so;
 * this includes zeros behind the end of the backing file, or without one.
 *
 * From the first fill on (image->sealed), discarding or zeroing a range writes
 * such entries, too.  Otherwise the range would become unallocated if nothing
 * shows through there now, and the next backing file would show through.
 */
#include "image/core/interface.h"
#include "image/io/fill.h"
#include "image/io/write.h"
#include "image/map/run.h"

int qcow_fill(struct qcow_cmd *cmd, struct qcow_run *run)
{
	switch (run->type) {
	case QCOW_RUN_FRESH:
		/* do not link a fresh cluster: what shows through is needed */
		run->type = QCOW_RUN_COPY;
		fallthrough;
	case QCOW_RUN_COPY:
	case QCOW_RUN_NO_TABLE:
	case QCOW_RUN_UNVERIFIED:
	case QCOW_RUN_SHARED_TABLE:
		return qcow_write_prepare(cmd, run, false);
	default:
		return 1;
	}
}
