/*
 * The end: everybody is told goodbye, and hears it though the network loses frames and one lcore's
 * frames go out by another. Run as `test_farewell lossy|dark|all|late`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/base/bytes.h"
#include "dataplane/journal/reader.h"
#include "dataplane/lcore.h"
#include "tests/unit/dp/rig.h"

#define OPEN	"1 open 30 relp_version=0\ncommands=syslog\n"
#define OPENED	"1 rsp 58 200 OK\nrelp_version=0\nrelp_software=sluice\ncommands=syslog\n"
#define MANY	200u /* logs: a minute, at their rate */
#define GOODBYE "0 serverclose 0\n"

static struct rig rig;

/* One that speaks RELP, and one that sends lines. */
struct host {
	struct rig_tcp c;
	char in[4096];
};
static struct host relp, lines;

static void host_open(struct host *h, uint8_t number)
{
	rig_tcp_open(&rig, &h->c, number, 4000, 514);
	h->c.in = h->in;
	h->c.in_size = sizeof(h->in) - 1;
}

static void say(struct host *h, const char *text)
{
	assert_true(rig_tcp_send(&rig, &h->c, text, (uint32_t)strlen(text)));
}

static void hear(struct host *h, const char *want)
{
	while (h->c.in_len < strlen(want) && !h->c.reset)
		rig_pump(&rig);
	h->in[h->c.in_len] = '\0';
	assert_string_equal(h->in, want);
	h->c.in_len = 0;
}

static void begin(const struct rig_options *o)
{
	rig_start(&rig, o);
	host_open(&relp, 20);
	host_open(&lines, 21);
	say(&relp, OPEN);
	hear(&relp, OPENED);
	say(&lines, "<13>a line\n");
	rig_wait_stored(&rig, 1);
}

static void end(void)
{
	rig_tcp_end(&rig, &relp.c);
	rig_tcp_end(&rig, &lines.c);
	rig_loses = NULL;
	rig_clean(&rig);
}

/* The first that takes numbers, of each host; a reset never. */
static unsigned lost;
static bool loses_first(uint8_t host, const uint8_t *tcp, uint32_t len)
{
	static bool was_lost[256];
	uint32_t hdr = (uint32_t)(tcp[12] >> 4) * 4;

	if (was_lost[host] || (len == hdr && !(tcp[13] & TCP_FIN)))
		return false;
	was_lost[host] = true;
	lost++;
	return true;
}

static void a_goodbye_that_is_lost_is_said_again(void **state)
{
	(void)state;
	begin(&(struct rig_options){.lcores = RIG_APART,
		.cleartext = DP_CLEAR_RELP,
		.tx_queues = 1,
		/* However long this machine takes to send once more. */
		.farewell_us = 9000000});
	say(&relp, "2 syslog 5 <13>b\n");
	hear(&relp, "2 rsp 6 200 OK\n");
	rig_loses = loses_first;
	rig_stop(&rig);
	assert_int_equal(lost, 2);
	hear(&relp, GOODBYE);
	assert_true(relp.c.peer_fin);
	assert_true(lines.c.peer_fin);
	end();
}

static bool loses_all(uint8_t host, const uint8_t *tcp, uint32_t len)
{
	(void)tcp, (void)len;
	return host == 20;
}

/* Only its hosts know how long that takes; that it ends is the test. */
static void who_does_not_answer_is_not_waited_for_for_ever(void **state)
{
	(void)state;
	begin(&(struct rig_options){.lcores = RIG_ONE, .cleartext = DP_CLEAR_RELP});
	rig_loses = loses_all;
	rig_stop(&rig);
	assert_false(relp.c.peer_fin);
	assert_true(lines.c.peer_fin);
	end();
}

/* Stands still until the lcore whose port it uses has ended, and counts as drained. */
static void be_late(struct lcore *l, void *arg)
{
	const struct lcore *owner = arg;

	atomic_store(&l->drained, true);
	while (!atomic_load(&owner->ended))
		;
}

/* What it says in its last round lies in the ring of an lcore that has ended. */
static void frames_for_an_lcore_that_has_ended_are_sent(void **state)
{
	static struct lcore_call call = {.fn = be_late};

	(void)state;
	begin(&(struct rig_options){
		.lcores = RIG_APART, .cleartext = DP_CLEAR_RELP, .tx_queues = 1});
	assert_ptr_not_equal(rig.dp->workers[0], rig.dp->ports[0].owner);
	call.arg = rig.dp->ports[0].owner;
	atomic_store(&rig.dp->workers[0]->call, &call);
	rig_stop(&rig);
	assert_true(atomic_load(&call.done));
	assert_true(relp.c.reset);
	assert_true(lines.c.reset);
	end();
}

/* Logs that begin so; those that are marked as parts. */
static unsigned stored(const char *begin, unsigned *parts)
{
	struct journal_query q = {.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED};
	struct journal_fault fault;
	struct journal_reader *r;
	struct journal_log log;
	unsigned n = 0;

	*parts = 0;
	assert_int_equal(journal_reader_open(rig.dir, &q, &r, &fault), JOURNAL_OK);
	while (journal_reader_next(r, &log) == 1)
		if (log.len >= strlen(begin) && memcmp(log.log, begin, strlen(begin)) == 0) {
			n++;
			*parts += (log.flags & LOG_FLAG_PARTIAL) != 0;
		}
	journal_reader_close(r);
	return n;
}

/* Of one that is slowed down, and of a log that has no end yet: their sender has let go of it. */
static void what_tcp_has_acknowledged_is_stored(void **state)
{
	unsigned parts;

	(void)state;
	begin(&(struct rig_options){
		.lcores = RIG_APART, .cleartext = DP_CLEAR_RELP, .device_rate = 3});
	for (unsigned i = 0; i < MANY; i++)
		say(&lines, "<13>one of many\n");
	say(&lines, "<13>a tail");
	while (lines.c.snd_una != lines.c.snd_nxt)
		rig_pump(&rig);
	rig_stop(&rig);
	assert_true(lines.c.peer_fin);
	assert_int_equal(stored("<13>one of many", &parts), MANY);
	assert_int_equal(parts, 0);
	assert_int_equal(stored("<13>a tail", &parts), 1);
	assert_int_equal(parts, 1);
	end();
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		struct CMUnitTest test;
	} v[] = {
		{"lossy", cmocka_unit_test(a_goodbye_that_is_lost_is_said_again)},
		{"dark", cmocka_unit_test(who_does_not_answer_is_not_waited_for_for_ever)},
		{"all", cmocka_unit_test(what_tcp_has_acknowledged_is_stored)},
		{"late", cmocka_unit_test(frames_for_an_lcore_that_has_ended_are_sent)},
	};

	for (unsigned i = 0; argc == 2 && i < sizeof(v) / sizeof(v[0]); i++)
		if (strcmp(argv[1], v[i].name) == 0) {
			const struct CMUnitTest tests[] = {v[i].test};

			return cmocka_run_group_tests(tests, NULL, NULL);
		}
	fprintf(stderr, "usage: %s lossy|dark|all|late\n", argv[0]);
	return 2;
}
