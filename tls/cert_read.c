/* From the bytes of a file to certificates, a key and CRLs. */
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>

#include "tls/cert_internal.h"

struct reading {
	struct cert_bundle *b;
	const char *password;
	bool asked;   /* for the password */
	bool large;   /* more than CERT_MAX_BYTES: CRLs alone */
	bool request; /* there is a request of a certificate in it */
	struct cert_cost cost;
	char *err;
	size_t err_size;
};

void cert_openssl_error(char *err, size_t err_size, const char *what)
{
	unsigned long e = ERR_peek_last_error();
	const char *reason = e ? ERR_reason_error_string(e) : NULL;

	snprintf(err, err_size, "%s%s%s", what, reason ? ": " : "", reason ? reason : "");
	ERR_clear_error();
}

static enum cert_status fail(const struct reading *r, enum cert_status status, const char *what)
{
	cert_openssl_error(r->err, r->err_size, what);
	return status;
}

/* Without a password there is none: OpenSSL must not ask on a terminal. */
static int give_password(char *buf, int size, int rwflag, void *ctx)
{
	struct reading *r = ctx;
	int n = r->password ? (int)strlen(r->password) : -1;

	(void)rwflag;
	r->asked = true;
	if (n < 0 || n > size)
		return -1;
	memcpy(buf, r->password, (size_t)n);
	return n;
}

static const char only_request[] =
	"this is a signing request: an authority makes a certificate of it";
static const char too_large[] = "more than 128 KiB, and not of CRLs alone";

/* Takes the certificate. */
static enum cert_status add_cert(const struct reading *r, X509 *x)
{
	if (!x)
		return fail(r, CERT_E_BROKEN, "a certificate that cannot be read");
	if (r->b->certs_count == CERT_MAX_CHAIN) {
		X509_free(x);
		return fail(r, CERT_E_TOO_MUCH, "more than 32 certificates");
	}
	r->b->certs[r->b->certs_count++] = x;
	return CERT_OK;
}

static enum cert_status add_crl(const struct reading *r, X509_CRL *crl)
{
	if (!crl)
		return fail(r, CERT_E_BROKEN, "a CRL that cannot be read");
	if (r->b->crls_count == CERT_MAX_CHAIN) {
		X509_CRL_free(crl);
		return fail(r, CERT_E_TOO_MUCH, "more than 32 CRLs");
	}
	r->b->crls[r->b->crls_count++] = crl;
	return CERT_OK;
}

static enum cert_status add_key(const struct reading *r, EVP_PKEY *key)
{
	if (!key && r->asked && !r->password)
		return fail(r, CERT_E_PASSWORD, "the key is encrypted: its password is needed");
	if (!key && r->asked)
		return fail(r, CERT_E_PASSWORD, "the key cannot be decrypted by this password");
	if (!key)
		return fail(r, CERT_E_BROKEN, "a private key that cannot be read");
	if (r->b->key) {
		EVP_PKEY_free(key);
		return fail(r, CERT_E_TOO_MUCH, "more than one private key");
	}
	r->b->key = key;
	return CERT_OK;
}

static const char unbearable[] = "decrypting it would take more than 5,000,000 iterations";

/* Is it an encrypted key whose encryption would cost too much? */
static bool key_bearable(struct reading *r, const char *pem, size_t len)
{
	BIO *bio = BIO_new_mem_buf(pem, (int)len);
	X509_SIG *sig = bio ? PEM_read_bio_PKCS8(bio, NULL, NULL, NULL) : NULL;
	const X509_ALGOR *alg;
	bool fine = true;

	if (sig) {
		X509_SIG_get0(sig, &alg, NULL);
		fine = cert_cost_of_key(&r->cost, alg);
	}
	X509_SIG_free(sig);
	BIO_free(bio);
	ERR_clear_error();
	return fine;
}

/* One block of PEM: `pem` is its text, as OpenSSL's readers want it. */
static enum cert_status add_block(struct reading *r, const char *name, const char *pem, size_t len)
{
	const bool cert = strcmp(name, PEM_STRING_X509) == 0 ||
			  strcmp(name, PEM_STRING_X509_OLD) == 0 ||
			  strcmp(name, PEM_STRING_X509_TRUSTED) == 0;
	const size_t n = strlen(name);
	const bool key = n >= 11 && strcmp(name + n - 11, "PRIVATE KEY") == 0;
	enum cert_status status = CERT_OK;
	BIO *bio;

