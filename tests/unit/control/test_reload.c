/* config.show|check|reload: all or nothing. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/control/harness.h"

static void live_keys_are_applied_together(void **state)
{
	struct harness *h = *state;
	json_t *r;

	harness_config(h, "listen: {cleartext: [udp-syslog]}\n"
			  "journal: {retention: {age: 7d}}\n"
			  "limits: {message-size: 8KiB}\n");
	r = harness_result(h, "config.reload", NULL);
	assert_true(json_is_true(at(r, "reloaded")));
	assert_int_equal(json_array_size(at(r, "changes")), 3);
	assert_int_equal(json_array_size(at(r, "errors")), 0);
	json_decref(r);
	assert_int_equal(h->dp->policy_count, 2);
	assert_int_equal(h->dp->policy.cleartext, DP_CLEAR_UDP_SYSLOG);
	assert_int_equal(h->dp->policy.message_size, 8192);
	assert_int_equal(h->dp->journal.reconfigure_count, 1);
	assert_int_equal(h->dp->journal.reconfigured.retention_age_s, 7 * 86400);
	assert_int_equal(fake_events(h->dp, "action=\"reload\""), 1);

	r = harness_result(h, "audit.list", NULL);
	assert_text(r, "audit.0.what", "config.reload");
	assert_text(r, "audit.0.target", h->config_file);
	assert_contains(json_string_value(at(r, "audit.0.before")), "limits.message-size: 64KiB");
	assert_contains(json_string_value(at(r, "audit.0.after")), "limits.message-size: 8KiB");
	json_decref(r);
	/* And again: there is nothing to do any more. */
	r = harness_result(h, "config.reload", NULL);
	assert_int_equal(json_array_size(at(r, "changes")), 0);
	json_decref(r);
}

static void nothing_changed(struct harness *h)
{
	assert_int_equal(h->dp->policy_count, 1);
	assert_int_equal(h->dp->journal.reconfigure_count, 0);
}

static void keys_that_need_a_restart_refuse_all_of_it(void **state)
{
	struct harness *h = *state;
	json_t *r;

	harness_config(h, "limits: {message-size: 8KiB}\ncores: {poll: busy}\n");
	r = harness_error(h, "config.reload", NULL);
	assert_reason(r, "needs_restart");
	assert_contains(json_string_value(at(r, "message")), "cores.poll");
	assert_null(strstr(json_string_value(at(r, "message")), "message-size"));
	assert_int_equal(json_array_size(at(r, "data.changes")), 2);
	json_decref(r);
	nothing_changed(h);
	assert_int_equal(fake_events(h->dp, "action=\"reload-refused\""), 1);
	r = harness_result(h, "audit.list", NULL);
	assert_contains(json_string_value(at(r, "audit.0.after")), "refused: nothing is changed");
	json_decref(r);
	/* config show says what waits. */
	r = harness_result(h, "config.show", NULL);
	assert_int_equal(json_array_size(at(r, "changes")), 2);
	json_decref(r);
}

static void a_wrong_file_refuses_all_of_it_with_line_and_key(void **state)
{
	struct harness *h = *state;
	json_t *r;

	harness_config(h, "limits: {message-size: 8KiB}\njournal: {retention: {aeg: 7d}}\n");
	r = harness_error(h, "config.reload", NULL);
	assert_reason(r, "invalid");
	assert_contains(json_string_value(at(r, "message")), "sluice.yaml:6:");
	assert_contains(json_string_value(at(r, "message")), "journal.retention.aeg");
	assert_number(r, "data.errors.0.line", 6);
	assert_text(r, "data.errors.0.path", "journal.retention.aeg");
	json_decref(r);
	nothing_changed(h);
	unlink(h->config_file);
	r = harness_error(h, "config.reload", NULL);
	assert_contains(json_string_value(at(r, "message")), h->config_file);
	json_decref(r);
}

static void a_journal_that_refuses_leaves_the_policy_alone(void **state)
{
	struct harness *h = *state;

	h->dp->journal.refuse_reconfigure = true;
	harness_config(h, "limits: {message-size: 8KiB}\n");
	harness_refused(h, "config.reload", NULL, "failed", "cannot be changed");
	nothing_changed(h);
	h->dp->journal.refuse_reconfigure = false;
	json_decref(harness_result(h, "config.reload", NULL));
	assert_int_equal(h->dp->policy.message_size, 8192);
}

