/*
 * In the place of the TLS room: a hello that names the serial as a certificate would, then the
 * bytes as they are. What costs and what is random in TLS has tests of its own.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/whole/sim.h"
#include "tls/tls.h"

#define HELLO 64u
#define SPANS 64u

struct tls_conn {
	const struct tls_transport *t;
	void *ctx;
	char serial[HELLO - 6 + 1];
	unsigned weight;
};

struct tls_conn *tls_conn_new(struct tls_set *s, const struct tls_transport *t, void *transport_ctx,
	tls_trace_fn trace, void *trace_ctx)
{
	struct tls_conn *c = calloc(1, sizeof(*c));

	(void)s, (void)trace, (void)trace_ctx;
	if (!c)
		abort();
	c->t = t;
	c->ctx = transport_ctx;
	return c;
}

void tls_conn_free(struct tls_conn *c)
{
	free(c);
}

/* Up to `size` unread bytes; `whole`: those or none. */
static uint32_t take(struct tls_conn *c, uint8_t *to, uint32_t size, bool whole)
{
	struct tls_span v[SPANS];
	unsigned n = c->t->peek(c->ctx, v, SPANS);
	uint32_t len = 0;

	for (unsigned i = 0; i < n && len < size; i++) {
		uint32_t k = v[i].len < size - len ? v[i].len : size - len;

		memcpy(to + len, v[i].data, k);
		len += k;
	}
	if (whole && len < size)
		return 0;
	c->t->consume(c->ctx, len);
	return len;
}

enum tls_status tls_conn_handshake(struct tls_conn *c)
{
	uint8_t hello[HELLO];

	c->weight = 0;
	if (take(c, hello, HELLO, true) == 0)
		return c->t->ended(c->ctx) ? TLS_CLOSED : TLS_WAIT;
	memcpy(c->serial, hello + 6, HELLO - 6);
	c->weight = 1;
	return TLS_OK;
}

unsigned tls_conn_weight(const struct tls_conn *c)
{
	return c->weight;
}

enum tls_status tls_conn_read(struct tls_conn *c, void *to, size_t size, size_t *got)
{
	*got = take(c, to, (uint32_t)size, false);
	if (*got > 0)
		return TLS_OK;
	return c->t->ended(c->ctx) ? TLS_CLOSED : TLS_WAIT;
}

enum tls_status tls_conn_write(struct tls_conn *c, const void *data, size_t len, size_t *took)
{
	*took = c->t->write(c->ctx, data, (uint32_t)len);
	return *took > 0 ? TLS_OK : TLS_WAIT;
}

void tls_conn_close(struct tls_conn *c)
{
	(void)c;
}

void tls_conn_peer(const struct tls_conn *c, struct tls_peer *peer)
{
	memset(peer, 0, sizeof(*peer));
	peer->certificate = true;
	peer->version = peer->cipher = "none";
	memcpy(peer->cn, c->serial, sizeof(c->serial));
	memcpy(peer->names, c->serial, sizeof(c->serial));
}

bool tls_conn_verified(const struct tls_conn *c)
{
	(void)c;
	return true;
}

uint64_t tls_conn_generation(const struct tls_conn *c)
{
	(void)c;
	return 0;
}

const char *tls_conn_version(const struct tls_conn *c)
{
	(void)c;
	return "none";
}

const char *tls_conn_cipher(const struct tls_conn *c)
{
	(void)c;
	return "none";
}

bool tls_conn_resumed(const struct tls_conn *c)
{
	(void)c;
	return false;
}

bool tls_conn_binding(const struct tls_conn *c, uint8_t to[32])
{
	(void)c, (void)to;
	return false;
}

bool tls_conn_notified(const struct tls_conn *c)
{
	(void)c;
	return false;
}

unsigned tls_conn_context(const struct tls_conn *c)
{
	(void)c;
	return 0;
}

bool tls_conn_permitted(
	const struct tls_conn *c, const struct tls_set *now, enum refusal_reason *why)
{
	(void)c, (void)now, (void)why;
	return true;
}

void tls_conn_failure(const struct tls_conn *c, struct tls_failure *f)
{
	(void)c;
	memset(f, 0, sizeof(*f));
}
