#include "dataplane/client/client.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/client/queue.h"

#define IN_MAX	(OFTP_HEADER + OFTP_BODY_LOGIN_MAX)
#define OUT_MAX (2u * (OFTP_HEADER + OFTP_BODY_MAX))
#define SILENCE 4u /* keepalive periods without a word of the server */
#define HAS(o)	(1u << OFTP_O_##o)
#define ITEM_HAS                                                                                   \
	(HAS(CONN_ID) | HAS(EPOCH) | HAS(SEQ_NO) | HAS(LOG_TYPE) | HAS(CATEGORY) |                 \
		HAS(LOG_COUNT) | HAS(CODEC) | HAS(RAW_LEN) | HAS(LENGTHS) | HAS(PAYLOAD))

struct client {
	struct client_config cfg;
	struct queue q;
	enum client_state state;
	uint64_t epoch, epochs, last_seq, confirmed;
	uint8_t (*digests)[OFTP_DIGEST]; /* of seq_no & mask, from `confirmed` to last_seq */
	uint64_t dropped_unsent;	 /* logs, to be told with the next item */
	uint64_t added, dropped, confirmed_logs;
	uint64_t at_us; /* of the next attempt, or of the end of this one */
	uint64_t heard_us, spoke_us;
	bool hold;
	char reason[64];
	size_t in_len, out_len, out_at;
	struct oftp_msg msg;
	uint8_t in[IN_MAX], out[OUT_MAX];
};

static void begin_epoch(struct client *c)
{
	do
		c->epoch = c->cfg.random(c->cfg.ctx);
	while (c->epoch == 0);
	c->epochs++;
	c->last_seq = c->confirmed = 0;
	queue_forget(&c->q);
}

struct client *client_new(const struct client_config *cfg)
{
	struct client *c = calloc(1, sizeof(*c));

	assert(cfg->window > 1 && (cfg->window & (cfg->window - 1)) == 0);
	assert(cfg->bound >= 2 * OFTP_ITEM_RAW_MAX);
	if (!c)
		return NULL;
	c->cfg = *cfg;
	c->digests = calloc(cfg->window, sizeof(*c->digests));
	if (queue_init(&c->q, cfg->bound) != 0 || !c->digests) {
		client_free(c);
		return NULL;
	}
	begin_epoch(c);
	return c;
}

void client_free(struct client *c)
{
	if (!c)
		return;
	queue_fini(&c->q);
	free(c->digests);
	free(c);
}

static uint8_t *digest_of(struct client *c, uint64_t seq)
{
	return c->digests[seq & (c->cfg.window - 1)];
}

void client_add(struct client *c, const struct client_item *item)
{
	uint64_t raw_len = 0;

	assert(item->count >= 1 && item->count <= OFTP_ITEM_LOGS_MAX);
	for (uint32_t i = 0; i < item->count; i++)
		raw_len += item->lengths[i];
	assert(raw_len >= 1 && raw_len <= OFTP_ITEM_RAW_MAX);
	c->added += item->count;
	while (!queue_push(&c->q, item, (uint32_t)raw_len)) {
		struct queue_item was;
		bool any = queue_pop(&c->q, &was);

		assert(any); /* any item fits into an empty ring */
		c->dropped += was.count;
		if (was.seq_no == 0)
			c->dropped_unsent += was.count;
	}
}

/* ---- sending ---- */

static void say(struct client *c, struct oftp_msg *m, uint64_t now)
{
	size_t n;

	m->version = OFTP_VERSION;
	n = oftp_encode(m, c->out + c->out_len, OUT_MAX - c->out_len);
	assert(n > 0);
	c->out_len += n;
	c->spoke_us = now;
}

static void say_item(struct client *c, struct queue_item *i, uint64_t now)
{
	struct oftp_msg m = {.type = OFTP_LOG_DATA, .has = ITEM_HAS};

	if (i->seq_no == 0) {
		i->dropped_before =
			c->dropped_unsent > UINT32_MAX ? UINT32_MAX : (uint32_t)c->dropped_unsent;
		c->dropped_unsent -= i->dropped_before;
	}
	queue_sent(&c->q, i);
	if (i->seq_no == 0) {
		i->seq_no = ++c->last_seq;
		oftp_item_digest(i->seq_no, queue_logs(i), i->raw_len, digest_of(c, i->seq_no));
	}
	m.conn_id = c->cfg.conn_id;
	m.epoch = c->epoch;
	m.seq_no = i->seq_no;
	m.log_type = i->type;
	m.category = i->category;
	m.log_count = i->count;
	m.codec = OFTP_RAW;
	m.raw_len = i->raw_len;
	m.lengths = (struct oftp_bytes){queue_lengths(i), 4u * i->count};
	m.payload = (struct oftp_bytes){queue_logs(i), i->raw_len};
	if (i->dropped_before) {
		m.dropped_before = i->dropped_before;
		m.has |= HAS(DROPPED_BEFORE);
	}
	if (i->vdom_len) {
		m.vdom = (struct text){(const char *)queue_vdom(i), i->vdom_len};
		m.has |= HAS(VDOM);
	}
	say(c, &m, now);
}

/* May one more item be sent, its digest having a place? */
static bool window_open(const struct client *c, const struct queue_item *i)
{
	return i->seq_no || c->q.confirm.items < c->cfg.window - 1;
}

