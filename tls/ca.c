#include "tls/ca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "tls/cert_internal.h"
#include "tls/internal.h"

#define EARLIER_S  3600 /* devices' clocks are not ours */
#define ITERATIONS 2048 /* of a PKCS#12: what FortiOS and others take */

void ca_pair_free(struct ca_pair *p)
{
	free(p->cert_pem);
	cert_wipe(p->key_pem);
	*p = (struct ca_pair){0};
}

static int fail(char *err, size_t err_size, const char *what)
{
	cert_openssl_error(err, err_size, what);
	return -1;
}

static const struct key_kind {
	const char *name;
	unsigned bits; /* of RSA; 0: P-256 */
} kinds[] = {{"p-256", 0}, {"rsa-2048", 2048}, {"rsa-3072", 3072}, {"rsa-4096", 4096}};

static const struct key_kind *find_kind(const char *name)
{
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

bool ca_key_kind_known(const char *kind)
{
	return find_kind(kind) != NULL;
}

static EVP_PKEY *new_key(const char *kind)
{
	const struct key_kind *k = find_kind(kind);

	if (!k)
		return NULL;
	return k->bits ? EVP_RSA_gen(k->bits) : EVP_EC_gen("P-256");
}

static char *pem_of(BIO *bio)
{
	char *data, *text = NULL;
	long n = BIO_get_mem_data(bio, &data);

	if (n > 0)
		text = strndup(data, (size_t)n);
	BIO_free(bio);
	return text;
}

static char *cert_pem(X509 *x)
{
	BIO *bio = BIO_new(BIO_s_mem());

	if (bio)
		PEM_write_bio_X509(bio, x);
	return bio ? pem_of(bio) : NULL;
}

static bool name_it(X509_NAME *name, const char *cn)
{
	return X509_NAME_add_entry_by_txt(
		       name, "O", MBSTRING_UTF8, (const unsigned char *)"Sluice", -1, -1, 0) == 1 &&
	       X509_NAME_add_entry_by_txt(
		       name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0) == 1;
}

/* 127 random bits: positive, not to be guessed (CA/B baseline 7.1 asks for 64). */
static bool number_it(X509 *x)
{
	uint8_t random[16];
	BIGNUM *n;
	bool ok;

	if (RAND_bytes(random, sizeof(random)) != 1)
		return false;
	random[0] = (uint8_t)((random[0] & 0x7f) | 0x40);
	n = BN_bin2bn(random, sizeof(random), NULL);
	ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
	BN_free(n);
	return ok;
}

static bool extend(X509 *x, X509V3_CTX *ctx, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
	bool ok = e && X509_add_ext(x, e, -1) == 1;

	X509_EXTENSION_free(e);
	return ok;
}

static bool date_it(X509 *x, const X509 *issuer, const struct ca_order *o)
{
	const int64_t end = o->now_s + (int64_t)o->days * 86400;
	const int64_t last = issuer ? asn1_time_s(X509_get0_notAfter(issuer)) : end;

	return ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(o->now_s - EARLIER_S)) &&
	       ASN1_TIME_set(X509_getm_notAfter(x), (time_t)(end < last ? end : last));
}

static bool extend_host(X509 *x, X509V3_CTX *ctx, const struct ca_order *o, bool rsa)
{
	char purposes[64], names[160];

	snprintf(purposes, sizeof(purposes), "%s%s%s", o->server ? "serverAuth" : "",
		o->server && o->client ? "," : "", o->client ? "clientAuth" : "");
	snprintf(names, sizeof(names), "DNS:%s%s%s", o->cn, o->dns ? ",DNS:" : "",
		o->dns ? o->dns : "");
	return extend(x, ctx, NID_basic_constraints, "critical,CA:FALSE") &&
	       extend(x, ctx, NID_key_usage,
		       rsa ? "critical,digitalSignature,keyEncipherment"
			   : "critical,digitalSignature") &&
	       extend(x, ctx, NID_ext_key_usage, purposes) &&
	       extend(x, ctx, NID_subject_alt_name, names);
}

