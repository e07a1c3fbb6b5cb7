/*
 * A connection from its first byte to its end: what it speaks, where its logs end, into which
 * block they go. Private to the worker, which owns both ends of it. Of what a session is made says
 * session_protocol.h.
 */
#ifndef SLUICE_SESSION_H
#define SLUICE_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/framing/framing.h"
#include "dataplane/lcore.h"

#define SESSION_SPANS	1024u
#define SESSION_QUANTUM 65536u /* bytes that a session may read before the next one's turn */

struct session_transport;
struct session_protocol;

struct session {
	struct tcp_conn *conn;	     /* NULL: the slot is free */
	struct session *next, *prev; /* on the worker's list of those with something to read */
	const struct session_transport *transport;
	const struct session_protocol *protocol; /* NULL: not known yet */
	struct framer framer;			 /* lines and counted frames */
	uint8_t kind;				 /* enum stream_kind */
	bool queued, peer_closed, closing;
	bool cut_off;	  /* it ended without a FIN: an unfinished log is part of one */
	bool closed;	  /* the stack has let go of it: this is the last read */
	uint32_t quantum; /* deficit round robin: bytes left of this turn */
	uint32_t slot;
	struct intake_source src;
	uint64_t id, logs, bytes, opened_ns, last_log_ns;
	uint64_t partial_us; /* since when the log that is being received is unfinished; 0: none */
	uint64_t active_us;  /* when bytes came last */
};

/* A new connection. */
void session_init(struct session *s, struct lcore *l, struct tcp_conn *conn, uint64_t id);
void session_fini(struct session *s, struct lcore *l);

enum session_result {
	SESSION_WAIT,	 /* everything readable was read */
	SESSION_AGAIN,	 /* its turn is over, there is more */
	SESSION_NO_ROOM, /* backpressure: no block */
	SESSION_ABORT,	 /* to be reset; the reason was counted */
	SESSION_DONE,	 /* the peer has closed and all was read: close our side */
};

/* Reads what it may. */
enum session_result session_read(struct session *s, struct worker *w);

/* May it go on under the policy of this round? Else the reason. */
bool session_permitted(const struct session *s, const struct lcore *l, enum refusal_reason *why);

/* "detecting", or the name of its protocol. Static. */
const char *session_kind_name(const struct session *s);

#endif
