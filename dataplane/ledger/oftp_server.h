/*
 * The server's side of a session of the OFTP profile (docs/oftp-profile.md, "States"): which
 * message may come when, and what is answered. Pure: decoded messages and decisions go in, events
 * and bytes to send come out. Who may log in, SCRAM, blocks and streams are the owner's; the
 * streams it attaches are ledger/stream.h's.
 */
#ifndef SLUICE_OFTP_SERVER_H
#define SLUICE_OFTP_SERVER_H

#include "dataplane/framing/oftp.h"
#include "dataplane/ledger/stream.h"

#define OFTP_SERVER_OUT	       16384u
#define OFTP_SERVER_OUT_NEEDED 8192u /* so much must be free before a message is handed in */
#define OFTP_SILENCE_PERIODS   4u    /* keepalive periods without a message, then it ends */

enum oftp_server_state {
	OFTP_FRESH,    /* nobody has logged in */
	OFTP_DECIDING, /* a login was handed out; nothing more is read until it is decided */
	OFTP_SASL,     /* a challenge was sent */
	OFTP_WAITING,  /* logged in and pending: seen, and not allowed to log */
	OFTP_OPEN,     /* allowed */
	OFTP_ENDED,    /* what is in `out` is still to be sent, then the end */
};

enum oftp_event {
	OFTP_EV_NONE,  /* nothing to be done but to send what is in `out` */
	OFTP_EV_LOGIN, /* *m is a login: oftp_server_verdict(), or oftp_server_challenge() */
	OFTP_EV_SASL,  /* *m holds the answer to the challenge: likewise */
	OFTP_EV_ITEM,  /* *m is an item of s->streams[s->current] */
	OFTP_EV_EPOCH, /* stream s->current has the new epoch s->streams[...].epoch and no `ledger`:
			  oftp_server_attach() */
	OFTP_EV_UNTIMELY, /* LOG_DATA while pending: m->log_count logs that are not kept */
	OFTP_EV_END,	  /* it is over; s->error or s->reason says why */
};

struct oftp_server_stream {
	uint64_t epoch;
	struct stream *ledger; /* NULL: not attached */
	uint32_t conn_id;
	bool stale; /* a new epoch must be begun before an item is taken */
	bool owed;  /* its confirmed mark is to be told */
};

struct oftp_server {
	uint8_t state, version;
	uint8_t status;	       /* enum oftp_status, told last */
	enum oftp_error error; /* what ended it, if the peer did wrong */
	const char *reason;    /* slug; else */
	bool reliable;
	bool unattached; /* a new epoch waits for its stream; the query had the tag epoch_tag */
	uint16_t keepalive_s;
	uint32_t features, login_tag, epoch_tag, disk_used_pm;
	uint32_t n_streams, current, n_serials;
	const struct text *serials;
	uint64_t heard_us;
	struct oftp_server_stream streams[OFTP_STREAMS_MAX];
	uint32_t out_len;
	uint8_t out[OFTP_SERVER_OUT];
};

/* `serials`: ours, 1 to OFTP_SERIALS_MAX, to outlive it. keepalive_s: 1 to 3600. */
void oftp_server_init(struct oftp_server *s, const struct text *serials, uint32_t n_serials,
	uint16_t keepalive_s, uint64_t now_us);

/* The bound of a message's body now; for oftp_header_decode(). */
uint32_t oftp_server_body_max(const struct oftp_server *s);

/* May a message be handed in? Not while a login is decided or a new epoch waits for its stream, nor
 * while too much waits to be sent. */
bool oftp_server_ready(const struct oftp_server *s);

/* A header that oftp_header_decode() refused, or bytes that are none: it is over. */
enum oftp_event oftp_server_refuse(struct oftp_server *s, enum oftp_error e, uint32_t tag);

/* A message whose body is all there. `m` is filled in every case. */
enum oftp_event oftp_server_message(struct oftp_server *s, const struct oftp_header *h,
	const uint8_t *body, uint64_t now_us, struct oftp_msg *m);

/*
 * Stream i (of s->n_streams, as the login named them) is this one from now on. `client_confirmed`:
 * what the client says is confirmed (0 with OFTP_EV_EPOCH, which is answered by this). true: it
 * conflicts (the client knows of more than we: we were restored); a new epoch is asked for.
 */
bool oftp_server_attach(
	struct oftp_server *s, uint32_t i, struct stream *ledger, uint64_t client_confirmed);

struct oftp_verdict {
	uint8_t result;	    /* enum oftp_result */
	const char *reason; /* slug; NULL where allowed */
	const char
		*detail; /* where refused: what more the peer may know, for people; NULL: no more */
	struct oftp_bytes sasl;
	uint64_t disk_used, disk_total;
};
/* Decides on the login, all of whose streams are attached where it is allowed. */
void oftp_server_verdict(struct oftp_server *s, const struct oftp_verdict *v);
/* A legacy login goes on. */
void oftp_server_challenge(struct oftp_server *s, struct oftp_bytes sasl);
/* Of a session that is pending or open: AUTH_CHANGED. Allowed: as with oftp_server_verdict(). */
void oftp_server_changed(struct oftp_server *s, const struct oftp_verdict *v);

/* After OFTP_EV_ITEM: the stream found its seq_no wrong (STREAM_BAD). */
enum oftp_event oftp_server_bad_sequence(struct oftp_server *s, const struct oftp_msg *m);

/* The confirmed mark of stream i has moved. It is told by oftp_server_flush(), with those of all
 * others in one message. */
void oftp_server_confirmed(struct oftp_server *s, uint32_t i);
void oftp_server_flush(struct oftp_server *s);

/* Hold or go, with why (may be NULL); told where it is new. */
void oftp_server_status(struct oftp_server *s, enum oftp_status status, const char *reason);
/* Holds still: told once more, so that the client hears of us while nothing of its is read. */
void oftp_server_remind(struct oftp_server *s, const char *reason);
/* We end it: BYE with the reason's slug. */
void oftp_server_bye(struct oftp_server *s, const char *reason);
/* The same, of a peer that may have read nothing of what was said. */
void oftp_server_give_up(struct oftp_server *s, const char *reason);

/* When it ends for silence; then call oftp_server_expire(). */
uint64_t oftp_server_deadline(const struct oftp_server *s);
enum oftp_event oftp_server_expire(struct oftp_server *s, uint64_t now_us);

/* The first n bytes of `out` were sent. */
void oftp_server_sent(struct oftp_server *s, uint32_t n);

#endif
