/*
 * RELP on the whole data plane: a log is answered when it is on disk, never before, whatever the
 * disk does. Run as `test_relp one|apart`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "dataplane/journal/journal.h"
#include "tests/unit/dp/disk.h"
#include "tests/unit/dp/rig.h"

#define OPEN   "1 open 30 relp_version=0\ncommands=syslog\n"
#define OPENED "1 rsp 58 200 OK\nrelp_version=0\nrelp_software=sluice\ncommands=syslog\n"
#define ROUNDS 300u /* of each lcore, in which nothing may happen */
#define WAIT_S 60

static struct rig rig;
static uint64_t sent; /* logs, all tests together */
static char answers[1 << 20];

/* Pumps until the peer has sent this, neither more nor less; then forgets it. */
static void expect(struct rig_tcp *c, const char *want)
{
	size_t n = strlen(want);

	for (time_t end = time(NULL) + WAIT_S; c->in_len < n && !c->reset && time(NULL) < end;)
		rig_pump(&rig);
	c->in[c->in_len] = '\0';
	assert_string_equal(c->in, want);
	c->in_len = 0;
}

static void connect(struct rig_tcp *c, uint16_t port)
{
	rig_tcp_open(&rig, c, 20, port, 514);
	c->in = answers;
	c->in_size = sizeof(answers) - 1;
	assert_true(rig_tcp_send(&rig, c, OPEN, sizeof(OPEN) - 1));
	expect(c, OPENED);
}

static void say(struct rig_tcp *c, const char *text)
{
	assert_true(rig_tcp_send(&rig, c, text, (uint32_t)strlen(text)));
}

static void wait_received(uint64_t n)
{
	struct dp_account total;

	do {
		for (unsigned i = 0; i < 1000; i++)
			rig_pump(&rig);
		dp_account_total(rig.dp, &total);
	} while (total.received < n);
}

static uint64_t rounds(void)
{
	struct dp_lcore_info v[DP_MAX_LCORES];
	unsigned n = dp_lcores(rig.dp, v, DP_MAX_LCORES);
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < n; i++)
		if (v[i].heartbeat < least)
			least = v[i].heartbeat;
	return least;
}

/* Every lcore has gone round often, and the peer has said nothing. */
static void expect_silence(struct rig_tcp *c)
{
	for (uint64_t end = rounds() + ROUNDS; rounds() < end;)
		rig_pump(&rig);
	assert_int_equal(c->in_len, 0);
	assert_false(c->reset);
}

static void a_log_that_was_answered_is_stored(void **state)
{
	char frame[128], want[128];
	struct dp_account total;
	struct rig_tcp c;

	(void)state;
	connect(&c, 4000);
	for (unsigned txnr = 2; txnr < 40; txnr++) {
		snprintf(frame, sizeof(frame), "%u syslog 12 <13>log %04u\n", txnr, txnr);
		say(&c, frame);
		snprintf(want, sizeof(want), "%u rsp 6 200 OK\n", txnr);
		expect(&c, want);
		sent++;
		dp_account_total(rig.dp, &total);
		assert_int_equal(total.stored, sent);
	}
	rig_check_equations(&rig);
	rig_tcp_close(&rig, &c);
	rig_tcp_end(&rig, &c);
}

static const char *kind_of_session;

static void see_session(void *ctx, const struct dp_session_info *s)
{
	(void)ctx;
	kind_of_session = s->kind;
}

static void the_session_is_listed_as_relp(void **state)
{
	struct rig_tcp c;

	(void)state;
	connect(&c, 4001);
	assert_int_equal(dp_sessions(rig.dp, see_session, NULL), 0);
	assert_string_equal(kind_of_session, "relp");
	rig_tcp_close(&rig, &c);
	rig_tcp_end(&rig, &c);
}

static void nothing_is_answered_while_the_disk_stands_still(void **state)
{
	struct rig_tcp c;

	(void)state;
	connect(&c, 4002);
	atomic_store(&disk_stalled, true);
	say(&c, "2 syslog 5 <13>a\n3 syslog 5 <13>b\n4 syslog 0\n");
	sent += 2;
	wait_received(sent);
	expect_silence(&c);
	disk_goes_on();
	expect(&c, "2 rsp 6 200 OK\n3 rsp 6 200 OK\n4 rsp 6 200 OK\n");
	rig_wait_stored(&rig, sent);
	rig_tcp_close(&rig, &c);
	rig_tcp_end(&rig, &c);
}

/* The block of the first is on its way when the second comes: each is answered with its own. */
static void logs_of_two_blocks_are_answered_with_the_later_one(void **state)
{
	struct rig_tcp c;

	(void)state;
	connect(&c, 4003);
	atomic_store(&disk_stalled, true);
	say(&c, "2 syslog 5 <13>a\n");
	wait_received(++sent);
	expect_silence(&c);
	say(&c, "3 syslog 5 <13>b\n");
	wait_received(++sent);
	expect_silence(&c);
	disk_goes_on();
	expect(&c, "2 rsp 6 200 OK\n3 rsp 6 200 OK\n");
	rig_tcp_close(&rig, &c);
	rig_tcp_end(&rig, &c);
}

