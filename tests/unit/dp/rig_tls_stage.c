#include "tests/unit/dp/rig_tls_stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct rig rig;
struct world world;
static struct rig_options options = {.sessions = 256};
struct dp_config cfg;
struct auth_device devices[8];
static unsigned devices_count;
uint64_t stored;
struct auth_event events[64];
unsigned events_count;
uint16_t next_port = 5000;

void publish(void)
{
	char err[256];

	cfg.policy.auth = auth_snapshot_new(
		devices, devices_count, "[A-Z0-9-]{8,24}", false, err, sizeof(err));
	cfg.policy.tls = world_set(&world);
	assert_non_null(cfg.policy.auth);
	dp_policy_publish(rig.dp, &cfg.policy);
	auth_snapshot_unref(cfg.policy.auth);
	tls_set_unref(cfg.policy.tls);
	cfg.policy.auth = NULL;
	cfg.policy.tls = NULL;
}

void set_device(const char *serial, enum auth_state state)
{
	unsigned i = 0;

	while (i < devices_count && strcmp(devices[i].serial, serial) != 0)
		i++;
	if (i == devices_count)
		devices_count++;
	snprintf(devices[i].serial, sizeof(devices[i].serial), "%s", serial);
	devices[i].state = (uint8_t)state;
}

int stage_start(void **state)
{
	(void)state;
	world_make(&world);
	rig_start(&rig, &options);
	return 0;
}

int stage_stop(void **state)
{
	(void)state;
	if (rig.dp)
		rig_stop(&rig);
	rig_clean(&rig);
	world_free(&world);
	return 0;
}

static void take_event(void *ctx, const struct auth_event *ev)
{
	(void)ctx;
	assert_true(events_count < 64);
	events[events_count++] = *ev;
}

int stage_begin(void **state)
{
	(void)state;
	dp_config_defaults(&cfg);
	memset(devices, 0, sizeof(devices));
	devices_count = 0;
	set_device(WORLD_SERIAL, AUTH_AUTHORIZED);
	publish();
	do
		events_count = 0;
	while (dp_auth_events(rig.dp, 64, take_event, NULL) > 0);
	events_count = 0;
	return 0;
}

const struct auth_event *wait_event(enum auth_event_kind kind)
{
	for (;;) {
		rig_pump(&rig);
		dp_auth_events(rig.dp, 1, take_event, NULL);
		if (events_count && events[events_count - 1].kind == kind)
			return &events[events_count - 1];
	}
}

struct kind_count {
	const char *kind;
	unsigned n;
	struct dp_session_info last;
};

static void count_kind(void *ctx, const struct dp_session_info *s)
{
	struct kind_count *c = ctx;

	if (strcmp(s->kind, c->kind) != 0)
		return;
	c->n++;
	c->last = *s;
}

unsigned sessions_of(const char *kind, struct dp_session_info *last)
{
	struct kind_count c = {.kind = kind};

	while (dp_sessions(rig.dp, count_kind, &c) != 0)
		c.n = 0; /* a worker that has no CPU answers later */
	if (last)
		*last = c.last;
	return c.n;
}

void rounds(uint64_t n)
{
	struct dp_lcore_info v[DP_MAX_LCORES], now[DP_MAX_LCORES];
	unsigned count = dp_lcores(rig.dp, v, DP_MAX_LCORES);

	for (unsigned i = 0; i < count; i++)
		do {
			rig_pump(&rig);
			dp_lcores(rig.dp, now, DP_MAX_LCORES);
		} while (now[i].heartbeat < v[i].heartbeat + n);
}

uint64_t device_stored(const char *device)
{
	struct dp_account a;

	return dp_account_get(rig.dp, device, &a) ? a.stored : 0;
}

const struct tls_client_options good = {.cert = &world.device};

void stage_options(const char *argv1)
{
	options.lcores = rig_lcores_named(argv1);
}