	r->request |= strcmp(name, PEM_STRING_X509_REQ) == 0 ||
		      strcmp(name, PEM_STRING_X509_REQ_OLD) == 0;
	if (!cert && !key && strcmp(name, PEM_STRING_X509_CRL) != 0)
		return CERT_OK; /* DH parameters and the like */
	if (r->large && (cert || key))
		return fail(r, CERT_E_TOO_MUCH, too_large);
	if (strcmp(name, PEM_STRING_PKCS8) == 0 && !key_bearable(r, pem, len))
		return fail(r, CERT_E_TOO_MUCH, unbearable);
	bio = BIO_new_mem_buf(pem, (int)len);
	if (!bio)
		return fail(r, CERT_E_MEMORY, "out of memory");
	if (cert)
		status = add_cert(r, PEM_read_bio_X509_AUX(bio, NULL, give_password, r));
	else if (key)
		status = add_key(r, PEM_read_bio_PrivateKey(bio, NULL, give_password, r));
	else
		status = add_crl(r, PEM_read_bio_X509_CRL(bio, NULL, give_password, r));
	BIO_free(bio);
	return status;
}

static const char begin[] = "-----BEGIN ", end[] = "-----END ";

/* The next `word` at the beginning of a line; NULL: there is none. */
static const char *find_line(const char *at, const char *to, const char *word)
{
	const size_t n = strlen(word);

	for (const char *p = at; p && p < to;) {
		if ((size_t)(to - p) >= n && memcmp(p, word, n) == 0)
			return p;
		p = memchr(p, '\n', (size_t)(to - p));
		p = p ? p + 1 : NULL;
	}
	return NULL;
}

static enum cert_status read_pem(struct reading *r, const char *text, size_t len)
{
	const char *to = text + len;
	enum cert_status status = CERT_OK;

	for (const char *at = text; status == CERT_OK;) {
		char name[48];
		const char *first = find_line(at, to, begin), *label, *dashes, *last;

		if (!first)
			break;
		label = first + sizeof(begin) - 1;
		dashes = memchr(label, '-', (size_t)(to - label));
		last = find_line(label, to, end);
		if (!dashes || !last || (size_t)(dashes - label) >= sizeof(name))
			return fail(r, CERT_E_BROKEN, "a BEGIN line without its END: cut off?");
		snprintf(name, sizeof(name), "%.*s", (int)(dashes - label), label);
		at = memchr(last, '\n', (size_t)(to - last));
		at = at ? at + 1 : to;
		status = add_block(r, name, first, (size_t)(at - first));
	}
	return status;
}

/* A PKCS#12 that was parsed: its key, its certificate, its others. */
static enum cert_status take_pkcs12(struct reading *r, PKCS12 *p12)
{
	STACK_OF(X509) *others = NULL;
	enum cert_status status = CERT_OK;
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;

	if (!cert_cost_of_mac(&r->cost, p12, r->password))
		return fail(r, CERT_E_TOO_MUCH, unbearable);
	if (PKCS12_mac_present(p12) &&
		!PKCS12_verify_mac(p12, r->password ? r->password : "", -1) &&
		!(!r->password && PKCS12_verify_mac(p12, NULL, 0)))
		return fail(r, CERT_E_PASSWORD,
			r->password ? "the file cannot be decrypted by this password"
				    : "the file is encrypted: its password is needed");
	if (!cert_cost_of_safes(&r->cost, p12, r->password))
		return fail(r, CERT_E_TOO_MUCH, unbearable);
	if (PKCS12_parse(p12, r->password, &key, &cert, &others) != 1)
		return fail(r, CERT_E_BROKEN,
			"a PKCS#12 file that cannot be read (one of old algorithms such as "
			"RC2-40 must be converted: openssl pkcs12 -legacy)");
	if (key)
		status = add_key(r, key);
	if (cert && status == CERT_OK)
		status = add_cert(r, cert);
	else
		X509_free(cert);
	while (sk_X509_num(others) > 0) {
		X509 *x = sk_X509_shift(others);

		if (status == CERT_OK)
			status = add_cert(r, x);
		else
			X509_free(x);
	}
	sk_X509_free(others);
	return status;
}

