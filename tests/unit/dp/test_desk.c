/*
 * A worker's questions to control when control does not look: what a session must say at its end,
 * that it has let go of its streams, always finds room.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <rte_eal.h>

#include "dataplane/desk.h"

#define MOST 4096u

static struct dp dp;
static struct lcore lcore;
static uint64_t left[MOST];
static unsigned n_left;

void __wrap_claims_left(struct claims *c, uint64_t session);

void __wrap_claims_left(struct claims *c, uint64_t session)
{
	(void)c;
	assert_true(n_left < MOST);
	left[n_left++] = session;
}

static int start(void **state)
{
	char *args[] = {"desk", "--no-huge", "-m", "32", "--no-pci", "--no-telemetry",
		"--lcores=0@0", "--iova-mode=va", "--log-level=lib.*:error", "--no-shconf", NULL};

	(void)state;
	return rte_eal_init(10, args) < 0;
}

static int begin(void **state)
{
	(void)state;
	dp.own_waker.fd = lcore.waker.fd = -1;
	dp.lcores[0] = &lcore;
	dp.lcores_count = 1;
	dp.cfg.limits.sessions = 1;
	lcore.dp = &dp;
	lcore.owed = 0;
	n_left = 0;
	return desk_open(&dp) != 0 || desk_init(&lcore) != 0;
}

static int end(void **state)
{
	(void)state;
	desk_fini(&lcore);
	desk_close(&dp);
	return 0;
}

/* A question that control answers by forgetting it. false: there is no room. */
static bool ask(bool owes)
{
	struct login *g = login_new(0);

	assert_non_null(g);
	g->kind = LOGIN_RELEASE;
	if (desk_ask(&lcore, g, owes))
		return true;
	login_free(g);
	return false;
}

static void who_was_let_in_can_always_say_that_he_left(void **state)
{
	unsigned in = 0, n;

	(void)state;
	while (ask(true))
		in++;
	assert_true(in > 0);
	assert_int_equal(lcore.owed, in);
	for (n = 0; ask(false); n++)
		assert_true(n < MOST);
	assert_false(ask(true));
	/* The ring is as full as questions can make it, and nobody has looked. */
	for (uint64_t session = 1; session <= in; session++)
		desk_left(&lcore, session);
	assert_int_equal(lcore.owed, 0);
	assert_true(desk_round(&dp, 1));
	assert_int_equal(n_left, in);
	for (unsigned i = 0; i < in; i++)
		assert_int_equal(left[i], i + 1);
	assert_false(desk_round(&dp, 2));
	assert_true(ask(true)); /* there is room again */
	desk_left(&lcore, 1);
}

/* What nobody has read any more at the end is freed; what is no memory is not. */
static void what_is_under_way_at_the_end_is_freed(void **state)
{
	(void)state;
	assert_true(ask(true));
	assert_true(ask(false));
	desk_left(&lcore, UINT64_MAX >> 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			who_was_let_in_can_always_say_that_he_left, begin, end),
		cmocka_unit_test_setup_teardown(what_is_under_way_at_the_end_is_freed, begin, end),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
