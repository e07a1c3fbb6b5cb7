/* The stack: its memory, its queues, and what comes before and after a connection. Private. */
#ifndef SLUICE_TCP_STACK_H
#define SLUICE_TCP_STACK_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/tcp/conn.h"
#include "dataplane/tcp/slab.h"
#include "dataplane/tcp/table.h"

#define TCP_MAX_SYN_STAGES 8U

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

	struct slab conns, ooos, chunks, packs, txsegs, sblocks, syns, tws;
	struct tcp_link syn_stage[TCP_MAX_SYN_STAGES];
	struct tcp_link tw_queue;

	struct siphash_key key_table, key_isn, key_ts, key_cookie, key_spent;
	struct tcp_spent spent;
	uint64_t cookie_sent_us; /* TCP_NEVER: none yet */
	struct tcp_bucket replies;
	uint8_t *scratch; /* gathers a segment that spans blocks of a send buffer */
	struct wheel wheel;
};
#endif