static enum cert_status read_der(struct reading *r, const uint8_t *data, size_t len)
{
	const unsigned char *p = data;
	PKCS12 *p12 = r->large ? NULL : d2i_PKCS12(NULL, &p, (long)len);
	enum cert_status status;
	X509_REQ *request;
	X509_CRL *crl;
	X509 *x;

	if (p12) {
		status = take_pkcs12(r, p12);
		PKCS12_free(p12);
		return status;
	}
	p = data;
	x = r->large ? NULL : d2i_X509(NULL, &p, (long)len);
	if (x)
		return add_cert(r, x);
	p = data;
	crl = d2i_X509_CRL(NULL, &p, (long)len);
	if (crl)
		return add_crl(r, crl);
	if (r->large)
		return fail(r, CERT_E_TOO_MUCH, too_large);
	p = data;
	request = d2i_X509_REQ(NULL, &p, (long)len);
	X509_REQ_free(request);
	if (request)
		return fail(r, CERT_E_EMPTY, only_request);
	return fail(r, CERT_E_BROKEN, "neither PEM nor PKCS#12, nor a certificate or CRL in DER");
}

/* The certificate of the key comes first, then each one's issuer; the rest stays behind. */
static void put_in_order(struct cert_bundle *b)
{
	for (unsigned i = 0; b->key && i < b->certs_count; i++) {
		if (X509_check_private_key(b->certs[i], b->key) == 1) {
			X509 *x = b->certs[i];

			for (unsigned k = i; k > 0; k--)
				b->certs[k] = b->certs[k - 1];
			b->certs[0] = x;
			break;
		}
	}
	ERR_clear_error();
	b->chain_count = b->certs_count > 0;
	for (unsigned at = 0; at < b->chain_count && b->chain_count < b->certs_count; at++) {
		for (unsigned i = b->chain_count; i < b->certs_count; i++) {
			X509 *x = b->certs[i];

			if (X509_check_issued(x, b->certs[at]) != X509_V_OK)
				continue;
			b->certs[i] = b->certs[b->chain_count];
			b->certs[b->chain_count++] = x;
			break;
		}
	}
}

enum cert_status cert_bundle_read(struct cert_bundle *b, const void *data, size_t len,
	const char *password, char *err, size_t err_size)
{
	struct reading r = {.b = b,
		.password = password,
		.large = len > CERT_MAX_BYTES,
		.cost = {CERT_ITERATIONS},
		.err = err,
		.err_size = err_size};
	enum cert_status status;

	memset(b, 0, sizeof(*b));
	ERR_clear_error();
	if (len > CERT_MAX_CRL)
		return fail(&r, CERT_E_TOO_MUCH, "more than 3 MiB");
	if (len == 0)
		return fail(&r, CERT_E_EMPTY, "an empty file");
	if (((const uint8_t *)data)[0] == 0x30)
		status = read_der(&r, data, len);
	else
		status = read_pem(&r, data, len);
	if (status == CERT_OK && !b->key && !b->certs_count && !b->crls_count)
		status = r.large ? fail(&r, CERT_E_TOO_MUCH, too_large)
				 : fail(&r, CERT_E_EMPTY,
					   r.request ? only_request
						     : "no certificate, key or CRL in it");
	if (status != CERT_OK) {
		cert_bundle_free(b);
		return status;
	}
	put_in_order(b);
	ERR_clear_error();
	return CERT_OK;
}

bool cert_bundle_key_fits(const struct cert_bundle *b)
{
	const bool fits =
		b->key && b->certs_count && X509_check_private_key(b->certs[0], b->key) == 1;

	ERR_clear_error();
	return fits;
}

void cert_bundle_free(struct cert_bundle *b)
{
	EVP_PKEY_free(b->key);
	for (unsigned i = 0; i < b->certs_count; i++)
		X509_free(b->certs[i]);
	for (unsigned i = 0; i < b->crls_count; i++)
		X509_CRL_free(b->crls[i]);
	memset(b, 0, sizeof(*b));
}
