#include "dataplane/admit.h"

#include <stdio.h>
#include <string.h>

#include "dataplane/tell.h"

#define TELL_AGAIN_NS 10000000000ull

static enum admit verdict_of(const struct dp_policy *pol, const struct auth_device *known)
{
	if (known && known->state == AUTH_DENIED)
		return ADMIT_DENIED;
	if (known && known->state == AUTH_AUTHORIZED)
		return ADMIT_YES;
	return pol->unknown_source == DP_UNKNOWN_ACCEPT ? ADMIT_YES : ADMIT_UNKNOWN;
}

static const struct auth_device *find(const struct dp_policy *pol, const char *name)
{
	return pol->auth ? auth_find(pol->auth, name) : NULL;
}

void admit_refresh(const struct lcore *l, struct device *d)
{
	const struct dp_policy *pol = l->policy;
	const struct auth_device *known = find(pol, d->name);

	d->policy = (uint32_t)pol->number;
	d->verdict = (uint8_t)verdict_of(pol, known);
	d->rate = known && known->rate ? known->rate : pol->device_rate;
	/* By its name: one that is an address here may be known by devid there. */
	d->rate_who = siphash13(&l->dp->shard_key, d->name, d->name_len);
}

bool admit_rate_spend(struct lcore *l, struct device *d, enum rate_way way, uint32_t logs)
{
	/* At the end all is taken that TCP has acknowledged. */
	return l->draining || rates_spend(&l->dp->rates, rates_who(d->rate_who, way), d->rate, logs,
				      l->now_us * 1000);
}

enum admit admit_address(const struct lcore *l, const struct ip_addr *src)
{
	char name[IP_ADDR_TEXT];

	ip_addr_format(src, name);
	return verdict_of(l->policy, find(l->policy, name));
}

/* Somebody whom nobody knows: control is told, of each name now and then. */
static void tell_unknown(struct lcore *l, const struct ip_addr *src, uint16_t port,
	uint8_t transport, const char *name)
{
	uint64_t hash = siphash13(&l->dp->shard_key, name, strlen(name));
	struct told *t = &l->told[hash % TOLD_SLOTS];
	struct auth_event ev = {
		.kind = AUTH_EV_PENDING, .transport = transport, .addr = *src, .port = port};

	if (t->hash == hash && l->now_ns - t->when_ns < TELL_AGAIN_NS)
		return;
	*t = (struct told){hash, l->now_ns};
	snprintf(ev.serial, sizeof(ev.serial), "%s", name);
	tell_event(l, &ev);
}

static bool refuse_unknown(struct lcore *l, const struct ip_addr *src, uint16_t port,
	uint8_t transport, const char *name, uint32_t n)
{
	if (l->policy->unknown_source == DP_UNKNOWN_PENDING) {
		tell_unknown(l, src, port, transport, name);
		intake_drop(&l->in, DEVICE_OTHER, DROP_unauthorized, n);
	} else {
		intake_drop(&l->in, DEVICE_OTHER, DROP_unknown_source, n);
	}
	return false;
}

bool admit_clear(struct lcore *l, const struct ip_addr *src, uint16_t port, uint8_t transport,
	struct text devid, uint32_t n, uint32_t *device)
{
	bool by_name = devid.at && devid.len > 0;
	char name[AUTH_SERIAL];

	if (__builtin_expect(l->policy->unknown_source != DP_UNKNOWN_ACCEPT, 0) &&
		(by_name || device_known_by_addr(l->in.devices, src) == DEVICE_OTHER)) {
		if (by_name)
			snprintf(name, sizeof(name), "%.*s", (int)devid.len, devid.at);
		else
			ip_addr_format(src, name);
		if (verdict_of(l->policy, find(l->policy, name)) == ADMIT_UNKNOWN)
			return refuse_unknown(l, src, port, transport, name, n);
	}
	*device = by_name ? device_by_name(l->in.devices, devid.at, devid.len, l->now_ns)
			  : device_by_addr(l->in.devices, src, l->now_ns);
	switch (admit_device(l, *device)) {
	case ADMIT_YES:
		return true;
	case ADMIT_UNKNOWN:
		return refuse_unknown(
			l, src, port, transport, device_at(l->in.devices, *device)->name, n);
	case ADMIT_DENIED:
		break;
	}
	intake_drop(&l->in, *device, DROP_unauthorized, n);
	return false;
}
