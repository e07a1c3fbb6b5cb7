/* Logins of the OFTP profile by user and password. Run as `test_legacy one|apart|many`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "dataplane/lcore.h"
#include "tests/unit/dp/rig_oftp.h"

#define WAIT_S 60

static struct pki_cert vm; /* a certificate that names no serial */

static void wait_question(enum login_kind kind)
{
	time_t end = time(NULL) + WAIT_S;

	while (!stage.asked) {
		rig_turn();
		assert_true(time(NULL) < end);
	}
	assert_int_equal(stage.asked->kind, kind);
}

static void answer_question(bool granted, enum refusal_reason why, const char *sasl)
{
	struct login *g = stage.asked;

	g->granted = granted;
	g->reason = (uint16_t)why;
	g->challenge.len = (uint16_t)snprintf(g->challenge.at, sizeof(g->challenge.at), "%s", sasl);
	stage.asked = NULL;
	dp_login_answer(stage.rig.dp, g);
}

/* OTHER_SERIAL, up to the challenge; with a preshared key (not NULL) it wants no streams. */
static void is_challenged_with(struct rig_oftp *d, const char *key)
{
	vm = pki_issue(&stage.world.root, &(struct pki_options){.cn = "FortiGate"});
	stage.legacy = true;
	rig_publish();
	rig_oftp_log_in(d, 20,
		&(struct rig_login){.serial = OTHER_SERIAL,
			.cert = &vm,
			.sasl = "p=tls-exporter,,n=fgt,r=abc",
			.key = key,
			.conn_id = 9, /* no other test's */
			.streams = key ? 0 : 1,
			.epoch = 5});
	wait_question(LOGIN_SASL);
	answer_question(true, 0, "r=abcdef");
	rig_expect_type(d, OFTP_AUTH_CHALLENGE);
}

static void is_challenged(struct rig_oftp *d)
{
	is_challenged_with(d, NULL);
}

/* It says something that control finds right, or not. */
static void proves(struct rig_oftp *d, bool right)
{
	const struct oftp_msg m = {.version = OFTP_VERSION,
		.type = OFTP_AUTH_RESPONSE,
		.tag = 7,
		.has = 1u << OFTP_O_SASL,
		.sasl = {(const uint8_t *)"final", 5}};

	rig_oftp_say(d, &m);
	wait_question(LOGIN_PROOF);
	assert_string_equal(stage.asked->challenge.at, "r=abcdef");
	stage.asked->password = stage.password;
	answer_question(right, REFUSAL_bad_password, right ? "v=ours" : "e=invalid-proof");
}

static void last_word_is(const struct rig_oftp *d, const char *text)
{
	assert_int_equal(d->m.sasl.len, strlen(text));
	if (text[0])
		assert_memory_equal(d->m.sasl.at, text, strlen(text));
}

static void set_other(enum auth_state state, bool legacy, bool certified)
{
	stage.other_state = state;
	stage.legacy = legacy;
	stage.other_certified = certified;
	rig_publish();
}

static void leaves(struct rig_oftp *d)
{
	rig_oftp_hang_up(d);
	rig_wait_sessions(0);
	pki_free(&vm);
}

static void is_left(struct rig_oftp *d)
{
	rig_oftp_end(d);
	pki_free(&vm);
}

/* It was challenged, and does not prove anything. */
static void a_proof_that_does_not_come_ends_it(void **state)
{
	struct rig_oftp d;

	(void)state;
	is_challenged(&d);
	rig_time_is_up(&d);
	pki_free(&vm);
}

/* Not even whether it is known, or may log. */
static void a_wrong_password_is_told_nothing_else(void **state)
{
	static const enum auth_state all[] = {
		AUTH_UNKNOWN, AUTH_PENDING, AUTH_AUTHORIZED, AUTH_DENIED};
	struct rig_oftp d;

	(void)state;
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		stage.other_state = all[i];
		is_challenged(&d);
		assert_int_equal(stage.events[AUTH_EV_PENDING], 0);
		proves(&d, false);
		rig_expect_reply(&d, OFTP_REFUSED, "bad_password");
		last_word_is(&d, "e=invalid-proof");
		rig_wait_refused(REFUSAL_bad_password, "");
		is_left(&d);
	}
}

