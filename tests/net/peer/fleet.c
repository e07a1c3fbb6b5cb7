/*
 * A fleet of TLS devices over the kernel's sockets: thousands of sessions held at once, storms of
 * new ones, strangers who are refused, handshakes that stall. Each device has an address and a
 * certificate of its own, of two levels; the authority is made at the start.
 *
 *     tls-fleet ADDRESS DIRECTORY MOST      writes DIRECTORY/fleet-ca.pem, says "ready"
 *
 * Commands come a line each on standard input; each is answered by an object in JSON when it is
 * done. Device k has the serial FLEET%06u and the address 10.7.0.0 + k.
 *
 *     open FIRST COUNT ATONCE   they come in, ATONCE handshakes under way at most; "in" are those
 *                               that have got a ticket, which follows when all was verified
 *     strangers COUNT ATONCE    the same of a stranger's certificate: until they are refused
 *     beside K                  device K, which is in, says a log after each handshake that ends
 *     say FIRST COUNT WORD      each says a log: "<13>SERIAL WORD"
 *     shut FIRST COUNT          close_notify and FIN, until the other side has closed too
 *     cut FIRST COUNT           gone without a word: RST
 *     stall COUNT               connections that say the beginning of a ClientHello and no more
 *     unstall                   ends those
 *     quit
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tests/unit/tls/pki.h"

#define SOURCE_NET  0x0a070000u
#define PATIENCE_S  240
#define EVENTS	    256
#define STALLED_MAX 4096u

enum state { OUT, CONNECTING, SHAKING, PROVING, IN, REFUSED, FAILED, CLOSING };

struct device {
	int fd;
	enum state state;
	SSL *ssl;
};

static struct sockaddr_in target;
static struct device *devices;
static uint32_t most;
static int poll_fd;
static SSL_CTX *ctx;
static struct pki_cert root, sub, stranger_root, stranger;
static int stalled[STALLED_MAX];
static unsigned stalled_count;
static int64_t beside = -1;

/* Of the command under way. */
static uint32_t in, refused, failed, closed, under_way, said;
static bool strange;

static time_t now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static int source_socket(uint32_t k)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(SOURCE_NET + k)};

	if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) != 0 ||
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
		bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0)
		err(1, "socket of device %u", k);
	if (connect(fd, (struct sockaddr *)&target, sizeof(target)) != 0 && errno != EINPROGRESS)
		err(1, "connect");
	return fd;
}

static void watch(struct device *d, uint32_t events, int how)
{
	struct epoll_event ev = {.events = events, .data.ptr = d};

	if (epoll_ctl(poll_fd, how, d->fd, &ev) != 0)
		err(1, "epoll");
}

static void gone(struct device *d, enum state state)
{
	close(d->fd);
	SSL_free(d->ssl);
	*d = (struct device){.fd = -1, .state = state};
}

/* One that was thrown out meanwhile is not there any more. */
static void say(struct device *d, const char *word)
{
	char line[128];
	int n = snprintf(line, sizeof(line), "<13>FLEET%06u %s\n", (unsigned)(d - devices), word);

	if (SSL_write(d->ssl, line, n) == n) {
		said++;
		return;
	}
	ERR_clear_error();
	gone(d, FAILED);
}

/* A handshake has ended in one way or the other. */
static void over(struct device *d, enum state state)
{
	under_way--;
	if (state == IN) {
		d->state = IN;
		watch(d, EPOLLIN, EPOLL_CTL_MOD);
		in++;
	} else {
		refused += state == REFUSED;
		failed += state == FAILED;
		gone(d, OUT);
	}
	if (beside >= 0 && devices[beside].state == IN) {
		say(&devices[beside], "beside");
	}
}

/* The ticket has come: it was verified. */
static int on_ticket(SSL *ssl, SSL_SESSION *session)
{
	struct device *d = SSL_get_app_data(ssl);

	(void)session;
	if (d->state == SHAKING || d->state == PROVING)
		over(d, IN);
	return 0;
}

