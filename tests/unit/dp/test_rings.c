/*
 * The whole data plane on ring ports: UDP and TCP logs in, durable and accounted for, read back
 * byte for byte. Run as `test_rings one|apart|many busy|adaptive`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/framing/framing.h"
#include "dataplane/journal/reader.h"
#include "dataplane/ledger/account.h"
#include "tests/unit/dp/rig.h"

#define UDP_LOGS 3000u
#define TCP_LOGS 3000u

static struct rig rig;
static struct rig_options options;
static uint64_t sent;

static int start(void **state)
{
	(void)state;
	rig_start(&rig, &options);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	if (rig.dp)
		rig_stop(&rig);
	rig_clean(&rig);
	return 0;
}

static int line(char *to, size_t size, const char *who, unsigned i)
{
	return snprintf(to, size,
		"<189>date=2026-11-21 time=10:00:00 devid=\"FGT%s\" vd=\"root\" n=%u %.*s", who, i,
		(int)(i % 700),
		"................................................................"
		"................................................................................"
		"................................................................................"
		"................................................................................"
		"................................................................................"
		"................................................................................"
		"................................................................................"
		"................................................................................"
		"................................................................................");
}

static void udp_logs_become_durable(void **state)
{
	char log[2048];
	struct dp_account a;

	(void)state;
	for (unsigned i = 0; i < UDP_LOGS; i++) {
		int n = line(log, sizeof(log), "U", i);

		rig_udp(&rig, (uint8_t)(10 + i % 5), 5000, 514, log, (uint32_t)n);
	}
	sent += UDP_LOGS;
	rig_wait_stored(&rig, sent);
	assert_true(dp_account_get(rig.dp, "192.0.2.10", &a));
	assert_int_equal(a.received, UDP_LOGS / 5);
	assert_int_equal(a.stored, UDP_LOGS / 5);
	rig_check_equations(&rig);
}

static void lines_and_counted_frames_over_tcp(void **state)
{
	char log[2048], framed[2100];
	struct rig_tcp lines, counted;

	(void)state;
	rig_tcp_open(&rig, &lines, 20, 4000, 514);
	rig_tcp_open(&rig, &counted, 21, 4001, 514);
	for (unsigned i = 0; i < TCP_LOGS / 2; i++) {
		int n, k;

		line(log, sizeof(log), "L", i);
		k = snprintf(framed, sizeof(framed), "%s\n", log);

		assert_true(rig_tcp_send(&rig, &lines, framed, (uint32_t)k));
		n = line(log, sizeof(log), "C", i);
		k = snprintf(framed, sizeof(framed), "%d %s", n, log);
		assert_true(rig_tcp_send(&rig, &counted, framed, (uint32_t)k));
	}
	rig_tcp_close(&rig, &lines);
	rig_tcp_close(&rig, &counted);
	rig_tcp_end(&rig, &lines);
	rig_tcp_end(&rig, &counted);
	sent += TCP_LOGS;
	rig_wait_stored(&rig, sent);
	rig_check_equations(&rig);
}

static void a_dribbler_is_served(void **state)
{
	static const char log[] = "<13>one byte at a time\n<13>and a last line without its newline";
	struct rig_tcp c;

	(void)state;
	rig_tcp_open(&rig, &c, 22, 4002, 514);
	for (size_t i = 0; i < sizeof(log) - 1; i++)
		assert_true(rig_tcp_send(&rig, &c, log + i, 1));
	rig_tcp_close(&rig, &c);
	rig_tcp_end(&rig, &c);
	sent += 2;
	rig_wait_stored(&rig, sent);
}

static void tls_and_oftp_are_refused_and_counted(void **state)
{
	static const uint8_t hello[16] = {0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3};
	uint64_t before[REFUSAL_REASON_COUNT], after[REFUSAL_REASON_COUNT];
	struct rig_tcp c;

	(void)state;
	dp_refusals(rig.dp, before);
	rig_tcp_open(&rig, &c, 23, 4003, 514);
	rig_tcp_send(&rig, &c, hello, sizeof(hello));
	while (!c.reset)
		rig_pump(&rig);
	rig_tcp_end(&rig, &c);
	dp_refusals(rig.dp, after);
	assert_int_equal(after[REFUSAL_protocol_error], before[REFUSAL_protocol_error] + 1);
}

static void a_broken_count_closes_with_a_counter(void **state)
{
	uint64_t before[REFUSAL_REASON_COUNT], after[REFUSAL_REASON_COUNT];
	struct rig_tcp c;

	(void)state;
	dp_refusals(rig.dp, before);
	rig_tcp_open(&rig, &c, 24, 4004, 514);
	rig_tcp_send(&rig, &c, "5 <13>a999999999 <13>", 21);
	while (!c.reset)
		rig_pump(&rig);
	rig_tcp_end(&rig, &c);
	sent += 1;
	rig_wait_stored(&rig, sent);
	dp_refusals(rig.dp, after);
	assert_int_equal(after[REFUSAL_protocol_error], before[REFUSAL_protocol_error] + 1);
}

static void a_silent_session_is_ended(void **state)
{
	uint64_t before[REFUSAL_REASON_COUNT], after[REFUSAL_REASON_COUNT];
	struct dp_config cfg;
	struct rig_tcp c;

	(void)state;
	dp_refusals(rig.dp, before);
	rig_tcp_open(&rig, &c, 26, 4006, 514);
	dp_config_defaults(&cfg);
	cfg.policy.idle_timeout_us = 1;
	dp_policy_publish(rig.dp, &cfg.policy);
	while (!c.reset)
		rig_pump(&rig);
	rig_tcp_end(&rig, &c);
	dp_config_defaults(&cfg);
	dp_policy_publish(rig.dp, &cfg.policy);
	dp_refusals(rig.dp, after);
	assert_int_equal(after[REFUSAL_idle_timeout], before[REFUSAL_idle_timeout] + 1);
}

static void a_session_that_a_new_policy_forbids_ends(void **state)
{
	uint64_t before[REFUSAL_REASON_COUNT], after[REFUSAL_REASON_COUNT];
	struct dp_config cfg;
	struct rig_tcp c;

	(void)state;
	dp_refusals(rig.dp, before);
	rig_tcp_open(&rig, &c, 27, 4007, 514);
	assert_true(rig_tcp_send(&rig, &c, "<13>while it may\n", 17));
	sent += 1;
	rig_wait_stored(&rig, sent);
	dp_config_defaults(&cfg);
	cfg.policy.allow_count = 1;
	ip_addr_parse(&cfg.policy.allow[0].addr, "192.0.2.10");
	cfg.policy.allow[0].len = 128;
	dp_policy_publish(rig.dp, &cfg.policy);
	while (!c.reset)
		rig_pump(&rig);
	rig_tcp_end(&rig, &c);
	dp_config_defaults(&cfg);
	dp_policy_publish(rig.dp, &cfg.policy);
	dp_refusals(rig.dp, after);
	assert_int_equal(
		after[REFUSAL_address_not_allowed], before[REFUSAL_address_not_allowed] + 1);
}

static void take_idle_detail(void *ctx, const struct auth_event *ev)
{
	char *detail = ctx;

	if (ev->kind == AUTH_EV_REFUSED && ev->reason == REFUSAL_idle_timeout)
		memcpy(detail, ev->detail, sizeof(ev->detail));
}

static void a_log_that_does_not_end_ends_its_session_and_is_kept_as_a_part(void **state)
{
	char detail[AUTH_TEXT] = "";
	struct dp_config cfg;
	struct rig_tcp c;

	(void)state;
	while (dp_auth_events(rig.dp, 16, take_idle_detail, detail) > 0)
		; /* those of before */
	rig_tcp_open(&rig, &c, 28, 4008, 514);
	assert_true(rig_tcp_send(&rig, &c, "<13>half a l", 12));
	dp_config_defaults(&cfg);
	cfg.policy.unfinished_timeout_us = 1;
	dp_policy_publish(rig.dp, &cfg.policy);
	while (!c.reset)
		rig_pump(&rig);
	rig_tcp_end(&rig, &c);
	dp_config_defaults(&cfg);
	dp_policy_publish(rig.dp, &cfg.policy);
	sent += 1;
	rig_wait_stored(&rig, sent);
	detail[0] = '\0';
	while (!detail[0])
		dp_auth_events(rig.dp, 16, take_idle_detail, detail);
	assert_string_equal(detail, "a log that began did not end");
}

