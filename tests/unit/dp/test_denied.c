/* Who is denied, when he is told so, and who thinks again. Run as `test_denied one|apart|many`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "dataplane/lcore.h"
#include "tests/unit/dp/rig_oftp.h"

static const struct rig_login one_stream = {.conn_id = 1, .streams = 1, .epoch = 5};

/* ---- denied ---- */

static void who_is_denied_is_told_so_and_counted_once(void **state)
{
	uint64_t before = rig_refusals(REFUSAL_denied);
	struct rig_oftp d;

	(void)state;
	rig_set(AUTH_DENIED);
	rig_oftp_log_in(&d, 50, &one_stream);
	rig_expect_reply(&d, OFTP_REFUSED, "denied");
	rig_oftp_end(&d);
	/* By a certificate that is its own: which counts, also while it is denied. */
	assert_true(rig_wait_told(AUTH_EV_REFUSED, WORLD_SERIAL)->certified);
	assert_int_equal(rig_refusals(REFUSAL_denied), before + 1);
}

static void who_is_denied_and_says_nothing_has_his_time(void **state)
{
	uint64_t before = rig_refusals(REFUSAL_denied),
		 waited = rig_refusals(REFUSAL_not_authorized);
	struct rig_oftp d;

	(void)state;
	stage.cfg.policy.pending_hold_us = 3600000000;
	stage.cfg.policy.handshake_timeout_us = 3600000000;
	rig_set(AUTH_DENIED);
	rig_oftp_connect(&d, 51, &one_stream);
	rig_wait_told(AUTH_EV_REFUSED, WORLD_SERIAL);
	rig_wait_kind("denied");
	stage.cfg.policy.handshake_timeout_us = 1;
	rig_publish();
	rig_oftp_end(&d);
	assert_int_equal(rig_refusals(REFUSAL_denied), before + 1);
	assert_int_equal(rig_refusals(REFUSAL_not_authorized), waited);
}

/* Denied at the handshake, then not, and now once more: that counts and is said as ever. */
static void is_denied_again(struct rig_oftp *d, uint64_t before)
{
	rig_set(AUTH_DENIED);
	rig_expect_verdict(d, OFTP_AUTH_CHANGED, OFTP_REFUSED, "denied");
	rig_wait_told(AUTH_EV_REFUSED, WORLD_SERIAL);
	rig_oftp_end(d);
	assert_int_equal(rig_refusals(REFUSAL_denied), before + 2);
}

static void who_was_denied_may_log_in_when_somebody_thinks_again(void **state)
{
	uint64_t before = rig_refusals(REFUSAL_denied);
	struct rig_oftp d;

	(void)state;
	rig_set(AUTH_DENIED);
	rig_oftp_connect(&d, 52, &one_stream);
	rig_wait_told(AUTH_EV_REFUSED, WORLD_SERIAL);
	rig_set(AUTH_AUTHORIZED);
	rig_oftp_request(&d, &one_stream);
	rig_expect_reply(&d, OFTP_ALLOWED, NULL);
	/* And is denied again as anybody. */
	is_denied_again(&d, before);
}

static void who_was_denied_waits_when_he_is_forgotten(void **state)
{
	uint64_t before = rig_refusals(REFUSAL_denied);
	struct rig_oftp d;

	(void)state;
	rig_set(AUTH_DENIED);
	rig_oftp_connect(&d, 53, &one_stream);
	rig_wait_told(AUTH_EV_REFUSED, WORLD_SERIAL);
	rig_set(AUTH_UNKNOWN);
	rig_wait_told(AUTH_EV_PENDING, WORLD_SERIAL);
	rig_wait_kind("pending");
	rig_oftp_request(&d, &one_stream);
	rig_expect_reply(&d, OFTP_PENDING, "not_authorized");
	is_denied_again(&d, before);
}

/* The same while its login lies here in part. */
static void who_was_denied_and_forgotten_while_he_logs_in_is_denied_as_anybody(void **state)
{
	uint64_t before = rig_refusals(REFUSAL_denied);
	struct rig_oftp d;

	(void)state;
	rig_set(AUTH_DENIED);
	rig_oftp_connect(&d, 54, &one_stream);
	rig_wait_told(AUTH_EV_REFUSED, WORLD_SERIAL);
	rig_oftp_request_part(&d, &one_stream, 0, OFTP_HEADER);
	rig_wait_kind("login");
	rig_set(AUTH_UNKNOWN);
	rig_oftp_request_part(&d, &one_stream, OFTP_HEADER, UINT32_MAX);
	rig_expect_reply(&d, OFTP_PENDING, "not_authorized");
	is_denied_again(&d, before);
}

static void who_waits_and_is_denied_is_told_so_when_he_logs_in(void **state)
{
	uint64_t before = rig_refusals(REFUSAL_denied);
	struct rig_oftp d;

	(void)state;
	rig_set(AUTH_UNKNOWN);
	rig_oftp_connect(&d, 55, &one_stream);
	rig_wait_told(AUTH_EV_PENDING, WORLD_SERIAL);
	rig_set(AUTH_DENIED);
	rig_wait_told(AUTH_EV_REFUSED, WORLD_SERIAL);
	rig_wait_kind("denied");
	rig_oftp_request(&d, &one_stream);
	rig_expect_reply(&d, OFTP_REFUSED, "denied");
	rig_oftp_end(&d);
	assert_int_equal(rig_refusals(REFUSAL_denied), before + 1);
}

static void a_source_keeps_so_many_denied_ones(void **state)
{
	enum { KEPT = 8 };
	struct rig_oftp d[KEPT], more;

	(void)state;
	stage.cfg.policy.handshake_timeout_us = 3600000000;
	stage.cfg.policy.pending_hold_us = 3600000000;
	rig_set(AUTH_DENIED);
	for (unsigned round = 0; round < 2; round++) { /* each place is given back */
		for (unsigned i = 0; i < KEPT; i++) {
			rig_oftp_connect(&d[i], 56, &one_stream);
			rig_wait_told(AUTH_EV_REFUSED, WORLD_SERIAL);
		}
		rig_oftp_connect(&more, 56, &one_stream);
		rig_oftp_end(&more);
		rig_wait_told(AUTH_EV_REFUSED, WORLD_SERIAL);
		/* Elsewhere there is room. */
		rig_oftp_log_in(&more, 57, &one_stream);
		rig_expect_reply(&more, OFTP_REFUSED, "denied");
		rig_oftp_end(&more);
		for (unsigned i = 0; i < KEPT; i++) {
			rig_oftp_request(&d[i], &one_stream);
			rig_expect_reply(&d[i], OFTP_REFUSED, "denied");
			rig_oftp_end(&d[i]);
		}
		rig_wait_sessions(0);
		rig_wait_told(AUTH_EV_REFUSED, WORLD_SERIAL);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, rig_stage_begin)
		TEST(who_is_denied_is_told_so_and_counted_once),
		TEST(who_is_denied_and_says_nothing_has_his_time),
		TEST(who_was_denied_may_log_in_when_somebody_thinks_again),
		TEST(who_was_denied_waits_when_he_is_forgotten),
		TEST(who_was_denied_and_forgotten_while_he_logs_in_is_denied_as_anybody),
		TEST(who_waits_and_is_denied_is_told_so_when_he_logs_in),
		TEST(a_source_keeps_so_many_denied_ones),
#undef TEST
	};

	if (argc != 2)
		return 2;
	rig_stage_options(argv[1]);
	return cmocka_run_group_tests(tests, rig_stage_start, rig_stage_stop);
}
