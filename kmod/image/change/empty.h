/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Build the tables of an overlay that becomes empty; qcow_shadow_switch() makes
 * them the image's.
 */
#ifndef QCOW_IMAGE_CHANGE_EMPTY_H
#define QCOW_IMAGE_CHANGE_EMPTY_H

struct qcow_change;
struct qcow_shadow;

/**
 * qcow_empty - build an empty L1 table, and drop what the old one refers to
 *
 * Context: the image is at rest.
 * Return: 0 or an error.
 */
int qcow_empty(struct qcow_shadow *s, struct qcow_change *change);

#endif /* QCOW_IMAGE_CHANGE_EMPTY_H */
