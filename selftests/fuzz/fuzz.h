/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the fuzz targets share.  A target feeds its input to a parser and then
 * holds the parser to what its header promises: a sanitizer alone would not
 * see that a wrong value was accepted.
 */
#ifndef QCOW_FUZZ_H
#define QCOW_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "format/fault.h"
#include "format/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** promise - abort, which libFuzzer reports with the input, unless it holds */
#define promise(holds) do {						\
	if (!(holds)) {							\
		fprintf(stderr, "%s:%d: broken promise: %s\n",		\
			__FILE__, __LINE__, #holds);			\
		abort();						\
	}								\
} while (0)

/** accepted - count an input that a parser took; "smoke" wants to see some */
void accepted(void);

/** promise_fault - an error is one of these two, and comes with a reason */
void promise_fault(int err, const struct qcow_fault *fault);

/** promise_within - these bytes lie in the input; they are read, for ASan */
void promise_within(const void *bytes, size_t n, const uint8_t *data,
		    size_t size);

/** promise_table - a table that was accepted is one that can be read */
void promise_table(u32 cluster_bits, u64 offset, u64 length, u64 max);

/** take - big-endian number of up to 8 bytes off the input; 0 at its end */
u64 take(const uint8_t **data, size_t *size, unsigned int bytes);

/** take_geometry - a geometry that a header can have, from 2 bytes */
void take_geometry(const uint8_t **data, size_t *size,
		   struct qcow2_header *h, struct qcow2_geometry *geo);

#endif /* QCOW_FUZZ_H */
