/* The device registry by its methods, and those of users; and registries of older versions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "control/logins.h"
#include "control/registry_trust.h"
#include "tests/unit/control/harness.h"

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
	harness_says(h, "settings.get", "{\"name\":\"lcore-watchdog\"}", "value", "9s");
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

	json_decref(harness_result(h, "device.authorize", "{\"device\":\"FGT60F0000000001\"}"));
	harness_stop(h);
	assert_int_equal(sqlite3_open(h->registry, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "ALTER TABLE devices DROP COLUMN anchor; PRAGMA user_version=2",
			NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	harness_start(h);
	harness_says(h, "device.show", "{\"device\":\"FGT60F0000000001\"}", "state", "authorized");
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

/* Its rate or key is nothing that was decided about it. */
static void who_decided_is_told_of_decisions_alone(void **state)
{
	struct harness *h = *state;
	json_t *before, *after;

	json_decref(harness_result(h, "device.authorize", "{\"device\":\"FGT-D\"}"));
	before = harness_result(h, "device.show", "{\"device\":\"FGT-D\"}");
	assert_true(json_is_string(at(before, "decided")));
	json_decref(harness_result(
		h, "device.set", "{\"device\":\"FGT-D\",\"key\":\"rate\",\"value\":\"500/s\"}"));
	after = harness_result(h, "device.show", "{\"device\":\"FGT-D\"}");
	assert_string_equal(
		json_string_value(at(after, "decided")), json_string_value(at(before, "decided")));
	json_decref(after);
	json_decref(harness_result(h, "device.deny", "{\"device\":\"FGT-D\"}"));
	after = harness_result(h, "device.show", "{\"device\":\"FGT-D\"}");
	assert_string_not_equal(
		json_string_value(at(after, "decided")), json_string_value(at(before, "decided")));
	json_decref(after);
	json_decref(before);
	json_decref(harness_result(h, "device.set",
		"{\"device\":\"FGT-K\",\"key\":\"preshared-key\",\"value\":\"a long preshared "
		"key\"}"));
	after = harness_result(h, "device.show", "{\"device\":\"FGT-K\"}");
	assert_text(after, "state", "pending");
	assert_false(json_is_string(at(after, "decided")));
	json_decref(after);
}

static void forgetting_is_for_what_is_registered(void **state)
{
	struct harness *h = *state;

	json_decref(harness_result(h, "device.authorize", "{\"device\":\"FGT-Z\"}"));
	json_decref(harness_result(h, "device.forget", "{\"device\":\"FGT-Z\"}"));
	harness_refused(h, "device.forget", "{\"device\":\"FGT-Z\"}", "not_found", NULL);
	harness_refused(h, "device.show", "{\"device\":\"FGT-Z\"}", "not_found", NULL);
}

static void assert_state(
	struct harness *h, const char *device, const char *state, unsigned accepted)
{
	char params[80];
	json_t *r, *d, *found = NULL;
	size_t i;

	snprintf(params, sizeof(params), "{\"device\":\"%s\"}", device);
	r = harness_result(h, "device.show", params);
	assert_text(r, "state", state);
	assert_int_equal(json_object_get(r, "note") != NULL, strcmp(state, "unknown") == 0);
	json_decref(r);
	r = harness_result(h, "device.list", NULL);
	json_array_foreach(at(r, "devices"), i, d)
	{
		if (strcmp(json_string_value(at(d, "device")), device) == 0)
			found = d;
	}
	assert_non_null(found);
	assert_text(found, "state", state);
	json_decref(r);
	r = harness_result(h, "status", NULL);
	assert_number(r, "devices.accepted", accepted);
	json_decref(r);
}

/* Its logs stay and so it is listed; but it is not let in, as `accepted` would say. */
static void a_forgotten_device_with_logs_is_not_accepted(void **state)
{
	struct harness *h = *state;

	json_decref(harness_result(h, "device.authorize", "{\"device\":\"FGT-A\"}"));
	assert_state(h, "FGT-A", "authorized", 1);
	json_decref(harness_result(h, "device.forget", "{\"device\":\"FGT-A\"}"));
	assert_state(h, "FGT-A", "unknown", 1);
	/* One whose logs are taken by its address is none who was to be let in. */
	json_decref(harness_result(h, "device.authorize", "{\"device\":\"192.0.2.7\"}"));
	assert_state(h, "192.0.2.7", "authorized", 0);
	json_decref(harness_result(h, "device.forget", "{\"device\":\"192.0.2.7\"}"));
	assert_state(h, "192.0.2.7", "accepted", 1);
}

/* As it is now. */
static void whom_the_configuration_takes_is_accepted(void **state)
{
	static const struct {
		const char *config, *address, *devid;
		unsigned accepted;
	} cases[] = {
		{"", "accepted", "unknown", 1},
		{"listen: {trust-devid: [192.0.2.0/24]}\n", "accepted", "accepted", 2},
		{"listen: {unknown-source: pending}\n", "unknown", "unknown", 0},
		{"listen: {unknown-source: drop, trust-devid: [192.0.2.0/24]}\n", "unknown",
			"unknown", 0},
		{"listen: {cleartext: []}\n", "unknown", "unknown", 0},
		{"listen: {allow: [10.0.0.0/8]}\n", "unknown", "unknown", 0},
		{"listen: {allow: [10.0.0.0/8, 192.0.2.4/30]}\n", "accepted", "unknown", 1},
		{"listen: {cleartext: [], tls-client-certificate: optional}\n", "accepted",
			"unknown", 1},
	};
	struct harness *h = *state;

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		harness_config(h, cases[i].config);
		json_decref(harness_result(h, "config.reload", NULL));
		assert_state(h, "192.0.2.7", cases[i].address, cases[i].accepted);
		assert_state(h, "FGT-A", cases[i].devid, cases[i].accepted);
	}
	fake_account(h->dp, h->c->config.node.name, 5);
	assert_state(h, h->c->config.node.name, "accepted", 2);
	fake_account(h->dp, "(other)", 5);
	assert_state(h, "(other)", "accepted", 3);
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
	assert_false(auth_password_stands(h->dp->policy.auth, 0)); /* nobody's */
	return n.number;
}

static void users_come_change_and_go(void **state)
{
	struct harness *h = *state;
	uint64_t first, second;
	json_t *r;
	char *all;

	harness_says(h, "user.add", "{\"user\":\"fw-old\",\"password\":\"correct horse\"}", "done",
		"added");
	first = number_of_password(h);
	harness_says(h, "user.add", "{\"user\":\"fw-old\",\"password\":\"battery staple\"}", "done",
		"changed");
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

#define T(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_registry_of_schema_1_is_brought_up),
		T(a_registry_of_schema_2_is_brought_up),
		T(a_name_that_no_device_can_have_is_noted),
		T(a_decision_is_listed_audited_and_outlives_a_restart),
		T(who_decided_is_told_of_decisions_alone),
		T(forgetting_is_for_what_is_registered),
		T(a_forgotten_device_with_logs_is_not_accepted),
		T(whom_the_configuration_takes_is_accepted),
		T(a_preshared_key_is_kept_as_a_verifier_and_told_to_nobody),
		T(what_makes_no_sense_is_refused_by_name),
		T(users_come_change_and_go),
		T(readers_decide_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
