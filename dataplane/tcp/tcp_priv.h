/*
 * What the files of this room share, and nobody else includes (its own tests excepted).
 *
 * The way of a segment: input.c finds whom it concerns; segment.c decides in which order what is
 * checked (RFC 9293 section 3.10.7.4); ack.c takes what the peer acknowledges, recovery.c what it
 * lacks; reassembly.c takes its bytes; output.c sends. syn.c and time_wait.c keep what comes before
 * and after a connection, in tables of their own; open.c makes those that begin with our SYN.
 */
#ifndef SLUICE_TCP_PRIV_H
#define SLUICE_TCP_PRIV_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/tcp/conn.h"
#include "dataplane/tcp/seq.h"
#include "dataplane/tcp/stack.h"

#define TCP_HEADER	   20U
#define TCP_MIN_MSS	   64U	/* smaller announcements are taken as this: an attack, not a link */
#define TCP_DEFAULT_MSS	   536U /* RFC 9293 section 3.7.1: where the peer announces none */
#define TCP_DEFAULT_MSS_V6 1220U
#define TCP_MAX_WSCALE	   14U /* RFC 7323 section 2.3 */
#define TCP_SYN_RTO_US	   1000000U
#define TCP_INITIAL_RTO_US 1000000U
#define TCP_STALE_MS	   100U /* between answers to segments that make no sense and carry no data */
#define TCP_NEVER	   UINT64_MAX

struct tcp_opts {
	uint32_t tsval, tsecr;
	const uint8_t *sack; /* nsack pairs, network order */
	uint16_t mss;	     /* 0: none */
	uint8_t nsack;
	uint8_t wscale;
	bool has_ts, has_wscale, sack_ok;
};

/* A segment on its way through input. */
struct tcp_seg {
	const struct tcp_rx *rx;
	const uint8_t *data;
	uint32_t len; /* payload */
	uint32_t seq, ack;
	uint16_t wnd;
	uint8_t flags;
	uint8_t hdr_len;
	bool taken; /* the buffer has found an owner */
	struct tcp_opts o;
};

/* options.c */

/* Reads the options of a header of `hdr_len` bytes; what follows an illegal length is ignored. */
void tcp_options_parse(struct tcp_opts *o, const uint8_t *hdr, uint32_t hdr_len, bool syn);
/* Both write at `p` and return the bytes written, a multiple of 4. */
uint32_t tcp_options_ts(uint8_t *p, uint32_t tsval, uint32_t tsecr);
uint32_t tcp_options_sack(uint8_t *p, const struct tcp_range *r, unsigned n);
uint32_t tcp_options_syn(uint8_t *p, uint16_t mss, const struct tcp_syn *e, uint32_t tsval);
/* The fixed header; checksum and urgent pointer zero. */
void tcp_header_write(uint8_t *hdr, const struct ip_flow *ours, uint32_t seq, uint32_t ack,
	uint32_t hdr_len, uint8_t flags, uint16_t wnd);

/* isn.c */
uint32_t tcp_isn(const struct tcp_stack *s, const struct ip_flow *flow, uint64_t now);
uint32_t tcp_ts_offset(const struct tcp_stack *s, const struct ip_flow *flow);
void tcp_keys_derive(struct tcp_stack *s, const struct siphash_key *key);

static inline uint32_t tcp_ts_now(uint32_t offset, uint64_t now)
{
	return (uint32_t)(now / 1000) + offset;
}

/* cookie.c */

/* Makes the entry's iss a cookie; returns the timestamp that goes with it (where it has CF_TS). */
uint32_t tcp_cookie_make(struct tcp_stack *s, struct tcp_syn *e, uint64_t now);
/* Might it belong to a connection that begins with a cookie of ours? (By the period alone.) */
bool tcp_cookie_plausible(const struct tcp_stack *s, const struct tcp_seg *g, uint64_t now);
/*
 * Fills `e` from an acknowledgement of a cookie of ours for this `irs`; false where it is none, or
 * has made a connection before (counted).
 */
bool tcp_cookie_open(struct tcp_stack *s, struct tcp_syn *e, const struct tcp_seg *g, uint32_t irs,
	uint64_t now);
/* It has made its connection: not again. */
void tcp_cookie_use(struct tcp_stack *s, const struct tcp_syn *e, uint64_t now);

/* spent.c; the period is that of the cookie */

