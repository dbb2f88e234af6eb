/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Build the tables of a disk of another size; qcow_shadow_switch() makes them
 * the image's.
 */
#ifndef QCOW_IMAGE_CHANGE_RESIZE_H
#define QCOW_IMAGE_CHANGE_RESIZE_H

struct qcow_change;
struct qcow_shadow;

/**
 * qcow_resize - build the tables of a disk of @change->size bytes
 *
 * Context: the image is at rest.
 * Return: 0 or an error.
 */
int qcow_resize(struct qcow_shadow *s, struct qcow_change *change);

#endif /* QCOW_IMAGE_CHANGE_RESIZE_H */
