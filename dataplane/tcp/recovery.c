/*
 * What to send again, and when: fast retransmit and recovery, by selective acknowledgements where
 * the peer gives them (RFC 6675), else by duplicates (RFC 5681 section 3.2, RFC 6582), and after a
 * timeout. Both kinds count what is in the network (`pipe`) and fill it up to the congestion
 * window; a duplicate without SACK counts as one segment that left, wherever it stood.
 */
#include "dataplane/base/bytes.h"
#include "dataplane/tcp/tcp_priv.h"

#define DUP_THRESH 3U

static uint32_t size_of(const struct tcp_txseg *t)
{
	return t->end - t->seq;
}

/* Newly acknowledged bytes. A record counts when it is covered as a whole. */
uint32_t tcp_sack_input(struct tcp_conn *c, const struct tcp_seg *g)
{
	uint32_t fresh = 0;

	for (unsigned i = 0; i < g->o.nsack; i++) {
		uint32_t start = load_be32(g->o.sack + 8UL * i);
		uint32_t end = load_be32(g->o.sack + 8UL * i + 4);

		/* What is not strictly within the flight is a duplicate report (RFC 2883), or
		 * false. */
		if (!seq_gt(end, start) || !seq_gt(start, c->snd_una) || seq_gt(end, c->tx_nxt))
			continue;
		for (struct tcp_txseg *t = c->tx_tail; t && seq_geq(t->seq, start); t = t->prev) {
			if (seq_gt(t->end, end) || (t->flags & TX_SACKED))
				continue;
			t->flags |= TX_SACKED;
			c->flags |= CF_SACKED;
			fresh += size_of(t);
		}
	}
	return fresh;
}

/* IsLost() of RFC 6675 section 4 for every record at once, from the newest down. */
static void mark_lost(struct tcp_conn *c)
{
	uint32_t above = 0;
	unsigned runs = 0;
	bool in_run = false;

	for (struct tcp_txseg *t = c->tx_tail; t; t = t->prev) {
		if (t->flags & TX_SACKED) {
			above += size_of(t);
			runs += !in_run;
			in_run = true;
			continue;
		}
		in_run = false;
		if ((runs >= DUP_THRESH || above > (DUP_THRESH - 1) * c->mss) &&
			!(t->flags & TX_AGAIN))
			t->flags |= TX_LOST;
	}
}

uint32_t tcp_recovery_pipe(const struct tcp_conn *c)
{
	uint32_t pipe = 0;
	uint32_t left = (uint32_t)c->reno_out * c->mss;

	if (!(c->flags & (CF_RECOVERY | CF_LOSS | CF_SACKED)))
		pipe = c->tx_nxt - c->snd_una;
	else
		for (const struct tcp_txseg *t = c->tx_head; t; t = t->next) {
			if (t->flags & TX_SACKED)
				continue;
			if (!(t->flags & TX_LOST))
				pipe += size_of(t);
			if (t->flags & TX_AGAIN)
				pipe += size_of(t);
		}
	return pipe > left ? pipe - left : 0;
}

static void clear_marks(struct tcp_conn *c, uint32_t marks)
{
	for (struct tcp_txseg *t = c->tx_head; t; t = t->next)
		t->flags &= ~marks;
}

static void enter_recovery(struct tcp_conn *c)
{
	c->stack->n.fast_retransmits++;
	c->flags |= CF_RECOVERY | CF_FORCE;
	c->flags &= ~(uint32_t)CF_RESCUED;
	c->recover = c->tx_nxt;
	if (!(c->flags & CF_SACK))
		c->reno_out = DUP_THRESH;
	c->ssthresh = tcp_cc_halve(c);
	c->cwnd = c->ssthresh;
	c->cwnd_acc = 0;
	c->tx_head->flags |= TX_LOST;
}

static void leave(struct tcp_conn *c)
{
	if (c->flags & CF_RECOVERY)
		c->cwnd = c->ssthresh;
	c->flags &= ~(uint32_t)(CF_RECOVERY | CF_LOSS | CF_FORCE);
	c->dupacks = 0;
	c->reno_out = 0;
	clear_marks(c, TX_LOST | TX_AGAIN);
}

static void open_ack(struct tcp_conn *c, const struct tcp_acked *a)
{
	/* It marks the past; far behind it would look like the future. */
	if (c->snd_una - c->recover > 1U << 30)
		c->recover = c->snd_una - 1;
	if (a->bytes) {
		c->dupacks = 0;
		c->reno_out = 0;
	}
	if (a->dup && c->tx_head) {
		if (c->dupacks < UINT8_MAX)
			c->dupacks++;
		if (c->flags & CF_SACK)
			mark_lost(c);
		else if (c->reno_out < DUP_THRESH - 1)
			c->reno_out++; /* limited transmit: one for one, twice (RFC 3042) */
		/* Without SACK, duplicates of what a timeout sent twice look the same (RFC 6582).
		 */
		if ((c->dupacks >= DUP_THRESH || (c->tx_head->flags & TX_LOST)) &&
			((c->flags & CF_SACK) || seq_gt(c->snd_una, c->recover))) {
			enter_recovery(c);
			return;
		}
	}
	if (a->bytes)
		tcp_cc_acked(c, a->bytes);
}

