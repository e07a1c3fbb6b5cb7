/*
 * sim-tcp-goodput [--seeds N] [NAME]
 *
 * How fast we send over a bad way, in virtual time, from when the connection is there, beside a
 * sender that knows what has arrived (ideal.c): the same ways as bench/tcp_peer, whose other side
 * is the kernel. What befalls the n-th packet of a direction is the same for both. Fails where all
 * seeds together take longer than the least share of the ideal allows, or the least speed: that was
 * set a twentieth below what we had, so that no change slows us down unseen, and none of the ideal
 * hides it.
 */
#include <string.h>

#include "receiver.h"
#include "sim.h"

static const struct way {
	const char *name;
	uint32_t kib;
	uint32_t share;	     /* least, of the ideal, in percent */
	uint32_t speed;	     /* least, in KB/s */
	struct impairment m; /* each way */
} ways[] = {
	{"10ms-loss-0.1", 6144, 80, 12120, {.delay_us = 5000, .loss = 1}},
	{"10ms-loss-1", 2048, 80, 1830, {.delay_us = 5000, .loss = 10}},
	{"10ms-loss-5", 1024, 75, 527, {.delay_us = 5000, .loss = 50}},
	{"100ms-loss-0.1", 8192, 75, 1076, {.delay_us = 50000, .loss = 1}},
	{"100ms-loss-1", 2048, 80, 183, {.delay_us = 50000, .loss = 10}},
	{"100ms-loss-5", 512, 80, 65, {.delay_us = 50000, .loss = 50}},
	{"10ms-reorder-5", 4096, 80, 44580, {.delay_us = 5000, .reorder = 50, .reorder_us = 2000}},
	{"10ms-dup-5", 4096, 80, 46870, {.delay_us = 5000, .dup = 50}},
	{"10ms-all", 1024, 75, 3077,
		{.delay_us = 5000, .loss = 10, .dup = 20, .reorder = 50, .reorder_us = 4000}},
};

void sim_fail(struct world *w, const char *file, int line, const char *what)
{
	printf("FAILED: seed %llu: %s:%d: %s\n", (unsigned long long)w->seed, file, line, what);
	fflush(stdout);
}

static void config(struct tcp_config *cfg)
{
	tcp_config_defaults(cfg);
	cfg->key = (struct siphash_key){1, 2};
	cfg->max_conns = 4;
	cfg->max_half_open = cfg->max_time_wait = 16;
	cfg->rcv_buf = 4U << 20;
	cfg->snd_buf = 4U << 20;
}

static void world_begin(
	struct world *w, const struct way *way, const struct tcp_config *cfg, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	w->cfg = cfg;
	w->seed = seed;
	w->rng.s = seed * 0x2545f4914f6cdd1dULL + 1;
	w->way[0].s = rng_next(&w->rng);
	w->way[1].s = rng_next(&w->rng);
	w->start = w->now = 1000000;
	w->up = w->down = way->m;
	w->up.mtu = w->down.mtu = 1500;
	w->mtu_at = NEVER;
}

static void deliver(struct world *w)
{
	struct packet *p;

	while ((p = link_take(w)) != NULL) {
		if (p->to_server)
			server_input(w->server, p);
		else
			client_input(w->clients[0], p->bytes, p->len);
		link_done(w, p);
	}
}

static uint64_t ours_took_us(const struct way *way, uint64_t seed, struct tcp_counters *n)
{
	struct tcp_config cfg;
	struct client *c;
	struct world w;
	uint64_t took, began = 0;

	config(&cfg);
	world_begin(&w, way, &cfg, seed);
	w.clients = &c;
	w.client_count = 1;
	c = client_new(&w, 0);
	receiver_wants(c, way->kib << 10);
	w.server = server_new(&w);
	while (!client_done(c)) {
		uint64_t next = link_next(&w);

		next = client_next(c) < next ? client_next(c) : next;
		next = server_next(w.server) < next ? server_next(w.server) : next;
		CHECK(&w, next != NEVER);
		w.now = next > w.now ? next : w.now;
		deliver(&w);
		client_run(c);
		if (began == 0 && server_counters(w.server)->accepted > 0)
			began = w.now;
		server_run(w.server);
		server_flush(w.server);
	}
	took = receiver_finished(c) - began;
	*n = *server_counters(w.server);
	server_free(w.server);
	client_free(c);
	link_free(&w);
	return took;
}

static uint64_t best_us(const struct way *way, uint64_t seed)
{
	struct tcp_config cfg;
	struct world w;
	uint64_t took;

	config(&cfg);
	world_begin(&w, way, &cfg, seed);
	took = ideal_took_us(&w, way->kib << 10);
	link_free(&w);
	return took;
}

/* Bytes and times are added up, so that no lucky seed outweighs the others. */
static bool measure(const struct way *way, unsigned seeds)
{
	uint64_t rtos = 0, fast = 0, again = 0, ours = 0, best = 0;
	double bytes = (double)(way->kib << 10) * seeds;
	unsigned percent;
	bool well;

	if (seeds == 0)
		return false;
	for (unsigned i = 1; i <= seeds; i++) {
		struct tcp_counters n;

		ours += ours_took_us(way, i, &n);
		best += best_us(way, i);
		rtos += n.rto_fired;
		fast += n.fast_retransmits;
		again += n.retransmits;
	}
	percent = (unsigned)(100 * best / ours);
	printf("%-16s ours %7.3f MB/s, ideal %7.3f, %3u %%; "
	       "recoveries %llu, timeouts %llu, sent again %llu\n",
		way->name, bytes / (double)ours, bytes / (double)best, percent,
		(unsigned long long)fast, (unsigned long long)rtos, (unsigned long long)again);
	well = percent >= way->share && 1000 * bytes / (double)ours >= way->speed;
	if (!well)
		printf("FAILED: %s is to have %u KB/s and %u %%\n", way->name, way->speed,
			way->share);
	return well;
}

int main(int argc, char **argv)
{
	unsigned seeds = 40, failed = 0;
	const char *only = NULL;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc)
			seeds = (unsigned)strtoul(argv[++i], NULL, 10);
		else
			only = argv[i];
	}
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!only || strcmp(only, ways[i].name) == 0)
			failed += !measure(&ways[i], seeds);
	if (failed)
		printf("FAILED: %u ways below their least\n", failed);
	return failed ? 1 : 0;
}
