/* Each reason for which TLS itself refuses, with a real certificate, the slug and the alert. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/x509v3.h>

#include "tests/unit/tls/refused.h"

static void refused_certificate(const struct pki_options *o, const struct pki_cert *issuer,
	enum refusal_reason reason, int alert)
{
	struct pki_cert cert = pki_issue(issuer, o);

	refused(&world, &(struct tls_client_options){.cert = &cert}, reason, alert, alert);
	pki_free(&cert);
}

static void no_certificate(void **state)
{
	(void)state;
	refused(&world, &(struct tls_client_options){0}, REFUSAL_no_certificate,
		SSL_AD_HANDSHAKE_FAILURE, SSL_AD_CERTIFICATE_REQUIRED);
}

static void wrong_ca(void **state)
{
	(void)state;
	refused_certificate(&(struct pki_options){.cn = WORLD_SERIAL}, &world.other_root,
		REFUSAL_wrong_ca, SSL_AD_UNKNOWN_CA);
	refused_certificate(&(struct pki_options){.cn = WORLD_SERIAL}, NULL, REFUSAL_wrong_ca,
		SSL_AD_UNKNOWN_CA);
}

static void a_ca_that_only_has_the_name_of_ours(void **state)
{
	struct pki_cert twin =
		pki_issue(NULL, &(struct pki_options){.cn = "root", .o = "Works", .ca = true});

	(void)state;
	refused_certificate(&(struct pki_options){.cn = WORLD_SERIAL}, &twin, REFUSAL_wrong_ca,
		SSL_AD_BAD_CERTIFICATE);
	pki_free(&twin);
}

static void missing_intermediate(void **state)
{
	(void)state;
	issued_by = ", issued by /C=US/O=Works/CN=sub";
	refused(&world, &(struct tls_client_options){.cert = &world.device_of_sub},
		REFUSAL_missing_intermediate, SSL_AD_UNKNOWN_CA, SSL_AD_UNKNOWN_CA);
	issued_by = NULL;
}

/* A device of an authority below our root, or of a stranger's, shown without that authority. */
static void alone(const struct pki_options *root, const struct pki_options *sub,
	enum refusal_reason reason, const char *issuer)
{
	struct pki_cert ours = pki_issue(NULL, root), below = pki_issue(&ours, sub);
	const struct pki_cert *anchors[] = {&ours};
	char *pem = pki_pem(anchors, 1);
	struct pki_cert device = pki_issue(&below, &(struct pki_options){.cn = WORLD_SERIAL});
	struct world w = world;

	w.spec.anchors_pem = pem;
	issued_by = issuer;
	refused(&w, &(struct tls_client_options){.cert = &device}, reason, SSL_AD_UNKNOWN_CA,
		SSL_AD_UNKNOWN_CA);
	issued_by = NULL;
	free(pem);
	pki_free(&device);
	pki_free(&below);
	pki_free(&ours);
}

/* As Microsoft's authorities are called. */
static void missing_intermediate_of_domain_components(void **state)
{
	(void)state;
	alone(&(struct pki_options){.dc = "corp", .cn = "corp-ROOT-CA", .ca = true},
		&(struct pki_options){.dc = "corp", .cn = "corp-SUB-CA", .ca = true},
		REFUSAL_missing_intermediate, ", issued by /DC=local/DC=corp/CN=corp-SUB-CA");
	alone(&(struct pki_options){.dc = "corp", .cn = "corp-ROOT-CA", .ca = true},
		&(struct pki_options){.dc = "others", .cn = "corp-SUB-CA", .ca = true},
		REFUSAL_wrong_ca, ", issued by /DC=local/DC=others/CN=corp-SUB-CA");
	alone(&(struct pki_options){.dc = "corp", .cn = "corp-ROOT-CA", .ca = true},
		&(struct pki_options){.dc = "corp", .o = "Others", .cn = "corp-SUB-CA", .ca = true},
		REFUSAL_wrong_ca, NULL);
}

/* A CN alone, or with a country, does not say to whom an authority belongs. */
static void names_that_name_nobody_are_another_ca(void **state)
{
	(void)state;
	alone(&(struct pki_options){.only_cn = true, .cn = "root", .ca = true},
		&(struct pki_options){.only_cn = true, .cn = "sub", .ca = true}, REFUSAL_wrong_ca,
		", issued by /CN=sub");
	alone(&(struct pki_options){.cn = "root", .ca = true},
		&(struct pki_options){.cn = "sub", .ca = true}, REFUSAL_wrong_ca,
		", issued by /C=US/CN=sub");
}

