#include "send/tls_client.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>

static const char *openssl_says(void)
{
	static char text[160];
	unsigned long e = ERR_peek_error();

	ERR_error_string_n(e, text, sizeof(text));
	ERR_clear_error();
	return e ? text : "no reason given";
}

/* All of a file that has something in it, and a NUL; NULL: err says why. To be wiped. */
static char *read_file(const char *path, size_t *len, char *err, size_t size)
{
	FILE *f = fopen(path, "rbe");
	char *data = f ? malloc(CERT_MAX_BYTES + 1) : NULL;
	const char *why = NULL;

	if (data) {
		*len = fread(data, 1, CERT_MAX_BYTES + 1, f);
		if (ferror(f))
			why = strerror(errno); /* a directory can be opened, too */
		else if (*len == 0)
			why = "is empty";
		else if (*len > CERT_MAX_BYTES)
			why = "is too long for a certificate or a password";
		else
			data[*len] = '\0';
	} else {
		why = strerror(errno);
	}
	if (f)
		fclose(f);
	if (!why)
		return data;
	snprintf(err, size, "%s: %s", path, why);
	if (data)
		explicit_bzero(data, CERT_MAX_BYTES);
	free(data);
	return NULL;
}

static char *read_password(const char *path, char *err, size_t size)
{
	size_t len;
	char *text = read_file(path, &len, err, size);

	if (!text)
		return NULL;
	len = strcspn(text, "\r\n");
	text[len] = '\0';
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || (unsigned char)text[i] > '~')
			len = 0;
	if (len > 0)
		return text;
	snprintf(err, size, "%s: its first line is no password (printable ASCII)", path);
	cert_wipe(text);
	return NULL;
}

/* The authorities that may vouch for the server. */
static int load_authorities(SSL_CTX *ctx, const char *path, char *err, size_t size)
{
	size_t len;
	char *text = read_file(path, &len, err, size);

	if (!text)
		return -1;
	free(text);
	if (SSL_CTX_load_verify_file(ctx, path) == 1)
		return 0;
	ERR_clear_error();
	snprintf(err, size, "%s: has no certificate in PEM (server-cert-ca)", path);
	return -1;
}

static int use_bundle(
	SSL_CTX *ctx, const struct cert_bundle *b, const char *path, char *err, size_t size)
{
	bool good = b->key && b->certs_count > 0;

	if (!good) {
		snprintf(err, size, "%s: %s", path,
			b->key ? "has no certificate" : "has no private key");
		return -1;
	}
	good = SSL_CTX_use_certificate(ctx, b->certs[0]) == 1 &&
	       SSL_CTX_use_PrivateKey(ctx, b->key) == 1 && SSL_CTX_check_private_key(ctx) == 1;
	for (unsigned i = 1; good && i < b->chain_count; i++)
		good = SSL_CTX_add1_chain_cert(ctx, b->certs[i]) == 1;
	if (good)
		return 0;
	snprintf(err, size, "%s: %s", path, openssl_says());
	return -1;
}

static int use_certificate(
	SSL_CTX *ctx, const struct settings *s, char serial[65], char *err, size_t size)
{
	char *password = NULL, *data, what[200];
	struct cert_bundle b;
	struct cert_facts facts;
	size_t len;
	int rc = -1;

	if (s->certificate_password[0] &&
		!(password = read_password(s->certificate_password, err, size)))
		return -1;
	data = read_file(s->certificate, &len, err, size);
	if (data && cert_bundle_read(&b, data, len, password, what, sizeof(what)) != CERT_OK) {
		snprintf(err, size, "%s: %s", s->certificate, what);
	} else if (data) {
		rc = use_bundle(ctx, &b, s->certificate, err, size);
		if (rc == 0) {
			cert_bundle_facts(&b, 0, &facts);
			snprintf(serial, 65, "%.64s", facts.cn);
		}
		cert_bundle_free(&b);
	}
	cert_wipe(password);
	cert_wipe(data);
	return rc;
}

