/*
 * TLS in a whole data plane: certificates made here, a client of OpenSSL's on the rig's TCP. What
 * devices send, who waits for control's word. Run as `test_tls one|apart|many`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/dp/rig_tls_stage.h"

static void a_device_logs_under_its_serial(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	uint64_t before = device_stored(WORLD_SERIAL);
	struct rig_tls t;
	char log[128];

	(void)state;
	for (unsigned v = 0; v < 2; v++) {
		struct tls_client_options o = good;
		struct dp_session_info info;

		o.min_version = o.max_version = versions[v];
		assert_true(rig_tls_open(&rig, &t, 20, next_port++, &o));
		for (unsigned i = 0; i < 500; i++) {
			int n = v ? snprintf(log, sizeof(log), "17 <13>line %08u", i)
				  : snprintf(log, sizeof(log), "<13>line %08u\n", i);

			rig_tls_send(&rig, &t, log, (uint32_t)n);
		}
		stored += 500;
		rig_wait_stored(&rig, stored);
		assert_int_equal(sessions_of(v ? "counted" : "lines", &info), 1);
		assert_string_equal(info.device, WORLD_SERIAL);
		assert_string_equal(info.tls_version, v ? "TLSv1.3" : "TLSv1.2");
		assert_true(info.tls_verified);
		assert_int_equal(info.tls_generation, 1);
		assert_int_equal(rig_counter(&rig, "tls_carried_bytes"), 0);
		rig_tls_close(&rig, &t);
		rig_tls_free(&rig, &t);
		assert_int_equal(wait_event(AUTH_EV_UP)->transport, TRANSPORT_TLS);
		assert_string_equal(events[events_count - 1].serial, WORLD_SERIAL);
		assert_string_equal(
			events[events_count - 1].subject, "/C=US/O=Site/CN=" WORLD_SERIAL);
		assert_int_equal(strlen(events[events_count - 1].fingerprint), 64);
		assert_int_equal(strlen(events[events_count - 1].anchor), 32);
		assert_string_equal(wait_event(AUTH_EV_DOWN)->serial, WORLD_SERIAL);
	}
	assert_int_equal(device_stored(WORLD_SERIAL), before + 1000);
	rig_check_equations(&rig);
}

static void a_log_may_lie_in_any_records(void **state)
{
	static const char priority[] = {'<', '1', '3', '>'};
	static char big[60001];
	struct rig_tls t;

	(void)state;
	assert_true(rig_tls_open(&rig, &t, 20, next_port++, &good));
	memset(big, 'x', sizeof(big));
	memcpy(big, priority, sizeof(priority));
	big[60000] = '\n';
	/* In pieces of every size, and several in one record. */
	for (uint32_t at = 0, n = 1; at < sizeof(big); at += n, n = n * 2 % 9973 + 1) {
		if (n > sizeof(big) - at)
			n = (uint32_t)sizeof(big) - at;
		rig_tls_send(&rig, &t, big + at, n);
	}
	stored++;
	rig_wait_stored(&rig, stored);
	rig_tls_send(&rig, &t, "<13>a\n<13>b\n<13>c", 17);
	rig_tls_send(&rig, &t, "\n<13>d\n", 7);
	stored += 4;
	rig_wait_stored(&rig, stored);
	assert_int_equal(rig_counter(&rig, "tls_carried_bytes"), 0);
	rig_tls_send(&rig, &t, "<13>unfinished", 14);
	while (rig_counter(&rig, "tls_carried_bytes") != 14)
		rig_pump(&rig);
	rig_tls_close(&rig, &t);
	stored++;
	rig_wait_stored(&rig, stored);
	assert_int_equal(rig_counter(&rig, "tls_carried_bytes"), 0);
	rig_tls_free(&rig, &t);
	rig_check_equations(&rig);
}

/* It is held up again and again with much behind it: it carries no more than a turn's worth, goes
 * on by itself, and each log is there once. */
