#include "dataplane/tell.h"

#include <stdio.h>
#include <stdlib.h>

#include <rte_ring_elem.h>

struct trace_line {
	uint64_t lost; /* before this one */
	char text[TELL_LINE_BYTES];
};
_Static_assert(sizeof(struct trace_line) % 4 == 0 && sizeof(struct auth_event) % 4 == 0,
	"elements of rings are words");

static struct rte_ring *ring_new(const char *what, const struct lcore *l, unsigned size, unsigned n)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "%s%u", what, l->index);
	return rte_ring_create_elem(name, size, n, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

int tell_init(struct lcore *l)
{
	l->events = ring_new("events", l, sizeof(struct auth_event), TELL_EVENTS);
	l->lines = ring_new("lines", l, sizeof(struct trace_line), TELL_LINES);
	return l->events && l->lines ? 0 : -1;
}

void tell_fini(struct lcore *l)
{
	rte_ring_free(l->events);
	rte_ring_free(l->lines);
}

bool tell_event(struct lcore *l, struct auth_event *ev)
{
	/* Sources of datagrams can be made up as well. */
	bool refusal = ev->kind == AUTH_EV_REFUSED || ev->transport == TRANSPORT_UDP ||
		       ev->transport == TRANSPORT_ECCF;

	ev->lcore = l->lcore_id;
	ev->time_ns = l->now_ns;
	if ((refusal && rte_ring_count(l->events) >= TELL_EVENTS / 2) ||
		rte_ring_sp_enqueue_elem(l->events, ev, sizeof(*ev)) != 0) {
		atomic_fetch_add_explicit(&l->events_lost, 1, memory_order_relaxed);
		return false;
	}
	waker_wake(&l->dp->own_waker);
	return true;
}

void tell_refused(struct lcore *l, const struct ip_addr *addr, uint16_t port, uint8_t transport,
	bool unproven, enum refusal_reason why)
{
	struct auth_event ev = {
		.kind = AUTH_EV_REFUSED,
		.transport = transport,
		.reason = (uint16_t)why,
		.addr = *addr,
		.port = port,
		.unproven = unproven,
	};

	l->refusals[why]++;
	if (unproven && l->now_us - l->refused_us < TELL_UNPROVEN_US)
		return;
	if (unproven)
		l->refused_us = l->now_us;
	tell_event(l, &ev);
	if (trace_wanted(l, addr)) {
		char line[64];

		snprintf(line, sizeof(line), "refused: %s", refusal_reason_slug(why));
		trace_say(l, "session", addr, line);
	}
}

void trace_say(struct lcore *l, const char *what, const struct ip_addr *peer, const char *line)
{
	struct trace_line t = {.lost = l->lines_lost};
	char addr[IP_ADDR_TEXT];

	ip_addr_format(peer, addr);
	snprintf(t.text, sizeof(t.text), "[T%u:%s :%s] %s", l->lcore_id, what, addr, line);
	if (rte_ring_sp_enqueue_elem(l->lines, &t, sizeof(t)) != 0) {
		l->lines_lost++;
		return;
	}
	l->lines_lost = 0;
	waker_wake(&l->dp->own_waker);
}

/* ---- control's side ---- */

unsigned dp_auth_events(struct dp *d, unsigned max, auth_event_fn fn, void *ctx)
{
	unsigned n = 0;

	for (unsigned i = 0; i < d->lcores_count; i++) {
		struct lcore *l = d->lcores[i];
		struct auth_event ev;
		uint64_t lost;

		while (n < max && rte_ring_sc_dequeue_elem(l->events, &ev, sizeof(ev)) == 0) {
			fn(ctx, &ev);
			n++;
		}
		lost = n < max ? atomic_exchange_explicit(&l->events_lost, 0, memory_order_relaxed)
			       : 0;
		if (lost) {
			ev = (struct auth_event){.kind = AUTH_EV_LOST,
				.lcore = l->lcore_id,
				.count = lost < UINT32_MAX ? (uint32_t)lost : UINT32_MAX};
			fn(ctx, &ev);
			n++;
		}
	}
	return n;
}

unsigned dp_trace_lines(struct dp *d, unsigned max, dp_trace_fn fn, void *ctx)
{
	struct trace_line t;
	unsigned n = 0;

	for (unsigned i = 0; i < d->lcores_count; i++)
		for (; n < max && rte_ring_sc_dequeue_elem(d->lcores[i]->lines, &t, sizeof(t)) == 0;
			n++)
			fn(ctx, t.text, t.lost);
	return n;
}

void dp_trace_set(struct dp *d, unsigned level, const struct ip_addr *addr)
{
	struct dp_policy *p = malloc(sizeof(*p));

	if (!p)
		return; /* nobody watches then */
	*p = *d->policy_owned;
	p->trace_level = level;
	p->trace_all = addr == NULL;
	if (addr)
		p->trace_addr = *addr;
	dp_policy_swap(d, p);
}
