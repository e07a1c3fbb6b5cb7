/* The world of a drill: the stack's callbacks, time, and the application (drill_text.c has the
 * notation). */
#include "drill.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/bytes.h"

uint32_t drill_peer_isn = 10000, drill_our_isn = 500000;

uint8_t drill_pattern(uint32_t offset)
{
	return (uint8_t)(offset * 31 + (offset >> 8) * 7 + (offset >> 16));
}

/* The stack's side */

static int op_output(void *ctx, const struct tcp_tx *tx)
{
	struct drill *d = ctx;
	struct drill_seg *g;

	if (d->drop_output)
		return -1;
	assert_true(d->seg_count < DRILL_SEGS);
	assert_true(tx->hdr_len <= 60 && tx->payload_len <= 2048);
	assert_int_equal(tx->hdr_len, tx->hdr[12] >> 4 << 2);
	g = &d->seg[d->seg_count++];
	g->at = d->now;
	g->tx = *tx;
	memcpy(g->bytes, tx->hdr, tx->hdr_len);
	if (tx->payload_len)
		memcpy(g->bytes + tx->hdr_len, tx->payload, tx->payload_len);
	g->tx.hdr = g->bytes;
	g->tx.payload = g->bytes + tx->hdr_len;
	return 0;
}

static void check_and_consume(struct drill *d, struct tcp_conn *c, uint32_t n)
{
	struct tcp_span v[4];

	while (n > 0) {
		uint32_t done = 0;
		unsigned spans = tcp_peek(c, v, 4);

		assert_true(spans > 0);
		for (unsigned i = 0; i < spans && done < n; i++)
			for (uint32_t k = 0; k < v[i].len && done < n; k++, done++)
				if (!d->foreign)
					assert_int_equal(
						v[i].data[k], drill_pattern(d->read + done));
		tcp_consume(c, done, d->now);
		d->read += done;
		n -= done;
	}
}

static void op_event(void *ctx, struct tcp_conn *c, enum tcp_event ev)
{
	struct drill *d = ctx;
	size_t n = strlen(d->events);

	assert_true(n + 1 < sizeof(d->events));
	/* Readable is readable, however often it is said. */
	if (ev != TCP_EV_READABLE || n == 0 || d->events[n - 1] != 'R')
		d->events[n] = "ARWFCO"[ev];
	if (ev == TCP_EV_ACCEPTED) {
		d->conn = c;
		tcp_set_user(c, d);
	}
	assert_ptr_equal(tcp_user(c), d);
	if (d->on_event)
		d->on_event(d, c, ev);
	else if (ev == TCP_EV_READABLE && !d->hold)
		check_and_consume(d, c, tcp_unread(c));
	if (ev == TCP_EV_CLOSED) {
		struct tcp_info info;

		tcp_info(c, &info);
		d->why = info.why;
		d->conn = NULL;
	}
}

static void op_buf_free(void *ctx, void *buf)
{
	struct drill *d = ctx;

	assert_true(d->bufs_out > 0);
	d->bufs_out--;
	free(buf);
}

static void *op_buf_alloc(void *ctx, uint8_t **data, uint32_t *capacity, uint32_t *buf_size)
{
	struct drill *d = ctx;
	struct drill_buf *b;

	if (d->no_buffers)
		return NULL;
	b = malloc(sizeof(*b));
	assert_non_null(b);
	d->bufs_out++;
	*data = b->bytes;
	*capacity = 2048;
	*buf_size = d->buf_size;
	return b;
}

static uint32_t op_mtu(void *ctx, const struct ip_addr *dst)
{
	(void)dst;
	return ((struct drill *)ctx)->mtu;
}

static bool op_listening(void *ctx, const struct ip_flow *flow, bool *drop)
{
	struct drill *d = ctx;

	*drop = d->refuse_silently;
	return !d->refuse && !d->refuse_silently && flow->dst_port == 514;
}

struct drill *drill_new(void (*tweak)(struct tcp_config *cfg))
{
	static const struct tcp_ops ops = {
		op_output, op_event, op_buf_free, op_buf_alloc, op_mtu, op_listening};
	struct drill *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	d->seg = calloc(DRILL_SEGS, sizeof(*d->seg));
	assert_non_null(d->seg);
	tcp_config_defaults(&d->cfg);
	d->cfg.key = (struct siphash_key){1, 2};
	d->cfg.max_conns = 64;
	d->cfg.max_half_open = 64;
	d->cfg.max_time_wait = 64;
	d->cfg.rcv_buf_total = 16U << 20;
	d->cfg.snd_buf_total = 1U << 20;
	d->cfg.keepalive_idle_us = 0;
	if (tweak)
		tweak(&d->cfg);
	d->mtu = 1500;
	d->buf_size = 2304;
	d->peer_isn = drill_peer_isn;
	d->flow.src = ip_addr_v4((const uint8_t[4]){192, 0, 2, 1});
	d->flow.dst = ip_addr_v4((const uint8_t[4]){192, 0, 2, 2});
	d->flow.src_port = 40000;
	d->flow.dst_port = 514;
	d->s = tcp_stack_new(&d->cfg, &ops, d);
	assert_non_null(d->s);
	return d;
}

void drill_free(struct drill *d)
{
	none(d);
	tcp_stack_free(d->s);
	assert_int_equal(d->bufs_out, 0);
	free(d->seg);
	free(d);
}

