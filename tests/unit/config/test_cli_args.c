#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/cli/cli.h"

static struct args args;
static char *said;
static char line[512];

/* Parses words separated by single blanks. */
static int parse(const char *words)
{
	char *argv[32] = {(char *)"sluicectl"};
	int argc = 1;
	size_t len;
	FILE *err;
	int rc;

	free(said);
	said = NULL;
	snprintf(line, sizeof(line), "%s", words);
	for (char *w = strtok(line, " "); w; w = strtok(NULL, " "))
		argv[argc++] = w;
	err = open_memstream(&said, &len);
	assert_non_null(err);
	rc = args_parse(&args, argc, argv, err);
	fclose(err);
	return rc;
}

static void one_word_commands(void **state)
{
	(void)state;
	assert_int_equal(parse("status"), CLI_DONE);
	assert_string_equal(args.command->method, "status");
	assert_int_equal(args.operands_count, 0);
	assert_false(args.json);
}

static void nouns_and_verbs(void **state)
{
	(void)state;
	assert_int_equal(parse("session kill 17"), CLI_DONE);
	assert_string_equal(args.command->verb, "kill");
	assert_string_equal(args_operand(&args, 0), "17");
	assert_null(args_operand(&args, 1));
}

static void global_options_stand_anywhere(void **state)
{
	static const char *const lines[] = {"--json --socket /s account show d",
		"account --socket=/s show --json d", "account show d --socket /s --json"};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(parse(lines[i]), CLI_DONE);
		assert_true(args.json);
		assert_string_equal(args.socket, "/s");
		assert_string_equal(args_operand(&args, 0), "d");
	}
}

static void options_of_a_command(void **state)
{
	(void)state;
	assert_int_equal(parse("log show --device=b --grep -x --follow"), CLI_DONE);
	assert_string_equal(args_option(&args, "device"), "b");
	assert_string_equal(args_option(&args, "grep"), "-x");
	assert_string_equal(args_option(&args, "follow"), "");
	assert_null(args_option(&args, "since"));
}

static void two_dashes_end_options(void **state)
{
	(void)state;
	assert_int_equal(parse("account show -- --json"), CLI_DONE);
	assert_false(args.json);
	assert_string_equal(args_operand(&args, 0), "--json");
}

static void what_is_wrong_is_said(void **state)
{
	static const struct {
		const char *words, *part;
	} cases[] = {
		{"statsu", "no command \"statsu\"; is \"status\" meant?"},
		{"xyzzy", "no command \"xyzzy\"\n"},
		{"log shwo", "no command \"log\" with \"shwo\"; is \"show\" meant?"},
		{"log show --devcie x", "no option \"--devcie\"; is \"--device\" meant?"},
		{"status --follow", "no option \"--follow\"\n"},
		{"status -v", "no option \"-v\"\n"},
		{"status extra", "\"extra\" is too much for status\n"},
		{"account show a b", "\"b\" is too much for account show, which takes [DEVICE]"},
		{"session kill", "session kill needs ID"},
		{"settings set legacy-auth-mode", "settings set needs NAME VALUE"},
		{"log show --device", "--device needs a value: DEVICE"},
		{"log show --follow=yes", "--follow takes no value"},
		{"log show --grep a --raw --grep b", "--grep is given twice"},
		{"--socket", "--socket needs a value: PATH"},
		{"log", "usage: sluicectl log VERB"},
		{"", "usage: sluicectl "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(cases[i].words), CLI_USAGE);
		if (!strstr(said, cases[i].part))
			fail_msg("%s: said: %s", cases[i].words, said);
	}
}

static char *output(const char *words, int expected)
{
	char *argv[8] = {(char *)"sluicectl"}, *out = NULL, *err = NULL;
	FILE *fo, *fe;
	size_t lo, le;
	int argc = 1;

	snprintf(line, sizeof(line), "%s", words);
	for (char *w = strtok(line, " "); w; w = strtok(NULL, " "))
		argv[argc++] = w;
	fo = open_memstream(&out, &lo);
	fe = open_memstream(&err, &le);
	assert_int_equal(cli_main(argc, argv, "/nonexistent", fo, fe), expected);
	fclose(fo);
	fclose(fe);
	free(err);
	return out;
}

static void every_command_has_help(void **state)
{
	char *all = output("--help", CLI_DONE);

	(void)state;
	for (const struct command *c = commands; c->noun; c++) {
		char words[128], *text;

		snprintf(words, sizeof(words), "%s %s%s--help", c->noun, c->verb ? c->verb : "",
			c->verb ? " " : "");
		text = output(words, CLI_DONE);
		snprintf(words, sizeof(words), "usage: sluicectl %s%s%s", c->noun,
			c->verb ? " " : "", c->verb ? c->verb : "");
		assert_ptr_equal(strstr(text, words), text);
		assert_non_null(strstr(text, c->about));
		assert_non_null(strstr(all, c->about));
		for (const struct option_spec *o = c->options; o && o->name; o++)
			assert_non_null(strstr(text, o->help));
		free(text);
	}
	free(all);
}

static void help_of_a_noun_names_its_verbs(void **state)
{
	char *text = output("journal --help", CLI_DONE);

	(void)state;
	assert_non_null(strstr(text, "journal verify"));
	assert_null(strstr(text, "session"));
	free(text);
	text = output("help session", CLI_DONE);
	assert_non_null(strstr(text, "session kill ID"));
	free(text);
}

static void version_needs_no_sluiced(void **state)
{
	char *text = output("--version", CLI_DONE);

	(void)state;
	assert_string_equal(text, "sluicectl " SLUICE_VERSION "\n");
	free(text);
}

static int forget_said(void **state)
{
	(void)state;
	free(said);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_word_commands),
		cmocka_unit_test(nouns_and_verbs),
		cmocka_unit_test(global_options_stand_anywhere),
		cmocka_unit_test(options_of_a_command),
		cmocka_unit_test(two_dashes_end_options),
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(every_command_has_help),
		cmocka_unit_test(help_of_a_noun_names_its_verbs),
		cmocka_unit_test(version_needs_no_sluiced),
	};

	return cmocka_run_group_tests(tests, NULL, forget_said);
}
