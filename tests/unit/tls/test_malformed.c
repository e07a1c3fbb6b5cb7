/*
 * ClientHellos and records that are wrong in one way each: the alert is the one that RFC 8446
 * (section 6.2) or RFC 5246 (section 7.2.2) names, and the connection ends with a reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tls/link.h"
#include "tests/unit/tls/world.h"

static struct world world;
static struct tls_set *set;
static struct link link;

static int setup(void **state)
{
	(void)state;
	world_make(&world);
	set = world_set(&world);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tls_set_unref(set);
	world_free(&world);
	return 0;
}

/* A real ClientHello's record in link.up; offsets in it that are the same for all. */
enum {
	AT_TYPE = 0,
	AT_RECORD_VERSION = 1,
	AT_RECORD_LEN = 3,
	AT_MESSAGE = 5,
	AT_MESSAGE_LEN = 6,
	AT_VERSION = 9,
	AT_SESSION_LEN = 43
};

static void hello(int max_version)
{
	link_open(&link, set,
		&(struct tls_client_options){.cert = &world.device, .max_version = max_version},
		false);
	tls_client_handshake(&link.client);
	link_up(&link);
	assert_int_equal(link.up.data[AT_TYPE], 22);
	assert_int_equal(link.up.data[AT_MESSAGE], 1);
}

static uint32_t get16(uint32_t at)
{
	return (uint32_t)link.up.data[at] << 8 | link.up.data[at + 1];
}

static void set16(uint32_t at, uint32_t v)
{
	link.up.data[at] = (uint8_t)(v >> 8);
	link.up.data[at + 1] = (uint8_t)v;
}

static uint32_t ciphers_at(void)
{
	return AT_SESSION_LEN + 1u + link.up.data[AT_SESSION_LEN];
}

static uint32_t extensions_at(void)
{
	uint32_t at = ciphers_at();

	at += 2 + get16(at);
	return at + 1 + link.up.data[at];
}

/* Where an extension begins (its type); the test fails where there is none. */
static uint32_t extension_at(uint32_t type)
{
	uint32_t at = extensions_at() + 2;

	while (at + 4 <= link.up.tail && get16(at) != type)
		at += 4 + get16(at + 2);
	assert_true(at + 4 <= link.up.tail);
	return at;
}

/* The server answers with this alert, and the connection has failed for this reason. */
static void expect_alert(int alert, enum refusal_reason reason)
{
	struct tls_failure f;
	uint32_t at = 0;

	assert_int_equal(tls_conn_handshake(link.server), TLS_FAILED);
	tls_conn_failure(link.server, &f);
	assert_string_equal(refusal_reason_slug(f.reason), refusal_reason_slug(reason));
	/* The last record is the alert. */
	while (at + 5 + (link.down.data[at + 3] << 8 | link.down.data[at + 4]) < link.down.tail)
		at += 5u + (uint32_t)(link.down.data[at + 3] << 8 | link.down.data[at + 4]);
	assert_int_equal(link.down.data[at], 21);
	assert_int_equal(link.down.data[at + 5], 2); /* fatal */
	assert_int_equal(link.down.data[at + 6], alert);
	link_close(&link);
}

static void other_messages_first(void **state)
{
	static const uint8_t types[] = {0, 2, 4, 8, 11, 12, 13, 14, 15, 16, 20, 24, 255};

	(void)state;
	for (unsigned i = 0; i < sizeof(types); i++) {
		hello(0);
		link.up.data[AT_MESSAGE] = types[i];
		expect_alert(SSL_AD_UNEXPECTED_MESSAGE, REFUSAL_protocol_error);
	}
}

static void other_records_first(void **state)
{
	static const uint8_t types[] = {20, 23};

	(void)state;
	for (unsigned i = 0; i < sizeof(types); i++) {
		hello(0);
		link.up.data[AT_TYPE] = types[i];
		expect_alert(SSL_AD_UNEXPECTED_MESSAGE, REFUSAL_protocol_error);
	}
}

static void a_record_that_is_too_long(void **state)
{
	static const uint32_t lengths[] = {20000, 40000, 65535};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		hello(0);
		set16(AT_RECORD_LEN, lengths[i]);
		expect_alert(SSL_AD_RECORD_OVERFLOW, REFUSAL_protocol_error);
	}
}

static void a_message_that_is_too_long(void **state)
{
	(void)state;
	hello(0);
	link.up.data[AT_MESSAGE_LEN] = 0xff;
	expect_alert(SSL_AD_ILLEGAL_PARAMETER, REFUSAL_protocol_error);
}