/* Room for so many of a period; 0, or -1 when out of memory. */
int tcp_spent_init(struct tcp_spent *t, uint32_t entries);
void tcp_spent_destroy(struct tcp_spent *t);
/* Has the cookie that is `e->iss` made a connection? */
bool tcp_spent_before(const struct tcp_stack *s, const struct tcp_syn *e, uint32_t period);
void tcp_spend(struct tcp_stack *s, const struct tcp_syn *e, uint32_t period);

/* syn.c */

/* The options of a SYN, into those of `e` that come from there; `flow` must be set. */
void tcp_syn_read(const struct tcp_stack *s, struct tcp_syn *e, const struct tcp_seg *g);
/* What we announce to `peer`. */
uint16_t tcp_our_mss(struct tcp_stack *s, const struct ip_addr *peer);

/*
 * A SYN for a listener. `iss_floor`, if not NULL: our numbers must begin past it (RFC 6191), which
 * no cookie can promise; so these few have places of their own beyond the bound of the table.
 */
void tcp_syn_input(struct tcp_stack *s, struct tcp_seg *g, const uint32_t *iss_floor, uint64_t now);
/* Any segment for an entry of the table. */
enum tcp_verdict tcp_syn_segment(
	struct tcp_stack *s, struct tcp_syn *e, struct tcp_seg *g, uint64_t now);
/* An ACK without a connection: true where it brought a cookie of ours, or may yet: it is done. */
bool tcp_syn_cookie_ack(struct tcp_stack *s, struct tcp_seg *g, enum tcp_verdict *v, uint64_t now);
uint64_t tcp_syn_next(const struct tcp_stack *s);
unsigned tcp_syn_expire(struct tcp_stack *s, uint64_t now, unsigned budget);

/* time_wait.c */
void tcp_tw_enter(struct tcp_conn *c, uint64_t now);
enum tcp_verdict tcp_tw_segment(
	struct tcp_stack *s, struct tcp_tw *w, struct tcp_seg *g, uint64_t now);
unsigned tcp_tw_expire(struct tcp_stack *s, uint64_t now, unsigned budget);

/* conn.c */

/* In the table, its numbers as if a SYN of number `iss` were acknowledged; NULL at the bound. */
struct tcp_conn *tcp_conn_make(
	struct tcp_stack *s, const struct ip_flow *flow, uint32_t hash, uint32_t iss, uint64_t now);
/* What the peer's SYN said, and what was agreed on (the entry's flags, windows, sizes). */
void tcp_conn_agree(struct tcp_conn *c, const struct tcp_syn *e);
/*
 * The handshake is over: timeout, congestion window and keepalive begin. `again`: our SYN had to be
 * sent more than once; else it was sent at `sent_us`, or nobody knows (TCP_NEVER).
 */
void tcp_conn_begin(struct tcp_conn *c, bool again, uint64_t sent_us, uint64_t now);
struct tcp_conn *tcp_conn_new(struct tcp_stack *s, const struct tcp_syn *e, uint64_t now);
/* Raises the event, unless CLOSED was raised; false where the connection is closed by now. */
bool tcp_event(struct tcp_conn *c, enum tcp_event ev);
/* Out of all tables, CLOSED raised, memory back as soon as nobody is busy with it. */
void tcp_conn_end(struct tcp_conn *c, enum tcp_close_reason why);
/* Both sides are done: on to TIME-WAIT if `wait`, then as tcp_conn_end or TCPS_UNREAD. */
void tcp_conn_done(struct tcp_conn *c, bool wait, uint64_t now);
void tcp_conn_free(struct tcp_conn *c);

static inline void tcp_hold(struct tcp_conn *c)
{
	assert(c->busy < UINT8_MAX);
	c->busy++;
}

static inline void tcp_release(struct tcp_conn *c)
{
	assert(c->busy > 0);
	if (--c->busy == 0 && c->state == TCPS_CLOSED)
		tcp_conn_free(c);
}

/* Puts it on the list of tcp_flush() for CF_ACK_NOW or CF_OUTPUT. */
void tcp_put_off(struct tcp_conn *c, uint32_t flag, uint64_t now);

/* segment.c */
enum tcp_verdict tcp_segment(struct tcp_conn *c, struct tcp_seg *g, uint64_t now);

/* open.c */

/* Any segment in SYN-SENT. */
enum tcp_verdict tcp_syn_sent(struct tcp_conn *c, struct tcp_seg *g, uint64_t now);
/* In SYN-RECEIVED of an active open: the peer's SYN again. */
enum tcp_verdict tcp_crossed(struct tcp_conn *c, struct tcp_seg *g, uint64_t now);
/* And an ACK in the window: false where nothing is left to be done with it (`*v`). */
bool tcp_open_ack(struct tcp_conn *c, const struct tcp_seg *g, enum tcp_verdict *v, uint64_t now);
/* No answer to our SYN or SYN-ACK in time. */
void tcp_open_timeout(struct tcp_conn *c, uint64_t now);

