#include "control/jobs.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "control/privileges.h"

#define STOP_SECONDS 2

struct jobs {
	struct loop *loop;
	struct loop_watch *watch;
	int efd;
	unsigned running, max;
	struct job *all; /* control thread only */
	pthread_mutex_t mutex;
	pthread_cond_t ended;
	struct job *ready; /* notified or done; under the mutex */
};

static void queue(struct job *job)
{
	if (job->queued)
		return;
	job->queued = true;
	job->next_ready = job->jobs->ready;
	job->jobs->ready = job;
}

static void poke(struct jobs *j)
{
	uint64_t one = 1;

	/* A counter that is full is readable, which is all that matters. */
	(void)!write(j->efd, &one, sizeof(one));
}

void job_notify(struct job *job)
{
	struct jobs *j = job->jobs;

	pthread_mutex_lock(&j->mutex);
	queue(job);
	pthread_mutex_unlock(&j->mutex);
	poke(j);
}

bool job_cancelled(struct job *job)
{
	return atomic_load_explicit(&job->cancel, memory_order_relaxed);
}

static void *job_main(void *arg)
{
	struct job *job = arg;
	struct jobs *j = job->jobs;

	privileges_drop_thread();
	job->run(job);
	pthread_mutex_lock(&j->mutex);
	job->done = true;
	queue(job);
	pthread_cond_signal(&j->ended);
	/* Under the mutex: once it is free, jobs_free() may close the descriptor. */
	poke(j);
	pthread_mutex_unlock(&j->mutex);
	return NULL;
}

static void finish(struct jobs *j, struct job *job)
{
	struct job **p = &j->all;

	pthread_join(job->thread, NULL);
	while (*p != job)
		p = &(*p)->next;
	*p = job->next;
	j->running--;
	job->finished(job);
}

static void run_ready(struct jobs *j)
{
	struct job *list;

	pthread_mutex_lock(&j->mutex);
	list = j->ready;
	j->ready = NULL;
	pthread_mutex_unlock(&j->mutex);
	while (list) {
		struct job *job = list;
		bool done;

		list = job->next_ready;
		pthread_mutex_lock(&j->mutex);
		job->queued = false;
		done = job->done;
		pthread_mutex_unlock(&j->mutex);
		if (done)
			finish(j, job);
		else
			job->notified(job);
	}
}

static void on_event(void *ctx, uint32_t events)
{
	struct jobs *j = ctx;
	uint64_t n;

	(void)events;
	(void)!read(j->efd, &n, sizeof(n));
	run_ready(j);
}

struct jobs *jobs_new(struct loop *loop, unsigned max)
{
	struct jobs *j = calloc(1, sizeof(*j));
	pthread_condattr_t attr;

	if (!j)
		return NULL;
	j->loop = loop;
	j->max = max;
	j->efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (j->efd >= 0)
		j->watch = loop_add(loop, j->efd, EPOLLIN, on_event, j);
	if (!j->watch) {
		if (j->efd >= 0)
			close(j->efd);
		free(j);
		return NULL;
	}
	pthread_mutex_init(&j->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&j->ended, &attr);
	pthread_condattr_destroy(&attr);
	return j;
}

static bool wait_all(struct jobs *j)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += STOP_SECONDS;
	while (j->all) {
		int rc = 0;

		pthread_mutex_lock(&j->mutex);
		while (!j->ready && rc == 0)
			rc = pthread_cond_timedwait(&j->ended, &j->mutex, &until);
		pthread_mutex_unlock(&j->mutex);
		if (rc != 0)
			return false;
		run_ready(j);
	}
	return true;
}

bool jobs_free(struct jobs *j)
{
	if (!j)
		return true;
	for (struct job *job = j->all; job; job = job->next)
		job_cancel(job);
	loop_remove(j->loop, j->watch);
	if (!wait_all(j))
		return false;
	close(j->efd);
	pthread_cond_destroy(&j->ended);
	pthread_mutex_destroy(&j->mutex);
	free(j);
	return true;
}

unsigned jobs_running(const struct jobs *j)
{
	return j->running;
}

int job_start(struct jobs *j, struct job *job)
{
	int rc;

	if (j->running >= j->max) {
		errno = EBUSY;
		return -1;
	}
	job->jobs = j;
	job->queued = job->done = false;
	atomic_init(&job->cancel, false);
	rc = pthread_create(&job->thread, NULL, job_main, job);
	if (rc != 0) {
		errno = rc;
		return -1;
	}
	job->next = j->all;
	j->all = job;
	j->running++;
	return 0;
}

void job_cancel(struct job *job)
{
	atomic_store_explicit(&job->cancel, true, memory_order_relaxed);
	job->wake(job);
}
