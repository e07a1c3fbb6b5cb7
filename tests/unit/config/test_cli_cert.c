/* sluicectl cert: exit statuses, what is said of keys that leave, what is asked before it is done.
 */
#include <pty.h>
#include <sys/wait.h>

#include "tests/unit/config/cli_files.h"

#define CHECKED(kind, usable)                                                                      \
	RESULT("{\"schema\":1,\"kind\":\"" kind "\",\"subject\":\"/CN=x\",\"issuer\":\"/CN=ca\","  \
	       "\"usable\":" usable ",\"findings\":[{\"level\":\"warning\",\"reason\":\"r\","      \
	       "\"text\":\"t\"}]}")
#define CHECK(answer) EXCHANGES({"cert.check", "{\"data\":\"eA==\"}", answer})

/* Scripts rely on it. */
static void a_check_tells_by_its_status_whether_it_would_be_refused(void **state)
{
	(void)state;
	file("c.pem", "x");
	RUN_WITH(CHECK(CHECKED("device", "true")), "cert", "check", file("c.pem", NULL));
	assert_int_equal(ran.status, 0);
	assert_non_null(strstr(ran.out, "warning: r: t\na device could use it here\n"));
	RUN_WITH(CHECK(CHECKED("device", "false")), "cert", "check", file("c.pem", NULL));
	assert_int_equal(ran.status, 12);
	assert_non_null(strstr(ran.out, "a device could not use it here\n"));
	RUN_WITH(CHECK(CHECKED("device", "false")), "cert", "check", file("c.pem", NULL), "--json");
	assert_int_equal(ran.status, 12);
	RUN_WITH(CHECK(CHECKED("crl", "true")), "cert", "check", file("c.pem", NULL));
	assert_int_equal(ran.status, 0);
	assert_non_null(strstr(ran.out, "this CRL can be imported\n"));
	RUN_WITH(CHECK(CHECKED("crl", "false")), "cert", "check", file("c.pem", NULL));
	assert_int_equal(ran.status, 12);
	assert_int_equal(RUN("cert", "check", file("x.pfx", NULL)), CLI_USAGE);
	assert_int_equal(RUN("--help"), 0);
	assert_non_null(strstr(ran.out, "cert check: 12"));
}

/* No device is told to import the key of an authority, or of this node. */
static void what_a_key_is_for_is_told_by_what_it_is(void **state)
{
	static const struct {
		const char *answer, *says, *says_not;
	} cases[] = {
		{EXPORTED("ca"),
			"Keep it offline: who has it can make a certificate for\nany device",
			"import it there"},
		{EXPORTED("identity"), "it belongs into no device", "import it there"},
	};

	(void)state;
	file("p", "open sesame\n");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct exchange script[] = {{"cert.export",
			"{\"name\":\"n\",\"password\":\"open sesame\"}", cases[i].answer}};

		fake_start(script, 1);
		RUN((char *)"--socket", fake.socket, "cert", "export", "n", "--password-file",
			file("p", NULL), "--out", file("x.pfx", NULL));
		fake_stop();
		assert_int_equal(ran.status, CLI_DONE);
		assert_non_null(strstr(ran.out, cases[i].says));
		assert_null(strstr(ran.out, cases[i].says_not));
		assert_holds(file("x.pfx", NULL), 0600, "xyz");
		unlink(file("x.pfx", NULL));
	}
	RUN_WITH(
		EXCHANGES({"cert.issue",
			"{\"device\":\"FGT60F0000000001\",\"days\":9,\"password\":\"open sesame\"}",
			RESULT("{\"schema\":1,\"device\":\"FGT60F0000000001\",\"pkcs12\":"
			       "\"eHl6\"}")}),
		"cert", "issue", "FGT60F0000000001", "--days", "9", "--password-file",
		file("p", NULL), "--out", file("x.pfx", NULL));
	assert_non_null(strstr(ran.out, "for it alone: import it there, then delete the file\n"));
}

