// SPDX-License-Identifier: GPL-2.0
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "error.h"
#include "pump.h"

enum { MAX_THREADS = 16 };

/**
 * struct pump - the state that all threads share
 * @lock:	guards all below, @take and @pass
 * @turn:	@passed or @error has changed
 * @taken:	number of the next piece
 * @passed:	number of the piece that may pass
 * @error:	why no more is taken: PUMP_END or an exit code
 */
struct pump {
	const struct pump_steps *steps;
	void *ctx;
	pthread_mutex_t lock;
	pthread_cond_t turn;
	u64 taken;
	u64 passed;
	int error;
};

struct worker {
	struct pump *pump;
	void *piece;
	pthread_t thread;
};

static int step(struct pump *p, int (*what)(void *, void *), void *piece)
{
	return what ? what(p->ctx, piece) : 0;
}

/* The first word stays; only the end of the pieces gives way to an error. */
static void stop(struct pump *p, int error)
{
	if (!p->error || (p->error == PUMP_END && error))
		p->error = error;
	pthread_cond_broadcast(&p->turn);
}

static bool failed(const struct pump *p)
{
	return p->error && p->error != PUMP_END;
}

static int take(struct pump *p, void *piece, u64 *number)
{
	int ret;

	pthread_mutex_lock(&p->lock);
	ret = p->error;
	if (!ret)
		ret = step(p, p->steps->take, piece);
	if (ret)
		stop(p, ret);
	else
		*number = p->taken++;
	pthread_mutex_unlock(&p->lock);
	return ret;
}

/* @ret is how the piece was prepared: a failure passes too, to be seen. */
static int pass(struct pump *p, void *piece, u64 number, int ret)
{
	pthread_mutex_lock(&p->lock);
	while (p->passed != number && !failed(p))
		pthread_cond_wait(&p->turn, &p->lock);
	if (failed(p))
		ret = p->error;
	if (!ret)
		ret = step(p, p->steps->pass, piece);
	if (ret)
		stop(p, ret);
	p->passed++;
	pthread_cond_broadcast(&p->turn);
	pthread_mutex_unlock(&p->lock);
	return ret;
}

static void *work(void *arg)
{
	const struct worker *w = arg;
	struct pump *p = w->pump;
	u64 number;
	int ret;

	while (!take(p, w->piece, &number)) {
		ret = step(p, p->steps->prepare, w->piece);
		ret = pass(p, w->piece, number, ret) ?:
		      step(p, p->steps->finish, w->piece);
		if (!ret)
			continue;
		pthread_mutex_lock(&p->lock);
		stop(p, ret);
		pthread_mutex_unlock(&p->lock);
	}
	return NULL;
}

/* With fewer threads than asked for it takes longer, no more. */
static unsigned int start(struct pump *p, struct worker *workers,
			  void **pieces, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		workers[i] = (struct worker){ .pump = p, .piece = pieces[i] };
		if (i + 1 < nr && pthread_create(&workers[i].thread, NULL,
						 work, &workers[i]))
			break;
	}
	return i < nr ? i : nr - 1;
}

int pump_run(const struct pump_steps *steps, void *ctx, void **pieces,
	     unsigned int nr)
{
	struct worker *workers = xcalloc(nr, sizeof(*workers));
	struct pump p = {
		.steps = steps, .ctx = ctx,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.turn = PTHREAD_COND_INITIALIZER,
	};
	unsigned int i, started = start(&p, workers, pieces, nr);

	/* The caller is the last of them. */
	work(&workers[started]);
	for (i = 0; i < started; i++)
		pthread_join(workers[i].thread, NULL);
	free(workers);
	return p.error == PUMP_END ? 0 : p.error;
}

unsigned int pump_threads(unsigned int each)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (cpus < 1)
		cpus = 1;
	return cpus * each < MAX_THREADS ? cpus * each : MAX_THREADS;
}
