/* A client that goes on where another one ended; the spill's bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "dataplane/client/spill_code.h"
#include "tests/unit/client/talk.h"

/* Ends it as kill -9 would, and begins another one with these items (by place) and that mark. */
static void again(const struct client_mark *m, const char *const *logs, const uint64_t *places)
{
	client_free(c);
	c = new_client();
	assert_true(client_restore(c, m));
	for (unsigned i = 0; logs[i]; i++) {
		const uint32_t len = (uint32_t)strlen(logs[i]);

		client_restore_item(c, places[i],
			&(struct client_item){
				.logs = (const uint8_t *)logs[i], .lengths = &len, .count = 1});
	}
	client_restored(c);
	assert_int_equal(stats().added, stats().dropped + stats().confirmed_logs +
						stats().memory.logs + stats().confirm.logs);
}

static struct client_mark mark(void)
{
	struct client_mark m;

	client_save(c, &m);
	return m;
}

static void numbers_go_on(void **state)
{
	struct client_mark m;

	(void)state;
	add("one");
	add("two");
	add("three");
	log_in(0, NULL);
	heard_item(1, "one");
	heard_item(2, "two");
	heard_item(3, "three");
	confirm(1, "one");
	add("four");
	m = mark();
	again(&m, (const char *const[]){"two", "three", "four", NULL}, (uint64_t[]){1, 2, 3});
	assert_int_equal(stats().confirm.items, 2);
	assert_int_equal(stats().memory.items, 1);
	/* The server has one more than it could tell. */
	log_in(2, "two");
	assert_int_equal(said.stream[0].epoch, 101);
	assert_int_equal(said.stream[0].confirmed, 1);
	heard_item(3, "three");
	heard_item(4, "four");
	assert_int_equal(confirm(4, "four"), CLIENT_NOTHING);
	assert_int_equal(stats().added, 4);
	assert_int_equal(stats().epochs, 1);
}

static void the_last_confirmed_is_known_though_it_is_gone(void **state)
{
	struct client_mark m;

	(void)state;
	add("one");
	log_in(0, NULL);
	heard_item(1, "one");
	confirm(1, "one");
	m = mark();
	again(&m, (const char *const[]){NULL}, (uint64_t[]){0});
	connects();
	assert_int_equal(said.stream[0].confirmed, 1);
	client_lost(c, now);
	/* Another item under its number: the server knows another story. */
	log_in(1, "ONE");
	heard(OFTP_SEQ_QUERY);
	assert_int_equal(stats().epochs, 2);
}

static void items_behind_the_mark_count_as_new(void **state)
{
	struct client_mark m;

	(void)state;
	add("one");
	m = mark();
	again(&m, (const char *const[]){"one", "two", NULL}, (uint64_t[]){0, 1});
	assert_int_equal(stats().added, 2);
	log_in(0, NULL);
	heard_item(1, "one");
	heard_item(2, "two");
}

static void a_hole_is_counted_as_dropped(void **state)
{
	struct client_mark m;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		add("sent");
	log_in(0, NULL);
	for (unsigned i = 1; i <= 3; i++)
		heard_item(i, "sent");
	add("four");
	add("five");
	add("six");
	m = mark();
	/* The second that was sent, and the second that waited, are lost. */
	again(&m, (const char *const[]){"sent", "sent", "four", "six", NULL},
		(uint64_t[]){0, 2, 3, 5});
	assert_int_equal(stats().dropped, 2);
	log_in(0, NULL);
	heard_item(1, "sent");
	heard_item(3, "sent");
	heard_item(4, "four");
	confirm(4, "four");
	heard_item(5, "six");
	assert_int_equal(stats().added, 6);
	/* What comes now has a number of its own. */
	add("seven");
	heard_item(6, "seven");
}

static void the_newest_lost_is_no_place_for_the_next(void **state)
{
	struct client_mark m;

	(void)state;
	add("one");
	log_in(0, NULL);
	heard_item(1, "one");
	add("two");
	add("three");
	m = mark();
	again(&m, (const char *const[]){"one", NULL}, (uint64_t[]){0});
	add("four");
	log_in(0, NULL);
	heard_item(1, "one");
	heard_item(2, "four");
}

static void what_an_item_told_of_drops_it_tells_again(void **state)
{
	static char log[200000];
	struct client_mark m;
	uint64_t place;

	(void)state;
	memset(log, 'a', sizeof(log) - 1);
	for (unsigned i = 0; i < 3; i++)
		add(log);
	log_in(0, NULL);
	heard(OFTP_LOG_DATA);
	assert_int_equal(said.dropped_before, 1);
	m = mark();
	place = m.head;
	again(&m, (const char *const[]){log, NULL}, &place);
	log_in(0, NULL);
	heard(OFTP_LOG_DATA);
	assert_int_equal(said.seq_no, 1);
	assert_int_equal(said.dropped_before, 1);
}

