#include "tests/unit/net/lab.h"

#include <stdio.h>
#include <stdlib.h>

#include "dataplane/base/bytes.h"

static uint8_t *lab_alloc(void *ctx, uint32_t len, void **handle)
{
	struct lab *lab = ctx;

	*handle = NULL;
	if (lab->buffers == 0 || lab->sent == LAB_FRAMES || len > LAB_FRAME)
		return NULL;
	lab->buffers--;
	lab->allocated++;
	memset(lab->frame[lab->sent].b, 0xa5, LAB_FRAME);
	*handle = &lab->frame[lab->sent];
	return lab->frame[lab->sent].b;
}

static void lab_sent(void *ctx, void *handle, uint32_t len)
{
	struct lab *lab = ctx;

	assert_ptr_equal(handle, &lab->frame[lab->sent]);
	lab->frame[lab->sent].len = len;
	lab->sent++;
	assert_int_equal(lab->sent, lab->allocated);
}

static void add_address(struct net_config *cfg, const char *prefix)
{
	struct net_address *a = &cfg->addresses[cfg->addresses_count++];
	unsigned len;

	assert_int_equal(ip_prefix_parse(&a->addr, &len, prefix), 0);
	a->prefix_len = (uint8_t)len;
}

void lab_config(struct net_config *cfg)
{
	struct lab_bytes mac = lab_hex(US_MAC);

	net_config_defaults(cfg);
	memcpy(cfg->mac, mac.b, 6);
	add_address(cfg, US4 "/24");
	add_address(cfg, US6 "/64");
	cfg->gateways[0] = lab_ip(GW4);
	cfg->gateways[1] = lab_ip(GW6);
	cfg->gateways_count = 2;
	cfg->dad_us = 0;
	cfg->key = (struct siphash_key){0x0706050403020100, 0x0f0e0d0c0b0a0908};
}

struct lab *lab_open_cold(const struct net_config *cfg)
{
	struct lab *lab = calloc(1, sizeof(*lab));

	assert_non_null(lab);
	if (cfg)
		lab->cfg = *cfg;
	else
		lab_config(&lab->cfg);
	lab->port = net_port_new(&lab->cfg);
	assert_non_null(lab->port);
	lab->out = (struct net_out){lab, lab_alloc, lab_sent};
	lab->now = LAB_START;
	lab->buffers = UINT32_MAX;
	return lab;
}

struct lab *lab_open(const struct net_config *cfg)
{
	struct lab *lab = lab_open_cold(cfg);

	net_port_expire(lab->port, &lab->out, lab->now);
	lab_forget(lab);
	return lab;
}

struct lab_accounts lab_accounts(const struct lab *lab)
{
	struct lab_accounts a = lab->acc;
	uint64_t sum;

	for (unsigned r = 0; r < WIRE_REASON_COUNT; r++) {
		uint64_t moved = lab_count(lab)->frames_moved[r];

		assert_true(moved <= a.accepted);
		a.accepted -= moved;
		a.rejected[r] += moved;
	}
	sum = a.accepted;
	for (unsigned r = 0; r < WIRE_REASON_COUNT; r++)
		sum += a.rejected[r];
	assert_int_equal(sum, a.packets);
	return a;
}

void lab_close(struct lab *lab)
{
	lab_accounts(lab);
	net_port_free(lab->port);
	free(lab->last);
	free(lab);
}

bool lab_feed(struct lab *lab, const void *frame, uint32_t len)
{
	/* In memory of exactly that length, so that ASan sees a read past the end. */
	uint8_t *copy = malloc(len ? len : 1);
	enum wire_reason reason;
	bool accepted;

	assert_non_null(copy);
	memcpy(copy, frame, len);
	free(lab->last);
	lab->last = copy;
	lab->acc.packets++;
	net_parse(lab->port, copy, len, NET_CSUM_UNKNOWN, NET_CSUM_UNKNOWN, &lab->pkt);
	accepted = lab->pkt.verdict != NET_REJECT;
	reason = lab->pkt.reason;
	memset(&lab->res, 0, sizeof(lab->res));
	if (lab->pkt.verdict == NET_CONTROL) {
		net_control(lab->port, copy, len, NET_CSUM_UNKNOWN, &lab->out, lab->now, &lab->res);
		accepted = lab->res.accepted;
		reason = lab->res.reason;
	}
	if (accepted)
		lab->acc.accepted++;
	else
		lab->acc.rejected[reason]++;
	return accepted;
}

bool lab_feed_hex(struct lab *lab, const char *hex)
{
	struct lab_bytes f = lab_hex(hex);

	return lab_feed(lab, f.b, f.len);
}

