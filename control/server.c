#include "control/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/client.h"

#define BACKLOG	     128
#define ACCEPT_BATCH 16
#define PAUSE_US     100000u

struct server {
	int fd;
	struct sockaddr_un addr;
	dev_t dev; /* of the socket that we made: no other is removed at the end */
	ino_t ino;
	struct loop *loop;
	struct loop_watch *watch;
	const struct peer_rules *rules;
	struct server_handler handler;
	struct client *clients;
	unsigned count, strangers;
	uint64_t paused_until_us; /* out of descriptors: nothing is accepted until then; 0: no */
	struct server_counters counters;
};

/* Is there somebody at the socket? 1: yes, 0: no, it may be replaced, -1: with `err`. */
static int probe(const struct sockaddr_un *sa, char *err, size_t err_size)
{
	struct stat st;
	int fd, rc;

	if (lstat(sa->sun_path, &st) != 0)
		return 0;
	if (!S_ISSOCK(st.st_mode)) {
		snprintf(err, err_size, "control socket %s: exists and is no socket", sa->sun_path);
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return 0;
	rc = connect(fd, (const struct sockaddr *)sa, sizeof(*sa));
	if (rc == 0 || errno == EAGAIN) { /* EAGAIN: it lives, and its backlog is full */
		struct ucred cred = {0};
		socklen_t len = sizeof(cred);

		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
		snprintf(err, err_size, "control socket %s: in use by process %d", sa->sun_path,
			(int)cred.pid);
		close(fd);
		return 1;
	}
	close(fd);
	return 0;
}

static void make_directory(const char *path, uid_t owner, gid_t group)
{
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;
	int fd;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return;
	*slash = '\0';
	/* If it cannot be made, bind() says so, with the name that the user knows. */
	if (mkdir(dir, 0755) != 0)
		return;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)!fchmod(fd, 0755); /* whatever the umask is */
	if (geteuid() == 0)
		(void)!fchown(fd, owner, group);
	close(fd);
}

struct server *server_bind(const char *path, uid_t owner, gid_t group, char *err, size_t err_size)
{
	struct server *s = calloc(1, sizeof(*s));
	struct stat st;
	int rc, error;
	mode_t mask;

	if (!s) {
		snprintf(err, err_size, "control socket: out of memory");
		return NULL;
	}
	s->addr.sun_family = AF_UNIX;
	s->fd = -1;
	if (strlen(path) >= sizeof(s->addr.sun_path)) {
		snprintf(err, err_size, "control socket %s: longer than %zu bytes", path,
			sizeof(s->addr.sun_path) - 1);
		free(s);
		return NULL;
	}
	memcpy(s->addr.sun_path, path, strlen(path) + 1);
	make_directory(path, owner, group);
	if (probe(&s->addr, err, err_size) != 0) {
		free(s);
		return NULL;
	}
	unlink(path);
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* Its mode is set by the umask, not by its name: the directory may be somebody else's. */
	mask = umask(0111);
	rc = s->fd < 0 ? -1 : bind(s->fd, (struct sockaddr *)&s->addr, sizeof(s->addr));
	error = errno;
	umask(mask);
	errno = error;
	if (rc != 0 || lstat(path, &st) != 0 || listen(s->fd, BACKLOG) != 0) {
		snprintf(err, err_size, "control socket %s: %s", path, strerror(errno));
		if (s->fd >= 0)
			close(s->fd);
		free(s);
		return NULL;
	}
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	return s;
}

static void unlink_client(struct server *s, struct client *c)
{
	struct client **p = &s->clients;

	while (*p != c)
		p = &(*p)->next;
	*p = c->next;
	s->count--;
	if (c->stranger)
		s->strangers--;
	client_free(c);
}

static void on_client(void *ctx, uint32_t events)
{
	client_events(ctx, events);
}

