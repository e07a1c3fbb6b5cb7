/* What people see. Answers are as docs/control-api.md has them. */
#include "cli_test.h"

static void status_on_one_screen(void **state)
{
	(void)state;
	RUN_WITH(EXCHANGES({"status", NULL,
			 RESULT("{\"schema\":1,\"version\":\"0.1.0\",\"node\":{\"name\":\"fw-logs-"
				"1\",\"serial\":"
				"\"SL-0\"},\"state\":\"ready\",\"uptime_s\":93784,\"journal\":{"
				"\"state\":\"running\","
				"\"durable_block\":1234,\"logs\":1234567,\"bytes\":1610612736,"
				"\"free_bytes\":"
				"85899345920},\"ports\":[{\"name\":\"data0\",\"up\":true,\"speed_"
				"mbps\":10000,"
				"\"mac\":\"02:00:00:00:00:01\",\"addresses\":[{\"address\":\"192.0."
				"2.2/24\","
				"\"state\":\"valid\"},{\"address\":\"2001:db8::2/"
				"64\",\"state\":\"tentative\"}]},"
				"{\"name\":\"data1\",\"up\":false,\"speed_mbps\":null,\"mac\":\"02:"
				"00:00:00:00:02\","
				"\"addresses\":[]}],\"sessions\":12,\"devices\":{\"authorized\":0,"
				"\"pending\":0,"
				"\"denied\":0,\"accepted\":5},\"settings\":{\"event-level\":"
				"\"info\","
				"\"legacy-auth-mode\":\"disable\"},\"alarms\":[{\"name\":\"port_"
				"down\",\"subject\":"
				"\"data1\",\"text\":\"no "
				"link\",\"since\":\"2025-11-21T22:08:01.000000000Z\"}]}")}),
		"status");
	assert_int_equal(ran.status, CLI_DONE);
	assert_string_equal(ran.out,
		"node      fw-logs-1, serial SL-0, sluice 0.1.0\n"
		"state     ready, up 1d 2h\n"
		"journal   running, 1,234,567 logs durable, block 1,234, 1.5 GiB on disk, 80.0 GiB "
		"free\n"
		"sessions  12\n"
		"devices   5 accepted, 0 authorized, 0 pending, 0 denied\n"
		"settings  event-level info, legacy-auth-mode disable\n"
		"alarms    port_down data1: no link (since 2025-11-21T22:08:01Z)\n"
		"\n"
		"PORT   LINK        MAC                ADDRESSES\n"
		"data0  up 10 Gb/s  02:00:00:00:00:01  192.0.2.2/24 2001:db8::2/64 (tentative)\n"
		"data1  down        02:00:00:00:00:02  \n");
}

/* An older or newer sluiced may leave things out. */
static void whatever_is_missing_is_left_out(void **state)
{
	static const char *const words[][3] = {{"status"}, {"port", "list"}, {"session", "list"},
		{"account", "list"}, {"account", "show"}, {"gap", "list"}, {"device", "list"},
		{"user", "list"}, {"refusal", "list"}, {"settings", "list"}, {"audit", "list"},
		{"config", "show"}, {"config", "reload"}, {"journal", "status"},
		{"journal", "list"}, {"journal", "verify"}, {"journal", "resume"},
		{"top", "--once"}};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char method[64];
		struct exchange script[2] = {{method, NULL, RESULT("{\"interval_s\":1}")}};

		snprintf(method, sizeof(method), "%s%s%s", words[i][0], words[i][1] ? "." : "",
			words[i][1] ? words[i][1] : "");
		if (strcmp(words[i][0], "top") == 0)
			script[0] = (struct exchange){
				"top", "{\"limit\":20}", RESULT("{\"interval_s\":1}")};
		fake_start(script, 1);
		RUN("--socket", fake.socket, (char *)words[i][0], (char *)words[i][1]);
		fake_stop();
		assert_int_equal(ran.status, CLI_DONE);
		assert_string_equal(ran.err, "");
	}
}

static void a_list_under_another_name_is_no_empty_list(void **state)
{
	(void)state;
	RUN_WITH(EXCHANGES({"session.list", NULL, RESULT("{\"schema\":2,\"connections\":[1]}")}),
		"session", "list");
	assert_string_equal(ran.out, "{\"schema\":2,\"connections\":[1]}\n");
}

