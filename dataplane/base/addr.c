#include "dataplane/base/addr.h"

#include <arpa/inet.h>
#include <stdlib.h>

unsigned ip_addr_format(const struct ip_addr *a, char text[IP_ADDR_TEXT])
{
	if (ip_addr_is_v4(a))
		inet_ntop(AF_INET, a->b + 12, text, IP_ADDR_TEXT);
	else
		inet_ntop(AF_INET6, a->b, text, IP_ADDR_TEXT);
	return (unsigned)strlen(text);
}

int ip_addr_parse(struct ip_addr *a, const char *text)
{
	uint8_t four[4];

	if (inet_pton(AF_INET, text, four) == 1) {
		*a = ip_addr_v4(four);
		return 0;
	}
	return inet_pton(AF_INET6, text, a->b) == 1 ? 0 : -1;
}

int ip_prefix_parse(struct ip_addr *a, unsigned *prefix_len, const char *text)
{
	char host[IP_ADDR_TEXT];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	unsigned max, len;

	if (n >= sizeof(host))
		return -1;
	memcpy(host, text, n);
	host[n] = '\0';
	if (ip_addr_parse(a, host) != 0)
		return -1;
	max = ip_addr_is_v4(a) && strchr(host, ':') == NULL ? 32 : 128;
	len = max;
	if (slash) {
		const char *p = slash + 1;

		if (*p == '\0' || strlen(p) > 3)
			return -1;
		len = 0;
		for (; *p; p++) {
			if (*p < '0' || *p > '9')
				return -1;
			len = len * 10 + (unsigned)(*p - '0');
		}
		if (len > max)
			return -1;
	}
	*prefix_len = max == 32 ? 96 + len : len;
	return 0;
}
