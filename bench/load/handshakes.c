/*
 * TLS connections rather than logs. `handshakes`: each sends one log, says the end and waits until
 * the receiver has said its own, so that a handshake counts only when the receiver has finished it,
 * too; then the next device's. `hold`: each sends one log and stays.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "bench/load/load.h"

#define SAID_MAX 5u   /* failures that are printed */
#define END_S	 10.0 /* for those under way when time is over */

enum state { IDLE, CONNECTING, SHAKING, WRITING, ENDING, READING, HELD };

struct client {
	struct load_flow f;
	enum state state;
	uint32_t events;
	uint32_t device;
	uint64_t begun;
	SSL_SESSION *session;
};

struct shakes {
	struct load l; /* its lines and certificates; flow = device */
	struct load_options o;
	bool hold;
	int epoll;
	struct client *clients;
	uint32_t count, under_way, held;
	uint64_t started, done, failed, resumed, closed_by_peer;
	uint64_t *sent; /* by device */
	struct histogram took;
};

static bool watch(struct shakes *s, struct client *c, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = c};
	int op = c->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (events == c->events)
		return true;
	c->events = events;
	return epoll_ctl(s->epoll, op, c->f.fd, &e) == 0;
}

static void retire(struct client *c)
{
	link_close(&c->f);
	free(c->f.out);
	c->f.out = NULL;
	c->f.out_len = c->f.out_at = 0;
	c->events = 0;
	c->state = IDLE;
}

static void failed(struct shakes *s, struct client *c, const char *why)
{
	static const char *const during[] = {"", "connecting", "the handshake", "writing", "ending",
		"waiting for the receiver's end", "holding"};

	if (s->failed++ < SAID_MAX)
		fprintf(stderr, "sluice-load: device %u, %s: %s\n", c->device, during[c->state],
			why);
	s->under_way--;
	retire(c);
}

static void failed_tls(struct shakes *s, struct client *c, int rc)
{
	char why[256];

	failed(s, c, load_tls_error(c->f.ssl, rc, why, sizeof(why)));
}

