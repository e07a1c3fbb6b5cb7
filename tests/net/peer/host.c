/*
 * peer-host END ADDRESS... [call PEER SIZE SEED]...
 *
 * A host that consists of the rooms net and tcp, on an interface of the kernel's: what another
 * stack talks to, in both directions. ADDRESS is an IPv4 or IPv6 address of a network of 24 or 64
 * bits. It listens on port 514; the first byte of a connection says what it does:
 *
 *     E           sends back all that comes, until the peer closes
 *     G LEN(4)    sends LEN bytes of a pattern, then closes
 *     P           takes what comes; when the peer closes, says how many bytes (4) and closes
 *
 * With `call` it opens connections itself, to port 514 of PEER, all at once: SIZE random bytes to
 * be sent back. Then it ends when these have ended.
 *
 * Says "ready"; after SIGTERM it waits for its connections to end (PARTING at most), then prints
 * what TCP counted, as JSON.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "call.h"
#include "dataplane/base/bytes.h"
#include "dataplane/net/net.h"
#include "dataplane/tcp/tcp.h"
#include "ends.h"
#include "tests/lib/tcp_plain.h"

#define PROTO_TCP 6
#define SESSIONS  1024U
#define CALLS	  8U
#define CALL_PORT 30000U /* the local port of the first */
#define BUF	  2048U
#define PARTING	  15000000U /* us */

struct session {
	struct tcp_conn *conn;
	uint8_t mode;  /* 0: not known yet */
	uint32_t left; /* G: to send */
	uint32_t took; /* P */
	bool fin, closed;
	struct call *call; /* we have opened it */
};

struct host {
	int fd;
	uint64_t now;
	struct net_port *net;
	struct tcp_stack *tcp;
	struct session sessions[SESSIONS];
	struct call calls[CALLS];
	unsigned call_count;
};

static volatile sig_atomic_t ended;

static void on_end(int sig)
{
	(void)sig;
	ended = 1;
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Frames out */

static uint8_t *frame_alloc(void *ctx, uint32_t len, void **handle)
{
	(void)ctx;
	*handle = malloc(len);
	return *handle;
}

static void frame_send(void *ctx, void *handle, uint32_t len)
{
	struct host *h = ctx;

	/* A full queue is a loss like any other. */
	if (write(h->fd, handle, len) < 0 && errno != EAGAIN && errno != ENOBUFS && errno != EIO)
		err(1, "write");
	free(handle);
}

static struct net_out net_out(struct host *h)
{
	return (struct net_out){h, frame_alloc, frame_send};
}

static int op_output(void *ctx, const struct tcp_tx *seg)
{
	struct host *h = ctx;
	uint32_t len = seg->hdr_len + seg->payload_len;
	struct net_out out = net_out(h);
	uint8_t l2[NET_L2_MAX], ip[40];
	unsigned l2_len = net_port_l2(h->net, &seg->flow.dst, l2);
	unsigned ip_len = net_build_ip(ip, &seg->flow.src, &seg->flow.dst, PROTO_TCP, len);
	uint8_t *f = malloc(l2_len + ip_len + len);
	uint8_t *t;
	uint16_t sum;

	if (!f)
		return -1;
	t = f + l2_len + ip_len;
	memcpy(f, l2, l2_len);
	memcpy(f + l2_len, ip, ip_len);
	memcpy(t, seg->hdr, seg->hdr_len);
	if (seg->payload_len)
		memcpy(t + seg->hdr_len, seg->payload, seg->payload_len);
	sum = net_l4_checksum(&seg->flow.src, &seg->flow.dst, PROTO_TCP, t, len);
	memcpy(t + 16, &sum, sizeof(sum));
	if (l2_len) {
		frame_send(h, f, l2_len + ip_len + len);
	} else {
		net_port_send_ip(h->net, f, ip_len + len, &out, h->now);
		free(f);
	}
	return 0;
}

/* What it does for a peer */

static void session_send(struct host *h, struct session *s)
{
	uint8_t bytes[4096];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + (i >> 8));
	while (s->left > 0) {
		uint32_t n = s->left < sizeof(bytes) ? s->left : (uint32_t)sizeof(bytes);
		uint32_t took = tcp_write(s->conn, bytes, n, h->now);

		s->left -= took;
		if (took < n)
			return;
	}
	if (!s->closed) {
		s->closed = true;
		tcp_close(s->conn, h->now);
	}
}

