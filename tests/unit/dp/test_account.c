/* Device tables and accounts of one lcore. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dataplane/ledger/account.h"

static const struct siphash_key key = {1, 2};

static struct ip_addr v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	const uint8_t four[4] = {a, b, c, d};

	return ip_addr_v4(four);
}

static void a_source_is_named_by_its_address(void **state)
{
	struct device_table *t = device_table_new(10, &key);
	struct ip_addr a = v4(192, 0, 2, 7), six;

	(void)state;
	ip_addr_parse(&six, "2001:db8::7");
	assert_string_equal(device_at(t, device_by_addr(t, &a, 5))->name, "192.0.2.7");
	assert_string_equal(device_at(t, device_by_addr(t, &six, 5))->name, "2001:db8::7");
	assert_int_equal(device_at(t, device_by_addr(t, &a, 9))->first_seen_ns, 5);
	assert_int_equal(device_count(t), 3);
	device_table_free(t);
}

static void a_name_and_an_address_that_read_alike_are_two_entries(void **state)
{
	struct device_table *t = device_table_new(10, &key);
	struct ip_addr a = v4(192, 0, 2, 7);

	(void)state;
	assert_int_not_equal(device_by_addr(t, &a, 1), device_by_name(t, "192.0.2.7", 9, 1));
	device_table_free(t);
}

static void a_long_name_is_cut(void **state)
{
	struct device_table *t = device_table_new(10, &key);
	char name[200];

	(void)state;
	memset(name, 'A', sizeof(name));
	assert_int_equal(
		device_at(t, device_by_name(t, name, sizeof(name), 1))->name_len, DEVICE_NAME_MAX);
	assert_int_equal(device_by_name(t, name, sizeof(name), 1),
		device_by_name(t, name, DEVICE_NAME_MAX, 1));
	device_table_free(t);
}

static void past_the_bound_all_new_ones_are_other(void **state)
{
	struct device_table *t = device_table_new(100, &key);
	struct ip_addr a;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		a = v4(10, 0, 0, (uint8_t)i);
		assert_int_equal(device_by_addr(t, &a, 1), i + 1);
	}
	a = v4(10, 0, 1, 1);
	assert_int_equal(device_by_addr(t, &a, 1), DEVICE_OTHER);
	assert_int_equal(device_by_name(t, "X", 1, 1), DEVICE_OTHER);
	assert_int_equal(device_table_full(t), 2);
	a = v4(10, 0, 0, 42);
	assert_int_equal(device_by_addr(t, &a, 1), 43);
	device_table_free(t);
}

static void many_devices_keep_their_entries(void **state)
{
	struct device_table *t = device_table_new(20000, &key);
	char name[32];

	(void)state;
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < 10000; i++) {
			struct ip_addr a = v4(10, 1, (uint8_t)(i >> 8), (uint8_t)i);
			int n = snprintf(name, sizeof(name), "FGT%u", i);

			assert_int_equal(device_by_addr(t, &a, 1), 2 * i + 1);
			assert_int_equal(device_by_name(t, name, (size_t)n, 1), 2 * i + 2);
		}
	device_table_free(t);
}

static void a_drop_is_counted_and_told_once(void **state)
{
	struct device_table *t = device_table_new(10, &key);
	uint32_t d = device_by_name(t, "A", 1, 1), index;

	(void)state;
	assert_false(device_any_dirty(t));
	device_dropped(t, d, DROP_no_block, 3);
	device_dropped(t, d, DROP_malformed, 1);
	assert_int_equal(device_at(t, d)->dropped[DROP_no_block], 3);
	assert_int_equal(device_at(t, d)->deltas.dropped[DROP_malformed], 1);
	assert_true(device_take_dirty(t, &index));
	assert_int_equal(index, d);
	assert_false(device_take_dirty(t, &index));
	device_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_source_is_named_by_its_address),
		cmocka_unit_test(a_name_and_an_address_that_read_alike_are_two_entries),
		cmocka_unit_test(a_long_name_is_cut),
		cmocka_unit_test(past_the_bound_all_new_ones_are_other),
		cmocka_unit_test(many_devices_keep_their_entries),
		cmocka_unit_test(a_drop_is_counted_and_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
