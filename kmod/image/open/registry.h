/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The registry finds an image that is open already, so that each file is open
 * only once.
 */
#ifndef QCOW_IMAGE_OPEN_REGISTRY_H
#define QCOW_IMAGE_OPEN_REGISTRY_H

#include "image/core/types.h"

/**
 * qcow_registry_get - a shared or a new image for a layer
 * @layer:   its index in @open
 * @backing: the layer below; the reference is taken over in any case
 */
struct qcow_image *qcow_registry_get(const struct qcow_open *open,
				     unsigned int layer,
				     struct qcow_image *backing,
				     struct qcow_reason *why);
/** qcow_image_is - is @image just what the layer over @backing asks for? */
bool qcow_image_is(const struct qcow_image *image,
		   const struct qcow_layer_files *layer,
		   const struct qcow_image *backing);

/**
 * qcow_registry_put - drop a user, closing what is without any
 *
 * Return: 0, or the error of what was written last.
 */
int qcow_registry_put(struct qcow_image *image);
void qcow_registry_lock(void);
int qcow_registry_lock_killable(void);
void qcow_registry_unlock(void);
void qcow_registry_assert_locked(void);

#endif /* QCOW_IMAGE_OPEN_REGISTRY_H */
