/* What is wrong is named by line, column, path and what was expected: each case is a whole file. */
#include "config_test.h"

#include <unistd.h>

struct wrong {
	const char *yaml;
	const char *message; /* the whole of it */
};

static void check(const struct wrong *cases, size_t n)
{
	char line[1024];

	for (size_t i = 0; i < n; i++) {
		assert_int_equal(parse(cases[i].yaml), -1);
		assert_true(errors.count > 0);
		config_error_format(&errors, 0, line, sizeof(line));
		assert_string_equal(line, cases[i].message);
		if (errors.count != 1)
			fail_msg("%u errors: %s", errors.count, cases[i].yaml);
	}
}
#define CHECK(...)                                                                                 \
	do {                                                                                       \
		static const struct wrong cases[] = {__VA_ARGS__};                                 \
		check(cases, sizeof(cases) / sizeof(cases[0]));                                    \
	} while (0)

static void unknown_key(void **state)
{
	(void)state;
	CHECK({PORT "journal:\n  dir: /j\n  block_size: 1MiB\n",
		      "t.yaml:4:3: journal.block_size: unknown key: expected one of dir, "
		      "block-size, pool, "
		      "commit-interval, commit-interval-unacked, segment-size, segment-age, "
		      "min-free, "
		      "retention, stream-retention, compaction-level; is block-size meant?"},
		{PORT "metrics: {listen: none, colour: blue}\n",
			"t.yaml:2:25: metrics.colour: unknown key: expected one of listen"},
		{PORT "\nquota: 7\n",
			"t.yaml:3:1: quota: unknown key: expected one of node, ports, eal, cores, "
			"listen, "
			"control, journal, tls, auth, limits, metrics, sinks, licence"},
		{"ports:\n  - name: p\n    devargs: net_null0\n    addresses: [192.0.2.2/24]\n    "
		 "mut: 9000\n",
			"t.yaml:5:5: ports[0].mut: unknown key: expected one of name, devargs, "
			"addresses, "
			"gateways, vlan, mtu, queues; is mtu meant?"});
}

static void wrong_type(void **state)
{
	(void)state;
	CHECK({PORT "journal: []\n",
		      "t.yaml:2:10: journal: expected a mapping of keys, found a list"},
		{PORT "journal:\n",
			"t.yaml:2:9: journal: expected a mapping of keys, found nothing"},
		{PORT "journal: 7\n",
			"t.yaml:2:10: journal: expected a mapping of keys, found \"7\""},
		{"ports: {name: p}\n", "t.yaml:1:8: ports: expected a list, found a mapping"},
		{PORT "listen:\n  ports: 514\n",
			"t.yaml:3:10: listen.ports: expected a list, found \"514\""},
		{PORT "cores: {rx: 1}\n",
			"t.yaml:2:13: cores.rx: expected a list, or `auto`, found \"1\""},
		{PORT "listen:\n  ports: [514, \"6514\"]\n",
			"t.yaml:3:16: listen.ports[1]: expected a whole number from 1 to 65535, "
			"found \"6514\""},
		{PORT "limits:\n  sessions: many\n",
			"t.yaml:3:13: limits.sessions: expected a whole number from 1 to 1000000, "
			"found \"many\""},
		{PORT "limits:\n  sessions: [1]\n", "t.yaml:3:13: limits.sessions: expected a "
						    "whole number from 1 to 1000000, found a list"},
		{PORT "cores: {poll: fast}\n", "t.yaml:2:15: cores.poll: expected `adaptive`, "
					       "`busy` or `shared`, found \"fast\""},
		{PORT "eal:\n  huge: true\n",
			"t.yaml:3:9: eal.huge: expected `auto`, `on` or `off`, found \"true\""},
		{PORT "listen: {cleartext: udp-syslog}\n",
			"t.yaml:2:21: listen.cleartext: expected a list of `udp-syslog`, "
			"`tcp-syslog` or `relp`, "
			"found \"udp-syslog\""},
		{PORT "control:\n  socket:\n", "t.yaml:3:10: control.socket: expected an absolute "
					       "path of printable ASCII, found nothing"},
		{PORT "control: {socket: sluice.sock}\n",
			"t.yaml:2:19: control.socket: expected an absolute path of printable "
			"ASCII, found "
			"\"sluice.sock\""},
		{PORT "control: {socket: \"/a\\0b\"}\n",
			"t.yaml:2:19: control.socket: expected an absolute path of printable "
			"ASCII, found text "
			"with a NUL in it"},
		{PORT "[a]: 1\n", "t.yaml:2:1: expected a key, found a list"},
		{"- ports\n", "t.yaml:1:1: expected a mapping of keys, found a list"});
}

