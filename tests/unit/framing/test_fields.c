/* Fields of a log's text: one test for each quirk of the lines that firewalls and relays send. */
#include "tests/unit/framing/fields_spec.h"

static void values_are_quoted_or_bare(void **state)
{
	(void)state;
	assert_string_equal(fields_of("type=\"event\" level=notice msg=\"a b\""),
		"type=event;level=notice;msg=a b;");
}

static void the_pri_stands_directly_before_the_first_key(void **state)
{
	static const char line[] = "<189>date=2024-05-06 time=07:08:09 devname=\"edge\"";

	(void)state;
	assert_string_equal(find(line, "date"), "2024-05-06");
	assert_string_equal(find(line, "devname"), "edge");
}

static void there_may_be_no_pri(void **state)
{
	(void)state;
	assert_string_equal(find("date=2024-05-06 time=07:08:09", "date"), "2024-05-06");
}

static void the_order_of_fields_changed_in_6_4(void **state)
{
	static const char old[] = "<189>date=2019-05-06 time=07:08:09 devname=\"edge\" "
				  "devid=\"FGTEST62\" logid=\"0000000013\" type=\"traffic\" "
				  "level=\"notice\" vd=\"dmz\" eventtime=1557126489 tz=\"+0200\"";
	static const char now[] =
		"<189>date=2024-05-06 time=07:08:09 devname=\"edge\" "
		"devid=\"FGTEST74\" eventtime=1714979289000000001 tz=\"+0200\" "
		"logid=\"0000000013\" type=\"traffic\" level=\"notice\" vd=\"dmz\"";

	(void)state;
	assert_string_equal(devid_of(old), "FGTEST62");
	assert_string_equal(vdom_of(old), "dmz");
	assert_string_equal(devid_of(now), "FGTEST74");
	assert_string_equal(vdom_of(now), "dmz");
}

static void devname_and_type_were_unquoted_before_5_6(void **state)
{
	static const char line[] = "<111>date=2015-05-06 time=07:08:09 devname=Edge "
				   "devid=FGTEST50 logid=0004000017 type=traffic vd=root "
				   "srcip=fe80::20c:29ff:fe00:1 srcintf=\"port3\"";

	(void)state;
	assert_string_equal(find(line, "devname"), "Edge");
	assert_string_equal(devid_of(line), "FGTEST50");
	assert_string_equal(vdom_of(line), "root");
	assert_string_equal(find(line, "srcip"), "fe80::20c:29ff:fe00:1");
}

static void fortios_3_and_4_had_other_names(void **state)
{
	static const char line[] = "<188>date=2010-05-06 time=07:08:09 devname=OLD "
				   "device_id=FGTEST40 log_id=0038000007 type=traffic pri=warning "
				   "vd=root src=192.0.2.1 src_port=54041 SN=39149719";

	(void)state;
	assert_string_equal(devid_of(line), "FGTEST40");
	assert_string_equal(find(line, "log_id"), "0038000007");
	assert_string_equal(find(line, "pri"), "warning");
	assert_string_equal(find(line, "src"), "192.0.2.1");
	assert_string_equal(find(line, "src_port"), "54041");
}

static void fortiweb_says_device_id_too(void **state)
{
	static const char line[] = "date=2026-01-02 time=03:04:05 log_id=30001000 "
				   "msg_id=000000116327 device_id=FVTEST01 vd=\"root\" "
				   "timezone=\"(GMT+8:00)Somewhere,Elsewhere\" pri=notice";

	(void)state;
	assert_string_equal(devid_of(line), "FVTEST01");
	assert_string_equal(find(line, "timezone"), "(GMT+8:00)Somewhere,Elsewhere");
}

static void runs_of_spaces_separate_as_one(void **state)
{
	(void)state;
	assert_string_equal(fields_of("a=1   b=\"2\"     c=3  "), "a=1;b=2;c=3;");
	assert_string_equal(fields_of("   a=1"), "a=1;");
}

static void values_may_be_empty(void **state)
{
	struct text t = fields_find("user=\"\" group= x=1", 18, "user");

	(void)state;
	assert_non_null(t.at);
	assert_int_equal(t.len, 0);
	assert_string_equal(fields_of("user=\"\" group= x=1"), "user=;group=;x=1;");
	assert_string_equal(fields_of("x=1 group="), "x=1;group=;");
	assert_string_equal(vdom_of("devid=A vd=\"\" x=1"), "");
}

