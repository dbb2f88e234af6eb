/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Why a part of an image was refused, for a caller that has a log or a
 * terminal.
 */
#ifndef QCOW_FORMAT_FAULT_H
#define QCOW_FORMAT_FAULT_H

#include "port.h"

/**
 * struct qcow_fault - the reason that goes with an error code
 * @structure:	what was checked, in the words of the format document
 * @problem:	what is wrong with it
 * @where:	its place: a guest offset if @structure is an L2 entry; an index
 *		if it is an entry of an L1, a refcount or a bitmap table; else
 *		an offset in the image file, bytes
 * @value:	the wrong value
 * @feature:	the name of an unknown feature bit, else empty
 *
 * The strings are constants.  The caller prints them:
 * "corrupt L1 table: at 0x30000: offset is not cluster-aligned (0x30200)".
 */
struct qcow_fault {
	const char *structure;
	const char *problem;
	u64 where;
	u64 value;
	char feature[47];
};

/**
 * qcow_fault_set - note a reason and return @err
 *
 * Return: @err, so that a check reads "return qcow_fault_set(...)".
 */
static inline int qcow_fault_set(struct qcow_fault *fault, int err,
				 const char *structure, const char *problem,
				 u64 where, u64 value)
{
	fault->structure = structure;
	fault->problem = problem;
	fault->where = where;
	fault->value = value;
	fault->feature[0] = '\0';
	return err;
}

#endif /* QCOW_FORMAT_FAULT_H */
