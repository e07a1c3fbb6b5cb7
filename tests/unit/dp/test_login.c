/*
 * Logins of the OFTP profile that somebody changes his mind about while they are under way, that do
 * not end, and whose certificate says more than they do. By user and password: test_legacy.c; of
 * who is denied: test_denied.c. Run as `test_login one|apart|many`.
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

/* ---- time ---- */

static void a_login_that_does_not_come_ends(void **state)
{
	struct oftp_msg nothing = {.version = OFTP_VERSION, .type = OFTP_STATUS};
	struct rig_oftp d;

	(void)state;
	nothing.has = 1u << OFTP_O_LOG_STATUS;
	rig_oftp_connect(&d, 20, &one_stream);
	rig_oftp_say(&d, &nothing);
	rig_expect_type(&d, OFTP_ERROR);
	rig_time_is_up(&d);
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
	rig_set(AUTH_AUTHORIZED);
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
	rig_set(AUTH_DENIED);
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
	rig_set(AUTH_UNKNOWN);
	rig_expect_reply(&d, OFTP_PENDING, "not_authorized");
	rig_wait_told(AUTH_EV_PENDING, WORLD_SERIAL);
	wait_untied();
	/* It lives, and claims anew. */
	rig_set(AUTH_AUTHORIZED);
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
	assert_true(rig_is_certified(WORLD_SERIAL));
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
	pki_free(&both);
}

/* Whoever has it could log in by the other name. */
static void a_certificate_is_denied_by_each_of_its_names(void **state)
{
	struct pki_cert both = pki_issue(&stage.world.root,
		&(struct pki_options){.cn = WORLD_SERIAL, .san = "DNS:" OTHER_SERIAL});
	const struct rig_login one = {.cert = &both, .conn_id = 1, .streams = 1, .epoch = 5},
			       other = {.serial = OTHER_SERIAL,
				       .cert = &both,
				       .conn_id = 1,
				       .streams = 1,
				       .epoch = 5};
	const struct rig_login *as[] = {&one, &other};
	struct rig_oftp d;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		enum auth_state *its = i ? &stage.other_state : &stage.world_state;
		enum auth_state *others = i ? &stage.world_state : &stage.other_state;
		uint64_t before = rig_refusals(REFUSAL_denied);

		*its = AUTH_AUTHORIZED;
		*others = AUTH_DENIED;
		rig_publish();
		rig_oftp_log_in(&d, 42, as[i]);
		rig_expect_reply(&d, OFTP_REFUSED, "denied");
		rig_oftp_end(&d);
		rig_wait_refused(REFUSAL_denied, i ? "" : "by another name of its certificate");
		assert_int_equal(rig_refusals(REFUSAL_denied), before + 1);
		/* And who is in by the one name is out when the other is denied. */
		*others = AUTH_UNKNOWN;
		rig_publish();
		rig_oftp_log_in(&d, 42, as[i]);
		rig_expect_reply(&d, OFTP_ALLOWED, NULL);
		*others = AUTH_DENIED;
		rig_publish();
		rig_expect_verdict(&d, OFTP_AUTH_CHANGED, OFTP_REFUSED, "denied");
		rig_wait_refused(REFUSAL_denied, "by another name of its certificate");
		assert_string_equal(
			stage.newest[AUTH_EV_REFUSED].serial, i ? OTHER_SERIAL : WORLD_SERIAL);
		rig_oftp_end(&d);
	}
	pki_free(&both);
}

/* ---- what is said of a refusal, and to whom ---- */

static void refused_saying(
	const struct rig_login *l, enum refusal_reason why, const char *words, const char *claimed)
{
	struct rig_oftp d;
	char text[AUTH_TEXT + 16];

	rig_oftp_log_in(&d, 60, l);
	rig_expect_reply(&d, OFTP_REFUSED, refusal_reason_slug(why));
	snprintf(text, sizeof(text), "Refused: %s", words);
	rig_status_text_is(&d, text);
	rig_wait_refused(why, words);
	assert_string_equal(stage.newest[AUTH_EV_REFUSED].serial, claimed);
	rig_oftp_end(&d);
}

