#include "bench/micro/upward.h"

static unsigned peek(void *ctx, struct tls_span *v, unsigned n)
{
	struct upward *u = ctx;

	if (n == 0 || u->at == u->len)
		return 0;
	v[0] = (struct tls_span){u->bytes + u->at, u->len - u->at};
	return 1;
}

static void consume(void *ctx, uint32_t n)
{
	((struct upward *)ctx)->at += n;
}

static uint32_t take(void *ctx, const void *data, uint32_t n)
{
	struct upward *u = ctx;
	int took = BIO_write(SSL_get_rbio(u->client), data, (int)n);

	return took > 0 ? (uint32_t)took : 0;
}

static bool ended(void *ctx)
{
	(void)ctx;
	return false;
}

const struct tls_transport upward_transport = {peek, consume, take, ended};

void upward_fill(struct upward *u)
{
	int n;

	if (u->at == u->len)
		u->at = u->len = 0;
	n = BIO_read(SSL_get_wbio(u->client), u->bytes + u->len, (int)(sizeof(u->bytes) - u->len));
	u->len += n > 0 ? (uint32_t)n : 0;
}
