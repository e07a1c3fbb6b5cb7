/* A password that takes its time on the terminal takes none of the connection's. The clock is the
 * test's: an hour goes by while the password is asked for, and a millisecond with each look. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "send/sender.h"
#include "tls/secret.h"

#define HOUR_US 3600000000ull

static uint64_t now_us = 1000;
static unsigned asked;

uint64_t __wrap_world_now_us(void);
uint64_t __wrap_world_now_us(void)
{
	return now_us += 1000;
}

int __wrap_world_wait_ms(uint64_t now, uint64_t until);
int __wrap_world_wait_ms(uint64_t now, uint64_t until)
{
	(void)now, (void)until;
	return 0; /* time goes by itself */
}

/* In the first round nothing has happened yet. */
static bool waited;

int __real_epoll_wait(int epoll, struct epoll_event *events, int most, int ms);
int __wrap_epoll_wait(int epoll, struct epoll_event *events, int most, int ms);
int __wrap_epoll_wait(int epoll, struct epoll_event *events, int most, int ms)
{
	const bool first = !waited;

	waited = true;
	return first ? 0 : __real_epoll_wait(epoll, events, most, ms);
}

int __wrap_secret_read(const char *file, const char *option, const char *what, bool twice,
	char secret[SECRET_MAX], char *err, size_t size);
int __wrap_secret_read(const char *file, const char *option, const char *what, bool twice,
	char secret[SECRET_MAX], char *err, size_t size)
{
	assert_string_equal(option, "legacy-password");
	(void)what, (void)twice, (void)err, (void)size;
	assert_null(file);
	asked++;
	now_us += HOUR_US;
	snprintf(secret, SECRET_MAX, "%s", "open sesame");
	return 0;
}

static struct settings settings;
static int port_taken;

static void set(const char *key, const char *value)
{
	char err[200];

	if (settings_set(&settings, key, value, err, sizeof(err)) != 0)
		fail_msg("%s", err);
}

/* The server is a port that refuses: an answer of the connection, and not of its time. */
static int setup(void **state)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	char port[16], err[200];

	(void)state;
	port_taken = socket(AF_INET, SOCK_STREAM, 0); /* bound, and nobody listens */
	if (bind(port_taken, (struct sockaddr *)&at, len) != 0 ||
		getsockname(port_taken, (struct sockaddr *)&at, &len) != 0)
		return -1;
	snprintf(port, sizeof(port), "%u", ntohs(at.sin_port));
	settings_default(&settings);
	set("server", "127.0.0.1");
	set("port", port);
	set("certificate-verification", "disable");
	set("device-serial", "FGT60F0000000001");
	set("legacy-user", "fgt");
	set("conn-timeout", "1");
	set("give-up", "1");
	asked = 0;
	waited = false;
	return settings_check(&settings, err, sizeof(err));
}

static int teardown(void **state)
{
	(void)state;
	return close(port_taken);
}

/* All that a command says on `fd`; its status. */
static enum send_exit said(int fd, char *text, size_t size, enum send_exit (*command)(void))
{
	FILE *to = tmpfile();
	int before = dup(fd);
	enum send_exit status;
	size_t n;

	assert_true(to && before >= 0);
	fflush(NULL);
	assert_int_equal(dup2(fileno(to), fd), fd);
	status = command();
	fflush(NULL);
	dup2(before, fd);
	close(before);
	rewind(to);
	n = fread(text, 1, size - 1, to);
	text[n] = '\0';
	fclose(to);
	return status;
}

static enum send_exit test_connectivity(void)
{
	return send_test(&settings);
}

static void a_test_of_connectivity_has_its_time_after_the_password(void **state)
{
	char text[1000];

	(void)state;
	assert_int_equal(said(STDOUT_FILENO, text, sizeof(text), test_connectivity), SEND_FAILED);
	assert_int_equal(asked, 1);
	if (!strstr(text, "Connection refused"))
		fail_msg("%s", text);
}

static char lines[] = "/tmp/sluice-password-XXXXXX";

static enum send_exit send_lines(void)
{
	char *paths[] = {lines};

	return send_run(&settings, paths, 1);
}

static void a_sender_gives_up_after_its_time_and_not_after_the_passwords(void **state)
{
	char text[4000];
	const char *refused, *up;
	int fd = mkstemp(lines);

	(void)state;
	assert_int_equal(write(fd, "<13>a log\n", 10), 10);
	close(fd);
	assert_int_equal(said(STDERR_FILENO, text, sizeof(text), send_lines), SEND_FAILED);
	unlink(lines);
	assert_int_equal(asked, 1);
	refused = strstr(text, "Connection refused");
	up = strstr(text, "gives up: no connection for 1 s");
	if (!refused || !up || refused > up)
		fail_msg("%s", text);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_test_of_connectivity_has_its_time_after_the_password),
		T(a_sender_gives_up_after_its_time_and_not_after_the_passwords),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
