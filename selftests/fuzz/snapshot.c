// SPDX-License-Identifier: GPL-2.0
/* 2 bytes of geometry, 8 of virtual size, then a snapshot table. */
#include "format/snapshot.h"
#include "fuzz.h"

static void hold_entry(const struct qcow2_header *h,
		       const struct qcow2_snapshot *s, const uint8_t *data,
		       size_t size)
{
	struct qcow2_geometry geo;

	promise(s->entry_len >= 40 && s->entry_len % 8 == 0);
	promise(s->entry_len < size + 8);
	promise(s->entry_len >= 40 + s->extra_data_size + s->id_len +
				s->name_len);
	promise(s->extra_data_size <= 1024);
	promise_within(s->id, s->id_len, data, size);
	promise_within(s->name, s->name_len, data, size);
	promise_within(s->unknown_extra, s->unknown_extra_len, data, size);
	promise_table(h->cluster_bits, s->l1_table_offset, s->l1_size * 8ULL,
		      32 << 20);
	qcow2_geometry_init(&geo, h);
	promise(s->extra_data_size < 16 ? s->disk_size == h->size :
		qcow2_l1_entries(&geo, s->disk_size) <= s->l1_size);
	promise(qcow2_snapshot_matches_id(s, s->id, s->id_len));
	promise(qcow2_snapshot_matches_name(s, s->name, s->name_len));
}

/* Nobody is asked for more than the longest entry, or for what he has. */
static void hold_request(const struct qcow2_snapshot *s, size_t size)
{
	promise(s->entry_len > size);
	promise(s->entry_len <= 40 + 1024 + 2 * 65535);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct qcow_fault fault = {};
	struct qcow2_geometry geo;
	struct qcow2_snapshot s;
	struct qcow2_header h;
	int err;

	take_geometry(&data, &size, &h, &geo);
	h.size = take(&data, &size, 8);
	for (;;) {
		err = qcow2_snapshot_parse(&h, data, size, 0x10000, &s, &fault);
		if (err)
			break;
		accepted();
		hold_entry(&h, &s, data, size);
		if (s.entry_len >= size)
			return 0;
		data += s.entry_len;
		size -= s.entry_len;
	}
	if (err == -ENODATA)
		hold_request(&s, size);
	else
		promise_fault(err, &fault);
	return 0;
}
