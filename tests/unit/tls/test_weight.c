/*
 * What steps of a handshake weigh, whatever they end in: nobody gets work done that no round pays
 * for, by breaking off after it, or by leaving out the message that would answer for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tls/link.h"
#include "tests/unit/tls/world.h"

#define LARGE 17u /* a step with a signature by RSA-4096 */

static struct world world;
static struct pki_cert large, root384, sub384, device384;
static char *large_pem, *large_key, *root384_pem;
static struct link link;

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static int setup(void **state)
{
	const struct pki_cert *v[1];

	(void)state;
	world_make(&world);
	large = pki_issue(&world.root, &(struct pki_options){.cn = "large", .rsa_bits = 4096});
	root384 = pki_issue(NULL,
		&(struct pki_options){.cn = "root", .o = "384", .ca = true, .curve = "P-384"});
	sub384 = pki_issue(&root384,
		&(struct pki_options){.cn = "sub", .o = "384", .ca = true, .curve = "P-384"});
	device384 = pki_issue(&sub384, &(struct pki_options){.cn = WORLD_SERIAL, .curve = "P-384"});
	v[0] = &large;
	large_pem = pki_pem(v, 1);
	large_key = pki_key_pem(&large);
	v[0] = &root384;
	root384_pem = pki_pem(v, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_free(&world);
	pki_free(&large);
	pki_free(&root384);
	pki_free(&sub384);
	pki_free(&device384);
	free(large_pem);
	free(large_key);
	free(root384_pem);
	return 0;
}

/* Ours is RSA-4096, theirs are P-384. */
static struct tls_set *dear_set(void)
{
	struct world w = world;

	w.spec.contexts[0].identities[0] = (struct tls_identity){large_pem, large_key};
	w.spec.contexts[0].identities_count = 1;
	w.spec.anchors_pem = root384_pem;
	return world_set(&w);
}

static unsigned step(enum tls_status status)
{
	assert_int_equal(tls_conn_handshake(link.server), status);
	return tls_conn_weight(link.server);
}

static void open_by(struct tls_set *set, int version, struct tls_client_options o)
{
	o.min_version = o.max_version = version;
	link_open(&link, set, &o, false);
	assert_int_equal(tls_client_handshake(&link.client), 0);
	link_up(&link);
}

static void put(const void *data, uint32_t len)
{
	memcpy(link.up.data + link.up.tail, data, len);
	link.up.tail += len;
}

/* The client answers the server's flight. */
static void answer(void)
{
	link_down(&link);
	assert_in_range(tls_client_handshake(&link.client), 0, 1);
	link_up(&link);
}

static void a_hello_with_a_bad_record_behind_it_costs_the_signature(void **state)
{
	struct tls_set *set = dear_set();

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		open_by(set, versions[i], (struct tls_client_options){.cert = &device384});
		put("\x17\x03\x03\x00\x05hello", 10);
		assert_int_equal(step(TLS_FAILED), LARGE);
		assert_int_equal(tls_conn_handshake(link.server), TLS_FAILED);
		link_close(&link);
	}
	tls_set_unref(set);
}

static void a_refused_hello_costs_no_more_than_a_turn(void **state)
{
	struct tls_set *set = dear_set();

	(void)state;
	open_by(set, TLS1_2_VERSION,
		(struct tls_client_options){.cert = &device384, .ciphers = "AES128-SHA"});
	assert_int_equal(step(TLS_FAILED), 1);
	link_close(&link);
	tls_set_unref(set);
}

/* Certificate without CertificateVerify: the chain is verified, and then the peer is waited for. */
static void a_chain_without_its_proof_is_weighed(void **state)
{
	struct tls_set *set = dear_set();

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		bool tls13 = versions[i] == TLS1_3_VERSION;

		open_by(set, versions[i],
			(struct tls_client_options){.cert = &device384, .via = &sub384});
		assert_int_equal(step(TLS_AGAIN), LARGE);
		answer();
		link_cut(&link, tls13 ? 2 : 1); /* change_cipher_spec, Certificate */
		/* A turn, two certificates, whose signatures are of P-384. */
		assert_int_equal(step(TLS_WAIT), 1 + 1 + 2 * 3);
		/* And once. */
		assert_int_equal(step(TLS_WAIT), 0);
		link_close(&link);
	}
	tls_set_unref(set);
}

static void a_chain_is_looked_at_with_its_crls(void **state)
{
	struct world w = world;
	struct tls_set *set;
	char *crl = pki_crl_pem(&root384, (const struct pki_cert *[]){&large}, 1);

	(void)state;
	w.spec.anchors_pem = root384_pem;
	w.spec.crls_pem = crl;
	set = world_set(&w);
	open_by(set, TLS1_3_VERSION,
		(struct tls_client_options){.cert = &device384, .via = &sub384});
	assert_int_equal(step(TLS_AGAIN), 1);
	answer();
	/* Whose signatures are the import's affair, not the handshake's. */
	assert_int_equal(step(TLS_OK), 1 + 1 + 2 * 3 + 3);
	link_close(&link);
	tls_set_unref(set);
	free(crl);
}

