/* Single logs become items; items become EC CF records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/client/batch.h"
#include "dataplane/framing/eccf.h"

static struct batch b;
static struct {
	uint32_t count, bytes;
	uint8_t category;
	char vdom[BATCH_VDOM + 1];
} items[16];
static unsigned n_items;

static void item(void *ctx, const struct client_item *i)
{
	uint32_t bytes = 0;

	(void)ctx;
	assert_true(n_items < 16);
	for (uint32_t k = 0; k < i->count; k++)
		bytes += i->lengths[k];
	items[n_items].count = i->count;
	items[n_items].bytes = bytes;
	items[n_items].category = i->category;
	memset(items[n_items].vdom, 0, sizeof(items[0].vdom));
	memcpy(items[n_items].vdom, i->vdom.at ? i->vdom.at : "", i->vdom.len);
	n_items++;
}

static int start(void **state)
{
	(void)state;
	memset(&b, 0, sizeof(b));
	b.item = item;
	n_items = 0;
	return 0;
}

static void add(const char *log)
{
	batch_add(&b, (const uint8_t *)log, (uint32_t)strlen(log));
}

static void categories_are_those_of_the_vendor(void **state)
{
	static const struct {
		const char *log;
		uint8_t category;
	} cases[] = {{"type=\"traffic\" subtype=\"local\"", 0}, {"type=event subtype=system", 1},
		{"type=\"utm\" subtype=\"virus\"", 2}, {"type=\"utm\" subtype=\"webfilter\"", 3},
		{"type=\"utm\" subtype=\"ips\"", 4}, {"type=\"utm\" subtype=\"app-ctrl\"", 10},
		{"type=\"dns\"", 15}, {"type=\"new\" subtype=\"unheard of\"", 1}, {"free text", 1}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
			batch_category(cases[i].log, strlen(cases[i].log)), cases[i].category);
}

static void an_item_is_of_one_category_and_vdom(void **state)
{
	(void)state;
	add("type=traffic vd=root a");
	add("type=traffic vd=root bb");
	add("type=event vd=root");
	add("type=event vd=dmz");
	add("type=event");
	batch_flush(&b);
	batch_flush(&b);
	assert_int_equal(n_items, 4);
	assert_int_equal(items[0].count, 2);
	assert_int_equal(items[0].category, 0);
	assert_string_equal(items[0].vdom, "root");
	assert_int_equal(items[1].category, 1);
	assert_string_equal(items[2].vdom, "dmz");
	assert_string_equal(items[3].vdom, "");
}

static void a_fixed_vdom_is_that_of_all(void **state)
{
	(void)state;
	b.fixed_vdom = "mine";
	add("vd=root");
	add("vd=dmz");
	batch_flush(&b);
	assert_int_equal(n_items, 1);
	assert_string_equal(items[0].vdom, "mine");
}

static void an_item_has_its_bounds(void **state)
{
	static uint8_t log[65536];

	(void)state;
	memset(log, 'x', sizeof(log));
	for (unsigned i = 0; i < 5; i++)
		batch_add(&b, log, sizeof(log));
	assert_int_equal(n_items, 1);
	assert_int_equal(items[0].bytes, OFTP_ITEM_RAW_MAX);
	batch_flush(&b);
	for (unsigned i = 0; i < OFTP_ITEM_LOGS_MAX + 1; i++)
		batch_add(&b, log, 1);
	assert_int_equal(items[2].count, OFTP_ITEM_LOGS_MAX);
}

static uint64_t epoch(void *ctx)
{
	(void)ctx;
	return 7;
}

/* One that is allowed to log, over UDP. */
static struct client *unreliable(void)
{
	const struct client_config cfg = {.serial = "FGT1",
		.hostname = "fw",
		.bound = 2 * OFTP_ITEM_RAW_MAX,
		.window = 4,
		.unreliable = true,
		.random = epoch};
	struct oftp_msg m = {.version = 1,
		.type = OFTP_LOGIN_REPLY,
		.has = 1u << OFTP_O_RESULT | 1u << OFTP_O_FEATURES | 1u << OFTP_O_KEEPALIVE_PERIOD |
		       1u << OFTP_O_SERVER_SERIAL,
		.keepalive_period = 5,
		.n_serials = 1};
	struct client *c = client_new(&cfg);
	uint8_t buf[1024];
	size_t n;

