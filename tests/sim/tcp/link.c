/* The link: a heap of packets by arrival, and what befalls them on the way. */
#include <string.h>

#include "sim.h"

static uint64_t digest(const uint8_t *p, uint32_t len)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (uint32_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ULL;
	return h;
}

void link_trace(const struct world *w, const char *what, const struct packet *p)
{
	const uint8_t *h = p->bytes;
	uint32_t v[2];

	if (p->port != w->trace)
		return;
	for (unsigned i = 0; i < 2; i++)
		v[i] = (uint32_t)h[4 + 4 * i] << 24 | (uint32_t)h[5 + 4 * i] << 16 |
		       (uint32_t)h[6 + 4 * i] << 8 | h[7 + 4 * i];
	printf("%12.6f %s %s%s%s%s%s %u(%u) ack %u win %u\n", (double)(w->now - w->start) / 1e6,
		what, p->to_server ? "> " : "< ", h[13] & TCP_SYN ? "S" : "",
		h[13] & TCP_FIN ? "F" : "", h[13] & TCP_RST ? "R" : "", h[13] & TCP_ACK ? "." : "",
		v[0], p->len - (uint32_t)(h[12] >> 4 << 2), v[1], (unsigned)(h[14] << 8 | h[15]));
}

static bool before(const struct packet *a, const struct packet *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void heap_push(struct world *w, struct packet *p)
{
	uint32_t i = w->heap_len++;

	if (i == w->heap_cap) {
		w->heap_cap = w->heap_cap ? 2 * w->heap_cap : 256;
		w->heap = realloc(w->heap, w->heap_cap * sizeof(struct packet *));
		CHECK(w, w->heap);
	}
	for (; i > 0 && before(p, w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = p;
}

static struct packet *heap_pop(struct world *w)
{
	struct packet *top = w->heap[0];
	struct packet *p = w->heap[--w->heap_len];
	uint32_t i = 0;

	for (;;) {
		uint32_t k = 2 * i + 1;

		if (k >= w->heap_len)
			break;
		if (k + 1 < w->heap_len && before(w->heap[k + 1], w->heap[k]))
			k++;
		if (!before(w->heap[k], p))
			break;
		w->heap[i] = w->heap[k];
		i = k;
	}
	w->heap[i] = p;
	return top;
}

/* One for all, or one for each direction, so that the n-th packet meets the same in two runs. */
static struct rng *dice(struct world *w, bool to_server)
{
	return w->cfg ? &w->way[to_server] : &w->rng;
}

static void deliver(struct world *w, const struct impairment *m, bool to_server, uint16_t port,
	const uint8_t *seg, uint32_t len)
{
	struct packet *p = w->free;

	if (rng_chance(dice(w, to_server), m->loss)) {
		w->lost++;
		return;
	}
	if (p)
		w->free = p->next_free;
	else
		p = malloc(sizeof(*p));
	CHECK(w, p && len <= MAX_SEGMENT);
	p->at = w->now + m->delay_us + rng_below(dice(w, to_server), m->jitter_us + 1);
	if (rng_chance(dice(w, to_server), m->reorder))
		p->at += rng_below(dice(w, to_server), m->reorder_us + 1);
	p->order = w->order++;
	p->to_server = to_server;
	p->port = port;
	p->len = (uint16_t)len;
	memcpy(p->bytes, seg, len);
	p->digest = digest(seg, len);
	if (rng_chance(dice(w, to_server), m->damage))
		p->bytes[rng_below(dice(w, to_server), len)] ^=
			(uint8_t)(1U << rng_below(dice(w, to_server), 8));
	heap_push(w, p);
	link_trace(w, "sent", p);
}

/* As a box in the middle does: the same header on both halves, PSH and FIN on the second only. */
static void split(struct world *w, const struct impairment *m, bool to_server, uint16_t port,
	const uint8_t *seg, uint32_t len)
{
	uint32_t hdr = (uint32_t)(seg[12] >> 4) << 2;
	uint32_t first = rng_range(dice(w, to_server), 1, len - hdr - 1);
	uint8_t part[MAX_SEGMENT];
	uint32_t seq;

	memcpy(part, seg, hdr + first);
	part[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	deliver(w, m, to_server, port, part, hdr + first);
	memcpy(part, seg, hdr);
	memcpy(part + hdr, seg + hdr + first, len - hdr - first);
	seq = (uint32_t)seg[4] << 24 | (uint32_t)seg[5] << 16 | (uint32_t)seg[6] << 8 | seg[7];
	seq += first;
	for (unsigned i = 0; i < 4; i++)
		part[4 + i] = (uint8_t)(seq >> (24 - 8 * i));
	deliver(w, m, to_server, port, part, len - first);
}

void link_send(struct world *w, bool to_server, uint16_t port, const uint8_t *seg, uint32_t len)
{
	struct impairment *m = to_server ? &w->up : &w->down;
	uint32_t hdr = (uint32_t)(seg[12] >> 4) << 2;

	if (w->now >= w->mtu_at) {
		w->mtu_at = NEVER;
		w->down.mtu = w->mtu_to;
	}
	if (!to_server && w->server && len + (server_is_v6(w->server, port) ? 40U : 20U) > m->mtu) {
		w->lost++;
		if (w->mtu_told)
			server_too_big(w->server, port, seg, m->mtu);
		return;
	}
	for (unsigned copies = rng_chance(dice(w, to_server), m->dup) ? 2 : 1; copies > 0;
		copies--) {
		if (len - hdr > 1 && rng_chance(dice(w, to_server), m->split))
			split(w, m, to_server, port, seg, len);
		else
			deliver(w, m, to_server, port, seg, len);
	}
}

uint64_t link_next(const struct world *w)
{
	return w->heap_len ? w->heap[0]->at : NEVER;
}

struct packet *link_take(struct world *w)
{
	while (w->heap_len && w->heap[0]->at <= w->now) {
		struct packet *p = heap_pop(w);

		if (p->digest == digest(p->bytes, p->len)) {
			w->delivered++;
			link_trace(w, "came", p);
			return p;
		}
		w->lost++; /* its checksum is wrong */
		link_done(w, p);
	}
	return NULL;
}

void link_done(struct world *w, struct packet *p)
{
	p->next_free = w->free;
	w->free = p;
}

void link_free(struct world *w)
{
	while (w->heap_len)
		free(w->heap[--w->heap_len]);
	free(w->heap);
	while (w->free) {
		struct packet *p = w->free;

		w->free = p->next_free;
		free(p);
	}
}