/* In TLS 1.2 the messages come one by one, and each costs what it asks for. */
static void each_message_costs_its_own(void **state)
{
	struct tls_set *set = dear_set();
	unsigned char all[65536];
	uint32_t len;

	(void)state;
	open_by(set, TLS1_2_VERSION,
		(struct tls_client_options){.cert = &device384, .via = &sub384, .groups = "P-384"});
	assert_int_equal(step(TLS_AGAIN), LARGE + 3); /* half of the exchange */
	answer();
	len = link.up.tail;
	memcpy(all, link.up.data, len);
	for (unsigned i = 0, at = 0; at < len; i++) {
		static const unsigned weights[] = {1 + 1 + 6, 1 + 2, 1 + 3, 0, 1};
		uint32_t n = 5 + ((uint32_t)all[at + 3] << 8 | all[at + 4]);

		assert_true(i < 5); /* Certificate, key exchange, proof, change, Finished */
		put(all + at, i == 0 ? 0 : n);
		if (i == 0)
			link_cut(&link, 1);
		assert_int_equal(step(at + n < len ? TLS_WAIT : TLS_OK), weights[i]);
		at += n;
	}
	link_close(&link);
	tls_set_unref(set);
}

/* OpenSSL makes objects of all that is shown, before it looks at the first. */
static void certificates_that_belong_to_nothing_are_weighed_and_bounded(void **state)
{
	struct pki_cert other = pki_issue(NULL, &(struct pki_options){.cn = "x"});
	struct tls_set *set = world_set(&world);
	uint32_t size = (uint32_t)i2d_X509(other.cert, NULL);
	const unsigned shown = 20;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		/* A few, and then more than are taken at all: 16 KiB of them. */
		unsigned n = i < 2 ? shown : 16384 / size + 1;

		open_by(set, versions[i % 2], (struct tls_client_options){.cert = &world.device});
		for (unsigned k = 1; k < n; k++)
			assert_int_equal(SSL_add1_chain_cert(link.client.ssl, other.cert), 1);
		step(TLS_AGAIN);
		answer();
		if (i < 2)
			assert_int_equal(step(TLS_OK), 1 + shown / 2);
		else
			assert_int_equal(step(TLS_FAILED), 1);
		link_close(&link);
	}
	tls_set_unref(set);
	pki_free(&other);
}

/* Decrypting the client's secret is what signing would be. */
static void key_exchange_by_rsa_costs_a_signature(void **state)
{
	struct world w = world;
	struct tls_set *set;

	(void)state;
	w.spec.contexts[0].identities[0] = (struct tls_identity){large_pem, large_key};
	w.spec.contexts[0].identities_count = 1;
	w.spec.algorithm = TLS_ALG_LOW;
	set = world_set(&w);
	open_by(set, TLS1_2_VERSION,
		(struct tls_client_options){.cert = &world.device, .ciphers = "AES128-SHA"});
	assert_int_equal(step(TLS_AGAIN), 1);
	answer();
	assert_int_equal(step(TLS_OK), LARGE);
	link_close(&link);
	tls_set_unref(set);
}

/* A ticket saves signatures; the exchange is made all the same. */
static void a_resumed_handshake_costs_its_exchange(void **state)
{
	struct tls_set *set = dear_set();
	const struct tls_client_options first = {.cert = &device384, .via = &sub384};
	struct tls_client_options again = first;
	SSL_SESSION *ticket;

	(void)state;
	link_open(&link, set, &first, false);
	assert_true(link_handshake(&link));
	ticket = link.client.ticket;
	assert_non_null(ticket);
	SSL_SESSION_up_ref(ticket);
	link_close(&link);
	again.session = ticket;
	again.groups = "P-384";
	open_by(set, TLS1_3_VERSION, again);
	assert_int_equal(step(TLS_AGAIN), 1 + 5);
	answer();
	assert_int_equal(step(TLS_OK), 1);
	assert_true(tls_conn_resumed(link.server));
	link_close(&link);
	SSL_SESSION_free(ticket);
	tls_set_unref(set);
}

/* A share with which nothing can be agreed on: our own half was made by then. */
static void a_share_that_comes_to_nothing_is_weighed(void **state)
{
	struct tls_set *set = world_set(&world);
	uint8_t *at = NULL;

	(void)state;
	open_by(set, TLS1_3_VERSION,
		(struct tls_client_options){.cert = &world.device, .groups = "X25519"});
	/* Its share: the group, 32 bytes of key. A key of zeros gives a secret of zeros. */
	for (uint32_t i = 0; !at && i + 36 <= link.up.tail; i++)
		if (memcmp(link.up.data + i, "\x00\x33\x00\x26\x00\x24\x00\x1d\x00\x20", 10) == 0)
			at = link.up.data + i + 10;
	assert_non_null(at);
	memset(at, 0, 32);
	assert_int_equal(step(TLS_FAILED), 1 + 5);
	link_close(&link);
	tls_set_unref(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hello_with_a_bad_record_behind_it_costs_the_signature),
		cmocka_unit_test(a_refused_hello_costs_no_more_than_a_turn),
		cmocka_unit_test(a_chain_without_its_proof_is_weighed),
		cmocka_unit_test(a_chain_is_looked_at_with_its_crls),
		cmocka_unit_test(each_message_costs_its_own),
		cmocka_unit_test(certificates_that_belong_to_nothing_are_weighed_and_bounded),
		cmocka_unit_test(key_exchange_by_rsa_costs_a_signature),
		cmocka_unit_test(a_resumed_handshake_costs_its_exchange),
		cmocka_unit_test(a_share_that_comes_to_nothing_is_weighed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
