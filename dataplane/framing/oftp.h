/*
 * The messages of the OFTP profile: bytes to struct oftp_msg and back, both by one table of
 * options. Our own encoding (docs/oftp-profile.md), unverified against vendors' devices; the one
 * place of its constants. Pure. A peer's bytes are never trusted: every length is checked, and
 * before a login is accepted only small bodies are taken.
 */
#ifndef SLUICE_FRAMING_OFTP_H
#define SLUICE_FRAMING_OFTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/framing/fields.h"
#include "dataplane/framing/framing.h"

#define OFTP_VERSION	     1u
#define OFTP_HEADER	     12u
#define OFTP_BODY_LOGIN_MAX  16384u  /* bytes of a body before the login is accepted */
#define OFTP_BODY_MAX	     327680u /* after it */
#define OFTP_ITEM_RAW_MAX    262144u /* bytes of logs of an item, before compression */
#define OFTP_ITEM_LOGS_MAX   4096u
#define OFTP_STREAMS_MAX     64u /* connection ids of a session */
#define OFTP_SERIALS_MAX     8u
#define OFTP_TEXT_MAX	     255u
#define OFTP_DIGEST	     16u
#define OFTP_KEEPALIVE_REPLY 21u /* bytes, header and all */

enum oftp_type {
	OFTP_LOGIN_REQUEST = 1,
	OFTP_LOGIN_REQUEST_LEGACY = 2,
	OFTP_AUTH_CHALLENGE = 3,
	OFTP_AUTH_RESPONSE = 4,
	OFTP_LOGIN_REPLY = 5,
	OFTP_AUTH_CHANGED = 6,
	OFTP_LOG_DATA = 7,
	OFTP_SEQ_QUERY = 8,
	OFTP_SEQ_REPLY = 9,
	OFTP_STATUS = 10,
	OFTP_KEEPALIVE = 11, /* sourced: fortinet-formats, section 1.3 */
	OFTP_KEEPALIVE_ANSWER = 12,
	OFTP_BYE = 13,
	OFTP_ERROR = 14,
};

enum oftp_feature { OFTP_FEATURE_LZ4 = 1 };
enum oftp_codec { OFTP_RAW = 0, OFTP_LZ4 = 1 };
enum oftp_result { OFTP_ALLOWED = 0, OFTP_PENDING = 1, OFTP_REFUSED = 2 };
enum oftp_status { OFTP_GO = 0, OFTP_HOLD = 1, OFTP_WAIT = 2 };
enum oftp_stream_state { OFTP_STREAM_GO_ON = 0, OFTP_STREAM_NEW_EPOCH = 1 };

/* What is wrong with a message; these numbers are on the wire, in ERROR. */
enum oftp_error {
	OFTP_OK = 0,
	OFTP_E_MAGIC = 1,   /* not this protocol */
	OFTP_E_VERSION = 2, /* version 0 */
	OFTP_E_TYPE = 3,    /* unknown, or not from this side: answered, and the session goes on */
	OFTP_E_LENGTH = 4,  /* a body longer than is allowed now */
	OFTP_E_OPTION =
		5, /* an option that reaches past the body, of a wrong length, or there twice */
	OFTP_E_MISSING = 6, /* an option that must be there is not */
	OFTP_E_VALUE = 7,   /* a value out of its range */
	OFTP_E_ITEM = 8,    /* an item that contradicts itself */
	OFTP_E_STATE = 9,   /* not now: LOG_DATA while pending, a second login */
	OFTP_E_SEQUENCE =
		10, /* a seq_no that does not rise, a stream that was not named at login */
};
/* "bad_magic", ... Static. */
const char *oftp_error_text(enum oftp_error e);
const char *oftp_type_name(unsigned type);

