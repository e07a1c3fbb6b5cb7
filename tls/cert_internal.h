/* Between the files of tls/ that handle certificates for operators. */
#ifndef SLUICE_TLS_CERT_INTERNAL_H
#define SLUICE_TLS_CERT_INTERNAL_H

#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "tls/cert.h"

void cert_facts(X509 *x, struct cert_facts *f);
/* "RSA-2048", "P-256" */
void cert_key_name(EVP_PKEY *key, char *to, size_t size);
/* PKCS#8, not encrypted. */
char *cert_key_pem(EVP_PKEY *key);
/* "7", or "": it has none (RFC 5280 section 5.2.3). */
void cert_crl_number(const X509_CRL *crl, char *to, size_t size);
/* "what: OpenSSL's word for it"; takes the error queue. */
void cert_openssl_error(char *err, size_t err_size, const char *what);

/* cert_explain.c: one more finding, where there is room. */
void report_say(struct cert_report *r, enum cert_level level, const char *slug, const char *fmt,
	...) __attribute__((format(printf, 4, 5)));

/* chain_explain.c: would a handshake take this chain from a device, as X509_V_OK or an error says?
 * *at: the certificate that this is about, or NULL; borrowed. */
int chain_try(const struct cert_bundle *b, const struct cert_judge *j,
	const STACK_OF(X509) * anchors, X509 **at);

/* crl_explain.c: what there is to be said of each CRL of a bundle. */
void crls_explain(const struct cert_bundle *b, const struct cert_judge *j,
	const STACK_OF(X509) * anchors, struct cert_report *r);

/* cert_cost.c: would decrypting take a bearable time? What a file has left of it: about 2 s of
 * SHA-256; usual files have numbers of 2,048 to 600,000, up to three of them. */
#define CERT_ITERATIONS 5000000
struct cert_cost {
	int64_t left; /* iterations */
};
/* Each takes what it asks for off the rest; false: that is not enough, and nothing more is done. */
bool cert_cost_of_key(struct cert_cost *cost, const X509_ALGOR *alg);
bool cert_cost_of_mac(struct cert_cost *cost, PKCS12 *p12, const char *password);
/* Decrypts what is bearable, to look at what is in it. */
bool cert_cost_of_safes(struct cert_cost *cost, PKCS12 *p12, const char *password);

#endif
