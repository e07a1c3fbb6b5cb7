/*
 * TLS and who it lets in, in a whole data plane: certificates made here, a client of OpenSSL's on
 * the rig's TCP. Run as `test_tls one|apart|many`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/dp/rig_tls.h"
#include "tests/unit/tls/world.h"

static struct rig rig;
static struct world world;
static struct rig_options options = {.sessions = 256};
static struct dp_config cfg; /* cfg.policy is what was published last */
static struct auth_device devices[8];
static unsigned devices_count;
static uint64_t stored;
static struct auth_event events[64];
static unsigned events_count;
static uint16_t next_port = 5000;

/* ---- help ---- */

static void publish(void)
{
	char err[256];

	cfg.policy.auth = auth_snapshot_new(
		devices, devices_count, "[A-Z0-9-]{8,24}", false, err, sizeof(err));
	cfg.policy.tls = world_set(&world);
	assert_non_null(cfg.policy.auth);
	dp_policy_publish(rig.dp, &cfg.policy);
	auth_snapshot_unref(cfg.policy.auth);
	tls_set_unref(cfg.policy.tls);
	cfg.policy.auth = NULL;
	cfg.policy.tls = NULL;
}

static void set_device(const char *serial, enum auth_state state)
{
	unsigned i = 0;

	while (i < devices_count && strcmp(devices[i].serial, serial) != 0)
		i++;
	if (i == devices_count)
		devices_count++;
	snprintf(devices[i].serial, sizeof(devices[i].serial), "%s", serial);
	devices[i].state = (uint8_t)state;
}

static int start(void **state)
{
	(void)state;
	world_make(&world);
	rig_start(&rig, &options);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	if (rig.dp)
		rig_stop(&rig);
	rig_clean(&rig);
	world_free(&world);
	return 0;
}

static void take_event(void *ctx, const struct auth_event *ev)
{
	(void)ctx;
	assert_true(events_count < 64);
	events[events_count++] = *ev;
}

/* Each test begins with the same policy, and nothing told. */
static int begin(void **state)
{
	(void)state;
	dp_config_defaults(&cfg);
	memset(devices, 0, sizeof(devices));
	devices_count = 0;
	set_device(WORLD_SERIAL, AUTH_AUTHORIZED);
	publish();
	do
		events_count = 0;
	while (dp_auth_events(rig.dp, 64, take_event, NULL) > 0);
	events_count = 0;
	return 0;
}

/* Waits for an event of this kind. */
static const struct auth_event *wait_event(enum auth_event_kind kind)
{
	for (;;) {
		rig_pump(&rig);
		dp_auth_events(rig.dp, 1, take_event, NULL);
		if (events_count && events[events_count - 1].kind == kind)
			return &events[events_count - 1];
	}
}

static void count_kind(void *ctx, const struct dp_session_info *s)
{
	struct {
		const char *kind;
		unsigned n;
		struct dp_session_info last;
	} *c = ctx;

	if (strcmp(s->kind, c->kind) != 0)
		return;
	c->n++;
	c->last = *s;
}

static unsigned sessions_of(const char *kind, struct dp_session_info *last)
{
	struct {
		const char *kind;
		unsigned n;
		struct dp_session_info last;
	} c = {.kind = kind};

	assert_int_equal(dp_sessions(rig.dp, count_kind, &c), 0);
	if (last)
		*last = c.last;
	return c.n;
}

/* Lets every lcore make `n` rounds. */
static void rounds(uint64_t n)
{
	struct dp_lcore_info v[DP_MAX_LCORES], now[DP_MAX_LCORES];
	unsigned count = dp_lcores(rig.dp, v, DP_MAX_LCORES);

	for (unsigned i = 0; i < count; i++)
		do {
			rig_pump(&rig);
			dp_lcores(rig.dp, now, DP_MAX_LCORES);
		} while (now[i].heartbeat < v[i].heartbeat + n);
}

static uint64_t counter_value;
static const char *counter_name;