/* Everything but the signature. `issuer` NULL: itself. */
static bool fill(X509 *x, EVP_PKEY *key, X509 *issuer, const struct ca_order *o, bool authority)
{
	X509_NAME *name = X509_NAME_new();
	bool ok = name && name_it(name, o->cn) && X509_set_version(x, 2) == 1 && number_it(x) &&
		  X509_set_subject_name(x, name) == 1 && X509_set_pubkey(x, key) == 1 &&
		  X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer) : name) == 1 &&
		  date_it(x, issuer, o);
	X509V3_CTX ctx;

	X509_NAME_free(name);
	if (!ok)
		return false;
	X509V3_set_ctx(&ctx, issuer ? issuer : x, x, NULL, NULL, 0);
	if (authority)
		ok = extend(x, &ctx, NID_basic_constraints, "critical,CA:TRUE,pathlen:1") &&
		     extend(x, &ctx, NID_key_usage, "critical,keyCertSign,cRLSign");
	else
		ok = extend_host(x, &ctx, o, EVP_PKEY_is_a(key, "RSA"));
	return ok && extend(x, &ctx, NID_subject_key_identifier, "hash") &&
	       (!issuer || extend(x, &ctx, NID_authority_key_identifier, "keyid:always"));
}

static int make(const struct ca_order *o, X509 *issuer, EVP_PKEY *issuer_key, bool authority,
	struct ca_pair *out, char *err, size_t err_size)
{
	EVP_PKEY *key = new_key(o->kind);
	X509 *x = X509_new();
	int rc = -1;

	*out = (struct ca_pair){0};
	if (key && x && fill(x, key, issuer, o, authority) &&
		X509_sign(x, issuer_key ? issuer_key : key, EVP_sha256()) > 0) {
		out->cert_pem = cert_pem(x);
		out->key_pem = cert_key_pem(key);
		rc = out->cert_pem && out->key_pem ? 0 : -1;
	}
	if (rc != 0) {
		ca_pair_free(out);
		fail(err, err_size, "libcrypto made no certificate");
	}
	X509_free(x);
	EVP_PKEY_free(key);
	return rc;
}

int ca_make(const struct ca_order *order, struct ca_pair *out, char *err, size_t err_size)
{
	return make(order, NULL, NULL, true, out, err, err_size);
}

/* The pair as OpenSSL has it: certificate first, with its key. */
static int load(const struct ca_pair *pair, struct cert_bundle *b, char *err, size_t err_size)
{
	const size_t n = strlen(pair->cert_pem) + strlen(pair->key_pem) + 1;
	char *both = malloc(n);
	int rc;

	if (!both)
		return fail(err, err_size, "out of memory");
	snprintf(both, n, "%s%s", pair->cert_pem, pair->key_pem);
	rc = cert_bundle_read(b, both, n - 1, NULL, err, err_size) == CERT_OK ? 0 : -1;
	cert_wipe(both);
	if (rc == 0 && (!b->key || !b->certs_count)) {
		cert_bundle_free(b);
		rc = fail(err, err_size, "a certificate or its key is missing");
	}
	return rc;
}

int ca_issue(const struct ca_pair *ca, const struct ca_order *order, struct ca_pair *out, char *err,
	size_t err_size)
{
	struct cert_bundle b = {0};
	int rc;

	*out = (struct ca_pair){0};
	if (!ca)
		return make(order, NULL, NULL, false, out, err, err_size);
	if (load(ca, &b, err, err_size) != 0)
		return -1;
	rc = make(order, b.certs[0], b.key, false, out, err, err_size);
	cert_bundle_free(&b);
	return rc;
}

static bool request_names(X509_REQ *req, const struct ca_order *o)
{
	STACK_OF(X509_EXTENSION) *v = sk_X509_EXTENSION_new_null();
	X509_EXTENSION *e;
	char names[160];
	bool ok;

	snprintf(names, sizeof(names), "DNS:%s%s%s", o->cn, o->dns ? ",DNS:" : "",
		o->dns ? o->dns : "");
	e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
	ok = v && e && sk_X509_EXTENSION_push(v, e) > 0;
	if (!ok)
		X509_EXTENSION_free(e);
	ok = ok && X509_REQ_add_extensions(req, v) == 1;
	sk_X509_EXTENSION_pop_free(v, X509_EXTENSION_free);
	return ok;
}

