/*
 * A sequence of segments and calls against a stack with state. The input is a small program: each
 * step injects a segment whose numbers are near what the stack expects (so that mutations stay
 * interesting), a raw one, or does what an application, the clock or ICMP might do. What must hold
 * is checked after every step, and at the end every buffer has come back.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/bytes.h"
#include "dataplane/tcp/tcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FLOWS	  4
#define MAX_STEPS 400
#define MUST(x)                                                                                    \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

struct buf {
	uint8_t bytes[2048];
};

struct flow {
	struct ip_flow flow;
	uint32_t isn;	    /* the peer's, as the last SYN said */
	uint32_t our_next;  /* what the peer should acknowledge, as our last segment said */
	uint32_t peer_next; /* what we expect of the peer, as our last acknowledgement said */
	uint32_t our_ts;
	struct tcp_conn *conn;
	uint64_t read;
	bool hold, opening;
	uint8_t on_event; /* what to do from inside of the next callback */
};

struct fuzz {
	struct tcp_stack *s;
	struct tcp_config cfg;
	struct flow flow[FLOWS];
	uint64_t now, bufs, accepted, closed;
	bool no_buffers, drop_output, refuse, refuse_silently;
};

static struct flow *flow_by_port(struct fuzz *f, uint16_t port)
{
	return &f->flow[port % FLOWS];
}

static int op_output(void *ctx, const struct tcp_tx *tx)
{
	struct fuzz *f = ctx;
	struct flow *w = flow_by_port(f, tx->flow.dst_port);
	uint8_t flags = tx->hdr[13];

	MUST(tx->hdr_len >= 20 && tx->hdr_len <= 60 && tx->hdr[12] >> 4 << 2 == (int)tx->hdr_len);
	MUST(tx->payload_len <= 1460);
	if (f->drop_output)
		return -1;
	if (flags & TCP_RST)
		return 0;
	w->our_next = load_be32(tx->hdr + 4) + tx->payload_len + !!(flags & (TCP_SYN | TCP_FIN));
	w->peer_next = load_be32(tx->hdr + 8);
	for (const uint8_t *o = tx->hdr + 20; o < tx->hdr + tx->hdr_len; o += *o == 1 ? 1 : o[1])
		if (*o == 8)
			w->our_ts = load_be32(o + 2);
	return 0;
}

static void read_some(struct fuzz *f, struct flow *w, struct tcp_conn *c, uint32_t n)
{
	volatile uint8_t touched = 0;

	while (n > 0 && tcp_unread(c) > 0) {
		struct tcp_span v[2];
		uint32_t done = 0;
		unsigned spans = tcp_peek(c, v, 2);

		MUST(spans > 0);
		for (unsigned i = 0; i < spans; i++) {
			touched = touched ^ v[i].data[0] ^ v[i].data[v[i].len - 1];
			done += v[i].len;
		}
		done = done < n ? done : n;
		tcp_consume(c, done, f->now);
		w->read += done;
		n -= done;
	}
}

static void app(struct fuzz *f, struct flow *w, struct tcp_conn *c, uint8_t what, uint32_t n)
{
	static const uint8_t zeros[5000];

	switch (what % 8) {
	case 0:
		tcp_write(c, zeros, n % sizeof(zeros), f->now);
		break;
	case 1:
		tcp_close(c, f->now);
		break;
	case 2:
		tcp_abort(c, f->now);
		break;
	case 3:
		read_some(f, w, c, n);
		break;
	case 4:
		w->hold = !w->hold;
		break;
	case 5:
		MUST(tcp_write_room(c) <= f->cfg.snd_buf);
		break;
	case 6:
		tcp_write(c, zeros, sizeof(zeros), f->now);
		break;
	default:
		break;
	}
}

static void op_event(void *ctx, struct tcp_conn *c, enum tcp_event ev)
{
	struct fuzz *f = ctx;
	struct tcp_info info;
	struct flow *w;
	uint8_t todo;

	tcp_info(c, &info);
	MUST(tcp_state_name(info.state)[0] != '\0');
	w = flow_by_port(f, info.flow.src_port);
	if (ev == TCP_EV_ACCEPTED) {
		MUST(tcp_user(c) == NULL);
		/* An old one may still hold unread bytes of the same flow; it is let go. */
		if (w->conn)
			tcp_abort(w->conn, f->now);
		f->accepted++;
		w->conn = c;
		w->read = 0;
		tcp_set_user(c, w);
	}
	MUST(tcp_user(c) == w && w->conn == c);
	MUST(info.bytes_in == w->read + tcp_unread(c));
	w->opening = false;
	if (ev == TCP_EV_CLOSED) {
		read_some(f, w, c, w->hold ? 10 : UINT32_MAX);
		f->closed++;
		w->conn = NULL;
	}
	todo = w->on_event;
	w->on_event = 7;
	app(f, w, c, todo, 3000);
	if (ev == TCP_EV_READABLE && w->conn == c && !w->hold)
		read_some(f, w, c, UINT32_MAX);
}

