/*
 * Any bytes from the server, to the OFTP profile's client, before and after its login. Input: 1
 * byte: how many items it has, how long they are, and whether it logs in by password (40 hex) and
 * has a certificate besides (20); then chunks: length u8, what
 * happens before it (an item is added, what there is is sent, time goes by, BYE is said; a
 * connection that is asked for leads to the second server), bytes. Its accounts must add up, and it
 * never sends what the codec would not read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/client/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t epochs(void *ctx)
{
	return ++*(uint64_t *)ctx;
}

/* A mechanism whose challenge is any but "bad", and whose proof is "right". */
static size_t first(void *ctx, uint8_t *to, size_t size)
{
	(void)ctx;
	return (size_t)snprintf((char *)to, size, "it is me");
}

static size_t answer(void *ctx, const uint8_t *challenge, size_t len, uint8_t *to, size_t size)
{
	if (len == 3 && memcmp(challenge, "bad", 3) == 0)
		return 0;
	return first(ctx, to, size);
}

static bool proven(void *ctx, const uint8_t *last, size_t len)
{
	(void)ctx;
	return len == 5 && memcmp(last, "right", 5) == 0;
}

static void add(struct client *c, uint32_t len)
{
	static const uint8_t logs[65536];
	const uint32_t lengths[2] = {len, 1};

	client_add(c, &(struct client_item){.logs = logs,
			      .lengths = lengths,
			      .count = (uint16_t)(1 + len % 2),
			      .vdom = {len % 3 ? "root" : NULL, 4}});
}

static void send_all(struct client *c, uint64_t now)
{
	static struct oftp_msg m;
	struct oftp_header h;
	size_t n;
	const uint8_t *out = client_output(c, &n, now);

	for (size_t at = 0; at < n; at += OFTP_HEADER + h.length)
		if (n - at < OFTP_HEADER ||
			oftp_header_decode(out + at, OFTP_BODY_MAX, &h) != OFTP_OK ||
			n - at - OFTP_HEADER < h.length ||
			oftp_decode(&h, out + at + OFTP_HEADER, &m) != OFTP_OK)
			abort();
	client_sent(c, n);
}

/* What is told of the queues is what is in them. */
static void check(const struct client *c)
{
	struct client_stats st;
	struct client_entry e;
	uint64_t cursor = 0, items = 0;

	client_stats(c, &st);
	while (client_entry(c, true, &cursor, &e))
		items += e.seq_no != 0;
	for (cursor = 0; client_entry(c, false, &cursor, &e);)
		items += e.seq_no == 0;
	if (items != st.memory.items + st.confirm.items)
		abort();
	if (client_server(c)->n_serials > OFTP_SERIALS_MAX)
		abort();
	if (st.added != st.confirmed_logs + st.dropped + st.memory.logs + st.confirm.logs)
		abort();
}

/* A connection, when it asks for one. */
static void live(struct client *c, uint64_t *now, enum client_wish wish, unsigned server)
{
	if (wish == CLIENT_CONNECT) {
		client_aim(c, server);
		client_connected(c, *now);
	}
	check(c);
}

static void chunk(struct client *c, uint64_t *now, uint8_t what, const uint8_t *p, size_t n)
{
	/* Of exactly its length, so that ASan sees each step too far. */
	uint8_t *bytes = malloc(n ? n : 1);

	if (!bytes)
		abort();
	memcpy(bytes, p, n);
	if (what & 1)
		add(c, 1 + what * 200u);
	if (what & 2)
		send_all(c, *now);
	if (what & 16)
		client_bye(c, *now);
	if (what & 4)
		*now = client_deadline(c) > *now ? client_deadline(c) : *now;
	live(c, now, client_tick(c, *now), what >> 3 & 1);
	live(c, now, client_received(c, bytes, n, *now), 0);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t epoch = 100, now = 1;
	struct client_config cfg = {
		.serial = "FGT1",
		.conn_id = 7,
		.bound = 2 * OFTP_ITEM_RAW_MAX,
		.window = 4,
		.lz4 = true,
		.conn_timeout_us = 10,
		.keepalive_us = 5,
		.retry_us = 2,
		.random = epochs,
		.ctx = &epoch,
	};
	struct client_sasl sasl = {.first = first, .answer = answer, .proven = proven};
	struct client *c;

	if (size < 1 || size > 16384)
		return 0;
	sasl.certified = data[0] & 0x20;
	cfg.sasl = data[0] & 0x40 ? &sasl : NULL;
	c = client_new(&cfg);
	if (!c)
		abort();
	for (unsigned i = 0; i < data[0] % 32u; i++)
		add(c, data[0] & 0x80 ? 60000 : 3);
	live(c, &now, client_tick(c, now), 0);
	for (size_t at = 1; at + 2 <= size;) {
		size_t n = data[at] < size - at - 2 ? data[at] : size - at - 2;

		chunk(c, &now, data[at + 1], data + at + 2, n);
		at += 2 + n;
	}
	client_free(c);
	return 0;
}
