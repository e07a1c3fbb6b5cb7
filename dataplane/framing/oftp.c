#include "dataplane/framing/oftp.h"

#include <assert.h>
#include <string.h>

#include "dataplane/base/bytes.h"

/* The numbers first, of 1 << kind bytes. */
enum kind { U8, U16, U32, U64, TEXT, BYTES, DISK, KEEPALIVE, STREAM, SERIALS, REST };

#define OPTION_HEAD 4u
#define STREAM_SIZE 37u
#define T(type)	    (1u << (type))
#define LOGINS	    (T(OFTP_LOGIN_REQUEST) | T(OFTP_LOGIN_REQUEST_LEGACY))
#define VERDICTS    (T(OFTP_LOGIN_REPLY) | T(OFTP_AUTH_CHANGED))
#define ITEM	    T(OFTP_LOG_DATA)

struct option {
	uint16_t code;
	uint8_t kind;
	uint16_t at;	   /* in struct oftp_msg */
	uint32_t needed;   /* by these types */
	uint32_t allowed;  /* in these besides */
	uint64_t min, max; /* of a number; of the length of a text or of bytes */
};

#define FIELD(name) offsetof(struct oftp_msg, name)

/* All that is on the wire besides the header; docs/oftp-profile.md tells it in words. */
static const struct option options[OFTP_OPTIONS] = {
	[OFTP_O_SERIAL] = {1, TEXT, FIELD(serial), LOGINS, 0, 1, 64},
	[OFTP_O_HOSTNAME] = {2, TEXT, FIELD(hostname), 0, LOGINS, 0, OFTP_TEXT_MAX},
	[OFTP_O_FIRMWARE] = {3, TEXT, FIELD(firmware), 0, LOGINS, 0, OFTP_TEXT_MAX},
	[OFTP_O_TIMEZONE] = {4, TEXT, FIELD(timezone), 0, LOGINS, 0, OFTP_TEXT_MAX},
	[OFTP_O_PRESHARED_KEY] = {5, TEXT, FIELD(preshared_key), 0, LOGINS, 1, OFTP_TEXT_MAX},
	[OFTP_O_FEATURES] = {6, U32, FIELD(features), LOGINS | T(OFTP_LOGIN_REPLY), 0, 0,
		UINT32_MAX},
	[OFTP_O_RELIABLE] = {7, U8, FIELD(reliable), LOGINS, 0, 0, 1},
	[OFTP_O_SASL] = {8, BYTES, FIELD(sasl),
		T(OFTP_LOGIN_REQUEST_LEGACY) | T(OFTP_AUTH_CHALLENGE) | T(OFTP_AUTH_RESPONSE),
		T(OFTP_LOGIN_REPLY), 1, 4096},
	[OFTP_O_RESULT] = {9, U8, FIELD(result), VERDICTS, 0, 0, OFTP_REFUSED},
	[OFTP_O_REASON] = {10, TEXT, FIELD(reason), 0, VERDICTS | T(OFTP_BYE) | T(OFTP_STATUS), 1,
		OFTP_TEXT_MAX},
	[OFTP_O_STATUS_TEXT] = {11, TEXT, FIELD(status_text), 0,
		VERDICTS | T(OFTP_STATUS) | T(OFTP_ERROR), 0, OFTP_TEXT_MAX},
	[OFTP_O_KEEPALIVE_PERIOD] = {12, U16, FIELD(keepalive_period), T(OFTP_LOGIN_REPLY), 0, 1,
		3600},
	[OFTP_O_DISK] = {13, DISK, FIELD(disk_used), 0, T(OFTP_LOGIN_REPLY) | T(OFTP_STATUS), 0, 0},
	[OFTP_O_SERVER_SERIAL] = {14, SERIALS, FIELD(server_serial), T(OFTP_LOGIN_REPLY), 0, 1, 64},
	[OFTP_O_STREAM] = {15, STREAM, FIELD(stream), T(OFTP_SEQ_REPLY), LOGINS | VERDICTS, 0, 0},
	[OFTP_O_LOG_STATUS] = {16, U8, FIELD(log_status), T(OFTP_STATUS), 0, 0, OFTP_WAIT},
	[OFTP_O_CONN_ID] = {17, U32, FIELD(conn_id), ITEM | T(OFTP_SEQ_QUERY), 0, 0, UINT32_MAX},
	[OFTP_O_EPOCH] = {18, U64, FIELD(epoch), ITEM, T(OFTP_SEQ_QUERY), 1, UINT64_MAX},
	[OFTP_O_SEQ_NO] = {19, U64, FIELD(seq_no), ITEM, 0, 1, UINT64_MAX - 1},
	[OFTP_O_LOG_TYPE] = {20, U8, FIELD(log_type), ITEM, 0, 0, UINT8_MAX},
	[OFTP_O_CATEGORY] = {21, U8, FIELD(category), ITEM, 0, 0, UINT8_MAX},
	[OFTP_O_LOG_COUNT] = {22, U16, FIELD(log_count), ITEM, 0, 1, OFTP_ITEM_LOGS_MAX},
	[OFTP_O_DROPPED_BEFORE] = {23, U32, FIELD(dropped_before), 0, ITEM, 0, UINT32_MAX},
	[OFTP_O_CODEC] = {24, U8, FIELD(codec), ITEM, 0, 0, OFTP_LZ4},
	[OFTP_O_RAW_LEN] = {25, U32, FIELD(raw_len), ITEM, 0, 1, OFTP_ITEM_RAW_MAX},
	[OFTP_O_VDOM] = {26, TEXT, FIELD(vdom), 0, ITEM, 1, 64},
	[OFTP_O_LENGTHS] = {27, BYTES, FIELD(lengths), ITEM, 0, 4, 4u * OFTP_ITEM_LOGS_MAX},
	[OFTP_O_ERROR] = {28, U8, FIELD(error), T(OFTP_ERROR), 0, 1, OFTP_E_SEQUENCE},
	[OFTP_O_KEEPALIVE_STATE] = {29, KEEPALIVE, FIELD(keepalive), T(OFTP_KEEPALIVE_ANSWER), 0, 0,
		0},
	[OFTP_O_PAYLOAD] = {255, REST, FIELD(payload), ITEM, 0, 1, OFTP_BODY_MAX},
};

