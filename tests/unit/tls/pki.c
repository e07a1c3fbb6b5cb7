#include "tests/unit/tls/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "pki: %s\n", what);
	ERR_print_errors_fp(stderr);
	abort();
}

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	must(ext && X509_add_ext(cert, ext, -1) == 1, value);
	X509_EXTENSION_free(ext);
}

static void add_name(X509_NAME *name, const char *field, const char *value)
{
	if (value)
		must(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
			     (const unsigned char *)value, -1, -1, 0) == 1,
			value);
}

/* Of an algorithm that nobody has heard of. */
static void set_strange_key(X509 *cert)
{
	static const char bytes[] = "no key";

	must(X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(cert),
		     OBJ_txt2obj("1.3.6.1.4.1.32473.1", 1), V_ASN1_UNDEF, NULL,
		     OPENSSL_memdup(bytes, sizeof(bytes)), sizeof(bytes)) == 1,
		"strange key");
}

static EVP_PKEY *new_key(const char *kind)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
	EVP_PKEY *key = NULL;

	must(ctx && EVP_PKEY_keygen_init(ctx) == 1 && EVP_PKEY_generate(ctx, &key) == 1, kind);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

struct pki_cert pki_issue(const struct pki_cert *issuer, const struct pki_options *o)
{
	static long serial = 1000;
	struct pki_cert c = {.cert = X509_new()};
	X509 *by = issuer ? issuer->cert : c.cert;
	X509_NAME *name = X509_get_subject_name(c.cert);
	EVP_PKEY *signer;
	const EVP_MD *md = o->md5 ? EVP_md5() : o->sha1 ? EVP_sha1() : EVP_sha256();

	if (o->key_of) {
		c.key = o->key_of->key;
		EVP_PKEY_up_ref(c.key);
	} else if (o->kind) {
		c.key = new_key(o->kind);
	} else {
		c.key = o->rsa_bits ? EVP_RSA_gen(o->rsa_bits)
				    : EVP_EC_gen(o->curve ? o->curve : "P-256");
	}
	must(c.key != NULL, "key");
	X509_set_version(c.cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(c.cert), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(c.cert), (long)(o->from_s ? o->from_s : -60));
	X509_gmtime_adj(X509_getm_notAfter(c.cert),
		(long)(o->from_s + (o->lasting_s ? o->lasting_s : 864000)));
	if (o->dc) {
		add_name(name, "DC", "local");
		add_name(name, "DC", o->dc);
	} else if (!o->only_cn) {
		add_name(name, "C", "US");
	}
	for (unsigned i = 0; i < o->units; i++)
		add_name(name, "OU", "unit");
	add_name(name, "O", o->o);
	add_name(name, "CN", o->cn);
	X509_set_issuer_name(c.cert, X509_get_subject_name(by));
	X509_set_pubkey(c.cert, c.key);
	if (o->strange_key)
		set_strange_key(c.cert);
	if (o->ca) {
		add_extension(c.cert, by, NID_basic_constraints, "critical,CA:TRUE");
		add_extension(c.cert, by, NID_key_usage, "critical,keyCertSign,cRLSign");
	}
	if (o->eku)
		add_extension(c.cert, by, NID_ext_key_usage, o->eku);
	if (o->san)
		add_extension(c.cert, by, NID_subject_alt_name, o->san);
	if (o->constraints)
		add_extension(c.cert, by, NID_name_constraints, o->constraints);
	signer = issuer ? issuer->key : c.key;
	if (strncmp(EVP_PKEY_get0_type_name(signer), "ED", 2) == 0)
		md = NULL; /* Edwards curves have their own */
	must(X509_sign(c.cert, signer, md) > 0, "signature");
	return c;
}

void pki_free(struct pki_cert *c)
{
	X509_free(c->cert);
	EVP_PKEY_free(c->key);
	c->cert = NULL;
	c->key = NULL;
}

static char *text_of(BIO *b)
{
	char *data = NULL, *text;
	long len = BIO_get_mem_data(b, &data);

	text = strndup(data, (size_t)len);
	must(text != NULL, "memory");
	BIO_free(b);
	return text;
}

char *pki_pem(const struct pki_cert *const *v, unsigned n)
{
	BIO *b = BIO_new(BIO_s_mem());

	for (unsigned i = 0; i < n; i++)
		must(PEM_write_bio_X509(b, v[i]->cert) == 1, "PEM");
	return text_of(b);
}

char *pki_key_pem(const struct pki_cert *c)
{
	BIO *b = BIO_new(BIO_s_mem());

	must(PEM_write_bio_PrivateKey(b, c->key, NULL, NULL, 0, NULL, NULL) == 1, "PEM");
	return text_of(b);
}

