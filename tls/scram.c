#include "tls/scram.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#define SALT	   16
#define ITERATIONS 10000000u /* what is taken at most: a bound on a stored number */

static const char prefix[] = "SCRAM-SHA-256$";

static const EVP_MD *md(enum scram_hash hash)
{
	return hash == SCRAM_SHA_1 ? EVP_sha1() : EVP_sha256();
}

unsigned scram_size(enum scram_hash hash)
{
	return hash == SCRAM_SHA_1 ? 20 : 32;
}

static int mac(enum scram_hash hash, const uint8_t *key, const void *data, size_t len, uint8_t *out)
{
	return HMAC(md(hash), key, (int)scram_size(hash), data, len, out, NULL) ? 0 : -1;
}

static int digest(enum scram_hash hash, const uint8_t *data, uint8_t *out)
{
	return EVP_Digest(data, scram_size(hash), out, NULL, md(hash), NULL) == 1 ? 0 : -1;
}

/* The three keys of a password (RFC 5802 section 3); `client` is a secret as good as that. */
static int keys_of(struct scram_verifier *v, const char *password, uint8_t client[SCRAM_MAX_KEY])
{
	const unsigned size = scram_size(v->hash);
	uint8_t salted[SCRAM_MAX_KEY];
	int rc = -1;

	if (PKCS5_PBKDF2_HMAC(password, (int)strlen(password), v->salt, (int)v->salt_len,
		    (int)v->iterations, md(v->hash), (int)size, salted) == 1 &&
		mac(v->hash, salted, "Client Key", 10, client) == 0 &&
		digest(v->hash, client, v->stored_key) == 0 &&
		mac(v->hash, salted, "Server Key", 10, v->server_key) == 0)
		rc = 0;
	OPENSSL_cleanse(salted, sizeof(salted));
	return rc;
}

static int begin(struct scram_verifier *v, enum scram_hash hash, const uint8_t *salt,
	unsigned salt_len, uint32_t iterations)
{
	memset(v, 0, sizeof(*v));
	if (salt_len == 0 || salt_len > SCRAM_MAX_SALT || iterations == 0)
		return -1;
	v->hash = hash;
	v->iterations = iterations;
	v->salt_len = salt_len;
	memcpy(v->salt, salt, salt_len);
	return 0;
}

int scram_verifier_make(struct scram_verifier *v, enum scram_hash hash, const char *password,
	const uint8_t *salt, unsigned salt_len, uint32_t iterations)
{
	uint8_t client[SCRAM_MAX_KEY];
	int rc = begin(v, hash, salt, salt_len, iterations);

	if (rc == 0)
		rc = keys_of(v, password, client);
	OPENSSL_cleanse(client, sizeof(client));
	return rc;
}

int scram_client_prove(enum scram_hash hash, const char *password, const uint8_t *salt,
	unsigned salt_len, uint32_t iterations, const void *auth_message, size_t len,
	uint8_t *proof, uint8_t *signature)
{
	uint8_t client[SCRAM_MAX_KEY], stored[SCRAM_MAX_KEY];
	struct scram_verifier v;
	int rc = -1;

	/* ClientProof = ClientKey XOR HMAC(StoredKey, AuthMessage) */
	if (begin(&v, hash, salt, salt_len, iterations) == 0 &&
		keys_of(&v, password, client) == 0 &&
		mac(hash, v.stored_key, auth_message, len, stored) == 0 &&
		mac(hash, v.server_key, auth_message, len, signature) == 0) {
		for (unsigned i = 0; i < scram_size(hash); i++)
			proof[i] = client[i] ^ stored[i];
		rc = 0;
	}
	OPENSSL_cleanse(client, sizeof(client));
	OPENSSL_cleanse(&v, sizeof(v));
	return rc;
}

