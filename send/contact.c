/* The commands that only look: test-connectivity and trust. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "send/hint.h"
#include "send/legacy.h"
#include "send/sender.h"
#include "send/world.h"

#define QUEUE (2u * OFTP_ITEM_RAW_MAX)

struct contact {
	const struct settings *s;
	int epoll;
	uint64_t now, end_us;
	SSL_CTX *tls;
	struct client *client; /* NULL: no login */
	struct link link;
	struct legacy legacy;
	char serial[65];
	bool up, over;
};

static void event(void *ctx, enum link_event e)
{
	struct contact *c = ctx;
	uint8_t data[16384];
	ssize_t n;

	switch (e) {
	case LINK_UP:
		c->up = true;
		if (c->client)
			client_connected(c->client, c->now);
		else
			c->over = true;
		break;
	case LINK_READ:
		while (!c->over && (n = link_read(&c->link, data, sizeof(data))) > 0)
			c->over = client_received(c->client, data, (size_t)n, c->now) ==
				  CLIENT_DISCONNECT;
		break;
	case LINK_WRITE:
		break;
	case LINK_DOWN:
		c->over = true;
		break;
	}
}

static enum client_state state_of(const struct contact *c)
{
	struct client_stats st;

	client_stats(c->client, &st);
	return st.state;
}

static void say(struct contact *c)
{
	size_t len;
	const uint8_t *out = client_output(c->client, &len, c->now);
	ssize_t n = len > 0 && c->link.state == LINK_OPEN ? link_write(&c->link, out, len) : 0;

	if (n > 0)
		client_sent(c->client, (size_t)n);
}

static void run(struct contact *c)
{
	link_open(&c->link, c->s->server);
	while (!c->over && c->now < c->end_us) {
		struct epoll_event e;

		if (epoll_wait(c->epoll, &e, 1, world_wait_ms(c->now, c->end_us)) == 1) {
			struct watch *w = e.data.ptr;

			c->now = world_now_us();
			w->ready(w->ctx, e.events);
		}
		c->now = world_now_us();
		if (c->client) {
			say(c);
			c->over |= state_of(c) >= CLIENT_PENDING;
		}
	}
	if (!c->over)
		snprintf(c->link.why, sizeof(c->link.why), "No answer within %u s",
			c->s->conn_timeout);
}

static int begin(struct contact *c, const struct settings *s, bool log_in)
{
	struct client_config cfg;
	char err[400];

	*c = (struct contact){.s = s, .now = world_now_us()};
	c->end_us = c->now + s->conn_timeout * 1000000ull;
	if (tls_client_new(s, &c->tls, c->serial, err, sizeof(err)) != 0) {
		fprintf(stderr, "sluice-send: %s\n", err);
		return -1;
	}
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	link_init(&c->link, s, c->tls, c->epoll);
	c->link.event = event;
	c->link.ctx = c;
	c->link.judge = log_in;
	if (!log_in)
		return 0;
	world_client_config(s, c->serial, &cfg);
	if (legacy_init(&c->legacy, s, &c->link, c->serial, &cfg, err, sizeof(err)) != 0) {
		fprintf(stderr, "sluice-send: %s\n", err);
		SSL_CTX_free(c->tls);
		close(c->epoll);
		return -1;
	}
	/* What the password took on the terminal is no time of the connection's. */
	c->now = world_now_us();
	c->end_us = c->now + s->conn_timeout * 1000000ull;
	cfg.visit = true;
	cfg.bound = QUEUE;
	c->client = client_new(&cfg);
	if (!c->client)
		return -1;
	(void)client_tick(c->client, c->now); /* it wants a connection, of course */
	return 0;
}

static void end(struct contact *c)
{
	if (c->client && c->link.state == LINK_OPEN) {
		client_bye(c->client, c->now);
		say(c);
	}
	link_close(&c->link);
	client_free(c->client);
	legacy_fini(&c->legacy);
	SSL_CTX_free(c->tls);
	close(c->epoll);
}

static void print_state(const struct contact *c)
{
	const struct client_server *v = client_server(c->client);
	const bool open = state_of(c) == CLIENT_OPEN;

	printf("Server Address: %s\n", c->link.address);
	printf("Server Serial Number:");
	for (uint32_t i = 0; i < v->n_serials; i++)
		printf(" %s", v->serials[i]);
	printf("\nDevice ID: %s\n", c->s->device_serial[0] ? c->s->device_serial : c->serial);
	printf("Registration: %s\n", open ? "registered" : "pending");
	printf("Connection: %s\n", open ? "allow" : "wait");
	if (v->disk_total)
		printf("Disk Space (Used/Total): %" PRIu64 "B/%" PRIu64 "B\n", v->disk_used,
			v->disk_total);
	else
		printf("Disk Space (Used/Total): not told\n");
	printf("Log: %s\n", v->status_text);
	printf("Certificate of the server %s and serial number is: %s\n",
		c->s->certificate_verification ? "valid" : "not verified", c->link.server.facts.cn);
	if (!open)
		printf("The server knows this device and has not authorized it yet: sluicectl "
		       "device authorize %s\n",
			c->s->device_serial[0] ? c->s->device_serial : c->serial);
}

/* An alert that came after our certificate speaks of it; so does an end instead of an answer. */
static bool certificate_refused(const struct contact *c)
{
	return c->up && (strstr(c->link.why, "alert") || strstr(c->link.why, "has closed"));
}

enum send_exit send_test(const struct settings *s)
{
	struct contact c;
	struct client_stats st;
	char why[CLIENT_REASON];
	enum send_exit status = SEND_FAILED;

