/* SCRAM-SHA-256-PLUS as a server sees it, message by message; and who judges logins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "tls/scram_login.h"

static const uint8_t binding[SCRAM_BINDING] = "what both sides know of this TLS";
static struct scram_verifier verifier;

static int make(void **state)
{
	(void)state;
	return scram_verifier_make(&verifier, SCRAM_SHA_256, "correct horse",
		(const uint8_t *)"saltsaltsalt", 12, 4096);
}

static void set(struct scram_message *m, const char *text)
{
	assert_true(scram_message_set(m, text, strlen(text)));
}

static void mac(const uint8_t *k, const void *data, size_t len, uint8_t *out)
{
	assert_non_null(HMAC(EVP_sha256(), k, 32, data, len, out, NULL));
}

/* What a client says at last; `password` and `bound` may be wrong ones. */
static void final_of(struct scram_message *to, const char *bare,
	const struct scram_message *challenge, const char *password, const uint8_t *bound)
{
	uint8_t head[16 + SCRAM_BINDING], salted[32], client[32], stored[32], signature[32];
	unsigned char c[80], proof[64];
	char without[512], message[2048];

	for (unsigned i = 0; i < 16; i++)
		head[i] = (uint8_t) "p=tls-exporter,,"[i];
	memcpy(head + 16, bound, SCRAM_BINDING);
	EVP_EncodeBlock(c, head, sizeof(head));
	snprintf(without, sizeof(without), "c=%s,%.*s", (char *)c, (int)strcspn(challenge->at, ","),
		challenge->at);
	snprintf(message, sizeof(message), "%s,%s,%s", bare, challenge->at, without);
	assert_int_equal(
		PKCS5_PBKDF2_HMAC(password, (int)strlen(password), (const uint8_t *)"saltsaltsalt",
			12, 4096, EVP_sha256(), 32, salted),
		1);
	mac(salted, "Client Key", 10, client);
	assert_int_equal(EVP_Digest(client, 32, stored, NULL, EVP_sha256(), NULL), 1);
	mac(stored, message, strlen(message), signature);
	for (unsigned i = 0; i < 32; i++)
		client[i] ^= signature[i];
	EVP_EncodeBlock(proof, client, 32);
	snprintf(message, sizeof(message), "%s,p=%s", without, (char *)proof);
	set(to, message);
}

static void the_right_password_is_right_and_the_server_proves_itself(void **state)
{
	struct scram_message first, challenge, final, last;
	char user[SCRAM_USER];

	(void)state;
	set(&first, "p=tls-exporter,,n=a=2Cb=3D,r=abc");
	assert_true(scram_first_user(&first, user));
	assert_string_equal(user, "a,b=");
	assert_int_equal(scram_challenge(&verifier, &first, &challenge), 0);
	assert_memory_equal(challenge.at, "r=abc", 5);
	final_of(&final, "n=a=2Cb=3D,r=abc", &challenge, "correct horse", binding);
	assert_true(scram_final_right(&verifier, &first, &challenge, &final, binding, &last));
	assert_memory_equal(last.at, "v=", 2);
	assert_int_equal(last.len, 46);
}

static void two_challenges_are_never_the_same(void **state)
{
	struct scram_message first, a, b;

	(void)state;
	set(&first, "p=tls-exporter,,n=u,r=abc");
	assert_int_equal(scram_challenge(&verifier, &first, &a), 0);
	assert_int_equal(scram_challenge(&verifier, &first, &b), 0);
	assert_string_not_equal(a.at, b.at);
}

