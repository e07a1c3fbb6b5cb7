/*
 * Where one log ends and the next begins in a byte stream (RFC 6587), found without copying and
 * without reading a byte twice. Pure; one `struct framer` a connection.
 *
 * The stream is told apart by its first bytes: 1 to 7 digits without a leading zero, a space, then
 * '<' or "date=" is octet counting, sticky for the connection; everything else is newline framing.
 * (TLS and RELP are told apart before this, by stream_detect().)
 */
#ifndef SLUICE_FRAMING_H
#define SLUICE_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Same layout as struct tcp_span. */
struct framing_span {
	const uint8_t *data;
	uint32_t len;
};

enum stream_kind {
	STREAM_UNDECIDED, /* more bytes are needed */
	STREAM_TLS,	  /* ClientHello: 16 03 0x .. .. 01 */
	STREAM_RELP,	  /* "1 open " */
	STREAM_OFTP,	  /* the profile's magic, in the clear */
	STREAM_COUNTED,
	STREAM_LINES,
};
#define STREAM_DETECT_MAX 16 /* bytes by which the kind is decided at the latest */

/*
 * The first two bytes of the OFTP profile, big-endian. Our own choice (the vendor's are not
 * public): F5 occurs in no UTF-8 text and 14 (DC4) in no other text, and it is no TLS record.
 */
#define OFTP_MAGIC 0xf514

/* By up to STREAM_DETECT_MAX first bytes; `eof`: no more will come, so decide. */
enum stream_kind stream_detect(const uint8_t *data, size_t len, bool eof);

/* Flags of a stored log (also journal record flags, see block.h; numbers are on disk). */
enum log_flag {
	LOG_FLAG_CUT = 0x01, /* longer than message-size: the beginning is kept */
	LOG_FLAG_LF = 0x02,  /* the framing after the log: LF, CRLF or NUL was taken off */
	LOG_FLAG_CRLF = 0x04,
	LOG_FLAG_NUL = 0x08,
	LOG_FLAG_COUNTED = 0x10, /* octet counting */
	LOG_FLAG_LATE = 0x20,	 /* filled a gap */
	LOG_FLAG_PARTIAL = 0x40, /* the connection ended in the middle of this log */
	LOG_FLAG_BATCH = 0x80,	 /* came inside of an item or record with several logs */
};

enum frame_result {
	FRAME_MORE, /* no whole log yet; nothing to consume */
	FRAME_LOG,  /* a log: see struct frame */
	FRAME_SKIP, /* `total` bytes are to be consumed and are no log (an empty line, the rest of a
		       log that was cut, a stray newline between counted frames) */
	FRAME_BROKEN /* a broken count: the connection must be closed, counted protocol_error */
};

/* The log is at [skip, skip + len) of the unconsumed stream; consume `total` >= skip + len. */
struct frame {
	uint32_t skip, len, total;
	uint8_t flags;
};

struct framer {
	uint32_t max_len; /* message-size */
	uint32_t
		scanned; /* bytes of the unconsumed stream already searched, not to be read again */
	uint32_t count;	 /* octet counting: declared length, once known */
	uint32_t discard; /* octet counting: bytes of a cut log still to be skipped */
	uint8_t kind;	  /* STREAM_LINES or STREAM_COUNTED */
	uint8_t state;
	uint8_t header; /* octet counting: bytes of the count and its space, once known */
	uint8_t last;	/* newline framing: the byte before `scanned`, where that is above 0 */
};
#define FRAMER_MAX_LEN (1u << 30)

/* `kind` is STREAM_LINES or STREAM_COUNTED; max_len 1 to FRAMER_MAX_LEN. */
void framer_init(struct framer *f, enum stream_kind kind, uint32_t max_len);

/*
 * The next log of the stream whose unconsumed bytes are the `n` spans. After FRAME_LOG and
 * FRAME_SKIP the caller consumes exactly `out->total` bytes and calls again with what is left;
 * after FRAME_MORE it calls again when there are more bytes. `eof`: the peer has closed and the
 * spans reach to the end: an unfinished log becomes FRAME_LOG with LOG_FLAG_PARTIAL (newline
 * framing: the peer just left out the last newline, which RFC 6587 permits: then without PARTIAL);
 * FRAME_MORE now means empty. A log longer than max_len: FRAME_LOG with LOG_FLAG_CUT for its first
 * max_len bytes as soon as it is certain that there are more, then FRAME_SKIP until its end. A cut
 * log has no flag of what ended it.
 *
 * By then the framer has gone on: a caller that can't take a log now (no room) copies the struct
 * before the call and puts the copy back instead of consuming, and gets the same log again.
 *
 * Newline framing: LF or CRLF ends a log; at eof one NUL does too. Empty lines are skipped.
 *
 * Octet counting (RFC 6587 section 3.4.1): one CRLF, LF or NUL at the end of the counted octets is
 * framing, and so are LF, CRLF and NUL between two frames (senders that leave the trailer out of
 * the count). After the first frame nothing is asked of what a log begins with. A count or its
 * space that is not there is FRAME_BROKEN, and then for ever; one that the eof has cut short is
 * skipped.
 */
enum frame_result framer_next(
	struct framer *f, const struct framing_span *v, unsigned n, bool eof, struct frame *out);

/*
 * How many bytes at the begin of the unconsumed stream the framer has finished looking at. With
 * tcp_peek_from() the spans can begin there, or anywhere before: so a log that arrives byte by
 * byte, in as many buffers, costs O(n) in total, and spans that do not all fit into the caller's
 * array can be given one arrayful after the other.
 */
static inline uint32_t framer_resume(const struct framer *f)
{
	return f->scanned;
}

/*
 * framer_next() for spans that begin `base` bytes into the unconsumed stream; base <=
 * framer_resume(). Offsets in `out` still count from the begin of the unconsumed stream, so the
 * bytes of a log may lie before the spans that completed it.
 */
enum frame_result framer_next_from(struct framer *f, uint32_t base, const struct framing_span *v,
	unsigned n, bool eof, struct frame *out);

/*
 * A UDP payload is one log: takes one trailing LF, CRLF or NUL off, cuts to max_len; returns the
 * flags and sets *len.
 */
uint8_t datagram_trim(const uint8_t *data, uint32_t *len, uint32_t max_len);

#endif
