/*
 * Our side: the stack, and an application on top that reads and writes in every manner: at once,
 * late, in crumbs, from inside of callbacks and from outside. It keeps count of every buffer.
 */
#include <string.h>

#include "sim.h"
#include "tests/lib/tcp_plain.h"

#define MAX_SESSIONS 512

struct buf {
	uint8_t bytes[2048];
};

struct session {
	struct tcp_conn *conn;
	struct client *client;
	struct plan plan;
	bool ghost; /* made of a late duplicate: its client knows nothing of it */
	bool lazy;
	bool peer_fin, closing;
	bool opened; /* the handshake is over */
	uint64_t read, written;
	uint64_t read_at;
	uint32_t abort_at;
};

struct server {
	struct world *w;
	struct rng rng;
	struct tcp_stack *tcp;
	struct tcp_config cfg;
	uint32_t buf_size;
	uint32_t fail_buf, fail_output; /* per mille */
	uint64_t bufs;
	uint64_t accepted, connects, closed;
	bool lazy;
	uint32_t number;     /* of the segment on its way in */
	struct session *end; /* one past the last ever used */
	struct session sessions[MAX_SESSIONS];
};

static struct client *client_of(const struct server *s, uint16_t port)
{
	uint32_t i = (uint32_t)port - 10000;

	return i < s->w->client_count ? s->w->clients[i] : NULL;
}

struct ip_flow client_flow(uint16_t port, bool v6)
{
	struct ip_flow f = {.src_port = port, .dst_port = 514};

	if (v6) {
		static const uint8_t net[16] = {0x20, 1, 0xd, 0xb8};

		memcpy(f.src.b, net, 16);
		memcpy(f.dst.b, net, 16);
		f.src.b[15] = 1;
		f.dst.b[15] = 2;
	} else {
		f.src = ip_addr_v4((const uint8_t[4]){192, 0, 2, 1});
		f.dst = ip_addr_v4((const uint8_t[4]){192, 0, 2, 2});
	}
	return f;
}

bool server_is_v6(const struct server *s, uint16_t port)
{
	const struct client *c = client_of(s, port);

	return c && client_plan(c)->v6;
}

static int op_output(void *ctx, const struct tcp_tx *tx)
{
	struct server *s = ctx;
	uint8_t seg[MAX_SEGMENT];

	CHECK(s->w, tx->hdr_len + tx->payload_len <= MAX_SEGMENT);
	CHECK(s->w, tx->hdr[12] >> 4 << 2 == (int)tx->hdr_len);
	if (rng_chance(&s->rng, s->fail_output))
		return -1;
	memcpy(seg, tx->hdr, tx->hdr_len);
	if (tx->payload_len)
		memcpy(seg + tx->hdr_len, tx->payload, tx->payload_len);
	if (client_of(s, tx->flow.dst_port))
		link_send(s->w, false, tx->flow.dst_port, seg, tx->hdr_len + tx->payload_len);
	return 0;
}

static void op_buf_free(void *ctx, void *buf)
{
	struct server *s = ctx;

	CHECK(s->w, s->bufs > 0);
	s->bufs--;
	free(buf);
}

static void *op_buf_alloc(void *ctx, uint8_t **data, uint32_t *capacity, uint32_t *buf_size)
{
	struct server *s = ctx;
	struct buf *b;

	if (rng_chance(&s->rng, s->fail_buf))
		return NULL;
	b = malloc(sizeof(*b));
	CHECK(s->w, b);
	s->bufs++;
	*data = b->bytes;
	*capacity = sizeof(b->bytes);
	*buf_size = s->buf_size;
	return b;
}

static void app_write(struct server *s, struct session *n)
{
	while (n->written < n->plan.down) {
		uint8_t bytes[4096];
		uint32_t len = rng_range(&s->rng, 1, sizeof(bytes));
		uint32_t took;

		if (len > n->plan.down - n->written)
			len = (uint32_t)(n->plan.down - n->written);
		for (uint32_t i = 0; i < len; i++)
			bytes[i] = stream_byte(2 * n->plan.id + 1, n->written + i);
		took = tcp_write(n->conn, bytes, len, s->w->now);
		n->written += took;
		if (took < len)
			return; /* WRITABLE will call us back */
	}
	if (n->opened && !n->closing &&
		(n->plan.close == CLOSE_SERVER || n->plan.close == CLOSE_BOTH || n->peer_fin)) {
		n->closing = true;
		tcp_close(n->conn, s->w->now);
	}
}

