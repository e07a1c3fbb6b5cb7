/*
 * What a session is made of: a transport below (plain TCP, TLS on it), an application protocol
 * above (syslog lines, counted frames). session.c joins the two: it lets the transport show what
 * there is to read, finds out what is spoken, lets the protocol read, and gives back what the
 * protocol has consumed. A new protocol is a `struct session_protocol` that detect() in session.c
 * chooses by the stream's first bytes. Both run on the session's worker, between two rounds of
 * TCP's.
 */
#ifndef SLUICE_SESSION_PROTOCOL_H
#define SLUICE_SESSION_PROTOCOL_H

#include "dataplane/worker.h"

/* The bytes that can be read, oldest first; the spans may be changed by who reads them. */
struct session_input {
	struct framing_span *v;
	unsigned n;
	/* The spans reach as far as they ever will while none of it is consumed. Where they do not,
	 * and a protocol can do nothing with them, it never will. */
	bool whole;
	bool more;	   /* another turn will show more, though no event comes */
	bool eof;	   /* they reach to the end of the stream: the peer sends no more */
	uint32_t consumed; /* set by the protocol: so many bytes from the first one are done with */
};

struct session_transport {
	/* Shows what can be read now. SESSION_WAIT: see *in, which may be empty; SESSION_ABORT and
	 * SESSION_DONE as session_read(). */
	enum session_result (*peek)(struct session *s, struct worker *w, struct session_input *in);
	/* The first in->consumed bytes are done with. true: unread bytes are left. */
	bool (*consume)(struct session *s, struct worker *w, const struct session_input *in);
	/* Copies into the send buffer; returns how many bytes it took. TCP_EV_WRITABLE follows when
	 * there is room after a short one. */
	uint32_t (*write)(struct session *s, struct worker *w, const void *data, uint32_t n);
	/* Nothing more will be written: what the transport itself says at the end. */
	void (*finish)(struct session *s, struct worker *w);
};

extern const struct session_transport session_plain, session_tls;

/* ---- session_tls.c ---- */

/* A ClientHello has begun in the clear. SESSION_HELD: it is or will be shaking hands. */
enum session_result session_tls_begin(struct session *s, struct worker *w);
/* One step of a handshake; true: it cost something, so that is enough for this round. */
bool session_tls_step(struct session *s, struct worker *w);
/* It waits for its turn, or for what it speaks to be told, and has begun a ClientHello that is not
 * all there: the peer's fault. */
bool session_tls_hello_waits(const struct session *s);
/* Takes the session out of its line, and lets the next one that waits for it shake hands. */
void session_leave_line(struct session *s);
void session_enter_line(struct session *s, enum session_stage stage);

/* ---- session_auth.c ---- */

/* Counts and tells that the session is refused or ended by us; `detail` may be NULL. */
void session_refused(struct session *s, enum refusal_reason why, const char *detail);
/* After its handshake: who is it? Opens it, holds it back, or says SESSION_REFUSED. */
enum session_result session_identify(struct session *s, struct worker *w);
/* In the clear, or without a certificate: it is its address, of which unknown-source decides.
 * SESSION_AGAIN: it may be read. */
enum session_result session_identify_address(struct session *s, struct worker *w);
/* It has used its device's rate up: it is read again after a while. */
enum session_result session_slow_down(struct session *s);
/* One that is held, under the policy of this round: opens it if it may go on. */
void session_reconsider(struct session *s, struct worker *w);
/* May whoever the session is go on? */
bool session_identity_permitted(
	const struct session *s, const struct lcore *l, enum refusal_reason *why);
