#include "send/sender_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "dataplane/client/diag.h"
#include "send/tell.h"
#include "send/world.h"

#define EVENTS	 16
#define NICENESS 10

/* ---- what is read ---- */

bool sender_keep(struct sender *s, bool before_send)
{
	switch (keeper_flush(&s->keeper, s->client, before_send, s->now)) {
	case KEEPER_KEPT:
		return true;
	case KEEPER_WAITS:
		return false;
	default:
		s->failed = s->quit = true;
		return false;
	}
}

/* Files and syslog wait where the spill has no room and cannot be written. */
static bool full(void *ctx)
{
	struct sender *s = ctx;

	return keeper_full(&s->keeper) && !sender_keep(s, false);
}

static void item_read(void *ctx, const struct client_item *item, const struct spill_input *from)
{
	struct sender *s = ctx;

	client_add(s->client, item);
	if (!keeper_add(&s->keeper, s->client, item, from))
		s->failed = s->quit = true;
}

static uint64_t offset_of(void *ctx, uint64_t dev, uint64_t ino)
{
	const struct sender *s = ctx;

	return s->keeper.spill ? spill_offset(s->keeper.spill, dev, ino) : 0;
}

/* ---- questions ---- */

static bool answer(void *ctx, const char *question, FILE *to)
{
	const struct sender *s = ctx;
	const struct diag d = {.client = s->client,
		.now = world_now_us(),
		.server = session_server(s),
		.source_ip = s->s->source_ip,
		.max = s->s->queue_size,
		.realtime = s->s->upload_option == UPLOAD_REALTIME,
		.reliable = s->s->reliable,
		.verified = s->s->certificate_verification,
		.conn_id = s->s->conn_id,
		.spill_bytes = s->keeper.spill ? spill_bytes(s->keeper.spill) : UINT64_MAX};

	if (strcmp(question, "1") == 0)
		diag_status(&d, to);
	else if (strcmp(question, "30") == 0)
		diag_items(&d, to);
	else if (strcmp(question, "41") == 0)
		diag_queues(&d, to);
	else
		return false;
	return true;
}

/* ---- the end ---- */

static void signalled(void *ctx, uint32_t events)
{
	struct sender *s = ctx;
	struct signalfd_siginfo info;

	(void)events;
	if (read(s->signals.fd, &info, sizeof(info)) != sizeof(info))
		return;
	/* What a spill keeps needs not be waited for; a second signal does not wait either. */
	if (s->ending || s->keeper.spill)
		s->quit = true;
	s->ending = true;
	s->end_us = s->now + s->s->conn_timeout * 1000000ull;
}

static void judge_end(struct sender *s)
{
	struct client_stats st;

	client_stats(s->client, &st);
	if (st.memory.items + st.confirm.items == 0 && (s->ending || input_ended(s->input)) &&
		!s->keeper.fails)
		s->quit = true;
	if (s->now >= s->end_us)
		s->quit = true;
	if (s->s->give_up && s->state < CLIENT_PENDING &&
		s->now >= s->alone_us + s->s->give_up * 1000000ull) {
		tell("gives up: no connection for %u s", s->s->give_up);
		s->failed = s->quit = true;
	}
}

static enum send_exit finish(struct sender *s)
{
	struct client_stats st;
	struct input_stats in;
	uint64_t left;

	sender_keep(s, false);
	client_bye(s->client, s->now);
	session_write(s);
	client_stats(s->client, &st);
	input_stats(s->input, &in);
	left = st.memory.logs + st.confirm.logs;
	tell("%" PRIu64 " logs %s, %" PRIu64 " dropped, %" PRIu64 " %s",
		st.confirmed_logs - s->confirmed_before, s->s->reliable ? "confirmed" : "sent",
		st.dropped, left, s->keeper.spill ? "in the spill" : "not sent or not confirmed");
	if (in.cut)
		tell("%" PRIu64 " logs were longer than %u bytes and were cut", in.cut,
			INPUT_LINE_MAX);
	return s->failed || in.read_errors || (left && !s->keeper.spill) ? SEND_FAILED : SEND_DONE;
}

/* ---- the loop ---- */

