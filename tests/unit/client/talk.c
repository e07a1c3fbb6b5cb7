/* The server of the client's tests, written with the codec. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "tests/unit/client/talk.h"

struct client *c;
uint64_t now, next_epoch;
unsigned aimed_at;
struct oftp_msg said;

uint64_t epochs(void *ctx)
{
	(void)ctx;
	return ++next_epoch;
}

struct client *new_client(void)
{
	const struct client_config cfg = {
		.serial = "FGT1",
		.conn_id = 7,
		.bound = 2 * OFTP_ITEM_RAW_MAX,
		.window = 4,
		.conn_timeout_us = 10 * S,
		.keepalive_us = 5 * S,
		.retry_us = 2 * S,
		.random = epochs,
	};

	return client_new(&cfg);
}

int start(void **state)
{
	(void)state;
	now = S;
	next_epoch = 100;
	aimed_at = 0;
	c = new_client();
	return c ? 0 : -1;
}

int stop(void **state)
{
	(void)state;
	client_free(c);
	return 0;
}

struct client_stats stats(void)
{
	struct client_stats st;

	client_stats(c, &st);
	return st;
}

void add(const char *log)
{
	const uint32_t len = (uint32_t)strlen(log);

	client_add(
		c, &(struct client_item){
			   .logs = (const uint8_t *)log, .lengths = &len, .count = 1, .type = 3});
}

/* The next message that the client sends; false: none. `said` holds until the next call. */
bool hear(void)
{
	static uint8_t body[OFTP_BODY_MAX];
	struct oftp_header h;
	size_t len;
	const uint8_t *out = client_output(c, &len, now);

	if (len == 0)
		return false;
	assert_true(len >= OFTP_HEADER);
	assert_int_equal(oftp_header_decode(out, OFTP_BODY_MAX, &h), OFTP_OK);
	memcpy(body, out + OFTP_HEADER, h.length);
	assert_int_equal(oftp_decode(&h, body, &said), OFTP_OK);
	client_sent(c, OFTP_HEADER + h.length);
	return true;
}

void heard(enum oftp_type type)
{
	assert_true(hear());
	assert_string_equal(oftp_type_name(said.type), oftp_type_name(type));
}

void heard_item(uint64_t seq, const char *log)
{
	heard(OFTP_LOG_DATA);
	assert_int_equal(said.seq_no, seq);
	assert_int_equal(said.payload.len, strlen(log));
	assert_memory_equal(said.payload.at, log, strlen(log));
}

enum client_wish tell(const struct oftp_msg *m)
{
	uint8_t buf[8192];
	size_t n = oftp_encode(m, buf, sizeof(buf));

	assert_true(n > 0);
	return client_received(c, buf, n, now);
}

struct oftp_msg reply(enum oftp_result result, uint64_t epoch, uint64_t confirmed, const char *log,
	uint8_t stream_state)
{
	struct oftp_msg m = {.version = 1,
		.type = OFTP_LOGIN_REPLY,
		.has = HAS(RESULT) | HAS(FEATURES) | HAS(KEEPALIVE_PERIOD) | HAS(SERVER_SERIAL) |
		       HAS(STREAM),
		.result = (uint8_t)result,
		.keepalive_period = 5,
		.n_serials = 1,
		.n_streams = 1};

	m.server_serial[0] = (struct text){"SL", 2};
	m.stream[0] = (struct oftp_stream){
		.conn_id = 7, .epoch = epoch, .confirmed = confirmed, .state = stream_state};
	if (log)
		oftp_item_digest(
			confirmed, (const uint8_t *)log, (uint32_t)strlen(log), m.stream[0].digest);
	return m;
}

void connects(void)
{
	now = client_deadline(c) > now ? client_deadline(c) : now;
	assert_int_equal(client_tick(c, now), CLIENT_CONNECT);
	client_aim(c, aimed_at);
	client_connected(c, now);
	heard(OFTP_LOGIN_REQUEST);
}

void log_in(uint64_t confirmed, const char *log)
{
	struct oftp_msg m;

	connects();
	m = reply(OFTP_ALLOWED, said.stream[0].epoch, confirmed, log, OFTP_STREAM_GO_ON);
	assert_int_equal(tell(&m), CLIENT_NOTHING);
	assert_int_equal(stats().state, CLIENT_OPEN);
}

enum client_wish confirm(uint64_t seq, const char *log)
{
	struct oftp_msg m = reply(OFTP_ALLOWED, stats().epoch, seq, log, OFTP_STREAM_GO_ON);

	m.type = OFTP_SEQ_REPLY;
	m.has = HAS(STREAM);
	return tell(&m);
}
