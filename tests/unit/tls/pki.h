/* Certificates made while the test runs: authorities, leaves, CRLs, all in memory. */
#ifndef TESTS_TLS_PKI_H
#define TESTS_TLS_PKI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

struct pki_cert {
	X509 *cert;
	EVP_PKEY *key;
};

struct pki_options {
	const char *cn, *o; /* NULL: none */
	const char *dc;	    /* in C's place, as Microsoft's authorities have: DC=local, DC=this */
	bool only_cn;	    /* nothing but the CN */
	unsigned units;	    /* so many OU more */
	const char *san;    /* as OpenSSL's configuration: "DNS:a,DNS:b" */
	const char *eku;    /* "clientAuth"; NULL: no such extension */
	bool ca;
	unsigned rsa_bits;	   /* 0: P-256 */
	const char *curve;	   /* another than that */
	const char *kind;	   /* "RSA-PSS", "ED25519" ..., in the place of both */
	int64_t from_s, lasting_s; /* relative to now; lasting 0: ten days */
	bool sha1, md5;
	bool strange_key;	       /* of an algorithm that nobody knows */
	const struct pki_cert *key_of; /* whose key it has; NULL: a new one */
	const char *constraints;       /* of names, as OpenSSL's configuration */
};

/* `issuer` NULL: self-signed. Fails the test where OpenSSL does. */
struct pki_cert pki_issue(const struct pki_cert *issuer, const struct pki_options *o);
void pki_free(struct pki_cert *c);

/* PEM in memory of malloc(). */
char *pki_pem(const struct pki_cert *const *v, unsigned n);
char *pki_key_pem(const struct pki_cert *c);
/* The issuer's CRL, of `n` revoked certificates. */
char *pki_crl_pem(const struct pki_cert *issuer, const struct pki_cert *const *v, unsigned n);
/* The same, of a minute later. */
char *pki_crl_pem_newer(const struct pki_cert *issuer, const struct pki_cert *const *v, unsigned n);
/* The same for a part of the certificates: its IssuingDistributionPoint, as OpenSSL's
 * configuration. */
char *pki_crl_pem_for(const struct pki_cert *issuer, const struct pki_cert *const *v, unsigned n,
	const char *scope);
/* The same with a reason for each: CRL_REASON_... */
char *pki_crl_pem_because(
	const struct pki_cert *issuer, const struct pki_cert *const *v, unsigned n, int reason);
/* The same, where the issuer's CN is this one, of this type of ASN.1. */
char *pki_crl_pem_by(const struct pki_cert *issuer, int type, const char *cn,
	const struct pki_cert *const *v, unsigned n);

#endif
