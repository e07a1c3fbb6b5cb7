#include "control/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_CHUNK  65536u
#define LINES_ROUND 16		    /* of a client, then the others have their turn */
#define KEEP_BYTES  (1024u * 1024u) /* memory of an empty output queue that is kept */

struct client *client_new(const struct server_handler *handler, struct server_counters *counters,
	struct loop *loop, int fd, const struct peer *peer)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->handler = handler;
	c->counters = counters;
	c->loop = loop;
	c->fd = fd;
	c->peer = *peer;
	c->stranger = peer->role == ROLE_NONE;
	c->interest = EPOLLIN;
	if (c->stranger)
		c->deadline_us = clock_mono_us() + SERVER_STRANGER_US;
	return c;
}

void client_free(struct client *c)
{
	while (c->pending) {
		struct pending *p = c->pending;

		c->pending = p->next;
		p->client = NULL;
		json_decref(p->id);
		p->id = NULL;
		p->abandon(p);
	}
	loop_remove(c->loop, c->watch);
	close(c->fd);
	if (c->long_until_us)
		c->counters->long_lines--;
	text_free(&c->in);
	text_free(&c->out);
	free(c);
}

const struct peer *client_peer(const struct client *c)
{
	return &c->peer;
}

size_t client_backlog(const struct client *c)
{
	return c->out.len - c->sent;
}

void client_send(struct client *c, const struct text *lines)
{
	if (c->dead || c->closing)
		return;
	if (client_backlog(c) == 0)
		c->progress_us = clock_mono_us();
	text_add(&c->out, lines->data, lines->len);
	/* A line that is cut or missing would leave the client waiting: rather end. */
	if (c->out.failed || lines->failed)
		c->dead = true;
	if (client_backlog(c) >= SERVER_HIGH_WATER)
		c->high = true;
}

bool client_add_pending(struct client *c, struct pending *p, json_t *id)
{
	if (c->pending_count >= SERVER_MAX_PENDING)
		return false;
	p->client = c;
	p->id = json_incref(id);
	p->next = c->pending;
	c->pending = p;
	c->pending_count++;
	return true;
}

void pending_done(struct pending *p)
{
	struct client *c = p->client;

	if (!c)
		return;
	for (struct pending **at = &c->pending; *at; at = &(*at)->next) {
		if (*at == p) {
			*at = p->next;
			break;
		}
	}
	c->pending_count--;
	json_decref(p->id);
	p->id = NULL;
	p->client = NULL;
}

struct pending *client_find_pending(struct client *c, const json_t *id)
{
	for (struct pending *p = c->pending; p; p = p->next)
		if (p->id && json_equal(p->id, id))
			return p;
	return NULL;
}

/* Nothing that comes now is a request any more. */
static void close_soon(struct client *c)
{
	c->closing = true;
	c->deadline_us = clock_mono_us() + SERVER_LINGER_US;
	text_free(&c->in);
	c->scanned = 0;
}

static void read_some(struct client *c)
{
	char chunk[READ_CHUNK];
	ssize_t n = recv(c->fd, chunk, sizeof(chunk), 0);

	if (n == 0) {
		c->eof = true;
	} else if (n > 0) {
		c->counters->bytes_in += (uint64_t)n;
		if (c->closing)
			return;
		text_add(&c->in, chunk, (size_t)n);
		c->dead |= c->in.failed;
	} else if (errno != EAGAIN && errno != EINTR) {
		c->dead = true;
	}
}

void client_events(struct client *c, uint32_t events)
{
	/* After a hang-up there may still be lines to read, and they are still orders. */
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !c->eof)
		read_some(c);
	if (events & (EPOLLHUP | EPOLLERR) && c->eof)
		c->hup = true;
	if (events & EPOLLOUT)
		client_flush(c);
}

void client_flush(struct client *c)
{
	while (client_backlog(c) > 0) {
		ssize_t n = send(c->fd, c->out.data + c->sent, client_backlog(c),
			MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			c->dead |= errno != EAGAIN;
			return;
		}
		c->sent += (size_t)n;
		c->counters->bytes_out += (uint64_t)n;
		c->progress_us = clock_mono_us();
	}
	c->sent = 0;
	if (c->out.cap > KEEP_BYTES)
		text_free(&c->out);
	else
		text_clear(&c->out);
}

/* Who may change things may send a CRL. */
static unsigned line_limit(const struct client *c)
{
	return c->peer.role == ROLE_WRITE ? SERVER_MAX_LONG : SERVER_MAX_LINE;
}

static void too_long(struct client *c)
{
	struct text line = {0};

	c->counters->too_long++;
	text_printf(&line,
		"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":"
		"\"invalid request: a line is longer than %u bytes\","
		"\"data\":{\"schema\":1,\"reason\":\"invalid\"}}}\n",
		line_limit(c));
	client_send(c, &line);
	text_free(&line);
	close_soon(c);
}

static bool blank(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
			return false;
	return true;
}

