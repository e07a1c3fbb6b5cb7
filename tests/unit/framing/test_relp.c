/* RELP, the server's side: frames, the numbers of transactions, what is answered and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "dataplane/framing/relp.h"
#include "tests/unit/framing/deliver.h"

#define OPEN   "1 open 30 relp_version=0\ncommands=syslog\n"
#define OPENED "1 rsp 58 200 OK\nrelp_version=0\nrelp_software=sluice\ncommands=syslog\n"

struct peer {
	struct relp r;
	char text[8192]; /* what came out: logs as `flags:log;`, then what ended it */
	size_t len;
};

static void put(struct peer *p, const void *data, size_t n)
{
	assert_true(p->len + n < sizeof(p->text));
	memcpy(p->text + p->len, data, n);
	p->len += n;
	p->text[p->len] = '\0';
}

/* All of it in one span of exactly its length, until the machine stops; what came out. */
static const char *feed(struct peer *p, const char *bytes, size_t len)
{
	static const char *const ends[] = {[RELP_MORE] = "",
		[RELP_WAIT] = "wait",
		[RELP_CLOSED] = "closed",
		[RELP_BROKEN] = "broken"};
	uint8_t *mem = malloc(len ? len : 1);
	size_t at = 0;

	assert_non_null(mem);
	memcpy(mem, bytes, len);
	p->len = 0;
	p->text[0] = '\0';
	for (;;) {
		struct framing_span v = {mem + at, (uint32_t)(len - at)};
		struct frame f;
		enum relp_result rc = relp_next(&p->r, &v, 1, &f);
		char flags[8];

		if (rc == RELP_LOG) {
			put(p, flags, (size_t)snprintf(flags, sizeof(flags), "%02x:", f.flags));
			put(p, mem + at + f.skip, f.len);
			put(p, ";", 1);
		} else if (rc != RELP_SKIP) {
			put(p, ends[rc], strlen(ends[rc]));
			break;
		}
		assert_true(f.total > 0 && f.total <= v.len && f.skip + f.len <= f.total);
		at += f.total;
	}
	free(mem);
	return p->text;
}

/* What is due to be sent, all of it at once. */
static const char *answers(struct peer *p)
{
	size_t n = relp_answers(&p->r, (uint8_t *)p->text, sizeof(p->text) - 1);

	p->text[n] = '\0';
	relp_sent(&p->r, n);
	return p->text;
}

static struct peer fresh(uint32_t max_len)
{
	struct peer p = {.len = 0};

	relp_init(&p.r, max_len);
	return p;
}

#define fed(p, s) feed(p, s, sizeof(s) - 1)

static struct peer opened(uint32_t max_len)
{
	struct peer p = fresh(max_len);

	assert_string_equal(fed(&p, OPEN), "");
	assert_string_equal(answers(&p), OPENED);
	return p;
}

static void open_is_answered_with_what_we_offer(void **state)
{
	struct peer p = fresh(100);

	(void)state;
	assert_string_equal(answers(&p), "");
	assert_string_equal(fed(&p, OPEN), "");
	assert_string_equal(answers(&p), OPENED);
	assert_string_equal(answers(&p), "");
	assert_int_equal(relp_owed(&p.r), 0);
}

static void librelps_own_open_is_understood(void **state)
{
	struct peer p = fresh(100);

	(void)state;
	assert_string_equal(fed(&p, "1 open 86 relp_version=0\nrelp_software=librelp,1.11.0,"
				    "http://librelp.adiscon.com\ncommands=syslog\n"),
		"");
	assert_string_equal(answers(&p), OPENED);
}

static void the_older_version_of_both_is_spoken(void **state)
{
	struct peer p = fresh(100);

	(void)state;
	fed(&p, "1 open 30 relp_version=7\ncommands=syslog\n");
	assert_string_equal(answers(&p),
		"1 rsp 58 200 OK\nrelp_version=1\nrelp_software=sluice\ncommands=syslog\n");
}

static void an_offer_may_begin_with_lf_and_unknown_ones_are_ignored(void **state)
{
	struct peer p = fresh(100);

	(void)state;
	fed(&p, "1 open 59 \nrelp_version=0\nfuture\nmore=1,2,3\ncommands=eventlog,syslog\n\n");
	assert_string_equal(answers(&p), OPENED);
}

