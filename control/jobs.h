/*
 * Threads for what must not stop the control thread: reading the journal. Each runs one job, holds
 * no capability, and meets the control thread over an eventfd and what the job itself locks.
 * All functions are for the control thread but job_notify() and job_cancelled().
 */
#ifndef SLUICE_CONTROL_JOBS_H
#define SLUICE_CONTROL_JOBS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "control/loop.h"

struct jobs;

/* Embedded in what a job works on. The functions are set before job_start(). */
struct job {
	void (*run)(struct job *job);	   /* the thread */
	void (*notified)(struct job *job); /* control thread: after job_notify() */
	void (*finished)(
		struct job *job);      /* control thread: run() has returned, joined; may free */
	void (*wake)(struct job *job); /* control thread: job_cancel() says so: end soon */

	struct jobs *jobs;
	pthread_t thread;
	_Atomic bool cancel;
	bool queued, done; /* under jobs' mutex */
	struct job *next_ready, *next;
};

/* At most `max` at once. NULL with errno. */
struct jobs *jobs_new(struct loop *loop, unsigned max);
/*
 * Cancels all and waits up to two seconds. True: all have ended and everything is freed. False: a
 * thread is deep in the journal's reader and is left behind with its memory; the process must end
 * by _exit().
 */
bool jobs_free(struct jobs *j);

unsigned jobs_running(const struct jobs *j);
/* 0; -1 with errno EBUSY: as many as there may be run; or pthread_create()'s. */
int job_start(struct jobs *j, struct job *job);
/* finished() will still be called. */
void job_cancel(struct job *job);

bool job_cancelled(struct job *job);
void job_notify(struct job *job);

#endif
