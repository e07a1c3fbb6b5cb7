#include "dataplane/client/queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/bytes.h"

int queue_init(struct queue *q, uint32_t size)
{
	*q = (struct queue){.size = size & ~7u};
	q->ring = malloc(q->size);
	return q->ring ? 0 : -1;
}

void queue_fini(struct queue *q)
{
	free(q->ring);
	q->ring = NULL;
}

static struct queue_item *record(const struct queue *q, uint64_t at)
{
	return (struct queue_item *)(void *)(q->ring + at % q->size);
}

/* Less than a header is left up to the ring's end, or nothing was put there. */
static bool is_gap(const struct queue *q, uint64_t at)
{
	return q->size - at % q->size < sizeof(struct queue_item) || record(q, at)->count == 0;
}

static uint64_t behind_gap(const struct queue *q, uint64_t at)
{
	return at + (q->size - at % q->size);
}

struct queue_item *queue_at(const struct queue *q, uint64_t *at)
{
	if (*at < q->tail && is_gap(q, *at))
		*at = behind_gap(q, *at);
	return *at < q->tail ? record(q, *at) : NULL;
}

static void count(struct client_queue *to, const struct queue_item *i, int sign)
{
	to->items += (uint64_t)sign;
	to->logs += (uint64_t)(sign * i->count);
	to->bytes += (uint64_t)(sign * (int64_t)i->size);
}

bool queue_push(struct queue *q, const struct client_item *item, uint32_t raw_len)
{
	uint32_t vdom_len = item->vdom.at ? item->vdom.len : 0;
	uint64_t size =
		(sizeof(struct queue_item) + 4u * item->count + vdom_len + raw_len + 7) & ~7ull;
	uint64_t left, gap;
	struct queue_item *i;
	uint8_t *to;

	assert(size <= q->size);
	if (q->head == q->tail && q->tail % q->size) /* empty: any item fits at the begin */
		q->head = q->next = q->tail = behind_gap(q, q->tail);
	left = q->size - q->tail % q->size;
	gap = left < size ? left : 0;
	if (q->tail - q->head + gap + size > q->size)
		return false;
	if (gap) {
		if (gap >= sizeof(struct queue_item))
			record(q, q->tail)->count = 0;
		q->tail += gap;
	}
	i = record(q, q->tail);
	*i = (struct queue_item){.size = (uint32_t)size,
		.raw_len = raw_len,
		.place = q->tail_place++,
		.count = item->count,
		.type = item->type,
		.category = item->category,
		.vdom_len = (uint8_t)vdom_len};
	to = (uint8_t *)(i + 1);
	for (uint32_t k = 0; k < item->count; k++, to += 4)
		store_be32(to, item->lengths[k]);
	if (vdom_len)
		memcpy(to, item->vdom.at, vdom_len);
	memcpy(to + vdom_len, item->logs, raw_len);
	q->tail += size;
	count(&q->memory, i, 1);
	return true;
}

static struct client_queue *queue_of(struct queue *q, const struct queue_item *i)
{
	return i->place < q->numbered ? &q->confirm : &q->memory;
}

bool queue_pop(struct queue *q, struct queue_item *was)
{
	const struct queue_item *i = queue_at(q, &q->head);

	if (!i)
		return false;
	*was = *i;
	count(queue_of(q, i), i, -1);
	q->head += i->size;
	q->head_place = i->place + 1;
	if (q->next < q->head)
		q->next = q->head;
	return true;
}

void queue_sent(struct queue *q, const struct queue_item *i)
{
	if (i->place >= q->numbered) {
		count(&q->memory, i, -1);
		count(&q->confirm, i, 1);
		q->numbered = i->place + 1;
	}
	q->next += i->size;
}

void queue_rewind(struct queue *q)
{
	q->next = q->head;
}

void queue_split(struct queue *q, uint64_t numbered)
{
	const struct queue_item *i;

	q->numbered = numbered;
	q->confirm = q->memory = (struct client_queue){0};
	for (uint64_t at = q->head; (i = queue_at(q, &at)) != NULL; at += i->size)
		count(queue_of(q, i), i, 1);
	q->next = q->head;
}
