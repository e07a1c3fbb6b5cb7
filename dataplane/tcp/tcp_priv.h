/*
 * What the files of this room share, and nobody else includes (its own tests excepted).
 *
 * The way of a segment: input.c finds whom it concerns; segment.c decides in which order what is
 * checked (RFC 9293 section 3.10.7.4); ack.c takes what the peer acknowledges, recovery.c what it
 * lacks; reassembly.c takes its bytes; output.c sends. syn.c and time_wait.c keep what comes before
 * and after a connection, in tables of their own.
 */
#ifndef SLUICE_TCP_PRIV_H
#define SLUICE_TCP_PRIV_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/addr.h"
#include "dataplane/base/wheel.h"
#include "dataplane/tcp/seq.h"
#include "dataplane/tcp/slab.h"
#include "dataplane/tcp/table.h"
#include "dataplane/tcp/tcp.h"

#define TCP_HEADER	   20U
#define TCP_MIN_MSS	   64U	/* smaller announcements are taken as this: an attack, not a link */
#define TCP_DEFAULT_MSS	   536U /* RFC 9293 section 3.7.1: where the peer announces none */
#define TCP_DEFAULT_MSS_V6 1220U
#define TCP_MAX_WSCALE	   14U /* RFC 7323 section 2.3 */
#define TCP_MAX_SYN_STAGES 8U
#define TCP_SYN_RTO_US	   1000000U
#define TCP_INITIAL_RTO_US 1000000U
#define TCP_SBLOCK_DATA	   (2048U - 8U)
#define TCP_MIN_CHARGE	   512U /* a buffer is never charged less, so chunks have a bound too */
#define TCP_STALE_MS	   100U /* between answers to segments that make no sense and carry no data */
#define TCP_NEVER	   UINT64_MAX

/* A doubly linked list through its members; a member that is in no list has `next` NULL. */
struct tcp_link {
	struct tcp_link *next, *prev;
};

static inline void link_init(struct tcp_link *head)
{
	head->next = head;
	head->prev = head;
}

static inline bool link_empty(const struct tcp_link *head)
{
	return head->next == head;
}

static inline bool linked(const struct tcp_link *l)
{
	return l->next != NULL;
}

static inline void link_append(struct tcp_link *head, struct tcp_link *l)
{
	l->next = head;
	l->prev = head->prev;
	head->prev->next = l;
	head->prev = l;
}

static inline void link_remove(struct tcp_link *l)
{
	if (!l->next)
		return;
	l->next->prev = l->prev;
	l->prev->next = l->next;
	l->next = NULL;
}

#define LINK_OWNER(l, type, member) ((type *)(void *)((char *)(l)-offsetof(type, member)))

/* A run of received payload in one buffer. */
struct tcp_chunk {
	struct tcp_chunk *next;
	void *buf;
	const uint8_t *data;
	uint32_t seq; /* of data[0] */
	uint32_t len;
	uint32_t charge;
	uint32_t room; /* bytes that may still be copied in after the data; 0 in buffers not ours */
};

/* A segment that was sent and is not acknowledged; they lie side by side in order. */
struct tcp_txseg {
	struct tcp_txseg *next, *prev;
	uint64_t sent_us;  /* last transmission */
	uint32_t seq, end; /* a FIN counts */
	uint32_t flags;
};

enum tcp_txseg_flag {
	TX_SACKED = 0x01,
	TX_LOST = 0x02,	 /* taken to have left the network */
	TX_AGAIN = 0x04, /* sent again since it was taken for lost, or by rule 3 or 4 */
	TX_EVER = 0x08,	 /* sent more than once: its RTT is ambiguous (Karn) */
	TX_PROBE = 0x10, /* an octet sent into a closed window */
};

/* A part of the send buffer. */
struct tcp_sblock {
	struct tcp_sblock *next;
	uint8_t data[TCP_SBLOCK_DATA];
};

struct tcp_range {
	uint32_t start, end;
};

/* Numbers are what tcp_info reports and tcp_state_name names. */
enum tcp_state {
	TCPS_CLOSED,	   /* CLOSED event raised; memory lives until the outermost call returns */
	TCPS_SYN_RECEIVED, /* in the SYN table, never a connection */
	TCPS_ESTABLISHED,
	TCPS_FIN_WAIT_1,
	TCPS_FIN_WAIT_2,
	TCPS_CLOSE_WAIT,
	TCPS_CLOSING,
	TCPS_LAST_ACK,
	TCPS_TIME_WAIT, /* in its own table, never a connection */
	TCPS_UNREAD,	/* both sides are done; only the owner's unread bytes remain */
};

