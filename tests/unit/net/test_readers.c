/*
 * net_port_l2() beside the owner: workers read while entries are made, changed and evicted. No
 * reader may ever see a MAC that its neighbour never had. (Under ThreadSanitizer: no data race.)
 */
#include "tests/unit/net/lab.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define READERS	   2
#define NEIGHBOURS 64 /* in a table of 16: entries are rewritten all the time */
#define CHANGES	   40000

struct reader {
	const struct lab *lab;
	_Atomic bool *stop;
	unsigned seed;
	uint64_t lookups, found, wrong;
};

/* 192.0.2.(100 + n) has had the MACs 02:n:v:v:v:v only. */
static void *read_l2(void *arg)
{
	struct reader *r = arg;
	unsigned x = r->seed;

	while (!atomic_load_explicit(r->stop, memory_order_relaxed)) {
		const uint8_t n = (uint8_t)((x >> 8) % NEIGHBOURS);
		const uint8_t v4[4] = {192, 0, 2, (uint8_t)(100 + n)};
		struct ip_addr dst = ip_addr_v4(v4);
		uint8_t l2[NET_L2_MAX];

		x = x * 1103515245 + 12345;
		r->lookups++;
		if (net_port_l2(r->lab->port, &dst, l2) == 0)
			continue;
		r->found++;
		r->wrong += l2[0] != 2 || l2[1] != n || l2[2] != l2[3] || l2[3] != l2[4] ||
			    l2[4] != l2[5];
	}
	return NULL;
}

/* Neighbour `n` asks us, from a MAC of version `v`. */
static void claim(struct lab *lab, uint8_t n, uint8_t v)
{
	struct lab_bytes f = lab_hex(V_ARP_PEER_ASKS_US);
	const uint8_t mac[6] = {2, n, v, v, v, v};

	memcpy(f.b + 6, mac, 6);
	memcpy(f.b + 22, mac, 6);
	f.b[31] = (uint8_t)(100 + n);
	lab_forget(lab);
	assert_true(lab_feed(lab, f.b, f.len));
}

SPEC(readers_never_see_half_of_an_entry)
{
	struct net_config cfg;
	struct lab *lab;
	_Atomic bool stop;
	struct reader r[READERS];
	pthread_t t[READERS];
	uint64_t found = 0;
	unsigned x = 1;

	lab_config(&cfg);
	cfg.max_neighbours = 16;
	lab = lab_open(&cfg);
	atomic_init(&stop, false);
	for (unsigned i = 0; i < READERS; i++) {
		r[i] = (struct reader){.lab = lab, .stop = &stop, .seed = i + 1};
		assert_int_equal(pthread_create(&t[i], NULL, read_l2, &r[i]), 0);
	}
	for (unsigned i = 0; i < CHANGES; i++) {
		x = x * 1103515245 + 12345;
		claim(lab, (uint8_t)((x >> 8) % NEIGHBOURS), (uint8_t)(x >> 16));
		if (i % 64 == 0)
			lab_pass(lab, 700000); /* marks of readers move entries about */
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < READERS; i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(r[i].wrong, 0);
		found += r[i].found;
	}
	print_message("%u changes, %llu MACs read\n", CHANGES, (unsigned long long)found);
	assert_true(lab_count(lab)->neighbours_full > 0);
	lab_close(lab);
}

static void *parse_and_ask(void *arg)
{
	struct reader *r = arg;
	struct lab_bytes f = lab_hex(V_UDP4);
	uint8_t mac[6];

	while (!atomic_load_explicit(r->stop, memory_order_relaxed)) {
		struct net_pkt pkt;

		net_parse(r->lab->port, f.b, f.len, NET_CSUM_UNKNOWN, NET_CSUM_UNKNOWN, &pkt);
		r->lookups++;
		r->found += pkt.verdict == NET_UDP;
		r->wrong += net_port_address_state(r->lab->port, 0) == NULL;
		net_port_gateway(r->lab->port, 0, mac);
		net_port_ready(r->lab->port);
	}
	return NULL;
}

SPEC(frames_are_parsed_beside_an_owner_whose_addresses_come_and_go)
{
	struct net_config cfg;
	struct lab *lab;
	_Atomic bool stop;
	struct reader r;
	pthread_t t;

	lab_config(&cfg);
	cfg.dad_us = LAB_SECOND;
	lab = lab_open(&cfg);
	atomic_init(&stop, false);
	r = (struct reader){.lab = lab, .stop = &stop};
	assert_int_equal(pthread_create(&t, NULL, parse_and_ask, &r), 0);
	for (unsigned i = 0; i < 200; i++) {
		lab_forget(lab);
		lab_pass(lab, 10 * LAB_SECOND);
		assert_true(lab_feed_hex(lab, V_ARP_PEER_CLAIMS_OURS));
		assert_true(lab_feed_hex(lab, V_ARP_GATEWAY_ANSWERS));
	}
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	assert_int_equal(r.wrong, 0);
	lab_close(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_never_see_half_of_an_entry),
		cmocka_unit_test(frames_are_parsed_beside_an_owner_whose_addresses_come_and_go),
	};

	return cmocka_run_group_tests_name("net: readers beside the owner", tests, NULL, NULL);
}
