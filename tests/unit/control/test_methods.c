/* Status, ports, sessions, settings, audit, alarms and the start: each answer, and each of its
 * refusals. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/control/harness.h"

static void status_has_the_shape_of_interfaces(void **state)
{
	struct harness *h = *state;
	json_t *r = harness_result(h, "status", NULL);

	assert_text(r, "version", SLUICE_VERSION);
	assert_text(r, "node.name", "test-node");
	assert_int_equal(json_string_length(at(r, "node.serial")), 19);
	assert_text(r, "state", "ready");
	assert_number(r, "uptime_s", 0);
	assert_text(r, "journal.state", "running");
	assert_number(r, "journal.durable_block", 0);
	assert_number(r, "journal.bytes", 12345);
	assert_number(r, "journal.free_bytes", 1 << 30);
	assert_text(r, "ports.0.name", "data0");
	assert_true(json_is_true(at(r, "ports.0.up")));
	assert_text(r, "ports.0.addresses.0.address", "192.0.2.2/24");
	assert_text(r, "ports.0.addresses.1.address", "2001:db8::2/64");
	assert_number(r, "sessions", 1);
	assert_number(r, "devices.authorized", 0);
	assert_number(r, "devices.pending", 0);
	assert_number(r, "devices.denied", 0);
	assert_number(r, "devices.accepted", 1);
	assert_text(r, "settings.legacy-auth-mode", "disable");
	assert_int_equal(json_array_size(at(r, "alarms")), 0);
	json_decref(r);
}

static void single_words_may_have_the_verb_show(void **state)
{
	static const char *const pairs[][2] = {
		{"status", "status.show"}, {"version", "version.show"}};

	for (unsigned i = 0; i < 2; i++) {
		json_t *a = harness_result(*state, pairs[i][0], NULL);
		json_t *b = harness_result(*state, pairs[i][1], NULL);

		assert_true(json_equal(at(a, "version"), at(b, "version")));
		json_decref(a);
		json_decref(b);
	}
	json_decref(harness_result(*state, "top.show", NULL));
}

static void port_list_tells_all_of_a_port(void **state)
{
	struct harness *h = *state;
	json_t *r;

	h->dp->ports[0].speed_mbps = 10000;
	h->dp->ports[0].net.arp_in = 5;
	r = harness_result(h, "port.list", NULL);
	assert_text(r, "ports.0.driver", "net_fake");
	assert_text(r, "ports.0.mac", "00:00:00:00:00:00");
	assert_number(r, "ports.0.speed_mbps", 10000);
	assert_true(json_is_null(at(r, "ports.0.vlan")));
	assert_number(r, "ports.0.net.arp_in", 5);
	assert_true(json_is_null(at(r, "ports.0.wire.missed")));
	json_decref(r);
}

static void session_list_filters_and_bounds(void **state)
{
	struct harness *h = *state;
	json_t *r;

	h->dp->sessions[1] = h->dp->sessions[0];
	h->dp->sessions[1].id = 42;
	snprintf(h->dp->sessions[1].device, sizeof(h->dp->sessions[1].device), "%s", "other");
	h->dp->sessions_count = 2;
	r = harness_result(h, "session.list", NULL);
	assert_int_equal(json_array_size(at(r, "sessions")), 2);
	assert_number(r, "sessions.0.id", 41);
	assert_text(r, "sessions.0.peer", "192.0.2.7");
	assert_number(r, "sessions.0.peer_port", 40000);
	assert_text(r, "sessions.0.kind", "lines");
	json_decref(r);
	r = harness_result(h, "session.list", "{\"device\":\"other\"}");
	assert_int_equal(json_array_size(at(r, "sessions")), 1);
	assert_number(r, "sessions.0.id", 42);
	json_decref(r);
	r = harness_result(h, "session.list", "{\"limit\":1}");
	assert_int_equal(json_array_size(at(r, "sessions")), 1);
	assert_number(r, "skipped", 1);
	json_decref(r);
	h->dp->workers_dead = true;
	harness_refused(h, "session.list", NULL, "timeout", NULL);
}

static void session_kill_is_audited_and_told(void **state)
{
	struct harness *h = *state;
	json_t *r = harness_result(h, "session.kill", "{\"id\":41}");

	assert_true(json_is_true(at(r, "killed")));
	json_decref(r);
	assert_int_equal(h->dp->sessions_count, 0);
	r = harness_result(h, "audit.list", NULL);
	assert_text(r, "audit.0.what", "session.kill");
	assert_text(r, "audit.0.target", "41");
	assert_text(r, "audit.0.who", "root");
	assert_number(r, "audit.0.uid", 0);
	assert_number(r, "audit.0.pid", 4711);
	assert_contains(json_string_value(at(r, "audit.0.before")), "192.0.2.7 port 40000");
	json_decref(r);
	assert_int_equal(fake_events(h->dp, "action=\"session-kill\""), 1);
	harness_refused(h, "session.kill", "{\"id\":41}", "not_found", NULL);
	h->dp->workers_dead = true;
	harness_refused(h, "session.kill", "{\"id\":41}", "timeout", NULL);
}

static void settings_persist_and_are_audited(void **state)
{
	struct harness *h = *state;
	json_t *r = harness_result(h, "settings.list", NULL);

	assert_int_equal(json_array_size(at(r, "settings")), SETTING_COUNT);
	json_decref(r);
	r = harness_result(h, "settings.set", "{\"name\":\"lcore-watchdog\",\"value\":\"10s\"}");
	assert_text(r, "value", "10s");
	assert_text(r, "changed_by", "root");
	json_decref(r);
	harness_stop(h);
	harness_start(h);
	r = harness_result(h, "settings.get", "{\"name\":\"lcore-watchdog\"}");
	assert_text(r, "value", "10s");
	assert_text(r, "default", "5s");
	json_decref(r);
	r = harness_result(h, "audit.list", "{\"limit\":1}");
	assert_int_equal(json_array_size(at(r, "audit")), 1);
	assert_text(r, "audit.0.what", "settings.set");
	assert_text(r, "audit.0.target", "lcore-watchdog");
	assert_text(r, "audit.0.before", "5s");
	assert_text(r, "audit.0.after", "10s");
	json_decref(r);
}

static void settings_that_cannot_be_are_refused_by_name(void **state)
{
	static const struct {
		const char *params, *reason, *says;
	} v[] = {
		{"{\"name\":\"lcore-watchdog\",\"value\":\"10\"}", "invalid", "1s to 300s"},
		{"{\"name\":\"lcore-watchdog\",\"value\":\"1500ms\"}", "invalid", "whole seconds"},
		{"{\"name\":\"event-level\",\"value\":\"loud\"}", "invalid", "debug"},
		{"{\"name\":\"legacy-auth-mode\",\"value\":\"maybe\"}", "invalid",
			"enable or disable"},
		{"{\"name\":\"legacy-auth\",\"value\":\"enable\"}", "not_found", "no setting"},
		{"{\"name\":\"lcore-watchdgo\",\"value\":\"1s\"}", "not_found", "lcore-watchdog?"},
		{"{\"name\":\"event-level\",\"value\":5}", "invalid", "value"},
	};

	for (unsigned i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		json_t *e = harness_error(*state, "settings.set", v[i].params);

		assert_reason(e, v[i].reason);
		assert_contains(json_string_value(at(e, "message")), v[i].says);
		json_decref(e);
	}
	json_decref(harness_result(
		*state, "settings.set", "{\"name\":\"legacy-auth-mode\",\"value\":\"disable\"}"));
}

static void legacy_auth_mode_is_in_effect_when_it_is_answered(void **state)
{
	struct harness *h = *state;

	assert_false(auth_legacy_any(h->dp->policy.auth));
	json_decref(harness_result(
		h, "settings.set", "{\"name\":\"legacy-auth-mode\",\"value\":\"enable\"}"));
	assert_true(auth_legacy_any(h->dp->policy.auth));
	harness_stop(h);
	harness_start(h);
	assert_true(auth_legacy_any(h->dp->policy.auth));
}

static void the_event_level_takes_effect_at_once(void **state)
{
	struct harness *h = *state;
	unsigned before;

	json_decref(harness_result(
		h, "settings.set", "{\"name\":\"event-level\",\"value\":\"critical\"}"));
	before = h->dp->events_count;
	json_decref(harness_result(h, "session.kill", "{\"id\":41}"));
	assert_int_equal(h->dp->events_count, before);
}

static void audit_is_paged_newest_first(void **state)
{
	struct harness *h = *state;
	int64_t last;
	char params[64];
	json_t *r;

	for (int i = 1; i <= 5; i++) {
		snprintf(params, sizeof(params), "{\"name\":\"lcore-watchdog\",\"value\":\"%ds\"}",
			i);
		json_decref(harness_result(h, "settings.set", params));
	}
	r = harness_result(h, "audit.list", "{\"limit\":2}");
	assert_int_equal(json_array_size(at(r, "audit")), 2);
	assert_text(r, "audit.0.after", "5s");
	assert_text(r, "audit.1.after", "4s");
	last = json_integer_value(at(r, "audit.1.id"));
	json_decref(r);
	snprintf(params, sizeof(params), "{\"limit\":10,\"before_id\":%lld}", (long long)last);
	r = harness_result(h, "audit.list", params);
	/* And the node's own certificate, of the first start. */
	assert_int_equal(json_array_size(at(r, "audit")), 4);
	assert_text(r, "audit.0.after", "3s");
	assert_text(r, "audit.3.what", "cert.issue");
	json_decref(r);
}

