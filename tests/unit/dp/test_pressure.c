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

static struct rig_tcp hoarder[HOARDERS];

/* How many have met their RST; waits until these are all that were sent away. */
static unsigned gone_by_now(void)
{
	unsigned gone;

	do {
		rig_wait_frames(&rig);
		gone = 0;
		for (unsigned i = 0; i < HOARDERS; i++)
			gone += hoarder[i].reset;
	} while (gone < evicted() && gone < HOARDERS);
	return gone;
}

static void hoarders_go_and_an_honest_sender_is_served(void **state)
{
	static struct rig_tcp honest;
	static char half[HELD];
	static uint32_t held[HOARDERS];
	uint64_t sent_away;
	unsigned gone;
	char log[64];

	(void)state;
	snprintf(half, sizeof(half), "<13>%0*d", HELD - 8, 0);
	for (uint16_t i = 0; i < HOARDERS; i++)
		rig_tcp_open(&rig, &hoarder[i], (uint8_t)(50 + i), (uint16_t)(7000 + i), 514);
	/* Each holds what it can: until its window closes, or it is sent away. */
	for (unsigned round = 0; round < 3 || evicted() == 0; round++) {
		assert_in_range(round, 0, 10000);
		for (unsigned i = 0; i < HOARDERS; i++)
			held[i] += rig_tcp_try(&rig, &hoarder[i], half + held[i],
				HELD - held[i] < HELD / 3 ? HELD - held[i] : HELD / 3);
		rig_wait_frames(&rig);
	}
	rig_tcp_open(&rig, &honest, 40, 6000, 514);
	for (unsigned i = 0; i < HONEST; i++) {
		int n = snprintf(log, sizeof(log), "<13>honest %u\n", i);

		assert_true(rig_tcp_send(&rig, &honest, log, (uint32_t)n));
	}
	rig_wait_stored(&rig, HONEST); /* all of them have been looked at by then */
	/*
	 * What the evicted had sent is a part of a log each, kept and flagged. One more may have to
	 * go before there is memory enough, at any time: hoarders send again what was not taken. So
	 * the count is read once, after those who have met their RST were counted: it can only be
	 * ahead of them, unless somebody went for another reason.
	 */
	do {
		gone = gone_by_now();
		rig_wait_stored(&rig, HONEST + gone);
		sent_away = evicted();
	} while (gone < sent_away);
	assert_int_equal(sent_away, gone);
	assert_true(gone < HOARDERS); /* no more than need be */
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
