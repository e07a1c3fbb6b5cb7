/* Prometheus text: each line by the format's own rules, and served over HTTP. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/metrics.h"
#include "control/metrics_http.h"
#include "tests/unit/control/harness.h"

#define MAX_FAMILIES 256

struct family {
	char name[96], type[16];
	bool help;
	unsigned samples;
};

/* A parser of the text format 0.0.4 that lets nothing pass. */
struct parser {
	struct family v[MAX_FAMILIES];
	unsigned count;
	char (*seen)[256]; /* names with labels */
	unsigned seen_count;
};

static struct family *family_of(struct parser *p, const char *name)
{
	for (unsigned i = 0; i < p->count; i++)
		if (strcmp(p->v[i].name, name) == 0)
			return &p->v[i];
	return NULL;
}

static size_t name_length(const char *s)
{
	size_t n = 0;

	if (!isalpha((unsigned char)s[0]) && s[0] != '_' && s[0] != ':')
		return 0;
	while (isalnum((unsigned char)s[n]) || s[n] == '_' || s[n] == ':')
		n++;
	return n;
}

static void parse_comment(struct parser *p, char *line)
{
	char kind[8], name[96], rest[512];
	struct family *f;

	if (sscanf(line, "# %7s %95s %511[^\n]", kind, name, rest) != 3)
		fail_msg("bad comment: %s", line);
	f = family_of(p, name);
	if (strcmp(kind, "HELP") == 0) {
		if (f)
			fail_msg("second HELP of %s", name);
		assert_true(p->count < MAX_FAMILIES);
		f = &p->v[p->count++];
		*f = (struct family){.help = true};
		snprintf(f->name, sizeof(f->name), "%s", name);
		assert_int_equal(name_length(name), strlen(name));
		return;
	}
	assert_string_equal(kind, "TYPE");
	if (!f || f->type[0] || f->samples) {
		fail_msg("TYPE of %s without HELP, twice, or after a sample", name);
		return;
	}
	if (strcmp(rest, "counter") != 0 && strcmp(rest, "gauge") != 0)
		fail_msg("type %s", rest);
	memcpy(f->type, rest, strlen(rest) + 1);
}

/* Behind the labels that begin at `s`. */
static const char *parse_labels(const char *s)
{
	s++;
	while (*s != '}') {
		size_t n = name_length(s);

		if (n == 0 || s[n] != '=' || s[n + 1] != '"')
			fail_msg("bad label at: %s", s);
		for (s += n + 2; *s != '"'; s++) {
			if (*s == '\\')
				s++;
			if (*s == '\0' || *s == '\n')
				fail_msg("open label");
		}
		s++;
		if (*s == ',')
			s++;
		else if (*s != '}')
			fail_msg("bad label end at: %s", s);
	}
	return s + 1;
}

static void parse_sample(struct parser *p, char *line)
{
	size_t n = name_length(line);
	const char *s = line + n;
	char name[96];
	struct family *f;
	char *end;

	assert_true(n > 0 && n < sizeof(name));
	memcpy(name, line, n);
	name[n] = '\0';
	f = family_of(p, name);
	if (!f || !f->type[0]) {
		fail_msg("a sample of %s without HELP and TYPE", name);
		return;
	}
	if (f != &p->v[p->count - 1])
		fail_msg("samples of %s do not stand together", name);
	if (*s == '{')
		s = parse_labels(s);
	for (unsigned i = 0; i < p->seen_count; i++)
		if (strlen(p->seen[i]) == (size_t)(s - line) &&
			memcmp(p->seen[i], line, (size_t)(s - line)) == 0)
			fail_msg("twice: %.*s", (int)(s - line), line);
	snprintf(p->seen[p->seen_count++], sizeof(p->seen[0]), "%.*s", (int)(s - line), line);
	assert_int_equal(*s, ' ');
	strtod(s + 1, &end);
	if (end == s + 1 || *end)
		fail_msg("no number: %s", line);
	f->samples++;
}

static struct parser *parse(const char *data, size_t len)
{
	struct parser *p = calloc(1, sizeof(*p));
	char *text = strndup(data, len), *save, *line;

	p->seen = calloc(4096, sizeof(p->seen[0]));
	assert_true(len > 0 && data[len - 1] == '\n');
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (line[0] == '#')
			parse_comment(p, line);
		else
			parse_sample(p, line);
	}
	for (unsigned i = 0; i < p->count; i++) {
		const char *name = p->v[i].name;
		bool total = strlen(name) > 6 && strcmp(name + strlen(name) - 6, "_total") == 0;

		if (strncmp(name, "sluice_", 7) != 0)
			fail_msg("%s is not named sluice_*", name);
		if (total != (strcmp(p->v[i].type, "counter") == 0))
			fail_msg("%s is a %s", name, p->v[i].type);
	}
	free(text);
	return p;
}

static void parser_free(struct parser *p)
{
	free(p->seen);
	free(p);
}