static void a_value_may_hold_commas_and_end_in_one(void **state)
{
	(void)state;
	assert_string_equal(
		fields_of("dstip=\"192.0.2.1, 192.0.2.2\" msg=\"decoder: Something,\" x=1"),
		"dstip=192.0.2.1, 192.0.2.2;msg=decoder: Something,;x=1;");
}

static void a_backslash_escapes_a_quote_inside_of_a_value(void **state)
{
	(void)state;
	assert_string_equal(
		find("fwd=\"ab\\\"> vd=x <\\\"\" vd=\"real\"", "fwd"), "ab\\\"> vd=x <\\\"");
	assert_string_equal(vdom_of("fwd=\"ab\\\"> vd=x <\\\"\" vd=\"real\""), "real");
}

static void an_escaped_backslash_ends_no_value_late(void **state)
{
	(void)state;
	assert_string_equal(fields_of("path=\"C:\\\\\" vd=\"root\""), "path=C:\\\\;vd=root;");
	assert_string_equal(
		fields_of("path=\"C:\\\\\\\" vd=no\" x=1"), "path=C:\\\\\\\" vd=no;x=1;");
}

static void a_final_quote_may_be_missing(void **state)
{
	(void)state;
	assert_string_equal(fields_of("vd=\"root\" msg=\"it goes on"), "vd=root;msg=it goes on;");
	assert_string_equal(fields_of("vd=\"root\" msg=\""), "vd=root;msg=;");
	assert_string_equal(fields_of("vd=\"root\" msg=\"x\\\""), "vd=root;msg=x\\\";");
}

static void a_stray_pipe_or_line_end_behind_all_is_no_value(void **state)
{
	(void)state;
	assert_string_equal(fields_of("a=1 crlevel=high|"), "a=1;crlevel=high;");
	assert_string_equal(fields_of("a=1 crlevel=\"high\"|"), "a=1;crlevel=high;");
	assert_string_equal(fields_of("a=1 b=2\r\n"), "a=1;b=2;");
	assert_string_equal(fields_of("a=x|y b=2"), "a=x|y;b=2;");
}

static void values_without_quotes_may_hold_anything_but_a_space(void **state)
{
	(void)state;
	assert_string_equal(fields_of("assignip=N/A url=http://x/?a=b&c=\"d\" vd=root"),
		"assignip=N/A;url=http://x/?a=b&c=\"d\";vd=root;");
}

static void the_first_of_two_equal_keys_counts(void **state)
{
	static const char line[] = "<185>logver=506061630 timestamp=1650619870 tz=\"UTC+2:00\" "
				   "devname=\"NODE\" devid=\"FGTEST01\" vd=\"one\" date=2022-04-22 "
				   "time=11:31:10 vd=\"two\" devid=\"FGTEST02\"";

	(void)state;
	assert_string_equal(devid_of(line), "FGTEST01");
	assert_string_equal(vdom_of(line), "one");
	assert_string_equal(find(line, "logver"), "506061630");
}

static void a_key_inside_of_a_quoted_value_does_not_count(void **state)
{
	static const char line[] =
		"msg=\"user said devid=FAKE vd=fake \" devid=\"REAL\" vd=\"real\"";

	(void)state;
	assert_string_equal(devid_of(line), "REAL");
	assert_string_equal(vdom_of(line), "real");
	assert_string_equal(devid_of("msg=\"user said devid=FAKE\""), "(absent)");
}

static void a_key_is_the_whole_word_before_the_equals_sign(void **state)
{
	(void)state;
	assert_string_equal(devid_of("xdevid=A srcdevid=B devid2=C devid=\"D\""), "D");
	assert_string_equal(vdom_of("srcvd=A vd_x=B avd=C"), "(absent)");
	assert_string_equal(devid_of("a=\"1\"devid=\"glued\""), "(absent)");
	assert_string_equal(devid_of("devid"), "(absent)");
}

static void relays_put_an_rfc_3164_header_in_front(void **state)
{
	static const char line[] = "<111> Aug 17 00:00:00 edge-1 date=2015-08-11 time=19:19:43 "
				   "devname=Edge devid=FGTEST50 vd=root";

	(void)state;
	assert_string_equal(find(line, "date"), "2015-08-11");
	assert_string_equal(devid_of(line), "FGTEST50");
	assert_string_equal(vdom_of(line), "root");
}

