/*
 * The inside of the TLS room: set.c (contexts), hello.c (ClientHello), ticket.c (keys, what a
 * ticket carries), bio.c (OpenSSL's reads and writes on the transport), verify.c (chains), known.c
 * and known_table.c (those whose signatures were verified before), crl.c (what is revoked), ids.c
 * (certificates as numbers), names.c (what one is called), failure.c (why it went wrong), weight.c
 * (what a step costs), conn.c (the connection).
 */
#ifndef SLUICE_TLS_INTERNAL_H
#define SLUICE_TLS_INTERNAL_H

#include <stdatomic.h>

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "tls/tls.h"

#define TLS_CHAIN 8 /* certificates of a peer's chain, with its anchor */

/* Who a certificate is, without it: a part of a SHA-256. */
struct cert_id {
	uint8_t b[16];
};

/* Sorted. */
struct cert_ids {
	struct cert_id *v;
	size_t n, room;
};

/* ids.c */
int cert_ids_add(struct cert_ids *ids, const struct cert_id *id); /* 0, or -1: out of memory */
void cert_ids_sort(struct cert_ids *ids); /* and gives back what is not used */
bool cert_ids_have(const struct cert_ids *ids, const struct cert_id *id);

/* Of subject and key: an anchor that was renewed with its key is the same. */
void cert_id_of_anchor(const X509 *cert, struct cert_id *id);
/* Of issuer and serial number, as CRLs name it; names are the same by RFC 5280 section 7.1. */
void cert_id_of_entry(const X509_NAME *issuer, const ASN1_INTEGER *serial, struct cert_id *id);
/* The same for many of one issuer; false: out of memory. `md` is set up by cert_id_issuer(). */
bool cert_id_issuer(EVP_MD_CTX *md, const X509_NAME *issuer, uint8_t to[32]);
bool cert_id_serial(
	EVP_MD_CTX *md, const uint8_t issuer[32], const ASN1_INTEGER *serial, struct cert_id *id);

/* What is remembered of a verified chain, in the connection and in its tickets. */
struct tls_chain {
	int64_t not_after_s; /* the earliest */
	uint8_t count;	     /* entries, leaf first; without the anchor */
	uint8_t anchored;
	uint8_t reserved[6];
	struct cert_id anchor;
	struct cert_id entries[TLS_CHAIN];
};

struct tls_context {
	char sni[TLS_NAME];
	SSL_CTX *ctx;
	struct cert_ids anchors;
	/* Names of the anchors' organizations, to tell a missing intermediate from a wrong CA. */
	STACK_OF(X509_NAME) * names;
};

struct tls_set {
	_Atomic unsigned refs;
	unsigned contexts_count;
	struct tls_context contexts[TLS_MAX_CONTEXTS];
	struct tls_crls *crls; /* NULL: none */
	struct tls_known *known;
	int min_version; /* TLS1_2_VERSION ... */
	uint64_t generation;
	uint8_t ticket_secret[32];
	int64_t (*now_s)(void);
};

struct tls_conn {
	SSL *ssl;
	struct tls_set *set;
	const struct tls_transport *transport;
	void *transport_ctx;
	tls_trace_fn trace;
	void *trace_ctx;
	uint32_t budget; /* bytes that this call may still read */
	uint8_t context;
	bool hello_seen, established, failed, cut_short, wrote, chain_known;
	bool worked, exchanged; /* in this step with keys; a key, in TLS 1.3 */
	unsigned work, weight;	/* of the step that is made, of the last one */
	unsigned fruitless;	/* reads in a row that took their budget and gave nothing */
	/* Of a failure. */
	int verify_error, verify_depth;
	const char *hello_fault; /* what we found ourselves, most often in the ClientHello */
	unsigned long error;	 /* OpenSSL's */
	bool intermediate_missing;
	X509 *leaf, *culprit;
	struct tls_chain chain;
	/* What the last ticket said that was read; OpenSSL may yet choose a full handshake. */
	struct tls_chain ticket_chain;
	bool chain_settled; /* chain is this handshake's */
};

/* set.c. The text, with what OpenSSL says; -1. */
int set_fail(char *err, size_t err_size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* true: the text ended, as it should; else it broke off in the middle. */
bool pem_ended(void);
/* For OpenSSL's readers of PEM, which must not ask on a terminal. */
int no_password(char *buf, int size, int rwflag, void *u);
struct tls_conn *conn_of(const SSL *ssl);
int64_t set_now(const struct tls_set *s);
/* The context of a name; 0 where no other has it. */
unsigned set_context(const struct tls_set *s, const char *sni, size_t len);

/* library.c: where contexts have their algorithms from; made once, for all threads. */
OSSL_LIB_CTX *tls_library(void);

/* hello.c: OpenSSL's callback for the ClientHello. */
int client_hello(SSL *ssl, int *alert, void *arg);

/* bio.c: a new BIO on the connection's transport; NULL when out of memory. */
BIO *bio_on_transport(struct tls_conn *c);

/* ticket.c: tickets of `ctx` are sealed by the set's keys and carry the chain. */
int ticket_setup(SSL_CTX *ctx, struct tls_set *s);

/* verify.c */
int verify_callback(int ok, X509_STORE_CTX *store_ctx);
/* Settles whose chain the connection has, once: its ticket's where that was resumed, or its own. */
void chain_settle(struct tls_conn *c);
bool chain_revoked(const struct tls_set *s, const struct tls_chain *chain);

/*
 * known.c: chains of which it is known that their signatures verify; bounded to KNOWN_CHAINS, the
 * one that was used least lately makes room. Counted: sets that follow each other share it. Any
 * thread.
 */
#define KNOWN_CHAINS 8192u
struct tls_known;
struct tls_known *known_new(void); /* NULL: out of memory */
struct tls_known *known_ref(struct tls_known *k);
void known_unref(struct tls_known *k); /* NULL is fine */
/* In the place of what OpenSSL does about signatures and dates of a peer's chain, which has passed
 * everything before that, CRLs too. */
int known_verify(X509_STORE_CTX *store_ctx);
/* How many chains are known. */
unsigned known_count(const struct tls_known *k);

/* crl.c: OpenSSL's callback for what may be revoked, before it verifies signatures. */
int crls_check(X509_STORE_CTX *store_ctx);
bool crls_revoke(const struct tls_crls *crls, const struct cert_id *id);

/* names.c */
void names_of(X509 *cert, struct tls_peer *peer);
/* The last CN or O; empty where there is none. */
void name_entry(const X509_NAME *name, int nid, char *to, size_t size);
/* As text; empty when it does not fit or holds what does not print (a NUL in the middle too). */
void name_text(const ASN1_STRING *s, char *to, size_t size);
void name_line(const X509_NAME *name, char *to, size_t size);
int64_t asn1_time_s(const ASN1_TIME *t);

/* conn.c */
void trace_line(const struct tls_conn *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* weight.c. OpenSSL's callback for messages; `arg` is the connection. */
void weigh_message(
	int written, int version, int type, const void *data, size_t len, SSL *ssl, void *arg);
/* A certificate of the peer's chain was verified, or was not. */
void weigh_certificate(struct tls_conn *c, X509_STORE_CTX *store_ctx);
/* Sets the weight of the step that was just made. */
void weigh(struct tls_conn *c, enum tls_status status);

/* failure.c: notes why; takes OpenSSL's error queue. */
void failure_note(struct tls_conn *c, int ssl_error);
/* Static text of an error of X509_verify_cert(), as a slug. */
enum refusal_reason failure_of_chain(int x509_error, bool intermediate_missing);

#endif
