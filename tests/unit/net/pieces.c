#include "tests/unit/net/pieces.h"

static struct craft c;

bool feed_piece(
	struct lab *lab, const struct craft_whole *whole, uint32_t off, uint32_t len, bool more)
{
	craft_piece(&c, whole, off, len, more);
	return lab_feed(lab, c.b, c.len);
}

void refuse_piece(struct lab *lab, const struct craft_whole *whole, uint32_t off, uint32_t len,
	bool more, enum wire_reason reason)
{
	craft_piece(&c, whole, off, len, more);
	lab_refuse(lab, c.b, c.len, reason);
}

void is_whole(const struct lab *lab, const struct craft_whole *whole, uint32_t frames)
{
	const struct net_pkt *pkt = &lab->res.pkt;

	assert_true(lab->res.accepted);
	assert_true(lab->res.datagram);
	assert_int_equal(lab->res.frames, frames);
	assert_int_equal(pkt->verdict, NET_UDP);
	assert_int_equal(pkt->flow.src_port, 40000);
	assert_int_equal(pkt->flow.dst_port, 514);
	assert_true(lab_is(&pkt->flow.dst, whole->v6 ? US6 : US4));
	assert_int_equal(pkt->payload_len, whole->len - 8);
	assert_memory_equal(pkt->payload, whole->b + 8, whole->len - 8);
	assert_memory_equal(pkt->src_mac, lab_hex(PEER_MAC).b, 6);
}
