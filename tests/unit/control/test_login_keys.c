/* Preshared keys: who judges them, how many at a time, and that operators do not notice. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/guesses.h"
#include "control/login_keys.h"
#include "control/registry_trust.h"
#include "tls/scram.h"
#include "tests/unit/control/harness.h"

#define SERIAL "FGT60F0000000001"
#define FLOOD  100u

static struct harness *h;

static int setup(void **state)
{
	int rc = harness_setup(state);

	h = *state;
	return rc;
}

static void ask_as(uint8_t host, const char *serial, const char *key)
{
	const uint8_t four[] = {192, 0, 2, host};
	struct login *g = login_new(0);

	assert_non_null(g);
	g->kind = LOGIN_KEY;
	g->addr = ip_addr_v4(four);
	snprintf(g->serial, sizeof(g->serial), "%s", serial);
	snprintf(g->key, sizeof(g->key), "%s", key);
	h->dp->judge(h->dp->judge_ctx, g);
}

static void ask(uint8_t host, const char *key)
{
	ask_as(host, SERIAL, key);
}

/* What was answered by now, newest first; each is the caller's. */
static struct login *answer(void)
{
	struct login *g = h->dp->answered;

	if (g)
		h->dp->answered = g->next;
	return g;
}

/* Rounds until there is an answer. */
static struct login *wait_answer(void)
{
	while (!h->dp->answered)
		assert_int_equal(control_round(h->c, 10), 0);
	return answer();
}

/* The one for all. Few iterations, so that a flood of keys is judged soon. */
static void set_key(const char *key)
{
	const struct audit_row audit = {.who = "test", .what = "test", .target = "*"};
	struct scram_verifier v;
	char text[SCRAM_TEXT];

	assert_int_equal(scram_verifier_make(
				 &v, SCRAM_SHA_256, key, (const uint8_t *)"salt of key", 11, 4096),
		0);
	scram_verifier_format(&v, text);
	assert_int_equal(
		registry_meta_decide(h->c->registry, TRUST_PSK_FOR_ALL, text, &audit), REGISTRY_OK);
}

static void expect(struct login *g, bool granted, enum refusal_reason why)
{
	assert_int_equal(g->granted, granted);
	if (!granted)
		assert_string_equal(refusal_reason_slug(g->reason), refusal_reason_slug(why));
	login_free(g);
}

static void a_right_key_authorizes_and_a_wrong_one_does_not(void **state)
{

	(void)state;
	ask(1, "any key");
	expect(answer(), false, REFUSAL_not_authorized); /* none was ever set: at once */
	set_key("the right key");
	ask(1, "the wrong key");
	expect(wait_answer(), false, REFUSAL_bad_password);
	ask(1, "the right key");
	expect(wait_answer(), true, 0);
	harness_says(h, "device.show", "{\"device\":\"" SERIAL "\"}", "state", "authorized");
}

/* Each is answered; who asks too often at once is so. Operators' jobs are no matter of theirs. */
static void a_flood_of_keys_is_bounded_and_blocks_no_operator(void **state)
{
	unsigned at_once = 0, judged = 0;

	(void)state;
	set_key("the right key");
	for (unsigned i = 0; i < FLOOD; i++)
		ask((uint8_t)i, "a wrong key");
	assert_int_equal(jobs_running(h->c->jobs), 0);
	for (struct login *g; (g = answer()); at_once++)
		expect(g, false, REFUSAL_login_rate);
	assert_int_equal(at_once, FLOOD - LOGIN_KEYS_THREADS - LOGIN_KEYS_WAITING);
	/* A reader's place is free, and it is served. */
	json_decref(harness_result(h, "device.list", NULL));
	for (unsigned i = at_once; i < FLOOD; i++, judged++)
		expect(wait_answer(), false, REFUSAL_bad_password);
	/* One source has its bound, however much room there is. */
	for (unsigned i = 0; i < 10; i++)
		ask(200, "a wrong key");
	for (unsigned i = GUESSES_AT_ONCE; i < 10; i++)
		expect(answer(), false, REFUSAL_login_rate);
	for (unsigned i = 0; i < GUESSES_AT_ONCE; i++)
		expect(wait_answer(), false, REFUSAL_bad_password);
}

