/* A TLS client that is OpenSSL's own, with its bytes in memory: the test carries them. */
#ifndef TESTS_TLS_CLIENT_H
#define TESTS_TLS_CLIENT_H

#include <openssl/ssl.h>

#include "tests/unit/tls/pki.h"

struct tls_client_options {
	const struct pki_cert *cert; /* NULL: it shows none */
	const struct pki_cert *via;  /* an intermediate that is shown too */
	const struct pki_cert *root; /* shown behind that */
	int min_version, max_version;
	const char *ciphers; /* of TLS 1.2 */
	const char *sni;
	SSL_SESSION *session;
	int security_level;	/* 0: anything goes */
	const char *signatures; /* to choose the server's identity */
	const char *groups;	/* of the key exchange */
};

struct tls_client {
	SSL_CTX *ctx;
	SSL *ssl;
	BIO *in, *out;
	SSL_SESSION *ticket; /* the last that came */
	int alert;	     /* the last fatal one that came, or -1 */
};

void tls_client_open(struct tls_client *c, const struct tls_client_options *o);
void tls_client_close(struct tls_client *c);
/* A step of the handshake. 1: complete; 0: bytes are needed; -1: failed. */
int tls_client_handshake(struct tls_client *c);
/* Bytes to and from the server. */
int tls_client_take(struct tls_client *c, void *to, int size);
void tls_client_feed(struct tls_client *c, const void *data, int len);

#endif
