/* Single bytes of a stream that lies in spans; shared by the framers of this room. */
#ifndef SLUICE_FRAMING_VIEW_H
#define SLUICE_FRAMING_VIEW_H

#include "dataplane/framing/framing.h"

/* The unconsumed stream from `base` on. */
struct view {
	const struct framing_span *v;
	unsigned n;
	uint32_t base;
	bool eof;
};

static inline uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* The byte at `off`, or -1 where it is not there yet. */
static inline int view_byte(const struct view *s, uint32_t off)
{
	off -= s->base;
	for (unsigned i = 0; i < s->n; i++) {
		if (off < s->v[i].len)
			return s->v[i].data[off];
		off -= s->v[i].len;
	}
	return -1;
}

/* How many bytes there are, but at most `want`. */
static inline uint32_t view_up_to(const struct view *s, uint32_t want)
{
	uint32_t have = s->base;

	for (unsigned i = 0; i < s->n && have < want; i++)
		have += min_u32(s->v[i].len, want - have);
	return min_u32(have, want);
}

/*
 * Of the `len` (at least 1) octets that end before `end`: takes one CRLF, LF or NUL at their end
 * off *len and returns its flag, 0 where there is none.
 */
static inline uint8_t view_trailer(const struct view *s, uint32_t end, uint32_t *len)
{
	int c = view_byte(s, end - 1);

	if (c == '\n' && *len >= 2 && view_byte(s, end - 2) == '\r') {
		*len -= 2;
		return LOG_FLAG_CRLF;
	}
	if (c == '\n' || c == '\0') {
		--*len;
		return c ? LOG_FLAG_LF : LOG_FLAG_NUL;
	}
	return 0;
}

#endif
