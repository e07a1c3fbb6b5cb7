/*
 * TLS on the data plane's TCP: contexts chosen by SNI, an OpenSSL connection over the buffers of a
 * TCP connection (no socket), verification of the peer, and the names that its certificate gives
 * it.
 *
 * A `tls_set` is immutable and counted: control builds one from identities, anchors, CRLs and
 * policy and publishes it with the data plane's policy; connections hold a reference, so that an
 * old one lives as long as its sessions. Each has a trust generation; tickets of another generation
 * are not accepted. A `tls_conn` belongs to one worker; nothing of it may be called from another
 * thread. No EAL, no socket, no file.
 */
#ifndef SLUICE_TLS_H
#define SLUICE_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/reason.h"

#define TLS_MAX_CONTEXTS   16
#define TLS_MAX_IDENTITIES 4	 /* of one context: e.g. one RSA and one P-256 */
#define TLS_NAME	   256	 /* bytes of a name in one line, with NUL; longer ones are cut */
#define TLS_NAMES	   1024	 /* bytes of all names of a certificate */
#define TLS_TICKET_S	   28800 /* how long a ticket can be used; its key lives twice as long */

enum tls_version { TLS_1_2, TLS_1_3 };
/*
 * enc-algorithm, see INTERFACES: HIGH is ECDHE with AEAD; MEDIUM adds ECDHE with CBC; LOW adds RSA
 * key exchange, and what OpenSSL calls security level 1 (else 2: RSA from 2048 bits, no SHA-1).
 */
enum tls_algorithm { TLS_ALG_HIGH, TLS_ALG_MEDIUM, TLS_ALG_LOW };

struct tls_identity {
	const char *chain_pem; /* leaf first, then intermediates */
	const char *key_pem;
};

struct tls_context_spec {
	const char *sni; /* "default" for index 0, which gets what names no other */
	unsigned identities_count;
	struct tls_identity identities[TLS_MAX_IDENTITIES];
	const char *anchors_pem; /* trust anchors of this context; NULL: the set's */
};

/* What CRLs revoke, without them: 16 bytes an entry. Immutable and counted: sets share it. */
struct tls_crls;

/* Of PEM. 0, or -1 with a line in `err`. */
int tls_crls_new(const char *pem, struct tls_crls **out, char *err, size_t err_size);
struct tls_crls *tls_crls_ref(struct tls_crls *c); /* any thread */
void tls_crls_unref(struct tls_crls *c);	   /* any thread; NULL is fine */

