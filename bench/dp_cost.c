/*
 * What a log costs, by the clock of the cores that take it: rx and worker in nanoseconds of busy
 * rounds, committer and compressor in thread CPU time. Frames are laid into a ring port while the
 * lcore is held still, then let go at once, so that rounds are full and the sender costs nothing.
 *
 *   dp_cost udp|tcp [LOGS-A-BATCH [BATCHES [cold|warm [huge]]]]
 *
 * With `huge` packet buffers lie in hugepages (768 MiB of them must be free), else in ordinary
 * pages.
 *
 * Prints one JSON object. Cold: the frames come out of another core's cache. Warm: this core has
 * read each line of them just before, as when a NIC writes into its cache; batches must be small
 * then.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_pause.h>
#include <rte_ring.h>

#include "bench/wire/frames.h"
#include "dataplane/base/bytes.h"
#include "dataplane/lcore.h"

#define LOG_BYTES   500u
#define RING_FRAMES 65536u
#define MSS	    1460u

static struct rte_ring *to_port, *from_port;
static struct rte_mempool *pool;
static uint8_t port_mac[6];
static _Atomic bool held, hold_now;
static struct rte_mbuf *laid[RING_FRAMES];
static unsigned laid_count;
static bool warm;
static _Atomic uint64_t touched;

static void die(const char *what)
{
	fprintf(stderr, "dp_cost: %s\n", what);
	exit(1);
}

static void hold_fn(struct lcore *l, void *arg)
{
	(void)l;
	(void)arg;
	atomic_store(&held, true);
	while (atomic_load(&hold_now))
		sched_yield();
	/* As if a NIC had written them into this core's cache. */
	for (unsigned i = 0; warm && i < laid_count; i++) {
		const uint8_t *p = rte_pktmbuf_mtod(laid[i], const uint8_t *);

		for (unsigned k = 0; k < laid[i]->data_len; k += 64)
			atomic_fetch_add_explicit(&touched, p[k], memory_order_relaxed);
	}
}

struct holder {
	struct lcore *l;
};

static void *hold_thread(void *arg)
{
	struct holder *h = arg;

	lcore_run(h->l, hold_fn, NULL);
	return NULL;
}

static void fill_line(char *to, unsigned n)
{
	int k = snprintf(to, LOG_BYTES,
		"<189>date=2026-11-21 time=10:00:%02u devname=\"fw-%u\" devid=\"FGT60FTK%08u\" "
		"eventtime=%u%09u tz=\"+0000\" logid=\"0000000013\" type=\"traffic\" "
		"subtype=\"forward\" "
		"level=\"notice\" vd=\"root\" srcip=10.%u.%u.%u srcport=%u srcintf=\"port%u\" "
		"srcintfrole=\"lan\" dstip=203.0.113.%u dstport=443 dstintf=\"wan1\" "
		"dstintfrole=\"wan\" "
		"sessionid=%u proto=6 action=\"close\" policyid=%u policytype=\"policy\" "
		"service=\"HTTPS\" "
		"trandisp=\"snat\" duration=%u sentbyte=%u rcvdbyte=%u sentpkt=%u rcvdpkt=%u ",
		n % 60, n % 16, n % 16, 1763719200 + n / 1000, n * 7919 % 1000000000, n % 200,
		n / 200 % 200, n % 250, 1024 + n * 31 % 60000, n % 8, n * 13 % 250, n * 104729,
		n % 40, n % 300, n * 17 % 100000, n * 23 % 1000000, n % 90, n % 120);

	for (; k < (int)LOG_BYTES; k++)
		to[k] = (char)('a' + k % 26);
}

static struct ip_addr address(uint8_t host)
{
	const uint8_t a[4] = {192, 0, 2, host};

	return ip_addr_v4(a);
}

static uint8_t *room(struct rte_mbuf **m, uint32_t len)
{
	*m = rte_pktmbuf_alloc(pool);
	if (!*m)
		die("no packet buffers");
	return (uint8_t *)rte_pktmbuf_append(*m, (uint16_t)len);
}

static void put(struct rte_mbuf *m)
{
	if (atomic_load(&hold_now) && laid_count < RING_FRAMES)
		laid[laid_count++] = m;
	while (rte_ring_sp_enqueue(to_port, m) != 0)
		sched_yield();
}

static void udp_log(unsigned n)
{
	struct ip_addr src = address((uint8_t)(10 + n % 16)), dst = address(2);
	struct rte_mbuf *m;
	uint8_t *at = room(&m, FRAME_UDP + LOG_BYTES);

	fill_line((char *)at + FRAME_UDP, n);
	frame_udp(at, port_mac, &src, &dst, 5000, 514, LOG_BYTES);
	put(m);
}

static struct {
	uint32_t snd_nxt, rcv_nxt, wnd, una;
	unsigned shift;
	bool up;
} tcp;

