/*
 * Chains whose signatures were verified. That a certificate was signed by the key of another
 * follows from the bytes of both and from nothing else, so that it need not be computed again for a
 * device that comes back; whatever else makes a chain good (dates, CRLs, purpose, lengths and
 * names, the anchor) OpenSSL judges each time. What is known is the SHA-256 of all of the chain's
 * bytes, anchor included. A set hands it on to the one that takes its place, so that there is one,
 * however many sets there are sessions of.
 */
#include "tls/known_table.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

struct tls_known {
	_Atomic unsigned refs;
	EVP_MD *sha256;
	X509_STORE_CTX_verify_fn verify; /* OpenSSL's own: signatures and dates */
	struct known_table table;
};

struct tls_known *known_new(void)
{
	struct tls_known *k = calloc(1, sizeof(*k));
	X509_STORE_CTX *plain = X509_STORE_CTX_new();

	if (k && plain && X509_STORE_CTX_init(plain, NULL, NULL, NULL) == 1) {
		atomic_init(&k->refs, 1);
		known_table_init(&k->table);
		k->verify = X509_STORE_CTX_get_verify(plain);
		k->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	}
	X509_STORE_CTX_free(plain);
	if (k && k->sha256)
		return k;
	if (k)
		EVP_MD_free(k->sha256);
	free(k);
	return NULL;
}

struct tls_known *known_ref(struct tls_known *k)
{
	atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
	return k;
}

void known_unref(struct tls_known *k)
{
	if (!k || atomic_fetch_sub_explicit(&k->refs, 1, memory_order_acq_rel) != 1)
		return;
	EVP_MD_free(k->sha256);
	free(k);
}

/* false: out of memory. */
static bool add_certificate(EVP_MD_CTX *md, X509 *cert)
{
	unsigned char *der = NULL;
	const int len = i2d_X509(cert, &der);
	/* DER says itself where it ends, so no two chains have the same bytes. */
	const bool done = len > 0 && EVP_DigestUpdate(md, der, (size_t)len) == 1;

	OPENSSL_free(der);
	return done;
}

static bool identify(const struct tls_known *k, STACK_OF(X509) * chain, struct chain_id *id)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool done = md && EVP_DigestInit_ex(md, k->sha256, NULL) == 1;

	for (int i = 0; done && i < sk_X509_num(chain); i++)
		done = add_certificate(md, sk_X509_value(chain, i));
	done = done && EVP_DigestFinal_ex(md, id->b, NULL) == 1;
	EVP_MD_CTX_free(md);
	return done;
}

static bool all_in_date(X509_STORE_CTX *store_ctx, STACK_OF(X509) * chain)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(store_ctx);
	time_t set, *now = NULL; /* NULL: the clock's */

	if (X509_VERIFY_PARAM_get_flags(param) & X509_V_FLAG_USE_CHECK_TIME) {
		set = X509_VERIFY_PARAM_get_time(param);
		now = &set;
	}
	/* 0: it is no date. */
	for (int i = 0; i < sk_X509_num(chain); i++)
		if (X509_cmp_time(X509_get0_notBefore(sk_X509_value(chain, i)), now) >= 0 ||
			X509_cmp_time(X509_get0_notAfter(sk_X509_value(chain, i)), now) <= 0)
			return false;
	return true;
}

/* Says of each that it is good, from the anchor on. */
static int pass(X509_STORE_CTX *store_ctx, STACK_OF(X509) * chain)
{
	for (int i = sk_X509_num(chain) - 1; i >= 0; i--) {
		X509_STORE_CTX_set_error_depth(store_ctx, i);
		X509_STORE_CTX_set_current_cert(store_ctx, sk_X509_value(chain, i));
		if (!verify_callback(1, store_ctx))
			return 0;
	}
	return 1;
}

int known_verify(X509_STORE_CTX *store_ctx)
{
	const SSL *ssl =
		X509_STORE_CTX_get_ex_data(store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_conn *c = ssl ? conn_of(ssl) : NULL;
	struct tls_known *k = c ? c->set->known : NULL;
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(store_ctx);
	struct chain_id id;
	int rc;

	if (!k) {
		/* The store is asked for no connection, which nothing does: nobody is trusted. */
		X509_STORE_CTX_set_error(store_ctx, X509_V_ERR_APPLICATION_VERIFICATION);
		return 0;
	}
	if (!identify(k, chain, &id))
		return k->verify(store_ctx);
	/* What is wrong with one that is not in date is for OpenSSL to say. */
	c->chain_known = known_table_has(&k->table, &id) && all_in_date(store_ctx, chain);
	if (c->chain_known)
		return pass(store_ctx, chain);
	rc = k->verify(store_ctx);
	if (rc == 1 && X509_STORE_CTX_get_error(store_ctx) == X509_V_OK)
		known_table_add(&k->table, &id);
	return rc;
}

unsigned known_count(const struct tls_known *k)
{
	return known_table_count(&k->table);
}
