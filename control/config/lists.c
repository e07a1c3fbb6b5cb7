/* Lists, mappings in lists, and the addresses they hold. */
#include <inttypes.h>
#include <string.h>

#include "control/config/schema.h"
#include "control/config/units.h"

/* An element as a key of its own, for its type. */
static struct config_key element_of(const struct config_key *list)
{
	struct config_key e = *list;

	e.size = list->elem_size;
	e.word = NULL;
	return e;
}

static unsigned *count_of(const struct config_key *k, void *dst)
{
	return (unsigned *)((uint8_t *)dst - k->offset + k->count_offset);
}

static bool list_parse(
	struct loader *l, const struct config_key *k, const yaml_node_t *n, void *dst)
{
	const struct config_key e = element_of(k);
	const unsigned most = (unsigned)(k->size / k->elem_size);
	const char *text = loader_text(n);
	unsigned *count = count_of(k, dst);
	bool ok = true;

	memset(dst, 0, k->size);
	*count = 0;
	if (text && k->word && strcmp(text, k->word) == 0)
		return true;
	if (n->type != YAML_SEQUENCE_NODE) {
		char expected[64];

		snprintf(expected, sizeof(expected), "a list%s%s%s", k->word ? ", or `" : "",
			k->word ? k->word : "", k->word ? "`" : "");
		return loader_unexpected(l, n, expected);
	}
	for (const yaml_node_item_t *i = n->data.sequence.items.start;
		i < n->data.sequence.items.top; i++) {
		const yaml_node_t *item = yaml_document_get_node(l->doc, *i);
		uint8_t *to = (uint8_t *)dst + *count * k->elem_size;
		size_t mark =
			loader_path_push(l, NULL, (unsigned)(i - n->data.sequence.items.start));

		if (*count == most) {
			loader_error(l, item, "too many: expected at most %u in this list", most);
			loader_path_pop(l, mark);
			return false;
		}
		if (!k->elem->parse(l, &e, item, to)) {
			ok = false;
		} else {
			for (unsigned j = 0; j < *count; j++)
				if (memcmp((uint8_t *)dst + j * k->elem_size, to, k->elem_size) ==
					0)
					ok = loader_error(l, item,
						"listed twice: the same as number %u", j + 1);
			loader_mark(l, item, to);
			(*count)++;
		}
		loader_path_pop(l, mark);
	}
	if (ok && *count == 0 && (k->flags & KEY_NONEMPTY))
		return loader_error(l, n, "an empty list: expected at least one entry");
	return ok;
}

static void list_print(const struct config_key *k, const void *src, FILE *out)
{
	const struct config_key e = element_of(k);
	unsigned count;

	memcpy(&count, (const uint8_t *)src - k->offset + k->count_offset, sizeof(count));
	if (count == 0 && k->word) {
		fputs(k->word, out);
		return;
	}
	fputc('[', out);
	for (unsigned i = 0; i < count; i++) {
		if (i)
			fputs(", ", out);
		k->elem->print(&e, (const uint8_t *)src + i * k->elem_size, out);
	}
	fputc(']', out);
}

const struct config_type config_list = {list_parse, list_print};

static bool map_parse(struct loader *l, const struct config_key *k, const yaml_node_t *n, void *dst)
{
	memset(dst, 0, k->size);
	config_apply_defaults(k->sub, dst);
	return loader_mapping(l, k->sub, n, dst);
}

static void map_print(const struct config_key *k, const void *src, FILE *out)
{
	const char *joint = "{";

	for (const struct config_key *s = k->sub; s->name; s++) {
		fprintf(out, "%s%s: ", joint, s->name);
		s->type->print(s, (const uint8_t *)src + s->offset, out);
		joint = ", ";
	}
	fputc('}', out);
}

const struct config_type config_map = {map_parse, map_print};

/* ---- addresses -------------------------------------------------------------------------- */

/*
 * IPv4-mapped IPv6 text is refused everywhere: inside, it is IPv4 itself, and "::ffff:0:0/90"
 * would be neither.
 */
static bool is_mapped_text(const char *text, const struct ip_addr *a)
{
	return strchr(text, ':') && ip_addr_is_v4(a);
}

static bool is_unicast(const struct ip_addr *a)
{
	static const struct ip_addr unspecified;

	if (ip_addr_is_v4(a))
		return a->b[12] != 0 && a->b[12] < 224;
	return a->b[0] != 0xff && !ip_addr_equal(a, &unspecified);
}

static void print_prefix(const struct ip_addr *a, unsigned len, FILE *out)
{
	char text[IP_ADDR_TEXT];

	ip_addr_format(a, text);
	if (ip_addr_is_v4(a) && len >= 96)
		fprintf(out, "%s/%u", text, len - 96);
	else
		fprintf(out, "\"%s/%u\"", text, len);
}

static bool cidr_parse(
	struct loader *l, const struct config_key *k, const yaml_node_t *n, void *dst)
{
	static const char expected[] =
		"one of our addresses with its prefix length, such as 192.0.2.2/24";
	const char *text = loader_text(n);
	struct net_address *a = dst;
	struct ip_addr addr;
	unsigned len;

