#include "dataplane/ledger/oftp_server.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define FEATURES OFTP_FEATURE_LZ4

void oftp_server_init(struct oftp_server *s, const struct text *serials, uint32_t n_serials,
	uint16_t keepalive_s, uint64_t now_us)
{
	assert(n_serials >= 1 && n_serials <= OFTP_SERIALS_MAX);
	assert(keepalive_s >= 1 && keepalive_s <= 3600);
	memset(s, 0, offsetof(struct oftp_server, out));
	s->state = OFTP_FRESH;
	s->version = OFTP_VERSION;
	s->serials = serials;
	s->n_serials = n_serials;
	s->keepalive_s = keepalive_s;
	s->heard_us = now_us;
}

uint32_t oftp_server_body_max(const struct oftp_server *s)
{
	return s->state == OFTP_OPEN || s->state == OFTP_WAITING ? OFTP_BODY_MAX
								 : OFTP_BODY_LOGIN_MAX;
}

bool oftp_server_ready(const struct oftp_server *s)
{
	return s->state != OFTP_DECIDING && s->state != OFTP_ENDED && !s->unattached &&
	       OFTP_SERVER_OUT - s->out_len >= OFTP_SERVER_OUT_NEEDED;
}

/* ---- what is said ---- */

static struct text text_of(const char *word)
{
	return (struct text){word, (uint32_t)strlen(word)};
}

static void say(struct oftp_server *s, struct oftp_msg *m)
{
	size_t n;

	m->version = s->version;
	n = oftp_encode(m, s->out + s->out_len, OFTP_SERVER_OUT - s->out_len);
	assert(n > 0); /* room was made sure of before */
	s->out_len += (uint32_t)n;
}

static void put_text(struct oftp_msg *m, enum oftp_option o, struct text *to, const char *word)
{
	if (!word)
		return;
	*to = text_of(word);
	m->has |= 1u << o;
}

static void put_stream(struct oftp_msg *m, const struct oftp_server_stream *st)
{
	struct oftp_stream *to = &m->stream[m->n_streams++];

	*to = (struct oftp_stream){
		.conn_id = st->conn_id,
		.epoch = st->epoch,
		.confirmed = st->ledger ? st->ledger->confirmed.seq : 0,
		.state = st->stale ? OFTP_STREAM_NEW_EPOCH : OFTP_STREAM_GO_ON,
	};
	if (to->confirmed)
		memcpy(to->digest, st->ledger->confirmed.digest, OFTP_DIGEST);
	m->has |= 1u << OFTP_O_STREAM;
}

static enum oftp_event error(struct oftp_server *s, enum oftp_error e, uint32_t tag, bool fatal)
{
	struct oftp_msg m = {.type = OFTP_ERROR, .tag = tag, .error = (uint8_t)e};

	m.has = 1u << OFTP_O_ERROR;
	put_text(&m, OFTP_O_STATUS_TEXT, &m.status_text, oftp_error_text(e));
	say(s, &m);
	if (!fatal)
		return OFTP_EV_NONE;
	s->state = OFTP_ENDED;
	s->error = e;
	return OFTP_EV_END;
}

enum oftp_event oftp_server_refuse(struct oftp_server *s, enum oftp_error e, uint32_t tag)
{
	return error(s, e, tag, true);
}

void oftp_server_flush(struct oftp_server *s)
{
	struct oftp_msg m = {.type = OFTP_SEQ_REPLY};

	if (s->state != OFTP_OPEN || OFTP_SERVER_OUT - s->out_len < OFTP_SERVER_OUT_NEEDED)
		return;
	for (uint32_t i = 0; i < s->n_streams; i++) {
		/* A new epoch's mark is not known before its stream is attached. */
		if (!s->streams[i].owed || !s->streams[i].ledger)
			continue;
		put_stream(&m, &s->streams[i]);
		s->streams[i].owed = false;
	}
	if (m.n_streams)
		say(s, &m);
}

void oftp_server_confirmed(struct oftp_server *s, uint32_t i)
{
	assert(i < s->n_streams);
	s->streams[i].owed = true;
}

