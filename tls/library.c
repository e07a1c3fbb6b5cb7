/*
 * OpenSSL 3.0 looks through all that it has for every public key that it reads, some eighty formats
 * and twenty kinds of keys, by their names: for each certificate of a peer, and again when a ticket
 * is made, each time at the cost of a signature. So contexts of TLS have a library of their own
 * (OSSL_LIB_CTX), whose provider is OpenSSL's default one without the formats that no certificate
 * has and the kinds that TLS does not use here. Later versions remember what they found, and have
 * no need of it; see docs/decisions.md.
 */
#include "tls/internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/provider.h>

#define NAME	  "sluice-default"
#define FUNCTIONS 16u
#define LIST	  32u

static pthread_once_t once = PTHREAD_ONCE_INIT;
static OSSL_LIB_CTX *library; /* NULL: OpenSSL's own */
static OSSL_PROVIDER *whole;  /* the default provider, in a library behind it */
static OSSL_DISPATCH functions[FUNCTIONS];
/* What is asked for by looking through all of it. */
static OSSL_ALGORITHM decoders[LIST], keys[LIST], ciphers[LIST];

static bool is_one_of(const OSSL_ALGORITHM *a, const char *const *names)
{
	const size_t len = strcspn(a->algorithm_names, ":");

	for (; *names; names++)
		if (strlen(*names) == len && memcmp(*names, a->algorithm_names, len) == 0)
			return true;
	return false;
}

/* Of a key as certificates have it, which can sign. */
static bool is_wanted_decoder(const OSSL_ALGORITHM *a)
{
	static const char *const kinds[] = {
		"EC", "RSA", "RSA-PSS", "ED25519", "ED448", "DSA", NULL};

	return strstr(a->property_definition, "input=der") &&
	       strstr(a->property_definition, "structure=SubjectPublicKeyInfo") &&
	       is_one_of(a, kinds);
}

static bool is_wanted_key(const OSSL_ALGORITHM *a)
{
	static const char *const others[] = {
		"DH", "DHX", "X448", "SM2", "SCRYPT", "SIPHASH", "POLY1305", "CMAC", NULL};

	return !is_one_of(a, others);
}

/* Those of set.c's lists, and what random numbers are made by. */
static bool is_wanted_cipher(const OSSL_ALGORITHM *a)
{
	static const char *const names[] = {"AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305",
		"AES-128-CBC", "AES-256-CBC", "AES-128-CBC-HMAC-SHA1", "AES-256-CBC-HMAC-SHA1",
		"AES-128-CBC-HMAC-SHA256", "AES-256-CBC-HMAC-SHA256", "AES-256-CTR", "AES-256-ECB",
		NULL};

	return is_one_of(a, names);
}

static const OSSL_ALGORITHM *query(void *provctx, int operation, int *no_cache)
{
	(void)provctx;
	*no_cache = 0;
	switch (operation) {
	case OSSL_OP_DECODER:
		return decoders;
	case OSSL_OP_KEYMGMT:
		return keys;
	case OSSL_OP_CIPHER:
		return ciphers;
	default:
		return OSSL_PROVIDER_query_operation(whole, operation, no_cache);
	}
}

/* false: there are none, or more than fit. */
static bool take(int operation, bool (*wanted)(const OSSL_ALGORITHM *), OSSL_ALGORITHM to[LIST])
{
	int no_cache = 0;
	const OSSL_ALGORITHM *a = OSSL_PROVIDER_query_operation(whole, operation, &no_cache);
	unsigned n = 0;

	for (; a && a->algorithm_names; a++) {
		if (!wanted(a))
			continue;
		if (n == LIST - 1)
			return false;
		to[n++] = *a;
	}
	return n > 0 && !no_cache;
}

/* The default provider's own, but what it is asked for, and its end. */
static bool take_functions(void)
{
	const OSSL_DISPATCH *f = OSSL_PROVIDER_get0_dispatch(whole);
	unsigned n = 0;

	functions[n++] = (OSSL_DISPATCH){OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query};
	for (; f->function_id != 0; f++) {
		if (f->function_id == OSSL_FUNC_PROVIDER_QUERY_OPERATION ||
			f->function_id == OSSL_FUNC_PROVIDER_TEARDOWN)
			continue;
		if (n == FUNCTIONS - 1)
			return false;
		functions[n++] = *f;
	}
	return true;
}

static int begin(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
	void **provctx)
{
	(void)handle, (void)in;
	*out = functions;
	*provctx = OSSL_PROVIDER_get0_provider_ctx(whole);
	return 1;
}

/* Somebody has configured OpenSSL (FIPS, say): then it is as they want it. */
static int is_another(OSSL_PROVIDER *p, void *another)
{
	if (strcmp(OSSL_PROVIDER_get0_name(p), "default") != 0)
		*(bool *)another = true;
	return 1;
}

static void make(void)
{
	OSSL_LIB_CTX *behind, *lib;
	bool another = EVP_default_properties_is_fips_enabled(NULL);

	if (OpenSSL_version_num() >= 0x30200000L)
		return;
	/* Which loads its configuration. */
	if (!OSSL_PROVIDER_available(NULL, "default") ||
		!OSSL_PROVIDER_do_all(NULL, is_another, &another) || another)
		return;
	behind = OSSL_LIB_CTX_new();
	lib = OSSL_LIB_CTX_new();
	whole = behind ? OSSL_PROVIDER_load(behind, "default") : NULL;
	if (whole && lib && take(OSSL_OP_DECODER, is_wanted_decoder, decoders) &&
		take(OSSL_OP_KEYMGMT, is_wanted_key, keys) &&
		take(OSSL_OP_CIPHER, is_wanted_cipher, ciphers) && take_functions() &&
		OSSL_PROVIDER_add_builtin(lib, NAME, begin) == 1 && OSSL_PROVIDER_load(lib, NAME)) {
		library = lib;
		return;
	}
	OSSL_LIB_CTX_free(lib);
	OSSL_PROVIDER_unload(whole);
	OSSL_LIB_CTX_free(behind);
	ERR_clear_error();
}

OSSL_LIB_CTX *tls_library(void)
{
	pthread_once(&once, make);
	return library;
}
