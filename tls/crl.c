/*
 * What CRLs revoke. OpenSSL reads them once, on the control thread, and keeps none: of each entry
 * there is a number in a sorted list, of each CRL what the trace says about it. A CRL that cannot
 * be judged, or is out of date, counts for those whom it names and for nobody else: see
 * docs/decisions.md.
 */
#include "tls/internal.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

struct crl_head {
	X509_NAME *issuer;
	int64_t last_s, next_s; /* next 0: it does not say */
	bool only_users, only_authorities, only_attributes;
	/* Its signature, and what it is over; NID_undef: one that cannot be verified without all of
	 * the CRL (Ed25519, RSA-PSS). */
	int key_kind, digest_kind;
	unsigned digest_len;
	uint8_t digest[EVP_MAX_MD_SIZE];
	size_t signature_len;
	uint8_t *signature;
};

struct tls_crls {
	_Atomic unsigned refs;
	struct cert_ids revoked;
	size_t n;
	struct crl_head *v;
};

/* ---- made, on the control thread ---- */

/* RFC 5280 section 5.3.1: of a delta CRL, somebody who is on hold no more. */
static bool lets_in_again(const X509_REVOKED *r)
{
	ASN1_ENUMERATED *reason = X509_REVOKED_get_ext_d2i(r, NID_crl_reason, NULL, NULL);
	const bool yes = reason && ASN1_ENUMERATED_get(reason) == CRL_REASON_REMOVE_FROM_CRL;

	ASN1_ENUMERATED_free(reason);
	return yes;
}

static bool add_entries(struct cert_ids *ids, X509_CRL *crl)
{
	STACK_OF(X509_REVOKED) *v = X509_CRL_get_REVOKED(crl);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t issuer[32];
	bool done = md && cert_id_issuer(md, X509_CRL_get_issuer(crl), issuer);

	for (int i = 0; done && i < sk_X509_REVOKED_num(v); i++) {
		const X509_REVOKED *r = sk_X509_REVOKED_value(v, i);
		struct cert_id id;

		if (!lets_in_again(r))
			done = cert_id_serial(md, issuer, X509_REVOKED_get0_serialNumber(r), &id) &&
			       cert_ids_add(ids, &id) == 0;
	}
	EVP_MD_CTX_free(md);
	return done;
}

/* The bytes that are signed, within the CRL's DER. */
static bool signed_part(const uint8_t *der, long len, const uint8_t **at, size_t *n)
{
	const uint8_t *p = der, *in;
	long size;
	int tag, kind;

	/* 0x20: constructed, of a length that is given. */
	if (ASN1_get_object(&p, &size, &tag, &kind, len) != V_ASN1_CONSTRUCTED)
		return false;
	in = p;
	if (ASN1_get_object(&in, &size, &tag, &kind, size) != V_ASN1_CONSTRUCTED)
		return false;
	*at = p;
	*n = (size_t)(in - p) + (size_t)size;
	return true;
}

/* false: out of memory. */
static bool take_signature(struct crl_head *h, X509_CRL *crl)
{
	const ASN1_BIT_STRING *signature;
	uint8_t *der = NULL;
	const uint8_t *part;
	size_t n;
	int len;

	if (OBJ_find_sigid_algs(X509_CRL_get_signature_nid(crl), &h->digest_kind, &h->key_kind) !=
			1 ||
		!EVP_get_digestbynid(h->digest_kind)) {
		h->digest_kind = NID_undef;
		return true;
	}
	X509_CRL_get0_signature(crl, &signature, NULL);
	len = i2d_X509_CRL(crl, &der);
	h->signature = malloc((size_t)ASN1_STRING_length(signature) + 1);
	if (len <= 0 || !h->signature) {
		OPENSSL_free(der);
		return false;
	}
	h->signature_len = (size_t)ASN1_STRING_length(signature);
	memcpy(h->signature, ASN1_STRING_get0_data(signature), h->signature_len);
	if (!signed_part(der, len, &part, &n) ||
		EVP_Digest(part, n, h->digest, &h->digest_len, EVP_get_digestbynid(h->digest_kind),
			NULL) != 1)
		h->digest_kind = NID_undef;
	OPENSSL_free(der);
	return true;
}

static bool add_head(struct tls_crls *c, X509_CRL *crl)
{
	ISSUING_DIST_POINT *of =
		X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, NULL, NULL);
	struct crl_head *v = realloc(c->v, (c->n + 1) * sizeof(*v)), *h = NULL;

	if (v) {
		c->v = v;
		h = &v[c->n++];
		*h = (struct crl_head){
			.issuer = X509_NAME_dup(X509_CRL_get_issuer(crl)),
			.last_s = asn1_time_s(X509_CRL_get0_lastUpdate(crl)),
			.next_s = asn1_time_s(X509_CRL_get0_nextUpdate(crl)),
			.only_users = of && of->onlyuser > 0,
			.only_authorities = of && of->onlyCA > 0,
			.only_attributes = of && of->onlyattr > 0,
		};
	}
	ISSUING_DIST_POINT_free(of);
	return h && h->issuer && take_signature(h, crl);
}

