#include "dataplane/journal/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/journal/internal.h"

/* How often a committer that nobody wakes looks for work: often while there has been some lately. A
 * nap costs some 10 us of a virtual machine's time, so naps of 50 us alone would be a fifth of a
 * core. */
#define BUSY_NAP_NS 50000
#define CALM_NAP_US 200u
#define BUSY_FOR_US 2000u

void journal_config_defaults(struct journal_config *cfg)
{
	memset(cfg, 0, sizeof(*cfg));
	cfg->block_size = 1u << 20;
	cfg->pool_blocks = 64;
	cfg->commit_interval_us = 1000;
	cfg->commit_interval_unacked_us = 50000;
	cfg->direct_least = 16u << 10;
	cfg->segment_size = 256ull << 20;
	cfg->segment_age_s = 3600;
	cfg->min_free = 1ull << 30;
	cfg->retention_age_s = 90ull * 86400;
	cfg->retention_percent = 80;
	cfg->stream_retention_s = 400ull * 86400;
	cfg->compressors = 1;
	cfg->compression_level = 1;
	cfg->compaction_level = 9;
	cfg->committer_cpu = -1;
}

static int check_config(
	const struct journal_config *cfg, unsigned ports, struct journal_fault *fault)
{
	const char *wrong = NULL;

	if (cfg->block_size < (64u << 10) || cfg->block_size > (16u << 20))
		wrong = "block-size must be 64KiB to 16MiB";
	else if (ports == 0 || ports > 254)
		wrong = "1 to 254 ports";
	else if (cfg->pool_blocks < 4 * ports || cfg->pool_blocks > 65536)
		wrong = "at least 4 blocks a port, at most 65536";
	else if (cfg->compressors > COMPRESSORS_MAX)
		wrong = "at most 64 compressors";
	else if (cfg->segment_size < cfg->block_size)
		wrong = "segment-size must be at least block-size";
	else if (cfg->segment_age_s == 0 || cfg->segment_age_s > 366ull * 86400)
		wrong = "segment-age must be 1s to 366d";
	else if (cfg->compaction_level < 0 || cfg->compaction_level > 19)
		wrong = "compaction-level must be 0 to 19";
	else if (cfg->retention_percent > 100)
		wrong = "retention: at most 100%";
	else if (cfg->retention_age_s > 100ull * 366 * 86400 ||
		 cfg->stream_retention_s > 100ull * 366 * 86400)
		wrong = "retention: at most 100 years";
	if (wrong)
		return journal_fault_set(fault, JOURNAL_E_CONFIG, 0, "journal: %s", wrong);
	return JOURNAL_OK;
}

static void publish_config(struct journal *j)
{
	atomic_store(&j->interval_us, j->cfg.commit_interval_us);
	atomic_store(&j->interval_unacked_us, j->cfg.commit_interval_unacked_us);
	atomic_store(&j->level, j->cfg.compression_level);
}

static int open_all(
	struct journal *j, struct journal_recovery *recovery, struct journal_fault *fault)
{
	struct siphash_key key = {0, 0};
	int rc = journal_dir_open(j->fs, j->cfg.dir, j->id, &j->lock_fd, fault);

	if (rc != JOURNAL_OK)
		return rc;
	rc = pool_open(j, fault);
	if (rc != JOURNAL_OK)
		return rc;
	if (presser_init(&j->presser) != 0 || waker_init(&j->waker) != 0 ||
		j->fs->random(j->fs->ctx, &key, sizeof(key)) < 0)
		return journal_fault_set(
			fault, JOURNAL_E_NO_MEMORY, errno, "%s: no memory", j->cfg.dir);
	j->w.fs = j->fs;
	j->w.dir = j->cfg.dir;
	j->w.aligned = j->cfg.direct_least > 0;
	j->presser.whole_least = j->cfg.direct_least;
	j->w.id[0] = j->id[0];
	j->w.id[1] = j->id[1];
	index_init(&j->w.index, &key);
	j->compactor = compactor_new(&key);
	if (!j->compactor)
		return journal_fault_set(
			fault, JOURNAL_E_NO_MEMORY, ENOMEM, "%s: no memory", j->cfg.dir);
	rc = j->fs->io_open(j->fs->ctx, 8, j->waker.fd, &j->io, &j->io_what);
	if (rc < 0)
		return journal_fault_set(fault, JOURNAL_E_IO, rc, "%s: no queue for writing: %s",
			j->cfg.dir, strerror(-rc));
	rc = journal_recover(j, recovery, fault);
	if (rc == JOURNAL_OK)
		retention_begin(j);
	return rc;
}