static void whatever_is_wrong_is_refused_by_the_words_of_the_rfc(void **state)
{
	uint8_t other[SCRAM_BINDING] = "what somebody in between knows..";
	struct scram_message first, challenge, again, final, last;
	char *proof;

	(void)state;
	set(&first, "p=tls-exporter,,n=u,r=abc");
	assert_int_equal(scram_challenge(&verifier, &first, &challenge), 0);

	final_of(&final, "n=u,r=abc", &challenge, "wrong horse", binding);
	assert_false(scram_final_right(&verifier, &first, &challenge, &final, binding, &last));
	assert_string_equal(last.at, "e=invalid-proof");

	final_of(&final, "n=u,r=abc", &challenge, "correct horse", other);
	assert_false(scram_final_right(&verifier, &first, &challenge, &final, binding, &last));
	assert_string_equal(last.at, "e=channel-bindings-dont-match");

	/* An answer to another challenge. */
	assert_int_equal(scram_challenge(&verifier, &first, &again), 0);
	final_of(&final, "n=u,r=abc", &again, "correct horse", binding);
	assert_false(scram_final_right(&verifier, &first, &challenge, &final, binding, &last));
	assert_string_equal(last.at, "e=other-error");

	/* Behind the proof nothing may come; a short one is none. */
	final_of(&final, "n=u,r=abc", &challenge, "correct horse", binding);
	proof = strstr(final.at, ",p=");
	memcpy(proof, ",p=AAAA", 8);
	assert_false(scram_final_right(&verifier, &first, &challenge, &final, binding, &last));
	assert_string_equal(last.at, "e=invalid-proof");
}

static void other_mechanisms_and_broken_messages_are_none(void **state)
{
	static const char *const bad[] = {
		"",
		"n,,n=user,r=abc",		   /* no channel binding */
		"y,,n=user,r=abc",		   /* the client thinks that we have none */
		"p=tls-unique,,n=user,r=abc",	   /* another one */
		"p=tls-exporter,a=x,n=user,r=abc", /* for somebody else */
		"p=tls-exporter,,r=abc",
		"p=tls-exporter,,n=,r=abc",
		"p=tls-exporter,,n=user",
		"p=tls-exporter,,n=user,r=",
		"p=tls-exporter,,n=us=4Der,r=abc",
		"p=tls-exporter,,n=user=,r=abc",
		"p=tls-exporter,,m=ext,n=user,r=abc",
	};
	static const char *const final[] = {
		"", "c=", "c=biws", "r=abc", "c=biws,r=abc", "c=biws,r=abc,p=", ",,,", "p=AAAA"};
	struct scram_message first, challenge, m, last;
	char user[SCRAM_USER], big[SCRAM_MESSAGE + 1];

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		set(&m, bad[i]);
		assert_false(scram_first_user(&m, user));
		assert_int_equal(scram_challenge(&verifier, &m, &challenge), -1);
	}
	set(&first, "p=tls-exporter,,n=u,r=abc");
	assert_int_equal(scram_challenge(&verifier, &first, &challenge), 0);
	for (unsigned i = 0; i < sizeof(final) / sizeof(final[0]); i++) {
		set(&m, final[i]);
		assert_false(scram_final_right(&verifier, &first, &challenge, &m, binding, &last));
	}
	/* A name longer than any. */
	set(&m, "p=tls-exporter,,n=");
	memset(m.at + m.len, 'u', SCRAM_USER);
	memcpy(m.at + m.len + SCRAM_USER, ",r=abc", sizeof(",r=abc"));
	assert_false(scram_first_user(&m, user));
	memset(big, 'x', sizeof(big));
	assert_false(scram_message_set(&m, big, sizeof(big)));
	assert_false(scram_message_set(&m, "a\0b", 3));
}

static void a_key_is_right_or_not(void **state)
{
	(void)state;
	assert_true(scram_password_right(&verifier, "correct horse"));
	assert_false(scram_password_right(&verifier, "correct horsf"));
	assert_false(scram_password_right(&verifier, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_right_password_is_right_and_the_server_proves_itself),
		cmocka_unit_test(two_challenges_are_never_the_same),
		cmocka_unit_test(whatever_is_wrong_is_refused_by_the_words_of_the_rfc),
		cmocka_unit_test(other_mechanisms_and_broken_messages_are_none),
		cmocka_unit_test(a_key_is_right_or_not),
	};

	return cmocka_run_group_tests(tests, make, NULL);
}
