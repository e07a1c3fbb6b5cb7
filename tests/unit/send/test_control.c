/* Who asks a sluice-send that runs, and who only seems to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "send/control.h"

static char dir[64], path[100];
static struct control control;
static int epoll;

static bool answer(void *ctx, const char *question, FILE *to)
{
	(void)ctx;
	fprintf(to, "answer to %s\n", question);
	return strcmp(question, "1") == 0;
}

static int start(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/sluice-control-XXXXXX");
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/control", dir);
	return control_open(&control, epoll, path, answer, NULL);
}

static int end(void **state)
{
	(void)state;
	control_close(&control);
	close(epoll);
	return rmdir(dir);
}

static int asker(const char *question)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	memcpy(to.sun_path, path, strlen(path) + 1);
	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(send(fd, question, strlen(question), 0), strlen(question));
	return fd;
}

/* All that is ready, as the loop does. */
static void run(void)
{
	struct epoll_event ready;

	while (epoll_wait(epoll, &ready, 1, 0) == 1) {
		struct watch *w = ready.data.ptr;

		w->ready(w->ctx, ready.events);
	}
}

/* What came; "-": nothing, and it is open. */
static const char *heard(int fd)
{
	static char text[100];
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	if (n < 0)
		return "-";
	text[n] = '\0';
	return text;
}

static void who_does_not_ask_is_dropped(void **state)
{
	int silent, asks;

	(void)state;
	control_tick(&control, 1000);
	assert_int_equal(control_deadline(&control), UINT64_MAX);
	silent = asker("");
	asks = asker("1\n");
	run();
	control_tick(&control, 1000);
	assert_int_equal(control_deadline(&control), 1000 + CONTROL_US);
	run();
	control_tick(&control, 999 + CONTROL_US);
	run();
	assert_string_equal(heard(silent), "-");
	assert_string_equal(heard(asks), "-");
	control_tick(&control, 1000 + CONTROL_US);
	run();
	assert_string_equal(heard(silent), "");
	assert_string_equal(heard(asks), "answer to 1\n");
	assert_string_equal(heard(asks), "");
	assert_int_equal(control_deadline(&control), UINT64_MAX);
	close(silent);
	close(asks);
}

static void the_next_has_its_own_time(void **state)
{
	int first = asker("1"), second = asker("1");

	(void)state;
	run();
	control_tick(&control, 1000);
	control_tick(&control, 1000 + CONTROL_US);
	run();
	control_tick(&control, 1001 + CONTROL_US);
	assert_int_equal(control_deadline(&control), 1001 + 2 * CONTROL_US);
	assert_int_equal(send(second, "\n", 1, 0), 1);
	run();
	assert_string_equal(heard(first), "");
	assert_string_equal(heard(second), "answer to 1\n");
	close(first);
	close(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_does_not_ask_is_dropped, start, end),
		cmocka_unit_test_setup_teardown(the_next_has_its_own_time, start, end),
	};

	return cmocka_run_group_tests_name("send_control", tests, NULL, NULL);
}
