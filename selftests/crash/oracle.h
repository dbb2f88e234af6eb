/* SPDX-License-Identifier: GPL-2.0 */
/* What each sector of the active disk may read after a power cut. */
#ifndef CRASH_ORACLE_H
#define CRASH_ORACLE_H

#include "record.h"

/**
 * struct oracle - by sector of the guest; versions count its changes from 1
 * @sectors:	of the disk
 * @largest:	sectors that it may ever have
 * @initial:	what they read before the load, or at the last change of the
 *		structure, which is durable
 * @base:	the version asked for last before that
 * @begun:	the last version that the guest asked for
 * @zeroed:	the last version that was a discard or zeroes
 * @base_begun:	the last version asked for that was no discard
 * @base_done:	of those that were answered
 * @floor:	of those that a completed flush or FUA covers
 * @final:	the versions that the load counted
 * @zeroes:	the versions that it zeroed: sector and version, sorted
 *
 * A discard may leave the old value in place, so that it is no base.  What a
 * sector may read is any version from @floor to @begun that is above @base.
 */
struct oracle {
	u64 sectors;
	u64 largest;
	const u8 *initial;
	u32 *base;
	u32 *begun;
	u32 *zeroed;
	u32 *base_begun;
	u32 *base_done;
	u32 *floor;
	u32 *final;
	u64 *zeroes;
	size_t nr_zeroes;
	struct request *requests;	/* under way */
};

typedef void (*oracle_risen)(void *ctx, u64 sector);

/**
 * oracle_init - before the load
 * @initial:  @sectors sectors
 * @versions: the file of versions that crashload wrote, of @largest sectors
 */
void oracle_init(struct oracle *o, const u8 *initial, u64 sectors, u64 largest,
		 const char *versions);

/**
 * oracle_next - the disk becomes another one, with all of this content
 * @next: its oracle; what the two count is common to both
 *
 * Exits where a request is under way.
 */
void oracle_next(const struct oracle *o, struct oracle *next,
		 const u8 *initial, u64 sectors);

/** oracle_free - one of the two, which is not used any more */
void oracle_free(struct oracle *o);

/** oracle_begin - the guest asks */
void oracle_begin(struct oracle *o, const struct record *head);

/**
 * oracle_end - the guest is told
 * @risen: called for each sector that may read less than before
 *
 * Return: whether this was a promise, a flush or FUA.
 */
bool oracle_end(struct oracle *o, const struct record *head,
		oracle_risen risen, void *ctx);

/**
 * oracle_objects - may the sector read this?
 * @data: a sector, NULL for zeros
 *
 * Return: NULL, or what is wrong with it.
 */
const char *oracle_objects(const struct oracle *o, u64 sector, const u8 *data);

/** oracle_objects_now - likewise, where nothing is under way or undone */
const char *oracle_objects_now(const struct oracle *o, u64 sector,
			       const u8 *data);

/**
 * oracle_compare - do the requests that were seen make what the load counted?
 *
 * Exits if not: what the oracle said was then of no value.
 */
void oracle_compare(const struct oracle *o);

#endif /* CRASH_ORACLE_H */
