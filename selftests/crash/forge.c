// SPDX-License-Identifier: GPL-2.0
/*
 * forge SCENARIO IMAGE RECORD VERSIONS
 *
 * Writes the record that a driver would leave which is asked for one or two
 * things and, but in the scenario "good", does them wrong: replay has to find
 * that out.  IMAGE has clusters of 64 KiB and refcounts of 16 bits, and 128 of
 * them; guest cluster 0 is allocated, and none of the others is.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "format/l2.h"
#include "format/refcount.h"
#include "format/snapshot.h"
#include "image.h"
#include "record.h"
#include "sector.h"

#define CLUSTER		65536ULL
#define SECTORS		(CLUSTER / SECTOR_SIZE)

static struct span image;
static FILE *record;
static u64 last_id;
static u64 table, first, fresh;	/* host: L2 table, guest cluster 0, new */
static u64 blocks;		/* host: the first refcount block */
static u32 *versions;
static u64 sectors;
static struct qcow2_header header;

/* --- Records --- */

static void put(const void *data, size_t len)
{
	if (len && fwrite(data, len, 1, record) != 1)
		err(1, "record");
}

static u64 begin(enum record_type type, u64 pos, u64 len, const void *data,
		 u32 arg)
{
	const struct record head = {
		.type = type, .id = ++last_id, .pos = pos, .len = len,
		.arg = arg,
	};

	put(&head, sizeof(head));
	if (data)
		put(data, len);
	return head.id;
}

static void end(u64 id)
{
	const struct record head = { .type = RECORD_END, .id = id };

	put(&head, sizeof(head));
}

static void answer(u64 id)
{
	const struct record head = { .type = RECORD_REQ_END, .id = id };

	put(&head, sizeof(head));
}

static void sync_file(void)
{
	end(begin(RECORD_SYNC, 0, 0, NULL, 0));
}

static void write_file(u64 pos, const void *data, u64 len)
{
	end(begin(RECORD_WRITE, pos, len, data, 0));
}

static u64 ask(enum record_op op, u64 guest, u32 flags)
{
	u64 s = guest * SECTORS;

	if (op == RECORD_OP_FLUSH)
		return begin(RECORD_REQ, 0, 0, NULL, op);
	for (; s < (guest + 1) * SECTORS; s++)
		versions[s]++;
	return begin(RECORD_REQ, guest * CLUSTER, CLUSTER, NULL, op | flags);
}

/* --- What is written --- */

static const u8 *content(u64 guest)
{
	static u8 buffer[CLUSTER];
	u64 i;

	for (i = 0; i < SECTORS; i++)
		sector_fill(buffer + i * SECTOR_SIZE, guest * SECTORS + i,
			    versions[guest * SECTORS + i]);
	return buffer;
}

static u64 word_at(u64 pos)
{
	u64 word;

	qcow2_be64_decode(&word, image.data + pos, 1);
	return word;
}

/* The sectors of the table with the entries of these guest clusters. */
static void write_entries(u64 from, u64 from_entry, u64 to, u64 to_entry)
{
	static u8 sectors[2 * SECTOR_SIZE];
	static bool loaded;

	if (!loaded)
		memcpy(sectors, image.data + table, sizeof(sectors));
	loaded = true;
	qcow2_be64_encode(sectors + from * 8, &from_entry, 1);
	qcow2_be64_encode(sectors + to * 8, &to_entry, 1);
	write_file(table, sectors, to * 8 < SECTOR_SIZE ? SECTOR_SIZE :
		   sizeof(sectors));
}

static void write_entry(u64 guest, u64 entry)
{
	write_entries(guest, entry, guest, entry);
}

/* The refcount of the fresh cluster is 1. */
static void write_refcount(void)
{
	u64 index = fresh / CLUSTER, at = index * 2 / SECTOR_SIZE * SECTOR_SIZE;
	u8 sector[SECTOR_SIZE];

	memcpy(sector, image.data + blocks + at, sizeof(sector));
	sector[index * 2 - at + 1] = 1;
	write_file(blocks + at, sector, sizeof(sector));
}

