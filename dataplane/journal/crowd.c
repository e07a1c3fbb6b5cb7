/*
 * Where compressors have to share their CPUs, with lcores or with others, a block takes much longer
 * to compress than it takes of the CPU, and whoever waits for its acknowledgement waits as long.
 * Then blocks of acknowledged sources are stored raw, if the disk takes them sooner than they would
 * be compressed, and if it has room for them until they are rewritten, when there is time. One is
 * compressed now and then all the same, to see whether the crowd has gone; whoever waits for that
 * one, and for those behind it, waits long, so the longer the crowd lasts, the rarer. Others do not
 * wait for anybody: they are compressed as long as the pool bears it.
 */
#include "dataplane/journal/internal.h"

#define CROWDED_TENTHS 15u	/* of its CPU time is what a compression takes */
#define MOST_TIMES     4u	/* of it count: one that was interrupted for long is one */
#define FADE	       4u	/* of what is known, one part in so many goes with each new block */
#define TRY_LEAST_US   500000u	/* from one compression that looks again to the next; twice as */
#define TRY_MOST_US    4000000u /* long after each that finds the crowd still there */
#define KNOWN_US       5000000u /* after that nothing is known */
#define BLOCK_LEAST    131072u	/* a smaller one is done before it tells anything */

static bool is_crowded(uint64_t wall_us, uint64_t cpu_us)
{
	return 10 * wall_us > CROWDED_TENTHS * cpu_us;
}

/* Rarer once for each interval, from one beginning to the next: what several compressors had begun
 * before is one answer. */
static void look_again(struct press_speed *s, bool crowded)
{
	if (!crowded || s->try_us == 0) {
		s->try_us = TRY_LEAST_US;
		s->rarer_us = s->tried_us;
	} else if (s->tried_us >= s->rarer_us + s->try_us) {
		s->try_us = 2 * s->try_us < TRY_MOST_US ? 2 * s->try_us : TRY_MOST_US;
		s->rarer_us = s->tried_us;
	}
}

void crowd_tries(struct press_speed *s, uint64_t bytes, uint64_t now_us)
{
	if (bytes >= BLOCK_LEAST)
		s->tried_us = now_us;
}

void crowd_note(
	struct press_speed *s, uint64_t bytes, uint64_t wall_us, uint64_t cpu_us, uint64_t now_us)
{
	if (bytes < BLOCK_LEAST || cpu_us == 0)
		return;
	if (now_us >= s->noted_us + KNOWN_US)
		s->bytes = s->wall_us = s->cpu_us = s->try_us = 0;
	look_again(s, is_crowded(wall_us, cpu_us));
	if (wall_us > MOST_TIMES * cpu_us)
		wall_us = MOST_TIMES * cpu_us;
	s->bytes += bytes - s->bytes / FADE;
	s->wall_us += wall_us - s->wall_us / FADE;
	s->cpu_us += cpu_us - s->cpu_us / FADE;
	s->noted_us = now_us;
}

bool crowd_waits(struct journal *j, uint64_t now_us)
{
	const struct press_speed *s = &j->press.speed;

	if (now_us >= s->tried_us + s->try_us || now_us >= s->noted_us + KNOWN_US || s->pressed ||
		journal_state(j) != JOURNAL_RUNNING ||
		atomic_load_explicit(&j->far_behind, memory_order_relaxed))
		return false;
	return is_crowded(s->wall_us, s->cpu_us) &&
	       s->bytes * j->press.threads < s->wall_us * s->disk_rate;
}

struct pending *crowd_next(struct journal *j, uint64_t now_us)
{
	struct pending *p = j->press.head;
	bool raw = crowd_waits(j, now_us);

	while (p && raw && p->block->acked)
		p = p->next;
	return p;
}
