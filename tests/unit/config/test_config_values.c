/* What each key becomes. */
#include "config_test.h"

static void defaults_are_those_of_the_interfaces_page(void **state)
{
	(void)state;
	must_parse(PORT);
	assert_string_equal(cfg.node.name, "fw-logs-1");
	assert_string_equal(cfg.node.serial, "auto");
	assert_int_equal(cfg.eal.huge, DP_HUGE_AUTO);
	assert_int_equal(cfg.eal.memory, 512u << 20);
	assert_string_equal(cfg.eal.file_prefix, "auto");
	assert_int_equal(cfg.eal.args.count, 0);
	assert_int_equal(cfg.cores.rx.count, 0);
	assert_int_equal(cfg.cores.workers.count, 0);
	assert_int_equal(cfg.cores.compressors, -1);
	assert_int_equal(cfg.cores.poll, DP_POLL_ADAPTIVE);
	assert_int_equal(cfg.listen.ports.count, 3);
	assert_int_equal(cfg.listen.ports.v[0], 514);
	assert_int_equal(cfg.listen.ports.v[1], 6514);
	assert_int_equal(cfg.listen.ports.v[2], 2514);
	assert_int_equal(cfg.listen.cleartext, DP_CLEAR_UDP_SYSLOG | DP_CLEAR_TCP_SYSLOG);
	assert_int_equal(cfg.listen.allow.count, 2);
	assert_int_equal(cfg.listen.allow.v[0].len, 96);
	assert_int_equal(cfg.listen.allow.v[1].len, 0);
	assert_int_equal(cfg.listen.unknown_source, DP_UNKNOWN_ACCEPT);
	assert_int_equal(cfg.listen.trust_devid.count, 0);
	assert_int_equal(cfg.listen.tls_client_certificate, CONFIG_CLIENT_CERT_REQUIRE);
	assert_int_equal(cfg.listen.tls_names, CONFIG_TLS_NAME_SERIAL);
	assert_string_equal(cfg.control.socket, "/run/sluice/control.sock");
	assert_string_equal(cfg.journal.dir, "/var/lib/sluice/journal");
	assert_int_equal(cfg.journal.block_size, 1 << 20);
	assert_int_equal(cfg.journal.commit_interval, 1000);
	assert_int_equal(cfg.journal.commit_interval_unacked, 50000);
	assert_int_equal(cfg.journal.segment_size, 256 << 20);
	assert_int_equal(cfg.journal.segment_age, 3600000000ull);
	assert_int_equal(cfg.journal.min_free, 1 << 30);
	assert_int_equal(cfg.journal.retention_age, 90 * 86400000000ull);
	assert_int_equal(cfg.journal.retention_size.percent, 80);
	assert_int_equal(cfg.journal.retention_size.bytes, 0);
	assert_int_equal(cfg.journal.stream_retention, 400 * 86400000000ull);
	assert_int_equal(cfg.journal.compaction_level, 9);
	assert_int_equal(cfg.tls.contexts.count, 1);
	assert_string_equal(cfg.tls.contexts.v[0].sni, "default");
	assert_string_equal(cfg.tls.contexts.v[0].identity, "node");
	assert_string_equal(cfg.auth.serial_pattern, "[A-Z0-9-]{8,24}");
	assert_int_equal(cfg.auth.pending_hold, 60000000);
	assert_int_equal(cfg.limits.sessions, 20000);
	assert_int_equal(cfg.limits.devices, 100000);
	assert_int_equal(cfg.limits.message_size, 65536);
	assert_int_equal(cfg.limits.device_rate, 0);
	assert_int_equal(cfg.limits.half_open, 16384);
	assert_int_equal(cfg.limits.handshakes, 1024);
	assert_int_equal(cfg.metrics.listen.port, 9514);
}

/* The page that others rely on, as it stands there. */
static void the_interfaces_page_loads(void **state)
{
	(void)state;
	must_parse(
		"node: {name: fw-logs-1, serial: auto}\n"
		"ports:\n"
		"  - {name: data0, devargs: \"net_tap0,iface=sluice0\", addresses: [192.0.2.2/24, "
		"\"2001:db8::2/64\"], gateways: [192.0.2.1, \"2001:db8::1\"], vlan: none, mtu: "
		"1500, "
		"queues: auto}\n"
		"eal: {huge: auto, memory: 512MiB, file-prefix: auto, args: []}   # prefix\n"
		"cores: {rx: auto, workers: auto, compressors: auto, poll: adaptive}\n"
		"listen: {ports: [514, 6514, 2514], cleartext: [udp-syslog, tcp-syslog], allow: "
		"[0.0.0.0/0, "
		"\"::/0\"], unknown-source: accept, trust-devid: [], tls-client-certificate: "
		"require, "
		"tls-names: [serial]}\n"
		"control: {socket: /run/sluice/control.sock}\n"
		"journal: {dir: /var/lib/sluice/journal, block-size: 1MiB, commit-interval: 1ms, "
		"commit-interval-unacked: 50ms, segment-size: 256MiB, segment-age: 1h, min-free: "
		"1GiB, "
		"retention: {age: 90d, size: 80%}, stream-retention: 400d}\n"
		"tls: {min-proto-version: tls1.2, enc-algorithm: high, contexts: [{sni: default, "
		"identity: "
		"node}]}\n"
		"auth: {serial-pattern: \"[A-Z0-9-]{8,24}\", pending-hold: 60s}\n"
		"limits: {sessions: 20000, devices: 100000, message-size: 64KiB, device-rate: "
		"none, "
		"half-open: 16384, handshakes: 1024}\n"
		"metrics: {listen: 127.0.0.1:9514}\n"
		"sinks: []\n"
		"licence: {mode: none}\n");
	{
		static struct config defaults;

		config_defaults(&defaults);
		assert_memory_equal(&cfg, &defaults, sizeof(cfg));
	}
}

