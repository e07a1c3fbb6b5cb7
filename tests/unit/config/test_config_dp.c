/* What the data plane gets. */
#include "config_test.h"

static struct dp_config dp;

static void everything_arrives_in_the_data_planes_units(void **state)
{
	(void)state;
	must_parse(
		"node: {name: n1}\n"
		"ports: [{name: p, devargs: net_null0, addresses: [192.0.2.2/24], gateways: "
		"[192.0.2.1]}]\n"
		"eal: {huge: off, memory: 1GiB, file-prefix: x, args: [--no-pci]}\n"
		"cores: {rx: [1], workers: [2, 3], compressors: 2, poll: busy}\n"
		"listen: {ports: [514], allow: [10.0.0.0/8], trust-devid: [10.1.0.0/16], "
		"cleartext: "
		"[udp-syslog]}\n"
		"journal: {dir: /j, block-size: 512KiB, pool: 8MiB, commit-interval: 2ms, "
		"commit-interval-unacked: 20ms, segment-size: 8MiB, segment-age: 5m, min-free: "
		"2GiB, "
		"retention: {age: 2d, size: 70%}, stream-retention: 3d, compaction-level: none}\n"
		"limits: {sessions: 5, devices: 6, half-open: 17, message-size: 8KiB, "
		"idle-timeout: 1h, time-wait: 18, tcp-receive: 2MiB, neighbours: 19, "
		"reassembly: 1MiB, reassembly-per-source: 20, icmp-rate: 21/s}\n");
	memset(&dp, 0x5a, sizeof(dp));
	config_to_dp(&cfg, &dp);

	assert_int_equal(dp.ports_count, 1);
	assert_string_equal(dp.ports[0].devargs, "net_null0");
	assert_int_equal(dp.ports[0].gateways_count, 1);
	assert_int_equal(dp.eal.huge, DP_HUGE_OFF);
	assert_int_equal(dp.eal.memory_mib, 1024);
	assert_string_equal(dp.eal.file_prefix, "x");
	assert_int_equal(dp.eal.args_count, 1);
	assert_string_equal(dp.eal.args[0], "--no-pci");
	assert_int_equal(dp.cores.rx_count, 1);
	assert_int_equal(dp.cores.rx[0], 1);
	assert_int_equal(dp.cores.workers_count, 2);
	assert_int_equal(dp.cores.workers[1], 3);
	assert_int_equal(dp.cores.compressors, 2);
	assert_int_equal(dp.cores.poll, DP_POLL_BUSY);
	assert_int_equal(dp.listen_count, 1);
	assert_int_equal(dp.listen_ports[0], 514);
	assert_int_equal(dp.limits.sessions, 5);
	assert_int_equal(dp.limits.devices, 6);
	assert_int_equal(dp.limits.half_open, 17);
	assert_int_equal(dp.limits.time_wait, 18);
	assert_int_equal(dp.limits.tcp_receive, 2 << 20);
	assert_int_equal(dp.limits.neighbours, 19);
	assert_int_equal(dp.limits.reassembly, 1 << 20);
	assert_int_equal(dp.limits.reassembly_per_source, 20);
	assert_int_equal(dp.limits.icmp_rate, 21);
	assert_int_equal(dp.policy.cleartext, DP_CLEAR_UDP_SYSLOG);
	assert_int_equal(dp.policy.allow_count, 1);
	assert_int_equal(dp.policy.allow[0].len, 104);
	assert_int_equal(dp.policy.trust_devid_count, 1);
	assert_int_equal(dp.policy.unknown_source, DP_UNKNOWN_ACCEPT);
	assert_int_equal(dp.policy.message_size, 8192);
	assert_int_equal(dp.policy.sessions, 5);
	assert_int_equal(dp.policy.idle_timeout_us, 3600000000ull);
	assert_string_equal(dp.journal.dir, "/j");
	assert_int_equal(dp.journal.block_size, 512 << 10);
	assert_int_equal(dp.journal.pool_blocks, 16);
	assert_int_equal(dp.journal.commit_interval_us, 2000);
	assert_int_equal(dp.journal.commit_interval_unacked_us, 20000);
	assert_int_equal(dp.journal.segment_size, 8 << 20);
	assert_int_equal(dp.journal.segment_age_s, 300);
	assert_int_equal(dp.journal.min_free, 2ull << 30);
	assert_int_equal(dp.journal.retention_age_s, 2 * 86400);
	assert_int_equal(dp.journal.retention_percent, 70);
	assert_int_equal(dp.journal.retention_bytes, 0);
	assert_int_equal(dp.journal.stream_retention_s, 3 * 86400);
	assert_int_equal(dp.journal.compaction_level, 0);
	assert_string_equal(dp.node_name, "n1");
}

static void what_is_left_to_the_data_plane_stays(void **state)
{
	(void)state;
	must_parse(PORT);
	memset(&dp, 0, sizeof(dp));
	dp.journal.compressors = 7;
	dp.journal.compression_level = 1;
	dp.telemetry = true;
	config_to_dp(&cfg, &dp);
	assert_int_equal(dp.cores.compressors, -1);
	assert_int_equal(dp.journal.compressors, 7);
	assert_int_equal(dp.journal.compression_level, 1);
	assert_true(dp.telemetry);
}

static void file_prefix_follows_the_socket(void **state)
{
	char a[64], b[64];

	(void)state;
	must_parse(PORT "control: {socket: /tmp/a.sock}\n");
	config_file_prefix(&cfg, a);
	assert_int_equal(strlen(a), strlen("sluice-") + 16);
	assert_int_equal(strncmp(a, "sluice-", 7), 0);
	config_file_prefix(&cfg, b);
	assert_string_equal(a, b);
	must_parse(PORT "control: {socket: /tmp/b.sock}\n");
	config_file_prefix(&cfg, b);
	assert_string_not_equal(a, b);
}

static void serial_is_the_machines_unless_given(void **state)
{
	char a[CONFIG_MAX_SERIAL + 1], b[CONFIG_MAX_SERIAL + 1];

	(void)state;
	must_parse(PORT);
	config_node_serial(&cfg, "0123456789abcdef0123456789abcdef\n", a);
	config_node_serial(&cfg, "0123456789abcdef0123456789abcdef", b);
	assert_string_equal(a, b);
	assert_int_equal(strlen(a), 19);
	assert_int_equal(strncmp(a, "SL-", 3), 0);
	config_node_serial(&cfg, "1123456789abcdef0123456789abcdef", b);
	assert_string_not_equal(a, b);
	config_node_serial(&cfg, NULL, a);
	config_node_serial(&cfg, "\n", b);
	assert_string_equal(a, b);
	must_parse(PORT "node: {serial: FAZ-VM0000000001}\n");
	config_node_serial(&cfg, "x", a);
	assert_string_equal(a, "FAZ-VM0000000001");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_arrives_in_the_data_planes_units),
		cmocka_unit_test(what_is_left_to_the_data_plane_stays),
		cmocka_unit_test(file_prefix_follows_the_socket),
		cmocka_unit_test(serial_is_the_machines_unless_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
