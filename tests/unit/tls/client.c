#include "tests/unit/tls/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "client: %s\n", what);
	ERR_print_errors_fp(stderr);
	abort();
}

static void on_info(const SSL *ssl, int where, int value)
{
	struct tls_client *c = SSL_get_app_data(ssl);

	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && value >> 8 == SSL3_AL_FATAL)
		c->alert = value & 0xff;
}

static int on_ticket(SSL *ssl, SSL_SESSION *session)
{
	struct tls_client *c = SSL_get_app_data(ssl);

	SSL_SESSION_free(c->ticket);
	c->ticket = session;
	return 1; /* kept */
}

void tls_client_open(struct tls_client *c, const struct tls_client_options *o)
{
	*c = (struct tls_client){.alert = -1};
	c->ctx = SSL_CTX_new(TLS_client_method());
	must(c->ctx != NULL, "context");
	SSL_CTX_set_security_level(c->ctx, o->security_level);
	must(SSL_CTX_set_min_proto_version(c->ctx, o->min_version) == 1, "version");
	must(SSL_CTX_set_max_proto_version(c->ctx, o->max_version) == 1, "version");
	SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(c->ctx, on_ticket);
	SSL_CTX_set_info_callback(c->ctx, on_info);
	if (o->ciphers)
		must(SSL_CTX_set_cipher_list(c->ctx, o->ciphers) == 1, o->ciphers);
	if (o->signatures)
		must(SSL_CTX_set1_sigalgs_list(c->ctx, o->signatures) == 1, o->signatures);
	if (o->groups)
		must(SSL_CTX_set1_groups_list(c->ctx, o->groups) == 1, o->groups);
	if (o->cert) {
		must(SSL_CTX_use_certificate(c->ctx, o->cert->cert) == 1, "certificate");
		must(SSL_CTX_use_PrivateKey(c->ctx, o->cert->key) == 1, "key");
	}
	if (o->via)
		must(SSL_CTX_add1_chain_cert(c->ctx, o->via->cert) == 1, "chain");
	if (o->root)
		must(SSL_CTX_add1_chain_cert(c->ctx, o->root->cert) == 1, "chain");
	c->ssl = SSL_new(c->ctx);
	c->in = BIO_new(BIO_s_mem());
	c->out = BIO_new(BIO_s_mem());
	must(c->ssl && c->in && c->out, "connection");
	BIO_set_mem_eof_return(c->in, -1);
	SSL_set_app_data(c->ssl, c);
	SSL_set_bio(c->ssl, c->in, c->out);
	SSL_set_connect_state(c->ssl);
	if (o->sni)
		must(SSL_set_tlsext_host_name(c->ssl, o->sni) == 1, "SNI");
	if (o->session)
		must(SSL_set_session(c->ssl, o->session) == 1, "session");
}

void tls_client_close(struct tls_client *c)
{
	/* Else OpenSSL takes the session for broken, and its ticket with it. */
	SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	SSL_SESSION_free(c->ticket);
	memset(c, 0, sizeof(*c));
}

int tls_client_handshake(struct tls_client *c)
{
	int rc, error;

	ERR_clear_error();
	rc = SSL_do_handshake(c->ssl);
	if (rc == 1)
		return 1;
	error = SSL_get_error(c->ssl, rc);
	ERR_clear_error();
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

int tls_client_take(struct tls_client *c, void *to, int size)
{
	int n = BIO_read(c->out, to, size);

	return n > 0 ? n : 0;
}

void tls_client_feed(struct tls_client *c, const void *data, int len)
{
	must(BIO_write(c->in, data, len) == len, "memory");
}
