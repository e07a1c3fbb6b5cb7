#include "dataplane/framing/view.h"

#include <assert.h>
#include <string.h>

#define COUNT_DIGITS_MAX 7

enum framer_state {
	LINE_BEGIN, /* in a line, from its begin on */
	LINE_REST,  /* behind the kept part of a cut line */

	COUNT_BEGIN, /* between frames */
	COUNT_CR,    /* a CR between frames: a LF must follow */
	COUNT_DIGITS,
	COUNT_PAYLOAD,
	COUNT_REST, /* behind the kept part of a cut log */
	COUNT_BROKEN,
};

void framer_init(struct framer *f, enum stream_kind kind, uint32_t max_len)
{
	assert(kind == STREAM_LINES || kind == STREAM_COUNTED);
	assert(max_len >= 1 && max_len <= FRAMER_MAX_LEN);
	*f = (struct framer){
		.max_len = max_len,
		.kind = (uint8_t)kind,
		.state = kind == STREAM_LINES ? LINE_BEGIN : COUNT_BEGIN,
	};
}

static enum frame_result emit(
	struct framer *f, enum framer_state next, enum frame_result r, uint32_t total)
{
	f->state = (uint8_t)next;
	f->scanned = 0;
	return total ? r : FRAME_MORE;
}

static enum frame_result skip(
	struct framer *f, enum framer_state next, struct frame *out, uint32_t total)
{
	*out = (struct frame){.total = total};
	return emit(f, next, FRAME_SKIP, total);
}

/*
 * Looks for a LF between what was searched and `limit`. true: `scanned` is where it is. Either way
 * `last` is the byte before `scanned`.
 */
static bool find_lf(struct framer *f, const struct view *s, uint32_t limit)
{
	uint32_t at = s->base;

	for (unsigned i = 0; i < s->n && f->scanned < limit; at += s->v[i].len, i++) {
		const uint8_t *data = s->v[i].data;
		uint32_t from = f->scanned - at;
		uint32_t stop = min_u32(s->v[i].len, limit - at);
		const uint8_t *lf;

		if (from >= s->v[i].len)
			continue;
		lf = memchr(data + from, '\n', stop - from);
		if (lf)
			stop = (uint32_t)(lf - data);
		f->scanned = at + stop;
		if (stop > 0)
			f->last = data[stop - 1];
		if (lf)
			return true;
	}
	return false;
}

static enum frame_result next_line(struct framer *f, const struct view *s, struct frame *out)
{
	bool found;

	if (f->state == LINE_REST) {
		found = find_lf(f, s, UINT32_MAX);
		return skip(f, found ? LINE_BEGIN : LINE_REST, out, f->scanned + found);
	}

	/* The longest line that is not cut: max_len bytes and CRLF. */
	found = find_lf(f, s, f->max_len + 2);
	*out = (struct frame){.len = f->scanned, .total = f->scanned};
	if (found) {
		bool crlf = f->scanned > 0 && f->last == '\r';

		out->total++;
		out->len -= crlf;
		out->flags = crlf ? LOG_FLAG_CRLF : LOG_FLAG_LF;
	} else if (f->scanned <= f->max_len ||
		   (f->scanned == f->max_len + 1 && (f->last == '\r' || f->last == '\0'))) {
		if (!s->eof || f->scanned == 0)
			return FRAME_MORE;
		if (f->last == '\0') {
			out->len--;
			out->flags = LOG_FLAG_NUL;
		}
	}
	if (out->len > f->max_len) {
		*out = (struct frame){
			.len = f->max_len, .total = f->max_len, .flags = LOG_FLAG_CUT};
		f->state = LINE_REST;
		f->scanned -= f->max_len; /* there is no LF in these */
		return FRAME_LOG;
	}
	return emit(f, LINE_BEGIN, out->len ? FRAME_LOG : FRAME_SKIP, out->total);
}

