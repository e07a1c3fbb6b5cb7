/*
 * Session tickets (RFC 5077, RFC 8446 section 4.6.1). Stateless: the keys of a period are derived
 * from the set's secret and the number of the period, so that all workers have the same, they
 * rotate by themselves, and a set with another secret cannot read them. A ticket carries what was
 * found out about the chain, because OpenSSL keeps the leaf alone.
 */
#include "tls/internal.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/rand.h>

struct ticket_keys {
	uint8_t name[16], aes[32], mac[32];
};

static bool derive_one(const struct tls_set *s, uint64_t period, uint8_t what, uint8_t out[32])
{
	uint8_t info[16] = "ticket";
	unsigned len = 32;

	info[7] = what;
	for (unsigned i = 0; i < 8; i++)
		info[8 + i] = (uint8_t)(period >> (56 - 8 * i));
	return HMAC(EVP_sha256(), s->ticket_secret, sizeof(s->ticket_secret), info, sizeof(info),
		       out, &len) != NULL;
}

static bool derive(const struct tls_set *s, uint64_t period, struct ticket_keys *k)
{
	uint8_t name[32];

	if (!derive_one(s, period, 1, name) || !derive_one(s, period, 2, k->aes) ||
		!derive_one(s, period, 3, k->mac))
		return false;
	memcpy(k->name, name, sizeof(k->name));
	return true;
}

static bool use(struct ticket_keys *k, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
	const unsigned char *iv, int enc)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k->mac, sizeof(k->mac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, k->aes, iv, enc) == 1 &&
	       EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* 1: fine; 2: fine, but give a new one; 0: not ours; -1: failed. */
static int ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
	EVP_MAC_CTX *mac, int enc)
{
	const struct tls_set *s = conn_of(ssl)->set;
	uint64_t period = (uint64_t)set_now(s) / TLS_TICKET_S;
	struct ticket_keys k;
	int rc = 0;

	if (enc) {
		rc = -1;
		if (derive(s, period, &k) && RAND_bytes(iv, 16) == 1 &&
			use(&k, cipher, mac, iv, 1)) {
			memcpy(name, k.name, sizeof(k.name));
			rc = 1;
		}
	}
	for (unsigned age = 0; !enc && rc == 0 && age < 2; age++) {
		if (!derive(s, period - age, &k))
			rc = -1;
		else if (CRYPTO_memcmp(name, k.name, sizeof(k.name)) == 0)
			rc = use(&k, cipher, mac, iv, 0) ? 1 + (int)age : -1;
	}
	OPENSSL_cleanse(&k, sizeof(k));
	return rc;
}

static int seal(SSL *ssl, void *arg)
{
	struct tls_conn *c = conn_of(ssl);

	(void)arg;
	/* Nothing that decides it comes later: the peer's Finished follows, or has been read. */
	chain_settle(c);
	return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), &c->chain, sizeof(c->chain));
}

/* May this session be resumed? If not, a full handshake follows, which says why. */
static bool still_good(struct tls_conn *c, SSL_SESSION *session)
{
	X509 *leaf = SSL_SESSION_get0_peer(session);
	int64_t now = set_now(c->set);
	struct tls_chain chain;
	void *data;
	size_t len;

	if (SSL_SESSION_get0_ticket_appdata(session, &data, &len) != 1 || len != sizeof(chain))
		return false;
	memcpy(&chain, data, sizeof(chain));
	if (leaf && (!chain.anchored || now > chain.not_after_s ||
			    now < asn1_time_s(X509_get0_notBefore(leaf)) ||
			    chain_revoked(c->set, &chain)))
		return false;
	if (!leaf && (SSL_get_verify_mode(c->ssl) & SSL_VERIFY_FAIL_IF_NO_PEER_CERT))
		return false;
	c->ticket_chain = chain;
	return true;
}

static SSL_TICKET_RETURN open_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
	size_t name_len, SSL_TICKET_STATUS status, void *arg)
{
	(void)name, (void)name_len, (void)arg;
	switch (status) {
	case SSL_TICKET_SUCCESS:
	case SSL_TICKET_SUCCESS_RENEW:
		if (!still_good(conn_of(ssl), session))
			return SSL_TICKET_RETURN_IGNORE_RENEW;
		/* TLS 1.3 asks for a new one for each resumption (RFC 8446 appendix C.4). */
		return status == SSL_TICKET_SUCCESS_RENEW || SSL_version(ssl) >= TLS1_3_VERSION
			       ? SSL_TICKET_RETURN_USE_RENEW
			       : SSL_TICKET_RETURN_USE;
	case SSL_TICKET_FATAL_ERR_MALLOC:
	case SSL_TICKET_FATAL_ERR_OTHER:
		return SSL_TICKET_RETURN_ABORT;
	default:
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	}
}

int ticket_setup(SSL_CTX *ctx, struct tls_set *s)
{
	(void)s;
	return SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, ticket_key) == 1 &&
			       SSL_CTX_set_session_ticket_cb(ctx, seal, open_ticket, NULL) == 1
		       ? 0
		       : -1;
}
