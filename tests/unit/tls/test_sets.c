/* What a set is made of, what its copies share, and whom a new one would not have let in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tls/stage.h"
#include "tls/internal.h"

static bool permitted(const struct world *w, enum refusal_reason *why)
{
	struct tls_set *now = world_set(w);
	bool yes = tls_conn_permitted(wire.server, now, why);

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
	link_open(&wire, set,
		&(struct tls_client_options){.cert = &world.device_of_sub,
			.via = &world.sub,
			.max_version = TLS1_2_VERSION},
		false);
	assert_true(link_handshake(&wire));
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
	link_close(&wire);
	tls_set_unref(set);
	free(sub_revoked);
	free(leaf_revoked);
	free(other_revoked);
}

/* OpenSSL would look at the newest CRL of an authority's name alone, whoever signed it: a
 * stranger's would hide ours, which names the device. */
static void who_is_revoked_is_so_beside_a_newer_crl_of_another_hand(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
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

		link_open(&wire, set,
			&(struct tls_client_options){
				.cert = &world.device, .max_version = versions[i]},
			false);
		assert_false(link_handshake(&wire));
		tls_conn_failure(wire.server, &f);
		assert_int_equal(f.reason, REFUSAL_revoked);
		link_close(&wire);
		/* And nobody else. */
		link_open(&wire, set,
			&(struct tls_client_options){.cert = &world.device_of_sub,
				.via = &world.sub,
				.max_version = versions[i]},
			false);
		assert_true(link_handshake(&wire));
		assert_true(tls_conn_permitted(wire.server, set, &why));
		link_close(&wire);
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
	link_open(&wire, v[1], &(struct tls_client_options){.cert = &world.device}, false);
	assert_false(link_handshake(&wire));
	tls_conn_failure(wire.server, &f);
	assert_int_equal(f.reason, REFUSAL_revoked);
	link_close(&wire);
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

/* An identity that comes alone is shown with what its anchors complete it by; that is found when
 * the set is made, and no handshake looks for it. */
static void our_chain_is_completed_once(void **state)
{
	struct pki_cert ours =
		pki_issue(&world.sub, &(struct pki_options){.cn = "FAZ", .eku = "serverAuth"});
	char *cert = pki_pem((const struct pki_cert *[]){&ours}, 1), *key = pki_key_pem(&ours);
	char *anchors = pki_pem((const struct pki_cert *[]){&world.root, &world.sub}, 2);
	const struct pki_cert *wanted[] = {&ours, &world.sub, &world.root};
	struct world w = world;
	struct tls_set *set;
	STACK_OF(X509) * shown, *kept;

	(void)state;
	w.spec.contexts[0].identities_count = 1;
	w.spec.contexts[0].identities[0] = (struct tls_identity){cert, key};
	w.spec.anchors_pem = anchors;
	set = world_set(&w);
	assert_int_equal(SSL_CTX_get0_chain_certs(set->contexts[0].ctx, &kept), 1);
	assert_int_equal(sk_X509_num(kept), 2);
	assert_true(SSL_CTX_get_mode(set->contexts[0].ctx) & SSL_MODE_NO_AUTO_CHAIN);
	for (unsigned i = 0; i < 2; i++) {
		link_open(&wire, set,
			&(struct tls_client_options){.cert = &world.device,
				.max_version = i ? TLS1_2_VERSION : TLS1_3_VERSION},
			false);
		assert_true(link_handshake(&wire));
		shown = SSL_get_peer_cert_chain(wire.client.ssl);
		assert_int_equal(sk_X509_num(shown), 3);
		for (int k = 0; k < 3; k++)
			assert_int_equal(X509_cmp(sk_X509_value(shown, k), wanted[k]->cert), 0);
		link_close(&wire);
	}
	tls_set_unref(set);
	free(anchors);
	free(key);
	free(cert);
	pki_free(&ours);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_established_connection_is_held_against_a_new_set),
		cmocka_unit_test(who_is_revoked_is_so_beside_a_newer_crl_of_another_hand),
		cmocka_unit_test(sets_share_what_crls_revoke_and_openssl_has_none),
		cmocka_unit_test(an_identity_that_is_wrong_is_refused_with_its_context),
		cmocka_unit_test(our_chain_is_completed_once),
	};

	return cmocka_run_group_tests(tests, stage_setup, stage_teardown);
}
