/*
 * Chains that were verified before: their signatures are not verified again, and everything else
 * is. Each case first has a chain known, and then changes what must make it fall.
 */
#include <pthread.h>

#include "tests/unit/tls/known_chain.h"

/* With another bit in the last byte, which is the signature's. */
static struct pki_cert forged(const struct pki_cert *of)
{
	struct pki_cert c = {.key = of->key};
	unsigned char *der = NULL;
	const unsigned char *p;
	int len = i2d_X509(of->cert, &der);

	assert_true(len > 0);
	der[len - 1] ^= 1;
	p = der;
	c.cert = d2i_X509(NULL, &p, len);
	assert_non_null(c.cert);
	EVP_PKEY_up_ref(c.key);
	OPENSSL_free(der);
	return c;
}

static void a_chain_that_came_before_is_known(void **state)
{
	struct tls_set *set = world_set(&world);

	(void)state;
	assert_false(let_in(set, &world.device, NULL));
	assert_true(let_in(set, &world.device, NULL));
	assert_false(let_in(set, &device, &sub));
	assert_true(let_in(set, &device, &sub));
	assert_true(let_in(set, &world.device, NULL));
	assert_int_equal(known_count(set->known), 2);
	tls_set_unref(set);
}

/* Names, kept for later and told to a trace, are the same ones. */
static void nothing_else_is_different(void **state)
{
	const struct tls_client_options o = {
		.cert = &device, .via = &sub, .max_version = TLS1_2_VERSION};
	struct tls_set *set = world_set(&world);
	char first[sizeof(link.trace)];
	struct tls_chain chain;

	(void)state;
	link_open(&link, set, &o, true);
	assert_true(link_handshake(&link));
	chain = link.server->chain;
	memcpy(first, link.trace, sizeof(first));
	assert_non_null(strstr(first, "VERIFY OK: depth=2, "));
	assert_non_null(strstr(first, "VERIFY OK: depth=0, "));
	link_close(&link);
	link_open(&link, set, &o, true);
	assert_true(link_handshake(&link));
	assert_true(tls_conn_chain_known(link.server));
	assert_memory_equal(&link.server->chain, &chain, sizeof(chain));
	assert_string_equal(link.trace, first);
	assert_int_equal(SSL_get_verify_result(link.server->ssl), X509_V_OK);
	link_close(&link);
	tls_set_unref(set);
}

/* The chain is good, the proof that it is the peer's is not. In TLS 1.2 it can be got at. */
static void a_known_chain_without_its_key_is_worth_nothing(void **state)
{
	struct tls_set *set = knowing_set(&world);
	uint32_t at = 0;

	(void)state;
	link_open(&link, set,
		&(struct tls_client_options){
			.cert = &device, .via = &sub, .max_version = TLS1_2_VERSION},
		false);
	assert_int_equal(tls_client_handshake(&link.client), 0);
	link_up(&link);
	assert_int_equal(tls_conn_handshake(link.server), TLS_AGAIN);
	link_down(&link);
	assert_int_equal(tls_client_handshake(&link.client), 0);
	link_up(&link);
	/* Certificate, key exchange, CertificateVerify: the last byte of that. */
	for (unsigned i = 0; i < 3; i++)
		at += 5 + ((uint32_t)link.up.data[at + 3] << 8 | link.up.data[at + 4]);
	link.up.data[at - 1] ^= 1;
	assert_int_equal(tls_conn_handshake(link.server), TLS_FAILED);
	assert_true(tls_conn_chain_known(link.server));
	assert_false(tls_conn_verified(link.server));
	link_close(&link);
	tls_set_unref(set);
}

static void a_signature_that_does_not_verify(void **state)
{
	struct pki_cert bad_device = forged(&device), bad_sub = forged(&sub);
	struct tls_set *set = knowing_set(&world);

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		refused(set, &bad_device, &sub, REFUSAL_wrong_ca);
		refused(set, &device, &bad_sub, REFUSAL_wrong_ca);
	}
	assert_true(let_in(set, &device, &sub));
	tls_set_unref(set);
	pki_free(&bad_device);
	pki_free(&bad_sub);
}

