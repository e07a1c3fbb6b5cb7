/*
 * TCP (RFC 9293), both sides, as a pure state machine: segments, calls and `now` go in, segments
 * and events come out. No clock, no I/O, no thread, no global state; one stack belongs to one
 * worker. Received payload stays in the buffers it came in (opaque handles) until the owner of the
 * connection consumes it.
 *
 * All times are microseconds of one monotonic clock, as `now`. All lengths are bytes, all numbers
 * in host order.
 */
#ifndef SLUICE_TCP_H
#define SLUICE_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/addr.h"
#include "dataplane/base/siphash.h"

struct tcp_stack;
struct tcp_conn;

enum tcp_flag {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_URG = 0x20,
};

/*
 * A received segment. `hdr` points to the TCP header (checksum verified by the caller), `len` is
 * header and payload. `buf` is the handle of the buffer that holds these bytes, `buf_size` what it
 * really occupies in memory; the stack takes the reference over in every case and gives it back by
 * ops->buf_free, at once or when the payload has been consumed or discarded.
 */
struct tcp_rx {
	struct ip_flow flow; /* src is the peer */
	const uint8_t *hdr;
	uint32_t len;
	void *buf;
	uint32_t buf_size;
	bool ce; /* the packet carried ECN CE; ignored today */
};

/*
 * A segment to send: TCP header with options, checksum field zero, then payload. The pointers are
 * valid during the call only: the callee copies.
 */
struct tcp_tx {
	struct ip_flow flow; /* src is ourselves */
	const uint8_t *hdr;
	uint32_t hdr_len;
	const uint8_t *payload;
	uint32_t payload_len;
};

/*
 * Inside of a callback every call on any connection is allowed, tcp_abort() too; tcp_input(),
 * tcp_expire() and tcp_flush() are not. For every ACCEPTED, and for every tcp_connect() that
 * returned a connection, there is exactly one CLOSED, and it is the last event.
 */
enum tcp_event {
	TCP_EV_ACCEPTED, /* handshake complete; set the user pointer now */
	TCP_EV_READABLE, /* new in-order bytes */
	TCP_EV_WRITABLE, /* room in the send buffer again, after a short tcp_write() */
	TCP_EV_PEER_FIN, /* the peer sends no more; unread bytes can still be read */
	/*
	 * Gone; the connection is freed when the callback returns. After a reset or timeout it
	 * comes at once, and unread bytes can be read inside of it. Where both sides have closed
	 * it waits until all bytes have been consumed (it comes from the tcp_flush() that follows),
	 * for fin_wait2_us at the longest.
	 */
	TCP_EV_CLOSED,
	TCP_EV_CONNECTED, /* of tcp_connect(): the handshake is complete */
};

enum tcp_close_reason {
	TCP_CLOSED_NORMALLY,
	TCP_CLOSED_RESET,	/* by the peer */
	TCP_CLOSED_TIMEOUT,	/* no answer to data, probes or keepalives */
	TCP_CLOSED_ABORTED,	/* tcp_abort(); tcp_close() before the peer answered */
	TCP_CLOSED_REFUSED,	/* tcp_connect(): reset by the peer instead of a handshake */
	TCP_CLOSED_UNREACHABLE, /* tcp_connect(): no handshake, and ICMP said why not */
};

struct tcp_ops {
	/* Sends now, in order. 0, or -1 where it was dropped (no mbuf): TCP's timers repair it. */
	int (*output)(void *ctx, const struct tcp_tx *seg);
	void (*event)(void *ctx, struct tcp_conn *conn, enum tcp_event ev);
	/* Gives a received buffer back. */
	void (*buf_free)(void *ctx, void *buf);
	/* A fresh buffer into which small segments are copied together, or NULL. */
	void *(*buf_alloc)(void *ctx, uint8_t **data, uint32_t *capacity, uint32_t *buf_size);
	/* The MTU of the way to `dst` (link MTU or a validated smaller path MTU is kept by TCP). */
	uint32_t (*mtu)(void *ctx, const struct ip_addr *dst);
	/* May a new connection be made to this port, from there? No: RST, or silence if `*drop`. */
	bool (*listening)(void *ctx, const struct ip_flow *flow, bool *drop);
};