enum tcp_conn_flag {
	CF_TS = 0x0001, /* negotiated */
	CF_SACK = 0x0002,
	CF_WSCALE = 0x0004,
	CF_FIN_QUEUED = 0x0008, /* tcp_close() was called */
	CF_FIN_KNOWN = 0x0010,	/* the place of the peer's FIN is rcv_fin */
	CF_FIN_RCVD = 0x0020,	/* and everything before it is here */
	CF_OOO = 0x0040,	/* out-of-order data is held */
	CF_ACK_NOW = 0x0080,	/* owe an acknowledgement at the next flush */
	CF_OUTPUT = 0x0100,	/* try to send data at the next flush */
	CF_WANT_ROOM = 0x0200,	/* a tcp_write() was short: owe TCP_EV_WRITABLE */
	CF_RECOVERY = 0x0400,	/* fast recovery until snd_una reaches `recover` */
	CF_LOSS = 0x0800,	/* after a timeout, until the same */
	CF_DSACK = 0x1000,
	CF_PERSIST = 0x2000,	    /* the retransmission timer runs to probe a closed window */
	CF_CWND_LIMITED = 0x4000,   /* the congestion window stopped us: it may grow */
	CF_RESCUED = 0x8000,	    /* rule 4 of RFC 6675 was used in this recovery */
	CF_ZERO_FIRED = 0x10000,    /* a timer resent into a closed window */
	CF_SACKED = 0x20000,	    /* something in flight is acknowledged selectively */
	CF_FORCE = 0x40000,	    /* the next retransmission goes out, window or not */
	CF_REO = 0x80000,	    /* the retransmission timer runs to detect losses by time */
	CF_PTO = 0x100000,	    /* it runs to probe the tail */
	CF_WANT_PTO = 0x200000,	    /* new data was sent or acknowledged: probe the tail */
	CF_TLP = 0x400000,	    /* a tail loss probe is out, up to tlp_end */
	CF_TLP_AGAIN = 0x800000,    /* and was a retransmission */
	CF_RTT_NEW = 0x1000000,	    /* a round trip was measured since the last probe */
	CF_REORDERED = 0x2000000,   /* the network has been seen to reorder */
	CF_DSACK_ROUND = 0x4000000, /* duplicates were reported in this round, up to dsack_round */
};

enum tcp_timer {
	TMR_RTX, /* retransmission, loss by time, probe of the tail or of a window */
	TMR_DELACK,
	TMR_KEEP, /* keepalive; FIN-WAIT-2; the end of TCPS_UNREAD */
	TCP_TIMERS,
};

/*
 * One connection. A bulk receiver's segment touches the first three lines only; the rest is for
 * sending, for loss and for closing.
 */
struct tcp_conn {
	/* Line 0: all that header prediction decides by. */
	_Alignas(64) struct tcp_stack *stack;
	uint32_t rcv_nxt;
	uint32_t rcv_adv;   /* right edge of the window we announced; never moves back */
	uint32_t rcv_acked; /* the last acknowledgement we sent (Last.ACK.sent) */
	uint32_t ts_recent;
	uint32_t snd_una;
	uint32_t snd_end; /* end of what was written; without FIN */
	uint32_t snd_wnd;
	uint32_t flags;
	uint8_t state;
	uint8_t snd_wscale, rcv_wscale;
	uint8_t busy; /* calls on the stack that will still use this memory */
	uint32_t unread;
	struct tcp_chunk *rx_head, *rx_tail;

	/* Line 1: who it is. */
	struct ip_flow flow; /* as in the peer's segments */
	uint32_t hash;
	uint32_t rcv_held; /* true size of all buffers held */
	uint16_t rcv_mss;  /* the largest payload seen: what full-sized means */
	uint16_t mss;	   /* payload of a full-sized segment of ours, without SACK blocks */
	uint32_t ts_offset;
	uint32_t snd_wl1, snd_wl2;
	uint32_t snd_nxt; /* one past the highest number ever sent */

	/* Line 2: time. The wheel holds one timer, armed no later than the earliest of due[]. */
	uint64_t due[TCP_TIMERS];
	struct wheel_timer timer;
	uint64_t last_in_us;
	uint64_t bytes_in;

	/* Line 3: sending. */
	struct tcp_link flush;
	struct tcp_txseg *tx_head, *tx_tail;
	struct tcp_sblock *sb_head, *sb_tail;
	void *user;
	uint64_t bytes_out;

