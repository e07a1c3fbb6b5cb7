/*
 * The OFTP profile as a device: the client object of sluice-send, one a flow, whose serial number
 * is that of the flow's certificate. A window of logs that wait to be confirmed; how long each
 * waited counts from when it was due, or, in the closed loop, from when it was handed over. A
 * session that ends is a flow that has failed: nothing is sent twice.
 */
#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/rand.h>

#include "bench/load/load.h"
#include "dataplane/client/client.h"

#define OPEN_S	    30u
#define KEEPALIVE_S 10u
#define LOG_TYPE    3u	 /* as in the vendor's own lists of items */
#define ITEM_SPARE  128u /* header, vdom and padding of an item in the client's memory */

_Static_assert(LOAD_BATCH_MAX *LINES_MAX <= OFTP_ITEM_RAW_MAX, "an item of ours fits");
_Static_assert(LOAD_BATCH_MAX <= OFTP_ITEM_LOGS_MAX, "");

struct oftp_flow {
	struct client *client;
	uint64_t sent, acked; /* logs */
	char serial[17];
	uint32_t lengths[LOAD_BATCH_MAX];
	uint8_t logs[LOAD_BATCH_MAX * LINES_MAX];
	uint64_t since[]; /* by log modulo window */
};

static uint64_t now_us(void)
{
	return load_now_ns() / 1000;
}

static uint64_t random_epoch(void *ctx)
{
	uint64_t v = 0;
	int rc = RAND_bytes((unsigned char *)&v, sizeof(v));

	(void)ctx;
	assert(rc == 1);
	return v;
}

/* So much that nothing is ever dropped: a window of the longest logs, each an item of its own. */
static uint32_t bound_of(uint32_t window)
{
	uint64_t most = 2ull * window * (LINES_MAX + ITEM_SPARE);

	most = most < 2 * OFTP_ITEM_RAW_MAX ? 2 * OFTP_ITEM_RAW_MAX : most;
	return most > UINT32_MAX ? UINT32_MAX : (uint32_t)most;
}

static uint32_t items_of(uint32_t window)
{
	uint32_t n = 4;

	while (n < window + 2)
		n *= 2;
	return n;
}

static void note_confirmed(struct load *l, struct oftp_flow *o)
{
	struct client_stats st;
	uint64_t now = load_now_ns();

	client_stats(o->client, &st);
	for (; o->acked < st.confirmed_logs; o->acked++, l->acked++) {
		uint64_t since = o->since[o->acked % l->o->window];

		histogram_add(&l->acks, now > since ? (now - since) / 1000 : 0, 1);
	}
}

/* All that the peer has said by now; false: it has ended it, or the session is to end. */
static bool take_in(struct load *l, struct load_flow *f)
{
	uint8_t in[16384];
	ssize_t n;

	while ((n = link_read(f, in, sizeof(in))) > 0)
		if (client_received(f->oftp->client, in, (size_t)n, now_us()) != CLIENT_NOTHING)
			return false;
	note_confirmed(l, f->oftp);
	return n == LINK_NOTHING && client_tick(f->oftp->client, now_us()) == CLIENT_NOTHING;
}

/* *more: the peer takes no more just now. */
static bool give_out(struct load_flow *f, bool *more)
{
	const uint8_t *out;
	size_t len;

	*more = false;
	while ((out = client_output(f->oftp->client, &len, now_us())) && len > 0) {
		ssize_t n = link_write(f, out, len);

		if (n == LINK_FAILED)
			return false;
		if (n == LINK_NOTHING) {
			*more = true;
			return true;
		}
		client_sent(f->oftp->client, (size_t)n);
	}
	return true;
}

/* One turn of the session, waiting for what is next; false: it has ended, or there is no time. */
static bool turn(struct load *l, struct load_flow *f, uint64_t end_ns)
{
	bool more;

	return give_out(f, &more) && link_wait(f, (short)(POLLIN | (more ? POLLOUT : 0)), end_ns) &&
	       take_in(l, f);
}

static int log_in(struct load *l, struct load_flow *f)
{
	uint64_t end = load_now_ns() + (uint64_t)OPEN_S * 1000000000u;
	struct client *c = f->oftp->client;
	enum client_wish wish = client_tick(c, now_us());
	struct client_stats st;
	bool going;

	assert(wish == CLIENT_CONNECT);
	client_aim(c, 0);
	client_connected(c, now_us());
	do {
		going = turn(l, f, end);
		client_stats(c, &st);
	} while (going && st.state == CLIENT_LOGIN);
	if (st.state == CLIENT_OPEN)
		return 0;
	fprintf(stderr, "sluice-load: flow %u: the login of %s was not accepted%s%s\n", f->index,
		f->oftp->serial, st.reason[0] ? ": " : "", st.reason);
	return -1;
}

