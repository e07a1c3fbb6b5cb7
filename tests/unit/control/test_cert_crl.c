/* CRLs for operators: whose one is, how old it is beside another, how large one may be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tests/unit/control/issued.h"

static void a_crl_is_judged_by_its_authority(void **state)
{
	struct ca_order o = order("Test CA", false, false);
	struct cert_bundle b = read_pem(ca.cert_pem, ca.key_pem), c;
	struct cert_facts f;
	X509_CRL *crl = X509_CRL_new();
	BIO *out = BIO_new(BIO_s_mem());
	struct ca_pair impostor;
	ASN1_TIME *t = ASN1_TIME_set(NULL, (time_t)(now - 7200));
	char *pem;

	(void)state;
	X509_CRL_set_version(crl, 1);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(b.certs[0]));
	X509_CRL_set1_lastUpdate(crl, t);
	X509_CRL_set1_nextUpdate(crl, t);
	X509_CRL_sign(crl, b.key, EVP_sha256());
	PEM_write_bio_X509_CRL(out, crl);
	pem = text_of(out);
	c = read_pem(pem, "");
	assert_string_equal(said(&c, CERT_ROLE_CRL, ca.cert_pem), "crl_stale");
	assert_string_equal(
		said(&c, CERT_ROLE_CRL, device.cert_pem), "crl_of_unknown_issuer crl_stale");
	assert_int_equal(ca_make(&o, &impostor, err, sizeof(err)), 0);
	assert_string_equal(said(&c, CERT_ROLE_CRL, impostor.cert_pem), "bad_signature crl_stale");
	cert_crl_facts(&c, 0, &f);
	assert_int_equal(f.not_after_s, now - 7200);
	/* In a file with its authority, which nobody trusts yet: by that one's key. */
	cert_bundle_free(&c);
	c = read_pem(pem, ca.cert_pem);
	assert_string_equal(said(&c, CERT_ROLE_ANCHOR, NULL), "crl_stale");
	cert_bundle_free(&c);
	c = read_pem(pem, impostor.cert_pem);
	assert_string_equal(said(&c, CERT_ROLE_ANCHOR, NULL), "bad_signature crl_stale");
	ca_pair_free(&impostor);
	ASN1_TIME_free(t);
	BIO_free(out);
	X509_CRL_free(crl);
	cert_bundle_free(&b);
	cert_bundle_free(&c);
	free(pem);
}

/* Our authority's CRL of so many days ago; `number` 0: none. `scope`: as pki.h has it. */
static char *crl_of(unsigned days, long number, const char *scope)
{
	struct cert_bundle b = read_pem(ca.cert_pem, ca.key_pem);
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *last = ASN1_TIME_set(NULL, (time_t)(now - days * 86400)),
		  *next = ASN1_TIME_set(NULL, (time_t)(now + 86400));
	ASN1_INTEGER *n = ASN1_INTEGER_new();
	BIO *out = BIO_new(BIO_s_mem());
	char *pem;

	X509_CRL_set_version(crl, 1);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(b.certs[0]));
	X509_CRL_set1_lastUpdate(crl, last);
	X509_CRL_set1_nextUpdate(crl, next);
	ASN1_INTEGER_set(n, number);
	if (number)
		assert_int_equal(X509_CRL_add1_ext_i2d(crl, NID_crl_number, n, 0, 0), 1);
	if (scope) {
		X509_EXTENSION *e =
			X509V3_EXT_conf_nid(NULL, NULL, NID_issuing_distribution_point, scope);

		assert_int_equal(X509_CRL_add_ext(crl, e, -1), 1);
		X509_EXTENSION_free(e);
	}
	X509_CRL_sign(crl, b.key, EVP_sha256());
	PEM_write_bio_X509_CRL(out, crl);
	pem = text_of(out);
	BIO_free(out);
	ASN1_INTEGER_free(n);
	ASN1_TIME_free(last);
	ASN1_TIME_free(next);
	X509_CRL_free(crl);
	cert_bundle_free(&b);
	return pem;
}

/* A CRL of so many entries, not in their order, as DER in malloc(). */
static unsigned char *large_crl(unsigned entries, int *len)
{
	struct cert_bundle b = read_pem(ca.cert_pem, ca.key_pem);
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *t = ASN1_TIME_set(NULL, (time_t)now);
	ASN1_INTEGER *n = ASN1_INTEGER_new();
	unsigned char *der = NULL, *copy;

	X509_CRL_set_version(crl, 1);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(b.certs[0]));
	X509_CRL_set1_lastUpdate(crl, t);
	for (unsigned i = 0; i < entries; i++) {
		X509_REVOKED *r = X509_REVOKED_new();

		ASN1_INTEGER_set_uint64(n, 0x4000000000000000ull + i * 2654435761ull % 1000003);
		X509_REVOKED_set_serialNumber(r, n);
		X509_REVOKED_set_revocationDate(r, t);
		X509_CRL_add0_revoked(crl, r);
	}
	X509_CRL_sign(crl, b.key, EVP_sha256());
	*len = i2d_X509_CRL(crl, &der);
	assert_true(*len > 0);
	copy = malloc((size_t)*len);
	memcpy(copy, der, (size_t)*len);
	OPENSSL_free(der);
	ASN1_INTEGER_free(n);
	ASN1_TIME_free(t);
	X509_CRL_free(crl);
	cert_bundle_free(&b);
	return copy;
}

