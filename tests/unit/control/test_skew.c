/* The alarm about devices' clocks: what a look reads, and what is remembered between two. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/control/harness.h"

#define WRONG (-7200)

static void look(struct harness *h)
{
	fake_announce(h->dp);
	harness_settle(h);
	h->c->next_tick_us = h->c->next_skew_us = 0;
	harness_settle(h);
	while (h->c->skew)
		assert_int_equal(control_round(h->c, 1000), 0);
}

/* A log of now whose time is so many seconds off; returns when it came. */
static uint64_t put(struct harness *h, const char *device, int off_s)
{
	const uint64_t now_ns = clock_wall_ns();
	char log[100];

	snprintf(
		log, sizeof(log), "<13>eventtime=%lld x", (long long)now_ns + off_s * 1000000000ll);
	fake_log_put(h->dp, device, log, strlen(log))->time_ns = now_ns;
	return now_ns;
}

static void put_many(struct harness *h, unsigned n)
{
	while (n--)
		put(h, "busy", 0);
}

/* What the journal knows of a device for life. */
static void has_logged(struct harness *h, const char *device, uint64_t last_ns)
{
	struct journal *j = &h->dp->journal;

	snprintf(j->life[j->life_count].name, sizeof(j->life[0].name), "%s", device);
	j->life[j->life_count++].d.last_seen_ns = last_ns;
}

static bool skew_is(struct harness *h, const char *text)
{
	return alarm_is(h, "clock_skew", text);
}

static void a_clock_that_is_wrong_is_an_alarm(void **state)
{
	struct harness *h = *state;

	put(h, "FGT-LATE", WRONG);
	/* A log that was held up is no proof, when another was not. */
	put(h, "FGT-HELD", WRONG);
	put(h, "FGT-HELD", 2);
	fake_log_put(h->dp, "nothing", "<13>no time", 11)->time_ns = clock_wall_ns();
	look(h);
	assert_true(skew_is(h, "clock of 1 device differs"));
	assert_true(skew_is(h, "FGT-LATE by -7200 s"));
	/* A look that finds nothing of it proves nothing; a log whose time is right does. */
	put(h, "FGT-HELD", 2);
	look(h);
	assert_true(skew_is(h, "FGT-LATE by -7200 s"));
	put(h, "FGT-LATE", 2);
	look(h);
	assert_false(skew_is(h, ""));
}

static void a_look_samples_all_of_what_came(void **state)
{
	struct harness *h = *state;

	/* Half of each part is read: whoever logs in the first, the last or one between is seen. */
	put(h, "FGT-FIRST", WRONG);
	for (unsigned i = 0; i < SKEW_PARTS; i++) {
		put_many(h, SKEW_PART_LOGS - 1000);
		if (i == SKEW_PARTS / 2)
			put(h, "FGT-MIDDLE", WRONG);
		if (i == SKEW_PARTS - 1)
			put(h, "FGT-LAST", WRONG);
		put_many(h, SKEW_PART_LOGS + 1000);
	}
	look(h);
	assert_true(skew_is(h, "FGT-FIRST by -7200 s, FGT-LAST by -7200 s, FGT-MIDDLE by"));
}

static void at_a_low_rate_all_is_read_of_many_devices(void **state)
{
	struct harness *h = *state;

	for (unsigned i = 0; i < 3000; i++) {
		char name[32];

		snprintf(name, sizeof(name), "FGT%06u", i);
		put(h, name, i == 2999 ? WRONG : 0);
	}
	look(h);
	assert_true(skew_is(h, "clock of 1 device differs from this node's: FGT002999"));
}

static void one_that_is_known_is_looked_for_by_name(void **state)
{
	struct harness *h = *state;

	put(h, "FGT-LATE", WRONG);
	look(h);
	assert_true(skew_is(h, "FGT-LATE by -7200 s"));
	/* Its clock is right now, but its log is where the sample is not. */
	for (unsigned i = 0; i < SKEW_PARTS; i++) {
		put_many(h, SKEW_PART_LOGS + 1000);
		if (i == 1)
			has_logged(h, "FGT-LATE", put(h, "FGT-LATE", 1));
		put_many(h, SKEW_PART_LOGS - 1000);
	}
	look(h);
	assert_false(skew_is(h, ""));
}

