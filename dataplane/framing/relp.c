#include "dataplane/framing/relp.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/framing/view.h"

#define DIGITS_MAX  9u
#define COMMAND_MAX 32u
/* TXNR SP COMMAND SP DATALEN and the byte behind, SP or LF. */
#define HEADER_MAX (DIGITS_MAX + 1 + COMMAND_MAX + 1 + DIGITS_MAX + 1)

enum state {
	FIRST,	 /* `open` must come */
	BETWEEN, /* two frames */
	REST,	 /* in a frame whose data is no log, or behind the kept part of one */
	LAST,	 /* as REST, and the session ends with this frame */
	CLOSED,
	BROKEN,
};

enum answer { OPENED, OPENED_1, NO_VERSION, NO_SYSLOG, UNSUPPORTED, CLOSING };

struct header {
	uint32_t txnr, data_len, len; /* len: up to the data, or to the LF where there is none */
	uint8_t command_at, command_len;
};

void relp_init(struct relp *r, uint32_t max_len)
{
	assert(max_len >= 1 && max_len <= FRAMER_MAX_LEN);
	*r = (struct relp){.max_len = max_len, .state = FIRST};
}

/* ---- what comes ---- */

/* NUMBER = 1*9DIGIT; returns what is behind it, 0 where it is none. `len`: bytes that are there. */
static uint32_t number(const uint8_t *p, uint32_t at, uint32_t len, uint32_t *value)
{
	uint32_t from = at;

	for (*value = 0; at < len && p[at] >= '0' && p[at] <= '9'; at++) {
		if (at - from == DIGITS_MAX)
			return 0;
		*value = *value * 10 + (uint32_t)(p[at] - '0');
	}
	return at > from || at == len ? at : 0;
}

