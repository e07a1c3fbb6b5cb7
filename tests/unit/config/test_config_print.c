/* Printing, comparing, and the page in docs. */
#include "config_test.h"

static struct config other;

static char *print(const struct config *c)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	config_print(c, f);
	fclose(f);
	return text;
}

static void must_round_trip(void)
{
	char *text = print(&cfg);

	memcpy(&other, &cfg, sizeof(cfg));
	must_parse(text);
	assert_memory_equal(&cfg, &other, sizeof(cfg));
	free(text);
}

static void defaults_round_trip(void **state)
{
	(void)state;
	config_defaults(&cfg);
	must_round_trip();
}

static void every_kind_of_value_round_trips(void **state)
{
	(void)state;
	must_parse(
		"node: {name: a.b-c_d, serial: SL-0123456789}\n"
		"ports:\n"
		"  - {name: p0, devargs: \"net_pcap0,rx_pcap=a b\\\"c\\\\d.pcap\", addresses: "
		"[10.0.0.1/8, "
		"\"fe80::1/10\"], gateways: [10.0.0.2, 10.0.0.3], vlan: 1, mtu: 9600, queues: 64}\n"
		"  - {name: p1, devargs: 0000:00:03.0, addresses: [\"2001:db8::1/128\"]}\n"
		"eal: {huge: off, memory: 64MiB, file-prefix: mine, args: [--no-pci, "
		"\"--vdev=net_null0,a: "
		"b\"]}\n"
		"cores: {rx: [1], workers: [2, 3], compressors: 2, poll: busy}\n"
		"listen: {ports: [1], cleartext: [], allow: [10.0.0.0/8, \"2001:db8::/32\", "
		"192.0.2.1], "
		"trust-devid: [\"::/0\"]}\n"
		"control: {socket: \"/tmp/a b: c\"}\n"
		"journal: {dir: /j, block-size: 192KiB, pool: 8MiB, commit-interval: 1500us, "
		"commit-interval-unacked: 1500us, segment-size: 10MiB, segment-age: 90s, min-free: "
		"0, "
		"retention: {age: none, size: 12345678B}, stream-retention: 36500d, "
		"compaction-level: 3}\n"
		"limits: {message-size: 2KiB, idle-timeout: 90s, sessions: 1}\n"
		"metrics: {listen: \"[2001:db8::9]:1\"}\n");
	must_round_trip();
}

static void a_port_prints_as_a_block(void **state)
{
	char *text;

	(void)state;
	must_parse(PORT);
	text = print(&cfg);
	assert_non_null(strstr(text, "ports:\n"
				     "  - name: p\n"
				     "    devargs: net_null0\n"
				     "    addresses: [192.0.2.2/24]\n"
				     "    gateways: []\n"
				     "    vlan: none\n"
				     "    mtu: 1500\n"
				     "    queues: auto\n"
				     "eal:\n"
				     "  huge: auto\n"));
	assert_non_null(strstr(text, "  min-free: 1GiB\n"
				     "  retention:\n"
				     "    age: 90d\n"
				     "    size: 80%\n"
				     "  stream-retention: 400d\n"
				     "  compaction-level: 9\n"));
	free(text);
}

/* ---- diff ------------------------------------------------------------------------------- */

struct changes {
	unsigned n;
	char text[16][256];
};

static void note(void *ctx, const struct config_change *c)
{
	struct changes *v = ctx;

	assert_true(v->n < 16);
	snprintf(v->text[v->n++], 256, "%s: %s -> %s %s", c->path, c->before, c->after,
		c->live ? "live" : "restart");
}

