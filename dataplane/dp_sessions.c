/*
 * The sessions of all workers: listed and ended by the lcore that runs them, between two rounds.
 */
#include <stdlib.h>
#include <string.h>

#include "dataplane/dp.h"
#include "dataplane/lcore.h"

#define SESSIONS_A_CALL 256u

struct session_call {
	struct dp_session_info v[SESSIONS_A_CALL];
	uint32_t at;
	unsigned count;
};

static void session_fn(struct lcore *l, void *arg)
{
	struct session_call *c = arg;

	c->count = worker_sessions(l->worker, &c->at, c->v, SESSIONS_A_CALL);
}

int dp_sessions(struct dp *d, dp_session_fn fn, void *ctx)
{
	struct session_call *c = malloc(sizeof(*c));
	int rc = 0;

	if (!c)
		return -1;
	for (unsigned i = 0; i < d->workers_count && rc == 0; i++) {
		c->at = 0;
		do {
			rc = lcore_run(d->workers[i], session_fn, c);
			for (unsigned k = 0; rc == 0 && k < c->count; k++)
				fn(ctx, &c->v[k]);
		} while (rc == 0 && c->count == SESSIONS_A_CALL);
	}
	free(c);
	return rc;
}

struct kill_call {
	uint64_t id;
	bool found;
};

static void kill_fn(struct lcore *l, void *arg)
{
	struct kill_call *k = arg;

	k->found = worker_kill(l->worker, k->id);
}

int dp_session_kill(struct dp *d, uint64_t id)
{
	struct kill_call k = {.id = id};

	for (unsigned i = 0; i < d->workers_count; i++) {
		if (d->workers[i]->index != id >> 48)
			continue;
		if (lcore_run(d->workers[i], kill_fn, &k) != 0)
			return -2;
	}
	return k.found ? 0 : -1;
}
