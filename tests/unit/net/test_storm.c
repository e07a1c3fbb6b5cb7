/*
 * A million frames, random and mutated, through net_parse() and net_control(): nothing breaks, no
 * bound is passed, and every one of them is accepted or rejected for one reason. The seed is
 * printed; NET_STORM_SEED repeats a run.
 */
#include "tests/unit/net/craft.h"
#include "tests/unit/net/lab.h"
#include "tests/unit/net/linux.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "dataplane/base/bytes.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
	__has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifdef SANITIZED
#define FRAMES 100000
#else
#define FRAMES 1000000
#endif
#define SECONDS_ALLOWED 3.0

static const char *const seeds[] = {V_ARP_PEER_ASKS_US, V_ARP_PEER_ANSWERS, V_ARP_GATEWAY_ANSWERS,
	V_ARP_PEER_PROBES_OURS, V_ARP_PEER_CLAIMS_OURS, V_ARP_PEER_ANNOUNCES, V_NS_PEER_ASKS_US,
	V_NA_PEER_ANSWERS, V_NA_GATEWAY_ANSWERS, V_NS_PEER_ASKS_LINK_LOCAL, V_NS_PEER_PROBES_OURS,
	V_NA_PEER_CLAIMS_OURS, V_MLD2_GENERAL_QUERY, V_MLD2_GROUP_QUERY, V_MLD1_GENERAL_QUERY,
	V_PING4, V_PING6, V_PING6_ALL_NODES, V_UDP4, V_UDP6, V_TCP4, V_TCP6, V_UDP4_VLAN7,
	V_UDP4_PRIORITY, V_PROTO4, V_NEXT6, V_FRAG4_FIRST, V_FRAG4_LAST, V_FRAG6_FIRST,
	V_FRAG6_LAST, V_TOO_BIG4, V_TOO_BIG6, LINUX_TCP4_SYN, LINUX_TCP6_SYN, LINUX_MLD_REPORT};
#define SEEDS (sizeof(seeds) / sizeof(seeds[0]))

static struct lab_bytes decoded[SEEDS];
static uint64_t rng;

static uint32_t draw(uint32_t below)
{
	/* xorshift64*, for speed */
	rng ^= rng >> 12;
	rng ^= rng << 25;
	rng ^= rng >> 27;
	return (uint32_t)(((rng * 2685821657736338717ull) >> 32) % below);
}

/* A frame for us, of a type that we read, and random from there. */
static void random_frame(struct craft *c)
{
	static const uint16_t types[] = {0x0800, 0x86dd, 0x0806, 0x8100};
	uint32_t len = draw(200);

	craft_eth(c, draw(4) ? US_MAC : "333300000001", types[draw(4)]);
	for (uint32_t i = 0; i < len; i += 4) {
		uint32_t v = draw(UINT32_MAX);

		craft_bytes(c, &v, 4);
	}
}

/* A good frame with some bytes changed, cut or doubled. */
static void mutated_frame(struct craft *c)
{
	const struct lab_bytes *f = &decoded[draw(SEEDS)];
	unsigned changes = draw(4);

	c->len = 0;
	craft_bytes(c, f->b, f->len);
	for (unsigned i = 0; i < changes; i++)
		c->b[draw(c->len)] = (uint8_t)draw(256);
	if (draw(8) == 0)
		c->len = draw(c->len + 1);
	if (draw(8) == 0)
		craft_bytes(c, f->b + draw(f->len), draw(8));
	/* Else most of them die of their checksum. */
	c->l3 = 14;
	if (draw(2) && c->len >= 34 && c->b[12] == 8 && c->b[13] == 0 && c->b[14] == 0x45)
		craft_seal_ip4(c);
}

/* A fragment that is right in itself, of one of few datagrams. */
static void random_fragment(struct craft *c)
{
	static struct craft_whole w;
	uint32_t off = draw(40) * 8;
	bool more = draw(6) != 0;

	w.v6 = draw(2);
	w.id = draw(300);
	w.src = (uint8_t)(10 + draw(20));
	craft_piece(c, &w, off, more ? 8 + draw(20) * 8 : 1 + draw(100), more);
}

static void check_bounds(const struct lab *lab)
{
	const struct net_counters *n = lab_count(lab);

	lab_accounts(lab);
	assert_true(n->neighbours <= lab->cfg.max_neighbours + lab->cfg.gateways_count);
	assert_true(n->reassembly_bytes <= lab->cfg.max_reassembly_bytes);
}

SPEC(a_million_frames_break_nothing_and_are_all_accounted_for)
{
	const char *env = getenv("NET_STORM_SEED");
	uint64_t seed = env ? strtoull(env, NULL, 0) : (uint64_t)time(NULL);
	static struct craft c;
	struct net_config cfg;
	struct lab *lab;
	struct lab_accounts a;
	struct timespec t0, t1;
	double took;

	print_message("NET_STORM_SEED=%" PRIu64 "\n", seed);
	rng = seed * 2 + 1;
	for (unsigned i = 0; i < SEEDS; i++)
		decoded[i] = lab_hex(seeds[i]);
	lab_config(&cfg);
	cfg.max_neighbours = 64;
	cfg.max_datagrams = 128;
	cfg.max_datagrams_source = 16;
	cfg.max_reassembly_bytes = 64 * 2048;
	cfg.max_held = 16;
	cfg.dad_us = LAB_SECOND / 10;
	lab = lab_open(&cfg);
	lab_pass(lab, 10 * LAB_SECOND);

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t0);
	for (unsigned i = 0; i < FRAMES; i++) {
		uint32_t kind = draw(8);

		if (kind < 3)
			random_frame(&c);
		else if (kind < 6)
			mutated_frame(&c);
		else
			random_fragment(&c);
		lab_forget(lab);
		lab_feed(lab, c.b, c.len);
		lab->now += draw(2000);
		if (net_port_next_deadline(lab->port) <= lab->now)
			net_port_expire(lab->port, &lab->out, lab->now);
		if (i % 4096 == 0)
			check_bounds(lab);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t1);
	took = (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) / 1e9;

	check_bounds(lab);
	a = lab_accounts(lab);
	assert_int_equal(a.packets, FRAMES);
	print_message("%u frames in %.2f s: accepted %" PRIu64, FRAMES, took, a.accepted);
	for (unsigned r = 0; r < WIRE_REASON_COUNT; r++)
		if (a.rejected[r])
			print_message(", %s %" PRIu64, wire_reason_slug(r), a.rejected[r]);
	print_message("; reassembled %" PRIu64 "\n", lab_count(lab)->reassembled);
	/* The storm must have reached the far corners. */
	assert_true(a.rejected[WIRE_not_for_us] && a.rejected[WIRE_bad_checksum] &&
		    a.rejected[WIRE_bad_header] && a.rejected[WIRE_unsupported] &&
		    a.rejected[WIRE_fragment_overflow] && lab_count(lab)->reassembled);
	/* And when it is over, the port works and its tables drain. */
	lab_pass(lab, 100 * LAB_SECOND);
	assert_int_equal(lab_count(lab)->reassembly_bytes, 0);
	lab_forget(lab);
	assert_true(lab_feed_hex(lab, V_ARP_PEER_ASKS_US));
	lab_expect(lab, V_ARP_WE_ANSWER_PEER);
	assert_true(took < SECONDS_ALLOWED);
	lab_close(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_million_frames_break_nothing_and_are_all_accounted_for),
	};

	return cmocka_run_group_tests_name("net: storm", tests, NULL, NULL);
}
