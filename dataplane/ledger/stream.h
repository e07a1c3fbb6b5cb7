/*
 * The sequence state of one stream of reliable logging: which seq_nos were accepted, which of them
 * are durable, and which are missing (DESIGN section 4, "Reliable logging"). A stream is (serial
 * number, connection id, epoch); a new epoch is a new stream. Pure; memory comes from the caller.
 *
 * seq_nos count items and start at 1. Within a session they only rise, so a skip is a definite gap:
 * it is noted as a range, and the confirmed mark moves over it. After a reconnect the client sends
 * again what it does not know to be confirmed; what was accepted before is a duplicate, what lies
 * in a gap is late and is taken off the list.
 *
 * What is durable advances apart from what is accepted, because a block is committed after its
 * items were accepted, and in the same order. Confirmed N means: every seq_no <= N is durable, or
 * is recorded as a gap by what is durable (the journal's next item of the stream, or a checkpoint).
 * It does not pass over a late item of this session, since that was accepted before what moves it.
 *
 * Bound: at most `max_ranges` ranges are kept. When another one is needed, the lowest gap is
 * closed: forgotten and counted. That is allowed only up to the confirmed mark. Merging two ranges
 * would turn the items between them, which are stored, into missing ones, and a duplicate would be
 * stored; closing a gap that the client may still fill would lose a log. Below the mark neither can
 * happen with a client that keeps the rules: it is told the mark before it sends again
 * (LOGIN_REPLY), and never sends what is confirmed. What comes nevertheless is STREAM_STALE: not
 * stored, and counted as what it is. Where no gap may be closed yet, stream_accept() says
 * STREAM_WAIT and changes nothing; something is then waiting to become durable, after which it
 * succeeds.
 */
#ifndef SLUICE_STREAM_H
#define SLUICE_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#define STREAM_DIGEST 16

/* The seq_nos first..last, all missing, or (`arrived`) all accepted late and not yet durable. */
struct stream_range {
	uint64_t first, last;
	int64_t before_ns; /* when the item before the gap came; 0: it begins the stream */
	int64_t after_ns;  /* when the item after it came */
	bool arrived;
};

/* An item: its seq_no, when it came (wall clock), and its digest, which means nothing here. */
struct stream_mark {
	uint64_t seq;
	int64_t time_ns;
	uint8_t digest[STREAM_DIGEST];
};

struct stream {
	uint64_t epoch;
	uint64_t highest;	      /* highest seq_no accepted; 0: none */
	int64_t highest_ns;	      /* when it came */
	uint64_t session_last;	      /* last seq_no of this session */
	struct stream_mark confirmed; /* the highest item that is durable */
	uint64_t closed_upto;	      /* at and below this, gaps have been closed; 0: none */
	uint64_t gaps_overflow;	      /* how many were */
	uint64_t closed_items;	      /* seq_nos that were missing in them */
	struct stream_range *ranges;  /* sorted, disjoint; the caller's memory */
	uint32_t n_ranges, max_ranges;
	uint32_t conn_id;
};

/* `ranges`: room for max_ranges (at least 1), owned by the caller, to outlive the stream. */
void stream_init(struct stream *s, uint64_t epoch, uint32_t conn_id, struct stream_range *ranges,
	uint32_t max_ranges);

/*
 * A session takes the stream over, and seq_nos may begin anywhere again. The session before it has
 * ended, and all that it got is durable or was taken back; false: it is not yet, so LOGIN_REPLY has
 * to wait.
 */
bool stream_open(struct stream *s);

/* The client knows more to be confirmed than we do (we were restored): alarm, new epoch. */
bool stream_conflicts(const struct stream *s, uint64_t client_confirmed);

enum stream_verdict {
	STREAM_NEW,	  /* store it */
	STREAM_LATE,	  /* store it, flagged LOG_FLAG_LATE: it was in a gap */
	STREAM_DUPLICATE, /* accepted before */
	STREAM_STALE,	  /* from below closed_upto: not to be stored, see above */
	STREAM_WAIT,	  /* no range is free: ask again after stream_durable() */
	STREAM_BAD,	  /* 0, or not above the one before it in this session: protocol_error */
};

/* Decides on an item. NEW and LATE: it counts as accepted from now on. `now_ns`: wall clock. */
enum stream_verdict stream_accept(struct stream *s, uint64_t seq, int64_t now_ns);

/*
 * All items of this session up to `upto` are durable, in the order in which they were accepted;
 * `upto` is the last of them. Returns the confirmed mark.
 */
uint64_t stream_durable(struct stream *s, const struct stream_mark *upto);

/*
 * What was accepted and is not durable never will be (the journal failed): it is forgotten, so that
 * it will be accepted when it is sent again; of a late item the gap is back. Ends the session.
 */
void stream_take_back(struct stream *s);

/*
 * Recovery: the journal holds the items first..upto->seq, read in the order in which they were
 * written. What is known already changes nothing. false: not a range of seq_nos; nothing was
 * changed.
 */
bool stream_replay(struct stream *s, uint64_t first, const struct stream_mark *upto);

/* The gaps, lowest first: *index starts at 0; false when there are no more. */
bool stream_gap_next(const struct stream *s, uint32_t *index, struct stream_range *gap);

/* How many seq_nos are missing now, closed gaps not counted. */
uint64_t stream_missing(const struct stream *s);

/* What a checkpoint keeps of a stream, besides its gaps. Plain fields: encoding is the journal's.
 */
struct stream_record {
	uint64_t epoch;
	uint32_t conn_id;
	uint32_t n_gaps;
	struct stream_mark confirmed;
	uint64_t closed_upto, gaps_overflow, closed_items;
};

/*
 * What is durable, and nothing else: written before a block that is not durable yet, it is as if
 * that had not come. `gaps` has room for s->max_ranges.
 */
void stream_save(const struct stream *s, struct stream_record *rec, struct stream_range *gaps);

/*
 * Back from a checkpoint; `ranges` as for stream_init(), and not the memory that `gaps` is in. Gaps
 * for which max_ranges has no room any more are closed, lowest first. false: the record contradicts
 * itself, and the stream is as after stream_init().
 */
bool stream_restore(struct stream *s, const struct stream_record *rec,
	const struct stream_range *gaps, struct stream_range *ranges, uint32_t max_ranges);

/* Moves to an array with other (at least s->n_ranges) room; the old one is the caller's again. */
void stream_move(struct stream *s, struct stream_range *ranges, uint32_t max_ranges);

#endif
