/*
 * A connection, and what hangs on it: received runs, the send buffer, transmissions. Private to
 * this room.
 */
#ifndef SLUICE_TCP_CONN_H
#define SLUICE_TCP_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/addr.h"
#include "dataplane/base/wheel.h"
#include "dataplane/tcp/link.h"
#include "dataplane/tcp/tcp.h"

/* A fresh buffer of ours into which small runs are copied, one behind the other as they come. */
struct tcp_pack {
	void *buf;
	uint8_t *at;   /* where the next bytes go */
	uint32_t room; /* from there on */
	uint32_t charge;
	uint32_t refs; /* runs in it */
	uint32_t left; /* runs that may still begin in it: none is charged less than the least */
};

/* A run of received payload in one buffer: one of a pack, or the one that it came in. */
struct tcp_chunk {
	struct tcp_chunk *next;
	struct tcp_pack *pack;
	void *buf; /* where there is no pack */
	const uint8_t *data;
	uint32_t seq; /* of data[0] */
	uint32_t len;
	uint32_t charge; /* of `buf` */
	bool small;	 /* out of order, and to be copied where that can be done */
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

/* A part of the send buffer: cfg.snd_block bytes with its head. */
struct tcp_sblock {
	struct tcp_sblock *next;
	uint8_t data[];
};

struct tcp_range {
	uint32_t start, end;
};

/* What came out of order; there is none of it while nothing is missing. */
#define TCP_OOO_SLICES 64U

struct tcp_ooo {
	struct tcp_link link; /* among the stack's holders, oldest first */
	struct tcp_conn *conn;
	struct tcp_chunk *head, *tail;
	struct tcp_pack *pack;	     /* the last one that was begun, where it is still there */
	uint32_t bytes, full, small; /* runs: those that are in the buffer they came in, the rest */
	/* The first run that begins in each slice of the numbers (ooo.c), or NULL. */
	struct tcp_chunk *first[TCP_OOO_SLICES];
	unsigned nsack;
	struct tcp_range sack[4]; /* what we report, most recent first */
};

/* Numbers are what tcp_info reports and tcp_state_name names. */
enum tcp_state {
	TCPS_CLOSED, /* CLOSED event raised; memory lives until the outermost call returns */
	TCPS_SYN_SENT,
	TCPS_SYN_RECEIVED, /* of an active open; of a passive one it is in the SYN table */
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
	CF_UNREACHABLE = 0x8000000, /* ICMP said so since the peer last acknowledged something */
	CF_DEAF = 0x10000000,	    /* tcp_deafen(): new bytes are as if they were lost */
	CF_CUT = 0x20000000,	    /* a probe's repair cut the window; up to tlp_end all was out */

	CF_AGREED = CF_TS | CF_SACK | CF_WSCALE,
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
	uint8_t big_timeouts; /* of a full-sized segment in a row: a black hole? */
	uint8_t why;	      /* enum tcp_close_reason */
	uint64_t opened_us;

	/* Line 5: what is out of order, limits on what we answer, a doubted path MTU. */
	struct tcp_ooo *ooo;
	struct tcp_link starved;
	struct tcp_range dsack;
	uint32_t rcv_fin;
	uint32_t challenge_ms;
	uint32_t stale_ms;
	uint32_t last_sent_ms; /* data */
	uint32_t doubted_seq;
	uint16_t doubted_mtu;
	uint16_t max_acked_size; /* largest packet known to have got through (RFC 5927 section 7.2)
				  */
	uint16_t adv_mss; /* what we announced: no segment that came is larger, only merged ones */
	uint16_t challenges;
	uint16_t min_rtt_s;
	uint8_t reo_mult; /* reordering window, in quarters of the least round trip */
	uint8_t reo_persist;

	/* Line 6: loss by time and tail loss probes (RFC 8985). */
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
	uint32_t tlp_end; /* of CF_TLP; of CF_CUT */
	uint32_t flight; /* unacknowledged when we last sent: ACKs of this round may have come since
			  */
};

#define TCP_LINE(n, member)                                                                        \
	_Static_assert(offsetof(struct tcp_conn, member) == (n)*64UL, "cache line " #n)
TCP_LINE(0, stack);
TCP_LINE(1, flow);
TCP_LINE(2, due);
TCP_LINE(3, flush);
TCP_LINE(4, tx_nxt);
TCP_LINE(5, ooo);
TCP_LINE(6, rack_sent_us);
_Static_assert(sizeof(struct tcp_conn) == 448, "an idle connection holds this and nothing more");

#endif