/* Has it shown a certificate that holds and names its serial? */
bool session_is_certified(const struct session *s);
/* It ends, or becomes somebody else: tells it, if that was the device's last one here. */
void session_down(struct session *s);
void session_set_device(struct session *s, uint32_t device);
/* It may log: its account, and control is told. */
void session_open_as(struct session *s);
/* Control is told that its serial waits to be authorized; that something about it is odd. */
void session_tell_pending(struct session *s);
void session_tell_warning(struct session *s, const char *detail);
/* What the registry says of whoever it is: denied, if it says so of any name of its certificate. */
enum auth_state session_state(const struct session *s, const struct dp_policy *pol);
/* Of one that is denied, for session_refused(): by which name. NULL: by the one that it goes by. */
const char *session_denial(const struct session *s, const struct dp_policy *pol);
/* The detail of a session's end that was permitted until now. */
const char *session_forbidden_by(const struct session *s, enum refusal_reason why);
/* It is not denied, whatever was said of it when it came. */
void session_not_denied(struct session *s);
/* Counts it among the sessions from its address, on all workers, that wait for somebody's word, or
 * to be told of it. Where two addresses meet in the table, which nobody can bring about, they have
 * one number together. false: `most` of them wait already. Is counted until
 * session_waits_no_more(). */
bool session_count_waiting(struct session *s, uint32_t most);
void session_waits_no_more(struct session *s);

/* ---- session_names.c ---- */

/* For details: which names of its certificate are legal serials ("A, B"); why none of them names it
 * here, with all that were looked at. Cut where there are too many. */
struct tls_peer;
void session_legal_names(
	const struct tls_peer *peer, const struct dp_policy *pol, char *to, size_t size);
void session_no_legal_name(
	const struct tls_peer *peer, const struct dp_policy *pol, char *to, size_t size);

struct session_protocol {
	const char *name; /* in `session list` */
	/* It was chosen, and is permitted; nothing has been read. */
	void (*begin)(struct session *s, struct worker *w);
	/* Reads what it may, at most the session's quantum, and sets in->consumed; never all of a
	 * log's bytes and not the log. When the session is `closed` this is the last call for these
	 * bytes, and what finds no block must be counted as dropped. A refusal is counted before
	 * SESSION_ABORT is returned. */
	enum session_result (*read)(struct session *s, struct worker *w, struct session_input *in);
	/* May it be spoken by this session under the policy of this round? Else the reason. */
	bool (*permitted)(const struct session *s, const struct lcore *l, enum refusal_reason *why);

	/* The rest is for protocols that answer; NULL: it never does. */

	/* The logs up to `upto`, as it has marked them (acks.h), are durable. */
	void (*durable)(struct session *s, uint64_t upto);
	/* Sends what is due, as far as there is room. SESSION_WAIT; SESSION_AGAIN: it may read
	 * again; SESSION_DONE: all is said, close our side. */
	enum session_result (*answer)(struct session *s, struct worker *w);
	/* Does the peer wait for us, its logs not being durable? Then it is not idle. */
	bool (*waits)(const struct session *s);
	/* We are about to close: sends what is due and what there is to say. false: there was no
	 * room for all of it; called again, it goes on where it was. */
	bool (*farewell)(struct session *s, struct worker *w);

	/* And for those that log in; NULL: it does not. */

	/* Looked at now and then: what time alone brings. */
	void (*care)(struct session *s, struct worker *w);
	/* The policy has changed, and permits the session; forbids it. false: it could not say so,
	 * and is reset. */
	void (*reconsider)(struct session *s, struct worker *w);
	bool (*forbidden)(struct session *s, struct worker *w, enum refusal_reason why);
	/* The session is gone: frees what is the protocol's. */
	void (*end)(struct session *s, struct worker *w);
};

extern const struct session_protocol session_lines, session_counted, session_relp, session_oftp;

/* session_take.c: is it a relay, whose devid names the device? Who has proven to be somebody speaks
 * for itself alone. */
bool session_is_relay(const struct session *s, const struct lcore *l);
/* Puts the log at `f` of the spans into the block; intake_room() has just confirmed its room. A
 * relay's log of a device that may not log is counted as dropped instead. false: the device may not
 * have more now, and nothing was done: see session_slow_down(). */
bool session_take_log(struct session *s, struct lcore *l, const struct framing_span *v,
	const struct frame *f, bool relay);
/* Takes `len` bytes off the front of what is to be read. */
void session_advance(struct session_input *in, uint32_t len);

#endif