static void bad_unit(void **state)
{
	(void)state;
	CHECK({PORT "journal:\n  dir: /j\n\n  block-size: 1MB\n",
		      "t.yaml:5:15: journal.block-size: bad unit: expected a size from 64KiB to "
		      "16MiB, with one "
		      "of the units B, KiB, MiB, GiB, TiB; found \"1MB\""},
		{PORT "journal: {block-size: 1048576}\n",
			"t.yaml:2:23: journal.block-size: no unit: expected a size from 64KiB to "
			"16MiB, with one of "
			"the units B, KiB, MiB, GiB, TiB; found 1048576"},
		{PORT "journal: {commit-interval: 1sec}\n",
			"t.yaml:2:28: journal.commit-interval: bad unit: expected a duration from "
			"10us to 1s, with "
			"one of the units us, ms, s, m, h, d; found \"1sec\""},
		{PORT "journal: {segment-age: 1.5h}\n",
			"t.yaml:2:24: journal.segment-age: expected a duration from 1s to 365d, "
			"found \"1.5h\""},
		{PORT "journal: {retention: {age: 90}}\n",
			"t.yaml:2:28: journal.retention.age: no unit: expected a duration from 1m "
			"to 36500d, or "
			"`none`, with one of the units us, ms, s, m, h, d; found 90"},
		{PORT "journal: {retention: {size: 80}}\n",
			"t.yaml:2:29: journal.retention.size: no unit: expected 1% to 100%, a size "
			"of at least 1MiB "
			"(units B, KiB, MiB, GiB, TiB), or `none`, found 80"},
		{PORT "journal: {retention: {size: 5GB}}\n",
			"t.yaml:2:29: journal.retention.size: bad unit: expected 1% to 100%, a "
			"size of at least "
			"1MiB (units B, KiB, MiB, GiB, TiB), or `none`, found \"5GB\""},
		{PORT "limits: {device-rate: 5/m}\n",
			"t.yaml:2:23: limits.device-rate: bad unit: expected a rate from 1/s to "
			"100000000/s, or "
			"`none`, with one of the units /s; found \"5/m\""});
}

static void duplicate_key(void **state)
{
	(void)state;
	CHECK({PORT "journal:\n  dir: /a\n  min-free: 1GiB\n  dir: /b\n",
		      "t.yaml:5:3: journal.dir: duplicate key: expected once, it is on line 3 "
		      "already"},
		{PORT "limits: {sessions: 5, sessions: 5}\n",
			"t.yaml:2:23: limits.sessions: duplicate key: expected once, it is on line "
			"2 already"},
		{"node: {name: a}\n" PORT "node: {serial: auto}\n",
			"t.yaml:3:1: node: duplicate key: expected once, it is on line 1 already"});
}

