/*
 * sim-tcp-crowd [SEED]
 *
 * Many at once, where a world of sim-tcp has a few: 10,000 connections that are all open together
 * and send in turn, losing one segment in ten; then 100,000 half-open ones beside a stream that
 * goes on, until each of them has been given up.
 */
#include <string.h>

#include "dataplane/base/bytes.h"
#include "sim.h"
#include "tests/lib/tcp_plain.h"

#define PEERS	  10000U
#define HALF_OPEN 100000U
#define BYTES	  4000U /* of each peer */
#define STREAM	  2000000U
#define MSS	  1460U

#define must(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			printf("FAILED: seed %llu: %s:%d: %s\n", (unsigned long long)crowd.seed,   \
				__FILE__, __LINE__, #cond);                                        \
			fflush(stdout);                                                            \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

struct peer {
	struct tcp_conn *conn;
	uint32_t isn, una, nxt, size; /* in bytes of the stream; size: one more is the FIN */
	uint32_t edge;		      /* what the server's window allows */
	uint32_t rcv_nxt;
	uint32_t got; /* read by the server */
	bool open, done;
};

static struct {
	uint64_t seed, now;
	struct rng rng;
	struct tcp_stack *tcp;
	struct peer *peers; /* PEERS of them, and the stream */
	uint64_t bufs, synacks;
} crowd;

static struct ip_flow flow_of(uint32_t i)
{
	struct ip_flow f = {.src_port = (uint16_t)(1024 + i % 50000), .dst_port = 514};

	f.src = ip_addr_v4(
		(const uint8_t[4]){10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i});
	f.dst = ip_addr_v4((const uint8_t[4]){192, 0, 2, 2});
	return f;
}

static struct peer *peer_at(const struct ip_addr *a)
{
	uint32_t i = (uint32_t)a->b[13] << 16 | (uint32_t)a->b[14] << 8 | a->b[15];

	return i <= PEERS ? &crowd.peers[i] : NULL;
}

static void segment_to_server(
	uint32_t i, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t from, uint32_t len)
{
	uint8_t *b = malloc(2048);
	struct tcp_rx rx = {flow_of(i), b, 20 + len, b, 2304, false};

	must(b);
	memset(b, 0, 20);
	store_be16(b, rx.flow.src_port);
	store_be16(b + 2, 514);
	store_be32(b + 4, seq);
	store_be32(b + 8, ack);
	b[12] = 5 << 4;
	b[13] = flags;
	store_be16(b + 14, 65535);
	for (uint32_t k = 0; k < len; k++)
		b[20 + k] = stream_byte(i, from + k);
	crowd.bufs++;
	tcp_input(crowd.tcp, &rx, crowd.now);
}

static int op_output(void *ctx, const struct tcp_tx *tx)
{
	struct peer *p = peer_at(&tx->flow.dst);
	uint32_t ack = load_be32(tx->hdr + 8);
	uint8_t flags = tx->hdr[13];

	(void)ctx;
	if (flags & TCP_SYN)
		crowd.synacks++;
	if (!p)
		return 0; /* nobody who answers */
	must(!(flags & TCP_RST));
	if (flags & TCP_SYN) {
		p->open = true;
		p->rcv_nxt = load_be32(tx->hdr + 4) + 1;
	}
	if (flags & TCP_FIN)
		p->done = true;
	p->una = ack - p->isn - 1;
	p->edge = p->una + load_be16(tx->hdr + 14); /* neither of us scales it */
	if (p->nxt < p->una)
		p->nxt = p->una;
	return 0;
}

static void read_all(struct peer *p)
{
	uint32_t i = (uint32_t)(p - crowd.peers);
	struct tcp_span v;

	while (tcp_peek(p->conn, &v, 1) == 1) {
		for (uint32_t k = 0; k < v.len; k++)
			must(v.data[k] == stream_byte(i, p->got + k));
		p->got += v.len;
		tcp_consume(p->conn, v.len, crowd.now);
	}
}

