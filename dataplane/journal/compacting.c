/*
 * Finished segments are rewritten (compact.h), oldest first, by a thread that asks for the least
 * of the CPU and of the disk and pauses while blocks queue up. The new file is whole and synced
 * before it takes the old one's name; who has the old one open reads on in it.
 */
#include <errno.h>
#include <linux/ioprio.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/journal/internal.h"

#define LOOK_AGAIN_S 10 /* for space, and for what failed to be told */
#define PAUSE_NS     10000000
#define PAUSES	     10u	/* without a raw block, until there is time */
#define AGAIN_US     600000000u /* a segment for which memory was out */
#define WATCH_US     250000u
#define BUSY_PART    4u /* of compressors' time */

static struct seg *find(struct journal *j, uint64_t first_block)
{
	for (unsigned i = 0; i < j->seg_count; i++)
		if (j->segs[i].first_block == first_block)
			return &j->segs[i];
	return NULL;
}

/* The oldest that is finished and not yet looked at; the newest is left to recovery's care. */
static bool choose(struct journal *j, struct compact_job *job, uint64_t *room)
{
	uint64_t now_us = j->fs->mono_us(j->fs->ctx);
	bool any = false;

	pthread_mutex_lock(&j->mutex);
	for (unsigned i = 0; i + 1 < j->seg_count && !any && j->cfg.compaction_level; i++) {
		if (!j->segs[i].finished || j->segs[i].settled || j->segs[i].again_us > now_us)
			continue;
		job->first_block = j->segs[i].first_block;
		job->level = j->cfg.compaction_level;
		*room = j->cfg.min_free + j->segs[i].bytes;
		any = true;
	}
	pthread_mutex_unlock(&j->mutex);
	return any;
}

/* Left as it is: for good, or for some minutes, in which the others have their turn. */
static void left(struct journal *j, uint64_t first_block, bool for_good)
{
	struct seg *s;

	pthread_mutex_lock(&j->mutex);
	s = find(j, first_block);
	if (s && for_good)
		s->settled = true;
	else if (s)
		s->again_us = j->fs->mono_us(j->fs->ctx) + AGAIN_US;
	pthread_mutex_unlock(&j->mutex);
}

static void replaced(struct journal *j, const struct compact_job *job)
{
	struct seg *s;

	pthread_mutex_lock(&j->mutex);
	s = find(j, job->first_block);
	if (s) {
		count(&j->compacted_segments, 1);
		count(&j->compacted_from, s->bytes);
		count(&j->compacted_to, job->bytes);
		s->bytes = job->bytes;
		s->blocks = job->blocks;
		s->settled = true;
	}
	pthread_mutex_unlock(&j->mutex);
}

/* Retention may have removed it meanwhile: then it stays removed. */
static int install(struct journal *j, const struct compact_job *job)
{
	const struct journal_fs *fs = j->fs;
	char tmp[JOURNAL_PATH_MAX + 8];
	char path[JOURNAL_PATH_MAX];
	bool there;
	int rc = 0;

	journal_segment_path(path, j->cfg.dir, job->first_block);
	snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	pthread_mutex_lock(&j->files);
	pthread_mutex_lock(&j->mutex);
	there = find(j, job->first_block) != NULL;
	pthread_mutex_unlock(&j->mutex);
	if (there)
		rc = fs->rename(fs->ctx, tmp, path);
	if (!there || rc < 0) {
		fs->unlink(fs->ctx, tmp);
	} else {
		replaced(j, job);
		rc = fs->fsync_dir(fs->ctx, j->cfg.dir);
	}
	pthread_mutex_unlock(&j->files);
	return rc;
}

/* Of what was stored since it was asked last: a quarter, or more? */
static bool goes_raw(struct journal *j)
{
	uint64_t raw = counted(&j->blocks_raw), all = raw + counted(&j->blocks_compressed);
	bool most = (raw - j->compact_raw_seen) * 4 > all - j->compact_all_seen;

	j->compact_raw_seen = raw;
	j->compact_all_seen = all;
	return most;
}

/* Have compressors used more than a quarter of their time? Looked at every quarter of a second at
 * most; between, as it was. */
static bool compressors_busy(struct journal *j)
{
	struct compact_watch *w = &j->compact_watch;
	uint64_t now_us = j->fs->mono_us(j->fs->ctx), pressed_ns = counted(&j->pressed_ns);

	if (w->at_us && now_us < w->at_us + WATCH_US)
		return w->busy;
	w->busy = w->at_us && (pressed_ns - w->pressed_ns) / 1000 * BUSY_PART >
				      (now_us - w->at_us) * j->cfg.compressors;
	w->at_us = now_us;
	w->pressed_ns = pressed_ns;
	return w->busy;
}

