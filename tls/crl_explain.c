/* What would stumble with a CRL: whose it is, and what it would take the place of. */
#include <stdio.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tls/cert_internal.h"
#include "tls/internal.h"

/* All CRLs there are; NULL when out of memory. */
static STACK_OF(X509_CRL) * read_crls(const char *pem)
{
	STACK_OF(X509_CRL) *v = sk_X509_CRL_new_null();
	BIO *in = pem ? BIO_new_mem_buf(pem, -1) : NULL;
	X509_CRL *crl;

	while (v && in && (crl = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL)))
		if (!sk_X509_CRL_push(v, crl)) {
			X509_CRL_free(crl);
			break;
		}
	BIO_free(in);
	return v;
}

/* Whether both are for the same part of the authority's certificates. */
static bool same_scope(const X509_CRL *a, const X509_CRL *b)
{
	static const int kinds[] = {NID_issuing_distribution_point, NID_delta_crl};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const int at_a = X509_CRL_get_ext_by_NID(a, kinds[i], -1),
			  at_b = X509_CRL_get_ext_by_NID(b, kinds[i], -1);

		if (at_a < 0 && at_b < 0)
			continue;
		if (at_a < 0 || at_b < 0 ||
			ASN1_OCTET_STRING_cmp(X509_EXTENSION_get_data(X509_CRL_get_ext(a, at_a)),
				X509_EXTENSION_get_data(X509_CRL_get_ext(b, at_b))) != 0)
			return false;
	}
	return true;
}

/* RFC 5280 section 5.2.3: of two of one scope the higher number is the newer one. */
static bool is_newer(const X509_CRL *a, const X509_CRL *b)
{
	ASN1_INTEGER *at_a = X509_CRL_get_ext_d2i(a, NID_crl_number, NULL, NULL),
		     *at_b = X509_CRL_get_ext_d2i(b, NID_crl_number, NULL, NULL);
	bool newer = at_a && at_b ? ASN1_INTEGER_cmp(at_a, at_b) > 0
				  : ASN1_TIME_compare(X509_CRL_get0_lastUpdate(a),
					    X509_CRL_get0_lastUpdate(b)) > 0;

	ASN1_INTEGER_free(at_a);
	ASN1_INTEGER_free(at_b);
	return newer;
}

static void time_text(int64_t s, char text[32])
{
	time_t t = (time_t)s;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(text, 32, "?");
}

#define STAMP 96

/* "number 7 of 2026-11-22T10:00:00Z", or its time alone. */
static void stamp(const X509_CRL *crl, char text[STAMP])
{
	char number[52], when[32];

	cert_crl_number(crl, number, sizeof(number));
	time_text(asn1_time_s(X509_CRL_get0_lastUpdate(crl)), when);
	snprintf(text, STAMP, "%s%s%s%s", number[0] ? "number " : "", number,
		number[0] ? " of " : "of ", when);
}

/* One that is older than what there is would forget who was revoked since. */
static void judge_age(X509_CRL *crl, const STACK_OF(X509_CRL) * there, struct cert_report *r)
{
	char issuer[CERT_TEXT], ours[STAMP], theirs[STAMP];

	for (int i = 0; i < sk_X509_CRL_num(there); i++) {
		X509_CRL *other = sk_X509_CRL_value(there, i);

		if (X509_NAME_cmp(X509_CRL_get_issuer(other), X509_CRL_get_issuer(crl)) != 0 ||
			!same_scope(other, crl) || !is_newer(other, crl))
			continue;
		name_line(X509_CRL_get_issuer(crl), issuer, sizeof(issuer));
		stamp(crl, ours);
		stamp(other, theirs);
		report_say(r, CERT_WARNING, "crl_older",
			"the CRL of %.80s is %s, and there is a newer one here, %s: where this one "
			"takes its place, who was revoked in between is let in again",
			issuer, ours, theirs);
		return;
	}
}

/* What is known of a CRL's signature. */
struct crl_proof {
	bool known; /* there is an authority of its issuer's name */
	bool right; /* and the key of one of them has signed it */
};

static void prove(X509_CRL *crl, X509 *by, struct crl_proof *p)
{
	if (X509_NAME_cmp(X509_get_subject_name(by), X509_CRL_get_issuer(crl)) != 0)
		return;
	p->known = true;
	p->right = p->right || X509_CRL_verify(crl, X509_get0_pubkey(by)) == 1;
}

/* By who is trusted, and by the certificates that came with it. */
static void judge_crl(X509_CRL *crl, const struct cert_bundle *b, int64_t now_s,
	const STACK_OF(X509) * anchors, struct cert_report *r)
{
	const int64_t next = asn1_time_s(X509_CRL_get0_nextUpdate(crl));
	struct crl_proof proof = {0};
	char issuer[CERT_TEXT], ours[STAMP], until[32];

	name_line(X509_CRL_get_issuer(crl), issuer, sizeof(issuer));
	for (int i = 0; i < sk_X509_num(anchors); i++)
		prove(crl, sk_X509_value(anchors, i), &proof);
	for (unsigned i = 0; i < b->certs_count; i++)
		prove(crl, b->certs[i], &proof);
	if (!proof.known)
		report_say(r, CERT_WARNING, "crl_of_unknown_issuer",
			"the CRL of %s: no such authority is trusted here; it counts for those "
			"alone whose chain goes through one of this name",
			issuer);
	else if (!proof.right)
		report_say(r, CERT_ERROR, "bad_signature",
			"the CRL of %s was not signed by the key of that authority", issuer);
	if (!next || next >= now_s)
		return;
	stamp(crl, ours);
	time_text(next, until);
	report_say(r, CERT_WARNING, "crl_stale",
		"the CRL of %.120s, %s, should have been replaced by %s: who was revoked since is "
		"not known",
		issuer, ours, until);
}

void crls_explain(const struct cert_bundle *b, const struct cert_judge *j,
	const STACK_OF(X509) * anchors, struct cert_report *r)
{
	STACK_OF(X509_CRL) *there = read_crls(b->crls_count ? j->crls_pem : NULL);

	for (unsigned i = 0; i < b->crls_count; i++) {
		judge_crl(b->crls[i], b, j->now_s, anchors, r);
		judge_age(b->crls[i], there, r);
	}
	sk_X509_CRL_pop_free(there, X509_CRL_free);
}
