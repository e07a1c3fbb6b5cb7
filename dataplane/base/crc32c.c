#include "dataplane/base/crc32c.h"

#include <string.h>

#if defined(__SSE4_2__)
#include <immintrin.h>

/* The instruction gives a result after three cycles and takes new bytes in each: so three lanes of
 * a piece go side by side. What goes before in the text is then multiplied by x^(8 * bytes behind
 * it), modulo the polynomial; the constants are x^(8 * bytes - 33), bits reversed: the product of
 * two reversed polynomials is one bit short, and the instruction multiplies by x^32. */
#define LANE  512u
#define X_8L  0xdd7e3b0cu /* x^(8 * 512 - 33) */
#define X_16L 0x170076fau /* x^(16 * 512 - 33) */

static inline uint64_t word(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

__attribute__((target("pclmul"))) static inline uint64_t times(uint64_t crc, uint32_t x)
{
	__m128i product = _mm_clmulepi64_si128(
		_mm_cvtsi64_si128((long long)crc), _mm_cvtsi32_si128((int)x), 0);

	return (uint64_t)_mm_cvtsi128_si64(product);
}

__attribute__((target("pclmul"))) static uint64_t pieces(
	uint64_t crc, const uint8_t **data, size_t *len)
{
	const uint8_t *p = *data;

	for (; *len >= 3 * LANE; *len -= 3 * LANE, p += 3 * LANE) {
		uint64_t b = 0, c = 0;

		for (size_t i = 0; i < LANE; i += 8) {
			crc = _mm_crc32_u64(crc, word(p + i));
			b = _mm_crc32_u64(b, word(p + LANE + i));
			c = _mm_crc32_u64(c, word(p + 2 * LANE + i));
		}
		crc = c ^ _mm_crc32_u64(0, times(crc, X_16L) ^ times(b, X_8L));
	}
	*data = p;
	return crc;
}

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t v = (uint32_t)~crc;

	if (len >= 3 * LANE && __builtin_cpu_supports("pclmul"))
		v = pieces(v, &p, &len);
	for (; len >= 8; len -= 8, p += 8)
		v = _mm_crc32_u64(v, word(p));
	for (; len > 0; len--, p++)
		v = _mm_crc32_u8((uint32_t)v, *p);
	return ~(uint32_t)v;
}

#else

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;

	crc = ~crc;
	for (; len > 0; len--, p++) {
		crc ^= *p;
		for (int i = 0; i < 8; i++)
			crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1)));
	}
	return ~crc;
}

#endif
