/*
 * TLS as sluice-send speaks it: our certificate, and who the server is. Who it is, is judged after
 * the handshake, so that it can be said in words.
 */
#ifndef SLUICE_SEND_TLS_CLIENT_H
#define SLUICE_SEND_TLS_CLIENT_H

#include <openssl/ssl.h>

#include "send/settings.h"
#include "tls/cert.h"

/* 0, or -1 with a line in `err`. `serial` (65 bytes): our certificate's common name, else empty. */
int tls_client_new(
	const struct settings *s, SSL_CTX **out, char serial[65], char *err, size_t size);

struct server_identity {
	struct cert_facts facts; /* of the leaf; cn is its serial number */
	bool chain_ok;		 /* it ends at server-cert-ca */
	char chain_error[128];
};
/* After the handshake. */
void server_identify(const SSL *ssl, struct server_identity *id);

/* Is it the server that is meant? 0, or -1 with what is wrong. */
int server_judge(
	const struct settings *s, const struct server_identity *id, char *err, size_t size);

/* Is `serial` one of the names of its certificate? */
bool server_has_name(const struct server_identity *id, const char *serial);

#endif