static void find_counter(void *ctx, const char *name, const char *help, bool gauge, uint64_t v)
{
	(void)ctx, (void)help, (void)gauge;
	if (strcmp(name, counter_name) == 0)
		counter_value = v;
}

static uint64_t counter(const char *name)
{
	counter_name = name;
	counter_value = UINT64_MAX;
	dp_counters(rig.dp, find_counter, NULL);
	assert_int_not_equal(counter_value, UINT64_MAX);
	return counter_value;
}

static uint64_t device_stored(const char *device)
{
	struct dp_account a;

	return dp_account_get(rig.dp, device, &a) ? a.stored : 0;
}

static const struct tls_client_options good = {.cert = &world.device};

/* ---- tests ---- */

static void a_device_logs_under_its_serial(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	uint64_t before = device_stored(WORLD_SERIAL);
	struct rig_tls t;
	char log[128];

	(void)state;
	for (unsigned v = 0; v < 2; v++) {
		struct tls_client_options o = good;
		struct dp_session_info info;

		o.min_version = o.max_version = versions[v];
		assert_true(rig_tls_open(&rig, &t, 20, next_port++, &o));
		for (unsigned i = 0; i < 500; i++) {
			int n = v ? snprintf(log, sizeof(log), "17 <13>line %08u", i)
				  : snprintf(log, sizeof(log), "<13>line %08u\n", i);

			rig_tls_send(&rig, &t, log, (uint32_t)n);
		}
		stored += 500;
		rig_wait_stored(&rig, stored);
		assert_int_equal(sessions_of(v ? "counted" : "lines", &info), 1);
		assert_string_equal(info.device, WORLD_SERIAL);
		assert_string_equal(info.tls_version, v ? "TLSv1.3" : "TLSv1.2");
		assert_true(info.tls_verified);
		assert_int_equal(info.tls_generation, 1);
		assert_int_equal(counter("tls_carried_bytes"), 0);
		rig_tls_close(&rig, &t);
		rig_tls_free(&rig, &t);
		assert_int_equal(wait_event(AUTH_EV_UP)->transport, TRANSPORT_TLS);
		assert_string_equal(events[events_count - 1].serial, WORLD_SERIAL);
		assert_string_equal(
			events[events_count - 1].subject, "/C=US/O=Site/CN=" WORLD_SERIAL);
		assert_int_equal(strlen(events[events_count - 1].fingerprint), 64);
		assert_int_equal(strlen(events[events_count - 1].anchor), 32);
		assert_string_equal(wait_event(AUTH_EV_DOWN)->serial, WORLD_SERIAL);
	}
	assert_int_equal(device_stored(WORLD_SERIAL), before + 1000);
	rig_check_equations(&rig);
}

static void a_log_may_lie_in_any_records(void **state)
{
	static const char priority[] = {'<', '1', '3', '>'};
	static char big[60001];
	struct rig_tls t;

	(void)state;
	assert_true(rig_tls_open(&rig, &t, 20, next_port++, &good));
	memset(big, 'x', sizeof(big));
	memcpy(big, priority, sizeof(priority));
	big[60000] = '\n';
	/* In pieces of every size, and several in one record. */
	for (uint32_t at = 0, n = 1; at < sizeof(big); at += n, n = n * 2 % 9973 + 1) {
		if (n > sizeof(big) - at)
			n = (uint32_t)sizeof(big) - at;
		rig_tls_send(&rig, &t, big + at, n);
	}
	stored++;
	rig_wait_stored(&rig, stored);
	rig_tls_send(&rig, &t, "<13>a\n<13>b\n<13>c", 17);
	rig_tls_send(&rig, &t, "\n<13>d\n", 7);
	stored += 4;
	rig_wait_stored(&rig, stored);
	assert_int_equal(counter("tls_carried_bytes"), 0);
	rig_tls_send(&rig, &t, "<13>unfinished", 14);
	while (counter("tls_carried_bytes") != 14)
		rig_pump(&rig);
	rig_tls_close(&rig, &t);
	stored++;
	rig_wait_stored(&rig, stored);
	assert_int_equal(counter("tls_carried_bytes"), 0);
	rig_tls_free(&rig, &t);
	rig_check_equations(&rig);
}

