/* The generator of log lines: what it promises to senders, to checkers, and of realism. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/load/lines.h"
#include "dataplane/framing/fields.h"

#define TEMPLATES 4800u

static const struct plan three = {.devices = 10, .flows = 3};

static void same_seed_same_lines(void **state)
{
	struct lines *a = lines_new(7, TEMPLATES, &three), *b = lines_new(7, TEMPLATES, &three);
	struct lines *c = lines_new(8, TEMPLATES, &three);
	unsigned different = 0;

	(void)state;
	assert_int_equal(lines_count(a), TEMPLATES);
	for (uint64_t n = 0; n < 2 * TEMPLATES; n++) {
		char x[LINES_MAX], y[LINES_MAX], z[LINES_MAX];
		uint32_t len = lines_write(a, (uint32_t)(n % 3), n, x);

		assert_int_equal(lines_write(b, (uint32_t)(n % 3), n, y), len);
		assert_memory_equal(x, y, len);
		different +=
			lines_write(c, (uint32_t)(n % 3), n, z) != len || memcmp(x, z, len) != 0;
	}
	assert_true(different > 2 * TEMPLATES * 99 / 100);
	lines_free(a);
	lines_free(b);
	lines_free(c);
}

static void each_line_tells_device_and_number(void **state)
{
	struct lines *l = lines_new(1, TEMPLATES, &three);

	(void)state;
	for (uint64_t n = 0; n < TEMPLATES; n++)
		for (uint32_t f = 0; f < three.flows; f++) {
			char line[LINES_MAX], serial[17];
			uint32_t len = lines_write(l, f, n + 9999995000u, line), device;
			struct text devid = fields_devid(line, len), vdom = fields_vdom(line, len);
			uint64_t number;
			int64_t ns;
			uint32_t head;

			assert_true(lines_parse(line, len, &device, &number));
			assert_int_equal(number, n + 9999995000u);
			assert_int_equal(device, plan_device(&three, f, number));
			assert_int_equal(plan_flow(&three, device), f);
			lines_serial(device, serial);
			assert_int_equal(devid.len, 16);
			assert_memory_equal(devid.at, serial, 16);
			assert_true(vdom.len > 0);
			assert_true(fields_event_time(line, len, &ns));
			assert_true(fields_pri(line, len, &head) >= 184);
		}
	lines_free(l);
}

/* Time, device and number are written without a printf; here is what it would have written. */
static void what_changes_is_written_in_full(void **state)
{
	static const uint64_t numbers[] = {
		0, 1, 9, 10, 86659, 86660, 99999999, 100000000, 123456789, 9999999999u};
	static const struct plan far = {.devices = 99999999, .flows = 2};
	struct lines *l = lines_new(1, TEMPLATES, &far);

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		for (uint32_t f = 0; f < far.flows; f++) {
			uint64_t ns = numbers[i] * 997003u % 86400000000000u;
			uint64_t at = 1795219200000000000u + ns;
			uint32_t s = (uint32_t)(ns / 1000000000u), device;
			char line[LINES_MAX + 1], head[128], tail[32];

			device = plan_device(&far, f, numbers[i]);
			line[lines_write(l, f, numbers[i], line)] = '\0';
			snprintf(head, sizeof(head),
				"time=%02u:%02u:%02u devname=\"fw-%08u\" devid=\"FGT60FTK%08u\" "
				"eventtime=%llu ",
				s / 3600, s / 60 % 60, s % 60, device, device,
				(unsigned long long)at);
			snprintf(tail, sizeof(tail), " lognum=%010llu",
				(unsigned long long)numbers[i]);
			assert_non_null(strstr(line, head));
			assert_string_equal(line + strlen(line) - strlen(tail), tail);
		}
	lines_free(l);
}

/* GSO sends a run as datagrams of one length: what is cut there must be whole lines. */
static void runs_are_of_equal_length(void **state)
{
	struct lines *l = lines_new(3, TEMPLATES, &three);

	(void)state;
	for (uint32_t f = 0; f < three.flows; f++)
		for (uint64_t n = 0; n < 2 * TEMPLATES;) {
			uint32_t run, rest, len = lines_len(l, f, n, &run);
			char line[LINES_MAX];

			assert_true(run >= 1 && run <= LINES_RUN);
			for (uint32_t i = 0; i < run; i++) {
				assert_int_equal(lines_len(l, f, n + i, &rest), len);
				assert_int_equal(lines_write(l, f, n + i, line), len);
				assert_int_equal(rest, run - i);
			}
			n += run;
		}
	lines_free(l);
}