static void diff_names_what_changed_and_when_it_applies(void **state)
{
	static struct changes v;

	(void)state;
	must_parse(PORT);
	memcpy(&other, &cfg, sizeof(cfg));
	assert_int_equal(config_diff(&other, &cfg, note, &v), 0);
	must_parse("ports: [{name: p, devargs: net_null0, addresses: [192.0.2.2/24], mtu: 9000}]\n"
		   "listen: {allow: [0.0.0.0/0]}\n"
		   "journal: {retention: {size: 50%}, dir: /j}\n"
		   "limits: {sessions: 5}\n");
	assert_int_equal(config_diff(&other, &cfg, note, &v), 5);
	assert_string_equal(v.text[0], "ports[0].mtu: 1500 -> 9000 restart");
	assert_string_equal(v.text[1], "listen.allow: [0.0.0.0/0, \"::/0\"] -> [0.0.0.0/0] live");
	assert_string_equal(v.text[2], "journal.dir: /var/lib/sluice/journal -> /j restart");
	assert_string_equal(v.text[3], "journal.retention.size: 80% -> 50% live");
	assert_string_equal(v.text[4], "limits.sessions: 20000 -> 5 live");
}

static void diff_names_ports_that_come_and_go(void **state)
{
	static struct changes v;

	(void)state;
	must_parse(PORT);
	memcpy(&other, &cfg, sizeof(cfg));
	must_parse("ports:\n  - {name: p, devargs: net_null0, addresses: [192.0.2.2/24]}\n"
		   "  - {name: q, devargs: net_null1, addresses: [192.0.2.3/24]}\n");
	assert_int_equal(config_diff(&other, &cfg, note, &v), 1);
	assert_string_equal(v.text[0], "ports[1]: none -> {name: q, devargs: net_null1, addresses: "
				       "[192.0.2.3/24], gateways: [], vlan: "
				       "none, mtu: 1500, queues: auto} restart");
	assert_int_equal(config_diff(&cfg, &other, NULL, NULL), 1);
}

static void a_reload_takes_over_what_is_live(void **state)
{
	static struct changes v;

	(void)state;
	must_parse(PORT);
	memcpy(&other, &cfg, sizeof(cfg));
	must_parse(PORT "listen: {allow: [10.0.0.0/8], ports: [514]}\n"
			"limits: {sessions: 5, devices: 5}\njournal: {retention: {age: 5d}}\n");
	config_take_live(&other, &cfg);
	assert_int_equal(other.listen.allow.count, 1);
	assert_int_equal(other.limits.sessions, 5);
	assert_int_equal(other.listen.ports.count, 3);
	assert_int_equal(config_diff(&other, &cfg, note, &v), 2);
	assert_string_equal(v.text[0], "listen.ports: [514, 6514, 2514] -> [514] restart");
	assert_string_equal(v.text[1], "limits.devices: 100000 -> 5 restart");
}

/* ---- docs/configuration.md -------------------------------------------------------------- */

static char *page;

struct described {
	unsigned keys, missing;
};

/* A key stands in the page as "| `path` | `default` | live or restart |". */
static void find_on_page(void *ctx, const struct config_item *item)
{
	struct described *d = ctx;
	char row[512];
	const char *path = item->path;

	if (strncmp(path, "ports[0]", 8) == 0) {
		snprintf(row, sizeof(row), "| `ports[].%s` |", path + 9);
	} else {
		snprintf(row, sizeof(row), "| `%s` | `%s` | %s |", path, item->value,
			!item->available ? "not available yet"
			: item->live	 ? "reload"
					 : "restart");
	}
	d->keys++;
	if (!strstr(page, row)) {
		print_error("not in configuration.md: %s\n", row);
		d->missing++;
	}
}

static void every_key_is_in_the_docs_with_its_default(void **state)
{
	struct described d = {0};
	FILE *f = fopen(CONFIGURATION_MD, "r");
	size_t n;

	(void)state;
	assert_non_null(f);
	page = calloc(1, 1 << 20);
	assert_non_null(page);
	n = fread(page, 1, (1 << 20) - 1, f);
	fclose(f);
	assert_true(n > 0);
	config_defaults(&cfg);
	config_each(&cfg, find_on_page, &d);
	free(page);
	assert_true(d.keys > 50);
	assert_int_equal(d.missing, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_round_trip),
		cmocka_unit_test(every_kind_of_value_round_trips),
		cmocka_unit_test(a_port_prints_as_a_block),
		cmocka_unit_test(diff_names_what_changed_and_when_it_applies),
		cmocka_unit_test(diff_names_ports_that_come_and_go),
		cmocka_unit_test(a_reload_takes_over_what_is_live),
		cmocka_unit_test(every_key_is_in_the_docs_with_its_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
