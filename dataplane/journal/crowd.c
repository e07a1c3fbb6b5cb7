/*
 * Where compressors have to share their CPUs, with lcores or with others, a block takes much longer
 * to compress than it takes of the CPU, and whoever waits for its acknowledgement waits as long.
 * Then blocks of acknowledged sources are stored raw, if the disk takes them sooner than they would
 * be compressed, and if it has room for them until they are rewritten, when there is time. One is
 * compressed now and then all the same, to see whether the crowd has gone. Others do not wait for
 * anybody: they are compressed as long as the pool bears it.
 */
#include "dataplane/journal/internal.h"

#define CROWDED_TENTHS 15u     /* of its CPU time is what a compression takes */
#define FADE	       4u      /* of what is known, one part in so many goes with each new block */
#define TRY_US	       500000u /* from one compression that looks again to the next */
#define BLOCK_LEAST    65536u  /* a smaller one is done before it tells anything */

void crowd_note(struct press_speed *s, uint64_t bytes, uint64_t wall_us, uint64_t cpu_us)
{
	if (bytes < BLOCK_LEAST)
		return;
	s->bytes += bytes - s->bytes / FADE;
	s->wall_us += wall_us - s->wall_us / FADE;
	s->cpu_us += cpu_us - s->cpu_us / FADE;
}

bool crowd_waits(const struct journal *j, uint64_t now_us)
{
	const struct press_speed *s = &j->press.speed;

	return 10 * s->wall_us > CROWDED_TENTHS * s->cpu_us &&
	       s->bytes < s->wall_us * s->disk_rate && now_us - s->tried_us < TRY_US &&
	       !atomic_load_explicit(&j->far_behind, memory_order_relaxed);
}

struct pending *crowd_next(const struct journal *j, uint64_t now_us)
{
	struct pending *p = j->press.head;
	bool raw = crowd_waits(j, now_us);

	while (p && raw && p->block->acked)
		p = p->next;
	return p;
}
