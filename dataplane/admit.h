/*
 * May a device log, and how fast? What the policy says of it is looked up once a policy and kept
 * with its account, so that a log costs a comparison, and one of a device that has a rate an atomic
 * operation (rates.h).
 */
#ifndef SLUICE_ADMIT_H
#define SLUICE_ADMIT_H

#include "dataplane/framing/fields.h"
#include "dataplane/lcore.h"

enum admit {
	ADMIT_YES,
	ADMIT_UNKNOWN, /* the registry has not authorized it, and unknown-source asks for that */
	ADMIT_DENIED,
};

void admit_refresh(const struct lcore *l, struct device *d);

/* For a device in the clear: what the registry and unknown-source say of its name. */
static inline enum admit admit_device(struct lcore *l, uint32_t device)
{
	struct device *d = device_at(l->in.devices, device);

	if (__builtin_expect(d->policy != (uint32_t)l->policy->number, 0))
		admit_refresh(l, d);
	return (enum admit)d->verdict;
}

/* Takes these logs' worth of the device's rate, as it has it by this way, all or nothing; false: it
 * has used it up. What comes together may exceed it: it is paid for before anything else is taken.
 */
bool admit_rate_spend(struct lcore *l, struct device *d, enum rate_way way, uint32_t logs);
static inline bool admit_rate(struct lcore *l, uint32_t device, enum rate_way way, uint32_t logs)
{
	struct device *d = device_at(l->in.devices, device);

	if (__builtin_expect(d->policy != (uint32_t)l->policy->number, 0))
		admit_refresh(l, d);
	return __builtin_expect(d->rate == 0, 1) || admit_rate_spend(l, d, way, logs);
}

/*
 * The device of `n` logs that came in the clear from `src`, or of `devid` where that may be
 * believed. false: they are not to be kept, and were counted as dropped. An unknown one gets no
 * account of its own, since anybody can make names up.
 */
bool admit_clear(struct lcore *l, const struct ip_addr *src, uint16_t port, uint8_t transport,
	struct text devid, uint32_t n, uint32_t *device);

/* Is it authorized, by the name of its address? */
enum admit admit_address(const struct lcore *l, const struct ip_addr *src);

#endif
