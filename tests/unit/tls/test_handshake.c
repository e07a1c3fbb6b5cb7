/* Handshakes that hold: versions, identities, SNI, tickets; what the peer is called; the trace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/tls/link.h"
#include "tests/unit/tls/world.h"
#include "tls/internal.h"

static struct world world;
static struct link link;

static int setup(void **state)
{
	(void)state;
	world_make(&world);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_free(&world);
	return 0;
}

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
		link_open(&link, set,
			&(struct tls_client_options){.cert = &device,
				.min_version = v[i].version,
				.max_version = v[i].version,
				.signatures = v[i].signatures,
				.ciphers = i == 1 ? "ECDHE+aRSA" : NULL},
			false);
		assert_true(link_handshake(&link));
		assert_true(tls_conn_verified(link.server));
		assert_string_equal(tls_conn_version(link.server), v[i].name);
		assert_string_equal(EVP_PKEY_get0_type_name(X509_get0_pubkey(
					    SSL_get0_peer_certificate(link.client.ssl))),
			v[i].key);
		link_echo(&link, 100000);
		tls_conn_close(link.server);
		link_down(&link);
		assert_int_equal(SSL_read(link.client.ssl, &(char){0}, 1), 0);
		assert_int_equal(SSL_get_shutdown(link.client.ssl), SSL_RECEIVED_SHUTDOWN);
		link_close(&link);
		pki_free(&device);
	}
	tls_set_unref(set);
}

static void bytes_may_come_one_by_one_and_go_three_by_three(void **state)
{
	struct tls_set *set = world_set(&world);

	(void)state;
	link_open(&link, set,
		&(struct tls_client_options){.cert = &world.device_of_sub, .via = &world.sub},
		false);
	link.piece = 1;
	link.room = 3;
	assert_true(link_handshake(&link));
	link_echo(&link, 40000);
	link_close(&link);
	tls_set_unref(set);
}

static void a_flight_is_a_step(void **state)
{
	struct tls_set *set = world_set(&world);

	(void)state;
	link_open(&link, set, &(struct tls_client_options){.cert = &world.device}, false);
	assert_true(link_handshake(&link));
	assert_int_equal(link.steps, 1); /* the client's second flight completes it */
	link_close(&link);
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

		link_open(&link, set, &o, false);
		tls_client_handshake(&link.client);
		link_up(&link);
		assert_int_equal(tls_conn_handshake(link.server), TLS_AGAIN);
		assert_int_equal(tls_conn_weight(link.server), v[i].weight);
		if (link_handshake(&link)) /* it was signed once */
			assert_int_equal(tls_conn_weight(link.server), 1);
		else
			assert_int_equal(v[i].weight, 2);
		link_close(&link);
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
	link_open(&link, set, &(struct tls_client_options){.cert = &device, .sni = "logs"}, false);
	assert_true(link_handshake(&link));
	tls_conn_peer(link.server, &peer);
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
	link_close(&link);
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
	link_open(&link, set, &(struct tls_client_options){.cert = &device}, false);
	assert_true(link_handshake(&link));
	tls_conn_peer(link.server, &peer);
	assert_string_equal(peer.cn, "");
	assert_string_equal(peer.names, "");
	assert_string_equal(peer.subject, "/C=US/O=a\\x0Ab/CN=FGVM\\x0A010000123456");
	link_close(&link);
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
		link_open(&link, set,
			&(struct tls_client_options){.cert = cases[i].cert, .sni = cases[i].sni},
			false);
		link_handshake(&link);
		assert_int_equal(link.status, cases[i].in ? TLS_OK : TLS_FAILED);
		assert_int_equal(tls_conn_context(link.server), cases[i].context);
		tls_conn_peer(link.server, &peer);
		assert_int_equal(peer.context, cases[i].context);
		link_close(&link);
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
	link_open(&link, set,
		&(struct tls_client_options){
			.cert = &world.device_of_sub, .via = &world.sub, .sni = "x.example"},
		true);
	assert_true(link_handshake(&link));
	assert_string_equal(link.trace,
		"SSL clienthello incoming\n"
		"-- SSL server got SNI: 'x.example', SSL_CTX located: default, idx=0\n"
		"VERIFY OK: depth=2, /C=US/O=Works/CN=root\n"
		"VERIFY OK: depth=1, /C=US/O=Works/CN=sub\n"
		"VERIFY OK: depth=0, /C=US/O=Site/CN=FGVM010000777777\n"
		"ssl verify peer cert\n"
		"Peer is using a certificate. ON=Site\n"
		"Peer cert info, CommonName(CN=FGVM010000777777).\n"
		"SSL_accept one client SUCCESS [ protocol : (772) TLS 1.3 ]\n");
	link_close(&link);
	link_open(&link, set, &(struct tls_client_options){0}, true);
	link_handshake(&link);
	assert_string_equal(link.trace, "SSL clienthello incoming\n"
					"dft-idx=0 inited=1.\n"
					"SSL accept failed. SSL_accept()=-1 SSL_get_error()=1: "
					"peer did not return a certificate\n");
	link_close(&link);
	tls_set_unref(set);
}

