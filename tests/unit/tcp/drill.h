/*
 * Drives the TCP state machine by hand, in the manner (and nearly the notation) of packetdrill:
 * inject a segment, expect exact segments at exact times, let time pass.
 *
 *     in(d, "S 0:0(0) win 65535 <mss 1460,sackOK,TS val 100 ecr 0,wscale 7>");
 *     out(d, "S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,TS val 0 ecr 100,wscale 2>");
 *     in(d, ". 1:1(0) ack 1 win 257");
 *     in(d, "P. 1:1001(1000) ack 1");
 *     pass(d, MS(40));
 *     out_at(d, MS(40), ". 1:1(0) ack 1001");
 *
 * Flags: S F R P U and . for ACK. Numbers are relative to the two initial sequence numbers, in SACK
 * blocks too; our timestamps are relative to the one in our last SYN. What `out` does not name it
 * does not compare: without `win` the window, without `TS` the timestamps. All other options must
 * be named. Payload follows a pattern by sequence number, which is checked in both directions.
 */
#ifndef SLUICE_TESTS_DRILL_H
#define SLUICE_TESTS_DRILL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/tcp/tcp.h"

#define MS(n)	   ((uint64_t)(n)*1000)
#define SEC(n)	   ((uint64_t)(n)*1000000)

#define DRILL_SEGS 4096

/* A buffer that the stack is handed. */
struct drill_buf {
	uint8_t bytes[4096];
};

struct drill_seg {
	uint64_t at;
	struct tcp_tx tx; /* pointers into `bytes` */
	uint8_t bytes[60 + 2048];
};

struct drill {
	struct tcp_stack *s;
	struct tcp_config cfg;
	uint64_t start, now;
	uint32_t peer_isn, our_isn, our_ts;
	struct ip_flow flow;   /* the peer's; a test may change it */
	struct tcp_conn *conn; /* the last one accepted or opened; NULL after CLOSED */
	struct drill_seg *seg;
	unsigned seg_count, seg_next;
	char events[256];
	enum tcp_verdict verdict; /* of the last segment */
	enum tcp_close_reason why;

	/* The application. */
	bool hold;	  /* leave bytes unread */
	uint32_t read;	  /* bytes of the peer's stream consumed */
	uint32_t written; /* bytes of our stream written */
	bool foreign;	  /* payload is not the pattern: do not check */
	void (*on_event)(struct drill *d, struct tcp_conn *c, enum tcp_event ev);

	/* The world. */
	uint64_t rtt; /* in drill_accept() */
	uint32_t mtu, buf_size;
	bool refuse, refuse_silently, no_buffers, drop_output;
	uint64_t bufs_out; /* handed to the stack and not given back */
	uint8_t fill;	   /* not 0: payload of `in` is this byte */
};

/* Where sequence numbers begin; each suite runs once as it is and once around the wrap. */
extern uint32_t drill_peer_isn, drill_our_isn;

struct drill *drill_new(void (*tweak)(struct tcp_config *cfg));
/* Nothing may be left to expect, and every buffer comes back. */
void drill_free(struct drill *d);

__attribute__((format(printf, 5, 6))) void drill_in(
	struct drill *d, bool flush, const char *file, int line, const char *text, ...);
__attribute__((format(printf, 5, 6))) void drill_out(
	struct drill *d, uint64_t at, const char *file, int line, const char *text, ...);
void drill_none(struct drill *d, const char *file, int line);
void drill_events(struct drill *d, const char *file, int line, const char *want);

/* All take a format and its arguments, as printf does. A segment in a round of its own: */
#define in(d, ...) drill_in(d, true, __FILE__, __LINE__, __VA_ARGS__)
/* A segment in a round that goes on. */
#define put(d, ...) drill_in(d, false, __FILE__, __LINE__, __VA_ARGS__)
/* The next segment that we sent is this, and was sent now. */
#define out(d, ...) drill_out(d, UINT64_MAX, __FILE__, __LINE__, __VA_ARGS__)
/* The same, sent at this time since the beginning. */
#define out_at(d, at, ...) drill_out(d, at, __FILE__, __LINE__, __VA_ARGS__)
/* We sent nothing that was not expected. */
#define none(d) drill_none(d, __FILE__, __LINE__)
/* Events since the last time: A(ccepted) R W F C, O(pened); R once for any number in a row. */
#define events(d, want) drill_events(d, __FILE__, __LINE__, want)

/* Time passes; timers run when they are due. */
void pass(struct drill *d, uint64_t us);
void flush(struct drill *d);
/* The application writes the next `n` bytes of its stream, and the round ends. */
uint32_t wr(struct drill *d, uint32_t n);
/* It reads `n` bytes (checked against the pattern), and the round ends. */
void rd(struct drill *d, uint32_t n);
/* A connection with MSS 1460 and window 65535 << 7, with what `opts` says ("" for none). */
void drill_accept(struct drill *d, const char *opts);
#define OPTS_ALL  "sackOK,TS val 1000 ecr 0,wscale 7"
#define OPTS_SACK "sackOK,wscale 7"
#define OPTS_NONE ""
/* The same, made by a stack with the defaults that `tweak` (or NULL) has changed. */
struct drill *accepted(void (*tweak)(struct tcp_config *cfg), const char *opts);
/* A round trip of that length in the handshake; `start` is after it. */
struct drill *accepted_after(uint64_t rtt, const char *opts);
/* A connection whose round trip is 40 ms: ten segments of 1,460 went out at 0, and it is 40 ms. */
struct drill *ten_out(const char *opts);
/* Opens actively: our SYN has gone out, with all options; `start` is then. */
void drill_connect(struct drill *d);
struct drill *connecting(void (*tweak)(struct tcp_config *cfg));
struct tcp_info info_of(const struct drill *d);
/* The name of the connection's state, or "none". */
const char *state_of(const struct drill *d);
void close_now(struct drill *d);
/* The flow of what we send; ICMP errors about our number `seq`, each a round of its own. */
struct ip_flow ours(const struct drill *d);
void unreachable(struct drill *d, uint32_t seq, bool hard);
void too_big(struct drill *d, uint32_t seq, uint32_t mtu);

const struct tcp_counters *counters(const struct drill *d);
/* Drops what we sent and was not expected yet. */
void forget(struct drill *d);
uint8_t drill_pattern(uint32_t offset);
/* How many of the segments not yet expected satisfy the flags. */
unsigned sent_count(const struct drill *d);

int drill_run(const struct CMUnitTest *tests, size_t n, const char *name);
#define DRILL_MAIN(tests)                                                                          \
	int main(void)                                                                             \
	{                                                                                          \
		return drill_run(tests, sizeof(tests) / sizeof((tests)[0]), __FILE__);             \
	}

#endif
