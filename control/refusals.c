#include "control/refusals.h"

#include <stdio.h>
#include <string.h>

#define NONE (-1)

void refusals_init(struct refusals *r, const struct siphash_key *key)
{
	memset(r, 0, sizeof(*r));
	memset(r->chains, 0xff, sizeof(r->chains));
	memset(r->sources, 0xff, sizeof(r->sources));
	r->newest = r->oldest = NONE;
	r->key = *key;
}

/* What one holder of a network has: an IPv4 address, an IPv6 /64. */
static unsigned source_bytes(const struct ip_addr *a)
{
	return ip_addr_is_v4(a) ? 16 : 8;
}

static bool same_source(const struct ip_addr *a, const struct ip_addr *b)
{
	const unsigned n = source_bytes(a);

	return n == source_bytes(b) && memcmp(a->b, b->b, n) == 0;
}

static bool of_one_source(const struct refusal *e, const struct auth_event *ev)
{
	return e->unproven == ev->unproven && (ev->unproven || same_source(&e->addr, &ev->addr));
}

static uint32_t source_hash(const struct refusals *r, const struct auth_event *ev)
{
	return ev->unproven ? 0 : (uint32_t)siphash13(&r->key, ev->addr.b, source_bytes(&ev->addr));
}

/* What makes refusals one entry, as bytes; without names for `others`. */
static uint32_t identity_hash(const struct refusals *r, const struct auth_event *ev, bool others)
{
	struct {
		uint8_t addr[16];
		uint16_t reason;
		uint8_t others, unproven;
		char serial[AUTH_SERIAL], fingerprint[65];
	} id;

	memset(&id, 0, sizeof(id));
	if (!others || !ev->unproven)
		memcpy(id.addr, ev->addr.b, others ? source_bytes(&ev->addr) : 16);
	id.reason = ev->reason;
	id.others = others;
	id.unproven = ev->unproven;
	if (!others) {
		snprintf(id.serial, sizeof(id.serial), "%s", ev->serial);
		snprintf(id.fingerprint, sizeof(id.fingerprint), "%s", ev->fingerprint);
	}
	return (uint32_t)siphash13(&r->key, &id, sizeof(id));
}

static bool is_it(const struct refusal *e, const struct auth_event *ev, bool others)
{
	if (e->reason != ev->reason || e->others != others)
		return false;
	if (others)
		return of_one_source(e, ev);
	return e->unproven == ev->unproven && ip_addr_equal(&e->addr, &ev->addr) &&
	       strcmp(e->serial, ev->serial) == 0 && strcmp(e->fingerprint, ev->fingerprint) == 0;
}

static struct refusal *find(
	struct refusals *r, const struct auth_event *ev, bool others, uint32_t hash)
{
	for (int i = r->chains[hash % REFUSALS_CHAINS]; i != NONE; i = r->v[i].next)
		if (r->v[i].hash == hash && is_it(&r->v[i], ev, others))
			return &r->v[i];
	return NULL;
}

static void unlink_age(struct refusals *r, struct refusal *e)
{
	if (e->newer == NONE)
		r->newest = e->older;
	else
		r->v[e->newer].older = e->older;
	if (e->older == NONE)
		r->oldest = e->newer;
	else
		r->v[e->older].newer = e->newer;
}

static void make_newest(struct refusals *r, struct refusal *e)
{
	const int16_t i = (int16_t)(e - r->v);

	e->newer = NONE;
	e->older = r->newest;
	if (r->newest == NONE)
		r->oldest = i;
	else
		r->v[r->newest].newer = i;
	r->newest = i;
}

static struct refusal *evict(struct refusals *r)
{
	struct refusal *e = &r->v[r->oldest];
	const int16_t i = r->oldest;
	int16_t *at = &r->chains[e->hash % REFUSALS_CHAINS];

	while (*at != i)
		at = &r->v[*at].next;
	*at = e->next;
	at = &r->sources[e->source_hash % REFUSALS_CHAINS];
	while (*at != i)
		at = &r->v[*at].next_source;
	*at = e->next_source;
	unlink_age(r, e);
	r->evicted += e->count;
	r->evictions++;
	return e;
}

static struct refusal *fresh(
	struct refusals *r, const struct auth_event *ev, bool others, uint32_t hash)
{
	struct refusal *e = r->count < REFUSALS_MAX ? &r->v[r->count++] : evict(r);
	const int16_t i = (int16_t)(e - r->v);

	memset(e, 0, sizeof(*e));
	e->reason = ev->reason;
	e->others = others;
	e->addr = ev->addr;
	e->first_ns = ev->time_ns;
	e->hash = hash;
	e->unproven = ev->unproven;
	e->source_hash = source_hash(r, ev);
	e->next = r->chains[hash % REFUSALS_CHAINS];
	r->chains[hash % REFUSALS_CHAINS] = i;
	e->next_source = r->sources[e->source_hash % REFUSALS_CHAINS];
	r->sources[e->source_hash % REFUSALS_CHAINS] = i;
	make_newest(r, e);
	return e;
}

static unsigned entries_of_source(const struct refusals *r, const struct auth_event *ev)
{
	const uint32_t h = source_hash(r, ev);
	unsigned n = 0;

	for (int i = r->sources[h % REFUSALS_CHAINS]; i != NONE; i = r->v[i].next_source)
		n += !r->v[i].others && of_one_source(&r->v[i], ev);
	return n;
}

static struct refusal *entry(struct refusals *r, const struct auth_event *ev)
{
	uint32_t hash = identity_hash(r, ev, false);
	struct refusal *e = find(r, ev, false, hash);
	bool others = false;

	if (!e && entries_of_source(r, ev) >= REFUSALS_PER_SOURCE) {
		others = true;
		hash = identity_hash(r, ev, true);
		e = find(r, ev, true, hash);
	}
	if (!e)
		return fresh(r, ev, others, hash);
	unlink_age(r, e);
	make_newest(r, e);
	return e;
}

void refusals_add(struct refusals *r, const struct auth_event *ev)
{
	struct refusal *e = entry(r, ev);

	r->total++;
	e->count++;
	e->last_ns = ev->time_ns;
	e->addr = ev->addr; /* of others: the last one's */
	e->port = ev->port;
	e->transport = ev->transport;
	if (e->others)
		return;
	snprintf(e->serial, sizeof(e->serial), "%s", ev->serial);
	snprintf(e->fingerprint, sizeof(e->fingerprint), "%s", ev->fingerprint);
	snprintf(e->subject, sizeof(e->subject), "%s", ev->subject);
	snprintf(e->issuer, sizeof(e->issuer), "%s", ev->issuer);
	snprintf(e->detail, sizeof(e->detail), "%s", ev->detail);
}

void refusals_each(const struct refusals *r, refusals_fn fn, void *ctx)
{
	for (int i = r->newest; i != NONE; i = r->v[i].older)
		fn(ctx, &r->v[i]);
}
