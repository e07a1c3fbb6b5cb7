/* sluicectl cert: a file that it writes is there whole, or not at all, whoever comes in between. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/unit/config/cli_files.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_file_is_written_once_there_is_something),
		T(a_file_is_written_whole_or_not_at_all),
		T(a_file_that_cannot_be_made_is_told_before_anything_is_asked_for),
		T(ended_while_it_waits_it_leaves_nothing),
		T(a_file_that_was_made_meanwhile_stays),
		T(where_nothing_can_be_renamed_so_a_link_is_made),
	};

	return cmocka_run_group_tests(tests, NULL, forget_run);
}
