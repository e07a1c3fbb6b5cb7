/* Certificates as numbers: who one is, without it. */
#include "tls/internal.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

/* Text, which is compared by what it says and not by how it is encoded. */
#define TEXTS                                                                                      \
	(B_ASN1_UTF8STRING | B_ASN1_BMPSTRING | B_ASN1_UNIVERSALSTRING | B_ASN1_PRINTABLESTRING |  \
		B_ASN1_T61STRING | B_ASN1_IA5STRING | B_ASN1_VISIBLESTRING)

int cert_ids_add(struct cert_ids *ids, const struct cert_id *id)
{
	if (ids->n == ids->room) {
		size_t room = ids->room ? ids->room * 2 : 16;
		struct cert_id *v = realloc(ids->v, room * sizeof(*v));

		if (!v)
			return -1;
		ids->v = v;
		ids->room = room;
	}
	ids->v[ids->n++] = *id;
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct cert_id));
}

void cert_ids_sort(struct cert_ids *ids)
{
	struct cert_id *v;

	if (!ids->n)
		return;
	qsort(ids->v, ids->n, sizeof(*ids->v), compare_ids);
	v = realloc(ids->v, ids->n * sizeof(*v));
	if (!v)
		return;
	ids->v = v;
	ids->room = ids->n;
}

bool cert_ids_have(const struct cert_ids *ids, const struct cert_id *id)
{
	return ids->n && bsearch(id, ids->v, ids->n, sizeof(*ids->v), compare_ids);
}

void cert_id_of_anchor(const X509 *cert, struct cert_id *id)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	const unsigned char *name = NULL;
	unsigned char *key = NULL;
	size_t name_len = 0;
	int key_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &key);
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	if (X509_NAME_get0_der(X509_get_subject_name(cert), &name, &name_len) != 1)
		name_len = 0;
	/* Out of memory: an id that nothing has. */
	memset(id, 0, sizeof(*id));
	if (md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) &&
		EVP_DigestUpdate(md, name, name_len) &&
		EVP_DigestUpdate(md, key, key_len > 0 ? (size_t)key_len : 0) &&
		EVP_DigestFinal_ex(md, hash, NULL))
		memcpy(id->b, hash, sizeof(id->b));
	EVP_MD_CTX_free(md);
	OPENSSL_free(key);
}

/* Small letters of ASCII, without blanks at its ends and with single ones in it. Its length. */
static size_t fold(unsigned char *s, size_t len)
{
	static const char blanks[] = " \t\n\v\f\r";
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		const unsigned char c = s[i];

		if (c && strchr(blanks, c)) {
			if (n && s[n - 1] != ' ')
				s[n++] = ' ';
		} else {
			s[n++] = c >= 'A' && c <= 'Z' ? (unsigned char)(c - 'A' + 'a') : c;
		}
	}
	return n && s[n - 1] == ' ' ? n - 1 : n;
}

/* A part of a name, with its length before it. */
static bool add_part(EVP_MD_CTX *md, int what, const unsigned char *data, size_t len)
{
	const uint32_t head[2] = {(uint32_t)what, (uint32_t)len};

	return EVP_DigestUpdate(md, head, sizeof(head)) && EVP_DigestUpdate(md, data, len);
}

static bool add_entry(EVP_MD_CTX *md, const X509_NAME_ENTRY *e)
{
	const ASN1_OBJECT *type = X509_NAME_ENTRY_get_object(e);
	const ASN1_STRING *value = X509_NAME_ENTRY_get_data(e);
	const int kind = ASN1_STRING_type(value);
	unsigned char *utf8 = NULL;
	int len = -1;
	bool done;

	if (ASN1_tag2bit(kind) & TEXTS)
		len = ASN1_STRING_to_UTF8(&utf8, value);
	done = add_part(md, X509_NAME_ENTRY_set(e), OBJ_get0_data(type), OBJ_length(type));
	if (len >= 0)
		done = done && add_part(md, -1, utf8, fold(utf8, (size_t)len));
	else
		done = done && add_part(md, kind, ASN1_STRING_get0_data(value),
				       (size_t)ASN1_STRING_length(value));
	OPENSSL_free(utf8);
	return done;
}

bool cert_id_issuer(EVP_MD_CTX *md, const X509_NAME *issuer, uint8_t to[32])
{
	bool done;

	ERR_set_mark();
	done = EVP_DigestInit_ex(md, EVP_sha256(), NULL);
	for (int i = 0; done && i < X509_NAME_entry_count(issuer); i++)
		done = add_entry(md, X509_NAME_get_entry(issuer, i));
	done = done && EVP_DigestFinal_ex(md, to, NULL);
	ERR_pop_to_mark();
	return done;
}

bool cert_id_serial(
	EVP_MD_CTX *md, const uint8_t issuer[32], const ASN1_INTEGER *serial, struct cert_id *id)
{
	const uint8_t negative = ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER;
	unsigned char hash[EVP_MAX_MD_SIZE];

	/* The same digest once more: to look for it by its name costs more than to compute it. */
	if (!EVP_DigestInit_ex(md, NULL, NULL) || !EVP_DigestUpdate(md, issuer, 32) ||
		!EVP_DigestUpdate(md, &negative, 1) ||
		!EVP_DigestUpdate(
			md, ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial)) ||
		!EVP_DigestFinal_ex(md, hash, NULL))
		return false;
	memcpy(id->b, hash, sizeof(id->b));
	return true;
}

void cert_id_of_entry(const X509_NAME *issuer, const ASN1_INTEGER *serial, struct cert_id *id)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t name[32];

	/* Out of memory: an id that nothing has. */
	if (!md || !cert_id_issuer(md, issuer, name) || !cert_id_serial(md, name, serial, id))
		memset(id, 0, sizeof(*id));
	EVP_MD_CTX_free(md);
}