static void accounts_with_total_and_wire(void **state)
{
	(void)state;
	RUN_WITH(EXCHANGES({"account.list", NULL,
			 RESULT("{\"schema\":1,\"accounts\":[{\"device\":\"fw-1\",\"received\":"
				"1200,\"stored\":1000,"
				"\"duplicate\":0,\"pending\":150,\"dropped\":{\"no_block\":50},"
				"\"gaps\":[],\"bytes\":"
				"123456,\"last_seen\":\"2025-11-21T22:08:01.123456789Z\"}],"
				"\"total\":{\"device\":null,"
				"\"received\":1200,\"stored\":1000,\"duplicate\":0,\"pending\":150,"
				"\"dropped\":{"
				"\"no_block\":50,\"malformed\":0},\"bytes\":123456,\"last_seen\":"
				"null},\"wire\":{"
				"\"packets\":2000,\"accepted\":1990,\"rejected\":{\"bad_checksum\":"
				"10,\"not_for_us\":"
				"0},\"missed\":null}}")}),
		"account", "list");
	assert_string_equal(ran.out,
		"DEVICE   RECEIVED  STORED  DUPLICATE  PENDING  DROPPED      BYTES  LAST SEEN\n"
		"fw-1        1,200   1,000          0      150       50  120.6 KiB  "
		"2025-11-21T22:08:01Z\n"
		"(total)     1,200   1,000          0      150       50  120.6 KiB  -\n"
		"dropped: no_block 50\n"
		"wire: 2,000 packets = 1,990 accepted + 10 rejected (bad_checksum 10), missed by "
		"the port: "
		"unknown\n");
}

static void one_account(void **state)
{
	(void)state;
	RUN_WITH(EXCHANGES({"account.show", "{\"device\":\"fw-1\"}",
			 RESULT("{\"schema\":1,\"device\":\"fw-1\",\"received\":12,\"stored\":10,"
				"\"duplicate\":0,"
				"\"pending\":0,\"dropped\":{\"no_block\":2,\"malformed\":0},"
				"\"gaps\":[],\"late\":0,"
				"\"conflict\":0,\"client_dropped\":0,\"cut\":1,\"bytes\":500,"
				"\"first_seen\":"
				"\"2025-11-21T22:08:01.000000001Z\",\"last_seen\":null,\"life\":{"
				"\"stored\":99,"
				"\"duplicate\":0,\"dropped\":{},\"bytes\":5000,\"first_seen\":null,"
				"\"last_seen\":null}"
				"}")}),
		"account", "show", "fw-1");
	assert_string_equal(ran.out, "device          fw-1\n"
				     "received        12\n"
				     "stored          10\n"
				     "duplicate       0\n"
				     "pending         0\n"
				     "dropped         2 (no_block 2)\n"
				     "late            0\n"
				     "conflict        0\n"
				     "client dropped  0\n"
				     "cut             1\n"
				     "bytes           500\n"
				     "first seen      2025-11-21T22:08:01.000000001Z\n"
				     "last seen       -\n"
				     "\n"
				     "for life, durable\n"
				     "stored          99\n"
				     "duplicate       0\n"
				     "dropped         0\n"
				     "bytes           5,000\n"
				     "first seen      -\n"
				     "last seen       -\n");
}

static void sessions(void **state)
{
	(void)state;
	RUN_WITH(EXCHANGES({"session.list", NULL,
			 RESULT("{\"schema\":1,\"sessions\":[{\"id\":1099511627777,\"device\":"
				"\"d\\u001b\",\"peer\":"
				"\"2001:db8::9\",\"peer_port\":5000,\"kind\":\"lines\",\"tcp_"
				"state\":\"established\","
				"\"opened\":\"2025-11-21T22:08:01.000000000Z\",\"logs\":12345,"
				"\"bytes\":2048,"
				"\"last_log\":null,\"lcore\":2,\"unread_bytes\":0}],\"skipped\":"
				"3}")}),
		"session", "list");
	assert_string_equal(ran.out, "           ID  DEVICE  PEER                KIND   TCP        "
				     "    LOGS    BYTES  UNREAD  LCORE  "
				     "OPENED                LAST LOG\n"
				     "1099511627777  d\\x1b   [2001:db8::9]:5000  lines  "
				     "established  12,345  2.0 KiB     0 B      2  "
				     "2025-11-21T22:08:01Z  -\n"
				     "3 more\n");
}

