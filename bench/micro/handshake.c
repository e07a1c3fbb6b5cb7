/*
 * The server's half of a mutual TLS 1.3 handshake, with P-256 and X25519: ours, with a chain that
 * was never seen before and with one that is known, and OpenSSL's alone. The client's half is not
 * counted by callgrind; Google Benchmark has it in its times.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "bench/micro/micro.h"
#include "bench/micro/upward.h"
#include "tls/ca.h"
#include "tls/tls.h"

#define WIRE_BYTES 16384u /* at once, to the client */
#define STEPS	   8u

enum server { BARE, UNKNOWN, KNOWN };

struct shake_ctx {
	struct micro_ctx m;
	enum server server;
	struct ca_pair ca, own, device;
	SSL_CTX *of_client, *of_bare;
	SSL *client, *bare;
	struct tls_set *set;
	struct tls_conn *ours;
	struct upward up;
};

__attribute__((noinline)) void micro_uncounted(
	void (*what)(struct micro_ctx *), struct micro_ctx *ctx)
{
	what(ctx);
	micro_keep(0); /* or it would be left by a jump, which callgrind does not see */
}

bool micro_counts;

static void aside(void (*what)(struct micro_ctx *), struct micro_ctx *ctx)
{
	if (micro_counts)
		micro_uncounted(what, ctx);
	else
		what(ctx);
}

/* ---- contexts ---- */

static bool use(SSL_CTX *ctx, const struct ca_pair *pair, const struct ca_pair *ca)
{
	BIO *cert = BIO_new_mem_buf(pair->cert_pem, -1), *key = BIO_new_mem_buf(pair->key_pem, -1),
	    *anchor = BIO_new_mem_buf(ca->cert_pem, -1);
	X509 *x = PEM_read_bio_X509(cert, NULL, NULL, NULL),
	     *by = PEM_read_bio_X509(anchor, NULL, NULL, NULL);
	EVP_PKEY *k = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);
	bool good = ctx && x && by && k && SSL_CTX_use_certificate(ctx, x) == 1 &&
		    SSL_CTX_use_PrivateKey(ctx, k) == 1 &&
		    X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), by) == 1 &&
		    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
		    SSL_CTX_set1_groups_list(ctx, "X25519") == 1;

	if (good)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	BIO_free(cert);
	BIO_free(key);
	BIO_free(anchor);
	X509_free(x);
	X509_free(by);
	EVP_PKEY_free(k);
	return good;
}

static struct tls_set *new_set(const struct shake_ctx *c)
{
	struct tls_spec spec = {
		.contexts_count = 1,
		.contexts = {{.sni = "default",
			.identities_count = 1,
			.identities = {{c->own.cert_pem, c->own.key_pem}}}},
		.anchors_pem = c->ca.cert_pem,
		.min_version = TLS_1_3,
		.require_certificate = true,
		.generation = 1,
	};
	struct tls_set *set = NULL;
	char err[256];

	return tls_set_new(&spec, &set, err, sizeof(err)) == 0 ? set : NULL;
}

static bool issue_all(struct shake_ctx *c)
{
	const int64_t now = time(NULL);
	struct ca_order ca = {.cn = "micro", .kind = "p-256", .days = 1, .now_s = now};
	struct ca_order own = {.cn = "micro.example",
		.dns = "micro.example",
		.kind = "p-256",
		.days = 1,
		.now_s = now,
		.server = true};
	struct ca_order device = {
		.cn = "FGT60FTK00000000", .kind = "p-256", .days = 1, .now_s = now, .client = true};
	char err[256];

	return ca_make(&ca, &c->ca, err, sizeof(err)) == 0 &&
	       ca_issue(&c->ca, &own, &c->own, err, sizeof(err)) == 0 &&
	       ca_issue(&c->ca, &device, &c->device, err, sizeof(err)) == 0;
}

static void shake_free(struct micro_ctx *ctx)
{
	struct shake_ctx *c = (struct shake_ctx *)ctx;

	SSL_CTX_free(c->of_client);
	SSL_CTX_free(c->of_bare);
	tls_set_unref(c->set);
	ca_pair_free(&c->ca);
	ca_pair_free(&c->own);
	ca_pair_free(&c->device);
	free(c);
}

