// SPDX-License-Identifier: GPL-2.0
/* Empty an overlay, so that the disk shows only its backing file. */
#include <linux/mm.h>
#include <linux/slab.h>

#include "format/header.h"
#include "image/change/empty.h"
#include "image/change/shadow.h"
#include "image/change/tree.h"
#include "image/core/table.h"
#include "image/core/types.h"

int qcow_empty(struct qcow_shadow *s, struct qcow_change *change)
{
	const struct qcow2_header *h = &s->image->header;
	int err;

	if (!h->l1_size)
		return 0;
	s->l1 = qcow_table_alloc(h->l1_size, GFP_NOIO);
	if (!s->l1)
		return -ENOMEM;
	err = qcow_shadow_put_l1(s);
	return err ? err : qcow_tree_drop_active(s);
}
