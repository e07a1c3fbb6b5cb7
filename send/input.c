#include "send/input.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "dataplane/client/batch.h"
#include "send/link.h"

/* Of one socket in one round. */
#define DATAGRAMS      256u
#define DATAGRAM_BYTES INPUT_CHUNK

struct stream {
	const char *path;
	int fd; /* -1: not open yet, or read to its end */
	bool regular, waiting;
	bool stopped;	       /* before all in `data` was taken */
	struct spill_input at; /* of a regular file: what the items so far hold */
	struct framer framer;
	struct watch watch;
	uint32_t used;
	bool eof;
	uint8_t data[INPUT_CHUNK];
};

struct live {
	int fd;
	bool ready;
	struct watch watch;
	struct sockaddr_un path; /* to be removed at the end; sun_path empty: none */
};

struct input {
	struct input_config cfg;
	char *const *paths;
	int n_paths, next; /* files are read one after the other */
	struct stream stream;
	struct live live[2];
	unsigned n_live;
	struct input_stats stats;
	struct spill_input pending; /* of the log being added */
	bool from_file;
	uint8_t datagram[INPUT_LINE_MAX + 1];
	struct batch batch;
};

static void batch_item(void *ctx, const struct client_item *item)
{
	struct input *in = ctx;

	in->stats.logs += item->count;
	in->cfg.item(in->cfg.ctx, item, in->from_file ? &in->pending : NULL);
}

/* ---- files ---- */

static void stream_ready(void *ctx, uint32_t events)
{
	struct stream *s = ctx;

	(void)events;
	s->waiting = false;
}

static bool stream_open(struct input *in)
{
	struct stream *s = &in->stream;
	struct stat st;

	s->path = in->paths[in->next];
	s->fd = strcmp(s->path, "-") == 0 ? STDIN_FILENO : open(s->path, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0 || fstat(s->fd, &st) != 0 || S_ISDIR(st.st_mode)) {
		fprintf(stderr, "sluice-send: %s: %s\n", s->path,
			s->fd >= 0 ? strerror(EISDIR) : strerror(errno));
		in->stats.read_errors++;
		in->next++;
		return false;
	}
	s->regular = S_ISREG(st.st_mode);
	s->used = 0;
	s->eof = s->waiting = s->stopped = false;
	s->watch = (struct watch){.ready = stream_ready, .ctx = s, .fd = -1};
	framer_init(&s->framer, STREAM_LINES, INPUT_LINE_MAX);
	if (s->regular) {
		s->at = (struct spill_input){.dev = st.st_dev,
			.ino = st.st_ino,
			.offset = in->cfg.offset(in->cfg.ctx, st.st_dev, st.st_ino)};
		/* A shorter file is another one under its number, or was emptied. */
		if (s->at.offset > (uint64_t)st.st_size)
			s->at.offset = 0;
		lseek(s->fd, (off_t)s->at.offset, SEEK_SET);
	} else {
		fcntl(s->fd, F_SETFL, fcntl(s->fd, F_GETFL) | O_NONBLOCK);
	}
	return true;
}

static void stream_end(struct input *in)
{
	struct stream *s = &in->stream;

	watch_remove(in->cfg.epoll, &s->watch);
	if (s->fd > STDIN_FILENO)
		close(s->fd);
	s->fd = -1;
	in->next++;
}

static void take_lines(struct input *in)
{
	struct stream *s = &in->stream;
	uint32_t at = 0;

	in->from_file = s->regular;
	in->pending = s->at;
	while (!(s->stopped = in->cfg.full(in->cfg.ctx))) {
		const struct framing_span v = {s->data + at, s->used - at};
		struct frame f;
		enum frame_result got = framer_next(&s->framer, &v, v.len > 0, s->eof, &f);

		if (got != FRAME_LOG && got != FRAME_SKIP)
			break;
		if (got == FRAME_LOG) {
			in->stats.cut += (f.flags & LOG_FLAG_CUT) != 0;
			batch_add(&in->batch, s->data + at + f.skip, f.len);
		}
		at += f.total;
		/* An item that batch_add() closed ends before this log. */
		in->pending.offset += f.total;
	}
	batch_flush(&in->batch);
	s->at = in->pending;
	memmove(s->data, s->data + at, s->used - at);
	s->used -= at;
}

/* true: there is something new, or the end. Else *more: try again at once. */
static bool stream_read(struct input *in, bool *more)
{
	struct stream *s = &in->stream;
	ssize_t n = read(s->fd, s->data + s->used, INPUT_CHUNK - s->used);

	*more = true;
	if (n < 0 && errno == EINTR)
		return false;
	if (n < 0 && errno == EAGAIN) {
		s->waiting = true;
		if (s->watch.fd < 0 && watch_add(in->cfg.epoll, &s->watch, s->fd, EPOLLIN) != 0)
			s->waiting = false;
		*more = !s->waiting;
		return false;
	}
	if (n < 0) {
		fprintf(stderr, "sluice-send: %s: %s\n", s->path, strerror(errno));
		in->stats.read_errors++;
	}
	s->eof = n <= 0;
	s->used += n > 0 ? (uint32_t)n : 0;
	return true;
}