/* It is held up again and again with much behind it: it carries no more than a turn's worth, goes
 * on by itself, and each log is there once. */
static void a_device_that_is_slowed_down_loses_nothing(void **state)
{
	uint64_t before = device_stored(WORLD_SERIAL), most = 0;
	static char log[500];
	struct rig_tls t;

	(void)state;
	set_device(WORLD_SERIAL, AUTH_AUTHORIZED);
	devices[0].rate = 300;
	assert_string_equal(devices[0].serial, WORLD_SERIAL);
	publish();
	assert_true(rig_tls_open(&rig, &t, 20, next_port++, &good));
	snprintf(log, sizeof(log), "<13>%0*d", (int)sizeof(log) - 6, 0);
	log[sizeof(log) - 1] = '\n';
	for (unsigned i = 0; i < 700; i++) {
		uint64_t carried;

		rig_tls_send(&rig, &t, log, sizeof(log));
		if (i % 50)
			continue;
		carried = counter("tls_carried_bytes");
		most = carried > most ? carried : most;
	}
	assert_in_range(most, 1, 3 * 65536);
	stored += 700;
	rig_wait_stored(&rig, stored);
	rig_tls_close(&rig, &t);
	rig_tls_free(&rig, &t);
	assert_int_equal(device_stored(WORLD_SERIAL), before + 700);
	assert_int_equal(counter("tls_carried_bytes"), 0);
	rig_check_equations(&rig);
}

/* Whatever others send in its name, from its address or by a relay. */
static void what_is_not_proven_leaves_a_session_its_rate(void **state)
{
	uint64_t before = device_stored(WORLD_SERIAL);
	struct rig_tls t;

	(void)state;
	set_device(WORLD_SERIAL, AUTH_AUTHORIZED);
	devices[0].rate = 100;
	publish();
	rig_use_up(&rig, WORLD_SERIAL, RATE_DATAGRAM);
	rig_use_up(&rig, WORLD_SERIAL, RATE_CLEAR);
	assert_true(rig_tls_open(&rig, &t, 20, next_port++, &good));
	rig_tls_send(&rig, &t, "<13>a\n<13>b\n<13>c\n", 18);
	stored += 3;
	rig_wait_stored(&rig, stored);
	rig_tls_close(&rig, &t);
	rig_tls_free(&rig, &t);
	assert_int_equal(device_stored(WORLD_SERIAL), before + 3);
	rig_check_equations(&rig);
}

static void a_ticket_is_taken_and_held_against_the_registry(void **state)
{
	struct tls_client_options o = good;
	struct dp_session_info info;
	SSL_SESSION *ticket;
	struct rig_tls t;

	(void)state;
	assert_true(rig_tls_open(&rig, &t, 20, next_port++, &good));
	rig_tls_send(&rig, &t, "<13>first\n", 10);
	stored++;
	rig_wait_stored(&rig, stored);
	rig_tls_step(&rig, &t);
	SSL_read(t.client.ssl, &(char){0}, 1);
	ticket = t.client.ticket;
	t.client.ticket = NULL;
	assert_non_null(ticket);
	rig_tls_close(&rig, &t);
	rig_tls_free(&rig, &t);

	o.session = ticket;
	assert_true(rig_tls_open(&rig, &t, 20, next_port++, &o));
	rig_tls_send(&rig, &t, "<13>second\n", 11);
	stored++;
	rig_wait_stored(&rig, stored);
	assert_int_equal(sessions_of("lines", &info), 1);
	assert_true(info.tls_resumed);
	assert_string_equal(info.device, WORLD_SERIAL);
	rig_tls_close(&rig, &t);
	rig_tls_free(&rig, &t);

	set_device(WORLD_SERIAL, AUTH_DENIED); /* and control forgot the generation */
	publish();
	assert_true(rig_tls_open(&rig, &t, 20, next_port++, &o));
	rig_tls_send(&rig, &t, "<13>third\n", 10);
	rig_tls_wait_end(&rig, &t);
	rig_tls_free(&rig, &t);
	assert_int_equal(wait_event(AUTH_EV_REFUSED)->reason, REFUSAL_denied);
	SSL_SESSION_free(ticket);
}