static void out_of_range(void **state)
{
	(void)state;
	CHECK({PORT "journal:\n  block-size: 1GiB\n",
		      "t.yaml:3:15: journal.block-size: out of range: expected a size from 64KiB "
		      "to 16MiB, found "
		      "1GiB"},
		{PORT "limits: {message-size: 99999999999999TiB}\n",
			"t.yaml:2:24: limits.message-size: out of range: expected a size from 1KiB "
			"to 256KiB, found "
			"99999999999999TiB"},
		{PORT "listen: {ports: [0]}\n", "t.yaml:2:18: listen.ports[0]: out of range: "
						"expected a whole number from 1 to 65535, "
						"found 0"},
		{PORT "listen: {ports: []}\n",
			"t.yaml:2:17: listen.ports: an empty list: expected at least one entry"},
		{PORT "listen: {ports: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, "
		      "17]}\n",
			"t.yaml:2:73: listen.ports[16]: too many: expected at most 16 in this "
			"list"},
		{PORT "listen: {ports: [514, 6514, 514]}\n",
			"t.yaml:2:29: listen.ports[2]: listed twice: the same as number 1"},
		{PORT "listen: {cleartext: [tcp-syslog, tcp-syslog]}\n",
			"t.yaml:2:34: listen.cleartext[1]: listed twice: \"tcp-syslog\""},
		{PORT "journal: {retention: {size: 101%}}\n",
			"t.yaml:2:29: journal.retention.size: out of range: expected 1% to 100%, a "
			"size of at least "
			"1MiB (units B, KiB, MiB, GiB, TiB), or `none`, found 101%"},
		{PORT "journal: {retention: {size: 1KiB}}\n",
			"t.yaml:2:29: journal.retention.size: out of range: expected 1% to 100%, a "
			"size of at least "
			"1MiB (units B, KiB, MiB, GiB, TiB), or `none`, found 1KiB"},
		{PORT "journal: {segment-age: 1500ms}\n",
			"t.yaml:2:24: journal.segment-age: expected a multiple of 1s, found "
			"1500ms"},
		{PORT "metrics: {listen: \"127.0.0.1:99999\"}\n",
			"t.yaml:2:19: metrics.listen: out of range: expected a port from 1 to "
			"65535, found 99999"},
		{PORT "cores: {compressors: 33}\n", "t.yaml:2:22: cores.compressors: out of range: "
						    "expected a whole number from 0 to 32, or "
						    "`auto`, found 33"},
		{PORT "node:\n  name: "
		      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
			"t.yaml:3:9: node.name: too long: expected a name of letters, digits, '.', "
			"'_' and '-' of at "
			"most 64 bytes, found 72"});
}

static void addresses(void **state)
{
	(void)state;
	CHECK({"ports: [{name: p, devargs: d, addresses: [192.0.2.2]}]",
		      "t.yaml:1:43: ports[0].addresses[0]: expected one of our addresses with its "
		      "prefix length, "
		      "such as 192.0.2.2/24, found \"192.0.2.2\""},
		{"ports: [{name: p, devargs: d, addresses: [224.0.0.1/24]}]",
			"t.yaml:1:43: ports[0].addresses[0]: no unicast address of a network: "
			"expected one of our "
			"addresses with its prefix length, such as 192.0.2.2/24, found "
			"\"224.0.0.1/24\""},
		{"ports: [{name: p, devargs: d, addresses: [192.0.2.2/24], gateways: "
		 "[198.51.100.1]}]",
			"t.yaml:1:69: ports[0].gateways[0]: in none of the networks of this port's "
			"addresses: "
			"expected a neighbour that can be reached without a gateway"},
		{"ports: [{name: p, devargs: d, addresses: [192.0.2.2/24], gateways: [192.0.2.2]}]",
			"t.yaml:1:69: ports[0].gateways[0]: one of this port's own addresses: "
			"expected a neighbour "
			"that can be reached without a gateway"},
		{"ports: [{name: p, devargs: d, addresses: [192.0.2.2/24], gateways: "
		 "[\"2001:db8::1\"]}]",
			"t.yaml:1:69: ports[0].gateways[0]: in none of the networks of this port's "
			"addresses: "
			"expected a neighbour that can be reached without a gateway"},
		{"ports: [{name: p, devargs: d, mtu: 1000, addresses: [\"2001:db8::2/64\"]}]",
			"t.yaml:1:54: ports[0].addresses[0]: IPv6 on an mtu of 1000: expected an "
			"mtu of at least "
			"1280 (RFC 8200)"},
		{PORT "listen: {allow: [10.0.0.1/8]}\n",
			"t.yaml:2:18: listen.allow[0]: bits set behind the prefix length: "
			"10.0.0.0/8 was meant, or "
			"10.0.0.1 alone"},
		{PORT "listen: {allow: [here]}\n",
			"t.yaml:2:18: listen.allow[0]: expected a prefix, such as 192.0.2.0/24, "
			"2001:db8::/32 or one "
			"address, found \"here\""},
		{PORT "listen: {trust-devid: [\"::ffff:192.0.2.1\"]}\n",
			"t.yaml:2:24: listen.trust-devid[0]: expected a prefix, such as "
			"192.0.2.0/24, 2001:db8::/32 "
			"or one address, found \"::ffff:192.0.2.1\""},
		{PORT "metrics: {listen: 9514}\n",
			"t.yaml:2:19: metrics.listen: expected ADDRESS:PORT such as 127.0.0.1:9514 "
			"or [::1]:9514, or "
			"`none`, found \"9514\""},
		{PORT "metrics: {listen: \"::1:9514\"}\n",
			"t.yaml:2:19: metrics.listen: expected ADDRESS:PORT such as 127.0.0.1:9514 "
			"or [::1]:9514, or "
			"`none`, found \"::1:9514\""});
}