struct tcp_config {
	uint32_t max_conns;	    /* established and closing */
	uint32_t max_half_open;	    /* SYN table; past it SYN cookies */
	uint32_t max_time_wait;	    /* past it the oldest goes */
	uint32_t max_spent_cookies; /* in 67 s, that are sure to make no second connection */
	uint32_t rcv_buf;	 /* per connection, by true size; half of it is offered as window */
	uint64_t rcv_buf_total;	 /* all connections, by true size */
	uint32_t snd_buf;	 /* per connection, e.g. 64 KiB */
	uint64_t snd_buf_total;	 /* all connections; past it each still has one block */
	uint32_t snd_block;	 /* of a send buffer, with 8 bytes of our own: 64 to 65,528, by 8 */
	uint32_t delayed_ack_us; /* every second full-sized segment is acknowledged at once */
	uint32_t rto_min_us, rto_max_us;
	uint32_t syn_retries;	  /* of a SYN-ACK; at most 7 */
	uint32_t connect_retries; /* of our SYN; 7 are three minutes; at most 255 */
	uint32_t data_retries;	  /* timeouts in a row until it is given up; at most 255 */
	uint32_t time_wait_us;
	uint64_t keepalive_idle_us; /* 0: no keepalives */
	uint32_t keepalive_interval_us;
	uint32_t keepalive_probes;
	uint32_t fin_wait2_us;	 /* without a segment from the peer, after we closed */
	uint32_t challenge_acks; /* per connection in 5 s (RFC 5961 section 7) */
	uint32_t replies_per_s;	 /* RSTs, and ACKs in TIME-WAIT: all connections together */
	bool cookies_always;	 /* for tests */
	struct siphash_key key;	 /* ISN (RFC 6528), cookies, table hash */
};

/* Sane defaults for everything but `key`. */
void tcp_config_defaults(struct tcp_config *cfg);

struct tcp_counters {
	uint64_t segs_in, segs_out, bytes_in, bytes_out, retransmits, fast_retransmits, rto_fired;
	uint64_t ooo_queued, ooo_dropped, dup_segments, out_of_window, bad_header, bad_ack;
	uint64_t syn_received, syn_cookies_sent, syn_cookies_ok, syn_cookies_bad, syn_dropped;
	uint64_t syn_cookies_spent, syn_cookies_forgotten;
	uint64_t connects, connected; /* active opens, and how many of them came about */
	uint64_t accepted, closed, reset_in, reset_out, challenge_acks, challenge_limited;
	uint64_t no_listener, conn_limit, pressure_drops, coalesced, zero_windows;
	uint64_t probes, keepalives;
	uint64_t paws_rejected, time_wait_reused, delayed_acks;
	uint64_t time_wait_evicted, replies_limited, snd_pool_limited, ooo_pruned;
	uint64_t rack_lost, tlp_probes, tlp_repairs, undone;
	uint64_t pmtu_reduced, pmtu_doubted, icmp_ignored;
	uint64_t conns, half_open, time_wait; /* gauges */
	uint64_t rcv_bytes_held;	      /* gauge, by true size */
};

/*
 * Allocates everything at once by malloc (tables for the configured bounds; conn memory in slabs).
 * NULL when out of memory. `ctx` is passed to every op.
 */
struct tcp_stack *tcp_stack_new(const struct tcp_config *cfg, const struct tcp_ops *ops, void *ctx);
/* Frees all connections without sending anything; buffers go back through buf_free. */
void tcp_stack_free(struct tcp_stack *s);

enum tcp_verdict {
	TCP_OK,
	TCP_REJECT_HEADER,	/* wire reason bad_header */
	TCP_REJECT_WINDOW,	/* wire reason tcp_out_of_window */
	TCP_REJECT_NO_LISTENER, /* wire reason no_listener */
	TCP_REJECT_RESET, /* wire reason tcp_reset: segment of a connection that is not there */
};

/* Feeds one segment. Events and output may be called back from inside. */
enum tcp_verdict tcp_input(struct tcp_stack *s, const struct tcp_rx *seg, uint64_t now);

/*
 * ICMP packet-too-big for a segment of ours, quoted header given (RFC 5927: the quoted sequence
 * number must be in flight). Nothing happens where `mtu` is 0.
 */
void tcp_icmp(struct tcp_stack *s, const struct ip_flow *ours, uint32_t quoted_seq, uint32_t mtu,
	uint64_t now);
/*
 * Any other ICMP error, likewise (RFC 9293 section 3.9.2.2): noted (tcp_info.unreachable), and no
 * more, but that a `hard` one ends a tcp_connect() that is under way (TCP_EV_CLOSED from inside).
 */
