/* What would stumble later. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tls/cert_internal.h"
#include "tls/internal.h"

#define SOON_S (30 * 86400)

static void say(struct cert_report *r, enum cert_level level, const char *slug, const char *fmt,
	...) __attribute__((format(printf, 4, 5)));

static void say(
	struct cert_report *r, enum cert_level level, const char *slug, const char *fmt, ...)
{
	struct cert_finding *f;
	va_list ap;

	if (r->count == CERT_MAX_FINDINGS)
		return;
	f = &r->v[r->count++];
	f->level = level;
	f->slug = slug;
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
}

bool cert_report_has_errors(const struct cert_report *r)
{
	for (unsigned i = 0; i < r->count; i++)
		if (r->v[i].level == CERT_ERROR)
			return true;
	return false;
}

static void day(int64_t s, char text[16])
{
	time_t t = (time_t)s;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(text, 16, "%Y-%m-%d", &tm) == 0)
		snprintf(text, 16, "?");
}

static void judge_dates(const struct cert_facts *f, int64_t now_s, struct cert_report *r)
{
	char text[16];

	day(f->not_after_s, text);
	if (f->not_after_s < now_s)
		say(r, CERT_WARNING, "expired", "%s has expired on %s", f->subject, text);
	else if (f->not_after_s - now_s < SOON_S)
		say(r, CERT_WARNING, "expires_soon", "%s expires on %s", f->subject, text);
	day(f->not_before_s, text);
	if (f->not_before_s > now_s)
		say(r, CERT_WARNING, "not_yet_valid",
			"%s is not valid before %s: is the clock right?", f->subject, text);
}

static void judge_strength(X509 *x, const struct cert_facts *f, struct cert_report *r)
{
	EVP_PKEY *key = X509_get0_pubkey(x);
	int hash = NID_undef;

	if (!key)
		say(r, CERT_ERROR, "unknown_key", "%s has a key of a kind that is not supported",
			f->subject);
	else if (EVP_PKEY_get_security_bits(key) < 112)
		say(r, CERT_WARNING, "weak_key",
			"%s has a key of %s, which tls.enc-algorithm high and medium refuse: at "
			"least RSA-2048 or P-256",
			f->subject, f->key);
	/* Nobody verifies the signature of a root: it is trusted as it is. */
	if (f->self_signed || X509_get_signature_info(x, &hash, NULL, NULL, NULL) != 1)
		return;
	if (hash == NID_sha1 || hash == NID_md5 || hash == NID_md5_sha1)
		say(r, CERT_WARNING, hash == NID_sha1 ? "sha1_signature" : "md5_signature",
			"%s is signed with %s (%s), which tls.enc-algorithm high and medium "
			"refuse: have it issued again with SHA-256",
			f->subject, OBJ_nid2sn(hash), f->signature);
}

static bool legal(const struct cert_judge *j, const char *name)
{
	return name[0] && (!j->legal || j->legal(j->ctx, name));
}

/* Does any dNSName or the CN make a serial? */
static bool has_legal_serial(const struct cert_judge *j, const struct cert_facts *f)
{
	char names[CERT_TEXT];
	char *save = NULL;

	if (legal(j, f->cn))
		return true;
	memcpy(names, f->names, sizeof(names));
	for (char *n = strtok_r(names, ", ", &save); n; n = strtok_r(NULL, ", ", &save))
		if (strncmp(n, "DNS:", 4) == 0 && legal(j, n + 4))
			return true;
	return false;
}

static void judge_names(
	const struct cert_judge *j, const struct cert_facts *f, struct cert_report *r)
{
	if (j->role == CERT_ROLE_DEVICE && !has_legal_serial(j, f))
		say(r, CERT_WARNING, "no_legal_sn",
			"CN=%s is no legal serial number (auth.serial-pattern), nor is a name of "
			"the SAN: the device would be refused as no_legal_sn; the CN must be its "
			"serial number",
			f->cn);
	if (j->role == CERT_ROLE_NODE && j->serial && strcmp(f->cn, j->serial) != 0)
		say(r, CERT_WARNING, "not_our_serial",
			"CN=%s is not this node's serial number %s: devices that check it (`set "
			"serial`) will not connect",
			f->cn, j->serial);
}