static void begin(struct device *d)
{
	uint32_t k = (uint32_t)(d - devices);
	char serial[32];
	struct pki_cert own;

	snprintf(serial, sizeof(serial), "FLEET%06u", k);
	d->fd = source_socket(k);
	d->state = CONNECTING;
	d->ssl = SSL_new(ctx);
	if (!d->ssl)
		errx(1, "out of memory");
	own = strange ? stranger
		      : pki_issue(&sub, &(struct pki_options){
						.cn = serial, .o = "Fleet", .eku = "clientAuth"});
	if (SSL_use_certificate(d->ssl, own.cert) != 1 ||
		SSL_use_PrivateKey(d->ssl, own.key) != 1 ||
		(!strange && SSL_add1_chain_cert(d->ssl, sub.cert) != 1))
		errx(1, "certificate");
	if (!strange)
		pki_free(&own);
	SSL_set_app_data(d->ssl, d);
	SSL_set_fd(d->ssl, d->fd);
	SSL_set_connect_state(d->ssl);
	watch(d, EPOLLOUT, EPOLL_CTL_ADD);
	under_way++;
}

/* What went wrong: an alert of the peer's is a refusal. */
static enum state verdict(void)
{
	unsigned long e = ERR_peek_last_error();

	ERR_clear_error();
	return ERR_GET_LIB(e) == ERR_LIB_SSL && ERR_GET_REASON(e) >= SSL_AD_REASON_OFFSET ? REFUSED
											  : FAILED;
}

static void shake(struct device *d)
{
	int rc = SSL_do_handshake(d->ssl);

	if (rc == 1) {
		/* In TLS 1.2 the ticket has come already. */
		if (d->state == SHAKING)
			d->state = PROVING;
		watch(d, EPOLLIN, EPOLL_CTL_MOD);
		return;
	}
	switch (SSL_get_error(d->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		watch(d, EPOLLIN, EPOLL_CTL_MOD);
		break;
	case SSL_ERROR_WANT_WRITE:
		watch(d, EPOLLOUT, EPOLL_CTL_MOD);
		break;
	default:
		over(d, verdict());
	}
}

static void read_on(struct device *d)
{
	char rest[256];
	int rc;

	while ((rc = SSL_read(d->ssl, rest, sizeof(rest))) > 0)
		;
	if (SSL_get_error(d->ssl, rc) == SSL_ERROR_WANT_READ)
		return;
	switch (d->state) {
	case CLOSING:
		closed++;
		gone(d, OUT);
		break;
	case PROVING:
		over(d, verdict());
		break;
	default: /* it was in, and was thrown out */
		ERR_clear_error();
		gone(d, FAILED);
	}
}

static void happened(struct device *d)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (d->fd < 0)
		return;
	if (d->state == CONNECTING) {
		getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		if (error) {
			over(d, FAILED);
			return;
		}
		d->state = SHAKING;
	}
	if (d->state == SHAKING)
		shake(d);
	if (d->fd >= 0 && d->state != SHAKING)
		read_on(d);
}

/* false: nothing has happened for too long. */
static bool wait_some(void)
{
	struct epoll_event ev[EVENTS];
	int n = epoll_wait(poll_fd, ev, EVENTS, PATIENCE_S * 1000);

	for (int i = 0; i < n; i++)
		happened(ev[i].data.ptr);
	return n > 0;
}

static void open_some(uint32_t first, uint32_t count, uint32_t at_once)
{
	time_t end = now_s() + PATIENCE_S;

	for (uint32_t k = 0; k < count || under_way > 0;) {
		while (k < count && under_way < at_once)
			begin(&devices[first + k++]);
		if (!wait_some() || now_s() > end)
			break;
	}
}

static void shut(uint32_t first, uint32_t count)
{
	time_t end = now_s() + PATIENCE_S;
	uint32_t asked = 0;

	for (uint32_t k = first; k < first + count; k++)
		if (devices[k].state == IN) {
			devices[k].state = CLOSING;
			SSL_shutdown(devices[k].ssl);
			shutdown(devices[k].fd, SHUT_WR);
			asked++;
		}
	while (closed < asked && wait_some() && now_s() < end)
		;
}

static void cut(uint32_t first, uint32_t count)
{
	struct linger now = {.l_onoff = 1};

	for (uint32_t k = first; k < first + count; k++)
		if (devices[k].state == IN) {
			setsockopt(devices[k].fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
			gone(&devices[k], OUT);
			closed++;
		}
}

static void stall(uint32_t count)
{
	struct timeval patience = {.tv_sec = PATIENCE_S};

	for (uint32_t i = 0; i < count && stalled_count < STALLED_MAX; i++) {
		int fd = source_socket(most + i);

		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
		if (send(fd, "\x16\x03\x01\x01\x00\x01", 6, MSG_NOSIGNAL) != 6)
			err(1, "a stalled handshake");
		stalled[stalled_count++] = fd;
	}
}

static uint32_t count_in(void)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < most; k++)
		n += devices[k].state == IN;
	return n;
}