static void session_echo(struct host *h, struct session *s)
{
	struct tcp_span v;

	while (tcp_peek(s->conn, &v, 1) == 1) {
		uint32_t took = tcp_write(s->conn, v.data, v.len, h->now);

		if (took == 0)
			return;
		tcp_consume(s->conn, took, h->now);
	}
	if (s->fin && !s->closed) {
		s->closed = true;
		tcp_close(s->conn, h->now);
	}
}

static void session_take(struct host *h, struct session *s)
{
	uint32_t n = tcp_unread(s->conn);
	uint8_t answer[4];

	s->took += n;
	tcp_consume(s->conn, n, h->now);
	if (s->fin && !s->closed) {
		s->closed = true;
		store_be32(answer, s->took);
		tcp_write(s->conn, answer, sizeof(answer), h->now);
		tcp_close(s->conn, h->now);
	}
}

/* The word that a connection begins with; false: not all of it is there. */
static bool session_begin(struct host *h, struct session *s)
{
	uint8_t word[5] = {0};
	struct tcp_span v[5];
	unsigned spans = tcp_peek(s->conn, v, 5);
	uint32_t have = 0, need;

	for (unsigned i = 0; i < spans; i++)
		for (uint32_t k = 0; k < v[i].len && have < sizeof(word); k++)
			word[have++] = v[i].data[k];
	need = word[0] == 'G' ? 5 : 1;
	if (have < need)
		return false;
	s->mode = word[0];
	s->left = load_be32(word + 1);
	tcp_consume(s->conn, need, h->now);
	return true;
}

static void session_go(struct host *h, struct session *s)
{
	if (!s->mode && !session_begin(h, s))
		return;
	if (s->mode == 'E')
		session_echo(h, s);
	else if (s->mode == 'G')
		session_send(h, s);
	else if (s->mode == 'P')
		session_take(h, s);
	else
		tcp_abort(s->conn, h->now);
}

static struct session *session_place(struct host *h)
{
	struct session *s = h->sessions;

	while (s->conn)
		s++;
	return s;
}

static void op_event(void *ctx, struct tcp_conn *c, enum tcp_event ev)
{
	struct host *h = ctx;
	struct session *s = tcp_user(c);

	if (ev == TCP_EV_ACCEPTED) {
		s = session_place(h);
		*s = (struct session){.conn = c};
		tcp_set_user(c, s);
		return;
	}
	if (s->call)
		call_event(s->call, ev, h->now);
	if (ev == TCP_EV_CLOSED) {
		s->conn = NULL;
		return;
	}
	s->fin |= ev == TCP_EV_PEER_FIN;
	if (!s->call)
		session_go(h, s);
}

/* Calls */

/* Opens a connection to the peer from our address of its family. */
static void dial(struct host *h, const struct net_config *cfg, char **words)
{
	struct session *s = session_place(h);
	struct ip_flow flow = {.src_port = 514, .dst_port = (uint16_t)(CALL_PORT + h->call_count)};
	unsigned own = 0;

	if (h->call_count == CALLS || ip_addr_parse(&flow.src, words[0]) != 0)
		errx(2, "no call to %s", words[0]);
	while (own < cfg->addresses_count &&
		ip_addr_is_v4(&cfg->addresses[own].addr) != ip_addr_is_v4(&flow.src))
		own++;
	if (own == cfg->addresses_count)
		errx(2, "no address for a call to %s", words[0]);
	flow.dst = cfg->addresses[own].addr;
	*s = (struct session){.call = &h->calls[h->call_count++]};
	call_begin(s->call, (uint32_t)strtoul(words[1], NULL, 10), strtoul(words[2], NULL, 10));
	if (tcp_connect(h->tcp, &flow, s, h->now, &s->conn) != 0)
		errx(1, "no connection to %s", words[0]);
	s->call->conn = s->conn;
}