void oftp_server_status(struct oftp_server *s, enum oftp_status status, const char *reason)
{
	if (s->state != OFTP_OPEN || s->status == status ||
		OFTP_SERVER_OUT - s->out_len < OFTP_SERVER_OUT_NEEDED)
		return;
	s->status = (uint8_t)status;
	oftp_server_remind(s, reason);
}

void oftp_server_remind(struct oftp_server *s, const char *reason)
{
	struct oftp_msg m = {.type = OFTP_STATUS, .log_status = s->status};

	if (s->state != OFTP_OPEN || OFTP_SERVER_OUT - s->out_len < OFTP_SERVER_OUT_NEEDED)
		return;
	m.has = 1u << OFTP_O_LOG_STATUS;
	put_text(&m, OFTP_O_REASON, &m.reason, reason);
	say(s, &m);
}

void oftp_server_bye(struct oftp_server *s, const char *reason)
{
	struct oftp_msg m = {.type = OFTP_BYE};

	if (s->state == OFTP_ENDED)
		return;
	put_text(&m, OFTP_O_REASON, &m.reason, reason);
	say(s, &m);
	s->reason = reason;
	s->state = OFTP_ENDED;
}

/* ---- login ---- */

/* `text` is the message's until it is said. */
static void put_verdict(const struct oftp_server *s, struct oftp_msg *m,
	const struct oftp_verdict *v, char text[OFTP_TEXT_MAX + 1])
{
	static const char *const words[] = {
		"Log is allowed.", "Waiting for authorization.", "Refused."};

	snprintf(text, OFTP_TEXT_MAX + 1, "%s", words[v->result]);
	if (v->result == OFTP_REFUSED && v->detail)
		snprintf(text, OFTP_TEXT_MAX + 1, "Refused: %s", v->detail);
	for (char *p = text; *p; p++) /* as no text of ours may have it */
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	m->has |= 1u << OFTP_O_RESULT;
	m->result = v->result;
	put_text(m, OFTP_O_STATUS_TEXT, &m->status_text, text);
	put_text(m, OFTP_O_REASON, &m->reason, v->reason);
	for (uint32_t i = 0; v->result == OFTP_ALLOWED && i < s->n_streams; i++)
		put_stream(m, &s->streams[i]);
}

static void enter(struct oftp_server *s, const struct oftp_verdict *v)
{
	for (uint32_t i = 0; v->result == OFTP_ALLOWED && i < s->n_streams; i++)
		assert(s->streams[i].ledger);
	s->state = v->result == OFTP_ALLOWED   ? OFTP_OPEN
		   : v->result == OFTP_PENDING ? OFTP_WAITING
					       : OFTP_ENDED;
	s->reason = v->result == OFTP_REFUSED ? v->reason : NULL;
}

void oftp_server_verdict(struct oftp_server *s, const struct oftp_verdict *v)
{
	struct oftp_msg m = {.type = OFTP_LOGIN_REPLY, .tag = s->login_tag};
	char text[OFTP_TEXT_MAX + 1];

	assert(s->state == OFTP_DECIDING);
	m.has = 1u << OFTP_O_FEATURES | 1u << OFTP_O_KEEPALIVE_PERIOD | 1u << OFTP_O_SERVER_SERIAL;
	m.features = s->features;
	m.keepalive_period = s->keepalive_s;
	m.n_serials = s->n_serials;
	memcpy(m.server_serial, s->serials, s->n_serials * sizeof(*s->serials));
	if (v->disk_total) {
		m.has |= 1u << OFTP_O_DISK;
		m.disk_used = v->disk_used;
		m.disk_total = v->disk_total;
		s->disk_used_pm = (uint32_t)(v->disk_used / (v->disk_total / 1000 + 1));
	}
	if (v->sasl.len) {
		m.has |= 1u << OFTP_O_SASL;
		m.sasl = v->sasl;
	}
	put_verdict(s, &m, v, text);
	say(s, &m);
	enter(s, v);
}

