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
 * Context: called with the registry locked.
 */
struct qcow_image *qcow_registry_get(const struct qcow_open *open,
				     unsigned int layer,
				     struct qcow_image *backing,
				     struct qcow_reason *why);
/** qcow_image_is - is @image what @layer over @backing asks for? */
bool qcow_image_is(const struct qcow_image *image,
		   const struct qcow_layer_files *layer,
		   const struct qcow_image *backing);

/**
 * qcow_registry_put - drop a user, and close each image that has no user left
 *
 * Context: called with the registry locked.
 * Return: 0, or the error of the last writes.
 */
int qcow_registry_put(struct qcow_image *image);
void qcow_registry_lock(void);
int qcow_registry_lock_killable(void);
void qcow_registry_unlock(void);
void qcow_registry_assert_locked(void);

#endif /* QCOW_IMAGE_OPEN_REGISTRY_H */
