/* One client of the control socket, for server.c; what others may do with one is in server.h. */
#ifndef SLUICE_CONTROL_CLIENT_H
#define SLUICE_CONTROL_CLIENT_H

#include "control/server.h"

/* The time that requests of all clients may take in a round. */
struct client_time {
	uint64_t until_us;
	bool over;
};

struct client {
	int fd;
	struct loop *loop;
	struct loop_watch *watch;
	const struct server_handler *handler;
	struct server_counters *counters;
	struct peer peer;
	bool stranger; /* has no right: is told so once */

	struct text in; /* not yet handled; `scanned` bytes of it hold no newline */
	size_t scanned;
	uint64_t long_until_us; /* it reads a long line, at most until then; 0: no */
	bool eof;		/* nothing more will come */
	bool hup;		/* and nobody will read our answers */

	struct text out;
	size_t sent; /* bytes of `out` that the kernel has */
	uint64_t progress_us;
	bool high; /* somebody may be waiting for `out` to drain */

	bool closing;	      /* the last answer is queued: send it, then end */
	bool shut;	      /* it is sent, and the client was told that nothing follows */
	uint64_t deadline_us; /* when it ends at the latest; 0: none */
	bool dead;

	uint32_t interest; /* what the loop watches for */
	struct pending *pending;
	unsigned pending_count;
	struct client *next;
};

/* Takes the descriptor. NULL: out of memory, and the descriptor is still the caller's. */
struct client *client_new(const struct server_handler *handler, struct server_counters *counters,
	struct loop *loop, int fd, const struct peer *peer);
void client_free(struct client *c);

void client_events(struct client *c, uint32_t events);
/* Handles waiting lines while there is time (at least one, unless it is over), sends, looks at the
 * clock; sets `dead`. Returns the next deadline. */
uint64_t client_round(struct client *c, uint64_t now_us, struct client_time *time);
void client_flush(struct client *c);

#endif
