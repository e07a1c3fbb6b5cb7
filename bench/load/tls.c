/* TLS of sluice-load's clients: one context, and for each device the certificate that names it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "bench/load/load.h"

struct identity {
	X509 *cert;
	STACK_OF(X509) * chain;
	EVP_PKEY *key;
};

struct load_tls {
	SSL_CTX *ctx;
	const char *certs;
	struct identity *devices; /* read when first needed */
	uint32_t count;
};

const char *load_tls_error(const SSL *ssl, int rc, char *to, size_t size)
{
	unsigned long e = ERR_peek_error();
	const char *reason = e ? ERR_reason_error_string(e) : NULL;

	if (reason)
		snprintf(to, size, "%s", reason);
	else if (SSL_get_error(ssl, rc) == SSL_ERROR_ZERO_RETURN)
		snprintf(to, size, "the peer has closed it");
	else
		snprintf(to, size, "the connection was cut");
	return to;
}

static int ticket_came(SSL *ssl, SSL_SESSION *session)
{
	SSL_SESSION **to = SSL_get_app_data(ssl);

	if (!to)
		return 0;
	SSL_SESSION_free(*to);
	*to = session;
	return 1;
}

void load_tls_remember(SSL *ssl, SSL_SESSION **session)
{
	SSL_set_app_data(ssl, session);
	if (*session)
		SSL_set_session(ssl, *session);
}

static bool set_up(struct load_tls *t, const struct load_options *o)
{
	char path[4096];
	int version = 0;

	if (o->tls_version) {
		if (strcmp(o->tls_version, "1.2") == 0)
			version = TLS1_2_VERSION;
		else if (strcmp(o->tls_version, "1.3") == 0)
			version = TLS1_3_VERSION;
		else {
			fprintf(stderr, "sluice-load: --tls-version is 1.2 or 1.3\n");
			return false;
		}
	}
	t->ctx = SSL_CTX_new(TLS_client_method());
	if (!t->ctx || !SSL_CTX_set_min_proto_version(t->ctx, version ? version : TLS1_2_VERSION) ||
		!SSL_CTX_set_max_proto_version(t->ctx, version) ||
		!SSL_CTX_set1_groups_list(t->ctx, "X25519:P-256")) {
		fprintf(stderr, "sluice-load: OpenSSL: %s\n",
			ERR_reason_error_string(ERR_peek_error()));
		return false;
	}
	SSL_CTX_set_mode(t->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
					 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					 SSL_MODE_RELEASE_BUFFERS);
	/* A receiver that ends a connection by FIN alone ends it all the same. */
	SSL_CTX_set_options(t->ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
	if (o->resume) {
		SSL_CTX_set_session_cache_mode(
			t->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
		SSL_CTX_sess_set_new_cb(t->ctx, ticket_came);
	} else {
		SSL_CTX_set_options(t->ctx, SSL_OP_NO_TICKET);
	}
	if (!o->certs)
		return true;
	snprintf(path, sizeof(path), "%s/ca.pem", o->certs);
	if (SSL_CTX_load_verify_file(t->ctx, path) != 1) {
		fprintf(stderr, "sluice-load: %s holds no certificate\n", path);
		return false;
	}
	SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
	t->certs = o->certs;
	t->count = o->plan.devices;
	t->devices = calloc(t->count, sizeof(*t->devices));
	return t->devices != NULL;
}

struct load_tls *load_tls_new(const struct load_options *o)
{
	struct load_tls *t = calloc(1, sizeof(*t));

	if (t && !set_up(t, o)) {
		load_tls_free(t);
		return NULL;
	}
	return t;
}

void load_tls_free(struct load_tls *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->count && t->devices; i++) {
		X509_free(t->devices[i].cert);
		sk_X509_pop_free(t->devices[i].chain, X509_free);
		EVP_PKEY_free(t->devices[i].key);
	}
	free(t->devices);
	SSL_CTX_free(t->ctx);
	free(t);
}

/* <serial>.pem: the key, the device's certificate, those above it. */
static bool read_identity(struct load_tls *t, uint32_t device, struct identity *id)
{
	char serial[17], path[4096];
	FILE *f;
	X509 *above;

	lines_serial(device, serial);
	snprintf(path, sizeof(path), "%s/%s.pem", t->certs, serial);
	f = fopen(path, "re");
	if (f) {
		id->key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
		rewind(f);
		id->cert = PEM_read_X509(f, NULL, NULL, NULL);
		id->chain = sk_X509_new_null();
		while (id->chain && (above = PEM_read_X509(f, NULL, NULL, NULL)))
			sk_X509_push(id->chain, above);
		fclose(f);
	}
	ERR_clear_error();
	if (id->key && id->cert && id->chain)
		return true;
	fprintf(stderr, "sluice-load: %s: no key or no certificate there\n", path);
	return false;
}

SSL *load_tls_client(struct load_tls *t, uint32_t device, int fd)
{
	SSL *ssl = SSL_new(t->ctx);
	struct identity *id = t->devices ? &t->devices[device] : NULL;

	if (!ssl || (fd >= 0 && !SSL_set_fd(ssl, fd)) ||
		(id && !id->cert && !read_identity(t, device, id)) ||
		(id && SSL_use_cert_and_key(ssl, id->cert, id->key, id->chain, 1) != 1)) {
		fprintf(stderr, "sluice-load: device %u: no TLS client: %s\n", device,
			ERR_peek_error() ? ERR_reason_error_string(ERR_peek_error()) : "see above");
		SSL_free(ssl);
		return NULL;
	}
	SSL_set_connect_state(ssl);
	return ssl;
}
