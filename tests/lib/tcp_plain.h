/* Where nothing depends on them: the ops of a TCP stack on one link, which listens on port 514. */
#ifndef SLUICE_TESTS_TCP_PLAIN_H
#define SLUICE_TESTS_TCP_PLAIN_H

#include "dataplane/tcp/tcp.h"

static inline uint32_t tcp_plain_mtu(void *ctx, const struct ip_addr *dst)
{
	(void)ctx;
	(void)dst;
	return 1500;
}

static inline bool tcp_plain_listening(void *ctx, const struct ip_flow *flow, bool *drop)
{
	(void)ctx;
	(void)drop;
	return flow->dst_port == 514;
}

#endif
