/*
 * Contexts have fewer algorithms to look through than OpenSSL has: nothing that a peer may bring is
 * missing among them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/provider.h>

#include "tests/unit/tls/stage.h"
#include "tls/internal.h"

static void let_in(struct tls_set *set, const struct tls_client_options *o)
{
	link_open(&wire, set, o, false);
	assert_true(link_handshake(&wire));
	assert_true(tls_conn_verified(wire.server));
	link_echo(&wire, 20000);
	link_close(&wire);
}

/* Who may shake hands by certificate and curve. */
static void every_kind_of_key_is_read(void **state)
{
	static const struct pki_options kinds[] = {
		{.curve = "P-256"},
		{.curve = "P-384"},
		{.curve = "P-521"},
		{.rsa_bits = 2048},
		{.kind = "RSA-PSS"},
		{.kind = "ED25519"},
		{.kind = "ED448"},
	};
	struct tls_set *set = world_set(&world);

	(void)state;
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct pki_options o = kinds[i];
		struct pki_cert sub, device;

		o.cn = "kind";
		o.ca = true;
		sub = pki_issue(&world.root, &o);
		o.cn = WORLD_SERIAL;
		o.ca = false;
		device = pki_issue(&sub, &o);
		let_in(set, &(struct tls_client_options){.cert = &device, .via = &sub});
		let_in(set, &(struct tls_client_options){
				    .cert = &device, .via = &sub, .max_version = TLS1_2_VERSION});
		pki_free(&sub);
		pki_free(&device);
	}
	tls_set_unref(set);
}

static void every_group_is_agreed_on(void **state)
{
	static const char *const groups[] = {"X25519", "P-256", "P-384", "P-521"};
	struct tls_set *set = world_set(&world);

	(void)state;
	for (unsigned i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		let_in(set,
			&(struct tls_client_options){.cert = &world.device, .groups = groups[i]});
	tls_set_unref(set);
}

static void every_cipher_suite_is_there(void **state)
{
	static const char *const suites[] = {"ECDHE-ECDSA-AES128-GCM-SHA256",
		"ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305",
		"ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-RSA-AES128-SHA256",
		"AES128-SHA", "AES256-SHA", "AES128-SHA256", "AES256-SHA256", "AES128-GCM-SHA256",
		"AES256-GCM-SHA384"};
	struct world w = world;
	struct tls_set *set;

	(void)state;
	w.spec.algorithm = TLS_ALG_LOW;
	set = world_set(&w);
	for (unsigned i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		let_in(set, &(struct tls_client_options){.cert = &world.device,
				    .ciphers = suites[i],
				    .max_version = TLS1_2_VERSION});
	tls_set_unref(set);
}

static void it_is_used_where_it_is_worth_something(void **state)
{
	(void)state;
#if OPENSSL_VERSION_NUMBER < 0x30200000L
	assert_non_null(tls_library());
#else
	assert_null(tls_library());
#endif
}

/* Another process: `test_tls_library configured`. Who has chosen providers, FIPS say, has these. */
static int configured(void)
{
	OSSL_PROVIDER *one = OSSL_PROVIDER_load(NULL, "default");
	OSSL_PROVIDER *other = OSSL_PROVIDER_load(NULL, "null");
	bool done = one && other && !tls_library();

	OSSL_PROVIDER_unload(other);
	OSSL_PROVIDER_unload(one);
	return done ? 0 : 1;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_used_where_it_is_worth_something),
		cmocka_unit_test(every_kind_of_key_is_read),
		cmocka_unit_test(every_group_is_agreed_on),
		cmocka_unit_test(every_cipher_suite_is_there),
	};

	if (argc == 2 && strcmp(argv[1], "configured") == 0)
		return configured();
	return cmocka_run_group_tests(tests, stage_setup, stage_teardown);
}
