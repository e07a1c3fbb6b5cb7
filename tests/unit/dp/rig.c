#include "tests/unit/dp/rig.h"

#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "dataplane/base/bytes.h"
#include "dataplane/lcore.h"
#include "dataplane/net/net.h"
#include "dataplane/tcp/tcp.h"
#include "tests/unit/dp/rig_wire.h"

#define WIRE_RING     4096u
#define RX_QUEUES_MAX 2u
#define TX_QUEUES_MAX 4u
#define WAIT_S	      60

static struct rte_ring *to_port[RX_QUEUES_MAX], *from_port;
static unsigned queues; /* rx */
static struct rte_mempool *pool;
static uint8_t port_mac[6];

bool (*rig_loses)(uint8_t host, const uint8_t *tcp, uint32_t len);

_Noreturn void rig_die(const char *what)
{
	fprintf(stderr, "rig: %s\n", what);
	exit(99);
}

static uint64_t now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec;
}

enum rig_lcores rig_lcores_named(const char *word)
{
	static const char *const words[] = {
		[RIG_ONE] = "one", [RIG_APART] = "apart", [RIG_MANY] = "many"};

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i]) == 0)
			return (enum rig_lcores)i;
	rig_die("lcores are one, apart or many");
}

static void client_mac(uint8_t host, uint8_t mac[6])
{
	const uint8_t m[6] = {0x02, 0, 0, 0, 0, host};

	memcpy(mac, m, 6);
}

static struct ip_addr client_addr(uint8_t host)
{
	const uint8_t a[4] = {192, 0, 2, host};

	return ip_addr_v4(a);
}