static uint64_t earliest(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t deadline(const struct sender *s)
{
	uint64_t at = earliest(client_deadline(s->client), failover_deadline(&s->failover));

	at = earliest(at, control_deadline(&s->control));
	at = earliest(at, s->end_us);
	if (s->failover.probing)
		at = earliest(at, s->probe_end_us);
	if (s->keeper.fails)
		at = earliest(at, s->keeper.again_us);
	if (s->s->give_up && s->state < CLIENT_PENDING)
		at = earliest(at, s->alone_us + s->s->give_up * 1000000ull);
	return at;
}

/* Files wait as soon as half of the queue is taken; syslog cannot. */
static bool has_room(const struct sender *s)
{
	struct client_stats st;

	client_stats(s->client, &st);
	return !s->ending && !s->keeper.fails && st.occupied < s->s->queue_size / 2;
}

static enum send_exit loop(struct sender *s)
{
	struct epoll_event ready[EVENTS];
	bool more = true;

	while (!s->quit) {
		int n = epoll_wait(
			s->epoll, ready, EVENTS, more ? 0 : world_wait_ms(s->now, deadline(s)));

		s->now = world_now_us();
		for (int i = 0; i < n; i++) {
			struct watch *w = ready[i].data.ptr;

			if (w->fd >= 0)
				w->ready(w->ctx, ready[i].events);
		}
		more = input_run(s->input, has_room(s), !s->ending && !s->keeper.fails);
		session_tick(s);
		session_write(s);
		more |= datagrams_write(&s->datagrams, s->client, s->now);
		sender_keep(s, false);
		session_probe(s);
		control_tick(&s->control, s->now);
		judge_end(s);
	}
	return finish(s);
}

static int catch_signals(struct sender *s)
{
	sigset_t set;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a spill past the limit of a file is an error like another */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	s->signals = (struct watch){.ready = signalled, .ctx = s, .fd = -1};
	return watch_add(s->epoll, &s->signals, fd, EPOLLIN);
}

static int start(struct sender *s, char *const *paths, int n, char *err, size_t size)
{
	struct input_config in = {
		.settings = s->s, .item = item_read, .offset = offset_of, .full = full, .ctx = s};
	struct client_config cfg;
	struct client_stats st;
	int rc;

	s->epoll = in.epoll = s->datagrams.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (tls_client_new(s->s, &s->tls, s->serial, err, size) != 0)
		return -1;
	world_client_config(s->s, s->serial, &cfg);
	if (legacy_init(&s->legacy, s->s, &s->link, s->serial, &cfg, err, size) != 0)
		return -1;
	s->client = cfg.serial[0] ? client_new(&cfg) : NULL;
	if (!s->client) {
		snprintf(err, size, "%s",
			cfg.serial[0] ? "out of memory"
				      : "the certificate has no common name to be a serial "
					"number");
		return -1;
	}
	failover_init(&s->failover, s->s->alt_server[0], s->s->fallback_to_primary, cfg.retry_us);
	session_init(s);
	if (keeper_load(&s->keeper, s->s, s->client, err, size) != 0)
		return -1;
	client_stats(s->client, &st);
	s->confirmed_before = st.confirmed_logs;
	s->input = input_new(&in, paths, n, err, size);
	if (!s->input)
		return -1;
	rc = catch_signals(s);
	if (rc == 0 && s->s->control[0])
		rc = control_open(&s->control, s->epoll, s->s->control, answer, s);
	if (rc != 0)
		snprintf(err, size, "%s: %s", s->s->control[0] ? s->s->control : "epoll",
			strerror(-rc));
	return rc;
}

enum send_exit send_run(const struct settings *settings, char *const *paths, int n)
{
	struct sender *s = calloc(1, sizeof(*s));
	enum send_exit status = SEND_FAILED;
	char err[400];

	if (!s)
		return SEND_FAILED;
	s->s = settings;
	s->signals.fd = -1;
	datagrams_init(&s->datagrams);
	s->end_us = UINT64_MAX;
	s->now = s->alone_us = world_now_us();
	if (settings->priority && getpriority(PRIO_PROCESS, 0) < NICENESS)
		setpriority(PRIO_PROCESS, 0, NICENESS);
	if (start(s, paths, n, err, sizeof(err)) == 0) {
		s->now = s->alone_us = world_now_us(); /* a password may have been asked for */
		status = loop(s);
	} else {
		tell("%s", err);
	}
	control_close(&s->control);
	input_free(s->input);
	if (s->client) {
		link_close(&s->link);
		link_close(&s->probe);
	}
	spill_close(s->keeper.spill);
	client_free(s->client);
	legacy_fini(&s->legacy);
	SSL_CTX_free(s->tls);
	if (s->signals.fd >= 0)
		close(s->signals.fd);
	datagrams_close(&s->datagrams);
	close(s->epoll);
	free(s);
	return status;
}