void tcp_unreachable(
	struct tcp_stack *s, const struct ip_flow *ours, uint32_t quoted_seq, bool hard);

/*
 * The next instant at which tcp_expire() has something to do (it may turn out to be nothing);
 * UINT64_MAX: none. Never in the future while something waits for tcp_flush().
 */
uint64_t tcp_next_deadline(const struct tcp_stack *s);
/*
 * Runs due timers, at most `budget` of them, then does as tcp_flush() does; returns how many ran.
 * What is left over keeps tcp_next_deadline() in the past.
 */
unsigned tcp_expire(struct tcp_stack *s, uint64_t now, unsigned budget);
/*
 * Sends what was put off to the end of the round: one acknowledgement per connection,
 * retransmissions and data that acknowledgements have made room for, the rest of what was written.
 * Call it after each round, last.
 */
void tcp_flush(struct tcp_stack *s, uint64_t now);

enum tcp_connect_error {
	TCP_CONNECT_ADDRESS = -1, /* no addresses or ports of two hosts */
	TCP_CONNECT_IN_USE = -2,  /* this flow has a connection, is half-open or in TIME-WAIT */
	TCP_CONNECT_LIMIT = -3,	  /* cfg.max_conns */
};

/*
 * Opens actively (RFC 9293 section 3.10.1): sends a SYN, again at growing intervals
 * (cfg.connect_retries); TCP_EV_CONNECTED or TCP_EV_CLOSED follows, not from inside this call. What
 * is written before waits for the handshake. `flow` is that of the peer's segments (src is the
 * peer); choosing a local port is the caller's (RFC 6056). `user` is the user pointer. 0 and the
 * connection, or an error.
 */
int tcp_connect(struct tcp_stack *s, const struct ip_flow *flow, void *user, uint64_t now,
	struct tcp_conn **conn);

struct tcp_span {
	const uint8_t *data;
	uint32_t len;
};

/*
 * The unread in-order bytes, oldest first, in place: fills up to `n` spans, returns how many.
 * Valid until the next call into the stack for this connection.
 */
unsigned tcp_peek(const struct tcp_conn *c, struct tcp_span *v, unsigned n);
/* The same, starting `skip` bytes after the first unread one. */
unsigned tcp_peek_from(const struct tcp_conn *c, uint32_t skip, struct tcp_span *v, unsigned n);
uint32_t tcp_unread(const struct tcp_conn *c);
/* Gives the first `n` unread bytes back (n <= tcp_unread); may open the window. */
void tcp_consume(struct tcp_conn *c, uint32_t n, uint64_t now);

/*
 * Copies into the send buffer; returns how many bytes it took (0..n). Full segments are sent at
 * once, what is left by tcp_flush(), so that small writes of one round share a segment. (There is
 * no Nagle algorithm beyond that.)
 */
uint32_t tcp_write(struct tcp_conn *c, const void *data, uint32_t n, uint64_t now);
uint32_t tcp_write_room(const struct tcp_conn *c);

/*
 * Half-closes our side after what was written; reading goes on until the peer's FIN. Before the
 * peer has answered a tcp_connect(): TCP_EV_CLOSED from inside this call.
 */
void tcp_close(struct tcp_conn *c, uint64_t now);
/*
 * From now on no new byte of the peer's is taken: each is as if it had been lost, so it is not
 * acknowledged, and the window opens no more. Bytes that are here can be read, acknowledgements
 * count, and a FIN that follows what is here.
 */
void tcp_deafen(struct tcp_conn *c);
/* Has the peer acknowledged all that was written, and our FIN? */
bool tcp_fin_acked(const struct tcp_conn *c);
/* RST and TCP_EV_CLOSED from inside this call. */
void tcp_abort(struct tcp_conn *c, uint64_t now);

void tcp_set_user(struct tcp_conn *c, void *user);
void *tcp_user(const struct tcp_conn *c);

struct tcp_info {
	struct ip_flow flow; /* src is the peer */
	uint64_t bytes_in, bytes_out, retransmits, opened_us, last_in_us;
	uint32_t srtt_us, rto_us, cwnd, mss, rcv_wnd, rcv_held, unread;
	uint8_t state;
	bool sack, timestamps, wscale;
	bool unreachable; /* ICMP said so since the peer last acknowledged something */
	enum tcp_close_reason why;
};
void tcp_info(const struct tcp_conn *c, struct tcp_info *info);
const char *tcp_state_name(uint8_t state);

const struct tcp_counters *tcp_counters(const struct tcp_stack *s);

#endif