	if (begin(&c, s, true) != 0)
		return SEND_FAILED;
	run(&c);
	client_stats(c.client, &st);
	client_reason(c.client, why, sizeof(why));
	if (st.state >= CLIENT_PENDING) {
		print_state(&c);
		status = SEND_DONE;
	} else if (client_server(c.client)->refused || certificate_refused(&c)) {
		printf("Failed to get FAZ's status. Authentication Failed. (-19)\n");
		if (why[0])
			printf("The server says: %s\n", why);
		else if (strstr(c.link.why, "alert"))
			printf("The server ended TLS: %s\n", c.link.why);
		else
			printf("The server closed without a reason: ask `sluicectl refusal list` "
			       "there\n");
		if (hint_for(st.reason))
			printf("What to do: %s\n", hint_for(st.reason));
	} else {
		printf("Failed to get FAZ's status. %s\n", c.link.why[0] ? c.link.why : why);
	}
	end(&c);
	return status;
}

/* ---- trust ---- */

static bool confirmed(bool yes)
{
	char line[16] = "";

	if (yes)
		return true;
	printf("Do you confirm that this is the correct serial number? (y/n)");
	fflush(stdout);
	return fgets(line, sizeof(line), stdin) && line[0] == 'y' &&
	       (line[1] == '\n' || strcmp(line, "yes\n") == 0);
}

/* Takes what an earlier `trust` has set out of a configuration of n bytes; returns what is left. */
static size_t forget_trust(char *text, size_t n)
{
	static const char *const set[] = {"set server-serial ", "set server-fingerprint "};
	size_t kept = 0;

	for (size_t at = 0, next; at < n; at = next) {
		const char *eol = memchr(text + at, '\n', n - at);
		const char *word = text + at + strspn(text + at, " \t");
		bool ours = false;

		next = eol ? (size_t)(eol - text) + 1 : n;
		for (size_t i = 0; i < sizeof(set) / sizeof(set[0]); i++)
			ours |= strncmp(word, set[i], strlen(set[i])) == 0;
		if (ours)
			continue;
		memmove(text + kept, text + at, next - at);
		kept += next - at;
	}
	text[kept] = '\0';
	return kept;
}

/* In the place of what was trusted before; behind all other lines, but for a last `end`. */
static int add_lines(const char *path, const char *lines)
{
	char text[SETTINGS_FILE + 1], tmp[SETTINGS_TEXT + 8];
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(text, 1, SETTINGS_FILE, f) : 0, end;
	bool good;

	if (f)
		fclose(f);
	else if (errno != ENOENT)
		return -errno;
	text[n] = '\0';
	n = forget_trust(text, n);
	for (end = n; end > 0 && strchr(" \t\r\n", text[end - 1]);)
		end--;
	if (end >= 3 && memcmp(text + end - 3, "end", 3) == 0 &&
		(end == 3 || text[end - 4] == '\n'))
		end -= 3;
	else
		end = n;
	snprintf(tmp, sizeof(tmp), "%s.new", path);
	f = fopen(tmp, "wxe");
	if (!f)
		return -errno;
	good = fchmod(fileno(f), 0600) == 0 && fwrite(text, 1, end, f) == end &&
	       (end == 0 || text[end - 1] == '\n' || fputc('\n', f) != EOF) &&
	       fputs(lines, f) >= 0 && fwrite(text + end, 1, n - end, f) == n - end;
	good = fflush(f) == 0 && fsync(fileno(f)) == 0 && good;
	if (fclose(f) == 0 && good && rename(tmp, path) == 0)
		return 0;
	unlink(tmp);
	return -EIO;
}

static enum send_exit keep_trust(
	const struct settings *s, const struct server_identity *id, const char *config)
{
	char lines[512];
	int rc;

	snprintf(lines, sizeof(lines), "    set server-serial \"%s\"\n%s%s%s", id->facts.cn,
		s->server_cert_ca[0] ? "" : "    set server-fingerprint \"",
		s->server_cert_ca[0] ? "" : id->facts.fingerprint,
		s->server_cert_ca[0] ? "" : "\"\n");
	printf("serial to be set:%s\n", id->facts.cn);
	if (!config) {
		printf("%s", lines);
		return SEND_DONE;
	}
	rc = add_lines(config, lines);
	if (rc == 0)
		return SEND_DONE;
	fprintf(stderr, "sluice-send: %s: %s\n", config, strerror(-rc));
	return SEND_FAILED;
}

enum send_exit send_trust(const struct settings *s, const char *config, bool yes)
{
	const struct server_identity *id;
	enum send_exit status = SEND_FAILED;
	struct contact c;

	if (begin(&c, s, false) != 0)
		return SEND_FAILED;
	run(&c);
	id = &c.link.server;
	if (!c.up) {
		printf("Failed to get FAZ's status. %s\n", c.link.why);
	} else if (s->server_cert_ca[0] && !id->chain_ok) {
		printf("The certificate of the server does not hold: %s\n", id->chain_error);
	} else {
		printf("Obtained serial number from X509 certificate of the server is: %s\n",
			id->facts.cn);
		printf("Subject: %s\nIssuer: %s\nSHA-256 fingerprint: %s\n", id->facts.subject,
			id->facts.issuer, id->facts.fingerprint);
		printf("Serial number from certificate MUST be the same as the server's "
		       "(sluicectl status).\nIf these two serial numbers don't match, connection "
		       "will be dropped.\n");
		if (confirmed(yes))
			status = keep_trust(s, id, config);
		else
			printf("Nothing was set.\n");
	}
	end(&c);
	return status;
}
