/*
 * Cookies that have made a connection. A cookie cannot know that its connection has been and gone:
 * a late copy of the handshake's last ACK, or of the first data, would make it anew, and its bytes
 * would count twice. So each is remembered for as long as it is good: fingerprints in two sets by
 * period, each of buckets of eight from which the oldest goes when there is no room.
 */
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/siphash.h"
#include "dataplane/tcp/tcp_priv.h"

#define BUCKET 8U

struct spent_input {
	struct ip_flow flow;
	uint32_t irs, iss;
};
_Static_assert(sizeof(struct spent_input) == 44, "hashed as bytes: no padding");

int tcp_spent_init(struct tcp_spent *t, uint32_t entries)
{
	uint32_t buckets = 1;

	while (buckets < (entries + BUCKET - 1) / BUCKET)
		buckets *= 2;
	t->mask = buckets - 1;
	for (unsigned i = 0; i < 2; i++) {
		t->tag[i] = calloc((size_t)buckets * BUCKET, sizeof(uint32_t));
		t->period[i] = UINT32_MAX;
	}
	return t->tag[0] && t->tag[1] ? 0 : -1;
}

void tcp_spent_destroy(struct tcp_spent *t)
{
	free(t->tag[0]);
	free(t->tag[1]);
}

/* The bucket, and in `tag` the fingerprint, never 0. */
static uint32_t *bucket_of(
	const struct tcp_stack *s, const struct tcp_syn *e, uint32_t period, uint32_t *tag)
{
	struct spent_input in = {e->flow, e->irs, e->iss};
	uint64_t h = siphash24(&s->key_spent, &in, sizeof(in));

	*tag = (uint32_t)(h >> 32) | 1U;
	return s->spent.tag[period & 1] + (size_t)((uint32_t)h & s->spent.mask) * BUCKET;
}

bool tcp_spent_before(const struct tcp_stack *s, const struct tcp_syn *e, uint32_t period)
{
	const uint32_t *b;
	uint32_t tag;

	if (s->spent.period[period & 1] != period)
		return false;
	b = bucket_of(s, e, period, &tag);
	for (unsigned i = 0; i < BUCKET; i++)
		if (b[i] == tag)
			return true;
	return false;
}

void tcp_spend(struct tcp_stack *s, const struct tcp_syn *e, uint32_t period)
{
	uint32_t *b;
	uint32_t tag;

	if (s->spent.period[period & 1] != period) {
		memset(s->spent.tag[period & 1], 0,
			((size_t)s->spent.mask + 1) * BUCKET * sizeof(uint32_t));
		s->spent.period[period & 1] = period;
	}
	b = bucket_of(s, e, period, &tag);
	s->n.syn_cookies_forgotten += b[BUCKET - 1] != 0;
	memmove(b + 1, b, (BUCKET - 1) * sizeof(*b));
	b[0] = tag;
}