static void check_tells_errors_or_what_would_change(void **state)
{
	struct harness *h = *state;
	json_t *r = harness_result(h, "config.check", NULL);

	assert_true(json_is_true(at(r, "valid")));
	assert_int_equal(json_array_size(at(r, "changes")), 0);
	json_decref(r);
	harness_config(h, "limits: {message-size: 8KiB}\ncores: {poll: busy}\n");
	r = harness_result(h, "config.check", NULL);
	assert_true(json_is_true(at(r, "valid")));
	assert_text(r, "changes.0.path", "cores.poll");
	assert_true(json_is_false(at(r, "changes.0.live")));
	assert_text(r, "changes.1.path", "limits.message-size");
	assert_text(r, "changes.1.before", "64KiB");
	assert_text(r, "changes.1.after", "8KiB");
	assert_true(json_is_true(at(r, "changes.1.live")));
	json_decref(r);
	r = harness_result(h, "config.check", "{\"text\":\"nodes: {}\"}");
	assert_true(json_is_false(at(r, "valid")));
	assert_number(r, "errors.0.line", 1);
	json_decref(r);
	nothing_changed(h);
}

static void show_gives_what_runs(void **state)
{
	struct harness *h = *state;
	json_t *r = harness_result(h, "config.show", NULL);

	assert_text(r, "file", h->config_file);
	assert_contains(json_string_value(at(r, "yaml")), "name: test-node");
	assert_true(json_array_size(at(r, "keys")) > 30);
	assert_int_equal(json_array_size(at(r, "changes")), 0);
	json_decref(r);
}

/* What the service manager is sent, in order. */
static int listen_notify(const char *dir, char *path, size_t size)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	snprintf(path, size, "%s/notify", dir);
	assert_true(strlen(path) < sizeof(sa.sun_path));
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static void heard(int fd, const char *what)
{
	char text[256] = "";

	assert_true(recv(fd, text, sizeof(text) - 1, 0) > 0);
	assert_contains(text, what);
}

static void sighup_reloads_sigterm_ends_and_the_manager_hears_of_it(void **state)
{
	struct harness *h = harness_new();
	char path[128], err[256];
	int fd = listen_notify(h->dir, path, sizeof(path));
	sigset_t set, old;
	json_t *r;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &old);
	setenv("NOTIFY_SOCKET", path, 1);
	setenv("WATCHDOG_USEC", "60000000", 1);
	h->outside = true;
	harness_start(h);
	heard(fd, "READY=1");
	harness_settle(h);
	heard(fd, "WATCHDOG=1");
	harness_config(h, "limits: {message-size: 8KiB}\n");
	kill(getpid(), SIGHUP);
	harness_settle(h);
	assert_int_equal(h->dp->policy.message_size, 8192);
	heard(fd, "RELOADING=1\nMONOTONIC_USEC=");
	heard(fd, "READY=1");
	r = harness_result(h, "audit.list", NULL);
	assert_number(r, "audit.0.pid", getpid());
	json_decref(r);
	/* A stuck lcore: no more signs of life. */
	h->c->stuck = 1;
	h->c->notify.next_watchdog_us = 0;
	h->c->next_tick_us = UINT64_MAX;
	harness_settle(h);
	assert_int_equal(recv(fd, err, sizeof(err), 0), -1);
	kill(getpid(), SIGTERM);
	assert_int_equal(control_run(h->c, err, sizeof(err)), 0);
	harness_stop(h);
	heard(fd, "STOPPING=1");
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(fd);
	unlink(path);
	harness_free(h);
}

#define T(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(live_keys_are_applied_together),
		T(keys_that_need_a_restart_refuse_all_of_it),
		T(a_wrong_file_refuses_all_of_it_with_line_and_key),
		T(a_journal_that_refuses_leaves_the_policy_alone),
		T(check_tells_errors_or_what_would_change),
		T(show_gives_what_runs),
		cmocka_unit_test(sighup_reloads_sigterm_ends_and_the_manager_hears_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
