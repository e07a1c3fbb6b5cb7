/* Handshakes that hold: versions, identities, SNI; what the peer is called; the trace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/tls/stage.h"
#include "tls/internal.h"

static void a_device_comes_in_by_each_version(void **state)
{
	static const struct {
		int version;
		const char *name, *signatures, *key;
	} v[] = {
		{TLS1_2_VERSION, "TLSv1.2", "ECDSA+SHA256", "EC"},
		{TLS1_2_VERSION, "TLSv1.2", "RSA+SHA256:RSA-PSS+SHA256:ECDSA+SHA384", "RSA"},
		{TLS1_3_VERSION, "TLSv1.3", "ECDSA+SHA256", "EC"},
		{TLS1_3_VERSION, "TLSv1.3", "RSA-PSS+SHA256:ECDSA+SHA384", "RSA"},
	};
	struct tls_set *set = world_set(&world);

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct pki_cert device =
			i & 1 ? pki_issue(&world.root,
					&(struct pki_options){.cn = WORLD_SERIAL, .rsa_bits = 2048})
			      : pki_issue(&world.root, &(struct pki_options){.cn = WORLD_SERIAL});

		/* An RSA key where the server's identity is to be RSA. */
		link_open(&wire, set,
			&(struct tls_client_options){.cert = &device,
				.min_version = v[i].version,
				.max_version = v[i].version,
				.signatures = v[i].signatures,
				.ciphers = i == 1 ? "ECDHE+aRSA" : NULL},
			false);
		assert_true(link_handshake(&wire));
		assert_true(tls_conn_verified(wire.server));
		assert_string_equal(tls_conn_version(wire.server), v[i].name);
		assert_string_equal(EVP_PKEY_get0_type_name(X509_get0_pubkey(
					    SSL_get0_peer_certificate(wire.client.ssl))),
			v[i].key);
		link_echo(&wire, 100000);
		tls_conn_close(wire.server);
		link_down(&wire);
		assert_int_equal(SSL_read(wire.client.ssl, &(char){0}, 1), 0);
		assert_int_equal(SSL_get_shutdown(wire.client.ssl), SSL_RECEIVED_SHUTDOWN);
		link_close(&wire);
		pki_free(&device);
	}
	tls_set_unref(set);
}

static void bytes_may_come_one_by_one_and_go_three_by_three(void **state)
{
	struct tls_set *set = world_set(&world);

	(void)state;
	link_open(&wire, set,
		&(struct tls_client_options){.cert = &world.device_of_sub, .via = &world.sub},
		false);
	wire.piece = 1;
	wire.room = 3;
	assert_true(link_handshake(&wire));
	link_echo(&wire, 40000);
	link_close(&wire);
	tls_set_unref(set);
}

static void a_flight_is_a_step(void **state)
{
	struct tls_set *set = world_set(&world);

	(void)state;
	link_open(&wire, set, &(struct tls_client_options){.cert = &world.device}, false);
	assert_true(link_handshake(&wire));
	assert_int_equal(wire.steps, 1); /* the client's second flight completes it */
	link_close(&wire);
	tls_set_unref(set);
}

/* What a flight costs goes by the keys that it takes. */
static void a_step_is_weighed_by_its_keys(void **state)
{
	static const struct {
		const char *signatures, *groups;
		unsigned weight;
	} v[] = {
		{"ECDSA+SHA256", "X25519", 1}, {"ECDSA+SHA256", "P-256", 1},
		{"ECDSA+SHA256", "P-521", 3}, {"ECDSA+SHA256", "P-384", 6},
		{"RSA-PSS+SHA256", "X25519", 2}, /* RSA-2048; its own key cannot sign so */
	};
	struct tls_set *set = world_set(&world);

	(void)state;
	for (unsigned i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct tls_client_options o = {.cert = &world.device,
			.signatures = v[i].signatures,
			.groups = v[i].groups};

		link_open(&wire, set, &o, false);
		tls_client_handshake(&wire.client);
		link_up(&wire);
		assert_int_equal(tls_conn_handshake(wire.server), TLS_AGAIN);
		assert_int_equal(tls_conn_weight(wire.server), v[i].weight);
		if (link_handshake(&wire)) /* it was signed once */
			assert_int_equal(tls_conn_weight(wire.server), 1);
		else
			assert_int_equal(v[i].weight, 2);
		link_close(&wire);
	}
	tls_set_unref(set);
}

