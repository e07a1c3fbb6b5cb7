/*
 * The committer: everything sealed so far is written in the order of block numbers, and one sync is
 * started only when all of it was written in full. Only then is it durable, and only then do the
 * blocks go back to their ports. After a failure the segment ends where it was durable and the same
 * blocks go into a new one, under their own numbers, once; then the journal has failed, and keeps
 * them until journal_resume().
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/journal/internal.h"

#define SPACE_CHECK_US	  200000u
#define SPACE_CHECK_BYTES (16u << 20)
#define NO_SPACE_WAIT_US  1000000u
#define BEHIND_PART	  8u
#define GROUP_BYTES	  (1u << 20)
#define GROUP_POOL_PART	  4u
#define DISK_RATE_LEAST	  20u /* bytes per microsecond: 20 MB/s */

static bool no_space(int sys)
{
	return sys == -ENOSPC || sys == -EDQUOT;
}

static void set_state(struct journal *j, enum journal_state s)
{
	atomic_store_explicit(&j->state, (int)s, memory_order_release);
	pthread_cond_broadcast(&j->press.cond); /* what they left to us is theirs while we wait */
}

void commit_error(struct journal *j, int sys, const char *what)
{
	pthread_mutex_lock(&j->mutex);
	snprintf(j->last_error, sizeof(j->last_error), "%s: %s", what,
		strerror(sys < 0 ? -sys : sys));
	pthread_mutex_unlock(&j->mutex);
}

static void resume_done(struct journal *j, int result)
{
	pthread_mutex_lock(&j->mutex);
	if (j->resume_asked) {
		j->resume_asked = false;
		j->resume_result = result;
		pthread_cond_broadcast(&j->cond);
	}
	pthread_mutex_unlock(&j->mutex);
}

static void hold(struct journal *j, int sys, uint64_t now_us)
{
	j->gave_up = atomic_load(&j->stopping);
	j->hold_until_us = now_us + (sys ? NO_SPACE_WAIT_US : SPACE_CHECK_US);
	set_state(j, JOURNAL_HOLD_DISK_FULL);
	resume_done(j, JOURNAL_E_NO_SPACE);
}

/* The commit under way did not come to its end: its blocks stay at the head of the queue. */
static void failed(struct journal *j, int sys, const char *what, uint64_t now_us)
{
	commit_error(j, sys, what);
	j->commit.phase = COMMIT_IDLE;
	rotate_abandon(j);
	if (no_space(sys)) {
		hold(j, sys, now_us);
		return;
	}
	if (j->failures++ == 0)
		return; /* once more, in a new segment */
	set_state(j, JOURNAL_FAILED);
	resume_done(j, JOURNAL_E_FAILED);
}

/* ---- space -------------------------------------------------------------------------------- */

/* Raw blocks take room until they are rewritten: a part of what there is, and of what there may be,
 * so that retention does not remove for them what is old. */
static bool is_far_behind(struct journal *j)
{
	uint64_t room = j->available > j->cfg.min_free ? j->available - j->cfg.min_free : 0;
	uint64_t limit = retention_limit(j);
	uint64_t bytes = 0;

	pthread_mutex_lock(&j->mutex);
	for (unsigned i = 0; i < j->seg_count; i++)
		if (!j->segs[i].settled)
			bytes += j->segs[i].bytes;
	pthread_mutex_unlock(&j->mutex);
	return j->cfg.compaction_level == 0 || bytes > (room < limit ? room : limit) / BEHIND_PART;
}

static bool under_min_free(struct journal *j, uint64_t now_us)
{
	uint64_t written = counted(&j->disk_bytes);
	struct journal_fs_space space;

	if (j->space_checked_us == 0 || now_us - j->space_checked_us >= SPACE_CHECK_US ||
		written - j->space_checked_at >= SPACE_CHECK_BYTES) {
		if (j->fs->space(j->fs->ctx, j->cfg.dir, &space) == 0) {
			j->available = space.available;
			atomic_store_explicit(&j->total_bytes, space.total, memory_order_relaxed);
			atomic_store_explicit(
				&j->far_behind, is_far_behind(j), memory_order_relaxed);
		}
		j->space_checked_us = now_us;
		j->space_checked_at = written;
	}
	return j->available < j->cfg.min_free;
}

/* May a commit begin? Leaves hold by itself when there is room again. */
static bool may_begin(struct journal *j, uint64_t now_us)
{
	switch (journal_state(j)) {
	case JOURNAL_RUNNING:
		/* At the end everything is tried: that is what min-free is kept free for. */
		if (!under_min_free(j, now_us) || atomic_load(&j->stopping))
			return true;
		hold(j, 0, now_us);
		return false;
	case JOURNAL_HOLD_DISK_FULL:
		if (j->gave_up)
			return false;
		if (!atomic_load(&j->stopping)) {
			if (now_us < j->hold_until_us)
				return false;
			j->space_checked_us = 0;
			if (under_min_free(j, now_us)) {
				j->hold_until_us = now_us + SPACE_CHECK_US;
				return false;
			}
		}
		set_state(j, JOURNAL_RUNNING);
		return true;
	default:
		return false;
	}
}