static void missing_key(void **state)
{
	(void)state;
	CHECK({"node: {name: a}\n", "t.yaml:1:1: ports: missing: expected this key"},
		{"ports:\n  - name: p\n    addresses: [192.0.2.2/24]\n",
			"t.yaml:2:5: ports[0].devargs: missing: expected this key"},
		{"ports: []\n", "t.yaml:1:8: ports: an empty list: expected at least one entry"},
		{"", "t.yaml: empty: expected a mapping of keys, with `ports` at least"},
		{"# only words\n",
			"t.yaml: empty: expected a mapping of keys, with `ports` at least"});
}

static void between_keys(void **state)
{
	(void)state;
	CHECK({"ports:\n  - {name: p, devargs: a, addresses: [192.0.2.2/24]}\n"
	       "  - {name: p, devargs: b, addresses: [192.0.2.3/24]}\n",
		      "t.yaml:3:12: ports[1].name: \"p\" is the name of ports[0] too: expected a "
		      "name of its own"},
		{"ports:\n  - {name: p, devargs: a, addresses: [192.0.2.2/24]}\n"
		 "  - {name: q, devargs: a, addresses: [192.0.2.3/24]}\n",
			"t.yaml:3:24: ports[1].devargs: the device of ports[0] too: expected a "
			"device of its own"},
		{"ports:\n  - {name: p, devargs: a, addresses: [192.0.2.2/24]}\n"
		 "  - {name: q, devargs: b, addresses: [192.0.2.2/25]}\n",
			"t.yaml:3:39: ports[1].addresses[0]: given twice: expected an address on "
			"one port and once"},
		{PORT "cores: {rx: [1, 2], workers: [2, 3], poll: busy}\n",
			"t.yaml:2:31: cores.workers[0]: CPU 2 is in cores.rx too, and poll is "
			"busy: expected another, or the same "
			"single CPU alone in both lists"},
		{PORT "journal: {block-size: 64KiB}\n",
			"t.yaml:2:23: journal.block-size: expected journal.block-size to be at "
			"least 128KiB (twice "
			"limits.message-size), found 64KiB"},
		{PORT "journal:\n  block-size: 256KiB\nlimits:\n  message-size: 256KiB\n",
			"t.yaml:3:15: journal.block-size: expected journal.block-size to be at "
			"least 512KiB (twice "
			"limits.message-size), found 256KiB"},
		{PORT "journal: {pool: 8MiB}\n",
			"t.yaml:2:17: journal.pool: expected journal.pool to be at least 12MiB "
			"(four blocks for each lcore and for control), found 8MiB"},
		{PORT "journal: {pool: 8MiB}\ncores: {rx: [1], workers: [2, 3, 4]}\n",
			"t.yaml:2:17: journal.pool: expected journal.pool to be at least 20MiB "
			"(four blocks for each lcore and for control), found 8MiB"},
		{PORT "journal: {block-size: 16MiB, segment-size: 64MiB}\n",
			"t.yaml:2:23: journal.block-size: expected journal.pool to be at least "
			"192MiB (four blocks for each lcore and for control), found 128MiB"},
		{PORT "journal: {pool: 1TiB}\n", "t.yaml:2:17: journal.pool: expected journal.pool "
						 "to be at most 65536 blocks, found 1048576"},
		{PORT "journal: {segment-size: 2MiB}\n",
			"t.yaml:2:25: journal.segment-size: expected journal.segment-size to be at "
			"least 4MiB (four "
			"times journal.block-size), found 2MiB"},
		{PORT "journal: {commit-interval: 100ms}\n",
			"t.yaml:2:28: journal.commit-interval: expected "
			"journal.commit-interval-unacked to be at "
			"least 100ms (not shorter than journal.commit-interval), found 50ms"});
}

