/*
 * A certificate authority of our own, for who has none: it issues the node's certificate and those
 * of devices, whose common name is their serial number. Also requests for an authority elsewhere,
 * and PKCS#12 files, as devices import them. Pure but for randomness and the clock's `now_s`.
 */
#ifndef SLUICE_TLS_CA_H
#define SLUICE_TLS_CA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CA_MAX_DAYS 36500

struct ca_pair {
	char *cert_pem; /* of a request: its PEM */
	char *key_pem;
};
/* Wipes the key. */
void ca_pair_free(struct ca_pair *p);

/* "p-256", "rsa-2048", "rsa-3072" or "rsa-4096". RSA takes from a tenth of a second to seconds. */
bool ca_key_kind_known(const char *kind);

struct ca_order {
	const char *cn;	  /* at most 64 bytes (RFC 5280, ub-common-name) */
	const char *dns;  /* for the SAN beside the CN, or NULL */
	const char *kind; /* of the key */
	unsigned days;
	int64_t now_s; /* seconds since 1970; it is valid from an hour before */
	bool client, server;
};

/* Each: 0, or -1 with a line in `err`; what is in *out is the caller's. */
int ca_make(const struct ca_order *order, struct ca_pair *out, char *err, size_t err_size);
/* Signed by the authority, or by its own key where `ca` is NULL. Never valid longer than it. */
int ca_issue(const struct ca_pair *ca, const struct ca_order *order, struct ca_pair *out, char *err,
	size_t err_size);
int ca_request(const struct ca_order *order, struct ca_pair *out, char *err, size_t err_size);
/* Is a request that was made (PEM) what this order would make, but for its key? `kind` NULL: a key
 * of any kind. */
bool ca_request_same(const char *pem, const struct ca_order *order);

/*
 * A PKCS#12 file with key, certificate and what is in `chain_pem` (NULL: nothing), for the caller
 * to free. `old`: 3DES and SHA-1, for devices that know nothing newer, else AES-256 and SHA-256.
 */
int ca_pkcs12(const struct ca_pair *pair, const char *chain_pem, const char *name,
	const char *password, bool old, uint8_t **out, size_t *len, char *err, size_t err_size);

#endif