/* ---- tickets ---- */

static int64_t clock_s;

static int64_t test_now(void)
{
	return clock_s;
}

static SSL_SESSION *ticket_of(struct tls_set *set, int version, const struct pki_cert *cert)
{
	SSL_SESSION *ticket;

	link_open(&link, set,
		&(struct tls_client_options){
			.cert = cert, .min_version = version, .max_version = version},
		false);
	assert_true(link_handshake(&link));
	ticket = link.client.ticket;
	assert_non_null(ticket);
	link.client.ticket = NULL;
	link_close(&link);
	return ticket;
}

/* Comes back with the ticket. true: it was resumed; else it was let in without, or refused. */
static bool resumes(struct tls_set *set, SSL_SESSION *ticket, const struct pki_cert *cert)
{
	int version = SSL_SESSION_get_protocol_version(ticket);
	bool resumed;

	link_open(&link, set,
		&(struct tls_client_options){.cert = cert,
			.session = ticket,
			.min_version = version,
			.max_version = version},
		false);
	link_handshake(&link);
	resumed = link.status == TLS_OK && tls_conn_resumed(link.server);
	if (resumed) {
		struct tls_peer peer;

		tls_conn_peer(link.server, &peer);
		assert_true(tls_conn_verified(link.server));
		assert_true(peer.resumed);
		assert_string_equal(peer.cn, WORLD_SERIAL);
		link_echo(&link, 5000);
	}
	return resumed;
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static void a_ticket_saves_the_handshake_and_keeps_the_name(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct tls_set *set = world_set(&world);
		SSL_SESSION *ticket = ticket_of(set, versions[i], &world.device);

		assert_int_equal(SSL_SESSION_get_max_early_data(ticket), 0);
		assert_true(resumes(set, ticket, &world.device));
		link_close(&link);
		SSL_SESSION_free(ticket);
		tls_set_unref(set);
	}
}

/*
 * A ticket that is read and then not used: its suite has another hash than the only one that is
 * offered, so a full handshake follows, by somebody else or by nobody. No ticket is sealed in it.
 */
static void a_ticket_that_is_not_used_says_nothing_of_the_peer(void **state)
{
	const struct pki_cert *const others[] = {&world.device_of_sub, NULL};
	struct world w = world;
	struct tls_set *set;
	SSL_SESSION *ticket;

	(void)state;
	w.spec.require_certificate = false;
	set = world_set(&w);
	ticket = ticket_of(set, TLS1_3_VERSION, &world.device);
	assert_string_equal(
		SSL_CIPHER_get_name(SSL_SESSION_get0_cipher(ticket)), "TLS_AES_256_GCM_SHA384");
	for (unsigned i = 0; i < 2; i++) {
		struct tls_peer peer;

		link_open(&link, set,
			&(struct tls_client_options){.cert = others[i],
				.via = others[i] ? &world.sub : NULL,
				.session = ticket,
				.min_version = TLS1_3_VERSION,
				.max_version = TLS1_3_VERSION},
			false);
		assert_int_equal(
			SSL_set_ciphersuites(link.client.ssl, "TLS_AES_128_GCM_SHA256"), 1);
		SSL_set_num_tickets(link.server->ssl, 0);
		assert_int_equal(tls_client_handshake(&link.client), 0);
		link_up(&link);
		tls_conn_handshake(link.server);
		/* It was read, and the peer has shown nothing yet. */
		assert_int_equal(link.server->ticket_chain.anchored, 1);
		assert_int_equal(link.server->chain.anchored, 0);
		assert_true(link_handshake(&link));
		assert_false(tls_conn_resumed(link.server));
		assert_int_equal(tls_conn_verified(link.server), others[i] != NULL);
		/* The device's own has one certificate below the anchor, this one two. */
		assert_int_equal(link.server->chain.count, others[i] ? 2 : 0);
		tls_conn_peer(link.server, &peer);
		assert_string_equal(peer.cn, others[i] ? "FGVM010000777777" : "");
		assert_int_equal(strlen(peer.anchor) > 0, others[i] != NULL);
		link_close(&link);
	}
	SSL_SESSION_free(ticket);
	tls_set_unref(set);
}

