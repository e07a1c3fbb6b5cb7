/*
 * TLS on the data plane's TCP: contexts chosen by SNI, an OpenSSL connection over the buffers of a
 * TCP connection (no socket), verification of the peer, and the name that its certificate gives it.
 *
 * A `tls_set` is immutable and counted: control builds one from identities, anchors, CRLs and
 * policy and publishes it with the data plane's policy; connections hold a reference, so that an
 * old one lives as long as its sessions. Each has a trust generation; tickets of another generation
 * are not accepted. A `tls_conn` belongs to one worker; nothing of it may be called from another
 * thread.
 */
#ifndef SLUICE_TLS_H
#define SLUICE_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/reason.h"

#define TLS_MAX_CONTEXTS   16
#define TLS_MAX_IDENTITIES 4   /* of one context: e.g. one RSA and one P-256 */
#define TLS_NAME	   256 /* bytes of a name in one line, with NUL; longer ones are cut */
#define TLS_SERIAL	   64  /* longest serial number, with NUL */

enum tls_version { TLS_1_2, TLS_1_3 };
/* enc-algorithm; see INTERFACES. */
enum tls_algorithm { TLS_ALG_HIGH, TLS_ALG_MEDIUM, TLS_ALG_LOW };

struct tls_identity {
	const char *chain_pem; /* leaf first, then intermediates */
	const char *key_pem;
};

struct tls_context_spec {
	const char *sni; /* "default" for index 0, which gets what names no other */
	unsigned identities_count;
	struct tls_identity identities[TLS_MAX_IDENTITIES];
};

struct tls_spec {
	unsigned contexts_count;
	struct tls_context_spec contexts[TLS_MAX_CONTEXTS];
	const char *anchors_pem; /* trust anchors for clients; NULL: none, nobody is verified */
	const char *crls_pem;	 /* CRLs; NULL: none */
	enum tls_version min_version;
	enum tls_algorithm algorithm;
	bool require_certificate; /* listen.tls-client-certificate */
	/* Changes with anchors, CRLs and denials: tickets of another generation are void. */
	uint64_t generation;
	uint8_t ticket_secret[32]; /* random, of this generation */
};

struct tls_set;

/* Everything is parsed and checked here. 0, or -1 with a line in `err` that names the context. */
int tls_set_new(const struct tls_spec *spec, struct tls_set **out, char *err, size_t err_size);
struct tls_set *tls_set_ref(struct tls_set *s); /* any thread */
void tls_set_unref(struct tls_set *s);		/* any thread; NULL is fine */
uint64_t tls_set_generation(const struct tls_set *s);

struct tls_span {
	const uint8_t *data;
	uint32_t len;
};

/* The TCP connection below, as the TLS connection sees it. */
struct tls_transport {
	/* Unread bytes in place, oldest first; returns how many spans were filled. */
	unsigned (*peek)(void *ctx, struct tls_span *v, unsigned n);
	void (*consume)(void *ctx, uint32_t n);
	/* Copies; returns how many bytes it took. */
	uint32_t (*write)(void *ctx, const void *data, uint32_t n);
	/* true: the peer has sent its FIN and all was read. */
	bool (*ended)(void *ctx);
};

/* The peer, as its certificate and handshake say. */
struct tls_peer {
	bool verified;				  /* it showed a certificate, and the chain holds */
	bool resumed;				  /* by a ticket: no chain was shown again */
	const char *version;			  /* "TLSv1.3" */
	const char *cipher;			  /* static */
	char sni[TLS_NAME];			  /* as asked for, may be empty */
	unsigned context;			  /* index that served it */
	char subject[TLS_NAME], issuer[TLS_NAME]; /* /C=US/O=.../CN=... */
	char cn[TLS_NAME], organization[TLS_NAME];
	char dns[TLS_NAME];	 /* first dNSName of the SAN, else empty */
	char san[TLS_NAME];	 /* all other SAN names in one line, for serial-pattern */
	char serial[TLS_SERIAL]; /* the legal device serial, else empty; see tls_serial_find() */
	char fingerprint[65];	 /* SHA-256 of the leaf in hex */
	int64_t not_before_s, not_after_s; /* seconds since 1970 */
};

/* One line of the live trace; `level` as in `debug start oftpd LEVEL`. */
typedef void (*tls_trace_fn)(void *ctx, unsigned level, const char *line);

struct tls_conn;

/* NULL when out of memory. The set is referenced. `trace` may be NULL: it costs nothing then. */
struct tls_conn *tls_conn_new(struct tls_set *s, const struct tls_transport *t, void *transport_ctx,
	tls_trace_fn trace, void *trace_ctx);
void tls_conn_free(struct tls_conn *c);

enum tls_status {
	TLS_OK,	    /* handshake: complete; read and write: see the count */
	TLS_WAIT,   /* more bytes from the peer, or room to write, are needed */
	TLS_AGAIN,  /* handshake: a step that costs was done, the next one may be taken when it is
		       its turn */
	TLS_CLOSED, /* close_notify, or the end of the stream */
	TLS_FAILED, /* see tls_conn_failure(); the alert is in the transport: flush and close */
};

/* One step; never more than one signature or key exchange. */
enum tls_status tls_conn_handshake(struct tls_conn *c);
/* Plaintext into `to`; *got > 0 with TLS_OK. */
enum tls_status tls_conn_read(struct tls_conn *c, void *to, size_t size, size_t *got);
enum tls_status tls_conn_write(struct tls_conn *c, const void *data, size_t len, size_t *took);
/* close_notify. */
void tls_conn_close(struct tls_conn *c);

/* After the handshake. The certificate's dates and CRLs were checked, also on resumption. */
const struct tls_peer *tls_conn_peer(const struct tls_conn *c);
struct tls_set *tls_conn_set(const struct tls_conn *c);

struct tls_failure {
	enum refusal_reason reason;
	char detail[TLS_NAME]; /* for people: which certificate, what OpenSSL said */
};
const struct tls_failure *tls_conn_failure(const struct tls_conn *c);

/* Bytes that OpenSSL holds for this connection cannot be told; ours can. */
size_t tls_conn_size(void);

#endif
