/* Whose log it is, and where a stream stands. */
#include <stdlib.h>
#include <string.h>

#include "bench/load/rng.h"
#include "bench/micro/micro.h"
#include "dataplane/base/bytes.h"
#include "dataplane/ledger/account.h"
#include "dataplane/ledger/stream.h"

#define LOOKUPS 64u

/* ---- the device of a source address, among `arg` ---- */

struct device_ctx {
	struct micro_ctx m;
	struct device_table *table;
	uint32_t devices;
	struct rng rng;
};

static struct ip_addr source(uint32_t n)
{
	uint8_t a[4];

	store_be32(a, 0x0a000000u + n);
	return ip_addr_v4(a);
}

static void device_free(struct micro_ctx *ctx)
{
	struct device_ctx *c = (struct device_ctx *)ctx;

	device_table_free(c->table);
	free(c);
}

static struct micro_ctx *device_setup(int64_t arg)
{
	const struct siphash_key key = {1, 2};
	struct device_ctx *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->table = device_table_new((uint32_t)arg, &key);
	if (!c->table) {
		free(c);
		return NULL;
	}
	c->devices = (uint32_t)arg;
	c->m.items = LOOKUPS;
	rng_seed(&c->rng, 1);
	for (uint32_t i = 0; i < c->devices; i++) {
		struct ip_addr a = source(i);

		device_by_addr(c->table, &a, 1);
	}
	return &c->m;
}

/* Finds it and counts a log, as intake does. */
static void device_once(struct micro_ctx *ctx)
{
	struct device_ctx *c = (struct device_ctx *)ctx;

	for (unsigned i = 0; i < LOOKUPS; i++) {
		struct ip_addr a = source(rng_below(&c->rng, c->devices));
		struct device *d = device_at(c->table, device_by_addr(c->table, &a, 2));

		d->received++;
		d->appended++;
		d->bytes += 500;
		d->last_seen_ns = 2;
	}
}

/* ---- a stream: items accepted in order, durable 64 at a time ---- */

struct stream_ctx {
	struct micro_ctx m;
	struct stream s;
	struct stream_range ranges[64];
	uint64_t seq;
};

static void stream_free(struct micro_ctx *ctx)
{
	free(ctx);
}

static struct micro_ctx *stream_setup(int64_t arg)
{
	struct stream_ctx *c = calloc(1, sizeof(*c));

	(void)arg;
	if (!c)
		return NULL;
	stream_init(&c->s, 7, 1, c->ranges, 64);
	if (!stream_open(&c->s))
		abort();
	c->m.items = 64;
	return &c->m;
}

static void stream_once(struct micro_ctx *ctx)
{
	struct stream_ctx *c = (struct stream_ctx *)ctx;
	struct stream_mark mark = {0};

	for (unsigned i = 0; i < 64; i++)
		if (stream_accept(&c->s, ++c->seq, 1000) != STREAM_NEW)
			abort();
	mark.seq = c->seq;
	mark.time_ns = 1000;
	if (stream_durable(&c->s, &mark) != c->seq)
		abort();
}

static const struct micro cases[] = {
	{"ledger/device", "devices", {1, 1000, 100000}, 3, device_setup, device_once, device_free,
		true},
	{"ledger/stream", NULL, {0}, 0, stream_setup, stream_once, stream_free, true},
};
const struct micro_list micro_ledger = {cases, sizeof(cases) / sizeof(cases[0])};
