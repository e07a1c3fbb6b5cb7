/*
 * What a step of a handshake costs. A round of a worker makes one step, and OpenSSL cannot stop in
 * the middle of a signature; so that rounds are short on the whole, each step is paid for by what
 * it costs. Work is counted where it is done, by the messages that cause it: just before one that
 * came is looked at, just after one of ours was made, and at each certificate that is verified. So
 * it does not matter what the step ends in: a peer that says no more, or nonsense, has to be paid
 * for as well. The weights are `openssl speed`'s times, in units of 0.2 ms, which is a whole flight
 * with P-256: docs/tls-inside.md has them.
 */
#include "tls/internal.h"

#include <string.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/ssl3.h>

#define OTHER 4u /* signatures of kinds that are not in the table */
#define PROOF 3u /* a verification with another curve than P-256, or a very long key */
/* The dearest key exchange, where it is not known which one it was. */
#define EXCHANGE 5u
/* OpenSSL makes objects of so many certificates in a unit of time, whatever is in them. */
#define CERTIFICATES 2u
/* And looks through so much of a ClientHello, where it is all tickets. */
#define HELLO_BYTES 16384u
#define HEAD	    4u /* of a handshake message: RFC 8446 section 4 */
#define RANDOM_AT   6u /* in a ServerHello: behind the version */
#define LENGTH	    3u /* bytes of a vector's length */

/* RFC 8446 section 4.1.3: the random of a ServerHello that is a HelloRetryRequest. */
static const uint8_t retry_random[] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d,
	0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07,
	0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

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

/* A signature that is verified by `key`. */
static unsigned of_proof(EVP_PKEY *key)
{
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
	case EVP_PKEY_RSA_PSS:
		return EVP_PKEY_get_bits(key) <= 4096 ? 0 : PROOF;
	case EVP_PKEY_EC:
		return on_p256(key) ? 0 : PROOF;
	case EVP_PKEY_ED25519:
		return 0;
	default:
		return PROOF;
	}
}

static void charge(struct tls_conn *c, unsigned units)
{
	c->worked = true;
	c->work += units;
}

static void charge_signature(struct tls_conn *c)
{
	EVP_PKEY *own = SSL_get_privatekey(c->ssl);

	charge(c, own ? of_signature(own) : 0);
}

static uint32_t length_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

/* Certificates in a Certificate message's body: RFC 8446 section 4.4.2, 5246 section 7.4.6. One
 * that breaks off is read up to there by OpenSSL too. */
static unsigned certificates_of(const uint8_t *p, size_t len, bool tls13)
{
	size_t at = LENGTH + (tls13 && len > 0 ? 1u + p[0] : 0);
	unsigned n = 0;

	while (at + LENGTH <= len) {
		at += LENGTH + length_at(p + at);
		if (tls13 && at + 2 <= len)
			at += 2 + ((size_t)p[at] << 8 | p[at + 1]);
		n++;
	}
	return n;
}

static void hear_message(struct tls_conn *c, const uint8_t *p, size_t len)
{
	const bool tls13 = SSL_version(c->ssl) >= TLS1_3_VERSION;
	const SSL_CIPHER *cipher = SSL_get_pending_cipher(c->ssl);
	X509 *leaf;

	switch (p[0]) {
	case SSL3_MT_CLIENT_HELLO:
		c->work += (unsigned)(len / HELLO_BYTES);
		break;
	case SSL3_MT_CERTIFICATE:
		charge(c, certificates_of(p + HEAD, len - HEAD, tls13) / CERTIFICATES);
		break;
	case SSL3_MT_CLIENT_KEY_EXCHANGE:
		if (cipher && SSL_CIPHER_get_kx_nid(cipher) == NID_kx_rsa)
			charge_signature(c); /* the same with the key, to decrypt */
		else
			charge(c, of_exchange((int)SSL_get_negotiated_group(c->ssl)) / 2);
		break;
	case SSL3_MT_CERTIFICATE_VERIFY:
		leaf = SSL_get0_peer_certificate(c->ssl);
		charge(c, leaf && X509_get0_pubkey(leaf) ? of_proof(X509_get0_pubkey(leaf)) : 0);
		break;
	default:
		break;
	}
}

static void said_message(struct tls_conn *c, const uint8_t *p, size_t len)
{
	unsigned exchange;

	switch (p[0]) {
	case SSL3_MT_SERVER_HELLO:
		if (SSL_version(c->ssl) < TLS1_3_VERSION ||
			(len >= RANDOM_AT + sizeof(retry_random) &&
				memcmp(p + RANDOM_AT, retry_random, sizeof(retry_random)) == 0))
			break; /* nothing is exchanged yet */
		c->exchanged = true;
		charge(c, of_exchange((int)SSL_get_negotiated_group(c->ssl)));
		break;
	case SSL3_MT_SERVER_KEY_EXCHANGE:
		exchange = of_exchange((int)SSL_get_negotiated_group(c->ssl));
		charge(c, exchange - exchange / 2);
		charge_signature(c);
		break;
	case SSL3_MT_CERTIFICATE_VERIFY:
		charge_signature(c);
		break;
	default:
		break;
	}
}

void weigh_message(
	int written, int version, int type, const void *data, size_t len, SSL *ssl, void *arg)
{
	struct tls_conn *c = arg;

	(void)version, (void)ssl;
	if (type != SSL3_RT_HANDSHAKE || len < HEAD)
		return;
	if (written)
		said_message(c, data, len);
	else
		hear_message(c, data, len);
}

void weigh_certificate(struct tls_conn *c, X509_STORE_CTX *store_ctx)
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(store_ctx);
	int issuer = X509_STORE_CTX_get_error_depth(store_ctx) + 1;
	EVP_PKEY *key = NULL;

	if (issuer < sk_X509_num(chain))
		key = X509_get0_pubkey(sk_X509_value(chain, issuer));
	if (!key)
		return;
	charge(c, of_proof(key));
	if (c->set->crls && c->trace) /* which is verified for the trace */
		charge(c, of_proof(key));
}

void weigh(struct tls_conn *c, enum tls_status status)
{
	/* Its share of the key was taken, and then there was nothing to be made of it. */
	if (c->failed && !c->exchanged && SSL_get_state(c->ssl) == TLS_ST_SW_SRVR_HELLO &&
		SSL_version(c->ssl) >= TLS1_3_VERSION)
		charge(c, EXCHANGE);
	c->weight = status != TLS_WAIT || c->worked ? 1 + c->work : 0;
}

unsigned tls_conn_weight(const struct tls_conn *c)
{
	return c->weight;
}
