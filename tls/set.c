/* A set of contexts: what control configured, parsed and checked once, shared by all workers. */
#include "tls/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>

/* Bytes of a peer's Certificate message: TLS_CHAIN certificates of RSA-4096. OpenSSL makes objects
 * of them all before it looks at one, at 0.1 ms each. */
#define MAX_CERT_LIST 16384
#define AEAD                                                                                       \
	"ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!eNULL:!PSK:!SRP:!RC4:!3DES:!MD5:!DES:!ARIA:!CAMELLIA"
#define CBC "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!aNULL:!eNULL:!PSK:!SRP:!AESCCM"
#define RSA                                                                                        \
	"ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:RSA+AESGCM:RSA+AES:!aNULL:!eNULL:!PSK:!SRP:!AESCCM"

/*
 * The client chooses among these. OpenSSL 3.0's own list goes on to finite fields of 8192 bits, of
 * which one key exchange takes longer than a hundred with P-256.
 */
#if OPENSSL_VERSION_NUMBER >= 0x30500000L
#define GROUPS "*X25519MLKEM768/*X25519:P-256/P-384:P-521"
#else
#define GROUPS "X25519:P-256:P-384:P-521"
#endif

int set_fail(char *err, size_t err_size, const char *fmt, ...)
{
	unsigned long e = ERR_peek_last_error();
	const char *why = e ? ERR_reason_error_string(e) : NULL;
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	vsnprintf(err, err_size, fmt, ap);
	va_end(ap);
	n = strlen(err);
	if (why && n < err_size)
		snprintf(err + n, err_size - n, ": %s", why);
	ERR_clear_error();
	return -1;
}

/* ---- PEM ---- */

bool pem_ended(void)
{
	unsigned long e = ERR_peek_last_error();

	if (ERR_GET_LIB(e) != ERR_LIB_PEM || ERR_GET_REASON(e) != PEM_R_NO_START_LINE)
		return false;
	ERR_clear_error();
	return true;
}

int no_password(char *buf, int size, int rwflag, void *u)
{
	(void)buf, (void)size, (void)rwflag, (void)u;
	return -1;
}

static int use_identity(
	SSL_CTX *ctx, const struct tls_identity *id, const char *sni, char *err, size_t err_size)
{
	BIO *chain = BIO_new_mem_buf(id->chain_pem, -1),
	    *key_pem = BIO_new_mem_buf(id->key_pem, -1);
	X509 *leaf = chain ? PEM_read_bio_X509(chain, NULL, no_password, NULL) : NULL, *ca;
	EVP_PKEY *key = key_pem ? PEM_read_bio_PrivateKey(key_pem, NULL, no_password, NULL) : NULL;
	int rc = -1;

	if (!leaf)
		set_fail(err, err_size, "tls context %s: certificate", sni);
	else if (!key)
		set_fail(err, err_size, "tls context %s: private key", sni);
	else if (X509_check_private_key(leaf, key) != 1)
		set_fail(err, err_size, "tls context %s: the private key is not the certificate's",
			sni);
	else if (SSL_CTX_use_certificate(ctx, leaf) != 1 || SSL_CTX_use_PrivateKey(ctx, key) != 1)
		set_fail(err, err_size, "tls context %s: certificate cannot be used", sni);
	else
		rc = 0;
	while (rc == 0 && (ca = PEM_read_bio_X509(chain, NULL, no_password, NULL)))
		if (SSL_CTX_add0_chain_cert(ctx, ca) != 1) {
			X509_free(ca);
			rc = set_fail(err, err_size, "tls context %s: chain", sni);
		}
	if (rc == 0 && !pem_ended())
		rc = set_fail(err, err_size, "tls context %s: chain", sni);
	X509_free(leaf);
	EVP_PKEY_free(key);
	BIO_free(chain);
	BIO_free(key_pem);
	return rc;
}

/*
 * What OpenSSL would find among the anchors for an identity that comes without intermediates: it
 * would do so in each handshake anew, with a signature verified for each certificate. One that is
 * not found is not missed: who verifies us has it, or says so.
 */
static void complete_chains(SSL_CTX *ctx)
{
	STACK_OF(X509) * given;

	SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN);
	for (long more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST); more == 1;
		more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT))
		if (SSL_CTX_get0_chain_certs(ctx, &given) == 1 && !given)
			SSL_CTX_build_cert_chain(ctx, SSL_BUILD_CHAIN_FLAG_IGNORE_ERROR);
	ERR_clear_error();
}