static void offers_that_will_not_do_are_answered_500_and_the_session_ends(void **state)
{
	struct peer p = fresh(100);

	(void)state;
	assert_string_equal(fed(&p, "1 open 15 commands=syslog\n2 syslog 1 a\n"), "closed");
	assert_string_equal(answers(&p), "1 rsp 40 500 relp_version is not among the offers\n");
	assert_int_equal(relp_owed(&p.r), 0);
	p = fresh(100);
	assert_string_equal(fed(&p, "1 open 32 relp_version=0\ncommands=eventlog\n"), "closed");
	assert_string_equal(
		answers(&p), "1 rsp 46 500 the command syslog is not among the offers\n");
	p = fresh(100);
	assert_string_equal(fed(&p, "1 open 31 relp_version=x0\ncommands=syslog\n"), "closed");
	p = fresh(100);
	assert_string_equal(fed(&p, "1 open 0\n"), "closed");
	p = fresh(100);
	assert_string_equal(fed(&p, "1 open 29 relp_version=\ncommands=syslog\n"), "closed");
}

static void nothing_comes_before_open_nor_a_second_one_after_it(void **state)
{
	struct peer p = fresh(100);

	(void)state;
	assert_string_equal(fed(&p, "1 syslog 1 a\n"), "broken");
	p = fresh(100);
	assert_string_equal(fed(&p, "2 open 30 relp_version=0\ncommands=syslog\n"), "broken");
	p = fresh(100);
	assert_string_equal(fed(&p, "0 hint 0\n"), "broken");
	p = opened(100);
	assert_string_equal(fed(&p, "2 open 30 relp_version=0\ncommands=syslog\n"), "broken");
}

static void a_log_is_answered_when_it_is_durable_and_not_before(void **state)
{
	struct peer p = opened(100);

	(void)state;
	assert_string_equal(fed(&p, "2 syslog 5 hello\n3 syslog 5 world\n"), "00:hello;00:world;");
	assert_string_equal(answers(&p), "");
	assert_true(relp_waits(&p.r));
	assert_int_equal(relp_owed(&p.r), 2);
	relp_durable(&p.r, 2);
	assert_string_equal(answers(&p), "2 rsp 6 200 OK\n");
	assert_string_equal(answers(&p), "");
	relp_durable(&p.r, 3);
	assert_string_equal(answers(&p), "3 rsp 6 200 OK\n");
	assert_false(relp_waits(&p.r));
	assert_int_equal(relp_owed(&p.r), 0);
}

static void answers_keep_the_order_of_the_commands(void **state)
{
	struct peer p = opened(100);

	(void)state;
	assert_string_equal(fed(&p, "2 syslog 1 a\n3 syslog 0\n4 whatever 3 xyz\n5 syslog 1 b\n"),
		"00:a;00:b;");
	assert_string_equal(answers(&p), "");
	relp_durable(&p.r, 2);
	assert_string_equal(answers(&p), "2 rsp 6 200 OK\n");
	relp_durable(&p.r, 5);
	assert_string_equal(
		answers(&p), "3 rsp 6 200 OK\n4 rsp 23 500 unsupported command\n5 rsp 6 200 OK\n");
}

static void an_empty_log_is_answered_though_there_is_nothing_to_store(void **state)
{
	struct peer p = opened(100);

	(void)state;
	assert_string_equal(fed(&p, "2 syslog 0\n3 syslog 1 \n\n"), "");
	assert_string_equal(answers(&p), "2 rsp 6 200 OK\n3 rsp 6 200 OK\n");
}

static void one_trailer_is_framing(void **state)
{
	struct peer p = opened(100);

	(void)state;
	assert_string_equal(fed(&p, "2 syslog 2 a\n\n3 syslog 3 a\r\n\n4 syslog 3 a\n\n\n"),
		"02:a;04:a;02:a\n;");
	assert_memory_equal(fed(&p, "5 syslog 2 a\0\n"), "08:a;", 5);
}

static void a_long_log_is_cut_and_answered_when_all_of_it_has_come(void **state)
{
	struct peer p = opened(4);

	(void)state;
	assert_string_equal(fed(&p, "2 syslog 8 abcd"), "01:abcd;");
	relp_durable(&p.r, 2);
	assert_string_equal(answers(&p), "");
	assert_string_equal(fed(&p, "efgh\n"), "");
	assert_string_equal(answers(&p), "2 rsp 6 200 OK\n");
	/* Up to two bytes too many may be a trailer. */
	assert_string_equal(fed(&p, "3 syslog 6 abcd\r\n\n4 syslog 6 abcdef\n5 syslog 4 abcd\n"),
		"04:abcd;01:abcd;00:abcd;");
}

static void a_frame_that_does_not_end_in_lf_is_broken(void **state)
{
	struct peer p = opened(4);

	(void)state;
	assert_string_equal(fed(&p, "2 syslog 1 ab"), "broken");
	p = opened(4);
	assert_string_equal(fed(&p, "2 syslog 9 abcdefghij"), "01:abcd;broken");
	p = opened(4);
	assert_string_equal(fed(&p, "2 other 1 ab"), "broken");
	assert_string_equal(fed(&p, "2 syslog 1 a\n"), "broken");
}

