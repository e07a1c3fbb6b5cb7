/* Fields of CEF messages, as FortiOS and FortiAnalyzer write them. */
#include "tests/unit/framing/fields_spec.h"

static void cef_keys_stand_behind_the_seventh_pipe(void **state)
{
	static const char line[] =
		"<189>Dec 27 11:12:30 edge CEF:0|Fortinet|Fortigate|v7.0.1|00013|"
		"traffic:forward close|3|deviceExternalId=FGTEST01 "
		"FTNTFGTlogid=0000000013 cat=traffic:forward FTNTFGTvd=vdom1 "
		"FTNTFGTeventtime=1545938140 src=192.0.2.1";

	(void)state;
	assert_string_equal(devid_of(line), "FGTEST01");
	assert_string_equal(vdom_of(line), "vdom1");
	assert_string_equal(find(line, "FTNTFGTlogid"), "0000000013");
	assert_string_equal(find(line, "src"), "192.0.2.1");
}

static void cef_may_begin_the_text(void **state)
{
	(void)state;
	assert_string_equal(devid_of("CEF:0|V|P|1|2|n|3|deviceExternalId=A x=1"), "A");
	assert_string_equal(devid_of("<189>CEF:1|V|P|1|2|n|3|deviceExternalId=A x=1"), "A");
}

static void cef_vdoms_have_several_prefixes(void **state)
{
	(void)state;
	assert_string_equal(vdom_of("CEF:0|V|P|1|2|n|3|a=1 ad.vd=root b=2"), "root");
	assert_string_equal(vdom_of("CEF:0|V|P|1|2|n|3|a=1 FTNTFGTvd=root b=2"), "root");
	assert_string_equal(vdom_of("CEF:0|V|P|1|2|n|3|a=1 FortinetFortiGatevd=root b=2"), "root");
	assert_string_equal(vdom_of("CEF:0|V|P|1|2|n|3|a=1 cefvd=root b=2"), "root");
	assert_string_equal(vdom_of("a=1 FTNTFGTvd=root b=2"), "(absent)");
}

static void cef_values_hold_spaces_and_escaped_equals_signs(void **state)
{
	(void)state;
	assert_string_equal(
		fields_of("CEF:0|V|P|1|2|n|3|msg=rule deviceExternalId\\=X hit  act=deny dvc=b c"),
		"msg=rule deviceExternalId\\=X hit;act=deny;dvc=b c;");
	assert_string_equal(fields_of("CEF:0|V|P|1|2|n|3|start=Dec 08 2022 17:00:55 x=1|\n"),
		"start=Dec 08 2022 17:00:55;x=1;");
}

static void cef_senders_forget_to_escape(void **state)
{
	(void)state;
	assert_string_equal(fields_of("CEF:0|V|P|1|2|n|3|request=http://x/?a=b&c=d act=deny"),
		"request=http://x/?a=b&c=d;act=deny;");
}

static void cef_quotes_mean_nothing_unless_they_enclose_all(void **state)
{
	(void)state;
	assert_string_equal(fields_of("CEF:0|V|P|1|2|n|3|msg=\"open act=deny tz=\"+0800\""),
		"msg=\"open;act=deny;tz=+0800;");
	assert_string_equal(
		fields_of("CEF:0|V|P|1|2|n|3|msg=\"a\" or \"b\" x=1"), "msg=\"a\" or \"b\";x=1;");
}

static void cef_header_fields_hold_escaped_pipes_and_equals_signs(void **state)
{
	(void)state;
	assert_string_equal(fields_of("CEF:0|V|P\\|Q|1|2|deviceExternalId=NO|3|deviceExternalId=A"),
		"deviceExternalId=A;");
}

static void cef_without_an_extension_has_no_fields(void **state)
{
	(void)state;
	assert_string_equal(fields_of("CEF:0|V|P|1|a=b|c=d"), "");
	assert_string_equal(fields_of("CEF:0|V|P|1|2|n|3|"), "");
	assert_string_equal(fields_of("CEF:0|V|P|1|2|n|3|a=1 b\\=2"), "a=1 b\\=2;");
}

static void what_only_looks_like_cef_is_not(void **state)
{
	(void)state;
	assert_string_equal(find("x CEF:a|b|c devid=A", "devid"), "A");
	assert_string_equal(find("xCEF:0|b|c devid=A", "devid"), "A");
	assert_string_equal(find("msg=\"CEF:0|a|b\" devid=A", "devid"), "A");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cef_keys_stand_behind_the_seventh_pipe),
		cmocka_unit_test(cef_may_begin_the_text),
		cmocka_unit_test(cef_vdoms_have_several_prefixes),
		cmocka_unit_test(cef_values_hold_spaces_and_escaped_equals_signs),
		cmocka_unit_test(cef_senders_forget_to_escape),
		cmocka_unit_test(cef_quotes_mean_nothing_unless_they_enclose_all),
		cmocka_unit_test(cef_header_fields_hold_escaped_pipes_and_equals_signs),
		cmocka_unit_test(cef_without_an_extension_has_no_fields),
		cmocka_unit_test(what_only_looks_like_cef_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