/* What a name says is compared to every anchor's: one of more entries than 32 is no CA's. */
static void a_name_of_too_many_entries_is_another_ca(void **state)
{
	(void)state;
	/* 2 DC, 29 OU, CN */
	alone(&(struct pki_options){.dc = "corp", .units = 29, .cn = "root", .ca = true},
		&(struct pki_options){.dc = "corp", .units = 29, .cn = "sub", .ca = true},
		REFUSAL_missing_intermediate, NULL);
	alone(&(struct pki_options){.dc = "corp", .units = 30, .cn = "root", .ca = true},
		&(struct pki_options){.dc = "corp", .units = 30, .cn = "sub", .ca = true},
		REFUSAL_wrong_ca, NULL);
}

/* Whoever shows the root of its chain says where that ends, whatever names the others have. */
static void the_root_that_is_shown_says_whose_chain_it_is(void **state)
{
	const struct pki_options ca = {.cn = "root", .o = "Works", .ca = true};
	struct pki_options kindred = ca, stranger = ca;
	struct pki_cert roots[2], sub, device;

	(void)state;
	kindred.cn = "another root";
	stranger.o = "Others";
	roots[0] = pki_issue(NULL, &kindred);
	roots[1] = pki_issue(NULL, &stranger);
	for (unsigned i = 0; i < 2; i++) {
		struct tls_client_options o = {.cert = &device, .root = &roots[i]};

		sub = pki_issue(
			&roots[i], &(struct pki_options){.cn = "sub", .o = "Works", .ca = true});
		device = pki_issue(&roots[i], &(struct pki_options){.cn = WORLD_SERIAL});
		/* All of it is there. */
		refused(&world, &o, REFUSAL_wrong_ca, SSL_AD_UNKNOWN_CA, SSL_AD_UNKNOWN_CA);
		pki_free(&device);
		device = pki_issue(&sub, &(struct pki_options){.cn = WORLD_SERIAL});
		o.via = &sub;
		refused(&world, &o, REFUSAL_wrong_ca, SSL_AD_UNKNOWN_CA, SSL_AD_UNKNOWN_CA);
		/* Something is missing, but of another authority. */
		o.via = NULL;
		refused(&world, &o, REFUSAL_wrong_ca, SSL_AD_UNKNOWN_CA, SSL_AD_UNKNOWN_CA);
		/* And here of ours, though it has no name of ours. */
		pki_free(&device);
		pki_free(&sub);
		sub = pki_issue(&world.root,
			&(struct pki_options){.cn = "sub", .o = "Some Site", .ca = true});
		device = pki_issue(&sub, &(struct pki_options){.cn = WORLD_SERIAL});
		o.root = &world.root;
		refused(&world, &o, REFUSAL_missing_intermediate, SSL_AD_UNKNOWN_CA,
			SSL_AD_UNKNOWN_CA);
		pki_free(&device);
		pki_free(&sub);
	}
	pki_free(&roots[0]);
	pki_free(&roots[1]);
}

static void expired(void **state)
{
	(void)state;
	refused_certificate(
		&(struct pki_options){.cn = WORLD_SERIAL, .from_s = -7200, .lasting_s = 3600},
		&world.root, REFUSAL_expired, SSL_AD_CERTIFICATE_EXPIRED);
}

static void not_yet_valid(void **state)
{
	(void)state;
	refused_certificate(&(struct pki_options){.cn = WORLD_SERIAL, .from_s = 3600}, &world.root,
		REFUSAL_not_yet_valid, SSL_AD_CERTIFICATE_EXPIRED);
}

static void no_client_auth_purpose(void **state)
{
	(void)state;
	refused_certificate(&(struct pki_options){.cn = WORLD_SERIAL, .eku = "serverAuth"},
		&world.root, REFUSAL_no_client_auth_purpose, SSL_AD_UNSUPPORTED_CERTIFICATE);
}

static void weak_certificate(void **state)
{
	(void)state;
	refused_certificate(&(struct pki_options){.cn = WORLD_SERIAL, .rsa_bits = 1024},
		&world.root, REFUSAL_weak_certificate, SSL_AD_BAD_CERTIFICATE);
	refused_certificate(&(struct pki_options){.cn = WORLD_SERIAL, .sha1 = true}, &world.root,
		REFUSAL_weak_certificate, SSL_AD_BAD_CERTIFICATE);
}

