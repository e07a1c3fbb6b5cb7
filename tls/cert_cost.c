/*
 * What it costs to decrypt a file is a number in the file: an iteration count of two thousand
 * millions would stop whoever tries, and so would a thousand parts of some millions each. Each is
 * looked at before it is gone through, and all of a file's together have a bound.
 */
#include <openssl/asn1.h>
#include <openssl/pkcs12.h>

#include "tls/cert_internal.h"

/* How often a number in a PKCS#12 is gone through: once to look, once to read. */
#define LOOK_AND_READ 2u

/* Takes `n` iterations, `times` over, off what is left; none are as one. */
static bool take(struct cert_cost *cost, const ASN1_INTEGER *n, unsigned times)
{
	int64_t v = 1;

	if (n && (ASN1_INTEGER_get_int64(&v, n) != 1 || v < 0 || v > cost->left))
		return false;
	v = (v > 0 ? v : 1) * times;
	if (v > cost->left)
		return false;
	cost->left -= v;
	return true;
}

/* The parameters of `alg`, decoded as `item`; NULL: others. */
static void *parameters(const X509_ALGOR *alg, const ASN1_ITEM *item)
{
	const void *value;
	int type;

	X509_ALGOR_get0(NULL, &type, &value, alg);
	return type == V_ASN1_SEQUENCE ? ASN1_item_unpack(value, item) : NULL;
}

static bool take_algorithm(struct cert_cost *cost, const X509_ALGOR *alg, unsigned times)
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
		fine = kdf && take(cost, kdf->iter, times);
		PBKDF2PARAM_free(kdf);
		PBE2PARAM_free(p);
	} else {
		PBEPARAM *p = parameters(alg, ASN1_ITEM_rptr(PBEPARAM));

		fine = p && take(cost, p->iter, times);
		PBEPARAM_free(p);
	}
	return fine;
}

bool cert_cost_of_key(struct cert_cost *cost, const X509_ALGOR *alg)
{
	return take_algorithm(cost, alg, 1);
}

static bool take_bags(struct cert_cost *cost, const STACK_OF(PKCS12_SAFEBAG) * bags, unsigned depth)
{
	for (int i = 0; i < sk_PKCS12_SAFEBAG_num(bags); i++) {
		const PKCS12_SAFEBAG *bag = sk_PKCS12_SAFEBAG_value(bags, i);
		const X509_ALGOR *alg = NULL;

		switch (PKCS12_SAFEBAG_get_nid(bag)) {
		case NID_pkcs8ShroudedKeyBag:
			X509_SIG_get0(PKCS12_SAFEBAG_get0_pkcs8(bag), &alg, NULL);
			if (!take_algorithm(cost, alg, 1))
				return false;
			break;
		case NID_safeContentsBag:
			/* OpenSSL follows these to any depth. */
			if (depth == 0 ||
				!take_bags(cost, PKCS12_SAFEBAG_get0_safes(bag), depth - 1))
				return false;
			break;
		default:
			break;
		}
	}
	return true;
}

/* What it says of itself, without decrypting anything. */
static bool take_safe(struct cert_cost *cost, const PKCS7 *p7)
{
	if (OBJ_obj2nid(p7->type) != NID_pkcs7_encrypted)
		return true;
	return p7->d.encrypted && p7->d.encrypted->enc_data &&
	       take_algorithm(cost, p7->d.encrypted->enc_data->algorithm, LOOK_AND_READ);
}

static bool take_content(struct cert_cost *cost, PKCS7 *p7, const char *password)
{
	STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
	bool fine = true;

	if (OBJ_obj2nid(p7->type) == NID_pkcs7_data)
		bags = PKCS12_unpack_p7data(p7);
	else if (OBJ_obj2nid(p7->type) == NID_pkcs7_encrypted)
		bags = PKCS12_unpack_p7encdata(p7, password, password ? -1 : 0);
	/* What cannot be unpacked fails later, in words. */
	if (bags)
		fine = take_bags(cost, bags, 2);
	sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	return fine;
}

bool cert_cost_of_mac(struct cert_cost *cost, PKCS12 *p12, const char *password)
{
	const ASN1_INTEGER *iter = NULL;

	PKCS12_get0_mac(NULL, NULL, NULL, &iter, p12);
	/* No password may be an empty one or none: OpenSSL tries both. */
	return take(cost, iter, password ? LOOK_AND_READ : 2 * LOOK_AND_READ);
}

bool cert_cost_of_safes(struct cert_cost *cost, PKCS12 *p12, const char *password)
{
	STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(p12);
	bool fine = true;

	for (int i = 0; fine && i < sk_PKCS7_num(safes); i++)
		fine = take_safe(cost, sk_PKCS7_value(safes, i));
	for (int i = 0; fine && i < sk_PKCS7_num(safes); i++)
		fine = take_content(cost, sk_PKCS7_value(safes, i), password);
	sk_PKCS7_pop_free(safes, PKCS7_free);
	return fine;
}