static void the_peer_is_called_by_its_certificate(void **state)
{
	struct pki_cert device = pki_issue(&world.root,
		&(struct pki_options){.cn = WORLD_SERIAL,
			.o = "Site",
			.san = "DNS:fw1.example.org,email:fw1@example.org,DNS:second"});
	struct tls_set *set = world_set(&world);
	struct tls_peer peer;
	const char *name;

	(void)state;
	link_open(&wire, set, &(struct tls_client_options){.cert = &device, .sni = "logs"}, false);
	assert_true(link_handshake(&wire));
	tls_conn_peer(wire.server, &peer);
	assert_true(peer.certificate);
	assert_false(peer.resumed);
	assert_string_equal(peer.sni, "logs");
	assert_string_equal(peer.subject, "/C=US/O=Site/CN=" WORLD_SERIAL);
	assert_string_equal(peer.issuer, "/C=US/O=Works/CN=root");
	assert_string_equal(peer.cn, WORLD_SERIAL);
	assert_string_equal(peer.organization, "Site");
	assert_string_equal(peer.dns, "fw1.example.org");
	name = peer.names;
	assert_string_equal(name, WORLD_SERIAL);
	name += strlen(name) + 1;
	assert_string_equal(name, "fw1.example.org");
	name += strlen(name) + 1;
	assert_string_equal(name, "fw1@example.org");
	name += strlen(name) + 1;
	assert_string_equal(name, "second");
	name += strlen(name) + 1;
	assert_string_equal(name, "");
	assert_int_equal(strlen(peer.fingerprint), 64);
	assert_in_range(peer.not_after_s, time(NULL) + 863000, time(NULL) + 864000);
	link_close(&wire);
	tls_set_unref(set);
	pki_free(&device);
}

static void a_name_that_does_not_print_is_none(void **state)
{
	struct pki_cert device = pki_issue(
		&world.root, &(struct pki_options){.cn = "FGVM\n010000123456", .o = "a\nb"});
	struct tls_set *set = world_set(&world);
	struct tls_peer peer;

	(void)state;
	link_open(&wire, set, &(struct tls_client_options){.cert = &device}, false);
	assert_true(link_handshake(&wire));
	tls_conn_peer(wire.server, &peer);
	assert_string_equal(peer.cn, "");
	assert_string_equal(peer.names, "");
	assert_string_equal(peer.subject, "/C=US/O=a\\x0Ab/CN=FGVM\\x0A010000123456");
	link_close(&wire);
	tls_set_unref(set);
	pki_free(&device);
}

static void the_sni_chooses_identity_and_anchors(void **state)
{
	struct pki_cert second =
		pki_issue(&world.other_root, &(struct pki_options){.cn = "SECOND"});
	struct pki_cert theirs =
		pki_issue(&world.other_root, &(struct pki_options){.cn = WORLD_SERIAL});
	const struct pki_cert *v[] = {&second};
	char *pem = pki_pem(v, 1), *key = pki_key_pem(&second);
	struct world w = world;
	struct {
		const char *sni;
		const struct pki_cert *cert;
		unsigned context;
		bool in;
	} cases[] = {
		{"fortinet-ca2.fortinet.com", &theirs, 1, true},
		{"Fortinet-CA2.fortinet.com", &theirs, 1, true},
		{"fortinet-ca2.fortinet.com", &world.device, 1, false},
		{"fortinet-ca2.fortinet.co", &world.device, 0, true},
		{NULL, &world.device, 0, true},
		{NULL, &theirs, 0, false},
	};
	struct tls_set *set;
	struct tls_peer peer;

	(void)state;
	w.spec.contexts_count = 2;
	w.spec.contexts[1] = (struct tls_context_spec){.sni = "fortinet-ca2.fortinet.com",
		.identities_count = 1,
		.identities = {{pem, key}},
		.anchors_pem = world.other_root_pem};
	set = world_set(&w);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		link_open(&wire, set,
			&(struct tls_client_options){.cert = cases[i].cert, .sni = cases[i].sni},
			false);
		link_handshake(&wire);
		assert_int_equal(wire.status, cases[i].in ? TLS_OK : TLS_FAILED);
		assert_int_equal(tls_conn_context(wire.server), cases[i].context);
		tls_conn_peer(wire.server, &peer);
		assert_int_equal(peer.context, cases[i].context);
		link_close(&wire);
	}
	tls_set_unref(set);
	free(pem);
	free(key);
	pki_free(&second);
	pki_free(&theirs);
}

static void the_trace_speaks_as_the_reference_does(void **state)
{
	struct tls_set *set = world_set(&world);

	(void)state;
	link_open(&wire, set,
		&(struct tls_client_options){
			.cert = &world.device_of_sub, .via = &world.sub, .sni = "x.example"},
		true);
	assert_true(link_handshake(&wire));
	assert_string_equal(wire.trace,
		"SSL clienthello incoming\n"
		"-- SSL server got SNI: 'x.example', SSL_CTX located: default, idx=0\n"
		"VERIFY OK: depth=2, /C=US/O=Works/CN=root\n"
		"VERIFY OK: depth=1, /C=US/O=Works/CN=sub\n"
		"VERIFY OK: depth=0, /C=US/O=Site/CN=FGVM010000777777\n"
		"ssl verify peer cert\n"
		"Peer is using a certificate. ON=Site\n"
		"Peer cert info, CommonName(CN=FGVM010000777777).\n"
		"SSL_accept one client SUCCESS [ protocol : (772) TLS 1.3 ]\n");
	link_close(&wire);
	link_open(&wire, set, &(struct tls_client_options){0}, true);
	link_handshake(&wire);
	assert_string_equal(wire.trace, "SSL clienthello incoming\n"
					"dft-idx=0 inited=1.\n"
					"SSL accept failed. SSL_accept()=-1 SSL_get_error()=1: "
					"peer did not return a certificate\n");
	link_close(&wire);
	tls_set_unref(set);
}

