/* journal.subscribe: what has become durable, as it happens. */
#include <stdlib.h>

#include "control/method.h"

struct subscription {
	struct pending pending; /* stays with its client; answered at once, so without id */
	struct control *c;
	uint64_t number, lost;
	bool behind; /* the last announcement was lost: there may be none after it */
	struct subscription *next;
};

static void drop(struct subscription *s)
{
	struct subscription **at = &s->c->subscriptions;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	pending_done(&s->pending);
	free(s);
}

static void abandon(struct pending *p)
{
	drop((struct subscription *)p);
}

static void announce(struct control *c, struct subscription *s)
{
	struct text params = {0}, line = {0};

	/* The numbers rise for ever, so the next one that is sent stands for all that were lost. */
	s->behind = client_backlog(s->pending.client) >= SERVER_HIGH_WATER;
	if (s->behind) {
		s->lost++;
		c->counters.announce_lost++;
		return;
	}
	c->counters.announced++;
	text_printf(&params,
		"{\"schema\":1,\"subscription\":%llu,\"durable_block\":%llu,\"logs\":%llu,"
		"\"lost\":%llu}",
		(unsigned long long)s->number, (unsigned long long)c->durable_block,
		(unsigned long long)c->durable_logs, (unsigned long long)s->lost);
	rpc_write_notification(&line, "journal.durable", params.data, params.len);
	line.failed |= params.failed;
	client_send(s->pending.client, &line);
	text_free(&params);
	text_free(&line);
}

static void drained(struct pending *p)
{
	struct subscription *s = (struct subscription *)p;

	if (s->behind)
		announce(s->c, s);
}

void m_journal_subscribe(struct call *call)
{
	struct control *c = call->c;
	struct subscription *s = calloc(1, sizeof(*s));

	if (!s) {
		call_fail(call, REASON_FAILED, "out of memory");
		return;
	}
	journal_announce(c); /* to the others: what follows is news for all of them */
	s->c = c;
	s->number = ++c->next_subscription;
	s->pending.abandon = abandon;
	s->pending.drained = drained;
	if (!call_later(call, &s->pending)) {
		free(s);
		return;
	}
	/* The answer is not late: the pending request only ties the subscription to its client. */
	call->later = false;
	json_decref(s->pending.id);
	s->pending.id = NULL;
	s->next = c->subscriptions;
	c->subscriptions = s;
	call_result(
		call, json_pack("{s:i,s:I,s:I,s:I}", "schema", 1, "subscription",
			      (json_int_t)s->number, "durable_block", (json_int_t)c->durable_block,
			      "logs", (json_int_t)c->durable_logs));
}

void m_journal_unsubscribe(struct call *call)
{
	uint64_t number = call_uint(call, "subscription", 0);

	for (struct subscription *s = call->c->subscriptions; s; s = s->next) {
		if (s->number == number && s->pending.client == call->client) {
			drop(s);
			call_result(call, json_pack("{s:i,s:b}", "schema", 1, "ended", 1));
			return;
		}
	}
	call_fail(call, REASON_NOT_FOUND, "this connection has no subscription %llu",
		(unsigned long long)number);
}

void journal_announce(struct control *c)
{
	uint64_t block, logs;

	journal_durable(dp_journal(c->dp), &block, &logs);
	if (block == c->durable_block)
		return;
	c->durable_block = block;
	c->durable_logs = logs;
	log_streams_durable(c, block);
	for (struct subscription *s = c->subscriptions; s; s = s->next)
		announce(c, s);
}
