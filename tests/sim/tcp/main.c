/*
 * sim-tcp [--seeds COUNT] [--first SEED] [--seed SEED] [--kept FILE] [--verbose] [--trace PORT]
 *
 * Runs worlds from consecutive seeds, or the one of --seed, or those that FILE lists: a number a
 * line, then the counters that this world must move, else it has become another one; # begins a
 * comment. A failure prints its seed; the same seed always fails in the same way.
 */
#include <stddef.h>
#include <string.h>

#include "sim.h"

#define MAX_VIRTUAL_US (2ULL * 3600 * 1000000)

static void describe(const struct world *w)
{
	printf("  %.6f s after the start, %llu steps, delivered %llu, lost %llu\n",
		(double)(w->now - w->start) / 1e6, (unsigned long long)w->steps,
		(unsigned long long)w->delivered, (unsigned long long)w->lost);
	printf("  up: loss %u dup %u damage %u split %u reorder %u/%u us delay %u+%u us\n",
		w->up.loss, w->up.dup, w->up.damage, w->up.split, w->up.reorder, w->up.reorder_us,
		w->up.delay_us, w->up.jitter_us);
	printf("  down: loss %u dup %u damage %u split %u reorder %u/%u us delay %u+%u us mtu %u\n",
		w->down.loss, w->down.dup, w->down.damage, w->down.split, w->down.reorder,
		w->down.reorder_us, w->down.delay_us, w->down.jitter_us, w->down.mtu);
	printf("  last packet was of client %u\n", w->focus);
	for (uint32_t i = 0; i < w->client_count; i++)
		if (w->client_count < 20 || i == w->focus)
			client_describe(w->clients[i]);
	server_describe(w->server);
}

void sim_fail(struct world *w, const char *file, int line, const char *what)
{
	printf("FAILED: seed %llu: %s:%d: %s\n", (unsigned long long)w->seed, file, line, what);
	if (w->server)
		describe(w);
	fflush(stdout);
}

static void draw_impairment(struct rng *r, struct impairment *m)
{
	memset(m, 0, sizeof(*m));
	m->delay_us = rng_range(r, 10, rng_chance(r, 500) ? 1000 : 80000);
	m->mtu = 1500;
	if (rng_chance(r, 150))
		return; /* a good day */
	m->loss = rng_chance(r, 600) ? rng_below(r, rng_chance(r, 300) ? 150 : 30) : 0;
	m->dup = rng_chance(r, 400) ? rng_below(r, 100) : 0;
	m->damage = rng_chance(r, 400) ? rng_below(r, 30) : 0;
	m->split = rng_chance(r, 400) ? rng_below(r, 200) : 0;
	m->reorder = rng_chance(r, 400) ? rng_below(r, 200) : 0;
	m->reorder_us = rng_below(r, rng_chance(r, 100) ? 1500000 : 100000);
	m->jitter_us = rng_chance(r, 500) ? rng_below(r, 20000) : 0;
}

static void world_init(struct world *w, uint64_t seed)
{
	struct rng other;

	memset(w, 0, sizeof(*w));
	w->seed = seed;
	w->rng.s = seed * 0x2545f4914f6cdd1dULL + 1;
	/* Anywhere in the range of the clock of initial sequence numbers, which takes 4.8 hours. */
	w->start = w->now = rng_next(&w->rng) >> 30;
	draw_impairment(&w->rng, &w->up);
	draw_impairment(&w->rng, &w->down);
	w->mtu_at = NEVER;
	if (rng_chance(&w->rng, 150)) {
		w->mtu_at = w->now + rng_below(&w->rng, 3000000);
		w->mtu_to = rng_range(&w->rng, 1280, 1499); /* no less for IPv6 */
		w->mtu_told = rng_chance(&w->rng, 700);
	}
	w->flood_next = NEVER;
	if (rng_chance(&w->rng, 150)) {
		w->flood_us = rng_range(&w->rng, 500, 20000);
		w->flood_left = 300;
		w->flood_next = w->now;
	}
	/* Dice of its own: what older seeds mean is not to change. */
	other.s = seed;
	w->restart_at = rng_chance(&other, 100) ? w->now + rng_below(&other, 2000000) : NEVER;
	w->client_count = rng_chance(&w->rng, 20) ? 200 : rng_range(&w->rng, 1, 6);
	w->clients = calloc(w->client_count, sizeof(struct client *));
	CHECK(w, w->clients);
	for (uint32_t i = 0; i < w->client_count; i++)
		w->clients[i] = client_new(w, i);
	w->server = server_new(w);
}

