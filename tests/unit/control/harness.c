#include "tests/unit/control/harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/control/fake_reader.h"

#define PATIENCE_US 5000000u

static int peer_hook(void *ctx, int fd, struct peer *out)
{
	struct control *c = ctx;
	struct harness *h = c->options.peer_ctx;

	if (h->real_peer)
		return peer_of_socket(fd, &c->rules, out);
	*out = (struct peer){.pid = 4711, .uid = 0, .role = h->role};
	return 0;
}

void harness_config(struct harness *h, const char *more)
{
	FILE *f = fopen(h->config_file, "w");

	assert_non_null(f);
	fprintf(f,
		"ports: [{name: data0, devargs: net_fake0, addresses: [192.0.2.2/24]}]\n"
		"node: {name: test-node}\n"
		"control: {socket: %s}\n"
		"metrics: {listen: none}\n%s",
		h->socket, more);
	fclose(f);
}

struct harness *harness_new(void)
{
	struct harness *h = calloc(1, sizeof(*h));

	snprintf(h->dir, sizeof(h->dir), "%s", "/tmp/sluice-control-XXXXXX");
	assert_non_null(mkdtemp(h->dir));
	assert_int_equal(chmod(h->dir, 0755), 0);
	snprintf(h->config_file, sizeof(h->config_file), "%s/sluice.yaml", h->dir);
	snprintf(h->socket, sizeof(h->socket), "%s/control.sock", h->dir);
	snprintf(h->registry, sizeof(h->registry), "%s/registry.db", h->dir);
	snprintf(h->tls, sizeof(h->tls), "%s/tls", h->dir);
	h->role = ROLE_WRITE;
	h->dp = fake_dp_new();
	fake_reader_journal = &h->dp->journal;
	harness_config(h, "");
	return h;
}

void harness_start(struct harness *h)
{
	struct config *cfg = calloc(1, sizeof(*cfg));
	struct config_errors *errors = calloc(1, sizeof(*errors));
	const struct journal_recovery recovery = {.clean = true};
	struct control_options o = {
		.config = cfg,
		.config_file = h->config_file,
		.registry_file = h->registry,
		.tls_dir = h->tls,
		.owner = (uid_t)-1,
		.group = (gid_t)-1,
		.socket = true,
		.signals = h->outside,
		.notify = h->outside,
		.quiet = true,
		.peer = peer_hook,
		.peer_ctx = h,
	};
	char err[512] = "";

	if (config_load(h->config_file, cfg, errors) != 0)
		config_errors_print(errors, stderr);
	assert_int_equal(errors->count, 0);
	h->c = control_new(&o, err, sizeof(err));
	if (!h->c)
		fail_msg("%s", err);
	control_take(h->c, h->dp);
	if (control_attach(h->c, &recovery, "no hugepages\nsecond note", err, sizeof(err)) != 0)
		fail_msg("%s", err);
	free(cfg);
	free(errors);
}

void harness_stop(struct harness *h)
{
	if (!h->c)
		return;
	assert_true(control_detach(h->c));
	control_free(h->c);
	h->c = NULL;
}

static void drop_keys(const struct harness *h)
{
	DIR *d = opendir(h->tls);
	const struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d)))
		unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	assert_int_equal(rmdir(h->tls), 0);
}

void harness_free(struct harness *h)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};

	harness_stop(h);
	fake_dp_free(h->dp);
	unlink(h->config_file);
	unlink(h->socket);
	for (unsigned i = 0; i < 3; i++) {
		char path[160];

		snprintf(path, sizeof(path), "%s%s", h->registry, suffixes[i]);
		unlink(path);
	}
	drop_keys(h);
	assert_int_equal(rmdir(h->dir), 0);
	free(h);
}

int harness_setup(void **state)
{
	struct harness *h = harness_new();

	harness_start(h);
	*state = h;
	return 0;
}

int harness_teardown(void **state)
{
	harness_free(*state);
	return 0;
}

int harness_connect(struct harness *h)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", h->socket);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

void harness_send(int fd, const char *text)
{
	size_t n = strlen(text);

	assert_int_equal(send(fd, text, n, MSG_NOSIGNAL), (ssize_t)n);
}

/* More of the line, up to its newline if that is there, after as many rounds as it takes. 1: whole,
 * 0: closed, -1: not in time. `line` NULL: whatever comes is thrown away. */
