/* Who may log in the clear, and how fast: unknown-source, the registry, relays, rates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "dataplane/ledger/account.h"
#include "tests/unit/dp/rig.h"

static struct rig rig;
static struct dp_config cfg;
static struct auth_device devices[4];
static unsigned devices_count;
static struct auth_event last;
static unsigned told;
static uint64_t stored;

static void publish(void)
{
	char err[128];

	cfg.policy.auth = auth_snapshot_new(
		devices, devices_count, "[A-Z0-9-]{8,24}", false, err, sizeof(err));
	assert_non_null(cfg.policy.auth);
	dp_policy_publish(rig.dp, &cfg.policy);
	auth_snapshot_unref(cfg.policy.auth);
}

static void set_device(const char *name, enum auth_state state, uint32_t rate)
{
	unsigned i = 0;

	while (i < devices_count && strcmp(devices[i].serial, name) != 0)
		i++;
	if (i == devices_count)
		devices_count++;
	snprintf(devices[i].serial, sizeof(devices[i].serial), "%s", name);
	devices[i].state = (uint8_t)state;
	devices[i].rate = rate;
}

static void take_event(void *ctx, const struct auth_event *ev)
{
	(void)ctx;
	last = *ev;
	told++;
}

static int begin(void **state)
{
	(void)state;
	dp_config_defaults(&cfg);
	memset(devices, 0, sizeof(devices));
	devices_count = 0;
	while (dp_auth_events(rig.dp, 8, take_event, NULL) > 0)
		;
	return 0;
}

static struct dp_account account(const char *device)
{
	struct dp_account a = {0};

	dp_account_get(rig.dp, device, &a);
	return a;
}

static void send_udp(uint8_t host, const char *log)
{
	rig_udp(&rig, host, 4000, 514, log, (uint32_t)strlen(log));
	rig_wait_frames(&rig);
}

static void a_denied_address_is_not_heard(void **state)
{
	struct rig_tcp c;

	(void)state;
	set_device("192.0.2.30", AUTH_DENIED, 0);
	publish();
	send_udp(30, "<13>denied");
	assert_int_equal(account("192.0.2.30").dropped[DROP_unauthorized], 1);
	rig_tcp_open(&rig, &c, 30, 4100, 514);
	rig_tcp_send(&rig, &c, "<13>denied too\n", 15);
	while (!c.peer_fin && !c.reset)
		rig_pump(&rig);
	rig_tcp_end(&rig, &c);
	while (dp_auth_events(rig.dp, 1, take_event, NULL) == 0)
		rig_pump(&rig);
	assert_int_equal(last.reason, REFUSAL_denied);
	assert_int_equal(account("192.0.2.30").received, 1);
	rig_check_equations(&rig);
}

static void unknown_sources_are_dropped_where_that_is_asked_for(void **state)
{
	uint64_t before = account(DEVICE_OTHER_NAME).dropped[DROP_unknown_source];

	(void)state;
	cfg.policy.unknown_source = DP_UNKNOWN_DROP;
	set_device("192.0.2.31", AUTH_AUTHORIZED, 0);
	publish();
	send_udp(31, "<13>known");
	send_udp(32, "<13>unknown");
	stored++;
	rig_wait_stored(&rig, stored);
	assert_int_equal(account("192.0.2.31").stored, 1);
	assert_int_equal(account("192.0.2.32").received, 0); /* it has no account */
	assert_int_equal(account(DEVICE_OTHER_NAME).dropped[DROP_unknown_source], before + 1);
	rig_check_equations(&rig);
}

static void an_unknown_source_may_wait_until_it_is_known(void **state)
{
	struct rig_tcp c;

	(void)state;
	cfg.policy.unknown_source = DP_UNKNOWN_PENDING;
	publish();
	told = 0;
	for (unsigned i = 0; i < 5; i++)
		send_udp(33, "<13>who is it");
	while (dp_auth_events(rig.dp, 8, take_event, NULL) > 0)
		;
	assert_int_equal(told, 1); /* once, however often it comes */
	assert_int_equal(last.kind, AUTH_EV_PENDING);
	assert_string_equal(last.serial, "192.0.2.33");

	rig_tcp_open(&rig, &c, 33, 4101, 514);
	rig_tcp_send(&rig, &c, "<13>kept\n", 9);
	do
		rig_pump(&rig);
	while (dp_auth_events(rig.dp, 1, take_event, NULL) == 0);
	assert_int_equal(last.kind, AUTH_EV_PENDING);
	set_device("192.0.2.33", AUTH_AUTHORIZED, 0);
	publish();
	send_udp(33, "<13>now by UDP too");
	stored += 2;
	rig_wait_stored(&rig, stored);
	assert_int_equal(account("192.0.2.33").stored, 2);

	devices_count = 0; /* forgotten: its session ends */
	publish();
	while (!c.reset)
		rig_pump(&rig);
	rig_tcp_end(&rig, &c);
	rig_check_equations(&rig);
}