	(void)k;
	if (!text || !strchr(text, '/') || ip_prefix_parse(&addr, &len, text) != 0 ||
		is_mapped_text(text, &addr))
		return loader_unexpected(l, n, expected);
	if (!is_unicast(&addr) || len == 0 || (ip_addr_is_v4(&addr) && len == 96))
		return loader_error(l, n,
			"no unicast address of a network: expected %s, found \"%s\"", expected,
			text);
	memset(a, 0, sizeof(*a));
	a->addr = addr;
	a->prefix_len = (uint8_t)len;
	return true;
}

static void cidr_print(const struct config_key *k, const void *src, FILE *out)
{
	const struct net_address *a = src;

	(void)k;
	print_prefix(&a->addr, a->prefix_len, out);
}

const struct config_type config_cidr = {cidr_parse, cidr_print};

static bool gateway_parse(
	struct loader *l, const struct config_key *k, const yaml_node_t *n, void *dst)
{
	const char *text = loader_text(n);
	struct ip_addr addr;

	(void)k;
	if (!text || ip_addr_parse(&addr, text) != 0 || is_mapped_text(text, &addr) ||
		!is_unicast(&addr))
		return loader_unexpected(l, n, "a unicast address, such as 192.0.2.1");
	memcpy(dst, &addr, sizeof(addr));
	return true;
}

static void gateway_print(const struct config_key *k, const void *src, FILE *out)
{
	char text[IP_ADDR_TEXT];

	(void)k;
	ip_addr_format(src, text);
	config_print_string(text, out);
}

const struct config_type config_gateway = {gateway_parse, gateway_print};

static bool prefix_parse(
	struct loader *l, const struct config_key *k, const yaml_node_t *n, void *dst)
{
	static const char expected[] =
		"a prefix, such as 192.0.2.0/24, 2001:db8::/32 or one address";
	const char *text = loader_text(n);
	struct dp_prefix *p = dst;
	struct ip_addr addr, network;
	unsigned len;

	(void)k;
	if (!text || ip_prefix_parse(&addr, &len, text) != 0 || is_mapped_text(text, &addr))
		return loader_unexpected(l, n, expected);
	network = addr;
	for (unsigned bit = len; bit < 128; bit++)
		network.b[bit / 8] &= (uint8_t) ~(0x80u >> (bit % 8));
	if (!ip_addr_equal(&network, &addr)) {
		char base[IP_ADDR_TEXT];

		ip_addr_format(&network, base);
		return loader_error(l, n,
			"bits set behind the prefix length: %s/%u was meant, or %.*s alone", base,
			ip_addr_is_v4(&addr) ? len - 96 : len, (int)strcspn(text, "/"), text);
	}
	memset(p, 0, sizeof(*p));
	p->addr = addr;
	p->len = (uint8_t)len;
	return true;
}

static void prefix_print(const struct config_key *k, const void *src, FILE *out)
{
	const struct dp_prefix *p = src;

	(void)k;
	print_prefix(&p->addr, p->len, out);
}

const struct config_type config_prefix = {prefix_parse, prefix_print};

/* "127.0.0.1:9514", "[::1]:9514" or "none" */
static bool endpoint_parse(
	struct loader *l, const struct config_key *k, const yaml_node_t *n, void *dst)
{
	static const char expected[] =
		"ADDRESS:PORT such as 127.0.0.1:9514 or [::1]:9514, or `none`";
	struct config_endpoint *e = dst;
	const char *text = loader_text(n);
	const char *colon = text ? strrchr(text, ':') : NULL;
	const bool bracket = text && text[0] == '[';
	char host[IP_ADDR_TEXT];
	uint64_t port;
	size_t len;

	(void)k;
	memset(e, 0, sizeof(*e));
	if (text && strcmp(text, "none") == 0)
		return true;
	if (!colon)
		return loader_unexpected(l, n, expected);
	len = (size_t)(colon - text);
	if (bracket && (len < 2 || text[len - 1] != ']'))
		return loader_unexpected(l, n, expected);
	len -= bracket ? 2 : 0;
	if (len >= sizeof(host))
		return loader_unexpected(l, n, expected);
	memcpy(host, text + bracket, len);
	host[len] = '\0';
	if (ip_addr_parse(&e->addr, host) != 0 || bracket == (strchr(host, ':') == NULL) ||
		is_mapped_text(host, &e->addr) || unit_parse_number(colon + 1, &port) != UNIT_OK)
		return loader_unexpected(l, n, expected);
	if (port < 1 || port > 65535)
		return loader_error(l, n,
			"out of range: expected a port from 1 to 65535, found %.40s", colon + 1);
	e->port = (uint16_t)port;
	return true;
}

static void endpoint_print(const struct config_key *k, const void *src, FILE *out)
{
	const struct config_endpoint *e = src;
	char text[IP_ADDR_TEXT];

	(void)k;
	if (e->port == 0) {
		fputs("none", out);
		return;
	}
	ip_addr_format(&e->addr, text);
	if (ip_addr_is_v4(&e->addr))
		fprintf(out, "%s:%u", text, e->port);
	else
		fprintf(out, "\"[%s]:%u\"", text, e->port);
}

const struct config_type config_endpoint = {endpoint_parse, endpoint_print};
