#include "control/metrics_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "control/metrics.h"

#define LISTEN_BACKLOG 16
#define RUN_US	       1000000u
#define LEAST_US       1000u

struct metrics_http {
	struct control *c;
	struct MHD_Daemon *daemon;
	struct loop_watch *watch;
	uint16_t port;
	uint64_t next_run_us;
};

static enum MHD_Result reply(struct MHD_Connection *conn, unsigned status, const char *type,
	const void *body, size_t len, enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(len, (void *)body, mode);
	enum MHD_Result rc;

	if (!r) {
		if (mode == MHD_RESPMEM_MUST_FREE)
			free((void *)body);
		return MHD_NO;
	}
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	rc = MHD_queue_response(conn, status, r);
	MHD_destroy_response(r);
	return rc;
}

static enum MHD_Result plain(struct MHD_Connection *conn, unsigned status, const char *text)
{
	return reply(conn, status, "text/plain; charset=utf-8", text, strlen(text),
		MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *conn, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_size,
	void **state)
{
	struct metrics_http *m = ctx;
	struct text t = {0};

	(void)version;
	(void)upload;
	(void)state;
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
		*upload_size = 0;
		return plain(conn, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET\n");
	}
	if (strcmp(url, "/metrics") != 0)
		return plain(conn, MHD_HTTP_NOT_FOUND, "there is only /metrics\n");
	metrics_write(&t, m->c);
	if (t.failed) {
		text_free(&t);
		return plain(conn, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory\n");
	}
	return reply(conn, MHD_HTTP_OK, METRICS_CONTENT_TYPE, t.data, t.len, MHD_RESPMEM_MUST_FREE);
}

/* Our own socket: MHD would say no more than that it could not start. */
static int listen_on(const struct config_endpoint *e, uint16_t *port, char *err, size_t err_size)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(e->port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(e->port)};
	bool v4 = ip_addr_is_v4(&e->addr);
	const struct sockaddr *sa = v4 ? (void *)&in : (void *)&in6;
	socklen_t len = v4 ? sizeof(in) : sizeof(in6);
	char text[IP_ADDR_TEXT];
	int one = 1, fd;

	memcpy(&in.sin_addr, e->addr.b + 12, 4);
	memcpy(&in6.sin6_addr, e->addr.b, 16);
	fd = socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, sa, len) != 0 || listen(fd, LISTEN_BACKLOG) != 0 ||
		getsockname(fd, v4 ? (void *)&in : (void *)&in6, &len) != 0) {
		ip_addr_format(&e->addr, text);
		snprintf(err, err_size, "metrics.listen %s port %u: %s", text, e->port,
			strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	*port = ntohs(v4 ? in.sin_port : in6.sin6_port);
	return fd;
}

static void on_ready(void *ctx, uint32_t events)
{
	struct metrics_http *m = ctx;

	(void)events;
	MHD_run(m->daemon);
}

static int watch(struct metrics_http *m)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(m->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	if (!info || info->epoll_fd < 0)
		return -1;
	m->watch = loop_add(m->c->loop, info->epoll_fd, EPOLLIN, on_ready, m);
	return m->watch ? 0 : -1;
}

struct metrics_http *metrics_http_start(
	struct control *c, const struct config_endpoint *listen, char *err, size_t err_size)
{
	struct metrics_http *m = calloc(1, sizeof(*m));
	int fd;

	if (!m) {
		snprintf(err, err_size, "metrics: out of memory");
		return NULL;
	}
	m->c = c;
	fd = listen_on(listen, &m->port, err, err_size);
	if (fd < 0) {
		free(m);
		return NULL;
	}
	m->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, m,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)METRICS_MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)METRICS_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32768,
		MHD_OPTION_END);
	if (!m->daemon) {
		snprintf(err, err_size, "metrics: libmicrohttpd does not start");
		close(fd);
		free(m);
		return NULL;
	}
	if (watch(m) != 0) {
		snprintf(err, err_size, "metrics: libmicrohttpd has no epoll");
		metrics_http_stop(m);
		return NULL;
	}
	return m;
}

void metrics_http_stop(struct metrics_http *m)
{
	if (!m)
		return;
	loop_remove(m->c->loop, m->watch);
	MHD_stop_daemon(m->daemon); /* closes the socket */
	free(m);
}

uint64_t metrics_http_round(struct metrics_http *m, uint64_t now_us)
{
	unsigned long long ms;
	uint64_t wants = UINT64_MAX;

	if (MHD_get_timeout(m->daemon, &ms) == MHD_YES)
		wants = now_us + (uint64_t)ms * 1000u;
	/* Once a second even if nothing asks for it: MHD takes its listening socket out of its
	 * epoll when it has all the connections it may have, and puts it back when it is run again
	 * after one has ended, which no event tells. */
	if (now_us >= m->next_run_us || now_us >= wants) {
		MHD_run(m->daemon);
		m->next_run_us = now_us + RUN_US;
		if (wants <= now_us)
			wants = now_us + LEAST_US;
	}
	return wants < m->next_run_us ? wants : m->next_run_us;
}

uint16_t metrics_http_port(const struct metrics_http *m)
{
	return m->port;
}
