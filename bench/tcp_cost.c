/*
 * tcp_cost SCENARIO COUNT
 *
 * Does one thing COUNT times with the pure TCP room, for bench/tcp_overhead to count instructions:
 *
 *   in2 in32   a segment of 1,448 bytes with timestamps, in order, read at once; the round ends
 *              (and an ACK goes out) after 2 or 32 of them
 *   swapped    the same in pairs, the second of each first; rounds of 32
 *   out        1,448 bytes written, sent and acknowledged
 *   conn       a connection: SYN, ACK, FIN, ACK of ours
 *   cookie     a SYN that is answered with a cookie
 *   idle       a connection that stays: prints the bytes of memory that each takes
 */
#include <err.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/bytes.h"
#include "dataplane/tcp/tcp_priv.h"
#include "tests/lib/tcp_plain.h"

#define SIZE 1448U
#define BUFS 64U

static struct {
	struct tcp_stack *s;
	struct tcp_conn *conn;
	struct ip_flow flow;
	uint64_t now;
	uint32_t seq, ack, ts;
	uint8_t seg[BUFS][2048]; /* buffers of a NIC, one after another */
	unsigned at;
} b;

static int op_output(void *ctx, const struct tcp_tx *tx)
{
	(void)ctx;
	b.ack = load_be32(tx->hdr + 4) + tx->payload_len + !!(tx->hdr[13] & (TCP_SYN | TCP_FIN));
	b.ts = tx->hdr_len > 28 ? load_be32(tx->hdr + 24) : 0;
	return 0;
}

static void op_event(void *ctx, struct tcp_conn *c, enum tcp_event ev)
{
	(void)ctx;
	if (ev == TCP_EV_ACCEPTED)
		b.conn = c;
	else if (ev == TCP_EV_READABLE)
		tcp_consume(c, tcp_unread(c), b.now);
	else if (ev == TCP_EV_PEER_FIN)
		tcp_close(c, b.now);
}

static void op_buf_free(void *ctx, void *buf)
{
	(void)ctx;
	(void)buf;
}

static void *op_buf_alloc(void *ctx, uint8_t **data, uint32_t *capacity, uint32_t *buf_size)
{
	(void)ctx;
	*data = b.seg[b.at++ % BUFS];
	*capacity = 2048;
	*buf_size = 2304;
	return *data;
}

static void in(uint8_t flags, uint32_t seq, uint32_t len)
{
	uint8_t *h = b.seg[b.at++ % BUFS];
	struct tcp_rx rx = {b.flow, h, 32 + len, h, 2304, false};

	store_be16(h, b.flow.src_port);
	store_be16(h + 2, b.flow.dst_port);
	store_be32(h + 4, seq);
	store_be32(h + 8, b.ack);
	h[12] = 8 << 4;
	h[13] = flags;
	store_be16(h + 14, 65535);
	store_be32(h + 20, 0x0101080aU);
	store_be32(h + 24, (uint32_t)(b.now / 1000));
	store_be32(h + 28, b.ts);
	tcp_input(b.s, &rx, b.now);
}

static void start(uint32_t conns, bool cookies)
{
	static const struct tcp_ops ops = {
		op_output, op_event, op_buf_free, op_buf_alloc, tcp_plain_mtu, tcp_plain_listening};
	struct tcp_config cfg;

	tcp_config_defaults(&cfg);
	cfg.max_conns = conns;
	cfg.cookies_always = cookies;
	b.now = 1000000;
	b.s = tcp_stack_new(&cfg, &ops, NULL);
	if (!b.s)
		err(1, "memory");
	b.flow.src = ip_addr_v4((const uint8_t[4]){192, 0, 2, 1});
	b.flow.dst = ip_addr_v4((const uint8_t[4]){192, 0, 2, 2});
	b.flow.dst_port = 514;
}

static void open_conn(uint32_t i)
{
	b.flow.src = ip_addr_v4((const uint8_t[4]){10, (uint8_t)(i >> 24), (uint8_t)(i >> 16), 1});
	b.flow.src_port = (uint16_t)i;
	b.seq = 1000;
	in(TCP_SYN, b.seq++, 0);
	in(TCP_ACK, b.seq, 0);
}

static void bulk_in(uint32_t count, uint32_t round)
{
	for (uint32_t i = 1; i <= count; i++) {
		in(TCP_ACK, b.seq, SIZE);
		b.seq += SIZE;
		if (i % round == 0)
			tcp_flush(b.s, b.now += 10);
	}
}

static void swapped(uint32_t count)
{
	for (uint32_t i = 2; i <= count; i += 2) {
		in(TCP_ACK, b.seq + SIZE, SIZE);
		in(TCP_ACK, b.seq, SIZE);
		b.seq += 2 * SIZE;
		if (i % 32 == 0)
			tcp_flush(b.s, b.now += 10);
	}
}

static void bulk_out(uint32_t count)
{
	static const uint8_t bytes[SIZE];

	for (uint32_t i = 0; i < count; i++) {
		tcp_write(b.conn, bytes, SIZE, b.now);
		tcp_flush(b.s, b.now += 10);
		in(TCP_ACK, b.seq, 0);
		tcp_flush(b.s, b.now += 10);
	}
}

static void conns(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		open_conn(i);
		in(TCP_ACK | TCP_FIN, b.seq++, 0);
		tcp_flush(b.s, b.now += 10);
		in(TCP_ACK, b.seq, 0);
		tcp_flush(b.s, b.now += 10);
	}
}

static void idle(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		open_conn(i);
	if (tcp_counters(b.s)->conns != count)
		errx(1, "not all connections were made");
	printf("connection %zu, its share of the table %zu, half-open %zu, time-wait %zu\n",
		sizeof(struct tcp_conn), 2 * sizeof(uint64_t), sizeof(struct tcp_syn),
		sizeof(struct tcp_tw));
}

int main(int argc, char **argv)
{
	uint32_t count = argc == 3 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
	const char *what = argc == 3 ? argv[1] : "";

	if (count == 0)
		errx(2, "usage: tcp_cost in2|in32|swapped|out|conn|cookie|idle COUNT");
	start(strcmp(what, "idle") == 0 ? count : 1000, strcmp(what, "cookie") == 0);
	if (strcmp(what, "conn") == 0) {
		conns(count);
	} else if (strcmp(what, "idle") == 0) {
		idle(count);
	} else if (strcmp(what, "cookie") == 0) {
		for (uint32_t i = 0; i < count; i++) {
			b.flow.src_port = (uint16_t)i;
			in(TCP_SYN, i, 0);
		}
	} else {
		open_conn(1);
		if (strcmp(what, "in2") == 0)
			bulk_in(count, 2);
		else if (strcmp(what, "in32") == 0)
			bulk_in(count, 32);
		else if (strcmp(what, "swapped") == 0)
			swapped(count);
		else if (strcmp(what, "out") == 0)
			bulk_out(count);
		else
			errx(2, "no such scenario: %s", what);
	}
	tcp_stack_free(b.s);
	return 0;
}
