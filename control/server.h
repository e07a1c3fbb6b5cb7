/*
 * The control socket: a Unix stream socket, many clients, one request a line. Everything is
 * bounded: clients, the length of a line, answers not yet read, requests not yet answered. A client
 * that does not read is not read from; one that stays like that is closed. Control thread only.
 */
#ifndef SLUICE_CONTROL_SERVER_H
#define SLUICE_CONTROL_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "control/loop.h"
#include "control/peer.h"
#include "control/text.h"

#define SERVER_MAX_CLIENTS   256
#define SERVER_MAX_STRANGERS 16			/* clients without any right, being told so */
#define SERVER_MAX_LINE	     (256u * 1024u)	/* bytes of a request */
#define SERVER_MAX_LONG	     (3u * 1024 * 1024) /* of who may change things: a CRL in base64 */
#define SERVER_LONG_LINES    2	       /* read at a time, of all clients; others wait, unread */
#define SERVER_LONG_US	     30000000u /* for each, then it is closed */
#define SERVER_HIGH_WATER                                                                          \
	(256u * 1024u)		     /* bytes of answers not read: then nothing more is done       \
				      */
#define SERVER_MAX_PENDING 8	     /* requests of a client that are answered later */
#define SERVER_STALL_US	   30000000u /* not reading its answers for so long: closed */
#define SERVER_STRANGER_US 5000000u  /* time to send a request that will be refused */
#define SERVER_LINGER_US   2000000u  /* time to read the last answer */
/* For requests in a round of control; when it is over, the one at work is the last, and who has not
 * had its turn is the first of the next round. */
#define SERVER_ROUND_US 20000u

struct client;
struct server;

/* A request that is answered later: embedded in what the answer waits for. */
struct pending {
	struct client *client; /* NULL: the client is gone */
	json_t *id;	       /* NULL: a notification, no answer */
	/* The client is gone, or has cancelled it: the owner ends it, soon or at once. */
	void (*abandon)(struct pending *p);
	/* The client has read most of what was queued; may be NULL. */
	void (*drained)(struct pending *p);
	struct pending *next;
};

struct server_handler {
	void *ctx;
	/* One request line, complete. The answer, if there is one already, goes into `out`. */
	void (*request)(
		void *ctx, struct client *c, const char *line, size_t len, struct text *out);
	/* Stands in for the kernel's word in tests; NULL: peer_of_socket(). */
	int (*peer)(void *ctx, int fd, struct peer *out);
	/* Stands in for the clock that requests are timed by; NULL: clock_mono_us(). */
	uint64_t (*now_us)(void *ctx);
};

struct server_counters {
	uint64_t accepted, refused_full, strangers, requests, too_long, stalled, bytes_in,
		bytes_out;
	unsigned long_lines; /* that are read now */
};

/*
 * Binds `path` (mode 0666: rights are a matter of the peer's credentials, see peer.h) and listens.
 * A socket left behind by a dead process is replaced; a live one is refused, as is anything that is
 * no socket. The directory is made where only it is missing, and belongs then to `owner` and
 * `group` (where root made it; -1: stays root's), who must be able to remove the socket at the end.
 * NULL with a line in `err`. Nobody is served before server_start().
 */
struct server *server_bind(const char *path, uid_t owner, gid_t group, char *err, size_t err_size);
/* 0, or -1 with errno. `rules` must live as long as the server. */
int server_start(struct server *s, struct loop *loop, const struct peer_rules *rules,
	const struct server_handler *handler);
/* Closes all clients (their pending requests are abandoned), removes the socket. */
void server_free(struct server *s);

/* To be called each round: lines that wait for their turn, answers to send, clients that are too
 * slow. Returns when it wants to be called again (monotonic, microseconds). */
uint64_t server_round(struct server *s, uint64_t now_us);

unsigned server_clients(const struct server *s);
const struct server_counters *server_counters(const struct server *s);

const struct peer *client_peer(const struct client *c);
/* Queues whole lines. */
void client_send(struct client *c, const struct text *lines);
/* Bytes queued and not yet taken by the kernel. Who streams stops at SERVER_HIGH_WATER. */
size_t client_backlog(const struct client *c);

/* False: too many are pending. The id is referenced until pending_done(). */
bool client_add_pending(struct client *c, struct pending *p, json_t *id);
/* Takes it from its client, if there still is one; to be called exactly once. */
void pending_done(struct pending *p);
/* The pending request with this id, or NULL. */
struct pending *client_find_pending(struct client *c, const json_t *id);

#endif