void lab_refuse(struct lab *lab, const void *frame, uint32_t len, enum wire_reason reason)
{
	struct lab_accounts before = lab->acc;
	unsigned sent = lab->sent;

	assert_false(lab_feed(lab, frame, len));
	for (unsigned r = 0; r < WIRE_REASON_COUNT; r++)
		if (lab->acc.rejected[r] != before.rejected[r])
			assert_string_equal(wire_reason_slug(r), wire_reason_slug(reason));
	assert_int_equal(lab->sent, sent);
}

void lab_refuse_hex(struct lab *lab, const char *hex, enum wire_reason reason)
{
	struct lab_bytes f = lab_hex(hex);

	lab_refuse(lab, f.b, f.len, reason);
}

void lab_pass(struct lab *lab, uint64_t us)
{
	uint64_t end = lab->now + us;

	for (unsigned steps = 0;; steps++) {
		uint64_t next = net_port_next_deadline(lab->port);

		assert_true(steps < 1000000);
		if (next > end)
			break;
		if (next > lab->now)
			lab->now = next;
		net_port_expire(lab->port, &lab->out, lab->now);
	}
	lab->now = end;
}

const struct lab_bytes *lab_next(struct lab *lab)
{
	assert_true(lab->taken < lab->sent);
	return &lab->frame[lab->taken++];
}

static void print_hex(const char *what, const uint8_t *b, uint32_t len)
{
	print_message("%s (%u bytes) ", what, len);
	for (uint32_t i = 0; i < len; i++)
		print_message("%02x", b[i]);
	print_message("\n");
}

void lab_expect(struct lab *lab, const char *hex)
{
	struct lab_bytes want = lab_hex(hex);
	const struct lab_bytes *got = lab_next(lab);

	if (got->len == want.len && memcmp(got->b, want.b, want.len) == 0)
		return;
	print_hex("sent", got->b, got->len);
	print_hex("want", want.b, want.len);
	fail_msg("another frame than expected");
}

void lab_expect_silence(struct lab *lab)
{
	if (lab->taken == lab->sent)
		return;
	print_hex("sent", lab->frame[lab->taken].b, lab->frame[lab->taken].len);
	fail_msg("%u frames too many", lab->sent - lab->taken);
}

void lab_forget(struct lab *lab)
{
	lab->sent = lab->taken = lab->allocated = 0;
}

void lab_know_peer(struct lab *lab)
{
	unsigned sent = lab->sent;

	assert_true(lab_feed_hex(lab, V_ARP_PEER_ANSWERS));
	assert_true(lab_feed_hex(lab, V_NS_PEER_ASKS_US));
	assert_true(lab_feed_hex(lab, V_NA_PEER_ANSWERS));
	assert_true(lab_feed_hex(lab, V_NS_PEER_ASKS_LINK_LOCAL));
	assert_int_equal(lab->sent, sent + 2);
	lab_forget(lab);
}

void lab_know_gateways(struct lab *lab)
{
	assert_true(lab_feed_hex(lab, V_ARP_GATEWAY_ANSWERS));
	assert_true(lab_feed_hex(lab, V_NA_GATEWAY_ANSWERS));
}

static uint8_t nibble(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

struct lab_bytes lab_hex(const char *hex)
{
	struct lab_bytes f = {0};

	for (; hex[0] && hex[1]; hex += 2) {
		assert_true(f.len < LAB_FRAME);
		f.b[f.len++] = (uint8_t)(nibble(hex[0]) << 4 | nibble(hex[1]));
	}
	return f;
}

struct ip_addr lab_ip(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_addr_parse(&a, text), 0);
	return a;
}

bool lab_is(const struct ip_addr *a, const char *text)
{
	struct ip_addr b = lab_ip(text);

	return ip_addr_equal(a, &b);
}

const char *lab_mac_of(const struct lab *lab, const char *dst)
{
	static char text[13];
	struct ip_addr a = lab_ip(dst);
	uint8_t l2[NET_L2_MAX];

	text[0] = '\0';
	if (net_port_l2(lab->port, &a, l2) > 0)
		snprintf(text, sizeof(text), "%02x%02x%02x%02x%02x%02x", l2[0], l2[1], l2[2], l2[3],
			l2[4], l2[5]);
	return text;
}

void lab_send(struct lab *lab, const char *dst, uint32_t len, uint8_t mark)
{
	struct ip_addr to = lab_ip(dst);
	struct ip_addr from = lab_ip(ip_addr_is_v4(&to) ? US4 : US6);
	uint8_t *packet = calloc(1, len);
	unsigned hdr_len;

	assert_non_null(packet);
	hdr_len = ip_addr_is_v4(&to) ? 20 : 40;
	net_build_ip(packet, &from, &to, 17, len - hdr_len);
	packet[len - 1] = mark;
	net_port_send_ip(lab->port, packet, len, &lab->out, lab->now);
	free(packet);
}