static void headers_against_the_grammar_are_broken(void **state)
{
	static const char *const bad[] = {"x", " 2 syslog", "2  syslog", "2\n", "2 sys1og 1 a\n",
		"2 syslog x", "2 syslog  1 a\n", "2 syslog 1\na\n", "2 syslog 0 \n",
		"2 syslog -1 a\n", "2 syslog 1000000000 a", "0000000002 syslog 1 a\n",
		"2 abcdefghijabcdefghijabcdefghijabc 1 a\n", "2 rsp 6 200 OK\n", "3 syslog 1 a\n",
		"1 syslog 1 a\n"};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct peer p = opened(100);

		if (strcmp(feed(&p, bad[i], strlen(bad[i])), "broken") != 0)
			fail_msg("not broken: %s", bad[i]);
	}
}

static void hints_are_skipped_and_not_answered(void **state)
{
	struct peer p = opened(100);

	(void)state;
	assert_string_equal(fed(&p, "0 serverclose 0\n0 anything 3 abc\n2 syslog 1 a\n"), "00:a;");
	relp_durable(&p.r, 2);
	assert_string_equal(answers(&p), "2 rsp 6 200 OK\n");
}

static void an_unfinished_hint_keeps_no_answer_back(void **state)
{
	struct peer p = opened(100);

	(void)state;
	assert_string_equal(fed(&p, "2 syslog 1 a\n0 anything 3 ab"), "00:a;");
	relp_durable(&p.r, 2);
	assert_string_equal(answers(&p), "2 rsp 6 200 OK\n");
}

static void close_is_answered_last_and_nothing_is_read_behind_it(void **state)
{
	struct peer p = opened(100);

	(void)state;
	assert_string_equal(fed(&p, "2 syslog 1 a\n3 close 0\n4 syslog 1 b\n"), "00:a;closed");
	assert_string_equal(answers(&p), "");
	relp_durable(&p.r, 2);
	assert_string_equal(answers(&p), "2 rsp 6 200 OK\n3 rsp 6 200 OK\n");
	assert_int_equal(relp_owed(&p.r), 0);
}

static void serverclose_goes_behind_the_answers_that_are_due(void **state)
{
	struct peer p = opened(100);

	(void)state;
	fed(&p, "2 syslog 1 a\n3 syslog 1 b\n");
	relp_durable(&p.r, 2);
	relp_goodbye(&p.r);
	assert_string_equal(answers(&p), "2 rsp 6 200 OK\n0 serverclose 0\n");
	assert_string_equal(answers(&p), "");
}

static void a_second_word_of_ours_waits_for_the_first(void **state)
{
	struct peer p = opened(100);

	(void)state;
	assert_string_equal(fed(&p, "2 one 0\n3 two 0\n"), "wait");
	assert_string_equal(answers(&p), "2 rsp 23 500 unsupported command\n");
	assert_string_equal(fed(&p, "3 two 0\n"), "");
	assert_string_equal(answers(&p), "3 rsp 23 500 unsupported command\n");
}

static void the_window_is_a_bound(void **state)
{
	struct peer p = opened(100);
	char frame[64];

	(void)state;
	for (unsigned i = 0; i < RELP_WINDOW; i++) {
		int n = snprintf(frame, sizeof(frame), "%u syslog 1 a\n", i + 2);

		assert_string_equal(
			feed(&p, frame, (size_t)n), i + 1 < RELP_WINDOW ? "00:a;" : "00:a;wait");
	}
	relp_durable(&p.r, 2);
	answers(&p);
	assert_string_equal(fed(&p, "65538 syslog 1 a\n"), "00:a;wait");
}

static void numbers_wrap_as_librelp_wraps_them(void **state)
{
	struct peer p = opened(100);

	(void)state;
	/* As if 999999998 transactions had been taken and answered. */
	p.r.taken = p.r.answered = p.r.last_log = p.r.durable = RELP_TXNR_MAX - 1;
	assert_string_equal(
		fed(&p, "999999999 syslog 1 a\n1 syslog 1 b\n2 syslog 1 c\n"), "00:a;00:b;00:c;");
	relp_durable(&p.r, RELP_TXNR_MAX + 2ull);
	assert_string_equal(
		answers(&p), "999999999 rsp 6 200 OK\n1 rsp 6 200 OK\n2 rsp 6 200 OK\n");
}

