/* SCRAM-SHA-256-PLUS as a client speaks it, against the server's side of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tls/scram_client.h"
#include "tls/scram_login.h"

static const uint8_t binding[SCRAM_BINDING] = "what both sides know of this TLS";
static const uint8_t chance[SCRAM_NONCE] = "eighteen of these";
static struct scram_client client;
static struct scram_message challenge, final, last;

static int start(void **state)
{
	(void)state;
	return scram_client_first(&client, "fgt", chance) ? 0 : -1;
}

static struct scram_verifier verifier(uint32_t iterations)
{
	struct scram_verifier v;

	assert_int_equal(scram_verifier_make(&v, SCRAM_SHA_256, "correct horse",
				 (const uint8_t *)"saltsaltsalt", 12, iterations),
		0);
	return v;
}

static bool answers(const char *text)
{
	return scram_client_final(&client, text, strlen(text), "correct horse", binding, &final);
}

/* The client's own nonce, then `more`. */
static bool answers_behind_nonce(const char *more)
{
	char text[200];

	snprintf(text, sizeof(text), "r=%s%s", client.nonce, more);
	return answers(text);
}

static void both_sides_prove_that_they_know_the_password(void **state)
{
	const struct scram_verifier v = verifier(4096);
	char user[SCRAM_USER];

	(void)state;
	assert_true(scram_first_user(&client.first, user));
	assert_string_equal(user, "fgt");
	assert_int_equal(scram_challenge(&v, &client.first, &challenge), 0);
	assert_false(scram_client_proven(&client, "v=", 2));
	assert_true(scram_client_final(
		&client, challenge.at, challenge.len, "correct horse", binding, &final));
	assert_true(scram_final_right(&v, &client.first, &challenge, &final, binding, &last));
	assert_true(scram_client_proven(&client, last.at, last.len));
	/* One bit of the signature; a server that did not see the password. */
	last.at[5] ^= 1;
	assert_false(scram_client_proven(&client, last.at, last.len));
	assert_false(scram_client_proven(&client, "e=invalid-proof", 15));
	/* A challenge is answered once. */
	assert_false(scram_client_final(
		&client, challenge.at, challenge.len, "correct horse", binding, &final));
}

static void another_password_and_another_connection_are_found_out(void **state)
{
	const struct scram_verifier v = verifier(4096);
	static const uint8_t other[SCRAM_BINDING] = "what another connection knows";

	(void)state;
	assert_int_equal(scram_challenge(&v, &client.first, &challenge), 0);
	assert_true(scram_client_final(
		&client, challenge.at, challenge.len, "wrong horse", binding, &final));
	assert_false(scram_final_right(&v, &client.first, &challenge, &final, binding, &last));
	assert_string_equal(last.at, "e=invalid-proof");
	start(NULL);
	assert_int_equal(scram_challenge(&v, &client.first, &challenge), 0);
	assert_true(scram_client_final(
		&client, challenge.at, challenge.len, "correct horse", other, &final));
	assert_false(scram_final_right(&v, &client.first, &challenge, &final, binding, &last));
	assert_string_equal(last.at, "e=channel-bindings-dont-match");
}

static void names_are_escaped(void **state)
{
	char user[SCRAM_USER];

	(void)state;
	assert_true(scram_client_first(&client, "a,b=c", chance));
	assert_non_null(strstr(client.first.at, "n=a=2Cb=3Dc,r="));
	assert_true(scram_first_user(&client.first, user));
	assert_string_equal(user, "a,b=c");
	assert_false(scram_client_first(&client, "", chance));
	assert_false(scram_client_first(&client, "a\tb", chance));
	assert_false(scram_client_first(&client,
		"a name of more than sixty-three bytes, which no server would ever take", chance));
}

static void what_is_no_challenge_to_us_is_not_answered(void **state)
{
	(void)state;
	assert_false(answers(""));
	assert_false(answers("r=somebody else's nonce,s=c2FsdA==,i=4096"));
	assert_false(answers_behind_nonce(",s=c2FsdA==,i=4096")); /* nothing of its own */
	assert_false(answers_behind_nonce("more,i=4096"));
	assert_false(answers_behind_nonce("more,s=,i=4096"));
	assert_false(answers_behind_nonce("more,s=c2Fsd*==,i=4096"));
	assert_false(answers_behind_nonce("more,s=c2FsdA=,i=4096"));
	assert_false(answers_behind_nonce("more,s=c2FsdA==,i="));
	assert_false(answers_behind_nonce("more,s=c2FsdA==,i=4096x"));
	assert_false(answers_behind_nonce("more,m=c2FsdA==,s=c2FsdA==,i=4096"));
	assert_false(scram_client_final(&client, "r=\0", 3, "p", binding, &final));
	assert_true(answers_behind_nonce("more,s=c2FsdA==,i=4096"));
}

static void the_number_of_iterations_is_bounded_both_ways(void **state)
{
	(void)state;
	assert_false(answers_behind_nonce("more,s=c2FsdA==,i=4095"));
	assert_false(answers_behind_nonce("more,s=c2FsdA==,i=1000001"));
	assert_false(answers_behind_nonce("more,s=c2FsdA==,i=4294971392")); /* 2^32 + 4096 */
	assert_false(answers_behind_nonce("more,s=c2FsdA==,i=99999999999999999999999"));
	assert_false(answers_behind_nonce("more,s=c2FsdA==,i=-4096"));
}

static void an_extension_behind_it_is_part_of_what_is_proven(void **state)
{
	(void)state;
	assert_true(answers_behind_nonce("more,s=c2FsdA==,i=4096,x=new"));
	assert_int_equal(strncmp(final.at, "c=cD10bHMtZXhwb3J0ZXIsL", 22), 0);
	assert_non_null(strstr(final.at, ",p="));
}

static void a_nonce_that_fills_the_message_is_refused(void **state)
{
	char text[SCRAM_MESSAGE + 1];
	const int head = snprintf(text, sizeof(text), "r=%s", client.nonce);

	(void)state;
	memset(text + head, 'n', sizeof(text) - (size_t)head - 1);
	memcpy(text + sizeof(text) - 1 - 18, ",s=c2FsdA==,i=4096", 18);
	text[sizeof(text) - 1] = '\0';
	assert_false(answers(text));
}

#define scram_test(f) cmocka_unit_test_setup(f, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		scram_test(both_sides_prove_that_they_know_the_password),
		scram_test(another_password_and_another_connection_are_found_out),
		scram_test(names_are_escaped),
		scram_test(what_is_no_challenge_to_us_is_not_answered),
		scram_test(the_number_of_iterations_is_bounded_both_ways),
		scram_test(an_extension_behind_it_is_part_of_what_is_proven),
		scram_test(a_nonce_that_fills_the_message_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
