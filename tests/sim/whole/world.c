/* A world: what befalls it, and what must be so in the end. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/whole/sim.h"

#define STEP_US	   4000u
#define CALM_STEPS 20000u
#define REST_STEPS 3000u
#define WALL_NS	   1763762000000000000ull

struct world *sim_world;

static bool one_in(struct world *w, uint32_t n)
{
	return rng_one_in(&w->rng, n);
}

static void draw(struct world *w)
{
	w->n_devices = 1 + rng_below(&w->rng, SIM_DEVICES);
	w->drops = one_in(w, 4);
	w->restores = one_in(w, 3);
	w->refuses = one_in(w, 2);
	w->faults = one_in(w, 2);
	w->loss = one_in(w, 2) ? 20 + rng_below(&w->rng, 200) : 0;
	w->retry_us = rng_one_in(&w->rng, 2) ? 30000 : 300000;
	w->delay_us = 100u << rng_below(&w->rng, 10);
	w->mono_us = 1000000000u;
	w->wall_ns = WALL_NS;
	w->next_port = 20000;
}

static void begin(struct world *w)
{
	draw(w);
	server_init(w);
	for (unsigned i = 0; i < w->n_devices; i++)
		device_init(w, i);
	for (unsigned i = 0; i < PLAIN_KINDS; i++)
		if (one_in(w, 2))
			plain_init(w, (enum plain_kind)i);
	if (!server_start(w))
		sim_fail("the first start fails", 0, 0);
}

/* ---- trouble ---- */

static void pass_time(struct world *w)
{
	uint64_t us = 1 + rng_below(&w->rng, STEP_US);

	w->mono_us += us;
	w->wall_ns += us * 1000;
}

/* Whether those who were connected have heard of the end; on a network that loses nothing all. */
static void check_goodbyes(struct world *w, const bool *known, const bool *answered)
{
	for (unsigned i = 0; i < w->n_devices; i++) {
		const struct gadget *v = w->devices[i];

		if (!known[i])
			continue;
		w->met.goodbyes++;
		if (v->peer.state == PEER_OPEN) {
			if (!w->loss)
				sim_fail("it goes without a word", i, 0);
			w->met.unheard++;
		} else if (answered[i]) {
			check_told(w, v);
		}
	}
}

/* SIGTERM. */
static void stop(struct world *w)
{
	bool known[SIM_DEVICES] = {false}, answered[SIM_DEVICES] = {false};
	/* One that holds may take what there is after all, when all have been sent away. */
	bool runs = journal_state(w->server.j) == JOURNAL_RUNNING;

	for (unsigned i = 0; i < w->n_devices; i++) {
		const struct gadget *v = w->devices[i];
		struct client_stats st;
		bool ending = false;

		client_stats(v->c, &st);
		known[i] = v->peer.state == PEER_OPEN && server_knows(w, &v->peer, &ending);
		/* Who has logged in: a login tells of what was stored before. Not one whose streams
		 * were claimed just now, by an older connection's login that came late: whoever
		 * has them is told. */
		answered[i] =
			known[i] && !ending && runs && st.state == CLIENT_OPEN && !w->restores;
	}
	server_stop(w);
	while (!server_stopped(w)) {
		pass_time(w);
		for (unsigned i = 0; i < w->n_devices; i++)
			device_tick(w->devices[i]);
		wire_run(w);
		server_run(w, true);
		for (unsigned i = 0; i < w->n_devices; i++)
			answered[i] &= journal_state(w->server.j) == JOURNAL_RUNNING;
		if (memfs_was_cut(w->server.fs)) {
			server_end(w, DEATH_POWER);
			return;
		}
	}
	server_end(w, DEATH_STOPPED);
	check_goodbyes(w, known, answered);
}

