/*
 * The ClientHello, before anything is chosen by it: which context serves it, and what the RFCs ask
 * of it that OpenSSL (3.0 to 3.5) does not look at, or answers with another alert than they name.
 */
#include "tls/internal.h"

#include <string.h>

#define PSK_IDENTITIES_MIN 7u
#define PSK_BINDERS_MIN	   33u
#define PSK_BINDER_MIN	   32u

/* What is left of an extension's body. */
struct part {
	const unsigned char *data;
	size_t len;
};

static bool extension(SSL *ssl, unsigned type, struct part *p)
{
	return SSL_client_hello_get0_ext(ssl, type, &p->data, &p->len) == 1;
}

/* Takes a vector whose length is a number of `size` bytes; false: it does not fit. */
static bool take_vector(struct part *p, unsigned size, struct part *v)
{
	size_t n = 0;

	if (p->len < size)
		return false;
	for (unsigned i = 0; i < size; i++)
		n = n << 8 | p->data[i];
	if (n > p->len - size)
		return false;
	*v = (struct part){p->data + size, n};
	p->data += size + n;
	p->len -= size + n;
	return true;
}

static bool take(struct part *p, size_t n)
{
	if (p->len < n)
		return false;
	p->data += n;
	p->len -= n;
	return true;
}

/* RFC 8446 section 4.2.1: versions<2..254>. *tls13: it is among them. */
static bool versions_fit(SSL *ssl, bool *tls13)
{
	struct part p, list;

	*tls13 = false;
	if (!extension(ssl, TLSEXT_TYPE_supported_versions, &p))
		return true;
	if (!take_vector(&p, 1, &list) || p.len != 0 || list.len < 2 || list.len % 2 != 0)
		return false;
	for (size_t i = 0; i < list.len; i += 2)
		*tls13 |= ((unsigned)list.data[i] << 8 | list.data[i + 1]) == TLS1_3_VERSION;
	return true;
}

/* RFC 6066 section 3: HostName<1..2^16-1>. Other faults of it OpenSSL names itself. */
static bool name_fits(SSL *ssl)
{
	struct part p, list, name;

	if (!extension(ssl, TLSEXT_TYPE_server_name, &p) || !take_vector(&p, 2, &list) ||
		!take(&list, 1) || !take_vector(&list, 2, &name))
		return true;
	return name.len > 0;
}

/*
 * RFC 8422 section 5.1.2: who offers curves, and names formats, must name the uncompressed one. TLS
 * 1.3 has no formats (RFC 8446 section 4.2.7).
 */
static bool formats_do(SSL *ssl)
{
	struct part p, list, groups;

	if (!extension(ssl, TLSEXT_TYPE_ec_point_formats, &p) || !take_vector(&p, 1, &list) ||
		list.len == 0 || !extension(ssl, TLSEXT_TYPE_supported_groups, &groups))
		return true;
	return memchr(list.data, TLSEXT_ECPOINTFORMAT_uncompressed, list.len) != NULL;
}

/* RFC 8446 section 4.2.2: cookie<1..2^16-1>. */
static bool cookie_fits(SSL *ssl)
{
	struct part p, cookie;

	return !extension(ssl, TLSEXT_TYPE_cookie, &p) ||
	       (take_vector(&p, 2, &cookie) && p.len == 0 && cookie.len > 0);
}

/*
 * RFC 8446 section 4.2.11: identities<7..2^16-1>, each <1..2^16-1> with its age, and as many
 * binders. OpenSSL looks at the binder of a ticket that it knows, and at no other. Returns 0, or
 * the alert.
 */
static int psk_alert(SSL *ssl)
{
	struct part p, identities, binders, one;
	unsigned n = 0, bound = 0;

	if (!extension(ssl, TLSEXT_TYPE_psk, &p))
		return 0;
	if (!take_vector(&p, 2, &identities) || !take_vector(&p, 2, &binders) || p.len != 0 ||
		identities.len < PSK_IDENTITIES_MIN || binders.len < PSK_BINDERS_MIN)
		return SSL_AD_DECODE_ERROR;
	for (; identities.len > 0; n++)
		if (!take_vector(&identities, 2, &one) || one.len == 0 || !take(&identities, 4))
			return SSL_AD_DECODE_ERROR;
	for (; binders.len > 0; bound++)
		if (!take_vector(&binders, 1, &one) || one.len < PSK_BINDER_MIN)
			return SSL_AD_DECODE_ERROR;
	return n == bound ? 0 : SSL_AD_ILLEGAL_PARAMETER;
}

/* RFC 8446 section 9.2: both, and without a ticket also signature_algorithms. */
static bool has_what_it_must(SSL *ssl)
{
	struct part p;
	bool groups = extension(ssl, TLSEXT_TYPE_supported_groups, &p);

	return groups == extension(ssl, TLSEXT_TYPE_key_share, &p) &&
	       (extension(ssl, TLSEXT_TYPE_psk, &p) ||
		       (groups && extension(ssl, TLSEXT_TYPE_signature_algorithms, &p)));
}

