#include "tests/unit/tls/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static unsigned peek(void *ctx, struct tls_span *v, unsigned n)
{
	struct link *l = ctx;
	struct link_queue *q = &l->up;
	unsigned k = 0;

	for (uint32_t at = q->head; at < q->tail && k < n; k++) {
		uint32_t len = q->tail - at;

		if (l->piece && len > l->piece)
			len = l->piece;
		v[k] = (struct tls_span){q->data + at, len};
		at += len;
	}
	return k;
}

static void consume(void *ctx, uint32_t n)
{
	struct link *l = ctx;

	assert_true(n <= l->up.tail - l->up.head);
	l->up.head += n;
	if (l->up.head == l->up.tail)
		l->up.head = l->up.tail = 0;
}

static uint32_t put(void *ctx, const void *data, uint32_t n)
{
	struct link *l = ctx;

	if (l->room && n > l->room)
		n = l->room;
	assert_true(n <= LINK_QUEUE - l->down.tail);
	memcpy(l->down.data + l->down.tail, data, n);
	l->down.tail += n;
	return n;
}

static bool ended(void *ctx)
{
	struct link *l = ctx;

	return l->fin && l->up.head == l->up.tail;
}

static const struct tls_transport transport = {peek, consume, put, ended};

static void on_trace(void *ctx, const char *line)
{
	struct link *l = ctx;
	size_t n = strlen(l->trace);

	snprintf(l->trace + n, sizeof(l->trace) - n, "%s\n", line);
}

void link_open(struct link *l, struct tls_set *set, const struct tls_client_options *o, bool traced)
{
	memset(l, 0, sizeof(*l));
	tls_client_open(&l->client, o);
	l->transport = &transport;
	l->server = tls_conn_new(set, &transport, l, traced ? on_trace : NULL, l);
	assert_non_null(l->server);
	l->status = TLS_WAIT;
}

void link_close(struct link *l)
{
	tls_conn_free(l->server);
	tls_client_close(&l->client);
}

void link_up(struct link *l)
{
	int n = tls_client_take(
		&l->client, l->up.data + l->up.tail, (int)(LINK_QUEUE - l->up.tail));

	l->up.tail += (uint32_t)n;
}

void link_down(struct link *l)
{
	if (l->down.tail)
		tls_client_feed(&l->client, l->down.data, (int)l->down.tail);
	l->down.tail = 0;
}

void link_cut(struct link *l, unsigned n)
{
	uint32_t at = l->up.head;

	for (; n > 0; n--) {
		assert_true(at + 5 <= l->up.tail);
		at += 5 + ((uint32_t)l->up.data[at + 3] << 8 | l->up.data[at + 4]);
	}
	assert_true(at <= l->up.tail);
	l->up.tail = at;
}

bool link_handshake(struct link *l)
{
	bool moved;

	do {
		if (l->client_rc == 0)
			l->client_rc = tls_client_handshake(&l->client);
		link_up(l);
		moved = l->up.head < l->up.tail;
		while (l->status == TLS_WAIT || l->status == TLS_AGAIN) {
			l->status = tls_conn_handshake(l->server);
			if (l->status != TLS_AGAIN)
				break;
			l->steps++;
		}
		moved |= l->down.tail > 0;
		link_down(l);
	} while (moved && (l->status == TLS_WAIT || l->client_rc == 0));
	if (l->client_rc == 1) {
		/* Tickets, and in TLS 1.3 what the server says of our certificate, come as if they
		 * were data. */
		char byte;

		SSL_read(l->client.ssl, &byte, 1);
	}
	return l->status == TLS_OK && l->client_rc == 1;
}

void link_echo(struct link *l, uint32_t len)
{
	uint8_t *sent = malloc(len), *back = malloc(len + 16384);
	uint32_t got = 0, away = 0;
	size_t n;

	assert_non_null(sent);
	assert_non_null(back);
	for (uint32_t i = 0; i < len; i++)
		sent[i] = (uint8_t)(i * 7 + (i >> 8));
	assert_int_equal(SSL_write(l->client.ssl, sent, (int)len), len);
	link_up(l);
	while (got < len) {
		assert_int_equal(tls_conn_read(l->server, back + got, 16384, &n), TLS_OK);
		got += (uint32_t)n;
	}
	assert_int_equal(got, len);
	assert_memory_equal(back, sent, len);
	assert_int_equal(tls_conn_read(l->server, back, 16384, &n), TLS_WAIT);
	for (got = 0; got < len;) {
		int k;

		if (away < len) {
			enum tls_status s = tls_conn_write(l->server, sent + away, len - away, &n);

			assert_true(s == TLS_OK || (s == TLS_WAIT && n == 0));
			away += (uint32_t)n;
		}
		link_down(l);
		while ((k = SSL_read(l->client.ssl, back + got, (int)(len - got))) > 0)
			got += (uint32_t)k;
	}
	assert_memory_equal(back, sent, len);
	free(sent);
	free(back);
}