static void end_life(struct world *w)
{
	static const enum server_death how[] = {DEATH_KILLED, DEATH_POWER, DEATH_STOPPED};
	enum server_death h = how[rng_below(&w->rng, 5) % 3];

	if (h == DEATH_STOPPED) {
		memfs_repair(w->server.fs);
		stop(w);
	} else {
		server_end(w, h);
	}
	w->met.deaths++;
	if (one_in(w, 3))
		wire_empty(w);
}

static void cut_power_within(struct world *w)
{
	memfs_cut(w->server.fs, memfs_calls(w->server.fs) + 1 + rng_below(&w->rng, 30));
}

static void fail_disk(struct world *w)
{
	static const enum memfs_fault faults[] = {
		MEMFS_EIO, MEMFS_ENOSPC, MEMFS_SHORT, MEMFS_SLOW, MEMFS_EIO_ON, MEMFS_ENOSPC_ON};

	w->met.faults++;
	memfs_fail(w->server.fs, memfs_calls(w->server.fs) + 1 + rng_below(&w->rng, 20),
		faults[rng_below(&w->rng, 6)]);
}

static void step_clock(struct world *w)
{
	uint64_t by = rng_below(&w->rng, 3 * 86400) * 1000000000ull;

	w->met.clock_steps++;
	w->wall_ns = one_in(w, 2) && w->wall_ns > by ? w->wall_ns - by : w->wall_ns + by;
}

static void take_snapshot(struct world *w)
{
	if (w->server.snapshot)
		return;
	w->server.snapshot = memfs_crash(w->server.fs, rng_next(&w->rng));
}

static void restore_server(struct world *w)
{
	if (!w->server.snapshot)
		return;
	server_end(w, DEATH_KILLED);
	wire_empty(w);
	check_roll_back(w);
	server_restore(w);
}

static void server_trouble(struct world *w)
{
	if (one_in(w, 300))
		end_life(w);
	else if (one_in(w, 300))
		cut_power_within(w);
	else if (w->faults && one_in(w, 200))
		fail_disk(w);
	else if (w->faults && one_in(w, 100))
		memfs_repair(w->server.fs);
	else if (w->restores && one_in(w, 200))
		take_snapshot(w);
	else if (w->restores && one_in(w, 400))
		restore_server(w);
	if (w->server.j && journal_state(w->server.j) == JOURNAL_FAILED && one_in(w, 50))
		server_resume(w);
}

static void device_trouble(struct world *w, struct gadget *v)
{
	if (one_in(w, 400)) {
		w->met.cuts++;
		peer_drop(&v->peer, one_in(w, 2));
		device_lost(v);
	} else if (w->restores && one_in(w, 400)) {
		device_freeze(v);
	} else if (w->restores && one_in(w, 800)) {
		device_restore(v);
	}
}

static void run_plain(struct world *w, struct plain *p)
{
	if (!w->calm && one_in(w, 8))
		plain_make_log(p);
	if (!w->calm && one_in(w, 400)) {
		w->met.cuts++;
		plain_cut(p);
	}
	plain_tick(p);
}

/* ---- a step ---- */

static void run_server(struct world *w)
{
	if (!w->server.d) {
		if (!w->calm && !one_in(w, 40))
			return;
		if (!server_start(w)) {
			memfs_repair(w->server.fs);
			return;
		}
		/* The power may have gone while it came to be: then it has seen a disk that is not.
		 */
		if (!memfs_was_cut(w->server.fs))
			check_disk(w, true);
	}
	server_run(w, w->calm);
	if (memfs_was_cut(w->server.fs)) {
		server_end(w, DEATH_POWER);
		w->met.deaths++;
	}
}

static void step(struct world *w)
{
	pass_time(w);
	for (unsigned i = 0; i < w->n_devices; i++) {
		struct gadget *v = w->devices[i];

		if (!w->calm && one_in(w, w->drops ? 3 : 12))
			device_make_item(v);
		if (!w->calm)
			device_trouble(w, v);
		device_tick(v);
	}
	for (unsigned i = 0; i < PLAIN_KINDS; i++)
		if (w->plain[i])
			run_plain(w, w->plain[i]);
	wire_run(w);
	run_server(w);
	if (w->calm)
		return;
	if (w->server.d)
		server_trouble(w);
	if (one_in(w, 500))
		step_clock(w);
}

