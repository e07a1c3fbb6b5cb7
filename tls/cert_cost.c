/*
 * What it costs to decrypt a file is a number in the file: an iteration count of two thousand
 * millions would stop whoever tries. It is looked at before anything is decrypted.
 */
#include <openssl/asn1.h>
#include <openssl/pkcs12.h>

#include "tls/cert_internal.h"

#define MOST_ITERATIONS 5000000 /* about 2 s of SHA-256; usual files have 2048 to 600000 */

static bool few(const ASN1_INTEGER *n)
{
	int64_t v;

	return !n || (ASN1_INTEGER_get_int64(&v, n) == 1 && v >= 0 && v <= MOST_ITERATIONS);
}

/* The parameters of `alg`, decoded as `item`; NULL: others. */
static void *parameters(const X509_ALGOR *alg, const ASN1_ITEM *item)
{
	const void *value;
	int type;

	X509_ALGOR_get0(NULL, &type, &value, alg);
	return type == V_ASN1_SEQUENCE ? ASN1_item_unpack(value, item) : NULL;
}

bool cert_cost_bearable(const X509_ALGOR *alg)
{
	const ASN1_OBJECT *oid;
	bool fine = false;

	X509_ALGOR_get0(&oid, NULL, NULL, alg);
	if (OBJ_obj2nid(oid) == NID_pbes2) {
		PBE2PARAM *p = parameters(alg, ASN1_ITEM_rptr(PBE2PARAM));
		PBKDF2PARAM *kdf = p && OBJ_obj2nid(p->keyfunc->algorithm) == NID_id_pbkdf2
					   ? parameters(p->keyfunc, ASN1_ITEM_rptr(PBKDF2PARAM))
					   : NULL;

		/* Nothing but PBKDF2: scrypt's cost is bounded by nothing in a file. */
		fine = kdf && few(kdf->iter);
		PBKDF2PARAM_free(kdf);
		PBE2PARAM_free(p);
	} else {
		PBEPARAM *p = parameters(alg, ASN1_ITEM_rptr(PBEPARAM));

		fine = p && few(p->iter);
		PBEPARAM_free(p);
	}
	return fine;
}

static bool bags_bearable(const STACK_OF(PKCS12_SAFEBAG) * bags, unsigned depth)
{
	for (int i = 0; i < sk_PKCS12_SAFEBAG_num(bags); i++) {
		const PKCS12_SAFEBAG *bag = sk_PKCS12_SAFEBAG_value(bags, i);
		const X509_ALGOR *alg = NULL;

		switch (PKCS12_SAFEBAG_get_nid(bag)) {
		case NID_pkcs8ShroudedKeyBag:
			X509_SIG_get0(PKCS12_SAFEBAG_get0_pkcs8(bag), &alg, NULL);
			if (!cert_cost_bearable(alg))
				return false;
			break;
		case NID_safeContentsBag:
			/* OpenSSL follows these to any depth. */
			if (depth == 0 || !bags_bearable(PKCS12_SAFEBAG_get0_safes(bag), depth - 1))
				return false;
			break;
		default:
			break;
		}
	}
	return true;
}

static bool safe_bearable(PKCS7 *p7, const char *password)
{
	STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
	bool fine = true;

	if (OBJ_obj2nid(p7->type) == NID_pkcs7_data) {
		bags = PKCS12_unpack_p7data(p7);
	} else if (OBJ_obj2nid(p7->type) == NID_pkcs7_encrypted) {
		if (!p7->d.encrypted || !p7->d.encrypted->enc_data ||
			!cert_cost_bearable(p7->d.encrypted->enc_data->algorithm))
			return false;
		bags = PKCS12_unpack_p7encdata(p7, password, password ? -1 : 0);
	}
	/* What cannot be unpacked fails later, in words. */
	if (bags)
		fine = bags_bearable(bags, 2);
	sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	return fine;
}

bool cert_cost_of_mac_bearable(PKCS12 *p12)
{
	const ASN1_INTEGER *iter = NULL;

	PKCS12_get0_mac(NULL, NULL, NULL, &iter, p12);
	return few(iter);
}

bool cert_cost_of_safes_bearable(PKCS12 *p12, const char *password)
{
	STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(p12);
	bool fine = true;

	for (int i = 0; fine && i < sk_PKCS7_num(safes); i++)
		fine = safe_bearable(sk_PKCS7_value(safes, i), password);
	sk_PKCS7_pop_free(safes, PKCS7_free);
	return fine;
}
