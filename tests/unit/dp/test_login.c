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

/* ---- by user and password ---- */

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

/* OTHER_SERIAL, up to the challenge. */
static void is_challenged(struct rig_oftp *d)
{
	vm = pki_issue(&stage.world.root, &(struct pki_options){.cn = "FortiGate"});
	stage.legacy = true;
	rig_publish();
	rig_oftp_log_in(d, 20,
		&(struct rig_login){.serial = OTHER_SERIAL,
			.cert = &vm,
			.sasl = "p=tls-exporter,,n=fgt,r=abc",
			.conn_id = 9, /* no other test's */
			.streams = 1,
			.epoch = 5});
	wait_question(LOGIN_SASL);
	answer_question(true, 0, "r=abcdef");
	rig_expect_type(d, OFTP_AUTH_CHALLENGE);
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
	time_is_up(&d);
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
	/* And once it is so, it is not even challenged. */
	vm = pki_issue(&stage.world.root, &(struct pki_options){.cn = "FortiGate"});
	rig_oftp_log_in(&d, 20,
		&(struct rig_login){.serial = OTHER_SERIAL,
			.cert = &vm,
			.sasl = "p=tls-exporter,,n=fgt,r=abc"});
	rig_expect_reply(&d, OFTP_REFUSED, "legacy_disabled");
	is_left(&d);
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
		uint64_t before = refusals(REFUSAL_denied);

		*its = AUTH_AUTHORIZED;
		*others = AUTH_DENIED;
		rig_publish();
		rig_oftp_log_in(&d, 42, as[i]);
		rig_expect_reply(&d, OFTP_REFUSED, "denied");
		rig_oftp_end(&d);
		rig_wait_refused(REFUSAL_denied, i ? "" : "by another name of its certificate");
		assert_int_equal(refusals(REFUSAL_denied), before + 1);
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

static void status_text_is(const struct rig_oftp *d, const char *text)
{
	assert_int_equal(d->m.status_text.len, strlen(text));
	assert_memory_equal(d->m.status_text.at, text, d->m.status_text.len);
}

static void refused_saying(
	const struct rig_login *l, enum refusal_reason why, const char *words, const char *claimed)
{
	struct rig_oftp d;
	char text[AUTH_TEXT + 16];

	rig_oftp_log_in(&d, 60, l);
	rig_expect_reply(&d, OFTP_REFUSED, refusal_reason_slug(why));
	snprintf(text, sizeof(text), "Refused: %s", words);
	status_text_is(&d, text);
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

/* Whoever has no password does not learn what is known of the serial. */
static void who_has_proven_nothing_is_told_no_more_than_the_slug(void **state)
{
	struct pki_cert none =
		pki_issue(&stage.world.root, &(struct pki_options){.cn = "FortiGate"});
	struct rig_oftp d;

	(void)state;
	set_other(AUTH_AUTHORIZED, true, true);
	rig_oftp_log_in(&d, 61,
		&(struct rig_login){.serial = OTHER_SERIAL,
			.cert = &none,
			.sasl = "p=tls-exporter,,n=fgt,r=abc"});
	rig_expect_reply(&d, OFTP_REFUSED, "legacy_disabled");
	status_text_is(&d, "Refused.");
	rig_wait_refused(REFUSAL_legacy_disabled, "has used a certificate");
	rig_oftp_end(&d);
	pki_free(&none);
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
	stage.cfg.policy.pending_hold_us = 3600000000;
	stage.cfg.policy.handshake_timeout_us = 3600000000;
	set(AUTH_DENIED);
	rig_oftp_connect(&d, 51, &one_stream);
	rig_wait_told(AUTH_EV_REFUSED, WORLD_SERIAL);
	rig_wait_kind("denied");
	stage.cfg.policy.handshake_timeout_us = 1;
	rig_publish();
	rig_oftp_end(&d);
	assert_int_equal(refusals(REFUSAL_denied), before + 1);
	assert_int_equal(refusals(REFUSAL_not_authorized), waited);
}

/* Denied at the handshake, then not, and now once more: that counts and is said as ever. */
static void is_denied_again(struct rig_oftp *d, uint64_t before)
{
	set(AUTH_DENIED);
	rig_expect_verdict(d, OFTP_AUTH_CHANGED, OFTP_REFUSED, "denied");
	rig_wait_told(AUTH_EV_REFUSED, WORLD_SERIAL);
	rig_oftp_end(d);
	assert_int_equal(refusals(REFUSAL_denied), before + 2);
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
	is_denied_again(&d, before);
}

static void who_was_denied_waits_when_he_is_forgotten(void **state)
{
	uint64_t before = refusals(REFUSAL_denied);
	struct rig_oftp d;

	(void)state;
	set(AUTH_DENIED);
	rig_oftp_connect(&d, 53, &one_stream);
	rig_wait_told(AUTH_EV_REFUSED, WORLD_SERIAL);
	set(AUTH_UNKNOWN);
	rig_wait_told(AUTH_EV_PENDING, WORLD_SERIAL);
	rig_wait_kind("pending");
	rig_oftp_request(&d, &one_stream);
	rig_expect_reply(&d, OFTP_PENDING, "not_authorized");
	is_denied_again(&d, before);
}

/* The same while its login lies here in part. */
static void who_was_denied_and_forgotten_while_he_logs_in_is_denied_as_anybody(void **state)
{
	uint64_t before = refusals(REFUSAL_denied);
	struct rig_oftp d;

	(void)state;
	set(AUTH_DENIED);
	rig_oftp_connect(&d, 54, &one_stream);
	rig_wait_told(AUTH_EV_REFUSED, WORLD_SERIAL);
	rig_oftp_request_part(&d, &one_stream, 0, OFTP_HEADER);
	rig_wait_kind("login");
	set(AUTH_UNKNOWN);
	rig_oftp_request_part(&d, &one_stream, OFTP_HEADER, UINT32_MAX);
	rig_expect_reply(&d, OFTP_PENDING, "not_authorized");
	is_denied_again(&d, before);
}

static void who_waits_and_is_denied_is_told_so_when_he_logs_in(void **state)
{
	uint64_t before = refusals(REFUSAL_denied);
	struct rig_oftp d;

	(void)state;
	set(AUTH_UNKNOWN);
	rig_oftp_connect(&d, 55, &one_stream);
	rig_wait_told(AUTH_EV_PENDING, WORLD_SERIAL);
	set(AUTH_DENIED);
	rig_wait_told(AUTH_EV_REFUSED, WORLD_SERIAL);
	rig_wait_kind("denied");
	rig_oftp_request(&d, &one_stream);
	rig_expect_reply(&d, OFTP_REFUSED, "denied");
	rig_oftp_end(&d);
	assert_int_equal(refusals(REFUSAL_denied), before + 1);
}

static void a_source_keeps_so_many_denied_ones(void **state)
{
	enum { KEPT = 8 };
	struct rig_oftp d[KEPT], more;

	(void)state;
	stage.cfg.policy.handshake_timeout_us = 3600000000;
	stage.cfg.policy.pending_hold_us = 3600000000;
	set(AUTH_DENIED);
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
		set(t[i].state);
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
		TEST(a_proof_that_does_not_come_ends_it),
		TEST(a_wrong_password_is_told_nothing_else),
		TEST(who_must_wait_is_shown_the_servers_proof_first),
		TEST(authorized_while_he_is_challenged_he_is_let_in_at_once),
		TEST(who_waits_by_a_password_is_out_when_that_does_not_count_any_more),
		TEST(a_password_that_is_none_any_more_lets_nobody_in),
		TEST(who_is_in_by_a_password_is_out_when_the_serial_shows_a_certificate),
		TEST(denied_while_its_streams_are_claimed),
		TEST(denied_while_its_address_is_tied),
		TEST(forgotten_while_its_streams_are_claimed),
		TEST(forgotten_while_its_address_is_tied),
		TEST(who_logs_in_is_up_once),
		TEST(a_certificate_of_two_names_is_up_as_the_one_that_logs_in),
		TEST(a_certificate_is_denied_by_each_of_its_names),
		TEST(who_is_refused_is_told_what_he_has_said_and_shown),
		TEST(a_key_without_a_certificate_is_told_that_it_needs_one),
		TEST(who_has_proven_nothing_is_told_no_more_than_the_slug),
		TEST(who_is_denied_is_told_so_and_counted_once),
		TEST(who_is_denied_and_says_nothing_has_his_time),
		TEST(who_was_denied_may_log_in_when_somebody_thinks_again),
		TEST(who_was_denied_waits_when_he_is_forgotten),
		TEST(who_was_denied_and_forgotten_while_he_logs_in_is_denied_as_anybody),
		TEST(who_waits_and_is_denied_is_told_so_when_he_logs_in),
		TEST(a_source_keeps_so_many_denied_ones),
		TEST(a_login_in_two_records_is_read_at_once),
#undef TEST
	};

	if (argc != 2)
		return 2;
	rig_stage_options(argv[1]);
	return cmocka_run_group_tests(tests, rig_stage_start, rig_stage_stop);
}
