/*
 * Gives a stream to a framer as a network would: in pieces, scattered over spans. For the tests and
 * the fuzz target. What comes out goes onto a tape, so that two runs are compared by memcmp().
 */
#ifndef SLUICE_TEST_DELIVER_H
#define SLUICE_TEST_DELIVER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/framing/framing.h"

/* The logs of a run: flags, length, bytes of each, one after the other. */
struct tape {
	uint8_t *buf;
	size_t len, room;
	unsigned logs;
	bool broken;
	size_t consumed;
};

static inline void tape_free(struct tape *t)
{
	free(t->buf);
	*t = (struct tape){0};
}

static inline void tape_add(struct tape *t, uint8_t flags, const uint8_t *log, uint32_t len)
{
	size_t need = t->len + 1 + sizeof(len) + len;

	if (need > t->room) {
		t->room = need * 2;
		t->buf = realloc(t->buf, t->room);
		if (!t->buf)
			abort();
	}
	t->buf[t->len] = flags;
	memcpy(t->buf + t->len + 1, &len, sizeof(len));
	if (len)
		memcpy(t->buf + t->len + 1 + sizeof(len), log, len);
	t->len = need;
	t->logs++;
}

static inline bool tape_equal(const struct tape *a, const struct tape *b)
{
	return a->logs == b->logs && a->broken == b->broken && a->len == b->len &&
	       (a->len == 0 || memcmp(a->buf, b->buf, a->len) == 0);
}

/* xorshift64*: replays from its seed. */
static inline uint32_t random_below(uint64_t *seed, uint32_t n)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return (uint32_t)((*seed * 0x2545f4914f6cdd1dULL) >> 33) % n;
}

#define DELIVER_SPANS 64

/*
 * The bytes [from, to) of the stream as spans, some of them empty. Their bytes are copied into
 * memory of exactly their length, so that ASan sees each step too far.
 */
struct scattered {
	struct framing_span v[DELIVER_SPANS];
	uint8_t *mem[DELIVER_SPANS];
	unsigned n;
};

static inline void scatter(struct scattered *s, const uint8_t *p, size_t len, uint64_t *seed)
{
	s->n = 0;
	while (len > 0) {
		size_t n = random_below(seed, 4) == 0 ? 0 : 1 + random_below(seed, (uint32_t)len);

		if (s->n == DELIVER_SPANS - 1)
			n = len;
		s->mem[s->n] = malloc(n ? n : 1);
		if (!s->mem[s->n])
			abort();
		memcpy(s->mem[s->n], p, n);
		s->v[s->n] = (struct framing_span){s->mem[s->n], (uint32_t)n};
		s->n++;
		p += n;
		len -= n;
	}
}

static inline void scattered_free(struct scattered *s)
{
	for (unsigned i = 0; i < s->n; i++)
		free(s->mem[i]);
	s->n = 0;
}

/*
 * Runs the stream through a framer up to its end and the peer's FIN. `seed` 0: all at once, in one
 * span; else in random pieces, spans and with spans that begin anywhere up to framer_resume().
 * Aborts where the framer breaks its contract (no progress, more consumed than there is).
 */
static inline struct tape deliver(
	enum stream_kind kind, uint32_t max_len, const uint8_t *stream, size_t len, uint64_t seed)
{
	struct tape t = {0};
	struct framer f;
	size_t there = seed ? 0 : len;

	framer_init(&f, kind, max_len);
	for (;;) {
		struct framing_span whole = {stream + t.consumed, (uint32_t)(there - t.consumed)};
		struct scattered s = {.n = 0};
		struct frame out = {0};
		bool eof = there == len && (!seed || random_below(&seed, 2));
		enum frame_result r;

		if (seed) {
			uint32_t base = framer_resume(&f);

			base = random_below(&seed, 2) ? base : random_below(&seed, base + 1);
			scatter(&s, whole.data + base, whole.len - base, &seed);
			r = framer_next_from(&f, base, s.v, s.n, eof, &out);
		} else {
			r = framer_next(&f, &whole, 1, eof, &out);
		}
		scattered_free(&s);
		if (framer_resume(&f) > whole.len)
			abort();
		switch (r) {
		case FRAME_MORE:
			if (eof) {
				if (whole.len != 0)
					abort();
				return t;
			}
			if (there < len)
				there += 1 + random_below(&seed, (uint32_t)(len - there));
			break;
		case FRAME_LOG:
			if (out.len == 0 || out.len > max_len || out.skip + out.len > out.total)
				abort();
			tape_add(&t, out.flags, whole.data + out.skip, out.len);
			__attribute__((fallthrough));
		case FRAME_SKIP:
			if (out.total == 0 || out.total > whole.len)
				abort();
			t.consumed += out.total;
			break;
		case FRAME_BROKEN:
			t.broken = true;
			return t;
		}
	}
}

#endif
