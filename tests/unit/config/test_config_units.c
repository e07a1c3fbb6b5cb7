#include "config_test.h"

#include "control/config/nearest.h"
#include "control/config/units.h"

static void size_takes_every_unit(void **state)
{
	uint64_t v = 1;

	(void)state;
	assert_int_equal(unit_parse_size("0", &v), UNIT_OK);
	assert_int_equal(v, 0);
	assert_int_equal(unit_parse_size("7B", &v), UNIT_OK);
	assert_int_equal(v, 7);
	assert_int_equal(unit_parse_size("64KiB", &v), UNIT_OK);
	assert_int_equal(v, 65536);
	assert_int_equal(unit_parse_size("3TiB", &v), UNIT_OK);
	assert_int_equal(v, 3ull << 40);
}

static void duration_takes_every_unit(void **state)
{
	static const struct {
		const char *text;
		uint64_t us;
	} cases[] = {{"1us", 1}, {"2ms", 2000}, {"3s", 3000000}, {"4m", 240000000},
		{"5h", 18000000000ull}, {"90d", 7776000000000ull}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t v = 0;

		assert_int_equal(unit_parse_duration(cases[i].text, &v), UNIT_OK);
		assert_int_equal(v, cases[i].us);
	}
}

static void each_way_to_be_wrong_has_its_error(void **state)
{
	uint64_t v;

	(void)state;
	assert_int_equal(unit_parse_size("64", &v), UNIT_E_MISSING);
	assert_int_equal(unit_parse_size("64KB", &v), UNIT_E_UNKNOWN);
	assert_int_equal(unit_parse_size("64kib", &v), UNIT_E_UNKNOWN);
	assert_int_equal(unit_parse_size("64 KiB", &v), UNIT_E_UNKNOWN);
	assert_int_equal(unit_parse_size("1.5GiB", &v), UNIT_E_NUMBER);
	assert_int_equal(unit_parse_size("-1GiB", &v), UNIT_E_NUMBER);
	assert_int_equal(unit_parse_size("", &v), UNIT_E_NUMBER);
	assert_int_equal(unit_parse_size("99999999999999999999B", &v), UNIT_E_RANGE);
	assert_int_equal(unit_parse_size("18446744073709551615KiB", &v), UNIT_E_RANGE);
	assert_int_equal(unit_parse_duration("5min", &v), UNIT_E_UNKNOWN);
	assert_int_equal(unit_parse_number("12x", &v), UNIT_E_NUMBER);
}

static void formatting_takes_the_largest_whole_unit(void **state)
{
	char text[UNIT_TEXT];

	(void)state;
	unit_format_size(1536, text);
	assert_string_equal(text, "1536B");
	unit_format_size(1 << 20, text);
	assert_string_equal(text, "1MiB");
	unit_format_size(0, text);
	assert_string_equal(text, "0B");
	unit_format_duration(7776000000000ull, text);
	assert_string_equal(text, "90d");
	unit_format_duration(1500, text);
	assert_string_equal(text, "1500us");
	unit_format_duration(0, text);
	assert_string_equal(text, "0s");
	unit_format_size(UINT64_MAX, text);
	assert_string_equal(text, "18446744073709551615B");
}

static const char *nearest_of_three(const char *typed)
{
	struct nearest n = {.word = typed};

	nearest_offer(&n, "block-size");
	nearest_offer(&n, "segment-size");
	nearest_offer(&n, "dir");
	return nearest_word(&n);
}

static void nearest_word_is_offered_when_it_is_near(void **state)
{
	(void)state;
	assert_int_equal(word_distance("abc", "abc"), 0);
	assert_int_equal(word_distance("abc", "acb"), 1);
	assert_int_equal(word_distance("", "abc"), 3);
	assert_int_equal(word_distance("kitten", "sitting"), 3);
	assert_string_equal(nearest_of_three("block_size"), "block-size");
	assert_string_equal(nearest_of_three("segmnet-size"), "segment-size");
	assert_string_equal(nearest_of_three("di"), "dir");
	assert_null(nearest_of_three("zebra"));
	assert_null(nearest_of_three(
		"a-word-that-is-far-too-long-to-be-a-key-of-any-configuration-file-at-all"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(size_takes_every_unit),
		cmocka_unit_test(duration_takes_every_unit),
		cmocka_unit_test(each_way_to_be_wrong_has_its_error),
		cmocka_unit_test(formatting_takes_the_largest_whole_unit),
		cmocka_unit_test(nearest_word_is_offered_when_it_is_near),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