static void a_pending_one_waits_unread_and_goes_on_when_authorized(void **state)
{
	struct tls_client_options o = {.cert = &world.device_of_sub, .via = &world.sub};
	const struct auth_event *ev;
	struct dp_account a;
	struct rig_tls t;

	(void)state;
	assert_true(rig_tls_open(&rig, &t, 21, next_port++, &o));
	ev = wait_event(AUTH_EV_PENDING);
	assert_string_equal(ev->serial, "FGVM010000777777");
	assert_string_equal(ev->issuer, "/C=US/O=Works/CN=sub");
	rig_tls_send(&rig, &t, "<13>kept waiting\n", 17);
	rig_wait_frames(&rig);
	rounds(8);
	assert_int_equal(sessions_of("pending", NULL), 1);
	assert_false(dp_account_get(rig.dp, "FGVM010000777777", &a));

	set_device("FGVM010000777777", AUTH_PENDING); /* as control will make it */
	publish();
	rounds(8);
	assert_int_equal(sessions_of("pending", NULL), 1);

	set_device("FGVM010000777777", AUTH_AUTHORIZED);
	publish();
	stored++;
	rig_wait_stored(&rig, stored);
	assert_int_equal(device_stored("FGVM010000777777"), 1);
	assert_int_equal(wait_event(AUTH_EV_UP)->kind, AUTH_EV_UP);
	rig_tls_close(&rig, &t);
	rig_tls_free(&rig, &t);
	rig_check_equations(&rig);
}

/* Denied, forgotten before it has said anything, denied again when it has. */
static void who_is_denied_no_more_waits_as_if_he_had_come_now(void **state)
{
	uint64_t before[REFUSAL_REASON_COUNT], after[REFUSAL_REASON_COUNT];
	struct tls_client_options o = {.cert = &world.device_of_sub, .via = &world.sub};
	struct rig_tls t;

	(void)state;
	dp_refusals(rig.dp, before);
	set_device("FGVM010000777777", AUTH_DENIED);
	publish();
	assert_true(rig_tls_open(&rig, &t, 21, next_port++, &o));
	assert_int_equal(wait_event(AUTH_EV_REFUSED)->reason, REFUSAL_denied);
	assert_int_equal(sessions_of("denied", NULL), 1);
	assert_int_equal(counter("tls_pending"), 0);
	set_device("FGVM010000777777", AUTH_UNKNOWN);
	publish();
	assert_string_equal(wait_event(AUTH_EV_PENDING)->serial, "FGVM010000777777");
	while (counter("tls_pending") != 1)
		rig_pump(&rig);
	rig_tls_send(&rig, &t, "<13>kept waiting\n", 17);
	rig_wait_frames(&rig);
	rounds(8);
	assert_int_equal(sessions_of("pending", NULL), 1);
	set_device("FGVM010000777777", AUTH_DENIED);
	publish();
	rig_tls_wait_end(&rig, &t);
	rig_tls_free(&rig, &t);
	assert_int_equal(wait_event(AUTH_EV_REFUSED)->reason, REFUSAL_denied);
	dp_refusals(rig.dp, after);
	assert_int_equal(after[REFUSAL_denied], before[REFUSAL_denied] + 2);
}

static void nobody_waits_for_ever(void **state)
{
	struct tls_client_options o = {.cert = &world.device_of_sub, .via = &world.sub};
	struct rig_tls t;

	(void)state;
	cfg.policy.pending_hold_us = 1000;
	publish();
	assert_true(rig_tls_open(&rig, &t, 21, next_port++, &o));
	rig_tls_wait_end(&rig, &t);
	rig_tls_free(&rig, &t);
	assert_int_equal(wait_event(AUTH_EV_REFUSED)->reason, REFUSAL_not_authorized);
	assert_string_equal(events[events_count - 1].serial, "FGVM010000777777");
}

