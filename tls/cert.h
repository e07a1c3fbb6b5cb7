/*
 * Certificates as operators handle them: read from a file, looked at, explained. What is wrong with
 * one is said when it is imported, in words, and not weeks later as an alert of a handshake. Pure;
 * what comes in is not trusted.
 */
#ifndef SLUICE_TLS_CERT_H
#define SLUICE_TLS_CERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CERT_TEXT      256	     /* bytes of a name in one line, with NUL; longer are cut */
#define CERT_MAX_BYTES (128u * 1024) /* of a file with certificates or a key in it */
/* Of one with CRLs alone: some 50,000 that were revoked; and as PEM, as it is kept, which is a
 * third longer than DER. */
#define CERT_MAX_CRL_FILE (2u * 1024 * 1024)
#define CERT_MAX_CRL	  (3u * 1024 * 1024)
#define CERT_MAX_CHAIN	  32 /* certificates, or CRLs, in a file */
#define CERT_MAX_FINDINGS 24

struct cert_facts {
	char subject[CERT_TEXT], issuer[CERT_TEXT], cn[CERT_TEXT];
	char names[CERT_TEXT]; /* of the SAN, "DNS:a, DNS:b", as many as fit: to be shown */
	char key[32];	       /* "RSA-2048", "P-256" */
	char signature[48];    /* "sha256WithRSAEncryption" */
	char fingerprint[65];  /* SHA-256 in hex */
	char number[65];       /* its issuer's serial number, in hex; of a CRL: its number, or "" */
	char anchor[33];       /* as an anchor, by subject and key, in hex: tls_peer's */
	int64_t not_before_s, not_after_s; /* of a CRL: made, and to be replaced (0: never) */
	unsigned revoked;		   /* of a CRL: its entries */
	bool authority, self_signed, client_auth, server_auth;
};

enum cert_level { CERT_WARNING, CERT_ERROR };

struct cert_finding {
	enum cert_level level; /* an error: it cannot be used like this */
	const char *slug;      /* static: "key_mismatch" */
	char text[400];	       /* what is wrong, and what to do */
};

struct cert_report {
	unsigned count;
	struct cert_finding v[CERT_MAX_FINDINGS];
};
bool cert_report_has_errors(const struct cert_report *r);

/* What a file holds. */
struct cert_bundle {
	struct evp_pkey_st *key; /* NULL: none */
	unsigned certs_count, crls_count;
	struct x509_st *certs[CERT_MAX_CHAIN]; /* with a key: its certificate first, then its chain
						  in order, then what does not belong there */
	unsigned chain_count;		       /* of these: the certificate and its chain */
	struct X509_crl_st *crls[CERT_MAX_CHAIN];
};

enum cert_status {
	CERT_OK = 0,
	CERT_E_EMPTY = -1,    /* nothing in it that we know */
	CERT_E_BROKEN = -2,   /* begins like something, and is not */
	CERT_E_PASSWORD = -3, /* one is needed, or this one is wrong */
	CERT_E_TOO_MUCH = -4, /* too long, too many */
	CERT_E_MEMORY = -5,
};

/*
 * Reads PEM (certificates, one private key, CRLs), DER (a certificate, a CRL) or PKCS#12, whichever
 * it is. `password` NULL: none. CERT_OK and the bundle is the caller's, else a line in `err`.
 */
enum cert_status cert_bundle_read(struct cert_bundle *b, const void *data, size_t len,
	const char *password, char *err, size_t err_size);
void cert_bundle_free(struct cert_bundle *b);

/* Is the key that of the first certificate? false, too, where there is none of either. */
bool cert_bundle_key_fits(const struct cert_bundle *b);

/* Facts of certificate `i`. */
void cert_bundle_facts(const struct cert_bundle *b, unsigned i, struct cert_facts *f);

/* PEM of what it has, to be freed by the caller; NULL: there is none, or no memory. The key is not
 * encrypted: cert_wipe() it. */
char *cert_bundle_chain_pem(const struct cert_bundle *b);
char *cert_bundle_crls_pem(const struct cert_bundle *b);
char *cert_bundle_key_pem(const struct cert_bundle *b);
void cert_wipe(char *text); /* clears and frees; NULL is fine */

/* How a certificate shall be used, for cert_explain(). */
enum cert_role {
	CERT_ROLE_NODE,	  /* ours: shown to devices */
	CERT_ROLE_DEVICE, /* a device's: shown to us. What it would be refused for is an error */
	CERT_ROLE_ANCHOR, /* ends the chains of devices */
	CERT_ROLE_CRL,
};

struct tls_crls;
struct tls_peer;
struct cert_judge {
	enum cert_role role;
	int64_t now_s;
	const char *serial;	 /* CERT_ROLE_NODE: this node's; NULL: none */
	const char *anchors_pem; /* what is trusted already; NULL: nothing */
	const char *crls_pem;	 /* CRLs that there are already; NULL: none */
	/* CERT_ROLE_DEVICE, as the listener has them: */
	/* Do its names say which device it is, as a handshake has them? NULL: yes. */
	bool (*named)(void *ctx, const struct tls_peer *peer);
	void *ctx;
	bool passwords;	 /* who is not named so may go on to log in by user and password */
	bool weak_taken; /* tls.enc-algorithm is low */
	const struct tls_crls *revoked; /* NULL: nobody is */
};
/* All that would stumble later. */
void cert_explain(
	const struct cert_bundle *b, const struct cert_judge *j, struct cert_report *report);

/* Facts of CRL `i`: issuer, number, signature, fingerprint, dates, entries; the others are empty.
 */
void cert_crl_facts(const struct cert_bundle *b, unsigned i, struct cert_facts *f);
/* Its issuer in one line. */
void cert_crl_issuer(const struct cert_bundle *b, unsigned i, char *to, size_t size);

#endif