/* ---- a commit ------------------------------------------------------------------------------ */

static void begin(struct journal *j, unsigned n, uint64_t now_us)
{
	struct commit *c = &j->commit;
	int rc = rotate_for(j, commit_room(j, n), now_us);

	if (rc < 0) {
		count(&j->write_errors, 1);
		failed(j, rc, "a segment cannot be begun", now_us);
		return;
	}
	commit_encode(j, n);
	c->started_us = now_us;
	c->phase = COMMIT_WRITING;
	rc = commit_write_on(j);
	if (rc < 0) {
		count(&j->write_errors, 1);
		failed(j, rc, "write", now_us);
	}
}

static void written(struct journal *j, int64_t res, uint64_t now_us)
{
	struct commit *c = &j->commit;
	int rc;

	if (res == -EINTR || res == -EAGAIN || commit_not_direct(j, res))
		res = 0;
	else if (res == 0)
		res = -EIO; /* a write that writes nothing would go on for ever */
	if (res < 0 || (uint64_t)res > c->left) {
		count(&j->write_errors, 1);
		failed(j, res < 0 ? (int)res : -EIO, "write", now_us);
		return;
	}
	commit_advance(c, (uint64_t)res);
	if (c->left > 0) {
		rc = commit_write_on(j);
	} else {
		c->phase = COMMIT_SYNCING;
		c->tag++;
		rc = j->fs->io_sync(j->fs->ctx, j->io, j->w.fd, c->tag);
	}
	if (rc < 0) {
		count(&j->write_errors, 1);
		failed(j, rc, "write", now_us);
	}
}

static void note_time(struct journal *j, uint64_t us)
{
	unsigned log = us < 8 ? 0 : 61 - (unsigned)__builtin_clzll(us); /* us >> log is 4..7 */
	unsigned bucket = us < 8 ? (unsigned)us : log * 4 + (unsigned)(us >> log);

	if (bucket >= COMMIT_BUCKETS)
		bucket = COMMIT_BUCKETS - 1;
	count(&j->commit_us[bucket], 1);
}

/* Index, fold and counters, before the blocks are anybody else's again. */
static void account(struct journal *j)
{
	struct commit *c = &j->commit;
	uint32_t streams = atomic_load_explicit(&j->device_streams, memory_order_relaxed);
	uint64_t off = j->w.end;

	pthread_mutex_lock(&j->mutex);
	for (unsigned i = 0; i < c->blocks; i++) {
		struct pending *p = queue_at(j, i);
		const struct block_frame *f = &p->frame;
		uint64_t disk = (uint64_t)f->p.frame_len + f->data_len;
		struct journal_part part;
		struct journal_records r = records_of_block(p->block, &part);

		if (index_add(&j->w.index, off, f, &r) != 0)
			j->w.index_broken = true;
		if (fold_block(j->fold, &r) != 0)
			j->poisoned = true;
		if (streams)
			count(&j->streams_displaced,
				fold_make_room(j->fold, streams, displaced_before(j)));
		rotate_note(j, f, disk);
		off += disk;
		count(f->flags & BLOCK_FLAG_RAW ? &j->blocks_raw : &j->blocks_compressed, 1);
		count(&j->raw_bytes, f->raw_len);
		count(&j->disk_bytes, disk);
	}
	atomic_store_explicit(&j->durable_logs, fold_logs(j->fold), memory_order_relaxed);
	pthread_mutex_unlock(&j->mutex);
	j->w.end += c->len;
}

static void announce(struct journal *j)
{
	int efd = atomic_load_explicit(&j->watch_fd, memory_order_acquire);
	uint64_t one = 1;

	if (efd >= 0 && write(efd, &one, sizeof(one)) < 0)
		return; /* readable already */
}

/* How fast the disk is, from commits large enough for the sync's own time not to matter. */
static void note_rate(struct journal *j, uint64_t us)
{
	if (j->commit.len >= (1u << 20) && us > 0)
		j->disk_rate = (j->disk_rate * 7 + j->commit.len / us) / 8;
	if (j->disk_rate < DISK_RATE_LEAST)
		j->disk_rate = DISK_RATE_LEAST;
}

static void synced(struct journal *j, int64_t res, uint64_t now_us)
{
	struct commit *c = &j->commit;

	if (res < 0) {
		count(&j->sync_errors, 1);
		failed(j, (int)res, "fdatasync", now_us);
		return;
	}
	account(j);
	count(&j->commits, 1);
	count(&j->fsyncs, 1);
	note_time(j, now_us - c->started_us);
	note_rate(j, now_us - c->started_us);
	j->w.last_block = queue_at(j, c->blocks - 1)->frame.last_block;
	atomic_store_explicit(&j->durable_block, j->w.last_block, memory_order_release);
	c->phase = COMMIT_IDLE;
	j->failures = 0;
	pool_complete(j, c->blocks, JOURNAL_OK);
	announce(j);
	resume_done(j, JOURNAL_OK);
	if (j->poisoned) {
		/* What is durable is durable; but the fold is not exact any more, and a checkpoint
		 * of it must never be written. A restart reads it anew. */
		commit_error(j, ENOMEM, "the journal's state");
		rotate_abandon(j);
		set_state(j, JOURNAL_FAILED);
	}
}