/* Comes, and is refused for this reason; the event names it as it does. */
static void refused_as(
	const struct tls_client_options *o, enum refusal_reason reason, const char *claim)
{
	uint64_t before[REFUSAL_REASON_COUNT], after[REFUSAL_REASON_COUNT];
	const struct auth_event *ev;
	struct rig_tls t;

	dp_refusals(rig.dp, before);
	rig_tls_open(&rig, &t, 22, next_port++, o);
	if (reason == REFUSAL_denied) /* it might log in, and would be told so */
		rig_tls_send(&rig, &t, "<13>no\n", 7);
	rig_tls_wait_end(&rig, &t);
	rig_tls_free(&rig, &t);
	ev = wait_event(AUTH_EV_REFUSED);
	assert_string_equal(refusal_reason_slug(ev->reason), refusal_reason_slug(reason));
	assert_string_equal(ev->serial, claim);
	dp_refusals(rig.dp, after);
	assert_int_equal(after[reason], before[reason] + 1);
}

static void everything_refused_is_told_with_its_reason(void **state)
{
	struct pki_cert old = pki_issue(&world.root,
				&(struct pki_options){
					.cn = WORLD_SERIAL, .from_s = -7200, .lasting_s = 3600}),
			web = pki_issue(&world.root,
				&(struct pki_options){.cn = WORLD_SERIAL, .eku = "serverAuth"}),
			vm = pki_issue(&world.root, &(struct pki_options){.cn = "FortiGate"}),
			theirs = pki_issue(
				&world.other_root, &(struct pki_options){.cn = WORLD_SERIAL});

	(void)state;
	refused_as(&(struct tls_client_options){0}, REFUSAL_no_certificate, "");
	refused_as(&(struct tls_client_options){.cert = &old}, REFUSAL_expired, WORLD_SERIAL);
	refused_as(&(struct tls_client_options){.cert = &web}, REFUSAL_no_client_auth_purpose,
		WORLD_SERIAL);
	refused_as(&(struct tls_client_options){.cert = &vm}, REFUSAL_no_legal_sn, "FortiGate");
	refused_as(&(struct tls_client_options){.cert = &theirs}, REFUSAL_wrong_ca, WORLD_SERIAL);
	refused_as(&(struct tls_client_options){.cert = &world.device_of_sub},
		REFUSAL_missing_intermediate, "FGVM010000777777");
	set_device(WORLD_SERIAL, AUTH_DENIED);
	publish();
	refused_as(&good, REFUSAL_denied, WORLD_SERIAL);
	pki_free(&old);
	pki_free(&web);
	pki_free(&vm);
	pki_free(&theirs);
}

static void a_san_or_a_dns_name_may_name_it(void **state)
{
	struct pki_cert san = pki_issue(&world.root,
				&(struct pki_options){.cn = "FortiGate",
					.san = "DNS:fw.example.org,DNS:" WORLD_SERIAL}),
			host = pki_issue(&world.root, &(struct pki_options){.cn = "loghost",
							      .san = "DNS:rsyslog.example.org"});
	struct tls_client_options o = {.cert = &san};
	uint64_t before = device_stored(WORLD_SERIAL);
	struct rig_tls t;

	(void)state;
	assert_true(rig_tls_open(&rig, &t, 23, next_port++, &o));
	rig_tls_send(&rig, &t, "<13>by SAN\n", 11);
	stored++;
	rig_wait_stored(&rig, stored);
	assert_int_equal(device_stored(WORLD_SERIAL), before + 1);
	rig_tls_close(&rig, &t);
	rig_tls_free(&rig, &t);

	o.cert = &host;
	refused_as(&o, REFUSAL_no_legal_sn, "loghost");
	cfg.policy.tls_name_dns = true;
	set_device("rsyslog.example.org", AUTH_AUTHORIZED);
	publish();
	assert_true(rig_tls_open(&rig, &t, 23, next_port++, &o));
	rig_tls_send(&rig, &t, "<13>by DNS\n", 11);
	stored++;
	rig_wait_stored(&rig, stored);
	assert_int_equal(device_stored("rsyslog.example.org"), 1);
	rig_tls_close(&rig, &t);
	rig_tls_free(&rig, &t);
	pki_free(&san);
	pki_free(&host);
}

