/* CRC32C by the instruction, lanes and all, beside what the polynomial says bit by bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/base/crc32c.h"

static uint32_t bit_by_bit(uint32_t crc, const uint8_t *p, size_t len)
{
	crc = ~crc;
	for (; len > 0; len--, p++) {
		crc ^= *p;
		for (int i = 0; i < 8; i++)
			crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1)));
	}
	return ~crc;
}

/* RFC 3720, B.4 */
static void vectors(void **state)
{
	uint8_t b[32];

	(void)state;
	memset(b, 0, sizeof(b));
	assert_int_equal(crc32c(0, b, 32), 0x8a9136aau);
	memset(b, 0xff, sizeof(b));
	assert_int_equal(crc32c(0, b, 32), 0x62a8ab43u);
	for (unsigned i = 0; i < 32; i++)
		b[i] = (uint8_t)i;
	assert_int_equal(crc32c(0, b, 32), 0x46dd794eu);
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u);
	assert_int_equal(crc32c(0, b, 0), 0);
}

static void any_length_from_any_place(void **state)
{
	static uint8_t b[8192];
	uint64_t r = 88172645463325252ull;

	(void)state;
	for (size_t i = 0; i < sizeof(b); i++) {
		r ^= r << 13;
		r ^= r >> 7;
		r ^= r << 17;
		b[i] = (uint8_t)(r >> 32);
	}
	for (size_t len = 0; len < 6000; len += 1 + len / 7) {
		size_t from = len % 61;
		uint32_t whole = bit_by_bit((uint32_t)len, b + from, len);

		assert_int_equal(crc32c((uint32_t)len, b + from, len), whole);
		for (size_t cut = 0; cut <= len; cut += 1 + len / 5)
			assert_int_equal(crc32c(crc32c((uint32_t)len, b + from, cut),
						 b + from + cut, len - cut),
				whole);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors),
		cmocka_unit_test(any_length_from_any_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
