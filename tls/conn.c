#include "tls/binding.h"
#include "tls/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

/* What one call may take from the transport: a few records, or a flight with its certificates. */
#define BUDGET 81920u
/* And one that reads plaintext: two records. */
#define READ_BUDGET   34000u
#define FRUITLESS_MAX 2u

void trace_line(const struct tls_conn *c, const char *fmt, ...)
{
	char line[TLS_NAME * 2];
	va_list ap;

	if (!c->trace)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	c->trace(c->trace_ctx, line);
}

struct tls_conn *tls_conn_new(struct tls_set *s, const struct tls_transport *t, void *transport_ctx,
	tls_trace_fn trace, void *trace_ctx)
{
	struct tls_conn *c = calloc(1, sizeof(*c));
	BIO *bio;

	if (!c)
		return NULL;
	c->set = tls_set_ref(s);
	c->transport = t;
	c->transport_ctx = transport_ctx;
	c->trace = trace;
	c->trace_ctx = trace_ctx;
	c->ssl = SSL_new(s->contexts[0].ctx);
	bio = bio_on_transport(c);
	if (!c->ssl || !bio || !SSL_set_app_data(c->ssl, c)) {
		BIO_free(bio);
		tls_conn_free(c);
		ERR_clear_error();
		return NULL;
	}
	if (s->now_s)
		X509_VERIFY_PARAM_set_time(SSL_get0_param(c->ssl), (time_t)s->now_s());
	SSL_set_bio(c->ssl, bio, bio);
	SSL_set_accept_state(c->ssl);
	SSL_set_msg_callback(c->ssl, weigh_message);
	SSL_set_msg_callback_arg(c->ssl, c);
	return c;
}

void tls_conn_free(struct tls_conn *c)
{
	if (!c)
		return;
	SSL_free(c->ssl);
	X509_free(c->leaf);
	X509_free(c->culprit);
	tls_set_unref(c->set);
	free(c);
}

/* SSL_get_error() looks into the thread's queue, which another's call may have left something in.
 * To clear it takes three dozen calls of free(), full or not: a tenth of a short record. */
static void begin_call(struct tls_conn *c)
{
	if (ERR_peek_error())
		ERR_clear_error();
	c->budget = BUDGET;
	c->cut_short = false;
	c->wrote = false;
}

static void trace_success(const struct tls_conn *c)
{
	X509 *leaf = SSL_get0_peer_certificate(c->ssl);
	char text[TLS_NAME];

	if (leaf) {
		trace_line(c, "ssl verify peer cert%s",
			SSL_session_reused(c->ssl) ? ": resumed by ticket" : "");
		name_entry(X509_get_subject_name(leaf), NID_organizationName, text, sizeof(text));
		trace_line(c, "Peer is using a certificate. ON=%s", text);
		name_entry(X509_get_subject_name(leaf), NID_commonName, text, sizeof(text));
		trace_line(c, "Peer cert info, CommonName(CN=%s).", text);
	} else {
		trace_line(c, "Peer showed no certificate.");
	}
	trace_line(c, "SSL_accept one client SUCCESS [ protocol : (%d) %s ]", SSL_version(c->ssl),
		SSL_version(c->ssl) == TLS1_3_VERSION ? "TLS 1.3" : "TLS 1.2");
}

static enum tls_status handshake(struct tls_conn *c)
{
	int rc, error;

	rc = SSL_do_handshake(c->ssl);
	if (rc == 1) {
		chain_settle(c);
		if (c->trace)
			trace_success(c);
		c->established = true;
		SSL_set_msg_callback(c->ssl, NULL);
		c->hello_fault = NULL; /* nothing was made of it */
		c->trace = NULL;
		return TLS_OK;
	}
	error = SSL_get_error(c->ssl, rc);
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return c->wrote || c->cut_short ? TLS_AGAIN : TLS_WAIT;
	failure_note(c, error);
	return TLS_FAILED;
}

enum tls_status tls_conn_handshake(struct tls_conn *c)
{
	enum tls_status status;
	OSSL_LIB_CTX *others;

	if (c->failed)
		return TLS_FAILED;
	begin_call(c);
	c->worked = false;
	c->work = 0;
	/* A ticket's certificate is read by this thread's library, not by the context's. */
	others = OSSL_LIB_CTX_set0_default(tls_library());
	status = handshake(c);
	OSSL_LIB_CTX_set0_default(others);
	weigh(c, status);
	return status;
}

