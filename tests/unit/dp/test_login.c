/*
 * Logins of the OFTP profile that somebody changes his mind about while they are under way, that do
 * not end, and whose certificate says more than they do. Run as `test_login one|apart|many`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "dataplane/lcore.h"
#include "tests/unit/dp/rig_oftp.h"

#define WAIT_S 60

static const struct rig_login one_stream = {.conn_id = 1, .streams = 1, .epoch = 5};
static const struct rig_login by_udp = {.unreliable = true};

static uint64_t refusals(enum refusal_reason why)
{
	uint64_t v[REFUSAL_REASON_COUNT];

	dp_refusals(stage.rig.dp, v);
	return v[why];
}

static void set(enum auth_state state)
{
	stage.world_state = state;
	rig_publish();
}

/* ---- time ---- */

static void time_is_up(struct rig_oftp *d)
{
	stage.cfg.policy.handshake_timeout_us = 1;
	rig_publish();
	rig_expect_bye(d, "handshake_timeout");
	rig_wait_refused(REFUSAL_handshake_timeout, "its login does not end");
	rig_oftp_end(d);
}

static void a_login_that_does_not_come_ends(void **state)
{
	struct oftp_msg nothing = {.version = OFTP_VERSION, .type = OFTP_STATUS};
	struct rig_oftp d;

	(void)state;
	nothing.has = 1u << OFTP_O_LOG_STATUS;
	rig_oftp_connect(&d, 20, &one_stream);
	rig_oftp_say(&d, &nothing);
	rig_expect_type(&d, OFTP_ERROR);
	time_is_up(&d);
}

/* It was challenged, and does not prove anything. */
static void a_proof_that_does_not_come_ends_it(void **state)
{
	struct pki_cert vm = pki_issue(&stage.world.root, &(struct pki_options){.cn = "FortiGate"});
	struct rig_oftp d;

	(void)state;
	stage.legacy = true;
	rig_publish();
	rig_oftp_log_in(&d, 20,
		&(struct rig_login){.serial = OTHER_SERIAL,
			.cert = &vm,
			.sasl = "p=tls-exporter,,n=fgt,r=abc"});
	while (!stage.asked)
		rig_turn();
	assert_int_equal(stage.asked->kind, LOGIN_SASL);
	stage.asked->granted = true;
	stage.asked->challenge.len = (uint16_t)snprintf(
		stage.asked->challenge.at, sizeof(stage.asked->challenge.at), "r=abcdef");
	dp_login_answer(stage.rig.dp, stage.asked);
	stage.asked = NULL;
	rig_expect_type(&d, OFTP_AUTH_CHALLENGE);
	time_is_up(&d);
	pki_free(&vm);
}

/* ---- another word while control is asked for streams, or for the address ---- */

static void wait_untied(void)
{
	time_t end = time(NULL) + WAIT_S;

	while (stage.rig.dp->policy_owned->ties) {
		rig_turn();
		assert_true(time(NULL) < end);
	}
}

/* Somebody else gets at once what it had claimed. */
static void nothing_is_held(const struct rig_login *l)
{
	struct rig_oftp d;

	wait_untied();
	set(AUTH_AUTHORIZED);
	rig_oftp_log_in(&d, 31, l);
	rig_expect_reply(&d, OFTP_ALLOWED, NULL);
	rig_oftp_hang_up(&d);
	rig_wait_sessions(0);
}

static void denied_meanwhile(const struct rig_login *l)
{
	struct rig_oftp d;

	rig_oftp_log_in(&d, 30, l);
	rig_wait_asked();
	set(AUTH_DENIED);
	rig_expect_reply(&d, OFTP_REFUSED, "denied");
	rig_wait_refused(REFUSAL_denied, "");
	rig_oftp_end(&d);
	nothing_is_held(l);
}

static void forgotten_meanwhile(const struct rig_login *l)
{
	struct rig_oftp d;

	rig_oftp_log_in(&d, 30, l);
	rig_wait_asked();
	set(AUTH_UNKNOWN);
	rig_expect_reply(&d, OFTP_PENDING, "not_authorized");
	rig_wait_told(AUTH_EV_PENDING, WORLD_SERIAL);
	wait_untied();
	/* It lives, and claims anew. */
	set(AUTH_AUTHORIZED);
	rig_expect_verdict(&d, OFTP_AUTH_CHANGED, OFTP_ALLOWED, NULL);
	assert_int_equal(d.m.n_streams, l->streams);
	rig_oftp_hang_up(&d);
	rig_wait_sessions(0);
	nothing_is_held(l);
}

static void denied_while_its_streams_are_claimed(void **state)
{
	(void)state;
	denied_meanwhile(&one_stream);
}

static void denied_while_its_address_is_tied(void **state)
{
	(void)state;
	denied_meanwhile(&by_udp);
}

static void forgotten_while_its_streams_are_claimed(void **state)
{
	(void)state;
	forgotten_meanwhile(&one_stream);
}

static void forgotten_while_its_address_is_tied(void **state)
{
	(void)state;
	forgotten_meanwhile(&by_udp);
}

/* ---- names ---- */