static void who_guesses_on_waits(void **state)
{
	const uint8_t four[] = {192, 0, 2, 1};
	const struct ip_addr addr = ip_addr_v4(four);
	uint64_t now = clock_mono_us();
	struct login *g;

	(void)state;
	set_key("the right key");
	ask(1, "a wrong key");
	expect(wait_answer(), false, REFUSAL_bad_password);
	/* As if it had guessed for a quarter of an hour. */
	for (unsigned i = 0; i < 20; i++, now += GUESSES_WAIT_MAX * 1000000ull) {
		uint64_t who = guesses_source(&h->c->guesses, &addr, "");

		assert_int_equal(guesses_begin(&h->c->guesses, who, now), 0);
		guesses_done(&h->c->guesses, who, false, GUESSES_WAIT_MAX, now);
	}
	ask(1, "the right key"); /* answered at once: nothing is computed */
	g = answer();
	assert_non_null(g);
	assert_contains(g->detail, "too many wrong guesses");
	expect(g, false, REFUSAL_login_rate);
}

/* Behind one address there may be a device that guesses, or has the key of last year, and others
 * that have the right one: each has an account, and that of the address never waits for long. */
static void a_right_key_is_let_in_beside_a_wrong_one_of_its_address(void **state)
{
	const uint8_t four[] = {192, 0, 2, 1};
	const struct ip_addr addr = ip_addr_v4(four);
	struct guesses *g = &h->c->guesses;
	const uint64_t site = guesses_source(g, &addr, ""), who = guesses_source(g, &addr, SERIAL);
	uint64_t now = clock_mono_us(), then = now - 10 * 1000000ull, before;

	(void)state;
	set_key("the right key");
	/* It has guessed until now, as often as the address may. */
	for (unsigned i = 0; i < GUESSES_FREE + 5; i++, then += GUESSES_WAIT_SITE * 900000ull) {
		if (guesses_begin(g, site, then) == 0)
			guesses_done(g, site, false, GUESSES_WAIT_SITE, then);
		if (guesses_begin(g, who, now) == 0)
			guesses_done(g, who, false, GUESSES_WAIT_MAX, now);
		now += GUESSES_WAIT_MAX * 1000000ull;
	}
	ask(1, "the right key");
	expect(answer(), false, REFUSAL_login_rate);
	ask_as(1, "FGT60F0000000002", "the right key");
	expect(wait_answer(), true, 0);
	/* One more wrong one costs the address a second, and not what it costs who sent it. */
	before = clock_mono_us();
	ask_as(1, "FGT60F0000000003", "a wrong key");
	expect(wait_answer(), false, REFUSAL_bad_password);
	assert_true(guesses_begin(g, site, before) > 0);
	assert_in_range(guesses_begin(g, site, clock_mono_us()), 0, GUESSES_WAIT_SITE);
	assert_true(guesses_begin(g, who, clock_mono_us()) > GUESSES_WAIT_SITE);
}

/* What waits and what is under way is dropped. */
static void the_end_waits_for_no_key(void **state)
{
	(void)state;
	set_key("the right key");
	for (unsigned i = 0; i < 20; i++)
		ask((uint8_t)i, "a wrong key");
	harness_stop(h);
	for (struct login *g; (g = answer());)
		login_free(g);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, harness_teardown)
	const struct CMUnitTest tests[] = {
		T(a_right_key_authorizes_and_a_wrong_one_does_not),
		T(a_flood_of_keys_is_bounded_and_blocks_no_operator),
		T(who_guesses_on_waits),
		T(a_right_key_is_let_in_beside_a_wrong_one_of_its_address),
		T(the_end_waits_for_no_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
