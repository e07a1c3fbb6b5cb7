/*
 * The whole of it in one thread, from one seed: devices with the client's own code and a TCP of
 * their own on a virtual network; two workers with their TCP, sessions, ledger and intake,
 * control's desk, the journal on a virtual disk, as they are in sluiced. Stand-ins: the wire
 * (wire.c), TLS (tls.c: a hello with the serial, then the bytes as they are), the disk
 * (tests/unit/journal/memfs).
 */
#ifndef SLUICE_SIM_WHOLE_H
#define SLUICE_SIM_WHOLE_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/addr.h"
#include "dataplane/client/client.h"
#include "dataplane/journal/journal.h"
#include "tests/unit/journal/memfs.h"

#define SIM_DEVICES 4u
#define SIM_LOGS    4096u /* that a device makes at most */
#define SIM_WORKERS 2u
#define SIM_TURNS   (SIM_WORKERS + 2) /* workers, control, committer */
#define SIM_SEGMENT 1600u

struct rng {
	uint64_t s;
};

static inline uint64_t rng_next(struct rng *r)
{
	uint64_t z = (r->s += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static inline uint32_t rng_below(struct rng *r, uint32_t n)
{
	return (uint32_t)((rng_next(r) >> 32) * n >> 32);
}

static inline bool rng_one_in(struct rng *r, uint32_t n)
{
	return rng_below(r, n) == 0;
}

/* Servers that are wrong in one way (mutant.c): tests of the test. */
enum mutant {
	MUTANT_NONE,
	MUTANT_ACK_EARLY,  /* confirmed before it is durable */
	MUTANT_SPLIT_ITEM, /* across two blocks */
	MUTANT_CLAIM_SOON, /* granted before the old owner's logs are durable */
};
extern enum mutant sim_mutant;
int mutant_by_name(const char *name); /* -1: none of these */

/* ---- peer.c: a device's end of a TCP connection ---- */

#define PEER_OUT 65536u

enum peer_state { PEER_CLOSED, PEER_SYN_SENT, PEER_OPEN, PEER_ENDED };

struct world;
struct peer {
	struct world *w;
	unsigned device;
	enum peer_state state;
	uint16_t port;
	uint32_t isn, una, nxt, rcv_nxt, wnd; /* una: number of out[0] */
	uint32_t out_len;
	uint64_t rtx_us, rto_us;
	uint8_t out[PEER_OUT];
};

void peer_open(struct peer *p, uint16_t port);
/* Forgets the connection; with `say`, the other end is told by a RST. */
void peer_drop(struct peer *p, bool say);
uint32_t peer_write(struct peer *p, const void *data, uint32_t n);
void peer_tick(struct peer *p);
/* A segment of the server's; what it brings goes to device_bytes(). */
void peer_segment(struct peer *p, const uint8_t *seg, uint32_t len);

/* ---- device.c ---- */

/* Of each item that a device ever made. */
struct made {
	uint16_t count; /* 0: the log is not the first of an item */
	uint16_t len;
	bool rolled_back; /* was durable on a disk that was replaced by an older one */
};

struct gadget {
	struct world *w;
	unsigned index;
	char serial[24];
	struct rng random;
	struct client *c;
	/* Fed as the other one is until the snapshot, so that it is what the snapshot would be. */
	struct client *twin;
	struct rng twin_random;
	bool frozen; /* the twin: it is the snapshot */
	uint32_t twin_ids;
	bool restored;
	/* Logs that it had counted as dropped and forgot when it was restored: where the server has
	 * told of them as a gap, it takes them for confirmed now. */
	uint64_t counted;
	struct peer peer;
	bool greeted;
	uint32_t n_made;
	struct made made[SIM_LOGS];
	/* The logs that `c` was given, by their numbers; after a restoration some are forgotten. */
	uint32_t n_ids, ids[SIM_LOGS];
};

void device_init(struct world *w, unsigned index);
void device_fini(struct gadget *v);
void device_make_item(struct gadget *v);
void device_tick(struct gadget *v);
void device_connected(struct gadget *v);
void device_bytes(struct gadget *v, const uint8_t *data, uint32_t n);
void device_lost(struct gadget *v);
void device_freeze(struct gadget *v);
void device_restore(struct gadget *v);
/* The text of log `n`: `len` bytes. */
void device_text(const struct gadget *v, uint32_t n, uint8_t *to, uint32_t len);
bool device_at_rest(const struct gadget *v);

/* ---- wire.c: packets under way ---- */

struct packet {
	struct packet *next;
	uint64_t at;
	bool to_server;
	unsigned device;
	uint16_t port; /* the device's */
	uint16_t len;
	uint8_t bytes[SIM_SEGMENT];
};

void wire_send(struct world *w, bool to_server, unsigned device, uint16_t port, const uint8_t *seg,
	uint32_t len);
/* Brings what is due. */
void wire_run(struct world *w);
/* All that is under way is lost. */
void wire_empty(struct world *w);
struct ip_addr wire_device_addr(unsigned device);
struct ip_addr wire_server_addr(void);

/* ---- server.c ---- */

struct dp;
struct server {
	struct dp *d; /* NULL: it does not run */
	struct memfs *fs;
	struct memfs *snapshot;
	struct journal *j;
	struct journal_config cfg;
	uint64_t stalled_us[SIM_TURNS]; /* each has no turn until then */
};

/* Once a process. */
void server_eal(void);
void server_init(struct world *w);
void server_fini(struct world *w);
/* Opens the journal as it is and begins to listen. false: the disk would not let it. */
bool server_start(struct world *w);
/* Somebody's turn: a worker, control, the committer. */
void server_run(struct world *w, bool all);
void server_segment(struct world *w, const struct packet *p);
/* SIGTERM: from now on its turns are those of the end; true: it is over. */
void server_stop(struct world *w);
bool server_stopped(const struct world *w);
/* Does it hold the connection that the device has? */
bool server_knows(const struct world *w, const struct peer *p);
enum server_death { DEATH_STOPPED, DEATH_KILLED, DEATH_POWER };
void server_end(struct world *w, enum server_death how);
/* The disk is what it was at the snapshot. */
void server_restore(struct world *w);
/* A failed journal is told to try again. */
void server_resume(struct world *w);
bool server_at_rest(const struct world *w);
uint32_t server_sessions(const struct world *w);

/* ---- check.c: what is durable, held against what was promised ---- */

/* Everything on the disk of a server that has just recovered, or has stopped. */
void check_disk(struct world *w);
/* What the device still holds was not stored: it has heard all that there was to hear. */
void check_told(struct world *w, const struct gadget *v);
/* Those logs that are on the disk and not on the snapshot. */
void check_roll_back(struct world *w);

/* ---- world.c ---- */

struct world {
	uint64_t seed;
	struct rng rng;
	uint64_t mono_us, wall_ns;
	bool calm; /* nothing fails any more */
	bool dead; /* the server: nothing of it comes out */
	bool drops, restores, refuses, faults;
	uint64_t retry_us;	 /* of devices */
	uint32_t loss, delay_us; /* loss: one in so many; 0: none */
	unsigned n_devices;
	uint16_t next_port;
	struct gadget *devices[SIM_DEVICES];
	struct server server;
	struct packet *packets;
	struct {
		uint64_t logs, lives, cuts, deaths, faults, restored_servers, restored_clients,
			dropped, clock_steps, failed, goodbyes, unheard;
	} met;
};

extern struct world *sim_world; /* whose functions are linked in place of the product's */
_Noreturn void sim_fail(const char *what, uint64_t a, uint64_t b);
/* Lives a world to its end. */
void world_live(struct world *w, uint64_t seed);
void world_free(struct world *w);

#endif
