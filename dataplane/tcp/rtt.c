/* The retransmission timeout (RFC 6298). */
#include "dataplane/tcp/tcp_priv.h"

#define GRANULARITY_US 1000U

void tcp_rtt_sample(struct tcp_conn *c, uint64_t rtt_us)
{
	const struct tcp_config *cfg = &c->stack->cfg;
	uint32_t r = rtt_us > cfg->rto_max_us ? cfg->rto_max_us : (uint32_t)rtt_us;
	uint32_t var, rto;

	if (c->srtt == 0) {
		c->srtt = r ? r : 1;
		c->rttvar = r / 2;
	} else {
		uint32_t err = r > c->srtt ? r - c->srtt : c->srtt - r;

		c->rttvar = c->rttvar - c->rttvar / 4 + err / 4;
		c->srtt = c->srtt - c->srtt / 8 + r / 8;
	}
	var = 4 * c->rttvar;
	rto = c->srtt + (var > GRANULARITY_US ? var : GRANULARITY_US);
	if (rto < cfg->rto_min_us)
		rto = cfg->rto_min_us;
	c->rto = rto > cfg->rto_max_us ? cfg->rto_max_us : rto;
	c->flags |= CF_RTT_NEW;
	c->backoff = 0; /* section 5: an unambiguous sample ends the backing off */
}

static uint64_t backed_off(const struct tcp_conn *c, unsigned times)
{
	uint64_t rto = (uint64_t)c->rto << (times > 20 ? 20 : times);

	return rto > c->stack->cfg.rto_max_us ? c->stack->cfg.rto_max_us : rto;
}

uint64_t tcp_rto(const struct tcp_conn *c)
{
	return backed_off(c, c->backoff);
}

uint64_t tcp_rto_before(const struct tcp_conn *c)
{
	return backed_off(c, c->backoff - !!c->backoff);
}
