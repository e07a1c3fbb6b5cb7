/*
 * The client's side of a SCRAM-SHA-256-PLUS exchange with the channel binding `tls-exporter` (RFC
 * 5802 section 5, RFC 7677, RFC 9266). Pure.
 */
#ifndef SLUICE_TLS_SCRAM_CLIENT_H
#define SLUICE_TLS_SCRAM_CLIENT_H

#include "tls/scram_message.h"

#define SCRAM_NONCE 18 /* bytes of a nonce, of chance */
/* Iterations that a server may ask for: fewer would make it cheap to try passwords on what it has
 * seen (RFC 7677 section 4), more would keep the client busy for a second. */
#define SCRAM_ITERATIONS_MIN 4096u
#define SCRAM_ITERATIONS_MAX 1000000u

struct scram_client {
	struct scram_message first; /* what was sent */
	char nonce[SCRAM_NONCE / 3 * 4 + 1];
	bool answered;
	uint8_t signature[SCRAM_MAX_KEY]; /* by which the server shall prove itself */
};

/* Begins an exchange; c->first is to be sent. false: no such user name (1 to 63 bytes, none of them
 * below a space). */
bool scram_client_first(
	struct scram_client *c, const char *user, const uint8_t random[SCRAM_NONCE]);

/*
 * The answer to the server's challenge, made of the password, which takes milliseconds. false: that
 * is no challenge to our first message, or none that may be answered.
 */
bool scram_client_final(struct scram_client *c, const void *challenge, size_t len,
	const char *password, const uint8_t binding[SCRAM_BINDING], struct scram_message *final);

/* Does the server's last message show that it knows the password, too? */
bool scram_client_proven(const struct scram_client *c, const void *last, size_t len);

#endif