static void who_is_refused_is_told_what_he_has_said_and_shown(void **state)
{
	struct pki_cert two = pki_issue(&stage.world.root,
		&(struct pki_options){.cn = WORLD_SERIAL,
			.san = "DNS:fw.example.org,DNS:FGT-SAN1,DNS:" WORLD_SERIAL});
	struct pki_cert none = pki_issue(&stage.world.root,
		&(struct pki_options){.cn = "FortiGate", .san = "DNS:fw.example.org"});

	(void)state;
	refused_saying(&(struct rig_login){.serial = OTHER_SERIAL, .cert = &two},
		REFUSAL_sn_mismatch,
		"the login says " OTHER_SERIAL ", the certificate " WORLD_SERIAL ", FGT-SAN1",
		WORLD_SERIAL);
	stage.legacy = true; /* else its handshake is refused already */
	rig_publish();
	refused_saying(&(struct rig_login){.serial = OTHER_SERIAL, .cert = &none},
		REFUSAL_no_legal_sn,
		"no serial number by auth.serial-pattern is FortiGate, fw.example.org",
		OTHER_SERIAL);
	refused_saying(&(struct rig_login){.serial = "no serial", .cert = &none},
		REFUSAL_no_legal_sn,
		"the login says no serial, which is no serial number by auth.serial-pattern",
		"no serial");
	pki_free(&two);
	pki_free(&none);
}

/* A key alone: it authorizes, but whom? */
static void a_key_without_a_certificate_is_told_that_it_needs_one(void **state)
{
	(void)state;
	stage.world.spec.require_certificate = false;
	stage.cfg.policy.tls_require_certificate = false;
	rig_publish();
	refused_saying(&(struct rig_login){.without = true, .key = "open sesame"},
		REFUSAL_no_certificate,
		"a preshared key proves nobody: it needs a certificate, or user and password, "
		"beside it",
		WORLD_SERIAL);
	refused_saying(&(struct rig_login){.without = true}, REFUSAL_no_certificate,
		"neither a certificate, nor user and password", WORLD_SERIAL);
	stage.world.spec.require_certificate = true;
}

/* ---- records ---- */

static void a_login_in_two_records_is_read_at_once(void **state)
{
	static const struct {
		enum auth_state state;
		enum oftp_result result;
	} t[] = {{AUTH_AUTHORIZED, OFTP_ALLOWED}, {AUTH_UNKNOWN, OFTP_PENDING},
		{AUTH_DENIED, OFTP_REFUSED}};
	struct rig_oftp d;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		rig_set(t[i].state);
		rig_oftp_connect(&d, 58, &one_stream);
		rig_wait_told(t[i].state == AUTH_UNKNOWN  ? AUTH_EV_PENDING
			      : t[i].state == AUTH_DENIED ? AUTH_EV_REFUSED
							  : AUTH_EV_UP,
			WORLD_SERIAL);
		rig_oftp_request_apart(&d, &one_stream);
		rig_expect_reply(&d, t[i].result, NULL);
		rig_oftp_hang_up(&d);
		rig_wait_sessions(0);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, rig_stage_begin)
		TEST(a_login_that_does_not_come_ends),
		TEST(denied_while_its_streams_are_claimed),
		TEST(denied_while_its_address_is_tied),
		TEST(forgotten_while_its_streams_are_claimed),
		TEST(forgotten_while_its_address_is_tied),
		TEST(who_logs_in_is_up_once),
		TEST(a_certificate_of_two_names_is_up_as_the_one_that_logs_in),
		TEST(a_certificate_is_denied_by_each_of_its_names),
		TEST(who_is_refused_is_told_what_he_has_said_and_shown),
		TEST(a_key_without_a_certificate_is_told_that_it_needs_one),
		TEST(a_login_in_two_records_is_read_at_once),
#undef TEST
	};

	if (argc != 2)
		return 2;
	rig_stage_options(argv[1]);
	return cmocka_run_group_tests(tests, rig_stage_start, rig_stage_stop);
}
