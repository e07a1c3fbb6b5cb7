/*
 * A port's life: a sequence of frames and time steps, on a port that starts cold. The input is a
 * list of records: operation, argument, length (big-endian), and so many bytes.
 *
 *   0 frame      argument bit 0: checksums of IPv4 and ICMP are put right first, since no fuzzer
 *                finds them; bit 1: the rest of it, 64 ms steps of time that pass before
 *   1 packet     handed to net_port_send_ip()
 *   2 time       argument squared times 10 ms pass, timers running when due
 *   3 buffers    argument many frames can be sent, then no more
 */
#include "tests/fuzz/net/fuzz_port.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FRAME_MAX 2048
#define STEPS_MAX 300

struct world {
	struct net_port *port;
	struct net_config cfg;
	struct net_out out;
	uint64_t now;
	unsigned buffers;
	uint32_t room;
	uint8_t buf[FRAME_MAX];
	uint64_t packets, accepted, rejected[WIRE_REASON_COUNT];
};

static uint8_t *world_alloc(void *ctx, uint32_t len, void **handle)
{
	struct world *w = ctx;

	must(len >= 14 + 20 && len <= FRAME_MAX);
	if (w->buffers == 0)
		return NULL;
	w->buffers--;
	w->room = len;
	*handle = w;
	return w->buf;
}

/* What we send is right, whatever came in. */
static void world_send(void *ctx, void *handle, uint32_t len)
{
	struct world *w = ctx;
	const uint8_t *l3 = w->buf + 14;
	uint16_t type = load_be16(w->buf + 12);

	must(handle == w && len == w->room && len <= 14u + w->cfg.mtu);
	must(memcmp(w->buf + 6, w->cfg.mac, 6) == 0);
	if (type == 0x0806) {
		must(len == 14 + 28);
	} else if (type == 0x0800) {
		must(l3[0] == 0x45 && load_be16(l3 + 2) == len - 14);
		must(net_sum_fold(net_sum_ip4(l3)) == 0xffff);
	} else {
		must(type == 0x86dd && l3[0] == 0x60 && load_be16(l3 + 4) == len - 54);
	}
}

static void check(const struct world *w)
{
	const struct net_counters *n = net_port_counters(w->port);
	uint64_t sum = w->accepted, moved = 0;
	bool tentative = false;
	uint8_t mac[6];

	for (unsigned r = 0; r < WIRE_REASON_COUNT; r++) {
		sum += w->rejected[r];
		moved += n->frames_moved[r];
	}
	/* What others may ask of it at any time. */
	for (unsigned i = 0; net_port_address(w->port, i); i++) {
		tentative |= strcmp(net_port_address_state(w->port, i), "tentative") == 0;
		must(!net_port_gateway(w->port, i, mac) || !(mac[0] & 1));
	}
	must(net_port_ready(w->port) == !tentative);
	must(sum == w->packets);
	must(moved <= w->accepted);
	must(n->neighbours <= w->cfg.max_neighbours + w->cfg.gateways_count);
	must(n->reassembly_bytes <= w->cfg.max_reassembly_bytes);
}

static void pass(struct world *w, uint64_t us)
{
	uint64_t end = w->now + us;
	uint64_t next;
	unsigned steps = 0;

	while ((next = net_port_next_deadline(w->port)) <= end) {
		/* Timers that are always due would spin an lcore. */
		must(steps++ < 100000);
		if (next > w->now)
			w->now = next;
		net_port_expire(w->port, &w->out, w->now);
	}
	w->now = end;
}

/* IPv4 header and ICMP checksums, where they lie in the frame. */
static void put_checksums_right(uint8_t *f, uint32_t len)
{
	uint8_t *h = f + 14;
	uint32_t end = len - 14;
	uint32_t at;
	uint16_t sum = 0;
	uint64_t pseudo;

	if (len < 14 + 20)
		return;
	if (load_be16(f + 12) == 0x0800) {
		at = (h[0] & 15u) * 4;
		if (at < 20 || at > end)
			return;
		memcpy(h + 10, &sum, 2);
		sum = (uint16_t)~net_sum_fold(net_sum(0, h, at));
		memcpy(h + 10, &sum, 2);
		if (load_be16(h + 2) < end)
			end = load_be16(h + 2);
		if (h[9] != 1 || (load_be16(h + 6) & 0x3fff) || end < at + 4)
			return;
		pseudo = 0;
	} else {
		if (load_be16(f + 12) != 0x86dd || len < 14 + 40)
			return;
		if (load_be16(h + 4) + 40u < end)
			end = load_be16(h + 4) + 40u;
		at = 40;
		if (h[6] == 0 && end >= 48) /* router alert */
			at = 48;
		if ((at == 40 ? h[6] : h[40]) != 58 || end < at + 4)
			return;
		pseudo = net_sum_pseudo6(h + 8, 58, end - at);
	}
	memset(h + at + 2, 0, 2);
	sum = (uint16_t)~net_sum_fold(net_sum(pseudo, h + at, end - at));
	memcpy(h + at + 2, &sum, 2);
}

