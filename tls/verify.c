/* The peer's chain: what OpenSSL finds, and what is remembered of it. */
#include "tls/internal.h"

#include <string.h>

#include <openssl/x509v3.h>

#define NAME_ENTRIES 32 /* no CA has more; a peer may write a thousand */

/*
 * What a name says but for its CN, to be freed; NULL where that names nobody (a place is no name),
 * or is no CA's, or when out of memory.
 */
static X509_NAME *but_for_cn(const X509_NAME *name)
{
	X509_NAME *rest = X509_NAME_entry_count(name) <= NAME_ENTRIES ? X509_NAME_dup(name) : NULL;
	bool names_somebody = false;

	for (int i = X509_NAME_entry_count(rest) - 1; i >= 0; i--) {
		switch (OBJ_obj2nid(X509_NAME_ENTRY_get_object(X509_NAME_get_entry(rest, i)))) {
		case NID_commonName:
			X509_NAME_ENTRY_free(X509_NAME_delete_entry(rest, i));
			break;
		case NID_countryName:
		case NID_stateOrProvinceName:
		case NID_localityName:
			break;
		default:
			names_somebody = true;
		}
	}
	if (names_somebody)
		return rest;
	X509_NAME_free(rest);
	return NULL;
}

/* Has one of our anchors this very name? Then its key is another: another CA. */
static bool is_an_anchors(const struct tls_context *ctx, const X509_NAME *name)
{
	for (int i = 0; i < sk_X509_NAME_num(ctx->names); i++)
		if (X509_NAME_cmp(sk_X509_NAME_value(ctx->names, i), name) == 0)
			return true;
	return false;
}

/* Of the organization of one of our anchors, or, where it names none, of one name but for the CN:
 * Microsoft's authorities have DC=local, DC=corp, CN=... */
static bool is_kindred(const struct tls_context *ctx, const X509_NAME *issuer)
{
	char ours[TLS_NAME], theirs[TLS_NAME];
	X509_NAME *rest = NULL;
	bool found = false;

	name_entry(issuer, NID_organizationName, theirs, sizeof(theirs));
	if (!theirs[0] && !(rest = but_for_cn(issuer)))
		return false;
	for (int i = 0; i < sk_X509_NAME_num(ctx->names) && !found; i++) {
		const X509_NAME *anchor = sk_X509_NAME_value(ctx->names, i);

		if (rest) {
			X509_NAME *other = but_for_cn(anchor);

			found = other && X509_NAME_cmp(other, rest) == 0;
			X509_NAME_free(other);
		} else {
			name_entry(anchor, NID_organizationName, ours, sizeof(ours));
			found = strcmp(ours, theirs) == 0;
		}
	}
	X509_NAME_free(rest);
	return found;
}

enum shown_root { ROOT_NONE, ROOT_OURS, ROOT_THEIRS };

/* Where its chain is to end, if the peer has shown that, too. */
static enum shown_root root_among(
	const struct tls_context *ctx, const STACK_OF(X509) * shown, const X509 *last)
{
	enum shown_root found = ROOT_NONE;
	struct cert_id id;

	for (int i = 0; i < sk_X509_num(shown); i++) {
		X509 *x = sk_X509_value(shown, i);

		if (X509_cmp(x, last) == 0)
			continue;
		cert_id_of_anchor(x, &id);
		if (cert_ids_have(&ctx->anchors, &id))
			return ROOT_OURS;
		if (X509_self_signed(x, 0) == 1)
			found = ROOT_THEIRS;
	}
	return found;
}

/*
 * The chain breaks off at `last`, whose issuer is not among what was `shown`, nor trusted. Is it an
 * intermediate of ours that is missing, or is it another CA's? The root that the peer shows says
 * so; without one the issuer's name is all there is.
 */
static bool issuer_is_of_ours(
	const struct tls_context *ctx, const STACK_OF(X509) * shown, const X509 *last)
{
	const X509_NAME *issuer = X509_get_issuer_name(last);

	if (is_an_anchors(ctx, issuer))
		return false;
	switch (root_among(ctx, shown, last)) {
	case ROOT_OURS:
		return true;
	case ROOT_THEIRS:
		return false;
	case ROOT_NONE:
		break;
	}
	return is_kindred(ctx, issuer);
}

static X509 *keep(X509 *cert)
{
	if (cert && X509_up_ref(cert) == 1)
		return cert;
	return NULL;
}

/*
 * OpenSSL chooses the alert by the error. RFC 8446 section 6.2 (5246 section 7.2.2) names others
 * for signatures that did not verify (bad_certificate) and for certificates that are not valid yet
 * (certificate_expired).
 */
