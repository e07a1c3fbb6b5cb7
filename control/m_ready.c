/* wait.ready: answers when logs would be taken in. */
#include <stdlib.h>

#include "control/method.h"

#define LOOK_US 20000u /* a link that comes up or an address that becomes valid tells nobody */

struct ready_waiter {
	struct pending pending;
	struct control *c;
	uint64_t deadline_us;
	struct ready_waiter *next;
};

static void drop(struct ready_waiter *w)
{
	struct ready_waiter **at = &w->c->waiters;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	free(w);
}

static void abandon(struct pending *p)
{
	struct ready_waiter *w = (struct ready_waiter *)p;
	struct rpc_error e = {0};

	rpc_error_set(&e, RPC_FAILED, REASON_CANCELLED, "cancelled");
	pending_error(p, &e);
	drop(w);
}

/* What was told so far (as that we are ready) is in the journal: who counts logs from now on does
 * not find it among them. */
static bool own_events_settled(struct control *c)
{
	struct dp_account a;

	return !dp_account_get(c->dp, c->config.node.name, &a) || a.pending == 0;
}

static json_t *answer(struct control *c)
{
	return json_pack("{s:i,s:b,s:s}", "schema", 1, "ready", 1, "state", control_state(c));
}

void m_wait_ready(struct call *call)
{
	struct control *c = call->c;
	double seconds = call_number(call, "timeout_s", 60);
	struct ready_waiter *w;

	if (control_is_ready(c) && own_events_settled(c)) {
		call_result(call, answer(c));
		return;
	}
	w = calloc(1, sizeof(*w));
	if (!w) {
		call_fail(call, REASON_FAILED, "out of memory");
		return;
	}
	w->c = c;
	w->pending.abandon = abandon;
	w->deadline_us = clock_mono_us() + (uint64_t)(seconds * 1e6);
	if (!call_later(call, &w->pending)) {
		free(w);
		return;
	}
	w->next = c->waiters;
	c->waiters = w;
	c->next_ready_us = 0;
}

static void timed_out(struct ready_waiter *w)
{
	struct rpc_error e = {0};

	rpc_error_set(&e, RPC_FAILED, REASON_TIMEOUT, "not ready in time: %s", control_state(w->c));
	pending_error(&w->pending, &e);
	drop(w);
}

uint64_t ready_round(struct control *c, uint64_t now_us)
{
	struct ready_waiter *w = c->waiters;
	bool ready;

	if (!w)
		return UINT64_MAX;
	if (now_us < c->next_ready_us)
		return c->next_ready_us;
	c->next_ready_us = now_us + LOOK_US;
	ready = control_is_ready(c) && own_events_settled(c);
	while (w) {
		struct ready_waiter *next = w->next;

		if (ready) {
			pending_result(&w->pending, answer(c));
			drop(w);
		} else if (now_us >= w->deadline_us) {
			timed_out(w);
		}
		w = next;
	}
	return c->waiters ? c->next_ready_us : UINT64_MAX;
}
