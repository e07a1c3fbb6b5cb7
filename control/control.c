#include "control/control.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "control/checks.h"
#include "control/login_keys.h"
#include "control/logins.h"
#include "control/method.h"
#include "control/metrics_http.h"
#include "control/skew.h"
#include "control/trust_alarms.h"

#define TICK_US 1000000u

static void on_request(
	void *ctx, struct client *client, const char *line, size_t len, struct text *out)
{
	control_request(ctx, client, client_peer(client), line, len, out);
}

/* A serial that is `auto` is drawn once and kept: it names this node whatever its hardware does. */
static int load_serial(struct control *c, char *err, size_t err_size)
{
	char kept[CONFIG_MAX_SERIAL + 1] = "";
	char seed[33];
	uint64_t random[2];
	int rc;

	if (strcmp(c->config.node.serial, "auto") != 0) {
		config_node_serial(&c->config, NULL, c->serial);
		return 0;
	}
	rc = registry_meta_get(c->registry, "node-serial", kept, sizeof(kept));
	if (rc == 1) {
		memcpy(c->serial, kept, sizeof(c->serial));
		return 0;
	}
	if (rc == 0 && getrandom(random, sizeof(random), 0) == (ssize_t)sizeof(random)) {
		snprintf(seed, sizeof(seed), "%016llx%016llx", (unsigned long long)random[0],
			(unsigned long long)random[1]);
		config_node_serial(&c->config, seed, c->serial);
		if (registry_meta_set(c->registry, "node-serial", c->serial) == REGISTRY_OK)
			return 0;
	}
	snprintf(err, err_size, "registry: cannot keep the node's serial: %s",
		registry_error(c->registry));
	return -1;
}

static int open_registry(struct control *c, char *err, size_t err_size)
{
	const struct control_options *o = &c->options;
	enum registry_status rc =
		registry_open(o->registry_file, o->owner, o->group, &c->registry, err, err_size);
	unsigned unknown;

	/* Most likely it has the journal too, and that is what a user knows by name. */
	if (rc == REGISTRY_E_LOCKED)
		snprintf(err, err_size,
			"registry %s, which goes with journal %s: locked by another sluiced",
			o->registry_file, c->config.journal.dir);
	if (rc != REGISTRY_OK)
		return -1;
	if (settings_load(&c->settings, c->registry, &unknown) != REGISTRY_OK) {
		snprintf(err, err_size, "registry: %s", registry_error(c->registry));
		return -1;
	}
	if (unknown)
		alarm_raise(&c->alarms, "settings_unknown", "",
			"%u settings in the registry are not of this version and have no effect",
			unknown);
	c->events.least = (enum event_level)c->settings.v[SETTING_EVENT_LEVEL].number;
	if (devices_load(&c->devices, c->registry, c->config.limits.devices) != REGISTRY_OK) {
		snprintf(err, err_size, "registry: %s", registry_error(c->registry));
		return -1;
	}
	refusals_init(&c->wire.refusals, &c->devices.key);
	guesses_init(&c->guesses, &c->devices.key);
	return load_serial(c, err, err_size) == 0 && logins_start(c, err, err_size) == 0
		       ? trust_start(c, c->options.tls_dir, err, err_size)
		       : -1;
}

static int set_up(struct control *c, char *err, size_t err_size)
{
	c->loop = loop_new();
	c->jobs = c->loop ? jobs_new(c->loop, CONTROL_MAX_JOBS) : NULL;
	c->keys = c->jobs ? login_keys_new(c) : NULL;
	if (!c->keys) {
		snprintf(err, err_size, "control: %s", strerror(errno));
		return -1;
	}
	if (open_registry(c, err, err_size) != 0)
		return -1;
	if (c->options.socket) {
		c->server = server_bind(c->config.control.socket, c->options.owner,
			c->options.group, err, err_size);
		if (!c->server)
			return -1;
	}
	if (c->options.notify && notify_open(&c->notify) != 0)
		event(&c->events, EVENT_WARNING, "notify", "cannot use NOTIFY_SOCKET: %s",
			strerror(errno));
	return 0;
}

struct control *control_new(const struct control_options *options, char *err, size_t err_size)
{
	struct control *c = calloc(1, sizeof(*c));

