/* What lcores tell: registry, refusals, audit, alarms, the live trace. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/registry_db.h"
#include "control/trust_alarms.h"
#include "tests/unit/control/harness.h"

static struct auth_event *tell(struct harness *h, enum auth_event_kind kind, const char *serial)
{
	struct dp *d = h->dp;
	struct auth_event *ev;

	/* To a power of two: a copy each time would take minutes under a sanitizer. */
	if ((d->told_count & (d->told_count - 1)) == 0)
		d->told = realloc(
			d->told, (d->told_count ? 2 * d->told_count : 1) * sizeof(*d->told));
	assert_non_null(d->told);
	ev = &d->told[d->told_count++];
	memset(ev, 0, sizeof(*ev));
	ev->kind = (uint8_t)kind;
	ev->lcore = 2;
	ev->time_ns = clock_wall_ns();
	ip_addr_parse(&ev->addr, "192.0.2.7");
	snprintf(ev->serial, sizeof(ev->serial), "%s", serial);
	snprintf(ev->fingerprint, sizeof(ev->fingerprint), "%s", "00ff");
	snprintf(ev->subject, sizeof(ev->subject), "/O=Fortinet/CN=%s", serial);
	return ev;
}

/* As if a second had gone by. */
static void tick(struct harness *h)
{
	harness_settle(h);
	h->c->next_tick_us = 0;
	h->c->next_alarms_us = h->c->next_silence_us = 0;
	harness_settle(h);
}

static int teardown(void **state)
{
	struct harness *h = *state;

	free(h->dp->told);
	return harness_teardown(state);
}

static void who_waits_is_listed_and_can_be_authorized(void **state)
{
	struct harness *h = *state;
	json_t *r;

	tell(h, AUTH_EV_PENDING, "FGT60F0000000001");
	tick(h);
	assert_int_equal(auth_find(h->dp->policy.auth, "FGT60F0000000001")->state, AUTH_PENDING);
	r = harness_result(h, "device.show", "{\"device\":\"FGT60F0000000001\"}");
	assert_text(r, "state", "pending");
	assert_text(r, "address", "192.0.2.7");
	assert_text(r, "certificate.subject", "/O=Fortinet/CN=FGT60F0000000001");
	json_decref(r);
	json_decref(harness_result(h, "device.authorize", "{\"device\":\"FGT60F0000000001\"}"));
	assert_int_equal(auth_find(h->dp->policy.auth, "FGT60F0000000001")->state, AUTH_AUTHORIZED);
	tell(h, AUTH_EV_UP, "FGT60F0000000001");
	tick(h);
	r = harness_result(h, "device.show", "{\"device\":\"FGT60F0000000001\"}");
	assert_true(json_is_true(at(r, "up")));
	json_decref(r);
	tell(h, AUTH_EV_DOWN, "FGT60F0000000001");
	tick(h);
	r = harness_result(h, "device.show", "{\"device\":\"FGT60F0000000001\"}");
	assert_true(json_is_false(at(r, "up")));
	json_decref(r);
}

/* Lcores are told of it at once where a password could stand in for one; it outlives a restart, and
 * ends with the registration. */
static void who_has_used_a_certificate_is_known_to_lcores(void **state)
{
	static const char serial[] = "FGT60F0000000001";
	struct harness *h = *state;
	json_t *r;

	json_decref(harness_result(h, "device.authorize", "{\"device\":\"FGT60F0000000001\"}"));
	json_decref(harness_result(
		h, "settings.set", "{\"name\":\"legacy-auth-mode\",\"value\":\"enable\"}"));
	tell(h, AUTH_EV_UP, serial)->fingerprint[0] = '\0';
	tick(h);
	assert_null(auth_legacy_denial(h->dp->policy.auth, serial));
	tell(h, AUTH_EV_UP, serial);
	tick(h);
	assert_string_equal(auth_legacy_denial(h->dp->policy.auth, serial), AUTH_CERTIFIED);
	/* Whoever enables it for this device is told that it does not help, and what does. */
	r = harness_result(h, "device.set",
		"{\"device\":\"FGT60F0000000001\",\"key\":\"legacy\",\"value\":\"enable\"}");
	assert_contains(json_string_value(at(r, "note")), "device forget");
	json_decref(r);
	assert_string_equal(auth_legacy_denial(h->dp->policy.auth, serial), AUTH_CERTIFIED);
	/* What is read back says so too. */
	assert_int_equal(devices_flush(&h->c->devices), REGISTRY_OK);
	devices_free(&h->c->devices);
	assert_int_equal(devices_load(&h->c->devices, h->c->registry, 100), REGISTRY_OK);
	assert_true(devices_find(&h->c->devices, serial)->certified);
	json_decref(harness_result(h, "device.forget", "{\"device\":\"FGT60F0000000001\"}"));
	json_decref(harness_result(h, "device.authorize", "{\"device\":\"FGT60F0000000001\"}"));
	assert_null(auth_legacy_denial(h->dp->policy.auth, serial));
}

