/* A login by user and password: the mechanism's messages are the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/client/talk.h"

static unsigned exchanges;

static size_t first(void *ctx, uint8_t *to, size_t size)
{
	(void)ctx;
	assert_true(size >= 1024);
	exchanges++;
	return (size_t)snprintf((char *)to, size, "it is me");
}

static size_t answer(void *ctx, const uint8_t *challenge, size_t len, uint8_t *to, size_t size)
{
	(void)ctx;
	assert_true(size >= 1024);
	if (len != 7 || memcmp(challenge, "who is?", 7) != 0)
		return 0;
	return (size_t)snprintf((char *)to, size, "still me");
}

static bool proven(void *ctx, const uint8_t *last, size_t len)
{
	(void)ctx;
	return len == 5 && memcmp(last, "right", 5) == 0;
}

static struct client_sasl sasl = {.first = first, .answer = answer, .proven = proven};

static int start_by_password(void **state)
{
	const struct client_config cfg = {
		.serial = "FGT1",
		.conn_id = 7,
		.bound = 2 * OFTP_ITEM_RAW_MAX,
		.window = 4,
		.conn_timeout_us = 10 * S,
		.keepalive_us = 5 * S,
		.retry_us = 2 * S,
		.random = epochs,
		.sasl = &sasl,
	};

	if (start(state) != 0)
		return -1;
	client_free(c);
	exchanges = 0;
	sasl.certified = false;
	c = client_new(&cfg);
	return c ? 0 : -1;
}

static void asks(void)
{
	now = client_deadline(c) > now ? client_deadline(c) : now;
	assert_int_equal(client_tick(c, now), CLIENT_CONNECT);
	client_connected(c, now);
	heard(OFTP_LOGIN_REQUEST_LEGACY);
	assert_int_equal(said.sasl.len, 8);
	assert_memory_equal(said.sasl.at, "it is me", 8);
	assert_int_equal(said.n_streams, 1);
}

static enum client_wish challenge(const char *text)
{
	struct oftp_msg m = {.version = 1, .type = OFTP_AUTH_CHALLENGE, .tag = 1, .has = HAS(SASL)};

	m.sasl = (struct oftp_bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
	return tell(&m);
}

static enum client_wish login_reply(enum oftp_result result, const char *last)
{
	struct oftp_msg m = reply(result, stats().epoch, 0, NULL, OFTP_STREAM_GO_ON);

	if (last) {
		m.has |= HAS(SASL);
		m.sasl = (struct oftp_bytes){(const uint8_t *)last, (uint32_t)strlen(last)};
	}
	return tell(&m);
}

static void challenged_and_proven_it_logs(void **state)
{
	(void)state;
	add("one");
	asks();
	assert_int_equal(challenge("who is?"), CLIENT_NOTHING);
	heard(OFTP_AUTH_RESPONSE);
	assert_memory_equal(said.sasl.at, "still me", 8);
	assert_int_equal(login_reply(OFTP_ALLOWED, "right"), CLIENT_NOTHING);
	assert_int_equal(stats().state, CLIENT_OPEN);
	heard_item(1, "one");
	/* Each connection has an exchange of its own. */
	client_lost(c, now);
	asks();
	assert_int_equal(exchanges, 2);
}

static void proven_it_may_still_have_to_wait(void **state)
{
	(void)state;
	asks();
	challenge("who is?");
	heard(OFTP_AUTH_RESPONSE);
	assert_int_equal(login_reply(OFTP_PENDING, "right"), CLIENT_NOTHING);
	assert_int_equal(stats().state, CLIENT_PENDING);
}

/* Pending is an answer too: who gives it without a proof would let us in without one later. */
static void who_makes_it_wait_must_have_proven_himself(void **state)
{
	(void)state;
	add("one");
	asks();
	challenge("who is?");
	heard(OFTP_AUTH_RESPONSE);
	assert_int_equal(login_reply(OFTP_PENDING, NULL), CLIENT_DISCONNECT);
	assert_string_equal(stats().reason, "it does not prove that it knows the password");
	asks();
	challenge("who is?");
	heard(OFTP_AUTH_RESPONSE);
	assert_int_equal(login_reply(OFTP_PENDING, "wrong"), CLIENT_DISCONNECT);
	assert_int_equal(stats().confirm.items, 0);
}

