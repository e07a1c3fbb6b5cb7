#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "control/cli/when.h"

#define NOW 1763762881000000000ull /* 2025-11-21T22:08:01Z */
#define S   1000000000ull

struct good {
	const char *text;
	uint64_t ns;
};

static void rfc3339(void **state)
{
	static const struct good cases[] = {
		{"2025-11-21T22:08:01Z", NOW},
		{"2025-11-21t22:08:01z", NOW},
		{"2025-11-21 22:08:01Z", NOW},
		{"2025-11-21T22:08:01.5Z", NOW + S / 2},
		{"2025-11-21T22:08:01.123456789Z", NOW + 123456789},
		{"2025-11-21T22:08:01.1234567891234Z", NOW + 123456789},
		{"2025-11-21T23:08:01+01:00", NOW},
		{"2025-11-21T16:38:01-05:30", NOW},
		{"1970-01-01T00:00:00Z", 0},
		{"2000-02-29T00:00:00Z", 951782400 * S},
		{"2016-12-31T23:59:60Z", 1483228800 * S},
		{"1999-12-31T23:59:59Z", 946684799 * S},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t ns = 1;

		if (when_parse(cases[i].text, NOW, &ns) != 0 || ns != cases[i].ns)
			fail_msg("%s: %llu", cases[i].text, (unsigned long long)ns);
	}
}

static void epoch_seconds(void **state)
{
	static const struct good cases[] = {{"1763762881", NOW}, {"0", 0},
		{"1763762881.25", NOW + S / 4}, {"1.000000001", S + 1}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t ns = 1;

		assert_int_equal(when_parse(cases[i].text, NOW, &ns), 0);
		assert_int_equal(ns, cases[i].ns);
	}
}

static void ago(void **state)
{
	static const struct good cases[] = {{"now", NOW}, {"90s", NOW - 90 * S},
		{"15m", NOW - 900 * S}, {"2h", NOW - 7200 * S}, {"3d", NOW - 3 * 86400 * S},
		{"250ms", NOW - S / 4}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t ns = 1;

		assert_int_equal(when_parse(cases[i].text, NOW, &ns), 0);
		assert_int_equal(ns, cases[i].ns);
	}
}

static void what_is_no_time(void **state)
{
	static const char *const cases[] = {"", "yesterday", "15x", "-15m", "m", "2025-11-21",
		"2025-11-21T22:08Z", "2025-11-21T22:08:01", "2025-13-01T00:00:00Z",
		"2025-00-01T00:00:00Z", "2025-02-29T00:00:00Z", "2100-02-29T00:00:00Z",
		"2025-11-31T00:00:00Z", "2025-11-21T24:00:00Z", "2025-11-21T00:60:00Z",
		"2025-11-21T00:00:61Z", "2025-11-21T00:00:00+24:00", "2025-11-21T00:00:00+0100",
		"2025-11-21T00:00:00Zx", "2025-11-21T00:00:00.Z", "1969-12-31T23:59:59Z",
		"2263-01-01T00:00:00Z", "1.", "1.x", "99999999999999999999", "18446744073",
		"30000d", " 15m", "15 m"};
	uint64_t ns;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (when_parse(cases[i], NOW, &ns) == 0)
			fail_msg("taken: \"%s\"", cases[i]);
	}
}

static void spans(void **state)
{
	uint64_t us;

	(void)state;
	assert_int_equal(when_parse_span("60", &us), 0);
	assert_int_equal(us, 60000000);
	assert_int_equal(when_parse_span("0.25", &us), 0);
	assert_int_equal(us, 250000);
	assert_int_equal(when_parse_span("0", &us), 0);
	assert_int_equal(us, 0);
	assert_int_equal(when_parse_span("2m", &us), 0);
	assert_int_equal(us, 120000000);
	assert_int_equal(when_parse_span("366d", &us), -1);
	assert_int_equal(when_parse_span("soon", &us), -1);
	assert_int_equal(when_parse_span("-1", &us), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc3339),
		cmocka_unit_test(epoch_seconds),
		cmocka_unit_test(ago),
		cmocka_unit_test(what_is_no_time),
		cmocka_unit_test(spans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
