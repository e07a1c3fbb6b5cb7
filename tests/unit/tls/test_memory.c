/*
 * What an idle connection costs: bytes that OpenSSL holds for the server's end of it, counted by
 * its own allocation hooks while the server's calls run, and ours. Prints them; docs/performance.md
 * has the numbers.
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/crypto.h>

#include "tests/unit/tls/link.h"
#include "tests/unit/tls/world.h"

#define CONNECTIONS 50u
#define OURS_MAX    6144 /* over bare OpenSSL in the same state */
/* Above what was measured, so that a buffer that stays (16 KiB and more) is seen. */
#if OPENSSL_VERSION_NUMBER >= 0x30500000L
#define IDLE_MAX 44000 /* ML-KEM's keys of TLS 1.3 are 7 KiB of it */
#else
#define IDLE_MAX 32000
#endif

static int64_t held;
static bool counting;

static void *count_malloc(size_t n, const char *file, int line)
{
	void *p = malloc(n);

	(void)file, (void)line;
	if (counting && p)
		held += (int64_t)malloc_usable_size(p);
	return p;
}

static void count_free(void *p, const char *file, int line)
{
	(void)file, (void)line;
	if (counting && p)
		held -= (int64_t)malloc_usable_size(p);
	free(p);
}

static void *count_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file, (void)line;
	if (counting && p)
		held -= (int64_t)malloc_usable_size(p);
	p = realloc(p, n);
	if (counting && p)
		held += (int64_t)malloc_usable_size(p);
	return p;
}

static struct world world;
static struct link link;

static void server_step(void)
{
	counting = true;
	while (link.status == TLS_WAIT || link.status == TLS_AGAIN) {
		link.status = tls_conn_handshake(link.server);
		if (link.status != TLS_AGAIN)
			break;
	}
	counting = false;
}

/* A handshake, a record each way, and then nothing. Returns what it left. */
static int64_t idle_one(struct tls_set *set, int version, struct tls_conn **conn)
{
	struct tls_client_options o = {.cert = &world.device_of_sub,
		.via = &world.sub,
		.min_version = version,
		.max_version = version};
	char buf[16384];
	size_t n;

	link_open(&link, set, &o, false);
	/* Again, this time counted. */
	tls_conn_free(link.server);
	held = 0;
	counting = true;
	link.server = tls_conn_new(set, link.transport, &link, NULL, NULL);
	counting = false;
	for (unsigned i = 0; i < 4 && link.status != TLS_OK; i++) {
		tls_client_handshake(&link.client);
		link_up(&link);
		server_step();
		link_down(&link);
	}
	assert_int_equal(link.status, TLS_OK);
	SSL_read(link.client.ssl, buf, sizeof(buf));
	assert_int_equal(SSL_write(link.client.ssl, buf, 9000), 9000);
	link_up(&link);
	counting = true;
	assert_int_equal(tls_conn_read(link.server, buf, sizeof(buf), &n), TLS_OK);
	assert_int_equal(tls_conn_read(link.server, buf, sizeof(buf), &n), TLS_WAIT);
	assert_int_equal(tls_conn_write(link.server, buf, 100, &n), TLS_OK);
	counting = false;
	*conn = link.server;
	tls_client_close(&link.client);
	return held;
}

/* ---- OpenSSL as anybody would use it, in the same state ---- */

#define CARRIED 65536

static SSL_CTX *bare_context(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	SSL_CTX_use_certificate(ctx, world.server_ec.cert);
	SSL_CTX_use_PrivateKey(ctx, world.server_ec.key);
	X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), world.root.cert);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"bare", 4);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 1);
	return ctx;
}

/* A BIO whose own buffer does not grow while it is counted. */
static BIO *bare_bio(void)
{
	static char bytes[CARRIED];
	BIO *b = BIO_new(BIO_s_mem());

	BIO_set_mem_eof_return(b, -1);
	assert_int_equal(BIO_write(b, bytes, sizeof(bytes)), sizeof(bytes));
	assert_int_equal(BIO_read(b, bytes, sizeof(bytes)), sizeof(bytes));
	return b;
}

