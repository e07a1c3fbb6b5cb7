#include "tests/unit/dp/rig_tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define WAIT_S 60

static void take(struct rig_tls *t)
{
	tls_client_feed(&t->client, t->in, (int)t->tcp.in_len);
	t->tcp.in_len = 0;
}

static void give(struct rig *r, struct rig_tls *t)
{
	uint8_t out[4096];
	int n;

	while ((n = tls_client_take(&t->client, out, sizeof(out))) > 0)
		if (!rig_tcp_send(r, &t->tcp, out, (uint32_t)n))
			return;
}

void rig_tls_connect(struct rig *r, struct rig_tls *t, uint8_t host, uint16_t port,
	const struct tls_client_options *o)
{
	memset(t, 0, sizeof(*t));
	tls_client_open(&t->client, o);
	rig_tcp_open(r, &t->tcp, host, port, 514);
	t->tcp.in = t->in;
	t->tcp.in_size = sizeof(t->in);
	t->rc = tls_client_handshake(&t->client);
}

void rig_tls_hello(struct rig *r, struct rig_tls *t)
{
	give(r, t);
}

void rig_tls_begin(struct rig *r, struct rig_tls *t, uint8_t host, uint16_t port,
	const struct tls_client_options *o)
{
	rig_tls_connect(r, t, host, port, o);
	rig_tls_hello(r, t);
}

bool rig_tls_step(struct rig *r, struct rig_tls *t)
{
	rig_pump(r);
	take(t);
	if (t->rc == 0 && BIO_ctrl_pending(t->client.in) > 0)
		t->rc = tls_client_handshake(&t->client);
	give(r, t);
	return t->rc != 0 || t->tcp.reset || t->tcp.peer_fin;
}

bool rig_tls_open(struct rig *r, struct rig_tls *t, uint8_t host, uint16_t port,
	const struct tls_client_options *o)
{
	time_t end = time(NULL) + WAIT_S;

	rig_tls_begin(r, t, host, port, o);
	while (!rig_tls_step(r, t))
		assert_true(time(NULL) < end);
	return t->rc == 1;
}

void rig_tls_send(struct rig *r, struct rig_tls *t, const void *data, uint32_t len)
{
	assert_int_equal(SSL_write(t->client.ssl, data, (int)len), len);
	give(r, t);
}

void rig_tls_send_apart(
	struct rig *r, struct rig_tls *t, const void *data, const uint32_t *len, unsigned n)
{
	const uint8_t *from = data;

	for (unsigned i = 0; i < n; from += len[i++])
		assert_int_equal(SSL_write(t->client.ssl, from, (int)len[i]), len[i]);
	give(r, t);
}

uint32_t rig_tls_take(struct rig_tls *t, void *to, uint32_t size)
{
	int n;

	take(t);
	n = size ? SSL_read(t->client.ssl, to, (int)size) : 0;
	return n > 0 ? (uint32_t)n : 0;
}

void rig_tls_wait_end(struct rig *r, struct rig_tls *t)
{
	time_t end = time(NULL) + WAIT_S;
	char byte;

	while (!t->tcp.reset && !t->tcp.peer_fin) {
		rig_pump(r);
		take(t);
		assert_true(time(NULL) < end);
	}
	take(t);
	while (SSL_read(t->client.ssl, &byte, 1) > 0)
		;
}

void rig_tls_close(struct rig *r, struct rig_tls *t)
{
	SSL_shutdown(t->client.ssl);
	give(r, t);
	rig_tcp_close(r, &t->tcp);
}

void rig_tls_free(struct rig *r, struct rig_tls *t)
{
	rig_tcp_end(r, &t->tcp);
	tls_client_close(&t->client);
}
