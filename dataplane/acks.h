/*
 * Who waits for which block: a session whose peer is told when its logs are durable leaves a mark
 * for each block that holds some of them, and gets it back when the block is. Blocks of a port are
 * filled one after the other and come back in that order, so the marks are a queue. One a worker;
 * no allocation after acks_init().
 */
#ifndef SLUICE_ACKS_H
#define SLUICE_ACKS_H

#include <stdbool.h>
#include <stdint.h>

struct ack_mark {
	uint64_t session;    /* its id: its slot may be another's by then */
	uint64_t upto;	     /* its logs up to this one, counted as its protocol does, ... */
	uint32_t generation; /* ... lie in this block (struct intake) or in earlier ones */
	uint32_t slot;
};

struct acks {
	struct ack_mark *v;
	uint32_t mask, head, tail;
};

/* `marks`: a power of two. 0, or -1 when out of memory. */
int acks_init(struct acks *a, uint32_t marks);
void acks_fini(struct acks *a);

/* Is there room for another mark? If not, nothing may be stored that needs one: backpressure, which
 * ends when a block comes back. */
static inline bool acks_room(const struct acks *a)
{
	return a->tail - a->head <= a->mask;
}

/*
 * Leaves the mark `m`, for which there is room. *newest: where the session's newest one is, kept by
 * the session; its mark for the same block is just moved on.
 */
void acks_note(struct acks *a, const struct ack_mark *m, uint32_t *newest);

#define ACKS_NOBODY UINT32_MAX /* slot of a session that is gone, see acks_leave() */

/*
 * The session ends. true: its newest mark is still out; that one will come back with the slot
 * ACKS_NOBODY, when nothing of the session is left that is not durable. false: nothing is.
 */
bool acks_leave(struct acks *a, uint64_t session, uint32_t newest);

/* Takes the oldest mark for the block with this generation; false: there is none. */
bool acks_take(struct acks *a, uint32_t generation, struct ack_mark *out);

#endif