/* A SYN, ACK or RST of nobody. */
static void flood(struct world *w)
{
	static const uint8_t flags[4] = {TCP_SYN, TCP_SYN, TCP_ACK, TCP_RST};
	struct packet p = {.to_server = true, .len = 20};

	p.port = (uint16_t)(HEADER_FLOOD + rng_below(&w->rng, 20000));
	p.bytes[0] = (uint8_t)(p.port >> 8);
	p.bytes[1] = (uint8_t)p.port;
	p.bytes[2] = 514 >> 8;
	p.bytes[3] = 514 & 0xff;
	for (unsigned i = 4; i < 12; i++)
		p.bytes[i] = (uint8_t)rng_next(&w->rng);
	p.bytes[12] = 5 << 4;
	p.bytes[13] = flags[rng_below(&w->rng, 4)];
	/* Some of it with a client's address, guessing at its numbers. */
	if (p.bytes[13] != TCP_SYN && rng_chance(&w->rng, 500))
		p.port = (uint16_t)(10000 + rng_below(&w->rng, w->client_count));
	link_trace(w, "fake", &p);
	server_input(w->server, &p);
	w->flood_next = --w->flood_left ? w->now + w->flood_us : NEVER;
}

static void restart(struct world *w)
{
	w->restart_at = NEVER;
	server_restart(w->server);
	for (uint32_t i = 0; i < w->client_count; i++)
		client_forgotten(w->clients[i]);
}

static void deliver(struct world *w)
{
	struct packet *p;

	while ((p = link_take(w)) != NULL) {
		if (p->port < HEADER_FLOOD)
			w->focus = p->port - 10000U;
		if (p->to_server) {
			server_input(w->server, p);
			/* Rounds are of any length. */
			if (rng_chance(&w->rng, 300))
				server_flush(w->server);
		} else {
			client_input(w->clients[p->port - 10000], p->bytes, p->len);
		}
		link_done(w, p);
	}
}

static bool all_done(const struct world *w)
{
	for (uint32_t i = 0; i < w->client_count; i++)
		if (!client_done(w->clients[i]))
			return false;
	return w->flood_next == NEVER && w->restart_at == NEVER && link_next(w) == NEVER &&
	       server_idle(w->server);
}

static uint64_t next_instant(const struct world *w)
{
	uint64_t next = link_next(w);
	uint64_t t = server_next(w->server);

	next = t < next ? t : next;
	next = w->flood_next < next ? w->flood_next : next;
	next = w->restart_at < next ? w->restart_at : next;
	for (uint32_t i = 0; i < w->client_count; i++) {
		t = client_next(w->clients[i]);
		next = t < next ? t : next;
	}
	return next;
}

static void world_run(struct world *w)
{
	while (!all_done(w)) {
		uint64_t next = next_instant(w);

		if (next == NEVER) {
			/* Or somebody waits for what never comes: a timer forgotten. */
			CHECK(w, server_idle(w->server));
			for (uint32_t i = 0; i < w->client_count; i++)
				client_quiet(w->clients[i]);
			continue;
		}
		if (next > w->now)
			w->now = next;
		CHECK(w, w->now - w->start < MAX_VIRTUAL_US);
		CHECK(w, ++w->steps < 20000000);
		if (w->restart_at <= w->now)
			restart(w);
		deliver(w);
		if (w->flood_next <= w->now)
			flood(w);
		for (uint32_t i = 0; i < w->client_count; i++)
			client_run(w->clients[i]);
		server_run(w->server);
		server_flush(w->server);
		for (uint32_t i = 0; i < w->client_count; i++)
			client_after(w->clients[i]);
	}
	server_check_end(w->server);
}

static void world_free(struct world *w)
{
	server_free(w->server);
	for (uint32_t i = 0; i < w->client_count; i++)
		client_free(w->clients[i]);
	free(w->clients);
	link_free(w);
}

/* What a long run must have met, or it shows less than it says. */
static const struct {
	const char *name;
	size_t at;
} must_happen[] = {
#define MUST(field)                                                                                \
	{                                                                                          \
#field, offsetof(struct tcp_counters, field)                                       \
	}
	MUST(retransmits),
	MUST(fast_retransmits),
	MUST(rto_fired),
	MUST(ooo_queued),
	MUST(ooo_dropped),
	MUST(ooo_pruned),
	MUST(dup_segments),
	MUST(out_of_window),
	MUST(bad_ack),
	MUST(syn_cookies_sent),
	MUST(syn_cookies_ok),
	MUST(syn_cookies_bad),
	MUST(syn_cookies_spent),
	MUST(syn_dropped),
	MUST(connected),
	MUST(reset_in),
	MUST(reset_out),
	MUST(challenge_acks),
	MUST(pressure_drops),
	MUST(coalesced),
	MUST(zero_windows),
	MUST(probes),
	MUST(rack_lost),
	MUST(tlp_probes),
	MUST(tlp_repairs),
	MUST(paws_rejected),
	MUST(time_wait_reused),
	MUST(delayed_acks),
	MUST(snd_pool_limited),
	MUST(pmtu_reduced),
	MUST(pmtu_doubted),
#undef MUST
};