/* However many are known: each has its turn. */
static void all_that_are_known_have_their_turn(void **state)
{
	struct harness *h = *state;
	const unsigned n = 2 * SKEW_NAMED + 1;
	char name[32];

	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "FGT%06u", i);
		put(h, name, WRONG);
	}
	look(h);
	assert_true(skew_is(h, "clocks of 33 devices differ"));
	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "FGT%06u", i);
		has_logged(h, name, put(h, name, 0));
	}
	/* By no sample. */
	h->c->skew_block = h->dp->journal.block;
	for (unsigned i = 0; i < 3; i++) {
		assert_true(skew_is(h, ""));
		put_many(h, 1);
		look(h);
	}
	assert_false(skew_is(h, ""));
}

static void it_is_forgotten_when_it_does_not_log_for_a_day(void **state)
{
	struct harness *h = *state;

	put(h, "FGT-LATE", WRONG);
	look(h);
	/* A day later it has logged, though no look saw a log of it. */
	h->c->skew_known.v[0].last_ns -= SKEW_FORGET_NS;
	has_logged(h, "FGT-LATE", clock_wall_ns());
	put_many(h, 1);
	look(h);
	assert_true(skew_is(h, "FGT-LATE by -7200 s"));
	/* And a day later nobody has logged. */
	h->c->skew_known.v[0].last_ns -= SKEW_FORGET_NS;
	h->dp->journal.life_count = 0;
	look(h);
	assert_false(skew_is(h, ""));
}

static void put_strangers(struct harness *h, unsigned first, unsigned n)
{
	for (unsigned i = first; i < first + n; i++) {
		char name[32];

		snprintf(name, sizeof(name), "10.0.%u.%u", i / 256, i % 256);
		put(h, name, WRONG);
	}
}

/* Names are made up by whoever can send a datagram. */
static void strangers_displace_no_device_that_is_authorized(void **state)
{
	struct harness *h = *state;

	json_decref(harness_result(h, "device.authorize", "{\"device\":\"FGT-A\"}"));
	put_strangers(h, 0, SKEW_DEVICES + 44);
	look(h);
	assert_true(skew_is(h, "clocks of 256 devices differ"));
	put(h, "FGT-A", WRONG);
	look(h);
	assert_true(skew_is(h, "clocks of 256 devices differ from this node's: FGT-A by -7200 s"));
	put_strangers(h, 1000, 2 * SKEW_DEVICES);
	look(h);
	assert_true(skew_is(h, "clocks of 256 devices differ from this node's: FGT-A by -7200 s"));
	/* Among themselves those that logged last stay. */
	assert_true(skew_is(h, ", 10.0.4"));
	assert_false(skew_is(h, ", 10.0.0"));
}

static void a_start_looks_back_a_little(void **state)
{
	struct harness *h = harness_new();

	(void)state;
	put(h, "FGT-LONG-AGO", WRONG);
	put_many(h, SKEW_BEFORE);
	put(h, "FGT-LATE", WRONG);
	harness_start(h);
	look(h);
	assert_true(skew_is(h, "clock of 1 device differs from this node's: FGT-LATE"));
	harness_stop(h);
	harness_free(h);
}

#define T(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_clock_that_is_wrong_is_an_alarm),
		T(a_look_samples_all_of_what_came),
		T(at_a_low_rate_all_is_read_of_many_devices),
		T(one_that_is_known_is_looked_for_by_name),
		T(all_that_are_known_have_their_turn),
		T(it_is_forgotten_when_it_does_not_log_for_a_day),
		T(strangers_displace_no_device_that_is_authorized),
		cmocka_unit_test(a_start_looks_back_a_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
