/* SPDX-License-Identifier: GPL-2.0 */
/* Two images that a command works on, held against what they have to show. */
#ifndef CRASH_PAIR_H
#define CRASH_PAIR_H

#include "image.h"
#include "metadata.h"

enum pair_file { PAIR_IMAGE, PAIR_BASE = 2, PAIR_NOWHERE, PAIR_MEDIA };

/**
 * struct side - one of them
 * @views:    its disk; the second where it grows
 * @snapshot: without a name: there is none
 * @shown:    what it reads in the state
 */
struct side {
	struct image image;
	struct metadata metadata;
	struct view views[2];
	struct view snapshot;
	u8 *shown;
};

/**
 * struct pair - an image and its backing file
 * @media:    the files, by enum pair_file
 * @base:     which commit writes to; not used where there is none
 * @has_base: there is one...
 * @raw:      ...and it is a raw file
 * @content:  what the image has to show, always
 * @under:    what shows through at first
 * @next:     what shows through under the name of @next_name
 * @name:     of what shows through at first
 * @done:     the command has said that it is done
 */
struct pair {
	struct medium media[PAIR_MEDIA];
	struct side top, base;
	bool has_base, raw, done;
	struct span content, under, next;
	const char *next_name;
	char *name;
};

/**
 * pair_load - begin with these files
 * @reach:    bytes of each file that a record has, by enum pair_file
 * @snapshot: what the backing file's snapshot holds, or NULL
 *
 * @p has all of @has_base, @raw, @content, @under, @next and @next_name.
 * Exits where it fails.
 */
void pair_load(struct pair *p, const char *image, const char *base,
	       const u64 *reach, const char *snapshot);

/** pair_judge - the state of the media; what is wrong is reported */
void pair_judge(struct pair *p);

/** pair_leaks - clusters that nobody uses, of the state judged last */
u64 pair_leaks(const struct pair *p);

/** pair_save - the state into a folder where the backing file lies beside it */
void pair_save(const struct pair *p, const char *folder);

#endif /* CRASH_PAIR_H */