static void who_need_not_show_a_certificate_is_an_address(void **state)
{
	struct rig_tls t;

	(void)state;
	world.spec.require_certificate = false;
	cfg.policy.tls_require_certificate = false;
	publish();
	assert_true(rig_tls_open(&rig, &t, 24, next_port++, &(struct tls_client_options){0}));
	rig_tls_send(&rig, &t, "<13>nobody\n", 11);
	stored++;
	rig_wait_stored(&rig, stored);
	assert_int_equal(device_stored("192.0.2.24"), 1);
	/* From now on it must. */
	world.spec.require_certificate = true;
	cfg.policy.tls_require_certificate = true;
	publish();
	rig_tls_wait_end(&rig, &t);
	rig_tls_free(&rig, &t);
	assert_int_equal(wait_event(AUTH_EV_REFUSED)->reason, REFUSAL_no_certificate);
}

static void a_change_ends_whom_it_forbids_and_nobody_else(void **state)
{
	struct tls_client_options second = {.cert = &world.device_of_sub, .via = &world.sub};
	const struct pki_cert *revoked[] = {&world.device};
	char *crl = pki_crl_pem(&world.root, revoked, 1);
	struct dp_session_info info;
	struct rig_tls a, b;

	(void)state;
	set_device("FGVM010000777777", AUTH_AUTHORIZED);
	publish();
	assert_true(rig_tls_open(&rig, &a, 25, next_port++, &good));
	assert_true(rig_tls_open(&rig, &b, 26, next_port++, &second));
	rig_tls_send(&rig, &a, "<13>a1\n", 7);
	rig_tls_send(&rig, &b, "<13>b1\n", 7);
	stored += 2;
	rig_wait_stored(&rig, stored);

	world.spec.generation = 2; /* a new set, and nothing that forbids anybody */
	publish();
	rounds(8);
	rig_tls_send(&rig, &a, "<13>a2\n", 7);
	rig_tls_send(&rig, &b, "<13>b2\n", 7);
	stored += 2;
	rig_wait_stored(&rig, stored);
	assert_int_equal(sessions_of("lines", &info), 2);
	assert_int_equal(info.tls_generation, 1);

	world.spec.generation = 3;
	world.spec.crls_pem = crl;
	publish();
	rig_tls_wait_end(&rig, &a);
	assert_true(a.tcp.reset);
	assert_int_equal(wait_event(AUTH_EV_REFUSED)->reason, REFUSAL_revoked);
	assert_string_equal(events[events_count - 1].serial, WORLD_SERIAL);
	rig_tls_send(&rig, &b, "<13>b3\n", 7);
	stored++;
	rig_wait_stored(&rig, stored);

	set_device("FGVM010000777777", AUTH_DENIED);
	publish();
	rig_tls_wait_end(&rig, &b);
	assert_int_equal(wait_event(AUTH_EV_REFUSED)->reason, REFUSAL_denied);
	rig_tls_free(&rig, &a);
	rig_tls_free(&rig, &b);
	world.spec.crls_pem = NULL;
	world.spec.generation = 1;
	free(crl);
	rig_check_equations(&rig);
}

static void a_source_begins_so_many_a_second(void **state)
{
	struct rig_tls t[32];
	unsigned n = 0;

	(void)state;
	cfg.policy.handshakes_per_source = 1;
	publish();
	/* However slow the machine: two of these begin within the same second. */
	do {
		assert_in_range(n, 0, 31);
		rig_tls_open(&rig, &t[n], 27, next_port++, &good);
	} while (!t[n++].tcp.reset);
	assert_int_equal(wait_event(AUTH_EV_REFUSED)->reason, REFUSAL_handshake_rate);
	for (unsigned i = 0; i < n; i++) {
		if (!t[i].tcp.reset)
			rig_tls_close(&rig, &t[i]);
		rig_tls_free(&rig, &t[i]);
	}
}