static void ports(void **state)
{
	(void)state;
	RUN_WITH(EXCHANGES({"port.list", NULL,
			 RESULT("{\"schema\":1,\"ports\":[{\"name\":\"data0\",\"up\":true,\"speed_"
				"mbps\":100,"
				"\"driver\":\"net_tap\",\"mtu\":1500,\"vlan\":null,\"rx_queues\":2,"
				"\"tx_queues\":3,"
				"\"wire\":{\"packets\":12,\"accepted\":9,\"rejected\":{\"no_"
				"listener\":3},\"missed\":"
				"0},\"tx_packets\":4,\"addresses\":[{\"address\":\"192.0.2.2/"
				"24\",\"state\":\"valid\"}"
				"]}]}")}),
		"port", "list");
	assert_string_equal(ran.out, "PORT   LINK         DRIVER    MTU  VLAN  QUEUES  PACKETS  "
				     "ACCEPTED  REJECTED  MISSED  SENT  "
				     "ADDRESSES\n"
				     "data0  up 100 Mb/s  net_tap  1500  -        2/3       12     "
				     "    9         3       0     4  "
				     "192.0.2.2/24\n"
				     "data0 rejected: no_listener 3\n");
}

static void top_on_one_screen(void **state)
{
	(void)state;
	RUN_WITH(EXCHANGES({"top", "{\"limit\":20}",
			 RESULT("{\"schema\":1,\"time\":\"2025-11-21T22:08:01.000000000Z\","
				"\"state\":\"ready\","
				"\"uptime_s\":61,\"interval_s\":1.0,\"logs_per_s\":1234.5,\"bytes_"
				"per_s\":1048576.0,"
				"\"packets_per_s\":10.0,\"dropped_per_s\":0.0,\"total\":{"
				"\"received\":10,\"stored\":7,"
				"\"pending\":2,\"dropped\":1},\"lcores\":[{\"lcore\":1,\"cpu\":3,"
				"\"roles\":\"rx\","
				"\"busy\":0.5,\"sleeping\":true,\"logs\":5,\"packets\":6,"
				"\"sessions\":0,\"ring_full\":"
				"0,\"crossed\":2}],\"devices\":[{\"device\":\"fw-1\",\"logs_per_"
				"s\":12.25,"
				"\"bytes_per_s\":6000.0,\"received\":10,\"stored\":7,\"dropped\":1,"
				"\"last_seen\":"
				"\"2025-11-21T22:08:00.900000000Z\"}],\"journal\":{\"state\":"
				"\"running\","
				"\"durable_block\":5,\"pool_blocks\":128,\"pool_free\":120,"
				"\"commit_p50_us\":900,"
				"\"commit_p99_us\":2100}}")}),
		"top", "--once");
	assert_string_equal(ran.out,
		"2025-11-21T22:08:01Z  ready, up 1m 1s, over 1.0 s\n"
		"now       1,235 logs/s, 1.0 MiB/s, 10.0 packets/s, 0 dropped/s\n"
		"total     10 received = 7 stored + 2 pending + 1 dropped\n"
		"journal   running, block 5, 120 of 128 blocks free, commits 900 us (99 %: 2,100 "
		"us)\n"
		"\n"
		"LCORE  CPU  ROLE          BUSY  LOGS  PACKETS  SESSIONS  CROSSED  RING FULL\n"
		"    1    3  rx    50% (asleep)     5        6         0        2          0\n"
		"\n"
		"DEVICE  LOGS/S  BYTES/S  RECEIVED  STORED  DROPPED  LAST SEEN\n"
		"fw-1      12.2  5.9 KiB        10       7        1  2025-11-21T22:08:00Z\n"
		"\n");
}

