/*
 * The inside of a session of the OFTP profile, shared by session_oftp.c (messages, items,
 * acknowledgements), session_oftp_login.c (who may log, which streams it gets) and
 * session_oftp_legacy.c (who comes by user and password).
 */
#ifndef SLUICE_SESSION_OFTP_H
#define SLUICE_SESSION_OFTP_H

#include "dataplane/ledger/oftp_server.h"
#include "dataplane/login.h"
#include "dataplane/session_protocol.h"

#define OFTP_KEEPALIVE_S 5u
#define OFTP_TAILS	 16u /* blocks under way that hold items of one stream */

/* The last item of a stream in a block that is not durable yet. */
struct oftp_tail {
	uint64_t ordinal;
	struct stream_mark mark;
};

/* A stream of the session's. */
struct oftp_feed {
	struct stream stream;
	struct stream_range *ranges; /* its memory */
	struct intake_stream in;
	uint32_t first, count; /* of the tails, oldest first */
	struct oftp_tail tails[OFTP_TAILS];
};

struct oftp_session {
	struct oftp_server s;
	struct oftp_feed *feeds; /* one for each of s.streams, once they are ours */
	uint64_t ordinal;	 /* of the newest item in a block; items are counted from 1 */
	uint64_t durable;	 /* items up to this one are */
	uint64_t reminded_us;
	uint64_t login_us; /* since when the peer may log in, or prove who it is */
	uint64_t asked_us; /* since when control has our question */
	bool asked;	   /* it has */
	bool claimed;	   /* control may think that streams are ours: desk_left() is owed */
	bool leaving; /* nothing is accepted any more, and control is told when all is durable */
	bool left;    /* and was told */
	bool keyed;   /* `key` came */
	uint64_t password;	  /* of a session by password: whose number (auth.h) */
	char serial[AUTH_SERIAL]; /* as the login claims it */
	char version[64];
	char key[LOGIN_KEY_MAX + 1];
	char own[AUTH_SERIAL]; /* ours */
	struct text own_text;
	uint64_t known[OFTP_STREAMS_MAX]; /* what the client knows to be confirmed */
	struct login_text first, challenge;
};

static inline bool oftp_outstanding(const struct oftp_session *o)
{
	return o->ordinal != o->durable;
}

static inline bool oftp_is_open(const struct session *s)
{
	return s->oftp->s.state == OFTP_OPEN;
}

/* Its login is still to come, or to be decided. */
static inline bool oftp_logs_in(const struct session *s)
{
	return s->oftp->s.state == OFTP_FRESH || s->oftp->s.state == OFTP_SASL ||
	       s->oftp->s.state == OFTP_DECIDING;
}

static inline bool oftp_may_say(const struct oftp_session *o)
{
	return OFTP_SERVER_OUT - o->s.out_len >= OFTP_SERVER_OUT_NEEDED;
}

/* ---- session_oftp_login.c ---- */

/* OFTP_EV_LOGIN, OFTP_EV_EPOCH. */
void oftp_login(struct session *s, struct worker *w, const struct oftp_msg *m);
void oftp_new_epoch(struct session *s, struct worker *w);
/* Control's answer, which it takes over. */
void oftp_answered(struct session *s, struct worker *w, struct login *g);
/* The policy permits the session: one that waits may be allowed by now. */
void oftp_reconsider(struct session *s, struct worker *w);
/* It forbids it: AUTH_CHANGED, if there is room to say so. */
bool oftp_forbidden(struct session *s, struct worker *w, enum refusal_reason why);
/* Control is told that the session has let go, now or when all it was given is durable. */
void oftp_leave(struct session *s, struct worker *w);

/* A line of the trace. */
__attribute__((format(printf, 2, 3))) void oftp_trace(struct session *s, const char *fmt, ...);
/* Its login, or, of one that waits or is open, AUTH_CHANGED. `detail`, which may be NULL, is for
 * our own list; the peer is told as much of it as it has proven. */
void oftp_refuse(struct session *s, enum refusal_reason why, const char *detail);
/* A question to control, which takes it over (NULL: out of memory, refused); the answer comes to
 * oftp_answered(). */
void oftp_ask(struct session *s, struct login *g, enum login_kind kind);

/* ---- session_oftp_legacy.c ---- */

/* A login that no certificate speaks for: control is asked for a challenge, or it is refused. */
void oftp_legacy_begin(struct session *s, const struct oftp_msg *m);
/* OFTP_EV_SASL. */
void oftp_sasl(struct session *s, struct worker *w, const struct oftp_msg *m);
/* An operator may have taken it back, or the serial shown a certificate, since it was challenged;
 * or the password may be none any more. false: refused. */
bool oftp_legacy_still_may(struct session *s);

/* ---- session_oftp.c ---- */

/* Somebody else claims its streams; `turns`: from another address, and it did so before. */
/* "login", "pending" or "oftp". */
const char *oftp_kind_name(const struct session *s);
void oftp_release(struct session *s, struct worker *w, bool turns);

#endif