/* Payload of `len` came: the size of a full segment of the peer is learnt from that. */
static inline void tcp_note_size(struct tcp_conn *c, uint32_t len)
{
	if (len > c->rcv_mss)
		c->rcv_mss = len > c->adv_mss ? c->adv_mss : (uint16_t)len;
}

/* How far the delayed acknowledgement has come after bytes arrived in order. */
void tcp_ack_policy(struct tcp_conn *c, uint64_t now);

/* ack.c; false: the segment must be dropped, or the connection is gone. */
bool tcp_ack_input(struct tcp_conn *c, const struct tcp_seg *g, uint64_t now);

/* recovery.c */
struct tcp_acked {
	uint32_t bytes;	    /* newly acknowledged, cumulatively */
	uint32_t sacked;    /* newly acknowledged, selectively */
	uint32_t delivered; /* both, and nothing twice */
	bool dup;	    /* a duplicate acknowledgement (RFC 5681, or RFC 6675 with SACK) */
	bool of_first;	    /* it answers what was sent before the window was cut (RFC 3522) */
};
uint32_t tcp_sack_input(struct tcp_conn *c, const struct tcp_seg *g, uint64_t now);
void tcp_recovery_ack(struct tcp_conn *c, const struct tcp_acked *a, uint64_t now);
void tcp_recovery_timeout(struct tcp_conn *c, uint64_t now);
/* The timer of RACK rang: what is lost by now is sent again by the next tcp_output(). */
void tcp_recovery_by_time(struct tcp_conn *c, uint64_t now);
/* All that is out counts as lost, without blame on the network (window or MTU had changed). */
void tcp_recovery_resend_all(struct tcp_conn *c);
/* Bytes in the network, as far as one can tell. */
uint32_t tcp_recovery_pipe(const struct tcp_conn *c);
/* The next lost segment that may be sent again while `pipe` is in the network, or NULL. */
struct tcp_txseg *tcp_recovery_next(struct tcp_conn *c, uint32_t pipe);
/* One to send again although it is not known to be lost, when nothing new can be sent, or NULL. */
struct tcp_txseg *tcp_recovery_extra(struct tcp_conn *c, uint32_t pipe);

/* rack.c (RFC 8985 section 6) */
void tcp_rack_init(struct tcp_conn *c, uint64_t now);
/* Called once for each record, when `g` has acknowledged it in either way. */
void tcp_rack_delivered(
	struct tcp_conn *c, const struct tcp_txseg *t, const struct tcp_seg *g, uint64_t now);
/* Does it report a duplicate (RFC 2883)? Then `r` is its range. */
bool tcp_rack_dsack(const struct tcp_seg *g, struct tcp_range *r);
/* The acknowledgement has been taken as a whole; did it report a duplicate? */
void tcp_rack_adapt(struct tcp_conn *c, bool dsack);
void tcp_rack_recovered(struct tcp_conn *c);
/* How long after its sending a segment is missed. */
uint64_t tcp_rack_patience(const struct tcp_conn *c);
/* Marks what is lost, true where something was; sets the timer for what may be lost by then. */
bool tcp_rack_detect(struct tcp_conn *c, uint64_t now);

/* tlp.c (RFC 8985 section 7) */
bool tcp_tlp_may(const struct tcp_conn *c);
uint64_t tcp_tlp_at(const struct tcp_conn *c, uint64_t now);
void tcp_tlp_probe(struct tcp_conn *c, uint64_t now);
void tcp_tlp_ack(
	struct tcp_conn *c, const struct tcp_seg *g, const struct tcp_acked *a, uint64_t now);

/* cc.c (RFC 5681) */
void tcp_cc_init(struct tcp_conn *c, bool syn_lost);
void tcp_cc_acked(struct tcp_conn *c, uint32_t bytes);
/* A sign of congestion. */
void tcp_cc_cut(struct tcp_conn *c, uint64_t now);
/*
 * One of a loss that is repaired already, by a probe. What was sent before and is found missing
 * after it is no second sign: then no less is left than half of what is out.
 */