/* The options; a message holds each once, but for SERVER_SERIAL and STREAM. */
enum oftp_option {
	OFTP_O_SERIAL,
	OFTP_O_HOSTNAME,
	OFTP_O_FIRMWARE,
	OFTP_O_TIMEZONE,
	OFTP_O_PRESHARED_KEY,
	OFTP_O_FEATURES,
	OFTP_O_RELIABLE,
	OFTP_O_SASL,
	OFTP_O_RESULT,
	OFTP_O_REASON,
	OFTP_O_STATUS_TEXT,
	OFTP_O_KEEPALIVE_PERIOD,
	OFTP_O_DISK,
	OFTP_O_SERVER_SERIAL,
	OFTP_O_STREAM,
	OFTP_O_LOG_STATUS,
	OFTP_O_CONN_ID,
	OFTP_O_EPOCH,
	OFTP_O_SEQ_NO,
	OFTP_O_LOG_TYPE,
	OFTP_O_CATEGORY,
	OFTP_O_LOG_COUNT,
	OFTP_O_DROPPED_BEFORE,
	OFTP_O_CODEC,
	OFTP_O_RAW_LEN,
	OFTP_O_VDOM,
	OFTP_O_LENGTHS,
	OFTP_O_ERROR,
	OFTP_O_KEEPALIVE_STATE,
	OFTP_O_PAYLOAD,
	OFTP_OPTIONS,
};

struct oftp_header {
	uint8_t version, type;
	uint32_t length; /* of the body */
	uint32_t tag;	 /* chosen by who asks, repeated in the answer; 0: unasked */
};

/* STREAM: from the client what it knows, from the server what is. 37 bytes on the wire. */
struct oftp_stream {
	uint64_t epoch, confirmed;
	uint32_t conn_id;
	uint8_t state;		     /* enum oftp_stream_state; from a client 0 */
	uint8_t digest[OFTP_DIGEST]; /* of item `confirmed`; zero where that is 0 */
};

/* KEEPALIVE_STATE: 5 bytes, so that the answer has 21. */
struct oftp_keepalive {
	uint8_t status;	       /* enum oftp_status */
	uint32_t disk_used_pm; /* thousandths of the disk that are used */
};

/* Bytes and texts point into the body that was decoded. */
struct oftp_bytes {
	const uint8_t *at;
	uint32_t len;
};

struct oftp_msg {
	uint8_t version, type;
	uint32_t tag;
	uint32_t has; /* 1 << enum oftp_option */

	struct text serial, hostname, firmware, timezone, preshared_key, reason, status_text, vdom;
	struct oftp_bytes sasl, lengths, payload; /* lengths: u32 each, big-endian */
	uint64_t disk_used, disk_total;		  /* DISK, bytes */
	uint64_t epoch, seq_no;
	uint32_t features, conn_id, dropped_before, raw_len;
	uint16_t keepalive_period; /* seconds */
	uint16_t log_count;
	uint8_t reliable, result, log_status, log_type, category, codec, error;
	struct oftp_keepalive keepalive;
	uint32_t n_serials, n_streams;
	struct text server_serial[OFTP_SERIALS_MAX];
	struct oftp_stream stream[OFTP_STREAMS_MAX];
};

static inline bool oftp_has(const struct oftp_msg *m, enum oftp_option o)
{
	return m->has >> o & 1;
}

/*
 * The header, of which OFTP_HEADER bytes are there. `body_max`: what may come now. The type is not
 * judged: the body of an unknown one is to be skipped. OFTP_OK, E_MAGIC, E_VERSION, E_LENGTH.
 */
enum oftp_error oftp_header_decode(const uint8_t *p, uint32_t body_max, struct oftp_header *h);

/*
 * The body of `h->length` bytes. Unknown options, and known ones that this type has not, are
 * skipped. An item is checked whole: counts, lengths, sums. Texts are printable ASCII or UTF-8
 * without control characters.
 */
enum oftp_error oftp_decode(const struct oftp_header *h, const uint8_t *body, struct oftp_msg *m);

/*
 * Header and body of the message: the options in m->has, which its type must take. How many bytes,
 * 0 where `size` does not do.
 */
size_t oftp_encode(const struct oftp_msg *m, uint8_t *to, size_t size);

/*
 * The logs of an item that oftp_decode() has found right, one after the other: m->raw_len bytes at
 * the result, which is the payload itself or `scratch` (m->raw_len bytes). NULL: the payload does
 * not inflate to that (OFTP_E_ITEM).
 */
const uint8_t *oftp_item_logs(const struct oftp_msg *m, uint8_t *scratch);
static inline uint32_t oftp_item_length(const struct oftp_msg *m, uint32_t i)
{
	const uint8_t *p = m->lengths.at + 4u * (size_t)i;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/*
 * By which both sides know an item again: XXH3-128 of its logs, seeded with seq_no, in canonical
 * order. It is made of every item, so it has to be quick; who forges one deceives itself only.
 */
void oftp_item_digest(uint64_t seq_no, const uint8_t *logs, uint32_t len, uint8_t to[OFTP_DIGEST]);

#endif