const char *oftp_error_text(enum oftp_error e)
{
	static const char *const text[] = {"ok", "bad_magic", "bad_version", "unknown_type",
		"too_long", "bad_option", "missing_option", "bad_value", "bad_item", "not_now",
		"bad_sequence"};

	return (unsigned)e < sizeof(text) / sizeof(text[0]) ? text[e] : "unknown";
}

const char *oftp_type_name(unsigned type)
{
	static const char *const name[] = {"unknown", "LOGIN_REQUEST", "LOGIN_REQUEST_LEGACY",
		"AUTH_CHALLENGE", "AUTH_RESPONSE", "LOGIN_REPLY", "AUTH_CHANGED", "LOG_DATA",
		"SEQ_QUERY", "SEQ_REPLY", "STATUS", "KEEPALIVE", "KEEPALIVE_ANSWER", "BYE",
		"ERROR"};

	return type < sizeof(name) / sizeof(name[0]) ? name[type] : name[0];
}

enum oftp_error oftp_header_decode(const uint8_t *p, uint32_t body_max, struct oftp_header *h)
{
	if (load_be16(p) != OFTP_MAGIC)
		return OFTP_E_MAGIC;
	*h = (struct oftp_header){
		.version = p[2], .type = p[3], .length = load_be32(p + 4), .tag = load_be32(p + 8)};
	if (h->version == 0)
		return OFTP_E_VERSION;
	return h->length <= body_max ? OFTP_OK : OFTP_E_LENGTH;
}

/* ---- reading ---- */

static bool is_text(const uint8_t *p, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		if (p[i] < ' ' || p[i] == 0x7f)
			return false;
	return true;
}

static enum oftp_error read_number(const struct option *o, const uint8_t *p, uint32_t len, void *to)
{
	uint64_t v;

	if (len != 1u << o->kind)
		return OFTP_E_OPTION;
	if (o->kind == U8)
		*(uint8_t *)to = (uint8_t)(v = p[0]);
	else if (o->kind == U16)
		*(uint16_t *)to = (uint16_t)(v = load_be16(p));
	else if (o->kind == U32)
		*(uint32_t *)to = (uint32_t)(v = load_be32(p));
	else
		*(uint64_t *)to = v = load_be64(p);
	return v >= o->min && v <= o->max ? OFTP_OK : OFTP_E_VALUE;
}

static enum oftp_error read_stream(struct oftp_msg *m, const uint8_t *p, uint32_t len)
{
	struct oftp_stream *s = &m->stream[m->n_streams];