const uint8_t *client_output(struct client *c, size_t *len, uint64_t now)
{
	struct queue_item *i;

	if (c->out_at == c->out_len)
		c->out_at = c->out_len = 0;
	while (c->state == CLIENT_OPEN && !c->hold &&
		OUT_MAX - c->out_len >= OFTP_HEADER + OFTP_BODY_MAX &&
		(i = queue_at(&c->q, &c->q.next)) != NULL && window_open(c, i))
		say_item(c, i, now);
	*len = c->out_len - c->out_at;
	return c->out + c->out_at;
}

void client_sent(struct client *c, size_t n)
{
	assert(n <= c->out_len - c->out_at);
	c->out_at += n;
}

/* ---- the server's word ---- */

static void set_reason(struct client *c, struct text t)
{
	snprintf(c->reason, sizeof(c->reason), "%.*s", (int)t.len, t.at ? t.at : "");
}

static void confirm(struct client *c, uint64_t upto)
{
	struct queue_item was;
	uint64_t at = c->q.head;
	const struct queue_item *i;

	while ((i = queue_at(&c->q, &at)) != NULL && i->seq_no && i->seq_no <= upto) {
		queue_pop(&c->q, &was);
		c->confirmed_logs += was.count;
		at = c->q.head;
	}
	c->confirmed = upto;
}

/* Is item `seq` of the server's the one that we sent, as far as we know? */
static bool is_ours(struct client *c, const struct oftp_stream *s)
{
	static const uint8_t none[OFTP_DIGEST];

	if (s->confirmed > c->last_seq || s->confirmed < c->confirmed)
		return false;
	/* So many items were dropped unconfirmed that its digest has given its place to another. */
	if (c->last_seq - s->confirmed >= c->cfg.window)
		return true;
	return memcmp(s->digest, s->confirmed ? digest_of(c, s->confirmed) : none, OFTP_DIGEST) ==
	       0;
}

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

	if (!s || s->epoch != c->epoch)
		return false;
	if (s->state == OFTP_STREAM_GO_ON && is_ours(c, s)) {
		confirm(c, s->confirmed);
	} else {
		struct oftp_msg m = {.type = OFTP_SEQ_QUERY, .has = HAS(CONN_ID) | HAS(EPOCH)};

		begin_epoch(c);
		m.conn_id = c->cfg.conn_id;
		m.epoch = c->epoch;
		say(c, &m, now);
	}
	queue_rewind(&c->q);
	c->state = CLIENT_OPEN;
	c->hold = false;
	return true;
}

static bool judge(struct client *c, uint64_t now)
{
	set_reason(c, c->msg.reason);
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
		return c->state == CLIENT_LOGIN && judge(c, now);
	case OFTP_AUTH_CHANGED:
		return c->state >= CLIENT_PENDING && judge(c, now);
	case OFTP_SEQ_REPLY:
		s = our_stream(c);
		if (c->state != CLIENT_OPEN || !s || s->epoch != c->epoch)
			return true;
		if (s->state != OFTP_STREAM_GO_ON || !is_ours(c, s))
			return false; /* the next login finds out what is so */
		confirm(c, s->confirmed);
		return true;
	case OFTP_STATUS:
		c->hold = c->msg.log_status != OFTP_GO;
		return true;
	case OFTP_KEEPALIVE_ANSWER:
		return true;
	case OFTP_BYE:
	case OFTP_ERROR:
		set_reason(c, h->type == OFTP_BYE ? c->msg.reason : c->msg.status_text);
		return false;
	case OFTP_LOGIN_REQUEST:
	case OFTP_LOGIN_REQUEST_LEGACY:
	case OFTP_AUTH_CHALLENGE:
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
		size_t n = IN_MAX - c->in_len < len ? IN_MAX - c->in_len : len;
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

void client_connected(struct client *c, uint64_t now)
{
	struct oftp_msg m = {.type = OFTP_LOGIN_REQUEST,
		.tag = 1,
		.has = HAS(SERIAL) | HAS(FEATURES) | HAS(RELIABLE) | HAS(STREAM),
		.reliable = 1,
		.n_streams = 1};

	assert(c->state == CLIENT_CONNECTING);
	c->in_len = c->out_len = c->out_at = 0;
	m.serial = (struct text){c->cfg.serial, (uint32_t)strlen(c->cfg.serial)};
	m.stream[0] = (struct oftp_stream){
		.conn_id = c->cfg.conn_id, .epoch = c->epoch, .confirmed = c->confirmed};
	if (c->confirmed)
		memcpy(m.stream[0].digest, digest_of(c, c->confirmed), OFTP_DIGEST);
	say(c, &m, now);
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

uint64_t client_deadline(const struct client *c)
{
	uint64_t silent = c->heard_us + SILENCE * c->cfg.keepalive_us;
	uint64_t quiet = c->spoke_us + c->cfg.keepalive_us;

	if (c->state < CLIENT_PENDING)
		return c->at_us;
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
	if (OUT_MAX - c->out_len >= OFTP_HEADER)
		say(c, &m, now);
	return CLIENT_NOTHING;
}

void client_stats(const struct client *c, struct client_stats *st)
{
	*st = (struct client_stats){
		.state = c->state,
		.memory = c->q.memory,
		.confirm = c->q.confirm,
		.added = c->added,
		.dropped = c->dropped,
		.confirmed_logs = c->confirmed_logs,
		.confirmed = c->confirmed,
		.epoch = c->epoch,
		.epochs = c->epochs,
		.hold = c->hold,
	};
	memcpy(st->reason, c->reason, sizeof(st->reason));
}
