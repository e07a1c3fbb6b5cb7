#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/reason.h"
#include "dataplane/client/client_priv.h"

#define SILENCE 4u /* keepalive periods without a word of the server */

struct client *client_new(const struct client_config *cfg)
{
	struct client *c = calloc(1, sizeof(*c));
	bool failed;

	assert(cfg->window > 1 && (cfg->window & (cfg->window - 1)) == 0);
	assert(cfg->bound >= 2 * OFTP_ITEM_RAW_MAX);
	if (!c)
		return NULL;
	c->cfg = *cfg;
	c->p = &c->places[0];
	failed = queue_init(&c->q, cfg->bound) != 0;
	for (unsigned i = 0; i < CLIENT_SERVERS; i++)
		failed |= place_init(&c->places[i], cfg->window) != 0;
	if (failed) {
		client_free(c);
		return NULL;
	}
	place_begin_epoch(c, c->p);
	pace_init(&c->pace, cfg->rate, cfg->upload_us);
	return c;
}

void client_free(struct client *c)
{
	if (!c)
		return;
	queue_fini(&c->q);
	for (unsigned i = 0; i < CLIENT_SERVERS; i++)
		place_fini(&c->places[i]);
	free(c);
}

static uint32_t raw_len_of(const struct client_item *item)
{
	uint64_t n = 0;

	assert(item->count >= 1 && item->count <= OFTP_ITEM_LOGS_MAX);
	for (uint32_t i = 0; i < item->count; i++)
		n += item->lengths[i];
	assert(n >= 1 && n <= OFTP_ITEM_RAW_MAX);
	return (uint32_t)n;
}

void client_push(struct client *c, const struct client_item *item)
{
	const uint32_t raw_len = raw_len_of(item);

	c->added += item->count;
	while (!queue_push(&c->q, item, raw_len)) {
		struct queue_item was;
		bool any = queue_pop(&c->q, &was);

		assert(any); /* any item fits into an empty ring */
		c->dropped += was.count;
		if (!place_was_sent(c, was.place))
			c->dropped_unsent += was.count;
		c->changes++;
	}
}

void client_add(struct client *c, const struct client_item *item)
{
	client_push(c, item);
	if (c->cfg.added)
		c->cfg.added(c->cfg.ctx, c->q.tail_place - 1, item);
}

/* ---- the server's word ---- */

static const struct oftp_stream *our_stream(const struct client *c)
{
	for (uint32_t i = 0; i < c->msg.n_streams; i++)
		if (c->msg.stream[i].conn_id == c->cfg.conn_id)
			return &c->msg.stream[i];
	return NULL;
}

/* Allowed to log: go on where the server is, or begin anew where it knows another story. */
static bool open_stream(struct client *c, uint64_t now)
{
	const struct oftp_stream *s = our_stream(c);

	if (c->cfg.visit || c->cfg.unreliable) {
		c->state = CLIENT_OPEN;
		c->hold = false;
		return true;
	}
	if (!s || s->epoch != c->p->epoch)
		return false;
	if (s->state == OFTP_STREAM_GO_ON && place_is_ours(c, s)) {
		place_confirm(c, s->confirmed);
	} else {
		struct oftp_msg m = {.type = OFTP_SEQ_QUERY, .has = HAS(CONN_ID) | HAS(EPOCH)};

		place_begin_epoch(c, c->p);
		m.conn_id = c->cfg.conn_id;
		m.epoch = c->p->epoch;
		say(c, &m, now);
	}
	queue_rewind(&c->q);
	c->state = CLIENT_OPEN;
	c->hold = false;
	return true;
}

static void copy_text(char *to, size_t size, struct text t)
{
	snprintf(to, size, "%.*s", (int)t.len, t.at ? t.at : "");
}

/* What it says of itself. */
static void note_server(struct client *c, uint64_t now)
{
	struct client_server *v = &c->server;

	if (oftp_has(&c->msg, OFTP_O_STATUS_TEXT))
		copy_text(v->status_text, sizeof(v->status_text), c->msg.status_text);
	if (oftp_has(&c->msg, OFTP_O_DISK)) {
		v->disk_used = c->msg.disk_used;
		v->disk_total = c->msg.disk_total;
	}
	if (c->msg.type != OFTP_LOGIN_REPLY)
		return;
	v->version = c->msg.version;
	v->n_serials = c->msg.n_serials;
	for (uint32_t i = 0; i < c->msg.n_serials; i++)
		copy_text(v->serials[i], sizeof(v->serials[i]), c->msg.server_serial[i]);
	v->serials_us = now;
	c->lz4 = c->cfg.lz4 && (c->msg.features & OFTP_FEATURE_LZ4);
}

