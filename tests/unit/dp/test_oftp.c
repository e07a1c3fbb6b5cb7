/*
 * Sessions of the OFTP profile in a whole data plane, where the test is control: bounds that only
 * show when control is slow, or nobody decides. Run as `test_oftp one|apart|many`. What a client
 * sees of a whole sluiced is tests/net/case_oftp*.py's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/dp/rig_oftp.h"

/* ---- tests ---- */

/* Control was asked, and does not answer: the login ends, and a late answer is nobody's. */
static void a_login_that_nobody_decides_ends(void **state)
{
	struct rig_oftp d;

	(void)state;
	stage.world_state = AUTH_UNKNOWN;
	rig_publish();
	rig_oftp_log_in(&d, 20,
		&(struct rig_login){.key = "open sesame", .conn_id = 1, .streams = 1, .epoch = 5});
	while (!stage.asked)
		rig_turn();
	stage.cfg.policy.handshake_timeout_us = 1;
	rig_publish();
	rig_expect_bye(&d, "handshake_timeout");
	rig_wait_refused(REFUSAL_handshake_timeout, "nobody decides");
	rig_oftp_end(&d);
	stage.asked->granted = true;
	dp_login_answer(stage.rig.dp, stage.asked);
	stage.asked = NULL;
	/* All is well for the next one. */
	stage.world_state = AUTH_AUTHORIZED;
	stage.cfg.policy.handshake_timeout_us = 10000000;
	rig_publish();
	rig_oftp_log_in(&d, 20, &(struct rig_login){.conn_id = 1, .streams = 1, .epoch = 5});
	rig_expect_reply(&d, OFTP_ALLOWED, NULL);
	rig_oftp_hang_up(&d);
}

/* Who waits to be authorized costs a session: an address has so many. */
static void so_many_of_an_address_wait(void **state)
{
	const struct rig_login stranger = {.serial = OTHER_SERIAL};
	struct rig_oftp d[4];

	(void)state;
	stage.cfg.policy.pending_per_source = 2;
	rig_publish();
	for (unsigned i = 0; i < 2; i++) {
		rig_oftp_log_in(&d[i], 21, &stranger);
		rig_expect_reply(&d[i], OFTP_PENDING, "not_authorized");
	}
	rig_oftp_log_in(&d[2], 21, &stranger);
	rig_expect_reply(&d[2], OFTP_REFUSED, "session_limit");
	rig_wait_refused(REFUSAL_session_limit, "limits.pending-per-source");
	rig_oftp_end(&d[2]);
	rig_oftp_log_in(&d[3], 22, &stranger); /* another address is another one's business */
	rig_expect_reply(&d[3], OFTP_PENDING, "not_authorized");
	/* One goes: another one may wait, and no second one. */
	rig_oftp_hang_up(&d[0]);
	rig_wait_sessions(2);
	rig_oftp_log_in(&d[0], 21, &stranger);
	rig_expect_reply(&d[0], OFTP_PENDING, "not_authorized");
	rig_oftp_log_in(&d[2], 21, &stranger);
	rig_expect_reply(&d[2], OFTP_REFUSED, "session_limit");
	rig_wait_refused(REFUSAL_session_limit, "limits.pending-per-source");
	rig_oftp_end(&d[2]);
	rig_oftp_hang_up(&d[0]);
	rig_oftp_hang_up(&d[1]);
	rig_oftp_hang_up(&d[3]);
}

/* A device has so many streams: that it holds, and that the journal knows. */
static void streams_of_a_device_are_bounded(void **state)
{
	struct rig_oftp d[2];

	(void)state;
	stage.cfg.policy.device_streams = 4;
	rig_publish();
	rig_oftp_log_in(&d[0], 23, &(struct rig_login){.conn_id = 100, .streams = 3, .epoch = 9});
	rig_expect_reply(&d[0], OFTP_ALLOWED, NULL);
	rig_oftp_log_in(&d[1], 23, &(struct rig_login){.conn_id = 200, .streams = 2, .epoch = 9});
	rig_expect_reply(&d[1], OFTP_REFUSED, "session_limit");
	rig_wait_refused(REFUSAL_session_limit, "limits.device-streams");
	rig_oftp_end(&d[1]);
	for (uint32_t i = 0; i < 3; i++)
		rig_oftp_item(&d[0], 100 + i, 9, 1);
	/* Gone, it holds none; but the journal knows these. */
	rig_oftp_hang_up(&d[0]);
	rig_wait_sessions(0);
	rig_oftp_log_in(&d[0], 23, &(struct rig_login){.conn_id = 300, .streams = 2, .epoch = 9});
	rig_expect_reply(&d[0], OFTP_REFUSED, "session_limit");
	rig_wait_refused(REFUSAL_session_limit, "the device has 3 streams");
	rig_oftp_end(&d[0]);
	/* Who asks on and on has it looked up three times at once, then twice a second. */
	for (unsigned i = 0; i < 6; i++) {
		const bool looked = i < 2 || i == 5;

		if (i == 5)
			stage.now_us += 500000;
		rig_oftp_log_in(
			&d[0], 23, &(struct rig_login){.conn_id = 300, .streams = 2, .epoch = 9});
		rig_expect_reply(&d[0], OFTP_REFUSED, looked ? "session_limit" : "claim_rate");
		rig_wait_refused(looked ? REFUSAL_session_limit : REFUSAL_claim_rate,
			looked ? "the device has 3 streams" : "too often");
		rig_oftp_end(&d[0]);
	}
	rig_oftp_log_in(&d[0], 23, &(struct rig_login){.conn_id = 100, .streams = 4, .epoch = 9});
	rig_expect_reply(&d[0], OFTP_ALLOWED, NULL);
	rig_oftp_item(&d[0], 103, 9, 1);
	rig_oftp_hang_up(&d[0]);
	/* They are known again where they are: nothing new. */
	rig_oftp_log_in(&d[0], 23, &(struct rig_login){.conn_id = 100, .streams = 4, .epoch = 9});
	rig_expect_reply(&d[0], OFTP_ALLOWED, NULL);
	assert_int_equal(d[0].m.stream[3].confirmed, 1);
	rig_oftp_hang_up(&d[0]);
}

/* `reliable disable`: its address is its own as long as its newest session lives. */
static void a_device_that_logs_by_udp_ends_its_older_session(void **state)
{
	const struct rig_login l = {.unreliable = true};
	struct rig_oftp d[2];

	(void)state;
	rig_oftp_log_in(&d[0], 24, &l);
	rig_expect_reply(&d[0], OFTP_ALLOWED, NULL);
	rig_oftp_log_in(&d[1], 24, &l);
	rig_expect_reply(&d[1], OFTP_ALLOWED, NULL);
	rig_expect_bye(&d[0], "");
	rig_oftp_end(&d[0]);
	rig_oftp_log_in(&d[0], 25, &l); /* from elsewhere it is beside it */
	rig_expect_reply(&d[0], OFTP_ALLOWED, NULL);
	rig_oftp_hang_up(&d[0]);
	rig_oftp_hang_up(&d[1]);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_login_that_nobody_decides_ends, rig_stage_begin),
		cmocka_unit_test_setup(so_many_of_an_address_wait, rig_stage_begin),
		cmocka_unit_test_setup(streams_of_a_device_are_bounded, rig_stage_begin),
		cmocka_unit_test_setup(
			a_device_that_logs_by_udp_ends_its_older_session, rig_stage_begin),
	};

	if (argc != 2)
		return 2;
	rig_stage_options(argv[1]);
	return cmocka_run_group_tests(tests, rig_stage_start, rig_stage_stop);
}