static void tcp_frame(uint8_t flags, const void *data, uint32_t len)
{
	uint32_t hdr = flags & TCP_SYN ? 28 : 20;
	struct ip_addr src = address(10), dst = address(2);
	struct rte_mbuf *m;
	uint8_t *t = frame_ip(room(&m, FRAME_L4 + hdr + len), port_mac, &src, &dst, 6, hdr + len);

	memset(t, 0, hdr);
	store_be16(t, 4000);
	store_be16(t + 2, 514);
	store_be32(t + 4, tcp.snd_nxt);
	store_be32(t + 8, tcp.rcv_nxt);
	t[12] = (uint8_t)(hdr / 4 << 4);
	t[13] = flags;
	store_be16(t + 14, 65535);
	if (flags & TCP_SYN) {
		const uint8_t opt[8] = {2, 4, MSS >> 8, MSS & 255, 1, 3, 3, 7};

		memcpy(t + 20, opt, 8);
	}
	if (len)
		memcpy(t + hdr, data, len);
	frame_sum(&src, &dst, 6, t, hdr + len, 16);
	tcp.snd_nxt += len + (flags & TCP_SYN ? 1 : 0);
	put(m);
}

static void pump(void)
{
	struct rte_mbuf *m[32];
	unsigned n = rte_ring_sc_dequeue_burst(from_port, (void **)m, 32, NULL);

	for (unsigned i = 0; i < n; i++) {
		uint8_t *f = rte_pktmbuf_mtod(m[i], uint8_t *);

		uint8_t answer[FRAME_ARP];
		struct ip_addr asked;

		if (frame_arp_answer(f, m[i]->data_len, &asked, answer)) {
			struct rte_mbuf *a;

			memcpy(room(&a, FRAME_ARP), answer, FRAME_ARP);
			put(a);
		} else if (load_be16(f + 12) == 0x0800 && f[23] == 6) {
			uint8_t *t = f + 34;

			tcp.una = load_be32(t + 8);
			if (t[13] & TCP_SYN) {
				unsigned hdr = (t[12] >> 4) * 4u;

				for (unsigned o = 20; o + 2 < hdr && t[o];
					o += t[o] == 1 ? 1 : t[o + 1])
					if (t[o] == 3)
						tcp.shift = t[o + 2];
				tcp.rcv_nxt = load_be32(t + 4) + 1;
				tcp.wnd = load_be16(t + 14);
				tcp.up = true;
				tcp_frame(TCP_ACK, NULL, 0);
			} else {
				tcp.wnd = (uint32_t)load_be16(t + 14) << tcp.shift;
			}
		}
		rte_pktmbuf_free(m[i]);
	}
}

/* `n` logs as a stream, within the window that stands open; returns how many. */
static unsigned tcp_logs(unsigned first, unsigned n)
{
	static char stream[1 << 22];
	uint32_t room = tcp.wnd - (tcp.snd_nxt - tcp.una), len = 0;
	unsigned k;

	for (k = 0; k < n && len + LOG_BYTES <= room && len + LOG_BYTES <= sizeof(stream); k++) {
		fill_line(stream + len, first + k);
		stream[len + LOG_BYTES - 1] = '\n';
		len += LOG_BYTES;
	}
	for (uint32_t off = 0; off < len; off += MSS)
		tcp_frame(TCP_ACK, stream + off, len - off < MSS ? len - off : MSS);
	return k;
}

static uint64_t busy(const struct dp *d)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < d->lcores_count; i++)
		sum += atomic_load(&d->lcores[i]->busy_ns);
	return sum;
}