	m.server_serial[0] = (struct text){"SL", 2};
	assert_int_equal(client_tick(c, 1), CLIENT_CONNECT);
	client_connected(c, 1);
	(void)client_output(c, &n, 1);
	client_sent(c, n);
	n = oftp_encode(&m, buf, sizeof(buf));
	assert_int_equal(client_received(c, buf, n, 1), CLIENT_NOTHING);
	return c;
}

/* The logs of a record, each followed by a newline. */
static void read_record(const uint8_t *data, size_t len, char *to)
{
	static uint8_t raw[65537];
	struct eccf rec;
	struct text log;
	uint32_t off = 0, index = 0;
	int n;

	assert_int_equal(eccf_parse(&rec, data, len), ECCF_OK);
	assert_int_equal(rec.record_len, len);
	assert_memory_equal(rec.devid.at, "FGT1", 4);
	assert_memory_equal(rec.devname.at, "fw", 2);
	assert_int_equal(rec.time_s, 1234567890);
	n = eccf_inflate(&rec, raw, sizeof(raw));
	assert_true(n > 0);
	while (eccf_next(&rec, raw, (uint32_t)n, &off, &index, &log)) {
		memcpy(to, log.at, log.len);
		to += log.len;
		*to++ = '\n';
	}
	*to = '\0';
}

static void records_hold_all_logs_in_order(void **state)
{
	static char all[400000], expected[400000];
	static const char pad[200] = {[0 ... 198] = 'p'};
	struct client *c = unreliable();
	struct client_stats st;
	uint8_t data[65000];
	char log[64 + sizeof(pad)];
	size_t n, used = 0;

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		const uint32_t len =
			(uint32_t)snprintf(log, sizeof(log), "n=%u %.*s", i, (int)(i % 199), pad);

		client_add(c, &(struct client_item){.logs = (const uint8_t *)log,
				      .lengths = &len,
				      .count = 1,
				      .vdom = {"root", 4}});
		strcat(expected, log);
		strcat(expected, "\n");
	}
	while ((n = client_datagram(c, data, sizeof(data), 1234567890, 1)) > 0) {
		assert_true(n <= 1400);
		read_record(data, n, all + used);
		used += strlen(all + used);
	}
	assert_string_equal(all, expected);
	client_stats(c, &st);
	assert_int_equal(st.confirmed_logs, 300);
	assert_int_equal(st.memory.items, 0);
	client_free(c);
}

static void a_log_too_long_for_a_record_is_dropped_and_counted(void **state)
{
	static uint8_t logs[OFTP_ITEM_RAW_MAX];
	static const uint32_t lengths[] = {10, 66000, 20000, 20};
	struct client *c = unreliable();
	struct client_stats st;
	static uint8_t data[65000];
	char all[65536];
	size_t n;

	(void)state;
	memset(logs, 'a', sizeof(logs));
	client_add(c, &(struct client_item){.logs = logs, .lengths = lengths, .count = 4});
	n = client_datagram(c, data, sizeof(data), 1234567890, 1);
	read_record(data, n, all);
	assert_int_equal(strlen(all), 11);
	n = client_datagram(c, data, sizeof(data), 1234567890, 1);
	read_record(data, n, all);
	assert_int_equal(strlen(all), 20001);
	n = client_datagram(c, data, sizeof(data), 1234567890, 1);
	read_record(data, n, all);
	assert_int_equal(strlen(all), 21);
	assert_int_equal(client_datagram(c, data, sizeof(data), 1234567890, 1), 0);
	client_stats(c, &st);
	assert_int_equal(st.confirmed_logs, 3);
	assert_int_equal(st.dropped, 1);
	client_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(categories_are_those_of_the_vendor),
		cmocka_unit_test_setup(an_item_is_of_one_category_and_vdom, start),
		cmocka_unit_test_setup(a_fixed_vdom_is_that_of_all, start),
		cmocka_unit_test_setup(an_item_has_its_bounds, start),
		cmocka_unit_test(records_hold_all_logs_in_order),
		cmocka_unit_test(a_log_too_long_for_a_record_is_dropped_and_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
