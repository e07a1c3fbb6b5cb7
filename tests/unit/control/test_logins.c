/* Logins by user and password as control judges them, from the first message to the last. */
#include <stdio.h>
#include <string.h>

#include "control/logins.h"
#include "control/registry_trust.h"
#include "tests/unit/control/harness.h"
#include "tls/scram_client.h"

#define SERIAL	 "FGT60F0000000001"
#define PASSWORD "correct horse"

static const uint8_t binding[SCRAM_BINDING] = "what both sides know of this TLS";
static struct harness *h;

static int setup(void **state)
{
	int rc = harness_setup(state);

	h = *state;
	json_decref(
		harness_result(h, "user.add", "{\"user\":\"fw\",\"password\":\"" PASSWORD "\"}"));
	return rc;
}

/* One exchange; `g` is what control said last. */
struct exchange {
	struct scram_client client;
	struct login_text challenge;
	struct login *g;
};

static void ask(struct exchange *x, enum login_kind kind, const struct scram_message *final)
{
	const uint8_t four[] = {192, 0, 2, 1};
	struct login *g = login_new(0);

	assert_non_null(g);
	g->kind = (uint8_t)kind;
	g->addr = ip_addr_v4(four);
	snprintf(g->serial, sizeof(g->serial), "%s", SERIAL);
	g->first.len = (uint16_t)x->client.first.len;
	memcpy(g->first.at, x->client.first.at, x->client.first.len);
	g->challenge = x->challenge;
	if (final) {
		g->final.len = (uint16_t) final->len;
		memcpy(g->final.at, final->at, final->len);
		memcpy(g->binding, binding, sizeof(g->binding));
		g->bound = true;
	}
	h->dp->judge(h->dp->judge_ctx, g);
	x->g = h->dp->answered;
	assert_ptr_equal(x->g, g);
	h->dp->answered = g->next;
}

static void begin(struct exchange *x, const char *user)
{
	memset(x, 0, sizeof(*x));
	assert_true(scram_client_first(&x->client, user, (const uint8_t *)"eighteen bytes...."));
	ask(x, LOGIN_SASL, NULL);
	assert_true(x->g->granted);
	x->challenge = x->g->challenge;
	login_free(x->g);
}

static void prove(struct exchange *x, const char *password)
{
	struct scram_message final;

	assert_true(scram_client_final(
		&x->client, x->challenge.at, x->challenge.len, password, binding, &final));
	ask(x, LOGIN_PROOF, &final);
}

/* The end of it. */
static void expect_refused(struct exchange *x, enum refusal_reason why, const char *last)
{
	assert_false(x->g->granted);
	assert_string_equal(refusal_reason_slug(x->g->reason), refusal_reason_slug(why));
	assert_int_equal(x->g->challenge.len, strlen(last));
	assert_memory_equal(x->g->challenge.at, last, strlen(last));
	login_free(x->g);
}

static void take_number(void *ctx, const struct user_row *row)
{
	*(uint64_t *)ctx = logins_number(h->c, row->verifier);
}

static void who_knows_the_password_has_its_number(void **state)
{
	uint64_t number = 0;
	struct exchange x;

	(void)state;
	assert_int_equal(registry_users(h->c->registry, take_number, &number), REGISTRY_OK);
	begin(&x, "fw");
	prove(&x, PASSWORD);
	assert_true(x.g->granted);
	assert_true(scram_client_proven(&x.client, x.g->challenge.at, x.g->challenge.len));
	assert_true(number != 0);
	assert_true(x.g->password == number);
	/* By which lcores know that it stands, until it is another. */
	assert_true(auth_password_stands(h->dp->policy.auth, x.g->password));
	json_decref(
		harness_result(h, "user.add", "{\"user\":\"fw\",\"password\":\"battery staple\"}"));
	assert_false(auth_password_stands(h->dp->policy.auth, x.g->password));
	login_free(x.g);
}

static void who_does_not_is_told_so_by_the_words_of_the_rfc(void **state)
{
	struct exchange x;

	(void)state;
	begin(&x, "fw");
	prove(&x, "wrong horse");
	expect_refused(&x, REFUSAL_bad_password, "e=invalid-proof");
	begin(&x, "nobody");
	prove(&x, PASSWORD);
	expect_refused(&x, REFUSAL_bad_password, "e=invalid-proof");
}

/* Not by the challenge, which is no last word. */
static void what_is_no_proof_is_refused_without_a_word_of_scram(void **state)
{
	const struct scram_message none = {.len = 3, .at = "a\0b"};
	struct exchange x;

	(void)state;
	begin(&x, "fw");
	ask(&x, LOGIN_PROOF, &none);
	expect_refused(&x, REFUSAL_bad_password, "");
	ask(&x, LOGIN_PROOF, NULL); /* TLS has no channel binding */
	expect_refused(&x, REFUSAL_bad_password, "");
}

/* Nor does the challenge tell it from another serial. */
static void that_a_serial_has_a_certificate_is_told_after_the_proof(void **state)
{
	struct exchange x;

	(void)state;
	json_decref(harness_result(h, "device.authorize", "{\"device\":\"" SERIAL "\"}"));
	devices_find(&h->c->devices, SERIAL)->certified = true;
	begin(&x, "fw");
	prove(&x, "wrong horse");
	expect_refused(&x, REFUSAL_bad_password, "e=invalid-proof");
	begin(&x, "fw");
	prove(&x, PASSWORD);
	assert_string_equal(x.g->detail, AUTH_CERTIFIED);
	expect_refused(&x, REFUSAL_legacy_disabled, "");
}

/* What stands behind the nonce, which is another each time. */
static void salt_of(const char *user, char salt[LOGIN_SASL_MAX + 1])
{
	struct exchange x;

	begin(&x, user);
	snprintf(salt, LOGIN_SASL_MAX + 1, "%.*s", x.challenge.len, x.challenge.at);
	assert_non_null(strstr(salt, ",s="));
	memmove(salt, strstr(salt, ",s="), strlen(strstr(salt, ",s=")) + 1);
}

static void users_that_do_not_exist_look_like_others_whatever_happens(void **state)
{
	static const char *const users[] = {"fw", "nobody", "somebody"};
	char before[3][LOGIN_SASL_MAX + 1], after[LOGIN_SASL_MAX + 1];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		salt_of(users[i], before[i]);
	assert_int_equal(strlen(before[0]), strlen(before[1]));
	assert_string_not_equal(before[1], before[2]);
	for (unsigned restarted = 0; restarted < 2; restarted++) {
		for (unsigned i = 0; i < 3; i++) {
			salt_of(users[i], after);
			assert_string_equal(after, before[i]);
		}
		/* A denial makes tickets void. */
		json_decref(harness_result(h, "device.authorize", "{\"device\":\"" SERIAL "\"}"));
		json_decref(harness_result(h, "device.deny", "{\"device\":\"" SERIAL "\"}"));
		for (unsigned i = 0; i < 3; i++) {
			salt_of(users[i], after);
			assert_string_equal(after, before[i]);
		}
		harness_stop(h);
		harness_start(h);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, harness_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(who_knows_the_password_has_its_number),
		T(who_does_not_is_told_so_by_the_words_of_the_rfc),
		T(what_is_no_proof_is_refused_without_a_word_of_scram),
		T(that_a_serial_has_a_certificate_is_told_after_the_proof),
		T(users_that_do_not_exist_look_like_others_whatever_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
