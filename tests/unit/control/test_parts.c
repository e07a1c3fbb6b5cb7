/* The small parts by themselves: text, time, events, alarms, watchdog, loop, jobs, notify. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/notify.h"
#include "tests/unit/control/harness.h"

static void utf8_is_told_from_what_looks_like_it(void **state)
{
	static const char *const good[] = {"", "abc", "\xc3\xa4", "\xe2\x82\xac",
		"\xf0\x9f\x98\x80", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf",
		"\xee\x80\x80"};
	static const char *const bad[] = {"\x80", "\xc3", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80",
		"\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\x80",
		"\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xe2\x82",
		"a\xe2\x82z", "\xf0\x9f\x98"};

	(void)state;
	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(utf8_valid(good[i], strlen(good[i])));
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(utf8_valid(bad[i], strlen(bad[i])));
}

static void json_strings_read_back(void **state)
{
	static const char in[] = "a\"b\\c\n\r\t\x01\x7f\0z\xc3\xa4\xff.";
	static const char out[] = "a\"b\\c\n\r\t\x01\x7f\0z\xc3\xa4\xef\xbf\xbd.";
	json_t *v = text_json_value(in, sizeof(in) - 1);

	(void)state;
	assert_int_equal(json_string_length(v), sizeof(out) - 1);
	assert_memory_equal(json_string_value(v), out, sizeof(out) - 1);
	json_decref(v);
}

static void base64_is_rfc_4648(void **state)
{
	static const char *const v[][2] = {{"", "\"\""}, {"f", "\"Zg==\""}, {"fo", "\"Zm8=\""},
		{"foo", "\"Zm9v\""}, {"foob", "\"Zm9vYg==\""}, {"fooba", "\"Zm9vYmE=\""},
		{"foobar", "\"Zm9vYmFy\""}, {"\xff\xfe\xfd", "\"//79\""}};

	(void)state;
	for (unsigned i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct text t = {0};

		text_base64(&t, v[i][0], strlen(v[i][0]));
		assert_int_equal(t.len, strlen(v[i][1]));
		assert_memory_equal(t.data, v[i][1], t.len);
		text_free(&t);
	}
}

static void texts_grow_to_any_size(void **state)
{
	struct text t = {0};

	(void)state;
	for (int i = 0; i < 2000; i++)
		text_printf(&t, "%01000d", i);
	assert_int_equal(t.len, 2000000);
	assert_memory_equal(t.data + 1999990, "0000001999", 10);
	text_free(&t);
	text_u64(&t, 0);
	text_u64(&t, UINT64_MAX);
	assert_memory_equal(t.data, "018446744073709551615", 21);
	text_free(&t);
}

static void times_are_rfc_3339_with_nanoseconds(void **state)
{
	char s[TIME_TEXT];

	(void)state;
	time_format(1, s);
	assert_string_equal(s, "1970-01-01T00:00:00.000000001Z");
	time_format(1709210096123456789, s);
	assert_string_equal(s, "2024-02-29T12:34:56.123456789Z");
	time_format(UINT64_MAX, s);
	assert_string_equal(s, "2554-07-21T23:34:33.709551615Z");
}

static char said[4096];

static bool hear(void *ctx, const char *line, size_t len)
{
	(void)ctx;
	snprintf(said, sizeof(said), "%.*s", (int)len, line);
	return true;
}

static void an_event_is_one_line_of_key_and_value(void **state)
{
	struct events ev;

	(void)state;
	events_init(&ev, "node \"one\"");
	ev.quiet = true;
	events_set_sink(&ev, hear, NULL);
	event_begin(&ev, EVENT_WARNING, "test");
	event_add(&ev, "quoted", "a \"b\" c\\d");
	event_add(&ev, "lines", "one\ntwo\r\x1b[31m");
	event_end(&ev);
	assert_int_equal(strncmp(said, "date=20", 7), 0);
	assert_contains(said, " eventtime=");
	assert_contains(said, " tz=\"+0000\" devid=\"node \\\"one\\\"\" type=\"event\" "
			      "subtype=\"system\" level=\"warning\" action=\"test\" ");
	assert_contains(said, "quoted=\"a \\\"b\\\" c\\\\d\" lines=\"one two  [31m\"");
	assert_null(strchr(said, '\n'));
	said[0] = '\0';
	event(&ev, EVENT_DEBUG, "fine", "not written below the level");
	assert_string_equal(said, "");
	ev.least = EVENT_DEBUG;
	event(&ev, EVENT_DEBUG, "fine", "written %d", 1);
	assert_contains(said, "msg=\"written 1\"");
	assert_int_equal(ev.written, 2);
	events_free(&ev);
}

static int heard;

static bool count_lines(void *ctx, const char *line, size_t len)
{
	(void)ctx;
	assert_null(memchr(line, '\n', len));
	assert_int_equal(strncmp(line, "date=", 5), 0);
	heard++;
	return true;
}

static void events_from_before_the_journal_are_held_for_it(void **state)
{
	struct events ev;

	(void)state;
	events_init(&ev, "n");
	ev.quiet = true;
	for (int i = 0; i < 3; i++)
		event(&ev, EVENT_NOTICE, "early", "number %d", i);
	heard = 0;
	events_set_sink(&ev, count_lines, NULL);
	assert_int_equal(heard, 3);
	event(&ev, EVENT_NOTICE, "late", "x");
	assert_int_equal(heard, 4);
	/* There is a bound. */
	events_set_sink(&ev, NULL, NULL);
	for (int i = 0; i < 1000; i++)
		event(&ev, EVENT_NOTICE, "early", "number %d", i);
	assert_in_range(ev.lost, 700, 900);
	events_set_sink(&ev, count_lines, NULL);
	assert_int_equal(heard, 4 + 1000 - (int)ev.lost);
	events_free(&ev);
}

