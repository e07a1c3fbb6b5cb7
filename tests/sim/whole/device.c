/* A device: makes logs, and is a client of the OFTP profile. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/whole/sim.h"

#define ITEM_MOST 5u
#define HELLO	  64u /* tls.c: a record's head, then the serial */

static uint64_t random_epoch(void *ctx)
{
	return rng_next(ctx);
}

static struct client *new_client(struct gadget *v, struct rng *random, uint32_t window)
{
	struct client_config cfg = {
		.serial = v->serial,
		.conn_id = 1 + v->index % 2,
		.bound = 2 * OFTP_ITEM_RAW_MAX,
		.window = window,
		.conn_timeout_us = 5000000,
		.keepalive_us = 2000000,
		.retry_us = v->w->retry_us,
		.random = random_epoch,
		.ctx = random,
	};
	struct client *c = client_new(&cfg);

	if (!c)
		abort();
	return c;
}

static void connected(void *user);
static void bytes(void *user, const uint8_t *data, uint32_t n);
static void lost(void *user)
{
	device_lost(user);
}
static const struct peer_user calls = {connected, bytes, lost};

void device_init(struct world *w, unsigned index)
{
	struct gadget *v = calloc(1, sizeof(*v));
	uint32_t window = rng_one_in(&w->rng, 2) ? 8 : 1024;

	if (!v)
		abort();
	w->devices[index] = v;
	v->w = w;
	v->index = index;
	/* Two of them are one device with two connections. */
	snprintf(v->serial, sizeof(v->serial), "FGTSIM%u", index / 2);
	v->random.s = v->twin_random.s = rng_next(&w->rng);
	v->c = new_client(v, &v->random, window);
	if (w->restores)
		v->twin = new_client(v, &v->twin_random, window);
	v->peer = (struct peer){.w = w, .host = index, .calls = &calls, .user = v};
}

void device_fini(struct gadget *v)
{
	client_free(v->c);
	client_free(v->twin);
	free(v);
}

/* The twin, while it is still to be as the other one is. */
static struct client *follower(const struct gadget *v)
{
	return v->frozen ? NULL : v->twin;
}

void device_text(const struct gadget *v, uint32_t n, uint8_t *to, uint32_t len)
{
	char head[16];

	snprintf(head, sizeof(head), "D%uN%05u ", v->index, n);
	for (uint32_t i = 0; i < len; i++)
		to[i] = i < 8 ? (uint8_t)head[i] : (uint8_t)('a' + (n * 7 + i) % 26);
}

void device_make_item(struct gadget *v)
{
	static uint8_t logs[OFTP_ITEM_RAW_MAX];
	uint32_t lengths[ITEM_MOST], len = 0, n = 1 + rng_below(&v->w->rng, ITEM_MOST);
	/* Where the bound is to be felt, logs are long. */
	uint32_t most = v->w->drops ? 12000 : 300;
	struct client_item item = {.logs = logs, .lengths = lengths, .count = (uint16_t)n};

	if (v->n_made + n > SIM_LOGS)
		return;
	v->made[v->n_made].count = (uint16_t)n;
	for (uint32_t i = 0; i < n; i++) {
		lengths[i] = 8 + rng_below(&v->w->rng, most);
		device_text(v, v->n_made, logs + len, lengths[i]);
		v->made[v->n_made].len = (uint16_t)lengths[i];
		v->ids[v->n_ids++] = v->n_made++;
		len += lengths[i];
	}
	if (rng_one_in(&v->w->rng, 3))
		item.vdom = (struct text){"root", 4};
	client_add(v->c, &item);
	if (follower(v))
		client_add(v->twin, &item);
	v->w->met.logs += n;
}

/* Puts what the client has to say into the connection. */
static void speak(struct gadget *v)
{
	for (;;) {
		size_t n, m = 0;
		const uint8_t *out = client_output(v->c, &n, v->w->mono_us);
		const uint8_t *same =
			follower(v) ? client_output(v->twin, &m, v->w->mono_us) : NULL;
		uint32_t took;

		if (same && (n != m || memcmp(out, same, n) != 0))
			sim_fail("two clients fed alike differ", n, m);
		took = peer_write(&v->peer, out, (uint32_t)n);
		client_sent(v->c, took);
		if (same)
			client_sent(v->twin, took);
		if (took == 0)
			return;
	}
}

static void hang_up(struct gadget *v)
{
	peer_drop(&v->peer, !rng_one_in(&v->w->rng, 3));
}

void device_tick(struct gadget *v)
{
	struct world *w = v->w;
	enum client_wish wish = client_tick(v->c, w->mono_us);

	if (follower(v) && client_tick(v->twin, w->mono_us) != wish)
		sim_fail("two clients fed alike wish differently", v->index, wish);
	switch (wish) {
	case CLIENT_CONNECT:
		/* Most kernels take another port each time; some devices take the same. */
		if (v->peer.port == 0 || !rng_one_in(&w->rng, 6))
			v->peer.port = ++w->next_port;
		peer_open(&v->peer, v->peer.port);
		break;
	case CLIENT_DISCONNECT:
		hang_up(v);
		break;
	case CLIENT_NOTHING:
		break;
	}
	peer_tick(&v->peer);
	if (v->peer.state == PEER_OPEN)
		speak(v);
}

static void connected(void *user)
{
	struct gadget *v = user;
	uint8_t hello[HELLO] = {0x16, 3, 1, 0, HELLO - 5, 1};

	memcpy(hello + 6, v->serial, strlen(v->serial));
	peer_write(&v->peer, hello, sizeof(hello));
	client_connected(v->c, v->w->mono_us);
	if (follower(v))
		client_connected(v->twin, v->w->mono_us);
	speak(v);
}

static void bytes(void *user, const uint8_t *data, uint32_t n)
{
	struct gadget *v = user;
	enum client_wish wish = client_received(v->c, data, n, v->w->mono_us);

	if (follower(v) && client_received(v->twin, data, n, v->w->mono_us) != wish)
		sim_fail("two clients told alike wish differently", v->index, wish);
	if (wish == CLIENT_DISCONNECT)
		hang_up(v);
}

void device_lost(struct gadget *v)
{
	client_lost(v->c, v->w->mono_us);
	if (follower(v))
		client_lost(v->twin, v->w->mono_us);
}

void device_freeze(struct gadget *v)
{
	if (!v->twin || v->frozen)
		return;
	v->frozen = true;
	v->twin_ids = v->n_ids;
}

void device_restore(struct gadget *v)
{
	struct client_stats st;

	if (!v->frozen || !v->twin)
		return;
	peer_drop(&v->peer, false);
	client_stats(v->c, &st);
	v->counted += st.dropped;
	client_stats(v->twin, &st);
	v->counted -= st.dropped;
	client_free(v->c);
	v->c = v->twin;
	v->twin_random.s = rng_next(&v->w->rng); /* chance is not restored */
	v->twin = NULL;
	v->n_ids = v->twin_ids;
	v->restored = true;
	client_lost(v->c, v->w->mono_us);
	v->w->met.restored_clients++;
}

bool device_at_rest(const struct gadget *v)
{
	struct client_stats st;

	client_stats(v->c, &st);
	return st.state == CLIENT_OPEN && st.memory.items + st.confirm.items == 0;
}
