/* A password is asked for on the terminal: without echo, which is there again whatever happens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "tls/secret.h"

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/* A child with the terminal `slave` asks there; it ends with 0 if "open sesame" was typed. */
static pid_t ask(const char *slave)
{
	const pid_t child = fork();
	char secret[SECRET_MAX], err[128];
	int tty;

	if (child != 0)
		return child;
	/* Whatever this was started by. */
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_DFL);
	setsid();
	tty = open(slave, O_RDWR);
	if (tty < 0 || ioctl(tty, TIOCSCTTY, 0) != 0)
		_exit(100);
	if (secret_read(NULL, "--password-file", "Password", false, secret, err, sizeof(err)) != 0)
		_exit(101);
	_exit(strcmp(secret, "open sesame") == 0 ? 0 : 102);
}

static bool echoes(int terminal)
{
	struct termios t;

	assert_int_equal(tcgetattr(terminal, &t), 0);
	return (t.c_lflag & ECHO) != 0;
}

struct terminal {
	int master, slave;
	pid_t child;
};

static struct terminal asked(void)
{
	struct terminal t = {.master = posix_openpt(O_RDWR | O_NOCTTY)};
	const char *name;
	char said[64] = "";
	size_t n = 0;

	assert_true(t.master >= 0 && grantpt(t.master) == 0 && unlockpt(t.master) == 0);
	name = ptsname(t.master);
	/* Held open, so that it outlives the child. */
	t.slave = open(name, O_RDWR | O_NOCTTY);
	assert_true(t.slave >= 0 && echoes(t.slave));
	t.child = ask(name);
	assert_true(t.child > 0);
	while (!strstr(said, "Password: ")) {
		const ssize_t got = read(t.master, said + n, sizeof(said) - 1 - n);

		assert_true(got > 0);
		n += (size_t)got;
	}
	assert_false(echoes(t.slave));
	return t;
}

static int ended(const struct terminal *t)
{
	int status;

	assert_int_equal(waitpid(t->child, &status, 0), t->child);
	assert_true(echoes(t->slave));
	close(t->slave);
	close(t->master);
	return status;
}

static void what_is_typed_is_the_password(void **state)
{
	struct terminal t = asked();
	int status;

	(void)state;
	assert_int_equal(write(t.master, "open sesame\n", 12), 12);
	status = ended(&t);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_signal_ends_it_and_leaves_an_echo(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct terminal t = asked();
		int status;

		assert_int_equal(kill(t.child, signals[i]), 0);
		status = ended(&t);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), signals[i]);
	}
}

/* As a terminal sends it. */
static void ctrl_c_in_the_middle_of_a_line_does_too(void **state)
{
	struct terminal t = asked();
	int status;

	(void)state;
	assert_int_equal(write(t.master, "open\x03", 5), 5);
	status = ended(&t);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
}

/* Ctrl-D hands over what was typed, without an end of the line: the rest is still waited for, and
 * signals with it. */
static void ctrl_d_in_the_middle_of_a_line_takes_no_ctrl_c_away(void **state)
{
	struct terminal t = asked();
	struct pollfd p = {.fd = t.slave, .events = POLLIN};
	int status;

	(void)state;
	/* Stopped, it takes nothing before all of it is there. */
	assert_int_equal(kill(t.child, SIGSTOP), 0);
	assert_int_equal(waitpid(t.child, &status, WUNTRACED), t.child);
	assert_int_equal(write(t.master, "open\x04", 5), 5);
	assert_int_equal(poll(&p, 1, -1), 1);
	assert_int_equal(kill(t.child, SIGCONT), 0);
	while (poll(&p, 1, 0) == 1)
		sched_yield();
	assert_int_equal(write(t.master, "\x03", 1), 1);
	status = ended(&t);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
}

static void ctrl_d_in_the_middle_of_a_line_is_no_end_of_it(void **state)
{
	struct terminal t = asked();
	int status;

	(void)state;
	assert_int_equal(write(t.master, "open\x04 sesame\n", 13), 13);
	status = ended(&t);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_typed_is_the_password),
		cmocka_unit_test(a_signal_ends_it_and_leaves_an_echo),
		cmocka_unit_test(ctrl_c_in_the_middle_of_a_line_does_too),
		cmocka_unit_test(ctrl_d_in_the_middle_of_a_line_takes_no_ctrl_c_away),
		cmocka_unit_test(ctrl_d_in_the_middle_of_a_line_is_no_end_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
