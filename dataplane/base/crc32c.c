#include "dataplane/base/crc32c.h"

#include <string.h>

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;

	crc = ~crc;
#if defined(__SSE4_2__)
	for (; len >= 8; len -= 8, p += 8) {
		uint64_t v;

		memcpy(&v, p, 8);
		crc = (uint32_t)__builtin_ia32_crc32di(crc, v);
	}
	for (; len > 0; len--, p++)
		crc = __builtin_ia32_crc32qi(crc, *p);
#else
	for (; len > 0; len--, p++) {
		crc ^= *p;
		for (int i = 0; i < 8; i++)
			crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1)));
	}
#endif
	return ~crc;
}