static void nobody_renegotiates(void **state)
{
	struct tls_set *set = world_set(&world);
	size_t got;

	(void)state;
	link_open(&wire, set,
		&(struct tls_client_options){.cert = &world.device, .max_version = TLS1_2_VERSION},
		false);
	assert_true(link_handshake(&wire));
	assert_int_equal(SSL_renegotiate(wire.client.ssl), 1);
	tls_client_handshake(&wire.client);
	link_up(&wire);
	assert_true(wire.up.tail > 0);
	assert_int_not_equal(tls_conn_read(wire.server, (char[64]){0}, 64, &got), TLS_OK);
	link_down(&wire);
	assert_int_equal(tls_client_handshake(&wire.client), -1); /* no_renegotiation */
	link_close(&wire);
	tls_set_unref(set);
}

/* Its first share is of a group that we do not speak, so it is asked for another. */
static void a_hello_retry_request(void **state)
{
	struct tls_set *set = world_set(&world);

	(void)state;
	link_open(&wire, set, &(struct tls_client_options){.cert = &world.device}, false);
	assert_int_equal(SSL_set1_groups_list(wire.client.ssl, "ffdhe2048:P-256"), 1);
	tls_client_handshake(&wire.client);
	link_up(&wire);
	assert_int_equal(tls_conn_handshake(wire.server), TLS_AGAIN);
	assert_int_equal(tls_conn_weight(wire.server), 1); /* nothing was signed */
	assert_true(link_handshake(&wire));
	assert_int_equal(SSL_get_negotiated_group(wire.client.ssl), NID_X9_62_prime256v1);
	link_close(&wire);
	tls_set_unref(set);
}

/* RFC 8446 section 4.1.2: else the identity would be one context's, and the session another's. */
static void a_second_hello_asks_for_the_first_ones_name(void **state)
{
	static const struct {
		const char *first, *second;
		bool in;
	} cases[] = {
		{"second.example", "second.example", true},
		{"second.example", "Second.Example", true},
		{"second.example", "first.example", false},
		{"first.example", "second.example", false},
		{NULL, "second.example", false},
		{"second.example", NULL, false},
	};
	struct world w = world;
	struct tls_failure why;
	struct tls_set *set;

	(void)state;
	w.spec.contexts_count = 2;
	w.spec.contexts[1] = w.spec.contexts[0];
	w.spec.contexts[1].sni = "second.example";
	set = world_set(&w);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		link_open(&wire, set,
			&(struct tls_client_options){.cert = &world.device, .sni = cases[i].first},
			false);
		assert_int_equal(SSL_set1_groups_list(wire.client.ssl, "ffdhe2048:P-256"), 1);
		tls_client_handshake(&wire.client);
		link_up(&wire);
		assert_int_equal(tls_conn_handshake(wire.server), TLS_AGAIN);
		assert_int_equal(SSL_set_tlsext_host_name(wire.client.ssl, cases[i].second), 1);
		assert_int_equal(link_handshake(&wire), cases[i].in);
		assert_int_equal(wire.status, cases[i].in ? TLS_OK : TLS_FAILED);
		if (!cases[i].in) {
			tls_conn_failure(wire.server, &why);
			assert_int_equal(why.reason, REFUSAL_protocol_error);
			assert_non_null(strstr(why.detail, "another server name than before"));
			assert_int_equal(wire.client.alert, SSL_AD_ILLEGAL_PARAMETER);
		}
		link_close(&wire);
	}
	tls_set_unref(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hello_retry_request),
		cmocka_unit_test(a_second_hello_asks_for_the_first_ones_name),
		cmocka_unit_test(a_device_comes_in_by_each_version),
		cmocka_unit_test(bytes_may_come_one_by_one_and_go_three_by_three),
		cmocka_unit_test(a_flight_is_a_step),
		cmocka_unit_test(a_step_is_weighed_by_its_keys),
		cmocka_unit_test(the_peer_is_called_by_its_certificate),
		cmocka_unit_test(a_name_that_does_not_print_is_none),
		cmocka_unit_test(the_sni_chooses_identity_and_anchors),
		cmocka_unit_test(the_trace_speaks_as_the_reference_does),
		cmocka_unit_test(nobody_renegotiates),
	};

	return cmocka_run_group_tests(tests, stage_setup, stage_teardown);
}
