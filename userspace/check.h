/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Is the metadata of a qcow2 image consistent?
 *
 * Every reference to a host cluster is counted, from the header on, and held
 * against the refcounts.  The verdict is that of "qemu-img check", with one
 * addition: a cluster that serves as two things at once is corrupt, also where
 * its refcount says two.
 *
 * Memory is bounded by the size of the file, in clusters, and of the tables
 * in it; no table is followed twice, however many entries lead to it.
 */
#ifndef QCOWCTL_CHECK_H
#define QCOWCTL_CHECK_H

#include "census.h"
#include "format/header.h"

/**
 * struct check_source - an image file, wherever it is
 * @read:	copy @len bytes at @pos; those beyond the end are zeros; returns
 *		0 or a negative errno
 * @map:	the same without copying: a pointer to them that stays valid
 *		until check_image() returns, or NULL for a @read instead; may be
 *		missing
 * @ctx:	for both
 * @size:	of the file, bytes
 */
struct check_source {
	int (*read)(void *ctx, void *buf, size_t len, u64 pos);
	const void *(*map)(void *ctx, u64 pos, size_t len);
	void *ctx;
	u64 size;
};

/**
 * struct check_result - what was found
 * @corruptions:	all but leaks
 * @leaks:		clusters with a refcount above their references
 * @check_errors:	clusters that could not be checked
 * @too_low:		of @corruptions: clusters with a refcount below their
 *			references
 * @copied_wrong:	of @corruptions: active entries whose COPIED flag
 *			contradicts the refcount
 * @overlaps:		of @corruptions: clusters that serve as two things, also
 *			where the refcount allows for both
 * @blocks_wrong:	of @corruptions: refcount blocks at impossible places
 * @raw_wrong:		of @corruptions: the data file is said to be raw, and
 *			there is none
 * @image_end_offset:	bytes up to the end of the last cluster in use
 * @total_clusters:	of the virtual disk; the next three: of the active disk
 * @fragmented_clusters: that do not follow the one before them
 * @dirty:		the header's dirty bit; @corrupt: its corrupt bit
 *
 * A rebuild of the refcounts mends @too_low, @copied_wrong and @blocks_wrong,
 * one write to the header @raw_wrong.
 */
struct check_result {
	u64 corruptions;
	u64 leaks;
	u64 check_errors;
	u64 too_low;
	u64 copied_wrong;
	u64 overlaps;
	u64 blocks_wrong;
	u64 raw_wrong;
	u64 image_end_offset;
	u64 total_clusters;
	u64 allocated_clusters;
	u64 compressed_clusters;
	u64 fragmented_clusters;
	bool dirty;
	bool corrupt;
};

/** check_result_lasting - corruptions that no repair mends */
static inline u64 check_result_lasting(const struct check_result *r)
{
	return r->corruptions - r->too_low - r->copied_wrong -
	       r->blocks_wrong - r->raw_wrong;
}

/** check_report - called with a line, without newline, for each problem */
typedef void (*check_report)(void *ctx, const char *line);

/**
 * struct check_watch - who wants to know how far a check got
 * @begin:	the larger part of it begins: @total bytes are to be looked at
 * @step:	so many more have been
 * @ctx:	for both
 */
struct check_watch {
	void (*begin)(void *ctx, u64 total);
	void (*step)(void *ctx, u64 bytes);
	void *ctx;
};

/* Memory that grows as needed. */
struct check_buffer {
	void *bytes;
	size_t room;
};

/* An L2 table, and how many entries of L1 tables lead to it. */
struct check_l2 {
	u64 offset;
	u64 active;
	u64 inactive;
};

/**
 * struct check - working memory, good for one check after the other
 *
 * After a check that returned 0: what it was about, for who repairs.
 */
struct check {
	struct qcow2_header header;
	struct qcow2_geometry geo;
	struct qcow2_extensions ext;	/* leads into @head or the source */
	struct census census;
	u64 *reftable;
	u64 reftable_size;		/* entries up to the last in use */
	struct check_buffer head;
	struct check_buffer raw;	/* as it lies in the file */
	struct check_buffer table;	/* a piece of it in CPU order */
	struct check_buffer reftable_room;
	struct check_buffer ones;	/* a bit for each refcount of 1 */
	struct check_buffer l2_room;
	struct check_l2 *l2;
	size_t nr_l2;
	u64 size;			/* of the file, bytes */
	u64 beyond;			/* lowest reference beyond it; ~0: none */
	bool unreadable;		/* a refcount block is at no good place */
	const struct check_watch *watch;	/* may be NULL */
};

/**
 * check_within - are these bytes in the file, as far as references go?
 *
 * The last cluster need not be whole, so less than one may be missing.
 */
bool check_within(const struct check *c, u64 pos, u64 len);

void check_init(struct check *c);
void check_free(struct check *c);

/**
 * check_image - check one image
 * @report: may be NULL
 * @ctx:    for @report
 *
 * Return: 0 with @r filled in; or why it could not be checked, after a line to
 * @report: -EUCLEAN: the header, or a table that must be read to go on, is
 * malformed; -EOPNOTSUPP: an unknown version or feature; -EFBIG: more clusters
 * than can be counted; -ENOMEM; what @src->read returned.
 */
int check_image(struct check *c, const struct check_source *src,
		struct check_result *r, check_report report, void *ctx);

#endif /* QCOWCTL_CHECK_H */