static void op_event(void *ctx, struct tcp_conn *c, enum tcp_event ev)
{
	struct tcp_info info;
	struct peer *p;

	(void)ctx;
	tcp_info(c, &info);
	p = peer_at(&info.flow.src);
	must(p);
	if (ev == TCP_EV_ACCEPTED) {
		must(!p->conn);
		p->conn = c;
		return;
	}
	must(p->conn == c);
	read_all(p);
	if (ev == TCP_EV_PEER_FIN)
		tcp_close(c, crowd.now);
	if (ev == TCP_EV_CLOSED) {
		must(info.why == TCP_CLOSED_NORMALLY);
		must(p->got == p->size);
		p->conn = NULL;
	}
}

static void op_buf_free(void *ctx, void *buf)
{
	(void)ctx;
	crowd.bufs--;
	free(buf);
}

static void *op_buf_alloc(void *ctx, uint8_t **data, uint32_t *capacity, uint32_t *buf_size)
{
	(void)ctx;
	crowd.bufs++;
	*capacity = 2048;
	*buf_size = 2304;
	return *data = malloc(2048);
}

static void time_passes(uint64_t us)
{
	uint64_t until = crowd.now + us;

	tcp_flush(crowd.tcp, crowd.now);
	while (tcp_next_deadline(crowd.tcp) <= until) {
		uint64_t next = tcp_next_deadline(crowd.tcp);

		crowd.now = next > crowd.now ? next : crowd.now;
		tcp_expire(crowd.tcp, crowd.now, 64);
	}
	crowd.now = until;
}

static bool lost(void)
{
	return rng_chance(&crowd.rng, 100);
}

/* The peer's next step: one segment, of which one in ten gets lost. */
static void step(uint32_t i)
{
	struct peer *p = &crowd.peers[i];
	uint32_t seq = p->isn + 1 + p->nxt;
	uint32_t len = p->size - (p->nxt < p->size ? p->nxt : p->size);

	if (p->done) {
		if (p->conn && !lost())
			segment_to_server(i, TCP_ACK, p->isn + 2 + p->size, p->rcv_nxt + 1, 0, 0);
		return;
	}
	if (p->una > p->size)
		return; /* its FIN is acknowledged: the server's turn */
	if (p->nxt > p->size || (len > 0 && p->nxt >= p->edge)) {
		p->nxt = p->una; /* again from what is missing */
		return;
	}
	if (len == 0) {
		if (!lost())
			segment_to_server(i, TCP_ACK | TCP_FIN, seq, p->rcv_nxt, 0, 0);
		p->nxt = p->una;
		return;
	}
	if (len > MSS)
		len = rng_range(&crowd.rng, 1, MSS);
	if (len > p->edge - p->nxt)
		len = p->edge - p->nxt;
	if (!lost())
		segment_to_server(i, TCP_ACK, seq, p->rcv_nxt, p->nxt, len);
	p->nxt = rng_chance(&crowd.rng, 200) ? p->una : p->nxt + len;
}

static void peer_init(uint32_t i, uint32_t size)
{
	crowd.peers[i] = (struct peer){.isn = (uint32_t)rng_next(&crowd.rng), .size = size};
}

static void peer_open(uint32_t i)
{
	struct peer *p = &crowd.peers[i];

	segment_to_server(i, TCP_SYN, p->isn, 0, 0, 0);
	must(p->open);
	segment_to_server(i, TCP_ACK, p->isn + 1, p->rcv_nxt, 0, 0);
	must(p->conn);
}

/* Steps of peers chosen by the dice, until all below `count` are through. */
static void run_peers(uint32_t count)
{
	uint64_t steps = 0;
	uint32_t at = 0;

	while (at < count) {
		step(rng_below(&crowd.rng, count));
		if (++steps % 64 == 0)
			time_passes(500);
		must(steps < 100ULL * count * (BYTES / 100));
		while (at < count && crowd.peers[at].done && !crowd.peers[at].conn)
			at++;
	}
}

