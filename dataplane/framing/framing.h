/*
 * Where one log ends and the next begins in a byte stream (RFC 6587), found without copying and
 * without reading a byte twice. Pure; one `struct framer` a connection.
 *
 * The stream is told apart by its first bytes (DESIGN section 4): 1 to 7 digits without a leading
 * zero, a space, then '<' is octet counting, sticky for the connection; everything else is
 * newline framing. (TLS and RELP are told apart before this, by stream_detect().)
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
	STREAM_TLS,       /* ClientHello: 16 03 0x .. .. 01 */
	STREAM_RELP,      /* "1 open " */
	STREAM_OFTP,      /* the profile's magic, in the clear */
	STREAM_COUNTED,
	STREAM_LINES,
};
#define STREAM_DETECT_MAX 16 /* bytes by which the kind is decided at the latest */

/* By up to STREAM_DETECT_MAX first bytes; `eof`: no more will come, so decide. */
enum stream_kind stream_detect(const uint8_t *data, size_t len, bool eof);

/* Flags of a stored log (also journal record flags, see block.h; numbers are on disk). */
enum log_flag {
	LOG_FLAG_CUT     = 0x01, /* longer than message-size: the beginning is kept */
	LOG_FLAG_LF      = 0x02, /* the framing after the log: LF, CRLF or NUL was taken off */
	LOG_FLAG_CRLF    = 0x04,
	LOG_FLAG_NUL     = 0x08,
	LOG_FLAG_COUNTED = 0x10, /* octet counting */
	LOG_FLAG_LATE    = 0x20, /* filled a gap */
	LOG_FLAG_PARTIAL = 0x40, /* the connection ended in the middle of this log */
	LOG_FLAG_BATCH   = 0x80, /* came inside of an item or record with several logs */
};

enum frame_result {
	FRAME_MORE,  /* no whole log yet; nothing to consume */
	FRAME_LOG,   /* a log: see struct frame */
	FRAME_SKIP,  /* `total` bytes are to be consumed and are no log (an empty line, the rest of a
	                log that was cut, a stray newline between counted frames) */
	FRAME_BROKEN /* a broken count: the connection must be closed, counted protocol_error */
};

/* The log is at [skip, skip + len) of the unconsumed stream; consume `total` >= skip + len. */
struct frame {
	uint32_t skip, len, total;
	uint8_t flags;
};

struct framer {
	uint32_t max_len;   /* message-size */
	uint32_t scanned;   /* bytes of the unconsumed stream already searched, not to be read again */
	uint32_t count;     /* octet counting: declared length, once known */
	uint32_t discard;   /* octet counting: bytes of a cut log still to be skipped */
	uint8_t kind;       /* STREAM_LINES or STREAM_COUNTED */
	uint8_t state;
};

/* `kind` is STREAM_LINES or STREAM_COUNTED; max_len at least 1. */
void framer_init(struct framer *f, enum stream_kind kind, uint32_t max_len);

/*
 * The next log of the stream whose unconsumed bytes are the `n` spans. After FRAME_LOG and
 * FRAME_SKIP the caller consumes exactly `out->total` bytes and calls again with what is left;
 * after FRAME_MORE it calls again when there are more bytes. `eof`: the peer has closed: an
 * unfinished log becomes FRAME_LOG with LOG_FLAG_PARTIAL (newline framing: the peer just left out
 * the last newline, which RFC 6587 permits: then without PARTIAL); FRAME_MORE now means empty.
 * A log longer than max_len: FRAME_LOG with LOG_FLAG_CUT for its first max_len bytes as soon as
 * these are there, then FRAME_SKIP until its end.
 */
enum frame_result framer_next(struct framer *f, const struct framing_span *v, unsigned n, bool eof,
	struct frame *out);

/*
 * A UDP payload is one log: takes one trailing LF, CRLF or NUL off, cuts to max_len; returns the
 * flags and sets *len.
 */
uint8_t datagram_trim(const uint8_t *data, uint32_t *len, uint32_t max_len);

#endif