static int64_t idle_bare(SSL_CTX *ctx, int version, SSL **ssl)
{
	struct tls_client_options o = {.cert = &world.device_of_sub,
		.via = &world.sub,
		.min_version = version,
		.max_version = version};
	BIO *in = bare_bio(), *out = bare_bio();
	struct tls_client client;
	char buf[16384];
	int n, rc = 0;

	tls_client_open(&client, &o);
	held = 0;
	counting = true;
	*ssl = SSL_new(ctx);
	counting = false;
	SSL_set_bio(*ssl, in, out);
	SSL_set_accept_state(*ssl);
	for (unsigned i = 0; i < 4 && rc != 1; i++) {
		tls_client_handshake(&client);
		while ((n = tls_client_take(&client, buf, sizeof(buf))) > 0)
			BIO_write(in, buf, n);
		counting = true;
		rc = SSL_do_handshake(*ssl);
		counting = false;
		while ((n = BIO_read(out, buf, sizeof(buf))) > 0)
			tls_client_feed(&client, buf, n);
	}
	assert_int_equal(rc, 1);
	SSL_read(client.ssl, buf, sizeof(buf));
	assert_int_equal(SSL_write(client.ssl, buf, 9000), 9000);
	while ((n = tls_client_take(&client, buf, sizeof(buf))) > 0)
		BIO_write(in, buf, n);
	counting = true;
	assert_int_equal(SSL_read(*ssl, buf, sizeof(buf)), 9000);
	assert_int_equal(SSL_read(*ssl, buf, sizeof(buf)), -1);
	assert_int_equal(SSL_write(*ssl, buf, 100), 100);
	counting = false;
	tls_client_close(&client);
	return held;
}

static int64_t bare(int version, long mode)
{
	SSL *ssls[CONNECTIONS];
	SSL_CTX *ctx = bare_context();
	int64_t sum = 0;

	SSL_CTX_set_mode(ctx, mode);
	for (unsigned i = 0; i < CONNECTIONS; i++)
		sum += idle_bare(ctx, version, &ssls[i]);
	for (unsigned i = 0; i < CONNECTIONS; i++)
		SSL_free(ssls[i]);
	SSL_CTX_free(ctx);
	return sum / CONNECTIONS;
}

static void an_idle_connection_holds_no_buffers(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	struct tls_conn *conns[CONNECTIONS];
	struct tls_set *set = world_set(&world);

	(void)state;
	for (unsigned v = 0; v < 2; v++) {
		int64_t sum = 0, lean, plain;

		for (unsigned i = 0; i < CONNECTIONS; i++)
			sum += idle_one(set, versions[v], &conns[i]);
		printf("%s: OpenSSL %lld bytes, ours %zu, a connection\n",
			v ? "TLS 1.3" : "TLS 1.2", (long long)(sum / CONNECTIONS), tls_conn_size());
		assert_in_range(sum / CONNECTIONS, 1000, IDLE_MAX);
		lean = bare(versions[v], SSL_MODE_RELEASE_BUFFERS);
		plain = bare(versions[v], 0);
		printf("bare OpenSSL: %lld bytes, %lld with its buffers kept\n", (long long)lean,
			(long long)plain);
		/* Besides `tls_conn` there are session and TCP connection, less than 2 KiB. */
		assert_true(sum / CONNECTIONS + (int64_t)tls_conn_size() <= lean + OURS_MAX - 2048);
		for (unsigned i = 0; i < CONNECTIONS; i++)
			tls_conn_free(conns[i]);
	}
	tls_set_unref(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_idle_connection_holds_no_buffers),
	};
	int rc;

	if (CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free) != 1)
		return 2;
	world_make(&world);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	world_free(&world);
	return rc;
}
