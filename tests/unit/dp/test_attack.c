/*
 * Attacks on TCP beside a steady stream, on a whole data plane. In each round the attacker has its
 * go, and the stream sends a log: it must go on, new connections must be served, and what the
 * attack may hold is bounded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/tcp/tcp.h"
#include "tests/unit/dp/rig.h"

#define ROUNDS	  100u
#define HALF_OPEN 200u
#define SESSIONS  1050u
#define DRIBBLERS 1000u
#define STEADY	  40u /* host */
#define BLOCKS	  8u
#define FILL_MOST (32u << 20) /* bytes: more than all blocks hold */

static struct rig rig;
static struct rig_tcp steady;
static unsigned logs;	     /* that were sent in all */
static uint16_t port = 2000; /* of the next new connection */
static uint32_t dice = 1;

static uint32_t roll(void)
{
	dice = dice * 1664525u + 1013904223u;
	return dice >> 8 ^ dice << 16;
}

static bool send_log(struct rig_tcp *c)
{
	char log[64];
	int n = snprintf(log, sizeof(log), "<13>log %u\n", logs);

	logs++;
	return rig_tcp_send(&rig, c, log, (uint32_t)n);
}

/* Somebody else connects, sends a log and leaves. */
static void a_newcomer_is_served(void)
{
	struct rig_tcp c;

	rig_tcp_open(&rig, &c, 41, port++, 514);
	assert_true(c.established);
	assert_true(send_log(&c));
	rig_tcp_close(&rig, &c);
	assert_false(c.reset);
	rig_tcp_end(&rig, &c);
}

static void settle(void)
{
	assert_false(steady.reset);
	rig_wait_stored(&rig, logs);
	rig_check_equations(&rig);
}

static struct ip_addr address(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return ip_addr_v4((const uint8_t[4]){a, b, c, d});
}

static int start_steady(void **state)
{
	(void)state;
	rig_tcp_open(&rig, &steady, STEADY, port++, 514);
	return steady.established ? 0 : -1;
}

static int end_steady(void **state)
{
	(void)state;
	rig_tcp_close(&rig, &steady);
	rig_tcp_end(&rig, &steady);
	return 0;
}

static void flood(bool spoofed)
{
	uint32_t spare = rig_buffers_free() / 2;
	uint64_t cookies = rig_counter(&rig, "tcp_syn_cookies_sent");

	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < 32; i++) {
			uint32_t x = roll();
			struct rig_segment g = {.flags = TCP_SYN, .wnd = 1024, .seq = roll()};

			/* From nowhere; or from neighbours that take the answer and keep silent. */
			g.src = spoofed ? address(11, (uint8_t)(x >> 16), (uint8_t)(x >> 8),
						  (uint8_t)x)
					: address(192, 0, 2, (uint8_t)(100 + x % 100));
			g.sport = (uint16_t)(1024 + roll() % 60000);
			rig_segment(&rig, &g);
		}
		assert_true(send_log(&steady));
		if (round % 10 == 0)
			a_newcomer_is_served();
	}
	rig_wait_frames(&rig);
	assert_true(rig_counter(&rig, "tcp_half_open") <= HALF_OPEN);
	assert_true(rig_counter(&rig, "tcp_syn_cookies_sent") > cookies);
	assert_true(rig_counter(&rig, "tcp_conns") <= 2); /* the stream, a newcomer that leaves */
	assert_true(rig_buffers_free() >= spare);
	settle();
}

static void a_flood_of_syns_from_spoofed_sources(void **state)
{
	(void)state;
	flood(true);
}

static void a_flood_of_syns_from_neighbours(void **state)
{
	(void)state;
	flood(false);
}

/* Somebody off the path knows the stream's addresses and ports, and guesses within the window. */
static void resets_and_syns_guessed_in_window(void **state)
{
	uint64_t before = rig_counter(&rig, "tcp_challenge_acks");

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < 32; i++) {
			struct rig_segment g = {.src = address(192, 0, 2, STEADY),
				.sport = steady.port,
				.flags = i % 2 ? TCP_RST : TCP_SYN,
				.wnd = 1024,
				.seq = steady.snd_nxt + 1 + roll() % 20000};

			rig_segment(&rig, &g);
		}
		assert_true(send_log(&steady));
	}
	a_newcomer_is_served();
	/* 3,200 guesses; a few answers in 5 s, so that nobody learns much from them. */
	assert_in_range(rig_counter(&rig, "tcp_challenge_acks") - before, 1, 100);
	assert_true(rig_counter(&rig, "tcp_challenge_limited") > 1000);
	settle();
}

/* Acknowledgements of what was never sent, old ones, and empty segments out of place. */
static void a_storm_of_acks(void **state)
{
	uint64_t out, in;

	(void)state;
	rig_wait_frames(&rig);
	out = rig_counter(&rig, "tcp_segs_out");
	in = rig_counter(&rig, "tcp_segs_in");
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < 32; i++) {
			struct rig_segment g = {.src = address(192, 0, 2, STEADY),
				.sport = steady.port,
				.flags = TCP_ACK,
				.wnd = 65535,
				.seq = steady.snd_nxt,
				.ack = steady.rcv_nxt};

			if (i % 4 == 0)
				g.ack += 1 + roll() % 100000;
			else if (i % 4 == 1)
				g.ack -= 1 + roll() % 1000000;
			else if (i % 4 == 2)
				g.seq -= 1 + roll() % 1000;
			else
				g.sport = (uint16_t)(1024 + roll() % 60000); /* of no connection */
			rig_segment(&rig, &g);
		}
		assert_true(send_log(&steady));
	}
	a_newcomer_is_served();
	rig_wait_frames(&rig);
	in = rig_counter(&rig, "tcp_segs_in") - in;
	out = rig_counter(&rig, "tcp_segs_out") - out;
	assert_true(in >= ROUNDS * 33);
	/* A storm does not breed: the stream's own ACKs, and what the limits let through. */
	assert_true(out < in / 2);
	settle();
}

