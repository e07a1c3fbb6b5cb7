/* The device registry by itself: decisions, facts in batches. Its methods: test_m_device.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/control/harness.h"

static struct registry *reg;
static struct devices dev;

static int make(void **state)
{
	char err[256];

	(void)state;
	assert_int_equal(registry_open(NULL, (uid_t)-1, (gid_t)-1, &reg, err, sizeof(err)), 0);
	assert_int_equal(devices_load(&dev, reg, 100), REGISTRY_OK);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	devices_free(&dev);
	registry_close(reg);
	return 0;
}

static struct auth_event about(const char *serial, enum auth_event_kind kind, uint64_t time_ns)
{
	struct auth_event ev = {.kind = (uint8_t)kind, .lcore = 3, .time_ns = time_ns};

	snprintf(ev.serial, sizeof(ev.serial), "%s", serial);
	ip_addr_parse(&ev.addr, "192.0.2.7");
	snprintf(ev.subject, sizeof(ev.subject), "/O=Fortinet/CN=%s", serial);
	snprintf(ev.issuer, sizeof(ev.issuer), "%s", "/CN=CA");
	snprintf(ev.fingerprint, sizeof(ev.fingerprint), "%s", "00");
	snprintf(ev.anchor, sizeof(ev.anchor), "%s", "ff");
	snprintf(ev.version, sizeof(ev.version), "%s", "FortiGate-VM64 v7.4.11");
	ev.not_after_s = 2000000000;
	return ev;
}

static void authorize(const char *serial)
{
	const struct device_row row = {.serial = serial, .state = AUTH_AUTHORIZED, .psk = ""};
	const struct audit_row audit = {.who = "w", .what = "device.authorize", .time_ns = 7};

	assert_int_equal(devices_decide(&dev, &row, &audit), REGISTRY_OK);
}

static void copy(void *ctx, const struct device_row *row)
{
	char *to = ctx;

	snprintf(to, 600,
		"%s %s up=%d since=%llu contact=%llu %s %s %s %s %s%s %lld refusal=%s %s %s",
		row->serial, auth_state_name(row->state), row->up,
		(unsigned long long)row->since_ns, (unsigned long long)row->contact_ns,
		row->address, row->version, row->subject, row->issuer, row->fingerprint,
		row->anchor, (long long)row->not_after_s, row->refusal, row->refusal_address,
		row->refusal_detail);
}

static void assert_row(const char *serial, const char *want)
{
	char row[600] = "";

	assert_int_equal(devices_flush(&dev), REGISTRY_OK);
	assert_int_equal(registry_device(reg, serial, copy, row), 1);
	assert_string_equal(row, want);
}

static void who_waits_is_registered_as_pending(void **state)
{
	struct auth_event ev = about("FGT-1", AUTH_EV_PENDING, 5);

	(void)state;
	assert_true(devices_event(&dev, &ev));
	assert_false(devices_event(&dev, &ev)); /* known by now */
	assert_int_equal(dev.by_state[AUTH_PENDING], 1);
	assert_row("FGT-1", "FGT-1 pending up=0 since=0 contact=5 192.0.2.7 FortiGate-VM64 v7.4.11 "
			    "/O=Fortinet/CN=FGT-1 /CN=CA 00ff 2000000000 refusal=  ");
}

static void up_and_down_with_since_when_over_several_lcores(void **state)
{
	struct auth_event ev = about("FGT-1", AUTH_EV_UP, 10);
	struct device *d;

	(void)state;
	authorize("FGT-1");
	devices_event(&dev, &ev);
	ev.lcore = 4;
	ev.time_ns = 11;
	devices_event(&dev, &ev);
	d = devices_find(&dev, "FGT-1");
	assert_true(d->lcores != 0);
	assert_int_equal(d->since_ns, 10);
	ev.kind = AUTH_EV_DOWN;
	ev.time_ns = 12;
	devices_event(&dev, &ev);
	assert_true(d->lcores != 0); /* one lcore still has a session */
	ev.lcore = 3;
	ev.time_ns = 13;
	devices_event(&dev, &ev);
	assert_true(d->lcores == 0);
	assert_row("FGT-1", "FGT-1 authorized up=0 since=13 contact=11 192.0.2.7 FortiGate-VM64 "
			    "v7.4.11 /O=Fortinet/CN=FGT-1 /CN=CA 00ff 2000000000 refusal=  ");
}

