/*
 * What comes encrypted or wrapped: TLS records read as a worker reads them, beside OpenSSL alone on
 * the same records, and items of the OFTP profile.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/ssl.h>

#include "bench/micro/corpus.h"
#include "bench/micro/micro.h"
#include "bench/micro/upward.h"
#include "dataplane/framing/oftp.h"
#include "tls/ca.h"
#include "tls/tls.h"

#include <lz4.h>

/* ---- TLS records ---- */

#define BATCH_BYTES (64u * 1024u) /* of plaintext, a call */

struct tls_ctx {
	struct micro_ctx m;
	uint32_t record; /* bytes of plaintext of each */
	SSL_CTX *of_client, *of_bare;
	SSL *client, *bare; /* `bare`: the server where it is OpenSSL's alone */
	struct tls_set *set;
	struct tls_conn *ours;
	struct upward up;
	uint8_t plain[16384], text[16384];
};

static void carry_bare(struct tls_ctx *c)
{
	char buf[16384];
	int n;

	while ((n = BIO_read(SSL_get_wbio(c->client), buf, sizeof(buf))) > 0)
		BIO_write(SSL_get_rbio(c->bare), buf, n);
	while ((n = BIO_read(SSL_get_wbio(c->bare), buf, sizeof(buf))) > 0)
		BIO_write(SSL_get_rbio(c->client), buf, n);
}

static bool shake_hands(struct tls_ctx *c)
{
	for (unsigned i = 0; i < 20; i++) {
		bool done = SSL_do_handshake(c->client) == 1;

		if (c->bare) {
			carry_bare(c);
			done &= SSL_do_handshake(c->bare) == 1;
			carry_bare(c);
		} else {
			upward_fill(&c->up);
			done &= tls_conn_handshake(c->ours) == TLS_OK;
		}
		if (done)
			return true;
	}
	return false;
}

static SSL *memory_client(struct tls_ctx *c)
{
	SSL *ssl;

	c->of_client = SSL_CTX_new(TLS_client_method());
	ssl = c->of_client ? SSL_new(c->of_client) : NULL;
	if (!ssl)
		return NULL;
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_connect_state(ssl);
	return ssl;
}

static bool bare_server(struct tls_ctx *c, const struct ca_pair *pair)
{
	BIO *cert = BIO_new_mem_buf(pair->cert_pem, -1), *key = BIO_new_mem_buf(pair->key_pem, -1);
	X509 *x = PEM_read_bio_X509(cert, NULL, NULL, NULL);
	EVP_PKEY *k = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);

	c->of_bare = SSL_CTX_new(TLS_server_method());
	if (c->of_bare && x && k && SSL_CTX_use_certificate(c->of_bare, x) == 1 &&
		SSL_CTX_use_PrivateKey(c->of_bare, k) == 1)
		c->bare = SSL_new(c->of_bare);
	BIO_free(cert);
	BIO_free(key);
	X509_free(x);
	EVP_PKEY_free(k);
	if (!c->bare)
		return false;
	SSL_set_bio(c->bare, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_accept_state(c->bare);
	return true;
}

static bool our_server(struct tls_ctx *c, const struct ca_pair *pair)
{
	struct tls_spec spec = {
		.contexts_count = 1,
		.contexts = {{.sni = "default",
			.identities_count = 1,
			.identities = {{pair->cert_pem, pair->key_pem}}}},
		.min_version = TLS_1_3,
		.generation = 1,
	};
	char err[256];

	if (tls_set_new(&spec, &c->set, err, sizeof(err)) != 0)
		return false;
	c->up.client = c->client;
	c->ours = tls_conn_new(c->set, &upward_transport, &c->up, NULL, NULL);
	return c->ours != NULL;
}

static void tls_free(struct micro_ctx *ctx)
{
	struct tls_ctx *c = (struct tls_ctx *)ctx;

	SSL_free(c->client);
	SSL_free(c->bare);
	SSL_CTX_free(c->of_client);
	SSL_CTX_free(c->of_bare);
	if (c->ours)
		tls_conn_free(c->ours);
	tls_set_unref(c->set);
	free(c);
}

static struct micro_ctx *tls_setup(int64_t record, bool bare)
{
	struct ca_order order = {.cn = "micro.example",
		.kind = "p-256",
		.days = 1,
		.now_s = time(NULL),
		.server = true};
	struct tls_ctx *c = calloc(1, sizeof(*c));
	struct ca_pair pair = {0};
	char err[256];
	bool good;

	if (!c)
		return NULL;
	c->record = (uint32_t)record;
	c->m.items = BATCH_BYTES / c->record;
	c->m.bytes = c->m.items * c->record;
	memset(c->text, 'x', sizeof(c->text));
	good = ca_issue(NULL, &order, &pair, err, sizeof(err)) == 0;
	if (good)
		c->client = memory_client(c);
	good = good && c->client && (bare ? bare_server(c, &pair) : our_server(c, &pair)) &&
	       shake_hands(c);
	ca_pair_free(&pair);
	if (good)
		return &c->m;
	tls_free(&c->m);
	return NULL;
}

static struct micro_ctx *tls_ours_setup(int64_t record)
{
	return tls_setup(record, false);
}

static struct micro_ctx *tls_bare_setup(int64_t record)
{
	return tls_setup(record, true);
}

/* Both count the client's writing, which is the same. */
static void client_writes(struct tls_ctx *c)
{
	for (uint64_t i = 0; i < c->m.items; i++)
		if (SSL_write(c->client, c->text, (int)c->record) != (int)c->record)
			abort();
}

