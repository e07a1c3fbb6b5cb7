/*
 * The floor under `udp` with the null journal: frames are taken off a ring, each datagram is copied
 * into a block, and that is all. It looks at no header, so whatever a receiver that keeps logs does
 * comes on top. Prints, when its standard input ends, what a frame costs in the rounds that found
 * any (as testpmd's
 * --record-core-cycles does):
 *
 *   ring_copy EAL-OPTIONS        {"frames": N, "cycles_per_frame": F, "mhz": M}
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_pause.h>
#include <rte_prefetch.h>

#define BURST	   64u
#define SLOTS	   1024u
#define MBUFS	   16384u
#define HEADERS	   42u /* Ethernet, IPv4, UDP */
#define BLOCK_SIZE (1u << 20)
#define BLOCKS                                                                                     \
	32u /* in turn: what is written is not in the cache any more, as with a journal's pool */
#define LOOK_EVERY  65536u
#define AHEAD_MBUF  8u
#define AHEAD_FRAME 4u

struct blocks {
	char *v;
	unsigned block;
	uint32_t used;
};

static void copy(struct blocks *b, const struct rte_mbuf *m)
{
	uint32_t len = m->data_len;

	if (len <= HEADERS)
		return;
	len -= HEADERS;
	if (b->used + len > BLOCK_SIZE) {
		b->block = (b->block + 1) % BLOCKS;
		b->used = 0;
	}
	memcpy(b->v + (size_t)b->block * BLOCK_SIZE + b->used,
		rte_pktmbuf_mtod_offset(m, const char *, HEADERS), len);
	b->used += len;
}

static unsigned take(uint16_t port, struct blocks *b)
{
	struct rte_mbuf *m[BURST];
	uint16_t n = rte_eth_rx_burst(port, 0, m, BURST);

	for (uint16_t i = 0; i < n; i++) {
		if (i + AHEAD_MBUF < n)
			rte_prefetch0(m[i + AHEAD_MBUF]);
		if (i + AHEAD_FRAME < n) {
			const char *p = rte_pktmbuf_mtod(m[i + AHEAD_FRAME], const char *);

			for (uint32_t k = 0; k < m[i + AHEAD_FRAME]->data_len;
				k += RTE_CACHE_LINE_SIZE)
				rte_prefetch0(p + k);
		}
		copy(b, m[i]);
	}
	rte_pktmbuf_free_bulk(m, n);
	return n;
}

static bool asked_to_end(void)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};

	return poll(&in, 1, 0) > 0;
}

static bool start(uint16_t port)
{
	struct rte_eth_conf conf = {0};
	struct rte_mempool *pool = rte_pktmbuf_pool_create(
		"frames", MBUFS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);

	return pool && rte_eth_dev_configure(port, 1, 1, &conf) == 0 &&
	       rte_eth_rx_queue_setup(port, 0, SLOTS, SOCKET_ID_ANY, NULL, pool) == 0 &&
	       rte_eth_tx_queue_setup(port, 0, SLOTS, SOCKET_ID_ANY, NULL) == 0 &&
	       rte_eth_dev_start(port) == 0;
}

int main(int argc, char **argv)
{
	uint64_t frames = 0, cycles = 0;
	struct blocks b = {0};

	signal(SIGPIPE, SIG_IGN); /* the ring's other end may go first */
	if (rte_eal_init(argc, argv) < 0 || rte_eth_dev_count_avail() != 1 || !start(0)) {
		fprintf(stderr, "ring_copy: no port to take frames from\n");
		return 1;
	}
	b.v = calloc(BLOCKS, BLOCK_SIZE);
	if (!b.v)
		return 1;
	memset(b.v, 1, (size_t)BLOCKS * BLOCK_SIZE); /* its pages are there */
	for (unsigned round = 0; round % LOOK_EVERY != 0 || !asked_to_end(); round++) {
		uint64_t begun = rte_rdtsc();
		unsigned n = take(0, &b);

		if (n == 0) {
			rte_pause();
			continue;
		}
		frames += n;
		cycles += rte_rdtsc() - begun;
	}
	printf("{\"frames\": %lu, \"cycles_per_frame\": %.1f, \"mhz\": %.0f}\n", frames,
		frames ? (double)cycles / (double)frames : 0, (double)rte_get_tsc_hz() / 1e6);
	rte_eth_dev_stop(0);
	rte_eal_cleanup();
	free(b.v);
	return 0;
}