int tls_crls_new(const char *pem, struct tls_crls **out, char *err, size_t err_size)
{
	struct tls_crls *c = calloc(1, sizeof(*c));
	BIO *in = BIO_new_mem_buf(pem, -1);
	X509_CRL *crl = NULL;
	bool done = c && in;

	ERR_clear_error();
	if (c)
		atomic_init(&c->refs, 1);
	while (done && (crl = PEM_read_bio_X509_CRL(in, NULL, no_password, NULL))) {
		done = add_entries(&c->revoked, crl) && add_head(c, crl);
		X509_CRL_free(crl);
	}
	BIO_free(in);
	if (!done || !pem_ended()) {
		tls_crls_unref(c);
		return set_fail(err, err_size, "%s", done ? "CRLs" : "CRLs: out of memory");
	}
	ERR_clear_error();
	cert_ids_sort(&c->revoked);
	*out = c;
	return 0;
}

struct tls_crls *tls_crls_ref(struct tls_crls *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void tls_crls_unref(struct tls_crls *c)
{
	if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < c->n; i++) {
		X509_NAME_free(c->v[i].issuer);
		free(c->v[i].signature);
	}
	free(c->v);
	free(c->revoked.v);
	free(c);
}

/* ---- asked, on a worker ---- */

bool crls_revoke(const struct tls_crls *crls, const struct cert_id *id)
{
	return cert_ids_have(&crls->revoked, id);
}

static bool is_signed_by(const struct crl_head *h, EVP_PKEY *key)
{
	EVP_PKEY_CTX *ctx;
	bool yes;

	if (h->digest_kind == NID_undef)
		return true;
	if (!key || EVP_PKEY_get_base_id(key) != h->key_kind)
		return false;
	ctx = EVP_PKEY_CTX_new(key, NULL);
	yes = ctx && EVP_PKEY_verify_init(ctx) == 1 &&
	      EVP_PKEY_CTX_set_signature_md(ctx, EVP_get_digestbynid(h->digest_kind)) == 1 &&
	      EVP_PKEY_verify(ctx, h->signature, h->signature_len, h->digest, h->digest_len) == 1;
	EVP_PKEY_CTX_free(ctx);
	return yes;
}

/* What there is to be said of a CRL as to this certificate, as OpenSSL's errors; `key`: its
 * issuer's, NULL: not known. */
static int doubt(const struct crl_head *h, X509 *cert, EVP_PKEY *key, int64_t now_s)
{
	const bool authority = X509_get_extension_flags(cert) & EXFLAG_CA;

	/* Both cannot be: it is for nobody. */
	if (h->only_users && h->only_authorities)
		return X509_V_OK;
	if (h->only_attributes || (authority ? h->only_users : h->only_authorities))
		return X509_V_ERR_DIFFERENT_CRL_SCOPE;
	if (key && !is_signed_by(h, key))
		return X509_V_ERR_CRL_SIGNATURE_FAILURE;
	if (h->last_s > now_s)
		return X509_V_ERR_CRL_NOT_YET_VALID;
	return h->next_s && h->next_s < now_s ? X509_V_ERR_CRL_HAS_EXPIRED : X509_V_OK;
}

/* For the trace alone, and without one nothing is computed: whatever the answer is, a CRL counts
 * for those whom it names. */
static void tell_doubts(const struct tls_conn *c, STACK_OF(X509) * chain, int at)
{
	const struct tls_crls *crls = c->set->crls;
	X509 *cert = sk_X509_value(chain, at), *issuer = sk_X509_value(chain, at + 1);

	if (!issuer && X509_check_issued(cert, cert) == X509_V_OK)
		issuer = cert;
	for (size_t i = 0; i < crls->n; i++) {
		int error;

		if (X509_NAME_cmp(crls->v[i].issuer, X509_get_issuer_name(cert)) != 0)
			continue;
		error = doubt(&crls->v[i], cert, issuer ? X509_get0_pubkey(issuer) : NULL,
			set_now(c->set));
		if (error == X509_V_OK)
			continue;
		trace_line(c, "VERIFY WARNING: %s", X509_verify_cert_error_string(error));
		return;
	}
}

int crls_check(X509_STORE_CTX *store_ctx)
{
	const SSL *ssl =
		X509_STORE_CTX_get_ex_data(store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
	const struct tls_conn *c = ssl ? conn_of(ssl) : NULL;
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(store_ctx);

	/* Asked for no connection, which nothing does: known_verify() trusts nobody then. */
	for (int i = 0; c && i < sk_X509_num(chain); i++) {
		X509 *cert = sk_X509_value(chain, i);
		struct cert_id id;

		if (c->trace) {
			ERR_set_mark(); /* a signature that does not verify is no error of TLS */
			tell_doubts(c, chain, i);
			ERR_pop_to_mark();
		}
		cert_id_of_entry(X509_get_issuer_name(cert), X509_get0_serialNumber(cert), &id);
		if (!crls_revoke(c->set->crls, &id))
			continue;
		X509_STORE_CTX_set_error(store_ctx, X509_V_ERR_CERT_REVOKED);
		X509_STORE_CTX_set_error_depth(store_ctx, i);
		X509_STORE_CTX_set_current_cert(store_ctx, cert);
		if (!verify_callback(0, store_ctx))
			return 0;
	}
	return 1;
}
