/* When it happened, of every vintage of FortiOS and every header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dataplane/framing/fields.h"

/* As "2024-05-06 07:08:09.000000000" in UTC, or "none". */
static const char *when(const char *line, size_t len)
{
	static char text[64];
	int64_t ns;
	time_t s;
	struct tm tm;

	if (!fields_event_time(line, len, &ns))
		return "none";
	s = ns / 1000000000;
	gmtime_r(&s, &tm);
	strftime(text, sizeof(text), "%F %T", &tm);
	snprintf(text + strlen(text), sizeof(text) - strlen(text), ".%09d", (int)(ns % 1000000000));
	return text;
}

#define at(line) when(line, sizeof(line) - 1)

static void eventtime_is_in_seconds_up_to_6_0(void **state)
{
	(void)state;
	assert_string_equal(at("date=2018-12-27 time=11:15:40 vd=\"root\" eventtime=1545938140"),
		"2018-12-27 19:15:40.000000000");
}

static void eventtime_is_in_nanoseconds_from_6_2(void **state)
{
	(void)state;
	assert_string_equal(at("date=2024-05-06 eventtime=1714979289123456789 tz=\"+0200\""),
		"2024-05-06 07:08:09.123456789");
}

static void eventtime_in_milli_and_microseconds_is_known_by_its_magnitude(void **state)
{
	(void)state;
	assert_string_equal(at("eventtime=1714979289123"), "2024-05-06 07:08:09.123000000");
	assert_string_equal(at("eventtime=1714979289123456"), "2024-05-06 07:08:09.123456000");
}

static void eventtime_may_be_quoted(void **state)
{
	(void)state;
	assert_string_equal(at("eventtime=\"1714979289\""), "2024-05-06 07:08:09.000000000");
}

static void an_eventtime_that_is_no_time_gives_way_to_date_and_time(void **state)
{
	(void)state;
	assert_string_equal(at("date=2024-05-06 time=09:08:09 tz=\"+0200\" eventtime=0"),
		"2024-05-06 07:08:09.000000000");
	assert_string_equal(at("date=2024-05-06 time=09:08:09 tz=\"+0200\" eventtime=N/A"),
		"2024-05-06 07:08:09.000000000");
	assert_string_equal(
		at("date=2024-05-06 time=09:08:09 tz=\"+0200\" eventtime=99999999999999999999"),
		"2024-05-06 07:08:09.000000000");
	assert_string_equal(at("eventtime=20000000000"), "none");
	assert_string_equal(at("eventtime="), "none");
}

static void date_and_time_are_local_to_tz(void **state)
{
	(void)state;
	assert_string_equal(at("<189>date=2024-05-06 time=09:08:09 tz=\"+0200\""),
		"2024-05-06 07:08:09.000000000");
	assert_string_equal(at("<189>date=2024-05-06 time=19:08:09 tz=\"-0700\""),
		"2024-05-07 02:08:09.000000000");
	assert_string_equal(at("<189>date=2024-05-06 time=12:38:09 tz=\"+0530\""),
		"2024-05-06 07:08:09.000000000");
}

static void relays_write_tz_with_utc_and_one_digit(void **state)
{
	(void)state;
	assert_string_equal(at("tz=\"UTC+2:00\" date=2024-05-06 time=09:08:09"),
		"2024-05-06 07:08:09.000000000");
	assert_string_equal(at("tz=\"UTC-10:00\" date=2024-05-06 time=09:08:09"),
		"2024-05-06 19:08:09.000000000");
	assert_string_equal(
		at("tz=UTC date=2024-05-06 time=07:08:09"), "2024-05-06 07:08:09.000000000");
}

static void fortiweb_has_a_timezone_with_a_place(void **state)
{
	(void)state;
	assert_string_equal(
		at("date=2024-05-06 time=15:08:09 timezone=\"(GMT+8:00)Somewhere,Elsewhere\""),
		"2024-05-06 07:08:09.000000000");
	assert_string_equal(at("date=2024-05-06 time=07:08:09 timezone=\"(GMT)Somewhere\""),
		"2024-05-06 07:08:09.000000000");
}