static void wait_event(enum auth_event_kind kind, const char *serial)
{
	do
		rig_pump(&rig);
	while (dp_auth_events(rig.dp, 1, take_event, NULL) == 0 || last.kind != kind);
	assert_string_equal(last.serial, serial);
}

/* By its address, as by a certificate: whether it waited or not. */
static void a_registered_address_is_up_while_it_is_connected(void **state)
{
	struct rig_tcp c, stranger;

	(void)state;
	set_device("192.0.2.42", AUTH_AUTHORIZED, 0);
	publish();
	rig_tcp_open(&rig, &stranger, 43, 4111, 514);
	rig_tcp_send(&rig, &stranger, "<13>nobody\n", 11);
	stored++;
	rig_wait_stored(&rig, stored);
	rig_tcp_open(&rig, &c, 42, 4112, 514);
	rig_tcp_send(&rig, &c, "<13>here\n", 9);
	told = 0;
	wait_event(AUTH_EV_UP, "192.0.2.42");
	assert_int_equal(told, 1); /* of the stranger nothing */
	stored++;
	rig_wait_stored(&rig, stored);
	rig_tcp_close(&rig, &c);
	wait_event(AUTH_EV_DOWN, "192.0.2.42");
	rig_tcp_end(&rig, &c);
	rig_tcp_close(&rig, &stranger);
	rig_tcp_end(&rig, &stranger);
	rig_check_equations(&rig);
}

static void who_waits_is_let_in_or_sent_away_when_the_rule_changes(void **state)
{
	struct rig_tcp c;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		bool accept = i == 0;

		cfg.policy.unknown_source = DP_UNKNOWN_PENDING;
		cfg.policy.pending_hold_us = 3600000000;
		publish();
		rig_tcp_open(&rig, &c, 40, (uint16_t)(4106 + i), 514);
		rig_tcp_send(&rig, &c, "<13>waits\n", 10);
		do
			rig_pump(&rig);
		while (dp_auth_events(rig.dp, 1, take_event, NULL) == 0 ||
			last.kind != AUTH_EV_PENDING);
		assert_int_equal(account("192.0.2.40").stored, i);
		cfg.policy.unknown_source = accept ? DP_UNKNOWN_ACCEPT : DP_UNKNOWN_DROP;
		publish();
		if (accept) {
			stored++;
			rig_wait_stored(&rig, stored);
			rig_tcp_close(&rig, &c);
		}
		while (!c.reset && !c.peer_fin)
			rig_pump(&rig);
		rig_tcp_end(&rig, &c);
	}
	assert_int_equal(account("192.0.2.40").stored, 1);
	rig_check_equations(&rig);
}

static void nothing_of_one_that_was_not_let_in_is_stored(void **state)
{
	struct dp_account before, after;
	struct rig_tcp c;

	(void)state;
	cfg.policy.unknown_source = DP_UNKNOWN_PENDING;
	cfg.policy.pending_hold_us = 50000;
	publish();
	dp_account_total(rig.dp, &before);
	rig_tcp_open(&rig, &c, 39, 4104, 514);
	rig_tcp_send(&rig, &c, "<13>not to be kept\n", 19);
	while (!c.reset)
		rig_pump(&rig);
	rig_tcp_end(&rig, &c);
	rig_tcp_open(&rig, &c, 39, 4105, 514);
	rig_tcp_send(&rig, &c, "<13>nor this\n", 13);
	rig_tcp_close(&rig, &c);
	while (!c.reset)
		rig_pump(&rig);
	rig_tcp_end(&rig, &c);
	dp_account_total(rig.dp, &after);
	assert_int_equal(after.received, before.received);
	rig_check_equations(&rig);
}

static void behind_a_relay_each_device_is_asked_for(void **state)
{
	static const char logs[] = "<13>devid=\"FGT00000000A\" n=1\n"
				   "<13>devid=\"FGT00000000B\" n=2\n"
				   "<13>devid=\"FGT00000000C\" n=3\n";
	struct rig_tcp c;

	(void)state;
	cfg.policy.unknown_source = DP_UNKNOWN_DROP;
	cfg.policy.trust_devid_count = 1;
	ip_addr_parse(&cfg.policy.trust_devid[0].addr, "192.0.2.34");
	cfg.policy.trust_devid[0].len = 128;
	set_device("FGT00000000A", AUTH_AUTHORIZED, 0);
	set_device("FGT00000000B", AUTH_DENIED, 0);
	publish();
	rig_tcp_open(&rig, &c, 34, 4102, 514);
	rig_tcp_send(&rig, &c, logs, sizeof(logs) - 1);
	rig_tcp_close(&rig, &c);
	rig_tcp_end(&rig, &c);
	stored++;
	rig_wait_stored(&rig, stored);
	assert_int_equal(account("FGT00000000A").stored, 1);
	assert_int_equal(account("FGT00000000B").dropped[DROP_unauthorized], 1);
	assert_int_equal(account("FGT00000000C").received, 0);
	/* Behind a NAT that is no relay, what a log says of its device is worth nothing. */
	cfg.policy.unknown_source = DP_UNKNOWN_ACCEPT;
	publish();
	send_udp(35, "<13>devid=\"FGT00000000A\" n=4");
	stored++;
	rig_wait_stored(&rig, stored);
	assert_int_equal(account("192.0.2.35").stored, 1);
	assert_int_equal(account("FGT00000000A").stored, 1);
	rig_check_equations(&rig);
}

