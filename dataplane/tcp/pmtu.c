/*
 * The path MTU. What ICMP claims is believed only of a segment of ours that is in flight, and that
 * would not fit what is claimed; below a size that is known to get through, only after the segment
 * has timed out as well (RFC 5927 section 7.2). Where no ICMP comes back, repeated timeouts of
 * large segments are the sign (RFC 1191 section 6.3; RFC 2923 section 2.1).
 *
 * And what ICMP says of a way that is not there: as soft as a lost segment to a connection that is
 * there (RFC 5927 section 5.2), but where one is only being opened a hard error ends that.
 */
#include "dataplane/tcp/tcp_priv.h"

#define LEAST_V4	552U  /* less is claimed by who wants crumbs, not by a link */
#define LEAST_V6	1280U /* RFC 8200 section 5 */
#define BLACK_HOLE_V4	1240U
#define BLACK_HOLE_FIRE 3U

static uint32_t least_mtu(const struct tcp_conn *c)
{
	return ip_addr_is_v4(&c->flow.src) ? LEAST_V4 : LEAST_V6;
}

uint32_t tcp_pmtu_overhead(const struct tcp_conn *c)
{
	return (ip_addr_is_v4(&c->flow.src) ? 40U : 60U) + (c->flags & CF_TS ? 12U : 0U);
}

static void reduce(struct tcp_conn *c, uint32_t mtu)
{
	c->stack->n.pmtu_reduced++;
	c->pmtu = (uint16_t)mtu;
	if (c->max_acked_size > mtu)
		c->max_acked_size = (uint16_t)mtu;
	c->doubted_mtu = 0;
	c->big_timeouts = 0;
	tcp_mss_update(c);
}

static struct tcp_txseg *in_flight(const struct tcp_conn *c, uint32_t seq)
{
	struct tcp_txseg *t = c->tx_head;

	while (t && !(seq_leq(t->seq, seq) && seq_lt(seq, t->end)))
		t = t->next;
	return t;
}

/* Whom an ICMP error is about, or NULL. */
static struct tcp_conn *quoted(struct tcp_stack *s, const struct ip_flow *ours)
{
	struct ip_flow peer = tcp_flow_back(ours);
	uint32_t ref = tcp_table_find(s, &peer, tcp_table_hash(s, &peer));

	return (ref & REF_KIND) == REF_CONN ? slab_at(&s->conns, ref & ~(uint32_t)REF_KIND) : NULL;
}

void tcp_unreachable(
	struct tcp_stack *s, const struct ip_flow *ours, uint32_t quoted_seq, bool hard)
{
	struct tcp_conn *c = quoted(s, ours);
	bool opening = c && (c->state == TCPS_SYN_SENT || c->state == TCPS_SYN_RECEIVED);

	if (c && (opening ? quoted_seq + 1 == c->snd_una : in_flight(c, quoted_seq) != NULL)) {
		c->flags |= CF_UNREACHABLE;
		if (opening && hard) {
			tcp_conn_end(c, TCP_CLOSED_UNREACHABLE);
			return;
		}
	}
	s->n.icmp_ignored++;
}

void tcp_icmp(struct tcp_stack *s, const struct ip_flow *ours, uint32_t quoted_seq, uint32_t mtu,
	uint64_t now)
{
	struct tcp_conn *c = quoted(s, ours);
	const struct tcp_txseg *t;

	if (!c || mtu == 0) {
		s->n.icmp_ignored++;
		return;
	}
	if (mtu < least_mtu(c))
		mtu = least_mtu(c);
	t = in_flight(c, quoted_seq);
	if (!t || mtu >= c->pmtu || t->end - t->seq + tcp_pmtu_overhead(c) <= mtu) {
		s->n.icmp_ignored++;
		return;
	}
	if (mtu < c->max_acked_size) {
		s->n.pmtu_doubted++;
		c->doubted_mtu = (uint16_t)mtu;
		c->doubted_seq = quoted_seq;
		return;
	}
	reduce(c, mtu);
	tcp_recovery_resend_all(c);
	tcp_put_off(c, CF_OUTPUT, now);
}

/* The oldest segment has timed out. */
void tcp_pmtu_timeout(struct tcp_conn *c)
{
	uint32_t size = c->tx_head->end - c->tx_head->seq + tcp_pmtu_overhead(c);
	uint32_t hole = ip_addr_is_v4(&c->flow.src) ? BLACK_HOLE_V4 : LEAST_V6;

	if (c->doubted_mtu && in_flight(c, c->doubted_seq) && size > c->doubted_mtu) {
		reduce(c, c->doubted_mtu);
		return;
	}
	if (size <= hole && size <= LEAST_V4)
		return;
	if (++c->big_timeouts < BLACK_HOLE_FIRE)
		return;
	if (size > hole)
		reduce(c, hole);
	else if (size > least_mtu(c))
		reduce(c, least_mtu(c));
}