#define KINDS	 (sizeof(must_happen) / sizeof(must_happen[0]))
#define LONG_RUN 2000

static void add_up(uint64_t sum[KINDS], const struct tcp_counters *n)
{
	for (size_t i = 0; i < KINDS; i++)
		sum[i] += *(const uint64_t *)(const void *)((const char *)n + must_happen[i].at);
}

static int report(const uint64_t sum[KINDS], uint64_t lies, uint64_t count)
{
	int rc = lies == 0 && count >= LONG_RUN;

	for (size_t i = 0; i < KINDS; i++) {
		printf("%s%s %llu", i ? ", " : "met: ", must_happen[i].name,
			(unsigned long long)sum[i]);
		if (sum[i] == 0 && count >= LONG_RUN)
			rc = 1;
	}
	printf(", lies %llu\n%s", (unsigned long long)lies,
		rc ? "FAILED: one of these never happened\n" : "");
	return rc;
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t v = strtoull(text, &end, 10);

	if (*text == '\0' || *end != '\0') {
		fprintf(stderr, "sim-tcp: not a number: %s\n", text);
		exit(2);
	}
	return v;
}

struct run {
	uint64_t met[KINDS], lies;
	uint16_t trace;
	bool verbose;
};

static void run_seed(struct run *r, uint64_t seed)
{
	struct world w;

	world_init(&w, seed);
	w.trace = r->trace;
	world_run(&w);
	if (r->verbose) {
		printf("seed %llu\n", (unsigned long long)seed);
		describe(&w);
	}
	add_up(r->met, server_counters(w.server));
	r->lies += w.lies;
	world_free(&w);
}

static size_t kind_of(const char *name)
{
	size_t i = 0;

	while (i < KINDS && strcmp(must_happen[i].name, name) != 0)
		i++;
	return i;
}

/* Does the world of this seed still do what it is kept for? Each word is a counter. */
static bool as_kept(const struct run *as, uint64_t seed, char *names)
{
	struct run alone = {.trace = as->trace, .verbose = as->verbose};
	bool kept = true;
	char *rest = NULL;

	run_seed(&alone, seed);
	for (char *name = strtok_r(names, " \t", &rest); name;
		name = strtok_r(NULL, " \t", &rest)) {
		size_t kind = kind_of(name);

		if (kind < KINDS && alone.met[kind] > 0)
			continue;
		printf("FAILED: kept seed %llu %s %s\n", (unsigned long long)seed,
			kind < KINDS ? "moves no more" : "is to move what is no counter:", name);
		kept = false;
	}
	return kept;
}

static int run_kept(const struct run *r, const char *path)
{
	FILE *f = fopen(path, "r");
	unsigned count = 0;
	char line[200];
	int rc = 0;

	if (!f) {
		fprintf(stderr, "sim-tcp: cannot read %s\n", path);
		return 2;
	}
	while (fgets(line, sizeof(line), f)) {
		char *names = line + strcspn(line, " \t#\n");
		uint64_t seed;

		line[strcspn(line, "#\n")] = '\0';
		if (*line == '\0')
			continue;
		if (*names)
			*names++ = '\0';
		seed = number(line);
		if (!as_kept(r, seed, names))
			rc = 1;
		count++;
	}
	fclose(f);
	printf("%u kept seeds %s\n", count, rc ? "ran" : "passed");
	return count ? rc : 1;
}

int main(int argc, char **argv)
{
	uint64_t first = 1, count = 500;
	const char *kept = NULL;
	struct run r = {0};

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--verbose") == 0) {
			r.verbose = true;
		} else if (i + 1 < argc && strcmp(argv[i], "--kept") == 0) {
			kept = argv[++i];
		} else if (i + 1 < argc && strcmp(argv[i], "--seeds") == 0) {
			count = number(argv[++i]);
		} else if (i + 1 < argc && strcmp(argv[i], "--first") == 0) {
			first = number(argv[++i]);
		} else if (i + 1 < argc && strcmp(argv[i], "--trace") == 0) {
			r.trace = (uint16_t)number(argv[++i]);
		} else if (i + 1 < argc && strcmp(argv[i], "--seed") == 0) {
			first = number(argv[++i]);
			count = 1;
			r.verbose = true;
		} else {
			fprintf(stderr,
				"usage: sim-tcp [--seeds COUNT] [--first SEED] [--seed SEED] "
				"[--kept FILE] [--verbose] [--trace PORT]\n");
			return 2;
		}
	}
	if (kept)
		return run_kept(&r, kept);
	for (uint64_t seed = first; seed < first + count; seed++)
		run_seed(&r, seed);
	printf("%llu seeds passed (%llu..%llu)\n", (unsigned long long)count,
		(unsigned long long)first, (unsigned long long)(first + count - 1));
	return report(r.met, r.lies, count);
}
