/* What a certificate says, and PEM out of a bundle. */
#include "tls/cert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tls/cert_internal.h"
#include "tls/internal.h"

static void put_names(X509 *x, char *to, size_t size)
{
	GENERAL_NAMES *v = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	size_t used = 0;

	to[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(v); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(v, i);
		char name[CERT_TEXT];
		int n;

		if (g->type != GEN_DNS)
			continue;
		name_text(g->d.dNSName, name, sizeof(name));
		if (!name[0])
			continue;
		n = snprintf(to + used, size - used, "%sDNS:%s", used ? ", " : "", name);
		if (n < 0 || (size_t)n >= size - used) {
			to[used] = '\0';
			break;
		}
		used += (size_t)n;
	}
	GENERAL_NAMES_free(v);
}

void cert_key_name(EVP_PKEY *key, char *to, size_t size)
{
	char group[32];

	if (!key)
		snprintf(to, size, "unknown");
	else if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS"))
		snprintf(to, size, "RSA-%d", EVP_PKEY_get_bits(key));
	else if (EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1)
		snprintf(to, size, "%s", strcmp(group, "prime256v1") == 0 ? "P-256" : group);
	else
		snprintf(to, size, "%s", EVP_PKEY_get0_type_name(key));
}

static void put_hex(const uint8_t *v, unsigned n, char *to)
{
	for (unsigned i = 0; i < n && i < 32; i++)
		snprintf(to + 2 * i, 3, "%02x", v[i]);
}

static void put_number(X509 *x, char to[65])
{
	const ASN1_INTEGER *n = X509_get0_serialNumber(x);

	to[0] = '\0';
	if (n)
		put_hex(ASN1_STRING_get0_data(n), (unsigned)ASN1_STRING_length(n), to);
}

void cert_facts(X509 *x, struct cert_facts *f)
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	struct cert_id id;
	unsigned n = 0;
	const uint32_t flags = X509_get_extension_flags(x);
	const uint32_t purposes = X509_get_extended_key_usage(x);

	memset(f, 0, sizeof(*f));
	name_line(X509_get_subject_name(x), f->subject, sizeof(f->subject));
	name_line(X509_get_issuer_name(x), f->issuer, sizeof(f->issuer));
	name_entry(X509_get_subject_name(x), NID_commonName, f->cn, sizeof(f->cn));
	put_names(x, f->names, sizeof(f->names));
	cert_key_name(X509_get0_pubkey(x), f->key, sizeof(f->key));
	snprintf(f->signature, sizeof(f->signature), "%s", OBJ_nid2ln(X509_get_signature_nid(x)));
	if (X509_digest(x, EVP_sha256(), hash, &n) == 1)
		put_hex(hash, n, f->fingerprint);
	put_number(x, f->number);
	f->not_before_s = asn1_time_s(X509_get0_notBefore(x));
	f->not_after_s = asn1_time_s(X509_get0_notAfter(x));
	cert_id_of_anchor(x, &id);
	put_hex(id.b, sizeof(id.b), f->anchor);
	f->authority = X509_check_ca(x) != 0;
	f->self_signed = (flags & EXFLAG_SS) != 0;
	/* Without the extension (all bits set then) every purpose is fine. */
	f->client_auth = (purposes & (XKU_SSL_CLIENT | XKU_ANYEKU)) != 0;
	f->server_auth = (purposes & (XKU_SSL_SERVER | XKU_ANYEKU)) != 0;
}

void cert_bundle_facts(const struct cert_bundle *b, unsigned i, struct cert_facts *f)
{
	cert_facts(b->certs[i], f);
}

/* What was written into a memory BIO, which ends; NULL where it is nothing. */
static char *text_of_bio(BIO *bio)
{
	char *data, *text = NULL;
	long n = BIO_get_mem_data(bio, &data);

	if (n > 0)
		text = strndup(data, (size_t)n);
	BIO_free(bio);
	return text;
}

char *cert_bundle_chain_pem(const struct cert_bundle *b)
{
	BIO *bio = BIO_new(BIO_s_mem());
	const unsigned n = b->key ? b->chain_count : b->certs_count;

	for (unsigned i = 0; bio && i < n; i++) {
		/* A root need not be shown: who trusts it has it. */
		if (b->key && i > 0 && X509_self_signed(b->certs[i], 0) == 1)
			continue;
		PEM_write_bio_X509(bio, b->certs[i]);
	}
	return bio ? text_of_bio(bio) : NULL;
}

char *cert_bundle_crls_pem(const struct cert_bundle *b)
{
	BIO *bio = BIO_new(BIO_s_mem());

	for (unsigned i = 0; bio && i < b->crls_count; i++)
		PEM_write_bio_X509_CRL(bio, b->crls[i]);
	return bio ? text_of_bio(bio) : NULL;
}

char *cert_key_pem(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_secmem());

	if (bio && key)
		PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	return bio ? text_of_bio(bio) : NULL;
}

char *cert_bundle_key_pem(const struct cert_bundle *b)
{
	return b->key ? cert_key_pem(b->key) : NULL;
}

void cert_wipe(char *text)
{
	if (text)
		OPENSSL_cleanse(text, strlen(text));
	free(text);
}

void cert_crl_issuer(const struct cert_bundle *b, unsigned i, char *to, size_t size)
{
	name_line(X509_CRL_get_issuer(b->crls[i]), to, size);
}

void cert_crl_number(const X509_CRL *crl, char *to, size_t size)
{
	ASN1_INTEGER *n = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
	char *text = n ? i2s_ASN1_INTEGER(NULL, n) : NULL;

	snprintf(to, size, "%s", text ? text : "");
	OPENSSL_free(text);
	ASN1_INTEGER_free(n);
}

void cert_crl_facts(const struct cert_bundle *b, unsigned i, struct cert_facts *f)
{
	X509_CRL *crl = b->crls[i];
	const int revoked = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl));
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	memset(f, 0, sizeof(*f));
	cert_crl_issuer(b, i, f->issuer, sizeof(f->issuer));
	cert_crl_number(crl, f->number, sizeof(f->number));
	snprintf(f->signature, sizeof(f->signature), "%s",
		OBJ_nid2ln(X509_CRL_get_signature_nid(crl)));
	if (X509_CRL_digest(crl, EVP_sha256(), hash, &n) == 1)
		put_hex(hash, n, f->fingerprint);
	f->not_before_s = asn1_time_s(X509_CRL_get0_lastUpdate(crl));
	f->not_after_s = asn1_time_s(X509_CRL_get0_nextUpdate(crl));
	f->revoked = revoked > 0 ? (unsigned)revoked : 0;
}