/* true: go on with the next state; false: it waits, or has failed. */
static bool connected(struct shakes *s, struct client *c)
{
	int err = 0;
	socklen_t len = sizeof(err);

	getsockopt(c->f.fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (err) {
		failed(s, c, strerror(err));
		return false;
	}
	c->f.ssl = load_tls_client(s->l.tls, c->device, c->f.fd);
	if (!c->f.ssl) {
		failed(s, c, "no client");
		return false;
	}
	if (s->o.resume)
		load_tls_remember(c->f.ssl, &c->session);
	c->state = SHAKING;
	return true;
}

static bool shake(struct shakes *s, struct client *c)
{
	char *line = malloc(LINES_MAX + 1);
	int rc;

	if (!line) {
		failed(s, c, "out of memory");
		return false;
	}
	ERR_clear_error();
	rc = SSL_connect(c->f.ssl);
	if (rc == 1) {
		histogram_add(&s->took, (load_now_ns() - c->begun) / 1000, 1);
		s->resumed += (unsigned)SSL_session_reused(c->f.ssl);
		c->f.out = (uint8_t *)line;
		c->f.out_len = lines_write(s->l.lines, c->device, s->sent[c->device], line);
		c->f.out[c->f.out_len++] = '\n';
		c->state = WRITING;
		return true;
	}
	free(line);
	switch (SSL_get_error(c->f.ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		watch(s, c, EPOLLIN);
		return false;
	case SSL_ERROR_WANT_WRITE:
		watch(s, c, EPOLLOUT);
		return false;
	default:
		failed_tls(s, c, rc);
		return false;
	}
}

static bool write_log(struct shakes *s, struct client *c)
{
	if (!link_drain(&c->f)) {
		failed_tls(s, c, 0);
		return false;
	}
	if (c->f.out_len) {
		watch(s, c, EPOLLOUT);
		return false;
	}
	s->sent[c->device]++;
	if (s->hold) {
		s->held++;
		s->under_way--;
		s->done++;
	}
	c->state = s->hold ? HELD : ENDING;
	return true;
}

static bool end(struct shakes *s, struct client *c)
{
	if (!link_end(&c->f, 0)) {
		failed(s, c, "close_notify cannot be sent");
		return false;
	}
	c->state = READING;
	return true;
}

static void read_end(struct shakes *s, struct client *c)
{
	char rest[512];
	ssize_t n;

	do
		n = link_read(&c->f, rest, sizeof(rest));
	while (n > 0);
	if (n == LINK_NOTHING) {
		watch(s, c, EPOLLIN);
		return;
	}
	if (c->state == HELD) {
		s->held--;
		s->closed_by_peer++;
		retire(c);
	} else if (n == LINK_END) {
		s->under_way--;
		s->done++;
		retire(c);
	} else {
		failed_tls(s, c, 0);
	}
}

static void step(struct shakes *s, struct client *c)
{
	if (c->state == CONNECTING && !connected(s, c))
		return;
	if (c->state == SHAKING && !shake(s, c))
		return;
	if (c->state == WRITING && !write_log(s, c))
		return;
	if (c->state == ENDING && !end(s, c))
		return;
	if (c->state == READING || c->state == HELD)
		read_end(s, c);
}

/* The next device of this client, or with a ticket to resume the same again: no device has two
 * connections at a time. */
static void start(struct shakes *s, struct client *c)
{
	uint32_t next = c->device + s->count;

	if (s->started >= s->count && !s->o.resume)
		c->device = next < s->o.plan.devices ? next : (uint32_t)(c - s->clients);
	c->begun = load_now_ns();
	c->f.fd = load_socket(&s->o, c->device, SOCK_STREAM | SOCK_NONBLOCK);
	s->started++;
	if (c->f.fd < 0) {
		s->failed++;
		return;
	}
	c->state = CONNECTING;
	s->under_way++;
	watch(s, c, EPOLLOUT);
}

static bool due(const struct shakes *s, uint64_t now)
{
	if (s->started >= (s->hold ? s->count : s->o.count ? s->o.count : UINT64_MAX))
		return false;
	return s->under_way < s->o.at_once &&
	       (s->o.rate <= 0 || load_due_ns(&s->l, s->started) <= now);
}

/* Starts what is due, looks at what has come; false: nothing is under way and nothing more will be.
 */
static bool turn(struct shakes *s, bool more, uint32_t *at)
{
	struct epoll_event ev[256];
	uint64_t now = load_now_ns();
	int n;

	for (uint32_t i = 0; more && i < s->count && due(s, now); i++) {
		struct client *c = &s->clients[*at];

		*at = *at + 1 == s->count ? 0 : *at + 1;
		if (c->state == IDLE)
			start(s, c);
	}
	n = epoll_wait(s->epoll, ev, 256, 1);
	for (int i = 0; i < n; i++)
		step(s, ev[i].data.ptr);
	return s->under_way > 0;
}

static void run(struct shakes *s)
{
	uint64_t length = (uint64_t)(s->o.duration_s * 1e9), last = 0;
	uint64_t stop = s->o.duration_s > 0 ? s->l.start_ns + length : UINT64_MAX;
	uint32_t at = 0;

	for (;;) {
		uint64_t now = load_now_ns();
		bool over = s->hold ? s->started == s->count : now >= stop;

		over = over || (s->o.count && s->started >= s->o.count);
		if (!s->o.quiet && now - last > 1000000000u) {
			fprintf(stderr, "%6.1f s  %llu done  %u under way  %u held  %llu failed\n",
				(double)(now - s->l.start_ns) / 1e9, (unsigned long long)s->done,
				s->under_way, s->held, (unsigned long long)s->failed);
			last = now;
		}
		if (over && stop == UINT64_MAX)
			stop = now;
		if (!turn(s, !over, &at) && over)
			break;
		if (!s->hold && over && load_now_ns() > stop + (uint64_t)(END_S * 1e9))
			break;
	}
}

static void hold_on(struct shakes *s)
{
	uint64_t until = load_now_ns() + (uint64_t)(s->o.duration_s * 1e9);
	uint32_t at = 0;

	printf("held %u\n", s->held);
	fflush(stdout);
	while (load_now_ns() < until && s->held > 0)
		turn(s, false, &at);
}

static int report(struct shakes *s, double elapsed_s)
{
	json_t *flows = json_array(), *j;
	int status = s->failed || s->closed_by_peer || s->under_way ? 1 : 0;

	for (uint32_t d = 0; d < s->o.plan.devices; d++)
		json_array_append_new(flows, json_integer((json_int_t)s->sent[d]));
	j = json_pack("{s:i,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:f,s:f,s:o,s:I,s:I,s:o}", "schema",
		1, "protocol", s->hold ? "hold" : "handshakes", "target", s->o.target, "devices",
		(json_int_t)s->o.plan.devices, "done", (json_int_t)s->done, "failed",
		(json_int_t)s->failed, "unfinished", (json_int_t)s->under_way, "resumed",
		(json_int_t)s->resumed, "held", (json_int_t)s->held, "closed_by_peer",
		(json_int_t)s->closed_by_peer, "elapsed_s", elapsed_s, "handshakes_per_s",
		elapsed_s > 0 ? (double)s->done / elapsed_s : 0, "handshake_us",
		histogram_json(&s->took), "seed", (json_int_t)s->o.seed, "templates",
		(json_int_t)lines_count(s->l.lines), "sent_by_flow", flows);
	printf("%llu done, %llu failed, %u held, %.0f a second\n", (unsigned long long)s->done,
		(unsigned long long)s->failed, s->held, (double)s->done / elapsed_s);
	if (s->o.json && json_dump_file(j, s->o.json, JSON_INDENT(1)) != 0) {
		fprintf(stderr, "sluice-load: %s: cannot be written\n", s->o.json);
		status = 1;
	}
	json_decref(j);
	return status;
}

static int shakes_main(int argc, char **argv, bool hold)
{
	struct shakes *s = calloc(1, sizeof(*s));
	struct rlimit files;
	double elapsed;
	int status = 2;

	if (!s)
		return 1;
	s->o = load_defaults();
	s->o.templates = 4800;
	s->hold = hold;
	s->l.o = &s->o;
	if (!load_options_parse(&s->o, argc, argv) || !s->o.target) {
		load_usage();
		goto out;
	}
	status = 1;
	s->count = hold ? s->o.plan.devices : s->o.at_once;
	if (s->count > s->o.plan.devices)
		s->count = s->o.plan.devices;
	s->o.plan.flows = s->o.plan.devices;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	s->l.tls = load_tls_new(&s->o);
	s->l.lines = lines_new(s->o.seed, s->o.templates, &s->o.plan);
	s->clients = calloc(s->count, sizeof(*s->clients));
	s->sent = calloc(s->o.plan.devices, sizeof(*s->sent));
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!s->l.tls || !s->l.lines || !s->clients || !s->sent || s->epoll < 0)
		goto out;
	for (uint32_t i = 0; i < s->count; i++) {
		s->clients[i].device = i;
		s->clients[i].f.fd = -1;
	}
	s->l.start_ns = load_now_ns();
	run(s);
	elapsed = (double)(load_now_ns() - s->l.start_ns) / 1e9;
	if (hold)
		hold_on(s);
	status = report(s, elapsed);
	for (uint32_t i = 0; i < s->count; i++) {
		retire(&s->clients[i]);
		SSL_SESSION_free(s->clients[i].session);
	}
	close(s->epoll);
out:
	free(s->clients);
	free(s->sent);
	lines_free((struct lines *)s->l.lines);
	load_tls_free(s->l.tls);
	free(s);
	return status;
}

int load_handshakes_main(int argc, char **argv)
{
	return shakes_main(argc, argv, false);
}

int load_hold_main(int argc, char **argv)
{
	return shakes_main(argc, argv, true);
}