/* Up to `most` unread bytes, compared with what the client should have sent. */
static void app_read(struct server *s, struct session *n, uint32_t most)
{
	while (most > 0 && tcp_unread(n->conn) > 0) {
		struct tcp_span v[3];
		unsigned spans = tcp_peek(n->conn, v, 3);
		uint32_t done = 0;

		CHECK(s->w, spans > 0);
		for (unsigned i = 0; i < spans; i++)
			for (uint32_t k = 0; k < v[i].len && done < most; k++, done++)
				CHECK(s->w, n->ghost || v[i].data[k] == stream_byte(2 * n->plan.id,
										n->read + done));
		n->read += done;
		most -= done;
		tcp_consume(n->conn, done, s->w->now);
	}
}

static struct session *session_place(struct server *s)
{
	struct session *n = s->sessions;

	while (n->conn) {
		n++;
		CHECK(s->w, n < s->sessions + MAX_SESSIONS);
	}
	s->end = n >= s->end ? n + 1 : s->end;
	memset(n, 0, sizeof(*n));
	return n;
}

static void session_begin(struct server *s, struct session *n, struct client *client)
{
	CHECK(s->w, client);
	n->client = client;
	n->plan = *client_plan(client);
	n->lazy = s->lazy && rng_chance(&s->rng, 500);
	n->read_at = n->lazy ? s->w->now + rng_below(&s->rng, 300000) : NEVER;
	n->abort_at =
		n->plan.close == ABORT_SERVER ? rng_below(&s->rng, n->plan.up + 1) : UINT32_MAX;
}

static struct session *session_new(struct server *s, struct tcp_conn *conn)
{
	struct session *n = session_place(s);
	struct tcp_info info;

	tcp_info(conn, &info);
	n->conn = conn;
	n->opened = true;
	session_begin(s, n, client_of(s, info.flow.src_port));
	n->ghost = client_accepted(n->client, s->number);
	tcp_set_user(conn, n);
	s->accepted++;
	return n;
}

void server_connect(struct server *s, uint16_t port)
{
	struct session *n = session_place(s);
	struct ip_flow f = client_flow(port, server_is_v6(s, port));

	session_begin(s, n, client_of(s, port));
	CHECK(s->w, tcp_connect(s->tcp, &f, n, s->w->now, &n->conn) == 0);
	s->connects++;
	if (n->lazy)
		app_write(s, n); /* it waits for the handshake */
}

static void session_closed(struct server *s, struct session *n)
{
	struct tcp_info info;

	tcp_info(n->conn, &info);
	if (!n->ghost) {
		uint64_t bytes = n->read + tcp_unread(n->conn);

		if (info.why == TCP_CLOSED_NORMALLY)
			CHECK(s->w, tcp_unread(n->conn) == 0 || n->lazy);
		client_server_closed(n->client, info.why == TCP_CLOSED_NORMALLY, bytes);
	}
	app_read(s, n, UINT32_MAX);
	s->closed++;
	n->conn = NULL;
}

static void op_event(void *ctx, struct tcp_conn *conn, enum tcp_event ev)
{
	struct server *s = ctx;
	struct session *n = tcp_user(conn);

	if (ev == TCP_EV_ACCEPTED) {
		CHECK(s->w, !n);
		n = session_new(s, conn);
		app_write(s, n);
		return;
	}
	CHECK(s->w, n && n->conn == conn); /* nothing comes before ACCEPTED or after CLOSED */
	CHECK(s->w, n->opened != (ev == TCP_EV_CONNECTED));
	switch (ev) {
	case TCP_EV_CONNECTED:
		n->opened = true;
		app_write(s, n);
		break;
	case TCP_EV_READABLE:
		if (!n->lazy)
			app_read(s, n, UINT32_MAX);
		if (n->read >= n->abort_at)
			tcp_abort(conn, s->w->now);
		break;
	case TCP_EV_WRITABLE:
		app_write(s, n);
		break;
	case TCP_EV_PEER_FIN:
		CHECK(s->w, !n->peer_fin);
		n->peer_fin = true;
		if (n->plan.close == ABORT_SERVER)
			tcp_abort(conn, s->w->now);
		else
			app_write(s, n);
		break;
	default:
		session_closed(s, n);
	}
}