static void a_ticket_of_another_generation_is_void(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct tls_set *set = world_set(&world), *next, *same;
		SSL_SESSION *ticket = ticket_of(set, versions[i], &world.device);
		struct world w = world;

		same = world_set(&w); /* another set, the same trust: e.g. a new identity */
		assert_true(resumes(same, ticket, &world.device));
		link_close(&link);
		w.spec.generation = 2;
		next = world_set(&w);
		assert_false(resumes(next, ticket, &world.device));
		assert_int_equal(link.status, TLS_OK);
		link_close(&link);
		w.spec.generation = 1;
		w.spec.ticket_secret[0]++;
		tls_set_unref(next);
		next = world_set(&w);
		assert_false(resumes(next, ticket, &world.device));
		assert_int_equal(link.status, TLS_OK);
		link_close(&link);
		SSL_SESSION_free(ticket);
		tls_set_unref(set);
		tls_set_unref(same);
		tls_set_unref(next);
	}
}

static void a_ticket_helps_nobody_who_was_revoked_since(void **state)
{
	const struct pki_cert *revoked[] = {&world.device};
	char *crl = pki_crl_pem(&world.root, revoked, 1);

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct tls_set *set = world_set(&world), *next;
		SSL_SESSION *ticket = ticket_of(set, versions[i], &world.device);
		struct world w = world;
		struct tls_failure f;

		w.spec.crls_pem = crl; /* and control forgot the generation */
		next = world_set(&w);
		assert_false(resumes(next, ticket, &world.device));
		assert_int_equal(link.status, TLS_FAILED);
		tls_conn_failure(link.server, &f);
		assert_int_equal(f.reason, REFUSAL_revoked);
		link_close(&link);
		SSL_SESSION_free(ticket);
		tls_set_unref(set);
		tls_set_unref(next);
	}
	free(crl);
}

static void a_ticket_does_not_outlive_its_certificate(void **state)
{
	struct pki_cert brief = pki_issue(
		&world.root, &(struct pki_options){.cn = WORLD_SERIAL, .lasting_s = 3600});
	struct world w = world;

	(void)state;
	w.spec.now_s = test_now;
	for (unsigned i = 0; i < 2; i++) {
		struct tls_set *set;
		SSL_SESSION *ticket;
		struct tls_failure f;

		clock_s = time(NULL);
		set = world_set(&w);
		ticket = ticket_of(set, versions[i], &brief);
		assert_true(resumes(set, ticket, &brief));
		link_close(&link);
		clock_s += 3700;
		assert_false(resumes(set, ticket, &brief));
		tls_conn_failure(link.server, &f);
		assert_int_equal(f.reason, REFUSAL_expired);
		link_close(&link);
		SSL_SESSION_free(ticket);
		tls_set_unref(set);
	}
	pki_free(&brief);
}

static void ticket_keys_rotate(void **state)
{
	struct world w = world;

	(void)state;
	w.spec.now_s = test_now;
	for (unsigned i = 0; i < 2; i++) {
		struct tls_set *set;
		SSL_SESSION *ticket;

		clock_s = (time(NULL) / TLS_TICKET_S + 1) * TLS_TICKET_S;
		set = world_set(&w);
		ticket = ticket_of(set, versions[i], &world.device);
		clock_s += TLS_TICKET_S; /* the next period: read by the old key */
		assert_true(resumes(set, ticket, &world.device));
		link_close(&link);
		clock_s += TLS_TICKET_S;
		assert_false(resumes(set, ticket, &world.device));
		assert_int_equal(link.status, TLS_OK);
		link_close(&link);
		SSL_SESSION_free(ticket);
		tls_set_unref(set);
	}
}

static void nobody_renegotiates(void **state)
{
	struct tls_set *set = world_set(&world);
	size_t got;

	(void)state;
	link_open(&link, set,
		&(struct tls_client_options){.cert = &world.device, .max_version = TLS1_2_VERSION},
		false);
	assert_true(link_handshake(&link));
	assert_int_equal(SSL_renegotiate(link.client.ssl), 1);
	tls_client_handshake(&link.client);
	link_up(&link);
	assert_true(link.up.tail > 0);
	assert_int_not_equal(tls_conn_read(link.server, (char[64]){0}, 64, &got), TLS_OK);
	link_down(&link);
	assert_int_equal(tls_client_handshake(&link.client), -1); /* no_renegotiation */
	link_close(&link);
	tls_set_unref(set);
}