static bool judge(struct client *c, uint64_t now)
{
	copy_text(c->reason, sizeof(c->reason), c->msg.reason);
	c->server.status_text[0] = '\0'; /* what it said before is not about this */
	note_server(c, now);
	c->server.refused = c->msg.result == OFTP_REFUSED;
	switch ((enum oftp_result)c->msg.result) {
	case OFTP_ALLOWED:
		return open_stream(c, now);
	case OFTP_PENDING:
		c->state = CLIENT_PENDING;
		return true;
	case OFTP_REFUSED:
		break;
	}
	return false;
}

static bool not_so(struct client *c, const char *why)
{
	c->server.refused = false;
	snprintf(c->reason, sizeof(c->reason), "%s", why);
	return false;
}

static bool answer_challenge(struct client *c, uint64_t now)
{
	const struct client_sasl *s = c->cfg.sasl;
	struct oftp_msg m = {.type = OFTP_AUTH_RESPONSE, .tag = 1, .has = HAS(SASL)};
	uint8_t answer[CLIENT_SASL_MAX];

	if (c->sasl != SASL_BEGUN)
		return false;
	m.sasl.at = answer;
	m.sasl.len = (uint32_t)s->answer(
		s->ctx, c->msg.sasl.at, c->msg.sasl.len, answer, sizeof(answer));
	if (m.sasl.len == 0)
		return not_so(c, "its challenge cannot be answered");
	c->sasl = SASL_ANSWERED;
	say(c, &m, now);
	return true;
}

/* Who lets us in by a password must know it, too. */
static bool server_proven(struct client *c)
{
	const struct client_sasl *s = c->cfg.sasl;

	if (!s || c->msg.result == OFTP_REFUSED || (c->sasl == SASL_BEGUN && s->certified))
		return true;
	if (c->sasl == SASL_ANSWERED && oftp_has(&c->msg, OFTP_O_SASL) &&
		s->proven(s->ctx, c->msg.sasl.at, c->msg.sasl.len))
		return true;
	return not_so(c, "it does not prove that it knows the password");
}

/* A message of the server's; false: that is the end. */
static bool handle(struct client *c, const struct oftp_header *h, const uint8_t *body, uint64_t now)
{
	const struct oftp_stream *s;
	enum oftp_error e = oftp_decode(h, body, &c->msg);

	if (e == OFTP_E_TYPE)
		return true; /* of a newer version */
	if (e != OFTP_OK)
		return false;
	switch ((enum oftp_type)h->type) {
	case OFTP_LOGIN_REPLY:
		return c->state == CLIENT_LOGIN && server_proven(c) && judge(c, now);
	case OFTP_AUTH_CHALLENGE:
		return c->state == CLIENT_LOGIN && answer_challenge(c, now);
	case OFTP_AUTH_CHANGED:
		return c->state >= CLIENT_PENDING && judge(c, now);
	case OFTP_SEQ_REPLY:
		s = our_stream(c);
		if (c->state != CLIENT_OPEN || !s || s->epoch != c->p->epoch)
			return true;
		if (s->state != OFTP_STREAM_GO_ON || !place_is_ours(c, s))
			return false; /* the next login finds out what is so */
		place_confirm(c, s->confirmed);
		return true;
	case OFTP_STATUS:
		c->hold = c->msg.log_status != OFTP_GO;
		note_server(c, now);
		return true;
	case OFTP_KEEPALIVE_ANSWER:
		return true;
	case OFTP_BYE:
	case OFTP_ERROR:
		c->server.refused = false;
		copy_text(c->reason, sizeof(c->reason),
			h->type == OFTP_BYE ? c->msg.reason : c->msg.status_text);
		return false;
	case OFTP_LOGIN_REQUEST:
	case OFTP_LOGIN_REQUEST_LEGACY:
	case OFTP_AUTH_RESPONSE:
	case OFTP_LOG_DATA:
	case OFTP_SEQ_QUERY:
	case OFTP_KEEPALIVE:
		break;
	}
	return false;
}

static enum client_wish hang_up(struct client *c, uint64_t now)
{
	client_lost(c, now);
	return CLIENT_DISCONNECT;
}

enum client_wish client_received(struct client *c, const uint8_t *data, size_t len, uint64_t now)
{
	if (c->state < CLIENT_LOGIN)
		return CLIENT_DISCONNECT;
	c->heard_us = now;
	while (len > 0) {
		size_t n = CLIENT_IN_MAX - c->in_len < len ? CLIENT_IN_MAX - c->in_len : len;
		struct oftp_header h;
		size_t at = 0;

		memcpy(c->in + c->in_len, data, n);
		c->in_len += n;
		data += n;
		len -= n;
		while (c->in_len - at >= OFTP_HEADER) {
			if (oftp_header_decode(c->in + at, OFTP_BODY_LOGIN_MAX, &h) != OFTP_OK)
				return hang_up(c, now);
			if (c->in_len - at < OFTP_HEADER + h.length)
				break;
			if (!handle(c, &h, c->in + at + OFTP_HEADER, now))
				return hang_up(c, now);
			at += OFTP_HEADER + h.length;
		}
		memmove(c->in, c->in + at, c->in_len - at);
		c->in_len -= at;
	}
	return CLIENT_NOTHING;
}