struct found {
	uint64_t id;
	bool seen;
};

static void find_session(void *ctx, const struct dp_session_info *s)
{
	struct found *f = ctx;

	if (s->flow.src_port != 4005)
		return;
	f->id = s->id;
	f->seen = true;
	assert_string_equal(s->device, "192.0.2.25");
	assert_string_equal(s->kind, "lines");
}

static void a_session_is_listed_and_killed(void **state)
{
	struct found f = {0};
	struct rig_tcp c;

	(void)state;
	rig_tcp_open(&rig, &c, 25, 4005, 514);
	rig_tcp_send(&rig, &c, "<13>hello\n", 10);
	sent += 1;
	rig_wait_stored(&rig, sent);
	assert_int_equal(dp_sessions(rig.dp, find_session, &f), 0);
	assert_true(f.seen);
	assert_int_equal(dp_session_kill(rig.dp, f.id), 0);
	while (!c.reset)
		rig_pump(&rig);
	assert_int_equal(dp_session_kill(rig.dp, f.id), -1);
	rig_tcp_end(&rig, &c);
}

static void a_new_policy_takes_effect(void **state)
{
	struct dp_config cfg;
	struct dp_account a;

	(void)state;
	dp_config_defaults(&cfg);
	cfg.policy.allow_count = 1;
	ip_prefix_parse(&cfg.policy.allow[0].addr, &(unsigned){0}, "192.0.2.10");
	cfg.policy.allow[0].len = 128;
	dp_policy_publish(rig.dp, &cfg.policy);
	rig_udp(&rig, 11, 5000, 514, "<13>no", 6);
	rig_udp(&rig, 10, 5000, 514, "<13>yes", 7);
	sent += 1;
	rig_wait_frames(&rig);
	rig_wait_stored(&rig, sent);
	assert_true(dp_account_get(rig.dp, DEVICE_OTHER_NAME, &a));
	assert_int_equal(a.dropped[DROP_unknown_source], 1);
	dp_config_defaults(&cfg);
	dp_policy_publish(rig.dp, &cfg.policy);
	rig_check_equations(&rig);
}