static int make_port(unsigned rx_queues, unsigned tx_queues)
{
	struct rte_ring *out[TX_QUEUES_MAX];

	for (unsigned q = 0; q < rx_queues; q++) {
		char name[32];

		snprintf(name, sizeof(name), "wire-in%u", q);
		to_port[q] = rte_ring_create(
			name, WIRE_RING, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (!to_port[q])
			rig_die("no ring");
	}
	from_port = rte_ring_create("wire-out", WIRE_RING, SOCKET_ID_ANY, RING_F_SC_DEQ);
	if (!from_port)
		rig_die("no ring");
	for (unsigned q = 0; q < tx_queues; q++)
		out[q] = from_port;
	queues = rx_queues;
	return rte_eth_from_rings("rig", to_port, rx_queues, out, tx_queues, 0);
}

static void wait_valid(struct rig *r)
{
	for (uint64_t end = now_s() + WAIT_S;;) {
		struct dp_port_info info;

		rig_pump(r);
		dp_ports(r->dp, &info, 1);
		memcpy(port_mac, info.mac, 6);
		if (strcmp(info.addresses[0].state, "valid") == 0)
			return;
		if (now_s() > end)
			rig_die("the address does not become valid");
	}
}

void rig_start(struct rig *r, const struct rig_options *o)
{
	unsigned each = o->lcores == RIG_MANY ? 2 : 1;
	unsigned lcores = o->lcores == RIG_ONE ? 1 : 2 * each;
	char list[64] = "--lcores=0@0";
	char *args[] = {"rig", "--no-huge", "-m", "256", "--no-pci", "--no-telemetry",
		"--main-lcore=0", "--iova-mode=va", "--log-level=lib.*:error", "--no-shconf", list,
		NULL};
	struct dp_config cfg;
	struct dp_error err = {{0}};
	struct journal_recovery rec;
	char notes[512];
	int port;

	memset(r, 0, sizeof(*r));
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		rig_die("two CPUs are needed");
	dp_config_defaults(&cfg);
	cfg.cores.rx_count = cfg.cores.workers_count = each;
	for (unsigned i = 0; i < each; i++) {
		cfg.cores.rx[i] = (uint16_t)(i % 2 == 0);
		cfg.cores.workers[i] = o->lcores == RIG_ONE ? 1 : (uint16_t)(i % 2);
	}
	for (unsigned i = 0; i < lcores; i++) {
		size_t n = strlen(list);

		snprintf(list + n, sizeof(list) - n, ",%u@%u", i + 1,
			(unsigned)(i < each ? cfg.cores.rx[i] : cfg.cores.workers[i - each]));
	}
	if (rte_eal_init(11, args) < 0)
		rig_die("no EAL");
	port = make_port(each, o->tx_queues ? o->tx_queues : lcores);
	if (port < 0)
		rig_die("no ring port");
	snprintf(r->dir, sizeof(r->dir), "/tmp/sluice-rig-XXXXXX");
	if (!mkdtemp(r->dir))
		rig_die("no directory");

	cfg.eal.huge = DP_HUGE_OFF;
	cfg.eal.memory_mib = o->memory_mib ? o->memory_mib : 128;
	cfg.cores.poll = o->busy ? DP_POLL_BUSY : DP_POLL_ADAPTIVE;
	cfg.cores.compressors = 1;
	cfg.limits.sessions = o->sessions ? o->sessions : 256;
	cfg.policy.sessions = cfg.limits.sessions;
	cfg.policy.device_rate = o->device_rate;
	if (o->farewell_us)
		cfg.limits.farewell_us = o->farewell_us;
	if (o->half_open)
		cfg.limits.half_open = o->half_open;
	if (o->blocks)
		cfg.journal.pool_blocks = o->blocks;
	cfg.limits.devices = 1000;
	cfg.ports_count = 1;
	snprintf(cfg.ports[0].name, sizeof(cfg.ports[0].name), "data0");
	if (rte_eth_dev_get_name_by_port((uint16_t)port, cfg.ports[0].devargs) != 0)
		rig_die("port without a name");
	cfg.ports[0].mtu = 1500;
	cfg.ports[0].vlan = NET_VLAN_NONE;
	cfg.ports[0].addresses_count = 1;
	ip_addr_parse(&cfg.ports[0].addresses[0].addr, RIG_SERVER);
	cfg.ports[0].addresses[0].prefix_len = 120;
	snprintf(cfg.journal.dir, sizeof(cfg.journal.dir), "%s", r->dir);
	cfg.journal.min_free = 0;
	cfg.journal.fs = o->fs;
	cfg.policy.cleartext |= o->cleartext;
	r->journal = cfg.journal;
	if (dp_start(&cfg, &r->dp, &rec, notes, sizeof(notes), &err) != 0 ||
		dp_run(r->dp, &err) != 0)
		rig_die(err.text);
	pool = rte_mempool_lookup("sluice");
	if (!pool)
		rig_die("no pool");
	wait_valid(r);
}

static _Atomic bool halted;

static void *halt(void *dp)
{
	dp_halt(dp);
	atomic_store(&halted, true);
	return NULL;
}

void rig_stop(struct rig *r)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, halt, r->dp) != 0)
		rig_die("no thread");
	while (!atomic_load(&halted))
		rig_pump(r);
	pthread_join(thread, NULL);
	while (!rte_ring_empty(from_port))
		rig_pump(r); /* what was sent last */
	dp_stop(r->dp);
	r->dp = NULL;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void rig_clean(struct rig *r)
{
	nftw(r->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void rig_put(struct rig *r, struct rte_mbuf *m)
{
	/* As a NIC without RSS might: any frame on any queue. */
	while (rte_ring_sp_enqueue(to_port[r->frames_in % queues], m) != 0)
		rig_pump(r);
	r->frames_in++;
}

static struct rte_mbuf *fresh(struct rig *r, uint32_t len)
{
	struct rte_mbuf *m;

	while (!(m = rte_pktmbuf_alloc(pool)))
		rig_pump(r);
	m->port = 0;
	if (!rte_pktmbuf_append(m, (uint16_t)len))
		rig_die("frame too large");
	return m;
}

void rig_frame(struct rig *r, const uint8_t *frame, uint32_t len)
{
	struct rte_mbuf *m = fresh(r, len);

	memcpy(rte_pktmbuf_mtod(m, void *), frame, len);
	rig_put(r, m);
}

/* Ethernet and IP in front of `len` bytes of layer 4, whose place is returned. */
uint8_t *rig_ip_frame(
	struct rig *r, uint8_t host, uint8_t proto, uint32_t len, struct rte_mbuf **out)
{
	struct rte_mbuf *m = fresh(r, 14 + 20 + len);
	uint8_t *at = rte_pktmbuf_mtod(m, uint8_t *);
	struct ip_addr src = client_addr(host), dst;

	ip_addr_parse(&dst, RIG_SERVER);
	memcpy(at, port_mac, 6);
	client_mac(host, at + 6);
	store_be16(at + 12, 0x0800);
	net_build_ip(at + 14, &src, &dst, proto, len);
	*out = m;
	return at + 34;
}

void rig_l4_sum(uint8_t host, uint8_t proto, uint8_t *l4, uint32_t len, unsigned off)
{
	struct ip_addr src = client_addr(host), dst;
	uint16_t sum;

	ip_addr_parse(&dst, RIG_SERVER);
	sum = net_l4_checksum(&src, &dst, proto, l4, len);
	memcpy(l4 + off, &sum, 2);
}

void rig_udp(
	struct rig *r, uint8_t host, uint16_t sport, uint16_t dport, const void *data, uint32_t len)
{
	struct rte_mbuf *m;
	uint8_t *udp = rig_ip_frame(r, host, 17, 8 + len, &m);

	store_be16(udp, sport);
	store_be16(udp + 2, dport);
	store_be16(udp + 4, (uint16_t)(8 + len));
	store_be16(udp + 6, 0);
	memcpy(udp + 8, data, len);
	rig_l4_sum(host, 17, udp, 8 + len, 6);
	rig_put(r, m);
}

void rig_segment(struct rig *r, const struct rig_segment *g)
{
	struct rte_mbuf *m = fresh(r, 14 + 20 + 20 + g->len);
	uint8_t *at = rte_pktmbuf_mtod(m, uint8_t *);
	uint8_t *t = at + 34;
	struct ip_addr dst;
	uint16_t sum;

	ip_addr_parse(&dst, RIG_SERVER);
	memcpy(at, port_mac, 6);
	client_mac(9, at + 6);
	store_be16(at + 12, 0x0800);
	net_build_ip(at + 14, &g->src, &dst, 6, 20 + g->len);
	memset(t, 0, 20);
	store_be16(t, g->sport);
	store_be16(t + 2, 514);
	store_be32(t + 4, g->seq);
	store_be32(t + 8, g->ack);
	t[12] = 5 << 4;
	t[13] = g->flags;
	store_be16(t + 14, g->wnd);
	if (g->len)
		memcpy(t + 20, g->data, g->len);
	sum = net_l4_checksum(&g->src, &dst, 6, t, 20 + g->len);
	memcpy(t + 16, &sum, sizeof(sum));
	rig_put(r, m);
}

void rig_use_up(struct rig *r, const char *device, enum rate_way way)
{
	uint64_t hash = siphash13(&r->dp->shard_key, device, strlen(device));
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	if (!rates_spend(&r->dp->rates, rates_who(hash, way), 1, UINT32_MAX,
		    (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec))
		rig_die("it is used up already");
}

struct counter_query {
	const char *name;
	uint64_t value;
	bool found;
};

static void counter_fn(void *ctx, const char *name, const char *help, bool gauge, uint64_t v)
{
	struct counter_query *q = ctx;

	(void)help;
	(void)gauge;
	if (strcmp(name, q->name) == 0) {
		q->value = v;
		q->found = true;
	}
}

uint64_t rig_counter(struct rig *r, const char *name)
{
	struct counter_query q = {name, 0, false};

	dp_counters(r->dp, counter_fn, &q);
	if (!q.found)
		rig_die(name);
	return q.value;
}

uint32_t rig_buffers_free(void)
{
	return rte_mempool_avail_count(pool);
}

void rig_hold(struct rig *r, bool hold)
{
	struct journal_fault fault = {0};

	r->journal.min_free = hold ? UINT64_MAX : 0;
	if (journal_reconfigure(dp_journal(r->dp), &r->journal, &fault) != JOURNAL_OK)
		rig_die("the journal's configuration");
}

static void answer_arp(struct rig *r, const uint8_t *f)
{
	uint8_t reply[42];

	/* who has 192.0.2.<client>? (not the port's own probes and announcements) */
	if (load_be16(f + 20) != 1 || f[41] < 10 || memcmp(f + 38, "\300\0\2", 3) != 0)
		return;
	memcpy(reply, f, sizeof(reply));
	memcpy(reply, f + 6, 6);
	client_mac(f[41], reply + 6);
	store_be16(reply + 20, 2);
	client_mac(f[41], reply + 22);
	memcpy(reply + 28, f + 38, 4);
	memcpy(reply + 32, f + 22, 6);
	memcpy(reply + 38, f + 28, 4);
	rig_frame(r, reply, sizeof(reply));
}

static void take_tcp(struct rig *r, uint8_t host, const uint8_t *tcp, uint32_t len)
{
	if (!rig_loses || !rig_loses(host, tcp, len))
		rig_tcp_take(r, host, tcp, len);
}

void rig_pump(struct rig *r)
{
	struct rte_mbuf *m[32];
	unsigned n = rte_ring_sc_dequeue_burst(from_port, (void **)m, 32, NULL);

	for (unsigned i = 0; i < n; i++) {
		const uint8_t *f = rte_pktmbuf_mtod(m[i], const uint8_t *);

		r->frames_out++;
		if (load_be16(f + 12) == 0x0806)
			answer_arp(r, f);
		else if (load_be16(f + 12) == 0x0800 && f[23] == 6)
			take_tcp(r, f[33], f + 34, load_be16(f + 16) - 20u);
		rte_pktmbuf_free(m[i]);
	}
	rig_tcp_again(r);
}

void rig_wait_stored(struct rig *r, uint64_t stored)
{
	struct dp_account total;

	for (uint64_t end = now_s() + WAIT_S;;) {
		for (unsigned i = 0; i < 1000; i++)
			rig_pump(r);
		dp_account_total(r->dp, &total);
		if (total.stored >= stored)
			return;
		if (now_s() > end)
			fail_msg("stored %lu of %lu (received %lu, pending %lu)", total.stored,
				stored, total.received, total.pending);
	}
}

void rig_wait_frames(struct rig *r)
{
	struct dp_wire w;

	for (uint64_t end = now_s() + WAIT_S;;) {
		for (unsigned i = 0; i < 1000; i++)
			rig_pump(r);
		dp_wire(r->dp, &w);
		if (w.packets == r->frames_in)
			return;
		if (now_s() > end)
			fail_msg("the port saw %lu of %lu frames", w.packets, r->frames_in);
	}
}

static void check_account(void *ctx, const struct dp_account *a)
{
	uint64_t sum = a->stored + a->duplicate + a->pending;

	(void)ctx;
	for (unsigned i = 0; i < DROP_REASON_COUNT; i++)
		sum += a->dropped[i];
	assert_int_equal(a->received, sum);
}

void rig_check_equations(struct rig *r)
{
	struct dp_wire w;
	uint64_t sum;

	dp_accounts(r->dp, check_account, NULL);
	dp_wire(r->dp, &w);
	sum = w.accepted;
	for (unsigned i = 0; i < WIRE_REASON_COUNT; i++)
		sum += w.rejected[i];
	assert_int_equal(w.packets, sum);
}
