/*
 * Memory under attack: peers that begin a log and never end it hold nearly all receive buffers.
 * Those who hold most must go, and an honest sender is served.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/dp/rig.h"

#define HOARDERS 50u
#define HELD	 60000u /* below message-size: never a whole log, never cut */
#define HONEST	 2000u

static struct rig rig;

static uint64_t evicted(void)
{
	uint64_t counts[REFUSAL_REASON_COUNT];

	dp_refusals(rig.dp, counts);
	return counts[REFUSAL_session_limit];
}

static void hoarders_go_and_an_honest_sender_is_served(void **state)
{
	static struct rig_tcp hoarder[HOARDERS], honest;
	static char half[HELD];
	unsigned gone = 0;
	char log[64];

	(void)state;
	snprintf(half, sizeof(half), "<13>%0*d", HELD - 8, 0);
	for (uint16_t i = 0; i < HOARDERS; i++)
		rig_tcp_open(&rig, &hoarder[i], (uint8_t)(50 + i), (uint16_t)(7000 + i), 514);
	/* Each holds what it can: until its window closes, or it is sent away. */
	for (uint32_t round = 0; round < 3; round++)
		for (unsigned i = 0; i < HOARDERS; i++)
			rig_tcp_try(&rig, &hoarder[i], half, sizeof(half) / 3);
	rig_tcp_open(&rig, &honest, 40, 6000, 514);
	for (unsigned i = 0; i < HONEST; i++) {
		int n = snprintf(log, sizeof(log), "<13>honest %u\n", i);

		assert_true(rig_tcp_send(&rig, &honest, log, (uint32_t)n));
	}
	rig_wait_stored(&rig, HONEST); /* all of them have been looked at by then */
	for (unsigned i = 0; i < HOARDERS; i++)
		gone += hoarder[i].reset;
	assert_true(gone > 0);
	assert_true(gone < HOARDERS); /* no more than need be */
	assert_int_equal(evicted(), gone);
	/* What the evicted had sent is a part of a log each, kept and flagged. */
	rig_wait_stored(&rig, HONEST + gone);
	rig_check_equations(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hoarders_go_and_an_honest_sender_is_served),
	};
	int rc;

	/* 32 MiB: about 5 MB of receive buffers, of which 50 unfinished logs would want 5 and more.
	 */
	rig_start(&rig, &(struct rig_options){.lcores = RIG_ONE, .memory_mib = 32});
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	rig_stop(&rig);
	rig_clean(&rig);
	return rc;
}