/* How a CRL differs from the usual one. */
struct crl_order {
	const char *scope;
	const X509_NAME *name; /* NULL: the issuer's */
	int reason;	       /* of each entry; 0: it does not say */
	time_t age_s;
};

static void add_revoked(X509_CRL *crl, const struct pki_cert *c, const ASN1_TIME *at, int reason)
{
	X509_REVOKED *r = X509_REVOKED_new();
	ASN1_ENUMERATED *why = ASN1_ENUMERATED_new();

	X509_REVOKED_set_serialNumber(r, X509_get_serialNumber(c->cert));
	X509_REVOKED_set_revocationDate(r, (ASN1_TIME *)at);
	ASN1_ENUMERATED_set(why, reason);
	if (reason)
		must(X509_REVOKED_add1_ext_i2d(r, NID_crl_reason, why, 0, 0) == 1, "reason");
	X509_CRL_add0_revoked(crl, r);
	ASN1_ENUMERATED_free(why);
}

static char *crl_pem(const struct pki_cert *issuer, const struct pki_cert *const *v, unsigned n,
	const struct crl_order *o)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *now = ASN1_TIME_set(NULL, time(NULL) - (o->age_s ? o->age_s : 120)),
		  *next = ASN1_TIME_set(NULL, time(NULL) + 86400);
	BIO *b = BIO_new(BIO_s_mem());

	X509_CRL_set_version(crl, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(crl, o->name ? o->name : X509_get_subject_name(issuer->cert));
	X509_CRL_set1_lastUpdate(crl, now);
	X509_CRL_set1_nextUpdate(crl, next);
	for (unsigned i = 0; i < n; i++)
		add_revoked(crl, v[i], now, o->reason);
	X509_CRL_sort(crl);
	if (o->scope) {
		X509_EXTENSION *e =
			X509V3_EXT_conf_nid(NULL, NULL, NID_issuing_distribution_point, o->scope);

		must(e && X509_CRL_add_ext(crl, e, -1) == 1, o->scope);
		X509_EXTENSION_free(e);
	}
	must(X509_CRL_sign(crl, issuer->key, EVP_sha256()) > 0, "CRL");
	must(PEM_write_bio_X509_CRL(b, crl) == 1, "PEM");
	X509_CRL_free(crl);
	ASN1_TIME_free(now);
	ASN1_TIME_free(next);
	return text_of(b);
}

char *pki_crl_pem(const struct pki_cert *issuer, const struct pki_cert *const *v, unsigned n)
{
	return crl_pem(issuer, v, n, &(struct crl_order){0});
}

char *pki_crl_pem_newer(const struct pki_cert *issuer, const struct pki_cert *const *v, unsigned n)
{
	return crl_pem(issuer, v, n, &(struct crl_order){.age_s = 60});
}

char *pki_crl_pem_for(const struct pki_cert *issuer, const struct pki_cert *const *v, unsigned n,
	const char *scope)
{
	return crl_pem(issuer, v, n, &(struct crl_order){.scope = scope});
}

char *pki_crl_pem_because(
	const struct pki_cert *issuer, const struct pki_cert *const *v, unsigned n, int reason)
{
	return crl_pem(issuer, v, n, &(struct crl_order){.reason = reason});
}

char *pki_crl_pem_by(const struct pki_cert *issuer, int type, const char *cn,
	const struct pki_cert *const *v, unsigned n)
{
	const X509_NAME *own = X509_get_subject_name(issuer->cert);
	X509_NAME *name = X509_NAME_new();
	unsigned char *text = (unsigned char *)cn, wide[128];
	int len = (int)strlen(cn);
	char *pem;

	/* BMPString: two bytes each. */
	for (int i = 0; type == V_ASN1_BMPSTRING && i < len && i < 64; i++) {
		wide[2 * i] = 0;
		wide[2 * i + 1] = text[i];
	}
	if (type == V_ASN1_BMPSTRING) {
		text = wide;
		len *= 2;
	}
	for (int i = 0; i < X509_NAME_entry_count(own); i++) {
		const X509_NAME_ENTRY *e = X509_NAME_get_entry(own, i);
		const ASN1_OBJECT *field = X509_NAME_ENTRY_get_object(e);
		const ASN1_STRING *value = X509_NAME_ENTRY_get_data(e);

		if (OBJ_obj2nid(field) == NID_commonName)
			X509_NAME_add_entry_by_OBJ(name, field, type, text, len, -1, 0);
		else
			X509_NAME_add_entry_by_OBJ(name, field, ASN1_STRING_type(value),
				ASN1_STRING_get0_data(value), ASN1_STRING_length(value), -1, 0);
	}
	pem = crl_pem(issuer, v, n, &(struct crl_order){.name = name});
	X509_NAME_free(name);
	return pem;
}
