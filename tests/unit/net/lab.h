/*
 * A port on a table: frames go in by hand, frames that it sends are caught, and only the test turns
 * the clock. Every frame that goes in is entered into accounts, which must balance.
 *
 * The port: MAC 02:00:00:00:00:01, 192.0.2.2/24, 2001:db8::2/64, fe80::ff:fe00:1; gateways
 * 192.0.2.1 and 2001:db8::1 at 02:00:00:00:00:fe. A peer: 02:00:00:00:00:99, 192.0.2.99,
 * 2001:db8::99, fe80::99.
 */
#ifndef SLUICE_TEST_NET_LAB_H
#define SLUICE_TEST_NET_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dataplane/net/net.h"
#include "tests/unit/net/vectors.h"

#define LAB_FRAME  2048
#define LAB_FRAMES 4096
#define LAB_SECOND 1000000ull
#define LAB_START  (1000 * LAB_SECOND)

#define US4	   "192.0.2.2"
#define US6	   "2001:db8::2"
#define US_LL	   "fe80::ff:fe00:1"
#define PEER4	   "192.0.2.99"
#define PEER6	   "2001:db8::99"
#define PEER_LL	   "fe80::99"
#define GW4	   "192.0.2.1"
#define GW6	   "2001:db8::1"
#define US_MAC	   "020000000001"
#define PEER_MAC   "020000000099"
#define GW_MAC	   "0200000000fe"
#define ALL_MAC	   "ffffffffffff"

struct lab_bytes {
	uint32_t len;
	uint8_t b[LAB_FRAME];
};

struct lab_accounts {
	uint64_t packets, accepted, rejected[WIRE_REASON_COUNT];
};

struct lab {
	struct net_config cfg;
	struct net_port *port;
	struct net_out out;
	uint64_t now;
	unsigned sent, taken; /* frames that the port sent; those that the test has looked at */
	unsigned allocated;
	unsigned buffers; /* how many more frames alloc gives */
	struct lab_bytes frame[LAB_FRAMES];
	uint8_t *last;		       /* the frame that was fed last */
	struct net_pkt pkt;	       /* of the last net_parse() */
	struct net_control_result res; /* of the last net_control() */
	struct lab_accounts acc;
};

/* The configuration above, with duplicate detection off: addresses are valid at once. */
void lab_config(struct net_config *cfg);
/* `cfg` NULL: that one. Runs the timers that are due at once, and forgets what these sent. */
struct lab *lab_open(const struct net_config *cfg);
/* The same without running anything. */
struct lab *lab_open_cold(const struct net_config *cfg);
/* Asserts that the accounts balance. */
void lab_close(struct lab *lab);

/* One frame through net_parse() and, where that says so, net_control(); true: accepted. */
bool lab_feed(struct lab *lab, const void *frame, uint32_t len);
bool lab_feed_hex(struct lab *lab, const char *hex);
/* The same, which must be rejected for `reason` without an answer. */
void lab_refuse(struct lab *lab, const void *frame, uint32_t len, enum wire_reason reason);
void lab_refuse_hex(struct lab *lab, const char *hex, enum wire_reason reason);

/* Lets time pass, running timers exactly when they are due. */
void lab_pass(struct lab *lab, uint64_t us);

/* The next frame that the port sent, which must be there. */
const struct lab_bytes *lab_next(struct lab *lab);
/* It must be exactly this one. */
void lab_expect(struct lab *lab, const char *hex);
/* Nothing more was sent. */
void lab_expect_silence(struct lab *lab);
void lab_forget(struct lab *lab);

/* Accepted and rejected, after the port's corrections; sums to `packets`. */
struct lab_accounts lab_accounts(const struct lab *lab);

/* Makes peer and gateways known, as if they had answered. */
void lab_know_peer(struct lab *lab);
void lab_know_gateways(struct lab *lab);

struct lab_bytes lab_hex(const char *hex);
struct ip_addr lab_ip(const char *text);
bool lab_is(const struct ip_addr *a, const char *text);
/* The MAC of net_port_l2() for `dst` as hex, "" where it is not resolved. */
const char *lab_mac_of(const struct lab *lab, const char *dst);
/* Hands an IP packet of `len` bytes for `dst`, the last byte of which is `mark`, to
 * net_port_send_ip(). */
void lab_send(struct lab *lab, const char *dst, uint32_t len, uint8_t mark);

#define lab_count(lab) net_port_counters((lab)->port)

/* A sentence that is true: cmocka prints it. */
#define SPEC(name) static void name(void **state __attribute__((unused)))

#endif
