/* Addresses and sockets of flows. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load/load.h"
#include "dataplane/base/addr.h"
#include "dataplane/base/bytes.h"

static void to_sockaddr(
	const struct ip_addr *ip, uint16_t port, struct sockaddr_storage *a, socklen_t *len)
{
	memset(a, 0, sizeof(*a));
	if (ip_addr_is_v4(ip)) {
		struct sockaddr_in *in = (struct sockaddr_in *)a;

		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, ip->b + 12, 4);
		*len = sizeof(*in);
	} else {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)a;

		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		memcpy(&in6->sin6_addr, ip->b, 16);
		*len = sizeof(*in6);
	}
}

int load_address(const char *text, uint16_t port, struct sockaddr_storage *a, socklen_t *len)
{
	struct ip_addr ip;

	if (ip_addr_parse(&ip, text) != 0) {
		fprintf(stderr, "sluice-load: %s is no address\n", text);
		return -1;
	}
	to_sockaddr(&ip, port, a, len);
	return 0;
}

int load_source(const char *net, uint32_t index, struct sockaddr_storage *a, socklen_t *len)
{
	struct ip_addr ip;
	unsigned prefix;

	if (ip_prefix_parse(&ip, &prefix, net) != 0) {
		fprintf(stderr, "sluice-load: %s is no network\n", net);
		return -1;
	}
	if (prefix > 96 && index >= UINT32_C(1) << (128 - prefix)) {
		fprintf(stderr, "sluice-load: %s has no address for flow %u\n", net, index);
		return -1;
	}
	store_be32(ip.b + 12, load_be32(ip.b + 12) + index);
	to_sockaddr(&ip, 0, a, len);
	return 0;
}

int load_socket(const struct load_options *o, uint32_t flow, int type)
{
	struct sockaddr_storage to, from;
	socklen_t to_len, from_len;
	int one = 1, size = 4 << 20;
	int fd;

	if (load_address(o->target, o->port, &to, &to_len) != 0)
		return -1;
	fd = socket(to.ss_family, type | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		fprintf(stderr, "sluice-load: socket: %s\n", strerror(errno));
		return -1;
	}
	if (o->source_net) {
		if (load_source(o->source_net, flow, &from, &from_len) != 0)
			goto fail;
		setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof(one));
		if (bind(fd, (struct sockaddr *)&from, from_len) != 0) {
			fprintf(stderr, "sluice-load: flow %u cannot be bound: %s\n", flow,
				strerror(errno));
			goto fail;
		}
	}
	if (type == SOCK_DGRAM &&
		setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (connect(fd, (struct sockaddr *)&to, to_len) != 0 &&
		!((type & SOCK_NONBLOCK) && errno == EINPROGRESS)) {
		fprintf(stderr, "sluice-load: flow %u cannot connect to %s: %s\n", flow, o->target,
			strerror(errno));
		goto fail;
	}
	if (fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
		return fd;
fail:
	close(fd);
	return -1;
}