static void answers_go_out_in_any_pieces(void **state)
{
	static const char want[] = OPENED "2 rsp 6 200 OK\n3 rsp 23 500 unsupported command\n"
					  "4 rsp 6 200 OK\n0 serverclose 0\n";
	uint64_t seed = 7;

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		struct peer p = fresh(100);
		char got[512];
		size_t len = 0;

		fed(&p, OPEN "2 syslog 1 a\n");
		relp_durable(&p.r, 2);
		for (;;) {
			uint8_t buf[256];
			size_t room = 1 + random_below(&seed, round % 2 ? 200 : 7);
			size_t n = relp_answers(&p.r, buf, room);
			size_t sent = n ? random_below(&seed, (uint32_t)n + 1) : 0;

			assert_true(n <= room);
			memcpy(got + len, buf, sent);
			len += sent;
			relp_sent(&p.r, sent);
			if (n == 0 && p.r.taken == 2) {
				fed(&p, "3 other 0\n4 syslog 1 b\n");
				relp_durable(&p.r, 4);
				relp_goodbye(&p.r);
			} else if (n == 0) {
				break;
			}
		}
		assert_int_equal(len, sizeof(want) - 1);
		assert_memory_equal(got, want, len);
	}
}

/* Whatever the pieces and spans, the same logs come out. */
static void frames_come_in_any_pieces(void **state)
{
	static const char stream[] = OPEN "2 syslog 5 hello\n0 hint 4 abcd\n3 syslog 0\n"
					  "4 syslog 20 this one will be cut\n5 unknown 7 xxxxxxx\n"
					  "6 syslog 3 a\r\n\n7 close 0\n";
	uint64_t seed = 11;

	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		struct tape t = {0};
		size_t there = 0, at = 0;
		enum relp_result rc = RELP_MORE;
		struct relp r;

		relp_init(&r, 8);
		while (rc != RELP_CLOSED) {
			struct scattered s = {.n = 0};
			struct frame f;

			if (rc == RELP_MORE) {
				assert_true(there < sizeof(stream) - 1);
				there += 1 + random_below(
						     &seed, (uint32_t)(sizeof(stream) - 1 - there));
			}
			scatter(&s, (const uint8_t *)stream + at, there - at, &seed);
			rc = relp_next(&r, s.v, s.n, &f);
			scattered_free(&s);
			if (rc == RELP_LOG) {
				tape_add(&t, f.flags, (const uint8_t *)stream + at + f.skip, f.len);
				relp_durable(&r, relp_ordinal(&r));
			}
			if (rc == RELP_WAIT) {
				uint8_t buf[256];

				relp_sent(&r, relp_answers(&r, buf, sizeof(buf)));
			}
			assert_int_not_equal(rc, RELP_BROKEN);
			assert_true(f.total <= there - at);
			at += f.total;
		}
		assert_int_equal(at, sizeof(stream) - 1);
		assert_int_equal(t.logs, 3);
		tape_free(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_is_answered_with_what_we_offer),
		cmocka_unit_test(librelps_own_open_is_understood),
		cmocka_unit_test(the_older_version_of_both_is_spoken),
		cmocka_unit_test(an_offer_may_begin_with_lf_and_unknown_ones_are_ignored),
		cmocka_unit_test(offers_that_will_not_do_are_answered_500_and_the_session_ends),
		cmocka_unit_test(nothing_comes_before_open_nor_a_second_one_after_it),
		cmocka_unit_test(a_log_is_answered_when_it_is_durable_and_not_before),
		cmocka_unit_test(answers_keep_the_order_of_the_commands),
		cmocka_unit_test(an_empty_log_is_answered_though_there_is_nothing_to_store),
		cmocka_unit_test(one_trailer_is_framing),
		cmocka_unit_test(a_long_log_is_cut_and_answered_when_all_of_it_has_come),
		cmocka_unit_test(a_frame_that_does_not_end_in_lf_is_broken),
		cmocka_unit_test(headers_against_the_grammar_are_broken),
		cmocka_unit_test(hints_are_skipped_and_not_answered),
		cmocka_unit_test(an_unfinished_hint_keeps_no_answer_back),
		cmocka_unit_test(close_is_answered_last_and_nothing_is_read_behind_it),
		cmocka_unit_test(serverclose_goes_behind_the_answers_that_are_due),
		cmocka_unit_test(a_second_word_of_ours_waits_for_the_first),
		cmocka_unit_test(the_window_is_a_bound),
		cmocka_unit_test(numbers_wrap_as_librelp_wraps_them),
		cmocka_unit_test(answers_go_out_in_any_pieces),
		cmocka_unit_test(frames_come_in_any_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