static int error_of_alert(int error)
{
	switch (error) {
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		return X509_V_ERR_CERT_REJECTED;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return X509_V_ERR_CERT_HAS_EXPIRED;
	default:
		return error;
	}
}

int verify_callback(int ok, X509_STORE_CTX *store_ctx)
{
	const SSL *ssl =
		X509_STORE_CTX_get_ex_data(store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_conn *c = conn_of(ssl);
	X509 *cert = X509_STORE_CTX_get_current_cert(store_ctx);
	int depth = X509_STORE_CTX_get_error_depth(store_ctx);
	int error = X509_STORE_CTX_get_error(store_ctx);
	char name[TLS_NAME] = "";

	weigh_certificate(c, store_ctx);
	if (ok && !c->trace)
		return 1;
	if (cert)
		name_line(X509_get_subject_name(cert), name, sizeof(name));
	if (ok) {
		/* Called again for a certificate when policies were checked: told once. */
		trace_line(c, "VERIFY OK: depth=%d, %s", depth, name);
		return 1;
	}
	trace_line(c, "VERIFY ERROR: depth=%d, error=%s: %s", depth,
		X509_verify_cert_error_string(error), name);
	if (!c->leaf) {
		c->leaf = keep(X509_STORE_CTX_get0_cert(store_ctx));
		c->culprit = keep(cert);
		c->verify_error = error;
		c->verify_depth = depth;
		c->intermediate_missing =
			cert && issuer_is_of_ours(&c->set->contexts[c->context],
					X509_STORE_CTX_get0_untrusted(store_ctx), cert);
	}
	X509_STORE_CTX_set_error(store_ctx, error_of_alert(error));
	return 0;
}

static void remember_own(struct tls_conn *c)
{
	STACK_OF(X509) *v = SSL_get0_verified_chain(c->ssl);
	int n = sk_X509_num(v);

	memset(&c->chain, 0, sizeof(c->chain));
	c->chain.not_after_s = INT64_MAX;
	if (SSL_get_verify_result(c->ssl) != X509_V_OK || n <= 0 ||
		!SSL_get0_peer_certificate(c->ssl))
		return;
	for (int i = 0; i < n; i++) {
		X509 *cert = sk_X509_value(v, i);
		int64_t until = asn1_time_s(X509_get0_notAfter(cert));

		if (until < c->chain.not_after_s)
			c->chain.not_after_s = until;
		if (i < n - 1 && c->chain.count < TLS_CHAIN)
			cert_id_of_entry(X509_get_issuer_name(cert), X509_get0_serialNumber(cert),
				&c->chain.entries[c->chain.count++]);
	}
	cert_id_of_anchor(sk_X509_value(v, n - 1), &c->chain.anchor);
	c->chain.anchored = 1;
}

void chain_settle(struct tls_conn *c)
{
	if (c->chain_settled)
		return;
	if (SSL_session_reused(c->ssl))
		c->chain = c->ticket_chain;
	else
		remember_own(c);
	c->chain_settled = true;
}

bool chain_revoked(const struct tls_set *s, const struct tls_chain *chain)
{
	for (unsigned i = 0; s->crls && i < chain->count && i < TLS_CHAIN; i++)
		if (crls_revoke(s->crls, &chain->entries[i]))
			return true;
	return false;
}

bool tls_conn_permitted(
	const struct tls_conn *c, const struct tls_set *now, enum refusal_reason *why)
{
	const struct tls_context *ctx;
	/* Not SSL_get_servername(): TLS 1.2 does not repeat the name on resumption. */
	const char *sni = c->set->contexts[c->context].sni;
	const SSL_CIPHER *cipher = SSL_get_current_cipher(c->ssl);

	/* A resumed session was judged by the set of its first handshake. */
	*why = REFUSAL_revoked;
	if (now == c->set && !SSL_session_reused(c->ssl))
		return !chain_revoked(now, &c->chain);
	ctx = &now->contexts[c->context > 0 ? set_context(now, sni, strlen(sni)) : 0];
	*why = REFUSAL_tls_version;
	if (SSL_version(c->ssl) < now->min_version)
		return false;
	*why = REFUSAL_no_shared_cipher;
	if (!cipher || sk_SSL_CIPHER_find(SSL_CTX_get_ciphers(ctx->ctx), cipher) < 0)
		return false;
	*why = REFUSAL_no_certificate;
	if (!c->chain.anchored)
		return !(SSL_CTX_get_verify_mode(ctx->ctx) & SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
	*why = REFUSAL_wrong_ca;
	if (!cert_ids_have(&ctx->anchors, &c->chain.anchor))
		return false;
	*why = REFUSAL_revoked;
	return !chain_revoked(now, &c->chain);
}