static void take_frame(struct world *w, uint8_t arg, const uint8_t *bytes, uint32_t len)
{
	uint8_t *f = malloc(len ? len : 1);
	struct net_control_result res = {0};
	struct net_pkt pkt;

	must(f);
	memcpy(f, bytes, len);
	if (arg & 1)
		put_checksums_right(f, len);
	pass(w, (uint64_t)(arg >> 1) * 64000);
	w->packets++;
	net_parse(w->port, f, len, NET_CSUM_UNKNOWN, NET_CSUM_GOOD, &pkt);
	if (pkt.verdict == NET_UDP)
		net_port_unreachable(w->port, f, len, &pkt, &w->out, w->now);
	if (pkt.verdict == NET_CONTROL) {
		net_control(w->port, f, len, NET_CSUM_UNKNOWN, &w->out, w->now, &res);
		if (res.datagram) {
			must(res.accepted && res.frames >= 1);
			fuzz_check_pkt(&res.pkt, res.frame, res.frame_len);
			if (res.pkt.verdict == NET_UDP)
				net_port_unreachable(w->port, res.frame, res.frame_len, &res.pkt,
					&w->out, w->now);
		}
		must(!res.icmp.valid || res.accepted);
	}
	if (pkt.verdict == NET_REJECT)
		w->rejected[pkt.reason]++;
	else if (pkt.verdict == NET_CONTROL && !res.accepted)
		w->rejected[res.reason]++;
	else
		w->accepted++;
	free(f);
}

static void send_packet(struct world *w, const uint8_t *bytes, uint32_t len)
{
	uint8_t packet[FRAME_MAX];
	struct ip_addr dst;
	uint8_t l2[NET_L2_MAX];

	/* Ours to build: the lengths that world_send() looks at are right. */
	if (len < 40 || len > FRAME_MAX - 14)
		return;
	memcpy(packet, bytes, len);
	if (packet[0] & 1) {
		dst = ip_addr_v4(packet + 16);
		must(net_build_ip(packet, &(struct ip_addr){.b = {[10] = 0xff, [11] = 0xff}}, &dst,
			     17, len - 20) == 20);
	} else {
		memcpy(dst.b, packet + 24, 16);
		if (ip_addr_is_v4(&dst))
			return;
		must(net_build_ip(packet, &(struct ip_addr){0}, &dst, 17, len - 40) == 40);
	}
	net_port_send_ip(w->port, packet, len, &w->out, w->now);
	net_port_l2(w->port, &dst, l2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct byte_reader r = byte_reader_init(data, size);
	struct world *w = calloc(1, sizeof(*w));

	must(w);
	fuzz_config(&w->cfg, NET_VLAN_NONE);
	w->port = net_port_new(&w->cfg);
	must(w->port);
	w->out = (struct net_out){w, world_alloc, world_send};
	w->now = 1000000;
	w->buffers = UINT32_MAX;
	for (unsigned step = 0; step < STEPS_MAX; step++) {
		uint8_t op = byte_reader_u8(&r);
		uint8_t arg = byte_reader_u8(&r);
		uint16_t len = byte_reader_be16(&r);
		const uint8_t *bytes = byte_reader_take(&r, len);

		if (!bytes)
			break;
		switch (op & 3) {
		case 0:
			take_frame(w, arg, bytes, len);
			break;
		case 1:
			send_packet(w, bytes, len);
			break;
		case 2:
			pass(w, (uint64_t)arg * arg * 10000);
			break;
		default:
			w->buffers = arg;
			break;
		}
		check(w);
	}
	/* What is left times out, and everything balances. */
	pass(w, 100000000);
	check(w);
	must(net_port_counters(w->port)->reassembly_bytes == 0);
	net_port_free(w->port);
	free(w);
	return 0;
}
