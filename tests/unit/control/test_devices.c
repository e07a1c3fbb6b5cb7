/* The device registry: migration, decisions, facts in batches; and the methods over it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "control/logins.h"
#include "control/registry_trust.h"
#include "tests/unit/control/harness.h"

/* ---- by itself ---------------------------------------------------------------------------- */

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

/* ---- by its methods ----------------------------------------------------------------------- */

static void a_registry_of_schema_1_is_brought_up(void **state)
{
	struct harness *h = *state;
	sqlite3 *db;
	json_t *r;

	harness_stop(h);
	assert_int_equal(sqlite3_open(h->registry, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db,
			"DROP TABLE devices; DROP TABLE users; DROP TABLE certificates;"
			"DROP TABLE contexts; DELETE FROM settings; DELETE FROM audit;"
			"INSERT INTO settings VALUES ('lcore-watchdog', '9s', 5, 'me');"
			"INSERT INTO audit (time_ns, who, uid, pid, what, target, before, after)"
			" VALUES (5, 'me', 0, 1, 'settings.set', 'lcore-watchdog', '5s', '9s');"
			"PRAGMA user_version=1",
			NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	harness_start(h);
	r = harness_result(h, "settings.get", "{\"name\":\"lcore-watchdog\"}");
	assert_text(r, "value", "9s");
	json_decref(r);
	json_decref(harness_result(h, "device.authorize", "{\"device\":\"FGT60F0000000001\"}"));
	r = harness_result(h, "audit.list", NULL);
	assert_text(r, "audit.0.what", "device.authorize");
	assert_text(r, "audit.1.what", "cert.issue"); /* the node's own */
	assert_text(r, "audit.2.who", "me");
	json_decref(r);
}

static void a_registry_of_schema_2_is_brought_up(void **state)
{
	struct harness *h = *state;
	sqlite3 *db;
	json_t *r;

	json_decref(harness_result(h, "device.authorize", "{\"device\":\"FGT60F0000000001\"}"));
	harness_stop(h);
	assert_int_equal(sqlite3_open(h->registry, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "ALTER TABLE devices DROP COLUMN anchor; PRAGMA user_version=2",
			NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	harness_start(h);
	r = harness_result(h, "device.show", "{\"device\":\"FGT60F0000000001\"}");
	assert_text(r, "state", "authorized");
	json_decref(r);
}

static void a_name_that_no_device_can_have_is_noted(void **state)
{
	static const char *const fine[] = {"FGT60F0000000001", "192.0.2.1", "2001:db8::1"};
	struct harness *h = *state;
	char params[64];
	json_t *r = harness_result(h, "device.authorize", "{\"device\":\"foo\"}");

	assert_text(r, "state", "authorized");
	assert_contains(json_string_value(at(r, "note")), "auth.serial-pattern");
	assert_null(strstr(json_string_value(at(r, "note")), "tls-names"));
	json_decref(r);
	/* The way for hosts without a serial number. */
	r = harness_result(h, "device.authorize", "{\"device\":\"web1.example.org\"}");
	assert_contains(json_string_value(at(r, "note")), "listen.tls-names: [serial, dns]");
	json_decref(r);
	for (unsigned i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		snprintf(params, sizeof(params), "{\"device\":\"%s\"}", fine[i]);
		r = harness_result(h, "device.authorize", params);
		assert_null(json_object_get(r, "note"));
		json_decref(r);
	}
}

static void a_decision_is_listed_audited_and_outlives_a_restart(void **state)
{
	struct harness *h = *state;
	json_t *r = harness_result(h, "device.authorize", "{\"device\":\"FGT60F0000000001\"}");

	assert_text(r, "state", "authorized");
	assert_true(json_is_null(at(r, "certificate")));
	json_decref(r);
	json_decref(harness_result(h, "device.set",
		"{\"device\":\"FGT60F0000000001\",\"key\":\"legacy\",\"value\":\"enable\"}"));
	r = harness_result(h, "device.set",
		"{\"device\":\"FGT60F0000000001\",\"key\":\"rate\",\"value\":\"500/s\"}");
	assert_number(r, "rate", 500);
	assert_true(json_is_true(at(r, "legacy")));
	json_decref(r);
	json_decref(harness_result(h, "device.deny", "{\"device\":\"FGT-A\"}"));
	harness_stop(h);
	harness_start(h);
	r = harness_result(h, "device.list", NULL);
	/* By name: an address that only logs, then these. */
	assert_int_equal(json_array_size(at(r, "devices")), 3);
	assert_text(r, "devices.0.state", "accepted");
	assert_text(r, "devices.1.device", "FGT-A");
	assert_text(r, "devices.1.state", "denied");
	assert_text(r, "devices.1.last_seen", "2025-01-01T00:00:01.000000001Z");
	assert_text(r, "devices.2.device", "FGT60F0000000001");
	assert_text(r, "devices.2.state", "authorized");
	assert_number(r, "devices.2.rate", 500);
	assert_true(json_is_false(at(r, "devices.2.up")));
	json_decref(r);
	r = harness_result(h, "status", NULL);
	assert_number(r, "devices.authorized", 1);
	assert_number(r, "devices.denied", 1);
	assert_number(r, "devices.accepted", 1);
	json_decref(r);
	r = harness_result(h, "audit.list", NULL);
	assert_text(r, "audit.1.before", "authorized legacy=enable rate=0 preshared-key=none");
	assert_text(r, "audit.1.after", "authorized legacy=enable rate=500 preshared-key=none");
	assert_text(r, "audit.3.before", "");
	json_decref(r);
	assert_true(fake_events(h->dp, "action=\"device\"") >= 4);
}

static void forgetting_is_for_what_is_registered(void **state)
{
	struct harness *h = *state;
	json_t *r;

	json_decref(harness_result(h, "device.authorize", "{\"device\":\"FGT-Z\"}"));
	json_decref(harness_result(h, "device.forget", "{\"device\":\"FGT-Z\"}"));
	r = harness_error(h, "device.forget", "{\"device\":\"FGT-Z\"}");
	assert_reason(r, "not_found");
	json_decref(r);
	r = harness_error(h, "device.show", "{\"device\":\"FGT-Z\"}");
	assert_reason(r, "not_found");
	json_decref(r);
}

static void a_preshared_key_is_kept_as_a_verifier_and_told_to_nobody(void **state)
{
	struct harness *h = *state;
	json_t *r = harness_result(h, "device.set",
		"{\"device\":\"FGT-P\",\"key\":\"preshared-key\",\"value\":\"open sesame\"}");
	char *all;

	assert_text(r, "state", "pending"); /* it authorizes by itself when it comes */
	assert_true(json_is_true(at(r, "preshared_key")));
	json_decref(r);
	r = harness_result(h, "device.set",
		"{\"device\":\"*\",\"key\":\"preshared-key\",\"value\":\"for everybody\"}");
	assert_true(json_is_true(at(r, "preshared_key")));
	json_decref(r);
	r = harness_result(h, "device.list", NULL);
	assert_true(json_is_true(at(r, "preshared_key")));
	json_decref(r);
	r = harness_result(h, "audit.list", NULL);
	all = json_dumps(r, 0);
	assert_null(strstr(all, "sesame"));
	assert_null(strstr(all, "everybody"));
	assert_null(strstr(all, "SCRAM"));
	assert_contains(all, "preshared-key=set (another key)");
	free(all);
	json_decref(r);
	r = harness_result(
		h, "device.set", "{\"device\":\"FGT-P\",\"key\":\"preshared-key\",\"value\":\"\"}");
	assert_true(json_is_false(at(r, "preshared_key")));
	json_decref(r);
}

static void what_makes_no_sense_is_refused_by_name(void **state)
{
	static const struct {
		const char *method, *params, *reason, *says;
	} v[] = {
		{"device.authorize", "{\"device\":\"two words\"}", "invalid", "letters"},
		{"device.authorize", "{\"device\":\"\"}", "invalid", "letters"},
		{"device.set", "{\"device\":\"X\",\"key\":\"legacy\",\"value\":\"enable\"}",
			"not_found", "authorize it first"},
		{"device.set", "{\"device\":\"X\",\"key\":\"colour\",\"value\":\"red\"}", "invalid",
			"legacy, rate or preshared-key"},
		{"device.set", "{\"device\":\"X\",\"key\":\"preshared-key\",\"value\":\"short\"}",
			"invalid", "shorter"},
		{"device.set", "{\"device\":\"A\",\"key\":\"rate\",\"value\":\"500\"}", "invalid",
			"1/s"},
		{"user.add", "{\"user\":\"two words\",\"password\":\"12345678\"}", "invalid",
			"blanks"},
		{"user.add", "{\"user\":\"fw\",\"password\":\"1234\"}", "invalid", "shorter"},
		{"user.delete", "{\"user\":\"nobody\"}", "not_found", "nobody"},
	};

	json_decref(harness_result(*state, "device.authorize", "{\"device\":\"A\"}"));
	for (unsigned i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		json_t *e = harness_error(*state, v[i].method, v[i].params);

		assert_reason(e, v[i].reason);
		assert_contains(json_string_value(at(e, "message")), v[i].says);
		json_decref(e);
	}
}

struct number {
	const struct control *c;
	uint64_t number;
};

static void take_number(void *ctx, const struct user_row *row)
{
	struct number *n = ctx;

	n->number = logins_number(n->c, row->verifier);
}

/* Of the only user that there is; and lcores know it. */
static uint64_t number_of_password(struct harness *h)
{
	struct number n = {.c = h->c};

	assert_int_equal(registry_users(h->c->registry, take_number, &n), REGISTRY_OK);
	assert_true(n.number != 0);
	assert_true(auth_password_stands(h->dp->policy.auth, n.number));
	return n.number;
}

static void users_come_change_and_go(void **state)
{
	struct harness *h = *state;
	uint64_t first, second;
	json_t *r;
	char *all;

	r = harness_result(h, "user.add", "{\"user\":\"fw-old\",\"password\":\"correct horse\"}");
	assert_text(r, "done", "added");
	json_decref(r);
	first = number_of_password(h);
	r = harness_result(h, "user.add", "{\"user\":\"fw-old\",\"password\":\"battery staple\"}");
	assert_text(r, "done", "changed");
	json_decref(r);
	second = number_of_password(h);
	assert_false(auth_password_stands(h->dp->policy.auth, first));
	r = harness_result(h, "user.list", NULL);
	assert_int_equal(json_array_size(at(r, "users")), 1);
	assert_text(r, "users.0.user", "fw-old");
	all = json_dumps(r, 0);
	assert_null(strstr(all, "SCRAM"));
	free(all);
	json_decref(r);
	json_decref(harness_result(h, "user.delete", "{\"user\":\"fw-old\"}"));
	assert_false(auth_password_stands(h->dp->policy.auth, second));
	r = harness_result(h, "user.list", NULL);
	assert_int_equal(json_array_size(at(r, "users")), 0);
	json_decref(r);
	r = harness_result(h, "audit.list", NULL);
	all = json_dumps(r, 0);
	assert_null(strstr(all, "horse"));
	assert_null(strstr(all, "staple"));
	free(all);
	json_decref(r);
}

static void readers_decide_nothing(void **state)
{
	static const char *const methods[][2] = {{"device.authorize", "{\"device\":\"A\"}"},
		{"device.deny", "{\"device\":\"A\"}"}, {"device.forget", "{\"device\":\"A\"}"},
		{"device.set", "{\"device\":\"A\",\"key\":\"legacy\",\"value\":\"enable\"}"},
		{"user.add", "{\"user\":\"u\",\"password\":\"12345678\"}"},
		{"user.delete", "{\"user\":\"u\"}"}};
	struct harness *h = *state;

	h->role = ROLE_READ;
	for (unsigned i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		json_t *e = harness_error(h, methods[i][0], methods[i][1]);

		assert_reason(e, "no_right");
		json_decref(e);
	}
}

#define D(f) cmocka_unit_test_setup_teardown(f, make, drop)
#define T(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

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
		T(a_registry_of_schema_1_is_brought_up),
		T(a_registry_of_schema_2_is_brought_up),
		T(a_name_that_no_device_can_have_is_noted),
		T(a_decision_is_listed_audited_and_outlives_a_restart),
		T(forgetting_is_for_what_is_registered),
		T(a_preshared_key_is_kept_as_a_verifier_and_told_to_nobody),
		T(what_makes_no_sense_is_refused_by_name),
		T(users_come_change_and_go),
		T(readers_decide_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