static int add_anchors(struct tls_context *c, const char *pem, char *err, size_t err_size)
{
	X509_STORE *store = SSL_CTX_get_cert_store(c->ctx);
	BIO *in = BIO_new_mem_buf(pem, -1);
	struct cert_id id;
	X509 *ca = NULL;
	int rc = 0;

	c->names = sk_X509_NAME_new_null();
	if (!in || !c->names)
		rc = set_fail(err, err_size, "out of memory");
	while (rc == 0 && (ca = PEM_read_bio_X509(in, NULL, no_password, NULL))) {
		X509_NAME *name = X509_NAME_dup(X509_get_subject_name(ca));

		cert_id_of_anchor(ca, &id);
		if (!name || !sk_X509_NAME_push(c->names, name)) {
			X509_NAME_free(name);
			rc = set_fail(err, err_size, "out of memory");
		} else if (X509_STORE_add_cert(store, ca) != 1 ||
			   SSL_CTX_add_client_CA(c->ctx, ca) != 1 ||
			   cert_ids_add(&c->anchors, &id) != 0) {
			rc = set_fail(err, err_size, "tls context %s: trust anchor", c->sni);
		}
		X509_free(ca);
	}
	if (rc == 0 && !pem_ended())
		rc = set_fail(err, err_size, "tls context %s: trust anchors", c->sni);
	BIO_free(in);
	cert_ids_sort(&c->anchors);
	return rc;
}

/* CRLs are no matter of OpenSSL's: it would keep each entry as an object, for each set anew. */
static int add_crls(struct tls_set *s, const struct tls_spec *spec, char *err, size_t err_size)
{
	if (spec->crls)
		s->crls = tls_crls_ref(spec->crls);
	else if (spec->crls_pem && tls_crls_new(spec->crls_pem, &s->crls, err, err_size) != 0)
		return -1;
	for (unsigned i = 0; s->crls && i < s->contexts_count; i++)
		X509_STORE_set_check_revocation(
			SSL_CTX_get_cert_store(s->contexts[i].ctx), crls_check);
	return 0;
}

/* ---- contexts ---- */

struct tls_conn *conn_of(const SSL *ssl)
{
	return SSL_get_app_data(ssl);
}

int64_t set_now(const struct tls_set *s)
{
	return s->now_s ? s->now_s() : (int64_t)time(NULL);
}

unsigned set_context(const struct tls_set *s, const char *sni, size_t len)
{
	for (unsigned i = 1; i < s->contexts_count; i++)
		if (strlen(s->contexts[i].sni) == len &&
			strncasecmp(s->contexts[i].sni, sni, len) == 0)
			return i;
	return 0;
}