static void tls_version(void **state)
{
	struct world w = world;

	(void)state;
	w.spec.min_version = TLS_1_3;
	refused(&w,
		&(struct tls_client_options){.cert = &world.device, .max_version = TLS1_2_VERSION},
		REFUSAL_tls_version, SSL_AD_PROTOCOL_VERSION, SSL_AD_PROTOCOL_VERSION);
	refused(&world,
		&(struct tls_client_options){.cert = &world.device, .max_version = TLS1_1_VERSION},
		REFUSAL_tls_version, SSL_AD_PROTOCOL_VERSION, SSL_AD_PROTOCOL_VERSION);
}

static void no_shared_cipher(void **state)
{
	struct world w = world;

	(void)state;
	refused(&w,
		&(struct tls_client_options){.cert = &world.device,
			.max_version = TLS1_2_VERSION,
			.ciphers = "AES256-GCM-SHA384"},
		REFUSAL_no_shared_cipher, SSL_AD_HANDSHAKE_FAILURE, SSL_AD_HANDSHAKE_FAILURE);
	refused(&w,
		&(struct tls_client_options){.cert = &world.device,
			.max_version = TLS1_2_VERSION,
			.ciphers = "ECDHE-ECDSA-AES128-SHA256"},
		REFUSAL_no_shared_cipher, SSL_AD_HANDSHAKE_FAILURE, SSL_AD_HANDSHAKE_FAILURE);
}

/* One exchange with 8192 bits would hold everybody else up for 13 ms. */
static void no_key_exchange_over_finite_fields(void **state)
{
	(void)state;
	refused(&world,
		&(struct tls_client_options){
			.cert = &world.device, .groups = "ffdhe2048:ffdhe8192"},
		REFUSAL_no_shared_cipher, SSL_AD_HANDSHAKE_FAILURE, SSL_AD_HANDSHAKE_FAILURE);
}

static void enc_algorithm_widens_what_is_taken(void **state)
{
	static const struct {
		enum tls_algorithm algorithm;
		const char *ciphers;
		bool in;
	} v[] = {
		{TLS_ALG_HIGH, "ECDHE-ECDSA-CHACHA20-POLY1305", true},
		{TLS_ALG_HIGH, "ECDHE-RSA-AES256-SHA384", false},
		{TLS_ALG_MEDIUM, "ECDHE-RSA-AES256-SHA384", true},
		{TLS_ALG_MEDIUM, "AES128-GCM-SHA256", false},
		{TLS_ALG_LOW, "AES128-GCM-SHA256", true},
		{TLS_ALG_LOW, "AES256-SHA", true},
		{TLS_ALG_LOW, "NULL-SHA256", false},
	};
	struct world w = world;

	(void)state;
	for (unsigned i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct tls_set *set;

		w.spec.algorithm = v[i].algorithm;
		set = world_set(&w);
		link_open(&wire, set,
			&(struct tls_client_options){.cert = &world.device,
				.max_version = TLS1_2_VERSION,
				.ciphers = v[i].ciphers},
			false);
		assert_int_equal(link_handshake(&wire), v[i].in);
		link_close(&wire);
		tls_set_unref(set);
	}
}

static void protocol_error(void **state)
{
	static const uint8_t junk[] = {0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0xff};
	struct tls_set *set = world_set(&world);
	struct tls_failure f;

	(void)state;
	link_open(&wire, set, &(struct tls_client_options){0}, false);
	memcpy(wire.up.data, junk, sizeof(junk));
	wire.up.tail = sizeof(junk);
	assert_int_equal(tls_conn_handshake(wire.server), TLS_FAILED);
	assert_int_equal(tls_conn_handshake(wire.server), TLS_FAILED);
	tls_conn_failure(wire.server, &f);
	assert_int_equal(f.reason, REFUSAL_protocol_error);
	assert_memory_equal(wire.down.data, "\x15\x03", 2); /* an alert went out */
	link_close(&wire);
	tls_set_unref(set);
}

static void peer_gave_up(void **state)
{
	struct tls_set *set = world_set(&world);
	struct tls_failure f;

	(void)state;
	/* It does not like our certificate, and says so. */
	link_open(&wire, set, &(struct tls_client_options){.cert = &world.device}, false);
	SSL_set_verify(wire.client.ssl, SSL_VERIFY_PEER, NULL);
	assert_false(link_handshake(&wire));
	tls_conn_failure(wire.server, &f);
	assert_int_equal(f.reason, REFUSAL_peer_gave_up);
	assert_non_null(strstr(f.detail, "unknown ca"));
	link_close(&wire);

	/* It goes away in the middle. */
	link_open(&wire, set, &(struct tls_client_options){.cert = &world.device}, false);
	tls_client_handshake(&wire.client);
	link_up(&wire);
	assert_int_equal(tls_conn_handshake(wire.server), TLS_AGAIN);
	wire.fin = true;
	assert_int_equal(tls_conn_handshake(wire.server), TLS_FAILED);
	tls_conn_failure(wire.server, &f);
	assert_int_equal(f.reason, REFUSAL_peer_gave_up);
	link_close(&wire);
	tls_set_unref(set);
}