/* Denied or not; but not for who only says that it is this serial. */
static void who_shows_a_certificate_while_denied_has_shown_it(void **state)
{
	static const char serial[] = "FGT60F0000000001";
	struct harness *h = *state;
	struct auth_event *ev;

	json_decref(harness_result(h, "device.deny", "{\"device\":\"FGT60F0000000001\"}"));
	json_decref(harness_result(
		h, "settings.set", "{\"name\":\"legacy-auth-mode\",\"value\":\"enable\"}"));
	tell(h, AUTH_EV_REFUSED, serial)->reason = REFUSAL_wrong_ca;
	tick(h);
	assert_null(auth_legacy_denial(h->dp->policy.auth, serial));
	ev = tell(h, AUTH_EV_REFUSED, serial);
	ev->reason = REFUSAL_denied;
	ev->certified = true;
	tick(h);
	assert_string_equal(auth_legacy_denial(h->dp->policy.auth, serial), AUTH_CERTIFIED);
	devices_free(&h->c->devices);
	assert_int_equal(devices_load(&h->c->devices, h->c->registry, 100), REGISTRY_OK);
	assert_true(devices_find(&h->c->devices, serial)->certified);
}

/* What tells of it was lost: the session itself shows it. */
static void who_is_up_by_a_certificate_has_shown_it_though_nobody_told(void **state)
{
	struct harness *h = *state;
	struct dp_session_info *s = &h->dp->sessions[0];

	json_decref(harness_result(h, "device.authorize", "{\"device\":\"FGT-A\"}"));
	json_decref(harness_result(
		h, "settings.set", "{\"name\":\"legacy-auth-mode\",\"value\":\"enable\"}"));
	s->tls_version = "TLSv1.3";
	s->tls_verified = true; /* by a certificate that does not name it */
	tell(h, AUTH_EV_LOST, "")->count = 1;
	tick(h);
	assert_null(auth_legacy_denial(h->dp->policy.auth, "FGT-A"));
	s->certified = true;
	tell(h, AUTH_EV_LOST, "")->count = 1;
	tick(h);
	assert_string_equal(auth_legacy_denial(h->dp->policy.auth, "FGT-A"), AUTH_CERTIFIED);
	harness_says(h, "device.show", "{\"device\":\"FGT-A\"}", "certificate.fingerprint",
		DEVICES_FINGERPRINT_LOST);
	devices_free(&h->c->devices);
	assert_int_equal(devices_load(&h->c->devices, h->c->registry, 100), REGISTRY_OK);
	assert_true(devices_find(&h->c->devices, "FGT-A")->certified);
	/* And the next time it is known by which. */
	tell(h, AUTH_EV_UP, "FGT-A");
	tick(h);
	harness_says(h, "device.show", "{\"device\":\"FGT-A\"}", "certificate.fingerprint", "00ff");
}