static enum tls_status status_of(struct tls_conn *c, int rc)
{
	int error = SSL_get_error(c->ssl, rc);

	switch (error) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return c->cut_short ? TLS_AGAIN : TLS_WAIT;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_CLOSED;
	default:
		break;
	}
	/* The end of the stream without close_notify: each protocol above knows where its own
	 * messages end, and marks what was cut. */
	if (ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_SSL &&
		ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
		ERR_clear_error();
		return TLS_CLOSED;
	}
	failure_note(c, error);
	return TLS_FAILED;
}

/* Neither OpenSSL nor the transport holds a byte, nor has the peer ended: what SSL_read_ex() takes
 * a buffer, a read and an error to find out. In a post-handshake message it may have to write. */
static bool nothing_to_read(const struct tls_conn *c)
{
	struct tls_span v;

	return c->established && !SSL_has_pending(c->ssl) && !SSL_in_init(c->ssl) &&
	       c->transport->peek(c->transport_ctx, &v, 1) == 0 &&
	       !c->transport->ended(c->transport_ctx);
}

enum tls_status tls_conn_read(struct tls_conn *c, void *to, size_t size, size_t *got)
{
	enum tls_status status;
	int rc;

	*got = 0;
	if (c->failed)
		return TLS_FAILED;
	if (nothing_to_read(c))
		return TLS_WAIT;
	begin_call(c);
	c->budget = READ_BUDGET;
	rc = SSL_read_ex(c->ssl, to, size, got);
	if (rc == 1) {
		c->fruitless = 0;
		return TLS_OK;
	}
	status = status_of(c, rc);
	if (status != TLS_AGAIN || ++c->fruitless < FRUITLESS_MAX)
		return status;
	/* KeyUpdates, one after the other: each costs as much as many logs. */
	c->hello_fault = "records without data, one after the other";
	c->failed = true;
	return TLS_FAILED;
}

enum tls_status tls_conn_write(struct tls_conn *c, const void *data, size_t len, size_t *took)
{
	int rc;

	*took = 0;
	if (c->failed)
		return TLS_FAILED;
	begin_call(c);
	rc = SSL_write_ex(c->ssl, data, len, took);
	return rc == 1 ? TLS_OK : status_of(c, rc);
}

void tls_conn_close(struct tls_conn *c)
{
	if (c->failed || !c->established)
		return;
	begin_call(c);
	SSL_shutdown(c->ssl);
	ERR_clear_error();
}

void tls_conn_peer(const struct tls_conn *c, struct tls_peer *peer)
{
	const char *sni = SSL_get_servername(c->ssl, TLSEXT_NAMETYPE_host_name);
	X509 *leaf = SSL_get0_peer_certificate(c->ssl);

	memset(peer, 0, sizeof(*peer));
	peer->version = tls_conn_version(c);
	peer->cipher = tls_conn_cipher(c);
	peer->context = c->context;
	peer->resumed = tls_conn_resumed(c);
	if (sni)
		snprintf(peer->sni, sizeof(peer->sni), "%s", sni);
	if (!leaf)
		leaf = c->leaf;
	if (leaf)
		names_of(leaf, peer);
	for (size_t i = 0; c->chain.anchored && i < sizeof(c->chain.anchor.b); i++)
		snprintf(peer->anchor + 2 * i, 3, "%02x", c->chain.anchor.b[i]);
}

bool tls_conn_verified(const struct tls_conn *c)
{
	return c->established && c->chain.anchored;
}

uint64_t tls_conn_generation(const struct tls_conn *c)
{
	return c->set->generation;
}

const char *tls_conn_version(const struct tls_conn *c)
{
	return SSL_get_version(c->ssl);
}

const char *tls_conn_cipher(const struct tls_conn *c)
{
	const char *name = SSL_get_cipher_name(c->ssl);

	return name ? name : "";
}

bool tls_conn_resumed(const struct tls_conn *c)
{
	return c->established && SSL_session_reused(c->ssl);
}

bool tls_conn_chain_known(const struct tls_conn *c)
{
	return c->chain_known;
}

bool tls_conn_notified(const struct tls_conn *c)
{
	return SSL_get_shutdown(c->ssl) & SSL_RECEIVED_SHUTDOWN;
}

unsigned tls_conn_context(const struct tls_conn *c)
{
	return c->context;
}

size_t tls_conn_size(void)
{
	return sizeof(struct tls_conn);
}

bool tls_conn_binding(const struct tls_conn *c, uint8_t to[32])
{
	return tls_binding(c->ssl, to);
}