static void lists_of_what_was_decided(void **state)
{
	(void)state;
	RUN_WITH(EXCHANGES({"settings.list", NULL,
			 RESULT("{\"settings\":[{\"name\":\"event-level\",\"value\":\"debug\","
				"\"default\":\"info\","
				"\"changed\":\"2025-11-21T22:08:01.000000000Z\",\"changed_by\":"
				"\"root\"}]}")}),
		"settings", "list");
	assert_string_equal(ran.out, "SETTING      VALUE  DEFAULT  CHANGED               BY\n"
				     "event-level  debug  info     2025-11-21T22:08:01Z  root\n");
	RUN_WITH(EXCHANGES({"audit.list", NULL,
			 RESULT("{\"audit\":[{\"id\":3,\"time\":\"2025-11-21T22:08:01."
				"000000000Z\",\"who\":\"root\","
				"\"uid\":0,\"pid\":7,\"what\":\"settings.set\",\"target\":\"event-"
				"level\",\"before\":"
				"\"info\",\"after\":\"debug\"}]}")}),
		"audit", "list");
	assert_string_equal(ran.out,
		"ID  TIME                  WHO   WHAT          TARGET       BEFORE  AFTER\n"
		" 3  2025-11-21T22:08:01Z  root  settings.set  event-level  info    debug\n");
	RUN_WITH(EXCHANGES({"refusal.list", NULL,
			 RESULT("{\"refusals\":[{\"reason\":\"session_limit\",\"count\":1234}]}")}),
		"refusal", "list");
	assert_string_equal(ran.out,
		"REASON         COUNT  ADDRESS  DEVICE  LAST SEEN  SUBJECT  DETAIL\n"
		"session_limit  1,234  -        -       -          -        -\n");
}

static void devices_with_what_is_known_of_them(void **state)
{
#define DEVICE                                                                                     \
	"{\"device\":\"FGT-1\",\"state\":\"authorized\",\"up\":true,\"since\":"                    \
	"\"2025-11-21T22:08:01.000000000Z\",\"address\":\"192.0.2.7\",\"version\":null,"           \
	"\"certificate\":{\"subject\":\"/CN=FGT-1\"},\"refusal\":{\"reason\":\"expired\"},"        \
	"\"legacy\":false,\"preshared_key\":true,\"rate\":5}"
	(void)state;
	RUN_WITH(EXCHANGES({"device.list", NULL,
			 RESULT("{\"devices\":[" DEVICE ",{\"device\":\"x\",\"state\":"
				"\"accepted\"}],\"preshared_key\":true}")}),
		"device", "list");
	assert_string_equal(ran.out,
		"DEVICE  STATE       IS  SINCE                 ADDRESS    LAST SEEN  LAST REFUSAL\n"
		"FGT-1   authorized  Up  2025-11-21T22:08:01Z  192.0.2.7  -          expired\n"
		"x       accepted    -   -                     -          -          -\n"
		"a preshared key for all devices is set\n");
	RUN_WITH(EXCHANGES({"device.authorize", "{\"device\":\"FGT-1\"}", RESULT(DEVICE)}),
		"device", "authorize", "FGT-1");
	assert_string_equal(ran.out, "device         FGT-1\n"
				     "state          authorized\n"
				     "is             Up\n"
				     "since          2025-11-21T22:08:01.000000000Z\n"
				     "address        192.0.2.7\n"
				     "certificate    /CN=FGT-1\n"
				     "refused        expired\n"
				     "legacy         disable\n"
				     "preshared key  set\n"
				     "rate           5/s\n");
	RUN_WITH(EXCHANGES({"device.forget", "{\"device\":\"FGT-1\"}",
			 RESULT("{\"device\":\"FGT-1\"}")}),
		"device", "forget", "FGT-1");
	assert_string_equal(ran.out, "FGT-1 is forgotten; what it has logged stays\n");
	RUN_WITH(EXCHANGES({"user.list", NULL,
			 RESULT("{\"users\":[{\"user\":\"fw\",\"changed_by\":\"root\"}]}")}),
		"user", "list");
	assert_string_equal(ran.out, "USER  CHANGED  BY\n"
				     "fw    -        root\n");
}