static void tell_full(int fd)
{
	static const char line[] = "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32000,"
				   "\"message\":\"too many "
				   "clients\",\"data\":{\"schema\":1,\"reason\":\"busy\"}}}\n";

	(void)!send(fd, line, sizeof(line) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int ask_peer(struct server *s, int fd, struct peer *peer)
{
	if (s->handler.peer)
		return s->handler.peer(s->handler.ctx, fd, peer);
	return peer_of_socket(fd, s->rules, peer);
}

static void take(struct server *s, int fd)
{
	struct client *c, **end = &s->clients;
	struct peer peer;

	if (ask_peer(s, fd, &peer) != 0) {
		close(fd);
		return;
	}
	/* Strangers have places of their own: they cannot keep out those who have a right. */
	if (peer.role == ROLE_NONE ? s->strangers >= SERVER_MAX_STRANGERS
				   : s->count - s->strangers >= SERVER_MAX_CLIENTS) {
		s->counters.refused_full++;
		tell_full(fd);
		close(fd);
		return;
	}
	c = client_new(&s->handler, &s->counters, s->loop, fd, &peer);
	if (!c) {
		close(fd);
		return;
	}
	c->watch = loop_add(s->loop, fd, EPOLLIN, on_client, c);
	if (!c->watch) {
		client_free(c);
		return;
	}
	/* Behind those who wait: else whoever comes anew each time would always be the first. */
	while (*end)
		end = &(*end)->next;
	*end = c;
	s->count++;
	s->strangers += c->stranger;
	s->counters.accepted++;
	s->counters.strangers += c->stranger;
}

static void on_listen(void *ctx, uint32_t events)
{
	struct server *s = ctx;

	(void)events;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0) {
			/* Waiting clients would make the loop spin. */
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
				s->paused_until_us = clock_mono_us() + PAUSE_US;
				loop_modify(s->loop, s->watch, 0);
			}
			return;
		}
		take(s, fd);
	}
}

int server_start(struct server *s, struct loop *loop, const struct peer_rules *rules,
	const struct server_handler *handler)
{
	s->loop = loop;
	s->rules = rules;
	s->handler = *handler;
	s->watch = loop_add(loop, s->fd, EPOLLIN, on_listen, s);
	return s->watch ? 0 : -1;
}

void server_free(struct server *s)
{
	struct stat st;

	if (!s)
		return;
	while (s->clients) {
		client_flush(s->clients); /* what can still be said */
		unlink_client(s, s->clients);
	}
	if (s->watch)
		loop_remove(s->loop, s->watch);
	close(s->fd);
	if (lstat(s->addr.sun_path, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino)
		unlink(s->addr.sun_path);
	free(s);
}

static uint64_t request_clock(const struct server *s)
{
	return s->handler.now_us ? s->handler.now_us(s->handler.ctx) : clock_mono_us();
}

/* Who comes behind `last` in the list comes first from now on. */
static void begin_behind(struct server *s, struct client *last)
{
	struct client *end = last;

	if (!last->next)
		return;
	while (end->next)
		end = end->next;
	end->next = s->clients;
	s->clients = last->next;
	last->next = NULL;
}

uint64_t server_round(struct server *s, uint64_t now_us)
{
	struct client_time time = {.until_us = request_clock(s) + SERVER_ROUND_US};
	struct client *c = s->clients, *last = NULL;
	uint64_t next = UINT64_MAX;

	if (s->paused_until_us && now_us >= s->paused_until_us) {
		s->paused_until_us = 0;
		loop_modify(s->loop, s->watch, EPOLLIN);
	} else if (s->paused_until_us) {
		next = s->paused_until_us;
	}
	while (c) {
		struct client *after = c->next;
		const bool had_time = !time.over;
		uint64_t wants = client_round(c, now_us, &time);

		if (c->dead) {
			unlink_client(s, c);
		} else {
			if (had_time)
				last = c;
			if (wants < next)
				next = wants;
		}
		c = after;
	}
	if (time.over && last)
		begin_behind(s, last);
	return next;
}

unsigned server_clients(const struct server *s)
{
	return s->count;
}

const struct server_counters *server_counters(const struct server *s)
{
	return &s->counters;
}
