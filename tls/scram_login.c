#include "tls/scram_login.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#define NONCE 18 /* bytes; 24 characters */

/* client-first-message-bare; NULL: it has another header. */
static const char *bare_of(const struct scram_message *first)
{
	return strncmp(first->at, SCRAM_GS2, sizeof(SCRAM_GS2) - 1) == 0
		       ? first->at + sizeof(SCRAM_GS2) - 1
		       : NULL;
}

/* saslname: ',' and '=' are written =2C and =3D. */
static bool unescape(const char *from, size_t len, char user[SCRAM_USER])
{
	size_t n = 0;

	for (size_t i = 0; i < len && n < SCRAM_USER - 1; i++, n++) {
		user[n] = from[i];
		if (from[i] != '=')
			continue;
		if (len - i >= 3 && memcmp(from + i, "=2C", 3) == 0)
			user[n] = ',';
		else if (len - i < 3 || memcmp(from + i, "=3D", 3) != 0)
			return false;
		i += 2;
	}
	user[n] = '\0';
	return n > 0 && n < SCRAM_USER - 1;
}

static bool first_parse(
	const struct scram_message *first, char user[SCRAM_USER], const char **nonce, size_t *len)
{
	const char *at = bare_of(first), *name;
	size_t name_len;

	return at && scram_attribute(&at, 'n', &name, &name_len) &&
	       unescape(name, name_len, user) && scram_attribute(&at, 'r', nonce, len);
}

bool scram_first_user(const struct scram_message *first, char user[SCRAM_USER])
{
	const char *nonce;
	size_t len;

	return first_parse(first, user, &nonce, &len);
}

int scram_challenge(const struct scram_verifier *v, const struct scram_message *first,
	struct scram_message *challenge)
{
	unsigned char salt[64], ours[NONCE * 4 / 3 + 1];
	char user[SCRAM_USER];
	uint8_t random[NONCE];
	const char *nonce;
	size_t len;
	int n;

	if (!first_parse(first, user, &nonce, &len) || RAND_bytes(random, sizeof(random)) != 1)
		return -1;
	EVP_EncodeBlock(ours, random, sizeof(random));
	EVP_EncodeBlock(salt, v->salt, (int)v->salt_len);
	n = snprintf(challenge->at, sizeof(challenge->at), "r=%.*s%s,s=%s,i=%u", (int)len, nonce,
		(char *)ours, (char *)salt, v->iterations);
	challenge->len = (size_t)n;
	if (n > 0 && (size_t)n < sizeof(challenge->at))
		return 0;
	challenge->len = 0;
	challenge->at[0] = '\0';
	return -1;
}

/* Does c= say our header and this connection's binding? */
static bool bound(const char *value, size_t len, const uint8_t binding[SCRAM_BINDING])
{
	char text[SCRAM_BINDING_TEXT];

	scram_binding_text(binding, text);
	return len == strlen(text) && CRYPTO_memcmp(text, value, len) == 0;
}

static bool proof_of(const char *value, size_t len, uint8_t proof[SCRAM_MAX_KEY])
{
	const size_t want = 44; /* of 32 bytes */
	uint8_t out[64];

	if (len != want || value[len - 1] != '=' || value[len - 2] == '=' ||
		EVP_DecodeBlock(out, (const unsigned char *)value, (int)len) != 33)
		return false;
	memcpy(proof, out, SCRAM_MAX_KEY);
	return true;
}

static const char *check(const struct scram_verifier *v, const struct scram_message *first,
	const struct scram_message *challenge, const struct scram_message *final,
	const uint8_t binding[SCRAM_BINDING], char *message, size_t size)
{
	const char *at = final->at, *value, *nonce = challenge->at + 2, *end;
	size_t nonce_len = strcspn(nonce, ","), len;
	uint8_t proof[SCRAM_MAX_KEY];
	int n;

	if (!scram_attribute(&at, 'c', &value, &len))
		return "e=other-error";
	if (!bound(value, len, binding))
		return "e=channel-bindings-dont-match";
	if (!scram_attribute(&at, 'r', &value, &len) || len != nonce_len ||
		memcmp(value, nonce, len) != 0)
		return "e=other-error";
	/* Extensions are skipped; the proof is the last. */
	while (*at && !(at[0] == 'p' && at[1] == '=')) {
		at += strcspn(at, ",");
		at += *at == ',';
	}
	end = at;
	if (!scram_attribute(&at, 'p', &value, &len) || *at || !proof_of(value, len, proof))
		return "e=invalid-proof";
	n = snprintf(message, size, "%s,%s,%.*s", bare_of(first), challenge->at,
		(int)(end - final->at - 1), final->at);
	if (n < 0 || (size_t)n >= size)
		return "e=other-error";
	return scram_proof_right(v, message, (size_t)n, proof) ? NULL : "e=invalid-proof";
}

bool scram_final_right(const struct scram_verifier *v, const struct scram_message *first,
	const struct scram_message *challenge, const struct scram_message *final,
	const uint8_t binding[SCRAM_BINDING], struct scram_message *last)
{
	char message[3 * SCRAM_MESSAGE];
	unsigned char text[64];
	uint8_t signature[SCRAM_MAX_KEY];
	const char *wrong = "e=other-error";

	if (bare_of(first) && challenge->len > 2)
		wrong = check(v, first, challenge, final, binding, message, sizeof(message));
	if (!wrong && scram_server_signature(v, message, strlen(message), signature) != 0)
		wrong = "e=other-error";
	if (!wrong)
		EVP_EncodeBlock(text, signature, (int)scram_size(v->hash));
	last->len = (size_t)snprintf(last->at, sizeof(last->at), "%s%s",
		wrong ? "" : "v=", wrong ? wrong : (char *)text);
	return !wrong;
}
