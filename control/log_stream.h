/*
 * Logs read in a thread and handed over in batches of JSON, a bounded number of them: the reader
 * waits for whoever takes them, never the other way round. Following is driven by the journal's
 * word on what is durable.
 */
#ifndef SLUICE_CONTROL_LOG_STREAM_H
#define SLUICE_CONTROL_LOG_STREAM_H

#include <pthread.h>

#include "control/jobs.h"
#include "control/text.h"
#include "dataplane/dp.h"
#include "dataplane/journal/reader.h"

#define LOG_BATCHES	4
#define LOG_BATCH_BYTES (128u * 1024u)
#define LOG_GREP	513

/* `job` has run(), and its other functions are set by the owner before job_start(). */
struct log_reader {
	struct job job;

	/* The question; set before the start. */
	char dir[1024];
	char device[DP_DEVICE_NAME + 1]; /* "": all */
	char grep[LOG_GREP];		 /* "": all */
	uint64_t since_ns, until_ns;
	bool follow;

	pthread_mutex_t mutex;
	pthread_cond_t changed;
	/* Under the mutex. */
	uint64_t durable; /* blocks up to this one may be read */
	struct text batches[LOG_BATCHES];
	unsigned first, count;

	/* The thread's; the owner's after the end. */
	struct text batch; /* being filled */
	struct journal_reader_stats stats;
	uint64_t logs;
	int error; /* of the journal's reader */
	struct journal_fault fault;
};

/* `durable`: what may be read so far. */
void log_reader_init(struct log_reader *r, uint64_t durable);
void log_reader_free(struct log_reader *r);

/* What the job runs. */
void log_reader_run(struct job *job);

/* Control thread: more is durable; what job->wake() shall do; the next batch (of JSON objects,
 * comma-separated, no brackets) in *out, which the caller frees; false: there is none. */
void log_reader_durable(struct log_reader *r, uint64_t block);
void log_reader_wake(struct log_reader *r);
bool log_reader_take(struct log_reader *r, struct text *out);

#endif