int ca_request(const struct ca_order *order, struct ca_pair *out, char *err, size_t err_size)
{
	EVP_PKEY *key = new_key(order->kind);
	X509_REQ *req = X509_REQ_new();
	BIO *bio = BIO_new(BIO_s_mem());
	int rc = -1;

	*out = (struct ca_pair){0};
	if (key && req && bio && name_it(X509_REQ_get_subject_name(req), order->cn) &&
		X509_REQ_set_pubkey(req, key) == 1 && request_names(req, order) &&
		X509_REQ_sign(req, key, EVP_sha256()) > 0 &&
		PEM_write_bio_X509_REQ(bio, req) == 1) {
		out->cert_pem = pem_of(bio);
		bio = NULL;
		out->key_pem = cert_key_pem(key);
		rc = out->cert_pem && out->key_pem ? 0 : -1;
	}
	if (rc != 0) {
		ca_pair_free(out);
		fail(err, err_size, "libcrypto made no request");
	}
	BIO_free(bio);
	X509_REQ_free(req);
	EVP_PKEY_free(key);
	return rc;
}

static bool same_names(X509_REQ *a, X509_REQ *b)
{
	STACK_OF(X509_EXTENSION) *v = X509_REQ_get_extensions(a), *w = X509_REQ_get_extensions(b);
	const int i = X509v3_get_ext_by_NID(v, NID_subject_alt_name, -1),
		  k = X509v3_get_ext_by_NID(w, NID_subject_alt_name, -1);
	const bool same =
		i >= 0 && k >= 0 &&
		ASN1_OCTET_STRING_cmp(X509_EXTENSION_get_data(X509v3_get_ext(v, i)),
			X509_EXTENSION_get_data(X509v3_get_ext(w, k))) == 0 &&
		X509_NAME_cmp(X509_REQ_get_subject_name(a), X509_REQ_get_subject_name(b)) == 0;

	sk_X509_EXTENSION_pop_free(v, X509_EXTENSION_free);
	sk_X509_EXTENSION_pop_free(w, X509_EXTENSION_free);
	return same;
}

bool ca_request_same(const char *pem, const struct ca_order *order)
{
	BIO *in = BIO_new_mem_buf(pem, -1);
	X509_REQ *was = in ? PEM_read_bio_X509_REQ(in, NULL, NULL, NULL) : NULL;
	X509_REQ *is = X509_REQ_new();
	bool same = was && is && name_it(X509_REQ_get_subject_name(is), order->cn) &&
		    request_names(is, order) && same_names(was, is);
	char kind[32];

	if (same && order->kind) {
		cert_key_name(X509_REQ_get0_pubkey(was), kind, sizeof(kind));
		same = strcasecmp(kind, order->kind) == 0;
	}
	X509_REQ_free(was);
	X509_REQ_free(is);
	BIO_free(in);
	ERR_clear_error();
	return same;
}

int ca_pkcs12(const struct ca_pair *pair, const char *chain_pem, const char *name,
	const char *password, bool old, uint8_t **out, size_t *len, char *err, size_t err_size)
{
	const int pbe = old ? NID_pbe_WithSHA1And3_Key_TripleDES_CBC : NID_aes_256_cbc;
	STACK_OF(X509) *others = sk_X509_new_null();
	struct cert_bundle b = {0}, chain = {0};
	PKCS12 *p12 = NULL;
	unsigned char *der = NULL;
	int n = -1;

	*out = NULL;
	if (!others || load(pair, &b, err, err_size) != 0) {
		sk_X509_free(others);
		return -1;
	}
	if (chain_pem)
		cert_bundle_read(&chain, chain_pem, strlen(chain_pem), NULL, err, err_size);
	for (unsigned i = 1; i < b.certs_count; i++)
		sk_X509_push(others, b.certs[i]);
	for (unsigned i = 0; i < chain.certs_count; i++)
		sk_X509_push(others, chain.certs[i]);
	p12 = PKCS12_create(password, name, b.key, b.certs[0], others, pbe, pbe, ITERATIONS, -1, 0);
	if (p12 && PKCS12_set_mac(p12, password, -1, NULL, 0, ITERATIONS,
			   old ? EVP_sha1() : EVP_sha256()) == 1)
		n = i2d_PKCS12(p12, &der);
	if (n > 0 && (*out = malloc((size_t)n))) {
		memcpy(*out, der, (size_t)n);
		*len = (size_t)n;
	}
	OPENSSL_clear_free(der, n > 0 ? (size_t)n : 0);
	PKCS12_free(p12);
	sk_X509_free(others);
	cert_bundle_free(&b);
	cert_bundle_free(&chain);
	return *out ? 0 : fail(err, err_size, "libcrypto made no PKCS#12 file");
}
