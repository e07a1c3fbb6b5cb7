/*
 * What a step of a handshake costs. A round of a worker makes one step, and OpenSSL cannot stop in
 * the middle of a signature; so that rounds are short on the whole, each step is paid for by what
 * it costs. The weights are `openssl speed`'s times, in units of 0.2 ms, which is a whole flight
 * with P-256: docs/tls-inside.md has them.
 */
#include "tls/internal.h"

#include <openssl/ec.h>
#include <openssl/evp.h>

#define OTHER 4u /* kinds that are not in the table */

static bool on_p256(EVP_PKEY *key)
{
	char name[32];

	return EVP_PKEY_get_group_name(key, name, sizeof(name), NULL) == 1 &&
	       (OBJ_sn2nid(name) == NID_X9_62_prime256v1);
}

/* A signature of ours. */
static unsigned of_signature(EVP_PKEY *key)
{
	int bits = EVP_PKEY_get_bits(key);

	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
	case EVP_PKEY_RSA_PSS:
		if (bits <= 2048)
			return 1;
		if (bits <= 3072)
			return 7;
		/* With the third power of its length. */
		return 16u * (unsigned)((bits + 4095) / 4096) * (unsigned)((bits + 4095) / 4096) *
		       (unsigned)((bits + 4095) / 4096);
	case EVP_PKEY_EC:
		return on_p256(key) ? 0 : OTHER;
	case EVP_PKEY_ED25519:
		return 0;
	default:
		return OTHER;
	}
}

/* Both halves of the key exchange. */
static unsigned of_exchange(int group)
{
	switch (group) {
	case NID_secp384r1:
		return 5;
	case NID_secp521r1:
		return 2;
	default:
		return 0;
	}
}

/* The signatures of the peer's chain, of which the anchor's own is not looked at, and its proof. */
static unsigned of_chain(const SSL *ssl)
{
	STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
	unsigned weight = 0;

	for (int i = 0; i < sk_X509_num(chain); i++) {
		EVP_PKEY *key = X509_get0_pubkey(sk_X509_value(chain, i));

		if (key && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC && !on_p256(key))
			weight += 3;
	}
	return weight;
}

void weigh(struct tls_conn *c)
{
	EVP_PKEY *own;

	c->weight = 1;
	if (SSL_session_reused(c->ssl))
		return;
	/* Without a session what was written is a HelloRetryRequest: nothing is chosen or signed
	 * yet, and OpenSSL 3.0 would look for the group in the session that is not there. */
	if (!c->signed_for && c->wrote && !c->failed && SSL_get_session(c->ssl)) {
		own = SSL_get_privatekey(c->ssl);
		c->signed_for = true;
		c->weight += own ? of_signature(own) : 0;
		c->weight += of_exchange((int)SSL_get_negotiated_group(c->ssl));
	}
	if (c->established)
		c->weight += of_chain(c->ssl);
}

unsigned tls_conn_weight(const struct tls_conn *c)
{
	return c->weight;
}