static void old_versions(void **state)
{
	/* SSL 3.0 has no alert protocol_version (RFC 6101 section 5.4.2). */
	static const struct {
		uint32_t version;
		int alert;
	} v[] = {{0x0300, SSL_AD_HANDSHAKE_FAILURE}, {0x0301, SSL_AD_PROTOCOL_VERSION},
		{0x0302, SSL_AD_PROTOCOL_VERSION}};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		hello(TLS1_2_VERSION);
		set16(AT_VERSION, v[i].version);
		expect_alert(v[i].alert, REFUSAL_tls_version);
	}
}

static void lengths_that_do_not_fit(void **state)
{
	(void)state;
	hello(0);
	link.up.data[AT_SESSION_LEN] = 33; /* RFC 8446 section 4.1.2: 32 at most */
	expect_alert(SSL_AD_DECODE_ERROR, REFUSAL_protocol_error);
	hello(0);
	set16(ciphers_at(), 0xffff);
	expect_alert(SSL_AD_DECODE_ERROR, REFUSAL_protocol_error);
	hello(0);
	set16(extensions_at(), get16(extensions_at()) + 1);
	expect_alert(SSL_AD_DECODE_ERROR, REFUSAL_protocol_error);
	hello(0);
	set16(extensions_at(), get16(extensions_at()) - 1);
	expect_alert(SSL_AD_DECODE_ERROR, REFUSAL_protocol_error);
}

static void extensions_that_do_not_fit(void **state)
{
	/* supported_groups, signature_algorithms, key_share */
	static const uint32_t types[] = {10, 13, 51};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		uint32_t at;

		hello(0);
		at = extension_at(types[i]);
		link.up.data[at + 4]++; /* the list within is longer than the extension */
		expect_alert(SSL_AD_DECODE_ERROR, REFUSAL_protocol_error);
	}
}

static void an_extension_that_comes_twice(void **state)
{
	(void)state;
	hello(0);
	set16(extension_at(13), 10); /* two of supported_groups */
	expect_alert(SSL_AD_ILLEGAL_PARAMETER, REFUSAL_protocol_error);
}

static void compression_without_none(void **state)
{
	uint32_t at;

	(void)state;
	hello(TLS1_2_VERSION);
	at = ciphers_at();
	at += 2 + get16(at);
	assert_int_equal(link.up.data[at], 1);
	link.up.data[at + 1] = 1; /* DEFLATE alone */
	expect_alert(SSL_AD_ILLEGAL_PARAMETER, REFUSAL_protocol_error);
}

static void compression_in_tls_1_3(void **state)
{
	uint32_t at;

	(void)state;
	hello(0);
	at = ciphers_at();
	at += 2 + get16(at);
	link.up.data[at + 1] = 1;
	expect_alert(SSL_AD_ILLEGAL_PARAMETER, REFUSAL_protocol_error);
}

static void versions_that_are_no_list(void **state)
{
	(void)state;
	hello(0);
	link.up.data[extension_at(43) + 4] = 0;
	expect_alert(SSL_AD_DECODE_ERROR, REFUSAL_protocol_error);
	hello(0);
	link.up.data[extension_at(43) + 4]--;
	expect_alert(SSL_AD_DECODE_ERROR, REFUSAL_protocol_error);
}

static void points_that_are_all_compressed(void **state)
{
	uint32_t at;

	(void)state;
	hello(TLS1_2_VERSION);
	at = extension_at(11);
	memset(link.up.data + at + 5, 1, link.up.data[at + 4]);
	expect_alert(SSL_AD_ILLEGAL_PARAMETER, REFUSAL_protocol_error); /* RFC 8422 section 5.1.2 */
}

/* RFC 8446 section 9.2; what is not there is renamed to something unknown. */
static void extensions_that_must_be_there(void **state)
{
	static const uint32_t types[] = {10, 13, 51};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		hello(0);
		set16(extension_at(types[i]), 0x7777);
		expect_alert(SSL_AD_MISSING_EXTENSION, REFUSAL_protocol_error);
	}
}

static void what_is_no_tls(void **state)
{
	static const char *const texts[] = {"GET / HTTP/1.0\r\n\r\n", "<13>a log in the clear\n"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		hello(0);
		memcpy(link.up.data, texts[i], strlen(texts[i]));
		assert_int_equal(tls_conn_handshake(link.server), TLS_FAILED);
		link_close(&link);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_messages_first),
		cmocka_unit_test(other_records_first),
		cmocka_unit_test(a_record_that_is_too_long),
		cmocka_unit_test(a_message_that_is_too_long),
		cmocka_unit_test(old_versions),
		cmocka_unit_test(lengths_that_do_not_fit),
		cmocka_unit_test(extensions_that_do_not_fit),
		cmocka_unit_test(an_extension_that_comes_twice),
		cmocka_unit_test(compression_without_none),
		cmocka_unit_test(compression_in_tls_1_3),
		cmocka_unit_test(versions_that_are_no_list),
		cmocka_unit_test(points_that_are_all_compressed),
		cmocka_unit_test(extensions_that_must_be_there),
		cmocka_unit_test(what_is_no_tls),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