static void an_intermediate_that_has_expired_since(void **state)
{
	struct world w = world;
	struct tls_set *set;

	(void)state;
	clock_s = time(NULL);
	w.spec.now_s = test_now;
	set = knowing_set(&w);
	clock_s += 90000;
	refused(set, &device, &sub, REFUSAL_expired);
	/* A clock that was set back, to before there were any of them. */
	clock_s -= 90000 + 3600;
	refused(set, &device, &sub, REFUSAL_not_yet_valid);
	clock_s += 3600;
	assert_true(let_in(set, &device, &sub));
	tls_set_unref(set);
}

/* The leaf too, and the anchor. */
static void each_certificate_of_a_chain_has_its_dates(void **state)
{
	static const int64_t lasting[3][3] = {
		{86400, 864000, 864000}, {864000, 86400, 864000}, {864000, 864000, 86400}};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct pki_cert root = pki_issue(NULL,
			&(struct pki_options){.cn = "r", .ca = true, .lasting_s = lasting[i][0]});
		struct pki_cert mid = pki_issue(&root,
			&(struct pki_options){.cn = "m", .ca = true, .lasting_s = lasting[i][1]});
		struct pki_cert leaf = pki_issue(&mid,
			&(struct pki_options){.cn = WORLD_SERIAL, .lasting_s = lasting[i][2]});
		char *pem = pki_pem((const struct pki_cert *[]){&root}, 1);
		struct world w = world;
		struct tls_set *set;

		clock_s = time(NULL);
		w.spec.now_s = test_now;
		w.spec.anchors_pem = pem;
		set = world_set(&w);
		assert_false(let_in(set, &leaf, &mid));
		assert_true(let_in(set, &leaf, &mid));
		clock_s += 90000;
		refused(set, &leaf, &mid, REFUSAL_expired);
		tls_set_unref(set);
		free(pem);
		pki_free(&root);
		pki_free(&mid);
		pki_free(&leaf);
	}
}

static void an_intermediate_that_is_revoked_since(void **state)
{
	struct tls_set *before = knowing_set(&world), *set;
	struct world w = world;
	char *crl = pki_crl_pem(&world.root, (const struct pki_cert *[]){&sub}, 1);

	(void)state;
	w.spec.crls_pem = crl;
	w.spec.generation = 2;
	set = world_set(&w);
	for (unsigned i = 0; i < 2; i++)
		refused(set, &device, &sub, REFUSAL_revoked);
	tls_set_unref(before);
	tls_set_unref(set);
	free(crl);
}

/* No set is given CRLs after it was made; if one were, it would not help to be known. */
static void crls_are_asked_about_a_known_chain(void **state)
{
	struct world w = world;
	char *none = pki_crl_pem(&world.root, (const struct pki_cert *[]){&world.server_ec}, 1);
	char *crl = pki_crl_pem(&world.root, (const struct pki_cert *[]){&sub}, 1);
	struct tls_crls *first;
	struct tls_set *set;
	char err[256];

	(void)state;
	w.spec.crls_pem = none;
	set = knowing_set(&w);
	first = set->crls;
	assert_int_equal(tls_crls_new(crl, &set->crls, err, sizeof(err)), 0);
	refused(set, &device, &sub, REFUSAL_revoked);
	tls_crls_unref(first);
	tls_set_unref(set);
	free(none);
	free(crl);
}

static void an_anchor_that_was_removed(void **state)
{
	struct tls_set *before = knowing_set(&world), *set;
	struct world w = world;

	(void)state;
	w.spec.anchors_pem = world.other_root_pem;
	w.spec.generation = 2;
	set = world_set(&w);
	refused(set, &device, &sub, REFUSAL_wrong_ca);
	tls_set_unref(set);
	/* What is known is not another set's that does not follow it, of the same anchors. */
	set = world_set(&world);
	assert_int_equal(known_count(set->known), 0);
	assert_false(let_in(set, &device, &sub));
	tls_set_unref(before);
	tls_set_unref(set);
}