static void judge_purpose(
	const struct cert_judge *j, const struct cert_facts *f, struct cert_report *r)
{
	if (j->role == CERT_ROLE_NODE && !f->server_auth)
		say(r, CERT_WARNING, "no_server_auth_purpose",
			"%s has an extended key usage without serverAuth: devices that verify the "
			"server will not connect",
			f->subject);
	if (j->role == CERT_ROLE_DEVICE && !f->client_auth)
		say(r, CERT_WARNING, "no_client_auth_purpose",
			"%s has an extended key usage without clientAuth (a web server's "
			"certificate?): the device would be refused as no_client_auth_purpose",
			f->subject);
	if (j->role != CERT_ROLE_ANCHOR && f->authority)
		say(r, CERT_WARNING, "is_authority",
			"%s is the certificate of an authority, and would be used as that of a "
			"host",
			f->subject);
}

/* All anchors there are, which are more than a file may hold; NULL when out of memory. */
static STACK_OF(X509) * read_anchors(const char *pem)
{
	STACK_OF(X509) *v = sk_X509_new_null();
	BIO *in = pem ? BIO_new_mem_buf(pem, -1) : NULL;
	X509 *x;

	while (v && in && (x = PEM_read_bio_X509(in, NULL, NULL, NULL)))
		if (!sk_X509_push(v, x)) {
			X509_free(x);
			break;
		}
	BIO_free(in);
	return v;
}

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

/* One that is older than what there is would forget who was revoked since. */
static void judge_age(X509_CRL *crl, const STACK_OF(X509_CRL) * there, struct cert_report *r)
{
	char issuer[CERT_TEXT], ours[16], theirs[16];

	for (int i = 0; i < sk_X509_CRL_num(there); i++) {
		X509_CRL *other = sk_X509_CRL_value(there, i);

		if (X509_NAME_cmp(X509_CRL_get_issuer(other), X509_CRL_get_issuer(crl)) != 0 ||
			!same_scope(other, crl) || !is_newer(other, crl))
			continue;
		name_line(X509_CRL_get_issuer(crl), issuer, sizeof(issuer));
		day(asn1_time_s(X509_CRL_get0_lastUpdate(crl)), ours);
		day(asn1_time_s(X509_CRL_get0_lastUpdate(other)), theirs);
		say(r, CERT_WARNING, "crl_older",
			"the CRL of %s is of %s, and there is a newer one here, of %s: where this "
			"one takes its place, who was revoked in between is let in again",
			issuer, ours, theirs);
		return;
	}
}

/* Anchors that a chain may end at. */
static bool issued_by_any(X509 *x, const STACK_OF(X509) * anchors)
{
	for (int i = 0; i < sk_X509_num(anchors); i++) {
		X509 *a = sk_X509_value(anchors, i);

		if (X509_check_issued(a, x) == X509_V_OK || X509_cmp(a, x) == 0)
			return true;
	}
	return false;
}

static void judge_chain(const struct cert_bundle *b, const struct cert_judge *j,
	const STACK_OF(X509) * anchors, struct cert_report *r)
{
	X509 *last = b->certs[b->chain_count - 1];
	const bool rooted = X509_self_signed(last, 0) == 1;
	struct cert_facts f;

	for (unsigned i = 0; i + 1 < b->chain_count; i++) {
		if (X509_verify(b->certs[i], X509_get0_pubkey(b->certs[i + 1])) == 1)
			continue;
		cert_facts(b->certs[i], &f);
		say(r, CERT_ERROR, "bad_signature",
			"%s names %s as its issuer, but was not signed by that one's key",
			f.subject, f.issuer);
	}
	cert_facts(last, &f);
	if (!rooted && !issued_by_any(last, anchors))
		say(r, CERT_WARNING, "missing_intermediate",
			"the certificate of %s, which issued %s, is neither in the file nor "
			"trusted here: who has only the root cannot verify the chain; put all "
			"intermediates into the file",
			f.issuer, f.subject);
	else if (j->role == CERT_ROLE_DEVICE && !issued_by_any(last, anchors))
		say(r, CERT_WARNING, "wrong_ca",
			"the chain ends at %s, which is not trusted here: the device would be "
			"refused as wrong_ca; import that authority's certificate",
			f.issuer);
	if (b->chain_count < b->certs_count) {
		cert_facts(b->certs[b->chain_count], &f);
		say(r, CERT_WARNING, "not_in_chain",
			"%s does not belong to the chain (%u in all) and is left out", f.subject,
			b->certs_count - b->chain_count);
	}
}