/* Every segment of theirs says that they take one byte at most, then none. */
static void peers_with_tiny_windows(void **state)
{
	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct rig_segment g = {.src = address(192, 0, 2, STEADY),
			.sport = steady.port,
			.flags = TCP_ACK,
			.wnd = (uint16_t)(round % 2),
			.ack = steady.rcv_nxt};

		g.seq = steady.snd_nxt;
		rig_segment(&rig, &g);
		assert_true(send_log(&steady));
	}
	a_newcomer_is_served();
	settle();
}

/*
 * The journal takes nothing, all its blocks are full, and a thousand peers go on to send byte by
 * byte. Nothing is lost: they are held up, in bounded memory, until the journal takes again.
 */
static void a_thousand_dribblers_while_blocks_are_exhausted(void **state)
{
	static struct rig_tcp dribbler[DRIBBLERS];
	static char filler[4000];
	struct rig_tcp newcomer[2];
	uint64_t most = 0;
	uint32_t least = UINT32_MAX;
	unsigned n = 0;

	(void)state;
	for (uint16_t i = 0; i < DRIBBLERS; i++) {
		rig_tcp_open(
			&rig, &dribbler[i], (uint8_t)(50 + i % 180), (uint16_t)(9000 + i), 514);
		assert_true(dribbler[i].established);
	}
	rig_hold(&rig, true);
	/* Until the stream's window closes: what it sent last lies in TCP's buffers. */
	snprintf(filler, sizeof(filler), "<13>%0*d", (int)sizeof(filler) - 6, 0);
	filler[sizeof(filler) - 1] = '\n';
	for (unsigned idle = 0; idle < 100 && n < FILL_MOST;) {
		uint32_t took = rig_tcp_try(&rig, &steady, filler + n % sizeof(filler),
			(uint32_t)(sizeof(filler) - n % sizeof(filler)));

		n += took;
		if (took) {
			idle = 0;
		} else {
			idle++;
			rig_wait_frames(&rig);
		}
	}
	assert_true(n < FILL_MOST);
	rig_tcp_open(&rig, &newcomer[0], 41, port++, 514);
	for (unsigned round = 0; round < 12; round++) {
		for (unsigned i = 0; i < DRIBBLERS; i++) {
			assert_true(rig_tcp_send(&rig, &dribbler[i], &"<13>dribble\n"[round], 1));
			if (i % 100 == 0) {
				uint64_t held = rig_counter(&rig, "tcp_rcv_bytes_held");

				most = held > most ? held : most;
				least = rig_buffers_free() < least ? rig_buffers_free() : least;
			}
		}
	}
	rig_wait_frames(&rig);
	/* Who comes meanwhile is let in, before the dribble and after it, and may send his log. */
	rig_tcp_open(&rig, &newcomer[1], 41, port++, 514);
	for (unsigned i = 0; i < 2; i++)
		assert_true(newcomer[i].established && send_log(&newcomer[i]));
	/* 12 bytes of each take two buffers, not twelve; the stream's window is 400 more. */
	assert_true(most < (DRIBBLERS * 2 + 600ULL) * 2500);
	assert_true(least > 500);
	rig_hold(&rig, false);
	for (unsigned i = 0; i < 2; i++) {
		rig_tcp_close(&rig, &newcomer[i]);
		assert_false(newcomer[i].reset);
		rig_tcp_end(&rig, &newcomer[i]);
	}
	while (n % sizeof(filler))
		n += rig_tcp_try(&rig, &steady, filler + n % sizeof(filler),
			(uint32_t)(sizeof(filler) - n % sizeof(filler)));
	logs += n / (unsigned)sizeof(filler) + DRIBBLERS;
	assert_true(send_log(&steady));
	a_newcomer_is_served();
	settle();
	for (unsigned i = 0; i < DRIBBLERS; i++) {
		assert_false(dribbler[i].reset);
		rig_tcp_end(&rig, &dribbler[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_flood_of_syns_from_spoofed_sources, start_steady, end_steady),
		cmocka_unit_test_setup_teardown(
			a_flood_of_syns_from_neighbours, start_steady, end_steady),
		cmocka_unit_test_setup_teardown(
			resets_and_syns_guessed_in_window, start_steady, end_steady),
		cmocka_unit_test_setup_teardown(a_storm_of_acks, start_steady, end_steady),
		cmocka_unit_test_setup_teardown(peers_with_tiny_windows, start_steady, end_steady),
		cmocka_unit_test_setup_teardown(
			a_thousand_dribblers_while_blocks_are_exhausted, start_steady, end_steady),
	};
	int rc;

	rig_start(&rig, &(struct rig_options){.lcores = RIG_ONE,
				.sessions = SESSIONS,
				.half_open = HALF_OPEN,
				.blocks = BLOCKS});
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	rig_stop(&rig);
	rig_clean(&rig);
	return rc;
}