static void op_buf_free(void *ctx, void *buf)
{
	struct fuzz *f = ctx;

	MUST(f->bufs > 0);
	f->bufs--;
	free(buf);
}

static void *op_buf_alloc(void *ctx, uint8_t **data, uint32_t *capacity, uint32_t *buf_size)
{
	struct fuzz *f = ctx;
	struct buf *b;

	if (f->no_buffers)
		return NULL;
	b = malloc(sizeof(*b));
	MUST(b);
	f->bufs++;
	*data = b->bytes;
	*capacity = sizeof(b->bytes);
	*buf_size = 2304;
	return b;
}

static uint32_t op_mtu(void *ctx, const struct ip_addr *dst)
{
	(void)ctx;
	(void)dst;
	return 1500;
}

static bool op_listening(void *ctx, const struct ip_flow *flow, bool *drop)
{
	struct fuzz *f = ctx;

	*drop = f->refuse_silently;
	return flow->dst_port == 514 && !f->refuse;
}

static void inject(struct fuzz *f, struct flow *w, const uint8_t *seg, uint32_t len, uint32_t size)
{
	/* Exactly as large as the segment, so that a read past its end is seen. */
	uint8_t *b = malloc(len ? len : 1);
	struct tcp_rx rx = {w->flow, b, len, b, size, false};

	MUST(b);
	memcpy(b, seg, len);
	f->bufs++;
	tcp_input(f->s, &rx, f->now);
}

/* Numbers near what is expected: mostly exactly that, else a little off, or anything. */
static uint32_t near(struct byte_reader *in, uint32_t expected)
{
	uint8_t how = byte_reader_u8(in);

	if (how < 128)
		return expected;
	if (how < 224)
		return expected + (uint32_t)(int8_t)byte_reader_u8(in) * (how & 1 ? 1U : 100U);
	return expected + byte_reader_be32(in);
}

static void step_segment(struct fuzz *f, struct flow *w, struct byte_reader *in)
{
	uint8_t seg[60 + 2000] = {0};
	uint8_t flags = byte_reader_u8(in);
	uint8_t shape = byte_reader_u8(in);
	uint32_t hdr = 20, len;

	if (flags & TCP_SYN) {
		w->isn = near(in, w->isn);
		store_be32(seg + 4, w->isn);
	} else {
		store_be32(seg + 4, near(in, w->peer_next));
	}
	store_be32(seg + 8, near(in, w->our_next));
	if (shape & 1) { /* timestamps */
		memcpy(seg + hdr, (const uint8_t[4]){1, 1, 8, 10}, 4);
		store_be32(seg + hdr + 4, near(in, (uint32_t)(f->now / 1000)));
		store_be32(seg + hdr + 8, w->our_ts);
		hdr += 12;
	}
	if (shape & 2) { /* SACK: a block or two of what we sent */
		uint8_t n = shape & 4 ? 2 : 1;

		memcpy(seg + hdr, (const uint8_t[4]){1, 1, 5, (uint8_t)(2 + 8 * n)}, 4);
		hdr += 4;
		for (unsigned i = 0; i < 2U * n; i++, hdr += 4)
			store_be32(seg + hdr, w->our_next - 536U * (byte_reader_u8(in) & 31));
	}
	if (flags & TCP_SYN) {
		memcpy(seg + hdr, (const uint8_t[12]){2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 5}, 12);
		seg[hdr + 2] = byte_reader_u8(in) & 7;
		seg[hdr + 11] = byte_reader_u8(in) & 15;
		hdr += shape & 4 ? 12 : 4;
	}
	if (shape & 8) { /* options of any kind */
		uint8_t n = byte_reader_u8(in) % 5 * 4;

		for (unsigned i = 0; i < n && hdr < 60; i++)
			seg[hdr++] = byte_reader_u8(in);
		while (hdr % 4)
			hdr++;
	}
	hdr = hdr > 60 ? 60 : hdr;
	store_be16(seg + 14, shape & 16 ? byte_reader_be16(in) : 60000);
	len = shape & 32 ? byte_reader_be16(in) % 2000 : shape & 64 ? 1460 : 0;
	store_be16(seg, w->flow.src_port);
	store_be16(seg + 2, w->flow.dst_port);
	seg[12] = (uint8_t)(hdr / 4 << 4);
	seg[13] = flags;
	memset(seg + hdr, 'x', len);
	inject(f, w, seg, hdr + len, shape & 128 ? 30000 : 2304);
}

static void step_raw(struct fuzz *f, struct flow *w, struct byte_reader *in)
{
	uint32_t len = byte_reader_u8(in);
	const uint8_t *p;

	if (len > byte_reader_left(in))
		len = (uint32_t)byte_reader_left(in);
	p = byte_reader_take(in, len);
	if (p)
		inject(f, w, p, len, 100);
}