static void tls_and_auth(void **state)
{
	(void)state;
	CHECK({PORT "tls: {min-proto-version: tls1.1}\n",
		      "t.yaml:2:26: tls.min-proto-version: expected `tls1.2` or `tls1.3`, found "
		      "\"tls1.1\""},
		{PORT "auth: {serial-pattern: \"[A-Z\"}\n",
			"t.yaml:2:24: auth.serial-pattern: expected a POSIX extended regular "
			"expression for the whole name, found \"[A-Z\""});
}

static void not_built_yet(void **state)
{
	(void)state;
	CHECK({PORT "sinks: [{kind: kafka}]\n",
		      "t.yaml:2:8: sinks: not available yet: only the default [] is taken"},
		{PORT "sinks: none\n", "t.yaml:2:8: sinks: expected a list, found \"none\""},
		{PORT "licence: {mode: file}\n", "t.yaml:2:17: licence.mode: not available yet: "
						 "only the default none is taken"});
}

static void yaml_that_is_refused(void **state)
{
	(void)state;
	CHECK({PORT "node: &here\n  name: a\n",
		      "t.yaml:2:7: an anchor (&name): expected a value without one"},
		{PORT "node: {name: &n a, serial: *n}\n",
			"t.yaml:2:14: an anchor (&name): expected a value without one"},
		{PORT "node: {name: *n}\n",
			"t.yaml:2:14: an alias (*name): expected the value itself"},
		{PORT "node: !!map {name: a}\n",
			"t.yaml:2:7: a tag (!name): expected a value without one"},
		{PORT "node: {name: !!str a}\n",
			"t.yaml:2:14: a tag (!name): expected a value without one"},
		{PORT "---\nnode: {name: a}\n",
			"t.yaml:2:1: a second document: expected one in a file"},
		{PORT "node: [[[[[[[[[1]]]]]]]]]\n",
			"t.yaml:2:14: nested too deeply: no key is that deep"},
		{PORT "node: {name: a\n", "t.yaml:3:1: no YAML: while parsing a flow mapping, did "
					  "not find expected ',' or '}'"},
		{PORT "node:\n\tname: a\n", "t.yaml:3:1: no YAML: a tab cannot indent: use spaces"},
		{PORT "# \xc3\xa4\nnode:\n  \tname: a\n",
			"t.yaml:4:3: no YAML: a tab cannot indent: use spaces"},
		{"# a\rnode:\r\tname: a\r", "t.yaml:3:1: no YAML: a tab cannot indent: use spaces"},
		{"# a\r@@\r\n\t", "t.yaml:2:1: no YAML: while scanning for the next token, found "
				  "character that cannot start any token"},
		{PORT "node: @a\n", "t.yaml:2:7: no YAML: while scanning for the next token, found "
				    "character that cannot start any token"},
		{"\xff\xfe\xfd", "t.yaml: no YAML text: invalid leading UTF-8 octet at byte 0"});
}

static void all_errors_are_reported_at_once_by_line(void **state)
{
	(void)state;
	assert_int_equal(parse("node:\n  nme: a\n" PORT "limits:\n  sessions: x\n  sessions: 7\n"
			       "journal:\n  block-size: 3\n  block-size: 1MiB\ncontrol: []\n"),
		-1);
	assert_int_equal(errors.count, 6);
	assert_int_equal(errors.v[0].line, 2);
	assert_string_equal(errors.v[0].path, "node.nme");
	assert_int_equal(errors.v[1].line, 5);
	assert_int_equal(errors.v[2].line, 6);
	assert_string_equal(errors.v[2].path, "limits.sessions");
	assert_int_equal(errors.v[3].line, 8);
	assert_int_equal(errors.v[4].line, 9);
	assert_int_equal(errors.v[5].line, 10);
}

