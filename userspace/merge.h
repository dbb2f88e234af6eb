/* SPDX-License-Identifier: GPL-2.0 */
/* A device in use whose image goes into its backing file. */
#ifndef QCOWCTL_MERGE_H
#define QCOWCTL_MERGE_H

#include "chain.h"
#include "progress.h"
#include "session.h"

/**
 * struct merge - what is wanted
 * @backing_format: of backing files that declare none, or 0
 * @progress:	how to tell how far it got
 * @keep:	the image is not emptied
 */
struct merge {
	enum qcow_format backing_format;
	enum progress_mode progress;
	bool keep;
};

/** merge_live - do it, while the device is in use; 0 or an exit code */
int merge_live(const struct merge *m, const struct session *s);

#endif /* QCOWCTL_MERGE_H */
