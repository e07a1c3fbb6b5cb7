/*
 * A whole data plane in the test's process, on ring ports: the test is the wire and every host on
 * it. One rig a process, since EAL can be initialised only once.
 */
#ifndef TESTS_DP_RIG_H
#define TESTS_DP_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/dp.h"
#include "dataplane/rates.h"

#define RIG_SERVER     "192.0.2.2"
#define RIG_CLIENT_NET "192.0.2." /* clients are 192.0.2.10 and up */

struct rig {
	struct dp *dp;
	char dir[64];
	uint64_t frames_in;  /* given to the port */
	uint64_t frames_out; /* taken from it */
	struct journal_config journal;
};

/* Which lcores there are; each kind on CPUs 1 and 0 in turn. */
enum rig_lcores {
	RIG_ONE,   /* one does everything */
	RIG_APART, /* an rx and a worker */
	RIG_MANY,  /* two of each, a port of two queues, frames put into them in turn */
};

/* By the word for it that tests take as an argument: one, apart, many. Exits the process where it
 * is none of them. */
enum rig_lcores rig_lcores_named(const char *word);

struct rig_options {
	enum rig_lcores lcores;
	bool busy;
	uint32_t memory_mib;	     /* whose half becomes packet buffers; 0: 128 */
	unsigned cleartext;	     /* enum dp_cleartext, besides the default */
	const struct journal_fs *fs; /* NULL: the real one */
	uint32_t sessions;	     /* 0: 256 */
	uint32_t half_open;	     /* 0: as by default */
	uint32_t farewell_us;	     /* 0: as by default */
	uint32_t device_rate;	     /* logs a second of each device; 0: none */
	uint32_t blocks;	     /* of the journal's pool; 0: as by default */
	unsigned tx_queues;	     /* of the port; 0: one for each lcore */
};

/*
 * Starts one. `dir` is a fresh journal in a directory of the test's own. Exits the process with a
 * message where it cannot.
 */
void rig_start(struct rig *r, const struct rig_options *o);
/* Stops sluiced's side; the journal stays for reading back. Hosts go on until the port is closed.
 */
void rig_stop(struct rig *r);
/* Asked for each TCP segment of the port's: true: it is lost on the wire. NULL: none is. */
extern bool (*rig_loses)(uint8_t host, const uint8_t *tcp, uint32_t len);
/* Removes the journal. */
void rig_clean(struct rig *r);

/* Handles everything that the port has sent: answers ARP, feeds TCP clients. */
void rig_pump(struct rig *r);
/* Puts one frame on the wire; pumps while the ring is full. */
void rig_frame(struct rig *r, const uint8_t *frame, uint32_t len);
/* An Ethernet frame to the port around `ip_payload`; host: last byte of the client's address. */
void rig_udp(struct rig *r, uint8_t host, uint16_t sport, uint16_t dport, const void *data,
	uint32_t len);

/* A TCP segment of anybody's, made by hand. What is sent back to it goes to nobody. */
struct rig_segment {
	struct ip_addr src;
	uint16_t sport;
	uint8_t flags;
	uint16_t wnd;
	uint32_t seq, ack;
	const void *data;
	uint32_t len;
};
void rig_segment(struct rig *r, const struct rig_segment *g);

/* The device, if it has a rate, may log no more by this way for a minute. */
void rig_use_up(struct rig *r, const char *device, enum rate_way way);
/* A counter of dp_counters(), by its name. */
uint64_t rig_counter(struct rig *r, const char *name);
/* Packet buffers that nobody holds. */
uint32_t rig_buffers_free(void);
/* The journal takes nothing (its disk counts as full), or takes again. */
void rig_hold(struct rig *r, bool hold);

/* A TCP client: no options but MSS; what is not acknowledged is sent again. */
struct rig_tcp {
	uint8_t host;
	uint16_t port, dport;
	uint32_t snd_nxt, snd_una, rcv_nxt, wnd;
	bool established, peer_fin, reset, fin_sent;
	uint64_t progress_ms; /* when something was acknowledged last */
	/* What the peer sends goes here, where there is anywhere; the test empties it. */
	char *in;
	uint32_t in_len, in_size;
};
/* Connects (SYN, waits for the answer). The rig keeps a pointer until rig_tcp_end(). */
void rig_tcp_open(struct rig *r, struct rig_tcp *c, uint8_t host, uint16_t port, uint16_t dport);
/* Sends all, within the peer's window. false: reset. */
bool rig_tcp_send(struct rig *r, struct rig_tcp *c, const void *data, uint32_t len);
/* Sends what fits into the window now, without waiting for more; returns how much. */
uint32_t rig_tcp_try(struct rig *r, struct rig_tcp *c, const void *data, uint32_t len);
void rig_tcp_fin(struct rig *r, struct rig_tcp *c);
/* FIN, and waits for the peer's. */
void rig_tcp_close(struct rig *r, struct rig_tcp *c);
void rig_tcp_end(struct rig *r, struct rig_tcp *c);

/* Pumps until all accounts together have settled `stored` logs (bounded by 60 s; then fails). */
void rig_wait_stored(struct rig *r, uint64_t stored);
/* Pumps until the port's counters have seen all frames that were put on the wire. */
void rig_wait_frames(struct rig *r);
/* Every equation of the accounts and of the wire; fails the test where one does not hold. */
void rig_check_equations(struct rig *r);

#endif