/* It is up by its certificate, and again by its login: that is one session. */
static void who_logs_in_is_up_once(void **state)
{
	struct rig_oftp d;

	(void)state;
	rig_oftp_connect(&d, 40, &one_stream);
	rig_wait_told(AUTH_EV_UP, WORLD_SERIAL);
	rig_oftp_request(&d, &one_stream);
	rig_expect_reply(&d, OFTP_ALLOWED, NULL);
	rig_wait_told(AUTH_EV_UP, WORLD_SERIAL);
	rig_oftp_hang_up(&d);
	rig_wait_told(AUTH_EV_DOWN, WORLD_SERIAL);
}

static void a_certificate_of_two_names_is_up_as_the_one_that_logs_in(void **state)
{
	struct pki_cert both = pki_issue(&stage.world.root,
		&(struct pki_options){.cn = WORLD_SERIAL, .san = "DNS:" OTHER_SERIAL});
	const struct rig_login l = {
		.serial = OTHER_SERIAL, .cert = &both, .conn_id = 1, .streams = 1, .epoch = 5};
	struct rig_oftp d;

	(void)state;
	stage.other_state = AUTH_AUTHORIZED;
	rig_publish();
	rig_oftp_connect(&d, 41, &l);
	rig_wait_told(AUTH_EV_UP, WORLD_SERIAL);
	rig_oftp_request(&d, &l);
	rig_wait_told(AUTH_EV_DOWN, WORLD_SERIAL);
	rig_expect_reply(&d, OFTP_ALLOWED, NULL);
	rig_wait_told(AUTH_EV_UP, OTHER_SERIAL);
	rig_oftp_item(&d, 1, 5, 1);
	rig_oftp_hang_up(&d);
	rig_wait_told(AUTH_EV_DOWN, OTHER_SERIAL);
	/* What is said of the one is not said of the other. */
	set(AUTH_DENIED);
	rig_oftp_log_in(&d, 41, &l);
	rig_wait_told(AUTH_EV_REFUSED, WORLD_SERIAL);
	rig_expect_reply(&d, OFTP_ALLOWED, NULL);
	stage.other_state = AUTH_DENIED;
	rig_publish();
	rig_expect_verdict(&d, OFTP_AUTH_CHANGED, OFTP_REFUSED, "denied");
	rig_wait_told(AUTH_EV_REFUSED, OTHER_SERIAL);
	rig_oftp_end(&d);
	pki_free(&both);
}

/* ---- denied ---- */

static void who_is_denied_is_told_so_and_counted_once(void **state)
{
	uint64_t before = refusals(REFUSAL_denied);
	struct rig_oftp d;

	(void)state;
	set(AUTH_DENIED);
	rig_oftp_log_in(&d, 50, &one_stream);
	rig_expect_reply(&d, OFTP_REFUSED, "denied");
	rig_oftp_end(&d);
	rig_wait_told(AUTH_EV_REFUSED, WORLD_SERIAL);
	assert_int_equal(refusals(REFUSAL_denied), before + 1);
}

static void who_is_denied_and_says_nothing_has_his_time(void **state)
{
	uint64_t before = refusals(REFUSAL_denied), waited = refusals(REFUSAL_not_authorized);
	struct rig_oftp d;

	(void)state;
	stage.cfg.policy.pending_hold_us = 1000;
	set(AUTH_DENIED);
	rig_oftp_connect(&d, 51, &one_stream);
	rig_oftp_end(&d);
	assert_int_equal(refusals(REFUSAL_denied), before + 1);
	assert_int_equal(refusals(REFUSAL_not_authorized), waited);
}

static void who_was_denied_may_log_in_when_somebody_thinks_again(void **state)
{
	uint64_t before = refusals(REFUSAL_denied);
	struct rig_oftp d;

	(void)state;
	set(AUTH_DENIED);
	rig_oftp_connect(&d, 52, &one_stream);
	rig_wait_told(AUTH_EV_REFUSED, WORLD_SERIAL);
	set(AUTH_AUTHORIZED);
	rig_oftp_request(&d, &one_stream);
	rig_expect_reply(&d, OFTP_ALLOWED, NULL);
	/* And is denied again as anybody. */
	set(AUTH_DENIED);
	rig_expect_verdict(&d, OFTP_AUTH_CHANGED, OFTP_REFUSED, "denied");
	rig_wait_told(AUTH_EV_REFUSED, WORLD_SERIAL);
	rig_oftp_end(&d);
	assert_int_equal(refusals(REFUSAL_denied), before + 2);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, rig_stage_begin)
		TEST(a_login_that_does_not_come_ends),
		TEST(a_proof_that_does_not_come_ends_it),
		TEST(denied_while_its_streams_are_claimed),
		TEST(denied_while_its_address_is_tied),
		TEST(forgotten_while_its_streams_are_claimed),
		TEST(forgotten_while_its_address_is_tied),
		TEST(who_logs_in_is_up_once),
		TEST(a_certificate_of_two_names_is_up_as_the_one_that_logs_in),
		TEST(who_is_denied_is_told_so_and_counted_once),
		TEST(who_is_denied_and_says_nothing_has_his_time),
		TEST(who_was_denied_may_log_in_when_somebody_thinks_again),
#undef TEST
	};

	if (argc != 2)
		return 2;
	rig_stage_options(argv[1]);
	return cmocka_run_group_tests(tests, rig_stage_start, rig_stage_stop);
}