/* Else the client takes it for somebody who does not know the password. */
static void who_must_wait_is_shown_the_servers_proof_first(void **state)
{
	struct rig_oftp d;

	(void)state;
	is_challenged(&d);
	proves(&d, true);
	rig_expect_reply(&d, OFTP_PENDING, "not_authorized");
	last_word_is(&d, "v=ours");
	assert_string_equal(rig_wait_told(AUTH_EV_PENDING, OTHER_SERIAL)->fingerprint, "");
	set_other(AUTH_AUTHORIZED, true, false);
	rig_expect_verdict(&d, OFTP_AUTH_CHANGED, OFTP_ALLOWED, NULL);
	assert_false(rig_is_certified(OTHER_SERIAL));
	rig_oftp_item(&d, 9, 5, 1);
	leaves(&d);
}

static void authorized_while_he_is_challenged_he_is_let_in_at_once(void **state)
{
	struct rig_oftp d;

	(void)state;
	is_challenged(&d);
	set_other(AUTH_AUTHORIZED, true, false);
	proves(&d, true);
	rig_expect_reply(&d, OFTP_ALLOWED, NULL);
	last_word_is(&d, "v=ours");
	leaves(&d);
}

/* Whatever is decided about the serial, in the same breath or later. */
static void who_waits_by_a_password_is_out_when_that_does_not_count_any_more(void **state)
{
	static const struct {
		enum auth_state state;
		bool legacy, certified;
		const char *words;
	} t[] = {
		{AUTH_AUTHORIZED, false, false, "neither legacy-auth-mode nor"},
		{AUTH_PENDING, false, false, "neither legacy-auth-mode nor"},
		{AUTH_AUTHORIZED, true, true, "has used a certificate"},
		{AUTH_PENDING, true, true, "has used a certificate"},
	};
	struct rig_oftp d;

	(void)state;
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		stage.other_state = AUTH_UNKNOWN;
		stage.other_certified = false;
		is_challenged(&d);
		proves(&d, true);
		rig_expect_reply(&d, OFTP_PENDING, "not_authorized");
		set_other(t[i].state, t[i].legacy, t[i].certified);
		rig_expect_verdict(&d, OFTP_AUTH_CHANGED, OFTP_REFUSED, "legacy_disabled");
		rig_wait_refused(REFUSAL_legacy_disabled, t[i].words);
		is_left(&d);
	}
}

/* Deleted, or another: waiting, in, and between the proof and the answer to it. */
static void a_password_that_is_none_any_more_lets_nobody_in(void **state)
{
	static const char words[] = "its user was deleted, or has another password now";
	struct rig_oftp d;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		stage.other_state = i ? AUTH_AUTHORIZED : AUTH_PENDING;
		stage.password = 7;
		is_challenged(&d);
		proves(&d, true);
		rig_expect_reply(&d, i ? OFTP_ALLOWED : OFTP_PENDING, NULL);
		/* Another user's comes or goes. */
		set_other(stage.other_state, true, false);
		stage.password = 8;
		set_other(AUTH_AUTHORIZED, true, false);
		rig_expect_verdict(&d, OFTP_AUTH_CHANGED, OFTP_REFUSED, "bad_password");
		rig_wait_refused(REFUSAL_bad_password, words);
		is_left(&d);
	}
	stage.password = 7;
	is_challenged(&d);
	stage.password = 8;
	rig_publish();
	stage.password = 7; /* as control found it a moment before */
	proves(&d, true);
	rig_expect_reply(&d, OFTP_REFUSED, "bad_password");
	rig_wait_refused(REFUSAL_bad_password, words);
	is_left(&d);
}

static void who_is_in_by_a_password_is_out_when_the_serial_shows_a_certificate(void **state)
{
	struct rig_oftp d;

	(void)state;
	stage.other_state = AUTH_AUTHORIZED;
	is_challenged(&d);
	proves(&d, true);
	rig_expect_reply(&d, OFTP_ALLOWED, NULL);
	set_other(AUTH_AUTHORIZED, true, true);
	rig_expect_verdict(&d, OFTP_AUTH_CHANGED, OFTP_REFUSED, "legacy_disabled");
	rig_wait_refused(REFUSAL_legacy_disabled, "has used a certificate");
	is_left(&d);
}

