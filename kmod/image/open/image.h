/* SPDX-License-Identifier: GPL-2.0 */
/* Open and close one image file, whatever its format. */
#ifndef QCOW_IMAGE_OPEN_IMAGE_H
#define QCOW_IMAGE_OPEN_IMAGE_H

#include "image/core/types.h"

/** qcow_inode_of - return a file's inode, to compare with; NULL for no file */
const struct inode *qcow_inode_of(const struct file *file);

/**
 * qcow_image_alloc - allocate an image that is to be opened
 * @open:   the chain that is being opened
 * @number: the index of the layer in @open
 * @why:    set on failure
 *
 * Return: an image that qcow_image_free() frees, or an ERR_PTR.
 */
struct qcow_image *qcow_image_alloc(const struct qcow_open *open,
				    unsigned int number,
				    struct qcow_reason *why);
void qcow_image_free(struct qcow_image *image);

/**
 * qcow_image_need_wq - the image is to be shown or written: have a workqueue
 * @number: of the device
 *
 * The image keeps it until it is freed.  Return: 0 or -ENOMEM.
 */
int qcow_image_need_wq(struct qcow_image *image, unsigned int number);

/**
 * qcow_image_open - open one layer over a layer that is open
 * @image:   from qcow_image_alloc()
 * @open:    the chain that is being opened
 * @layer:   the index of the layer in @open
 * @backing: the layer below; its reference is taken over on success
 * @why:     set on failure
 *
 * Return: 0, and qcow_image_close() is due; or an error.
 */
int qcow_image_open(struct qcow_image *image, const struct qcow_open *open,
		    unsigned int layer, struct qcow_image *backing,
		    struct qcow_reason *why);

/** qcow_image_close - close it, but do not free it; 0 or the last error */
int qcow_image_close(struct qcow_image *image);

/**
 * qcow_image_settle - make all writes durable; the image is only read then
 *
 * Context: no command is in flight.
 * Return: 0 if all that was written is durable, or an error.
 */
int qcow_image_settle(struct qcow_image *image);

#endif /* QCOW_IMAGE_OPEN_IMAGE_H */
