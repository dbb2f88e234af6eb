/* SPDX-License-Identifier: GPL-2.0 */
/* A repair's leaked clusters, freed without writing anything anew. */
#ifndef QCOWCTL_LOWER_H
#define QCOWCTL_LOWER_H

#include "plan.h"

/**
 * lower_leaks - refcounts above the references become these, where they lie
 *
 * What is free then gives its room back, if the sink can do that.
 *
 * Return: 0 or a negative errno.
 */
int lower_leaks(struct plan *p);

#endif /* QCOWCTL_LOWER_H */