static void tls_ours_once(struct micro_ctx *ctx)
{
	struct tls_ctx *c = (struct tls_ctx *)ctx;
	uint64_t left = c->m.bytes;

	client_writes(c);
	while (left > 0) {
		enum tls_status s;
		size_t got = 0;

		upward_fill(&c->up);
		s = tls_conn_read(c->ours, c->plain, sizeof(c->plain), &got);
		if (s != TLS_OK && s != TLS_WAIT && s != TLS_AGAIN)
			abort();
		left -= got;
	}
}

static void tls_bare_once(struct micro_ctx *ctx)
{
	struct tls_ctx *c = (struct tls_ctx *)ctx;
	uint64_t left = c->m.bytes;

	client_writes(c);
	carry_bare(c);
	while (left > 0) {
		int got = SSL_read(c->bare, c->plain, sizeof(c->plain));

		if (got <= 0)
			abort();
		left -= (uint64_t)got;
	}
}

/* ---- items of the OFTP profile ---- */

#define ITEM_LOGS 64u

struct item_ctx {
	struct micro_ctx m;
	uint32_t len;
	struct oftp_msg msg;
	uint8_t lengths[4 * ITEM_LOGS];
	uint8_t wire[2 * ITEM_LOGS * 1100], logs[ITEM_LOGS * 1100], scratch[ITEM_LOGS * 1100];
};

static void item_free(struct micro_ctx *ctx)
{
	free(ctx);
}

static struct micro_ctx *item_setup(enum oftp_codec codec)
{
	struct item_ctx *c = calloc(1, sizeof(*c));
	uint8_t packed[ITEM_LOGS * 1200];
	struct corpus lines;
	uint32_t raw = 0;
	int n;

	if (!c || corpus_make(&lines, ITEM_LOGS * 1100u, CORPUS_BARE) != 0) {
		free(c);
		return NULL;
	}
	for (uint32_t i = 0; i < ITEM_LOGS; i++) {
		memcpy(c->logs + raw, lines.bytes + lines.at[i], lines.log_len[i]);
		raw += lines.log_len[i];
		for (unsigned b = 0; b < 4; b++)
			c->lengths[4 * i + b] = (uint8_t)(lines.log_len[i] >> (24 - 8 * b));
	}
	corpus_free(&lines);
	n = LZ4_compress_default((char *)c->logs, (char *)packed, (int)raw, (int)sizeof(packed));
	c->msg = (struct oftp_msg){
		.version = OFTP_VERSION,
		.type = OFTP_LOG_DATA,
		.has = 1u << OFTP_O_CONN_ID | 1u << OFTP_O_EPOCH | 1u << OFTP_O_SEQ_NO |
		       1u << OFTP_O_LOG_TYPE | 1u << OFTP_O_CATEGORY | 1u << OFTP_O_LOG_COUNT |
		       1u << OFTP_O_CODEC | 1u << OFTP_O_RAW_LEN | 1u << OFTP_O_LENGTHS |
		       1u << OFTP_O_PAYLOAD,
		.conn_id = 7,
		.epoch = 1,
		.seq_no = 1,
		.log_type = 1,
		.log_count = ITEM_LOGS,
		.codec = (uint8_t)codec,
		.raw_len = raw,
		.lengths = {c->lengths, sizeof(c->lengths)},
		.payload = codec == OFTP_LZ4 ? (struct oftp_bytes){packed, (uint32_t)n}
					     : (struct oftp_bytes){c->logs, raw},
	};
	c->len = (uint32_t)oftp_encode(&c->msg, c->wire, sizeof(c->wire));
	c->m.items = ITEM_LOGS;
	c->m.bytes = raw;
	if (c->len > 0)
		return &c->m;
	free(c);
	return NULL;
}

static struct micro_ctx *raw_setup(int64_t arg)
{
	(void)arg;
	return item_setup(OFTP_RAW);
}

static struct micro_ctx *lz4_setup(int64_t arg)
{
	(void)arg;
	return item_setup(OFTP_LZ4);
}

static void item_once(struct micro_ctx *ctx)
{
	struct item_ctx *c = (struct item_ctx *)ctx;
	struct oftp_header h;
	const uint8_t *logs = NULL;

	if (oftp_header_decode(c->wire, OFTP_BODY_MAX, &h) == OFTP_OK &&
		oftp_decode(&h, c->wire + OFTP_HEADER, &c->msg) == OFTP_OK)
		logs = oftp_item_logs(&c->msg, c->scratch);
	if (!logs)
		abort();
	for (uint32_t i = 0; i < c->msg.log_count; i++) {
		micro_keep(logs[0]);
		logs += oftp_item_length(&c->msg, i);
	}
}

static void digest_once(struct micro_ctx *ctx)
{
	struct item_ctx *c = (struct item_ctx *)ctx;
	uint8_t digest[OFTP_DIGEST];

	oftp_item_digest(1, c->logs, (uint32_t)c->m.bytes, digest);
	micro_keep(digest[0]);
}

static const struct micro cases[] = {
	{"tls/write_and_read", "record", {520, 16384}, 2, tls_ours_setup, tls_ours_once, tls_free,
		false},
	{"tls/write_and_read_by_openssl", "record", {520, 16384}, 2, tls_bare_setup, tls_bare_once,
		tls_free, false},
	{"oftp/item_raw", NULL, {0}, 0, raw_setup, item_once, item_free, true},
	{"oftp/item_lz4", NULL, {0}, 0, lz4_setup, item_once, item_free, true},
	{"oftp/digest", NULL, {0}, 0, raw_setup, digest_once, item_free,
		false}, /* by what this CPU has */
};
const struct micro_list micro_secure = {cases, sizeof(cases) / sizeof(cases[0])};