/*
 * Intake has it first: blocks that were stored raw of late want the CPU and the disk, and so do
 * compressors that have much to do, even where a CPU is idle: a host that bounds what a guest may
 * have of its CPUs takes from intake what is used here. Not where room may get short.
 */
bool compacting_waits(struct journal *j)
{
	bool raw = goes_raw(j), busy = compressors_busy(j);

	return (raw || busy) && !atomic_load(&j->far_behind);
}

/* A nice value alone does not keep us off a CPU whose lcore yields whenever it finds nothing. */
static bool give_way(void *arg)
{
	struct journal *j = arg;
	const struct timespec pause = {0, PAUSE_NS};

	for (unsigned calm = PAUSES; j->compact_runs && !atomic_load(&j->compact_stop) &&
				     journal_state(j) == JOURNAL_RUNNING;
		calm++) {
		if (compacting_waits(j))
			calm = 0;
		if (calm >= PAUSES && pool_free_blocks(j) >= j->cfg.pool_blocks / 2)
			break;
		nanosleep(&pause, NULL);
	}
	/* Where intake is held for want of room, what has been written here is part of the reason.
	 */
	return atomic_load(&j->compact_stop) || journal_state(j) != JOURNAL_RUNNING;
}

static bool has_room(struct journal *j, uint64_t room)
{
	struct journal_fs_space space;

	return j->fs->space(j->fs->ctx, j->cfg.dir, &space) == 0 && space.available >= room;
}

bool compacting_step(struct journal *j)
{
	struct compact_job job = {
		.fs = j->fs,
		.dir = j->cfg.dir,
		.id = {j->id[0], j->id[1]},
		.block_size = j->cfg.block_size,
		.stop = give_way,
		.arg = j,
	};
	uint64_t room;
	int rc;

	if (!j->compactor || !atomic_load(&j->compact_may) || !choose(j, &job, &room) ||
		!has_room(j, room))
		return false;
	rc = compact_segment(j->compactor, &job);
	if (rc == COMPACT_DONE)
		rc = install(j, &job);
	if (rc == COMPACT_STOPPED || rc == -ENOSPC || rc == -EDQUOT)
		return false;
	if (rc < 0 && rc != -ENOENT)
		commit_error(j, rc, "a finished segment cannot be rewritten");
	if (rc != 0)
		left(j, job.first_block, rc != -ENOMEM);
	return true;
}

/* What it does can wait: the least of the CPU, and of the disk where its scheduler minds. */
static void be_modest(void)
{
	setpriority(PRIO_PROCESS, (id_t)gettid(), 19);
	syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0));
}

static void *compacting_main(void *arg)
{
	struct journal *j = arg;

	be_modest();
	while (!atomic_load(&j->compact_stop)) {
		struct timespec until;

		while (!atomic_load(&j->compact_stop) && compacting_step(j))
			;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += LOOK_AGAIN_S;
		pthread_mutex_lock(&j->mutex);
		if (!atomic_load(&j->compact_stop))
			pthread_cond_timedwait(&j->compact_cond, &j->mutex, &until);
		pthread_mutex_unlock(&j->mutex);
	}
	return NULL;
}

int compacting_start(struct journal *j, struct journal_fault *fault)
{
	int rc;

	j->compact_runs = true;
	rc = pthread_create(&j->compact_thread, NULL, compacting_main, j);
	if (rc != 0) {
		j->compact_runs = false;
		return journal_fault_set(fault, JOURNAL_E_NO_MEMORY, rc,
			"the thread that rewrites segments cannot be started: %s", strerror(rc));
	}
	pthread_setname_np(j->compact_thread, "sluice-compact");
	return JOURNAL_OK;
}

void journal_compact(struct journal *j)
{
	pthread_mutex_lock(&j->mutex);
	atomic_store(&j->compact_may, true);
	pthread_cond_broadcast(&j->compact_cond);
	pthread_mutex_unlock(&j->mutex);
}

void compacting_stop(struct journal *j)
{
	if (!j->compact_runs)
		return;
	pthread_mutex_lock(&j->mutex);
	atomic_store(&j->compact_stop, true);
	pthread_cond_broadcast(&j->compact_cond);
	pthread_mutex_unlock(&j->mutex);
	pthread_join(j->compact_thread, NULL);
	j->compact_runs = false;
}
