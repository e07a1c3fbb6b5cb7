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
uint32_t tcp_sack_input(struct tcp_conn *c, const struct tcp_seg *g, uint64_t now)
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
			tcp_rack_delivered(c, t, g, now);
			t->flags |= TX_SACKED;
			c->flags |= CF_SACKED;
			fresh += size_of(t);
		}
	}
	return fresh;
}

/*
 * IsLost() of RFC 6675 section 4 for every record at once, from the newest down. Where the network
 * reorders, counting misleads, and time alone decides (rack.c).
 */
static void mark_lost(struct tcp_conn *c)
{
	uint32_t above = 0;
	unsigned runs = 0;
	bool in_run = false;

	if (c->flags & CF_REORDERED)
		return;
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

static void enter_recovery(struct tcp_conn *c, uint64_t now)
{
	c->stack->n.fast_retransmits++;
	tcp_cc_cut(c, now);
	c->flags |= CF_RECOVERY | CF_FORCE;
	c->flags &= ~(uint32_t)(CF_RESCUED | CF_TLP);
	c->recover = c->tx_nxt;
	if (!(c->flags & CF_SACK))
		c->reno_out = DUP_THRESH;
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
	tcp_rack_recovered(c);
}

/* With SACK: by bytes and segments reported above (RFC 6675), unless the network reorders. */
static bool counted_lost(const struct tcp_conn *c)
{
	return !(c->flags & CF_REORDERED) &&
	       (c->dupacks >= DUP_THRESH || (c->tx_head->flags & TX_LOST));
}

static void open_ack(struct tcp_conn *c, const struct tcp_acked *a, uint64_t now)
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
		if (c->flags & CF_SACK
				? counted_lost(c)
				: c->dupacks >= DUP_THRESH && seq_gt(c->snd_una, c->recover)) {
			enter_recovery(c, now);
			return;
		}
	}
	/* Where the network reorders, what is reported has arrived, too, and is not counted again.
	 */
	if (a->bytes || (c->flags & CF_REORDERED))
		tcp_cc_acked(c, a->delivered);
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

/* What the network has left to say by time; only where something is out of order can it be. */
static bool lost_by_time(struct tcp_conn *c, uint64_t now)
{
	return (c->flags & CF_SACK) && (c->flags & (CF_RECOVERY | CF_LOSS | CF_SACKED)) &&
	       tcp_rack_detect(c, now);
}

static bool any_sacked(const struct tcp_conn *c)
{
	const struct tcp_txseg *t = c->tx_head;

	while (t && !(t->flags & TX_SACKED))
		t = t->next;
	return t;
}

void tcp_recovery_by_time(struct tcp_conn *c, uint64_t now)
{
	if (lost_by_time(c, now) && !(c->flags & (CF_RECOVERY | CF_LOSS)))
		enter_recovery(c, now);
}

/*
 * The first copy of what was sent again has arrived: the network was late and lost nothing (Eifel,
 * RFC 3522 and 4015).
 */
static void undo(struct tcp_conn *c)
{
	c->stack->n.undone++;
	if (c->flags & CF_RECOVERY)
		c->flags |= CF_REORDERED;
	leave(c);
	tcp_cc_undo(c);
}

/* Without SACK: what was too young when the timer rang is lost once it has had its own time. */
static void mark_old(struct tcp_conn *c, uint64_t now)
{
	uint64_t rto = tcp_rto_before(c);

	for (struct tcp_txseg *t = c->tx_head; t && seq_lt(t->seq, c->recover); t = t->next)
		if (!(t->flags & TX_AGAIN) && t->sent_us + rto <= now)
			t->flags |= TX_LOST;
}

