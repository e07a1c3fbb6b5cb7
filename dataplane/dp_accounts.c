/*
 * The accounts of devices, as the lcores keep them. Each lcore copies its own between two rounds,
 * so that every equation holds in what is shown; one device's entries of several lcores are one
 * account here.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/dp.h"
#include "dataplane/lcore.h"

#define ACCOUNTS_A_CALL 256u

struct account_list {
	struct dp_account *v;
	size_t count, room;
};

struct account_call {
	struct dp_account v[ACCOUNTS_A_CALL];
	uint32_t at;
	unsigned count;
	bool end;
};

static void copy_account(struct dp_account *a, const struct device *d)
{
	memset(a, 0, sizeof(*a));
	memcpy(a->device, d->name, sizeof(a->device));
	a->received = d->received;
	a->stored = d->stored;
	a->duplicate = d->duplicate;
	a->pending = device_pending(d);
	for (unsigned r = 0; r < DROP_REASON_COUNT; r++)
		a->dropped[r] = d->dropped[r];
	a->bytes = d->bytes;
	a->late = d->late;
	a->conflict = d->conflict;
	a->client_dropped = d->client_dropped;
	a->cut = d->cut;
	a->first_seen_ns = d->first_seen_ns;
	a->last_seen_ns = d->last_seen_ns;
}
_Static_assert(DP_DEVICE_NAME == DEVICE_NAME_MAX, "names are copied whole");

static bool is_silent(const struct device *d)
{
	return d->received == 0 && d->client_dropped == 0;
}

static void copy_accounts(const struct intake *in, struct account_call *c)
{
	c->count = 0;
	for (; c->at < device_count(in->devices) && c->count < ACCOUNTS_A_CALL; c->at++) {
		const struct device *d = device_at(in->devices, c->at);

		if (is_silent(d))
			continue;
		copy_account(&c->v[c->count++], d);
	}
	c->end = c->at >= device_count(in->devices);
}

static void account_fn(struct lcore *l, void *arg)
{
	copy_accounts(&l->in, arg);
}

static bool list_add(struct account_list *list, const struct dp_account *v, unsigned n)
{
	if (n == 0)
		return true;
	if (list->count + n > list->room) {
		size_t room = (list->count + n) * 2;
		struct dp_account *more = realloc(list->v, room * sizeof(*more));

		if (!more)
			return false;
		list->v = more;
		list->room = room;
	}
	memcpy(list->v + list->count, v, n * sizeof(*v));
	list->count += n;
	return true;
}

static void add_account(struct dp_account *to, const struct dp_account *a)
{
	to->received += a->received;
	to->stored += a->stored;
	to->duplicate += a->duplicate;
	to->pending += a->pending;
	for (unsigned r = 0; r < DROP_REASON_COUNT; r++)
		to->dropped[r] += a->dropped[r];
	to->bytes += a->bytes;
	to->late += a->late;
	to->conflict += a->conflict;
	to->client_dropped += a->client_dropped;
	to->cut += a->cut;
	if (a->first_seen_ns && (!to->first_seen_ns || a->first_seen_ns < to->first_seen_ns))
		to->first_seen_ns = a->first_seen_ns;
	if (a->last_seen_ns > to->last_seen_ns)
		to->last_seen_ns = a->last_seen_ns;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(
		((const struct dp_account *)a)->device, ((const struct dp_account *)b)->device);
}

/* All lcores' devices, one entry a name. The caller frees list->v. */
static void collect(struct dp *d, struct account_list *list)
{
	struct account_call *c = malloc(sizeof(*c));
	size_t kept = 0;

	memset(list, 0, sizeof(*list));
	if (!c)
		return;
	for (unsigned i = 0; i < d->lcores_count; i++) {
		c->at = 0;
		do {
			/* An lcore that is stuck is not waited for again: the watchdog names it. */
			if (lcore_run(d->lcores[i], account_fn, c) != 0 ||
				!list_add(list, c->v, c->count))
				break;
		} while (!c->end);
	}
	c->at = 0;
	copy_accounts(&d->own, c);
	list_add(list, c->v, c->count);
	free(c);
	if (list->count == 0)
		return;
	qsort(list->v, list->count, sizeof(*list->v), by_name);
	for (size_t i = 1; i < list->count; i++) {
		if (by_name(&list->v[kept], &list->v[i]) == 0)
			add_account(&list->v[kept], &list->v[i]);
		else
			list->v[++kept] = list->v[i];
	}
	list->count = kept + 1;
}

unsigned dp_accounts(struct dp *d, dp_account_fn fn, void *ctx)
{
	struct account_list list;
	unsigned n;

	collect(d, &list);
	for (size_t i = 0; i < list.count; i++)
		fn(ctx, &list.v[i]);
	n = (unsigned)list.count;
	free(list.v);
	return n;
}

/* Of all devices or of one: added up where they are kept, as many at a time as are copied. */
struct sum_call {
	const char *name; /* NULL: all */
	struct dp_account sum;
	uint32_t at;
	bool found, end;
};

static void sum_accounts(const struct intake *in, struct sum_call *c)
{
	uint32_t count = device_count(in->devices);

	for (uint32_t n = 0; c->at < count && n < ACCOUNTS_A_CALL; c->at++, n++) {
		const struct device *d = device_at(in->devices, c->at);
		struct dp_account one;

		if (is_silent(d) || (c->name && strcmp(d->name, c->name) != 0))
			continue;
		copy_account(&one, d);
		add_account(&c->sum, &one);
		c->found = true;
	}
	c->end = c->at >= count;
}

static void sum_fn(struct lcore *l, void *arg)
{
	sum_accounts(&l->in, arg);
}

static void sum_up(struct dp *d, struct sum_call *c)
{
	for (unsigned i = 0; i < d->lcores_count; i++) {
		c->at = 0;
		do {
			/* As in collect(). */
			if (lcore_run(d->lcores[i], sum_fn, c) != 0)
				break;
		} while (!c->end);
	}
	c->at = 0;
	do
		sum_accounts(&d->own, c);
	while (!c->end);
}

bool dp_account_get(struct dp *d, const char *device, struct dp_account *a)
{
	struct sum_call c = {.name = device};

	assert(device);
	sum_up(d, &c);
	if (!c.found)
		return false;
	*a = c.sum;
	snprintf(a->device, sizeof(a->device), "%s", device);
	return true;
}

void dp_account_total(struct dp *d, struct dp_account *a)
{
	struct sum_call c = {0};

	sum_up(d, &c);
	*a = c.sum;
}