static void relays_put_an_rfc_5424_header_in_front(void **state)
{
	static const char line[] = "<134>1 2024-08-24T11:24:10.5Z edge fw - - "
				   "[meta@32473 seq=\"7\" note=\"a ] b\"] \xef\xbb\xbf"
				   "date=2024-08-24 devid=\"FGTEST70\" vd=\"root\"";

	(void)state;
	assert_string_equal(find(line, "date"), "2024-08-24");
	assert_string_equal(find(line, "seq"), "7");
	assert_string_equal(find(line, "note"), "a ] b");
	assert_string_equal(devid_of(line), "FGTEST70");
}

static void a_byte_order_mark_is_no_part_of_a_key(void **state)
{
	(void)state;
	assert_string_equal(devid_of("<13>1 - - - - - - \xef\xbb\xbf"
				     "devid=A"),
		"A");
	assert_string_equal(devid_of("\xef\xbb\xbf"
				     "devid=A"),
		"A");
}

static void relays_put_a_bare_iso_time_in_front(void **state)
{
	static const char line[] = "2026-04-03T00:31:09.976660+00:00 192.0.2.1 date=2026-04-02 "
				   "time=17:31:09 devid=\"FGTEST76\" vd=\"root\"";

	(void)state;
	assert_string_equal(devid_of(line), "FGTEST76");
	assert_string_equal(find(line, "date"), "2026-04-02");
}

static void relays_escape_the_quotes_themselves(void **state)
{
	static const char line[] = "<189>devname=\\\"edge\\\" devid=\\\"FGTEST72\\\" "
				   "msg=\\\"a \\\\\\\"quoted\\\\\\\" vd=no\\\" vd=\\\"root\\\"";

	(void)state;
	assert_string_equal(devid_of(line), "FGTEST72");
	assert_string_equal(vdom_of(line), "root");
	assert_string_equal(find(line, "devname"), "edge");
	assert_string_equal(find("a=\\\"open end", "a"), "open end");
}

static void quotes_in_free_text_open_no_value(void **state)
{
	(void)state;
	assert_string_equal(find("<13>disk 3.5\" is \"full level=7", "level"), "7");
	assert_string_equal(vdom_of("<13>disk 3.5\" is full vd=root x=\"y\""), "root");
}

static void an_illegal_devid_is_not_taken_but_the_next_legal_one(void **state)
{
	(void)state;
	assert_string_equal(devid_of("devid=\"a b\" device_id=FGTEST40"), "FGTEST40");
	assert_string_equal(devid_of("devid=\"\""), "(absent)");
	assert_string_equal(devid_of("devid=../../etc/passwd\\x00"), "(absent)");
	assert_string_equal(devid_of("devid=\"caf\xc3\xa9\""), "(absent)");
}

static void a_devid_has_at_most_64_characters(void **state)
{
	char line[128] = "devid=";

	(void)state;
	memset(line + 6, 'A', FIELDS_DEVID_MAX);
	assert_int_equal(fields_devid(line, 6 + FIELDS_DEVID_MAX).len, FIELDS_DEVID_MAX);
	line[6 + FIELDS_DEVID_MAX] = 'A';
	assert_null(fields_devid(line, 6 + FIELDS_DEVID_MAX + 1).at);
}

static void both_are_found_in_one_pass(void **state)
{
	static const char line[] = "date=2024-05-06 vd=\"root\" x=\"a\\\"b\" devid=\"FGTEST01\"";
	struct text devid, vdom;

	(void)state;
	fields_identity(line, sizeof(line) - 1, &devid, &vdom);
	assert_string_equal(shown(devid), "FGTEST01");
	assert_string_equal(shown(vdom), "root");
	fields_identity("<13>hello world", 15, &devid, &vdom);
	assert_null(devid.at);
	assert_null(vdom.at);
	fields_identity("", 0, &devid, &vdom);
	assert_null(devid.at);
}

static void the_identity_is_found_wherever_it_stands(void **state)
{
	char line[400];

	(void)state;
	for (unsigned at = 0; at < 200; at++) {
		int n = snprintf(line, sizeof(line), "pad=\"%.*s\" vd=\"root\" devid=FGTEST01 x=1",
			(int)at,
			"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
			"cccccccccccccccccccccccccccccccccccccccccccccccccccc");

		assert_string_equal(shown(fields_devid(line, (size_t)n)), "FGTEST01");
		assert_string_equal(shown(fields_vdom(line, (size_t)n)), "root");
	}
}