	if (len != STREAM_SIZE || m->n_streams == OFTP_STREAMS_MAX)
		return OFTP_E_OPTION;
	*s = (struct oftp_stream){.conn_id = load_be32(p),
		.epoch = load_be64(p + 4),
		.confirmed = load_be64(p + 12),
		.state = p[20]};
	memcpy(s->digest, p + 21, OFTP_DIGEST);
	if (s->epoch == 0 || s->state > OFTP_STREAM_NEW_EPOCH)
		return OFTP_E_VALUE;
	for (uint32_t i = 0; i < m->n_streams; i++)
		if (m->stream[i].conn_id == s->conn_id)
			return OFTP_E_VALUE;
	m->n_streams++;
	return OFTP_OK;
}

static enum oftp_error read_option(
	struct oftp_msg *m, const struct option *o, const uint8_t *p, uint32_t len)
{
	void *to = (uint8_t *)m + o->at;

	if (o->kind <= U64)
		return read_number(o, p, len, to);
	switch ((enum kind)o->kind) {
	case STREAM:
		return read_stream(m, p, len);
	case DISK:
		if (len != 16)
			return OFTP_E_OPTION;
		m->disk_used = load_be64(p);
		m->disk_total = load_be64(p + 8);
		return OFTP_OK;
	case KEEPALIVE:
		if (len != 5)
			return OFTP_E_OPTION;
		m->keepalive =
			(struct oftp_keepalive){.status = p[0], .disk_used_pm = load_be32(p + 1)};
		return p[0] <= OFTP_WAIT ? OFTP_OK : OFTP_E_VALUE;
	case U8:
	case U16:
	case U32:
	case U64:
	case TEXT:
	case SERIALS:
	case BYTES:
	case REST:
		break;
	}
	if (len < o->min || len > o->max)
		return OFTP_E_VALUE;
	if (o->kind == BYTES || o->kind == REST) {
		*(struct oftp_bytes *)to = (struct oftp_bytes){p, len};
		return OFTP_OK;
	}
	if (!is_text(p, len))
		return OFTP_E_VALUE;
	if (o->kind == SERIALS) {
		if (m->n_serials == OFTP_SERIALS_MAX)
			return OFTP_E_OPTION;
		to = &m->server_serial[m->n_serials++];
	}
	*(struct text *)to = (struct text){(const char *)p, len};
	return OFTP_OK;
}

static enum oftp_error check_item(const struct oftp_msg *m)
{
	uint64_t sum = 0;

	if (m->lengths.len != 4u * m->log_count)
		return OFTP_E_ITEM;
	for (uint32_t i = 0; i < m->log_count; i++) {
		uint32_t len = oftp_item_length(m, i);

		if (len == 0)
			return OFTP_E_ITEM;
		sum += len;
	}
	if (sum != m->raw_len || (m->codec == OFTP_RAW && m->payload.len != m->raw_len))
		return OFTP_E_ITEM;
	return OFTP_OK;
}

/* What `code` is in a message of this type, or NULL. Nearly all stand in the order of their codes:
 * there is mostly nothing to search. */
static inline const struct option *option_of(unsigned code, unsigned type)
{
	const struct option *end = options + OFTP_OPTIONS;
	const struct option *o = options + (code - 1 < OFTP_OPTIONS ? code - 1 : OFTP_OPTIONS - 1);

	if (o->code != code) {
		for (o = options; o < end && o->code != code; o++)
			;
		if (o == end)
			return NULL;
	}
	return (o->needed | o->allowed) & T(type) ? o : NULL;
}

static inline uint32_t needed_by(unsigned type)
{
	uint32_t has = 0;

#pragma GCC unroll 32 /* a constant, where the type is one */
	for (unsigned i = 0; i < OFTP_OPTIONS; i++)
		has |= (options[i].needed >> type & 1) << i;
	return has;
}

enum oftp_error oftp_decode(const struct oftp_header *h, const uint8_t *body, struct oftp_msg *m)
{
	struct byte_reader r = byte_reader_init(body, h->length);

	/* The arrays are valid up to their counts. */
	memset(m, 0, offsetof(struct oftp_msg, server_serial));
	m->version = h->version;
	m->type = h->type;
	m->tag = h->tag;
	if (h->type == 0 || h->type > OFTP_ERROR)
		return OFTP_E_TYPE;
	while (byte_reader_left(&r) > 0) {
		const uint8_t *p = byte_reader_take(&r, OPTION_HEAD);
		const struct option *o;
		enum oftp_error e;
		uint32_t len, bit;

		if (!p)
			return OFTP_E_OPTION;
		o = option_of(load_be16(p), h->type);
		len = load_be16(p + 2);
		if (o && o->kind == REST) {
			if (len != 0)
				return OFTP_E_OPTION;
			len = (uint32_t)byte_reader_left(&r);
		}
		p = byte_reader_take(&r, len);
		if (!p)
			return OFTP_E_OPTION;
		if (!o)
			continue;
		bit = 1u << (o - options);
		if (m->has & bit && o->kind != STREAM && o->kind != SERIALS)
			return OFTP_E_OPTION;
		m->has |= bit;
		e = read_option(m, o, p, len);
		if (e != OFTP_OK)
			return e;
	}
	if (h->type == OFTP_LOG_DATA)
		return needed_by(OFTP_LOG_DATA) & ~m->has ? OFTP_E_MISSING : check_item(m);
	return needed_by(h->type) & ~m->has ? OFTP_E_MISSING : OFTP_OK;
}