static void a_device_has_its_rate_and_no_more(void **state)
{
	struct dp_account a;
	struct rig_tcp c;

	(void)state;
	/* Less than one a second: what is taken in advance is all, while the test runs. */
	set_device("192.0.2.36", AUTH_AUTHORIZED, 1);
	publish();
	for (unsigned i = 0; i < 50; i++)
		rig_udp(&rig, 36, 4000, 514, "<13>fast", 8);
	rig_wait_frames(&rig);
	a = account("192.0.2.36");
	assert_int_equal(a.received, 50);
	assert_in_range(a.dropped[DROP_rate_limit], 30, 49);
	stored += 50 - a.dropped[DROP_rate_limit];
	rig_wait_stored(&rig, stored);

	/* TCP is held up instead: nothing of it is lost, and others are not kept waiting. */
	set_device("192.0.2.37", AUTH_AUTHORIZED, 200);
	publish();
	rig_tcp_open(&rig, &c, 37, 4103, 514);
	for (unsigned i = 0; i < 300; i++)
		rig_tcp_send(&rig, &c, "<13>slow\n", 9);
	send_udp(38, "<13>another");
	stored += 301;
	rig_wait_stored(&rig, stored);
	a = account("192.0.2.37");
	assert_int_equal(a.stored, 300);
	assert_int_equal(a.dropped[DROP_rate_limit], 0);
	rig_tcp_close(&rig, &c);
	rig_tcp_end(&rig, &c);
	rig_check_equations(&rig);
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Over as many connections as it likes, it has its rate once. */
static void it_has_its_rate_once_over_all_its_connections(void **state)
{
	double begin_s = now_s();
	struct rig_tcp c[2];
	struct dp_account a;

	(void)state;
	set_device("192.0.2.41", AUTH_AUTHORIZED, 100);
	publish();
	for (unsigned k = 0; k < 2; k++) {
		rig_tcp_open(&rig, &c[k], 41, (uint16_t)(4110 + k), 514);
		for (unsigned i = 0; i < 100; i++)
			rig_tcp_send(&rig, &c[k], "<13>by TCP\n", 11);
	}
	a = account("192.0.2.41");
	/* A second's worth in advance, then by the time that has gone by. */
	assert_true((double)a.received <= 100 * (1 + now_s() - begin_s) + 1);
	stored += 200;
	rig_wait_stored(&rig, stored);
	for (unsigned k = 0; k < 2; k++) {
		rig_tcp_close(&rig, &c[k]);
		rig_tcp_end(&rig, &c[k]);
	}
	rig_check_equations(&rig);
}

/* Anybody can write its address into datagrams: they use up the datagrams' rate. */
static void forged_datagrams_leave_its_stream_its_rate(void **state)
{
	struct dp_account a;
	struct rig_tcp c;

	(void)state;
	set_device("192.0.2.48", AUTH_AUTHORIZED, 100);
	publish();
	rig_use_up(&rig, "192.0.2.48", RATE_DATAGRAM);
	send_udp(48, "<13>by UDP");
	rig_tcp_open(&rig, &c, 48, 4113, 514);
	for (unsigned i = 0; i < 50; i++)
		rig_tcp_send(&rig, &c, "<13>by TCP\n", 11);
	stored += 50;
	rig_wait_stored(&rig, stored);
	a = account("192.0.2.48");
	assert_int_equal(a.stored, 50);
	assert_int_equal(a.dropped[DROP_rate_limit], 1);
	rig_tcp_close(&rig, &c);
	rig_tcp_end(&rig, &c);
	rig_check_equations(&rig);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_denied_address_is_not_heard, begin),
		cmocka_unit_test_setup(unknown_sources_are_dropped_where_that_is_asked_for, begin),
		cmocka_unit_test_setup(an_unknown_source_may_wait_until_it_is_known, begin),
		cmocka_unit_test_setup(a_registered_address_is_up_while_it_is_connected, begin),
		cmocka_unit_test_setup(
			who_waits_is_let_in_or_sent_away_when_the_rule_changes, begin),
		cmocka_unit_test_setup(nothing_of_one_that_was_not_let_in_is_stored, begin),
		cmocka_unit_test_setup(behind_a_relay_each_device_is_asked_for, begin),
		cmocka_unit_test_setup(a_device_has_its_rate_and_no_more, begin),
		cmocka_unit_test_setup(it_has_its_rate_once_over_all_its_connections, begin),
		cmocka_unit_test_setup(forged_datagrams_leave_its_stream_its_rate, begin),
	};
	struct rig_options options = {.lcores = RIG_ONE};
	int rc;

	if (argc != 2)
		return 2;
	options.lcores = rig_lcores_named(argv[1]);
	rig_start(&rig, &options);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	rig_stop(&rig);
	rig_clean(&rig);
	return rc;
}
