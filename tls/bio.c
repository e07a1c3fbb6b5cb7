/* OpenSSL's reads and writes, on the buffers of a TCP connection. */
#include "tls/internal.h"

#include <string.h>

#define SPANS 16u

static int read_some(BIO *b, char *to, int size)
{
	struct tls_conn *c = BIO_get_data(b);
	struct tls_span v[SPANS];
	uint32_t want = (uint32_t)size < c->budget ? (uint32_t)size : c->budget, done = 0;
	unsigned n;

	BIO_clear_retry_flags(b);
	if (want == 0) {
		c->cut_short = true;
		BIO_set_retry_read(b);
		return -1;
	}
	n = c->transport->peek(c->transport_ctx, v, SPANS);
	for (unsigned i = 0; i < n && done < want; i++) {
		uint32_t k = v[i].len < want - done ? v[i].len : want - done;

		memcpy(to + done, v[i].data, k);
		done += k;
	}
	if (done == 0) {
		if (c->transport->ended(c->transport_ctx))
			return 0;
		BIO_set_retry_read(b);
		return -1;
	}
	c->budget -= done;
	c->transport->consume(c->transport_ctx, done);
	return (int)done;
}

static int write_some(BIO *b, const char *from, int len)
{
	struct tls_conn *c = BIO_get_data(b);
	uint32_t took;

	BIO_clear_retry_flags(b);
	took = c->transport->write(c->transport_ctx, from, (uint32_t)len);
	if (took == 0) {
		BIO_set_retry_write(b);
		return -1;
	}
	c->wrote = true;
	return (int)took;
}

static long control(BIO *b, int cmd, long num, void *ptr)
{
	struct tls_conn *c = BIO_get_data(b);

	(void)num, (void)ptr;
	switch (cmd) {
	case BIO_CTRL_FLUSH:
		return 1; /* TCP sends at the end of the round */
	case BIO_CTRL_EOF:
		return c->transport->ended(c->transport_ctx);
	default:
		return 0;
	}
}

static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static BIO_METHOD *method;

static void make_method(void)
{
	int type = BIO_get_new_index();
	BIO_METHOD *m = BIO_meth_new(type | BIO_TYPE_SOURCE_SINK, "tcp");

	if (!m)
		return;
	BIO_meth_set_read(m, read_some);
	BIO_meth_set_write(m, write_some);
	BIO_meth_set_ctrl(m, control);
	method = m;
}

BIO *bio_on_transport(struct tls_conn *c)
{
	BIO *b;

	if (!CRYPTO_THREAD_run_once(&once, make_method) || !method)
		return NULL;
	b = BIO_new(method);
	if (!b)
		return NULL;
	BIO_set_data(b, c);
	BIO_set_init(b, 1);
	return b;
}