static void free_all(struct journal *j)
{
	int efd = atomic_load(&j->watch_fd);

	if (efd >= 0)
		close(efd);
	if (j->io)
		j->fs->io_close(j->fs->ctx, j->io);
	pool_close(j);
	commit_write_free(j);
	presser_free(&j->presser);
	compactor_free(j->compactor);
	if (j->waker.fd > 0)
		waker_destroy(&j->waker);
	index_free(&j->w.index);
	fold_free(j->fold);
	free(j->segs);
	if (j->lock_fd >= 0)
		j->fs->close(j->fs->ctx, j->lock_fd);
	pthread_mutex_destroy(&j->files);
	pthread_cond_destroy(&j->compact_cond);
	pthread_mutex_destroy(&j->mutex);
	pthread_cond_destroy(&j->cond);
	pthread_mutex_destroy(&j->press.mutex);
	pthread_cond_destroy(&j->press.cond);
	free(j);
}

int journal_open(const struct journal_config *cfg, unsigned ports, struct journal **out,
	struct journal_recovery *recovery, struct journal_fault *fault)
{
	struct journal_recovery unseen;
	struct journal *j;
	int rc = check_config(cfg, ports, fault);

	if (rc != JOURNAL_OK)
		return rc;
	j = aligned_alloc(CACHE_LINE, sizeof(*j));
	if (!j)
		return journal_fault_set(fault, JOURNAL_E_NO_MEMORY, ENOMEM, "no memory");
	memset(j, 0, sizeof(*j));
	j->cfg = *cfg;
	j->fs = cfg->fs ? cfg->fs : &journal_fs_real;
	j->port_count = ports;
	j->lock_fd = -1;
	j->w.fd = -1;
	j->w.direct_fd = SEGMENT_DIRECT_UNTRIED;
	j->disk_rate = 500; /* until commits tell */
	j->available = UINT64_MAX;
	atomic_store(&j->watch_fd, -1);
	pthread_mutex_init(&j->files, NULL);
	pthread_cond_init(&j->compact_cond, NULL);
	pthread_mutex_init(&j->mutex, NULL);
	pthread_cond_init(&j->cond, NULL);
	pthread_mutex_init(&j->press.mutex, NULL);
	pthread_cond_init(&j->press.cond, NULL);
	publish_config(j);
	rc = open_all(j, recovery ? recovery : &unseen, fault);
	if (rc != JOURNAL_OK) {
		free_all(j);
		return rc;
	}
	*out = j;
	return JOURNAL_OK;
}

/* ---- the committer ------------------------------------------------------------------------ */

static void take_config(struct journal *j)
{
	if (!atomic_load_explicit(&j->config_new, memory_order_acquire))
		return;
	pthread_mutex_lock(&j->mutex);
	j->cfg.commit_interval_us = j->next_cfg.commit_interval_us;
	j->cfg.commit_interval_unacked_us = j->next_cfg.commit_interval_unacked_us;
	j->cfg.segment_size = j->next_cfg.segment_size;
	j->cfg.segment_age_s = j->next_cfg.segment_age_s;
	j->cfg.min_free = j->next_cfg.min_free;
	j->cfg.retention_age_s = j->next_cfg.retention_age_s;
	j->cfg.retention_bytes = j->next_cfg.retention_bytes;
	j->cfg.retention_percent = j->next_cfg.retention_percent;
	j->cfg.stream_retention_s = j->next_cfg.stream_retention_s;
	j->cfg.compression_level = j->next_cfg.compression_level;
	j->cfg.compaction_level = j->next_cfg.compaction_level;
	publish_config(j);
	atomic_store(&j->config_new, false);
	pthread_mutex_unlock(&j->mutex);
}

bool journal_step(struct journal *j, uint64_t now_us)
{
	bool any = pool_drain(j, now_us);

	take_config(j);
	any |= commit_step(j, now_us);
	rotate_age(j, now_us);
	retention_step(j, now_us);
	atomic_store_explicit(&j->busy, j->queue_len > 0, memory_order_relaxed);
	atomic_store_explicit(&j->grouping, j->group_until_us > 0, memory_order_relaxed);
	return any;
}

bool journal_has_work(struct journal *j)
{
	return pool_has_work(j) || atomic_load_explicit(&j->config_new, memory_order_acquire) ||
	       atomic_load_explicit(&j->poke, memory_order_acquire);
}

static void sleep_until(struct journal *j, uint64_t us)
{
	struct timespec ts = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};
	struct pollfd pfd = {.fd = j->waker.fd, .events = POLLIN};

	ppoll(&pfd, 1, &ts, NULL);
}

/* Nobody who hands a block over wakes it: it looks every so often. The disk and the compressors do.
 */
static void busy_nap(struct journal *j, uint64_t worked_us)
{
	uint64_t now_us = j->fs->mono_us(j->fs->ctx);
	struct timespec ts = {0, BUSY_NAP_NS};

	if ((j->queue_len > 0 && !j->group_until_us) || now_us - worked_us > BUSY_FOR_US) {
		waker_prepare(&j->waker);
		if (!journal_has_work(j))
			sleep_until(j, CALM_NAP_US);
		waker_done(&j->waker);
	} else {
		nanosleep(&ts, NULL);
	}
}

static void nap(struct journal *j)
{
	uint64_t now_us;
	uint64_t until;

	waker_prepare(&j->waker);
	now_us = j->fs->mono_us(j->fs->ctx);
	until = commit_deadline(j, now_us);
	if (until > now_us && !journal_has_work(j) && !atomic_load(&j->stopping))
		sleep_until(j, until - now_us);
	waker_done(&j->waker);
}