/* In a child without a terminal, so that it is seen whether one would have been asked on. */
static int run_without_a_terminal(const struct exchange *script, unsigned count, const char *says)
{
	pid_t child;
	int status;

	fake_start(script, count);
	child = fork();
	if (child == 0) {
		setsid();
		RUN((char *)"--socket", fake.socket, "cert", "issue", "FGT", "--days", "9", "--out",
			file("x.pfx", NULL));
		if (!strstr(ran.err, says))
			fputs(ran.err, stderr);
		_exit(strstr(ran.err, says) ? ran.status : 99);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	fake_stop();
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Nobody types a password, twice, for what is refused. */
static void a_password_is_asked_for_once_it_would_be_done(void **state)
{
#define CHECKED_FIRST "{\"device\":\"FGT\",\"days\":9,\"check\":true}"
	static const struct exchange
		refused[] = {{"cert.issue", CHECKED_FIRST,
			REFUSED("invalid", "FGT is no legal serial number")}},
		fine[] = {{"cert.issue", CHECKED_FIRST,
			RESULT("{\"schema\":1,\"device\":\"FGT\",\"would_be_done\":true}")}};

	(void)state;
	assert_int_equal(
		run_without_a_terminal(refused, 1, "FGT is no legal serial number"), CLI_FAILED);
	assert_int_equal(run_without_a_terminal(fine, 1, "no terminal to ask for the password on"),
		CLI_USAGE);
	/* Nor where there is no place for the file. */
	file("x.pfx", "mine");
	assert_int_equal(RUN("cert", "issue", "FGT", "--out", file("x.pfx", NULL)), CLI_FAILED);
	assert_non_null(strstr(ran.err, "x.pfx is there already\n"));
	assert_holds(file("x.pfx", NULL), 0644, "mine");
	assert_int_equal(files(""), 1);
}

#define IMPORT "{\"data\":\"eA==\",\"name\":\"c\""

/* What sluiced wants to be sure about is told, and done here without a terminal; --yes is no
 * question. */
static void an_anchor_is_replaced_by_who_is_sure(void **state)
{
	(void)state;
	file("c.pem", "x");
	RUN_WITH(EXCHANGES({"cert.import", IMPORT ",\"sure\":false}",
				   REFUSED("not_sure", "1 device")},
			 {"cert.import", IMPORT ",\"sure\":true}",
				 RESULT("{\"schema\":1,\"name\":\"c\",\"kind\":\"anchor\"}")}),
		"cert", "import", file("c.pem", NULL));
	assert_int_equal(ran.status, CLI_DONE);
	assert_non_null(strstr(ran.err, "1 device"));
	assert_non_null(strstr(ran.err, "nobody can be asked here: it goes on\n"));
	RUN_WITH(EXCHANGES({"cert.import", IMPORT ",\"sure\":true}",
			 RESULT("{\"schema\":1,\"name\":\"c\",\"kind\":\"anchor\"}")}),
		"cert", "import", file("c.pem", NULL), "--yes");
	assert_int_equal(ran.status, CLI_DONE);
}

/* sluicectl on a terminal, where this was typed; what it says there. */
static void run_on_a_terminal(const char *typed, char **words, char *said, size_t size)
{
	int master, slave, in = dup(STDIN_FILENO);
	char *argv[16] = {(char *)"sluicectl"};
	FILE *out = fopen("/dev/null", "w"), *err;
	size_t len = 0;
	int argc = 1;
	ssize_t n;

	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	assert_int_equal(write(master, typed, strlen(typed)), strlen(typed));
	assert_int_equal(dup2(slave, STDIN_FILENO), STDIN_FILENO);
	err = fdopen(slave, "w");
	while (*words)
		argv[argc++] = *words++;
	ran.status = cli_main(argc, argv, "/nonexistent.yaml", out, err);
	dup2(in, STDIN_FILENO);
	close(in);
	fclose(err);
	/* All that was written, up to the end that its other end's being closed is. */
	while (len < size - 1 && (n = read(master, said + len, size - 1 - len)) > 0)
		len += (size_t)n;
	said[len] = '\0';
	fclose(out);
	close(master);
}

/* Who is there is asked, with what sluiced has said. */
static void an_older_crl_is_asked_about_on_a_terminal(void **state)
{
	static const struct exchange script[] = {
		{"cert.import", IMPORT ",\"sure\":false}", REFUSED("not_sure", "an older list")},
		{"cert.import", IMPORT ",\"sure\":true}",
			RESULT("{\"schema\":1,\"name\":\"c\",\"kind\":\"crl\"}")},
	};
	static const char *const no[] = {"n\n", "\n", "Y es\n"}, *const yes[] = {"y\n", "yes\n"};
	char said[1024];

#define ON_A_TERMINAL(typed, exchanges)                                                            \
	do {                                                                                       \
		fake_start(script, exchanges);                                                     \
		run_on_a_terminal(typed,                                                           \
			(char *[]){(char *)"--socket", fake.socket, (char *)"cert",                \
				(char *)"import", file("c.pem", NULL), NULL},                      \
			said, sizeof(said));                                                       \
		fake_stop();                                                                       \
		assert_non_null(strstr(said, "an older list (not_sure)"));                         \
		assert_non_null(strstr(said, "Replace it? [y/N] "));                               \
	} while (0)
	(void)state;
	file("c.pem", "x");
	for (size_t i = 0; i < 3; i++) {
		ON_A_TERMINAL(no[i], 1);
		assert_int_equal(ran.status, CLI_FAILED);
		assert_non_null(strstr(said, "nothing is replaced: --yes does it"));
	}
	for (size_t i = 0; i < 2; i++) {
		ON_A_TERMINAL(yes[i], 2);
		assert_int_equal(ran.status, CLI_DONE);
	}
}

static void a_crl_is_listed_by_whose_it_is(void **state)
{
	(void)state;
	RUN_WITH(EXCHANGES({"cert.list", NULL,
			 RESULT("{\"schema\":1,\"certificates\":[{\"name\":\"l\",\"kind\":\"crl\","
				"\"subject\":null,\"issuer\":\"/CN=their\",\"key\":null,"
				"\"not_after\":null,\"used_by\":[]}]}")}),
		"cert", "list");
	assert_non_null(strstr(ran.out, "/CN=their"));
}

/* Who has no terminal is told what to do. */
static void without_a_terminal_the_option_is_named(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		setsid(); /* no terminal any more */
		_exit(RUN("user", "add", "fgt") == CLI_USAGE && strstr(ran.err, "--password-file")
				? 0
				: 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* JSON has no place for it: never silence, nor that something was missing. */
static void what_is_no_text_is_said_to_be_none(void **state)
{
	(void)state;
	file("bin", "\xff\xfe\n");
	file("c.pem", "x");
#define NO_TEXT(...)                                                                               \
	do {                                                                                       \
		assert_int_equal(                                                                  \
			RUN(__VA_ARGS__, "--password-file", file("bin", NULL)), CLI_USAGE);        \
		assert_non_null(strstr(ran.err, "bin: its first line is not text (UTF-8)\n"));     \
	} while (0)
	NO_TEXT("user", "add", "bob");
	NO_TEXT("device", "set", "*", "preshared-key");
	NO_TEXT("cert", "check", file("c.pem", NULL));
	NO_TEXT("cert", "issue", "FGT60F0000000001", "--out", file("y.pfx", NULL));
	assert_int_equal(RUN("device", "show", "\xff\xfe"), CLI_USAGE);
	assert_non_null(strstr(ran.err, "is not text (UTF-8)\n"));
}

static void of_several_it_is_said_how_many_there_are(void **state)
{
#define ANCHORS                                                                                    \
	"\"name\":\"all\",\"kind\":\"anchor\",\"subject\":\"/CN=A\",\"issuer\":\"/CN=A\","         \
	"\"key\":\"P-256\",\"not_after\":\"2027-01-02T03:04:05.000000000Z\","                      \
	"\"certificates\":3,\"used_by\":[]"
	(void)state;
	RUN_WITH(EXCHANGES({"cert.list", NULL,
			 RESULT("{\"schema\":1,\"certificates\":[{" ANCHORS "}]}")}),
		"cert", "list");
	assert_non_null(strstr(ran.out, "/CN=A and 2 more"));
	assert_non_null(strstr(ran.out, "2027-01-02T03:04:05Z, first of 3"));
	RUN_WITH(EXCHANGES({"cert.show", "{\"name\":\"all\"}",
			 RESULT("{\"schema\":1," ANCHORS ",\"findings\":[]}")}),
		"cert", "show", "all");
	assert_non_null(strstr(ran.out, "entries        3: subject"));
	/* A key alone. */
	file("c.pem", "x");
	RUN_WITH(CHECK(RESULT("{\"schema\":1,\"kind\":\"device\",\"subject\":\"\","
			      "\"issuer\":\"\",\"usable\":false,\"findings\":[]}")),
		"cert", "check", file("c.pem", NULL));
	assert_string_equal(ran.out, "a device could not use it here\n");
}

static void long_names_of_contexts_keep_their_distance(void **state)
{
	(void)state;
	RUN_WITH(EXCHANGES({"tls.show", NULL,
			 RESULT("{\"schema\":1,\"enabled\":true,\"generation\":1,\"contexts\":[{"
				"\"index\":0,\"sni\":\"logs.example.org\",\"identities\":[\"node\"]"
				"}],"
				"\"anchors\":[],\"crls\":[],\"sessions\":[]}")}),
		"tls", "show");
	assert_non_null(strstr(ran.out, "logs.example.org node\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_check_tells_by_its_status_whether_it_would_be_refused),
		T(what_a_key_is_for_is_told_by_what_it_is),
		T(a_password_is_asked_for_once_it_would_be_done),
		T(an_anchor_is_replaced_by_who_is_sure),
		T(an_older_crl_is_asked_about_on_a_terminal),
		T(a_crl_is_listed_by_whose_it_is),
		T(without_a_terminal_the_option_is_named),
		T(what_is_no_text_is_said_to_be_none),
		T(of_several_it_is_said_how_many_there_are),
		T(long_names_of_contexts_keep_their_distance),
	};

	return cmocka_run_group_tests(tests, NULL, forget_run);
}