static void who_does_not_go_on_is_closed(void **state)
{
	struct rig_tls t;

	(void)state;
	cfg.policy.handshake_timeout_us = 1000;
	publish();
	memset(&t, 0, sizeof(t));
	rig_tcp_open(&rig, &t.tcp, 28, next_port++, 514);
	rig_tcp_send(&rig, &t.tcp, "\x16\x03\x01\x01\x00\x01", 6);
	while (!t.tcp.reset)
		rig_pump(&rig);
	rig_tcp_end(&rig, &t.tcp);
	assert_int_equal(wait_event(AUTH_EV_REFUSED)->reason, REFUSAL_handshake_timeout);
}

/* One whose turn has not come, and one of which it is not known yet what it speaks. */
static void a_hello_that_does_not_end_has_its_time_too(void **state)
{
	static const uint8_t hello[] = {0x16, 3, 1, 1, 0, 1};
	struct rig_tls t;

	(void)state;
	for (unsigned len = 1; len <= sizeof(hello); len += 5) {
		struct rig_tcp others[2];

		events_count = 0;
		cfg.policy.handshakes = 1; /* of each worker */
		cfg.policy.handshake_timeout_us = 3600000000;
		publish();
		for (unsigned i = 0; i < 2; i++) {
			rig_tcp_open(&rig, &others[i], 28, next_port++, 514);
			rig_tcp_send(&rig, &others[i], hello, sizeof(hello));
		}
		memset(&t, 0, sizeof(t));
		rig_tcp_open(&rig, &t.tcp, 29, next_port++, 514);
		rig_tcp_send(&rig, &t.tcp, hello, len);
		rig_wait_frames(&rig);
		cfg.policy.handshake_timeout_us = 1000;
		publish();
		while (!t.tcp.reset)
			rig_pump(&rig);
		rig_tcp_end(&rig, &t.tcp);
		do
			wait_event(AUTH_EV_REFUSED);
		while (events[events_count - 1].addr.b[15] != 29);
		assert_int_equal(events[events_count - 1].reason, REFUSAL_handshake_timeout);
		for (unsigned i = 0; i < 2; i++)
			rig_tcp_end(&rig, &others[i]);
	}
}

static void garbage_gets_an_alert_and_a_reason(void **state)
{
	static const uint8_t junk[] = {0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0xff};
	struct rig_tls t;

	(void)state;
	memset(&t, 0, sizeof(t));
	rig_tcp_open(&rig, &t.tcp, 28, next_port++, 514);
	rig_tcp_send(&rig, &t.tcp, junk, sizeof(junk));
	while (!t.tcp.peer_fin)
		rig_pump(&rig);
	rig_tcp_close(&rig, &t.tcp);
	rig_tcp_end(&rig, &t.tcp);
	assert_int_equal(wait_event(AUTH_EV_REFUSED)->reason, REFUSAL_protocol_error);
}

struct lines {
	char text[8192];
	uint64_t lost;
};

static void take_line(void *ctx, const char *line, uint64_t lost)
{
	struct lines *l = ctx;
	size_t n = strlen(l->text);

	l->lost += lost;
	/* What stands before the peer's address depends on the lcore. */
	snprintf(l->text + n, sizeof(l->text) - n, "%s\n", strchr(line, ':') + 1);
}