/* ---- writing ---- */

static void put_be(struct byte_writer *w, uint64_t v, unsigned bytes)
{
	while (bytes > 0)
		byte_writer_u8(w, (uint8_t)(v >> 8 * --bytes));
}

static void put_head(struct byte_writer *w, const struct option *o, size_t len)
{
	put_be(w, o->code, 2);
	put_be(w, o->kind == REST ? 0 : len, 2);
}

static void put_bytes(struct byte_writer *w, const struct option *o, const void *data, size_t len)
{
	assert(len >= o->min && len <= o->max);
	put_head(w, o, len);
	if (len)
		byte_writer_bytes(w, data, len);
}

static void put_streams(struct byte_writer *w, const struct option *o, const struct oftp_msg *m)
{
	assert(m->n_streams <= OFTP_STREAMS_MAX);
	for (uint32_t i = 0; i < m->n_streams; i++) {
		const struct oftp_stream *s = &m->stream[i];

		put_head(w, o, STREAM_SIZE);
		put_be(w, s->conn_id, 4);
		put_be(w, s->epoch, 8);
		put_be(w, s->confirmed, 8);
		put_be(w, s->state, 1);
		byte_writer_bytes(w, s->digest, OFTP_DIGEST);
	}
}

static void put_option(struct byte_writer *w, const struct option *o, const struct oftp_msg *m)
{
	const void *from = (const uint8_t *)m + o->at;
	const struct oftp_bytes *bytes = from;
	const struct text *text = from;

	switch ((enum kind)o->kind) {
	case U8:
		put_head(w, o, 1);
		put_be(w, *(const uint8_t *)from, 1);
		break;
	case U16:
		put_head(w, o, 2);
		put_be(w, *(const uint16_t *)from, 2);
		break;
	case U32:
		put_head(w, o, 4);
		put_be(w, *(const uint32_t *)from, 4);
		break;
	case U64:
		put_head(w, o, 8);
		put_be(w, *(const uint64_t *)from, 8);
		break;
	case TEXT:
		put_bytes(w, o, text->at, text->len);
		break;
	case BYTES:
	case REST:
		put_bytes(w, o, bytes->at, bytes->len);
		break;
	case DISK:
		put_head(w, o, 16);
		put_be(w, m->disk_used, 8);
		put_be(w, m->disk_total, 8);
		break;
	case KEEPALIVE:
		put_head(w, o, 5);
		put_be(w, m->keepalive.status, 1);
		put_be(w, m->keepalive.disk_used_pm, 4);
		break;
	case STREAM:
		put_streams(w, o, m);
		break;
	case SERIALS:
		assert(m->n_serials <= OFTP_SERIALS_MAX);
		for (uint32_t i = 0; i < m->n_serials; i++)
			put_bytes(w, o, m->server_serial[i].at, m->server_serial[i].len);
		break;
	}
}

size_t oftp_encode(const struct oftp_msg *m, uint8_t *to, size_t size)
{
	struct byte_writer w = byte_writer_init(to, size);

	assert(m->type >= OFTP_LOGIN_REQUEST && m->type <= OFTP_ERROR);
	put_be(&w, OFTP_MAGIC, 2);
	put_be(&w, m->version, 1);
	put_be(&w, m->type, 1);
	put_be(&w, 0, 4);
	put_be(&w, m->tag, 4);
	for (int i = 0; i < OFTP_OPTIONS; i++) {
		assert(!(options[i].needed & T(m->type)) || oftp_has(m, (enum oftp_option)i));
		if (!oftp_has(m, (enum oftp_option)i))
			continue;
		assert((options[i].needed | options[i].allowed) & T(m->type));
		put_option(&w, &options[i], m);
	}
	if (w.failed)
		return 0;
	store_be32(to + 4, (uint32_t)((size_t)(w.at - to) - OFTP_HEADER));
	return (size_t)(w.at - to);
}
