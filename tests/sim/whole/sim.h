/*
 * The whole of it in one thread, from one seed: devices with the client's own code and a TCP of
 * their own on a virtual network, and beside them plain senders by RELP, TCP and UDP; two workers
 * with their TCP, sessions, ledger and intake, control's desk, the journal on a virtual disk, as
 * they are in sluiced. Stand-ins: the wire (wire.c), TLS (tls.c: a hello with the serial, then the
 * bytes as they are), the disk (tests/unit/journal/memfs).
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
#define SIM_HOSTS   (SIM_DEVICES + PLAIN_KINDS) /* their addresses follow each other */

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
	MUTANT_ACK_EARLY,   /* confirmed before it is durable */
	MUTANT_SPLIT_ITEM,  /* across two blocks */
	MUTANT_CLAIM_SOON,  /* granted before the old owner's logs are durable */
	MUTANT_SILENT_DROP, /* what is dropped is not counted */
};
extern enum mutant sim_mutant;
int mutant_by_name(const char *name); /* -1: none of these */

/* ---- peer.c: a client's end of a TCP connection ---- */

#define PEER_OUT 65536u

enum peer_state { PEER_CLOSED, PEER_SYN_SENT, PEER_OPEN, PEER_ENDED };

/* Whose connection it is. */
struct peer_user {
	void (*connected)(void *user);
	void (*bytes)(void *user, const uint8_t *data, uint32_t n);
	void (*lost)(void *user); /* the other end has closed or reset it */
};

struct world;
struct peer {
	struct world *w;
	unsigned host;
	const struct peer_user *calls;
	void *user;
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
/* A segment of the server's. */
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
void device_lost(struct gadget *v);
void device_freeze(struct gadget *v);
void device_restore(struct gadget *v);
/* The text of log `n`: `len` bytes. */
void device_text(const struct gadget *v, uint32_t n, uint8_t *to, uint32_t len);
bool device_at_rest(const struct gadget *v);

/* ---- plain.c: who speaks no OFTP ---- */

enum plain_kind { PLAIN_RELP, PLAIN_TCP, PLAIN_UDP, PLAIN_KINDS };

/* A sender of numbered logs. Of a log, how often: */
struct plain_log {
	uint16_t len;
	uint8_t sent;	  /* may it have come: connections that it went over, datagrams that came */
	bool rolled_back; /* see struct made */
};

struct plain {
	struct world *w;
	enum plain_kind kind;
	bool counted; /* TCP: octet counting */
	struct peer peer;
	uint64_t retry_us;
	uint32_t n_made;
	struct plain_log made[SIM_LOGS];
	uint32_t acked; /* RELP: answered, so this one's are gone from it; TCP: handed to its TCP */
	/* Of the connection. */
	uint64_t life;	   /* of the server in which it came to be */
	bool opened;	   /* RELP: `open` was answered */
	uint64_t heard_us; /* RELP: when it owed us nothing, or answered */
	uint32_t next;	   /* RELP: log that goes next */
	uint32_t txnr;	   /* RELP: of the next answer */
	uint32_t in_len;   /* RELP: of an answer that is not all there */
	uint8_t in[2048];
	uint64_t written; /* TCP: bytes */
	uint32_t first, n_ends;
	uint64_t ends[SIM_LOGS]; /* TCP: of the logs first, first + 1, ...: where they end */
	/* In this life of the server. */
	uint64_t begun; /* logs that it may have seen: TCP; and that it has: UDP */
	uint64_t owed;	/* TCP: logs that its TCP has acknowledged */
	/* What was stored before it began, and what is to be found, as its accounts said. */
	uint64_t base, promised;
};

void plain_init(struct world *w, enum plain_kind kind);
void plain_make_log(struct plain *p);
void plain_tick(struct plain *p);
void plain_cut(struct plain *p);
/* A datagram of its was accepted. */
void plain_arrived(struct plain *p, const uint8_t *text, uint32_t len);
/* The text of log `n`: made[n].len bytes. */
void plain_text(const struct plain *p, uint32_t n, uint8_t *to);
bool plain_at_rest(const struct plain *p);

/* ---- relp.c: the client of RELP among them ---- */

/* false: it has been silent for too long, and may not even know us any more. */
bool relp_say(struct plain *p);
void relp_connected(struct plain *p);
void relp_bytes(struct plain *p, const uint8_t *data, uint32_t n);

/* ---- wire.c: packets under way ---- */

struct packet {
	struct packet *next;
	uint64_t at;
	bool to_server, udp;
	unsigned host;
	uint16_t port; /* the host's */
	uint16_t len;
	uint8_t bytes[SIM_SEGMENT];
};

void wire_send(struct world *w, bool to_server, unsigned host, uint16_t port, const uint8_t *seg,
	uint32_t len);
void wire_datagram(
	struct world *w, unsigned host, uint16_t port, const uint8_t *data, uint32_t len);
/* Brings what is due. */
void wire_run(struct world *w);
/* All that is under way is lost. */
void wire_empty(struct world *w);
struct ip_addr wire_host_addr(unsigned host);
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
/* Does it hold the connection that the device has? `ending`: it has said its last word there, which
 * may not have come yet. */
bool server_knows(const struct world *w, const struct peer *p, bool *ending);
enum server_death { DEATH_STOPPED, DEATH_KILLED, DEATH_POWER };
void server_end(struct world *w, enum server_death how);
/* The disk is what it was at the snapshot. */
void server_restore(struct world *w);
/* A failed journal is told to try again. */
void server_resume(struct world *w);
bool server_at_rest(const struct world *w);
uint32_t server_sessions(const struct world *w);
/* The account of a host that is known by its address, of this life. */
struct account {
	uint64_t received, stored, pending, duplicate, dropped;
};
struct account server_account(const struct world *w, unsigned host);

/* ---- check.c: what is durable, held against what was promised ---- */

/* Everything on the disk of a server that has just recovered, or has stopped. `begins`: a life of
 * it, whose plain senders are counted from here on. */
void check_disk(struct world *w, bool begins);
/* The accounts of plain senders of a server at rest. */
void check_plain(struct world *w);
/* What the accounts of a server that dies now say is stored is to be found. */
void check_promises(struct world *w);
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
	struct plain *plain[PLAIN_KINDS]; /* NULL: there is none */
	struct server server;
	struct packet *packets;
	struct {
		uint64_t logs, plain_logs, plain_dropped, answered_twice, lives, cuts, deaths,
			faults, restored_servers, restored_clients, dropped, clock_steps, failed,
			goodbyes, unheard, crossed, ring_full, refused;
	} met;
};

extern struct world *sim_world; /* whose functions are linked in place of the product's */
_Noreturn void sim_fail(const char *what, uint64_t a, uint64_t b);
/* Lives a world to its end. */
void world_live(struct world *w, uint64_t seed);
void world_free(struct world *w);

#endif