static void handle_line(struct client *c, const char *line, size_t len)
{
	struct text out = {0};

	if (blank(line, len))
		return;
	c->counters->requests++;
	c->handler->request(c->handler->ctx, c, line, len, &out);
	if (out.len || out.failed)
		client_send(c, &out);
	text_free(&out);
	if (c->stranger)
		close_soon(c);
}

/* The next line of `in` from *at on, without its newline; false: none is complete. */
static bool next_line(struct client *c, size_t *at, size_t *len)
{
	const char *newline;

	if (c->scanned < *at)
		c->scanned = *at;
	newline = c->scanned < c->in.len
			  ? memchr(c->in.data + c->scanned, '\n', c->in.len - c->scanned)
			  : NULL;
	if (newline) {
		*len = (size_t)(newline - c->in.data) - *at;
		return true;
	}
	c->scanned = c->in.len;
	/* Who closes without a last newline has still said something. */
	*len = c->in.len - *at;
	return *len > line_limit(c) || (c->eof && *len > 0);
}

static uint64_t request_clock(const struct client *c)
{
	return c->handler->now_us ? c->handler->now_us(c->handler->ctx) : clock_mono_us();
}

/* Returns whether there are more lines for another round. */
static bool handle_lines(struct client *c, struct client_time *time)
{
	size_t at = 0, len;
	int n = 0;
	bool more = false;

	while (!c->closing && !c->dead && next_line(c, &at, &len)) {
		if (client_backlog(c) >= SERVER_HIGH_WATER)
			break;
		if (time->over || n++ == LINES_ROUND) {
			more = true;
			break;
		}
		if (len > line_limit(c)) {
			too_long(c);
			return false;
		}
		handle_line(c, c->in.data + at, len);
		time->over = request_clock(c) >= time->until_us;
		at += len + 1;
		if (at > c->in.len)
			at = c->in.len;
	}
	if (c->closing || at == 0)
		return more;
	memmove(c->in.data, c->in.data + at, c->in.len - at);
	c->in.len -= at;
	c->scanned -= c->scanned < at ? c->scanned : at;
	if (c->in.len == 0 && c->in.cap > KEEP_BYTES)
		text_free(&c->in);
	return more;
}

static void drained(struct client *c)
{
	struct pending *p = c->pending;

	c->high = false;
	while (p) {
		struct pending *next = p->next;

		if (p->drained)
			p->drained(p);
		p = next;
	}
}

/* A line that is long and not whole yet: few are read on at a time, and each has its time. */
static void look_for_long_line(struct client *c, uint64_t now_us)
{
	const bool is_long =
		!c->closing && !c->eof && c->in.len > SERVER_MAX_LINE && c->scanned == c->in.len;

	if (!is_long && c->long_until_us) {
		c->long_until_us = 0;
		c->counters->long_lines--;
	} else if (is_long && !c->long_until_us && c->counters->long_lines < SERVER_LONG_LINES) {
		c->long_until_us = now_us + SERVER_LONG_US;
		c->counters->long_lines++;
	}
}

static void set_interest(struct client *c)
{
	uint32_t want = 0;

	if (!c->eof && (c->closing || (client_backlog(c) < SERVER_HIGH_WATER &&
					      (c->in.len <= SERVER_MAX_LINE || c->long_until_us))))
		want |= EPOLLIN;
	if (client_backlog(c) > 0)
		want |= EPOLLOUT;
	if (want != c->interest && loop_modify(c->loop, c->watch, want) == 0)
		c->interest = want;
}

/* Ends what has nothing left to do, or has had its time. */
static void judge(struct client *c, uint64_t now_us, bool more)
{
	bool sent = client_backlog(c) == 0;

	if (c->closing && sent && !c->shut) {
		shutdown(c->fd, SHUT_WR);
		c->shut = true;
	}
	if (c->closing && sent && c->eof)
		c->dead = true;
	if (!c->closing && c->eof && !more && c->in.len == 0 && (c->hup || (sent && !c->pending)))
		c->dead = true;
	if (c->deadline_us && now_us >= c->deadline_us)
		c->dead = true;
	if (c->long_until_us && now_us >= c->long_until_us) {
		c->counters->stalled++;
		c->dead = true;
	}
	if (!sent && now_us >= c->progress_us + SERVER_STALL_US) {
		c->counters->stalled++;
		c->dead = true;
	}
}

uint64_t client_round(struct client *c, uint64_t now_us, struct client_time *time)
{
	uint64_t next = UINT64_MAX;
	bool more;

	if (c->dead)
		return next;
	more = handle_lines(c, time);
	client_flush(c);
	if (c->high && client_backlog(c) < SERVER_HIGH_WATER / 2) {
		drained(c);
		client_flush(c);
		more = true; /* lines may have waited for this too */
	}
	look_for_long_line(c, now_us);
	judge(c, now_us, more);
	if (c->dead)
		return next;
	set_interest(c);
	if (more)
		return now_us;
	if (c->deadline_us)
		next = c->deadline_us;
	if (c->long_until_us && c->long_until_us < next)
		next = c->long_until_us;
	if (client_backlog(c) > 0 && c->progress_us + SERVER_STALL_US < next)
		next = c->progress_us + SERVER_STALL_US;
	return next;
}