static int context_new(struct tls_set *s, struct tls_context *c, const struct tls_spec *spec,
	const struct tls_context_spec *cs, char *err, size_t err_size)
{
	static const char *const ciphers[] = {
		[TLS_ALG_HIGH] = AEAD, [TLS_ALG_MEDIUM] = CBC, [TLS_ALG_LOW] = RSA};
	const char *anchors = cs->anchors_pem ? cs->anchors_pem : spec->anchors_pem;
	int verify = spec->require_certificate ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
		     : anchors		       ? SSL_VERIFY_PEER
					       : SSL_VERIFY_NONE;
	uint8_t id[9] = {(uint8_t)(c - s->contexts)};

	snprintf(c->sni, sizeof(c->sni), "%s", cs->sni);
	c->ctx = SSL_CTX_new_ex(tls_library(), NULL, TLS_server_method());
	if (!c->ctx)
		return set_fail(err, err_size, "out of memory");
	SSL_CTX_set_security_level(c->ctx, spec->algorithm == TLS_ALG_LOW ? 1 : 2);
	SSL_CTX_set_options(c->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_SSLv3);
#ifdef SSL_OP_NO_RX_CERTIFICATE_COMPRESSION /* OpenSSL 3.2 and later: RFC 8879 */
	/* What a stranger's few bytes inflate to is work that nobody has paid for. */
	SSL_CTX_set_options(c->ctx,
		SSL_OP_NO_RX_CERTIFICATE_COMPRESSION | SSL_OP_NO_TX_CERTIFICATE_COMPRESSION);
#endif
	SSL_CTX_clear_options(c->ctx, SSL_OP_NO_TICKET | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(c->ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
					 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_early_data(c->ctx, 0);
	SSL_CTX_set_num_tickets(c->ctx, 1);
	SSL_CTX_set_timeout(c->ctx, TLS_TICKET_S);
	SSL_CTX_set_max_cert_list(c->ctx, MAX_CERT_LIST);
	SSL_CTX_set_client_hello_cb(c->ctx, client_hello, NULL);
	SSL_CTX_set_verify(c->ctx, verify, verify_callback);
	/* Intermediates: the whole chain is remembered, to be held against CRLs that come later. */
	SSL_CTX_set_verify_depth(c->ctx, TLS_CHAIN - 2);
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(c->ctx), X509_V_FLAG_PARTIAL_CHAIN);
	memcpy(id + 1, &s->generation, sizeof(s->generation));
	if (SSL_CTX_set_min_proto_version(c->ctx, s->min_version) != 1 ||
		SSL_CTX_set_max_proto_version(c->ctx, 0) != 1 ||
		SSL_CTX_set_cipher_list(c->ctx, ciphers[spec->algorithm]) != 1 ||
		SSL_CTX_set1_groups_list(c->ctx, GROUPS) != 1 ||
		SSL_CTX_set_session_id_context(c->ctx, id, sizeof(id)) != 1 ||
		ticket_setup(c->ctx, s) != 0)
		return set_fail(err, err_size, "tls context %s", cs->sni);
	if (cs->identities_count == 0)
		return set_fail(err, err_size, "tls context %s: no identity", cs->sni);
	for (unsigned i = 0; i < cs->identities_count; i++)
		if (use_identity(c->ctx, &cs->identities[i], cs->sni, err, err_size) != 0)
			return -1;
	if (anchors && add_anchors(c, anchors, err, err_size) != 0)
		return -1;
	complete_chains(c->ctx);
	/* What is verified from here on is what a peer shows. */
	X509_STORE_set_verify(SSL_CTX_get_cert_store(c->ctx), known_verify);
	return 0;
}

static int set_fill(struct tls_set *s, const struct tls_spec *spec, char *err, size_t err_size)
{
	if (spec->contexts_count == 0 || spec->contexts_count > TLS_MAX_CONTEXTS)
		return set_fail(err, err_size, "tls: 1 to %d contexts", TLS_MAX_CONTEXTS);
	for (unsigned i = 0; i < spec->contexts_count; i++) {
		if (spec->contexts[i].identities_count > TLS_MAX_IDENTITIES)
			return set_fail(err, err_size, "tls context %s: more than %d identities",
				spec->contexts[i].sni, TLS_MAX_IDENTITIES);
		s->contexts_count++;
		if (context_new(s, &s->contexts[i], spec, &spec->contexts[i], err, err_size) != 0)
			return -1;
	}
	return add_crls(s, spec, err, err_size);
}

int tls_set_new(const struct tls_spec *spec, struct tls_set **out, char *err, size_t err_size)
{
	struct tls_set *s = calloc(1, sizeof(*s));

	ERR_clear_error();
	if (!s)
		return set_fail(err, err_size, "out of memory");
	atomic_init(&s->refs, 1);
	s->known = spec->before ? known_ref(spec->before->known) : known_new();
	if (!s->known) {
		tls_set_unref(s);
		return set_fail(err, err_size, "out of memory");
	}
	s->generation = spec->generation;
	s->now_s = spec->now_s;
	s->min_version = spec->min_version == TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
	memcpy(s->ticket_secret, spec->ticket_secret, sizeof(s->ticket_secret));
	if (set_fill(s, spec, err, err_size) != 0) {
		tls_set_unref(s);
		return -1;
	}
	*out = s;
	return 0;
}

struct tls_set *tls_set_ref(struct tls_set *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void tls_set_unref(struct tls_set *s)
{
	if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (unsigned i = 0; i < s->contexts_count; i++) {
		SSL_CTX_free(s->contexts[i].ctx);
		free(s->contexts[i].anchors.v);
		sk_X509_NAME_pop_free(s->contexts[i].names, X509_NAME_free);
	}
	tls_crls_unref(s->crls);
	known_unref(s->known);
	OPENSSL_cleanse(s->ticket_secret, sizeof(s->ticket_secret));
	free(s);
}

uint64_t tls_set_generation(const struct tls_set *s)
{
	return s->generation;
}
