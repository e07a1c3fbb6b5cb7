/*
 * Worlds: a client makes logs while links are cut, disks fail, power goes and the server is
 * restored. In the end, with nothing failing any more, every log is durable exactly once, in order,
 * or the client has counted it as dropped; and at all times what the client takes for confirmed is
 * durable.
 *
 *   sim-oftp [--first N] [--seeds N] [--mutant NAME]
 *
 * With a mutant the server is wrong in one way, and the run passes when a world finds it.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/oftp/sim.h"

#define STEP_US	   50000u
#define STEPS	   1500u
#define CALM_STEPS 4000u

struct world {
	struct sim_rng rng;
	uint64_t now;
	struct client *c;
	struct server v;
	bool up;
	struct pipe to_server, to_client;
	uint32_t made; /* logs */
	bool drops, restores;
	uint64_t trouble;
};

static jmp_buf failed;
static const char *what_failed;
static uint64_t failed_a, failed_b;

_Noreturn void sim_fail(const char *what, uint64_t a, uint64_t b)
{
	what_failed = what;
	failed_a = a;
	failed_b = b;
	longjmp(failed, 1);
}

uint64_t sim_random(struct sim_rng *r)
{
	r->s ^= r->s >> 12;
	r->s ^= r->s << 25;
	r->s ^= r->s >> 27;
	return r->s * 0x2545f4914f6cdd1dull;
}

static uint64_t client_random(void *ctx)
{
	return sim_random(ctx);
}

static bool one_in(struct world *w, uint32_t n)
{
	return sim_below(&w->rng, n) == 0;
}

static void cut(struct world *w)
{
	if (w->up)
		client_lost(w->c, w->now);
	w->up = false;
	w->to_server.len = w->to_client.len = 0;
	server_hang_up(&w->v);
}

static void make_item(struct world *w)
{
	static uint8_t logs[OFTP_ITEM_RAW_MAX];
	uint32_t lengths[5], len = 0, n = 1 + sim_below(&w->rng, 5);
	/* Where the bound is to be felt, logs are long. */
	uint32_t most = w->drops ? 40000 : 60;

	if (w->made + n > SIM_LOGS)
		return;
	for (uint32_t i = 0; i < n; i++) {
		lengths[i] = SIM_LOG_BYTES + sim_below(&w->rng, most);
		snprintf((char *)logs + len, SIM_LOG_BYTES + 1, "%08u", w->made + i);
		memset(logs + len + SIM_LOG_BYTES, 'x', lengths[i] - SIM_LOG_BYTES);
		len += lengths[i];
	}
	w->made += n;
	client_add(w->c,
		&(struct client_item){.logs = logs, .lengths = lengths, .count = (uint16_t)n});
}

/* Some of what one side has to say goes into the pipe, some of the pipe comes out. */
static void exchange(struct world *w)
{
	size_t n;
	const uint8_t *out = client_output(w->c, &n, w->now);
	uint32_t room = SIM_PIPE - w->to_server.len;

	if (n > room)
		n = room;
	if (n > 0 && !one_in(w, 3))
		n = 1 + sim_below(&w->rng, (uint32_t)n);
	memcpy(w->to_server.at + w->to_server.len, out, n);
	w->to_server.len += (uint32_t)n;
	client_sent(w->c, n);
	if (!server_run(&w->v, &w->to_server, &w->to_client, w->now)) {
		cut(w);
		return;
	}
	if (w->to_client.len > 0) {
		uint32_t k =
			one_in(w, 3) ? w->to_client.len : 1 + sim_below(&w->rng, w->to_client.len);

		if (client_received(w->c, w->to_client.at, k, w->now) == CLIENT_DISCONNECT) {
			w->up = false;
			cut(w);
			return;
		}
		memmove(w->to_client.at, w->to_client.at + k, w->to_client.len - k);
		w->to_client.len -= k;
	}
}

/* Whatever the client has let go of as confirmed is durable. */
static void check_confirmed(struct world *w)
{
	struct client_stats st;

	client_stats(w->c, &st);
	if (st.added != st.confirmed_logs + st.dropped + st.memory.logs + st.confirm.logs)
		sim_fail("the client's accounts do not add up", st.added, st.confirmed_logs);
	if (st.confirmed_logs > w->v.durable)
		sim_fail("confirmed is more than durable", st.confirmed_logs, w->v.durable);
}

static void trouble(struct world *w)
{
	if (one_in(w, 40)) {
		w->trouble++;
		cut(w);
	} else if (one_in(w, 60)) {
		w->trouble++;
		cut(w);
		server_power_cut(&w->v);
	} else if (one_in(w, 120)) {
		w->trouble++;
		cut(w);
		server_disk_error(&w->v);
	} else if (w->restores && one_in(w, 300) && w->v.n_journal > 4) {
		w->trouble++;
		cut(w);
		server_restore(&w->v, w->v.n_journal - 1 - sim_below(&w->rng, 4));
	}
}

static void step(struct world *w, bool calm)
{
	enum client_wish wish;

	w->now += 1 + sim_below(&w->rng, STEP_US);
	if (!calm && one_in(w, 2))
		make_item(w);
	wish = client_tick(w->c, w->now);
	if (wish == CLIENT_CONNECT && (calm || !one_in(w, 4))) {
		w->up = true;
		client_connected(w->c, w->now);
		server_connect(&w->v, w->now);
	} else if (wish == CLIENT_CONNECT) {
		client_lost(w->c, w->now);
	} else if (wish == CLIENT_DISCONNECT) {
		w->up = false;
		cut(w);
	}
	if (w->up)
		exchange(w);
	if (calm || one_in(w, 4))
		server_commit(&w->v, calm || one_in(w, 2));
	if (!calm)
		trouble(w);
	check_confirmed(w);
}