static int read_some(struct harness *h, int fd, struct text *line)
{
	uint64_t end = clock_mono_us() + PATIENCE_US;
	char chunk[65536];

	for (;;) {
		ssize_t n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT | MSG_PEEK);
		const char *newline = n > 0 ? memchr(chunk, '\n', (size_t)n) : NULL;

		if (n > 0) {
			n = newline ? newline - chunk + 1 : n;
			assert_int_equal(recv(fd, chunk, (size_t)n, 0), n);
			if (line)
				text_add(line, chunk, (size_t)n);
			if (newline)
				return 1;
			continue;
		}
		if (n == 0 || errno == ECONNRESET)
			return 0;
		if (errno != EAGAIN || clock_mono_us() > end)
			return -1;
		assert_int_equal(control_round(h->c, 1000), 0);
	}
}

json_t *harness_read(struct harness *h, int fd)
{
	struct text line = {0};
	int rc = read_some(h, fd, &line);
	json_error_t e;
	json_t *v;

	if (rc != 1)
		fail_msg("%s after %zu bytes: %.*s", rc == 0 ? "closed" : "no answer in time",
			line.len, (int)line.len, line.data ? line.data : "");
	v = json_loadb(line.data, line.len, JSON_REJECT_DUPLICATES, &e);
	if (!v)
		fail_msg("not JSON: %s: %.*s", e.text, (int)line.len, line.data);
	text_free(&line);
	return v;
}

bool harness_closed(struct harness *h, int fd)
{
	int rc;

	do {
		rc = read_some(h, fd, NULL);
	} while (rc == 1);
	return rc == 0;
}

void harness_settle(struct harness *h)
{
	for (int i = 0; i < 20; i++)
		assert_int_equal(control_round(h->c, 0), 0);
}

json_t *harness_ask(struct harness *h, const char *method, const char *params)
{
	struct text line = {0};
	int fd = harness_connect(h);
	json_t *v;

	text_printf(&line, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\"", method);
	if (params) {
		text_str(&line, ",\"params\":");
		text_str(&line, params);
	}
	text_add(&line, "}\n", 3);
	harness_send(fd, line.data);
	text_free(&line);
	/* Notifications may come before the answer. */
	for (v = harness_read(h, fd); !json_object_get(v, "id"); v = harness_read(h, fd))
		json_decref(v);
	close(fd);
	harness_settle(h);
	return v;
}

static json_t *only(json_t *answer, const char *method, const char *member)
{
	json_t *v = json_incref(json_object_get(answer, member));

	assert_text(answer, "jsonrpc", "2.0");
	assert_number(answer, "id", 1);
	assert_int_equal(json_object_size(answer), 3);
	if (!v) {
		char *s = json_dumps(answer, 0);

		fail_msg("%s: no %s in %s", method, member, s);
	}
	json_decref(answer);
	return v;
}

json_t *harness_result(struct harness *h, const char *method, const char *params)
{
	json_t *v = only(harness_ask(h, method, params), method, "result");

	assert_number(v, "schema", 1);
	return v;
}

json_t *harness_error(struct harness *h, const char *method, const char *params)
{
	json_t *v = only(harness_ask(h, method, params), method, "error");

	assert_number(v, "data.schema", 1);
	return v;
}

void harness_refused(struct harness *h, const char *method, const char *params, const char *reason,
	const char *words)
{
	json_t *e = harness_error(h, method, params);
	const char *is = json_string_value(at(e, "data.reason"));
	const char *said = json_string_value(at(e, "message"));

	if (strcmp(is, reason) != 0 || (words && !strstr(said, words)))
		fail_msg("%s %s: \"%s\": %s, wanted \"%s\": %s", method, params ? params : "", is,
			said, reason, words ? words : "...");
	json_decref(e);
}

void harness_says(struct harness *h, const char *method, const char *params, const char *path,
	const char *text)
{
	json_t *r = harness_result(h, method, params);
	const char *is = json_string_value(at(r, path));

	if (!is || strcmp(is, text) != 0)
		fail_msg("%s %s: %s is \"%s\", wanted \"%s\"", method, params ? params : "", path,
			is ? is : "no text", text);
	json_decref(r);
}

json_t *at(json_t *o, const char *path)
{
	char part[64];
	const char *p = path;

	while (o && *p) {
		size_t n = strcspn(p, ".");

		snprintf(part, sizeof(part), "%.*s", (int)n, p);
		o = json_is_array(o) ? json_array_get(o, strtoul(part, NULL, 10))
				     : json_object_get(o, part);
		p += n + (p[n] == '.');
	}
	if (!o)
		fail_msg("nothing at %s", path);
	return o;
}

void assert_contains(const char *text, const char *part)
{
	if (!text || !strstr(text, part))
		fail_msg("\"%s\" does not contain \"%s\"", text ? text : "(null)", part);
}

bool alarm_is(const struct harness *h, const char *name, const char *text)
{
	for (unsigned i = 0; i < h->c->alarms.count; i++)
		if (strcmp(h->c->alarms.v[i].name, name) == 0 &&
			strstr(h->c->alarms.v[i].text, text))
			return true;
	return false;
}