/* One read of the registry that fails must not keep a denial from lcores for ever. */
static void a_denial_that_could_not_be_published_is_so_with_a_later_tick(void **state)
{
	static const char serial[] = "FGT60F0000000001";
	struct harness *h = *state;

	json_decref(harness_result(h, "device.authorize", "{\"device\":\"FGT60F0000000001\"}"));
	assert_int_equal(db_run(h->c->registry, "ALTER TABLE users RENAME TO away"), REGISTRY_OK);
	json_decref(harness_result(h, "device.deny", "{\"device\":\"FGT60F0000000001\"}"));
	for (unsigned i = 0; i < 2; i++) { /* it is tried, and tried again */
		assert_int_equal(auth_find(h->dp->policy.auth, serial)->state, AUTH_AUTHORIZED);
		assert_true(alarm_is(h, "auth_failed", "the registry"));
		tick(h);
	}
	assert_int_equal(db_run(h->c->registry, "ALTER TABLE away RENAME TO users"), REGISTRY_OK);
	tick(h);
	assert_int_equal(auth_find(h->dp->policy.auth, serial)->state, AUTH_DENIED);
	assert_false(alarm_is(h, "auth_failed", ""));
	assert_false(h->c->trust.devices_stale);
}

static void a_refusal_has_the_same_word_everywhere(void **state)
{
	struct harness *h = *state;
	struct auth_event *ev;
	json_t *r;

	json_decref(harness_result(h, "device.authorize", "{\"device\":\"FGT60F0000000001\"}"));
	ev = tell(h, AUTH_EV_REFUSED, "FGT60F0000000001");
	ev->reason = REFUSAL_no_client_auth_purpose;
	snprintf(ev->detail, sizeof(ev->detail), "%s", "unsuitable certificate purpose");
	tick(h);
	r = harness_result(h, "refusal.list", NULL);
	assert_text(r, "refusals.0.reason", "no_client_auth_purpose");
	assert_text(r, "refusals.0.address", "192.0.2.7");
	assert_text(r, "refusals.0.device", "FGT60F0000000001");
	assert_text(r, "refusals.0.detail", "unsuitable certificate purpose");
	assert_number(r, "refusals.0.count", 1);
	json_decref(r);
	harness_says(h, "device.show", "{\"device\":\"FGT60F0000000001\"}", "refusal.reason",
		"no_client_auth_purpose");
	r = harness_result(h, "audit.list", "{\"limit\":1}");
	assert_text(r, "audit.0.what", "auth.refused");
	assert_text(r, "audit.0.after", "no_client_auth_purpose");
	assert_text(r, "audit.0.target", "FGT60F0000000001 192.0.2.7");
	json_decref(r);
	assert_int_equal(fake_events(h->dp, "reason=\"no_client_auth_purpose\""), 1);
}

static void count(void *ctx, const struct audit_row *row)
{
	*(unsigned *)ctx += strcmp(row->what, "auth.refused") == 0;
}

static void a_flood_fills_neither_audit_nor_journal_nor_memory(void **state)
{
	struct harness *h = *state;
	const unsigned flood = 20000;
	unsigned rows = 0;
	json_t *r;

	for (unsigned i = 0; i < flood; i++) {
		char serial[32];
		struct auth_event *ev;

		snprintf(serial, sizeof(serial), "FGT60F%010u", i);
		ev = tell(h, AUTH_EV_REFUSED, serial);
		ev->reason = REFUSAL_wrong_ca;
		ev->addr.b[13] = (uint8_t)(i >> 16);
		ev->addr.b[14] = (uint8_t)(i >> 8);
		ev->addr.b[15] = (uint8_t)i;
	}
	for (unsigned i = 0; i < flood / WIRE_EVENTS_A_ROUND + 2; i++)
		tick(h);
	assert_int_equal(h->c->wire.events, flood);
	registry_audit_list(h->c->registry, 0, 10000, count, &rows);
	assert_int_equal(rows, WIRE_AUDIT_BURST);
	assert_int_equal(fake_events(h->dp, "auth.refused"), WIRE_AUDIT_BURST);
	r = harness_result(h, "refusal.list", NULL);
	assert_true(json_array_size(at(r, "refusals")) <= REFUSALS_MAX);
	assert_number(r, "totals.wrong_ca", flood - json_integer_value(at(r, "forgotten")));
	json_decref(r);
	/* And a decision works as ever. */
	json_decref(harness_result(h, "device.authorize", "{\"device\":\"FGT60F0000000001\"}"));
}

