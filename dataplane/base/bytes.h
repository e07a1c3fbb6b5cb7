/*
 * A reader and a writer over bytes that cannot run past the end: every access is checked, and the
 * first failure sticks, so that a parser may read a whole structure and ask once at its end.
 */
#ifndef SLUICE_BASE_BYTES_H
#define SLUICE_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t load_be16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap16(v);
}

static inline uint32_t load_be32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap32(v);
}

static inline uint64_t load_be64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap64(v);
}

static inline void store_be16(void *p, uint16_t v)
{
	v = __builtin_bswap16(v);
	memcpy(p, &v, sizeof(v));
}

static inline void store_be32(void *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, sizeof(v));
}

static inline uint16_t load_le16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t load_le32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t load_le64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void store_le16(void *p, uint16_t v)
{
	memcpy(p, &v, sizeof(v));
}

static inline void store_le32(void *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}

static inline void store_le64(void *p, uint64_t v)
{
	memcpy(p, &v, sizeof(v));
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "loads and stores above assume it");

/* Reads from [at, end). After a failed read `failed` stays set and every read gives zero. */
struct byte_reader {
	const uint8_t *at;
	const uint8_t *end;
	bool failed;
};

static inline struct byte_reader byte_reader_init(const void *data, size_t len)
{
	return (struct byte_reader){data, (const uint8_t *)data + len, false};
}

static inline size_t byte_reader_left(const struct byte_reader *r)
{
	return r->failed ? 0 : (size_t)(r->end - r->at);
}

/* The next `n` bytes in place, or NULL where fewer are left. */
static inline const uint8_t *byte_reader_take(struct byte_reader *r, size_t n)
{
	const uint8_t *p = r->at;

	if (r->failed || (size_t)(r->end - r->at) < n) {
		r->failed = true;
		return NULL;
	}
	r->at += n;
	return p;
}

static inline uint8_t byte_reader_u8(struct byte_reader *r)
{
	const uint8_t *p = byte_reader_take(r, 1);

	return p ? *p : 0;
}

static inline uint16_t byte_reader_be16(struct byte_reader *r)
{
	const uint8_t *p = byte_reader_take(r, 2);

	return p ? load_be16(p) : 0;
}

static inline uint32_t byte_reader_be32(struct byte_reader *r)
{
	const uint8_t *p = byte_reader_take(r, 4);

	return p ? load_be32(p) : 0;
}

static inline uint16_t byte_reader_le16(struct byte_reader *r)
{
	const uint8_t *p = byte_reader_take(r, 2);

	return p ? load_le16(p) : 0;
}

static inline uint32_t byte_reader_le32(struct byte_reader *r)
{
	const uint8_t *p = byte_reader_take(r, 4);

	return p ? load_le32(p) : 0;
}

static inline uint64_t byte_reader_le64(struct byte_reader *r)
{
	const uint8_t *p = byte_reader_take(r, 8);

	return p ? load_le64(p) : 0;
}

/* Unsigned LEB128, at most 10 bytes; an overlong or overflowing one fails. */
static inline uint64_t byte_reader_varint(struct byte_reader *r)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t b = byte_reader_u8(r);

		if (r->failed)
			return 0;
		if (shift == 63 && b > 1)
			break;
		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return v;
	}
	r->failed = true;
	return 0;
}

/* Writes to [at, end); past the end nothing is written and `failed` stays set. */
struct byte_writer {
	uint8_t *at;
	uint8_t *end;
	bool failed;
};

static inline struct byte_writer byte_writer_init(void *data, size_t len)
{
	return (struct byte_writer){data, (uint8_t *)data + len, false};
}

static inline uint8_t *byte_writer_room(struct byte_writer *w, size_t n)
{
	uint8_t *p = w->at;

	if (w->failed || (size_t)(w->end - w->at) < n) {
		w->failed = true;
		return NULL;
	}
	w->at += n;
	return p;
}

static inline void byte_writer_bytes(struct byte_writer *w, const void *data, size_t n)
{
	uint8_t *p = byte_writer_room(w, n);

	if (p && n)
		memcpy(p, data, n);
}

static inline void byte_writer_u8(struct byte_writer *w, uint8_t v)
{
	byte_writer_bytes(w, &v, 1);
}

static inline void byte_writer_le16(struct byte_writer *w, uint16_t v)
{
	byte_writer_bytes(w, &v, sizeof(v));
}

static inline void byte_writer_le32(struct byte_writer *w, uint32_t v)
{
	byte_writer_bytes(w, &v, sizeof(v));
}

static inline void byte_writer_le64(struct byte_writer *w, uint64_t v)
{
	byte_writer_bytes(w, &v, sizeof(v));
}

static inline void byte_writer_varint(struct byte_writer *w, uint64_t v)
{
	while (v >= 0x80) {
		byte_writer_u8(w, (uint8_t)(v | 0x80));
		v >>= 7;
	}
	byte_writer_u8(w, (uint8_t)v);
}

#endif