static void who_does_not_know_the_password_is_left(void **state)
{
	(void)state;
	add("one");
	asks();
	challenge("who is?");
	heard(OFTP_AUTH_RESPONSE);
	assert_int_equal(login_reply(OFTP_ALLOWED, "wrong"), CLIENT_DISCONNECT);
	assert_string_equal(stats().reason, "it does not prove that it knows the password");
	asks();
	challenge("who is?");
	heard(OFTP_AUTH_RESPONSE);
	assert_int_equal(login_reply(OFTP_ALLOWED, NULL), CLIENT_DISCONNECT);
	asks();
	assert_int_equal(login_reply(OFTP_ALLOWED, "right"), CLIENT_DISCONNECT);
	asks();
	assert_int_equal(login_reply(OFTP_PENDING, NULL), CLIENT_DISCONNECT);
	assert_int_equal(stats().confirm.items, 0);
}

static void by_a_certificate_of_our_own_it_may_be_let_in_at_once(void **state)
{
	(void)state;
	sasl.certified = true;
	add("one");
	asks();
	assert_int_equal(login_reply(OFTP_ALLOWED, NULL), CLIENT_NOTHING);
	heard_item(1, "one");
	client_lost(c, now);
	/* But who has asked must prove himself. */
	asks();
	challenge("who is?");
	heard(OFTP_AUTH_RESPONSE);
	assert_int_equal(login_reply(OFTP_ALLOWED, NULL), CLIENT_DISCONNECT);
}

static void refused_it_says_so(void **state)
{
	(void)state;
	asks();
	challenge("who is?");
	heard(OFTP_AUTH_RESPONSE);
	assert_int_equal(login_reply(OFTP_REFUSED, "e=invalid-proof"), CLIENT_DISCONNECT);
	assert_true(client_server(c)->refused);
}

static void it_says(const char *reason, const char *text, const char *expected)
{
	struct oftp_msg m = reply(OFTP_REFUSED, stats().epoch, 0, NULL, OFTP_STREAM_GO_ON);
	char why[CLIENT_REASON];

	asks();
	challenge("who is?");
	heard(OFTP_AUTH_RESPONSE);
	m.has |= HAS(REASON);
	m.reason = (struct text){reason, (uint32_t)strlen(reason)};
	m.has &= ~HAS(STATUS_TEXT);
	if (text) {
		m.has |= HAS(STATUS_TEXT);
		m.status_text = (struct text){text, (uint32_t)strlen(text)};
	}
	assert_int_equal(tell(&m), CLIENT_DISCONNECT);
	client_reason(c, why, sizeof(why));
	assert_string_equal(why, expected);
}

static void a_refusal_is_said_in_words_with_its_detail(void **state)
{
	(void)state;
	it_says("denied", "Refused: by another name of its certificate",
		"denied: somebody has denied this device (by another name of its certificate)");
	it_says("denied", NULL, "denied: somebody has denied this device");
	it_says("denied", "Refused.", "denied: somebody has denied this device");
	/* Another server's words. */
	it_says("no_idea", "We are closed.", "no_idea (We are closed.)");
	/* What is our own word has no detail of the server's. */
	asks();
	assert_int_equal(login_reply(OFTP_ALLOWED, "right"), CLIENT_DISCONNECT);
	{
		char why[CLIENT_REASON];

		client_reason(c, why, sizeof(why));
		assert_string_equal(why, "it does not prove that it knows the password");
	}
}

static void a_challenge_out_of_turn_ends_it(void **state)
{
	(void)state;
	asks();
	assert_int_equal(challenge("what is?"), CLIENT_DISCONNECT);
	assert_string_equal(stats().reason, "its challenge cannot be answered");
	assert_false(client_server(c)->refused);
	asks();
	challenge("who is?");
	heard(OFTP_AUTH_RESPONSE);
	assert_int_equal(challenge("who is?"), CLIENT_DISCONNECT);
	asks();
	challenge("who is?");
	heard(OFTP_AUTH_RESPONSE);
	login_reply(OFTP_ALLOWED, "right");
	assert_int_equal(challenge("who is?"), CLIENT_DISCONNECT);
}

static void without_a_password_no_challenge_is_answered(void **state)
{
	(void)state;
	connects();
	assert_int_equal(challenge("who is?"), CLIENT_DISCONNECT);
}

#define legacy_test(f) cmocka_unit_test_setup_teardown(f, start_by_password, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		legacy_test(challenged_and_proven_it_logs),
		legacy_test(proven_it_may_still_have_to_wait),
		legacy_test(who_makes_it_wait_must_have_proven_himself),
		legacy_test(who_does_not_know_the_password_is_left),
		legacy_test(by_a_certificate_of_our_own_it_may_be_let_in_at_once),
		legacy_test(refused_it_says_so),
		legacy_test(a_refusal_is_said_in_words_with_its_detail),
		legacy_test(a_challenge_out_of_turn_ends_it),
		cmocka_unit_test_setup_teardown(
			without_a_password_no_challenge_is_answered, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