static void check_end(struct world *w)
{
	struct client_stats st;
	uint64_t missing = 0, last[SIM_EPOCHS] = {0};

	client_stats(w->c, &st);
	for (uint32_t i = 0; i < w->made; i++) {
		if (w->v.stored[i] > 1)
			sim_fail("a log is stored twice", i, w->v.stored[i]);
		missing += !w->v.stored[i] && !w->v.rolled_back[i];
	}
	if (missing > st.dropped || (!w->drops && missing))
		sim_fail("logs are missing", missing, st.dropped);
	if (!w->restores && w->v.told_dropped > st.dropped)
		sim_fail("more is told as dropped than was", w->v.told_dropped, st.dropped);
	if (w->drops || w->restores)
		return; /* late items may come in another order */
	for (uint32_t i = 0; i < w->v.n_journal; i++) {
		const struct sim_item *it = &w->v.journal[i];

		if (it->first + 1 <= last[it->epoch])
			sim_fail("a log is out of order", it->first, last[it->epoch]);
		last[it->epoch] = it->first + 1;
	}
}

static void live(struct world *w)
{
	struct client_stats st;

	for (unsigned i = 0; i < STEPS; i++)
		step(w, false);
	for (unsigned i = 0; i < CALM_STEPS; i++) {
		step(w, true);
		client_stats(w->c, &st);
		if (st.memory.items + st.confirm.items == 0 && w->v.n_pending == 0)
			break;
	}
	if (st.memory.items + st.confirm.items > 0)
		sim_fail("the client's queues do not empty", st.memory.items, st.confirm.items);
	check_end(w);
}

static struct world *make_world(uint64_t seed, enum sim_mutant mutant)
{
	struct world *w = calloc(1, sizeof(*w));
	struct client_config cfg = {
		.serial = "FGTSIM",
		.conn_id = 1,
		.bound = 2 * OFTP_ITEM_RAW_MAX,
		.conn_timeout_us = 1000000,
		.keepalive_us = 500000,
		.retry_us = 100000,
		.random = client_random,
	};

	if (!w)
		abort();
	w->rng.s = seed * 0x9e3779b97f4a7c15ull + 1;
	w->drops = one_in(w, 3);
	w->restores = mutant == MUTANT_NONE && one_in(w, 4);
	cfg.window = one_in(w, 2) ? 8 : 1024;
	cfg.ctx = &w->rng;
	server_init(&w->v, &w->rng, mutant);
	w->to_server.at = malloc(SIM_PIPE);
	w->to_client.at = malloc(SIM_PIPE);
	w->c = client_new(&cfg);
	if (!w->c || !w->to_server.at || !w->to_client.at)
		abort();
	return w;
}

static void end_world(struct world *w)
{
	client_free(w->c);
	server_fini(&w->v);
	free(w->to_server.at);
	free(w->to_client.at);
	free(w);
}

struct sums {
	uint64_t logs, trouble, duplicates, late, conflicts, dropped;
};

static bool run(uint64_t seed, enum sim_mutant mutant, struct sums *sums)
{
	struct world *volatile w = make_world(seed, mutant);
	volatile bool good = false;

	if (setjmp(failed) == 0) {
		struct client_stats st;

		live(w);
		good = true;
		client_stats(w->c, &st);
		sums->logs += w->made;
		sums->trouble += w->trouble;
		sums->duplicates += w->v.duplicates;
		sums->late += w->v.late;
		sums->conflicts += w->v.conflicts;
		sums->dropped += st.dropped;
	} else {
		printf("seed %llu: %s (%llu, %llu)\n", (unsigned long long)seed, what_failed,
			(unsigned long long)failed_a, (unsigned long long)failed_b);
	}
	end_world(w);
	return good;
}

int main(int argc, char **argv)
{
	static const char *const mutants[] = {"none", "ack-early", "split-item", "claim-soon"};
	uint64_t first = 1, seeds = 2000;
	enum sim_mutant mutant = MUTANT_NONE;
	struct sums sums = {0};

	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--first") == 0)
			first = strtoull(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--seeds") == 0)
			seeds = strtoull(argv[i + 1], NULL, 10);
		for (unsigned k = 0; k < 4 && strcmp(argv[i], "--mutant") == 0; k++)
			if (strcmp(argv[i + 1], mutants[k]) == 0)
				mutant = (enum sim_mutant)k;
	}
	for (uint64_t seed = first; seed < first + seeds; seed++) {
		bool good = run(seed, mutant, &sums);

		if (!good)
			return mutant == MUTANT_NONE;
	}
	printf("seeds %llu..%llu: %llu logs, %llu troubles, %llu duplicates, %llu late, %llu "
	       "conflicts, "
	       "%llu dropped\n",
		(unsigned long long)first, (unsigned long long)(first + seeds - 1),
		(unsigned long long)sums.logs, (unsigned long long)sums.trouble,
		(unsigned long long)sums.duplicates, (unsigned long long)sums.late,
		(unsigned long long)sums.conflicts, (unsigned long long)sums.dropped);
	return mutant != MUTANT_NONE; /* a mutant that nobody found */
}
