/* Would a handshake take a device's chain? Asked of OpenSSL, as set.c sets it up. */
#include <openssl/x509_vfy.h>

#include "tls/cert_internal.h"
#include "tls/internal.h"

/* The first of the chain that a CRL names; the anchor itself cannot be revoked. */
static X509 *revoked_of(const struct tls_crls *crls, const STACK_OF(X509) * chain)
{
	struct cert_id id;

	for (int i = 0; crls && i < sk_X509_num(chain) - 1; i++) {
		X509 *x = sk_X509_value(chain, i);

		cert_id_of_entry(X509_get_issuer_name(x), X509_get0_serialNumber(x), &id);
		if (crls_revoke(crls, &id))
			return x;
	}
	return NULL;
}

static int verify(X509_STORE_CTX *ctx, const struct cert_judge *j, X509 **at)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);

	X509_STORE_CTX_set_default(ctx, "ssl_client");
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	X509_VERIFY_PARAM_set_depth(param, TLS_CHAIN - 2);
	X509_VERIFY_PARAM_set_auth_level(param, j->weak_taken ? 1 : 2);
	X509_VERIFY_PARAM_set_time(param, (time_t)j->now_s);
	if (X509_verify_cert(ctx) != 1) {
		*at = X509_STORE_CTX_get_current_cert(ctx);
		return X509_STORE_CTX_get_error(ctx);
	}
	*at = revoked_of(j->revoked, X509_STORE_CTX_get0_chain(ctx));
	return *at ? X509_V_ERR_CERT_REVOKED : X509_V_OK;
}

int chain_try(const struct cert_bundle *b, const struct cert_judge *j,
	const STACK_OF(X509) * anchors, X509 **at)
{
	STACK_OF(X509) *shown = sk_X509_new_null();
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int rc = X509_V_ERR_OUT_OF_MEM;
	bool fine = shown && store && ctx;

	*at = NULL;
	for (unsigned i = 1; fine && i < b->chain_count; i++)
		fine = sk_X509_push(shown, b->certs[i]) > 0;
	for (int i = 0; fine && i < sk_X509_num(anchors); i++)
		fine = X509_STORE_add_cert(store, sk_X509_value(anchors, i)) == 1;
	if (fine && X509_STORE_CTX_init(ctx, store, b->certs[0], shown) == 1)
		rc = verify(ctx, j, at);
	/* One of the bundle's, or an anchor, which live on. */
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	sk_X509_free(shown);
	return rc;
}