static bool letter(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* RELP_LOG: there it is. RELP_MORE, RELP_BROKEN. */
static enum relp_result parse_header(const uint8_t *p, uint32_t len, struct header *h)
{
	uint32_t at = number(p, 0, len, &h->txnr);
	uint32_t command;

	if (at == len)
		return RELP_MORE;
	if (at == 0 || p[at] != ' ')
		return RELP_BROKEN;
	command = ++at;
	while (at < len && letter(p[at]) && at - command <= COMMAND_MAX)
		at++;
	if (at - command > COMMAND_MAX)
		return RELP_BROKEN;
	if (at == len)
		return RELP_MORE;
	if (at == command || p[at] != ' ')
		return RELP_BROKEN;
	h->command_at = (uint8_t)command;
	h->command_len = (uint8_t)(at - command);
	at = number(p, at + 1, len, &h->data_len);
	if (at == len)
		return RELP_MORE;
	if (at == 0 || p[at] != (h->data_len ? ' ' : '\n'))
		return RELP_BROKEN;
	h->len = h->data_len ? at + 1 : at;
	return RELP_LOG;
}

/* The bytes [off, off + len) of the stream, which are there. */
static void gather(const struct view *s, uint32_t off, uint8_t *to, uint32_t len)
{
	for (unsigned i = 0; i < s->n && len > 0; i++) {
		uint32_t n;

		if (off >= s->v[i].len) {
			off -= s->v[i].len;
			continue;
		}
		n = min_u32(s->v[i].len - off, len);
		memcpy(to, s->v[i].data + off, n);
		to += n;
		len -= n;
		off = 0;
	}
}

static bool is(const uint8_t *p, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(p, word, len) == 0;
}

/* The next piece of *p up to `end` or `delimiter`, which is stepped over. */
static size_t piece(const uint8_t **p, const uint8_t *end, uint8_t delimiter)
{
	const uint8_t *to = memchr(*p, delimiter, (size_t)(end - *p));
	size_t len = (size_t)((to ? to : end) - *p);

	*p += len + (to != NULL);
	return len;
}

/* What the client offers: lines NAME[=VALUE[,VALUE]...]. */
static enum answer judge_offers(const uint8_t *p, size_t len)
{
	const uint8_t *end = p + len;
	bool version = false, syslog = false;
	uint32_t n = 0;

	while (p < end) {
		const uint8_t *name = p, *v = p;
		const uint8_t *line_end = name + piece(&p, end, '\n');
		size_t name_len = piece(&v, line_end, '=');

		if (is(name, name_len, "relp_version")) {
			uint32_t value_len = min_u32((uint32_t)(line_end - v), DIGITS_MAX);

			version = value_len > 0 && number(v, 0, value_len, &n) == value_len &&
				  v + value_len == line_end;
		} else if (is(name, name_len, "commands")) {
			while (v < line_end) {
				const uint8_t *word = v;

				syslog |= is(word, piece(&v, line_end, ','), "syslog");
			}
		}
	}
	if (!version || !syslog)
		return version ? NO_SYSLOG : NO_VERSION;
	/* The older of both sides' versions; 0 is what librelp speaks, the frames are the same. */
	return n == 0 ? OPENED : OPENED_1;
}

static enum relp_result broken(struct relp *r)
{
	r->state = BROKEN;
	return RELP_BROKEN;
}

/* A frame without a log: its data and LF are skipped. */
static enum relp_result begin_rest(
	struct relp *r, const struct header *h, enum state rest, struct frame *out)
{
	out->total = h->len;
	r->discard = h->data_len;
	r->state = (uint8_t)rest;
	return RELP_SKIP;
}

/* A transaction whose answer is a word of its own; one of them at a time. */
static enum relp_result take_special(struct relp *r, const struct header *h, enum answer answer,
	enum state rest, struct frame *out)
{
	r->special = ++r->taken;
	r->answer = (uint8_t)answer;
	return begin_rest(r, h, rest, out);
}

static enum relp_result take_open(
	struct relp *r, const struct view *s, const struct header *h, struct frame *out)
{
	uint8_t offers[RELP_OFFERS_MAX];
	enum answer answer;

	if (r->state != FIRST || h->data_len > sizeof(offers))
		return broken(r);
	if (view_up_to(s, h->len + h->data_len) < h->len + h->data_len)
		return RELP_MORE;
	gather(s, h->len, offers, h->data_len);
	answer = judge_offers(offers, h->data_len);
	return take_special(
		r, h, answer, answer == OPENED || answer == OPENED_1 ? REST : LAST, out);
}

static enum relp_result take_log(
	struct relp *r, const struct view *s, const struct header *h, struct frame *out)
{
	/* Up to two bytes too many may turn out to be a trailer. */
	bool too_long = h->data_len > r->max_len + 2;
	uint32_t want = h->len + (too_long ? r->max_len : h->data_len + 1);

	if (view_up_to(s, want) < want)
		return RELP_MORE;
	*out = (struct frame){.skip = h->len, .len = r->max_len, .total = want};
	if (too_long) {
		out->flags = LOG_FLAG_CUT;
		r->discard = h->data_len - r->max_len;
		r->state = REST;
	} else {
		if (view_byte(s, want - 1) != '\n')
			return broken(r);
		out->len = h->data_len;
		if (out->len)
			out->flags = view_trailer(s, want - 1, &out->len);
		if (out->len > r->max_len) {
			out->len = r->max_len;
			out->flags = LOG_FLAG_CUT;
		}
		r->state = BETWEEN;
	}
	r->taken++;
	if (out->len == 0)
		return RELP_SKIP;
	r->last_log = r->taken;
	return RELP_LOG;
}

static uint32_t txnr_of(uint64_t ordinal)
{
	return (uint32_t)((ordinal - 1) % RELP_TXNR_MAX) + 1;
}

static enum relp_result begin_frame(struct relp *r, const struct view *s, struct frame *out)
{
	uint8_t buf[HEADER_MAX];
	const uint8_t *p = s->v[0].data;
	uint32_t len = s->v[0].len;
	const uint8_t *command;
	enum relp_result rc;
	struct header h;

	if (len < HEADER_MAX) {
		len = view_up_to(s, HEADER_MAX);
		gather(s, 0, buf, len);
		p = buf;
	}
	rc = parse_header(p, min_u32(len, HEADER_MAX), &h);
	if (rc != RELP_LOG)
		return rc == RELP_BROKEN ? broken(r) : rc;
	command = p + h.command_at;
	if (h.txnr == 0 && r->state != FIRST) {
		r->hint = true;
		return begin_rest(r, &h, REST, out);
	}
	if (h.txnr != txnr_of(r->taken + 1))
		return broken(r);
	r->hint = false;
	if (is(command, h.command_len, "open"))
		return take_open(r, s, &h, out);
	if (r->state == FIRST || is(command, h.command_len, "rsp"))
		return broken(r);
	if (is(command, h.command_len, "syslog"))
		return take_log(r, s, &h, out);
	if (r->special)
		return RELP_WAIT;
	if (is(command, h.command_len, "close"))
		return take_special(r, &h, CLOSING, LAST, out);
	return take_special(r, &h, UNSUPPORTED, REST, out);
}

static enum relp_result end_frame(struct relp *r, const struct view *s, struct frame *out)
{
	uint32_t n = view_up_to(s, r->discard);
	int c;

	out->total = n;
	r->discard -= n;
	if (r->discard)
		return n ? RELP_SKIP : RELP_MORE;
	c = view_byte(s, n);
	if (c < 0)
		return n ? RELP_SKIP : RELP_MORE;
	if (c != '\n')
		return broken(r);
	out->total = n + 1;
	r->state = r->state == LAST ? CLOSED : BETWEEN;
	return RELP_SKIP;
}

enum relp_result relp_next(
	struct relp *r, const struct framing_span *v, unsigned n, struct frame *out)
{
	const struct view s = {.v = v, .n = n};

	*out = (struct frame){0};
	switch ((enum state)r->state) {
	case FIRST:
	case BETWEEN:
		if (relp_owed(r) >= RELP_WINDOW)
			return RELP_WAIT;
		return n ? begin_frame(r, &s, out) : RELP_MORE;
	case REST:
	case LAST:
		return end_frame(r, &s, out);
	case CLOSED:
		return RELP_CLOSED;
	case BROKEN:
		break;
	}
	return RELP_BROKEN;
}

/* ---- what is answered ---- */

void relp_durable(struct relp *r, uint64_t ordinal)
{
	assert(ordinal <= r->last_log);
	if (ordinal > r->durable)
		r->durable = ordinal;
}

/* Transactions that have come to their end. */
static uint64_t whole(const struct relp *r)
{
	return r->taken - ((r->state == REST || r->state == LAST) && !r->hint);
}

bool relp_answerable(const struct relp *r)
{
	return r->answered < whole(r);
}

/* Transactions up to this one may be answered. */
static uint64_t due_upto(const struct relp *r)
{
	uint64_t upto = whole(r);

	return relp_waits(r) && r->durable < upto ? r->durable : upto;
}

bool relp_due(const struct relp *r)
{
	return r->answered < due_upto(r) || r->goodbye;
}

/* Not NUL-terminated; returns its length. */
static size_t put_text(char *to, const char *text)
{
	size_t n = 0;

	for (; text[n]; n++)
		to[n] = text[n];
	return n;
}

static size_t render(const struct relp *r, uint64_t ordinal, char *to)
{
	static const char *const text[] = {
		[OPENED] = "200 OK\nrelp_version=0\nrelp_software=sluice\ncommands=syslog",
		[OPENED_1] = "200 OK\nrelp_version=1\nrelp_software=sluice\ncommands=syslog",
		[NO_VERSION] = "500 relp_version is not among the offers",
		[NO_SYSLOG] = "500 the command syslog is not among the offers",
		[UNSUPPORTED] = "500 unsupported command",
		[CLOSING] = "200 OK",
	};
	uint32_t txnr = txnr_of(ordinal);
	char digits[DIGITS_MAX];
	size_t n = 0, len = 0;

	if (ordinal == r->special) {
		const char *data = text[r->answer];

		return (size_t)snprintf(
			to, RELP_ANSWER_MAX, "%u rsp %zu %s\n", txnr, strlen(data), data);
	}
	for (; txnr; txnr /= 10)
		digits[n++] = (char)('0' + txnr % 10);
	while (n > 0)
		to[len++] = digits[--n];
	return len + put_text(to + len, " rsp 6 200 OK\n");
}

/*
 * The answer behind `answered`, whose first `part` bytes are gone already; returns its length, 0
 * where none is due. *hint: it is `serverclose`.
 */
static size_t next_answer(const struct relp *r, uint64_t answered, char *to, bool *hint)
{
	*hint = answered >= due_upto(r);
	if (!*hint)
		return render(r, answered + 1, to);
	return r->goodbye ? put_text(to, "0 serverclose 0\n") : 0;
}

size_t relp_answers(const struct relp *r, uint8_t *to, size_t max)
{
	uint64_t answered = r->answered;
	uint32_t part = r->part;
	size_t len = 0;
	bool hint = false;

	while (len < max && !hint) {
		char text[RELP_ANSWER_MAX];
		size_t n = next_answer(r, answered, text, &hint);

		if (n == 0)
			break;
		n -= part;
		if (n > max - len)
			n = max - len;
		memcpy(to + len, text + part, n);
		len += n;
		part = 0;
		answered++;
	}
	return len;
}

void relp_sent(struct relp *r, size_t n)
{
	while (n > 0) {
		char text[RELP_ANSWER_MAX];
		bool hint;
		size_t len = next_answer(r, r->answered, text, &hint);

		assert(len > r->part);
		if (n < len - r->part) {
			r->part += (uint32_t)n;
			return;
		}
		n -= len - r->part;
		r->part = 0;
		if (hint) {
			r->goodbye = false;
			continue;
		}
		if (++r->answered == r->special)
			r->special = 0;
	}
}

void relp_goodbye(struct relp *r)
{
	r->goodbye = true;
}