void tcp_recovery_ack(struct tcp_conn *c, const struct tcp_acked *a, uint64_t now)
{
	bool recovering = c->flags & (CF_RECOVERY | CF_LOSS);
	bool over = recovering && seq_geq(c->snd_una, c->recover);

	if ((c->flags & CF_CUT) && seq_geq(c->snd_una, c->tlp_end))
		c->flags &= ~(uint32_t)CF_CUT;
	if (recovering && a->bytes && c->undo_cwnd && a->of_first) {
		undo(c);
		over = true;
	} else if (over) {
		bool loss = c->flags & CF_LOSS;

		leave(c);
		if (loss)
			tcp_cc_acked(c, a->delivered);
	}
	if (a->bytes)
		c->undo_cwnd = 0; /* later ones answer what was sent again */
	if ((c->flags & CF_SACKED) && a->bytes && !any_sacked(c))
		c->flags &= ~(uint32_t)CF_SACKED;
	if (lost_by_time(c, now) && (over || !recovering)) {
		enter_recovery(c, now);
	} else if (over) {
		return;
	} else if (!recovering) {
		open_ack(c, a, now);
	} else if (c->flags & CF_LOSS) {
		if (a->bytes && !(c->flags & CF_SACK))
			mark_old(c, now);
		tcp_cc_acked(c, a->delivered);
	} else if (c->flags & CF_SACK) {
		mark_lost(c);
	} else if (a->bytes && c->tx_head) {
		partial_ack(c, a);
	} else if (a->dup && c->reno_out < UINT16_MAX) {
		c->reno_out++;
	}
}

void tcp_recovery_resend_all(struct tcp_conn *c)
{
	c->flags &= ~(uint32_t)(CF_RECOVERY | CF_SACKED | CF_TLP);
	c->flags |= CF_LOSS;
	c->recover = c->tx_nxt;
	c->dupacks = 0;
	c->reno_out = 0;
	/* What was acknowledged selectively may have been dropped since (RFC 2018 section 8). */
	clear_marks(c, TX_SACKED | TX_AGAIN);
	for (struct tcp_txseg *t = c->tx_head; t; t = t->next)
		t->flags |= TX_LOST;
}

void tcp_recovery_timeout(struct tcp_conn *c, uint64_t now)
{
	uint64_t patience = c->flags & CF_SACK ? tcp_rack_patience(c) : tcp_rto(c);
	bool recovering = c->flags & (CF_RECOVERY | CF_LOSS);

	/* RFC 5681 section 3.1: once for a flight, however often its timer fires. */
	if (!(c->flags & CF_LOSS) || !(c->tx_head->flags & TX_AGAIN))
		tcp_cc_cut(c, now);
	if (recovering)
		c->undo_cwnd = 0;
	c->cwnd = c->mss;
	tcp_recovery_resend_all(c);
	/* What was sent a moment ago has not had its time (RFC 8985 section 6.3, RFC 6298 5). */
	for (struct tcp_txseg *t = c->tx_head->next; t; t = t->next)
		if (t->sent_us + patience > now)
			t->flags &= ~(uint32_t)TX_LOST;
	c->flags |= CF_FORCE;
}

/*
 * RFC 7323 section 2.4: all was within the window when it was sent, so it may be sent once more
 * whatever the window is now; later only within it, give or take what its scale rounds off.
 */
static bool within_window(const struct tcp_conn *c, const struct tcp_txseg *t)
{
	uint32_t edge = c->snd_una + c->snd_wnd;

	return t == c->tx_head || !(t->flags & TX_EVER) ||
	       seq_lt(t->end, edge + (1U << c->snd_wscale));
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

/*
 * Rules 3 and 4: nothing is known to be lost and nothing new may be sent. Not rule 3 where the
 * network reorders: what is missing there is given its time.
 */
struct tcp_txseg *tcp_recovery_extra(struct tcp_conn *c, uint32_t pipe)
{
	uint32_t high;
	struct tcp_txseg *t;

	if (!(c->flags & CF_RECOVERY) || !(c->flags & CF_SACK))
		return NULL;
	high = highest_sacked(c);
	for (t = c->tx_head; t && seq_lt(t->seq, high); t = t->next)
		if (!(c->flags & CF_REORDERED) && !(t->flags & (TX_SACKED | TX_AGAIN)))
			return within_window(c, t) && fits(c, t, pipe) ? t : NULL;
	if (c->flags & CF_RESCUED)
		return NULL;
	for (t = c->tx_tail; t && (t->flags & TX_SACKED); t = t->prev)
		;
	/* What was sent since is not missed yet. */
	if (!t || (t->flags & TX_AGAIN) || seq_gt(t->end, c->recover) || !within_window(c, t) ||
		!fits(c, t, pipe))
		return NULL;
	c->flags |= CF_RESCUED;
	return t;
}