static void a_refusal_is_noted_and_leaves_the_rest(void **state)
{
	struct auth_event ev = about("FGT-1", AUTH_EV_UP, 10);

	(void)state;
	authorize("FGT-1");
	devices_event(&dev, &ev);
	devices_flush(&dev);
	/* Somebody elsewhere claims the serial, with a certificate of their own making. */
	ev = (struct auth_event){
		.kind = AUTH_EV_REFUSED, .reason = REFUSAL_wrong_ca, .time_ns = 12};
	snprintf(ev.serial, sizeof(ev.serial), "%s", "FGT-1");
	snprintf(ev.subject, sizeof(ev.subject), "%s", "/CN=evil");
	snprintf(ev.detail, sizeof(ev.detail), "%s", "self-signed certificate");
	ip_addr_parse(&ev.addr, "203.0.113.9");
	devices_event(&dev, &ev);
	assert_row("FGT-1",
		"FGT-1 authorized up=1 since=10 contact=10 192.0.2.7 FortiGate-VM64 v7.4.11 "
		"/O=Fortinet/CN=FGT-1 /CN=CA 00ff 2000000000 refusal=wrong_ca 203.0.113.9 "
		"self-signed certificate");
	/* And a serial that nobody knows is none the better known for it. */
	snprintf(ev.serial, sizeof(ev.serial), "%s", "FGT-2");
	assert_false(devices_event(&dev, &ev));
	assert_null(devices_find(&dev, "FGT-2"));
}

static void events_are_written_in_batches(void **state)
{
	(void)state;
	authorize("FGT-1");
	for (unsigned i = 0; i < 100000; i++) {
		struct auth_event ev = about("FGT-1", i % 2 ? AUTH_EV_DOWN : AUTH_EV_UP, i + 1);

		devices_event(&dev, &ev);
	}
	assert_int_equal(dev.batches, 0);
	assert_int_equal(dev.dirty_count, 1);
	assert_int_equal(devices_flush(&dev), REGISTRY_OK);
	assert_int_equal(devices_flush(&dev), REGISTRY_OK);
	assert_int_equal(dev.batches, 1);
}

static void unknown_serials_are_bounded(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		char serial[32];

		snprintf(serial, sizeof(serial), "FGT-%u", i);
		struct auth_event ev = about(serial, AUTH_EV_PENDING, i + 1);

		assert_int_equal(devices_event(&dev, &ev), i < 100);
	}
	assert_int_equal(dev.count, 100);
	assert_int_equal(dev.refused_new, 900);
}

static void after_lost_events_everything_is_looked_at_anew(void **state)
{
	struct auth_event ev = about("GONE", AUTH_EV_UP, 5);

	(void)state;
	authorize("GONE");
	authorize("STAYS");
	authorize("CAME");
	devices_event(&dev, &ev);
	ev = about("STAYS", AUTH_EV_UP, 6);
	devices_event(&dev, &ev);
	devices_resync_begin(&dev);
	devices_up(&dev, "STAYS", 1, 20);
	devices_up(&dev, "CAME", 2, 20);
	devices_up(&dev, "192.0.2.9", 2, 20); /* no device of ours */
	devices_resync_end(&dev, 20);
	assert_true(devices_find(&dev, "GONE")->lcores == 0);
	assert_int_equal(devices_find(&dev, "GONE")->since_ns, 20);
	assert_true(devices_find(&dev, "STAYS")->lcores != 0);
	assert_int_equal(devices_find(&dev, "STAYS")->since_ns, 6);
	assert_int_equal(devices_find(&dev, "CAME")->since_ns, 20);
}

static void forgetting_one_with_facts_unwritten_is_clean(void **state)
{
	struct auth_event a = about("A", AUTH_EV_PENDING, 1), b = about("B", AUTH_EV_PENDING, 1);
	const struct audit_row audit = {.who = "w", .what = "device.forget", .time_ns = 7};
	char row[600];

	(void)state;
	devices_event(&dev, &a);
	devices_event(&dev, &b);
	assert_int_equal(devices_forget(&dev, "A", &audit), REGISTRY_OK);
	assert_int_equal(devices_flush(&dev), REGISTRY_OK);
	assert_int_equal(registry_device(reg, "A", copy, row), 0);
	assert_int_equal(registry_device(reg, "B", copy, row), 1);
	assert_int_equal(dev.count, 1);
	assert_int_equal(dev.by_state[AUTH_PENDING], 1);
}

static void the_snapshot_has_all_of_them(void **state)
{
	struct auth_device *v;
	unsigned n;

	(void)state;
	authorize("FGT-1");
	v = devices_snapshot(&dev, &n);
	assert_int_equal(n, 1);
	assert_string_equal(v[0].serial, "FGT-1");
	assert_int_equal(v[0].state, AUTH_AUTHORIZED);
	free(v);
}

#define D(f) cmocka_unit_test_setup_teardown(f, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		D(who_waits_is_registered_as_pending),
		D(up_and_down_with_since_when_over_several_lcores),
		D(a_refusal_is_noted_and_leaves_the_rest),
		D(events_are_written_in_batches),
		D(unknown_serials_are_bounded),
		D(after_lost_events_everything_is_looked_at_anew),
		D(forgetting_one_with_facts_unwritten_is_clean),
		D(the_snapshot_has_all_of_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