/* Reads up to the count's space. FRAME_LOG: the payload comes next. */
static enum frame_result count_header(struct framer *f, const struct view *s, struct frame *out)
{
	while (f->state != COUNT_PAYLOAD) {
		int c = view_byte(s, f->scanned);

		if (c < 0)
			return s->eof ? skip(f, COUNT_BEGIN, out, f->scanned) : FRAME_MORE;
		if (f->state == COUNT_BEGIN && (c == '\n' || c == '\0'))
			return skip(f, COUNT_BEGIN, out, 1);
		if (f->state == COUNT_CR && c == '\n')
			return skip(f, COUNT_BEGIN, out, 2);
		f->scanned++;
		if (f->state == COUNT_BEGIN && c == '\r') {
			f->state = COUNT_CR;
		} else if (f->state == COUNT_BEGIN && c >= '1' && c <= '9') {
			f->count = (uint32_t)(c - '0');
			f->state = COUNT_DIGITS;
		} else if (f->state == COUNT_DIGITS && c >= '0' && c <= '9' &&
			   f->scanned <= COUNT_DIGITS_MAX) {
			f->count = f->count * 10 + (uint32_t)(c - '0');
		} else if (f->state == COUNT_DIGITS && c == ' ') {
			f->header = (uint8_t)f->scanned;
			f->state = COUNT_PAYLOAD;
		} else {
			f->state = COUNT_BROKEN;
			return FRAME_BROKEN;
		}
	}
	return FRAME_LOG;
}

static enum frame_result count_payload(struct framer *f, const struct view *s, struct frame *out)
{
	/* Up to two bytes too many may turn out to be a trailer. */
	bool too_long = f->count > f->max_len + 2;
	uint32_t want = f->header + (too_long ? f->max_len : f->count);
	uint32_t have = view_up_to(s, want);
	uint32_t len = have - f->header;

	assert(have >= f->header);
	if (have < want && !s->eof) {
		/* The trailer is looked at when all is there. */
		uint32_t seen = f->count > 2 ? f->header + f->count - 2 : f->header;

		f->scanned = min_u32(have, seen);
		return FRAME_MORE;
	}
	if (len == 0)
		return skip(f, COUNT_BEGIN, out, have);
	*out = (struct frame){
		.skip = f->header, .len = len, .total = have, .flags = LOG_FLAG_COUNTED};
	if (have < want)
		out->flags |= LOG_FLAG_PARTIAL;
	else if (!too_long)
		out->flags |= view_trailer(s, have, &out->len);
	if (out->len > f->max_len || (too_long && have == want)) {
		out->len = f->max_len;
		out->flags &= (uint8_t) ~(LOG_FLAG_LF | LOG_FLAG_CRLF | LOG_FLAG_NUL);
		out->flags |= LOG_FLAG_CUT;
	}
	if (too_long && have == want) {
		f->discard = f->count - f->max_len;
		return emit(f, COUNT_REST, FRAME_LOG, out->total);
	}
	return emit(f, COUNT_BEGIN, out->len ? FRAME_LOG : FRAME_SKIP, out->total);
}

static enum frame_result next_counted(struct framer *f, const struct view *s, struct frame *out)
{
	enum frame_result r;
	uint32_t gone;

	switch (f->state) {
	case COUNT_BROKEN:
		return FRAME_BROKEN;
	case COUNT_REST:
		gone = view_up_to(s, f->discard);
		f->discard -= gone;
		return skip(f, f->discard ? COUNT_REST : COUNT_BEGIN, out, gone);
	default:
		r = count_header(f, s, out);
		return r == FRAME_LOG ? count_payload(f, s, out) : r;
	}
}

enum frame_result framer_next_from(struct framer *f, uint32_t base, const struct framing_span *v,
	unsigned n, bool eof, struct frame *out)
{
	const struct view s = {.v = v, .n = n, .base = base, .eof = eof};

	assert(base <= f->scanned);
	return f->kind == STREAM_LINES ? next_line(f, &s, out) : next_counted(f, &s, out);
}

enum frame_result framer_next(
	struct framer *f, const struct framing_span *v, unsigned n, bool eof, struct frame *out)
{
	return framer_next_from(f, 0, v, n, eof, out);
}

uint8_t datagram_trim(const uint8_t *data, uint32_t *len, uint32_t max_len)
{
	uint32_t n = *len;
	uint8_t flags = 0;

	if (n >= 2 && data[n - 2] == '\r' && data[n - 1] == '\n') {
		n -= 2;
		flags = LOG_FLAG_CRLF;
	} else if (n >= 1 && data[n - 1] == '\n') {
		n--;
		flags = LOG_FLAG_LF;
	} else if (n >= 1 && data[n - 1] == '\0') {
		n--;
		flags = LOG_FLAG_NUL;
	}
	if (n > max_len) {
		n = max_len;
		flags |= LOG_FLAG_CUT;
	}
	*len = n;
	return flags;
}
