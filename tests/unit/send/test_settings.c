/* Options and configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "send/settings.h"

static struct settings s;
static char err[400];

static int start(void **state)
{
	(void)state;
	settings_default(&s);
	err[0] = '\0';
	return 0;
}

static int parse(const char *text)
{
	return settings_parse(&s, text, strlen(text), err, sizeof(err));
}

static void defaults_are_the_device_s(void **state)
{
	(void)state;
	assert_int_equal(s.port, 514);
	assert_int_equal(s.conn_timeout, 10);
	assert_int_equal(s.monitor_keepalive_period, 5);
	assert_int_equal(s.monitor_failure_retry_period, 5);
	assert_int_equal(s.fallback_to_primary, 1);
	assert_int_equal(s.certificate_verification, 1);
	assert_int_equal(s.reliable, 1);
	assert_int_equal(s.upload_option, UPLOAD_REALTIME);
	assert_int_equal(s.max_log_rate, 0);
	assert_int_equal(s.queue_size, 189516595);
	assert_int_equal(s.conn_id, 65535);
}

/* As the reference prints it, authentication.txt. */
static void the_device_s_own_configuration_is_taken(void **state)
{
	(void)state;
	assert_int_equal(parse("config log fortianalyzer setting\n"
			       "    set status enable\n"
			       "    set server \"192.168.251.50\"\r\n"
			       "    set serial \"FAZ-VMXXXXXXXX\" \"FAZ-VMYYYYYYYY\"\n"
			       "    set source-ip \"192.168.251.100\"\n"
			       "\n# a comment\n"
			       "    set upload-option realtime\n"
			       "    set reliable enable\n"
			       "    set certificate OFTP_authentication\n"
			       "end\n"),
		0);
	assert_string_equal(s.server, "192.168.251.50");
	assert_string_equal(s.server_serial, "FAZ-VMXXXXXXXX FAZ-VMYYYYYYYY");
	assert_string_equal(s.source_ip, "192.168.251.100");
	assert_string_equal(s.certificate, "OFTP_authentication");
	/* No retry would ever know the server. */
	assert_int_equal(settings_check(&s, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "nothing says how to know the server"));
	assert_int_equal(settings_set(&s, "server-cert-ca", "ca.pem", err, sizeof(err)), 0);
	assert_int_equal(settings_check(&s, err, sizeof(err)), 0);
	assert_int_equal(settings_set(&s, "server-serial", "", err, sizeof(err)), 0);
	assert_int_equal(settings_check(&s, err, sizeof(err)), -1);
	assert_string_equal(err, "server-serial is not set: see sluice-send trust");
	assert_int_equal(
		settings_set(&s, "certificate-verification", "disable", err, sizeof(err)), 0);
	assert_int_equal(settings_check(&s, err, sizeof(err)), 0);
}

static void quotes_keep_spaces_and_escapes(void **state)
{
	(void)state;
	assert_int_equal(parse("set preshared-key \"a b \\\"c\\\\\"\nset spill \"\""), 0);
	assert_string_equal(s.preshared_key, "a b \"c\\");
	assert_string_equal(s.spill, "");
}

static void units_are_taken(void **state)
{
	(void)state;
	assert_int_equal(parse("set queue-size 64MiB\n"), 0);
	assert_int_equal(s.queue_size, 64 << 20);
	assert_int_equal(parse("set queue-size 1000KB\n"), 0);
	assert_int_equal(s.queue_size, 1000000);
}

static void what_is_wrong_is_said_with_its_line(void **state)
{
	static const struct {
		const char *text, *err;
	} cases[] = {
		{"set server x\nset srever x\n", "line 2: no setting \"srever\""},
		{"set conn-timeout 0\n", "line 1: conn-timeout: 0 is not in 1 to 3600"},
		{"set conn-timeout 10s\n", "line 1: conn-timeout: no number: \"10s\""},
		{"set conn-timeout -1\n", "line 1: conn-timeout: no number: \"-1\""},
		{"set conn-timeout 99999999999999999999\n",
			"line 1: conn-timeout: 99999999999999999999 is not in 1 to 3600"},
		{"set queue-size 1GB\n", "line 1: queue-size: no number: \"1GB\""},
		{"set reliable yes\n", "line 1: reliable: \"yes\" is none of disable|enable"},
		{"set reliable en\n", "line 1: reliable: \"en\" is none of disable|enable"},
		{"set server \"x\n", "line 1: server: a quote has no end"},
		{"set server\n", "line 1: server: no value"},
		{"unset server\n", "line 1: not a line \"set KEY VALUE\""},
		{"set status disable\n", "line 1: status: not available here: \"disable\""},
		{"set vdom \"a\tb\"\n", "line 1: vdom: control characters in \"...\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(cases[i].text), -1);
		assert_string_equal(err, cases[i].err);
	}
	assert_int_equal(settings_parse(&s, "set server a\0b", 14, err, sizeof(err)), -1);
	assert_string_equal(err, "line 1: a NUL byte");
}

static void what_does_not_fit_together_is_said(void **state)
{
	(void)state;
	assert_int_equal(settings_check(&s, err, sizeof(err)), -1);
	assert_int_equal(parse("set server x\nset device-serial F\nset spill d\nset reliable "
			       "disable\n"),
		0);
	assert_int_equal(settings_check(&s, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "spill"));
}

static void help_names_every_key_with_its_default(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	settings_help(f);
	fclose(f);
	assert_non_null(strstr(text, "--monitor-failure-retry-period N"));
	assert_non_null(strstr(text, "[189516595]"));
	assert_non_null(strstr(text, "--upload-option realtime|1-minute|5-minute"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(defaults_are_the_device_s, start),
		cmocka_unit_test_setup(the_device_s_own_configuration_is_taken, start),
		cmocka_unit_test_setup(quotes_keep_spaces_and_escapes, start),
		cmocka_unit_test_setup(units_are_taken, start),
		cmocka_unit_test_setup(what_is_wrong_is_said_with_its_line, start),
		cmocka_unit_test_setup(what_does_not_fit_together_is_said, start),
		cmocka_unit_test_setup(help_names_every_key_with_its_default, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
