/* Numbers that nobody outside may guess (RFC 6528; RFC 7323 section 5.4). */
#include "dataplane/base/siphash.h"
#include "dataplane/tcp/tcp_priv.h"

/* ISN = M + F(flow, secret): M, a clock of 4 us, makes reincarnations of a flow move forward. */
uint32_t tcp_isn(const struct tcp_stack *s, const struct ip_flow *flow, uint64_t now)
{
	return (uint32_t)(now / 4) + (uint32_t)siphash24(&s->key_isn, flow, sizeof(*flow));
}

/* One per flow, so that a later connection of the same flow continues the same clock (RFC 6191). */
uint32_t tcp_ts_offset(const struct tcp_stack *s, const struct ip_flow *flow)
{
	return (uint32_t)siphash24(&s->key_ts, flow, sizeof(*flow));
}

static void derive(struct siphash_key *out, const struct siphash_key *key, uint8_t purpose)
{
	const uint8_t a[2] = {purpose, 0};
	const uint8_t b[2] = {purpose, 1};

	out->k0 = siphash24(key, a, sizeof(a));
	out->k1 = siphash24(key, b, sizeof(b));
}

void tcp_keys_derive(struct tcp_stack *s, const struct siphash_key *key)
{
	derive(&s->key_table, key, 1);
	derive(&s->key_isn, key, 2);
	derive(&s->key_ts, key, 3);
	derive(&s->key_cookie, key, 4);
	derive(&s->key_spent, key, 5);
}