static void both_servers_are_remembered(void **state)
{
	struct client_mark m;

	(void)state;
	add("one");
	log_in(0, NULL);
	heard_item(1, "one");
	client_lost(c, now);
	aimed_at = 1;
	add("two");
	log_in(0, NULL);
	heard_item(1, "one");
	confirm(1, "one");
	heard_item(2, "two");
	m = mark();
	again(&m, (const char *const[]){"two", NULL}, (uint64_t[]){1});
	log_in(1, "one");
	assert_int_equal(said.stream[0].epoch, 102);
	heard_item(2, "two");
	client_lost(c, now);
	aimed_at = 0;
	log_in(1, "one");
	assert_int_equal(said.stream[0].epoch, 101);
	heard_item(2, "two");
}

static void a_mark_that_contradicts_itself_is_none(void **state)
{
	struct client_mark m, wrong;

	(void)state;
	add("one");
	log_in(0, NULL);
	heard_item(1, "one");
	m = mark();
	client_free(c);
	c = new_client();
	wrong = m;
	wrong.head = 5;
	assert_false(client_restore(c, &wrong));
	wrong = m;
	wrong.server[0].last_seq = 0;
	assert_false(client_restore(c, &wrong));
	wrong = m;
	wrong.server[0].epoch = 0;
	assert_false(client_restore(c, &wrong));
	wrong = m;
	wrong.server[0].confirmed = 2;
	assert_false(client_restore(c, &wrong));
	wrong = m;
	wrong.server[1].numbered = 7;
	assert_false(client_restore(c, &wrong));
	assert_true(client_restore(c, &m));
}

/* ---- the spill's bytes ---- */

static size_t some_records(uint8_t *to, size_t size, size_t ends[3])
{
	const uint32_t lengths[] = {3, 4};
	const struct client_item item = {.logs = (const uint8_t *)"onefour",
		.lengths = lengths,
		.count = 2,
		.type = 3,
		.category = 1,
		.vdom = {"root", 4}};
	const struct spill_input input = {.dev = 1, .ino = 2, .offset = 3};
	struct client_mark m = mark();

	m.server[1].digest[15] = 9;
	ends[0] = spill_write_begin(5, true, to, size);
	ends[1] = ends[0] + spill_write_state(&m, &input, 1, to + ends[0], size - ends[0]);
	ends[2] = ends[1] + spill_write_item(77, &item, &input, to + ends[1], size - ends[1]);
	return ends[2];
}

static void records_are_read_as_they_were_written(void **state)
{
	static struct spill_record r;
	uint8_t data[4096];
	size_t ends[3], at = 0, len;
	struct client_mark m;

	(void)state;
	add("one");
	len = some_records(data, sizeof(data), ends);
	assert_int_equal(spill_read(data, len, &at, &r), SPILL_FOUND);
	assert_int_equal(r.kind, SPILL_BEGIN);
	assert_int_equal(r.number, 5);
	assert_true(r.base);
	assert_int_equal(spill_read(data, len, &at, &r), SPILL_FOUND);
	m = mark();
	m.server[1].digest[15] = 9;
	assert_memory_equal(&r.mark, &m, sizeof(m));
	assert_int_equal(r.n_inputs, 1);
	assert_int_equal(spill_read(data, len, &at, &r), SPILL_FOUND);
	assert_int_equal(r.place, 77);
	assert_int_equal(r.item.count, 2);
	assert_memory_equal(r.item.logs, "onefour", 7);
	assert_int_equal(r.lengths[1], 4);
	assert_memory_equal(r.item.vdom.at, "root", 4);
	assert_int_equal(r.inputs[0].offset, 3);
	assert_int_equal(spill_read(data, len, &at, &r), SPILL_END);
}

static void torn_anywhere_it_shows(void **state)
{
	static struct spill_record r;
	uint8_t data[4096];
	size_t ends[3], len = some_records(data, sizeof(data), ends);

	(void)state;
	for (size_t cut = 0; cut < len; cut++) {
		size_t at = 0;
		unsigned n = 0;

		while (spill_read(data, cut, &at, &r) == SPILL_FOUND)
			assert_int_equal(at, ends[n++]);
		assert_int_equal(n, (cut >= ends[0]) + (cut >= ends[1]));
		at = n ? ends[n - 1] : 0;
		assert_int_equal(
			spill_read(data, cut, &at, &r), at == cut ? SPILL_END : SPILL_TORN);
	}
}

static void every_changed_bit_shows(void **state)
{
	static struct spill_record r;
	uint8_t data[4096];
	size_t ends[3], len = some_records(data, sizeof(data), ends);

	(void)state;
	for (size_t bit = 0; bit < 8 * len; bit++) {
		size_t at = 0;
		unsigned n = 0;

		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		while (spill_read(data, len, &at, &r) == SPILL_FOUND)
			n++;
		assert_int_equal(n, (bit / 8 >= ends[0]) + (bit / 8 >= ends[1]));
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

#define restore_test(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		restore_test(numbers_go_on),
		restore_test(the_last_confirmed_is_known_though_it_is_gone),
		restore_test(items_behind_the_mark_count_as_new),
		restore_test(a_hole_is_counted_as_dropped),
		restore_test(the_newest_lost_is_no_place_for_the_next),
		restore_test(what_an_item_told_of_drops_it_tells_again),
		restore_test(both_servers_are_remembered),
		restore_test(a_mark_that_contradicts_itself_is_none),
		restore_test(records_are_read_as_they_were_written),
		restore_test(torn_anywhere_it_shows),
		restore_test(every_changed_bit_shows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
