/*
 * Devices that send numbered logs by the OFTP profile, each on a connection id of one serial, with
 * the client's own code: `peer-oftp-sender ADDRESS PEM SERIAL CONNECTIONS LOGS SEED`. Connections
 * are cut again and again at random, some by closing, some by just leaving them behind, so that the
 * next one, from another port, claims a stream that is still somebody's. Each log is
 * "<13>stream S log N" and filling. Writes how many logs are confirmed now and then, and ends when
 * all of LOGS (each connection's) are.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <arpa/inet.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "dataplane/client/client.h"

#define MOST	    8u
#define LOGS_MOST   16u /* of an item */
#define AHEAD	    256u
#define LEFT_BEHIND 4u /* connections of one device that are open and not used any more */
#define TOLD_EVERY  1000u

struct left {
	SSL *ssl;
	int fd;
};

struct device {
	uint32_t number;
	struct client *client;
	struct left now, behind[LEFT_BEHIND];
	bool shaken;
	uint64_t next; /* the number of its next log */
	uint64_t cuts, bytes_to_cut;
	unsigned at_behind;
};

static SSL_CTX *tls;
static struct sockaddr_in server;
static uint64_t seed, logs_each;

static uint64_t random_next(void *ctx)
{
	(void)ctx;
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

static void hang_up(struct left *l)
{
	SSL_free(l->ssl);
	if (l->fd >= 0)
		close(l->fd);
	*l = (struct left){.fd = -1};
}

/* It is used no more: closed, or left as it is. */
static void part(struct device *d)
{
	if (random_next(NULL) % 2) {
		hang_up(&d->now);
		return;
	}
	hang_up(&d->behind[d->at_behind]);
	d->behind[d->at_behind] = d->now;
	d->now = (struct left){.fd = -1};
	d->at_behind = (d->at_behind + 1) % LEFT_BEHIND;
}

static void reach_out(struct device *d)
{
	d->shaken = false;
	d->bytes_to_cut = 2000 + random_next(NULL) % 60000;
	d->now.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	d->now.ssl = SSL_new(tls);
	if (d->now.fd < 0 || !d->now.ssl ||
		(connect(d->now.fd, (struct sockaddr *)&server, sizeof(server)) != 0 &&
			errno != EINPROGRESS) ||
		SSL_set_fd(d->now.ssl, d->now.fd) != 1) {
		hang_up(&d->now);
		client_lost(d->client, now_us());
		return;
	}
	SSL_set_connect_state(d->now.ssl);
}

static void lost(struct device *d)
{
	hang_up(&d->now);
	client_lost(d->client, now_us());
}

static void make_items(struct device *d)
{
	struct client_stats st;

	for (client_stats(d->client, &st);
		d->next < logs_each && st.memory.items + st.confirm.items < AHEAD;
		client_stats(d->client, &st)) {
		uint32_t lengths[LOGS_MOST], n = 0, len = 0;
		uint32_t want = 1 + (uint32_t)(random_next(NULL) % LOGS_MOST);
		char logs[LOGS_MOST * 128];
		struct client_item item = {.logs = (uint8_t *)logs, .lengths = lengths, .type = 3};

		for (; n < want && d->next < logs_each; n++) {
			int k = snprintf(logs + len, 128, "<13>stream %u log %llu %.*s", d->number,
				(unsigned long long)d->next, (int)(d->next % 60),
				"............................................................");

			lengths[n] = (uint32_t)k;
			len += (uint32_t)k;
			d->next++;
		}
		item.count = (uint16_t)n;
		client_add(d->client, &item);
	}
}

/* false: the connection is gone. */
static bool receive(struct device *d)
{
	uint8_t buf[16384];
	int n;

	while ((n = SSL_read(d->now.ssl, buf, sizeof(buf))) > 0)
		if (client_received(d->client, buf, (size_t)n, now_us()) == CLIENT_DISCONNECT) {
			part(d);
			return false;
		}
	n = SSL_get_error(d->now.ssl, n);
	if (n == SSL_ERROR_WANT_READ || n == SSL_ERROR_WANT_WRITE)
		return true;
	lost(d);
	return false;
}

static void transmit(struct device *d)
{
	size_t len;
	const uint8_t *out;

	while ((out = client_output(d->client, &len, now_us())), len > 0) {
		int n = SSL_write(d->now.ssl, out, (int)(len < 16384 ? len : 16384));

		if (n <= 0)
			return;
		client_sent(d->client, (size_t)n);
		if ((uint64_t)n >= d->bytes_to_cut) {
			d->cuts++;
			part(d);
			client_lost(d->client, now_us());
			return;
		}
		d->bytes_to_cut -= (uint64_t)n;
	}
}

static void serve(struct device *d)
{
	int n;

	if (!d->shaken) {
		n = SSL_do_handshake(d->now.ssl);
		if (n != 1) {
			n = SSL_get_error(d->now.ssl, n);
			if (n != SSL_ERROR_WANT_READ && n != SSL_ERROR_WANT_WRITE)
				lost(d);
			return;
		}
		d->shaken = true;
		client_connected(d->client, now_us());
	}
	if (receive(d))
		transmit(d);
}

static void step(struct device *d)
{
	make_items(d);
	switch (client_tick(d->client, now_us())) {
	case CLIENT_CONNECT:
		hang_up(&d->now);
		reach_out(d);
		break;
	case CLIENT_DISCONNECT:
		if (d->now.ssl)
			part(d);
		break;
	case CLIENT_NOTHING:
		break;
	}
	if (d->now.ssl)
		serve(d);
}

static void wait_for_any(struct device *v, unsigned n)
{
	struct pollfd fds[MOST];
	nfds_t count = 0;

	for (unsigned i = 0; i < n; i++)
		if (v[i].now.fd >= 0)
			fds[count++] = (struct pollfd){.fd = v[i].now.fd, .events = POLLIN};
	poll(fds, count, 5);
}

static int usage(const char *why)
{
	fprintf(stderr, "peer-oftp-sender: %s\n", why);
	return 2;
}

static int prepare(char **argv)
{
	server.sin_family = AF_INET;
	server.sin_port = htons(514);
	tls = SSL_CTX_new(TLS_client_method());
	if (inet_pton(AF_INET, argv[1], &server.sin_addr) != 1 || !tls ||
		SSL_CTX_use_certificate_chain_file(tls, argv[2]) != 1 ||
		SSL_CTX_use_PrivateKey_file(tls, argv[2], SSL_FILETYPE_PEM) != 1)
		return -1;
	SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	logs_each = strtoull(argv[5], NULL, 10);
	seed = strtoull(argv[6], NULL, 10) | 1;
	return 0;
}

int main(int argc, char **argv)
{
	unsigned n = argc == 7 ? (unsigned)strtoul(argv[4], NULL, 10) : 0;
	uint64_t confirmed = 0, told = 0, cuts = 0, dropped = 0;
	struct device v[MOST] = {0};

	if (n == 0 || n > MOST || prepare(argv) != 0)
		return usage("ADDRESS PEM SERIAL CONNECTIONS(1-8) LOGS SEED");
	for (unsigned i = 0; i < n; i++) {
		const struct client_config cfg = {.serial = argv[3],
			.conn_id = i + 1,
			.bound = 4u << 20,
			.window = 4096,
			.conn_timeout_us = 2000000,
			.keepalive_us = 300000,
			.retry_us = 50000,
			.random = random_next};

		v[i] = (struct device){.number = i + 1, .client = client_new(&cfg), .now.fd = -1};
		for (unsigned k = 0; k < LEFT_BEHIND; k++)
			v[i].behind[k].fd = -1;
		if (!v[i].client)
			return usage("out of memory");
	}
	while (confirmed < n * logs_each) {
		wait_for_any(v, n);
		confirmed = 0;
		for (unsigned i = 0; i < n; i++) {
			struct client_stats st;

			step(&v[i]);
			client_stats(v[i].client, &st);
			confirmed += st.confirmed_logs;
		}
		if (confirmed >= told + TOLD_EVERY) {
			told = confirmed;
			printf("confirmed %llu\n", (unsigned long long)confirmed);
			fflush(stdout);
		}
	}
	for (unsigned i = 0; i < n; i++) {
		struct client_stats st;

		client_stats(v[i].client, &st);
		cuts += v[i].cuts;
		dropped += st.dropped + (st.epochs - 1);
		part(&v[i]);
		for (unsigned k = 0; k < LEFT_BEHIND; k++)
			hang_up(&v[i].behind[k]);
		client_free(v[i].client);
	}
	SSL_CTX_free(tls);
	printf("done: %llu confirmed, %llu cuts\n", (unsigned long long)confirmed,
		(unsigned long long)cuts);
	/* Nothing was dropped, and no second epoch was needed. */
	return dropped ? 1 : 0;
}
