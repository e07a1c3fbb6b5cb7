/* What the client says. */
#include <assert.h>
#include <string.h>

#include <lz4.h>

#include "dataplane/client/client_priv.h"

#define LZ4_WORTH 256u /* bytes; below, compression costs more than it saves */
#define ITEM_HAS                                                                                   \
	(HAS(CONN_ID) | HAS(EPOCH) | HAS(SEQ_NO) | HAS(LOG_TYPE) | HAS(CATEGORY) |                 \
		HAS(LOG_COUNT) | HAS(CODEC) | HAS(RAW_LEN) | HAS(LENGTHS) | HAS(PAYLOAD))

void say(struct client *c, struct oftp_msg *m, uint64_t now)
{
	size_t n;

	m->version = OFTP_VERSION;
	n = oftp_encode(m, c->out + c->out_len, CLIENT_OUT_MAX - c->out_len);
	assert(n > 0);
	c->out_len += n;
	c->spoke_us = now;
}

static void put_text(struct oftp_msg *m, enum oftp_option o, struct text *to, const char *word)
{
	if (!word || !word[0])
		return;
	*to = (struct text){word, (uint32_t)strlen(word)};
	m->has |= 1u << o;
}

void say_login(struct client *c, uint64_t now)
{
	struct oftp_msg m = {.type = OFTP_LOGIN_REQUEST,
		.tag = 1,
		.has = HAS(FEATURES) | HAS(RELIABLE) | HAS(STREAM),
		.features = c->cfg.lz4 ? OFTP_FEATURE_LZ4 : 0,
		.reliable = !c->cfg.unreliable,
		.n_streams = 1};
	uint8_t first[CLIENT_SASL_MAX];

	c->sasl = SASL_NONE;
	if (c->cfg.sasl) {
		m.type = OFTP_LOGIN_REQUEST_LEGACY;
		m.has |= HAS(SASL);
		m.sasl.at = first;
		m.sasl.len = (uint32_t)c->cfg.sasl->first(c->cfg.sasl->ctx, first, sizeof(first));
		c->sasl = SASL_BEGUN;
	}
	put_text(&m, OFTP_O_SERIAL, &m.serial, c->cfg.serial);
	put_text(&m, OFTP_O_HOSTNAME, &m.hostname, c->cfg.hostname);
	put_text(&m, OFTP_O_FIRMWARE, &m.firmware, c->cfg.firmware);
	put_text(&m, OFTP_O_TIMEZONE, &m.timezone, c->cfg.timezone);
	put_text(&m, OFTP_O_PRESHARED_KEY, &m.preshared_key, c->cfg.preshared_key);
	m.stream[0] = (struct oftp_stream){
		.conn_id = c->cfg.conn_id, .epoch = c->p->epoch, .confirmed = c->p->confirmed};
	if (c->p->confirmed)
		memcpy(m.stream[0].digest, place_digest(c, c->p, c->p->confirmed), OFTP_DIGEST);
	if (c->cfg.visit || c->cfg.unreliable) {
		m.has &= ~HAS(STREAM);
		m.n_streams = 0;
	}
	say(c, &m, now);
}

/* As a block of LZ4, if that is less. */
static struct oftp_bytes payload(struct client *c, const struct queue_item *i, uint8_t *codec)
{
	int n = 0;

	if (c->lz4 && i->raw_len >= LZ4_WORTH)
		n = LZ4_compress_default((const char *)queue_logs(i), (char *)c->packed,
			(int)i->raw_len, (int)i->raw_len - 1);
	*codec = n > 0 ? OFTP_LZ4 : OFTP_RAW;
	return n > 0 ? (struct oftp_bytes){c->packed, (uint32_t)n}
		     : (struct oftp_bytes){queue_logs(i), i->raw_len};
}

static void say_item(struct client *c, struct queue_item *i, uint64_t now)
{
	struct oftp_msg m = {.type = OFTP_LOG_DATA, .has = ITEM_HAS};

	if (i->place >= c->p->numbered)
		place_number(c, i);
	queue_sent(&c->q, i);
	pace_spend(&c->pace, i->raw_len);
	m.conn_id = c->cfg.conn_id;
	m.epoch = c->p->epoch;
	m.seq_no = place_seq(c->p, i->place);
	m.log_type = i->type;
	m.category = i->category;
	m.log_count = i->count;
	m.raw_len = i->raw_len;
	m.lengths = (struct oftp_bytes){queue_lengths(i), 4u * i->count};
	m.payload = payload(c, i, &m.codec);
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
	return i->place < c->p->numbered || c->q.confirm.items < c->cfg.window - 1;
}

struct queue_item *next_to_go(struct client *c, uint64_t now)
{
	struct queue_item *i = queue_at(&c->q, &c->q.next);

	if (c->state != CLIENT_OPEN || c->hold || !i || !window_open(c, i))
		return NULL;
	return pace_open(&c->pace, i->place, c->q.tail_place, now) ? i : NULL;
}

uint64_t go_deadline(const struct client *c)
{
	uint64_t at = c->q.next;
	const struct queue_item *i = queue_at(&c->q, &at);
	uint64_t when;

	if (c->state != CLIENT_OPEN || c->hold || !i || !window_open(c, i))
		return UINT64_MAX;
	when = pace_deadline(&c->pace, i->place);
	return when ? when : UINT64_MAX;
}

const uint8_t *client_output(struct client *c, size_t *len, uint64_t now)
{
	struct queue_item *i;

	if (c->out_at == c->out_len)
		c->out_at = c->out_len = 0;
	while (!c->cfg.unreliable && !c->cfg.visit &&
		CLIENT_OUT_MAX - c->out_len >= OFTP_HEADER + OFTP_BODY_MAX &&
		(i = next_to_go(c, now)) != NULL)
		say_item(c, i, now);
	*len = c->out_len - c->out_at;
	return c->out + c->out_at;
}

void client_sent(struct client *c, size_t n)
{
	assert(n <= c->out_len - c->out_at);
	c->out_at += n;
}