static void lost_events_are_made_up_for(void **state)
{
	struct harness *h = *state;
	json_t *r;

	json_decref(harness_result(h, "device.authorize", "{\"device\":\"FGT-A\"}"));
	h->dp->sessions[0].tls_version = "TLSv1.3";
	h->dp->sessions[0].tls_verified = true;
	tell(h, AUTH_EV_LOST, "")->count = 7;
	tick(h);
	assert_int_equal(h->c->wire.lost, 7);
	r = harness_result(h, "device.show", "{\"device\":\"FGT-A\"}");
	assert_true(json_is_true(at(r, "up")));
	json_decref(r);
	r = harness_result(h, "tls.show", NULL);
	assert_number(r, "sessions.0.sessions", 1);
	json_decref(r);
}

static void what_ends_soon_and_who_is_silent_are_alarms(void **state)
{
	struct harness *h = *state;
	const int64_t now_s = (int64_t)(clock_wall_ns() / 1000000000u);
	struct stored *node = certstore_find(&h->c->trust.certs, "node");

	json_decref(harness_result(h, "device.authorize", "{\"device\":\"FGT-A\"}"));
	tick(h);
	assert_int_equal(h->c->alarms.count, 0);
	/* The node's own certificate, nearly at its end; a CRL past it. */
	node->ends_s = now_s + 86400;
	tell(h, AUTH_EV_UP, "FGT-A")->not_after_s = now_s + 86400;
	h->c->start_ns -= 7200 * 1000000000ull; /* two hours ago; FGT-A's log is older */
	tick(h);
	assert_true(alarm_is(h, "certificate_expires", "identity node"));
	assert_true(alarm_is(h, "device_certificate_expires", "FGT-A"));
	assert_true(alarm_is(h, "device_silent", "FGT-A"));
	node->kind = STORE_CRL;
	node->ends_s = now_s - 86400;
	tick(h);
	assert_true(alarm_is(h, "crl_stale", "CRL node"));
	/* And over again. */
	node->kind = STORE_IDENTITY;
	node->ends_s = now_s + 400 * 86400;
	tell(h, AUTH_EV_UP, "FGT-A")->not_after_s = now_s + 400 * 86400;
	json_decref(harness_result(
		h, "settings.set", "{\"name\":\"device-silent\",\"value\":\"none\"}"));
	tick(h);
	assert_false(alarm_is(h, "certificate_expires", ""));
	assert_false(alarm_is(h, "device_certificate_expires", ""));
	assert_false(alarm_is(h, "device_silent", ""));
	h->c->alarms.count = 0;
}

/* A look at all of them takes its time, and there is other work. */
static void silence_is_looked_for_less_often_among_many(void **state)
{
	struct harness *h = *state;
	uint64_t now_us;

	json_decref(harness_result(h, "device.authorize", "{\"device\":\"FGT-A\"}"));
	json_decref(
		harness_result(h, "settings.set", "{\"name\":\"device-silent\",\"value\":\"1s\"}"));
	h->dp->many = 100000;
	now_us = clock_mono_us();
	tick(h);
	assert_true(h->c->next_silence_us >= now_us + 10000000);
	h->dp->many = 0;
	tick(h);
	assert_true(h->c->next_silence_us <= clock_mono_us() + 1000000);
}

static void two_that_share_a_serial_are_an_alarm_for_a_while(void **state)
{
	struct harness *h = *state;

	tell(h, AUTH_EV_REFUSED, "FGT60F0000000001")->reason = REFUSAL_duplicate_serial;
	tick(h);
	assert_true(alarm_is(h, "duplicate_serial", "FGT60F0000000001"));
	json_decref(harness_result(
		h, "settings.set", "{\"name\":\"duplicate-serial-stands\",\"value\":\"1h\"}"));
	tick(h);
	assert_true(alarm_is(h, "duplicate_serial", "FGT60F0000000001"));
	/* Told of a little longer ago than it stands: of seconds, since the machine may have been
	 * started a minute ago. */
	json_decref(harness_result(
		h, "settings.set", "{\"name\":\"duplicate-serial-stands\",\"value\":\"1s\"}"));
	h->c->wire.duplicates[0].last_us -= 1000001;
	tick(h);
	assert_false(alarm_is(h, "duplicate_serial", ""));
}

