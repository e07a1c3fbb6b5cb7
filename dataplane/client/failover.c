#include "dataplane/client/failover.h"

void failover_init(struct failover *f, bool alternative, bool fallback, uint64_t period_us)
{
	*f = (struct failover){.alternative = alternative,
		.fallback = fallback,
		.period_us = period_us,
		.slow = 1};
}

void failover_open(struct failover *f, uint64_t now)
{
	f->open = true;
	if (f->server == 0) {
		f->moved = false;
		f->slow = 1;
	}
	f->probe_us = now + f->slow * f->period_us;
}

void failover_lost(struct failover *f)
{
	const bool was_open = f->open;

	f->open = f->probing = false;
	if (!f->alternative)
		return;
	if (was_open) {
		if (f->fallback)
			f->server = 0;
		return;
	}
	if (f->moved && f->slow < FAILOVER_SLOWEST)
		f->slow *= 2;
	f->moved = false;
	f->server = !f->server;
}

uint64_t failover_deadline(const struct failover *f)
{
	return f->open && f->server == 1 && f->fallback && !f->probing ? f->probe_us : UINT64_MAX;
}

void failover_probe(struct failover *f)
{
	f->probing = true;
}

bool failover_probed(struct failover *f, bool there, uint64_t now)
{
	f->probing = false;
	f->probe_us = now + f->slow * f->period_us;
	if (!there || !f->open || f->server == 0)
		return false;
	f->open = false;
	f->moved = true;
	f->server = 0;
	return true;
}
