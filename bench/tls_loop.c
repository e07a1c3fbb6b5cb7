/*
 * The yardstick for TLS: the same handshake with nothing but OpenSSL, client and server in one
 * thread over two pairs of memory BIOs, with the certificates of `sluice-load certs`.
 *
 *   tls_loop DIRECTORY SERIAL COUNT
 *
 * Prints JSON: CPU time of a handshake for each half, and the bytes that OpenSSL keeps for an idle
 * connection on the server's side (counted in its calls only).
 */
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

static bool counting; /* the server's half is at work */
static int64_t kept;

static void *count_malloc(size_t n, const char *file, int line)
{
	void *p = malloc(n);

	(void)file;
	(void)line;
	if (counting && p)
		kept += (int64_t)malloc_usable_size(p);
	return p;
}

static void count_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	if (counting && p)
		kept -= (int64_t)malloc_usable_size(p);
	free(p);
}

static void *count_realloc(void *p, size_t n, const char *file, int line)
{
	size_t before = p ? malloc_usable_size(p) : 0;

	(void)file;
	(void)line;
	p = realloc(p, n);
	if (counting && p)
		kept += (int64_t)malloc_usable_size(p) - (int64_t)before;
	return p;
}

static void die(const char *what)
{
	unsigned long e = ERR_peek_error();

	fprintf(stderr, "tls_loop: %s: %s\n", what, e ? ERR_reason_error_string(e) : "failed");
	exit(1);
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static SSL_CTX *context(const SSL_METHOD *method, const char *directory, const char *name)
{
	SSL_CTX *ctx = SSL_CTX_new(method);
	char ca[4096], pem[4096];

	snprintf(ca, sizeof(ca), "%s/ca.pem", directory);
	snprintf(pem, sizeof(pem), "%s/%s.pem", directory, name);
	if (!ctx || SSL_CTX_load_verify_file(ctx, ca) != 1 ||
		SSL_CTX_use_certificate_chain_file(ctx, pem) != 1 ||
		SSL_CTX_use_PrivateKey_file(ctx, pem, SSL_FILETYPE_PEM) != 1 ||
		!SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) ||
		!SSL_CTX_set1_groups_list(ctx, "X25519"))
		die(pem);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	return ctx;
}

/* One step of a half: whether it has shaken hands. */
static bool step(SSL *ssl)
{
	char rest[256];
	int rc = SSL_do_handshake(ssl);

	if (rc == 1)
		SSL_read(ssl, rest, sizeof(rest)); /* tickets */
	else if (SSL_get_error(ssl, rc) != SSL_ERROR_WANT_READ)
		die("handshake");
	ERR_clear_error();
	return rc == 1;
}

struct half {
	uint64_t cpu;
	SSL *ssl;
};

/* Both ends until both are done; *mine counts the server's bytes that stay. */
static void shake(struct half *client, struct half *server)
{
	bool client_done = false, server_done = false;

	while (!client_done || !server_done) {
		uint64_t begun = cpu_ns();

		client_done = step(client->ssl);
		client->cpu += cpu_ns() - begun;
		begun = cpu_ns();
		counting = true;
		server_done = step(server->ssl);
		counting = false;
		server->cpu += cpu_ns() - begun;
	}
	step(client->ssl);
}

int main(int argc, char **argv)
{
	struct half client = {0}, server = {0};
	SSL_CTX *of_client, *of_server;
	unsigned long count;
	int64_t idle = 0;

	if (argc != 4 || (count = strtoul(argv[3], NULL, 10)) == 0) {
		fputs("usage: tls_loop DIRECTORY SERIAL COUNT\n", stderr);
		return 2;
	}
	if (!CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free))
		die("memory functions");
	of_client = context(TLS_client_method(), argv[1], argv[2]);
	of_server = context(TLS_server_method(), argv[1], "receiver");
	SSL_CTX_set_session_cache_mode(of_server, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_session_id_context(of_server, (const unsigned char *)"loop", 4);
	for (unsigned long n = 0; n < count + 1; n++) {
		BIO *near, *far;
		uint64_t begun;

		if (n == 1) /* the first one loads what OpenSSL loads once */
			client.cpu = server.cpu = 0;
		if (!BIO_new_bio_pair(&near, 65536, &far, 65536))
			die("BIO pair");
		client.ssl = SSL_new(of_client);
		kept = 0;
		begun = cpu_ns();
		counting = true;
		server.ssl = SSL_new(of_server);
		counting = false;
		server.cpu += cpu_ns() - begun;
		SSL_set_bio(client.ssl, near, near);
		SSL_set_bio(server.ssl, far, far);
		SSL_set_connect_state(client.ssl);
		SSL_set_accept_state(server.ssl);
		shake(&client, &server);
		idle = kept;
		SSL_free(client.ssl);
		begun = cpu_ns();
		SSL_free(server.ssl);
		server.cpu += cpu_ns() - begun;
	}
	printf("{\"handshakes\": %lu, \"server_cpu_us\": %.2f, \"client_cpu_us\": %.2f, "
	       "\"idle_bytes\": %lld, \"openssl\": \"%s\"}\n",
		count, (double)server.cpu / 1e3 / (double)count,
		(double)client.cpu / 1e3 / (double)count, (long long)idle,
		OpenSSL_version(OPENSSL_VERSION_STRING));
	SSL_CTX_free(of_client);
	SSL_CTX_free(of_server);
	return 0;
}
