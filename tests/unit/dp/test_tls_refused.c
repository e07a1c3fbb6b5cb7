/*
 * Whom TLS in a whole data plane does not let in, or not any more, and how that is told. Run as
 * `test_tls_refused one|apart|many`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/dp/rig_tls_stage.h"

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
		cmocka_unit_test_setup(everything_refused_is_told_with_its_reason, stage_begin),
		cmocka_unit_test_setup(a_san_or_a_dns_name_may_name_it, stage_begin),
		cmocka_unit_test_setup(who_need_not_show_a_certificate_is_an_address, stage_begin),
		cmocka_unit_test_setup(a_change_ends_whom_it_forbids_and_nobody_else, stage_begin),
		cmocka_unit_test_setup(a_source_begins_so_many_a_second, stage_begin),
		cmocka_unit_test_setup(who_does_not_go_on_is_closed, stage_begin),
		cmocka_unit_test_setup(a_hello_that_does_not_end_has_its_time_too, stage_begin),
		cmocka_unit_test_setup(garbage_gets_an_alert_and_a_reason, stage_begin),
		cmocka_unit_test_setup(who_is_watched_is_traced_and_nobody_else, stage_begin),
	};

	if (argc != 2)
		return 2;
	stage_options(argv[1]);
	return cmocka_run_group_tests(tests, stage_start, stage_stop);
}
