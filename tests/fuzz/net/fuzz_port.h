/* The port that both targets feed: that of tests/unit/net/lab.h, with small bounds. */
#ifndef SLUICE_FUZZ_NET_PORT_H
#define SLUICE_FUZZ_NET_PORT_H

#include <stdlib.h>

#include "dataplane/base/bytes.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/net.h"

/* A broken invariant, in release builds too. */
#define must(x)                                                                                    \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

static inline void fuzz_config(struct net_config *cfg, uint16_t vlan)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
	static const char *const prefixes[] = {"192.0.2.2/24", "2001:db8::2/64"};

	net_config_defaults(cfg);
	memcpy(cfg->mac, mac, 6);
	cfg->vlan = vlan;
	for (unsigned i = 0; i < 2; i++) {
		unsigned len;

		must(ip_prefix_parse(&cfg->addresses[i].addr, &len, prefixes[i]) == 0);
		cfg->addresses[i].prefix_len = (uint8_t)len;
	}
	cfg->addresses_count = 2;
	must(ip_addr_parse(&cfg->gateways[0], "192.0.2.1") == 0);
	must(ip_addr_parse(&cfg->gateways[1], "2001:db8::1") == 0);
	cfg->gateways_count = 2;
	cfg->max_neighbours = 4;
	cfg->max_datagrams = 4;
	cfg->max_datagrams_source = 2;
	cfg->max_reassembly_bytes = 40 * 2048;
	cfg->max_held = 4;
	cfg->icmp_per_second = 100;
	cfg->key = (struct siphash_key){1, 2};
}

/* What every accepted packet must satisfy: its payload lies in the frame, its flow is ours. */
static inline void fuzz_check_pkt(const struct net_pkt *pkt, const uint8_t *frame, uint32_t len)
{
	must(pkt->verdict == NET_UDP || pkt->verdict == NET_TCP);
	must(pkt->payload >= frame + 14 + 20);
	must(pkt->payload_len <= len && pkt->payload + pkt->payload_len <= frame + len);
	must(pkt->ip_off == 14 || pkt->ip_off == 18);
	must(pkt->verdict == NET_UDP || pkt->payload_len >= 20);
	must(ip_addr_is_v4(&pkt->flow.src) == ip_addr_is_v4(&pkt->flow.dst));
	must(!ip_addr_equal(&pkt->flow.src, &pkt->flow.dst));
}

#endif
