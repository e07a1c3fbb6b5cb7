/* Which segment is written, and what is known of all of them. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/journal/internal.h"

int seg_add(struct journal *j, const struct seg *s)
{
	if (j->seg_count > 0 && j->segs[j->seg_count - 1].first_block == s->first_block) {
		j->segs[j->seg_count - 1] = *s; /* one without durable blocks was replaced */
		return 0;
	}
	if (j->seg_count == j->seg_cap) {
		unsigned cap = j->seg_cap ? j->seg_cap * 2 : 64;
		struct seg *v = realloc(j->segs, cap * sizeof(*v));

		if (!v)
			return -1;
		j->segs = v;
		j->seg_cap = cap;
	}
	j->segs[j->seg_count++] = *s;
	return 0;
}

static struct seg *current(struct journal *j)
{
	return &j->segs[j->seg_count - 1];
}

/* j->mutex held, as `segs` is read by others. */
void rotate_note(struct journal *j, const struct block_frame *f, uint64_t disk)
{
	struct seg *s = current(j);

	if (f->rows) {
		if (s->logs == 0 || f->first_ns < s->first_ns)
			s->first_ns = f->first_ns;
		if (f->last_ns > s->last_ns)
			s->last_ns = f->last_ns;
	}
	s->last_block = f->last_block;
	s->bytes += disk;
	s->blocks++;
	s->logs += f->rows;
	s->raw_bytes += f->raw_len;
}

void rotate_abandon(struct journal *j)
{
	segment_abandon(&j->w);
}

int rotate_finish(struct journal *j)
{
	int rc;

	if (j->w.fd < 0)
		return 0;
	rc = segment_finish(&j->w, j->presser.z);
	if (rc < 0) {
		/* Its blocks are durable without the index: recovery writes it. */
		count(&j->write_errors, 1);
		commit_error(j, rc, "a segment cannot be closed");
		return rc;
	}
	pthread_mutex_lock(&j->mutex);
	current(j)->bytes = j->w.end;
	current(j)->finished = true;
	pthread_cond_signal(&j->compact_cond);
	pthread_mutex_unlock(&j->mutex);
	return 0;
}

static bool is_old(const struct journal *j, uint64_t now_us)
{
	return now_us - j->w.created_us >= j->cfg.segment_age_s * 1000000;
}

/* A checkpoint takes at most a tenth of a segment, else the segment grows. */
static bool is_full(const struct journal *j, uint64_t len)
{
	uint64_t limit = j->cfg.segment_size;

	if (limit < j->w.begin * 10)
		limit = j->w.begin * 10;
	return j->w.end + len > limit || j->w.index.count >= SEGMENT_MAX_BLOCKS;
}

static int begin_segment(struct journal *j)
{
	uint64_t first = atomic_load_explicit(&j->durable_block, memory_order_relaxed) + 1;
	struct seg s = {.first_block = first, .last_block = first - 1};
	uint64_t wall = j->fs->wall_ns(j->fs->ctx);
	uint64_t keep = j->cfg.stream_retention_s * 1000000000;
	int rc;

	/* The mutex is not held while it is written: only this thread changes the fold. */
	if (keep && wall > keep && j->fs->mono_us(j->fs->ctx) >= j->paced_until_us) {
		pthread_mutex_lock(&j->mutex);
		count(&j->streams_expired, fold_expire(j->fold, wall - keep));
		pthread_mutex_unlock(&j->mutex);
	}
	rc = segment_create(&j->w, first, j->fold, j->presser.z);
	if (rc < 0)
		return rc;
	s.bytes = j->w.end;
	pthread_mutex_lock(&j->mutex);
	rc = seg_add(j, &s);
	pthread_mutex_unlock(&j->mutex);
	if (rc != 0) {
		segment_abandon(&j->w);
		return -ENOMEM;
	}
	return 0;
}

int rotate_for(struct journal *j, uint64_t len, uint64_t now_us)
{
	int rc;

	assert(!j->poisoned);
	if (j->w.fd >= 0 && j->w.index.count > 0 && (is_full(j, len) || is_old(j, now_us)))
		rotate_finish(j);
	if (j->w.fd < 0) {
		rc = begin_segment(j);
		if (rc < 0)
			return rc;
	}
	return segment_reserve(&j->w, len, SEGMENT_RESERVE_STEP);
}

void rotate_age(struct journal *j, uint64_t now_us)
{
	if (j->w.fd >= 0 && j->commit.phase == COMMIT_IDLE && j->w.index.count > 0 &&
		is_old(j, now_us))
		rotate_finish(j);
}