static int oftp_open(struct load *l, struct load_flow *f)
{
	struct client_config cfg = {.conn_id = UINT16_MAX,
		.bound = bound_of(l->o->window),
		.window = items_of(l->o->window),
		.conn_timeout_us = OPEN_S * 1000000ull,
		.keepalive_us = KEEPALIVE_S * 1000000ull,
		.lz4 = l->o->lz4,
		.random = random_epoch};

	f->oftp = calloc(1, sizeof(*f->oftp) + l->o->window * sizeof(f->oftp->since[0]));
	if (!f->oftp)
		return -1;
	lines_serial(plan_first(&l->o->plan, f->index), f->oftp->serial);
	cfg.serial = f->oftp->serial;
	f->oftp->client = client_new(&cfg);
	if (!f->oftp->client || link_open(l, f) != 0)
		return -1;
	link_nodelay(f);
	return log_in(l, f);
}

/* An item of up to `n` logs, which becomes the client's; their number. */
static uint32_t hand_over(
	struct load *l, struct load_flow *f, uint32_t n, uint64_t at, uint64_t now)
{
	struct oftp_flow *o = f->oftp;
	struct client_item item = {.logs = o->logs, .lengths = o->lengths, .type = LOG_TYPE};
	uint32_t len = 0;

	n = n < l->o->item_logs ? n : l->o->item_logs;
	for (uint32_t i = 0; i < n; i++, f->next++, o->sent++) {
		o->lengths[i] = lines_write(l->lines, f->index, f->next, (char *)o->logs + len);
		len += o->lengths[i];
		o->since[o->sent % l->o->window] = l->o->rate > 0 ? load_due_ns(l, at + i) : now;
	}
	item.count = (uint16_t)n;
	client_add(o->client, &item);
	atomic_fetch_add_explicit(&l->bytes, len, memory_order_relaxed);
	return n;
}

static int oftp_send(struct load *l, struct load_flow *f, uint32_t n)
{
	struct oftp_flow *o = f->oftp;
	uint64_t now = load_now_ns(), bytes = atomic_load(&l->bytes);
	uint32_t sent = 0;
	bool more;

	if (!take_in(l, f) || !give_out(f, &more))
		return -1;
	if (!more) {
		uint64_t room = l->o->window - (o->sent - o->acked);

		n = n < room ? n : (uint32_t)room;
		/* As fast as it goes, an item waits until there is room for all of it. */
		if (l->o->rate <= 0 && room < l->o->item_logs && o->acked < o->sent)
			n = 0;
		else if (l->o->rate <= 0 && n > l->o->item_logs)
			n -= n % l->o->item_logs;
		while (sent < n && atomic_load(&l->bytes) - bytes < l->o->write_bytes)
			sent += hand_over(l, f, n - sent, l->at + sent, now);
		if (!give_out(f, &more))
			return -1;
	}
	f->events = (short)((more ? POLLOUT : 0) | (o->acked < o->sent ? POLLIN : 0));
	return (int)sent;
}

static int oftp_hear(struct load *l, struct load_flow *f)
{
	return take_in(l, f) ? 0 : -1;
}

static bool oftp_finish(struct load *l, struct load_flow *f, double timeout_s)
{
	uint64_t end = load_now_ns() + (uint64_t)(timeout_s * 1e9);
	struct oftp_flow *o = f->oftp;
	bool more = true;

	while (o->acked < o->sent)
		if (!turn(l, f, end))
			return false;
	client_bye(o->client, now_us());
	while (give_out(f, &more) && more)
		if (!link_wait(f, POLLOUT, end))
			return false;
	return !more && link_end(f, end);
}

static void oftp_close(struct load *l, struct load_flow *f)
{
	(void)l;
	link_close(f);
	if (f->oftp)
		client_free(f->oftp->client);
	free(f->oftp);
}

const struct load_transport load_oftp = {
	.name = "oftp",
	.open = oftp_open,
	.send = oftp_send,
	.hear = oftp_hear,
	.finish = oftp_finish,
	.wait = load_wait,
	.close = oftp_close,
};
