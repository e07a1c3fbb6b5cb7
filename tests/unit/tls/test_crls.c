/* CRLs in a handshake: whom they keep out, and whom not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/x509v3.h>

#include "tests/unit/tls/refused.h"

static void revoked(void **state)
{
	const struct pki_cert *v[] = {&world.device}, *subs[] = {&world.sub};
	char *crl = pki_crl_pem(&world.root, v, 1), *crl_of_sub = pki_crl_pem(&world.root, subs, 1);
	struct world w = world;

	(void)state;
	w.spec.crls_pem = crl;
	refused(&w, &(struct tls_client_options){.cert = &world.device}, REFUSAL_revoked,
		SSL_AD_CERTIFICATE_REVOKED, SSL_AD_CERTIFICATE_REVOKED);
	w.spec.crls_pem = crl_of_sub;
	refused(&w, &(struct tls_client_options){.cert = &world.device_of_sub, .via = &world.sub},
		REFUSAL_revoked, SSL_AD_CERTIFICATE_REVOKED, SSL_AD_CERTIFICATE_REVOKED);
	free(crl);
	free(crl_of_sub);
}

/* RFC 5280 section 7.1: neither encoding nor case nor blanks make another name. Another one is. */
static void an_authority_is_the_same_however_its_crl_writes_its_name(void **state)
{
	const struct pki_cert *v[] = {&world.device};
	static const struct {
		int type;
		const char *cn;
		bool same;
	} names[] = {
		{V_ASN1_PRINTABLESTRING, "root", true},
		{V_ASN1_PRINTABLESTRING, " ROOT  ", true},
		{V_ASN1_IA5STRING, "Root", true},
		{V_ASN1_BMPSTRING, "root", true},
		{V_ASN1_UTF8STRING, "ro ot", false},
		{V_ASN1_PRINTABLESTRING, "root2", false},
	};
	struct world w = world;

	(void)state;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *crl = pki_crl_pem_by(&world.root, names[i].type, names[i].cn, v, 1);
		const struct tls_client_options o = {.cert = &world.device};

		w.spec.crls_pem = crl;
		if (names[i].same)
			refused(&w, &o, REFUSAL_revoked, SSL_AD_CERTIFICATE_REVOKED,
				SSL_AD_CERTIFICATE_REVOKED);
		else
			let_in(&w, &o, NULL);
		free(crl);
	}
}

/* Of what is both on a CRL and out of date, the CRL is told, as by OpenSSL itself. */
static void who_is_revoked_and_expired_is_revoked(void **state)
{
	struct pki_cert old = pki_issue(&world.root,
		&(struct pki_options){.cn = WORLD_SERIAL, .from_s = -7200, .lasting_s = 3600});
	const struct pki_cert *v[] = {&old};
	char *crl = pki_crl_pem(&world.root, v, 1);
	struct world w = world;

	(void)state;
	w.spec.crls_pem = crl;
	refused(&w, &(struct tls_client_options){.cert = &old}, REFUSAL_revoked,
		SSL_AD_CERTIFICATE_REVOKED, SSL_AD_CERTIFICATE_REVOKED);
	free(crl);
	pki_free(&old);
}

/* RFC 5280 section 5.3.1: an entry of a delta CRL that takes one back. */
static void who_is_taken_off_a_crl_is_let_in(void **state)
{
	const struct pki_cert *v[] = {&world.device};
	char *crl = pki_crl_pem_because(&world.root, v, 1, CRL_REASON_REMOVE_FROM_CRL);
	struct world w = world;

	(void)state;
	w.spec.crls_pem = crl;
	let_in(&w, &(struct tls_client_options){.cert = &world.device}, NULL);
	free(crl);
	crl = pki_crl_pem_because(&world.root, v, 1, CRL_REASON_CERTIFICATE_HOLD);
	w.spec.crls_pem = crl;
	refused(&w, &(struct tls_client_options){.cert = &world.device}, REFUSAL_revoked,
		SSL_AD_CERTIFICATE_REVOKED, SSL_AD_CERTIFICATE_REVOKED);
	free(crl);
}

/* Of a part of the certificates alone, of another's key by the name of an authority that is not
 * known here, and an intermediate's. */
static void a_crl_that_cannot_be_judged_keeps_out_nobody_else(void **state)
{
	const struct tls_client_options by_sub = {.cert = &world.device_of_sub, .via = &world.sub};
	const struct pki_cert *named[] = {&world.device_of_sub}, *others[] = {&world.server_ec};
	struct pki_cert impostor =
		pki_issue(NULL, &(struct pki_options){.cn = "sub", .o = "Works", .ca = true});
	char *const good[] = {pki_crl_pem(&world.sub, others, 1), pki_crl_pem(&impostor, others, 1),
		pki_crl_pem_for(&world.root, others, 1, "critical,onlyuser:TRUE"),
		pki_crl_pem_for(&world.root, others, 1, "critical,onlyCA:TRUE"),
		/* Both of these together cannot be. */
		pki_crl_pem_for(&world.root, others, 1, "critical,onlyuser:TRUE,onlyCA:TRUE")};
	static const char *const warnings[] = {
		NULL, "VERIFY WARNING: CRL signature failure", "CRL scope", NULL, NULL};
	char *const bad[] = {pki_crl_pem(&world.sub, named, 1), pki_crl_pem(&impostor, named, 1),
		pki_crl_pem_for(&world.sub, named, 1, "critical,onlyCA:TRUE")};
	struct world w = world;

	(void)state;
	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		w.spec.crls_pem = good[i];
		let_in(&w, &by_sub, warnings[i]);
		free(good[i]);
	}
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		w.spec.crls_pem = bad[i];
		refused(&w, &by_sub, REFUSAL_revoked, SSL3_AD_CERTIFICATE_REVOKED,
			SSL3_AD_CERTIFICATE_REVOKED);
		free(bad[i]);
	}
	pki_free(&impostor);
}

static void a_crl_keeps_out_whom_it_names_alone(void **state)
{
	const struct pki_cert *v[] = {&world.sub};
	char *crl = pki_crl_pem(&world.root, v, 1);
	struct world w = world;
	struct tls_set *set;

	(void)state;
	w.spec.crls_pem = crl;
	set = world_set(&w);
	link_open(&wire, set, &(struct tls_client_options){.cert = &world.device}, false);
	assert_true(link_handshake(&wire));
	link_close(&wire);
	tls_set_unref(set);
	free(crl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(revoked),
		cmocka_unit_test(an_authority_is_the_same_however_its_crl_writes_its_name),
		cmocka_unit_test(who_is_revoked_and_expired_is_revoked),
		cmocka_unit_test(who_is_taken_off_a_crl_is_let_in),
		cmocka_unit_test(a_crl_keeps_out_whom_it_names_alone),
		cmocka_unit_test(a_crl_that_cannot_be_judged_keeps_out_nobody_else),
	};

	return cmocka_run_group_tests(tests, stage_setup, stage_teardown);
}
