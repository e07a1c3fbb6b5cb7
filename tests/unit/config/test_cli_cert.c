/* sluicectl cert: exit statuses, what is said of keys that leave, files that are written or not. */
#include <dirent.h>
#include <pty.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/unit/config/cli_test.h"

static char dir[64];

/* File systems of other machines cannot rename without replacing. */
static bool cannot_rename;

int __real_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);
int __wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);
int __wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	if (!cannot_rename)
		return __real_renameat2(from_dir, from, to_dir, to, flags);
	errno = EINVAL;
	return -1;
}

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/sluice-cli-cert-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state)
{
	static const char *const names[] = {"c.pem", "p", "x.pfx", "ca.pem", "bin"};
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(dir), 0);
	return 0;
}

/* A file of this directory, with this in it; its path until the next but one. */
static char *file(const char *name, const char *text)
{
	static char paths[2][128];
	static unsigned turn;
	char *path = paths[turn++ % 2];
	FILE *f;

	snprintf(path, sizeof(paths[0]), "%s/%.60s", dir, name);
	if (!text)
		return path;
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return path;
}

static void assert_holds(const char *path, mode_t mode, const char *text)
{
	char is[128] = "";
	struct stat st;
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	assert_int_equal(fread(is, 1, sizeof(is) - 1, f), strlen(text));
	fclose(f);
	assert_string_equal(is, text);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, mode);
}

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

#define EXPORTED(kind)                                                                             \
	RESULT("{\"schema\":1,\"name\":\"n\",\"kind\":\"" kind "\",\"pkcs12\":\"eHl6\"}")

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

/* Twice by mistake: the file of the first time stays. */
static void a_file_is_written_once_there_is_something(void **state)
{
	(void)state;
	RUN_WITH(
		EXCHANGES({"cert.ca-init", "{}", REFUSED("busy", "there is an authority already")}),
		"cert", "ca-init", "--out", file("ca.pem", NULL));
	assert_int_equal(ran.status, CLI_FAILED);
	assert_int_not_equal(access(file("ca.pem", NULL), F_OK), 0);
	RUN_WITH(EXCHANGES({"cert.ca-init", "{}",
			 RESULT("{\"schema\":1,\"name\":\"ca\",\"pem\":\"PEM\\n\"}")}),
		"cert", "ca-init", "--out", file("ca.pem", NULL));
	assert_int_equal(ran.status, CLI_DONE);
	assert_holds(file("ca.pem", NULL), 0644, "PEM\n");
	assert_non_null(strstr(ran.out, "ca.pem: the certificate, without a key\n"));
	assert_null(strstr(ran.out, "PEM\n"));
	/* Before it asks. */
	assert_int_equal(RUN("cert", "ca-init", "--out", file("ca.pem", NULL)), CLI_FAILED);
	assert_non_null(strstr(ran.err, "ca.pem is there already\n"));
	assert_holds(file("ca.pem", NULL), 0644, "PEM\n");
	/* A CRL that is too long to be shown. */
	unlink(file("ca.pem", NULL));
	RUN_WITH(EXCHANGES({"cert.show", "{\"name\":\"l\"}",
			 RESULT("{\"schema\":1,\"name\":\"l\"}")}),
		"cert", "show", "l", "--out", file("ca.pem", NULL));
	assert_int_equal(ran.status, CLI_FAILED);
	assert_int_not_equal(access(file("ca.pem", NULL), F_OK), 0);
}

#define EXPORT(...)                                                                                \
	RUN_WITH(EXCHANGES({"cert.export", "{\"name\":\"n\",\"password\":\"open sesame\"}",        \
			 EXPORTED("identity")}),                                                   \
		"cert", "export", "n", "--password-file", file("p", NULL), "--out", __VA_ARGS__)

/* Half a key is none, and would be in the way of the next try. */
static void a_file_is_written_whole_or_not_at_all(void **state)
{
	struct rlimit was, one;

	(void)state;
	file("p", "open sesame\n");
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	one = was;
	one.rlim_cur = 1;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &one), 0);
	EXPORT(file("x.pfx", NULL));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(ran.status, CLI_FAILED);
	assert_non_null(strstr(ran.err, "x.pfx: File too large\n"));
	assert_int_not_equal(access(file("x.pfx", NULL), F_OK), 0);
	EXPORT(file("x.pfx", NULL));
	assert_int_equal(ran.status, CLI_DONE);
	assert_holds(file("x.pfx", NULL), 0600, "xyz");
}

/* Nothing is issued that would have no place to go. */
static void a_file_that_cannot_be_made_is_told_before_anything_is_asked_for(void **state)
{
	char path[5000];
	size_t n = (size_t)snprintf(path, sizeof(path), "%s", dir);

	(void)state;
	file("p", "open sesame\n");
	assert_int_equal(RUN("cert", "issue", "FGT60F0000000001", "--password-file",
				 file("p", NULL), "--out", file("none/x.pfx", NULL)),
		CLI_FAILED);
	assert_non_null(strstr(ran.err, "none/x.pfx: No such file or directory\n"));
	/* A long path is that file's, */
	for (unsigned i = 0; i < 1200; i++)
		path[n++] = i % 2 ? '.' : '/';
	snprintf(path + n, sizeof(path) - n, "/x.pfx");
	EXPORT(path);
	assert_int_equal(ran.status, CLI_DONE);
	assert_holds(file("x.pfx", NULL), 0600, "xyz");
	/* and one that is too long nobody's. */
	while (n < sizeof(path) - 10)
		path[n++] = '/';
	snprintf(path + n, sizeof(path) - n, "/y.pfx");
	assert_int_equal(RUN("cert", "issue", "FGT60F0000000001", "--password-file",
				 file("p", NULL), "--out", path),
		CLI_FAILED);
	assert_non_null(strstr(ran.err, "File name too long"));
}