static void step_time(struct fuzz *f, struct byte_reader *in)
{
	uint8_t how = byte_reader_u8(in);
	uint64_t next = tcp_next_deadline(f->s);

	if (how & 1) {
		f->now += (uint64_t)byte_reader_be16(in) << (how >> 3 & 15);
	} else if (next != UINT64_MAX) {
		f->now = next > f->now ? next : f->now;
	}
	for (unsigned i = 0; tcp_next_deadline(f->s) <= f->now; i++) {
		MUST(i < 100000); /* a deadline that never goes away */
		tcp_expire(f->s, f->now, 1 + (how >> 1 & 3));
	}
}

static void step_icmp(struct fuzz *f, const struct flow *w, struct byte_reader *in)
{
	struct ip_flow ours = {w->flow.dst, w->flow.src, w->flow.dst_port, w->flow.src_port};
	uint32_t seq = near(in, w->our_next - (w->opening ? 1 : 100));
	uint32_t mtu = byte_reader_be16(in);

	if (mtu < 2)
		tcp_unreachable(f->s, &ours, seq, mtu == 0);
	else
		tcp_icmp(f->s, &ours, seq, mtu, f->now);
}

static void step_connect(struct fuzz *f, struct flow *w)
{
	w->on_event = 7;
	if (tcp_connect(f->s, &w->flow, w, f->now, &w->conn) != 0)
		return;
	f->accepted++;
	w->read = 0;
	w->opening = true;
}

static void step_world(struct fuzz *f, struct flow *w, struct byte_reader *in)
{
	uint8_t what = byte_reader_u8(in);

	f->no_buffers = what & 1;
	f->drop_output = what & 2;
	f->refuse = what & 4;
	f->refuse_silently = what & 8;
	w->on_event = what >> 4;
	if (what & 128)
		w->flow.dst_port = w->flow.dst_port == 514 ? 80 : 514;
}

static void check(struct fuzz *f)
{
	const struct tcp_counters *n = tcp_counters(f->s);

	MUST(n->rcv_bytes_held <= f->cfg.rcv_buf_total);
	MUST(n->conns == f->accepted - f->closed && n->conns <= f->cfg.max_conns);
	MUST(n->accepted + n->connects == f->accepted && n->closed == f->closed);
	MUST(n->time_wait <= f->cfg.max_time_wait);
}

static void run(struct fuzz *f, struct byte_reader *in)
{
	for (unsigned i = 0; i < MAX_STEPS && byte_reader_left(in) > 0; i++) {
		uint8_t op = byte_reader_u8(in);
		struct flow *w = &f->flow[op >> 4 & 3];

		switch (op & 15) {
		case 0:
			step_raw(f, w, in);
			break;
		case 1:
		case 2: {
			uint8_t what = byte_reader_u8(in);
			uint32_t n = byte_reader_be16(in);

			if (w->conn)
				app(f, w, w->conn, what, n);
			else if (what & 1)
				step_connect(f, w);
			break;
		}
		case 3:
		case 4:
			step_time(f, in);
			break;
		case 5:
			step_icmp(f, w, in);
			break;
		case 6:
			step_world(f, w, in);
			break;
		default:
			step_segment(f, w, in);
		}
		if (!(op & 128))
			tcp_flush(f->s, f->now);
		check(f);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct tcp_ops ops = {
		op_output, op_event, op_buf_free, op_buf_alloc, op_mtu, op_listening};
	struct byte_reader in = byte_reader_init(data, size);
	struct fuzz f = {.now = 5000000000ULL};
	uint8_t shape = byte_reader_u8(&in);

	tcp_config_defaults(&f.cfg);
	f.cfg.key = (struct siphash_key){1, 2};
	f.cfg.max_conns = 3;
	f.cfg.max_half_open = shape & 1 ? 1 : 8;
	f.cfg.max_time_wait = shape & 2 ? 1 : 8;
	f.cfg.rcv_buf = shape & 4 ? 20000 : 100000;
	f.cfg.rcv_buf_total = shape & 8 ? 32000 : 200000;
	f.cfg.snd_buf = 20000;
	f.cfg.snd_buf_total = shape & 16 ? 0 : 100000;
	f.cfg.cookies_always = shape & 32;
	f.cfg.keepalive_idle_us = shape & 64 ? 10000000 : 0;
	f.cfg.data_retries = 4;
	for (unsigned i = 0; i < FLOWS; i++) {
		struct flow *w = &f.flow[i];

		w->flow.src = ip_addr_v4((const uint8_t[4]){192, 0, 2, 1});
		w->flow.dst = ip_addr_v4((const uint8_t[4]){192, 0, 2, 2});
		if (i == 3)
			memset(w->flow.src.b, 0x20, 16); /* IPv6 */
		w->flow.src_port = (uint16_t)(1000 + i);
		w->flow.dst_port = 514;
		w->isn = 0xfffff000;
		w->on_event = 7;
	}
	f.s = tcp_stack_new(&f.cfg, &ops, &f);
	MUST(f.s);
	run(&f, &in);
	tcp_stack_free(f.s);
	MUST(f.bufs == 0);
	return 0;
}
