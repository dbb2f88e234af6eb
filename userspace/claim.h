/* SPDX-License-Identifier: GPL-2.0 */
/* May these files be used now?  The driver is asked, then everybody else. */
#ifndef QCOWCTL_CLAIM_H
#define QCOWCTL_CLAIM_H

#include "chain.h"
#include "lock.h"

/* What for; it decides whether a device that writes the file is in the way. */
enum claim {
	CLAIM_ATTACH,		/* to be attached */
	CLAIM_DISK,		/* to be behind what is attached */
	CLAIM_SNAPSHOT,		/* a snapshot of it, which does not change */
	CLAIM_LOOK,		/* to be read by this program */
	CLAIM_TARGET,		/* to be written or replaced by it */
};

/**
 * claim_chain - take the locks on every file of a chain
 * @c:		the chain; its top is locked as it was opened
 * @what_for:	for the top; what is behind it must not change in any case
 *
 * A file that the driver has open carries the driver's locks, which would
 * contradict ours: there the driver's word counts.
 *
 * Return: 0, or an exit code after saying which file is in use and how.
 */
int claim_chain(const struct chain *c, enum claim what_for);

/** claim_file - the same for one file */
int claim_file(const struct file *f, enum claim what_for);

/**
 * claim_again - to be the files of a device that has them already
 *
 * The driver's locks speak for them; when it has these files instead, those of
 * these do.
 *
 * Return: 0 or an exit code.
 */
int claim_again(const struct chain *c);

/**
 * claim_opened - are these the files that the driver has?
 *
 * It names them by their paths, where others may lie by now, or for this
 * process.
 *
 * Return: 0 or an exit code.
 */
int claim_opened(const struct chain *c);

/** struct claim_raised - a layer's files, open once more; -1: not */
struct claim_raised {
	int image;
	int data;
};

/**
 * claim_raise - who only read a layer's files will write them
 *
 * The driver has them, and no others of them.  The locks of who writes are
 * held by files of their own, which the driver keeps open until it has stopped
 * writing: so they go when this process is killed, and not before that.
 *
 * Return: 0, or an exit code after saying who is in the way; claim_lower() is
 * due in any case.
 */
int claim_raise(const struct layer *l, struct claim_raised *r);

/** claim_lower - and will only read them again */
void claim_lower(struct claim_raised *r);

/**
 * claim_source - open the chain of an image or of a device, for looking
 * @word:	what the user named
 * @o:		for an image; a device knows its files and formats itself
 * @share:	take no locks; for a device the driver has them in any case
 * @wanted:	the snapshot that the user named, or NULL
 * @snapshot:	the one to look at, to be freed: of a device the one it shows
 *
 * Return: 0, or an exit code; chain_close() is due in any case.
 */
int claim_source(struct chain *c, const char *word,
		 const struct chain_options *o, bool share,
		 const char *wanted, char **snapshot);

#endif /* QCOWCTL_CLAIM_H */
