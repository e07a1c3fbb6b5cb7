/*
 * Bytes that grow, for what is written once a segment (checkpoints, indexes): a failed allocation
 * sticks, so that the writer asks once at its end.
 */
#ifndef SLUICE_JOURNAL_BYTES_BUF_H
#define SLUICE_JOURNAL_BYTES_BUF_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct bytes_buf {
	uint8_t *data;
	size_t len, cap;
	bool failed;
};

/* Room for `n` more bytes, counted as used; NULL once memory was out. */
static inline uint8_t *bytes_buf_room(struct bytes_buf *b, size_t n)
{
	uint8_t *at;

	if ((!b->data || b->cap - b->len < n) && !b->failed) {
		size_t cap = (b->cap ? b->cap : 4096) + b->cap / 2 + n;
		uint8_t *data = realloc(b->data, cap);

		if (data) {
			b->data = data;
			b->cap = cap;
		} else {
			b->failed = true;
		}
	}
	if (b->failed)
		return NULL;
	at = b->data + b->len;
	b->len += n;
	return at;
}

static inline void bytes_buf_add(struct bytes_buf *b, const void *data, size_t n)
{
	uint8_t *at = bytes_buf_room(b, n);

	if (at && n)
		memcpy(at, data, n);
}

static inline void bytes_buf_u8(struct bytes_buf *b, uint8_t v)
{
	bytes_buf_add(b, &v, 1);
}

static inline void bytes_buf_varint(struct bytes_buf *b, uint64_t v)
{
	uint8_t tmp[10];
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		tmp[n++] = (uint8_t)(v | 0x80);
	tmp[n++] = (uint8_t)v;
	bytes_buf_add(b, tmp, n);
}

static inline void bytes_buf_free(struct bytes_buf *b)
{
	free(b->data);
	*b = (struct bytes_buf){NULL, 0, 0, false};
}

#endif
