#include "dataplane/net/checksum.h"

/*
 * Four 64-bit lanes a step. Each lane adds the two 32-bit halves of what it loads into two
 * accumulators of their own, so that no carry is ever lost and none has to be propagated: 2^32
 * additions fit. The compiler makes SSE2 or NEON of the vector type; measured on 500 bytes this
 * takes half the time of a chain of add-with-carry.
 */
typedef uint64_t sum_lanes __attribute__((vector_size(16)));

static inline sum_lanes load_lanes(const uint8_t *p)
{
	sum_lanes v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t add_u64(uint64_t sum, const uint8_t *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return sum + (w & 0xffffffff) + (w >> 32);
}

uint64_t net_sum(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;

	if (len >= 64) {
		const sum_lanes half = {0xffffffff, 0xffffffff};
		sum_lanes lo0 = {0, 0}, hi0 = {0, 0}, lo1 = {0, 0}, hi1 = {0, 0};

		for (; len >= 64; len -= 64, p += 64) {
			sum_lanes a = load_lanes(p), b = load_lanes(p + 16);
			sum_lanes c = load_lanes(p + 32), d = load_lanes(p + 48);

			lo0 += (a & half) + (c & half);
			hi0 += (a >> 32) + (c >> 32);
			lo1 += (b & half) + (d & half);
			hi1 += (b >> 32) + (d >> 32);
		}
		lo0 += hi0 + lo1 + hi1;
		/* Each lane may hold up to 2^53 for the longest input that exists: no overflow. */
		sum += lo0[0] + lo0[1];
	}
	for (; len >= 8; len -= 8, p += 8)
		sum = add_u64(sum, p);
	if (len & 4) {
		uint32_t w;

		memcpy(&w, p, sizeof(w));
		sum += w;
		p += 4;
	}
	if (len & 2) {
		uint16_t w;

		memcpy(&w, p, sizeof(w));
		sum += w;
		p += 2;
	}
	if (len & 1)
		sum += *p; /* the low byte of a little-endian word: the first in memory */
	return sum;
}
