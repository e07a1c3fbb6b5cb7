/*
 * SYN cookies: where the SYN table is full, what it would remember is folded into our initial
 * sequence number, and the options that do not fit there into the low bits of our timestamp.
 *
 *   iss = [ period : 5 | MSS index : 3 ] ^ mask : 8 | MAC : 24
 *   timestamp = clock with its low 6 bits replaced by [ 1 | SACK : 1 | window scale or 15 : 4 ]
 *
 * The MAC (SipHash-2-4) covers flow, peer's ISN, period, MSS index and those option bits. A blind
 * guess hits with 2^-24 in one of the two periods that count (67 s each).
 */
#include <string.h>

#include "dataplane/base/siphash.h"
#include "dataplane/tcp/tcp_priv.h"

#define PERIOD_SHIFT 26 /* 2^26 us */
#define NO_WSCALE    15U
#define OPTS_NONE    0xffU /* no timestamps, so no options beyond MSS */
#define OPTS_MASK    63U

static const uint16_t cookie_mss[8] = {TCP_MIN_MSS, 536, 1220, 1340, 1400, 1440, 1460, 8940};

struct cookie_input {
	struct ip_flow flow;
	uint32_t irs;
	uint32_t period;
	uint32_t mss_index;
	uint32_t opts;
};
_Static_assert(sizeof(struct cookie_input) == 52, "hashed as bytes: no padding");

/* Keeps the clock out of sight; of the flow alone, so that the period can be read without the ISN.
 */
static uint32_t mask(const struct tcp_stack *s, const struct ip_flow *flow)
{
	return (uint32_t)siphash24(&s->key_cookie, flow, sizeof(*flow)) & 0xff000000;
}

static uint32_t cookie(const struct tcp_stack *s, const struct cookie_input *in)
{
	uint32_t mac = (uint32_t)siphash24(&s->key_cookie, in, sizeof(*in)) & 0xffffff;

	return (((in->period & 31) << 27 | in->mss_index << 24) ^ mask(s, &in->flow)) | mac;
}

/* Of how many periods ago it would be. */
static uint32_t age_of(
	const struct tcp_stack *s, const struct ip_flow *flow, uint32_t iss, uint64_t now)
{
	return ((uint32_t)(now >> PERIOD_SHIFT) - ((mask(s, flow) ^ iss) >> 27)) & 31;
}

bool tcp_cookie_plausible(const struct tcp_stack *s, const struct tcp_seg *g, uint64_t now)
{
	return age_of(s, &g->rx->flow, g->ack - 1, now) <= 1;
}

uint32_t tcp_cookie_make(struct tcp_stack *s, struct tcp_syn *e, uint64_t now)
{
	struct cookie_input in = {e->flow, e->irs, (uint32_t)(now >> PERIOD_SHIFT), 7, OPTS_NONE};
	uint32_t ts = 0;

	while (in.mss_index > 0 && cookie_mss[in.mss_index] > e->peer_mss)
		in.mss_index--;
	if (e->flags & CF_TS) {
		uint32_t clock = tcp_ts_now(tcp_ts_offset(s, &e->flow), now);

		in.opts = 32U | (e->flags & CF_SACK ? 16U : 0) |
			  (e->flags & CF_WSCALE ? e->snd_wscale : NO_WSCALE);
		ts = (clock & ~OPTS_MASK) | in.opts;
		if (seq_gt(ts, clock))
			ts -= OPTS_MASK + 1;
	} else {
		e->flags = 0; /* nowhere to keep them */
	}
	e->iss = cookie(s, &in);
	s->cookie_sent_us = now;
	return ts;
}

void tcp_cookie_use(struct tcp_stack *s, const struct tcp_syn *e, uint64_t now)
{
	tcp_spend(s, e, (uint32_t)(now >> PERIOD_SHIFT) - age_of(s, &e->flow, e->iss, now));
}

bool tcp_cookie_open(
	struct tcp_stack *s, struct tcp_syn *e, const struct tcp_seg *g, uint32_t irs, uint64_t now)
{
	struct cookie_input in = {g->rx->flow, irs, 0, 0, OPTS_NONE};
	uint32_t iss = g->ack - 1;
	uint32_t age = age_of(s, &in.flow, iss, now);

	if (age > 1)
		return false;
	in.period = (uint32_t)(now >> PERIOD_SHIFT) - age;
	in.mss_index = (mask(s, &in.flow) ^ iss) >> 24 & 7;
	if (g->o.has_ts)
		in.opts = g->o.tsecr & OPTS_MASK;
	if (cookie(s, &in) != iss)
		return false;

	memset(e, 0, sizeof(*e));
	e->flow = in.flow;
	e->irs = in.irs;
	e->iss = iss;
	e->peer_mss = cookie_mss[in.mss_index];
	e->rcv_wnd = s->rcv_max_wnd;
	e->sent_us = TCP_NEVER;
	if (g->o.has_ts) {
		e->flags = CF_TS;
		e->ts_recent = g->o.tsval;
		if (in.opts & 16)
			e->flags |= CF_SACK;
		if ((in.opts & 15) != NO_WSCALE) {
			e->flags |= CF_WSCALE;
			e->snd_wscale = in.opts & 15;
			e->rcv_wscale = s->rcv_wscale;
		}
	}
	if (tcp_spent_before(s, e, in.period)) {
		s->n.syn_cookies_spent++;
		return false;
	}
	return true;
}
