/* What the files of the client share; nobody else includes it. */
#ifndef SLUICE_SIM_TCP_CLIENT_H
#define SLUICE_SIM_TCP_CLIENT_H

#include <string.h>

#include "sim.h"

enum habit {
	BULK,	  /* as much as the window allows */
	DRIBBLER, /* a few bytes at a time, slowly */
	CHOPPER,  /* segments of any size, cut anew for each retransmission */
};

struct client {
	struct world *w;
	struct plan plan;
	struct rng rng;
	enum habit habit;
	uint16_t port;
	unsigned lives; /* incarnations still to come, this one included */

	bool opt_ts, opt_sack, opt_ws;
	bool ts, sack, ws;
	uint8_t my_ws, peer_ws;
	uint16_t my_mss, mss;
	uint32_t ts_recent, ts_base;

	enum { WAITING, LISTENING, SYN_SENT, SYN_RCVD, OPEN, OVER } state;
	bool strict; /* a SYN-ACK that crossed ours is an old segment to it */
	uint64_t begin;
	bool aborted, accepted, server_closed;
	bool forgotten; /* the server was started anew since */
	bool haunted;	/* the server has a connection of ours that we know nothing of */

	/* Sending. */
	uint32_t isn;
	uint64_t una, nxt, max; /* max: one past the highest ever sent */
	uint64_t avail;		/* bytes that the application has written */
	uint64_t edge;		/* una + window, as last heard */
	uint64_t best_edge;
	uint32_t cwnd;
	uint64_t rtx_at, rto, write_at, hello_at;
	struct rng lies; /* 0: it says of a byte always the same */
	unsigned dups;
	unsigned tries; /* timeouts since the server last said something that makes sense */
	uint8_t *sacked;

	/* Receiving. */
	uint32_t irs;
	uint64_t rcv_nxt, fin_at, read_to;
	uint64_t adv, adv_max; /* right edge as last announced, and the furthest ever */
	uint32_t rbuf;
	bool slow_reader;
	uint64_t read_at, ack_at;
	unsigned unacked;
	uint64_t newest, top; /* the last byte that came; one past the highest */
	uint8_t *got;
};

static inline uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* The offset nearest to `near` that this number can stand for. */
static inline int64_t offset_of(uint32_t number, uint32_t base, uint64_t near)
{
	return (int64_t)near + (int32_t)(number - base - (uint32_t)near);
}

static inline uint64_t fin_offset(const struct client *c)
{
	return 1 + (uint64_t)c->plan.up;
}

struct options {
	uint16_t mss;
	int ws;
	bool sack_ok, ts;
	uint32_t tsval, tsecr;
	const uint8_t *sack;
	unsigned blocks;
};

/* client_open.c */

/* It is time to begin, whoever does. */
void client_begin(struct client *c);
/* A segment before there is a connection; true where it made one, and has more to say. */
bool client_open_input(struct client *c, const uint8_t *seg, const struct options *o);

/* client_send.c */

/* Answers the server's SYN, and again until that is acknowledged. */
void client_syn_ack(struct client *c);
void client_segment(struct client *c, uint64_t at, uint8_t flags, uint32_t len);
void client_ack(struct client *c);
void client_reset(struct client *c, uint32_t number);
/* This life has come to its end at our side. */
void client_over(struct client *c);
void client_connect(struct client *c);
uint32_t client_window(const struct client *c);
/* Payload of the next segment that begins at `from`. */
uint32_t client_piece(struct client *c, uint64_t from);
/* Sends what the windows allow. */
void client_pump(struct client *c);
void client_timeout(struct client *c);
void client_write(struct client *c);

#endif
