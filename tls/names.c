/* What a certificate is called. */
#include "tls/internal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/x509v3.h>

int64_t asn1_time_s(const ASN1_TIME *t)
{
	struct tm tm;

	return t && ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

void name_line(const X509_NAME *name, char *to, size_t size)
{
	if (!X509_NAME_oneline(name, to, (int)size))
		to[0] = '\0';
}

void name_text(const ASN1_STRING *s, char *to, size_t size)
{
	unsigned char *utf8 = NULL;
	int len = s ? ASN1_STRING_to_UTF8(&utf8, s) : -1;
	bool prints = len > 0 && (size_t)len < size;

	to[0] = '\0';
	for (int i = 0; prints && i < len; i++)
		prints = utf8[i] >= ' ' && utf8[i] != 0x7f;
	if (prints) {
		memcpy(to, utf8, (size_t)len);
		to[len] = '\0';
	}
	OPENSSL_free(utf8);
}

void name_entry(const X509_NAME *name, int nid, char *to, size_t size)
{
	int last = -1;

	to[0] = '\0';
	for (int at = X509_NAME_get_index_by_NID(name, nid, -1); at >= 0;
		at = X509_NAME_get_index_by_NID(name, nid, at))
		last = at;
	if (last >= 0)
		name_text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)), to, size);
}

/* Adds a name to the list, whose last two bytes stay NUL. */
static void add_name(struct tls_peer *peer, size_t *used, const char *name)
{
	size_t n = strlen(name) + 1;

	if (n == 1 || *used + n + 1 > sizeof(peer->names))
		return;
	memcpy(peer->names + *used, name, n);
	*used += n;
}

static void add_alternatives(X509 *cert, struct tls_peer *peer, size_t *used)
{
	GENERAL_NAMES *v = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	char text[TLS_NAME];

	for (int i = 0; i < sk_GENERAL_NAME_num(v); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(v, i);

		text[0] = '\0';
		switch (g->type) {
		case GEN_DNS:
			name_text(g->d.dNSName, text, sizeof(text));
			if (!peer->dns[0])
				snprintf(peer->dns, sizeof(peer->dns), "%s", text);
			break;
		case GEN_EMAIL:
			name_text(g->d.rfc822Name, text, sizeof(text));
			break;
		case GEN_URI:
			name_text(g->d.uniformResourceIdentifier, text, sizeof(text));
			break;
		case GEN_DIRNAME:
			name_entry(g->d.directoryName, NID_commonName, text, sizeof(text));
			break;
		case GEN_OTHERNAME:
			if (g->d.otherName->value->type == V_ASN1_UTF8STRING)
				name_text(g->d.otherName->value->value.utf8string, text,
					sizeof(text));
			break;
		default:
			break;
		}
		add_name(peer, used, text);
	}
	GENERAL_NAMES_free(v);
}

void names_of(X509 *cert, struct tls_peer *peer)
{
	static const char digits[] = "0123456789abcdef";
	const X509_NAME *subject = X509_get_subject_name(cert);
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	size_t used = 0;

	peer->certificate = true;
	name_line(subject, peer->subject, sizeof(peer->subject));
	name_line(X509_get_issuer_name(cert), peer->issuer, sizeof(peer->issuer));
	name_entry(subject, NID_commonName, peer->cn, sizeof(peer->cn));
	name_entry(subject, NID_organizationName, peer->organization, sizeof(peer->organization));
	add_name(peer, &used, peer->cn);
	add_alternatives(cert, peer, &used);
	if (X509_digest(cert, EVP_sha256(), hash, &len) == 1)
		for (unsigned i = 0; i < len && i < 32; i++) {
			peer->fingerprint[2 * i] = digits[hash[i] >> 4];
			peer->fingerprint[2 * i + 1] = digits[hash[i] & 15];
		}
	peer->not_before_s = asn1_time_s(X509_get0_notBefore(cert));
	peer->not_after_s = asn1_time_s(X509_get0_notAfter(cert));
}