/*
 * The alert that the RFC names, and in *fault what is wrong, for people. 0: none is to be sent
 * here; where there is a fault all the same, OpenSSL will find it and send missing_extension, which
 * can be sent only when the version is chosen.
 */
static int fault_of(SSL *ssl, const char **fault)
{
	const unsigned char *v;
	size_t n;
	bool tls13;
	int alert;

	*fault = "ClientHello: versions that are no list of them";
	if (!versions_fit(ssl, &tls13))
		return SSL_AD_DECODE_ERROR;
	*fault = "ClientHello: no cipher suites"; /* RFC 8446 section 4.1.2: <2..2^16-2> */
	if (SSL_client_hello_get0_ciphers(ssl, &v) == 0)
		return SSL_AD_DECODE_ERROR;
	*fault = "ClientHello: a server name of no bytes";
	if (!name_fits(ssl))
		return SSL_AD_DECODE_ERROR;
	/* Null must be there (RFC 5246 section 7.4.1.2), in TLS 1.3 alone (RFC 8446 section 4.1.2).
	 */
	*fault = "ClientHello: compression";
	n = SSL_client_hello_get0_compression_methods(ssl, &v);
	if (n > 0 && (tls13 ? n != 1 || v[0] != 0 : !memchr(v, 0, n)))
		return SSL_AD_ILLEGAL_PARAMETER;
	if (!tls13) {
		*fault = formats_do(ssl) ? NULL : "ClientHello: no uncompressed points";
		return *fault ? SSL_AD_ILLEGAL_PARAMETER : 0;
	}
	*fault = "ClientHello: a cookie of no bytes";
	if (!cookie_fits(ssl))
		return SSL_AD_DECODE_ERROR;
	*fault = "ClientHello: tickets that do not fit their binders";
	alert = psk_alert(ssl);
	if (alert)
		return alert;
	*fault = has_what_it_must(ssl)
			 ? NULL
			 : "ClientHello: groups, key share or signature algorithms are missing";
	return 0;
}

/* The one name of a server_name extension (RFC 6066 section 3), or NULL. */
static const char *asked_for(SSL *ssl, size_t *len)
{
	struct part p, list, name;

	if (!extension(ssl, TLSEXT_TYPE_server_name, &p) || !take_vector(&p, 2, &list) ||
		p.len != 0 || list.len == 0 || list.data[0] != TLSEXT_NAMETYPE_host_name ||
		!take(&list, 1) || !take_vector(&list, 2, &name) || list.len != 0 ||
		name.len == 0 || name.len > TLSEXT_MAXLEN_host_name)
		return NULL; /* it is refused, or there is none */
	*len = name.len;
	return (const char *)name.data;
}

static void trace_hello(const struct tls_conn *c, const char *sni, size_t len)
{
	char name[TLSEXT_MAXLEN_host_name + 1];

	trace_line(c, "SSL clienthello incoming");
	if (!sni) {
		trace_line(c, "dft-idx=0 inited=1.");
		return;
	}
	for (size_t i = 0; i < len; i++)
		name[i] = (char)(sni[i] > ' ' && sni[i] < 0x7f ? sni[i] : '?');
	name[len] = '\0';
	trace_line(c, "-- SSL server got SNI: '%s', SSL_CTX located: %s, idx=%u", name,
		c->set->contexts[c->context].sni, c->context);
}

int client_hello(SSL *ssl, int *alert, void *arg)
{
	struct tls_conn *c = conn_of(ssl);
	const char *sni;
	size_t len = 0;
	unsigned context;
	int fault;

	(void)arg;
	sni = asked_for(ssl, &len);
	context = sni ? set_context(c->set, sni, len) : 0;
	/* After a HelloRetryRequest: the same name again (RFC 8446 section 4.1.2). OpenSSL keeps
	 * the first one's identities and anchors, and what the session is held against later must
	 * be those. */
	if (c->hello_seen && context != c->context) {
		c->hello_fault = "ClientHello: another server name than before";
		*alert = SSL_AD_ILLEGAL_PARAMETER;
		return SSL_CLIENT_HELLO_ERROR;
	}
	c->hello_seen = true;
	c->context = (uint8_t)context;
	if (c->trace)
		trace_hello(c, sni, len);
	fault = fault_of(ssl, &c->hello_fault);
	if (fault) {
		*alert = fault;
		return SSL_CLIENT_HELLO_ERROR;
	}
	if (c->context != 0) {
		SSL_CTX *ctx = c->set->contexts[c->context].ctx;

		/* This takes identities and anchors over, and nothing else. */
		if (!SSL_set_SSL_CTX(ssl, ctx))
			return SSL_CLIENT_HELLO_ERROR;
		SSL_set_verify(ssl, SSL_CTX_get_verify_mode(ctx), verify_callback);
	}
	return SSL_CLIENT_HELLO_SUCCESS;
}
