/* SPDX-License-Identifier: GPL-2.0 */
/* What the parts of a check have in common; no business of its callers. */
#ifndef QCOWCTL_WALK_H
#define QCOWCTL_WALK_H

#include <stdarg.h>

#include "check.h"

/**
 * struct walk - one check under way
 * @c:		the working memory
 * @src:	the image
 * @r:		what was found so far
 * @report:	may be NULL; @ctx is for it
 */
struct walk {
	struct check *c;
	const struct check_source *src;
	struct check_result *r;
	check_report report;
	void *ctx;
};

/** walk_say - a line to whoever wants them */
void walk_say(struct walk *w, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/** walk_vsay - the same; there must be a report */
void walk_vsay(struct walk *w, const char *fmt, va_list args);

/** walk_corrupt - say it, and count it as so many corruptions */
void walk_corrupt(struct walk *w, u64 times, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), cold));

/** walk_refused - say why kmod/format refused it; @err */
int walk_refused(struct walk *w, int err, const struct qcow_fault *f);

int buffer_need(struct check_buffer *b, size_t size);
void buffer_free(struct check_buffer *b);

/**
 * walk_fetch - bytes of the image; those beyond its end are zeros
 * @b:		used where the source has nothing to point to
 * @bytes:	valid until @b is used again
 *
 * Return: 0 or a negative errno, after a line.
 */
int walk_fetch(struct walk *w, struct check_buffer *b, u64 pos, size_t len,
	       const void **bytes);

/** walk_is_zero - is there nothing in these bytes? @len is not 0 */
static inline bool walk_is_zero(const u8 *bytes, size_t len)
{
	return !*bytes && !memcmp(bytes, bytes + 1, len - 1);
}

/** walk_words - @n words of a table in CPU order, in c->table */
int walk_words(struct walk *w, u64 pos, size_t n, const u64 **words);

typedef int (*walk_see)(struct walk *w, void *into, u64 index, u64 word);

/** walk_each_word - each word but zeros of a table that may be long */
int walk_each_word(struct walk *w, u64 pos, u64 n, walk_see see, void *into);

/**
 * walk_count - count references to each cluster of a piece of the file
 * @what:	in case it ends beyond the file
 * @kind:	CENSUS_*
 */
void walk_count(struct walk *w, const char *what, u64 pos, u64 len, u32 kind,
		u64 times);

static inline unsigned int cluster_bits(const struct walk *w)
{
	return w->c->geo.cluster_bits;
}

static inline u64 cluster_size(const struct walk *w)
{
	return 1ULL << cluster_bits(w);
}

/** walk_begin - so many tables and blocks, of a cluster each, are to be seen */
static inline void walk_begin(const struct walk *w, u64 clusters)
{
	const struct check_watch *watch = w->c->watch;

	if (watch)
		watch->begin(watch->ctx, clusters << cluster_bits(w));
}

/** walk_step - one of them has been */
static inline void walk_step(const struct walk *w)
{
	const struct check_watch *watch = w->c->watch;

	if (watch)
		watch->step(watch->ctx, cluster_size(w));
}

static inline bool misaligned(const struct walk *w, u64 offset)
{
	return offset & (cluster_size(w) - 1);
}

#endif /* QCOWCTL_WALK_H */
