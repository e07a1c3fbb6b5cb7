/* What is counted, and by whom: accounts, devices' lives, gaps, refusals. */
#include <stdio.h>

#include "tests/unit/control/harness.h"

static void account_list_adds_up_and_brings_run_and_life_together(void **state)
{
	struct harness *h = *state;
	json_t *r, *a;
	int64_t sum = 0;
	size_t i;

	snprintf(h->dp->journal.life[0].name, sizeof(h->dp->journal.life[0].name), "%s", "FGT-A");
	h->dp->journal.life[0].d.stored = 5000;
	h->dp->journal.life[0].d.first_seen_ns = 1700000000000000000;
	snprintf(h->dp->journal.life[1].name, sizeof(h->dp->journal.life[1].name), "%s", "GONE");
	h->dp->journal.life[1].d.stored = 7;
	h->dp->journal.life[1].d.dropped[DROP_disk_full] = 2;
	h->dp->journal.life_count = 2;
	r = harness_result(h, "account.list", NULL);

	assert_int_equal(json_array_size(at(r, "accounts")), 3);
	assert_text(r, "accounts.0.device", "192.0.2.7");
	assert_text(r, "accounts.1.device", "FGT-A");
	assert_number(r, "accounts.1.received", 100);
	assert_number(r, "accounts.1.stored", 90);
	assert_number(r, "accounts.1.dropped.no_block", 10);
	assert_number(r, "accounts.1.life.stored", 5000);
	assert_text(r, "accounts.1.life.first_seen", "2023-11-14T22:13:20.000000000Z");
	assert_text(r, "accounts.1.last_seen", "2025-01-01T00:00:01.000000001Z");
	assert_text(r, "accounts.2.device", "GONE");
	assert_number(r, "accounts.2.received", 0);
	assert_true(json_is_null(at(r, "accounts.2.first_seen")));
	assert_number(r, "accounts.2.life.dropped.disk_full", 2);
	/* In lists, a device has only reasons that happened; the total has all. */
	assert_int_equal(json_object_size(at(r, "accounts.1.dropped")), 1);
	assert_int_equal(json_object_size(at(r, "total.dropped")), DROP_REASON_COUNT);
	json_array_foreach(at(r, "accounts"), i, a) sum += json_integer_value(at(a, "received"));
	assert_number(r, "total.received", sum);
	assert_number(r, "total.life.stored", 5007);
	assert_true(json_is_null(at(r, "total.device")));
	assert_number(r, "wire.packets", 30);
	assert_number(r, "wire.accepted", 28);
	assert_number(r, "wire.rejected.bad_checksum", 2);
	json_decref(r);
}

static void account_list_of_ten_thousand_devices_is_one_line(void **state)
{
	struct harness *h = *state;
	json_t *r;

	h->dp->many = 10000;
	r = harness_result(h, "account.list", NULL);
	assert_int_equal(json_array_size(at(r, "accounts")), 10002);
	assert_text(r, "accounts.10001.device", "many-009999");
	json_decref(r);
}

static void account_show_knows_one_all_or_none(void **state)
{
	json_t *r = harness_result(*state, "account.show", "{\"device\":\"FGT-A\"}");

	assert_text(r, "device", "FGT-A");
	assert_number(r, "received", 100);
	assert_number(r, "dropped.ring_full", 0);
	assert_int_equal(json_array_size(at(r, "gaps")), 0);
	json_decref(r);
	r = harness_result(*state, "account.show", NULL);
	assert_number(r, "received", 120);
	json_decref(r);
	harness_refused(*state, "account.show", "{\"device\":\"nobody\"}", "not_found", "nobody");
}

static void a_device_name_that_is_no_utf8_does_not_break_the_list(void **state)
{
	struct harness *h = *state;
	json_t *r;

	fake_account(h->dp, "bad-\xff\xfe", 10);
	harness_says(h, "account.list", NULL, "accounts.2.device", "bad-\xef\xbf\xbd\xef\xbf\xbd");
	r = harness_result(h, "top", NULL);
	assert_int_equal(json_array_size(at(r, "devices")), 3);
	json_decref(r);
}

