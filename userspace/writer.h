/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A new qcow2 image, written from its first cluster to its last.
 *
 * Guest clusters come in ascending order, so each L2 table is complete when
 * the next begins, and goes to the file then; the L1 table has its place
 * behind the header, and the refcounts, which count all of it, come last, and
 * the header after them.  What holds data is only given a place here: its
 * bytes may be written by others, at the same time.
 */
#ifndef QCOWCTL_WRITER_H
#define QCOWCTL_WRITER_H

#include "format/l2.h"
#include "fresh.h"
#include "newimage.h"

/**
 * struct writer - an image under way
 * @image:	its file
 * @h:		its header
 * @ext:	the names in it
 * @zero_flag:	a cluster of zeros has to say so, as a backing file is behind
 * @l1:		in CPU order
 * @l2:		the table under way, in CPU order
 * @l2_index:	which one that is
 * @l2_used:	there is something in it
 * @end:	where the next cluster goes
 * @stream:	where the next compressed cluster goes, within a cluster that
 *		has begun: up to @stream_end
 * @refs:	how often each cluster is used, @nr_refs of them
 */
struct writer {
	struct fresh *image;
	struct qcow2_header h;
	struct qcow2_extensions ext;
	struct qcow2_geometry geo;
	bool zero_flag;
	u64 *l1;
	u64 *l2;
	u64 l2_index;
	bool l2_used;
	u64 end;
	u64 stream;
	u64 stream_end;
	u16 *refs;
	u64 nr_refs;
	u64 room;
};

/**
 * writer_open - begin
 * @n: checked; must stay as long as the writer
 *
 * Return: 0 or an exit code; writer_close() is due in any case.
 */
int writer_open(struct writer *w, const struct newimage *n,
		struct fresh *image);
void writer_close(struct writer *w);

/**
 * writer_place - give a guest cluster a host cluster
 * @guest:	its offset, larger than all before
 * @bitmap:	with extended L2: what is in it, as its L2 entry says that
 * @host:	where its bytes go, in the image or in its data file
 */
int writer_place(struct writer *w, u64 guest, u64 bitmap, u64 *host);

/**
 * writer_place_stream - the same for a compressed one
 * @length: of the compressed bytes
 */
int writer_place_stream(struct writer *w, u64 guest, u64 length, u64 *host);

/** writer_place_zero - the cluster reads as zeros; not with version 2 and a
 * backing file
 */
int writer_place_zero(struct writer *w, u64 guest);

/** writer_finish - all tables, then the header; 0 or an exit code */
int writer_finish(struct writer *w);

#endif /* QCOWCTL_WRITER_H */
