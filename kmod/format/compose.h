/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Make the first cluster of an image, and L2 entries of compressed clusters,
 * from their members.
 */
#ifndef QCOW_FORMAT_COMPOSE_H
#define QCOW_FORMAT_COMPOSE_H

#include "header.h"
#include "l2.h"
#include "port.h"

/*
 * The length of version 3 headers that are made here: the last member is
 * compression_type, with its padding.
 */
#define QCOW2_HEADER_FULL_LENGTH	112

/**
 * qcow2_head_compose - write header, extensions and backing file name
 * @h:   the header; backing_file_offset, backing_file_size and header_length
 *	 are not read but set
 * @ext: backing_file, backing_format and data_file, each NULL for none; the
 *	 names of features are added if there is room for them, as the format
 *	 document has them
 * @buf: filled in; must be zeros
 * @len: bytes at @buf: one cluster, or fewer if the result must be shorter
 *
 * Return: 0; -ENOSPC: the names do not fit.
 */
int qcow2_head_compose(struct qcow2_header *h,
		       const struct qcow2_extensions *ext, void *buf,
		       size_t len);

/**
 * qcow2_compressed_encode - make the L2 entry of a compressed cluster
 * @geo:	      the geometry
 * @host_offset: offset of the compressed stream in the image file, bytes
 * @length:	 length of the stream, bytes, not 0
 */
u64 qcow2_compressed_encode(const struct qcow2_geometry *geo, u64 host_offset,
			    u64 length);

#endif /* QCOW_FORMAT_COMPOSE_H */