/* Real ones have several MiB; what else there is in files has not. */
static void a_large_file_is_fine_if_it_has_crls_alone(void **state)
{
	struct cert_bundle b;
	char *pem, *more;
	int len;
	unsigned char *der = large_crl(30000, &len);

	(void)state;
	assert_true((unsigned)len > 4 * CERT_MAX_BYTES && (unsigned)len < CERT_MAX_CRL_FILE);
	assert_int_equal(cert_bundle_read(&b, der, (size_t)len, NULL, err, sizeof(err)), CERT_OK);
	assert_int_equal(b.crls_count, 1);
	pem = cert_bundle_crls_pem(&b);
	cert_bundle_free(&b);
	assert_int_equal(cert_bundle_read(&b, pem, strlen(pem), NULL, err, sizeof(err)), CERT_OK);
	assert_int_equal(b.crls_count, 1);
	assert_string_equal(said(&b, CERT_ROLE_CRL, ca.cert_pem), "");
	cert_bundle_free(&b);
	/* Not beside a certificate, nor a key. */
	more = malloc(strlen(pem) + strlen(ca.cert_pem) + strlen(ca.key_pem) + 1);
	sprintf(more, "%s%s", pem, ca.cert_pem);
	assert_int_equal(
		cert_bundle_read(&b, more, strlen(more), NULL, err, sizeof(err)), CERT_E_TOO_MUCH);
	assert_contains(err, "not of CRLs alone");
	sprintf(more, "%s%s", pem, ca.key_pem);
	assert_int_equal(
		cert_bundle_read(&b, more, strlen(more), NULL, err, sizeof(err)), CERT_E_TOO_MUCH);
	free(more);
	free(pem);
	/* And what only begins like one. */
	der[5] ^= 1;
	assert_int_equal(
		cert_bundle_read(&b, der, (size_t)len, NULL, err, sizeof(err)), CERT_E_TOO_MUCH);
	free(der);
	der = calloc(1, CERT_MAX_CRL + 1);
	assert_int_equal(cert_bundle_read(&b, der, CERT_MAX_CRL + 1, NULL, err, sizeof(err)),
		CERT_E_TOO_MUCH);
	assert_contains(err, "more than 3 MiB");
	free(der);
}

/* What is said of one CRL where there is another; takes both. */
static void beside(char *pem, char *there, const char *slugs)
{
	struct cert_bundle b = read_pem(pem, "");

	assert_string_equal(said_beside(&b, CERT_ROLE_CRL, ca.cert_pem, there), slugs);
	assert_false(refused);
	cert_bundle_free(&b);
	free(pem);
	free(there);
}

static void two_crls_are_told_apart_by_number_and_time(void **state)
{
	char *pem = crl_of(2, 7, NULL), *there = crl_of(1, 8, NULL), want[80], when[40];
	struct cert_bundle b = read_pem(pem, "");
	const struct cert_judge j = {.role = CERT_ROLE_CRL,
		.now_s = now + 3 * 86400,
		.anchors_pem = ca.cert_pem,
		.crls_pem = there};
	struct cert_report r;
	time_t t = (time_t)(now - 2 * 86400);

	(void)state;
	cert_explain(&b, &j, &r);
	assert_int_equal(r.count, 2);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime(&t));
	snprintf(want, sizeof(want), "is number 7 of %s, and there is a newer", when);
	assert_string_equal(r.v[1].slug, "crl_older");
	assert_contains(r.v[1].text, want);
	assert_contains(r.v[1].text, "newer one here, number 8 of 2");
	assert_string_equal(r.v[0].slug, "crl_stale");
	t = (time_t)(now + 86400);
	strftime(when, sizeof(when), "replaced by %Y-%m-%dT%H:%M:%SZ:", gmtime(&t));
	assert_contains(r.v[0].text, when);
	assert_contains(r.v[0].text, "number 7 of ");
	cert_bundle_free(&b);
	free(pem);
	free(there);
}

static void an_older_crl_than_there_is_is_named(void **state)
{
	(void)state;
	beside(crl_of(2, 0, NULL), crl_of(1, 0, NULL), "crl_older");
	beside(crl_of(1, 0, NULL), crl_of(2, 0, NULL), "");
	beside(crl_of(1, 0, NULL), crl_of(1, 0, NULL), "");
	/* A number says it better than a clock; where only one has it, the dates do. */
	beside(crl_of(1, 7, NULL), crl_of(2, 8, NULL), "crl_older");
	beside(crl_of(2, 8, NULL), crl_of(1, 7, NULL), "");
	beside(crl_of(2, 8, NULL), crl_of(1, 0, NULL), "crl_older");
	/* One for other certificates is another list. */
	beside(crl_of(2, 0, "critical,onlyuser:TRUE"), crl_of(1, 0, "critical,onlyCA:TRUE"), "");
	beside(crl_of(2, 0, "critical,onlyuser:TRUE"), crl_of(1, 0, NULL), "");
	beside(crl_of(2, 0, "critical,onlyCA:TRUE"), crl_of(1, 0, "critical,onlyCA:TRUE"),
		"crl_older");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crl_is_judged_by_its_authority),
		cmocka_unit_test(an_older_crl_than_there_is_is_named),
		cmocka_unit_test(two_crls_are_told_apart_by_number_and_time),
		cmocka_unit_test(a_large_file_is_fine_if_it_has_crls_alone),
	};

	return cmocka_run_group_tests(tests, make_all, drop_all);
}