/* --- Scenarios: guest cluster 1 is written and flushed --- */

static void extend(void)
{
	end(begin(RECORD_EXTEND, fresh, CLUSTER, NULL, 0));
	sync_file();
}

static void link_it(void)
{
	write_entry(1, fresh | QCOW2_OFLAG_COPIED);
}

static void write_answered(void)
{
	u64 id = ask(RECORD_OP_WRITE, 1, 0);

	write_file(fresh, content(1), CLUSTER);
	answer(id);
}

static void good(void)
{
	u64 flush;

	extend();
	write_answered();
	flush = ask(RECORD_OP_FLUSH, 0, 0);
	write_refcount();
	sync_file();
	link_it();
	sync_file();
	answer(flush);
}

static void linked_early(void)
{
	extend();
	write_answered();
	link_it();
	write_refcount();
	sync_file();
}

static void flushed_early(void)
{
	u64 flush;

	extend();
	write_answered();
	flush = ask(RECORD_OP_FLUSH, 0, 0);
	write_refcount();
	sync_file();
	answer(flush);
	link_it();
	sync_file();
}

static void fua_early(void)
{
	u64 id;

	extend();
	id = ask(RECORD_OP_WRITE, 1, RECORD_OP_FUA);
	write_file(fresh, content(1), CLUSTER);
	write_refcount();
	sync_file();
	link_it();
	answer(id);
}

/* Recycled bytes, which nobody may see where a cluster is linked. */
static void extend_dirty(void)
{
	end(begin(RECORD_EXTEND, fresh, CLUSTER, NULL, 0));
	write_file(fresh, content(2), CLUSTER);
	sync_file();
}

static void dirty(void)
{
	extend_dirty();
	write_answered();
	write_refcount();
	link_it();
	sync_file();
}

/* The sync does not cover what was under way when it began. */
static void data_late(void)
{
	u64 sync, id, host;

	extend_dirty();
	id = ask(RECORD_OP_WRITE, 1, 0);
	host = begin(RECORD_WRITE, fresh, CLUSTER, content(1), 0);
	write_refcount();
	sync = begin(RECORD_SYNC, 0, 0, NULL, 0);
	end(host);
	answer(id);
	end(sync);
	link_it();
	sync_file();
}

static void foreign(void)
{
	extend();
	answer(ask(RECORD_OP_WRITE, 1, 0));
	write_file(fresh, content(2), CLUSTER);
	write_refcount();
	sync_file();
	link_it();
	sync_file();
}

static void uncounted(void)
{
	extend();
	write_answered();
	sync_file();
	link_it();
	sync_file();
}

static void lost(void)
{
	good();
	begin(RECORD_LOST, 0, 0, NULL, 0);
}

static void miscounted(void)
{
	good();
	versions[2 * SECTORS]++;
}

/* --- Scenarios: guest cluster 0, which is allocated --- */

static void reused_early(void)
{
	u64 flush;

	answer(ask(RECORD_OP_DISCARD, 0, 0));
	answer(ask(RECORD_OP_WRITE, 1, 0));
	write_file(first, content(1), CLUSTER);
	flush = ask(RECORD_OP_FLUSH, 0, 0);
	write_entry(0, QCOW2_OFLAG_ZERO);
	write_entry(1, first | QCOW2_OFLAG_COPIED);
	sync_file();
	answer(flush);
}

static void punched_early(void)
{
	end(begin(RECORD_PUNCH, first, CLUSTER, NULL, 0));
	write_entry(0, 0);
	sync_file();
}

static void in_place(void)
{
	u64 id = ask(RECORD_OP_WRITE, 0, 0);

	write_file(first, content(0), CLUSTER);
	answer(id);
	sync_file();
}

