/* The notation of a drill: text to segment, segment to text, and what was expected. */
#include "drill.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/bytes.h"

/* Text to segment */

struct text {
	const char *p;
	const char *file;
	int line;
	const char *all;
};

static void bad(const struct text *t)
{
	print_error("%s:%d: cannot read \"%s\" at \"%s\"\n", t->file, t->line, t->all, t->p);
	fail();
}

static void blanks(struct text *t)
{
	while (*t->p == ' ' || *t->p == ',')
		t->p++;
}

static bool word(struct text *t, const char *w)
{
	size_t n = strlen(w);

	blanks(t);
	if (strncmp(t->p, w, n) != 0)
		return false;
	t->p += n;
	return true;
}

static uint32_t number(struct text *t)
{
	char *end;
	long long v;

	blanks(t);
	v = strtoll(t->p, &end, 10);
	if (end == t->p)
		bad(t);
	t->p = end;
	return (uint32_t)v;
}

static void must(struct text *t, const char *w)
{
	if (!word(t, w))
		bad(t);
}

static uint8_t *read_option(struct drill *d, struct text *t, uint8_t *o)
{
	if (word(t, "mss")) {
		uint32_t mss = number(t);

		*o++ = 2;
		*o++ = 4;
		store_be16(o, (uint16_t)mss);
		return o + 2;
	}
	if (word(t, "sackOK")) {
		*o++ = 4;
		*o++ = 2;
		return o;
	}
	if (word(t, "nop")) {
		*o++ = 1;
		return o;
	}
	if (word(t, "wscale")) {
		*o++ = 3;
		*o++ = 3;
		*o++ = (uint8_t)number(t);
		return o;
	}
	if (word(t, "TS")) {
		must(t, "val");
		*o++ = 8;
		*o++ = 10;
		store_be32(o, number(t));
		must(t, "ecr");
		store_be32(o + 4, number(t) + d->our_ts);
		return o + 8;
	}
	if (word(t, "sack")) {
		uint8_t *len = o + 1;

		*o = 5;
		o += 2;
		blanks(t);
		while (*t->p >= '0' && *t->p <= '9') {
			store_be32(o, number(t) + d->our_isn);
			must(t, ":");
			store_be32(o + 4, number(t) + d->our_isn);
			o += 8;
			while (*t->p == ' ')
				t->p++;
		}
		*len = (uint8_t)(o - len + 1);
		return o;
	}
	if (word(t, "raw")) { /* any bytes: raw 254 1 */
		blanks(t);
		while (*t->p >= '0' && *t->p <= '9') {
			*o++ = (uint8_t)number(t);
			while (*t->p == ' ')
				t->p++;
		}
		return o;
	}
	bad(t);
	return o;
}

static uint8_t read_flags(struct text *t)
{
	uint8_t flags = 0;

	for (; *t->p && *t->p != ' '; t->p++) {
		switch (*t->p) {
		case 'S':
			flags |= TCP_SYN;
			break;
		case 'F':
			flags |= TCP_FIN;
			break;
		case 'R':
			flags |= TCP_RST;
			break;
		case 'P':
			flags |= TCP_PSH;
			break;
		case 'U':
			flags |= TCP_URG;
			break;
		case '.':
			flags |= TCP_ACK;
			break;
		case '-':
			break; /* none at all */
		default:
			bad(t);
		}
	}
	return flags;
}

void drill_in(struct drill *d, bool end_round, const char *file, int line, const char *fmt, ...)
{
	char text[512];
	struct text t = {text, file, line, text};
	struct drill_buf *b = calloc(1, sizeof(*b));
	uint8_t *h = b->bytes;
	uint8_t *o = h + 20;
	uint32_t seq, end, len, ack = 0, win = 65535;
	struct tcp_rx rx;
	uint8_t flags;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	assert_non_null(b);
	flags = read_flags(&t);
	seq = number(&t);
	must(&t, ":");
	end = number(&t);
	must(&t, "(");
	len = number(&t);
	must(&t, ")");
	if (end - seq != len)
		bad(&t);
	if (word(&t, "ack"))
		ack = number(&t) + d->our_isn;
	if (word(&t, "win"))
		win = number(&t);
	if (word(&t, "<")) {
		while (!word(&t, ">"))
			o = read_option(d, &t, o);
		while ((o - h) % 4)
			*o++ = 0;
	}
	blanks(&t);
	if (*t.p)
		bad(&t);
	store_be16(h, d->flow.src_port);
	store_be16(h + 2, d->flow.dst_port);
	store_be32(h + 4, seq + d->peer_isn);
	store_be32(h + 8, ack);
	h[12] = (uint8_t)((o - h) / 4 << 4);
	h[13] = flags;
	store_be16(h + 14, (uint16_t)win);
	store_be32(h + 16, 0);
	for (uint32_t i = 0; i < len; i++)
		*o++ = d->fill ? d->fill : drill_pattern(seq + i - !(flags & TCP_SYN));
	rx = (struct tcp_rx){d->flow, h, (uint32_t)(o - h), b, d->buf_size, false};
	d->bufs_out++;
	d->verdict = tcp_input(d->s, &rx, d->now);
	if (end_round)
		flush(d);
}

