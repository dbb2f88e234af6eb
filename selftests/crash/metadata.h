/* SPDX-License-Identifier: GPL-2.0 */
/* Whether a state's metadata is consistent; looked at only if it changed. */
#ifndef CRASH_METADATA_H
#define CRASH_METADATA_H

#include "../../userspace/check.h"
#include "image.h"

struct range {
	u64 pos, len;
};

/**
 * struct metadata - the last check
 * @result:	what it counted; valid if @err is 0
 * @err:	of the check
 * @size:	of the file then
 * @seen:	when that was
 * @read:	what it has read: while that stays, so does the verdict
 * @ignore_copied: flags may contradict the refcounts
 * @checks:	how often the library was asked
 */
struct metadata {
	struct check check;
	struct check_result result;
	int err;
	u64 size;
	u32 seen;
	struct range *read;
	size_t count, room;
	bool known;
	bool ignore_copied;
	u64 checks;
};

void metadata_init(struct metadata *md);

/** metadata_forget - it becomes another image's, its memory stays */
void metadata_forget(struct metadata *md);

/** metadata_check - what is wrong goes to report_problem() */
void metadata_check(struct metadata *md, struct image *image);

/** metadata_corruptions - those that a repair does not mend, if it is due */
u64 metadata_corruptions(const struct metadata *md);

#endif /* CRASH_METADATA_H */
