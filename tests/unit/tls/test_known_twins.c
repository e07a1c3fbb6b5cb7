/*
 * Who has the name, or the name and the key, of a certificate in a chain that is known, is not
 * known by it: another context's anchor, an intermediate that may less, a device's certificate made
 * anew.
 */
#include "tests/unit/tls/known_chain.h"

/* Contexts share what is known; an anchor of one is none of another. */
static void fails_with_another_anchor(const char *anchor_pem)
{
	struct world w = world;
	struct tls_client_options o = {.cert = &device, .via = &sub, .sni = "logs.example"};
	struct tls_set *set;
	struct tls_failure f;

	w.spec.contexts_count = 2;
	w.spec.contexts[1] = w.spec.contexts[0];
	w.spec.contexts[1].sni = "logs.example";
	w.spec.contexts[1].anchors_pem = anchor_pem;
	set = knowing_set(&w);
	for (unsigned i = 0; i < 2; i++) {
		link_open(&link, set, &o, false);
		assert_false(link_handshake(&link));
		assert_false(tls_conn_chain_known(link.server));
		tls_conn_failure(link.server, &f);
		assert_string_equal(
			refusal_reason_slug(f.reason), refusal_reason_slug(REFUSAL_wrong_ca));
		link_close(&link);
	}
	tls_set_unref(set);
}

static void another_context_has_its_own_anchors(void **state)
{
	(void)state;
	fails_with_another_anchor(world.other_root_pem);
}

/* For OpenSSL the chain ends there, until it looks at the signature. */
static void an_anchor_that_only_has_the_name(void **state)
{
	struct pki_cert twin =
		pki_issue(NULL, &(struct pki_options){.cn = "root", .o = "Works", .ca = true});
	char *pem = pki_pem((const struct pki_cert *[]){&twin}, 1);

	(void)state;
	fails_with_another_anchor(pem);
	free(pem);
	pki_free(&twin);
}

/* Of the same name and key, so that each signature below it verifies. */
static void an_intermediate_of_the_same_key_that_may_not(void **state)
{
	const struct pki_options twins[] = {
		{.cn = "sub", .o = "Works", .key_of = &sub},
		{.cn = "sub", .o = "Works", .key_of = &sub, .ca = true, .eku = "serverAuth"},
		{.cn = "sub", .o = "Works", .key_of = &sub, .ca = true, .sha1 = true},
		{.cn = "sub",
			.o = "Works",
			.key_of = &sub,
			.ca = true,
			.from_s = -7200,
			.lasting_s = 3600},
	};
	static const enum refusal_reason reasons[] = {REFUSAL_wrong_ca,
		REFUSAL_no_client_auth_purpose, REFUSAL_weak_certificate, REFUSAL_expired};
	struct tls_set *set = knowing_set(&world);

	(void)state;
	for (unsigned i = 0; i < sizeof(twins) / sizeof(twins[0]); i++) {
		struct pki_cert twin = pki_issue(&world.root, &twins[i]);

		refused(set, &device, &twin, reasons[i]);
		refused(set, &device, &twin, reasons[i]);
		pki_free(&twin);
	}
	assert_true(let_in(set, &device, &sub));
	tls_set_unref(set);
}

/* Which OpenSSL looks at after the signatures. */
static void an_intermediate_of_the_same_key_for_other_names(void **state)
{
	struct pki_cert host =
		pki_issue(&sub, &(struct pki_options){.cn = WORLD_SERIAL, .san = "DNS:a.example"});
	struct pki_cert twin =
		pki_issue(&world.root, &(struct pki_options){.cn = "sub",
					       .o = "Works",
					       .key_of = &sub,
					       .ca = true,
					       .constraints = "permitted;DNS:.elsewhere"});
	struct tls_set *set = knowing_set(&world);

	(void)state;
	assert_false(let_in(set, &host, &sub));
	assert_true(let_in(set, &host, &sub));
	for (unsigned i = 0; i < 2; i++) {
		assert_false(shows(set, &host, &twin));
		assert_int_equal(tls_conn_chain_known(link.server), i > 0);
		assert_int_equal(link.server->verify_error, X509_V_ERR_PERMITTED_VIOLATION);
		link_close(&link);
	}
	assert_true(let_in(set, &host, &sub));
	tls_set_unref(set);
	pki_free(&host);
	pki_free(&twin);
}

/* A device's certificate that was issued anew is another one, whatever it says. */
static void a_certificate_of_the_same_key_and_name_is_not_known(void **state)
{
	struct pki_cert anew = pki_issue(
		&sub, &(struct pki_options){.cn = WORLD_SERIAL, .o = "Site", .key_of = &device});
	struct tls_set *set = knowing_set(&world);

	(void)state;
	assert_false(let_in(set, &anew, &sub));
	assert_int_equal(known_count(set->known), 2);
	tls_set_unref(set);
	pki_free(&anew);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_context_has_its_own_anchors),
		cmocka_unit_test(an_anchor_that_only_has_the_name),
		cmocka_unit_test(an_intermediate_of_the_same_key_that_may_not),
		cmocka_unit_test(an_intermediate_of_the_same_key_for_other_names),
		cmocka_unit_test(a_certificate_of_the_same_key_and_name_is_not_known),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