static int choose_ciphers(SSL_CTX *ctx, const struct settings *s)
{
	static const char *const list[] = {
		[ALGORITHM_HIGH] = "ECDHE+AESGCM:ECDHE+CHACHA20",
		[ALGORITHM_HIGH_MEDIUM] = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES",
		[ALGORITHM_LOW] = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:RSA+AES",
	};

	SSL_CTX_set_security_level(ctx, s->enc_algorithm == ALGORITHM_LOW ? 1 : 2);
	return SSL_CTX_set_cipher_list(ctx, list[s->enc_algorithm]) == 1 &&
			       SSL_CTX_set_min_proto_version(ctx, s->ssl_min_proto_version == 2
									  ? TLS1_3_VERSION
									  : TLS1_2_VERSION) == 1
		       ? 0
		       : -1;
}

/* The verdict is not OpenSSL's: the handshake goes on, and server_judge() looks at it. */
static int go_on(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1;
}

int tls_client_new(const struct settings *s, SSL_CTX **out, char serial[65], char *err, size_t size)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int rc = -1;

	serial[0] = '\0';
	ERR_clear_error();
	if (!ctx || choose_ciphers(ctx, s) != 0) {
		snprintf(err, size, "TLS: %s", openssl_says());
	} else if (!s->server_cert_ca[0] ||
		   load_authorities(ctx, s->server_cert_ca, err, size) == 0) {
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, go_on);
		SSL_CTX_set_mode(
			ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
		rc = s->certificate[0] ? use_certificate(ctx, s, serial, err, size) : 0;
	}
	if (rc != 0) {
		SSL_CTX_free(ctx);
		return rc;
	}
	*out = ctx;
	return 0;
}

void server_identify(const SSL *ssl, struct server_identity *id)
{
	X509 *cert = SSL_get1_peer_certificate(ssl);
	unsigned char *der = NULL;
	char what[100];
	struct cert_bundle b;
	int len = cert ? i2d_X509(cert, &der) : -1;
	long verdict = SSL_get_verify_result(ssl);

	memset(id, 0, sizeof(*id));
	if (len > 0 &&
		cert_bundle_read(&b, der, (size_t)len, NULL, what, sizeof(what)) == CERT_OK) {
		cert_bundle_facts(&b, 0, &id->facts);
		cert_bundle_free(&b);
	}
	id->chain_ok = len > 0 && verdict == X509_V_OK;
	snprintf(id->chain_error, sizeof(id->chain_error), "%s",
		X509_verify_cert_error_string(verdict));
	OPENSSL_free(der);
	X509_free(cert);
}

bool server_has_name(const struct server_identity *id, const char *serial)
{
	const size_t n = strlen(serial);

	if (n == 0)
		return false;
	if (strcmp(id->facts.cn, serial) == 0)
		return true;
	for (const char *p = id->facts.names; (p = strstr(p, "DNS:")) != NULL;) {
		p += 4;
		if (strncmp(p, serial, n) == 0 && (p[n] == ',' || p[n] == '\0'))
			return true;
	}
	return false;
}

/* Digits only, in lower case: "ab:cd" is "abcd". */
static bool same_fingerprint(const char *set, const char *is)
{
	for (; *set; set++)
		if (*set != ':' && *set != *is++)
			return false;
	return *is == '\0';
}

int server_judge(const struct settings *s, const struct server_identity *id, char *err, size_t size)
{
	char names[SETTINGS_TEXT], *save = NULL;

	if (!s->certificate_verification)
		return 0;
	if (s->server_fingerprint[0] &&
		!same_fingerprint(s->server_fingerprint, id->facts.fingerprint)) {
		snprintf(err, size, "the server shows another certificate (SHA-256 %s)",
			id->facts.fingerprint);
		return -1;
	}
	if (s->server_cert_ca[0] && !id->chain_ok) {
		snprintf(err, size,
			"the server's certificate does not hold: %s (authorities: server-cert-ca "
			"%s)",
			id->chain_error, s->server_cert_ca);
		return -1;
	}
	/* settings_check() asks for both. */
	assert(s->server_serial[0] && (s->server_cert_ca[0] || s->server_fingerprint[0]));
	snprintf(names, sizeof(names), "%s", s->server_serial);
	for (char *n = strtok_r(names, " ,", &save); n; n = strtok_r(NULL, " ,", &save))
		if (server_has_name(id, n))
			return 0;
	snprintf(err, size, "the server's serial number is %s, not %s", id->facts.cn,
		s->server_serial);
	return -1;
}
