/* What a connection speaks, told by its first bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "dataplane/framing/framing.h"

#define detect(bytes) stream_detect((const uint8_t *)(bytes), sizeof(bytes) - 1, false)

static void a_client_hello_is_tls(void **state)
{
	(void)state;
	assert_int_equal(detect("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), STREAM_TLS);
	assert_int_equal(detect("\x16\x03\x03\x00\x80\x01"), STREAM_TLS);
}

static void a_tls_record_that_is_no_client_hello_is_not_tls(void **state)
{
	(void)state;
	assert_int_equal(detect("\x16\x03\x01\x02\x00\x02"), STREAM_LINES);
	assert_int_equal(detect("\x16\x02"), STREAM_LINES);
	assert_int_equal(detect("\x16\x03\x16"), STREAM_LINES);
}

static void relp_opens_with_its_first_transaction(void **state)
{
	(void)state;
	assert_int_equal(detect("1 open 85 relp_version=0"), STREAM_RELP);
	assert_int_equal(detect("2 open 85 relp_version=0"), STREAM_LINES);
	assert_int_equal(detect("1 openly said"), STREAM_LINES);
}

static void the_oftp_magic_is_known_in_the_clear(void **state)
{
	(void)state;
	assert_int_equal(detect("\xf5\x14"), STREAM_OFTP);
	assert_int_equal(detect("\xf5\x15"), STREAM_LINES);
}

static void a_count_a_space_and_an_angle_bracket_is_octet_counting(void **state)
{
	(void)state;
	assert_int_equal(detect("5 <13>x"), STREAM_COUNTED);
	assert_int_equal(detect("9999999 <"), STREAM_COUNTED);
	assert_int_equal(detect("1 <"), STREAM_COUNTED);
}

/* FortiOS's format without a priority. */
static void a_count_a_space_and_a_date_is_octet_counting(void **state)
{
	(void)state;
	assert_int_equal(detect("101 date=2024-01-02 time=03:04:05"), STREAM_COUNTED);
	assert_int_equal(detect("9999999 date="), STREAM_COUNTED);
	assert_int_equal(detect("101 dat"), STREAM_UNDECIDED);
	assert_int_equal(detect("101 data=1"), STREAM_LINES);
	assert_int_equal(detect("101 date 2024"), STREAM_LINES);
	assert_int_equal(detect("101  date="), STREAM_LINES);
	assert_int_equal(detect("0101 date="), STREAM_LINES);
	assert_int_equal(detect("10000000 date="), STREAM_LINES);
	assert_int_equal(detect("101 time=03:04:05"), STREAM_LINES);
}

static void a_number_that_is_no_count_is_a_line(void **state)
{
	(void)state;
	assert_int_equal(detect("10000000 <"), STREAM_LINES);
	assert_int_equal(detect("05 <13>x"), STREAM_LINES);
	assert_int_equal(detect("0 <"), STREAM_LINES);
	assert_int_equal(detect("5  <13>x"), STREAM_LINES);
	assert_int_equal(detect("12:30:00 <13>"), STREAM_LINES);
}

static void everything_else_is_lines(void **state)
{
	(void)state;
	assert_int_equal(detect("<13>hello"), STREAM_LINES);
	assert_int_equal(detect("date=2024-01-02 time=03:04:05"), STREAM_LINES);
	assert_int_equal(detect("\n"), STREAM_LINES);
	assert_int_equal(detect("\xec\xcf"), STREAM_LINES);
}

static void each_proper_beginning_is_undecided(void **state)
{
	static const char *const whole[] = {
		"\x16\x03\x01\x02\x7f\x01", "1 open ", "\xf5\x14", "1234567 <", "1234567 date="};

	(void)state;
	for (unsigned i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		const uint8_t *p = (const uint8_t *)whole[i];
		size_t len = strlen(whole[i]);

		for (size_t n = 0; n < len; n++)
			assert_int_equal(stream_detect(p, n, false), STREAM_UNDECIDED);
		assert_int_not_equal(stream_detect(p, len, false), STREAM_UNDECIDED);
		assert_true(len <= STREAM_DETECT_MAX);
	}
}

static void at_the_end_of_the_stream_a_beginning_is_a_line(void **state)
{
	(void)state;
	assert_int_equal(stream_detect((const uint8_t *)"12", 2, true), STREAM_LINES);
	assert_int_equal(stream_detect((const uint8_t *)"\x16\x03", 2, true), STREAM_LINES);
	assert_int_equal(stream_detect(NULL, 0, true), STREAM_LINES);
	assert_int_equal(stream_detect((const uint8_t *)"5 <", 3, true), STREAM_COUNTED);
}

static void sixteen_bytes_always_decide(void **state)
{
	uint8_t bytes[STREAM_DETECT_MAX];

	(void)state;
	for (unsigned first = 0; first < 256; first++) {
		static const uint8_t fill[] = {0, 1, 3, ' ', '0', '9', '<', 'o', 0x14};

		for (unsigned i = 0; i < sizeof(fill); i++) {
			memset(bytes, fill[i], sizeof(bytes));
			bytes[0] = (uint8_t)first;
			assert_int_not_equal(
				stream_detect(bytes, sizeof(bytes), false), STREAM_UNDECIDED);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_hello_is_tls),
		cmocka_unit_test(a_tls_record_that_is_no_client_hello_is_not_tls),
		cmocka_unit_test(relp_opens_with_its_first_transaction),
		cmocka_unit_test(the_oftp_magic_is_known_in_the_clear),
		cmocka_unit_test(a_count_a_space_and_an_angle_bracket_is_octet_counting),
		cmocka_unit_test(a_count_a_space_and_a_date_is_octet_counting),
		cmocka_unit_test(a_number_that_is_no_count_is_a_line),
		cmocka_unit_test(everything_else_is_lines),
		cmocka_unit_test(each_proper_beginning_is_undecided),
		cmocka_unit_test(at_the_end_of_the_stream_a_beginning_is_a_line),
		cmocka_unit_test(sixteen_bytes_always_decide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
