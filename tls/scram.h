/*
 * What is kept of a password or preshared key: a SCRAM verifier (RFC 5802, RFC 7677), from which
 * the password cannot be read and with which nobody else can log in. Pure but for the salt of
 * scram_verifier_new().
 *
 * As text it is "SCRAM-SHA-256$ITERATIONS:SALT$STORED_KEY:SERVER_KEY", the binary parts in base64.
 */
#ifndef SLUICE_TLS_SCRAM_H
#define SLUICE_TLS_SCRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCRAM_MAX_KEY	   32
#define SCRAM_MAX_SALT	   32
#define SCRAM_TEXT	   256	 /* bytes of a verifier as text, with NUL */
#define SCRAM_ITERATIONS   32768 /* of new verifiers; RFC 7677 asks for at least 4096 */
#define SCRAM_MIN_PASSWORD 8
#define SCRAM_MAX_PASSWORD 128

/* SHA-1 is here for the vectors of RFC 5802; verifiers are made with SHA-256 only. */
enum scram_hash { SCRAM_SHA_1, SCRAM_SHA_256 };

struct scram_verifier {
	enum scram_hash hash;
	uint32_t iterations;
	unsigned salt_len;
	uint8_t salt[SCRAM_MAX_SALT];
	uint8_t stored_key[SCRAM_MAX_KEY], server_key[SCRAM_MAX_KEY];
};

/* Bytes of the hash's keys. */
unsigned scram_size(enum scram_hash hash);

/* From a password; 0, or -1: out of memory or of what libcrypto allows. */
int scram_verifier_make(struct scram_verifier *v, enum scram_hash hash, const char *password,
	const uint8_t *salt, unsigned salt_len, uint32_t iterations);

/*
 * Is it a password that can be taken? Printable ASCII of 8 to 128 bytes: SASLprep (RFC 4013) leaves
 * such a text as it is, so that every client computes the same. NULL, or what is wrong with it.
 */
const char *scram_password_problem(const char *password);
/* Text of a new verifier with a random salt; 0 or -1. */
int scram_verifier_new(const char *password, char text[SCRAM_TEXT]);

/* Is it made of this password? Computes the hash anew, which takes milliseconds. */
bool scram_password_right(const struct scram_verifier *v, const char *password);

void scram_verifier_format(const struct scram_verifier *v, char text[SCRAM_TEXT]);
/* 0, or -1 where it is none. */
int scram_verifier_parse(struct scram_verifier *v, const char *text);

/*
 * The server's side of the exchange: is `proof` (ClientProof, scram_size() bytes) right for this
 * auth-message? Takes the same time whatever is wrong. RFC 5802 section 3.
 */
bool scram_proof_right(
	const struct scram_verifier *v, const void *auth_message, size_t len, const uint8_t *proof);
/*
 * The client's side: ClientProof for this auth-message, and the ServerSignature that is to answer
 * it, scram_size() bytes each. 0, or -1 as scram_verifier_make().
 */
int scram_client_prove(enum scram_hash hash, const char *password, const uint8_t *salt,
	unsigned salt_len, uint32_t iterations, const void *auth_message, size_t len,
	uint8_t *proof, uint8_t *signature);
/* ServerSignature, scram_size() bytes. 0 or -1. */
int scram_server_signature(
	const struct scram_verifier *v, const void *auth_message, size_t len, uint8_t *signature);

#endif