static void configuration_in_effect(void **state)
{
	(void)state;
	RUN_WITH(EXCHANGES({"config.show", NULL,
			 RESULT("{\"file\":\"/e.yaml\",\"yaml\":\"node:\\n  name: "
				"a\\n\",\"keys\":[],\"changes\":[{"
				"\"path\":\"node.name\",\"before\":\"a\",\"after\":\"b\",\"live\":"
				"false}],\"errors\":["
				"]}")}),
		"config", "show");
	assert_string_equal(ran.out, "# in effect, from /e.yaml\n"
				     "node:\n"
				     "  name: a\n"
				     "\n"
				     "# the file as it is now differs:\n"
				     "CHANGED    FROM  TO  APPLIES\n"
				     "node.name  a     b   after a restart\n");
	RUN_WITH(EXCHANGES({"config.reload", NULL,
			 RESULT("{\"changes\":[{\"path\":\"limits.sessions\",\"before\":\"5\","
				"\"after\":\"6\","
				"\"live\":true}],\"errors\":[],\"reloaded\":true}")}),
		"config", "reload");
	assert_string_equal(ran.out, "reloaded, 1 change\n"
				     "CHANGED          FROM  TO  APPLIES\n"
				     "limits.sessions  5     6   at a reload\n");
}

static void journal_and_its_segments(void **state)
{
	(void)state;
	RUN_WITH(EXCHANGES({"journal.list", NULL,
			 RESULT("{\"segments\":[{\"name\":\"0000000000000001.zst\",\"bytes\":1000,"
				"\"first_block\":1,"
				"\"last_block\":9,\"blocks\":9,\"logs\":1234,\"raw_bytes\":8000,"
				"\"first\":"
				"\"2025-11-21T22:08:01.000000000Z\",\"last\":\"2025-11-21T22:08:02."
				"000000000Z\","
				"\"finished\":true}]}")}),
		"journal", "list");
	assert_string_equal(ran.out, "SEGMENT               BLOCKS   LOGS      RAW  ON DISK  RATIO "
				     " FROM                  TO         "
				     "           \n"
				     "0000000000000001.zst       9  1,234  7.8 KiB   1000 B    8.0 "
				     " 2025-11-21T22:08:01Z  "
				     "2025-11-21T22:08:02Z  finished\n");
}

static void a_journal_that_is_not_clean_has_its_exit_status(void **state)
{
	(void)state;
	RUN_WITH(EXCHANGES({"journal.verify", NULL,
			 RESULT("{\"findings\":[],\"omitted\":0,\"segments\":1,\"blocks\":2,"
				"\"logs\":3,\"bytes\":4,"
				"\"torn\":0,\"corrupt\":0}")}),
		"journal", "verify");
	assert_int_equal(ran.status, CLI_DONE);
	assert_string_equal(ran.out, "3 logs in 2 blocks of 1 segment, 4 B: clean\n");
	RUN_WITH(EXCHANGES({"journal.verify", NULL,
			 RESULT("{\"findings\":[{\"kind\":\"torn_tail\",\"segment\":"
				"\"0000000000000001.zst\","
				"\"offset\":4096,\"length_bytes\":100,\"first_block\":52,\"last_"
				"block\":null,\"logs\":null,"
				"\"text\":\"no whole "
				"frame\"}],\"omitted\":0,\"segments\":1,\"blocks\":2,\"logs\":3,"
				"\"bytes\":4,\"torn\":1,\"corrupt\":0}")}),
		"journal", "verify");
	assert_int_equal(ran.status, CLI_TORN);
	assert_string_equal(ran.out,
		"FINDING    SEGMENT               OFFSET  BYTES   BLOCKS     LOGS  \n"
		"torn_tail  0000000000000001.zst   4,096    100  from 52  unknown  no whole frame\n"
		"3 logs in 2 blocks of 1 segment, 4 B: a torn tail\n");
	RUN_WITH(EXCHANGES({"journal.verify", NULL,
			 RESULT("{\"findings\":[],\"torn\":1,\"corrupt\":1}")}),
		"journal", "verify", "--json");
	assert_int_equal(ran.status, CLI_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_on_one_screen),
		cmocka_unit_test(whatever_is_missing_is_left_out),
		cmocka_unit_test(a_list_under_another_name_is_no_empty_list),
		cmocka_unit_test(accounts_with_total_and_wire),
		cmocka_unit_test(one_account),
		cmocka_unit_test(sessions),
		cmocka_unit_test(ports),
		cmocka_unit_test(top_on_one_screen),
		cmocka_unit_test(lists_of_what_was_decided),
		cmocka_unit_test(devices_with_what_is_known_of_them),
		cmocka_unit_test(configuration_in_effect),
		cmocka_unit_test(journal_and_its_segments),
		cmocka_unit_test(a_journal_that_is_not_clean_has_its_exit_status),
	};

	return cmocka_run_group_tests(tests, NULL, forget_run);
}
