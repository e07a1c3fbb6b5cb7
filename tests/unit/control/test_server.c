/* The socket: clients that are many, slow, half, too long or gone. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/client.h"
#include "tests/unit/control/harness.h"

static void a_request_may_come_byte_by_byte(void **state)
{
	struct harness *h = *state;
	int fd = harness_connect(h);
	json_t *v;

	for (const char *p = HARNESS_VERSION_REQUEST; *p; p++) {
		const char one[] = {*p, '\0'};

		harness_send(fd, one);
		harness_settle(h);
	}
	v = harness_read(h, fd);
	assert_text(v, "result.version", SLUICE_VERSION);
	json_decref(v);
	close(fd);
}

static void many_requests_in_one_piece_are_answered_in_order(void **state)
{
	struct harness *h = *state;
	struct text all = {0};
	int fd = harness_connect(h);

	for (int i = 0; i < 200; i++)
		text_printf(
			&all, "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"version\"}\r\n \n", i);
	text_char(&all, '\0');
	harness_send(fd, all.data);
	for (int i = 0; i < 200; i++) {
		json_t *v = harness_read(h, fd);

		assert_number(v, "id", i);
		json_decref(v);
	}
	text_free(&all);
	close(fd);
}

static void a_last_line_without_newline_is_a_line(void **state)
{
	struct harness *h = *state;
	int fd = harness_connect(h);
	json_t *v;

	harness_send(fd, "{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"version\"}");
	harness_settle(h);
	shutdown(fd, SHUT_WR);
	v = harness_read(h, fd);
	assert_number(v, "id", 8);
	json_decref(v);
	assert_true(harness_closed(h, fd));
	close(fd);
}

static void half_a_request_and_gone_harms_nobody(void **state)
{
	struct harness *h = *state;
	int fd = harness_connect(h);
	json_t *v;

	harness_send(fd, "{\"jsonrpc\":\"2.0\",\"id\":8,\"meth");
	harness_settle(h);
	close(fd);
	harness_settle(h);
	assert_int_equal(server_clients(h->c->server), 0);
	/* Who only stops writing is told what was wrong. */
	fd = harness_connect(h);
	harness_send(fd, "{\"jsonrpc\":\"2.0\",\"id\":8,\"meth");
	shutdown(fd, SHUT_WR);
	v = harness_read(h, fd);
	assert_number(v, "error.code", -32700);
	json_decref(v);
	close(fd);
}

static void an_order_is_carried_out_though_nobody_waits_for_the_answer(void **state)
{
	struct harness *h = *state;
	int fd = harness_connect(h);

	harness_send(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"session.kill\",\"params\":{"
			 "\"id\":41}}\n");
	close(fd);
	harness_settle(h);
	assert_int_equal(h->dp->sessions_count, 0);
	assert_int_equal(server_clients(h->c->server), 0);
}

static void a_line_without_end_is_refused_and_the_next_client_served(void **state)
{
	struct harness *h = *state;
	int fd = harness_connect(h);
	const size_t size = SERVER_MAX_LONG + (1u << 20);
	char *x = malloc(size);
	size_t sent = 0;
	json_t *v;

	memset(x, 'x', size);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (sent < size) {
		ssize_t n = send(fd, x + sent, size - sent, MSG_NOSIGNAL);

		if (n > 0)
			sent += (size_t)n;
		else
			assert_int_equal(errno, EAGAIN); /* it is taken to its end, not reset */
		assert_int_equal(control_round(h->c, 0), 0);
	}
	v = harness_read(h, fd);
	assert_number(v, "error.code", -32600);
	assert_contains(json_string_value(at(v, "error.message")), "longer than 3145728 bytes");
	json_decref(v);
	/* What follows is not listened to, and then it ends. */
	harness_send(fd, "\n" HARNESS_VERSION_REQUEST);
	shutdown(fd, SHUT_WR);
	assert_true(harness_closed(h, fd));
	close(fd);
	free(x);
	assert_int_equal(server_counters(h->c->server)->too_long, 1);
	json_decref(harness_result(h, "version", NULL));
}

/* Sends all of it, while control makes its rounds; what it answers. */
static json_t *answer_to(struct harness *h, int fd, const struct text *t)
{
	size_t sent = 0;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (sent < t->len) {
		ssize_t n = send(fd, t->data + sent, t->len - sent, MSG_NOSIGNAL);

		sent += n > 0 ? (size_t)n : 0;
		assert_int_equal(control_round(h->c, 0), 0);
	}
	return harness_read(h, fd);
}