void oftp_server_changed(struct oftp_server *s, const struct oftp_verdict *v)
{
	struct oftp_msg m = {.type = OFTP_AUTH_CHANGED};
	char text[OFTP_TEXT_MAX + 1];

	assert(s->state == OFTP_WAITING || s->state == OFTP_OPEN);
	put_verdict(s, &m, v, text);
	say(s, &m);
	enter(s, v);
}

void oftp_server_challenge(struct oftp_server *s, struct oftp_bytes sasl)
{
	struct oftp_msg m = {.type = OFTP_AUTH_CHALLENGE, .tag = s->login_tag};

	assert(s->state == OFTP_DECIDING);
	m.has = 1u << OFTP_O_SASL;
	m.sasl = sasl;
	say(s, &m);
	s->state = OFTP_SASL;
}

bool oftp_server_attach(
	struct oftp_server *s, uint32_t i, struct stream *ledger, uint64_t client_confirmed)
{
	struct oftp_msg reply = {.type = OFTP_SEQ_REPLY, .tag = s->epoch_tag};
	struct oftp_server_stream *st = &s->streams[i];

	assert(i < s->n_streams);
	st->ledger = ledger;
	st->stale = stream_conflicts(ledger, client_confirmed);
	if (!s->unattached)
		return st->stale;
	s->unattached = false;
	if (s->state != OFTP_OPEN)
		return st->stale; /* it was refused meanwhile */
	st->owed = false;
	put_stream(&reply, st);
	say(s, &reply);
	return st->stale;
}

static enum oftp_event login(struct oftp_server *s, const struct oftp_msg *m)
{
	if (s->state != OFTP_FRESH)
		return error(s, OFTP_E_STATE, m->tag, true);
	s->version = m->version < OFTP_VERSION ? m->version : OFTP_VERSION;
	s->features = m->features & FEATURES;
	s->reliable = m->reliable;
	s->login_tag = m->tag;
	s->n_streams = m->n_streams;
	for (uint32_t i = 0; i < m->n_streams; i++)
		s->streams[i] = (struct oftp_server_stream){
			.conn_id = m->stream[i].conn_id, .epoch = m->stream[i].epoch};
	s->state = OFTP_DECIDING;
	return OFTP_EV_LOGIN;
}

/* ---- the session ---- */

static bool find(struct oftp_server *s, uint32_t conn_id)
{
	for (s->current = 0; s->current < s->n_streams; s->current++)
		if (s->streams[s->current].conn_id == conn_id)
			return true;
	return false;
}

static enum oftp_event item(struct oftp_server *s, const struct oftp_msg *m)
{
	const struct oftp_server_stream *st;

	if (s->state == OFTP_WAITING) {
		error(s, OFTP_E_STATE, m->tag, false);
		return OFTP_EV_UNTIMELY;
	}
	if (!s->reliable)
		return error(s, OFTP_E_STATE, m->tag, true);
	if (m->codec == OFTP_LZ4 && !(s->features & OFTP_FEATURE_LZ4))
		return error(s, OFTP_E_VALUE, m->tag, true);
	if (!find(s, m->conn_id))
		return error(s, OFTP_E_SEQUENCE, m->tag, true);
	st = &s->streams[s->current];
	if (st->stale || st->epoch != m->epoch)
		return error(s, OFTP_E_SEQUENCE, m->tag, true);
	return OFTP_EV_ITEM;
}

enum oftp_event oftp_server_bad_sequence(struct oftp_server *s, const struct oftp_msg *m)
{
	return error(s, OFTP_E_SEQUENCE, m->tag, true);
}

static enum oftp_event query(struct oftp_server *s, const struct oftp_msg *m)
{
	struct oftp_msg reply = {.type = OFTP_SEQ_REPLY, .tag = m->tag};
	struct oftp_server_stream *st;