static void start(struct dp **d, const char *dir, bool huge)
{
	char *huge_args[] = {"dp_cost", "--socket-mem=768", "--huge-unlink=always", "--no-pci",
		"--no-telemetry", "--main-lcore=0", "--iova-mode=va", "--log-level=lib.*:error",
		"--file-prefix=dp-cost", "--lcores=0@0,1@1", NULL};
	char *args[] = {"dp_cost", "--no-huge", "-m", "768", "--no-pci", "--no-telemetry",
		"--main-lcore=0", "--iova-mode=va", "--log-level=lib.*:error", "--no-shconf",
		"--lcores=0@0,1@1", NULL};
	struct dp_config cfg;
	struct dp_error err = {{0}};
	struct journal_recovery rec;
	struct dp_port_info info;
	char notes[512];
	int port;

	if (rte_eal_init(huge ? 10 : 11, huge ? huge_args : args) < 0)
		die("no EAL");
	to_port = rte_ring_create(
		"wire-in", RING_FRAMES, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	from_port = rte_ring_create(
		"wire-out", RING_FRAMES, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	port = rte_eth_from_rings("cost", &to_port, 1, &from_port, 1, 0);
	dp_config_defaults(&cfg);
	cfg.eal.huge = DP_HUGE_OFF;
	cfg.eal.memory_mib = 512;
	cfg.cores.rx_count = cfg.cores.workers_count = 1;
	cfg.cores.rx[0] = cfg.cores.workers[0] = 1;
	cfg.cores.compressors = 1;
	cfg.journal.committer_cpu = 0;
	cfg.journal.compressor_cpus = 1;
	cfg.journal.pool_blocks = 128;
	cfg.ports_count = 1;
	if (port < 0 || rte_eth_dev_get_name_by_port((uint16_t)port, cfg.ports[0].devargs) != 0)
		die("no ring port");
	cfg.ports[0].mtu = 1500;
	cfg.ports[0].vlan = NET_VLAN_NONE;
	cfg.ports[0].addresses_count = 1;
	ip_addr_parse(&cfg.ports[0].addresses[0].addr, "192.0.2.2");
	cfg.ports[0].addresses[0].prefix_len = 120;
	snprintf(cfg.journal.dir, sizeof(cfg.journal.dir), "%s", dir);
	if (dp_start(&cfg, d, &rec, notes, sizeof(notes), &err) != 0 || dp_run(*d, &err) != 0)
		die(err.text);
	pool = rte_mempool_lookup("sluice");
	do {
		pump();
		dp_ports(*d, &info, 1);
		memcpy(port_mac, info.mac, 6);
	} while (strcmp(info.addresses[0].state, "valid") != 0);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	bool udp = argc > 1 && strcmp(argv[1], "udp") == 0;
	unsigned batch = argc > 2 ? (unsigned)atoi(argv[2]) : 20000;
	unsigned batches = argc > 3 ? (unsigned)atoi(argv[3]) : 15;
	char dir[] = "/tmp/sluice-cost-XXXXXX";
	struct journal_status before, after;
	struct dp_account total;
	double per_log[1000];
	uint64_t sent = 0;
	struct dp *d;

	if (argc < 2 || (!udp && strcmp(argv[1], "tcp") != 0) || batches > 1000 || batches < 1 ||
		batch > RING_FRAMES / 2)
		die("usage: dp_cost udp|tcp [LOGS-A-BATCH [BATCHES [cold|warm [huge]]]]");
	warm = argc > 4 && strcmp(argv[4], "warm") == 0;
	start(&d, mkdtemp(dir), argc > 5 && strcmp(argv[5], "huge") == 0);
	if (!udp) {
		tcp.snd_nxt = tcp.una = 1;
		tcp_frame(TCP_SYN, NULL, 0);
		while (!tcp.up || !tcp.wnd)
			pump();
	}
	journal_status(dp_journal(d), &before);
	for (unsigned b = 0; b < batches; b++) {
		struct holder h = {d->lcores[0]};
		uint64_t base, done = sent;
		pthread_t t;

		laid_count = 0;
		atomic_store(&held, false);
		atomic_store(&hold_now, true);
		pthread_create(&t, NULL, hold_thread, &h);
		while (!atomic_load(&held))
			sched_yield();
		if (udp)
			for (unsigned i = 0; i < batch; i++)
				udp_log((unsigned)sent++);
		else
			sent += tcp_logs((unsigned)sent, batch);
		base = busy(d);
		atomic_store(&hold_now, false);
		pthread_join(t, NULL);
		do {
			pump();
			dp_account_total(d, &total);
		} while (total.received < sent);
		per_log[b] = sent > done ? (double)(busy(d) - base) / (double)(sent - done) : 0;
		do {
			pump();
			dp_account_total(d, &total);
		} while (total.pending > 0);
		if (total.stored != sent)
			die("logs were lost");
		if (udp)
			continue;
		while (tcp.una != tcp.snd_nxt)
			pump();
	}
	journal_status(dp_journal(d), &after);
	qsort(per_log, batches, sizeof(per_log[0]), compare);
	printf("{\"scenario\": \"%s\", \"path\": \"ring\", \"frames\": \"%s\", \"log_bytes\": %u, "
	       "\"logs\": %lu, "
	       "\"lcore_ns_per_log\": {\"median\": %.1f, \"min\": %.1f, \"max\": %.1f}, "
	       "\"committer_ns_per_log\": %.1f, \"compressor_ns_per_log\": %.1f, \"ratio\": %.2f, "
	       "\"lost\": 0}\n",
		udp ? "udp" : "tcp", warm ? "warm" : "cold", LOG_BYTES, sent, per_log[batches / 2],
		per_log[0], per_log[batches - 1],
		(double)(after.committer_cpu_ns - before.committer_cpu_ns) / (double)sent,
		(double)(after.compressor_cpu_ns - before.compressor_cpu_ns) / (double)sent,
		(double)(after.raw_bytes - before.raw_bytes) /
			(double)(after.disk_bytes - before.disk_bytes));
	dp_stop(d);
	return 0;
}
