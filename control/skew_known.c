/* Whose clock is known to be wrong: it stays known until one of its logs says otherwise. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/control.h"
#include "control/skew.h"
#include "dataplane/journal/state.h"

#define NS_PER_S 1000000000

/* Where it is, or belongs: the first that is not before it. */
static unsigned place(const struct skew_known *k, const char *device)
{
	unsigned low = 0, high = k->count;

	while (low < high) {
		const unsigned mid = low + (high - low) / 2;

		if (strcmp(k->v[mid].device, device) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool is_at(const struct skew_known *k, unsigned i, const char *device)
{
	return i < k->count && strcmp(k->v[i].device, device) == 0;
}

static void forget(struct skew_known *k, unsigned i)
{
	memmove(&k->v[i], &k->v[i + 1], (--k->count - i) * sizeof(k->v[0]));
}

static bool is_authorized(const struct control *c, const char *device)
{
	const struct device *dev = devices_find(&c->devices, device);

	return dev && dev->state == AUTH_AUTHORIZED;
}

/* With the journal's state locked. */
static void has_logged(
	void *ctx, const char *device, size_t len, const struct journal_state_device *d)
{
	struct skew_known *k = ctx;
	char name[DP_DEVICE_NAME + 1] = "";
	unsigned i;

	if (len > DP_DEVICE_NAME)
		return;
	memcpy(name, device, len);
	i = place(k, name);
	if (is_at(k, i, name) && d->last_seen_ns > k->v[i].last_ns)
		k->v[i].last_ns = d->last_seen_ns;
}

void skew_known_refresh(struct control *c, uint64_t now_ns)
{
	struct skew_known *k = &c->skew_known;

	if (k->count)
		journal_each_device(dp_journal(c->dp), has_logged, k);
	for (unsigned i = 0; i < k->count;) {
		k->v[i].authorized = is_authorized(c, k->v[i].device);
		if (k->v[i].last_ns + SKEW_FORGET_NS < now_ns)
			forget(k, i);
		else
			i++;
	}
}

void skew_known_name(struct skew_known *k, struct skew_scan *s)
{
	for (unsigned n = 0; n < k->count && s->named_count < SKEW_NAMED; n++) {
		const unsigned i = k->turn++ % k->count;

		if (k->v[i].last_ns == k->v[i].judged_ns)
			continue;
		memcpy(s->named[s->named_count].device, k->v[i].device, sizeof(k->v[i].device));
		s->named[s->named_count].last_ns = k->v[i].last_ns;
		/* What is newer may be in the same block. */
		s->named[s->named_count++].after = k->v[i].block - 1;
	}
}

/* Makes a place for another device; false: there is none for it. */
static bool make_room(struct skew_known *k, bool authorized, uint64_t last_ns)
{
	unsigned oldest = SKEW_DEVICES;

	if (k->count < SKEW_DEVICES)
		return true;
	for (unsigned i = 0; i < k->count; i++)
		if (!k->v[i].authorized &&
			(oldest == SKEW_DEVICES || k->v[i].last_ns < k->v[oldest].last_ns))
			oldest = i;
	if (oldest == SKEW_DEVICES || (!authorized && k->v[oldest].last_ns >= last_ns))
		return false;
	forget(k, oldest);
	return true;
}

static void learn(struct control *c, const struct skew_seen *e)
{
	struct skew_known *k = &c->skew_known;
	const int64_t skew_s = e->least_ns / NS_PER_S;
	const bool wrong = llabs(skew_s) > SKEW_LIMIT_S;
	unsigned i = place(k, e->device);

	if (!wrong && is_at(k, i, e->device))
		forget(k, i);
	if (!wrong)
		return;
	if (!is_at(k, i, e->device)) {
		const bool authorized = is_authorized(c, e->device);

		if (!make_room(k, authorized, e->newest_ns))
			return;
		i = place(k, e->device);
		memmove(&k->v[i + 1], &k->v[i], (k->count++ - i) * sizeof(k->v[0]));
		memset(&k->v[i], 0, sizeof(k->v[i]));
		memcpy(k->v[i].device, e->device, sizeof(k->v[i].device));
		k->v[i].authorized = authorized;
	}
	k->v[i].skew_s = skew_s;
	k->v[i].judged_ns = e->newest_ns;
	k->v[i].block = e->block;
	if (e->newest_ns > k->v[i].last_ns)
		k->v[i].last_ns = e->newest_ns;
}

void skew_known_learn(struct control *c, const struct skew_scan *s)
{
	for (unsigned i = 0; i < SKEW_SLOTS; i++)
		if (s->slots[i].device[0])
			learn(c, &s->slots[i]);
}

void skew_known_tell(struct control *c)
{
	const struct skew_known *k = &c->skew_known;
	char names[160] = "", text[300];
	unsigned named = 0;

	for (unsigned i = 0; i < 2 * k->count && named < 3; i++) {
		const unsigned at = i < k->count ? i : i - k->count;
		const size_t n = strlen(names);

		if (k->v[at].authorized != (i < k->count))
			continue;
		snprintf(names + n, sizeof(names) - n, "%s%.30s by %+lld s", n ? ", " : "",
			k->v[at].device, (long long)k->v[at].skew_s);
		named++;
	}
	snprintf(text, sizeof(text),
		k->count == 1
			? "the clock of %u device differs from this node's: %s%s: check NTP and "
			  "time zone"
			: "the clocks of %u devices differ from this node's: %s%s: check NTP and "
			  "time zone",
		k->count, names, k->count > 3 ? ", ..." : "");
	alarm_set(&c->alarms, k->count > 0, "clock_skew", "", text);
}
