/*
 * A simulated world for the TCP stack: our server, clients that were written without it (client.c
 * shares no code with the stack, only the RFCs), and a link between them that loses, repeats,
 * delays, reorders, damages and splits. Everything follows from one seed; time is virtual.
 */
#ifndef SLUICE_SIM_TCP_H
#define SLUICE_SIM_TCP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/base/addr.h"
#include "dataplane/tcp/tcp.h"

#define NEVER	     UINT64_MAX
#define MAX_SEGMENT  (60 + 1500)
#define HEADER_FLOOD 40000 /* source ports from here on belong to nobody who answers */

/* Says where and under which seed, and ends the run. */
#define CHECK(w, cond)                                                                             \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			sim_fail(w, __FILE__, __LINE__, #cond);                                    \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

struct rng {
	uint64_t s;
};

uint64_t rng_next(struct rng *r);

static inline uint32_t rng_below(struct rng *r, uint32_t n)
{
	return n ? (uint32_t)(rng_next(r) % n) : 0;
}

/* from..to, both included */
static inline uint32_t rng_range(struct rng *r, uint32_t from, uint32_t to)
{
	return from + rng_below(r, to - from + 1);
}

static inline bool rng_chance(struct rng *r, uint32_t per_mille)
{
	return rng_below(r, 1000) < per_mille;
}

/* Byte `offset` of the stream that `who` sends: known to both ends without storing it. */
static inline uint8_t stream_byte(uint32_t who, uint64_t offset)
{
	uint64_t x = (offset / 8 + 1) * 0x9e3779b97f4a7c15ULL + who * 0xda942042e4dd58b5ULL;

	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9ULL;
	return (uint8_t)(x >> (8 * (offset % 8)));
}

struct impairment {
	uint32_t loss, dup, damage, split, reorder; /* per mille */
	uint32_t delay_us, jitter_us, reorder_us;
	uint32_t mtu; /* of IP packets; larger ones vanish */
};

struct packet {
	uint64_t at, order;
	uint64_t digest;
	struct packet *next_free;
	bool to_server;
	uint16_t port; /* the client's */
	uint16_t len;
	uint8_t bytes[MAX_SEGMENT];
};

struct client;
struct server;

struct world {
	uint64_t seed, now, start;
	struct rng rng, way[2];
	uint16_t trace; /* print the packets of this port; 0: of none */

	struct packet **heap;
	uint32_t heap_len, heap_cap;
	struct packet *free;
	uint64_t order;
	struct impairment up, down;
	uint64_t mtu_at; /* when `down` shrinks to mtu_to */
	uint32_t mtu_to;
	bool mtu_told; /* by ICMP */

	struct client **clients;
	uint32_t client_count;
	uint64_t flood_us; /* between SYNs of nobody; 0: none */
	uint64_t flood_next, flood_left;
	struct server *server;
	const struct tcp_config *cfg; /* the server's; NULL: drawn, as all else that befalls it */
	uint64_t restart_at;	      /* of the server: all it knew is gone; NEVER: it lives */
	uint32_t focus;		      /* the client whose packet came last */

	uint64_t delivered, lost, steps;
	uint64_t lies; /* segments that say otherwise of bytes that had been acknowledged */
};

void sim_fail(struct world *w, const char *file, int line, const char *what);

/* link.c: takes a copy of the segment (TCP header and payload). */
void link_send(struct world *w, bool to_server, uint16_t port, const uint8_t *seg, uint32_t len);
uint64_t link_next(const struct world *w);
/* The next packet that is due, or NULL; give it back by link_done(). Damaged ones never come. */
struct packet *link_take(struct world *w);
void link_done(struct world *w, struct packet *p);
void link_free(struct world *w);
void link_trace(const struct world *w, const char *what, const struct packet *p);

/* client.c */
struct client *client_new(struct world *w, uint32_t id);
void client_free(struct client *c);
void client_input(struct client *c, const uint8_t *seg, uint32_t len);
uint64_t client_next(const struct client *c);
void client_run(struct client *c);
bool client_done(const struct client *c);
uint16_t client_port(const struct client *c);
struct ip_flow client_flow(uint16_t port, bool v6);
/* What both ends agreed on for this connection before it began; server.c asks. */
enum opener { OPEN_CLIENT, OPEN_SERVER, OPEN_BOTH };
struct plan {
	uint32_t id;
	enum opener opener;
	uint32_t up, down; /* bytes each way */
	enum { CLOSE_CLIENT, CLOSE_SERVER, CLOSE_BOTH, ABORT_CLIENT, ABORT_SERVER } close;
	uint32_t abort_at;
	bool v6;
};
const struct plan *client_plan(const struct client *c);
/* The server saw the end of this incarnation. */
void client_server_closed(struct client *c, bool normally, uint64_t bytes);
/*
 * The server has forgotten all: whoever has a connection must hear so by what it sends, and makes
 * another one.
 */
void client_forgotten(struct client *c);
/* Begins the next incarnation, when this one is over at both ends. */
void client_after(struct client *c);
/* No event is left in the world: the client is done, or gave up before it was accepted. */
void client_quiet(struct client *c);
/*
 * A connection was made by the segment of this sequence number. True: of an earlier life, whose end
 * overtook this segment. It never makes a second one of the same.
 */
bool client_accepted(struct client *c, uint32_t number);
void client_describe(const struct client *c);

/* server.c */
struct server *server_new(struct world *w);
void server_free(struct server *s);
void server_input(struct server *s, const struct packet *p);
/* Opens a connection to the client of this port. */
void server_connect(struct server *s, uint16_t port);
void server_flush(struct server *s);
uint64_t server_next(const struct server *s);
void server_run(struct server *s);
bool server_is_v6(const struct server *s, uint16_t port);
void server_too_big(struct server *s, uint16_t port, const uint8_t *seg, uint32_t mtu);
/* As after kill -9 and a start anew: another key, no connection, no half-open one. */
void server_restart(struct server *s);
/* Everything has ended: no connection, no buffer, no timer may be left. */
void server_check_end(struct server *s);
bool server_idle(const struct server *s);
void server_describe(const struct server *s);
const struct tcp_counters *server_counters(const struct server *s);

#endif
