/* A session of the OFTP profile, the server's side: logins, and each message in each state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "tests/unit/ledger/oftp_peer.h"

/* ---- login ---- */

static void a_login_is_answered_with_what_is(void **state)
{
	struct oftp_verdict v = {.disk_used = 900, .disk_total = 1000000};

	(void)state;
	log_in(&v);
	assert_int_equal(said.tag, 5);
	assert_int_equal(said.features, OFTP_FEATURE_LZ4); /* of all that it offers */
	assert_int_equal(said.keepalive_period, 5);
	assert_int_equal(said.n_serials, 1);
	assert_int_equal(said.disk_total, 1000000);
	assert_int_equal(said.n_streams, 1);
	assert_int_equal(said.stream[0].confirmed, 0);
	assert_int_equal(server.state, OFTP_OPEN);
}

static void nothing_comes_before_login(void **state)
{
	static const enum oftp_type early[] = {OFTP_AUTH_RESPONSE, OFTP_SEQ_QUERY, OFTP_KEEPALIVE};

	for (unsigned i = 0; i < 3; i++) {
		struct oftp_msg m = {.version = 1, .type = (uint8_t)early[i]};

		fresh(state);
		if (early[i] == OFTP_AUTH_RESPONSE) {
			m.has = HAS(SASL);
			m.sasl = (struct oftp_bytes){(const uint8_t *)"x", 1};
		} else if (early[i] == OFTP_SEQ_QUERY) {
			m.has = HAS(CONN_ID);
		}
		assert_int_equal(say(&m), OFTP_EV_END);
		heard_error(OFTP_E_STATE);
		assert_false(oftp_server_ready(&server));
	}
	fresh(state);
	assert_int_equal(item(1, EPOCH, 1), OFTP_EV_END);
	heard_error(OFTP_E_STATE);
}

static void before_login_bodies_are_small(void **state)
{
	(void)state;
	assert_int_equal(oftp_server_body_max(&server), OFTP_BODY_LOGIN_MAX);
	log_in(&NONE);
	assert_int_equal(oftp_server_body_max(&server), OFTP_BODY_MAX);
	assert_int_equal(oftp_server_refuse(&server, OFTP_E_LENGTH, 3), OFTP_EV_END);
	heard_error(OFTP_E_LENGTH);
	assert_int_equal(said.tag, 3);
}

static void a_second_login_ends_it(void **state)
{
	struct oftp_msg m = login_message();

	(void)state;
	log_in(&NONE);
	assert_int_equal(say(&m), OFTP_EV_END);
	heard_error(OFTP_E_STATE);
}

static void while_it_is_decided_nothing_is_read(void **state)
{
	struct oftp_msg m = login_message();

	(void)state;
	assert_int_equal(say(&m), OFTP_EV_LOGIN);
	assert_false(oftp_server_ready(&server));
	assert_true(oftp_server_deadline(&server) == UINT64_MAX); /* ours, not the peer's silence */
}

static void a_legacy_login_is_challenged(void **state)
{
	const struct oftp_bytes bytes = {(const uint8_t *)"r=abc", 5};
	struct oftp_verdict v = {.result = OFTP_ALLOWED, .sasl = bytes};
	struct oftp_msg m = login_message();

	(void)state;
	m.type = OFTP_LOGIN_REQUEST_LEGACY;
	m.has |= HAS(SASL);
	m.sasl = bytes;
	assert_int_equal(say(&m), OFTP_EV_LOGIN);
	oftp_server_challenge(&server, bytes);
	heard(OFTP_AUTH_CHALLENGE);
	assert_int_equal(said.sasl.len, 5);
	assert_int_equal(oftp_server_body_max(&server), OFTP_BODY_LOGIN_MAX);
	m = (struct oftp_msg){.version = 1,
		.type = OFTP_AUTH_RESPONSE,
		.tag = 6,
		.has = HAS(SASL),
		.sasl = bytes};
	assert_int_equal(say(&m), OFTP_EV_SASL);
	assert_int_equal(got.sasl.len, 5);
	oftp_server_attach(&server, 0, &stream, 0);
	oftp_server_verdict(&server, &v);
	heard(OFTP_LOGIN_REPLY);
	assert_int_equal(said.tag, 6);
	assert_true(oftp_has(&said, OFTP_O_SASL));
}

static void a_refused_login_ends_with_its_reason(void **state)
{
	struct oftp_verdict v = {.result = OFTP_REFUSED, .reason = "bad_password"};

	(void)state;
	log_in(&v);
	assert_true(oftp_has(&said, OFTP_O_REASON));
	assert_int_equal(said.n_streams, 0);
	assert_int_equal(server.state, OFTP_ENDED);
	assert_string_equal(server.reason, "bad_password");
}