/* ---- live replacement ---- */

static bool permitted(const struct world *w, enum refusal_reason *why)
{
	struct tls_set *now = world_set(w);
	bool yes = tls_conn_permitted(link.server, now, why);

	tls_set_unref(now);
	return yes;
}

static void an_established_connection_is_held_against_a_new_set(void **state)
{
	struct tls_set *set = world_set(&world);
	const struct pki_cert *by_root[] = {&world.sub}, *by_sub[] = {&world.device_of_sub},
			      *another[] = {&world.device};
	char *sub_revoked = pki_crl_pem(&world.root, by_root, 1),
	     *leaf_revoked = pki_crl_pem(&world.sub, by_sub, 1),
	     *other_revoked = pki_crl_pem(&world.root, another, 1);
	enum refusal_reason why;
	struct world w;

	(void)state;
	link_open(&link, set,
		&(struct tls_client_options){.cert = &world.device_of_sub,
			.via = &world.sub,
			.max_version = TLS1_2_VERSION},
		false);
	assert_true(link_handshake(&link));
	w = world;
	w.spec.generation++;
	assert_true(permitted(&w, &why));
	w.spec.crls_pem = other_revoked;
	assert_true(permitted(&w, &why));
	w.spec.crls_pem = leaf_revoked;
	assert_false(permitted(&w, &why));
	assert_int_equal(why, REFUSAL_revoked);
	w.spec.crls_pem = sub_revoked;
	assert_false(permitted(&w, &why));
	assert_int_equal(why, REFUSAL_revoked);
	w = world;
	w.spec.anchors_pem = world.other_root_pem;
	assert_false(permitted(&w, &why));
	assert_int_equal(why, REFUSAL_wrong_ca);
	w = world;
	w.spec.min_version = TLS_1_3;
	assert_false(permitted(&w, &why));
	assert_int_equal(why, REFUSAL_tls_version);
	link_close(&link);
	tls_set_unref(set);
	free(sub_revoked);
	free(leaf_revoked);
	free(other_revoked);
}

/* OpenSSL would look at the newest CRL of an authority's name alone, whoever signed it: a
 * stranger's would hide ours, which names the device. */
static void who_is_revoked_is_so_beside_a_newer_crl_of_another_hand(void **state)
{
	const struct pki_cert *named[] = {&world.device}, *other[] = {&world.server_ec};
	struct pki_cert impostor =
		pki_issue(NULL, &(struct pki_options){.cn = "root", .o = "Works", .ca = true});
	char *ours = pki_crl_pem(&world.root, named, 1),
	     *theirs = pki_crl_pem_newer(&impostor, other, 1), both[8192];
	struct world w = world;

	(void)state;
	snprintf(both, sizeof(both), "%s%s", ours, theirs);
	w.spec.crls_pem = both;
	for (unsigned i = 0; i < 2; i++) {
		struct tls_set *set = world_set(&w);
		enum refusal_reason why;
		struct tls_failure f;

		link_open(&link, set,
			&(struct tls_client_options){
				.cert = &world.device, .max_version = versions[i]},
			false);
		assert_false(link_handshake(&link));
		tls_conn_failure(link.server, &f);
		assert_int_equal(f.reason, REFUSAL_revoked);
		link_close(&link);
		/* And nobody else. */
		link_open(&link, set,
			&(struct tls_client_options){.cert = &world.device_of_sub,
				.via = &world.sub,
				.max_version = versions[i]},
			false);
		assert_true(link_handshake(&link));
		assert_true(tls_conn_permitted(link.server, set, &why));
		link_close(&link);
		tls_set_unref(set);
	}
	free(ours);
	free(theirs);
	pki_free(&impostor);
}

/* Sets are many while sessions last, and end on workers: of CRLs they hold what all of them share,
 * and OpenSSL none. */
