#include "dataplane/client/pace.h"

#define MILLION 1000000ull

void pace_init(struct pace *p, uint64_t rate, uint64_t upload_us)
{
	*p = (struct pace){.rate = rate, .upload_us = upload_us, .credit = 1};
}

static void earn(struct pace *p, uint64_t now)
{
	const int64_t most = (int64_t)(p->rate * MILLION);
	const uint64_t gone = now - p->credit_us;

	p->credit_us = now;
	if (gone > (uint64_t)(most - p->credit) / p->rate)
		p->credit = most;
	else
		p->credit += (int64_t)(gone * p->rate);
}

bool pace_open(struct pace *p, uint64_t place, uint64_t end, uint64_t now)
{
	if (p->upload_us && now >= p->next_us) {
		p->next_us = now + p->upload_us;
		p->upto = end;
	}
	if (p->upload_us && place >= p->upto)
		return false;
	if (p->rate == 0)
		return true;
	earn(p, now);
	return p->credit > 0;
}

void pace_spend(struct pace *p, uint32_t bytes)
{
	if (p->rate)
		p->credit -= (int64_t)(bytes * MILLION);
}

uint64_t pace_deadline(const struct pace *p, uint64_t place)
{
	uint64_t at = 0;

	if (p->upload_us && place >= p->upto)
		at = p->next_us;
	if (p->rate && p->credit <= 0) {
		uint64_t paid = p->credit_us + (uint64_t)-p->credit / p->rate + 1;

		at = paid > at ? paid : at;
	}
	return at;
}
