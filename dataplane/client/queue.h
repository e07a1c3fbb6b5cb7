/*
 * The items of a client, oldest first, in one ring of bytes: first those that were sent and wait to
 * be confirmed, behind them those that wait to be sent. An item lies in one piece, and is known by
 * its place: how many were added before it. Which of them have a number is what the place below
 * which all have one says; so a number is not kept with each. Pure.
 */
#ifndef SLUICE_CLIENT_QUEUE_H
#define SLUICE_CLIENT_QUEUE_H

#include "dataplane/client/client.h"

struct queue_item {
	uint32_t size; /* of the record, header and all; a multiple of 8 */
	uint32_t raw_len;
	uint64_t place;		 /* rises by 1 from item to item */
	uint32_t dropped_before; /* set when it is sent first */
	uint16_t count;		 /* logs; 0: nothing, up to the ring's end */
	uint8_t type, category, vdom_len;
	uint8_t reserved[7];
	/* then LENGTHS as on the wire, vdom, logs */
};
_Static_assert(sizeof(struct queue_item) == 32, "records are aligned to 8");

struct queue {
	uint8_t *ring;
	uint64_t size;
	uint64_t head, next, tail; /* offsets that only rise: oldest, next to be sent, end */
	uint64_t head_place, tail_place;
	uint64_t numbered; /* items below this place are the confirm queue */
	struct client_queue confirm, memory;
};

int queue_init(struct queue *q, uint32_t size);
void queue_fini(struct queue *q);

/* The item at `at`; NULL at the end. *at may move over what is none. */
struct queue_item *queue_at(const struct queue *q, uint64_t *at);
static inline const uint8_t *queue_lengths(const struct queue_item *i)
{
	return (const uint8_t *)(i + 1);
}
static inline const uint8_t *queue_vdom(const struct queue_item *i)
{
	return queue_lengths(i) + 4u * i->count;
}
static inline const uint8_t *queue_logs(const struct queue_item *i)
{
	return queue_vdom(i) + i->vdom_len;
}

/* false: there is no room; queue_pop() makes some. */
bool queue_push(struct queue *q, const struct client_item *item, uint32_t raw_len);
/* Takes the oldest away, a copy of whose header is in *was; false: empty. */
bool queue_pop(struct queue *q, struct queue_item *was);
/* The item at q->next was sent; if for the first time, it moves to the confirm queue. */
void queue_sent(struct queue *q, const struct queue_item *i);
/* All will be sent again. */
void queue_rewind(struct queue *q);
/* The confirm queue is from now on what lies below this place; all will be sent again. */
void queue_split(struct queue *q, uint64_t numbered);

#endif