/* A request of just so many bytes. */
static struct text line_of(size_t len)
{
	static const char head[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"version\"",
			  tail[] = "}\n";
	struct text t = {0};

	text_str(&t, head);
	while (t.len < len - strlen(tail) + 1)
		text_char(&t, ' ');
	text_str(&t, tail);
	return t;
}

static void a_line_of_just_the_bound_is_served(void **state)
{
	struct harness *h = *state;
	static const struct {
		enum role role;
		size_t bound;
	} v[] = {{ROLE_READ, SERVER_MAX_LINE}, {ROLE_WRITE, SERVER_MAX_LONG}};

	for (unsigned i = 0; i < 2; i++) {
		for (unsigned more = 0; more < 2; more++) {
			struct text t = line_of(v[i].bound + more);
			json_t *r;
			int fd;

			h->role = v[i].role;
			fd = harness_connect(h);
			r = answer_to(h, fd, &t);
			if (more)
				assert_number(r, "error.code", -32600);
			else
				assert_text(r, "result.version", SLUICE_VERSION);
			json_decref(r);
			close(fd);
			text_free(&t);
		}
	}
	h->role = ROLE_WRITE;
	assert_int_equal(server_counters(h->c->server)->too_long, 2);
	assert_int_equal(server_counters(h->c->server)->long_lines, 0);
}

/* As much as is taken of a long line while control makes some rounds. */
static size_t taken(struct harness *h, int fd, const struct text *t, size_t sent)
{
	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (unsigned idle = 0; idle < 20 && sent < t->len; idle++) {
		ssize_t n = send(fd, t->data + sent, t->len - sent, MSG_NOSIGNAL);

		if (n > 0) {
			sent += (size_t)n;
			idle = 0;
		}
		assert_int_equal(control_round(h->c, 0), 0);
	}
	return sent;
}

/* Two long lines are read at a time: whoever comes then waits, and is served when one is done. */
static void long_lines_have_their_turns(void **state)
{
	struct harness *h = *state;
	struct text t = line_of(2u << 20);
	const int small = 65536; /* whatever the kernel's default is */
	const struct server_counters *n = server_counters(h->c->server);
	int fd[SERVER_LONG_LINES + 1];
	size_t sent[SERVER_LONG_LINES + 1];
	json_t *r;

	t.len--; /* all but the newline */
	for (unsigned i = 0; i <= SERVER_LONG_LINES; i++) {
		fd[i] = harness_connect(h);
		assert_int_equal(
			setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
		sent[i] = taken(h, fd[i], &t, 0);
	}
	assert_int_equal(n->long_lines, SERVER_LONG_LINES);
	assert_int_equal(sent[0], t.len);
	/* What is read of a short line, and fits into the kernel. */
	assert_true(sent[SERVER_LONG_LINES] < SERVER_MAX_LINE + (512 << 10));
	/* A short one is served meanwhile. */
	json_decref(harness_result(h, "version", NULL));
	/* One that goes leaves its place. */
	close(fd[1]);
	harness_settle(h);
	sent[SERVER_LONG_LINES] = taken(h, fd[SERVER_LONG_LINES], &t, sent[SERVER_LONG_LINES]);
	assert_int_equal(sent[SERVER_LONG_LINES], t.len);
	for (unsigned i = 0; i <= SERVER_LONG_LINES; i += SERVER_LONG_LINES) {
		harness_send(fd[i], "\n");
		r = harness_read(h, fd[i]);
		assert_text(r, "result.version", SLUICE_VERSION);
		json_decref(r);
		close(fd[i]);
	}
	harness_settle(h);
	assert_int_equal(n->long_lines, 0);
	text_free(&t);
}

static void two_hundred_clients_are_served_and_too_many_told_so(void **state)
{
	struct harness *h = *state;
	int fds[SERVER_MAX_CLIENTS];
	json_t *v;
	int extra;

	for (int i = 0; i < SERVER_MAX_CLIENTS; i++) {
		fds[i] = harness_connect(h);
		if (i % 64 == 0)
			harness_settle(h);
	}
	harness_settle(h);
	assert_int_equal(server_clients(h->c->server), SERVER_MAX_CLIENTS);
	for (int i = 0; i < 200; i++)
		harness_send(fds[i], HARNESS_VERSION_REQUEST);
	for (int i = 199; i >= 0; i--) {
		v = harness_read(h, fds[i]);
		assert_text(v, "result.version", SLUICE_VERSION);
		json_decref(v);
	}
	extra = harness_connect(h);
	v = harness_read(h, extra);
	assert_text(v, "error.data.reason", "busy");
	json_decref(v);
	assert_true(harness_closed(h, extra));
	close(extra);
	for (int i = 0; i < SERVER_MAX_CLIENTS; i++)
		close(fds[i]);
	for (int i = 0; i < 20; i++)
		harness_settle(h);
	assert_int_equal(server_clients(h->c->server), 0);
	json_decref(harness_result(h, "version", NULL));
}

static void who_does_not_read_is_not_read_from_and_loses_nothing(void **state)
{
	struct harness *h = *state;
	struct text requests = {0};
	int fd = harness_connect(h);
	uint64_t served;
	size_t sent = 0;

	h->dp->many = 500; /* each answer has some 300 KiB */
	for (int i = 0; i < 40; i++)
		text_printf(&requests,
			"{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"account.list\"}\n", i);
	while (sent < requests.len) {
		ssize_t n = send(fd, requests.data + sent, requests.len - sent, MSG_DONTWAIT);

		sent += n > 0 ? (size_t)n : 0;
		harness_settle(h);
	}
	served = server_counters(h->c->server)->requests;
	assert_in_range(served, 1, 4);
	/* The others do not notice. */
	json_decref(harness_result(h, "version", NULL));
	for (int i = 0; i < 40; i++) {
		json_t *v = harness_read(h, fd);

		assert_number(v, "id", i);
		json_decref(v);
	}
	text_free(&requests);
	close(fd);
}

static void big_answer(void *ctx, struct client *c, const char *line, size_t len, struct text *out)
{
	(void)ctx;
	(void)c;
	(void)line;
	(void)len;
	for (int i = 0; i < 100000; i++)
		text_str(out, "0123456789");
}

static void who_does_not_read_for_long_is_closed(void **state)
{
	const struct server_handler handler = {.request = big_answer};
	const struct peer peer = {.role = ROLE_READ};
	struct server_counters counters = {0};
	struct client_time time = {.until_us = UINT64_MAX};
	struct loop *loop = loop_new();
	uint64_t now = clock_mono_us();
	struct client *c;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	c = client_new(&handler, &counters, loop, fds[0], &peer);
	c->watch = loop_add(loop, fds[0], 1, NULL, NULL);
	harness_send(fds[1], "x\n");
	client_events(c, 1);
	client_round(c, now, &time);
	assert_true(client_backlog(c) > 0);
	assert_true(client_round(c, now + SERVER_STALL_US / 2, &time) <=
		    clock_mono_us() + SERVER_STALL_US);
	assert_false(c->dead);
	client_round(c, clock_mono_us() + SERVER_STALL_US + 1, &time);
	assert_true(c->dead);
	assert_int_equal(counters.stalled, 1);
	client_free(c);
	loop_free(loop);
	close(fds[1]);
}

static void a_long_line_has_its_time(void **state)
{
	const struct server_handler handler = {.request = big_answer};
	const struct peer peer = {.role = ROLE_WRITE};
	struct server_counters counters = {0};
	struct client_time time = {.until_us = UINT64_MAX};
	struct loop *loop = loop_new();
	uint64_t now = clock_mono_us();
	struct client *c;
	char x[60000];
	int fds[2];

	(void)state;
	memset(x, 'x', sizeof(x));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	c = client_new(&handler, &counters, loop, fds[0], &peer);
	c->watch = loop_add(loop, fds[0], 1, NULL, NULL);
	while (counters.long_lines == 0) {
		assert_int_equal(send(fds[1], x, sizeof(x), 0), sizeof(x));
		client_events(c, 1);
		client_round(c, now, &time);
	}
	assert_int_equal(client_round(c, now + SERVER_LONG_US - 1, &time), now + SERVER_LONG_US);
	assert_false(c->dead);
	client_round(c, now + SERVER_LONG_US, &time);
	assert_true(c->dead);
	assert_int_equal(counters.stalled, 1);
	client_free(c);
	assert_int_equal(counters.long_lines, 0);
	loop_free(loop);
	close(fds[1]);
}

static void more_than_eight_requests_do_not_wait(void **state)
{
	struct harness *h = *state;
	int fd = harness_connect(h);
	json_t *v;

	h->dp->ports[0].up = false;
	for (int i = 0; i < 9; i++)
		harness_send(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"wait.ready\"}\n");
	v = harness_read(h, fd);
	assert_text(v, "error.data.reason", "busy");
	json_decref(v);
	h->dp->ports[0].up = true;
	for (int i = 0; i < 8; i++) {
		v = harness_read(h, fd);
		assert_true(json_is_true(at(v, "result.ready")));
		json_decref(v);
	}
	close(fd);
}

#define T(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_request_may_come_byte_by_byte),
		T(many_requests_in_one_piece_are_answered_in_order),
		T(a_last_line_without_newline_is_a_line),
		T(half_a_request_and_gone_harms_nobody),
		T(an_order_is_carried_out_though_nobody_waits_for_the_answer),
		T(a_line_without_end_is_refused_and_the_next_client_served),
		T(a_line_of_just_the_bound_is_served),
		T(long_lines_have_their_turns),
		cmocka_unit_test(a_long_line_has_its_time),
		T(two_hundred_clients_are_served_and_too_many_told_so),
		T(who_does_not_read_is_not_read_from_and_loses_nothing),
		cmocka_unit_test(who_does_not_read_for_long_is_closed),
		T(more_than_eight_requests_do_not_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