const char *scram_password_problem(const char *password)
{
	size_t n = strlen(password);

	if (n < SCRAM_MIN_PASSWORD)
		return "shorter than 8 characters";
	if (n > SCRAM_MAX_PASSWORD)
		return "longer than 128 characters";
	for (const char *p = password; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			return "not only printable ASCII, of which alone every client makes the "
			       "same";
	return NULL;
}

int scram_verifier_new(const char *password, char text[SCRAM_TEXT])
{
	struct scram_verifier v;
	uint8_t salt[SALT];

	if (RAND_bytes(salt, sizeof(salt)) != 1 ||
		scram_verifier_make(
			&v, SCRAM_SHA_256, password, salt, sizeof(salt), SCRAM_ITERATIONS) != 0)
		return -1;
	scram_verifier_format(&v, text);
	return 0;
}

bool scram_password_right(const struct scram_verifier *v, const char *password)
{
	struct scram_verifier made;
	bool right;

	if (scram_verifier_make(&made, v->hash, password, v->salt, v->salt_len, v->iterations) != 0)
		return false;
	right = CRYPTO_memcmp(made.stored_key, v->stored_key, scram_size(v->hash)) == 0;
	OPENSSL_cleanse(&made, sizeof(made));
	return right;
}

void scram_verifier_format(const struct scram_verifier *v, char text[SCRAM_TEXT])
{
	unsigned char salt[64], stored[64], server[64];

	EVP_EncodeBlock(salt, v->salt, (int)v->salt_len);
	EVP_EncodeBlock(stored, v->stored_key, (int)scram_size(SCRAM_SHA_256));
	EVP_EncodeBlock(server, v->server_key, (int)scram_size(SCRAM_SHA_256));
	snprintf(text, SCRAM_TEXT, "%s%u:%s$%s:%s", prefix, v->iterations, (char *)salt,
		(char *)stored, (char *)server);
}

/* Base64 of `text` up to `end`, which must stand there; the number of bytes, or -1. */
static int decode(const char **text, char end, uint8_t *out, unsigned room)
{
	unsigned char buf[64];
	const char *p = *text;
	size_t len = strcspn(p, ":$");
	int n;

	if (p[len] != end || len == 0 || len % 4 || len > 64)
		return -1;
	n = EVP_DecodeBlock(buf, (const unsigned char *)p, (int)len);
	/* It counts what padding stands for, too. */
	n -= (p[len - 1] == '=') + (p[len - 2] == '=');
	if (n <= 0 || (unsigned)n > room)
		return -1;
	memcpy(out, buf, (size_t)n);
	*text = p + len + (end != '\0');
	return n;
}

int scram_verifier_parse(struct scram_verifier *v, const char *text)
{
	char *end;
	unsigned long iterations;
	int n;

	memset(v, 0, sizeof(*v));
	if (strncmp(text, prefix, sizeof(prefix) - 1) != 0)
		return -1;
	text += sizeof(prefix) - 1;
	if (*text < '1' || *text > '9')
		return -1;
	iterations = strtoul(text, &end, 10);
	if (*end != ':' || iterations > ITERATIONS)
		return -1;
	text = end + 1;
	v->hash = SCRAM_SHA_256;
	v->iterations = (uint32_t)iterations;
	n = decode(&text, '$', v->salt, SCRAM_MAX_SALT);
	if (n < 0)
		return -1;
	v->salt_len = (unsigned)n;
	if (decode(&text, ':', v->stored_key, SCRAM_MAX_KEY) != (int)scram_size(v->hash) ||
		decode(&text, '\0', v->server_key, SCRAM_MAX_KEY) != (int)scram_size(v->hash))
		return -1;
	return 0;
}

bool scram_proof_right(
	const struct scram_verifier *v, const void *auth_message, size_t len, const uint8_t *proof)
{
	uint8_t key[SCRAM_MAX_KEY] = {0}, hashed[SCRAM_MAX_KEY];
	const unsigned n = scram_size(v->hash);
	bool right;

	/* ClientKey = ClientProof XOR HMAC(StoredKey, AuthMessage); its hash is the StoredKey. */
	if (mac(v->hash, v->stored_key, auth_message, len, key) != 0)
		return false;
	for (unsigned i = 0; i < n; i++)
		key[i] ^= proof[i];
	right = digest(v->hash, key, hashed) == 0 && CRYPTO_memcmp(hashed, v->stored_key, n) == 0;
	OPENSSL_cleanse(key, sizeof(key));
	return right;
}

int scram_server_signature(
	const struct scram_verifier *v, const void *auth_message, size_t len, uint8_t *signature)
{
	return mac(v->hash, v->server_key, auth_message, len, signature);
}