/* true: there may be more at once. */
static bool stream_run(struct input *in)
{
	struct stream *s = &in->stream;
	bool more;

	if (s->waiting)
		return false;
	if (!s->stopped && !stream_read(in, &more))
		return more;
	take_lines(in);
	if (s->eof && !s->stopped)
		stream_end(in);
	return true;
}

/* ---- local syslog ---- */

static void live_ready(void *ctx, uint32_t events)
{
	struct live *l = ctx;

	(void)events;
	l->ready = true;
}

static bool live_run(struct input *in, struct live *l)
{
	uint32_t bytes = 0;

	in->from_file = false;
	for (unsigned i = 0; i < DATAGRAMS && bytes < DATAGRAM_BYTES && !in->cfg.full(in->cfg.ctx);
		i++) {
		ssize_t n = recv(l->fd, in->datagram, sizeof(in->datagram), MSG_DONTWAIT);
		uint32_t len = n > 0 ? (uint32_t)n : 0;

		if (n < 0) {
			l->ready = false;
			break;
		}
		bytes += len;
		if (datagram_trim(in->datagram, &len, INPUT_LINE_MAX) & LOG_FLAG_CUT)
			in->stats.cut++;
		if (len > 0)
			batch_add(&in->batch, in->datagram, len);
	}
	batch_flush(&in->batch);
	return l->ready;
}

static int listen_live(struct input *in, int family, const struct sockaddr *to, unsigned len)
{
	struct live *l = &in->live[in->n_live];
	const int bytes = 4 << 20;

	l->fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return -1;
	in->n_live++;
	setsockopt(l->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	l->watch = (struct watch){.ready = live_ready, .ctx = l, .fd = -1};
	if (bind(l->fd, to, len) != 0)
		return -1;
	return watch_add(in->cfg.epoll, &l->watch, l->fd, EPOLLIN);
}

static int listen_unix(struct input *in, const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	struct stat st;
	mode_t mask;
	int rc;

	snprintf(to.sun_path, sizeof(to.sun_path), "%.107s", path);
	/* One that a process left behind; anything else stays. */
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(path);
	mask = umask(0111); /* whoever may log */
	rc = listen_live(in, AF_UNIX, (const struct sockaddr *)&to, sizeof(to));
	umask(mask);
	if (rc == 0)
		in->live[in->n_live - 1].path = to;
	return rc;
}

static int listen_all(struct input *in, char *err, size_t size)
{
	const struct settings *s = in->cfg.settings;
	struct sockaddr_storage to;
	unsigned len;

	if (s->syslog_socket[0] && listen_unix(in, s->syslog_socket) != 0) {
		snprintf(err, size, "syslog-socket %s: %s", s->syslog_socket, strerror(errno));
		return -1;
	}
	if (!s->syslog_udp[0])
		return 0;
	if (address_parse(s->syslog_udp, 0, &to, &len) != 0) {
		snprintf(err, size, "syslog-udp: %s is no address:port", s->syslog_udp);
		return -1;
	}
	if (listen_live(in, to.ss_family, (const struct sockaddr *)&to, len) != 0) {
		snprintf(err, size, "syslog-udp %s: %s", s->syslog_udp, strerror(errno));
		return -1;
	}
	return 0;
}

/* ---- all ---- */

struct input *input_new(
	const struct input_config *cfg, char *const *paths, int n, char *err, size_t size)
{
	struct input *in = calloc(1, sizeof(*in));

	if (!in) {
		snprintf(err, size, "out of memory");
		return NULL;
	}
	in->cfg = *cfg;
	in->paths = paths;
	in->n_paths = n;
	in->stream.fd = in->stream.watch.fd = -1;
	in->batch.item = batch_item;
	in->batch.ctx = in;
	in->batch.type = (uint8_t)cfg->settings->log_type;
	in->batch.fixed_vdom = cfg->settings->vdom[0] ? cfg->settings->vdom : NULL;
	if (listen_all(in, err, size) == 0)
		return in;
	input_free(in);
	return NULL;
}

void input_free(struct input *in)
{
	if (!in)
		return;
	if (in->stream.fd >= 0)
		stream_end(in);
	for (unsigned i = 0; i < in->n_live; i++) {
		watch_remove(in->cfg.epoll, &in->live[i].watch);
		if (in->live[i].fd >= 0)
			close(in->live[i].fd);
		if (in->live[i].path.sun_path[0])
			unlink(in->live[i].path.sun_path);
	}
	free(in);
}

bool input_run(struct input *in, bool room, bool live)
{
	struct stream *s = &in->stream;
	bool more = false;

	for (unsigned i = 0; i < in->n_live; i++) {
		struct live *l = &in->live[i];

		watch_want(in->cfg.epoll, &l->watch, live ? EPOLLIN : 0);
		if (live && l->ready)
			more |= live_run(in, l);
	}
	watch_want(in->cfg.epoll, &s->watch, room ? EPOLLIN : 0);
	if (!room || in->next == in->n_paths)
		return more;
	if (s->fd < 0 && !stream_open(in))
		return true;
	return stream_run(in) || more;
}

bool input_ended(const struct input *in)
{
	return in->n_live == 0 && in->next == in->n_paths;
}

void input_stats(const struct input *in, struct input_stats *st)
{
	*st = in->stats;
}