static void an_alarm_is_told_once_and_when_it_ends(void **state)
{
	struct events ev;
	struct alarms *a = calloc(1, sizeof(*a));

	(void)state;
	events_init(&ev, "n");
	ev.quiet = true;
	a->events = &ev;
	alarm_raise(a, "x", "one", "first");
	alarm_raise(a, "x", "one", "second");
	alarm_raise(a, "x", "two", "third");
	assert_int_equal(a->count, 2);
	assert_string_equal(a->v[0].text, "second");
	assert_int_equal(ev.written, 2);
	assert_true(alarm_stands(a, "x"));
	alarm_clear(a, "x", "one");
	alarm_clear(a, "x", "one");
	assert_int_equal(ev.written, 3);
	alarm_set(a, false, "x", "two", "");
	assert_false(alarm_stands(a, "x"));
	for (int i = 0; i < ALARMS_MAX + 5; i++) {
		char subject[16];

		snprintf(subject, sizeof(subject), "%d", i);
		alarm_set(a, true, "many", subject, "t");
	}
	assert_int_equal(a->count, ALARMS_MAX);
	assert_int_equal(a->overflow, 5);
	events_free(&ev);
	free(a);
}

static void changed(void *ctx, const struct dp_lcore_info *l, bool stuck, uint64_t still_us)
{
	snprintf(ctx, 64, "lcore %u %s after %u", l->lcore, stuck ? "stuck" : "well",
		(unsigned)still_us);
}

static void the_watchdog_sees_who_stands_still_awake(void **state)
{
	struct watchdog w = {0};
	struct dp_lcore_info l[2] = {{.lcore = 1, .heartbeat = 5}, {.lcore = 2, .sleeping = true}};
	char told[64] = "";

	(void)state;
	assert_int_equal(watchdog_check(&w, l, 2, 1000, 500, changed, told), 0);
	assert_int_equal(watchdog_check(&w, l, 2, 1499, 500, changed, told), 0);
	assert_string_equal(told, "");
	assert_int_equal(watchdog_check(&w, l, 2, 1500, 500, changed, told), 1);
	assert_string_equal(told, "lcore 1 stuck after 500");
	told[0] = '\0';
	/* Still stuck: told once only. The sleeper is fine for as long as it sleeps. */
	assert_int_equal(watchdog_check(&w, l, 2, 9999, 500, changed, told), 1);
	assert_string_equal(told, "");
	l[0].heartbeat++;
	l[1].sleeping = false;
	assert_int_equal(watchdog_check(&w, l, 2, 10000, 500, changed, told), 0);
	assert_string_equal(told, "lcore 1 well after 0");
	l[0].heartbeat++;
	assert_int_equal(watchdog_check(&w, l, 2, 10600, 500, changed, told), 1);
	assert_string_equal(told, "lcore 2 stuck after 601");
}