static void a_device_that_is_slowed_down_loses_nothing(void **state)
{
	uint64_t before = device_stored(WORLD_SERIAL), most = 0;
	static char log[500];
	struct rig_tls t;

	(void)state;
	set_device(WORLD_SERIAL, AUTH_AUTHORIZED);
	devices[0].rate = 300;
	assert_string_equal(devices[0].serial, WORLD_SERIAL);
	publish();
	assert_true(rig_tls_open(&rig, &t, 20, next_port++, &good));
	snprintf(log, sizeof(log), "<13>%0*d", (int)sizeof(log) - 6, 0);
	log[sizeof(log) - 1] = '\n';
	for (unsigned i = 0; i < 700; i++) {
		uint64_t carried;

		rig_tls_send(&rig, &t, log, sizeof(log));
		if (i % 50)
			continue;
		carried = rig_counter(&rig, "tls_carried_bytes");
		most = carried > most ? carried : most;
	}
	assert_in_range(most, 1, 3 * 65536);
	stored += 700;
	rig_wait_stored(&rig, stored);
	rig_tls_close(&rig, &t);
	rig_tls_free(&rig, &t);
	assert_int_equal(device_stored(WORLD_SERIAL), before + 700);
	assert_int_equal(rig_counter(&rig, "tls_carried_bytes"), 0);
	rig_check_equations(&rig);
}

/* Whatever others send in its name, from its address or by a relay. */
static void what_is_not_proven_leaves_a_session_its_rate(void **state)
{
	uint64_t before = device_stored(WORLD_SERIAL);
	struct rig_tls t;

	(void)state;
	set_device(WORLD_SERIAL, AUTH_AUTHORIZED);
	devices[0].rate = 100;
	publish();
	rig_use_up(&rig, WORLD_SERIAL, RATE_DATAGRAM);
	rig_use_up(&rig, WORLD_SERIAL, RATE_CLEAR);
	assert_true(rig_tls_open(&rig, &t, 20, next_port++, &good));
	rig_tls_send(&rig, &t, "<13>a\n<13>b\n<13>c\n", 18);
	stored += 3;
	rig_wait_stored(&rig, stored);
	rig_tls_close(&rig, &t);
	rig_tls_free(&rig, &t);
	assert_int_equal(device_stored(WORLD_SERIAL), before + 3);
	rig_check_equations(&rig);
}

static void a_ticket_is_taken_and_held_against_the_registry(void **state)
{
	struct tls_client_options o = good;
	struct dp_session_info info;
	SSL_SESSION *ticket;
	struct rig_tls t;

	(void)state;
	assert_true(rig_tls_open(&rig, &t, 20, next_port++, &good));
	rig_tls_send(&rig, &t, "<13>first\n", 10);
	stored++;
	rig_wait_stored(&rig, stored);
	rig_tls_step(&rig, &t);
	SSL_read(t.client.ssl, &(char){0}, 1);
	ticket = t.client.ticket;
	t.client.ticket = NULL;
	assert_non_null(ticket);
	rig_tls_close(&rig, &t);
	rig_tls_free(&rig, &t);

	o.session = ticket;
	assert_true(rig_tls_open(&rig, &t, 20, next_port++, &o));
	rig_tls_send(&rig, &t, "<13>second\n", 11);
	stored++;
	rig_wait_stored(&rig, stored);
	assert_int_equal(sessions_of("lines", &info), 1);
	assert_true(info.tls_resumed);
	assert_string_equal(info.device, WORLD_SERIAL);
	rig_tls_close(&rig, &t);
	rig_tls_free(&rig, &t);

	set_device(WORLD_SERIAL, AUTH_DENIED); /* and control forgot the generation */
	publish();
	assert_true(rig_tls_open(&rig, &t, 20, next_port++, &o));
	rig_tls_send(&rig, &t, "<13>third\n", 10);
	rig_tls_wait_end(&rig, &t);
	rig_tls_free(&rig, &t);
	assert_int_equal(wait_event(AUTH_EV_REFUSED)->reason, REFUSAL_denied);
	SSL_SESSION_free(ticket);
}

