// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "fuzz.h"

/* Not static: the compiler must believe that somebody looks at it. */
uint8_t fuzz_sink;

static unsigned long nr_accepted;

static void tell(void)
{
	fprintf(stderr, "stat::accepted: %lu\n", nr_accepted);
}

__attribute__((constructor)) static void tell_at_exit(void)
{
	atexit(tell);
}

void accepted(void)
{
	nr_accepted++;
}

void promise_fault(int err, const struct qcow_fault *fault)
{
	promise(err == -EUCLEAN || err == -EOPNOTSUPP);
	promise(fault->structure && *fault->structure);
	promise(fault->problem && *fault->problem);
	promise(memchr(fault->feature, 0, sizeof(fault->feature)));
}

void promise_within(const void *bytes, size_t n, const uint8_t *data,
		    size_t size)
{
	const uint8_t *p = bytes;
	size_t i;

	if (!n)
		return;
	promise(p >= data && n <= size && p - data <= (long)(size - n));
	for (i = 0; i < n; i++)
		fuzz_sink ^= p[i];
}

void promise_table(u32 cluster_bits, u64 offset, u64 length, u64 max)
{
	if (!length)
		return;
	promise(length <= max);
	promise(offset >> cluster_bits);
	promise(!(offset & ((1ULL << cluster_bits) - 1)));
	promise(offset < 1ULL << 56 && length <= (1ULL << 56) - offset);
}

u64 take(const uint8_t **data, size_t *size, unsigned int bytes)
{
	u64 value = 0;

	while (bytes--) {
		value <<= 8;
		if (!*size)
			continue;
		value |= *(*data)++;
		(*size)--;
	}
	return value;
}

void take_geometry(const uint8_t **data, size_t *size,
		   struct qcow2_header *h, struct qcow2_geometry *geo)
{
	u64 bits = take(data, size, 1), flags = take(data, size, 1);

	memset(h, 0, sizeof(*h));
	h->version = flags & 1 ? 2 : 3;
	h->cluster_bits = 9 + bits % 13;
	h->refcount_order = 4;
	if (h->version == 3) {
		h->refcount_order = bits / 13 % 7;
		h->incompatible_features = flags & QCOW2_INCOMPAT_DATA_FILE;
	}
	if (h->version == 3 && h->cluster_bits >= 14)
		h->incompatible_features |= flags & QCOW2_INCOMPAT_EXTL2;
	qcow2_geometry_init(geo, h);
}