void flush(struct drill *d)
{
	tcp_flush(d->s, d->now);
}

void pass(struct drill *d, uint64_t us)
{
	uint64_t until = d->now + us;
	uint64_t next;
	unsigned rounds = 0;

	while ((next = tcp_next_deadline(d->s)) <= until) {
		if (next > d->now)
			d->now = next;
		tcp_expire(d->s, d->now, 8);
		assert_true(++rounds < 100000); /* a deadline that never goes away */
	}
	d->now = until;
}

uint32_t wr(struct drill *d, uint32_t n)
{
	uint8_t *p = malloc(n);
	uint32_t took;

	assert_non_null(p);
	for (uint32_t i = 0; i < n; i++)
		p[i] = drill_pattern(d->written + i);
	took = tcp_write(d->conn, p, n, d->now);
	d->written += took;
	free(p);
	flush(d);
	return took;
}

void rd(struct drill *d, uint32_t n)
{
	check_and_consume(d, d->conn, n);
	flush(d);
}

/* The instant at which the stack would choose this initial sequence number. */
static void aim_isn(struct drill *d)
{
	uint32_t isn;

	in(d, "S 0:0(0)");
	isn = load_be32(d->seg[d->seg_next].tx.hdr + 4);
	forget(d);
	in(d, "R 1:1(0)");
	none(d);
	d->now += (uint64_t)(drill_our_isn - isn) * 4;
	/* The timestamp clock must not go back for the connections to come. */
	d->start = d->now;
}

void drill_accept(struct drill *d, const char *opts)
{
	unsigned wscale = 0;

	while (d->cfg.rcv_buf / 2 >> wscale > 65535)
		wscale++;
	aim_isn(d);
	in(d, "S 0:0(0) win 65535 <mss 1460,%s>", opts);
	if (strstr(opts, "wscale"))
		out(d, "S. 0:0(0) ack 1 <mss 1460%s,wscale %u>",
			strstr(opts, "sackOK") ? ",sackOK" : "", wscale);
	else
		out(d, "S. 0:0(0) ack 1 <mss 1460%s>", strstr(opts, "sackOK") ? ",sackOK" : "");
	assert_int_equal(d->our_isn, drill_our_isn);
	pass(d, d->rtt);
	d->start = d->now;
	in(d, ". 1:1(0) ack 1 win 65535%s", strstr(opts, "TS") ? " <TS val 1000 ecr 0>" : "");
	none(d);
	events(d, "A");
	assert_non_null(d->conn);
}

void drill_connect(struct drill *d)
{
	unsigned wscale = 0;

	while (d->cfg.rcv_buf / 2 >> wscale > 65535)
		wscale++;
	aim_isn(d);
	assert_int_equal(tcp_connect(d->s, &d->flow, d, d->now, &d->conn), 0);
	out(d, "S 0:0(0) win 65535 <mss 1460,sackOK,TS val 0 ecr 0,wscale %u>", wscale);
	assert_int_equal(d->our_isn, drill_our_isn);
}

struct drill *connecting(void (*tweak)(struct tcp_config *))
{
	struct drill *d = drill_new(tweak);

	drill_connect(d);
	return d;
}

struct drill *accepted(void (*tweak)(struct tcp_config *), const char *opts)
{
	struct drill *d = drill_new(tweak);

	drill_accept(d, opts);
	return d;
}

struct drill *accepted_after(uint64_t rtt, const char *opts)
{
	struct drill *d = drill_new(NULL);

	d->rtt = rtt;
	drill_accept(d, opts);
	return d;
}

struct drill *ten_out(const char *opts)
{
	struct drill *d = accepted_after(MS(40), opts);

	wr(d, 10 * 1460);
	forget(d);
	pass(d, MS(40));
	return d;
}

struct ip_flow ours(const struct drill *d)
{
	return (struct ip_flow){d->flow.dst, d->flow.src, d->flow.dst_port, d->flow.src_port};
}

void unreachable(struct drill *d, uint32_t seq, bool hard)
{
	struct ip_flow flow = ours(d);

	tcp_unreachable(d->s, &flow, d->our_isn + seq, hard);
	flush(d);
}

void too_big(struct drill *d, uint32_t seq, uint32_t mtu)
{
	struct ip_flow flow = ours(d);

	tcp_icmp(d->s, &flow, d->our_isn + seq, mtu, d->now);
	flush(d);
}

void close_now(struct drill *d)
{
	tcp_close(d->conn, d->now);
	flush(d);
}

const char *state_of(const struct drill *d)
{
	return d->conn ? tcp_state_name(info_of(d).state) : "none";
}

struct tcp_info info_of(const struct drill *d)
{
	struct tcp_info info;

	tcp_info(d->conn, &info);
	return info;
}

const struct tcp_counters *counters(const struct drill *d)
{
	return tcp_counters(d->s);
}

unsigned sent_count(const struct drill *d)
{
	return d->seg_count - d->seg_next;
}

void forget(struct drill *d)
{
	d->seg_next = d->seg_count = 0;
}

int drill_run(const struct CMUnitTest *tests, size_t n, const char *name)
{
	int failed;

	failed = _cmocka_run_group_tests(name, tests, n, NULL, NULL);
	print_message("... and around the wrap of both sequence spaces\n");
	drill_peer_isn = 0xfffffe00;
	drill_our_isn = 0xffffff00;
	return failed + _cmocka_run_group_tests(name, tests, n, NULL, NULL);
}