static void draw_config(struct server *s)
{
	struct rng *r = &s->rng;

	tcp_config_defaults(&s->cfg);
	s->cfg.key = (struct siphash_key){rng_next(r), rng_next(r)};
	s->cfg.max_conns = 400;
	s->cfg.max_half_open = rng_chance(r, 300) ? 2 : 64;
	s->cfg.max_time_wait = 1024; /* an evicted one would let old segments into a new life */
	s->cfg.rcv_buf = rng_chance(r, 300) ? rng_range(r, 12000, 40000) : 256U << 10;
	s->cfg.rcv_buf_total = rng_chance(r, 300) ? rng_range(r, 60000, 200000) : 16U << 20;
	s->cfg.snd_buf = rng_chance(r, 300) ? rng_range(r, 3000, 20000) : 64U << 10;
	s->cfg.snd_buf_total = rng_chance(r, 200) ? 0 : 4U << 20;
	s->cfg.rto_min_us = rng_range(r, 50, 400) * 1000;
	s->cfg.rto_max_us = 4000000;
	s->cfg.data_retries = 200;
	s->cfg.connect_retries = 200;
	s->cfg.time_wait_us = 20000000;
	s->cfg.keepalive_idle_us = 20000000;
	s->cfg.keepalive_interval_us = 2000000;
	s->cfg.keepalive_probes = 30;
	s->cfg.fin_wait2_us = 120000000;
	s->cfg.cookies_always = rng_chance(r, 150);
	s->buf_size = rng_chance(r, 500) ? 2304 : rng_range(r, 1600, 5000);
	s->fail_buf = rng_chance(r, 200) ? rng_below(r, 500) : 0;
	s->fail_output = rng_chance(r, 200) ? rng_below(r, 50) : 0;
	s->lazy = rng_chance(r, 400);
}

static void stack_new(struct server *s)
{
	static const struct tcp_ops ops = {
		op_output, op_event, op_buf_free, op_buf_alloc, tcp_plain_mtu, tcp_plain_listening};

	s->tcp = tcp_stack_new(&s->cfg, &ops, s);
	CHECK(s->w, s->tcp);
}

struct server *server_new(struct world *w)
{
	struct server *s = calloc(1, sizeof(*s));

	CHECK(w, s);
	s->w = w;
	s->end = s->sessions;
	s->rng.s = rng_next(&w->rng);
	if (w->cfg) {
		s->cfg = *w->cfg;
		s->buf_size = 2304;
	} else {
		draw_config(s);
	}
	stack_new(s);
	return s;
}

void server_restart(struct server *s)
{
	tcp_stack_free(s->tcp);
	CHECK(s->w, s->bufs == 0);
	memset(s->sessions, 0, sizeof(s->sessions));
	s->end = s->sessions;
	s->accepted = s->connects = s->closed = 0;
	s->cfg.key = (struct siphash_key){rng_next(&s->rng), rng_next(&s->rng)};
	stack_new(s);
}

void server_free(struct server *s)
{
	tcp_stack_free(s->tcp);
	CHECK(s->w, s->bufs == 0);
	free(s);
}

void server_input(struct server *s, const struct packet *p)
{
	struct buf *b = malloc(sizeof(*b));
	struct tcp_rx rx;

	CHECK(s->w, b);
	memcpy(b->bytes, p->bytes, p->len);
	s->bufs++;
	rx = (struct tcp_rx){client_flow(p->port, server_is_v6(s, p->port)), b->bytes, p->len, b,
		s->buf_size, false};
	s->number = (uint32_t)p->bytes[4] << 24 | (uint32_t)p->bytes[5] << 16 |
		    (uint32_t)p->bytes[6] << 8 | p->bytes[7];
	tcp_input(s->tcp, &rx, s->w->now);
	CHECK(s->w, tcp_counters(s->tcp)->rcv_bytes_held <= s->cfg.rcv_buf_total);
}

void server_flush(struct server *s)
{
	tcp_flush(s->tcp, s->w->now);
}

void server_too_big(struct server *s, uint16_t port, const uint8_t *seg, uint32_t mtu)
{
	struct ip_flow f = client_flow(port, server_is_v6(s, port));
	struct ip_flow ours = {f.dst, f.src, f.dst_port, f.src_port};
	uint32_t seq =
		(uint32_t)seg[4] << 24 | (uint32_t)seg[5] << 16 | (uint32_t)seg[6] << 8 | seg[7];

	/* From inside of an output: as a real one it comes a little later, but before all else. */
	if (rng_chance(&s->rng, 700))
		tcp_icmp(s->tcp, &ours, seq, mtu, s->w->now);
}