static void a_certificate_that_is_optional_is_checked_all_the_same(void **state)
{
	struct pki_cert theirs =
		pki_issue(&world.other_root, &(struct pki_options){.cn = WORLD_SERIAL});
	struct world w = world;
	struct tls_set *set;

	(void)state;
	w.spec.require_certificate = false;
	set = world_set(&w);
	link_open(&wire, set, &(struct tls_client_options){0}, false);
	assert_true(link_handshake(&wire));
	assert_false(tls_conn_verified(wire.server));
	link_close(&wire);
	tls_set_unref(set);
	refused(&w, &(struct tls_client_options){.cert = &theirs}, REFUSAL_wrong_ca,
		SSL_AD_UNKNOWN_CA, SSL_AD_UNKNOWN_CA);
	pki_free(&theirs);
}

static void a_refused_certificate_can_be_named(void **state)
{
	struct tls_set *set = world_set(&world);
	struct tls_peer peer;

	(void)state;
	link_open(&wire, set, &(struct tls_client_options){.cert = &world.device_of_sub}, false);
	assert_false(link_handshake(&wire));
	tls_conn_peer(wire.server, &peer);
	assert_true(peer.certificate);
	assert_string_equal(peer.cn, "FGVM010000777777");
	assert_false(tls_conn_verified(wire.server));
	link_close(&wire);
	tls_set_unref(set);
}

static void what_yields_no_plaintext_takes_turns(void **state)
{
	struct tls_set *set = world_set(&world);
	struct tls_failure failure;
	enum tls_status status;
	unsigned turns = 0;
	size_t got;

	(void)state;
	link_open(&wire, set, &(struct tls_client_options){.cert = &world.device}, false);
	assert_true(link_handshake(&wire));
	/* Key updates without end: none of them is a log, each costs. */
	for (unsigned i = 0; i < 6000; i++) {
		assert_int_equal(SSL_key_update(wire.client.ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		assert_int_equal(SSL_do_handshake(wire.client.ssl), 1);
	}
	link_up(&wire);
	assert_true(wire.up.tail > 100000);
	while ((status = tls_conn_read(wire.server, (char[64]){0}, 64, &got)) == TLS_AGAIN)
		turns++;
	/* It gets a turn for them, and not another one. */
	assert_int_equal(turns, 1);
	assert_int_equal(status, TLS_FAILED);
	assert_true(wire.up.tail - wire.up.head > 50000);
	tls_conn_failure(wire.server, &failure);
	assert_int_equal(failure.reason, REFUSAL_protocol_error);
	link_close(&wire);
	tls_set_unref(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_certificate),
		cmocka_unit_test(wrong_ca),
		cmocka_unit_test(a_ca_that_only_has_the_name_of_ours),
		cmocka_unit_test(missing_intermediate),
		cmocka_unit_test(missing_intermediate_of_domain_components),
		cmocka_unit_test(a_name_of_too_many_entries_is_another_ca),
		cmocka_unit_test(names_that_name_nobody_are_another_ca),
		cmocka_unit_test(the_root_that_is_shown_says_whose_chain_it_is),
		cmocka_unit_test(expired),
		cmocka_unit_test(not_yet_valid),
		cmocka_unit_test(no_client_auth_purpose),
		cmocka_unit_test(weak_certificate),
		cmocka_unit_test(tls_version),
		cmocka_unit_test(no_shared_cipher),
		cmocka_unit_test(no_key_exchange_over_finite_fields),
		cmocka_unit_test(enc_algorithm_widens_what_is_taken),
		cmocka_unit_test(protocol_error),
		cmocka_unit_test(peer_gave_up),
		cmocka_unit_test(a_certificate_that_is_optional_is_checked_all_the_same),
		cmocka_unit_test(a_refused_certificate_can_be_named),
		cmocka_unit_test(what_yields_no_plaintext_takes_turns),
	};

	return cmocka_run_group_tests(tests, stage_setup, stage_teardown);
}