	/* Line 4: congestion control and retransmission. */
	uint32_t tx_nxt; /* next to send for the first time; behind snd_nxt after a withdrawn probe
			  */
	uint32_t max_wnd;
	uint32_t cwnd, ssthresh, cwnd_acc;
	uint32_t recover;
	uint32_t srtt, rttvar, rto; /* microseconds */
	uint32_t retransmits;
	uint16_t sb_first; /* where snd_una lies in sb_head */
	uint16_t sb_last;  /* bytes used in sb_tail */
	uint16_t peer_mss;
	uint16_t pmtu;
	uint16_t reno_out; /* segments that duplicate ACKs say have left, where there is no SACK */
	uint8_t dupacks;
	uint8_t backoff;
	uint8_t retries; /* timeouts since the peer last answered */
	uint8_t keep_probes;
	uint8_t nsack;
	uint8_t why; /* enum tcp_close_reason */
	uint64_t opened_us;

	/* Line 5: what is out of order, and limits on what we answer. */
	struct tcp_chunk *ooo_head, *ooo_tail;
	struct tcp_link ooo_link;
	struct tcp_link starved;
	uint32_t rcv_fin;
	uint32_t challenge_ms;
	uint32_t stale_ms;
	uint16_t challenges;
	uint16_t max_acked_size; /* largest packet known to have got through (RFC 5927 section 7.2)
				  */

	/* Line 6: selective acknowledgements we send, most recent first; a doubted path MTU. */
	struct tcp_range sack[4];
	struct tcp_range dsack;
	uint32_t doubted_seq;
	uint16_t doubted_mtu;
	uint16_t big_timeouts; /* of a full-sized segment in a row: a black hole? */
	uint64_t last_sent_us; /* data */
	uint16_t adv_mss; /* what we announced: no segment that came is larger, only merged ones */

	/* Line 7: loss by time and tail loss probes (RFC 8985). */
	uint64_t rack_sent_us; /* of what was sent last among what has arrived */
	uint64_t rto_at;       /* when the retransmission timer would ring, were it not for these */
	uint32_t rack_end;
	uint32_t rack_rtt;
	uint32_t rack_fack; /* the highest number acknowledged in any way, before this segment */
	uint32_t rack_high; /* and with it */
	uint32_t min_rtt[2];
	uint32_t cut_ms; /* when the congestion window was last cut in this recovery */
	uint32_t undo_cwnd, undo_ssthresh; /* what they were before; 0: not to be undone */
	uint32_t dsack_round;
	uint32_t tlp_end;
	uint16_t min_rtt_s;
	uint8_t reo_mult; /* reordering window, in quarters of the least round trip */
	uint8_t reo_persist;
};

