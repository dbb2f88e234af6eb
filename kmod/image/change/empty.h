/* SPDX-License-Identifier: GPL-2.0 */
/* Build the tables of an overlay that becomes empty, for the switch. */
#ifndef QCOW_IMAGE_CHANGE_EMPTY_H
#define QCOW_IMAGE_CHANGE_EMPTY_H

struct qcow_change;
struct qcow_shadow;

int qcow_empty(struct qcow_shadow *s, struct qcow_change *change);

#endif /* QCOW_IMAGE_CHANGE_EMPTY_H */
