#include "bench/load/check.h"

#include <stdlib.h>
#include <string.h>

struct seen {
	uint64_t sent, next; /* next: one more than the greatest number seen */
	uint64_t *bits;
};

struct check {
	const struct lines *lines;
	struct plan plan;
	struct check_result r;
	struct seen *flows;
};

struct check *check_new(const struct lines *l, const struct plan *plan, const uint64_t *sent)
{
	struct check *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->lines = l;
	c->plan = *plan;
	c->flows = calloc(plan->flows, sizeof(*c->flows));
	for (uint32_t f = 0; c->flows && f < plan->flows; f++) {
		c->flows[f].sent = sent[f];
		c->r.sent += sent[f];
		c->flows[f].bits = calloc(sent[f] / 64 + 1, sizeof(uint64_t));
		if (!c->flows[f].bits) {
			check_free(c);
			return NULL;
		}
	}
	if (!c->flows) {
		check_free(c);
		return NULL;
	}
	return c;
}

void check_free(struct check *c)
{
	if (!c)
		return;
	for (uint32_t f = 0; c->flows && f < c->plan.flows; f++)
		free(c->flows[f].bits);
	free(c->flows);
	free(c);
}

void check_log(struct check *c, const char *log, size_t len)
{
	char again[LINES_MAX];
	struct seen *s;
	uint32_t device, flow;
	uint64_t number, mask;

	if (!lines_parse(log, len, &device, &number)) {
		c->r.foreign++;
		return;
	}
	if (device >= c->plan.devices) {
		c->r.unsent++;
		return;
	}
	flow = plan_flow(&c->plan, device);
	s = &c->flows[flow];
	if (number >= s->sent) {
		c->r.unsent++;
		return;
	}
	if (lines_write(c->lines, flow, number, again) != len || memcmp(again, log, len) != 0) {
		c->r.altered++;
		return;
	}
	mask = UINT64_C(1) << (number % 64);
	if (s->bits[number / 64] & mask) {
		c->r.duplicate++;
		return;
	}
	s->bits[number / 64] |= mask;
	c->r.stored++;
	if (number < s->next)
		c->r.reordered++;
	else
		s->next = number + 1;
}

void check_result(const struct check *c, struct check_result *r)
{
	*r = c->r;
	r->missing = r->sent - r->stored;
}

bool check_equal(const struct check_result *r)
{
	return r->missing == 0 && r->duplicate == 0 && r->altered == 0 && r->unsent == 0;
}