static void a_pending_one_waits_unread_and_goes_on_when_authorized(void **state)
{
	struct tls_client_options o = {.cert = &world.device_of_sub, .via = &world.sub};
	const struct auth_event *ev;
	struct dp_account a;
	struct rig_tls t;

	(void)state;
	assert_true(rig_tls_open(&rig, &t, 21, next_port++, &o));
	ev = wait_event(AUTH_EV_PENDING);
	assert_string_equal(ev->serial, "FGVM010000777777");
	assert_string_equal(ev->issuer, "/C=US/O=Works/CN=sub");
	rig_tls_send(&rig, &t, "<13>kept waiting\n", 17);
	rig_wait_frames(&rig);
	rounds(8);
	assert_int_equal(sessions_of("pending", NULL), 1);
	assert_false(dp_account_get(rig.dp, "FGVM010000777777", &a));

	set_device("FGVM010000777777", AUTH_PENDING); /* as control will make it */
	publish();
	rounds(8);
	assert_int_equal(sessions_of("pending", NULL), 1);

	set_device("FGVM010000777777", AUTH_AUTHORIZED);
	publish();
	stored++;
	rig_wait_stored(&rig, stored);
	assert_int_equal(device_stored("FGVM010000777777"), 1);
	assert_int_equal(wait_event(AUTH_EV_UP)->kind, AUTH_EV_UP);
	rig_tls_close(&rig, &t);
	rig_tls_free(&rig, &t);
	rig_check_equations(&rig);
}

/* Denied, forgotten before it has said anything, denied again when it has. */
static void who_is_denied_no_more_waits_as_if_he_had_come_now(void **state)
{
	uint64_t before[REFUSAL_REASON_COUNT], after[REFUSAL_REASON_COUNT];
	struct tls_client_options o = {.cert = &world.device_of_sub, .via = &world.sub};
	struct rig_tls t;

	(void)state;
	dp_refusals(rig.dp, before);
	set_device("FGVM010000777777", AUTH_DENIED);
	publish();
	assert_true(rig_tls_open(&rig, &t, 21, next_port++, &o));
	assert_int_equal(wait_event(AUTH_EV_REFUSED)->reason, REFUSAL_denied);
	assert_int_equal(sessions_of("denied", NULL), 1);
	assert_int_equal(rig_counter(&rig, "tls_pending"), 0);
	set_device("FGVM010000777777", AUTH_UNKNOWN);
	publish();
	assert_string_equal(wait_event(AUTH_EV_PENDING)->serial, "FGVM010000777777");
	while (rig_counter(&rig, "tls_pending") != 1)
		rig_pump(&rig);
	rig_tls_send(&rig, &t, "<13>kept waiting\n", 17);
	rig_wait_frames(&rig);
	rounds(8);
	assert_int_equal(sessions_of("pending", NULL), 1);
	set_device("FGVM010000777777", AUTH_DENIED);
	publish();
	rig_tls_wait_end(&rig, &t);
	rig_tls_free(&rig, &t);
	assert_int_equal(wait_event(AUTH_EV_REFUSED)->reason, REFUSAL_denied);
	dp_refusals(rig.dp, after);
	assert_int_equal(after[REFUSAL_denied], before[REFUSAL_denied] + 2);
}

static void nobody_waits_for_ever(void **state)
{
	struct tls_client_options o = {.cert = &world.device_of_sub, .via = &world.sub};
	struct rig_tls t;

	(void)state;
	cfg.policy.pending_hold_us = 1000;
	publish();
	assert_true(rig_tls_open(&rig, &t, 21, next_port++, &o));
	rig_tls_wait_end(&rig, &t);
	rig_tls_free(&rig, &t);
	assert_int_equal(wait_event(AUTH_EV_REFUSED)->reason, REFUSAL_not_authorized);
	assert_string_equal(events[events_count - 1].serial, "FGVM010000777777");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_device_logs_under_its_serial, stage_begin),
		cmocka_unit_test_setup(a_log_may_lie_in_any_records, stage_begin),
		cmocka_unit_test_setup(a_device_that_is_slowed_down_loses_nothing, stage_begin),
		cmocka_unit_test_setup(what_is_not_proven_leaves_a_session_its_rate, stage_begin),
		cmocka_unit_test_setup(
			a_ticket_is_taken_and_held_against_the_registry, stage_begin),
		cmocka_unit_test_setup(
			a_pending_one_waits_unread_and_goes_on_when_authorized, stage_begin),
		cmocka_unit_test_setup(
			who_is_denied_no_more_waits_as_if_he_had_come_now, stage_begin),
		cmocka_unit_test_setup(nobody_waits_for_ever, stage_begin),
	};

	if (argc != 2)
		return 2;
	stage_options(argv[1]);
	return cmocka_run_group_tests(tests, stage_start, stage_stop);
}