struct tls_spec {
	unsigned contexts_count;
	struct tls_context_spec contexts[TLS_MAX_CONTEXTS];
	/* Trust anchors for clients; any of them ends a chain, also one that is not self-signed.
	 * NULL: none, so no client certificate holds. */
	const char *anchors_pem;
	/* CRLs; NULL: none. A CA without one is not asked for one; one that is out of date still
	 * counts. */
	const char *crls_pem;
	struct tls_crls *crls; /* the same, made before, in its place; NULL: see above */
	/* The set whose place this one takes: chains that it has verified are known to both, and
	 * held once. Only looked at while the new one is made. NULL: none. */
	const struct tls_set *before;
	enum tls_version min_version;
	enum tls_algorithm algorithm;
	bool require_certificate; /* listen.tls-client-certificate */
	/* Changes with anchors, CRLs and denials: tickets of another generation are void. */
	uint64_t generation;
	uint8_t ticket_secret[32]; /* random, of this generation */
	/* Seconds since 1970, for dates and for the rotation of ticket keys; NULL: the clock's. */
	int64_t (*now_s)(void);
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

/* The peer, as its certificate and handshake say. Large: for a scratch, not to be kept. */
struct tls_peer {
	bool certificate;    /* it showed one (a refused one too), else the names are empty */
	bool resumed;	     /* by a ticket: the certificate is the one shown then */
	const char *version; /* "TLSv1.3"; static */
	const char *cipher;  /* static */
	char sni[TLS_NAME];  /* as asked for, may be empty */
	unsigned context;    /* index that served it */
	char subject[TLS_NAME], issuer[TLS_NAME]; /* /C=US/O=.../CN=... */
	char cn[TLS_NAME], organization[TLS_NAME];
	char dns[TLS_NAME]; /* first dNSName of the SAN, else empty */
	/* All that may be a device's name, each with a NUL, an empty one at the end: CNs, then the
	 * SAN's names. A name with bytes that do not print is none. */
	char names[TLS_NAMES];
	char fingerprint[65]; /* SHA-256 of the leaf in hex */
	char anchor[33];      /* whom its chain ended at, by subject and key; may be empty */
	int64_t not_before_s, not_after_s; /* seconds since 1970 */
};

/* One line of the live trace, in the words of the vendor's. */
typedef void (*tls_trace_fn)(void *ctx, const char *line);

struct tls_conn;

/* NULL when out of memory. The set is referenced. `trace` may be NULL: it costs nothing then. */
struct tls_conn *tls_conn_new(struct tls_set *s, const struct tls_transport *t, void *transport_ctx,
	tls_trace_fn trace, void *trace_ctx);
void tls_conn_free(struct tls_conn *c);

enum tls_status {
	TLS_OK,	    /* handshake: complete; read and write: see the count */
	TLS_WAIT,   /* more bytes from the peer, or room to write, are needed */
	TLS_AGAIN,  /* handshake: a flight of the peer's was answered, which costs; read: much was
		       read and no plaintext came of it. The next call may be made when it is its
		       turn. */
	TLS_CLOSED, /* close_notify, or the end of the stream */
	TLS_FAILED, /* see tls_conn_failure(); the alert is in the transport: flush and close */
};

/*
 * One flight: at most one key exchange with one signature, or one verification of a chain. After
 * TLS_OK the trace is not called any more.
 */
enum tls_status tls_conn_handshake(struct tls_conn *c);
/*
 * What the last step of the handshake cost, by the keys that it used, in units of a flight with
 * P-256 (about 0.2 ms): 1 and more, whatever it ended in; 0 where it ended in TLS_WAIT and no key
 * was used.
 */
unsigned tls_conn_weight(const struct tls_conn *c);
/* Plaintext of one record into `to`; *got > 0 with TLS_OK. With 16 KiB nothing of a record stays in
 * OpenSSL's buffer. */
enum tls_status tls_conn_read(struct tls_conn *c, void *to, size_t size, size_t *got);
/* *took may be less than `len` with TLS_OK. After TLS_WAIT with *took 0 the next call begins with
 * the same bytes. */
enum tls_status tls_conn_write(struct tls_conn *c, const void *data, size_t len, size_t *took);
/* close_notify. */
void tls_conn_close(struct tls_conn *c);

/* After the handshake, and after its failure (with what is known then). */
void tls_conn_peer(const struct tls_conn *c, struct tls_peer *peer);
/* After the handshake: its chain ended at an anchor (on resumption: the one of the ticket). */
bool tls_conn_verified(const struct tls_conn *c);
uint64_t tls_conn_generation(const struct tls_conn *c);
const char *tls_conn_version(const struct tls_conn *c); /* static */
const char *tls_conn_cipher(const struct tls_conn *c);	/* static */
bool tls_conn_resumed(const struct tls_conn *c);
/* The signatures of its chain were not verified again, as the set has seen these very bytes. */
bool tls_conn_chain_known(const struct tls_conn *c);
/* The channel binding `tls-exporter` (RFC 9266). false: this connection has none, which is so in
 * TLS 1.2 without the extended master secret. */
bool tls_conn_binding(const struct tls_conn *c, uint8_t to[32]);
/* The peer has said that it ends (close_notify); else the end of the stream may be anybody's. */
bool tls_conn_notified(const struct tls_conn *c);
unsigned tls_conn_context(const struct tls_conn *c);

/*
 * Would this established connection be let in by `now`, another set? Looks at protocol version,
 * cipher suite, whether the anchor is still one, and at the CRLs for each certificate of the chain;
 * verifies no signature. false with the reason.
 */
bool tls_conn_permitted(
	const struct tls_conn *c, const struct tls_set *now, enum refusal_reason *why);

struct tls_failure {
	enum refusal_reason reason;
	char detail[TLS_NAME * 2]; /* for people: which certificate, what OpenSSL said */
};
void tls_conn_failure(const struct tls_conn *c, struct tls_failure *f);

/* Bytes of a connection that are ours; what OpenSSL holds comes on top. */
size_t tls_conn_size(void);

#endif