static void devices_are_listed_with_the_times_of_their_life(void **state)
{
	struct harness *h = *state;
	json_t *r;

	snprintf(h->dp->journal.life[0].name, sizeof(h->dp->journal.life[0].name), "%s", "FGT-A");
	h->dp->journal.life[0].d.first_seen_ns = 1700000000000000000;
	h->dp->journal.life_count = 1;
	r = harness_result(h, "device.list", NULL);
	assert_int_equal(json_array_size(at(r, "devices")), 2);
	assert_text(r, "devices.1.device", "FGT-A");
	assert_text(r, "devices.1.state", "unknown");
	assert_text(r, "devices.1.first_seen", "2023-11-14T22:13:20.000000000Z");
	assert_text(r, "devices.1.last_seen", "2025-01-01T00:00:01.000000001Z");
	json_decref(r);
	harness_says(h, "device.show", "{\"device\":\"FGT-A\"}", "device", "FGT-A");
	harness_refused(h, "device.show", "{\"device\":\"x\"}", "not_found", NULL);
}

static void gaps_are_listed_by_stream(void **state)
{
	struct harness *h = *state;
	struct journal_state_gap two[] = {
		{.first = 812, .last = 815, .before_ns = 1000000000, .after_ns = 2000000000},
		{.first = 900, .last = 900},
	};
	struct journal *j = dp_journal(h->c->dp);
	json_t *r, *gap;

	j->gaps = two;
	j->stream = (struct journal_state_stream){.epoch = 0xabc, .conn_id = 7, .gap_count = 2};
	r = harness_result(h, "gap.list", NULL);
	assert_int_equal(json_array_size(at(r, "gaps")), 2);
	gap = json_array_get(at(r, "gaps"), 0);
	assert_string_equal(json_string_value(at(gap, "device")), j->life[0].name);
	assert_string_equal(json_string_value(at(gap, "epoch")), "0000000000000abc");
	assert_int_equal(json_integer_value(at(gap, "conn_id")), 7);
	assert_int_equal(json_integer_value(at(gap, "first")), 812);
	assert_int_equal(json_integer_value(at(gap, "last")), 815);
	assert_string_equal(json_string_value(at(gap, "after")), "1970-01-01T00:00:01.000000000Z");
	assert_int_equal(json_integer_value(at(r, "left_out")), 0);
	json_decref(r);
	j->gaps = NULL;
	r = harness_result(h, "gap.list", NULL);
	assert_int_equal(json_array_size(at(r, "gaps")), 0);
	json_decref(r);
}

static void gaps_are_asked_for_by_device(void **state)
{
	json_t *r = harness_result(*state, "gap.list", NULL);

	assert_int_equal(json_array_size(at(r, "gaps")), 0);
	json_decref(r);
	r = harness_result(*state, "gap.list", "{\"device\":\"FGT-A\"}");
	json_decref(r);
	harness_refused(*state, "gap.list", "{\"device\":\"x\"}", "not_found", NULL);
}

static void refusals_are_counted_by_reason(void **state)
{
	struct harness *h = *state;
	json_t *r;

	h->dp->refusals[REFUSAL_session_limit] = 3;
	r = harness_result(h, "refusal.list", NULL);
	assert_int_equal(json_array_size(at(r, "refusals")), 1);
	assert_text(r, "refusals.0.reason", "session_limit");
	assert_number(r, "refusals.0.count", 3);
	assert_true(json_is_null(at(r, "refusals.0.address")));
	assert_number(r, "totals.session_limit", 3);
	json_decref(r);
}

#define T(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(account_list_adds_up_and_brings_run_and_life_together),
		T(account_list_of_ten_thousand_devices_is_one_line),
		T(account_show_knows_one_all_or_none),
		T(a_device_name_that_is_no_utf8_does_not_break_the_list),
		T(devices_are_listed_with_the_times_of_their_life),
		T(gaps_are_listed_by_stream),
		T(gaps_are_asked_for_by_device),
		T(refusals_are_counted_by_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
