// SPDX-License-Identifier: GPL-2.0
/*
 * What shows through where an image has nothing becomes its own, so that its
 * backing file can be another one.  Each cluster is copied as a write copies it
 * whose bytes are those that it finds: the same cells, the same order.  Of
 * zeros, also those behind the end of the backing file or without one, the
 * entry tells.  And so it does of zeros that are written, or discarded, from
 * then on: else where nothing shows through now they would leave a hole, for
 * the next backing file to show through.
 */
#include "image/core/interface.h"
#include "image/io/fill.h"
#include "image/io/write.h"
#include "image/map/run.h"

int qcow_fill(struct qcow_cmd *cmd, struct qcow_run *run)
{
	switch (run->type) {
	case QCOW_RUN_FRESH:
		/* not to be linked as it is */
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
