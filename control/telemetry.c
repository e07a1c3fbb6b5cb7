#include "control/telemetry.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <rte_telemetry.h>
#include <rte_version.h>

#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
#define dict_u64 rte_tel_data_add_dict_uint
#else
#define dict_u64 rte_tel_data_add_dict_u64
#endif

/* EAL gives its callbacks no context of ours. */
static struct {
	pthread_mutex_t mutex;
	char version[32], node[DP_DEVICE_NAME + 1], serial[CONFIG_MAX_SERIAL + 1], state[16];
	uint64_t uptime_s, sessions, alarms;
	struct journal_status journal;
	struct dp_account total;
	unsigned lcores_count;
	struct dp_lcore_info lcores[DP_MAX_LCORES];
} seen = {.mutex = PTHREAD_MUTEX_INITIALIZER};

void telemetry_tick(void *ctx, struct control *c)
{
	struct dp_lcore_info lcores[DP_MAX_LCORES];
	struct journal_status journal;
	struct dp_account total;
	unsigned n = dp_lcores(c->dp, lcores, DP_MAX_LCORES);

	(void)ctx;
	n = n < DP_MAX_LCORES ? n : DP_MAX_LCORES;
	journal_status(dp_journal(c->dp), &journal);
	dp_account_total(c->dp, &total);
	pthread_mutex_lock(&seen.mutex);
	snprintf(seen.version, sizeof(seen.version), "%s", SLUICE_VERSION);
	snprintf(seen.node, sizeof(seen.node), "%s", c->config.node.name);
	snprintf(seen.serial, sizeof(seen.serial), "%s", c->serial);
	snprintf(seen.state, sizeof(seen.state), "%s", control_state(c));
	seen.uptime_s = (clock_mono_us() - c->start_us) / 1000000u;
	seen.alarms = c->alarms.count;
	seen.journal = journal;
	seen.total = total;
	seen.lcores_count = n;
	memcpy(seen.lcores, lcores, n * sizeof(lcores[0]));
	seen.sessions = 0;
	for (unsigned i = 0; i < n; i++)
		seen.sessions += lcores[i].sessions;
	pthread_mutex_unlock(&seen.mutex);
}

static int status_cb(const char *cmd, const char *params, struct rte_tel_data *d)
{
	(void)cmd;
	(void)params;
	rte_tel_data_start_dict(d);
	pthread_mutex_lock(&seen.mutex);
	rte_tel_data_add_dict_string(d, "version", seen.version);
	rte_tel_data_add_dict_string(d, "node", seen.node);
	rte_tel_data_add_dict_string(d, "serial", seen.serial);
	rte_tel_data_add_dict_string(d, "state", seen.state);
	dict_u64(d, "uptime_s", seen.uptime_s);
	dict_u64(d, "sessions", seen.sessions);
	dict_u64(d, "alarms", seen.alarms);
	rte_tel_data_add_dict_string(d, "journal_state", journal_state_name(seen.journal.state));
	dict_u64(d, "durable_block", seen.journal.durable_block);
	dict_u64(d, "durable_logs", seen.journal.durable_logs);
	pthread_mutex_unlock(&seen.mutex);
	return 0;
}

static int accounts_cb(const char *cmd, const char *params, struct rte_tel_data *d)
{
	struct rte_tel_data *dropped = rte_tel_data_alloc();

	(void)cmd;
	(void)params;
	if (!dropped)
		return -1;
	rte_tel_data_start_dict(d);
	rte_tel_data_start_dict(dropped);
	pthread_mutex_lock(&seen.mutex);
	dict_u64(d, "received", seen.total.received);
	dict_u64(d, "stored", seen.total.stored);
	dict_u64(d, "duplicate", seen.total.duplicate);
	dict_u64(d, "pending", seen.total.pending);
	dict_u64(d, "bytes", seen.total.bytes);
	dict_u64(d, "cut", seen.total.cut);
	for (unsigned i = 0; i < DROP_REASON_COUNT; i++)
		dict_u64(dropped, drop_reason_slug(i), seen.total.dropped[i]);
	pthread_mutex_unlock(&seen.mutex);
	if (rte_tel_data_add_dict_container(d, "dropped", dropped, 0) != 0) {
		rte_tel_data_free(dropped);
		return -1;
	}
	return 0;
}

static int add_lcore(struct rte_tel_data *d, const struct dp_lcore_info *l)
{
	struct rte_tel_data *one = rte_tel_data_alloc();
	char name[32];

	if (!one)
		return -1;
	rte_tel_data_start_dict(one);
	dict_u64(one, "cpu", l->cpu);
	rte_tel_data_add_dict_string(one, "roles", l->roles);
	dict_u64(one, "rounds", l->heartbeat);
	dict_u64(one, "sleeping", l->sleeping);
	dict_u64(one, "busy_ns", l->busy_ns);
	dict_u64(one, "total_ns", l->total_ns);
	dict_u64(one, "logs", l->logs);
	dict_u64(one, "packets", l->packets);
	dict_u64(one, "sessions", l->sessions);
	dict_u64(one, "ring_full", l->ring_full);
	dict_u64(one, "crossed", l->crossed);
	snprintf(name, sizeof(name), "lcore_%u", l->lcore);
	if (rte_tel_data_add_dict_container(d, name, one, 0) != 0) {
		rte_tel_data_free(one);
		return -1;
	}
	return 0;
}

static int lcores_cb(const char *cmd, const char *params, struct rte_tel_data *d)
{
	int rc = 0;

	(void)cmd;
	(void)params;
	rte_tel_data_start_dict(d);
	pthread_mutex_lock(&seen.mutex);
	for (unsigned i = 0; i < seen.lcores_count && rc == 0; i++)
		rc = add_lcore(d, &seen.lcores[i]);
	pthread_mutex_unlock(&seen.mutex);
	return rc;
}

int telemetry_register(void)
{
	if (rte_telemetry_register_cmd("/sluice/status", status_cb,
		    "Version, state, uptime and journal. No parameters.") != 0 ||
		rte_telemetry_register_cmd("/sluice/accounts", accounts_cb,
			"Logs of all devices together. No parameters.") != 0 ||
		rte_telemetry_register_cmd(
			"/sluice/lcores", lcores_cb, "What each lcore does. No parameters.") != 0)
		return -1;
	return 0;
}
