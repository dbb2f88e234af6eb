/* SPDX-License-Identifier: GPL-2.0 */
/* Another backing file for an image that the driver has. */
#ifndef QCOWCTL_LIVE_H
#define QCOWCTL_LIVE_H

#include "progress.h"
#include "session.h"

/**
 * struct live - what is wanted
 * @backing:	the backing file as the image is to name it, NULL for none
 * @format:	its format, likewise
 * @progress:	how to tell how far it got
 * @unsafe:	the content of both is the same
 */
struct live {
	const char *backing;
	const char *format;
	enum progress_mode progress;
	bool unsafe;
};

/** live_rebase - do it, also while the device is in use; 0 or an exit code */
int live_rebase(const struct live *l, const struct session *s);

#endif /* QCOWCTL_LIVE_H */