	if (!c) {
		snprintf(err, err_size, "control: out of memory");
		return NULL;
	}
	c->options = *options;
	c->config = *options->config;
	c->options.config = &c->config;
	if (options->config_file) {
		snprintf(c->config_file, sizeof(c->config_file), "%s", options->config_file);
		c->options.config_file = c->config_file;
	}
	c->signal_fd = c->notify.fd = -1;
	events_init(&c->events, c->config.node.name);
	c->events.quiet = options->quiet;
	c->alarms.events = &c->events;
	c->rules.starter = geteuid();
	peer_rules_load(&c->rules);
	if (set_up(c, err, err_size) != 0) {
		control_free(c);
		return NULL;
	}
	return c;
}

void control_alarm(struct control *c, const char *name, const char *text)
{
	alarm_raise(&c->alarms, name, "", "%s", text);
}

struct events *control_events(struct control *c)
{
	return &c->events;
}

static bool own_log(void *ctx, const char *line, size_t len)
{
	return dp_own_log(ctx, line, len);
}

static void on_signal(void *ctx, uint32_t events)
{
	struct control *c = ctx;
	struct signalfd_siginfo si;

	(void)events;
	while (read(c->signal_fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		const struct peer sender = {
			.pid = (pid_t)si.ssi_pid, .uid = (uid_t)si.ssi_uid, .role = ROLE_WRITE};
		char why[600];

		if (si.ssi_signo == SIGHUP)
			control_reload(c, &sender, NULL, why, sizeof(why));
		else
			c->stop = true;
	}
}

/* Level-triggered; dp_control_round(), which empties it, is part of every round anyway. */
static void on_dp(void *ctx, uint32_t events)
{
	(void)ctx;
	(void)events;
}

static void on_journal(void *ctx, uint32_t events)
{
	struct control *c = ctx;
	uint64_t n;

	(void)events;
	(void)!read(journal_watch(dp_journal(c->dp)), &n, sizeof(n));
	journal_announce(c);
}

static int watch_signals(struct control *c)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	c->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (c->signal_fd < 0)
		return -1;
	c->signal_watch = loop_add(c->loop, c->signal_fd, EPOLLIN, on_signal, c);
	return c->signal_watch ? 0 : -1;
}

static int open_doors(struct control *c, char *err, size_t err_size)
{
	struct server_handler handler = {.ctx = c, .request = on_request};
	int journal_fd = journal_watch(dp_journal(c->dp));
	int dp_fd = dp_control_fd(c->dp);

	if (c->options.signals && watch_signals(c) != 0)
		goto failed;
	if (dp_fd >= 0 && !(c->dp_watch = loop_add(c->loop, dp_fd, EPOLLIN, on_dp, c)))
		goto failed;
	if (journal_fd >= 0 &&
		!(c->journal_watch = loop_add(c->loop, journal_fd, EPOLLIN, on_journal, c)))
		goto failed;
	if (c->options.peer) {
		handler.peer = c->options.peer;
		handler.ctx = c;
	}
	if (c->server && server_start(c->server, c->loop, &c->rules, &handler) != 0)
		goto failed;
	if (c->options.metrics && c->config.metrics.listen.port) {
		c->metrics = metrics_http_start(c, &c->config.metrics.listen, err, err_size);
		if (!c->metrics)
			return -1;
	}
	return 0;
failed:
	snprintf(err, err_size, "control: %s", strerror(errno));
	return -1;
}

static void tell_notes(struct control *c, const char *notes)
{
	while (notes && *notes) {
		size_t n = strcspn(notes, "\n");

		event(&c->events, EVENT_NOTICE, "start-note", "%.*s", (int)n, notes);
		notes += n + (notes[n] == '\n');
	}
}

static void tell_start(struct control *c, const char *notes)
{
	const struct journal_recovery *r = &c->recovery;

	event_begin(&c->events, EVENT_NOTICE, "start");
	event_add(&c->events, "version", "%s", SLUICE_VERSION);
	event_add(&c->events, "serial", "%s", c->serial);
	event_add(&c->events, "msg", "sluiced has started");
	event_end(&c->events);
	tell_notes(c, notes);
	event_begin(&c->events,
		r->corrupt_blocks ? EVENT_ERROR
		: r->torn_files	  ? EVENT_WARNING
				  : EVENT_NOTICE,
		"journal-open");
	event_add(&c->events, "durable_block", "%llu", (unsigned long long)r->durable_block);
	event_add(&c->events, "logs", "%llu", (unsigned long long)r->logs);
	event_add(&c->events, "corrupt_blocks", "%llu", (unsigned long long)r->corrupt_blocks);
	event_add(&c->events, "torn_bytes", "%llu", (unsigned long long)r->torn_bytes);
	event_add(&c->events, "msg", "%s",
		r->corrupt_blocks ? "the journal has corrupt blocks: see `sluicectl journal verify`"
		: r->torn_files	  ? "a torn tail was moved to torn/"
		: r->segments == 0 ? "the journal is new"
		: r->clean	   ? "the journal was closed cleanly"
				   : "the journal was not closed, and is whole");
	event_end(&c->events);
}

