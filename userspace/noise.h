/* SPDX-License-Identifier: GPL-2.0 */
/* Bytes that no compression makes fewer: random, encrypted or compressed. */
#ifndef QCOWCTL_NOISE_H
#define QCOWCTL_NOISE_H

#include "format/port.h"

/**
 * noise_is - is it of no use to compress these bytes?
 *
 * So it is when all values of a byte come about equally often, and next to no
 * four bytes come a second time within what deflate looks back.  This is found
 * in a small part of the time that a compressor would need for it.
 */
bool noise_is(const u8 *bytes, size_t size);

#endif /* QCOWCTL_NOISE_H */