static void more_errors_than_are_held_are_counted(void **state)
{
	char text[4096] = PORT;

	(void)state;
	for (int i = 0; i < 100; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "zz%d: 1\n", i);
	assert_int_equal(parse(text), -1);
	assert_int_equal(errors.count, CONFIG_MAX_ERRORS);
	assert_int_equal(errors.omitted, 100 - CONFIG_MAX_ERRORS);
	assert_int_equal(errors.v[0].line, 2);
}

static void what_is_quoted_cannot_drive_a_terminal(void **state)
{
	(void)state;
	assert_int_equal(parse(PORT "\"\\e[2Jx\": 1\n"), -1);
	assert_string_equal(errors.v[0].path, "?[2Jx");
	assert_int_equal(parse(PORT "node: {name: \"a\\n\\Lb\"}\n"), -1);
	assert_non_null(strstr(errors.v[0].text, "found \"a????b\""));
}

static void a_refused_value_leaves_the_default(void **state)
{
	(void)state;
	assert_int_equal(parse(PORT "listen: {ports: [1, 2, x]}\ncontrol: {socket: /a}\n"), -1);
	assert_int_equal(cfg.listen.ports.count, 3);
	assert_int_equal(cfg.listen.ports.v[0], 514);
	assert_string_equal(cfg.control.socket, "/a");
}

static void too_long_a_file(void **state)
{
	char *text = malloc(CONFIG_MAX_BYTES + 1);

	(void)state;
	assert_non_null(text);
	memset(text, '#', CONFIG_MAX_BYTES + 1);
	assert_int_equal(config_parse(text, CONFIG_MAX_BYTES + 1, "t.yaml", &cfg, &errors), -1);
	assert_string_equal(errors.v[0].text, "too long: expected at most 1048576 bytes");
	free(text);
}

static void files_are_read_and_named(void **state)
{
	char path[] = "/tmp/sluice-config-XXXXXX", line[1024], expected[1024];
	int fd = mkstemp(path);
	static const char bad[] = PORT "node: 1\n", good[] = PORT;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bad, sizeof(bad) - 1), sizeof(bad) - 1);
	assert_int_equal(config_load(path, &cfg, &errors), -1);
	config_error_format(&errors, 0, line, sizeof(line));
	snprintf(expected, sizeof(expected),
		"%s:2:7: node: expected a mapping of keys, found \"1\"", path);
	assert_string_equal(line, expected);

	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, good, sizeof(good) - 1, 0), sizeof(good) - 1);
	assert_int_equal(config_load(path, &cfg, &errors), 0);
	assert_int_equal(errors.count, 0);
	close(fd);
	unlink(path);

	assert_int_equal(config_load(path, &cfg, &errors), -1);
	assert_string_equal(errors.v[0].text, "cannot be read: No such file or directory");
	assert_string_equal(cfg.control.socket, CONFIG_DEFAULT_SOCKET);
	assert_int_equal(config_load("/", &cfg, &errors), -1);
	assert_string_equal(errors.v[0].text, "cannot be read: Is a directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_key),
		cmocka_unit_test(wrong_type),
		cmocka_unit_test(bad_unit),
		cmocka_unit_test(duplicate_key),
		cmocka_unit_test(out_of_range),
		cmocka_unit_test(addresses),
		cmocka_unit_test(missing_key),
		cmocka_unit_test(between_keys),
		cmocka_unit_test(tls_and_auth),
		cmocka_unit_test(not_built_yet),
		cmocka_unit_test(yaml_that_is_refused),
		cmocka_unit_test(all_errors_are_reported_at_once_by_line),
		cmocka_unit_test(more_errors_than_are_held_are_counted),
		cmocka_unit_test(what_is_quoted_cannot_drive_a_terminal),
		cmocka_unit_test(a_refused_value_leaves_the_default),
		cmocka_unit_test(too_long_a_file),
		cmocka_unit_test(files_are_read_and_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