void control_take(struct control *c, struct dp *dp)
{
	c->dp = dp;
	dp_judge_set(dp, logins_judge, c);
	trust_publish(c);
}

int control_attach(struct control *c, const struct journal_recovery *recovery, const char *notes,
	char *err, size_t err_size)
{
	struct dp *dp = c->dp;

	c->recovery = *recovery;
	c->start_us = clock_mono_us();
	c->start_ns = clock_wall_ns();
	journal_durable(dp_journal(dp), &c->durable_block, &c->durable_logs);
	c->skew_block = c->durable_block > SKEW_BEFORE ? c->durable_block - SKEW_BEFORE : 0;
	events_set_sink(&c->events, own_log, dp);
	tell_start(c, notes);
	if (recovery->corrupt_blocks)
		alarm_raise(&c->alarms, "journal_corrupt", "",
			"recovery found %llu corrupt blocks; they are skipped, not removed",
			(unsigned long long)recovery->corrupt_blocks);
	if (open_doors(c, err, err_size) != 0)
		return -1;
	notify_ready(&c->notify, "running");
	return 0;
}

static uint64_t tick(struct control *c, uint64_t now_us)
{
	if (now_us >= c->next_tick_us) {
		c->next_tick_us = now_us + TICK_US;
		checks_tick(c, now_us);
		wire_events_tick(c, now_us);
		trust_alarms_tick(c, now_us);
		skew_tick(c, now_us);
		if (c->options.tick)
			c->options.tick(c->options.tick_ctx, c);
	}
	return c->next_tick_us;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

int control_round(struct control *c, uint64_t wait_us)
{
	uint64_t now = clock_mono_us();
	uint64_t until = wait_us < UINT64_MAX - now ? now + wait_us : UINT64_MAX;

	checks_round(c);
	until = earlier(until, tick(c, now));
	until = earlier(until, ready_round(c, now));
	until = earlier(until, dp_control_round(c->dp, now));
	until = earlier(until, wire_events_round(c, now));
	until = earlier(until, debug_round(c, now));
	until = earlier(until, notify_watchdog(&c->notify, now, c->stuck == 0));
	if (c->metrics)
		until = earlier(until, metrics_http_round(c->metrics, now));
	/* Last: the others may have answers for clients. */
	if (c->server)
		until = earlier(until, server_round(c->server, now));
	return loop_once(c->loop, until) < 0 ? -1 : 0;
}

int control_run(struct control *c, char *err, size_t err_size)
{
	while (!c->stop) {
		if (control_round(c, UINT64_MAX) != 0) {
			snprintf(err, err_size, "control: epoll: %s", strerror(errno));
			return -1;
		}
	}
	return 0;
}

void control_stop(struct control *c)
{
	c->stop = true;
}

bool control_detach(struct control *c)
{
	bool ended;

	if (!c->dp)
		return true;
	notify_stopping(&c->notify);
	event_begin(&c->events, EVENT_NOTICE, "stop");
	event_add(&c->events, "uptime_s", "%llu",
		(unsigned long long)((clock_mono_us() - c->start_us) / 1000000u));
	event_add(&c->events, "msg", "sluiced is stopping");
	event_end(&c->events);
	metrics_http_stop(c->metrics);
	c->metrics = NULL;
	/* First the clients: that tells the jobs to end. */
	server_free(c->server);
	c->server = NULL;
	ended = jobs_free(c->jobs);
	c->jobs = NULL;
	ended = login_keys_free(c->keys) && ended;
	c->keys = NULL;
	loop_remove(c->loop, c->dp_watch);
	loop_remove(c->loop, c->journal_watch);
	events_set_sink(&c->events, NULL, NULL);
	dp_judge_set(c->dp, NULL, NULL);
	c->dp = NULL;
	return ended;
}

void control_free(struct control *c)
{
	if (!c)
		return;
	server_free(c->server);
	jobs_free(c->jobs);
	login_keys_free(c->keys);
	top_free(c);
	loop_remove(c->loop, c->signal_watch);
	if (c->signal_fd >= 0)
		close(c->signal_fd);
	notify_close(&c->notify);
	if (c->registry)
		wire_events_flush(c);
	devices_free(&c->devices);
	trust_free(c);
	registry_close(c->registry);
	loop_free(c->loop);
	events_free(&c->events);
	free(c);
}
