/*
 * net_parse() on one frame. The first byte chooses what hardware says of the checksums, and the
 * VLAN of the port; the frame follows, in memory of exactly its length.
 */
#include "tests/fuzz/net/fuzz_port.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct net_port *ports[2];
	struct net_pkt pkt, again;
	uint32_t len;
	uint8_t *frame;

	if (!ports[0])
		for (unsigned i = 0; i < 2; i++) {
			struct net_config cfg;

			fuzz_config(&cfg, i == 0 ? NET_VLAN_NONE : 7);
			cfg.dad_us = 0;
			ports[i] = net_port_new(&cfg);
			must(ports[i]);
		}
	if (size < 1 || size > 70000)
		return 0;
	len = (uint32_t)size - 1;
	frame = malloc(len ? len : 1);
	must(frame);
	memcpy(frame, data + 1, len);

	net_parse(ports[data[0] >> 4 & 1], frame, len, (data[0] & 3) % 3, (data[0] >> 2 & 3) % 3,
		&pkt);
	if (pkt.verdict == NET_UDP || pkt.verdict == NET_TCP)
		fuzz_check_pkt(&pkt, frame, len);
	else if (pkt.verdict == NET_REJECT)
		must((unsigned)pkt.reason <= WIRE_unsupported);
	else
		must(pkt.verdict == NET_CONTROL);
	/* It has no state: the same frame gets the same answer. */
	net_parse(ports[data[0] >> 4 & 1], frame, len, (data[0] & 3) % 3, (data[0] >> 2 & 3) % 3,
		&again);
	must(again.verdict == pkt.verdict && again.reason == pkt.reason &&
		again.payload == pkt.payload && again.payload_len == pkt.payload_len);
	free(frame);
	return 0;
}
