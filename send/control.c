#include "send/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_S 30 /* of who asks */

static struct sockaddr_un name(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	return to;
}

static void done(struct control *c)
{
	watch_remove(c->epoll, &c->asking);
	close(c->fd);
	free(c->text);
	c->text = NULL;
	c->fd = -1;
	c->used = c->len = c->at = 0;
	watch_want(c->epoll, &c->listening, EPOLLIN);
}

static void write_answer(struct control *c)
{
	while (c->at < c->len) {
		ssize_t n =
			send(c->fd, c->text + c->at, c->len - c->at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN) {
			watch_want(c->epoll, &c->asking, EPOLLOUT);
			return;
		}
		if (n <= 0)
			break;
		c->at += (size_t)n;
		c->until_us = 0;
	}
	done(c);
}

static void make_answer(struct control *c)
{
	FILE *to = open_memstream(&c->text, &c->len);

	if (!to) {
		done(c);
		return;
	}
	if (!c->answer(c->ctx, c->question, to))
		fprintf(to, "unknown: %s\n", c->question);
	if (fclose(to) != 0 || !c->text)
		done(c);
	else
		write_answer(c);
}

static void asked(void *ctx, uint32_t events)
{
	struct control *c = ctx;
	ssize_t n;
	char *end;

	(void)events;
	if (c->text) {
		write_answer(c);
		return;
	}
	n = recv(c->fd, c->question + c->used, sizeof(c->question) - 1 - c->used, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		done(c);
		return;
	}
	c->used += (size_t)n;
	c->question[c->used] = '\0';
	end = strchr(c->question, '\n');
	if (end) {
		*end = '\0';
		make_answer(c);
	} else if (c->used == sizeof(c->question) - 1) {
		done(c);
	}
}

static void arrived(void *ctx, uint32_t events)
{
	struct control *c = ctx;
	int fd = accept4(c->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd < 0)
		return;
	if (watch_add(c->epoll, &c->asking, fd, EPOLLIN) != 0) {
		close(fd);
		return;
	}
	c->fd = fd;
	c->until_us = 0;
	watch_want(c->epoll, &c->listening, 0);
}

static bool anybody_there(const struct sockaddr_un *at)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool there = fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0;

	if (fd >= 0)
		close(fd);
	return there;
}

int control_open(struct control *c, int epoll, const char *path,
	bool (*answer)(void *ctx, const char *question, FILE *to), void *ctx)
{
	const struct sockaddr_un at = name(path);
	struct stat st;
	mode_t mask;
	int rc;

	*c = (struct control){.epoll = epoll,
		.fd = -1,
		.answer = answer,
		.ctx = ctx,
		.listening = {.ready = arrived, .ctx = c, .fd = -1},
		.asking = {.ready = asked, .ctx = c, .fd = -1}};
	if (anybody_there(&at))
		return -EADDRINUSE;
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(path);
	c->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->listener < 0)
		return -errno;
	mask = umask(0177);
	rc = bind(c->listener, (const struct sockaddr *)&at, sizeof(at)) == 0 ? 0 : -errno;
	umask(mask);
	if (rc == 0 && listen(c->listener, 8) != 0)
		rc = -errno;
	if (rc == 0)
		rc = watch_add(epoll, &c->listening, c->listener, EPOLLIN);
	if (rc != 0)
		close(c->listener);
	else
		snprintf(c->path, sizeof(c->path), "%s", path);
	return rc;
}

void control_tick(struct control *c, uint64_t now)
{
	if (!c->path[0] || c->fd < 0)
		return;
	if (c->until_us == 0)
		c->until_us = now + CONTROL_US;
	else if (now >= c->until_us)
		done(c);
}

uint64_t control_deadline(const struct control *c)
{
	return c->path[0] && c->fd >= 0 ? c->until_us : UINT64_MAX;
}

void control_close(struct control *c)
{
	if (!c->path[0])
		return;
	if (c->fd >= 0)
		done(c);
	watch_remove(c->epoll, &c->listening);
	close(c->listener);
	unlink(c->path);
	c->path[0] = '\0';
}

int control_ask(const char *path, const char *question, FILE *to)
{
	const struct sockaddr_un at = name(path);
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	char buf[65536];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ssize_t n = -1;
	int rc;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 &&
		dprintf(fd, "%s\n", question) > 0)
		while ((n = recv(fd, buf, sizeof(buf), 0)) > 0)
			fwrite(buf, 1, (size_t)n, to);
	rc = n < 0 ? -errno : 0;
	close(fd);
	return rc;
}
