/*
 * What a session is made of: a transport below (plain TCP), an application protocol above (syslog
 * lines, counted frames). session.c joins the two: it lets the transport show what there is to
 * read, finds out what is spoken, lets the protocol read, and gives back what the protocol has
 * consumed. A new protocol is a `struct session_protocol` that detect() in session.c chooses by the
 * stream's first bytes. Both run on the session's worker, between two rounds of TCP's.
 */
#ifndef SLUICE_SESSION_PROTOCOL_H
#define SLUICE_SESSION_PROTOCOL_H

#include "dataplane/worker.h"

/* The bytes that can be read, oldest first; the spans may be changed by who reads them. */
struct session_input {
	struct framing_span *v;
	unsigned n;
	/* The spans reach to the last byte that is there. Where they do not, and a protocol can do
	 * nothing with them, it never will. */
	bool whole;
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
};

extern const struct session_transport session_plain;

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
};

extern const struct session_protocol session_lines, session_counted;

#endif
