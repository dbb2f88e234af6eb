/* SPDX-License-Identifier: GPL-2.0 */
/* The first cluster of an image, and L2 entries, made from their members. */
#ifndef QCOW_FORMAT_COMPOSE_H
#define QCOW_FORMAT_COMPOSE_H

#include "header.h"
#include "l2.h"
#include "port.h"

/* What version 3 headers are given: up to and with compression_type. */
#define QCOW2_HEADER_FULL_LENGTH	112

/**
 * qcow2_head_compose - write header, extensions and backing file name
 * @h:   the header; backing_file_offset, backing_file_size and header_length
 *       are not read but set
 * @ext: backing_file, backing_format and data_file, each NULL for none; the
 *       names of features are those of the format document and come by
 *       themselves, where there is room
 * @buf: zeros
 * @len: bytes at @buf: one cluster, or fewer where it must not become longer
 *
 * Return: 0; -ENOSPC: the names do not fit.
 */
int qcow2_head_compose(struct qcow2_header *h,
		       const struct qcow2_extensions *ext, void *buf,
		       size_t len);

/**
 * qcow2_compressed_encode - the L2 entry of a compressed cluster
 * @host_offset: of the stream, bytes
 * @length:	 of the stream, bytes, not 0
 */
u64 qcow2_compressed_encode(const struct qcow2_geometry *geo, u64 host_offset,
			    u64 length);

#endif /* QCOW_FORMAT_COMPOSE_H */