static void trusted_relays_speak_for_devices_and_long_logs_are_cut(void **state)
{
	struct dp_config cfg;
	struct dp_account a;

	(void)state;
	dp_config_defaults(&cfg);
	cfg.policy.trust_devid_count = 1;
	ip_addr_parse(&cfg.policy.trust_devid[0].addr, "192.0.2.30");
	cfg.policy.trust_devid[0].len = 128;
	cfg.policy.message_size = 64;
	dp_policy_publish(rig.dp, &cfg.policy);
	rig_udp(&rig, 30, 5000, 514,
		"<189>date=2026-11-21 devid=\"FGT60F0000000001\" vd=\"root\" "
		"this goes on past sixty-four bytes",
		90);
	sent += 1;
	rig_wait_stored(&rig, sent);
	assert_true(dp_account_get(rig.dp, "FGT60F0000000001", &a));
	assert_int_equal(a.stored, 1);
	assert_int_equal(a.cut, 1);
	dp_config_defaults(&cfg);
	dp_policy_publish(rig.dp, &cfg.policy);
}

/* Each by two relays, whose logs may be on two lcores. */
static void more_devices_are_added_up_than_are_looked_at_at_once(void **state)
{
	const unsigned many = 600;
	struct dp_account a, before;
	struct dp_config cfg;
	char log[64];

	(void)state;
	dp_config_defaults(&cfg);
	cfg.policy.trust_devid_count = 1;
	ip_prefix_parse(&cfg.policy.trust_devid[0].addr, &(unsigned){0}, "192.0.2.0");
	cfg.policy.trust_devid[0].len = 96 + 24;
	dp_policy_publish(rig.dp, &cfg.policy);
	dp_account_total(rig.dp, &before);
	for (unsigned i = 0; i < 2 * many; i++) {
		int n = snprintf(log, sizeof(log), "<189>devid=\"FGTMANY%05u\" x", i % many);

		rig_udp(&rig, i < many ? 31 : 32, 5000, 514, log, (uint32_t)n);
	}
	sent += 2 * many;
	rig_wait_stored(&rig, sent);
	dp_account_total(rig.dp, &a);
	assert_int_equal(a.received, before.received + 2 * many);
	for (unsigned i = 0; i < many; i += many - 1) {
		snprintf(log, sizeof(log), "FGTMANY%05u", i);
		assert_true(dp_account_get(rig.dp, log, &a));
		assert_string_equal(a.device, log);
		assert_int_equal(a.received, 2);
		assert_int_equal(a.stored, 2);
	}
	assert_false(dp_account_get(rig.dp, "FGTMANY00600", &a));
	dp_config_defaults(&cfg);
	dp_policy_publish(rig.dp, &cfg.policy);
	rig_check_equations(&rig);
}