static void judge_key(const struct cert_bundle *b, struct cert_report *r)
{
	struct cert_facts f;

	if (!b->key || X509_check_private_key(b->certs[0], b->key) == 1)
		return;
	cert_facts(b->certs[0], &f);
	say(r, CERT_ERROR, "key_mismatch",
		"the private key belongs to no certificate of the file (the first is %s): was the "
		"certificate issued for another request?",
		f.subject);
}

static void judge_host(const struct cert_bundle *b, const struct cert_judge *j,
	const STACK_OF(X509) * anchors, struct cert_report *r)
{
	struct cert_facts f;

	if (b->certs_count == 0) {
		say(r, CERT_ERROR, "no_certificate", "there is a private key and no certificate");
		return;
	}
	judge_key(b, r);
	cert_facts(b->certs[0], &f);
	judge_purpose(j, &f, r);
	judge_names(j, &f, r);
	judge_chain(b, j, anchors, r);
	for (unsigned i = 0; i < b->chain_count; i++) {
		cert_facts(b->certs[i], &f);
		judge_dates(&f, j->now_s, r);
		judge_strength(b->certs[i], &f, r);
	}
}

static void judge_anchors(
	const struct cert_bundle *b, const struct cert_judge *j, struct cert_report *r)
{
	for (unsigned i = 0; i < b->certs_count; i++) {
		struct cert_facts f;

		cert_facts(b->certs[i], &f);
		if (!f.authority)
			say(r, CERT_ERROR, "not_an_authority",
				"%s is no certificate of an authority (basicConstraints CA:TRUE "
				"is missing): a host's certificate is trusted through who issued "
				"it",
				f.subject);
		judge_dates(&f, j->now_s, r);
		judge_strength(b->certs[i], &f, r);
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
static void judge_crl(X509_CRL *crl, const struct cert_bundle *b, const struct cert_judge *j,
	const STACK_OF(X509) * anchors, struct cert_report *r)
{
	const int64_t next = asn1_time_s(X509_CRL_get0_nextUpdate(crl));
	struct crl_proof proof = {0};
	char issuer[CERT_TEXT], text[16];

	name_line(X509_CRL_get_issuer(crl), issuer, sizeof(issuer));
	for (int i = 0; i < sk_X509_num(anchors); i++)
		prove(crl, sk_X509_value(anchors, i), &proof);
	for (unsigned i = 0; i < b->certs_count; i++)
		prove(crl, b->certs[i], &proof);
	if (!proof.known)
		say(r, CERT_WARNING, "crl_of_unknown_issuer",
			"the CRL of %s: no such authority is trusted here; it counts for those "
			"alone whose chain goes through one of this name",
			issuer);
	else if (!proof.right)
		say(r, CERT_ERROR, "bad_signature",
			"the CRL of %s was not signed by the key of that authority", issuer);
	day(next, text);
	if (next && next < j->now_s)
		say(r, CERT_WARNING, "crl_stale",
			"the CRL of %s should have been replaced on %s: who was revoked since is "
			"not known",
			issuer, text);
}

void cert_explain(
	const struct cert_bundle *b, const struct cert_judge *j, struct cert_report *report)
{
	STACK_OF(X509) *anchors = read_anchors(j->anchors_pem);
	STACK_OF(X509_CRL) * crls;

	memset(report, 0, sizeof(*report));
	switch (j->role) {
	case CERT_ROLE_NODE:
	case CERT_ROLE_DEVICE:
		judge_host(b, j, anchors, report);
		break;
	case CERT_ROLE_ANCHOR:
		judge_anchors(b, j, report);
		break;
	case CERT_ROLE_CRL:
	default:
		break;
	}
	crls = read_crls(b->crls_count ? j->crls_pem : NULL);
	for (unsigned i = 0; i < b->crls_count; i++) {
		judge_crl(b->crls[i], b, j, anchors, report);
		judge_age(b->crls[i], crls, report);
	}
	sk_X509_CRL_pop_free(crls, X509_CRL_free);
	sk_X509_pop_free(anchors, X509_free);
	ERR_clear_error();
}