static bool drained(struct journal *j)
{
	return j->queue_len == 0 && j->commit.phase == COMMIT_IDLE && !pool_has_work(j);
}

static void *committer_main(void *arg)
{
	struct journal *j = arg;
	uint64_t worked_us = 0;

	prctl(PR_SET_TIMERSLACK, 1000UL); /* a nap of 50 us is not one of 100 */
	pool_populate(j);
	commit_write_populate(j);
	for (;;) {
		uint64_t now_us = j->fs->mono_us(j->fs->ctx);

		atomic_store_explicit(&j->poke, false, memory_order_relaxed);
		if (journal_step(j, now_us)) {
			worked_us = now_us;
			continue;
		}
		if (atomic_load(&j->stopping) && drained(j))
			break;
		if (j->cfg.busy_poll)
			busy_nap(j, worked_us);
		else
			nap(j);
	}
	count(&j->committer_cpu_ns, thread_cpu_ns(pthread_self()));
	return NULL;
}

int journal_start(struct journal *j, struct journal_fault *fault)
{
	int rc = press_start(j, fault);

	if (rc != JOURNAL_OK)
		return rc;
	rc = compacting_start(j, fault);
	if (rc != JOURNAL_OK) {
		press_stop(j);
		return rc;
	}
	rc = pthread_create(&j->thread, NULL, committer_main, j);
	if (rc != 0) {
		compacting_stop(j);
		press_stop(j);
		return journal_fault_set(fault, JOURNAL_E_NO_MEMORY, rc,
			"the committer cannot be started: %s", strerror(rc));
	}
	pthread_setname_np(j->thread, "sluice-commit");
	if (j->cfg.committer_cpu >= 0) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET((unsigned)j->cfg.committer_cpu, &set);
		pthread_setaffinity_np(j->thread, sizeof(set), &set);
	}
	j->threads_run = true;
	return JOURNAL_OK;
}

static void poke(struct journal *j)
{
	atomic_store_explicit(&j->poke, true, memory_order_release);
	waker_wake(&j->waker);
}

void journal_hurry(struct journal *j)
{
	atomic_store(&j->hurry, true);
	poke(j);
}

void journal_stop(struct journal *j)
{
	bool run;

	if (journal_state(j) == JOURNAL_STOPPED)
		return;
	pthread_mutex_lock(&j->mutex);
	atomic_store(&j->stopping, true);
	run = j->threads_run;
	j->threads_run = false;
	pthread_mutex_unlock(&j->mutex);
	compacting_stop(j);
	if (run) {
		poke(j);
		pthread_join(j->thread, NULL);
		press_stop(j);
	} else {
		while (journal_step(j, j->fs->mono_us(j->fs->ctx)) || !drained(j))
			continue;
	}
	atomic_store(&j->state, JOURNAL_STOPPED);
	pthread_mutex_lock(&j->mutex);
	pthread_cond_broadcast(&j->cond);
	pthread_mutex_unlock(&j->mutex);
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	journal_stop(j);
	rotate_finish(j);
	free_all(j);
}

/* ---- any thread --------------------------------------------------------------------------- */

enum journal_state journal_state(const struct journal *j)
{
	return (enum journal_state)atomic_load_explicit(&j->state, memory_order_acquire);
}

int journal_resume(struct journal *j, struct journal_fault *fault)
{
	int rc;

	if (journal_state(j) == JOURNAL_RUNNING)
		return JOURNAL_OK;
	pthread_mutex_lock(&j->mutex);
	if (atomic_load(&j->stopping)) {
		pthread_mutex_unlock(&j->mutex);
		return journal_fault_set(fault, JOURNAL_E_FAILED, 0, "the journal is stopped");
	}
	j->resume_asked = true;
	if (j->threads_run) {
		poke(j);
		while (j->resume_asked && journal_state(j) != JOURNAL_STOPPED)
			pthread_cond_wait(&j->cond, &j->mutex);
	} else {
		while (j->resume_asked) {
			pthread_mutex_unlock(&j->mutex);
			journal_step(j, j->fs->mono_us(j->fs->ctx));
			pthread_mutex_lock(&j->mutex);
		}
	}
	rc = j->resume_asked ? JOURNAL_E_FAILED : j->resume_result;
	if (rc != JOURNAL_OK)
		journal_fault_set(fault, rc, 0, "%s: %s", j->cfg.dir, j->last_error);
	pthread_mutex_unlock(&j->mutex);
	return rc;
}

int journal_reconfigure(
	struct journal *j, const struct journal_config *cfg, struct journal_fault *fault)
{
	int rc = check_config(cfg, j->port_count, fault);

	if (rc != JOURNAL_OK)
		return rc;
	pthread_mutex_lock(&j->mutex);
	j->next_cfg = *cfg;
	atomic_store(&j->config_new, true);
	pthread_mutex_unlock(&j->mutex);
	waker_wake(&j->waker);
	return JOURNAL_OK;
}
