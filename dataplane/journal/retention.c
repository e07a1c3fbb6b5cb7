/*
 * Old segments go: by age and by size, oldest first. Each segment opens with a checkpoint of all
 * before it, durable before it can be seen; so whatever is older than another segment may go, and
 * the newest never does.
 *
 * A wall clock that was set wrong must not cost ninety days of logs: for an hour after it jumped
 * (or after a start at which it is far from the newest log) age removes one segment a minute.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/journal/internal.h"

#define LOOK_US	 1000000u
#define STEP_NS	 2000000000ll
#define PACED_US 3600000000ull
#define PACE_US	 60000000u
#define DAY_NS	 86400000000000ull

void retention_begin(struct journal *j)
{
	uint64_t now_us = j->fs->mono_us(j->fs->ctx);
	uint64_t wall = j->fs->wall_ns(j->fs->ctx);
	uint64_t newest = 0;

	for (unsigned i = 0; i < j->seg_count; i++)
		if (j->segs[i].last_ns > newest)
			newest = j->segs[i].last_ns;
	j->clock_offset_ns = (int64_t)(wall - now_us * 1000);
	if (newest && (wall < newest || wall - newest > DAY_NS))
		j->paced_until_us = now_us + PACED_US;
}

static void watch_clock(struct journal *j, uint64_t now_us, uint64_t wall)
{
	int64_t offset = (int64_t)(wall - now_us * 1000);
	int64_t moved = offset - j->clock_offset_ns;

	j->clock_offset_ns = offset;
	if (moved > STEP_NS || moved < -STEP_NS)
		j->paced_until_us = now_us + PACED_US;
}

/* A rewriting changes a segment's bytes, with `files` and `mutex` held. */
static uint64_t total_bytes(struct journal *j)
{
	uint64_t sum = 0;

	pthread_mutex_lock(&j->mutex);
	for (unsigned i = 0; i < j->seg_count; i++)
		sum += j->segs[i].bytes;
	pthread_mutex_unlock(&j->mutex);
	return sum;
}

uint64_t retention_limit(struct journal *j)
{
	uint64_t percent = counted(&j->total_bytes) / 100 * j->cfg.retention_percent;
	uint64_t limit = j->cfg.retention_bytes ? j->cfg.retention_bytes : UINT64_MAX;

	return percent && percent < limit ? percent : limit;
}

static bool too_much(struct journal *j)
{
	return total_bytes(j) > retention_limit(j);
}

/* When the newest log of the oldest segment came; without a date (nothing of it could be read) it
 * is as old as the first behind it that has one. 0: none has. */
static uint64_t oldest_ends(const struct journal *j)
{
	uint64_t ns = j->segs[0].last_ns;

	for (unsigned i = 1; i < j->seg_count && ns == 0; i++)
		ns = j->segs[i].first_ns;
	return ns;
}

static bool too_old(struct journal *j, uint64_t now_us, uint64_t wall)
{
	uint64_t age = j->cfg.retention_age_s * 1000000000;
	uint64_t last_ns = oldest_ends(j);

	if (age == 0 || wall < age || last_ns == 0 || last_ns >= wall - age)
		return false;
	if (now_us < j->paced_until_us) {
		if (now_us < j->paced_next_us)
			return false;
		j->paced_next_us = now_us + PACE_US;
	}
	return true;
}

/* The directory is synced behind each removal: what is gone stays gone, oldest first. */
static int remove_oldest(struct journal *j)
{
	char path[JOURNAL_PATH_MAX];
	int rc;

	journal_segment_path(path, j->cfg.dir, j->segs[0].first_block);
	rc = j->fs->unlink(j->fs->ctx, path);
	/* Somebody else has removed it, or our last try got so far: then it only has to stay gone.
	 */
	if (rc == 0 || rc == -ENOENT)
		rc = j->fs->fsync_dir(j->fs->ctx, j->cfg.dir);
	if (rc < 0) {
		commit_error(j, rc, "an old segment cannot be removed");
		return rc;
	}
	pthread_mutex_lock(&j->mutex);
	j->seg_count--;
	memmove(j->segs, j->segs + 1, j->seg_count * sizeof(*j->segs));
	pthread_mutex_unlock(&j->mutex);
	count(&j->retention_removed, 1);
	return 0;
}

void retention_step(struct journal *j, uint64_t now_us)
{
	uint64_t wall;

	if (now_us < j->retention_us)
		return;
	wall = j->fs->wall_ns(j->fs->ctx);
	watch_clock(j, now_us, wall);
	j->retention_us = now_us + LOOK_US;
	/* One a second, so that a commit never waits for many of them; nor for a file that is being
	 * replaced: how much there is is judged when that is done. */
	if (j->seg_count < 2 || pthread_mutex_trylock(&j->files) != 0)
		return;
	if (too_much(j) || too_old(j, now_us, wall))
		remove_oldest(j);
	pthread_mutex_unlock(&j->files);
}