static void who_is_watched_is_traced_and_nobody_else(void **state)
{
	struct pki_cert vm = pki_issue(&world.root, &(struct pki_options){.cn = "FortiGate"});
	struct tls_client_options o = {.cert = &vm};
	struct ip_addr addr;
	struct lines lines = {{0}, 0};

	(void)state;
	ip_addr_parse(&addr, "192.0.2.22");
	dp_trace_set(rig.dp, 8, &addr);
	refused_as(&o, REFUSAL_no_legal_sn, "FortiGate");
	dp_trace_lines(rig.dp, 100, take_line, &lines);
	assert_string_equal(lines.text,
		"tls :192.0.2.22] SSL clienthello incoming\n"
		"tls :192.0.2.22] dft-idx=0 inited=1.\n"
		"tls :192.0.2.22] VERIFY OK: depth=1, /C=US/O=Works/CN=root\n"
		"tls :192.0.2.22] VERIFY OK: depth=0, /C=US/CN=FortiGate\n"
		"tls :192.0.2.22] ssl verify peer cert\n"
		"tls :192.0.2.22] Peer is using a certificate. ON=\n"
		"tls :192.0.2.22] Peer cert info, CommonName(CN=FortiGate).\n"
		"tls :192.0.2.22] SSL_accept one client SUCCESS [ protocol : (772) TLS 1.3 ]\n"
		"login :192.0.2.22] Error No legal SN found in cert and legacy auth mode disabled\n"
		"session :192.0.2.22] refused: no_legal_sn: no serial number by "
		"auth.serial-pattern is FortiGate\n");
	assert_int_equal(lines.lost, 0);
	ip_addr_parse(&addr, "192.0.2.99");
	dp_trace_set(rig.dp, 8, &addr);
	refused_as(&o, REFUSAL_no_legal_sn, "FortiGate");
	assert_int_equal(dp_trace_lines(rig.dp, 100, take_line, &lines), 0);
	/* A new policy does not end the watching; level 0 does. */
	dp_trace_set(rig.dp, 8, NULL);
	publish();
	refused_as(&o, REFUSAL_no_legal_sn, "FortiGate");
	assert_true(dp_trace_lines(rig.dp, 100, take_line, &lines) > 5);
	dp_trace_set(rig.dp, 0, NULL);
	refused_as(&o, REFUSAL_no_legal_sn, "FortiGate");
	assert_int_equal(dp_trace_lines(rig.dp, 100, take_line, &lines), 0);
	pki_free(&vm);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_device_logs_under_its_serial, begin),
		cmocka_unit_test_setup(a_log_may_lie_in_any_records, begin),
		cmocka_unit_test_setup(a_device_that_is_slowed_down_loses_nothing, begin),
		cmocka_unit_test_setup(what_is_not_proven_leaves_a_session_its_rate, begin),
		cmocka_unit_test_setup(a_ticket_is_taken_and_held_against_the_registry, begin),
		cmocka_unit_test_setup(
			a_pending_one_waits_unread_and_goes_on_when_authorized, begin),
		cmocka_unit_test_setup(who_is_denied_no_more_waits_as_if_he_had_come_now, begin),
		cmocka_unit_test_setup(nobody_waits_for_ever, begin),
		cmocka_unit_test_setup(everything_refused_is_told_with_its_reason, begin),
		cmocka_unit_test_setup(a_san_or_a_dns_name_may_name_it, begin),
		cmocka_unit_test_setup(who_need_not_show_a_certificate_is_an_address, begin),
		cmocka_unit_test_setup(a_change_ends_whom_it_forbids_and_nobody_else, begin),
		cmocka_unit_test_setup(a_source_begins_so_many_a_second, begin),
		cmocka_unit_test_setup(who_does_not_go_on_is_closed, begin),
		cmocka_unit_test_setup(a_hello_that_does_not_end_has_its_time_too, begin),
		cmocka_unit_test_setup(garbage_gets_an_alert_and_a_reason, begin),
		cmocka_unit_test_setup(who_is_watched_is_traced_and_nobody_else, begin),
	};

	if (argc != 2)
		return 2;
	options.lcores = strcmp(argv[1], "one") == 0	 ? RIG_ONE
			 : strcmp(argv[1], "apart") == 0 ? RIG_APART
							 : RIG_MANY;
	return cmocka_run_group_tests(tests, start, stop);
}
