/*
 * A connection from its first byte to its end: what it speaks, where its logs end, into which
 * block they go. Private to the worker, which owns both ends of it. Of what a session is made says
 * session_protocol.h.
 */
#ifndef SLUICE_SESSION_H
#define SLUICE_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "dataplane/carry.h"
#include "dataplane/framing/framing.h"
#include "dataplane/framing/relp.h"
#include "dataplane/lcore.h"

#define SESSION_SPANS	1024u
#define SESSION_QUANTUM 65536u /* bytes that a session may read before the next one's turn */

struct session_transport;
struct session_protocol;
struct tls_conn;
struct oftp_session;

/* How far a session has come. Only open ones and those that shake hands are read. */
enum session_stage {
	SESSION_OPEN,	 /* anybody in the clear; over TLS one that may log */
	SESSION_WAITING, /* its ClientHello has begun, and too many handshakes are under way */
	SESSION_SHAKING,
	SESSION_PENDING, /* an unknown serial: waits to be authorized */
	SESSION_DENIED,	 /* it was refused; if it logs in, it is told so */
	SESSION_SLOWED,	 /* it has used its device's rate up: not read for a while */
	SESSION_STAGES
};

struct session {
	struct tcp_conn *conn;	     /* NULL: the slot is free */
	struct session *next, *prev; /* on the worker's list of those with something to read */
	const struct session_transport *transport;
	const struct session_protocol *protocol; /* NULL: not known yet */
	union {
		struct framer framer; /* lines and counted frames */
		struct relp relp;
	};
	struct oftp_session *oftp; /* session_oftp.h; NULL: another protocol */
	uint8_t kind;		   /* enum stream_kind */
	bool queued, peer_closed, closing;
	uint8_t stage;	 /* enum session_stage */
	bool tls_ended;	 /* no more plaintext will come */
	bool proven;	 /* `serial` is from a certificate that holds; else from its address */
	bool by_dns;	 /* `serial` is a DNS name */
	bool nameless;	 /* its certificate has no legal name: only a login can tell who it is */
	bool legacy;	 /* `serial` was proven by user and password */
	bool looked;	 /* pending, and what it speaks waits until it is authorized */
	bool up;	 /* AUTH_EV_UP was told */
	bool was_slowed; /* it has used its device's rate up at least once */
	bool blocked;	 /* what it has could not be read: it gets no more until it could */
	bool cut_off;	 /* it ended without a FIN: an unfinished log is part of one */
	bool closed;	 /* the stack has let go of it: this is the last read */
	bool paused;	 /* it reads on when its answers are out */
	bool finished;	 /* the peer will say no more: it ends when its answers are out */
	bool parting;	 /* it has been told goodbye, or will be as soon as there is room */
	bool lost;	 /* logs that the peer waits for could not be stored */
	bool denied;	 /* counted and listed as that already, before it logged in */
	bool counted;	 /* among those of its address that wait: session_count_waiting() */
	bool several;	 /* its certificate has more than one legal name */
	bool answered;	 /* we have heard a whole flight of its handshake */
	bool answering;	 /* on the worker's list of those with something to answer */
	uint32_t newest_mark; /* acks.h */
	LIST_ENTRY(session) answers;
	uint32_t quantum; /* deficit round robin: bytes left of this turn */
	uint32_t slot;
	uint32_t queued_round; /* the worker's round in which it came to have something to read */
	struct intake_source src;
	uint64_t id, logs, bytes, opened_ns, last_log_ns;
	uint64_t partial_us; /* since when the log that is being received is unfinished; 0: none */
	uint64_t active_us;  /* when bytes came last */

	struct worker *worker;
	struct tls_conn *tls; /* NULL: in the clear */
	struct carry carry;   /* plaintext that is not consumed yet */
	/* On the worker's line of its stage, in the order in which they came to it. */
	struct session *line_next, *line_prev;
	uint64_t stage_us;	  /* since when it is at its stage, or closing */
	uint64_t progress_us;	  /* when its handshake got on */
	char serial[AUTH_SERIAL]; /* by its certificate, also of one that is pending */
	/* What a login says; NULL: none. The protocol's. */
	const char *claimed, *version;
	struct session **circle; /* of the worker's, in which it is `queued` */
};

/* Its certificate has said who it is, and nothing of it is read but what it speaks. */
static inline bool session_is_held(const struct session *s)
{
	return s->stage == SESSION_PENDING || s->stage == SESSION_DENIED;
}

/* A new connection. */
void session_init(struct session *s, struct worker *w, struct tcp_conn *conn, uint64_t id);
void session_fini(struct session *s);

enum session_result {
	SESSION_WAIT,	 /* everything readable was read */
	SESSION_AGAIN,	 /* its turn is over, there is more */
	SESSION_HELD,	 /* not read now; who holds it has arranged what comes next */
	SESSION_NO_ROOM, /* backpressure: no block */
	SESSION_PAUSE,	 /* it reads on when it has answered */
	SESSION_ABORT,	 /* to be reset; the reason was counted */
	SESSION_REFUSED, /* the same, but the peer is to get what was written: an alert */
	SESSION_DONE,	 /* the peer has closed and all was read: close our side */
};

/* Reads what it may. */
enum session_result session_read(struct session *s, struct worker *w);

/* May it go on under the policy of this round? Else the reason. */
bool session_permitted(const struct session *s, const struct lcore *l, enum refusal_reason *why);

/* "detecting", "handshake", "pending", "denied", or the name of its protocol. Static. */
const char *session_kind_name(const struct session *s);

#endif
