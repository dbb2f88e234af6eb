/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of kmod/image share with each other and with nobody else. */
#ifndef QCOW_IMAGE_INTERNAL_H
#define QCOW_IMAGE_INTERNAL_H

#include "format/header.h"
#include "format/l2.h"
#include "format/snapshot.h"
#include "image/core/epoch_ref.h"
#include "image/core/header.h"
#include "image/core/health.h"
#include "image/core/kick.h"
#include "image/core/marks.h"
#include "image/core/park.h"
#include "image/core/stats.h"
#include "image/core/types.h"
#include "image/image.h"
#include "image/io/commit.h"
#include "image/io/cow.h"
#include "image/map/cache.h"
#include "image/map/inflate.h"
#include "image/map/l1.h"
#include "image/map/lookup.h"
#include "image/map/lookup_write.h"
#include "image/map/map.h"
#include "image/map/run.h"
#include "image/map/view.h"
#include "image/space/alloc.h"
#include "image/space/epoch.h"
#include "image/space/metadata.h"
#include "image/space/refs.h"

struct qcow_image;

extern const struct qcow_image_ops qcow_raw_ops;
extern const struct qcow_image_ops qcow_qcow2_ops;

/* image.c */

/**
 * qcow_image_open - open one layer over an open one
 * @backing: the layer below, whose reference is taken over on success
 */
struct qcow_image *qcow_image_open(const struct qcow_open *open,
				   unsigned int layer,
				   struct qcow_image *backing,
				   struct qcow_reason *why);
int qcow_image_close(struct qcow_image *image);

/* view.c */

/* chain.c */

/** qcow_layers_open - the images of a chain; NULL where it has none
 *
 * Context: the registry is locked.
 */
struct qcow_image *qcow_layers_open(const struct qcow_open *open,
				    struct qcow_reason *why);

/* describe.c */

/** qcow_backing_swap - the image's is another one; returns the old one */
struct qcow_image *qcow_backing_swap(struct qcow_image *image,
				     struct qcow_image *backing);

/* map.c */

/* registry.c */

/**
 * qcow_registry_get - a shared or a new image for a layer
 * @layer:   its index in @open
 * @backing: the layer below; the reference is taken over in any case
 */
struct qcow_image *qcow_registry_get(const struct qcow_open *open,
				     unsigned int layer,
				     struct qcow_image *backing,
				     struct qcow_reason *why);
/** qcow_image_is - is @image just what the layer over @backing asks for? */
bool qcow_image_is(const struct qcow_image *image,
		   const struct qcow_layer_files *layer,
		   const struct qcow_image *backing);

/**
 * qcow_registry_put - drop a user, closing what is without any
 *
 * Return: 0, or the error of what was written last.
 */
int qcow_registry_put(struct qcow_image *image);
void qcow_registry_lock(void);
int qcow_registry_lock_killable(void);
void qcow_registry_unlock(void);
void qcow_registry_assert_locked(void);

/* writable.c */

/** qcow_writable_init - prepare a qcow2 image for writing; destroy undoes it */
int qcow_writable_init(struct qcow_image *image, struct qcow_reason *why);
int qcow_writable_destroy(struct qcow_image *image);

/**
 * qcow_image_settle - from now on it is only read
 *
 * Context: no command is under way.
 * Return: 0 if all that was written is durable.
 */
int qcow_image_settle(struct qcow_image *image);

/* change.c */

/* rebase.c */

/* verify.c */

int qcow_verify_init(struct qcow_image *image);

/** qcow_verify_reset - verify all anew; there may be @l1_size L2 tables */
int qcow_verify_reset(struct qcow_image *image, u32 l1_size);

/** qcow_verify_slice - of the command's next byte; 0, look again, or an error */
int qcow_verify_slice(struct qcow_cmd *cmd);

/** qcow_set_table_verified - a table that was just made */
void qcow_set_table_verified(struct qcow_image *image, u64 l1_index);

/* write.c */

/**
 * qcow_write_prepare - do what @run needs before it can be written
 *
 * Return: 0, look again; -EIOCBQUEUED, the command is parked; -EAGAIN, only
 * with @nowait; 1, the run was written; or an error.
 */
int qcow_write_prepare(struct qcow_cmd *cmd, struct qcow_run *run,
		       bool nowait);

/* erase.c */

/** qcow_erase - see qcow_image_ops.erase; Context: a worker */
int qcow_erase(struct qcow_cmd *cmd, struct qcow_run *run);

/* qcow2.c */

/* cmd.c */

/**
 * qcow_cmd_run - a command whose "in" members are those of @like; @done is not
 *
 * As a request would, whether or not requests are let in.  Waits for it.
 */
int qcow_cmd_run(const struct qcow_cmd *like);

/** qcow_cmd_wait - one to a writable qcow2 image, that has no memory */
int qcow_cmd_wait(struct qcow_view *view, enum qcow_op op, u64 pos, u32 len);

/* merge.c */

/* fill.c */

/** qcow_fill - as qcow_erase(), for QCOW_OP_FILL; Context: a worker */
int qcow_fill(struct qcow_cmd *cmd, struct qcow_run *run);

#endif /* QCOW_IMAGE_INTERNAL_H */