uint64_t server_next(const struct server *s)
{
	uint64_t next = tcp_next_deadline(s->tcp);

	for (const struct session *n = s->sessions; n < s->end; n++)
		if (n->conn && n->opened && n->read_at < next)
			next = n->read_at;
	return next;
}

static void run_timers(struct server *s)
{
	unsigned rounds = 0;

	while (tcp_next_deadline(s->tcp) <= s->w->now) {
		tcp_expire(s->tcp, s->w->now, rng_range(&s->rng, 1, 32));
		CHECK(s->w, ++rounds < 100000); /* a deadline that never goes away */
	}
}

void server_run(struct server *s)
{
	for (struct session *n = s->sessions; n < s->end; n++) {
		if (!n->conn || !n->opened || n->read_at > s->w->now)
			continue;
		n->read_at = s->w->now + rng_below(&s->rng, 300000);
		app_read(s, n, rng_range(&s->rng, 1, 60000));
		if (n->read >= n->abort_at)
			tcp_abort(n->conn, s->w->now);
	}
	run_timers(s);
}

bool server_idle(const struct server *s)
{
	return tcp_next_deadline(s->tcp) == NEVER && tcp_counters(s->tcp)->conns == 0;
}

void server_check_end(struct server *s)
{
	const struct tcp_counters *n = tcp_counters(s->tcp);

	CHECK(s->w, n->conns == 0 && n->half_open == 0 && n->time_wait == 0);
	CHECK(s->w, n->rcv_bytes_held == 0);
	CHECK(s->w, s->bufs == 0);
	CHECK(s->w, s->accepted + s->connects == s->closed);
	CHECK(s->w, n->closed == s->closed && n->accepted == s->accepted);
	CHECK(s->w, n->connects == s->connects && n->connected == s->connects);
}

const struct tcp_counters *server_counters(const struct server *s)
{
	return tcp_counters(s->tcp);
}

void server_describe(const struct server *s)
{
	const struct tcp_counters *n = tcp_counters(s->tcp);

	printf("  server: rcv_buf %u total %llu snd_buf %u total %llu buf %u fail %u/%u lazy %d "
	       "cookies "
	       "%d half_open %u\n",
		s->cfg.rcv_buf, (unsigned long long)s->cfg.rcv_buf_total, s->cfg.snd_buf,
		(unsigned long long)s->cfg.snd_buf_total, s->buf_size, s->fail_buf, s->fail_output,
		s->lazy, s->cfg.cookies_always, s->cfg.max_half_open);
	printf("  counters: in %llu out %llu retransmits %llu fast %llu rto %llu ooo %llu/%llu dup "
	       "%llu "
	       "bad_ack %llu cookies %llu/%llu/%llu paws %llu pressure %llu coalesced %llu pruned "
	       "%llu "
	       "zero %llu probes %llu conns %llu held %llu next %llu\n",
		(unsigned long long)n->segs_in, (unsigned long long)n->segs_out,
		(unsigned long long)n->retransmits, (unsigned long long)n->fast_retransmits,
		(unsigned long long)n->rto_fired, (unsigned long long)n->ooo_queued,
		(unsigned long long)n->ooo_dropped, (unsigned long long)n->dup_segments,
		(unsigned long long)n->bad_ack, (unsigned long long)n->syn_cookies_sent,
		(unsigned long long)n->syn_cookies_ok, (unsigned long long)n->syn_cookies_bad,
		(unsigned long long)n->paws_rejected, (unsigned long long)n->pressure_drops,
		(unsigned long long)n->coalesced, (unsigned long long)n->ooo_pruned,
		(unsigned long long)n->zero_windows, (unsigned long long)n->probes,
		(unsigned long long)n->conns, (unsigned long long)n->rcv_bytes_held,
		(unsigned long long)tcp_next_deadline(s->tcp));
	for (const struct session *v = s->sessions; v < s->end; v++) {
		struct tcp_info i;

		if (!v->conn || (s->w->client_count >= 20 && v->plan.id % 1000 != s->w->focus))
			continue;
		tcp_info(v->conn, &i);
		printf("  session %u: %s read %llu of %u written %llu of %u unread %u held %u wnd "
		       "%u rto %u "
		       "cwnd %u ghost %d lazy %d\n",
			v->plan.id, tcp_state_name(i.state), (unsigned long long)v->read,
			v->plan.up, (unsigned long long)v->written, v->plan.down, i.unread,
			i.rcv_held, i.rcv_wnd, i.rto_us, i.cwnd, v->ghost, v->lazy);
	}
}
