/*
 * A data plane and a journal without packets or disk, for tests of the control plane: everything
 * that dp.h, journal.h and reader.h tell control comes out of plain members that a test sets.
 */
#ifndef FAKE_DP_H
#define FAKE_DP_H

#include <pthread.h>

#include "dataplane/dp.h"
#include "dataplane/login.h"
#include "dataplane/journal/reader.h"
#include "dataplane/journal/state.h"

#define FAKE_DEVICES  64
#define FAKE_SESSIONS 64
#define FAKE_EVENTS   512

struct fake_log {
	uint64_t block, time_ns, seq_no;
	char device[DP_DEVICE_NAME + 1];
	bool stream, vdom;
	uint8_t transport, flags;
	uint8_t *log;
	uint32_t len;
};

struct journal {
	pthread_mutex_t mutex; /* readers are threads */
	enum journal_state state;
	uint64_t block, logs, streams_expired, streams_displaced;
	int efd;
	struct fake_log *v;
	unsigned count, cap;
	struct {
		char name[DP_DEVICE_NAME + 1];
		struct journal_state_device d;
	} life[FAKE_DEVICES];
	unsigned life_count;
	/* One stream of `life`'s first device. */
	struct journal_state_stream stream;
	struct journal_state_gap *gaps;

	struct journal_config reconfigured;
	unsigned reconfigure_count;
	bool refuse_reconfigure, refuse_resume, refuse_open;
	unsigned segments, findings;
	bool verify_waits; /* until it is false again */
	pthread_cond_t verify_go;
	char last_error[128];
};

struct dp {
	struct journal journal;
	struct dp_account accounts[FAKE_DEVICES];
	unsigned accounts_count;
	unsigned many; /* devices made up besides: "many-000000", ... */
	struct dp_wire wire;
	struct dp_port_info ports[DP_MAX_PORTS];
	unsigned ports_count;
	struct dp_lcore_info lcores[DP_MAX_LCORES];
	unsigned lcores_count;
	struct dp_session_info sessions[FAKE_SESSIONS];
	unsigned sessions_count;
	bool workers_dead;
	uint64_t refusals[REFUSAL_REASON_COUNT];

	struct dp_policy policy;
	unsigned policy_count;
	char *events[FAKE_EVENTS];
	unsigned events_count;
	bool refuse_events;
	unsigned rounds;
	/* What lcores would tell, once each. */
	struct auth_event *told;
	unsigned told_count, told_at;
	unsigned trace_level;
	bool trace_all;
	struct ip_addr trace_addr;
	unsigned trace_lines; /* made up, still to be told */
	uint64_t trace_lost;  /* before the next */
	dp_judge_fn judge;
	void *judge_ctx;
	struct login *answered; /* newest first; the test frees them */
};

/* With one port that is up, two lcores, two devices, a session. */
struct dp *fake_dp_new(void);
void fake_dp_free(struct dp *d);

/* A device with an account that adds up. */
struct dp_account *fake_account(struct dp *d, const char *device, uint64_t received);
/* Makes a log durable in a block of its own; announces it. */
void fake_log_add(struct dp *d, const char *device, const void *log, size_t len);
/* The same, without announcing. */
struct fake_log *fake_log_put(struct dp *d, const char *device, const void *log, size_t len);
void fake_announce(struct dp *d);
/* The number of own events that contain `text`. */
unsigned fake_events(const struct dp *d, const char *text);

#endif