static void own_events_are_a_device(void **state)
{
	struct dp_account a;

	(void)state;
	assert_true(dp_own_log(rig.dp, "event=test", 10));
	for (;;) {
		dp_control_round(rig.dp, UINT64_MAX / 2);
		if (dp_account_get(rig.dp, "sluice", &a) && a.stored == 1)
			break;
	}
	sent += 1;
}

static unsigned number_of(const struct journal_log *log)
{
	char text[64] = {0};
	const char *n = memmem(log->log, log->len, " n=", 3);

	assert_non_null(n);
	memcpy(text, n + 3, 10);
	return (unsigned)strtoul(text, NULL, 10);
}

static void all_is_read_back_byte_for_byte_after_the_stop(void **state)
{
	struct journal_query q = {.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED};
	struct journal_fault fault = {0};
	struct journal_reader *reader;
	unsigned next_line = 0, next_counted = 0;
	struct journal_log log;
	uint64_t logs = 0, parts = 0;
	char want[2048];
	int rc;

	(void)state;
	rig_stop(&rig);
	assert_int_equal(journal_reader_open(rig.dir, &q, &reader, &fault), JOURNAL_OK);
	while ((rc = journal_reader_next(reader, &log)) == 1) {
		const char *who = NULL;
		unsigned n;

		logs++;
		if (memmem(log.log, log.len, "\"FGTU\"", 6))
			who = "U";
		else if (memmem(log.log, log.len, "\"FGTL\"", 6))
			who = "L";
		else if (memmem(log.log, log.len, "\"FGTC\"", 6))
			who = "C";
		if (!who) {
			if (log.len == 12 && memcmp(log.log, "<13>half a l", 12) == 0)
				parts += (log.flags & LOG_FLAG_PARTIAL) != 0;
			continue;
		}
		n = number_of(&log);
		assert_int_equal(log.len, line(want, sizeof(want), who, n));
		assert_memory_equal(log.log, want, log.len);
		if (who[0] == 'L')
			assert_int_equal(n, next_line++); /* order is kept within a connection */
		if (who[0] == 'C')
			assert_int_equal(n, next_counted++);
		assert_int_equal(log.vdom_len, 4);
		assert_memory_equal(log.vdom, "root", 4);
	}
	assert_int_equal(rc, 0);
	assert_int_equal(logs, sent);
	assert_int_equal(next_line, TCP_LOGS / 2);
	assert_int_equal(parts, 1);
	journal_reader_close(reader);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(udp_logs_become_durable),
		cmocka_unit_test(lines_and_counted_frames_over_tcp),
		cmocka_unit_test(a_dribbler_is_served),
		cmocka_unit_test(tls_and_oftp_are_refused_and_counted),
		cmocka_unit_test(a_broken_count_closes_with_a_counter),
		cmocka_unit_test(a_silent_session_is_ended),
		cmocka_unit_test(a_session_that_a_new_policy_forbids_ends),
		cmocka_unit_test(a_log_that_does_not_end_ends_its_session_and_is_kept_as_a_part),
		cmocka_unit_test(a_session_is_listed_and_killed),
		cmocka_unit_test(a_new_policy_takes_effect),
		cmocka_unit_test(trusted_relays_speak_for_devices_and_long_logs_are_cut),
		cmocka_unit_test(more_devices_are_added_up_than_are_looked_at_at_once),
		cmocka_unit_test(own_events_are_a_device),
		cmocka_unit_test(all_is_read_back_byte_for_byte_after_the_stop),
	};

	if (argc != 3) {
		fprintf(stderr, "usage: %s one|apart|many busy|adaptive\n", argv[0]);
		return 2;
	}
	options.lcores = rig_lcores_named(argv[1]);
	options.busy = strcmp(argv[2], "busy") == 0;
	return cmocka_run_group_tests(tests, start, stop);
}