static void a_tz_that_is_none_counts_as_utc(void **state)
{
	static const char *const lines[] = {
		"date=2024-05-06 time=07:08:09",
		"date=2024-05-06 time=07:08:09 tz=\"GMTa-1\"",
		"date=2024-05-06 time=07:08:09 tz=\"\"",
		"date=2024-05-06 time=07:08:09 tz=\"+99\"",
		"date=2024-05-06 time=07:08:09 tz=\"+\"",
		"date=2024-05-06 time=07:08:09 tz=\"(GMT+8:00\"",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_string_equal(
			when(lines[i], strlen(lines[i])), "2024-05-06 07:08:09.000000000");
}

static void a_relays_timestamp_stands_in_where_there_is_no_tz(void **state)
{
	(void)state;
	assert_string_equal(
		at("logver=506061630 timestamp=1714979289 date=2024-05-06 time=09:08:09"),
		"2024-05-06 07:08:09.000000000");
	assert_string_equal(at("timestamp=1 tz=\"UTC+2:00\" date=2024-05-06 time=09:08:09"),
		"2024-05-06 07:08:09.000000000");
}

static void dates_that_are_none_are_no_dates(void **state)
{
	static const char *const lines[] = {
		"date=2024-13-06 time=07:08:09",
		"date=2024-00-06 time=07:08:09",
		"date=2024-05-32 time=07:08:09",
		"date=24-05-06 time=07:08:09",
		"date=2024-05-06x time=07:08:09",
		"date=2024-05-06 time=24:08:09",
		"date=2024-05-06 time=07:60:09",
		"date=2024-05-06 time=0708",
		"date=2024-05-06",
		"time=07:08:09",
		"date=\"\" time=\"\"",
		"date=1969-05-06 time=07:08:09",
		"date=9999-05-06 time=07:08:09",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_string_equal(when(lines[i], strlen(lines[i])), "none");
}

static void february_29_is_a_day_in_leap_years(void **state)
{
	(void)state;
	assert_string_equal(at("date=2024-02-29 time=23:59:59"), "2024-02-29 23:59:59.000000000");
	assert_string_equal(at("date=2000-02-29 time=00:00:00"), "2000-02-29 00:00:00.000000000");
	assert_string_equal(at("date=2100-03-01 time=00:00:00"), "2100-03-01 00:00:00.000000000");
	assert_string_equal(at("date=1970-01-01 time=00:00:00"), "1970-01-01 00:00:00.000000000");
	assert_string_equal(at("date=2261-12-31 time=23:59:59"), "2261-12-31 23:59:59.000000000");
}

static void cef_has_eventtime_behind_a_prefix(void **state)
{
	(void)state;
	assert_string_equal(at("CEF:0|F|G|v|1|n|3|FTNTFGTeventtime=1714979289 x=1"),
		"2024-05-06 07:08:09.000000000");
	assert_string_equal(at("CEF:0|F|G|v|1|n|3|FortinetFortiGateeventtime=1714979289123456789"),
		"2024-05-06 07:08:09.123456789");
	assert_string_equal(
		at("CEF:0|F|G|v|1|n|3|start=May 06 2024 09:08:09 ad.eventtime=1714979289"),
		"2024-05-06 07:08:09.000000000");
}

static void cef_has_rt_and_start(void **state)
{
	(void)state;
	assert_string_equal(
		at("CEF:0|F|G|v|1|n|3|rt=1714979289123 x=1"), "2024-05-06 07:08:09.123000000");
	assert_string_equal(at("CEF:0|F|G|v|1|n|3|start=May 06 2024 15:08:09 tz=\"+0800\""),
		"2024-05-06 07:08:09.000000000");
	assert_string_equal(at("CEF:0|F|G|v|1|n|3|rt=May  6 2024 07:08:09.5 UTC x=1"),
		"2024-05-06 07:08:09.500000000");
	assert_string_equal(
		at("CEF:0|F|G|v|1|n|3|start=1714979289 x=1"), "2024-05-06 07:08:09.000000000");
	assert_string_equal(at("CEF:0|F|G|v|1|n|3|start=Mai 06 2024 07:08:09 x=1"), "none");
	assert_string_equal(at("start=1714979289 rt=1714979289"), "none");
}

static void an_rfc_5424_header_has_a_time(void **state)
{
	(void)state;
	assert_string_equal(at("<34>1 2024-05-06T07:08:09.003Z host app - ID47 - 'su' failed"),
		"2024-05-06 07:08:09.003000000");
	assert_string_equal(at("<165>1 2024-05-06T00:08:09.000003-07:00 host app - - - text"),
		"2024-05-06 07:08:09.000003000");
	assert_string_equal(at("<165>1 2024-05-06T07:08:09.1234567891Z host app - - - text"),
		"2024-05-06 07:08:09.123456789");
	assert_string_equal(at("<165>1 - host app - - - text"), "none");
}

static void relays_write_the_same_time_without_a_version(void **state)
{
	(void)state;
	assert_string_equal(at("2024-05-06T07:08:09.976660+00:00 192.0.2.1 text"),
		"2024-05-06 07:08:09.976660000");
	assert_string_equal(
		at("<13>2024-05-06T07:08:09+00:00 host text"), "2024-05-06 07:08:09.000000000");
	assert_string_equal(at("<13>2024-05-06T07:08:09 host text"), "none");
	assert_string_equal(at("<13>2024-05-06T07:08:09Zulu host text"), "none");
}

static void a_leap_second_is_the_next_one(void **state)
{
	(void)state;
	assert_string_equal(
		at("<13>1 2016-12-31T23:59:60Z - - - - -"), "2017-01-01 00:00:00.000000000");
}

static void an_rfc_3164_header_has_none_that_can_be_told_without_a_clock(void **state)
{
	(void)state;
	assert_string_equal(at("<13>May  6 07:08:09 host program: text"), "none");
	assert_string_equal(at("text"), "none");
	assert_string_equal(at(""), "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eventtime_is_in_seconds_up_to_6_0),
		cmocka_unit_test(eventtime_is_in_nanoseconds_from_6_2),
		cmocka_unit_test(eventtime_in_milli_and_microseconds_is_known_by_its_magnitude),
		cmocka_unit_test(eventtime_may_be_quoted),
		cmocka_unit_test(an_eventtime_that_is_no_time_gives_way_to_date_and_time),
		cmocka_unit_test(date_and_time_are_local_to_tz),
		cmocka_unit_test(relays_write_tz_with_utc_and_one_digit),
		cmocka_unit_test(fortiweb_has_a_timezone_with_a_place),
		cmocka_unit_test(a_tz_that_is_none_counts_as_utc),
		cmocka_unit_test(a_relays_timestamp_stands_in_where_there_is_no_tz),
		cmocka_unit_test(dates_that_are_none_are_no_dates),
		cmocka_unit_test(february_29_is_a_day_in_leap_years),
		cmocka_unit_test(cef_has_eventtime_behind_a_prefix),
		cmocka_unit_test(cef_has_rt_and_start),
		cmocka_unit_test(an_rfc_5424_header_has_a_time),
		cmocka_unit_test(relays_write_the_same_time_without_a_version),
		cmocka_unit_test(a_leap_second_is_the_next_one),
		cmocka_unit_test(an_rfc_3164_header_has_none_that_can_be_told_without_a_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
