/*
 * RELP, the server's side (the public specification, version 0.0.1 with librelp 1.11 where it is
 * silent; docs/relp.md): frames out of a byte stream, and the answers that are due. Pure; one
 * `struct relp` a connection.
 *
 * A frame is `TXNR SP COMMAND SP DATALEN [SP DATA] LF`. Transactions are numbered 1, 2, ...
 * 999999999, 1, ... and answered in the order in which they came, a log once it is durable. Here a
 * transaction is known by its ordinal, which is 1 for the first and does not wrap.
 */
#ifndef SLUICE_FRAMING_RELP_H
#define SLUICE_FRAMING_RELP_H

#include "dataplane/framing/framing.h"

#define RELP_TXNR_MAX	999999999u
#define RELP_WINDOW	65536u /* transactions that may wait for their answers */
#define RELP_OFFERS_MAX 4096u  /* bytes of data of `open` */
#define RELP_ANSWER_MAX 128u   /* no answer is longer */

enum relp_result {
	RELP_MORE,   /* no whole frame yet; nothing to consume */
	RELP_LOG,    /* a log, as struct frame says */
	RELP_SKIP,   /* `total` bytes are to be consumed and hold no log */
	RELP_WAIT,   /* nothing more is taken until answers have been sent */
	RELP_CLOSED, /* the peer has said `close`: what follows is not read */
	RELP_BROKEN, /* against the protocol: the connection must be closed, protocol_error */
};

struct relp {
	uint64_t taken;	   /* transactions that have come, the unfinished one too */
	uint64_t last_log; /* the last of them that is a log */
	uint64_t durable;  /* logs up to this one are */
	uint64_t answered; /* these were answered, ... */
	uint64_t special;  /* the one whose answer is `answer`; 0: none */
	uint32_t part;	   /* ... and so many bytes of the next one's answer were sent */
	uint32_t max_len;  /* message-size */
	uint32_t discard;  /* bytes of the unfinished frame's data still to be skipped */
	uint8_t state;
	uint8_t answer;
	bool hint;    /* the unfinished frame is a hint, which is not answered */
	bool goodbye; /* `serverclose` is to be sent after the answers that are due */
};

/* max_len 1 to FRAMER_MAX_LEN. */
void relp_init(struct relp *r, uint32_t max_len);

/*
 * The next frame of the stream whose unconsumed bytes are the `n` spans. After RELP_LOG and
 * RELP_SKIP the caller consumes exactly `out->total` bytes. One CRLF, LF or NUL at the end of a log
 * is framing (a flag says so); a log longer than max_len is cut: RELP_LOG with LOG_FLAG_CUT for its
 * beginning, then RELP_SKIP until its end. An empty log is none: RELP_SKIP, and it is answered.
 *
 * By then the machine has gone on: a caller that can't take a log now (no room) copies the struct
 * before the call and puts the copy back instead of consuming, and gets the same log again.
 */
enum relp_result relp_next(
	struct relp *r, const struct framing_span *v, unsigned n, struct frame *out);

/* The ordinal of the log that relp_next() just gave. */
static inline uint64_t relp_ordinal(const struct relp *r)
{
	return r->taken;
}

/* All logs up to this ordinal are durable. */
void relp_durable(struct relp *r, uint64_t ordinal);

/* Are there logs that are not durable yet? */
static inline bool relp_waits(const struct relp *r)
{
	return r->durable < r->last_log;
}

/* Transactions that were not answered yet. */
static inline uint64_t relp_owed(const struct relp *r)
{
	return r->taken - r->answered;
}

/* Will there be anything to be answered when all logs are durable? Not a frame without its end. */
bool relp_answerable(const struct relp *r);

/* Is there anything to be sent? */
bool relp_due(const struct relp *r);

/* Writes what is due to be sent, as far as `max` goes; returns how many bytes. */
size_t relp_answers(const struct relp *r, uint8_t *to, size_t max);

/* The first `n` bytes of what relp_answers() gave were sent. */
void relp_sent(struct relp *r, size_t n);

/* The server is about to close the connection: hint `serverclose` behind the answers due now. No
 * frame may be taken any more. */
void relp_goodbye(struct relp *r);

#endif