static int by_size(const void *a, const void *b)
{
	return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

static void lengths_are_those_of_firewalls(void **state)
{
	static uint16_t len[48 * 1000];
	const unsigned n = sizeof(len) / sizeof(len[0]);
	struct lines *l = lines_new(1, n, &three);
	uint64_t sum = 0;

	(void)state;
	for (uint64_t i = 0; i < n; i++) {
		uint32_t run;

		len[i] = (uint16_t)lines_len(l, 0, i, &run);
		sum += len[i];
		assert_in_range(len[i], LINES_MIN, LINES_MAX);
	}
	qsort(len, n, sizeof(len[0]), by_size);
	assert_in_range(len[n / 2], 470, 530);
	assert_true(len[n / 100] < 440 && len[n - n / 100] > 900);
	assert_true(
		(double)sum / n - lines_mean(l) < 0.01 && lines_mean(l) - (double)sum / n < 0.01);
	lines_free(l);
}

/* Every field is one, quotes are balanced, no line end and no NUL inside. */
static void lines_are_key_equals_value(void **state)
{
	struct lines *l = lines_new(5, TEMPLATES, &three);
	unsigned traffic = 0, utm = 0, event = 0;

	(void)state;
	for (uint64_t n = 0; n < TEMPLATES; n++) {
		char line[LINES_MAX];
		uint32_t len = lines_write(l, 0, n, line), quotes = 0, fields = 0;
		struct text key, value, type = fields_find(line, len, "type");
		struct fields_iter it;

		for (uint32_t i = 0; i < len; i++) {
			assert_in_range(line[i], ' ', '~');
			quotes += line[i] == '"';
		}
		assert_int_equal(quotes % 2, 0);
		for (fields_begin(&it, line, len); fields_next(&it, &key, &value); fields++)
			assert_true(key.len > 0 && value.len > 0);
		assert_true(fields >= 15);
		traffic += type.len == 7;
		utm += type.len == 3;
		event += type.len == 5;
	}
	assert_int_equal(traffic + utm + event, TEMPLATES);
	assert_true(traffic > utm && utm > event && event > TEMPLATES / 50);
	lines_free(l);
}

static void what_is_not_ours_is_not_parsed(void **state)
{
	struct lines *l = lines_new(1, TEMPLATES, &three);
	char line[LINES_MAX];
	uint32_t len = lines_write(l, 0, 0, line), device;
	uint64_t number;

	(void)state;
	assert_false(lines_parse(line, len - 1, &device, &number));
	assert_false(lines_parse(line, 10, &device, &number));
	line[len - 1] = 'x';
	assert_false(lines_parse(line, len, &device, &number));
	memset(line, ' ', sizeof(line));
	assert_false(lines_parse(line, sizeof(line), &device, &number));
	lines_free(l);
}

static void shares_of_devices_meet_and_do_not_overlap(void **state)
{
	static const struct plan plans[] = {
		{1, 1}, {7, 7}, {100, 7}, {100000, 64}, {99999999, 999}};

	(void)state;
	for (unsigned i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		const struct plan *p = &plans[i];

		assert_int_equal(plan_first(p, 0), 0);
		assert_int_equal(plan_first(p, p->flows), p->devices);
		for (uint32_t f = 0; f < p->flows; f++) {
			assert_true(plan_first(p, f) < plan_first(p, f + 1));
			assert_int_equal(plan_flow(p, plan_first(p, f)), f);
			assert_int_equal(plan_flow(p, plan_first(p, f + 1) - 1), f);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_seed_same_lines),
		cmocka_unit_test(each_line_tells_device_and_number),
		cmocka_unit_test(what_changes_is_written_in_full),
		cmocka_unit_test(runs_are_of_equal_length),
		cmocka_unit_test(lengths_are_those_of_firewalls),
		cmocka_unit_test(lines_are_key_equals_value),
		cmocka_unit_test(what_is_not_ours_is_not_parsed),
		cmocka_unit_test(shares_of_devices_meet_and_do_not_overlap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