/* The first version is safe, the second is said to be. */
static void old_version(void)
{
	in_place();
	answer(ask(RECORD_OP_FLUSH, 0, 0));
	answer(ask(RECORD_OP_WRITE, 0, 0));
	write_file(first, content(0), CLUSTER);
	answer(ask(RECORD_OP_FLUSH, 0, 0));
}

/* An old value, but a discard since may bring it back. */
static void discarded(void)
{
	in_place();
	answer(ask(RECORD_OP_FLUSH, 0, 0));
	answer(ask(RECORD_OP_DISCARD, 0, 0));
	answer(ask(RECORD_OP_FLUSH, 0, 0));
}

/* Whole it is right, but its two sectors are not written as one. */
static void torn(void)
{
	answer(ask(RECORD_OP_DISCARD, 0, 0));
	answer(ask(RECORD_OP_ZEROES, 100, 0));
	end(begin(RECORD_PUNCH, first, CLUSTER, NULL, 0));
	sync_file();
	write_entries(0, 0, 100, first | QCOW2_OFLAG_COPIED);
	sync_file();
}

static void overlapping(void)
{
	u64 id = ask(RECORD_OP_WRITE, 0, 0), a, b;

	a = begin(RECORD_WRITE, first, CLUSTER, content(0), 0);
	b = begin(RECORD_WRITE, first, SECTOR_SIZE, content(0), 0);
	end(a);
	end(b);
	answer(id);
}

/* --- Scenarios: a snapshot is made --- */

/* What is new, in clusters behind the end. */
enum { NEW_L2, NEW_L1, NEW_TABLE, NEW_BLOCK, NEW_REFTABLE, NEW_END };

enum {
	KEEP_FLAGS = 1,		/* in the table that becomes shared */
	NO_COUNT = 2,		/* of what is new */
	NO_SYNC = 4,		/* before the header */
	PUNCH = 8,		/* the old L1 table before the header */
	MISNAME = 16,
	KEEP_HEADER = 32,	/* though it is said to be done */
	REFUSE = 64,		/* though it is done */
};

static u64 new_at(unsigned int which)
{
	return fresh + which * CLUSTER;
}

static u8 *copy_of(u64 pos)
{
	static u8 buffer[CLUSTER];

	memcpy(buffer, image.data + pos, CLUSTER);
	return buffer;
}

static void write_tables(unsigned int flaws)
{
	u64 l2 = new_at(NEW_L2) | QCOW2_OFLAG_COPIED, entry, i;
	u8 *buffer = copy_of(table);

	for (i = 0; i < CLUSTER / 8 && !(flaws & KEEP_FLAGS); i++) {
		qcow2_be64_decode(&entry, buffer + i * 8, 1);
		entry &= ~QCOW2_OFLAG_COPIED;
		qcow2_be64_encode(buffer + i * 8, &entry, 1);
	}
	write_file(new_at(NEW_L2), buffer, CLUSTER);
	buffer = copy_of(header.l1_table_offset);
	qcow2_be64_encode(buffer, &l2, 1);
	write_file(new_at(NEW_L1), buffer, CLUSTER);
}

static void write_snapshot(unsigned int flaws)
{
	static u8 buffer[CLUSTER];
	const struct qcow2_snapshot s = {
		.l1_table_offset = header.l1_table_offset,
		.l1_size = header.l1_size, .disk_size = header.size,
		.id = "1", .id_len = 1, .name_len = 3,
		.name = flaws & MISNAME ? "two" : "one",
	};

	qcow2_snapshot_encode(buffer, &s);
	write_file(new_at(NEW_TABLE), buffer, CLUSTER);
}