static struct micro_ctx *shake_setup(enum server server)
{
	struct shake_ctx *c = calloc(1, sizeof(*c));
	bool good;

	if (!c)
		return NULL;
	c->m.items = 1;
	c->server = server;
	good = issue_all(c);
	c->of_client = SSL_CTX_new(TLS_client_method());
	good = good && use(c->of_client, &c->device, &c->ca);
	if (server == BARE) {
		c->of_bare = SSL_CTX_new(TLS_server_method());
		good = good && use(c->of_bare, &c->own, &c->ca);
		SSL_CTX_set_session_id_context(c->of_bare, (const unsigned char *)"micro", 5);
		SSL_CTX_set_session_cache_mode(c->of_bare, SSL_SESS_CACHE_OFF);
		SSL_CTX_set_mode(c->of_bare, SSL_MODE_RELEASE_BUFFERS);
	} else {
		c->set = good ? new_set(c) : NULL;
		good = good && c->set;
	}
	if (good)
		return &c->m;
	shake_free(&c->m);
	return NULL;
}

static struct micro_ctx *ours_setup(int64_t known)
{
	return shake_setup(known ? KNOWN : UNKNOWN);
}

static struct micro_ctx *bare_setup(int64_t arg)
{
	(void)arg;
	return shake_setup(BARE);
}

/* ---- a handshake ---- */

static void client_begins(struct micro_ctx *ctx)
{
	struct shake_ctx *c = (struct shake_ctx *)ctx;

	if (c->server == UNKNOWN) {
		tls_set_unref(c->set);
		c->set = new_set(c);
	}
	c->client = SSL_new(c->of_client);
	if (!c->client || (c->server != BARE && !c->set))
		abort();
	SSL_set_bio(c->client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_connect_state(c->client);
	c->up.client = c->client;
	c->up.at = c->up.len = 0;
}

static void client_steps(struct micro_ctx *ctx)
{
	struct shake_ctx *c = (struct shake_ctx *)ctx;
	uint8_t down[WIRE_BYTES];
	int n;

	while (c->bare && (n = BIO_read(SSL_get_wbio(c->bare), down, sizeof(down))) > 0)
		BIO_write(SSL_get_rbio(c->client), down, n);
	if (SSL_do_handshake(c->client) != 1)
		ERR_clear_error();
	upward_fill(&c->up);
	if (!c->bare)
		return;
	BIO_write(SSL_get_rbio(c->bare), c->up.bytes, (int)c->up.len);
	c->up.len = 0;
}

static void client_ends(struct micro_ctx *ctx)
{
	SSL_free(((struct shake_ctx *)ctx)->client);
}

static void server_begins(struct shake_ctx *c)
{
	if (c->server != BARE) {
		c->ours = tls_conn_new(c->set, &upward_transport, &c->up, NULL, NULL);
		return;
	}
	c->bare = SSL_new(c->of_bare);
	SSL_set_bio(c->bare, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_accept_state(c->bare);
}

static bool server_steps(struct shake_ctx *c)
{
	if (c->server == BARE)
		return SSL_do_handshake(c->bare) == 1;
	return tls_conn_handshake(c->ours) == TLS_OK;
}

static void shake_once(struct micro_ctx *ctx)
{
	struct shake_ctx *c = (struct shake_ctx *)ctx;
	unsigned step = 0;

	aside(client_begins, ctx);
	server_begins(c);
	do {
		aside(client_steps, ctx);
		if (step++ == STEPS)
			abort();
	} while (!server_steps(c));
	if (c->ours && (!tls_conn_verified(c->ours) ||
			       (c->server == UNKNOWN && tls_conn_chain_known(c->ours))))
		abort();
	tls_conn_free(c->ours);
	SSL_free(c->bare);
	c->ours = NULL;
	c->bare = NULL;
	aside(client_ends, ctx);
}

static const struct micro cases[] = {
	{"tls/handshake", "known", {0, 1}, 2, ours_setup, shake_once, shake_free, true},
	{"tls/handshake_by_openssl", NULL, {0}, 0, bare_setup, shake_once, shake_free, false},
};
const struct micro_list micro_handshake = {cases, sizeof(cases) / sizeof(cases[0])};
