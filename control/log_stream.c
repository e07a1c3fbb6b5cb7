#include "control/log_stream.h"

#include "control/log_json.h"

/* Blocks searched between two looks at whether anybody still wants the result. A slice grows while
 * slices are quick, so that a hundred million blocks of nothing cost no hundred million looks. */
#define SLICE_FIRST    64u
#define SLICE_LEAST    16u
#define SLICE_MOST     (1u << 24)
#define SLICE_QUICK_US 20000u
#define SLICE_SLOW_US  200000u

void log_reader_init(struct log_reader *r, uint64_t durable)
{
	pthread_mutex_init(&r->mutex, NULL);
	pthread_cond_init(&r->changed, NULL);
	r->durable = durable;
	r->job.run = log_reader_run;
}

void log_reader_free(struct log_reader *r)
{
	for (unsigned i = 0; i < LOG_BATCHES; i++)
		text_free(&r->batches[i]);
	text_free(&r->batch);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->mutex);
}

void log_reader_durable(struct log_reader *r, uint64_t block)
{
	pthread_mutex_lock(&r->mutex);
	if (block > r->durable)
		r->durable = block;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->mutex);
}

void log_reader_wake(struct log_reader *r)
{
	pthread_mutex_lock(&r->mutex);
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->mutex);
}

bool log_reader_take(struct log_reader *r, struct text *out)
{
	bool some;

	pthread_mutex_lock(&r->mutex);
	some = r->count > 0;
	if (some) {
		*out = r->batches[r->first];
		r->batches[r->first] = (struct text){0};
		r->first = (r->first + 1) % LOG_BATCHES;
		r->count--;
		pthread_cond_signal(&r->changed);
	}
	pthread_mutex_unlock(&r->mutex);
	return some;
}

/* Hands the batch over, once there is a place for it. */
static void flush(struct log_reader *r)
{
	bool put;

	if (r->batch.len == 0)
		return;
	pthread_mutex_lock(&r->mutex);
	while (r->count == LOG_BATCHES && !job_cancelled(&r->job))
		pthread_cond_wait(&r->changed, &r->mutex);
	put = r->count < LOG_BATCHES;
	if (put) {
		r->batches[(r->first + r->count) % LOG_BATCHES] = r->batch;
		r->batch = (struct text){0};
		r->count++;
	}
	pthread_mutex_unlock(&r->mutex);
	if (put)
		job_notify(&r->job);
}

/* Does nobody have anything to read at the moment? Then a log goes out alone: who waits for the one
 * match in a year of logs shall see it when it is found. */
static bool starved(struct log_reader *r)
{
	bool none;

	pthread_mutex_lock(&r->mutex);
	none = r->count == 0;
	pthread_mutex_unlock(&r->mutex);
	return none;
}

/* The newest block that may be read; `after`: waits until it is greater, for a follower. */
static uint64_t target(struct log_reader *r, uint64_t after, bool wait)
{
	uint64_t durable;

	pthread_mutex_lock(&r->mutex);
	while (wait && r->durable <= after && !job_cancelled(&r->job))
		pthread_cond_wait(&r->changed, &r->mutex);
	durable = r->durable;
	pthread_mutex_unlock(&r->mutex);
	return durable;
}

/* All logs up to the limit that the reader has now. 0, or negative. */
static int read_slice(struct log_reader *r, struct journal_reader *jr)
{
	struct journal_log log;
	int rc;

	while (!job_cancelled(&r->job) && (rc = journal_reader_next(jr, &log)) != 0) {
		if (rc < 0)
			return rc;
		if (r->batch.len)
			text_char(&r->batch, ',');
		log_json(&r->batch, &log);
		if (r->batch.failed)
			return JOURNAL_E_NO_MEMORY;
		r->logs++;
		if (r->batch.len >= LOG_BATCH_BYTES || starved(r))
			flush(r);
	}
	flush(r);
	return 0;
}

/* One log may take an expression milliseconds, and a slice has many. */
static bool cancelled(void *arg)
{
	return job_cancelled(arg);
}

static uint64_t next_slice(uint64_t slice, uint64_t took_us)
{
	if (took_us < SLICE_QUICK_US && slice < SLICE_MOST)
		return slice * 4;
	if (took_us > SLICE_SLOW_US && slice > SLICE_LEAST)
		return slice / 2;
	return slice;
}

static int read_all(struct log_reader *r, struct journal_reader *jr, uint64_t limit)
{
	uint64_t slice = SLICE_FIRST;

	for (;;) {
		uint64_t began = clock_mono_us();
		int rc = read_slice(r, jr);
		uint64_t to;

		if (rc < 0 || job_cancelled(&r->job))
			return rc;
		slice = next_slice(slice, clock_mono_us() - began);
		to = target(r, limit, false);
		if (to <= limit) {
			if (!r->follow)
				return 0;
			to = target(r, limit, true);
			if (job_cancelled(&r->job))
				return 0;
		}
		limit = to - limit > slice ? limit + slice : to;
		journal_reader_extend(jr, limit);
	}
}

void log_reader_run(struct job *job)
{
	struct log_reader *r = (struct log_reader *)job;
	uint64_t durable = target(r, 0, r->follow);
	struct journal_query q = {
		.device = r->device[0] ? r->device : NULL,
		.grep = r->grep[0] ? r->grep : NULL,
		.since_ns = r->since_ns,
		.until_ns = r->until_ns,
		.max_block = durable < SLICE_FIRST ? durable : SLICE_FIRST,
		.stop = cancelled,
		.stop_arg = job,
	};
	struct journal_reader *jr;

	if (durable == 0)
		return;
	r->error = journal_reader_open(r->dir, &q, &jr, &r->fault);
	if (r->error != JOURNAL_OK)
		return;
	r->error = read_all(r, jr, q.max_block);
	journal_reader_stats(jr, &r->stats);
	journal_reader_close(jr);
}