static bool calls_over(const struct host *h)
{
	for (unsigned i = 0; i < h->call_count; i++)
		if (!h->calls[i].over)
			return false;
	return h->call_count > 0;
}

static void op_buf_free(void *ctx, void *buf)
{
	(void)ctx;
	free(buf);
}

static void *op_buf_alloc(void *ctx, uint8_t **data, uint32_t *capacity, uint32_t *buf_size)
{
	(void)ctx;
	*data = malloc(BUF);
	*capacity = BUF;
	*buf_size = BUF;
	return *data;
}

/* Frames in */

static void segment(struct host *h, const struct net_pkt *pkt)
{
	uint8_t *copy = malloc(pkt->payload_len);
	struct tcp_rx rx = {pkt->flow, copy, pkt->payload_len, copy,
		pkt->payload_len > BUF ? pkt->payload_len : BUF, false};

	if (!copy)
		err(1, "memory");
	memcpy(copy, pkt->payload, pkt->payload_len);
	tcp_input(h->tcp, &rx, h->now);
}

static void frame(struct host *h, const uint8_t *bytes, uint32_t len)
{
	struct net_out out = net_out(h);
	struct net_control_result res;
	struct net_pkt pkt;

	net_parse(h->net, bytes, len, NET_CSUM_UNKNOWN, NET_CSUM_UNKNOWN, &pkt);
	if (pkt.verdict == NET_TCP) {
		segment(h, &pkt);
	} else if (pkt.verdict == NET_CONTROL) {
		net_control(h->net, bytes, len, NET_CSUM_UNKNOWN, &out, h->now, &res);
		if (res.datagram && res.pkt.verdict == NET_TCP)
			segment(h, &res.pkt);
		if (res.icmp.valid && res.icmp.mtu)
			tcp_icmp(h->tcp, &res.icmp.flow, res.icmp.seq, res.icmp.mtu, h->now);
		else if (res.icmp.valid)
			tcp_unreachable(h->tcp, &res.icmp.flow, res.icmp.seq, res.icmp.hard);
	}
}

static void round_of(struct host *h)
{
	struct net_out out = net_out(h);
	uint8_t bytes[FRAME_MAX];

	h->now = now_us();
	for (unsigned i = 0; i < 32; i++) {
		ssize_t n = read(h->fd, bytes, sizeof(bytes));

		if (n <= 0)
			break;
		frame(h, bytes, (uint32_t)n);
	}
	if (tcp_next_deadline(h->tcp) <= h->now)
		tcp_expire(h->tcp, h->now, 256);
	tcp_flush(h->tcp, h->now);
	if (net_port_next_deadline(h->net) <= h->now)
		net_port_expire(h->net, &out, h->now);
}

static void addresses(struct net_config *cfg, int argc, char **argv)
{
	static const uint8_t mac[6] = {0x02, 0x64, 0x74, 0x61, 0x70, 0x02};

	net_config_defaults(cfg);
	cfg->dad_us = 0;
	memcpy(cfg->mac, mac, sizeof(mac));
	if (getrandom(&cfg->key, sizeof(cfg->key), 0) != sizeof(cfg->key))
		err(1, "random");
	for (int i = 2; i < argc && strcmp(argv[i], "call") != 0 &&
			cfg->addresses_count < NET_MAX_ADDRESSES;
		i++) {
		struct net_address *a = &cfg->addresses[cfg->addresses_count++];
		uint8_t v4[4];

		if (inet_pton(AF_INET, argv[i], v4) == 1) {
			a->addr = ip_addr_v4(v4);
			a->prefix_len = 120;
		} else if (inet_pton(AF_INET6, argv[i], a->addr.b) == 1) {
			a->prefix_len = 64;
		} else {
			errx(2, "no address: %s", argv[i]);
		}
	}
}

