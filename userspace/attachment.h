/* SPDX-License-Identifier: GPL-2.0 */
/* Open a chain, lock it, hand it to the driver. */
#ifndef QCOWCTL_ATTACHMENT_H
#define QCOWCTL_ATTACHMENT_H

#include <linux/qcow.h>

#include "chain.h"

/**
 * struct attachment - how an image is to be attached
 * @chain:	how its files are opened
 * @snapshot:	id or name of an internal one, or NULL
 * @name:	for /dev/disk/by-qcow, or NULL
 * @flags:	QCOW_ATTACH_*
 * @cache_size, @sector_size: as in struct qcow_attach
 * @offset, @sizelimit: raw: as in struct qcow_layer
 */
struct attachment {
	struct chain_options chain;
	const char *snapshot;
	const char *name;
	u32 flags;
	u64 cache_size;
	u64 sector_size;
	u64 offset;
	u64 sizelimit;
};

/**
 * attachment_make - attach an image; one that was not closed is repaired first
 *
 * Return: 0 with the device's number, or an exit code.
 */
int attachment_make(const struct attachment *r, const char *path,
		    unsigned int *number);

/** attachment_layers - an open chain as the driver takes it; to be freed */
struct qcow_layer *attachment_layers(const struct chain *c);

#endif /* QCOWCTL_ATTACHMENT_H */