/* How many files of the directory have a name that begins so. */
static unsigned files(const char *begin)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		n += strncmp(e->d_name, begin, strlen(begin)) == 0 && strcmp(e->d_name, ".") != 0 &&
		     strcmp(e->d_name, "..") != 0;
	closedir(d);
	return n;
}

static int listen_as(struct sockaddr_un *sa)
{
	const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*sa = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(sa->sun_path, sizeof(sa->sun_path), "%s/s", dir);
	assert_int_equal(bind(listener, (const struct sockaddr *)sa, sizeof(*sa)), 0);
	assert_int_equal(listen(listener, 1), 0);
	return listener;
}

/* A sluiced that has heard the request and does not answer; its end of the connection. */
static int heard(int listener)
{
	const int fd = accept(listener, NULL, NULL);
	char byte = '\0';

	assert_true(fd >= 0);
	while (byte != '\n')
		assert_int_equal(read(fd, &byte, 1), 1);
	return fd;
}

/* Nothing is there that would be taken for a key, or that is in the way of the next try. */
static void ended_while_it_waits_it_leaves_nothing(void **state)
{
	struct sockaddr_un sa;
	const int listener = listen_as(&sa);
	int status, fd;
	pid_t child;

	(void)state;
	file("p", "open sesame\n");
	child = fork();
	if (child == 0)
		_exit(RUN((char *)"--socket", sa.sun_path, "cert", "export", "n", "--password-file",
			file("p", NULL), "--out", file("x.pfx", NULL)));
	fd = heard(listener);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	close(fd);
	close(listener);
	unlink(sa.sun_path);
	assert_int_equal(files(""), 1);
	EXPORT(file("x.pfx", NULL));
	assert_int_equal(ran.status, CLI_DONE);
	assert_holds(file("x.pfx", NULL), 0600, "xyz");
}

/* What is there stays, and what was issued is not lost: its like is not to be had again. */
static void made_meanwhile(void)
{
	struct sockaddr_un sa;
	const int listener = listen_as(&sa);
	static const char answer[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"schema\":1,"
				     "\"name\":\"n\",\"kind\":\"ca\",\"pkcs12\":\"eHl6\"}}\n";
	int status, fd;
	pid_t child;
	DIR *d;

	file("p", "open sesame\n");
	child = fork();
	if (child == 0) {
		RUN((char *)"--socket", sa.sun_path, "cert", "export", "n", "--password-file",
			file("p", NULL), "--out", file("x.pfx", NULL));
		_exit(ran.status == CLI_FAILED && strstr(ran.err, "x.pfx is there already\n") &&
					strstr(ran.err, "what it was to hold is in ") &&
					strstr(ran.err, "/.sluicectl-")
				? 0
				: 1);
	}
	fd = heard(listener);
	file("x.pfx", "mine");
	assert_int_equal(write(fd, answer, strlen(answer)), strlen(answer));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(fd);
	close(listener);
	unlink(sa.sun_path);
	assert_holds(file("x.pfx", NULL), 0644, "mine");
	assert_int_equal(files(".sluicectl-"), 1);
	d = opendir(dir);
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		if (strncmp(e->d_name, ".sluicectl-", 11) == 0) {
			assert_holds(file(e->d_name, NULL), 0600, "xyz");
			unlink(file(e->d_name, NULL));
		}
	closedir(d);
}

static void a_file_that_was_made_meanwhile_stays(void **state)
{
	(void)state;
	made_meanwhile();
}

static void where_nothing_can_be_renamed_so_a_link_is_made(void **state)
{
	(void)state;
	cannot_rename = true;
	file("p", "open sesame\n");
	EXPORT(file("x.pfx", NULL));
	assert_int_equal(ran.status, CLI_DONE);
	assert_holds(file("x.pfx", NULL), 0600, "xyz");
	assert_int_equal(files(""), 2);
	unlink(file("x.pfx", NULL));
	made_meanwhile();
	cannot_rename = false;
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

#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, drop_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_check_tells_by_its_status_whether_it_would_be_refused),
		T(what_a_key_is_for_is_told_by_what_it_is),
		T(a_file_is_written_once_there_is_something),
		T(a_file_is_written_whole_or_not_at_all),
		T(a_file_that_cannot_be_made_is_told_before_anything_is_asked_for),
		T(ended_while_it_waits_it_leaves_nothing),
		T(a_file_that_was_made_meanwhile_stays),
		T(where_nothing_can_be_renamed_so_a_link_is_made),
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