static void a_client_that_half_closes_still_gets_its_answers(void **state)
{
	struct rig_tcp c;

	(void)state;
	connect(&c, 4004);
	atomic_store(&disk_stalled, true);
	say(&c, "2 syslog 5 <13>a\n3 sysl");
	wait_received(++sent);
	rig_tcp_fin(&rig, &c);
	expect_silence(&c);
	assert_false(c.peer_fin);
	disk_goes_on();
	expect(&c, "2 rsp 6 200 OK\n");
	while (!c.peer_fin)
		rig_pump(&rig);
	rig_tcp_end(&rig, &c);
}

static void close_comes_after_the_answers_then_the_end(void **state)
{
	struct rig_tcp c;

	(void)state;
	connect(&c, 4005);
	atomic_store(&disk_stalled, true);
	say(&c, "2 syslog 5 <13>a\n3 close 0\n");
	wait_received(++sent);
	expect_silence(&c);
	disk_goes_on();
	expect(&c, "2 rsp 6 200 OK\n3 rsp 6 200 OK\n");
	while (!c.peer_fin)
		rig_pump(&rig);
	rig_tcp_fin(&rig, &c);
	rig_tcp_end(&rig, &c);
}

static void a_failed_journal_answers_nothing_until_it_is_resumed(void **state)
{
	struct journal *j = dp_journal(rig.dp);
	struct journal_fault fault;
	struct rig_tcp c;

	(void)state;
	connect(&c, 4006);
	atomic_store(&disk_broken, true);
	say(&c, "2 syslog 5 <13>a\n");
	wait_received(++sent);
	while (journal_state(j) != JOURNAL_FAILED)
		rig_pump(&rig);
	expect_silence(&c);
	atomic_store(&disk_broken, false);
	assert_int_equal(journal_resume(j, &fault), JOURNAL_OK);
	expect(&c, "2 rsp 6 200 OK\n");
	rig_wait_stored(&rig, sent);
	rig_check_equations(&rig);
	rig_tcp_close(&rig, &c);
	rig_tcp_end(&rig, &c);
}

static uint64_t refusals(enum refusal_reason why)
{
	uint64_t counts[REFUSAL_REASON_COUNT];

	dp_refusals(rig.dp, counts);
	return counts[why];
}

static void against_the_protocol_is_a_reset_and_counted(void **state)
{
	uint64_t before = refusals(REFUSAL_protocol_error);
	struct rig_tcp c;

	(void)state;
	connect(&c, 4007);
	say(&c, "7 syslog 5 <13>a\n");
	while (!c.reset)
		rig_pump(&rig);
	rig_tcp_end(&rig, &c);
	assert_int_equal(refusals(REFUSAL_protocol_error), before + 1);
}

/* Last: it leaves RELP forbidden. */
static void without_the_policy_it_is_refused_and_sessions_end(void **state)
{
	uint64_t before = refusals(REFUSAL_cleartext_forbidden);
	struct dp_config cfg;
	struct rig_tcp c, late;

	(void)state;
	connect(&c, 4008);
	dp_config_defaults(&cfg);
	dp_policy_publish(rig.dp, &cfg.policy);
	while (!c.reset)
		rig_pump(&rig);
	rig_tcp_end(&rig, &c);
	rig_tcp_open(&rig, &late, 20, 4009, 514);
	say(&late, OPEN);
	while (!late.reset)
		rig_pump(&rig);
	rig_tcp_end(&rig, &late);
	assert_int_equal(refusals(REFUSAL_cleartext_forbidden), before + 2);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_log_that_was_answered_is_stored),
		cmocka_unit_test(the_session_is_listed_as_relp),
		cmocka_unit_test(nothing_is_answered_while_the_disk_stands_still),
		cmocka_unit_test(logs_of_two_blocks_are_answered_with_the_later_one),
		cmocka_unit_test(a_client_that_half_closes_still_gets_its_answers),
		cmocka_unit_test(close_comes_after_the_answers_then_the_end),
		cmocka_unit_test(a_failed_journal_answers_nothing_until_it_is_resumed),
		cmocka_unit_test(against_the_protocol_is_a_reset_and_counted),
		cmocka_unit_test(without_the_policy_it_is_refused_and_sessions_end),
	};
	int rc;

	rig_start(&rig,
		&(struct rig_options){
			.lcores = argc > 1 && strcmp(argv[1], "one") == 0 ? RIG_ONE : RIG_APART,
			.cleartext = DP_CLEAR_RELP,
			.fs = disk_fs(),
		});
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	rig_stop(&rig);
	rig_clean(&rig);
	return rc;
}
