/*
 * Reliable logging as a whole, in one thread, from a seed: the client's own code, the server's
 * state machine and the ledger on a virtual network, disk and clock.
 */
#ifndef SLUICE_SIM_OFTP_H
#define SLUICE_SIM_OFTP_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/client/client.h"
#include "dataplane/ledger/oftp_server.h"

#define SIM_LOGS      4000u /* that a client makes at most */
#define SIM_LOG_BYTES 8u    /* its number, in digits; what follows is filling */
#define SIM_EPOCHS    64u
#define SIM_RANGES    16u
#define SIM_PIPE      (4u << 20)

enum sim_mutant {
	MUTANT_NONE,
	ACK_EARLY,  /* confirmed before it is durable */
	SPLIT_ITEM, /* across two blocks */
	CLAIM_SOON, /* a login does not wait for what another worker was given before */
};

struct sim_rng {
	uint64_t s;
};
uint64_t sim_random(struct sim_rng *r);
static inline uint32_t sim_below(struct sim_rng *r, uint32_t n)
{
	return (uint32_t)((sim_random(r) >> 32) * n >> 32);
}

struct pipe {
	uint8_t *at;
	uint32_t len;
};

/* What a block holds of an item: the journal's record. */
struct sim_item {
	struct stream_mark mark;
	uint32_t epoch;	       /* index */
	uint32_t first, count; /* logs, by their numbers: an item's are consecutive */
	uint32_t dropped_before;
};

struct server {
	struct sim_rng *rng;
	enum sim_mutant mutant;
	bool running;	   /* a session */
	bool owes_verdict; /* a login waits until what was accepted before is durable */
	uint64_t login_confirmed;
	struct oftp_server s;
	uint64_t epochs[SIM_EPOCHS];
	struct stream streams[SIM_EPOCHS];
	struct stream_range ranges[SIM_EPOCHS][SIM_RANGES];
	uint32_t n_epochs;
	struct sim_item *journal, *pending; /* durable; accepted */
	uint32_t n_journal, n_pending;
	uint8_t stored[SIM_LOGS];   /* how often each log is durable */
	bool rolled_back[SIM_LOGS]; /* was durable, and the server was restored to before that */
	uint64_t durable;	    /* logs that are or were */
	uint64_t duplicates, late, conflicts, told_dropped;
	struct oftp_msg msg;
};

void server_init(struct server *v, struct sim_rng *rng, enum sim_mutant mutant);
void server_fini(struct server *v);
void server_connect(struct server *v, uint64_t now);
/* The session is gone; what was accepted may still become durable. */
void server_hang_up(struct server *v);
/* Reads from `in` what it may; writes what it has to say to `out`. false: it ends the session. */
bool server_run(struct server *v, struct pipe *in, struct pipe *out, uint64_t now);
/* A commit: the first of what was accepted, some or all of it, is durable. */
void server_commit(struct server *v, bool all);
/* The disk failed: what was accepted is not kept. */
void server_disk_error(struct server *v);
/* Power is gone and back: what there is comes from the journal. */
void server_power_cut(struct server *v);
/* It is as it was when the journal had this many items. */
void server_restore(struct server *v, uint32_t items);

/* Says what is wrong and ends the world. */
_Noreturn void sim_fail(const char *what, uint64_t a, uint64_t b);

#endif