static void a_port_has_everything(void **state)
{
	char text[IP_ADDR_TEXT];

	(void)state;
	must_parse("ports:\n"
		   "  - name: data0\n"
		   "    devargs: \"net_tap0,iface=sluice0\"\n"
		   "    addresses: [192.0.2.2/24, \"2001:db8::2/64\"]\n"
		   "    gateways: [192.0.2.1, \"2001:db8::1\"]\n"
		   "    vlan: 100\n"
		   "    mtu: 9000\n"
		   "    queues: 2\n"
		   "  - {name: data1, devargs: 0000:00:03.0, addresses: [198.51.100.9/31]}\n");
	assert_int_equal(cfg.ports_count, 2);
	assert_string_equal(cfg.ports[0].name, "data0");
	assert_string_equal(cfg.ports[0].devargs, "net_tap0,iface=sluice0");
	assert_int_equal(cfg.ports[0].addresses_count, 2);
	assert_int_equal(cfg.ports[0].addresses[0].prefix_len, 120);
	assert_int_equal(cfg.ports[0].addresses[1].prefix_len, 64);
	ip_addr_format(&cfg.ports[0].addresses[1].addr, text);
	assert_string_equal(text, "2001:db8::2");
	assert_int_equal(cfg.ports[0].gateways_count, 2);
	ip_addr_format(&cfg.ports[0].gateways[0], text);
	assert_string_equal(text, "192.0.2.1");
	assert_int_equal(cfg.ports[0].vlan, 100);
	assert_int_equal(cfg.ports[0].mtu, 9000);
	assert_int_equal(cfg.ports[0].queues, 2);
	assert_string_equal(cfg.ports[1].devargs, "0000:00:03.0");
	assert_int_equal(cfg.ports[1].vlan, NET_VLAN_NONE);
	assert_int_equal(cfg.ports[1].mtu, 1500);
	assert_int_equal(cfg.ports[1].queues, 0);
	assert_int_equal(cfg.ports[1].gateways_count, 0);
}

static void values_that_stand_for_none_and_auto(void **state)
{
	(void)state;
	must_parse(PORT "journal: {retention: {age: none, size: none}, min-free: 0}\n"
			"limits: {idle-timeout: none}\n"
			"metrics: {listen: none}\n"
			"cores: {compressors: 0, rx: [0], workers: [0]}\n");
	assert_int_equal(cfg.journal.retention_age, CONFIG_NEVER);
	assert_int_equal(cfg.journal.retention_size.bytes, 0);
	assert_int_equal(cfg.journal.retention_size.percent, 0);
	assert_int_equal(cfg.journal.min_free, 0);
	assert_int_equal(cfg.limits.idle_timeout, CONFIG_NEVER);
	assert_int_equal(cfg.metrics.listen.port, 0);
	assert_int_equal(cfg.cores.compressors, 0);
	assert_int_equal(cfg.cores.rx.count, 1);
	assert_int_equal(cfg.cores.workers.count, 1);
}

static void retention_by_bytes(void **state)
{
	(void)state;
	must_parse(PORT "journal: {retention: {size: 2TiB}}\n");
	assert_int_equal(cfg.journal.retention_size.bytes, 2ull << 40);
	assert_int_equal(cfg.journal.retention_size.percent, 0);
}

static void endpoints_of_both_families(void **state)
{
	char text[IP_ADDR_TEXT];

	(void)state;
	must_parse(PORT "metrics: {listen: \"[::1]:80\"}\n");
	ip_addr_format(&cfg.metrics.listen.addr, text);
	assert_string_equal(text, "::1");
	assert_int_equal(cfg.metrics.listen.port, 80);
	must_parse(PORT "metrics: {listen: 0.0.0.0:9514}\n");
	ip_addr_format(&cfg.metrics.listen.addr, text);
	assert_string_equal(text, "0.0.0.0");
}

static void eal_options_that_have_a_key_are_refused(void **state)
{
	static const char *const taken[] = {"--file-prefix=x", "--no-huge", "-l0", "-l",
		"--lcores=0@1", "-m", "--socket-mem=5", "--in-memory"};
	static const char *const free_ones[] = {
		"--log-level=8", "--vdev=net_null1", "--no-pci", "--no-hugex", "--iova-mode=va"};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		snprintf(text, sizeof(text), PORT "eal: {args: [\"%s\"]}\n", taken[i]);
		assert_int_equal(parse(text), -1);
		assert_string_equal(errors.v[0].path, "eal.args[0]");
	}
	for (size_t i = 0; i < sizeof(free_ones) / sizeof(free_ones[0]); i++) {
		snprintf(text, sizeof(text), PORT "eal: {args: [\"%s\"]}\n", free_ones[i]);
		must_parse(text);
		assert_string_equal(cfg.eal.args.v[0], free_ones[i]);
	}
}

static void keys_of_later_parts_take_their_default(void **state)
{
	(void)state;
	must_parse(PORT
		"tls: {min-proto-version: tls1.2, contexts: [{identity: node, sni: default}]}\n"
		"auth: {pending-hold: 1m}\n"
		"limits: {handshakes: 1024, device-rate: none}\n"
		"licence: {}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_the_interfaces_page),
		cmocka_unit_test(the_interfaces_page_loads),
		cmocka_unit_test(a_port_has_everything),
		cmocka_unit_test(values_that_stand_for_none_and_auto),
		cmocka_unit_test(retention_by_bytes),
		cmocka_unit_test(endpoints_of_both_families),
		cmocka_unit_test(eal_options_that_have_a_key_are_refused),
		cmocka_unit_test(keys_of_later_parts_take_their_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
