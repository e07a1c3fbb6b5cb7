#include "tls/scram_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define USER_MAX 63u

/* saslname: ',' and '=' are written =2C and =3D. */
static size_t escape(const char *user, char *to)
{
	char *at = to;

	for (; *user; user++) {
		if (*user == ',' || *user == '=') {
			memcpy(at, *user == ',' ? "=2C" : "=3D", 3);
			at += 3;
		} else {
			*at++ = *user;
		}
	}
	*at = '\0';
	return (size_t)(at - to);
}

bool scram_client_first(struct scram_client *c, const char *user, const uint8_t random[SCRAM_NONCE])
{
	char name[3 * USER_MAX + 1];
	const size_t n = strlen(user);

	memset(c, 0, sizeof(*c));
	if (n == 0 || n > USER_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)user[i] < ' ' || user[i] == 0x7f)
			return false;
	escape(user, name);
	EVP_EncodeBlock((unsigned char *)c->nonce, random, SCRAM_NONCE);
	c->first.len = (size_t)snprintf(
		c->first.at, sizeof(c->first.at), SCRAM_GS2 "n=%s,r=%s", name, c->nonce);
	return true;
}

/* Of base64; how many bytes, 0: none, too many, or it is not base64. */
static unsigned bytes_of(const char *text, size_t len, uint8_t *to, unsigned room)
{
	uint8_t out[3 * SCRAM_MAX_KEY];
	int n;

	if (len == 0 || len % 4 || len > 4 * ((room + 2) / 3) || len / 4 * 3 > sizeof(out))
		return 0;
	n = EVP_DecodeBlock(out, (const unsigned char *)text, (int)len);
	/* It counts what padding stands for, too. */
	n -= (text[len - 1] == '=') + (text[len - 2] == '=');
	if (n <= 0 || (unsigned)n > room)
		return 0;
	memcpy(to, out, (size_t)n);
	return (unsigned)n;
}

struct challenge {
	const char *nonce;
	size_t nonce_len;
	uint8_t salt[SCRAM_MAX_SALT];
	unsigned salt_len;
	uint32_t iterations;
};

/* r=, ours and more behind it; s=; i=. Extensions may follow, but not m= in front: RFC 5802, 5.1.
 */
static bool read_challenge(const struct scram_client *c, const char *at, struct challenge *ch)
{
	const size_t ours = strlen(c->nonce);
	const char *value;
	char *end;
	size_t len;
	unsigned long i;

	if (!scram_attribute(&at, 'r', &ch->nonce, &ch->nonce_len) || ch->nonce_len <= ours ||
		memcmp(ch->nonce, c->nonce, ours) != 0)
		return false;
	if (!scram_attribute(&at, 's', &value, &len))
		return false;
	ch->salt_len = bytes_of(value, len, ch->salt, sizeof(ch->salt));
	if (ch->salt_len == 0 || !scram_attribute(&at, 'i', &value, &len) || *value < '1' ||
		*value > '9')
		return false;
	i = strtoul(value, &end, 10);
	ch->iterations = (uint32_t)i;
	return end == value + len && i >= SCRAM_ITERATIONS_MIN && i <= SCRAM_ITERATIONS_MAX;
}

bool scram_client_final(struct scram_client *c, const void *challenge, size_t len,
	const char *password, const uint8_t binding[SCRAM_BINDING], struct scram_message *final)
{
	char bound[SCRAM_BINDING_TEXT], message[3 * SCRAM_MESSAGE + 8];
	uint8_t proof[SCRAM_MAX_KEY];
	unsigned char text[64];
	struct scram_message said;
	struct challenge ch;
	int n;

	if (c->answered || !scram_message_set(&said, challenge, len) ||
		!read_challenge(c, said.at, &ch))
		return false;
	scram_binding_text(binding, bound);
	n = snprintf(
		final->at, sizeof(final->at), "c=%s,r=%.*s", bound, (int)ch.nonce_len, ch.nonce);
	/* The proof comes behind it. */
	if (n < 0 || (size_t)n + sizeof(text) >= sizeof(final->at))
		return false;
	final->len = (size_t)n;
	n = snprintf(message, sizeof(message), "%s,%s,%s", c->first.at + sizeof(SCRAM_GS2) - 1,
		said.at, final->at);
	if (scram_client_prove(SCRAM_SHA_256, password, ch.salt, ch.salt_len, ch.iterations,
		    message, (size_t)n, proof, c->signature) != 0)
		return false;
	EVP_EncodeBlock(text, proof, sizeof(proof));
	final->len += (size_t)snprintf(
		final->at + final->len, sizeof(final->at) - final->len, ",p=%s", (char *)text);
	c->answered = true;
	return true;
}

bool scram_client_proven(const struct scram_client *c, const void *last, size_t len)
{
	uint8_t signature[SCRAM_MAX_KEY];
	struct scram_message m;
	const char *at = m.at, *value;

	return c->answered && scram_message_set(&m, last, len) &&
	       scram_attribute(&at, 'v', &value, &len) &&
	       bytes_of(value, len, signature, sizeof(signature)) == sizeof(signature) &&
	       CRYPTO_memcmp(signature, c->signature, sizeof(signature)) == 0;
}