/* Whoever knows no password does not learn what is known of the serial. */
static void a_serial_that_may_not_is_challenged_and_refused_after_the_proof(void **state)
{
	struct rig_oftp d;

	(void)state;
	for (unsigned right = 0; right < 2; right++) {
		set_other(AUTH_AUTHORIZED, true, true);
		is_challenged(&d);
		assert_int_equal(stage.events[AUTH_EV_REFUSED], 0);
		proves(&d, right);
		rig_expect_reply(&d, OFTP_REFUSED, right ? "legacy_disabled" : "bad_password");
		last_word_is(&d, right ? "" : "e=invalid-proof");
		if (right) /* nor is he, who may be anybody, told why */
			rig_status_text_is(&d, "Refused.");
		rig_wait_refused(right ? REFUSAL_legacy_disabled : REFUSAL_bad_password,
			right ? "has used a certificate" : "");
		/* Its certificate is another's. */
		assert_false(stage.newest[AUTH_EV_REFUSED].certified);
		is_left(&d);
	}
}

/* Passwords are not bound to serials: one of them must not fill the registry. */
static void who_may_not_wait_is_not_registered(void **state)
{
	struct rig_oftp d;

	(void)state;
	stage.cfg.policy.pending_per_source = 0;
	is_challenged(&d);
	proves(&d, true);
	rig_expect_reply(&d, OFTP_REFUSED, "session_limit");
	rig_wait_refused(REFUSAL_session_limit, "limits.pending-per-source");
	assert_int_equal(stage.events[AUTH_EV_PENDING], 0);
	is_left(&d);
}

/* Each kind of decision, while control is asked for its streams: it is told what came of it. */
static void taken_back_while_its_streams_are_claimed(void **state)
{
	static const struct {
		bool legacy, certified;
		uint64_t password;
		enum refusal_reason why;
	} t[] = {
		{false, false, 7, REFUSAL_legacy_disabled},
		{true, true, 7, REFUSAL_legacy_disabled},
		{true, false, 8, REFUSAL_bad_password},
	};
	struct rig_oftp d;

	(void)state;
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		stage.other_state = AUTH_AUTHORIZED;
		stage.other_certified = false;
		stage.password = 7;
		is_challenged(&d);
		proves(&d, true);
		rig_wait_asked();
		stage.password = t[i].password;
		set_other(AUTH_AUTHORIZED, t[i].legacy, t[i].certified);
		rig_expect_reply(&d, OFTP_REFUSED, refusal_reason_slug(t[i].why));
		rig_wait_refused(t[i].why, "");
		is_left(&d);
	}
	/* And nothing is held. */
	set_other(AUTH_AUTHORIZED, true, false);
	is_challenged(&d);
	proves(&d, true);
	rig_expect_reply(&d, OFTP_ALLOWED, NULL);
	leaves(&d);
}

/* The key, which is right, authorizes the serial; but it has come by a password. */
static void taken_back_while_its_key_is_judged(void **state)
{
	static const enum auth_state to[] = {AUTH_PENDING, AUTH_DENIED};
	struct rig_oftp d;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		const enum refusal_reason why = i ? REFUSAL_denied : REFUSAL_legacy_disabled;

		stage.other_state = AUTH_PENDING;
		is_challenged_with(&d, "open sesame");
		proves(&d, true);
		wait_question(LOGIN_KEY);
		set_other(to[i], i, false);
		answer_question(true, 0, "");
		rig_expect_reply(&d, OFTP_REFUSED, refusal_reason_slug(why));
		rig_wait_refused(why, "");
		is_left(&d);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, rig_stage_begin)
		TEST(a_proof_that_does_not_come_ends_it),
		TEST(a_wrong_password_is_told_nothing_else),
		TEST(who_must_wait_is_shown_the_servers_proof_first),
		TEST(authorized_while_he_is_challenged_he_is_let_in_at_once),
		TEST(who_waits_by_a_password_is_out_when_that_does_not_count_any_more),
		TEST(a_password_that_is_none_any_more_lets_nobody_in),
		TEST(who_is_in_by_a_password_is_out_when_the_serial_shows_a_certificate),
		TEST(a_serial_that_may_not_is_challenged_and_refused_after_the_proof),
		TEST(who_may_not_wait_is_not_registered),
		TEST(taken_back_while_its_streams_are_claimed),
		TEST(taken_back_while_its_key_is_judged),
#undef TEST
	};

	if (argc != 2)
		return 2;
	rig_stage_options(argv[1]);
	return cmocka_run_group_tests(tests, rig_stage_start, rig_stage_stop);
}