static bool reap(struct journal *j)
{
	struct journal_io_done v[4];
	int n;

	if (j->commit.phase == COMMIT_IDLE)
		return false;
	n = j->fs->io_reap(j->fs->ctx, j->io, v, 4, false);
	if (n < 0) {
		count(&j->write_errors, 1);
		failed(j, n, "write", j->fs->mono_us(j->fs->ctx));
		return true;
	}
	for (int i = 0; i < n; i++) {
		uint64_t now_us = j->fs->mono_us(j->fs->ctx);

		if (j->commit.phase == COMMIT_IDLE || v[i].tag != j->commit.tag)
			continue;
		if (j->commit.phase == COMMIT_WRITING)
			written(j, v[i].result, now_us);
		else
			synced(j, v[i].result, now_us);
	}
	return n > 0;
}

static void try_resume(struct journal *j, uint64_t now_us)
{
	bool asked;

	pthread_mutex_lock(&j->mutex);
	asked = j->resume_asked;
	pthread_mutex_unlock(&j->mutex);
	if (!asked || j->commit.phase != COMMIT_IDLE)
		return;
	if (journal_state(j) == JOURNAL_HOLD_DISK_FULL) {
		j->hold_until_us = now_us;
	} else if (journal_state(j) == JOURNAL_FAILED && !j->poisoned) {
		int rc;

		j->failures = 1; /* no second chance this time */
		set_state(j, JOURNAL_RUNNING);
		rc = rotate_for(j, 0, now_us);
		if (rc < 0) {
			count(&j->write_errors, 1);
			failed(j, rc, "a segment cannot be begun", now_us);
			return;
		}
	} else if (j->poisoned) {
		resume_done(j, JOURNAL_E_FAILED);
	}
	if (j->queue_len == 0)
		resume_done(j, JOURNAL_OK); /* else the commit that follows tells */
}

/*
 * Group commit: blocks that nobody waits for are written several at a time, as long as there is
 * room for them and none has waited for its interval since its first log; a sync costs as much for
 * one as for all. Until when they wait for more, or 0.
 */
static uint64_t group_until(const struct journal *j, unsigned ready)
{
	uint64_t oldest = UINT64_MAX, bytes = 0;

	if (j->queue_len * GROUP_POOL_PART >= j->cfg.pool_blocks || j->failures > 0 ||
		atomic_load_explicit(&j->hurry, memory_order_relaxed))
		return 0;
	for (unsigned i = 0; i < j->queue_len; i++) {
		const struct pending *p = queue_at(j, i);

		if (p->block->acked)
			return 0; /* wherever it stands: the committer may have to store it */
		if (i < ready && (bytes += p->frame.data_len) >= GROUP_BYTES)
			return 0;
		if (p->block->first_us < oldest)
			oldest = p->block->first_us;
	}
	return oldest + atomic_load_explicit(&j->interval_unacked_us, memory_order_relaxed);
}

bool commit_step(struct journal *j, uint64_t now_us)
{
	bool any = reap(j);
	bool stopping = atomic_load(&j->stopping);
	unsigned n;

	j->group_until_us = 0;
	try_resume(j, now_us);
	if (j->commit.phase != COMMIT_IDLE)
		return press_ahead(j, now_us) || any;
	if (j->queue_len == 0) {
		/* Senders that were told to hold send nothing: the hold must end without them. */
		if (journal_state(j) == JOURNAL_HOLD_DISK_FULL)
			may_begin(j, now_us);
		return any;
	}
	if (!may_begin(j, now_us)) {
		if (!stopping)
			return any;
		n = press_ready(j, now_us); /* a compressor may still hold one */
		pool_complete(j, n, j->gave_up ? JOURNAL_E_NO_SPACE : JOURNAL_E_FAILED);
		return any || n > 0;
	}
	n = press_ready(j, now_us);
	if (n == 0)
		return any;
	j->group_until_us = stopping ? 0 : group_until(j, n);
	if (j->group_until_us > now_us)
		return any;
	j->group_until_us = 0;
	begin(j, n, now_us);
	return true;
}

uint64_t commit_deadline(const struct journal *j, uint64_t now_us)
{
	uint64_t at = now_us + 1000000;
	uint64_t due[2];

	if (j->commit.phase != COMMIT_IDLE)
		return at;
	if (journal_state(j) == JOURNAL_HOLD_DISK_FULL)
		return j->hold_until_us;
	if (j->queue_len == 0)
		return at;
	if (j->group_until_us)
		return j->group_until_us; /* even if it is over by now */
	due[0] = atomic_load_explicit(&j->interval_us, memory_order_relaxed);
	due[1] = atomic_load_explicit(&j->interval_unacked_us, memory_order_relaxed);
	for (unsigned i = 0; i < 2; i++) {
		/* Past both the head is being compressed, and its compressor will wake us. */
		due[i] += queue_at(j, 0)->taken_us;
		if (due[i] > now_us && due[i] < at)
			at = due[i];
	}
	return at;
}