/* false: to quit. */
static bool obey(const char *line)
{
	uint32_t first = 0, count = 0, at_once = 0;
	char word[64];

	in = refused = failed = closed = said = 0;
	if (sscanf(line, "open %u %u %u", &first, &count, &at_once) == 3 && first + count <= most) {
		strange = false;
		open_some(first, count, at_once);
	} else if (sscanf(line, "strangers %u %u", &count, &at_once) == 2 && at_once <= most) {
		strange = true;
		/* They take the last places, again and again. */
		while (count > 0) {
			uint32_t n = count < at_once ? count : at_once;

			open_some(most - n, n, n);
			count -= n;
		}
	} else if (sscanf(line, "beside %u", &first) == 1 && first < most) {
		beside = devices[first].state == IN ? (int64_t)first : -1;
	} else if (sscanf(line, "say %u %u %63s", &first, &count, word) == 3 &&
		   first + count <= most) {
		for (uint32_t k = first; k < first + count; k++)
			if (devices[k].state == IN)
				say(&devices[k], word);
	} else if (sscanf(line, "shut %u %u", &first, &count) == 2 && first + count <= most) {
		shut(first, count);
	} else if (sscanf(line, "cut %u %u", &first, &count) == 2 && first + count <= most) {
		cut(first, count);
	} else if (sscanf(line, "stall %u", &count) == 1) {
		stall(count);
	} else if (strncmp(line, "unstall", 7) == 0) {
		while (stalled_count > 0)
			close(stalled[--stalled_count]);
	} else if (strncmp(line, "quit", 4) == 0) {
		return false;
	} else {
		errx(2, "what is %s", line);
	}
	printf("{\"in\": %u, \"refused\": %u, \"failed\": %u, \"closed\": %u, \"said\": %u, "
	       "\"there\": %u, \"under_way\": %u}\n",
		in, refused, failed, closed, said, count_in(), under_way);
	fflush(stdout);
	return true;
}

static void make_authority(const char *directory)
{
	const struct pki_cert *const roots[] = {&root};
	char path[512], *pem;
	FILE *f;

	root = pki_issue(NULL, &(struct pki_options){.cn = "fleet root", .o = "Fleet", .ca = true});
	sub = pki_issue(&root, &(struct pki_options){.cn = "fleet sub", .o = "Fleet", .ca = true});
	stranger_root =
		pki_issue(NULL, &(struct pki_options){.cn = "else", .o = "Strangers", .ca = true});
	stranger = pki_issue(&stranger_root,
		&(struct pki_options){
			.cn = "STRANGER-0001", .o = "Strangers", .eku = "clientAuth"});
	snprintf(path, sizeof(path), "%s/fleet-ca.pem", directory);
	pem = pki_pem(roots, 1);
	f = fopen(path, "w");
	if (!f || fputs(pem, f) < 0 || fclose(f) != 0)
		err(1, "%s", path);
	free(pem);
}

int main(int argc, char **argv)
{
	struct rlimit files;
	char line[256];

	if (argc != 4 || inet_pton(AF_INET, argv[1], &target.sin_addr) != 1)
		errx(2, "usage: tls-fleet ADDRESS DIRECTORY MOST");
	target.sin_family = AF_INET;
	target.sin_port = htons(514);
	most = (uint32_t)strtoul(argv[3], NULL, 10);
	files.rlim_cur = files.rlim_max = most + STALLED_MAX + 64;
	if (setrlimit(RLIMIT_NOFILE, &files) != 0)
		err(1, "%u files", (unsigned)files.rlim_max);
	signal(SIGPIPE, SIG_IGN);
	devices = calloc(most, sizeof(*devices));
	poll_fd = epoll_create1(EPOLL_CLOEXEC);
	ctx = SSL_CTX_new(TLS_client_method());
	if (!devices || poll_fd < 0 || !ctx)
		err(1, "out of memory");
	for (uint32_t k = 0; k < most; k++)
		devices[k].fd = -1;
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_ticket);
	make_authority(argv[2]);
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) && obey(line))
		;
	return 0;
}