static void partial_ack(struct tcp_conn *c, const struct tcp_acked *a)
{
	uint32_t segs = a->bytes / c->mss;

	/* The duplicates stood for what is acknowledged now, but for the segment sent again. */
	if (segs > 0)
		segs--;
	c->reno_out = (uint16_t)(c->reno_out > segs ? c->reno_out - segs : 0);
	c->tx_head->flags |= TX_LOST;
	c->tx_head->flags &= ~(uint32_t)TX_AGAIN;
	c->flags |= CF_FORCE;
}

void tcp_recovery_ack(struct tcp_conn *c, const struct tcp_acked *a)
{
	if (!(c->flags & (CF_RECOVERY | CF_LOSS))) {
		open_ack(c, a);
	} else if (seq_geq(c->snd_una, c->recover)) {
		bool loss = c->flags & CF_LOSS;

		leave(c);
		if (loss)
			tcp_cc_acked(c, a->bytes);
	} else if (c->flags & CF_LOSS) {
		tcp_cc_acked(c, a->bytes);
	} else if (c->flags & CF_SACK) {
		mark_lost(c);
	} else if (a->bytes && c->tx_head) {
		partial_ack(c, a);
	} else if (a->dup && c->reno_out < UINT16_MAX) {
		c->reno_out++;
	}
	if (!c->tx_head)
		c->flags &= ~(uint32_t)CF_SACKED;
}

void tcp_recovery_resend_all(struct tcp_conn *c)
{
	c->flags &= ~(uint32_t)(CF_RECOVERY | CF_SACKED);
	c->flags |= CF_LOSS;
	c->recover = c->tx_nxt;
	c->dupacks = 0;
	c->reno_out = 0;
	/* What was acknowledged selectively may have been dropped since (RFC 2018 section 8). */
	clear_marks(c, TX_SACKED | TX_AGAIN);
	for (struct tcp_txseg *t = c->tx_head; t; t = t->next)
		t->flags |= TX_LOST;
}

void tcp_recovery_timeout(struct tcp_conn *c)
{
	/* RFC 5681 section 3.1: once for a flight, however often its timer fires. */
	if (!(c->flags & CF_LOSS) || !(c->tx_head->flags & TX_AGAIN))
		c->ssthresh = tcp_cc_halve(c);
	c->cwnd = c->mss;
	c->cwnd_acc = 0;
	tcp_recovery_resend_all(c);
}

static bool within_window(const struct tcp_conn *c, const struct tcp_txseg *t)
{
	return t == c->tx_head || seq_leq(t->end, c->snd_una + c->snd_wnd);
}

static bool fits(struct tcp_conn *c, const struct tcp_txseg *t, uint32_t pipe)
{
	if (pipe == 0 || pipe + size_of(t) <= c->cwnd)
		return true;
	c->flags |= CF_CWND_LIMITED;
	return false;
}

/* Rule 1 of NextSeg(), RFC 6675 section 4; after a timeout likewise. */
struct tcp_txseg *tcp_recovery_next(struct tcp_conn *c, uint32_t pipe)
{
	bool force = c->flags & CF_FORCE;

	if (!(c->flags & (CF_RECOVERY | CF_LOSS)))
		return NULL;
	c->flags &= ~(uint32_t)CF_FORCE;
	for (struct tcp_txseg *t = c->tx_head; t; t = t->next) {
		if ((t->flags & (TX_SACKED | TX_LOST | TX_AGAIN)) != TX_LOST)
			continue;
		return within_window(c, t) && (force || fits(c, t, pipe)) ? t : NULL;
	}
	return NULL;
}

static uint32_t highest_sacked(const struct tcp_conn *c)
{
	const struct tcp_txseg *t = c->tx_tail;

	while (t && !(t->flags & TX_SACKED))
		t = t->prev;
	return t ? t->seq : c->snd_una;
}

/* Rules 3 and 4: nothing is known to be lost and nothing new may be sent. */
struct tcp_txseg *tcp_recovery_extra(struct tcp_conn *c, uint32_t pipe)
{
	uint32_t high;
	struct tcp_txseg *t;

	if (!(c->flags & CF_RECOVERY) || !(c->flags & CF_SACK))
		return NULL;
	high = highest_sacked(c);
	for (t = c->tx_head; t && seq_lt(t->seq, high); t = t->next)
		if (!(t->flags & (TX_SACKED | TX_AGAIN)))
			return within_window(c, t) && fits(c, t, pipe) ? t : NULL;
	if (c->flags & CF_RESCUED)
		return NULL;
	for (t = c->tx_tail; t && (t->flags & TX_SACKED); t = t->prev)
		;
	if (!t || (t->flags & TX_AGAIN) || !within_window(c, t) || !fits(c, t, pipe))
		return NULL;
	c->flags |= CF_RESCUED;
	return t;
}