/* The anchor is gone with the next set, and is back with the one after; each knows the chain. */
static void sets_that_follow_each_other_share_what_is_known(void **state)
{
	struct tls_set *first = knowing_set(&world), *second, *third;
	struct world w = world;

	(void)state;
	w.spec.before = first;
	w.spec.anchors_pem = world.other_root_pem;
	w.spec.generation = 2;
	second = world_set(&w);
	assert_ptr_equal(second->known, first->known);
	tls_set_unref(first);
	refused(second, &device, &sub, REFUSAL_wrong_ca);
	w.spec.before = second;
	w.spec.anchors_pem = world.root_pem;
	w.spec.generation = 3;
	third = world_set(&w);
	tls_set_unref(second);
	assert_int_equal(known_count(third->known), 1);
	assert_true(let_in(third, &device, &sub));
	tls_set_unref(third);
}

static void for_no_connection_nobody_is_trusted(void **state)
{
	struct tls_set *set = knowing_set(&world);
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();

	(void)state;
	assert_int_equal(X509_STORE_CTX_init(ctx, SSL_CTX_get_cert_store(set->contexts[0].ctx),
				 world.device.cert, NULL),
		1);
	assert_int_equal(X509_verify_cert(ctx), 0);
	assert_int_equal(X509_STORE_CTX_get_error(ctx), X509_V_ERR_APPLICATION_VERIFICATION);
	X509_STORE_CTX_free(ctx);
	tls_set_unref(set);
}

/* Workers share a set, and what it knows; each has connections of its own. */
struct at_once {
	struct tls_set *set;
	pthread_barrier_t *start;
	struct link link;
	unsigned let_in;
};

static void *shake_hands(void *arg)
{
	struct at_once *a = arg;
	const struct tls_client_options o = {.cert = &device, .via = &sub};

	pthread_barrier_wait(a->start);
	for (unsigned i = 0; i < 20; i++) {
		link_open(&a->link, a->set, &o, false);
		a->let_in += link_handshake(&a->link) && tls_conn_verified(a->link.server);
		link_close(&a->link);
	}
	return NULL;
}

/* Who finds it taken verifies: so how often it was known is not certain, but each is let in. */
static void two_threads_share_what_is_known(void **state)
{
	struct tls_set *set = world_set(&world);
	static struct at_once both[2];
	pthread_barrier_t start;
	pthread_t threads[2];

	(void)state;
	assert_int_equal(pthread_barrier_init(&start, NULL, 2), 0);
	for (unsigned i = 0; i < 2; i++) {
		both[i].set = set;
		both[i].start = &start;
		assert_int_equal(pthread_create(&threads[i], NULL, shake_hands, &both[i]), 0);
	}
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	pthread_barrier_destroy(&start);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(both[i].let_in, 20);
	assert_int_equal(known_count(set->known), 1);
	assert_true(let_in(set, &device, &sub));
	tls_set_unref(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chain_that_came_before_is_known),
		cmocka_unit_test(nothing_else_is_different),
		cmocka_unit_test(a_known_chain_without_its_key_is_worth_nothing),
		cmocka_unit_test(a_signature_that_does_not_verify),
		cmocka_unit_test(an_intermediate_that_has_expired_since),
		cmocka_unit_test(each_certificate_of_a_chain_has_its_dates),
		cmocka_unit_test(an_intermediate_that_is_revoked_since),
		cmocka_unit_test(crls_are_asked_about_a_known_chain),
		cmocka_unit_test(an_anchor_that_was_removed),
		cmocka_unit_test(sets_that_follow_each_other_share_what_is_known),
		cmocka_unit_test(for_no_connection_nobody_is_trusted),
		cmocka_unit_test(two_threads_share_what_is_known),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