static void report(const struct host *h)
{
	const struct tcp_counters *n = tcp_counters(h->tcp);
	unsigned good = 0;

	for (unsigned i = 0; i < h->call_count; i++)
		good += call_good(&h->calls[i]);
	printf("{\"calls\": %u, \"good_calls\": %u, ", h->call_count, good);
	printf("\"accepted\": %llu, \"closed\": %llu, \"retransmits\": %llu, "
	       "\"fast_retransmits\": %llu, \"rack_lost\": %llu, \"tlp_probes\": %llu, "
	       "\"rto_fired\": %llu, \"ooo_queued\": %llu, \"dup_segments\": %llu, "
	       "\"ooo_dropped\": %llu, "
	       "\"reset_in\": %llu, \"reset_out\": %llu, \"conns\": %llu}\n",
		(unsigned long long)n->accepted, (unsigned long long)n->closed,
		(unsigned long long)n->retransmits, (unsigned long long)n->fast_retransmits,
		(unsigned long long)n->rack_lost, (unsigned long long)n->tlp_probes,
		(unsigned long long)n->rto_fired, (unsigned long long)n->ooo_queued,
		(unsigned long long)n->dup_segments, (unsigned long long)n->ooo_dropped,
		(unsigned long long)n->reset_in, (unsigned long long)n->reset_out,
		(unsigned long long)n->conns);
}

int main(int argc, char **argv)
{
	static const struct tcp_ops ops = {
		op_output, op_event, op_buf_free, op_buf_alloc, tcp_plain_mtu, tcp_plain_listening};
	static struct host h;
	struct sigaction act = {.sa_handler = on_end};
	struct net_config ncfg;
	struct tcp_config cfg;
	uint64_t until = 0;

	if (argc < 3)
		errx(2, "usage: peer-host END ADDRESS... [call PEER SIZE SEED]...");
	sigaction(SIGTERM, &act, NULL);
	addresses(&ncfg, argc, argv);
	tcp_config_defaults(&cfg);
	cfg.max_conns = SESSIONS;
	cfg.rcv_buf = 4U << 20; /* as the kernel's: not what limits a way of 100 ms */
	cfg.snd_buf = 4U << 20;
	cfg.key = ncfg.key;
	h.fd = end_open(argv[1]);
	h.net = net_port_new(&ncfg);
	h.tcp = tcp_stack_new(&cfg, &ops, &h);
	if (!h.net || !h.tcp)
		err(1, "memory");
	printf("ready\n");
	fflush(stdout);
	h.now = now_us();
	for (int i = 2; i + 3 < argc; i++)
		if (strcmp(argv[i], "call") == 0)
			dial(&h, &ncfg, argv + i + 1);
	while (!calls_over(&h) && (!ended || (tcp_counters(h.tcp)->conns > 0 && h.now < until))) {
		struct pollfd fd = {h.fd, POLLIN, 0};
		uint64_t next = tcp_next_deadline(h.tcp);
		uint64_t net = net_port_next_deadline(h.net);
		struct timespec ts = {1, 0};
		uint64_t now = now_us();

		if (!ended)
			until = now + PARTING;
		next = net < next ? net : next;
		if (next < now + 1000000)
			ts = (struct timespec){0, next > now ? (long)(next - now) * 1000 : 0};
		if (ppoll(&fd, 1, &ts, NULL) < 0 && errno != EINTR)
			err(1, "poll");
		round_of(&h);
	}
	report(&h);
	tcp_stack_free(h.tcp);
	net_port_free(h.net);
	return 0;
}