/* What the client may know beside the slug stands in the text, whatever the owner puts there. */
static void a_refusal_says_its_detail(void **state)
{
	char detail[2 * OFTP_TEXT_MAX + 1];
	struct oftp_verdict v = {
		.result = OFTP_REFUSED, .reason = "denied", .detail = "by another name\n\x7f"};

	(void)state;
	log_in(&v);
	assert_true(oftp_has(&said, OFTP_O_STATUS_TEXT));
	assert_int_equal(said.status_text.len, strlen("Refused: by another name??"));
	assert_int_equal(fresh(state), 0);
	memset(detail, 'x', sizeof(detail) - 1);
	detail[sizeof(detail) - 1] = '\0';
	v.detail = detail;
	log_in(&v);
	assert_int_equal(said.status_text.len, OFTP_TEXT_MAX);
	assert_int_equal(fresh(state), 0);
	v.detail = NULL;
	log_in(&v);
	assert_int_equal(said.status_text.len, strlen("Refused."));
}

static void the_older_version_of_both_is_spoken(void **state)
{
	struct oftp_msg m = login_message();

	(void)state;
	m.version = 200;
	assert_int_equal(say(&m), OFTP_EV_LOGIN);
	oftp_server_attach(&server, 0, &stream, 0);
	oftp_server_verdict(&server, &NONE);
	heard(OFTP_LOGIN_REPLY);
	assert_int_equal(said.version, OFTP_VERSION);
	m = (struct oftp_msg){.version = 200, .type = OFTP_KEEPALIVE};
	assert_int_equal(say(&m), OFTP_EV_END);
	heard_error(OFTP_E_VERSION);
}

/* ---- pending ---- */

static void while_pending_items_are_an_error_and_the_session_lives(void **state)
{
	struct oftp_verdict v = {.result = OFTP_PENDING, .reason = "not_authorized"};

	(void)state;
	log_in(&v);
	assert_int_equal(item(1, EPOCH, 1), OFTP_EV_UNTIMELY);
	assert_int_equal(got.log_count, 1);
	heard_error(OFTP_E_STATE);
	assert_int_equal(said.tag, 9);
	assert_int_equal(bare(OFTP_KEEPALIVE, 4), OFTP_EV_NONE);
	heard(OFTP_KEEPALIVE_ANSWER);
	assert_int_equal(said.keepalive.status, OFTP_WAIT);
}

static void authorized_while_it_waits_it_may_log(void **state)
{
	struct oftp_verdict v = {.result = OFTP_PENDING, .reason = "not_authorized"};

	(void)state;
	log_in(&v);
	oftp_server_attach(&server, 0, &stream, 0);
	oftp_server_changed(&server, &NONE);
	heard(OFTP_AUTH_CHANGED);
	assert_int_equal(said.result, OFTP_ALLOWED);
	assert_int_equal(said.n_streams, 1);
	assert_int_equal(item(1, EPOCH, 1), OFTP_EV_ITEM);
}

static void denied_while_it_logs_it_ends(void **state)
{
	struct oftp_verdict v = {.result = OFTP_REFUSED, .reason = "denied"};

	(void)state;
	log_in(&NONE);
	oftp_server_changed(&server, &v);
	heard(OFTP_AUTH_CHANGED);
	assert_int_equal(said.result, OFTP_REFUSED);
	assert_int_equal(server.state, OFTP_ENDED);
}

/* ---- the rest ---- */

static void a_keepalive_of_12_bytes_is_answered_with_21(void **state)
{
	(void)state;
	log_in(&NONE);
	assert_int_equal(bare(OFTP_KEEPALIVE, 31), OFTP_EV_NONE);
	assert_int_equal(server.out_len, OFTP_KEEPALIVE_REPLY);
	heard(OFTP_KEEPALIVE_ANSWER);
	assert_int_equal(said.tag, 31);
	assert_int_equal(said.keepalive.status, OFTP_GO);
}

static void hold_and_go_are_told_where_they_change(void **state)
{
	(void)state;
	log_in(&NONE);
	oftp_server_status(&server, OFTP_GO, NULL);
	assert_false(hear());
	oftp_server_status(&server, OFTP_HOLD, "disk_full");
	oftp_server_status(&server, OFTP_HOLD, "disk_full");
	heard(OFTP_STATUS);
	assert_int_equal(said.log_status, OFTP_HOLD);
	assert_false(hear());
	bare(OFTP_KEEPALIVE, 1);
	heard(OFTP_KEEPALIVE_ANSWER);
	assert_int_equal(said.keepalive.status, OFTP_HOLD);
	oftp_server_status(&server, OFTP_GO, NULL);
	heard(OFTP_STATUS);
	assert_int_equal(said.log_status, OFTP_GO);
}