static void start(uint32_t conns, uint32_t half_open)
{
	static const struct tcp_ops ops = {
		op_output, op_event, op_buf_free, op_buf_alloc, tcp_plain_mtu, tcp_plain_listening};
	struct tcp_config cfg;

	tcp_config_defaults(&cfg);
	cfg.key = (struct siphash_key){crowd.seed, 1};
	cfg.max_conns = conns;
	cfg.max_half_open = half_open;
	crowd.tcp = tcp_stack_new(&cfg, &ops, NULL);
	must(crowd.tcp);
	crowd.synacks = 0;
}

/* Nothing is left: no connection, no buffer, no timer. */
static void end(void)
{
	const struct tcp_counters *n = tcp_counters(crowd.tcp);

	time_passes(200000000);
	must(n->conns == 0 && n->half_open == 0 && n->time_wait == 0 && n->rcv_bytes_held == 0);
	must(tcp_next_deadline(crowd.tcp) == NEVER);
	must(crowd.bufs == 0);
	tcp_stack_free(crowd.tcp);
}

static void connections(void)
{
	start(PEERS, 1024);
	for (uint32_t i = 0; i < PEERS; i++) {
		peer_init(i, rng_range(&crowd.rng, 0, BYTES));
		peer_open(i);
	}
	must(tcp_counters(crowd.tcp)->conns == PEERS);
	/* One more than there is room for is not accepted, and harms nobody. */
	peer_init(PEERS, 0);
	segment_to_server(PEERS, TCP_SYN, 1, 0, 0, 0);
	segment_to_server(PEERS, TCP_ACK, 2, crowd.peers[PEERS].rcv_nxt, 0, 0);
	must(!crowd.peers[PEERS].conn && tcp_counters(crowd.tcp)->conn_limit == 1);
	run_peers(PEERS);
	must(tcp_counters(crowd.tcp)->closed == PEERS);
	printf("%u connections at once, %llu segments\n", PEERS,
		(unsigned long long)tcp_counters(crowd.tcp)->segs_in);
	end();
}

static void half_open(void)
{
	struct peer *stream = &crowd.peers[0];
	const struct tcp_counters *n;

	start(16, HALF_OPEN);
	n = tcp_counters(crowd.tcp);
	peer_init(0, STREAM);
	peer_open(0);
	for (uint32_t i = 1; i <= HALF_OPEN; i++) {
		segment_to_server(PEERS + i, TCP_SYN, i, 0, 0, 0);
		if (i % 100 == 0) {
			step(0);
			time_passes(10);
		}
	}
	must(n->half_open == HALF_OPEN && n->syn_cookies_sent == 0);
	/* Past the bound each SYN has a cookie, and the stream still goes on. */
	for (uint32_t i = 1; i <= 1000; i++)
		segment_to_server(PEERS + HALF_OPEN + i, TCP_SYN, i, 0, 0, 0);
	must(n->half_open == HALF_OPEN && n->syn_cookies_sent == 1000);
	while (!stream->done || stream->conn) {
		step(0);
		time_passes(500);
	}
	must(stream->got == STREAM);
	time_passes(120000000);
	must(n->half_open == 0);
	must(n->syn_dropped == HALF_OPEN);
	/* Each was answered once and five times again; and the stream, and the cookies once. */
	must(crowd.synacks == 6ULL * HALF_OPEN + 1 + 1000);
	printf("%u half-open at once, a stream of %u bytes beside them\n", HALF_OPEN, STREAM);
	end();
}

int main(int argc, char **argv)
{
	crowd.seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	crowd.rng.s = crowd.seed;
	crowd.now = 1000000;
	crowd.peers = calloc(PEERS + 1, sizeof(*crowd.peers));
	must(crowd.peers);
	connections();
	half_open();
	free(crowd.peers);
	return 0;
}
