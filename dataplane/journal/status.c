/* What any thread may ask of the running journal. */
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "dataplane/journal/internal.h"

const char *journal_error_text(int error)
{
	static const char *const text[] = {
		[0] = "ok",
		[-JOURNAL_E_IO] = "input/output error",
		[-JOURNAL_E_MISSING] = "missing",
		[-JOURNAL_E_READ_ONLY] = "read-only",
		[-JOURNAL_E_FOREIGN] = "not a journal",
		[-JOURNAL_E_LOCKED] = "locked",
		[-JOURNAL_E_NEWER] = "of a newer format version",
		[-JOURNAL_E_CORRUPT] = "corrupt",
		[-JOURNAL_E_NO_MEMORY] = "out of memory",
		[-JOURNAL_E_NO_SPACE] = "no space",
		[-JOURNAL_E_FAILED] = "failed",
		[-JOURNAL_E_CONFIG] = "bad configuration",
		[-JOURNAL_E_COSTLY] = "the expression takes too many steps on too many logs",
	};
	unsigned i = error <= 0 ? 0u - (unsigned)error : UINT32_MAX;

	return i < sizeof(text) / sizeof(text[0]) ? text[i] : "unknown error";
}

const char *journal_state_name(enum journal_state s)
{
	static const char *const name[] = {"running", "hold_disk_full", "failed", "stopped"};

	return (unsigned)s < 4 ? name[s] : "unknown";
}

uint64_t thread_cpu_ns(pthread_t t)
{
	struct timespec ts;
	clockid_t clock;

	if (pthread_getcpuclockid(t, &clock) != 0 || clock_gettime(clock, &ts) != 0)
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* The upper bound of the bucket that holds the quantile. */
static uint64_t commit_quantile(struct journal *j, unsigned per_thousand)
{
	uint64_t total = 0;
	uint64_t seen = 0;

	for (unsigned i = 0; i < COMMIT_BUCKETS; i++)
		total += counted(&j->commit_us[i]);
	for (unsigned i = 0; i < COMMIT_BUCKETS; i++) {
		seen += counted(&j->commit_us[i]);
		if (total && seen * 1000 >= total * per_thousand)
			return i < 8 ? i : (uint64_t)(i % 4 + 5) << (i / 4 - 1);
	}
	return 0;
}

static void segment_status(struct journal *j, struct journal_status *st)
{
	for (unsigned i = 0; i < j->seg_count; i++) {
		const struct seg *s = &j->segs[i];

		st->bytes += s->bytes;
		if (s->logs == 0)
			continue;
		if (st->oldest_ns == 0 || s->first_ns < st->oldest_ns)
			st->oldest_ns = s->first_ns;
		if (s->last_ns > st->newest_ns)
			st->newest_ns = s->last_ns;
	}
	st->segments = j->seg_count;
}

void journal_status(struct journal *j, struct journal_status *st)
{
	struct journal_fs_space space;

	memset(st, 0, sizeof(*st));
	st->state = journal_state(j);
	st->id[0] = j->id[0];
	st->id[1] = j->id[1];
	pthread_mutex_lock(&j->mutex);
	segment_status(j, st);
	st->committer_cpu_ns =
		j->threads_run ? thread_cpu_ns(j->thread) : counted(&j->committer_cpu_ns);
	memcpy(st->last_error, j->last_error, sizeof(st->last_error));
	pthread_mutex_unlock(&j->mutex);
	journal_durable(j, &st->durable_block, &st->durable_logs);
	if (j->fs->space(j->fs->ctx, j->cfg.dir, &space) == 0)
		st->free_bytes = space.available;
	st->blocks_compressed = counted(&j->blocks_compressed);
	st->blocks_raw = counted(&j->blocks_raw);
	st->commits = counted(&j->commits);
	st->fsyncs = counted(&j->fsyncs);
	st->raw_bytes = counted(&j->raw_bytes);
	st->disk_bytes = counted(&j->disk_bytes);
	st->pool_blocks = j->cfg.pool_blocks;
	st->pool_free = pool_free_blocks(j);
	for (unsigned i = 0; i < j->port_count; i++)
		st->no_block += counted(&j->ports[i].no_block);
	st->compressor_cpu_ns = press_cpu_ns(j);
	st->commit_us_p50 = commit_quantile(j, 500);
	st->commit_us_p99 = commit_quantile(j, 990);
	st->retention_removed_segments = counted(&j->retention_removed);
	st->compacted_segments = counted(&j->compacted_segments);
	st->compacted_from_bytes = counted(&j->compacted_from);
	st->compacted_to_bytes = counted(&j->compacted_to);
	st->write_errors = counted(&j->write_errors);
	st->sync_errors = counted(&j->sync_errors);
}

int journal_watch(struct journal *j)
{
	int efd;

	pthread_mutex_lock(&j->mutex);
	efd = atomic_load(&j->watch_fd);
	if (efd < 0) {
		efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		atomic_store(&j->watch_fd, efd);
	}
	pthread_mutex_unlock(&j->mutex);
	return efd;
}

void journal_durable(struct journal *j, uint64_t *block, uint64_t *logs)
{
	*block = atomic_load_explicit(&j->durable_block, memory_order_acquire);
	*logs = atomic_load_explicit(&j->durable_logs, memory_order_relaxed);
}

void journal_each_device(struct journal *j, journal_device_fn fn, void *ctx)
{
	pthread_mutex_lock(&j->mutex);
	for (uint32_t i = 0; i < fold_device_count(j->fold); i++) {
		size_t len;
		const char *name = fold_name(j->fold, i, &len);

		fn(ctx, name, len, fold_device(j->fold, i));
	}
	pthread_mutex_unlock(&j->mutex);
}

void journal_each_stream(struct journal *j, journal_stream_fn fn, void *ctx)
{
	pthread_mutex_lock(&j->mutex);
	for (uint32_t i = 0; i < fold_stream_count(j->fold); i++) {
		const struct journal_state_stream *s = fold_stream(j->fold, i);
		size_t len;
		const char *name = fold_name(j->fold, s->device, &len);

		fn(ctx, name, len, s);
	}
	pthread_mutex_unlock(&j->mutex);
}

void journal_find_stream(struct journal *j, const char *device, size_t len, uint32_t conn_id,
	uint64_t epoch, journal_stream_fn fn, void *ctx)
{
	const struct journal_state_stream *s;

	pthread_mutex_lock(&j->mutex);
	s = fold_stream_find(j->fold, device, len, conn_id, epoch);
	if (s)
		fn(ctx, device, len, s);
	pthread_mutex_unlock(&j->mutex);
}

const char *journal_io_text(const struct journal *j)
{
	return j->io_what;
}

uint32_t journal_device_streams(struct journal *j, const char *device, size_t len)
{
	uint32_t n;

	pthread_mutex_lock(&j->mutex);
	n = fold_device_streams(j->fold, device, len);
	pthread_mutex_unlock(&j->mutex);
	return n;
}

uint32_t journal_displaceable_streams(struct journal *j, const char *device, size_t len)
{
	uint32_t n;

	pthread_mutex_lock(&j->mutex);
	n = fold_displaceable(j->fold, device, len, displaced_before(j));
	pthread_mutex_unlock(&j->mutex);
	return n;
}

void journal_limit_streams(struct journal *j, uint32_t most)
{
	atomic_store_explicit(&j->device_streams, most, memory_order_relaxed);
}

uint64_t journal_streams_displaced(struct journal *j)
{
	return counted(&j->streams_displaced);
}

uint64_t journal_streams_expired(struct journal *j)
{
	return counted(&j->streams_expired);
}
