// SPDX-License-Identifier: GPL-2.0
/* Note why something was refused, as a sentence for the caller. */
#include <linux/kernel.h>
#include <linux/stdarg.h>

#include "file/reason.h"
#include "format/fault.h"

int qcow_refuse(struct qcow_reason *why, int err, const char *fmt, ...)
{
	va_list args;

	if (why->text[0])
		return err;
	va_start(args, fmt);
	vscnprintf(why->text, sizeof(why->text), fmt, args);
	va_end(args);
	return err;
}

int qcow_refuse_fault(struct qcow_reason *why, int err, const char *name,
		      const struct qcow_fault *fault)
{
	if (fault->feature[0])
		return qcow_refuse(why, err, "%s: %s: %s: %s", name,
				   fault->structure, fault->problem,
				   fault->feature);
	return qcow_refuse(why, err, "%s: %s at 0x%llx: %s (0x%llx)", name,
			   fault->structure, fault->where, fault->problem,
			   fault->value);
}