/* Where a quote opens a value and where not, across every border of 64 bytes. */
static void the_identity_agrees_with_the_fields_at_every_offset(void **state)
{
	static const char *const lines[] = {
		"a=b=\"v devid=A c\" devid=B",
		"abc =x=\"v devid=A b\" devid=B",
		"abc = x=\"v devid=A b\" devid=B",
		"=\"v devid=A b\" devid=B",
		"x =\"v devid=A b\" devid=B",
		"a=\"x\"b=\"v devid=A c\" devid=B",
		"a=\"x\"=\"v devid=A c\" devid=B",
		"a=\"x\"devid=A devid=B",
		"a=b\" devid=A c=\"d\"",
		"\"devid=A\" devid=B",
		"a b c=\"v devid=A\" devid=B",
		"a=\"v devid=A\\\" devid=B\" devid=C",
		"a= \"v devid=A\" devid=B",
		"vd=\"devid=A \" devid=\"B\"",
		"devid=\"A\"b=c vd=d",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		for (int pad = 0; pad < 130; pad++) {
			char line[256];
			int n = snprintf(line, sizeof(line), "%*s%s", pad, "", lines[i]);
			struct text devid, vdom, want_devid, want_vdom;

			walk(line, (size_t)n, &want_devid, &want_vdom);
			fields_identity(line, (size_t)n, &devid, &vdom);
			assert_string_equal(shown(devid), shown(want_devid));
			assert_string_equal(shown(vdom), shown(want_vdom));
		}
	}
}

static void pri_is_0_to_191_in_angle_brackets(void **state)
{
	uint32_t n = 99;

	(void)state;
	assert_int_equal(fields_pri("<189>date", 9, &n), 189);
	assert_int_equal(n, 5);
	assert_int_equal(fields_pri("<0>x", 4, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(fields_pri("<13>", 4, &n), 13);
	assert_int_equal(fields_pri("<191>x", 6, &n), 191);
}

static void what_is_no_pri_leaves_the_length_alone(void **state)
{
	static const char *const bad[] = {
		"", "<", "<>", "<13", "<192>", "<1234>", "<1a>", "13>", " <13>", "<-1>"};
	uint32_t n = 99;

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(fields_pri(bad[i], strlen(bad[i]), &n), -1);
	assert_int_equal(n, 99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_quoted_or_bare),
		cmocka_unit_test(the_pri_stands_directly_before_the_first_key),
		cmocka_unit_test(there_may_be_no_pri),
		cmocka_unit_test(the_order_of_fields_changed_in_6_4),
		cmocka_unit_test(devname_and_type_were_unquoted_before_5_6),
		cmocka_unit_test(fortios_3_and_4_had_other_names),
		cmocka_unit_test(fortiweb_says_device_id_too),
		cmocka_unit_test(runs_of_spaces_separate_as_one),
		cmocka_unit_test(values_may_be_empty),
		cmocka_unit_test(a_value_may_hold_commas_and_end_in_one),
		cmocka_unit_test(a_backslash_escapes_a_quote_inside_of_a_value),
		cmocka_unit_test(an_escaped_backslash_ends_no_value_late),
		cmocka_unit_test(a_final_quote_may_be_missing),
		cmocka_unit_test(a_stray_pipe_or_line_end_behind_all_is_no_value),
		cmocka_unit_test(values_without_quotes_may_hold_anything_but_a_space),
		cmocka_unit_test(the_first_of_two_equal_keys_counts),
		cmocka_unit_test(a_key_inside_of_a_quoted_value_does_not_count),
		cmocka_unit_test(a_key_is_the_whole_word_before_the_equals_sign),
		cmocka_unit_test(relays_put_an_rfc_3164_header_in_front),
		cmocka_unit_test(relays_put_an_rfc_5424_header_in_front),
		cmocka_unit_test(a_byte_order_mark_is_no_part_of_a_key),
		cmocka_unit_test(relays_put_a_bare_iso_time_in_front),
		cmocka_unit_test(relays_escape_the_quotes_themselves),
		cmocka_unit_test(quotes_in_free_text_open_no_value),
		cmocka_unit_test(an_illegal_devid_is_not_taken_but_the_next_legal_one),
		cmocka_unit_test(a_devid_has_at_most_64_characters),
		cmocka_unit_test(both_are_found_in_one_pass),
		cmocka_unit_test(the_identity_is_found_wherever_it_stands),
		cmocka_unit_test(the_identity_agrees_with_the_fields_at_every_offset),
		cmocka_unit_test(pri_is_0_to_191_in_angle_brackets),
		cmocka_unit_test(what_is_no_pri_leaves_the_length_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
