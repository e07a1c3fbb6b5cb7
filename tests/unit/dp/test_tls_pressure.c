/*
 * No block to write to, and no buffer left for plaintext that is not consumed yet, at once: whoever
 * holds most of an unfinished log goes, nobody else, and what the others have sent is all stored
 * when there is room again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/worker.h"
#include "tests/unit/dp/rig_tls.h"
#include "tests/unit/tls/world.h"

#define HOARDERS 4u
#define HELD	 28000u /* of an unfinished log: 14 buffers */
#define BUFFERS	 60u	/* so that no record finds room beside four hoarders */
#define LOGS	 20000u /* of 500 bytes: more than all blocks hold */

static struct rig rig;
static struct world world;
static struct rig_tls sender, hoarder[HOARDERS];

static void shrink(struct lcore *l, void *arg)
{
	(void)arg;
	assert_int_equal(l->worker->carry.used, 0);
	l->worker->carry.size = BUFFERS;
}

static void held_up(struct lcore *l, void *arg)
{
	*(bool *)arg = worker_held_up(l->worker);
}

static bool is_held_up(void)
{
	bool is = false;

	assert_int_equal(lcore_run(rig.dp->workers[0], held_up, &is), 0);
	return is;
}

static uint64_t evicted(void)
{
	uint64_t counts[REFUSAL_REASON_COUNT];

	dp_refusals(rig.dp, counts);
	return counts[REFUSAL_session_limit];
}

static int start(void **state)
{
	struct auth_device d = {.serial = WORLD_SERIAL, .state = AUTH_AUTHORIZED};
	struct dp_config cfg;
	char err[128];

	(void)state;
	world_make(&world);
	rig_start(&rig, &(struct rig_options){.lcores = RIG_ONE, .sessions = 64, .blocks = 8});
	dp_config_defaults(&cfg);
	cfg.policy.auth = auth_snapshot_new(&d, 1, "[A-Z0-9-]{8,24}", false, err, sizeof(err));
	cfg.policy.tls = world_set(&world);
	dp_policy_publish(rig.dp, &cfg.policy);
	auth_snapshot_unref(cfg.policy.auth);
	tls_set_unref(cfg.policy.tls);
	assert_int_equal(lcore_run(rig.dp->workers[0], shrink, NULL), 0);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	if (rig.dp)
		rig_stop(&rig);
	rig_clean(&rig);
	world_free(&world);
	return 0;
}

static void without_blocks_and_buffers_only_a_hoarder_goes(void **state)
{
	static char half[HELD], log[500];
	unsigned gone = 0, sent = 0;

	(void)state;
	snprintf(half, sizeof(half), "<13>%0*d", (int)sizeof(half) - 5, 0);
	half[sizeof(half) - 1] = '0';
	snprintf(log, sizeof(log), "<13>%0*d", (int)sizeof(log) - 6, 0);
	log[sizeof(log) - 1] = '\n';
	assert_true(rig_tls_open(
		&rig, &sender, 20, 5000, &(struct tls_client_options){.cert = &world.device}));
	for (unsigned i = 0; i < HOARDERS; i++) {
		assert_true(rig_tls_open(&rig, &hoarder[i], (uint8_t)(21 + i), 5001,
			&(struct tls_client_options){.cert = &world.device}));
		rig_tls_send(&rig, &hoarder[i], half, sizeof(half));
	}
	while (rig_counter(&rig, "tls_carried_bytes") < HOARDERS * HELD)
		rig_pump(&rig);
	assert_int_equal(evicted(), 0); /* who only holds is no nuisance */
	rig_hold(&rig, true);
	while (!is_held_up()) {
		assert_true(sent++ < LOGS);
		assert_int_equal(SSL_write(sender.client.ssl, log, sizeof(log)), sizeof(log));
		for (unsigned i = 0; i < 4; i++)
			rig_tls_step(&rig, &sender);
	}
	/* One gives his place, and that is enough. */
	for (unsigned i = 0; i < HOARDERS; i++)
		gone += hoarder[i].tcp.reset;
	assert_int_equal(gone, 1);
	assert_int_equal(evicted(), 1);
	assert_false(sender.tcp.reset);
	rig_hold(&rig, false);
	for (unsigned i = 0; i < HOARDERS; i++)
		if (!hoarder[i].tcp.reset)
			rig_tls_send(&rig, &hoarder[i], "\n", 1);
	/* What the hoarder had sent is a part of a log, kept and flagged. */
	rig_wait_stored(&rig, sent + HOARDERS);
	assert_int_equal(rig_counter(&rig, "tls_carried_bytes"), 0);
	assert_int_equal(rig_counter(&rig, "tls_carry_buffers"), 0);
	rig_tls_close(&rig, &sender);
	rig_tls_free(&rig, &sender);
	for (unsigned i = 0; i < HOARDERS; i++)
		rig_tls_free(&rig, &hoarder[i]);
	rig_check_equations(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_blocks_and_buffers_only_a_hoarder_goes),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