static void top_gives_rates_between_samples(void **state)
{
	struct harness *h = *state;
	json_t *r = harness_result(h, "top", NULL);

	assert_number(r, "total.received", 120);
	assert_true(json_real_value(at(r, "interval_s")) == 0);
	json_decref(r);
	/* As if the sample were two seconds old. */
	*(uint64_t *)(void *)h->c->top -= 2000000;
	h->dp->accounts[1].received += 1000;
	h->dp->lcores[0].total_ns += 1000;
	h->dp->lcores[0].busy_ns += 250;
	r = harness_result(h, "top", "{\"limit\":1}");
	assert_int_equal(json_array_size(at(r, "devices")), 1);
	assert_text(r, "devices.0.device", "192.0.2.7");
	assert_true(json_real_value(at(r, "devices.0.logs_per_s")) > 300);
	assert_true(json_real_value(at(r, "logs_per_s")) > 300);
	assert_true(json_real_value(at(r, "lcores.0.busy")) == 0.25);
	json_decref(r);
}

static void wait_ready_waits_for_address_and_own_events(void **state)
{
	struct harness *h = *state;
	int fd = harness_connect(h);
	struct dp_account *own;
	json_t *r;

	h->dp->ports[0].addresses[1].state = "tentative";
	harness_send(fd, "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"wait.ready\",\"params\":{"
			 "\"timeout_s\":5}}\n");
	harness_settle(h);
	own = fake_account(h->dp, "test-node", 3);
	own->pending = 1;
	h->dp->ports[0].addresses[1].state = "valid";
	harness_settle(h);
	assert_non_null(h->c->waiters);
	own->pending = 0;
	r = harness_read(h, fd);
	assert_true(json_is_true(at(r, "result.ready")));
	json_decref(r);
	assert_null(h->c->waiters);
	close(fd);
}