static void write_block(unsigned int flaws, u64 of_old)
{
	u8 *buffer = copy_of(blocks);
	u64 i, host;

	for (i = 0; i < CLUSTER / 8; i++) {
		host = word_at(table + i * 8) & QCOW2_L2E_OFFSET_MASK;
		if (host)
			qcow2_refcount_set(buffer, 4, host / CLUSTER, 2);
	}
	for (i = 0; i < NEW_END && !(flaws & NO_COUNT); i++)
		qcow2_refcount_set(buffer, 4, new_at(i) / CLUSTER, 1);
	qcow2_refcount_set(buffer, 4, blocks / CLUSTER, of_old);
	qcow2_refcount_set(buffer, 4, header.refcount_table_offset / CLUSTER,
			   of_old);
	write_file(new_at(NEW_BLOCK), buffer, CLUSTER);
}

static void write_refcounts(unsigned int flaws)
{
	u64 entry = new_at(NEW_BLOCK);
	u8 *buffer;

	write_block(flaws, 1);
	buffer = copy_of(header.refcount_table_offset);
	qcow2_be64_encode(buffer, &entry, 1);
	write_file(new_at(NEW_REFTABLE), buffer, CLUSTER);
}

static void write_header(void)
{
	struct qcow2_header h = header;
	u8 *buffer = copy_of(0);

	h.l1_table_offset = new_at(NEW_L1);
	h.refcount_table_offset = new_at(NEW_REFTABLE);
	h.snapshots_offset = new_at(NEW_TABLE);
	h.nb_snapshots = 1;
	qcow2_header_set_structure(buffer, &h);
	write_file(0, buffer, SECTOR_SIZE);
	sync_file();
}

static void change_end(u64 id, int result)
{
	const struct record head = {
		.type = RECORD_CHANGE_END, .id = id, .result = result,
	};

	put(&head, sizeof(head));
}

static void create(unsigned int flaws)
{
	u64 id = begin(RECORD_CHANGE, 0, 3, "one", RECORD_CHANGE_CREATE);

	end(begin(RECORD_EXTEND, fresh, NEW_END * CLUSTER, NULL, 0));
	write_tables(flaws);
	write_snapshot(flaws);
	write_refcounts(flaws);
	if (!(flaws & NO_SYNC))
		sync_file();
	if (flaws & PUNCH)
		end(begin(RECORD_PUNCH, header.l1_table_offset, CLUSTER, NULL,
			  0));
	if (!(flaws & KEEP_HEADER))
		write_header();
	change_end(id, flaws & REFUSE ? -EEXIST : 0);
	write_block(flaws, 0);
	sync_file();
}

static void create_good(void)
{
	create(0);
}

static void create_unsynced(void)
{
	create(NO_SYNC);
}

static void create_copied(void)
{
	create(KEEP_FLAGS);
}

static void create_uncounted(void)
{
	create(NO_COUNT);
}

static void create_punched(void)
{
	create(PUNCH);
}

static void create_misnamed(void)
{
	create(MISNAME);
}

static void create_not(void)
{
	create(KEEP_HEADER);
}

static void create_refused(void)
{
	create(REFUSE);
}

/* The snapshot has this cluster, too. */
static void create_in_place(void)
{
	create(0);
	in_place();
}

/* Written and not there: what the snapshot has is not what was written. */
static void create_stale(void)
{
	answer(ask(RECORD_OP_WRITE, 0, 0));
	create(0);
}

static void create_busy(void)
{
	ask(RECORD_OP_WRITE, 0, 0);
	create(0);
}

/* --- Scenarios: the disk gets another size, or what backs it --- */

static void write_size(u64 size)
{
	struct qcow2_header h = header;
	u8 *buffer = copy_of(0);

	h.size = size;
	qcow2_header_set_structure(buffer, &h);
	write_file(0, buffer, SECTOR_SIZE);
	sync_file();
}

static void shrink(void)
{
	u64 id = begin(RECORD_CHANGE, header.size / 2, 0, NULL,
		       RECORD_CHANGE_RESIZE);

	write_size(header.size / 2);
	change_end(id, 0);
}

