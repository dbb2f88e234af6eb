// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <time.h>

#include "watch.h"

enum { LOOK_MS = 100, NSEC_PER_SEC = 1000000000, NSEC_PER_MS = 1000000 };

static u64 room_of(const struct file *f)
{
	struct stat st;

	return f->fd < 0 || fstat(f->fd, &st) ? 0 : file_actual_size(&st);
}

/* Tables take room as well: there may be more than was promised. */
static void look(struct watch *w)
{
	u64 room = 0;
	int i;

	for (i = 0; i < WATCH_FILES; i++)
		room += room_of(w->files[i]);
	if (room > w->progress.total)
		room = w->progress.total;
	if (room > w->progress.done)
		progress_step(&w->progress, room - w->progress.done);
}

static struct timespec in_a_moment(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += LOOK_MS * NSEC_PER_MS;
	t.tv_sec += t.tv_nsec / NSEC_PER_SEC;
	t.tv_nsec %= NSEC_PER_SEC;
	return t;
}

static void *look_on(void *arg)
{
	struct watch *w = arg;
	struct timespec until = in_a_moment();

	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		if (pthread_cond_timedwait(&w->turn, &w->lock, &until) !=
		    ETIMEDOUT)
			continue;
		look(w);
		until = in_a_moment();
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

void watch_begin(struct watch *w, enum progress_mode mode, u64 total,
		 const struct file *a, const struct file *b)
{
	*w = (struct watch){
		.files = { a, b },
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.turn = PTHREAD_COND_INITIALIZER,
	};
	progress_begin(&w->progress, mode, a->path, total);
	w->looks = w->progress.mode &&
		   !pthread_create(&w->thread, NULL, look_on, w);
}

static void stop(struct watch *w)
{
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->turn);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
}

void watch_end(struct watch *w, bool done)
{
	if (w->looks)
		stop(w);
	if (done)
		progress_end(&w->progress);
}