static void wait_ready_gives_up_in_time(void **state)
{
	struct harness *h = *state;

	h->dp->ports[0].up = false;
	harness_refused(h, "wait.ready", "{\"timeout_s\":0.05}", "timeout", NULL);
	/* One who goes away while waiting leaves nothing behind. */
	int fd = harness_connect(h);

	harness_send(fd, "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"wait.ready\"}\n");
	harness_settle(h);
	assert_non_null(h->c->waiters);
	close(fd);
	harness_settle(h);
	assert_null(h->c->waiters);
}

static void a_request_can_be_cancelled(void **state)
{
	struct harness *h = *state;
	int fd = harness_connect(h);
	json_t *r;

	h->dp->ports[0].up = false;
	harness_send(fd, "{\"jsonrpc\":\"2.0\",\"id\":\"w\",\"method\":\"wait.ready\"}\n"
			 "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"request.cancel\",\"params\":"
			 "{\"id\":\"w\"}}\n");
	r = harness_read(h, fd);
	assert_text(r, "id", "w");
	assert_reason(at(r, "error"), "cancelled");
	json_decref(r);
	r = harness_read(h, fd);
	assert_true(json_is_true(at(r, "result.cancelled")));
	json_decref(r);
	close(fd);
	harness_refused(h, "request.cancel", "{\"id\":\"w\"}", "not_found", NULL);
}