/* ---- connections and timers ---- */

void client_aim(struct client *c, unsigned server)
{
	assert(server < CLIENT_SERVERS && c->state == CLIENT_CONNECTING);
	if (c->p == &c->places[server])
		return;
	c->p = &c->places[server];
	c->server = (struct client_server){0};
	if (c->p->epoch == 0)
		place_begin_epoch(c, c->p);
	queue_split(&c->q, c->p->numbered);
}

void client_connected(struct client *c, uint64_t now)
{
	assert(c->state == CLIENT_CONNECTING);
	c->in_len = c->out_len = c->out_at = 0;
	say_login(c, now);
	c->state = CLIENT_LOGIN;
	c->heard_us = now;
	c->at_us = now + c->cfg.conn_timeout_us;
}

void client_lost(struct client *c, uint64_t now)
{
	c->state = CLIENT_DOWN;
	c->in_len = c->out_len = c->out_at = 0;
	c->at_us = now + c->cfg.retry_us;
}

void client_hurry(struct client *c, uint64_t now)
{
	assert(c->state == CLIENT_DOWN);
	c->at_us = now;
}

void client_bye(struct client *c, uint64_t now)
{
	struct oftp_msg m = {.type = OFTP_BYE};

	if (c->state >= CLIENT_LOGIN && CLIENT_OUT_MAX - c->out_len >= OFTP_HEADER)
		say(c, &m, now);
}

uint64_t client_deadline(const struct client *c)
{
	uint64_t silent = c->heard_us + SILENCE * c->cfg.keepalive_us;
	uint64_t quiet = c->spoke_us + c->cfg.keepalive_us;
	uint64_t go = go_deadline(c);

	if (c->state < CLIENT_PENDING)
		return c->at_us;
	quiet = quiet < go ? quiet : go;
	return silent < quiet ? silent : quiet;
}

enum client_wish client_tick(struct client *c, uint64_t now)
{
	struct oftp_msg m = {.type = OFTP_KEEPALIVE, .tag = 2};

	if (now < client_deadline(c))
		return CLIENT_NOTHING;
	switch (c->state) {
	case CLIENT_DOWN:
		c->state = CLIENT_CONNECTING;
		c->at_us = now + c->cfg.conn_timeout_us;
		return CLIENT_CONNECT;
	case CLIENT_CONNECTING:
	case CLIENT_LOGIN:
		return hang_up(c, now);
	case CLIENT_PENDING:
	case CLIENT_OPEN:
		break;
	}
	if (now >= c->heard_us + SILENCE * c->cfg.keepalive_us)
		return hang_up(c, now);
	if (now >= c->spoke_us + c->cfg.keepalive_us && CLIENT_OUT_MAX - c->out_len >= OFTP_HEADER)
		say(c, &m, now);
	return CLIENT_NOTHING;
}

void client_stats(const struct client *c, struct client_stats *st)
{
	*st = (struct client_stats){
		.state = c->state,
		.memory = c->q.memory,
		.confirm = c->q.confirm,
		.occupied = c->q.tail - c->q.head,
		.added = c->added,
		.dropped = c->dropped,
		.confirmed_logs = c->confirmed_logs,
		.confirmed = c->p->confirmed,
		.epoch = c->p->epoch,
		.epochs = c->p->epochs,
		.server = (unsigned)(c->p - c->places),
		.hold = c->hold,
	};
	memcpy(st->reason, c->reason, sizeof(st->reason));
}

void client_reason(const struct client *c, char *to, size_t size)
{
	static const char refused[] = "Refused: ";
	const char *words = refusal_reason_words(c->reason), *detail = c->server.status_text;

	if (!c->server.refused || strcmp(detail, "Refused.") == 0)
		detail = "";
	else if (strncmp(detail, refused, sizeof(refused) - 1) == 0)
		detail += sizeof(refused) - 1;
	snprintf(to, size, "%s%s%s%s%s%s", c->reason, words ? ": " : "", words ? words : "",
		detail[0] ? " (" : "", detail, detail[0] ? ")" : "");
}

const struct client_server *client_server(const struct client *c)
{
	return &c->server;
}

bool client_entry(const struct client *c, bool confirm, uint64_t *cursor, struct client_entry *e)
{
	const struct queue_item *i;

	/* The cursor is the offset behind the last one, plus 1. */
	*cursor = *cursor ? *cursor - 1 : c->q.head;
	while ((i = queue_at(&c->q, cursor)) != NULL) {
		const bool numbered = i->place < c->q.numbered;

		*cursor += i->size;
		if (numbered != confirm)
			continue;
		*e = (struct client_entry){.type = i->type,
			.category = i->category,
			.log_count = i->count,
			.seq_no = place_seq(c->p, i->place),
			.data_len = i->raw_len,
			.size = i->size};
		++*cursor;
		return true;
	}
	return false;
}