/* It is cut off in between: what there is then was never the disk's. */
static void shrink_grow(void)
{
	u64 id;

	good();
	id = begin(RECORD_CHANGE, CLUSTER, 0, NULL, RECORD_CHANGE_RESIZE);
	write_size(CLUSTER);
	change_end(id, 0);
	id = begin(RECORD_CHANGE, header.size, 0, NULL, RECORD_CHANGE_RESIZE);
	write_size(header.size);
	change_end(id, 0);
}

static void shrink_other(void)
{
	u64 id = begin(RECORD_CHANGE, header.size / 2, 0, NULL,
		       RECORD_CHANGE_RESIZE);

	write_size(header.size / 4);
	change_end(id, 0);
}

/* It keeps what it has. */
static void empty_not(void)
{
	u64 id = begin(RECORD_CHANGE, 0, 0, NULL, RECORD_CHANGE_EMPTY);

	sync_file();
	change_end(id, 0);
}

static const struct scenario {
	const char *name;
	void (*run)(void);
} scenarios[] = {
	{ "good", good },
	{ "linked-early", linked_early },
	{ "flushed-early", flushed_early },
	{ "fua-early", fua_early },
	{ "data-late", data_late },
	{ "dirty", dirty },
	{ "foreign", foreign },
	{ "uncounted", uncounted },
	{ "lost", lost },
	{ "miscounted", miscounted },
	{ "reused-early", reused_early },
	{ "punched-early", punched_early },
	{ "in-place", in_place },
	{ "old-version", old_version },
	{ "discarded", discarded },
	{ "torn", torn },
	{ "overlapping", overlapping },
	{ "create-good", create_good },
	{ "create-unsynced", create_unsynced },
	{ "create-copied", create_copied },
	{ "create-uncounted", create_uncounted },
	{ "create-punched", create_punched },
	{ "create-misnamed", create_misnamed },
	{ "create-not", create_not },
	{ "create-refused", create_refused },
	{ "create-in-place", create_in_place },
	{ "create-stale", create_stale },
	{ "create-busy", create_busy },
	{ "shrink", shrink },
	{ "shrink-grow", shrink_grow },
	{ "shrink-other", shrink_other },
	{ "empty-not", empty_not },
};

static void load(const char *path)
{
	struct qcow_fault fault;

	image = span_load(path);
	if (qcow2_header_parse(image.data, image.size, &header, &fault))
		errx(1, "%s: %s", path, fault.problem);
	table = word_at(header.l1_table_offset) & QCOW2_L1E_OFFSET_MASK;
	first = word_at(table) & QCOW2_L2E_OFFSET_MASK;
	blocks = word_at(header.refcount_table_offset);
	fresh = (image.size + CLUSTER - 1) / CLUSTER * CLUSTER;
	sectors = header.size / SECTOR_SIZE;
	versions = calloc(sectors, sizeof(*versions));
	if (!table || !first || !versions)
		errx(1, "%s: guest cluster 0 is not allocated", path);
}

static void save_versions(const char *path)
{
	FILE *file = fopen(path, "w");

	if (!file || fwrite(versions, sizeof(u32), sectors, file) != sectors ||
	    fclose(file))
		err(1, "%s", path);
}

static void run(const char *name)
{
	const struct scenario *s = scenarios;

	for (; s < scenarios + ARRAY_SIZE(scenarios); s++)
		if (!strcmp(s->name, name))
			return s->run();
	errx(2, "no scenario %s", name);
}

int main(int argc, char **argv)
{
	if (argc != 5)
		errx(2, "usage: forge SCENARIO IMAGE RECORD VERSIONS");
	load(argv[2]);
	record = fopen(argv[3], "w");
	if (!record)
		err(1, "%s", argv[3]);
	run(argv[1]);
	if (fclose(record))
		err(1, "%s", argv[3]);
	save_versions(argv[4]);
	return 0;
}