static void a_port_that_goes_down_and_a_taken_address_are_alarms(void **state)
{
	struct harness *h = *state;
	json_t *r = harness_result(h, "wait.ready", NULL);

	json_decref(r);
	h->dp->ports[0].up = false;
	h->dp->ports[0].addresses[0].state = "duplicate";
	h->c->next_tick_us = 0;
	r = harness_result(h, "status", NULL);
	assert_text(r, "state", "degraded");
	assert_int_equal(json_array_size(at(r, "alarms")), 2);
	json_decref(r);
	h->dp->ports[0].up = true;
	h->dp->ports[0].addresses[0].state = "valid";
	h->c->next_tick_us = 0;
	harness_says(h, "status", NULL, "state", "ready");
}

static void a_stuck_lcore_is_named(void **state)
{
	struct harness *h = *state;
	json_t *r;

	h->dp->lcores[1].sleeping = false;
	h->c->next_tick_us = 0;
	harness_settle(h);
	assert_int_equal(h->c->stuck, 0);
	for (unsigned i = 0; i < 2; i++)
		h->c->watchdog.v[i].moved_us -= 6000000;
	h->c->next_tick_us = 0;
	r = harness_result(h, "status", NULL);
	assert_text(r, "state", "degraded");
	assert_text(r, "alarms.0.name", "lcore_stuck");
	assert_text(r, "alarms.0.subject", "lcore 2");
	assert_contains(json_string_value(at(r, "alarms.0.text")), "lcore 2 (worker) on cpu 1");
	json_decref(r);
	assert_int_equal(fake_events(h->dp, "alarm=\"lcore_stuck\""), 1);
	h->dp->lcores[1].heartbeat++;
	h->c->next_tick_us = 0;
	harness_says(h, "status", NULL, "state", "ready");
}

static void method_list_has_every_method_with_its_role(void **state)
{
	json_t *r = harness_result(*state, "method.list", NULL);
	size_t i;
	json_t *m;
	int found = 0;

	json_array_foreach(at(r, "methods"), i, m)
	{
		if (strcmp(json_string_value(at(m, "name")), "session.kill") == 0) {
			assert_text(m, "role", "write");
			assert_text(m, "params.0.name", "id");
			found++;
		}
	}
	assert_int_equal(found, 1);
	json_decref(r);
}

static void the_start_is_told_with_its_notes(void **state)
{
	struct harness *h = *state;

	harness_settle(h);
	assert_int_equal(fake_events(h->dp, "action=\"start\""), 1);
	assert_int_equal(fake_events(h->dp, "devid=\"test-node\""), h->dp->events_count);
	assert_int_equal(fake_events(h->dp, "msg=\"no hugepages\""), 1);
	assert_int_equal(fake_events(h->dp, "msg=\"second note\""), 1);
	assert_int_equal(fake_events(h->dp, "action=\"journal-open\""), 1);
	assert_int_equal(fake_events(h->dp, "action=\"ready\""), 1);
	harness_stop(h);
	assert_int_equal(fake_events(h->dp, "action=\"stop\""), 1);
}

static void the_serial_is_drawn_once(void **state)
{
	struct harness *h = *state;
	json_t *a = harness_result(h, "status", NULL), *b;

	harness_stop(h);
	harness_start(h);
	b = harness_result(h, "status", NULL);
	assert_true(json_equal(at(a, "node"), at(b, "node")));
	json_decref(a);
	json_decref(b);
}

static void own_events_that_find_no_block_are_counted(void **state)
{
	struct harness *h = *state;

	harness_settle(h);
	h->dp->refuse_events = true;
	json_decref(harness_result(h, "session.kill", "{\"id\":41}"));
	assert_int_equal(h->c->events.lost, 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(status_has_the_shape_of_interfaces),
		T(single_words_may_have_the_verb_show),
		T(port_list_tells_all_of_a_port),
		T(session_list_filters_and_bounds),
		T(session_kill_is_audited_and_told),
		T(settings_persist_and_are_audited),
		T(settings_that_cannot_be_are_refused_by_name),
		T(legacy_auth_mode_is_in_effect_when_it_is_answered),
		T(the_event_level_takes_effect_at_once),
		T(audit_is_paged_newest_first),
		T(top_gives_rates_between_samples),
		T(wait_ready_waits_for_address_and_own_events),
		T(wait_ready_gives_up_in_time),
		T(a_request_can_be_cancelled),
		T(a_port_that_goes_down_and_a_taken_address_are_alarms),
		T(a_stuck_lcore_is_named),
		T(method_list_has_every_method_with_its_role),
		T(the_start_is_told_with_its_notes),
		T(the_serial_is_drawn_once),
		T(own_events_that_find_no_block_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
