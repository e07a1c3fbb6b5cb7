/*
 * The server's side of a SCRAM-SHA-256-PLUS exchange with the channel binding `tls-exporter` (RFC
 * 5802 section 7, RFC 7677, RFC 9266), message by message and without state of its own. No other
 * binding is taken, nor none. Pure but for the nonce.
 */
#ifndef SLUICE_TLS_SCRAM_LOGIN_H
#define SLUICE_TLS_SCRAM_LOGIN_H

#include "tls/scram_message.h"

#define SCRAM_USER 65 /* with NUL */

/* The client's first message: who is it? false: it is none, or of another mechanism. */
bool scram_first_user(const struct scram_message *first, char user[SCRAM_USER]);

/* The answer to it. 0, or -1 where no nonce can be had. */
int scram_challenge(const struct scram_verifier *v, const struct scram_message *first,
	struct scram_message *challenge);

/*
 * Is the client's final message right, after these two? `last` is to be sent in both cases: the
 * server's signature, or an error of RFC 5802 ("e=invalid-proof").
 */
bool scram_final_right(const struct scram_verifier *v, const struct scram_message *first,
	const struct scram_message *challenge, const struct scram_message *final,
	const uint8_t binding[SCRAM_BINDING], struct scram_message *last);

#endif
