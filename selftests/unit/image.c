// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "image.h"

static const struct edit common[] = {
	{ MAGIC, 0x514649fb },
	{ CLUSTER_BITS, 16 },
	{ SIZE, 1 << 30 },
	{ L1_SIZE, 2 },
	{ L1_OFFSET, 0x30000 },
	{ REFTABLE_OFFSET, 0x10000 },
	{ REFTABLE_CLUSTERS, 1 },
};

static const struct edit version_3[] = {
	{ REFCOUNT_ORDER, 4 },
	{ HEADER_LENGTH, 112 },
};

void apply_edits(u8 *buf, const struct edit *edits, size_t max)
{
	size_t i;

	for (i = 0; i < max && edits[i].bytes; i++)
		put(buf + edits[i].offset, edits[i].bytes, edits[i].value);
}

void new_header(u8 *buf, unsigned int version)
{
	memset(buf, 0, 112);
	apply_edits(buf, common, ARRAY_SIZE(common));
	put(buf + 4, 4, version);
	if (version == 3)
		apply_edits(buf, version_3, ARRAY_SIZE(version_3));
}