static void a_journal_that_is_behind_its_devices_is_one_alarm(void **state)
{
	struct harness *h = *state;

	for (unsigned i = 0; i < 20; i++) {
		char serial[32];

		snprintf(serial, sizeof(serial), "FGT60F%010u", i);
		tell(h, AUTH_EV_REFUSED, serial)->reason = REFUSAL_conflict;
	}
	tick(h);
	assert_int_equal(h->c->alarms.count, 1);
	assert_true(alarm_is(h, "conflict", "20 times; the last one: FGT60F0000000019"));
	/* As if told of so long ago; below 0 on a machine that was started since, which wraps. */
	h->c->wire.conflict_us -= WIRE_CONFLICT_US + 1;
	tick(h);
	assert_int_equal(h->c->alarms.count, 0);
}

static void the_trace_is_streamed_and_costs_nothing_unwatched(void **state)
{
	struct harness *h = *state;
	int fd = harness_connect(h), other = harness_connect(h);
	json_t *r;

	assert_int_equal(h->dp->trace_level, 0);
	harness_send(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"debug.start\",\"params\":"
			 "{\"what\":\"oftpd\",\"level\":8,\"address\":\"192.0.2.7\"}}\n");
	r = harness_read(h, fd);
	assert_true(json_is_true(at(r, "result.watching")));
	json_decref(r);
	assert_int_equal(h->dp->trace_level, 8);
	assert_false(h->dp->trace_all);
	h->dp->trace_lines = 1;
	h->dp->trace_lost = 5;
	r = harness_read(h, fd);
	assert_text(r, "method", "debug.line");
	assert_contains(json_string_value(at(r, "params.line")), "VERIFY OK: depth=0");
	assert_number(r, "params.lost", 5);
	json_decref(r);
	harness_send(other, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"debug.start\",\"params\":"
			    "{\"what\":\"oftpd\",\"level\":8}}\n");
	r = harness_read(h, other);
	assert_text(r, "error.data.reason", "busy");
	json_decref(r);
	/* A watcher that does not read loses lines, and the rest goes on. */
	h->dp->trace_lines = 20000;
	while (h->dp->trace_lines)
		harness_settle(h);
	json_decref(harness_result(h, "version", NULL));
	close(fd);
	harness_settle(h);
	assert_int_equal(h->dp->trace_level, 0);
	assert_null(h->c->debug);
	close(other);
}

static void a_trace_of_nonsense_is_refused(void **state)
{
	static const char *const bad[] = {"{\"what\":\"fgfmd\",\"level\":8}",
		"{\"what\":\"oftpd\",\"level\":0}",
		"{\"what\":\"oftpd\",\"level\":8,\"address\":\"here\"}"};

	for (unsigned i = 0; i < 3; i++) {
		harness_refused(*state, "debug.start", bad[i], "invalid", NULL);
	}
	harness_refused(*state, "debug.stop", NULL, "not_found", NULL);
}

#define T(f) cmocka_unit_test_setup_teardown(f, harness_setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(who_waits_is_listed_and_can_be_authorized),
		T(who_has_used_a_certificate_is_known_to_lcores),
		T(who_shows_a_certificate_while_denied_has_shown_it),
		T(who_is_up_by_a_certificate_has_shown_it_though_nobody_told),
		T(a_denial_that_could_not_be_published_is_so_with_a_later_tick),
		T(a_refusal_has_the_same_word_everywhere),
		T(a_flood_fills_neither_audit_nor_journal_nor_memory),
		T(lost_events_are_made_up_for),
		T(what_ends_soon_and_who_is_silent_are_alarms),
		T(silence_is_looked_for_less_often_among_many),
		T(two_that_share_a_serial_are_an_alarm_for_a_while),
		T(a_journal_that_is_behind_its_devices_is_one_alarm),
		T(the_trace_is_streamed_and_costs_nothing_unwatched),
		T(a_trace_of_nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