static void sets_share_what_crls_revoke_and_openssl_has_none(void **state)
{
	const struct pki_cert *named[] = {&world.device_of_sub, &world.device, &world.sub};
	char *pem = pki_crl_pem(&world.root, named, 3), err[256];
	struct world w = world;
	struct tls_crls *crls = NULL;
	struct tls_set *v[2];
	struct tls_failure f;

	(void)state;
	assert_int_equal(tls_crls_new(pem, &crls, err, sizeof(err)), 0);
	w.spec.crls = crls;
	for (unsigned i = 0; i < 2; i++) {
		v[i] = world_set(&w);
		assert_ptr_equal(v[i]->crls, crls);
		for (unsigned k = 0; k < v[i]->contexts_count; k++) {
			STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(
				SSL_CTX_get_cert_store(v[i]->contexts[k].ctx));

			for (int n = 0; n < sk_X509_OBJECT_num(all); n++)
				assert_null(
					X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(all, n)));
		}
	}
	tls_crls_unref(crls);
	tls_set_unref(v[0]);
	/* They live as long as the last set. */
	link_open(&link, v[1], &(struct tls_client_options){.cert = &world.device}, false);
	assert_false(link_handshake(&link));
	tls_conn_failure(link.server, &f);
	assert_int_equal(f.reason, REFUSAL_revoked);
	link_close(&link);
	tls_set_unref(v[1]);
	free(pem);
	/* What is cut off is none at all. */
	assert_int_equal(
		tls_crls_new("-----BEGIN X509 CRL-----\nMIIB", &crls, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "CRLs"));
}

static void an_identity_that_is_wrong_is_refused_with_its_context(void **state)
{
	struct tls_set *set = NULL;
	char err[256];
	struct world w = world;

	(void)state;
	w.spec.contexts[0].identities[0].key_pem = world.server_rsa_key;
	assert_int_equal(tls_set_new(&w.spec, &set, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "tls context default"));
	assert_non_null(strstr(err, "not the certificate's"));
	w = world;
	w.spec.anchors_pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
	assert_int_equal(tls_set_new(&w.spec, &set, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "trust anchors"));
	w = world;
	w.spec.contexts[0].identities_count = 0;
	assert_int_equal(tls_set_new(&w.spec, &set, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "no identity"));
	assert_null(set);
}

/* Its first share is of a group that we do not speak, so it is asked for another. */
static void a_hello_retry_request(void **state)
{
	struct tls_set *set = world_set(&world);

	(void)state;
	link_open(&link, set, &(struct tls_client_options){.cert = &world.device}, false);
	assert_int_equal(SSL_set1_groups_list(link.client.ssl, "ffdhe2048:P-256"), 1);
	tls_client_handshake(&link.client);
	link_up(&link);
	assert_int_equal(tls_conn_handshake(link.server), TLS_AGAIN);
	assert_int_equal(tls_conn_weight(link.server), 1); /* nothing was signed */
	assert_true(link_handshake(&link));
	assert_int_equal(SSL_get_negotiated_group(link.client.ssl), NID_X9_62_prime256v1);
	link_close(&link);
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
		link_open(&link, set,
			&(struct tls_client_options){.cert = &world.device, .sni = cases[i].first},
			false);
		assert_int_equal(SSL_set1_groups_list(link.client.ssl, "ffdhe2048:P-256"), 1);
		tls_client_handshake(&link.client);
		link_up(&link);
		assert_int_equal(tls_conn_handshake(link.server), TLS_AGAIN);
		assert_int_equal(SSL_set_tlsext_host_name(link.client.ssl, cases[i].second), 1);
		assert_int_equal(link_handshake(&link), cases[i].in);
		assert_int_equal(link.status, cases[i].in ? TLS_OK : TLS_FAILED);
		if (!cases[i].in) {
			tls_conn_failure(link.server, &why);
			assert_int_equal(why.reason, REFUSAL_protocol_error);
			assert_non_null(strstr(why.detail, "another server name than before"));
			assert_int_equal(link.client.alert, SSL_AD_ILLEGAL_PARAMETER);
		}
		link_close(&link);
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
		cmocka_unit_test(a_ticket_saves_the_handshake_and_keeps_the_name),
		cmocka_unit_test(a_ticket_that_is_not_used_says_nothing_of_the_peer),
		cmocka_unit_test(a_ticket_of_another_generation_is_void),
		cmocka_unit_test(a_ticket_helps_nobody_who_was_revoked_since),
		cmocka_unit_test(a_ticket_does_not_outlive_its_certificate),
		cmocka_unit_test(ticket_keys_rotate),
		cmocka_unit_test(nobody_renegotiates),
		cmocka_unit_test(an_established_connection_is_held_against_a_new_set),
		cmocka_unit_test(who_is_revoked_is_so_beside_a_newer_crl_of_another_hand),
		cmocka_unit_test(sets_share_what_crls_revoke_and_openssl_has_none),
		cmocka_unit_test(an_identity_that_is_wrong_is_refused_with_its_context),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
