#include "control/roster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct roster_entry *add(struct roster *r, const char *name, size_t len)
{
	struct roster_entry *e;

	if (r->failed)
		return NULL;
	if (r->count == r->cap) {
		unsigned cap = r->cap ? r->cap * 2 : 256;
		struct roster_entry *v = realloc(r->v, cap * sizeof(*v));

		if (!v) {
			r->failed = true;
			return NULL;
		}
		r->v = v;
		r->cap = cap;
	}
	e = &r->v[r->count++];
	memset(e, 0, sizeof(*e));
	memcpy(e->device, name, len < DP_DEVICE_NAME ? len : DP_DEVICE_NAME);
	return e;
}

static void add_run(void *ctx, const struct dp_account *a)
{
	struct roster_entry *e = add(ctx, a->device, strlen(a->device));

	if (!e)
		return;
	e->in_run = true;
	e->run = *a;
}

static void sum(struct journal_state_device *to, const struct journal_state_device *d)
{
	to->stored += d->stored;
	to->bytes += d->bytes;
	to->duplicate += d->duplicate;
	to->late += d->late;
	to->client_dropped += d->client_dropped;
	to->conflict += d->conflict;
	for (unsigned i = 0; i < DROP_REASON_COUNT; i++)
		to->dropped[i] += d->dropped[i];
	if (d->first_seen_ns && (to->first_seen_ns == 0 || d->first_seen_ns < to->first_seen_ns))
		to->first_seen_ns = d->first_seen_ns;
	if (d->last_seen_ns > to->last_seen_ns)
		to->last_seen_ns = d->last_seen_ns;
}

static void add_life(
	void *ctx, const char *device, size_t len, const struct journal_state_device *d)
{
	struct roster *r = ctx;
	struct roster_entry *e = add(r, device, len);

	sum(&r->life, d);
	if (!e)
		return;
	e->in_life = true;
	e->life = *d;
}

static void sum_life(
	void *ctx, const char *device, size_t len, const struct journal_state_device *d)
{
	(void)device;
	(void)len;
	sum(ctx, d);
}

void roster_life(struct dp *dp, struct journal_state_device *life)
{
	*life = (struct journal_state_device){0};
	journal_each_device(dp_journal(dp), sum_life, life);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(
		((const struct roster_entry *)a)->device, ((const struct roster_entry *)b)->device);
}

static void merge(struct roster *r)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->count; i++) {
		struct roster_entry *last = n ? &r->v[n - 1] : NULL;
		const struct roster_entry *e = &r->v[i];

		if (!last || strcmp(last->device, e->device) != 0) {
			if (n != i)
				r->v[n] = *e;
			n++;
			continue;
		}
		if (e->in_run) {
			last->in_run = true;
			last->run = e->run;
		}
		if (e->in_life) {
			last->in_life = true;
			last->life = e->life;
		}
	}
	r->count = n;
}

int roster_take(struct roster *r, struct dp *dp)
{
	*r = (struct roster){0};
	dp_accounts(dp, add_run, r);
	journal_each_device(dp_journal(dp), add_life, r);
	if (r->failed) {
		roster_free(r);
		return -1;
	}
	if (r->count)
		qsort(r->v, r->count, sizeof(*r->v), by_name);
	merge(r);
	return 0;
}

void roster_free(struct roster *r)
{
	free(r->v);
	*r = (struct roster){0};
}

static void pick_life(
	void *ctx, const char *device, size_t len, const struct journal_state_device *d)
{
	struct roster_entry *e = ctx;

	if (strlen(e->device) != len || memcmp(e->device, device, len) != 0)
		return;
	e->in_life = true;
	e->life = *d;
}

bool roster_find(struct dp *dp, const char *device, struct roster_entry *e)
{
	*e = (struct roster_entry){0};
	snprintf(e->device, sizeof(e->device), "%s", device);
	e->in_run = dp_account_get(dp, device, &e->run);
	journal_each_device(dp_journal(dp), pick_life, e);
	return e->in_run || e->in_life;
}