#define TCP_LINE(n, member)                                                                        \
	_Static_assert(offsetof(struct tcp_conn, member) == (n)*64UL, "cache line " #n)
TCP_LINE(0, stack);
TCP_LINE(1, flow);
TCP_LINE(2, due);
TCP_LINE(3, flush);
TCP_LINE(4, tx_nxt);
TCP_LINE(5, ooo_head);
TCP_LINE(6, sack);
TCP_LINE(7, rack_sent_us);
_Static_assert(sizeof(struct tcp_conn) <= 512, "an idle connection holds this and nothing more");

/* A half-open connection. */
struct tcp_syn {
	struct tcp_link link; /* in the queue of its stage; times rise along it */
	struct ip_flow flow;
	uint32_t hash;
	uint64_t due;
	uint64_t sent_us;
	uint32_t irs, iss;
	uint32_t ts_recent;
	uint32_t rcv_wnd;
	uint16_t peer_mss;
	uint8_t flags; /* enum tcp_conn_flag, the negotiated ones */
	uint8_t snd_wscale, rcv_wscale;
	uint8_t stage; /* SYN-ACKs sent again */
	uint8_t acks;  /* answers to segments that did not fit, since the last stage */
};

/* A closed connection that waits for its last segments to die. */
struct tcp_tw {
	struct tcp_link link; /* times rise along the one queue */
	struct ip_flow flow;
	uint32_t hash;
	uint64_t due;
	uint32_t snd_nxt, rcv_nxt;
	uint32_t ts_recent, ts_offset;
	uint16_t wnd;
	uint8_t flags;
};

/* Fingerprints of cookies that have made a connection (spent.c), of even periods and of odd. */
struct tcp_spent {
	uint32_t *tag[2];
	uint32_t period[2];
	uint32_t mask;
};

/* Tokens that come at a rate up to a burst of one second's worth. */
struct tcp_bucket {
	uint32_t tokens;
	uint64_t filled_us;
};

struct tcp_stack {
	struct tcp_ops ops;
	void *ctx;
	struct tcp_conn *last; /* the connection of the last segment: bursts come in runs */
	struct tcp_table table;
	struct tcp_counters n;
	struct tcp_config cfg;
	uint32_t rcv_max_wnd; /* the most a connection announces */
	uint8_t rcv_wscale;   /* what that takes */

	struct tcp_link flush;
	uint64_t flush_since;
	/* Where tcp_snd_at() was last: the next is beside it. */
	struct {
		const struct tcp_conn *conn;
		const struct tcp_sblock *block;
		uint32_t seq; /* of the block's first byte */
	} snd_hint;
	struct tcp_link ooo_holders; /* oldest first */
	struct tcp_link starved;     /* announced less than they would but for rcv_buf_total */

	struct slab conns, chunks, txsegs, sblocks, syns, tws;
	struct tcp_link syn_stage[TCP_MAX_SYN_STAGES];
	struct tcp_link tw_queue;

	struct siphash_key key_table, key_isn, key_ts, key_cookie, key_spent;
	struct tcp_spent spent;
	uint64_t cookie_sent_us; /* TCP_NEVER: none yet */
	struct tcp_bucket replies;
	uint8_t *scratch; /* gathers a segment that spans blocks of a send buffer */
	struct wheel wheel;
};

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
	uint32_t bytes;	 /* newly acknowledged, cumulatively */
	uint32_t sacked; /* newly acknowledged, selectively */
	bool dup;	 /* a duplicate acknowledgement (RFC 5681, or RFC 6675 with SACK) */
	bool of_first;	 /* it answers what was sent before the window was cut (RFC 3522) */
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
/* A sign of congestion while `flight` bytes were out. */
void tcp_cc_cut(struct tcp_conn *c, uint32_t flight, uint64_t now);
/* It was none (RFC 4015). */
void tcp_cc_undo(struct tcp_conn *c);
/* One more, within a recovery. */
void tcp_cc_cut_again(struct tcp_conn *c, uint64_t now);
void tcp_cc_restart_if_idle(struct tcp_conn *c, uint64_t now);

/* rtt.c (RFC 6298) */
void tcp_rtt_sample(struct tcp_conn *c, uint64_t rtt_us);
uint64_t tcp_rto(const struct tcp_conn *c);

/* reassembly.c: the bytes and the FIN of an acceptable segment; raises events. */
void tcp_data(struct tcp_conn *c, struct tcp_seg *g, uint64_t now);

/* rcvbuf.c */

/* Appends at rcv_nxt; false where memory bounds forbid it. `last`: the buffer may be kept. */
bool tcp_rcv_append(
	struct tcp_conn *c, struct tcp_seg *g, const uint8_t *data, uint32_t len, bool last);
/* The same for a run beyond rcv_nxt, after `prev` (NULL: first); the chunk, or NULL if refused. */
struct tcp_chunk *tcp_rcv_insert(struct tcp_conn *c, struct tcp_seg *g, struct tcp_chunk *prev,
	uint32_t seq, const uint8_t *data, uint32_t len, bool last);
/* Small runs side by side, from the one after `from` (NULL: the first) to `upto`, share a buffer.
 */
void tcp_rcv_join(struct tcp_conn *c, struct tcp_chunk *from, uint32_t upto);
void tcp_rcv_pull(struct tcp_conn *c);
void tcp_rcv_drop_ooo(struct tcp_conn *c);
void tcp_rcv_free(struct tcp_conn *c);
/* Brings rcv_adv up to date (never back) and returns the window field. */
uint16_t tcp_rcv_announce(struct tcp_conn *c);
/* The window by which a new connection is greeted. */
uint32_t tcp_rcv_first_window(const struct tcp_stack *s);
void tcp_rcv_unstarve(struct tcp_stack *s, uint64_t now);

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
void tcp_send_rst(struct tcp_conn *c);
void tcp_send_keepalive(struct tcp_conn *c, uint64_t now);
void tcp_send_probe(struct tcp_conn *c, uint64_t now);
/* The same where something is out already: its first octet. */
void tcp_send_probe_again(struct tcp_conn *c, uint64_t now);
void tcp_resend(struct tcp_conn *c, struct tcp_txseg *t, uint64_t now);
void tcp_mss_update(struct tcp_conn *c);
/* Both answer at most so often; what is past the limit is counted. */
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