void tcp_cc_cut_at_once(struct tcp_conn *c, uint64_t now);
/* It was none (RFC 4015). */
void tcp_cc_undo(struct tcp_conn *c);
/* One more, within a recovery. */
void tcp_cc_cut_again(struct tcp_conn *c, uint64_t now);
void tcp_cc_restart_if_idle(struct tcp_conn *c, uint64_t now);

/* rtt.c (RFC 6298) */
void tcp_rtt_sample(struct tcp_conn *c, uint64_t rtt_us);
uint64_t tcp_rto(const struct tcp_conn *c);
/* What it was before the last timeout doubled it: by that one were older segments sent. */
uint64_t tcp_rto_before(const struct tcp_conn *c);

/* sndbuf.c */
uint32_t tcp_snd_put(struct tcp_conn *c, const uint8_t *data, uint32_t n);
uint32_t tcp_snd_room(const struct tcp_conn *c);
/* `len` bytes from `seq` on, in place or gathered. */
const uint8_t *tcp_snd_at(const struct tcp_conn *c, uint32_t seq, uint32_t len);
void tcp_snd_drop(struct tcp_conn *c, uint32_t n);
struct tcp_txseg *tcp_tx_add(
	struct tcp_conn *c, struct tcp_txseg *after, uint32_t seq, uint32_t end, uint64_t now);
void tcp_tx_remove(struct tcp_conn *c, struct tcp_txseg *t);
void tcp_snd_free(struct tcp_conn *c);

/* output.c */
void tcp_output(struct tcp_conn *c, uint64_t now);
/* The same, but no segment that a little more data would still fill. */
void tcp_output_full(struct tcp_conn *c, uint64_t now);
/* One new segment, whatever the congestion window says; false where there is none to send. */
bool tcp_output_one(struct tcp_conn *c, uint64_t now);
void tcp_send_ack(struct tcp_conn *c, uint64_t now);
void tcp_send_rst(struct tcp_conn *c, uint64_t now);
void tcp_send_keepalive(struct tcp_conn *c, uint64_t now);
void tcp_send_probe(struct tcp_conn *c, uint64_t now);
/* The same where something is out already: its first octet. */
void tcp_send_probe_again(struct tcp_conn *c, uint64_t now);
void tcp_resend(struct tcp_conn *c, struct tcp_txseg *t, uint64_t now);
void tcp_mss_update(struct tcp_conn *c);
/* All answer at most so often; what is past the limit is counted. */
bool tcp_challenge_allowed(struct tcp_conn *c, uint64_t now);
void tcp_challenge(struct tcp_conn *c, uint64_t now);
void tcp_ack_stale(struct tcp_conn *c, uint64_t now);

/* input.c: a SYN, or an ACK that may be a cookie's, for which there is no connection. */
enum tcp_verdict tcp_listen_input(
	struct tcp_stack *s, struct tcp_seg *g, const uint32_t *iss_floor, uint64_t now);

/* reply.c: segments that belong to no connection. */

/* One answer less in this second; false where cfg.replies_per_s is used up (counted). */
bool tcp_reply_allowed(struct tcp_stack *s, uint64_t now);
void tcp_reply_rst(struct tcp_stack *s, const struct tcp_seg *g, uint64_t now);
void tcp_reply(struct tcp_stack *s, const struct ip_flow *peer, uint32_t seq, uint32_t ack,
	uint8_t flags, uint16_t wnd, const uint8_t *opts, uint32_t opts_len);
struct ip_flow tcp_flow_back(const struct ip_flow *flow);

/* timers.c */
void tcp_timer_set(struct tcp_conn *c, enum tcp_timer which, uint64_t when);
static inline void tcp_timer_clear(struct tcp_conn *c, enum tcp_timer which)
{
	c->due[which] = TCP_NEVER;
}

static inline bool tcp_timer_on(const struct tcp_conn *c, enum tcp_timer which)
{
	return c->due[which] != TCP_NEVER;
}
void tcp_timers_start(struct tcp_conn *c, uint64_t now);
/* The wheel's timer rang: runs what is due and arms it for the rest. */
void tcp_timers_run(struct tcp_conn *c, uint64_t now);

/* pmtu.c */
void tcp_pmtu_timeout(struct tcp_conn *c);
uint32_t tcp_pmtu_overhead(const struct tcp_conn *c);

/* The peer may still send, and we still take. */
static inline bool tcp_receives(const struct tcp_conn *c)
{
	return c->state == TCPS_ESTABLISHED || c->state == TCPS_FIN_WAIT_1 ||
	       c->state == TCPS_FIN_WAIT_2;
}

#endif
