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
 * @words:	what is to be said of that; NULL for nothing
 */
struct pump {
	const struct pump_steps *steps;
	void *ctx;
	pthread_mutex_t lock;
	pthread_cond_t turn;
	u64 taken;
	u64 passed;
	int error;
	char *words;
};

/**
 * struct worker - one of the threads
 * @words:	what it has to say, if it is the one that stops the pump: where
 *		a disk is full, all of them fail
 */
struct worker {
	struct pump *pump;
	void *piece;
	pthread_t thread;
	char *words;
};

static int step(struct pump *p, int (*what)(void *, void *), void *piece)
{
	return what ? what(p->ctx, piece) : 0;
}

/* The first word stays; only the end of the pieces gives way to an error. */
static void stop(struct worker *w, int error)
{
	struct pump *p = w->pump;

	if (!p->error || (p->error == PUMP_END && error)) {
		p->error = error;
		p->words = w->words;
		w->words = NULL;
	}
	pthread_cond_broadcast(&p->turn);
}

static bool failed(const struct pump *p)
{
	return p->error && p->error != PUMP_END;
}

static int take(struct worker *w, u64 *number)
{
	struct pump *p = w->pump;
	int ret;

	pthread_mutex_lock(&p->lock);
	ret = p->error;
	if (!ret)
		ret = step(p, p->steps->take, w->piece);
	if (ret)
		stop(w, ret);
	else
		*number = p->taken++;
	pthread_mutex_unlock(&p->lock);
	return ret;
}

/* @ret is how the piece was prepared: a failure passes too, to be seen. */
static int pass(struct worker *w, u64 number, int ret)
{
	struct pump *p = w->pump;

	pthread_mutex_lock(&p->lock);
	while (p->passed != number && !failed(p))
		pthread_cond_wait(&p->turn, &p->lock);
	if (failed(p))
		ret = p->error;
	if (!ret)
		ret = step(p, p->steps->pass, w->piece);
	if (ret)
		stop(w, ret);
	p->passed++;
	pthread_cond_broadcast(&p->turn);
	pthread_mutex_unlock(&p->lock);
	return ret;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct pump *p = w->pump;
	u64 number;
	int ret;

	errors_keep(&w->words);
	while (!take(w, &number)) {
		ret = step(p, p->steps->prepare, w->piece);
		ret = pass(w, number, ret) ?:
		      step(p, p->steps->finish, w->piece);
		if (!ret)
			continue;
		pthread_mutex_lock(&p->lock);
		stop(w, ret);
		pthread_mutex_unlock(&p->lock);
	}
	errors_keep(NULL);
	free(w->words);
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
	if (p.words)
		errors_say(p.words);
	free(p.words);
	return p.error == PUMP_END ? 0 : p.error;
}

unsigned int pump_threads(unsigned int each)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (cpus < 1)
		cpus = 1;
	return cpus * each < MAX_THREADS ? cpus * each : MAX_THREADS;
}
