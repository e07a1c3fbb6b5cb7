/* Verifiers of passwords, against the examples of RFC 5802 section 5 and RFC 7677 section 3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/evp.h>

#include "tls/scram.h"

struct vector {
	enum scram_hash hash;
	const char *salt, *auth_message, *proof, *signature;
};

static const struct vector vectors[] = {
	{SCRAM_SHA_1, "QSXCR+Q6sek8bf92",
		"n=user,r=fyko+d2lbbFgONRv9qkxdawL,"
		"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096,"
		"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j",
		"v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", "rmF9pqV8S7suAoZWja4dJRkFsKQ="},
	{SCRAM_SHA_256, "W22ZaJ0SNY7soEsUEjb6gQ==",
		"n=user,r=rOprNGfwEbeRWgbNEkqO,"
		"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
		"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
		"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
		"dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
		"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
};

static unsigned base64(const char *text, uint8_t *out)
{
	size_t n = strlen(text);
	int len = EVP_DecodeBlock(out, (const unsigned char *)text, (int)n);

	assert_true(len > 0);
	return (unsigned)len - (text[n - 1] == '=') - (text[n - 2] == '=');
}

static void the_examples_of_the_rfcs_hold(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		const struct vector *t = &vectors[i];
		uint8_t salt[64], proof[64], want[64], got[64];
		unsigned salt_len = base64(t->salt, salt);
		struct scram_verifier v;

		base64(t->proof, proof);
		assert_int_equal(base64(t->signature, want), scram_size(t->hash));
		assert_int_equal(
			scram_verifier_make(&v, t->hash, "pencil", salt, salt_len, 4096), 0);
		assert_true(scram_proof_right(&v, t->auth_message, strlen(t->auth_message), proof));
		assert_int_equal(
			scram_server_signature(&v, t->auth_message, strlen(t->auth_message), got),
			0);
		assert_memory_equal(got, want, scram_size(t->hash));
		/* One bit of the proof, one byte of the message, another password. */
		proof[7] ^= 1;
		assert_false(
			scram_proof_right(&v, t->auth_message, strlen(t->auth_message), proof));
		proof[7] ^= 1;
		assert_false(
			scram_proof_right(&v, t->auth_message, strlen(t->auth_message) - 1, proof));
		assert_int_equal(
			scram_verifier_make(&v, t->hash, "pencil ", salt, salt_len, 4096), 0);
		assert_false(
			scram_proof_right(&v, t->auth_message, strlen(t->auth_message), proof));
	}
}

static void a_verifier_is_kept_as_text(void **state)
{
	struct scram_verifier v, back;
	char text[SCRAM_TEXT], again[SCRAM_TEXT];
	uint8_t salt[16];

	(void)state;
	base64(vectors[1].salt, salt);
	assert_int_equal(scram_verifier_make(&v, SCRAM_SHA_256, "pencil", salt, 16, 4096), 0);
	scram_verifier_format(&v, text);
	/* As PostgreSQL 14 stores this password with this salt. */
	assert_string_equal(text, "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
				  "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
				  "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
	assert_int_equal(scram_verifier_parse(&back, text), 0);
	assert_memory_equal(&back, &v, sizeof(v));
	/* A new one: another salt each time, and not the password. */
	assert_int_equal(scram_verifier_new("pencil-case", text), 0);
	assert_int_equal(scram_verifier_new("pencil-case", again), 0);
	assert_string_not_equal(text, again);
	assert_null(strstr(text, "pencil"));
	assert_int_equal(scram_verifier_parse(&back, text), 0);
	assert_int_equal(back.iterations, SCRAM_ITERATIONS);
}

static void what_is_no_verifier_is_refused(void **state)
{
	static const char *const bad[] = {"", "pencil", "SCRAM-SHA-256$",
		"SCRAM-SHA-256$4096:", "SCRAM-SHA-1$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d:wfPL",
		"SCRAM-SHA-256$0:W22ZaJ0SNY7soEsUEjb6gQ==$"
		"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
		"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
		"SCRAM-SHA-256$99999999999:W22ZaJ0SNY7soEsUEjb6gQ==$"
		"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
		"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
		"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
		"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=",
		"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d:"
		"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
		"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
		"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
		"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=$"};
	struct scram_verifier v;

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (scram_verifier_parse(&v, bad[i]) == 0)
			fail_msg("taken: %s", bad[i]);
}

static void a_password_must_be_the_same_for_every_client(void **state)
{
	char longest[SCRAM_MAX_PASSWORD + 2];

	(void)state;
	assert_null(scram_password_problem("12345678"));
	assert_non_null(scram_password_problem("1234567"));
	assert_non_null(scram_password_problem("p\xc3\xa4ssword-with"));
	assert_non_null(scram_password_problem("tab\tin the middle"));
	memset(longest, 'x', sizeof(longest));
	longest[SCRAM_MAX_PASSWORD + 1] = '\0';
	assert_non_null(scram_password_problem(longest));
	longest[SCRAM_MAX_PASSWORD] = '\0';
	assert_null(scram_password_problem(longest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_of_the_rfcs_hold),
		cmocka_unit_test(a_verifier_is_kept_as_text),
		cmocka_unit_test(what_is_no_verifier_is_refused),
		cmocka_unit_test(a_password_must_be_the_same_for_every_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
