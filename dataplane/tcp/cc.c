/* How much may be in the network (RFC 5681; initial window of RFC 6928). */
#include "dataplane/tcp/tcp_priv.h"

#define CWND_MAX (1U << 30)

static uint32_t initial_window(const struct tcp_conn *c)
{
	uint32_t least = 2U * c->mss > 14600 ? 2U * c->mss : 14600;

	return 10U * c->mss < least ? 10U * c->mss : least;
}

void tcp_cc_init(struct tcp_conn *c, bool syn_lost)
{
	c->cwnd = syn_lost ? c->mss : initial_window(c);
	c->ssthresh = CWND_MAX;
	c->cwnd_acc = 0;
}

static uint32_t half_of(const struct tcp_conn *c, uint32_t bytes)
{
	return bytes / 2 > 2U * c->mss ? bytes / 2 : 2U * c->mss;
}

/*
 * FlightSize (RFC 5681 section 3.1) as it would be had each ACK of this round let something out at
 * once; we send at the end of the round. It is no less than when we last sent, and where the
 * congestion window alone held us back, it would be full.
 */
static uint32_t flight_size(const struct tcp_conn *c)
{
	uint32_t flight = c->tx_nxt - c->snd_una;
	uint32_t could = tcp_min(tcp_min(c->cwnd, c->snd_wnd), c->snd_end - c->snd_una);

	if (flight < tcp_min(c->flight, c->cwnd))
		flight = tcp_min(c->flight, c->cwnd);
	return (c->flags & CF_CWND_LIMITED) && flight < could ? could : flight;
}

void tcp_cc_cut(struct tcp_conn *c, uint64_t now)
{
	uint32_t flight = flight_size(c);

	/*
	 * What limited transmit let out beyond the window does not count (section 3.2). Where the
	 * window was cut after all of this had been sent, the window that let it out was twice as
	 * large.
	 */
	if (!(c->flags & (CF_RECOVERY | CF_LOSS)))
		flight = tcp_min(flight, c->flags & CF_CUT ? 2 * c->cwnd : c->cwnd);
	c->undo_cwnd = c->cwnd;
	c->undo_ssthresh = c->ssthresh;
	c->cut_ms = (uint32_t)(now / 1000);
	c->ssthresh = half_of(c, flight);
	c->cwnd = c->ssthresh;
	c->cwnd_acc = 0;
}

void tcp_cc_cut_at_once(struct tcp_conn *c, uint64_t now)
{
	tcp_cc_cut(c, now);
	c->undo_cwnd = 0;
	c->flags |= CF_CUT;
	c->tlp_end = c->tx_nxt;
}

void tcp_cc_undo(struct tcp_conn *c)
{
	c->cwnd = c->cwnd > c->undo_cwnd ? c->cwnd : c->undo_cwnd;
	c->ssthresh = c->undo_ssthresh;
	c->undo_cwnd = 0;
}

void tcp_cc_cut_again(struct tcp_conn *c, uint64_t now)
{
	c->ssthresh = half_of(c, c->cwnd);
	c->cwnd = tcp_min(c->cwnd, c->ssthresh);
	c->cwnd_acc = 0;
	c->cut_ms = (uint32_t)(now / 1000);
	c->undo_cwnd = 0;
}

/*
 * Congestion avoidance (section 3.1): a segment for each window of bytes that was acknowledged, bit
 * by bit. To wait until all of it was would keep a window of few segments smaller by half of one.
 */
static void grow(struct tcp_conn *c, uint32_t bytes)
{
	uint64_t acc = c->cwnd_acc + (uint64_t)bytes * c->mss;
	uint64_t more = acc / c->cwnd;

	c->cwnd_acc = (uint32_t)(acc % c->cwnd);
	c->cwnd += more < c->mss ? (uint32_t)more : c->mss;
}

void tcp_cc_acked(struct tcp_conn *c, uint32_t bytes)
{
	/* A window that was not used tells nothing about a larger one (RFC 7661 section 4.3). */
	if (!(c->flags & CF_CWND_LIMITED) || c->cwnd >= CWND_MAX)
		return;
	if (c->cwnd < c->ssthresh) {
		/* Acknowledgements are lost and merged; eight is what RFC 9406 has without pacing.
		 */
		uint32_t most = c->flags & CF_LOSS ? c->mss : 8U * c->mss;

		c->cwnd += bytes < most ? bytes : most;
		return;
	}
	grow(c, bytes);
}

/* RFC 5681 section 4.1: after an idle time of an RTO the ACK clock is lost. */
void tcp_cc_restart_if_idle(struct tcp_conn *c, uint64_t now)
{
	uint32_t restart = initial_window(c);

	if (c->tx_head || (uint32_t)(now / 1000) - c->last_sent_ms < tcp_rto(c) / 1000)
		return;
	if (c->cwnd > restart)
		c->cwnd = restart;
	c->cwnd_acc = 0;
}