static void unknown_types_and_the_servers_own_are_told_and_skipped(void **state)
{
	static const uint8_t unknown[OFTP_HEADER] = {0xf5, 0x14, 1, 99, 0, 0, 0, 0, 0, 0, 0, 8};
	struct oftp_header h;

	(void)state;
	log_in(&NONE);
	assert_int_equal(oftp_header_decode(unknown, 0, &h), OFTP_OK);
	assert_int_equal(
		oftp_server_message(&server, &h, unknown + OFTP_HEADER, now, &got), OFTP_EV_NONE);
	heard_error(OFTP_E_TYPE);
	assert_int_equal(said.tag, 8);
	said = (struct oftp_msg){.version = 1, .type = OFTP_STATUS, .has = HAS(LOG_STATUS)};
	assert_int_equal(say(&said), OFTP_EV_NONE);
	heard_error(OFTP_E_TYPE);
	assert_int_equal(server.state, OFTP_OPEN);
}

static void silence_ends_it(void **state)
{
	(void)state;
	log_in(&NONE);
	now += 19999999;
	assert_int_equal(oftp_server_expire(&server, now), OFTP_EV_NONE);
	bare(OFTP_KEEPALIVE, 1);
	heard(OFTP_KEEPALIVE_ANSWER);
	now += 20000000;
	assert_int_equal(oftp_server_expire(&server, now), OFTP_EV_END);
	heard(OFTP_BYE);
	assert_string_equal(server.reason, "idle_timeout");
}

static void before_its_login_unknown_types_are_silence(void **state)
{
	static const uint8_t unknown[OFTP_HEADER] = {0xf5, 0x14, 1, 99};
	struct oftp_header h;

	(void)state;
	assert_int_equal(oftp_header_decode(unknown, 0, &h), OFTP_OK);
	now += 19999999;
	assert_int_equal(
		oftp_server_message(&server, &h, unknown + OFTP_HEADER, now, &got), OFTP_EV_NONE);
	heard_error(OFTP_E_TYPE);
	assert_int_equal(oftp_server_expire(&server, now), OFTP_EV_NONE);
	now += 1;
	assert_int_equal(oftp_server_expire(&server, now), OFTP_EV_END);
	heard(OFTP_BYE);
}

static void a_peer_that_reads_nothing_is_not_read_either(void **state)
{
	(void)state;
	log_in(&NONE);
	while (oftp_server_ready(&server))
		bare(OFTP_KEEPALIVE, 1);
	assert_true(server.out_len <= OFTP_SERVER_OUT);
	now += 20000000;
	assert_int_equal(oftp_server_expire(&server, now), OFTP_EV_END);
	oftp_server_sent(&server, server.out_len);
}

static void bye_and_error_from_the_peer_end_it(void **state)
{
	struct oftp_msg m = {.version = 1, .type = OFTP_ERROR, .has = HAS(ERROR), .error = 3};

	log_in(&NONE);
	assert_int_equal(bare(OFTP_BYE, 0), OFTP_EV_END);
	assert_false(hear());
	fresh(state);
	log_in(&NONE);
	assert_int_equal(say(&m), OFTP_EV_END);
	assert_false(hear());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		session_test(a_login_is_answered_with_what_is),
		session_test(nothing_comes_before_login),
		session_test(before_login_bodies_are_small),
		session_test(a_second_login_ends_it),
		session_test(while_it_is_decided_nothing_is_read),
		session_test(a_legacy_login_is_challenged),
		session_test(a_refusal_says_its_detail),
		session_test(a_refused_login_ends_with_its_reason),
		session_test(the_older_version_of_both_is_spoken),
		session_test(while_pending_items_are_an_error_and_the_session_lives),
		session_test(authorized_while_it_waits_it_may_log),
		session_test(denied_while_it_logs_it_ends),
		session_test(a_keepalive_of_12_bytes_is_answered_with_21),
		session_test(hold_and_go_are_told_where_they_change),
		session_test(unknown_types_and_the_servers_own_are_told_and_skipped),
		session_test(silence_ends_it),
		session_test(before_its_login_unknown_types_are_silence),
		session_test(a_peer_that_reads_nothing_is_not_read_either),
		session_test(bye_and_error_from_the_peer_end_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
