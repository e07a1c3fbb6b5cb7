/*
 * Tail loss probes (RFC 8985 section 7): where the end of what was sent is not acknowledged within
 * two round trips, one segment more is sent, new or the last again, so that the answer shows what
 * is missing long before the timeout does.
 */
#include "dataplane/tcp/tcp_priv.h"

#define PEER_ACK_DELAY_US 200000U  /* how long a peer may hold back its ACK of a single segment */
#define BLIND_PTO_US	  1000000U /* before the first round trip is known */
#define LEAST_PTO_US	  10000U   /* shorter, it would find peers that are just busy */

bool tcp_tlp_may(const struct tcp_conn *c)
{
	return (c->flags & CF_SACK) && (c->flags & CF_RTT_NEW) && c->tx_head && c->snd_wnd > 0 &&
	       !(c->flags & (CF_RECOVERY | CF_LOSS | CF_SACKED | CF_TLP | CF_REO));
}

uint64_t tcp_tlp_at(const struct tcp_conn *c, uint64_t now)
{
	uint64_t wait = c->srtt ? 2ULL * c->srtt : BLIND_PTO_US;
	uint64_t at;

	if (c->srtt && c->tx_head == c->tx_tail)
		wait += PEER_ACK_DELAY_US;
	at = now + (wait > LEAST_PTO_US ? wait : LEAST_PTO_US);
	return at < c->rto_at ? at : c->rto_at;
}

void tcp_tlp_probe(struct tcp_conn *c, uint64_t now)
{
	c->stack->n.tlp_probes++;
	c->flags |= CF_TLP;
	c->flags &= ~(uint32_t)(CF_RTT_NEW | CF_TLP_AGAIN | CF_CUT);
	if (!tcp_output_one(c, now)) {
		c->flags |= CF_TLP_AGAIN;
		tcp_resend(c, c->tx_tail, now);
	}
	c->tlp_end = c->tx_nxt;
}

/* Section 7.4.2: was it the probe that repaired a loss? That would be a sign of congestion. */
void tcp_tlp_ack(
	struct tcp_conn *c, const struct tcp_seg *g, const struct tcp_acked *a, uint64_t now)
{
	struct tcp_range r;

	if (!(c->flags & CF_TLP) || seq_lt(g->ack, c->tlp_end))
		return;
	if ((c->flags & CF_TLP_AGAIN) && !(tcp_rack_dsack(g, &r) && r.end == c->tlp_end)) {
		if (g->ack == c->tlp_end && !(a->bytes == 0 && g->len == 0 && g->o.nsack == 0))
			return; /* not known yet */
		if (g->ack != c->tlp_end) {
			c->stack->n.tlp_repairs++;
			tcp_cc_cut_at_once(c, now);
		}
	}
	c->flags &= ~(uint32_t)CF_TLP;
}