static bool at_rest(const struct world *w)
{
	if (!w->server.d || !server_at_rest(w))
		return false;
	for (unsigned i = 0; i < w->n_devices; i++)
		if (!device_at_rest(w->devices[i]))
			return false;
	for (unsigned i = 0; i < PLAIN_KINDS; i++)
		if (w->plain[i] && !plain_at_rest(w->plain[i]))
			return false;
	return !w->packets;
}

static void become_calm(struct world *w)
{
	w->calm = true;
	memfs_repair(w->server.fs);
	memfs_cut(w->server.fs, 0);
	if (w->server.j && journal_state(w->server.j) == JOURNAL_FAILED)
		server_resume(w);
}

static void say_restless(const struct world *w)
{
	for (unsigned i = 0; i < w->n_devices; i++) {
		struct client_stats st;

		client_stats(w->devices[i]->c, &st);
		printf("device %u: state %d, %" PRIu64 " and %" PRIu64 " items, %" PRIu64
		       " confirmed, %" PRIu64 " epochs, '%s'\n",
			i, st.state, st.memory.items, st.confirm.items, st.confirmed, st.epochs,
			st.reason);
	}
	for (unsigned i = 0; i < PLAIN_KINDS; i++)
		if (w->plain[i])
			printf("plain %u: state %d, %u of %u logs, %u bytes\n", i,
				w->plain[i]->peer.state, w->plain[i]->acked, w->plain[i]->n_made,
				w->plain[i]->peer.out_len);
}

static void come_to_rest(struct world *w)
{
	unsigned steps = 0;

	become_calm(w);
	while (!at_rest(w)) {
		if (steps++ == CALM_STEPS) {
			say_restless(w);
			sim_fail("it does not come to rest",
				w->server.j ? (uint64_t)journal_state(w->server.j) : UINT64_MAX, 0);
		}
		step(w);
	}
}

/*
 * The devices go, and everything of theirs with them: at once, after a session's silence, or, where
 * nothing was ever said, by TCP's keepalive after two hours.
 */
static void leave(struct world *w)
{
	for (unsigned i = 0; i < w->n_devices; i++)
		peer_drop(&w->devices[i]->peer, true);
	for (unsigned i = 0; i < PLAIN_KINDS; i++)
		if (w->plain[i])
			peer_drop(&w->plain[i]->peer, true);
	w->refuses = true; /* whose host is alive says so to connections that it does not know */
	for (unsigned steps = 0; server_sessions(w) > 0; steps++) {
		uint64_t us = steps < REST_STEPS / 2 ? 20000 : 10000000;

		if (steps == REST_STEPS)
			sim_fail("sessions are left", server_sessions(w), 0);
		w->mono_us += us;
		w->wall_ns += us * 1000;
		wire_run(w);
		server_run(w, true);
	}
}

void world_live(struct world *w, uint64_t seed)
{
	unsigned steps;

	w->seed = seed;
	w->rng.s = seed;
	sim_world = w;
	begin(w);
	for (steps = 400 + rng_below(&w->rng, 1600); steps > 0; steps--)
		step(w);
	come_to_rest(w);
	check_disk(w, false);
	check_plain(w);
	leave(w);
	stop(w);
	check_disk(w, false);
}

void world_free(struct world *w)
{
	struct client_stats st;

	for (unsigned i = 0; i < w->n_devices; i++) {
		client_stats(w->devices[i]->c, &st);
		w->met.dropped += st.dropped;
		device_fini(w->devices[i]);
	}
	for (unsigned i = 0; i < PLAIN_KINDS; i++)
		free(w->plain[i]);
	server_fini(w);
	wire_empty(w);
}
