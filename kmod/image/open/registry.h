/* SPDX-License-Identifier: GPL-2.0 */
/* Find an image that is open already, so that its users share it. */
#ifndef QCOW_IMAGE_OPEN_REGISTRY_H
#define QCOW_IMAGE_OPEN_REGISTRY_H

#include "image/core/types.h"

/**
 * qcow_registry_get - get a shared or a new image for a layer
 * @open:    the chain that is being opened
 * @layer:   the index of the layer in @open
 * @backing: the layer below; its reference is taken over, also on failure
 * @why:     set on failure
 *
 * Waits, as long as no fatal signal comes, while another task opens or closes an
 * image with the same files; never for any other image.
 *
 * Return: the image; -EINTR; or an error as in struct qcow_attach.
 */
struct qcow_image *qcow_registry_get(const struct qcow_open *open,
				     unsigned int layer,
				     struct qcow_image *backing,
				     struct qcow_reason *why);

/**
 * qcow_chain_is - are these layers @image and all that is below it?
 *
 * Context: the @change_lock of the image above, or of @image, is held.
 */
bool qcow_chain_is(const struct qcow_image *image,
		   const struct qcow_layer_files *layers, unsigned int nr);

/**
 * qcow_registry_put - drop a user, and close each image that has no user left
 *
 * Context: may sleep: the file system below may do I/O.
 * Return: 0, or the error of the last writes.
 */
int qcow_registry_put(struct qcow_image *image);

/** qcow_registry_keep - an image that was to be replaced is shared again */
void qcow_registry_keep(struct qcow_image *image);

/**
 * qcow_registry_hide - no device shows the image's active disk any more
 *
 * Return: whether the image has other users.
 */
bool qcow_registry_hide(struct qcow_image *image);

/** qcow_registry_has_others - has the image more than one user? */
bool qcow_registry_has_others(const struct qcow_image *image);

/** qcow_registry_set_merged_into - see qcow_image.merged_into */
void qcow_registry_set_merged_into(struct qcow_image *image, bool merged_into);

#endif /* QCOW_IMAGE_OPEN_REGISTRY_H */