static void all_metrics_are_well_formed(void **state)
{
	struct harness *h = *state;
	struct text t = {0};
	struct parser *p;

	harness_settle(h);
	h->dp->wire.missed_known = true;
	alarm_raise(&h->c->alarms, "odd", "a \"quoted\\ thing", "x");
	metrics_write(&t, h->c);
	assert_false(t.failed);
	p = parse(t.data, t.len);
	assert_in_range(p->count, 70, MAX_FAMILIES);
	text_char(&t, '\0');
	assert_contains(t.data, "sluice_build_info{version=\"" SLUICE_VERSION "\"} 1\n");
	assert_contains(t.data, "sluice_state{state=\"ready\"} 1\n");
	assert_contains(t.data, "sluice_state{state=\"hold\"} 0\n");
	assert_contains(t.data, "sluice_logs_received_total 120\n");
	assert_contains(t.data, "sluice_logs_stored_total 108\n");
	assert_contains(t.data, "sluice_logs_dropped_total{reason=\"no_block\"} 12\n");
	assert_contains(t.data, "sluice_logs_dropped_total{reason=\"disk_full\"} 0\n");
	assert_contains(t.data, "sluice_wire_rejected_total{reason=\"bad_checksum\"} 2\n");
	assert_contains(t.data, "sluice_wire_missed_total 0\n");
	assert_contains(t.data, "sluice_lcore_busy_seconds_total{lcore=\"2\",cpu=\"1\",role="
				"\"worker\"} 1.000000000\n");
	assert_contains(t.data, "sluice_tcp_retransmits_total 7\n");
	assert_contains(t.data, "sluice_net_neighbours 2\n");
	assert_contains(t.data, "sluice_refusals_total{reason=\"session_limit\"} 0\n");
	assert_contains(t.data, "sluice_registry_devices{state=\"pending\"} 0\n");
	assert_contains(t.data, "sluice_tls_enabled 1\n");
	assert_contains(t.data, "sluice_certificates 1\n");
	assert_contains(t.data, "sluice_journal_commit_seconds{quantile=\"0.5\"} 0.000900000\n");
	assert_contains(t.data, "sluice_port_up{port=\"data0\"} 1\n");
	assert_contains(
		t.data, "sluice_alarm{alarm=\"odd\",subject=\"a \\\"quoted\\\\ thing\"} 1\n");
	assert_null(strstr(t.data, "FGT-A")); /* no labels by device */
	parser_free(p);
	text_free(&t);
}

/* Without NIC that can tell, there is no `missed`: not a zero. */
static void what_is_not_known_is_not_there(void **state)
{
	struct harness *h = *state;
	struct text t = {0};

	metrics_write(&t, h->c);
	text_char(&t, '\0');
	assert_null(strstr(t.data, "missed"));
	text_free(&t);
}

static int http(struct harness *h, const char *request, struct text *answer)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
		.sin_port = htons(metrics_http_port(h->c->metrics)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0), status = 0;
	char chunk[4096];

	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	harness_send(fd, request);
	for (uint64_t end = clock_mono_us() + 5000000; clock_mono_us() < end;) {
		ssize_t n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT);

		if (n == 0)
			break;
		if (n > 0)
			text_add(answer, chunk, (size_t)n);
		else
			assert_int_equal(control_round(h->c, 1000), 0);
	}
	close(fd);
	text_char(answer, '\0');
	sscanf(answer->data, "HTTP/%*s %d", &status);
	return status;
}

static void serve(struct harness *h)
{
	struct config_endpoint e = {.port = 0};
	char err[256];

	ip_addr_parse(&e.addr, "127.0.0.1");
	h->c->metrics = metrics_http_start(h->c, &e, err, sizeof(err));
	if (!h->c->metrics)
		fail_msg("%s", err);
}

static void they_are_served_over_http(void **state)
{
	struct harness *h = *state;
	struct text t = {0};
	struct parser *p;
	const char *body;

	serve(h);
	assert_int_equal(http(h, "GET /metrics HTTP/1.0\r\n\r\n", &t), 200);
	assert_contains(t.data, "Content-Type: text/plain; version=0.0.4");
	body = strstr(t.data, "\r\n\r\n") + 4;
	p = parse(body, strlen(body));
	parser_free(p);
	text_clear(&t);
	assert_int_equal(http(h, "GET / HTTP/1.0\r\n\r\n", &t), 404);
	text_clear(&t);
	assert_int_equal(
		http(h, "POST /metrics HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", &t), 405);
	text_clear(&t);
	assert_int_not_equal(http(h, "nonsense\r\n\r\n", &t), 200);
	text_free(&t);
}

static void dawdlers_have_no_place_for_ever(void **state)
{
	struct harness *h = *state;
	struct sockaddr_in sa = {.sin_family = AF_INET};
	int fds[METRICS_MAX_CONNECTIONS + 4];
	const int n = METRICS_MAX_CONNECTIONS + 4;
	struct text t = {0};

	serve(h);
	sa.sin_port = htons(metrics_http_port(h->c->metrics));
	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 0; i < n; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(connect(fds[i], (struct sockaddr *)&sa, sizeof(sa)), 0);
		harness_send(fds[i], "GET /metr");
		harness_settle(h);
	}
	harness_settle(h);
	/* The control socket is not concerned. */
	json_decref(harness_result(h, "status", NULL));
	for (int i = 0; i < n; i++)
		close(fds[i]);
	harness_settle(h);
	assert_int_equal(http(h, "GET /metrics HTTP/1.0\r\n\r\n", &t), 200);
	text_free(&t);
}

static void an_address_that_cannot_be_had_is_named(void **state)
{
	struct harness *h = *state;
	struct config_endpoint e = {0};
	char err[256], want[64];

	serve(h);
	ip_addr_parse(&e.addr, "127.0.0.1");
	e.port = metrics_http_port(h->c->metrics);
	assert_null(metrics_http_start(h->c, &e, err, sizeof(err)));
	snprintf(want, sizeof(want), "metrics.listen 127.0.0.1 port %u: Address already in use",
		e.port);
	assert_string_equal(err, want);
	ip_addr_parse(&e.addr, "192.0.2.99");
	assert_null(metrics_http_start(h->c, &e, err, sizeof(err)));
	assert_contains(err, "192.0.2.99");
}

#define T(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(all_metrics_are_well_formed),
		T(what_is_not_known_is_not_there),
		T(they_are_served_over_http),
		T(dawdlers_have_no_place_for_ever),
		T(an_address_that_cannot_be_had_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