	if (!find(s, m->conn_id))
		return error(s, OFTP_E_SEQUENCE, m->tag, true);
	st = &s->streams[s->current];
	if (oftp_has(m, OFTP_O_EPOCH) && m->epoch != st->epoch) {
		*st = (struct oftp_server_stream){.conn_id = st->conn_id, .epoch = m->epoch};
		s->unattached = true;
		s->epoch_tag = m->tag;
		return OFTP_EV_EPOCH;
	}
	put_stream(&reply, st);
	st->owed = false;
	say(s, &reply);
	return OFTP_EV_NONE;
}

static void keepalive(struct oftp_server *s, const struct oftp_msg *m)
{
	struct oftp_msg reply = {.type = OFTP_KEEPALIVE_ANSWER, .tag = m->tag};

	reply.has = 1u << OFTP_O_KEEPALIVE_STATE;
	reply.keepalive.status = s->state == OFTP_WAITING ? (uint8_t)OFTP_WAIT : s->status;
	reply.keepalive.disk_used_pm = s->disk_used_pm;
	say(s, &reply);
}

enum oftp_event oftp_server_message(struct oftp_server *s, const struct oftp_header *h,
	const uint8_t *body, uint64_t now_us, struct oftp_msg *m)
{
	bool in = s->state == OFTP_WAITING || s->state == OFTP_OPEN;
	enum oftp_error e = oftp_decode(h, body, m);

	assert(oftp_server_ready(s));
	/* Before its login nothing but that keeps a session alive. */
	if (in || e != OFTP_E_TYPE)
		s->heard_us = now_us;
	if (e != OFTP_OK)
		return error(s, e, h->tag, e != OFTP_E_TYPE);
	if (in && h->version != s->version)
		return error(s, OFTP_E_VERSION, h->tag, true);
	switch ((enum oftp_type)h->type) {
	case OFTP_LOGIN_REQUEST:
	case OFTP_LOGIN_REQUEST_LEGACY:
		return login(s, m);
	case OFTP_AUTH_RESPONSE:
		if (s->state != OFTP_SASL)
			break;
		s->login_tag = m->tag;
		s->state = OFTP_DECIDING;
		return OFTP_EV_SASL;
	case OFTP_LOG_DATA:
		if (!in)
			break;
		return item(s, m);
	case OFTP_SEQ_QUERY:
		if (s->state != OFTP_OPEN)
			break;
		return query(s, m);
	case OFTP_KEEPALIVE:
		if (!in)
			break;
		keepalive(s, m);
		return OFTP_EV_NONE;
	case OFTP_BYE:
	case OFTP_ERROR:
		s->state = OFTP_ENDED;
		return OFTP_EV_END;
	case OFTP_AUTH_CHALLENGE:
	case OFTP_LOGIN_REPLY:
	case OFTP_AUTH_CHANGED:
	case OFTP_SEQ_REPLY:
	case OFTP_STATUS:
	case OFTP_KEEPALIVE_ANSWER:
		/* Not from this side. */
		return error(s, OFTP_E_TYPE, h->tag, false);
	}
	return error(s, OFTP_E_STATE, h->tag, true);
}

void oftp_server_give_up(struct oftp_server *s, const char *reason)
{
	if (OFTP_SERVER_OUT - s->out_len < OFTP_SERVER_OUT_NEEDED)
		s->out_len = 0; /* nobody takes it */
	oftp_server_bye(s, reason);
}

uint64_t oftp_server_deadline(const struct oftp_server *s)
{
	if (s->state == OFTP_ENDED || s->state == OFTP_DECIDING)
		return UINT64_MAX;
	return s->heard_us + OFTP_SILENCE_PERIODS * s->keepalive_s * 1000000ull;
}

enum oftp_event oftp_server_expire(struct oftp_server *s, uint64_t now_us)
{
	if (now_us < oftp_server_deadline(s))
		return OFTP_EV_NONE;
	oftp_server_give_up(s, "idle_timeout");
	return OFTP_EV_END;
}

void oftp_server_sent(struct oftp_server *s, uint32_t n)
{
	assert(n <= s->out_len);
	memmove(s->out, s->out + n, s->out_len - n);
	s->out_len -= n;
}
