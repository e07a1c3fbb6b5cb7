/*
 * The control plane: one thread that owns everything but the packets. It is made before the data
 * plane starts (so that a registry or socket that cannot be had is known before any port is
 * touched), gets the data plane, and then runs rounds until told to stop.
 *
 * The members of struct control are for the files of control/ only.
 */
#ifndef SLUICE_CONTROL_H
#define SLUICE_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/alarms.h"
#include "control/config/config.h"
#include "control/devices.h"
#include "control/events.h"
#include "control/guesses.h"
#include "control/jobs.h"
#include "control/loop.h"
#include "control/notify.h"
#include "control/peer.h"
#include "control/registry.h"
#include "control/server.h"
#include "control/settings.h"
#include "control/skew.h"
#include "control/trust.h"
#include "control/watchdog.h"
#include "control/wire_events.h"
#include "dataplane/dp.h"

#define CONTROL_MAX_JOBS 16 /* log show and journal verify at once */

struct control;

struct control_options {
	const struct config *config; /* copied */
	const char *config_file;     /* that a reload reads; NULL: none */
	const char *registry_file;   /* NULL: in memory */
	const char *tls_dir;	     /* of private keys; NULL: none can be kept */
	uid_t owner; /* of the registry's file and the socket's directory, when root makes them; -1:
			leave them */
	gid_t group;
	bool socket, metrics, signals, notify; /* which of the outside there shall be */
	bool quiet;			       /* own events not to stderr too */
	/* Stands in for the kernel's word about a peer; NULL: peer_of_socket(). */
	int (*peer)(void *ctx, int fd, struct peer *out);
	void *peer_ctx;
	/* Once a second and after a change of state; NULL: nobody. For telemetry. */
	void (*tick)(void *ctx, struct control *c);
	void *tick_ctx;
};

/* NULL with one line in `err` that names the file or socket and the problem. */
struct control *control_new(const struct control_options *options, char *err, size_t err_size);

/* Takes the data plane (which stays the caller's) and tells it who may log and with which
 * certificates it answers: before dp_run(), so that nobody is let in or turned away without. */
void control_take(struct control *c, struct dp *dp);

/* After that: opens the doors. `notes`: of dp_start(), one a line, or NULL. 0, or -1 with `err`. */
int control_attach(struct control *c, const struct journal_recovery *recovery, const char *notes,
	char *err, size_t err_size);

/* An alarm of the caller, from before there were rounds. */
void control_alarm(struct control *c, const char *name, const char *text);
struct events *control_events(struct control *c);

/* Until a signal or control_stop(). 0, or -1 with `err`. */
int control_run(struct control *c, char *err, size_t err_size);
/* One round, which waits at most `wait_us`. 0, or -1 with errno. */
int control_round(struct control *c, uint64_t wait_us);
void control_stop(struct control *c);

/* Clients, jobs, metrics: whatever may touch the data plane ends. True: all of it has. False: a
 * reading thread is left behind, and the process must end by _exit(). */
bool control_detach(struct control *c);
void control_free(struct control *c);

/* The pure entry: one request line of `who`, its answer in `out` (empty for a notification or one
 * that is answered later). `client` NULL: nobody to answer later. */
void control_request(struct control *c, struct client *client, const struct peer *who,
	const char *line, size_t len, struct text *out);

/* ---- for control/ ------------------------------------------------------------------------- */

struct log_stream;
struct subscription;
struct ready_waiter;
struct verify_job;
struct metrics_http;
struct top_sample;
struct debug_watch;
struct skew_job;

struct control {
	struct control_options options;
	char config_file[4096];
	struct config config; /* what runs */
	char serial[CONFIG_MAX_SERIAL + 1];

	struct loop *loop;
	struct server *server;
	struct jobs *jobs;
	struct login_keys *keys;
	struct guesses guesses; /* of keys and passwords */
	char users_secret[65];	/* logins.h */
	struct registry *registry;
	struct settings settings;
	struct devices devices;
	struct wire_events wire;
	struct trust trust;
	struct debug_watch *debug; /* who watches the trace, or NULL */
	struct peer_rules rules;
	struct events events;
	struct alarms alarms;
	struct watchdog watchdog;
	struct notify notify;
	struct metrics_http *metrics;

	struct dp *dp; /* NULL before attach and after detach */
	struct journal_recovery recovery;
	int signal_fd;
	struct loop_watch *signal_watch, *dp_watch, *journal_watch;

	uint64_t start_us, start_ns; /* monotonic, wall */
	uint64_t next_tick_us, next_ready_us, next_alarms_us, next_silence_us;
	uint64_t durable_block, durable_logs; /* as last announced */
	bool ready;			      /* has been, once */
	bool stop;			      /* the loop shall end */
	unsigned stuck;			      /* lcores */

	struct log_stream *streams;
	struct subscription *subscriptions;
	struct ready_waiter *waiters;
	struct verify_job *verify; /* the one that runs, or NULL */
	struct top_sample *top;
	struct skew_job *skew; /* the one that runs, or NULL */
	struct skew_known skew_known;
	uint64_t next_skew_us, skew_block; /* the next look; up to where the last one went */
	uint64_t next_subscription;
	uint64_t streams_expired; /* as many as were told by now */

	struct {
		uint64_t errors, announced, announce_lost, reloads, reloads_refused, audit_failed;
	} counters;
};

/* "starting", "ready", "degraded", "hold", "failed" or "stopping". */
const char *control_state(struct control *c);
/* Is the journal running, and every port up with an address that works, none still unsure? */
bool control_is_ready(struct control *c);

/* A row of the audit with the time and the name of who it was, which is put into `name`. */
void control_audit_row(struct audit_row *row, char name[64], const struct peer *who,
	const char *what, const char *target, const char *before, const char *after);
/* Writes it into the audit, with the time. When that fails the change stands, and an alarm and an
 * event say that it is not in the audit. */
void control_audit(struct control *c, const struct peer *who, const char *what, const char *target,
	const char *before, const char *after);

enum reload_result {
	RELOAD_DONE = 0,
	RELOAD_INVALID = -1,	   /* the file */
	RELOAD_NEEDS_RESTART = -2, /* it changes what a reload cannot */
	RELOAD_FAILED = -3,	   /* could not be applied */
};
/* Reads the configuration file and applies it, all or nothing; tells it by an event and the audit.
 * Other than RELOAD_DONE: with `why` (one line). `result`, if not NULL, gets a new reference to
 * {changes: [...], errors: [...]}, or NULL. */
enum reload_result control_reload(
	struct control *c, const struct peer *who, json_t **result, char *why, size_t size);

#endif