struct pair {
	struct loop *loop;
	struct loop_watch *a, *b;
	int calls;
};

static void remove_both(void *ctx, uint32_t events)
{
	struct pair *p = ctx;

	(void)events;
	p->calls++;
	loop_remove(p->loop, p->a);
	loop_remove(p->loop, p->b);
}

static void a_watch_removed_in_a_round_is_not_called_in_it(void **state)
{
	struct pair p = {.loop = loop_new()};
	int fds[2], more[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, more), 0);
	p.a = loop_add(p.loop, fds[0], EPOLLOUT, remove_both, &p);
	p.b = loop_add(p.loop, more[0], EPOLLOUT, remove_both, &p);
	assert_int_equal(loop_once(p.loop, 0), 1);
	assert_int_equal(p.calls, 1);
	assert_int_equal(loop_once(p.loop, clock_mono_us() + 1000), 0);
	loop_free(p.loop);
	for (int i = 0; i < 2; i++) {
		close(fds[i]);
		close(more[i]);
	}
}

static void the_loop_wakes_at_its_deadline(void **state)
{
	struct loop *l = loop_new();
	uint64_t began = clock_mono_us();

	(void)state;
	assert_int_equal(loop_once(l, began + 3000), 0);
	assert_true(clock_mono_us() >= began + 3000);
	began = clock_mono_us();
	assert_int_equal(loop_once(l, began - 1000000), 0); /* past: at once */
	assert_true(clock_mono_us() < began + 1000000);
	loop_free(l);
}

static void who_has_no_manager_notifies_nobody(void **state)
{
	struct notify n;

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify_open(&n), 0);
	notify_ready(&n, "x");
	assert_true(notify_watchdog(&n, 5, true) == UINT64_MAX);
	notify_close(&n);
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_int_equal(notify_open(&n), -1);
	setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
	assert_int_equal(notify_open(&n), -1);
	notify_send(&n, "silent");
	unsetenv("NOTIFY_SOCKET");
}

static void abstract_notify_sockets_and_watchdog_periods(void **state)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	char name[64], got[64] = "", pid[16];
	struct notify n;

	(void)state;
	snprintf(name, sizeof(name), "@sluice-test-%d", (int)getpid());
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	memcpy(sa.sun_path, name, strlen(name));
	sa.sun_path[0] = '\0';
	assert_int_equal(
		bind(fd, (struct sockaddr *)&sa,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
		0);
	setenv("NOTIFY_SOCKET", name, 1);
	setenv("WATCHDOG_USEC", "1000", 1);
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_open(&n), 0);
	assert_int_equal(n.watchdog_us, 1000);
	assert_int_equal(notify_watchdog(&n, 10000, true), 10500);
	assert_true(recv(fd, got, sizeof(got) - 1, 0) > 0);
	assert_string_equal(got, "WATCHDOG=1");
	assert_int_equal(notify_watchdog(&n, 10499, true), 10500);
	assert_int_equal(recv(fd, got, sizeof(got), 0), -1);
	assert_int_equal(notify_watchdog(&n, 10500, false), 11000);
	assert_int_equal(recv(fd, got, sizeof(got), 0), -1);
	notify_close(&n);
	/* Meant for another process. */
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(notify_open(&n), 0);
	assert_int_equal(n.watchdog_us, 0);
	notify_close(&n);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(utf8_is_told_from_what_looks_like_it),
		cmocka_unit_test(json_strings_read_back),
		cmocka_unit_test(base64_is_rfc_4648),
		cmocka_unit_test(texts_grow_to_any_size),
		cmocka_unit_test(times_are_rfc_3339_with_nanoseconds),
		cmocka_unit_test(an_event_is_one_line_of_key_and_value),
		cmocka_unit_test(events_from_before_the_journal_are_held_for_it),
		cmocka_unit_test(an_alarm_is_told_once_and_when_it_ends),
		cmocka_unit_test(the_watchdog_sees_who_stands_still_awake),
		cmocka_unit_test(a_watch_removed_in_a_round_is_not_called_in_it),
		cmocka_unit_test(the_loop_wakes_at_its_deadline),
		cmocka_unit_test(who_has_no_manager_notifies_nobody),
		cmocka_unit_test(abstract_notify_sockets_and_watchdog_periods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
