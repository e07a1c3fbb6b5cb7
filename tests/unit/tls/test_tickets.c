/* Tickets: what they save, and when they are void. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/tls/stage.h"
#include "tls/internal.h"

static int64_t clock_s;

static int64_t test_now(void)
{
	return clock_s;
}

static SSL_SESSION *ticket_of(struct tls_set *set, int version, const struct pki_cert *cert)
{
	SSL_SESSION *ticket;

	link_open(&wire, set,
		&(struct tls_client_options){
			.cert = cert, .min_version = version, .max_version = version},
		false);
	assert_true(link_handshake(&wire));
	ticket = wire.client.ticket;
	assert_non_null(ticket);
	wire.client.ticket = NULL;
	link_close(&wire);
	return ticket;
}

/* Comes back with the ticket. true: it was resumed; else it was let in without, or refused. */
static bool resumes(struct tls_set *set, SSL_SESSION *ticket, const struct pki_cert *cert)
{
	int version = SSL_SESSION_get_protocol_version(ticket);
	bool resumed;

	link_open(&wire, set,
		&(struct tls_client_options){.cert = cert,
			.session = ticket,
			.min_version = version,
			.max_version = version},
		false);
	link_handshake(&wire);
	resumed = wire.status == TLS_OK && tls_conn_resumed(wire.server);
	if (resumed) {
		struct tls_peer peer;

		tls_conn_peer(wire.server, &peer);
		assert_true(tls_conn_verified(wire.server));
		assert_true(peer.resumed);
		assert_string_equal(peer.cn, WORLD_SERIAL);
		link_echo(&wire, 5000);
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
		link_close(&wire);
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

		link_open(&wire, set,
			&(struct tls_client_options){.cert = others[i],
				.via = others[i] ? &world.sub : NULL,
				.session = ticket,
				.min_version = TLS1_3_VERSION,
				.max_version = TLS1_3_VERSION},
			false);
		assert_int_equal(
			SSL_set_ciphersuites(wire.client.ssl, "TLS_AES_128_GCM_SHA256"), 1);
		SSL_set_num_tickets(wire.server->ssl, 0);
		assert_int_equal(tls_client_handshake(&wire.client), 0);
		link_up(&wire);
		tls_conn_handshake(wire.server);
		/* It was read, and the peer has shown nothing yet. */
		assert_int_equal(wire.server->ticket_chain.anchored, 1);
		assert_int_equal(wire.server->chain.anchored, 0);
		assert_true(link_handshake(&wire));
		assert_false(tls_conn_resumed(wire.server));
		assert_int_equal(tls_conn_verified(wire.server), others[i] != NULL);
		/* The device's own has one certificate below the anchor, this one two. */
		assert_int_equal(wire.server->chain.count, others[i] ? 2 : 0);
		tls_conn_peer(wire.server, &peer);
		assert_string_equal(peer.cn, others[i] ? "FGVM010000777777" : "");
		assert_int_equal(strlen(peer.anchor) > 0, others[i] != NULL);
		link_close(&wire);
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
		link_close(&wire);
		w.spec.generation = 2;
		next = world_set(&w);
		assert_false(resumes(next, ticket, &world.device));
		assert_int_equal(wire.status, TLS_OK);
		link_close(&wire);
		w.spec.generation = 1;
		w.spec.ticket_secret[0]++;
		tls_set_unref(next);
		next = world_set(&w);
		assert_false(resumes(next, ticket, &world.device));
		assert_int_equal(wire.status, TLS_OK);
		link_close(&wire);
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
		assert_int_equal(wire.status, TLS_FAILED);
		tls_conn_failure(wire.server, &f);
		assert_int_equal(f.reason, REFUSAL_revoked);
		link_close(&wire);
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
		link_close(&wire);
		clock_s += 3700;
		assert_false(resumes(set, ticket, &brief));
		tls_conn_failure(wire.server, &f);
		assert_int_equal(f.reason, REFUSAL_expired);
		link_close(&wire);
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
		link_close(&wire);
		clock_s += TLS_TICKET_S;
		assert_false(resumes(set, ticket, &world.device));
		assert_int_equal(wire.status, TLS_OK);
		link_close(&wire);
		SSL_SESSION_free(ticket);
		tls_set_unref(set);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ticket_saves_the_handshake_and_keeps_the_name),
		cmocka_unit_test(a_ticket_that_is_not_used_says_nothing_of_the_peer),
		cmocka_unit_test(a_ticket_of_another_generation_is_void),
		cmocka_unit_test(a_ticket_helps_nobody_who_was_revoked_since),
		cmocka_unit_test(a_ticket_does_not_outlive_its_certificate),
		cmocka_unit_test(ticket_keys_rotate),
	};

	return cmocka_run_group_tests(tests, stage_setup, stage_teardown);
}