/* Segment to text */

static int write_option(const struct drill *d, const uint8_t *o, bool with_ts, char *p, size_t n)
{
	switch (o[0]) {
	case 2:
		return snprintf(p, n, "mss %u,", load_be16(o + 2));
	case 3:
		return snprintf(p, n, "wscale %u,", o[2]);
	case 4:
		return snprintf(p, n, "sackOK,");
	case 8:
		if (!with_ts)
			return 0;
		return snprintf(
			p, n, "TS val %u ecr %u,", load_be32(o + 2) - d->our_ts, load_be32(o + 6));
	case 5: {
		int w = snprintf(p, n, "sack");

		for (int i = 2; i < o[1]; i += 8)
			w += snprintf(p + w, n - (size_t)w, " %u:%u",
				load_be32(o + i) - d->peer_isn, load_be32(o + i + 4) - d->peer_isn);
		return w + snprintf(p + w, n - (size_t)w, ",");
	}
	default:
		return snprintf(p, n, "option %u,", o[0]);
	}
}

static void segment_text(
	const struct drill *d, const struct drill_seg *g, const char *like, char *text, size_t n)
{
	const uint8_t *h = g->tx.hdr;
	uint32_t seq = load_be32(h + 4) - d->our_isn;
	char opts[256] = "";
	int at = 0;
	int w = 0;

	for (unsigned i = 0; i < 6; i++) {
		static const uint8_t bits[6] = {
			TCP_SYN, TCP_FIN, TCP_RST, TCP_PSH, TCP_URG, TCP_ACK};

		if (h[13] & bits[i])
			text[w++] = "SFRPU."[i];
	}
	w += snprintf(text + w, n - (size_t)w, " %u:%u(%u)", seq, seq + g->tx.payload_len,
		g->tx.payload_len);
	if (h[13] & TCP_ACK)
		w += snprintf(text + w, n - (size_t)w, " ack %u", load_be32(h + 8) - d->peer_isn);
	if (strstr(like, "win"))
		w += snprintf(text + w, n - (size_t)w, " win %u", load_be16(h + 14));
	for (const uint8_t *o = h + 20; o < h + g->tx.hdr_len; o += *o == 1 ? 1 : o[1]) {
		if (*o == 0)
			break;
		if (*o != 1)
			at += write_option(
				d, o, strstr(like, "TS"), opts + at, sizeof(opts) - (size_t)at);
	}
	if (at > 0) {
		opts[at - 1] = '\0';
		snprintf(text + w, n - (size_t)w, " <%s>", opts);
	}
}

static void check_payload(const struct drill *d, const struct drill_seg *g)
{
	uint32_t seq = load_be32(g->tx.hdr + 4) - d->our_isn;

	for (uint32_t i = 0; i < g->tx.payload_len; i++)
		assert_int_equal(g->tx.payload[i], drill_pattern(seq - 1 + i));
}

void drill_out(struct drill *d, uint64_t at, const char *file, int line, const char *fmt, ...)
{
	const struct drill_seg *g;
	char text[512], want[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(want, sizeof(want), fmt, ap);
	va_end(ap);
	if (d->seg_next >= d->seg_count) {
		print_error("%s:%d: nothing was sent, expected \"%s\"\n", file, line, want);
		fail();
	}
	g = &d->seg[d->seg_next++];
	if (g->tx.hdr[13] & TCP_SYN) {
		const uint8_t *o = g->tx.hdr + 20;

		d->our_isn = load_be32(g->tx.hdr + 4);
		for (; o < g->tx.hdr + g->tx.hdr_len; o += *o == 1 ? 1 : o[1])
			if (*o == 8)
				d->our_ts = load_be32(o + 2);
	}
	segment_text(d, g, want, text, sizeof(text));
	if (strcmp(text, want) != 0) {
		print_error("%s:%d: expected \"%s\"\n    but sent was \"%s\"\n", file, line, want,
			text);
		fail();
	}
	if (at == UINT64_MAX)
		at = d->now - d->start;
	if (g->at - d->start != at) {
		print_error("%s:%d: \"%s\" was sent at %llu us, not at %llu\n", file, line, want,
			(unsigned long long)(g->at - d->start), (unsigned long long)at);
		fail();
	}
	check_payload(d, g);
}

void drill_none(struct drill *d, const char *file, int line)
{
	char text[512];

	if (d->seg_next == d->seg_count) {
		d->seg_next = d->seg_count = 0;
		return;
	}
	segment_text(d, &d->seg[d->seg_next], "win TS", text, sizeof(text));
	print_error("%s:%d: sent and not expected: \"%s\"\n", file, line, text);
	fail();
}

void drill_events(struct drill *d, const char *file, int line, const char *want)
{
	if (strcmp(d->events, want) != 0) {
		print_error("%s:%d: events \"%s\", expected \"%s\"\n", file, line, d->events, want);
		fail();
	}
	d->events[0] = '\0';
	memset(d->events, 0, sizeof(d->events));
}
