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

void report_say(
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

/* `bad`: the level of what a handshake stumbles over, if it does. */
static void judge_dates(
	const struct cert_facts *f, int64_t now_s, enum cert_level bad, struct cert_report *r)
{
	char text[16];

	day(f->not_after_s, text);
	if (f->not_after_s < now_s)
		report_say(r, bad, "expired", "%s has expired on %s", f->subject, text);
	else if (f->not_after_s - now_s < SOON_S)
		report_say(r, CERT_WARNING, "expires_soon", "%s expires on %s", f->subject, text);
	day(f->not_before_s, text);
	if (f->not_before_s > now_s)
		report_say(r, bad, "not_yet_valid",
			"%s is not valid before %s: is the clock right?", f->subject, text);
}

static void judge_strength(
	X509 *x, const struct cert_facts *f, enum cert_level bad, struct cert_report *r)
{
	EVP_PKEY *key = X509_get0_pubkey(x);
	int hash = NID_undef;

	if (!key)
		report_say(r, CERT_ERROR, "unknown_key",
			"%s has a key of a kind that is not supported", f->subject);
	else if (EVP_PKEY_get_security_bits(key) < 112)
		report_say(r, bad, "weak_key",
			"%s has a key of %s, which tls.enc-algorithm high and medium refuse: at "
			"least RSA-2048 or P-256",
			f->subject, f->key);
	/* Nobody verifies the signature of a root: it is trusted as it is. */
	if (f->self_signed || X509_get_signature_info(x, &hash, NULL, NULL, NULL) != 1)
		return;
	if (hash == NID_sha1 || hash == NID_md5 || hash == NID_md5_sha1)
		report_say(r, bad, hash == NID_sha1 ? "sha1_signature" : "md5_signature",
			"%s is signed with %s (%s), which tls.enc-algorithm high and medium "
			"refuse: have it issued again with SHA-256",
			f->subject, OBJ_nid2sn(hash), f->signature);
}

/* By its names as a handshake reads them, which are more than facts can show. */
static bool is_named(const struct cert_judge *j, X509 *x)
{
	struct tls_peer peer = {0};

	if (!j->named)
		return true;
	names_of(x, &peer);
	return j->named(j->ctx, &peer);
}

static void judge_names(
	const struct cert_judge *j, X509 *x, const struct cert_facts *f, struct cert_report *r)
{
	if (j->role == CERT_ROLE_DEVICE && !is_named(j, x))
		report_say(r, j->passwords ? CERT_WARNING : CERT_ERROR, "no_legal_sn",
			"CN=%.100s is no legal serial number (auth.serial-pattern), nor is a name "
			"of "
			"the SAN one that listen.tls-names takes: the device would be %s; the CN "
			"must be its serial number",
			f->cn,
			j->passwords ? "let in by user and password alone"
				     : "refused as no_legal_sn");
	if (j->role == CERT_ROLE_NODE && j->serial && strcmp(f->cn, j->serial) != 0)
		report_say(r, CERT_WARNING, "not_our_serial",
			"CN=%s is not this node's serial number %s: devices that check it (`set "
			"serial`) will not connect",
			f->cn, j->serial);
}

static void judge_purpose(const struct cert_judge *j, const struct cert_facts *f,
	enum cert_level bad, struct cert_report *r)
{
	if (j->role == CERT_ROLE_NODE && !f->server_auth)
		report_say(r, CERT_WARNING, "no_server_auth_purpose",
			"%s has an extended key usage without serverAuth: devices that verify the "
			"server will not connect",
			f->subject);
	if (j->role == CERT_ROLE_DEVICE && !f->client_auth)
		report_say(r, bad, "no_client_auth_purpose",
			"%s has an extended key usage without clientAuth (a web server's "
			"certificate?): the device would be refused as no_client_auth_purpose",
			f->subject);
	if (j->role != CERT_ROLE_ANCHOR && f->authority)
		report_say(r, CERT_WARNING, "is_authority",
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
	const STACK_OF(X509) * anchors, enum cert_level bad, struct cert_report *r)
{
	X509 *last = b->certs[b->chain_count - 1];
	const bool rooted = X509_self_signed(last, 0) == 1;
	struct cert_facts f;

	for (unsigned i = 0; i + 1 < b->chain_count; i++) {
		if (X509_verify(b->certs[i], X509_get0_pubkey(b->certs[i + 1])) == 1)
			continue;
		cert_facts(b->certs[i], &f);
		report_say(r, CERT_ERROR, "bad_signature",
			"%s names %s as its issuer, but was not signed by that one's key",
			f.subject, f.issuer);
	}
	cert_facts(last, &f);
	if (!rooted && !issued_by_any(last, anchors))
		report_say(r, bad, "missing_intermediate",
			"the certificate of %s, which issued %s, is neither in the file nor "
			"trusted here: who has only the root cannot verify the chain; put all "
			"intermediates into the file",
			f.issuer, f.subject);
	else if (j->role == CERT_ROLE_DEVICE && !issued_by_any(last, anchors))
		report_say(r, bad, "wrong_ca",
			"the chain ends at %s, which is not trusted here: the device would be "
			"refused as wrong_ca; import that authority's certificate",
			f.issuer);
	if (b->chain_count < b->certs_count) {
		cert_facts(b->certs[b->chain_count], &f);
		report_say(r, CERT_WARNING, "not_in_chain",
			"%s does not belong to the chain (%u in all) and is left out", f.subject,
			b->certs_count - b->chain_count);
	}
}

static void judge_key(const struct cert_bundle *b, struct cert_report *r)
{
	struct cert_facts f;

	if (!b->key || cert_bundle_key_fits(b))
		return;
	cert_facts(b->certs[0], &f);
	report_say(r, CERT_ERROR, "key_mismatch",
		"the private key belongs to no certificate of the file (the first is %s): was the "
		"certificate issued for another request?",
		f.subject);
}

static void judge_host(const struct cert_bundle *b, const struct cert_judge *j,
	const STACK_OF(X509) * anchors, struct cert_report *r)
{
	enum cert_level bad = CERT_WARNING;
	int refused = X509_V_OK;
	struct cert_facts f;
	X509 *at = NULL;

	if (b->certs_count == 0) {
		report_say(r, CERT_ERROR, "no_certificate",
			"there is a private key and no certificate");
		return;
	}
	if (j->role == CERT_ROLE_DEVICE)
		refused = chain_try(b, j, anchors, &at);
	if (refused != X509_V_OK && refused != X509_V_ERR_CERT_REVOKED)
		bad = CERT_ERROR;
	judge_key(b, r);
	cert_facts(b->certs[0], &f);
	judge_purpose(j, &f, bad, r);
	judge_names(j, b->certs[0], &f, r);
	judge_chain(b, j, anchors, bad, r);
	for (unsigned i = 0; i < b->chain_count; i++) {
		cert_facts(b->certs[i], &f);
		judge_dates(&f, j->now_s, bad, r);
		judge_strength(b->certs[i], &f, bad, r);
	}
	if (refused == X509_V_OK ||
		(refused != X509_V_ERR_CERT_REVOKED && cert_report_has_errors(r)))
		return;
	/* A reason that is none of these. */
	cert_facts(at ? at : b->certs[0], &f);
	report_say(r, CERT_ERROR, refusal_reason_slug(failure_of_chain(refused, false)),
		"%s: %s; the handshake would be refused", f.subject,
		X509_verify_cert_error_string(refused));
}

static void judge_anchors(
	const struct cert_bundle *b, const struct cert_judge *j, struct cert_report *r)
{
	for (unsigned i = 0; i < b->certs_count; i++) {
		struct cert_facts f;

		cert_facts(b->certs[i], &f);
		if (!f.authority)
			report_say(r, CERT_ERROR, "not_an_authority",
				"%s is no certificate of an authority (basicConstraints CA:TRUE "
				"is missing): a host's certificate is trusted through who issued "
				"it",
				f.subject);
		judge_dates(&f, j->now_s, CERT_WARNING, r);
		judge_strength(b->certs[i], &f, CERT_WARNING, r);
	}
}

void cert_explain(
	const struct cert_bundle *b, const struct cert_judge *j, struct cert_report *report)
{
	STACK_OF(X509) *anchors = read_anchors(j->anchors_pem);

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
	crls_explain(b, j, anchors, report);
	sk_X509_pop_free(anchors, X509_free);
	ERR_clear_error();
}
