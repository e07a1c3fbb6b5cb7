#include "control/cli/conn.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define FIRST_ROOM 65536

uint64_t conn_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

int conn_open(struct conn *c, const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int error;

	memset(c, 0, sizeof(*c));
	if (strlen(path) >= sizeof(sa.sun_path))
		return ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path));
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return errno;
	if (connect(c->fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0)
		return 0;
	error = errno;
	close(c->fd);
	return error;
}

void conn_close(struct conn *c)
{
	close(c->fd);
	free(c->buf);
}

json_int_t conn_send(struct conn *c, const char *method, json_t *params)
{
	json_int_t id = ++c->last_id;
	json_t *request =
		json_pack("{s:s, s:I, s:s}", "jsonrpc", "2.0", "id", id, "method", method);
	char *line;
	size_t len, sent = 0;

	if (params)
		json_object_set_new(request, "params", params);
	line = json_dumps(request, JSON_COMPACT);
	json_decref(request);
	if (!line)
		return CONN_CLOSED;
	len = strlen(line);
	line[len++] = '\n'; /* in the place of its NUL */
	while (sent < len) {
		ssize_t n = send(c->fd, line + sent, len - sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			id = CONN_CLOSED;
			break;
		}
		sent += (size_t)n;
	}
	free(line);
	return id;
}

/* Room for more bytes behind `end`. */
static enum conn_result make_room(struct conn *c)
{
	size_t room = c->room ? 2 * c->room : FIRST_ROOM;
	char *buf;

	if (c->start > 0) {
		memmove(c->buf, c->buf + c->start, c->end - c->start);
		c->end -= c->start;
		c->scanned -= c->start;
		c->start = 0;
	}
	if (c->end < c->room)
		return CONN_OK;
	if (room > CONN_MAX_LINE)
		return CONN_BAD;
	buf = realloc(c->buf, room);
	if (!buf)
		return CONN_BAD;
	c->buf = buf;
	c->room = room;
	return CONN_OK;
}

static enum conn_result wait_readable(const struct conn *c, uint64_t deadline_us)
{
	while (1) {
		struct pollfd p = {.fd = c->fd, .events = POLLIN};
		uint64_t now = conn_now_us(), left = deadline_us > now ? deadline_us - now : 0;
		int ms = left > 1000000000 ? 1000000 : (int)((left + 999) / 1000);
		int n = poll(&p, 1, ms);

		if (n > 0)
			return CONN_OK;
		if (n == 0 && conn_now_us() >= deadline_us)
			return CONN_TIMEOUT;
		if (n < 0 && errno != EINTR)
			return CONN_CLOSED;
	}
}

static enum conn_result read_more(struct conn *c, uint64_t deadline_us)
{
	enum conn_result rc = make_room(c);
	ssize_t n;

	if (rc == CONN_OK)
		rc = wait_readable(c, deadline_us);
	if (rc != CONN_OK)
		return rc;
	n = recv(c->fd, c->buf + c->end, c->room - c->end, 0);
	if (n < 0 && errno == EINTR)
		return CONN_OK;
	if (n <= 0)
		return CONN_CLOSED;
	c->end += (size_t)n;
	return CONN_OK;
}

enum conn_result conn_read(struct conn *c, uint64_t deadline_us, json_t **message)
{
	while (1) {
		char *newline = NULL;
		enum conn_result rc;

		if (c->end > c->scanned)
			newline = memchr(c->buf + c->scanned, '\n', c->end - c->scanned);
		if (newline) {
			size_t at = (size_t)(newline - c->buf);

			/* A log may hold NUL bytes. */
			*message =
				json_loadb(c->buf + c->start, at - c->start, JSON_ALLOW_NUL, NULL);
			c->start = c->scanned = at + 1;
			if (c->start == c->end)
				c->start = c->end = c->scanned = 0;
			return json_is_object(*message) ? CONN_OK
							: (json_decref(*message), CONN_BAD);
		}
		c->scanned = c->end;
		rc = read_more(c, deadline_us);
		if (rc != CONN_OK)
			return rc;
	}
}
