/* The running journal, with its threads, on real files. */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/unit/journal/util.h"

#define PRODUCERS 3

struct producer {
	struct journal *j;
	unsigned index;
	unsigned logs, done;
	bool busy;
	pthread_t thread;
};

/* Sends numbered lines; blocks are handed over by the journal's own advice. */
static void *produce(void *arg)
{
	struct producer *p = arg;
	struct journal_port *port = journal_port(p->j, p->index);
	struct waker w;
	struct block *b = NULL;
	unsigned sent = 0;
	char name[16];

	assert_int_equal(waker_init(&w), 0);
	if (!p->busy)
		journal_port_set_waker(port, &w);
	snprintf(name, sizeof(name), "dev-%u", p->index);
	while (p->done < p->logs) {
		struct block *v[8];
		struct pollfd pfd = {.fd = w.fd, .events = POLLIN};
		struct timespec ts;
		uint64_t now;
		unsigned n;

		clock_gettime(CLOCK_MONOTONIC, &ts);
		now = (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
		n = journal_completed(port, v, 8);
		for (unsigned i = 0; i < n; i++) {
			assert_int_equal(v[i]->error, 0);
			p->done += v[i]->row_count;
			journal_block_put(port, v[i]);
		}
		if (!b && sent < p->logs)
			b = journal_block_get(port);
		for (unsigned i = 0; b && i < 200 && sent < p->logs; i++) {
			char line[1100];
			int len = snprintf(line, sizeof(line), "%u %u ", p->index, sent);

			len += (int)test_line(line + len, sent);
			if (!test_log(b, name, 1000 + sent, line, (uint32_t)len))
				break;
			if (b->first_us == 0)
				b->first_us = now;
			b->acked = p->index & 1;
			sent++;
		}
		if (b && b->row_count && journal_should_submit(port, b, now)) {
			journal_submit(port, b);
			b = NULL;
		} else if (n == 0 && !p->busy) {
			waker_prepare(&w);
			poll(&pfd, 1, 1);
			waker_done(&w);
		}
	}
	waker_destroy(&w);
	return NULL;
}

static void check_all(const char *dir, unsigned producers, unsigned logs)
{
	struct journal_query q = {.until_ns = UINT64_MAX};
	struct journal_verify_totals totals;
	struct journal_fault fault;
	struct journal_reader *r;
	struct journal_log log;
	unsigned next[PRODUCERS] = {0};
	uint64_t n = 0;

	assert_int_equal(journal_reader_open(dir, &q, &r, &fault), JOURNAL_OK);
	while (journal_reader_next(r, &log) == 1) {
		char line[1100];
		unsigned i = (unsigned)log.log[0] - '0';
		int len;

		assert_in_range(i, 0, producers - 1);
		len = snprintf(line, sizeof(line), "%u %u ", i, next[i]);
		len += (int)test_line(line + len, next[i]);
		assert_int_equal(log.len, len);
		assert_memory_equal(log.log, line, log.len);
		assert_int_equal(log.time_ns, 1000 + next[i]);
		assert_int_equal(log.vdom_len, 4);
		assert_memory_equal(log.vdom, "root", 4);
		next[i]++;
		n++;
	}
	journal_reader_close(r);
	assert_int_equal(n, producers * logs);
	assert_int_equal(journal_verify(dir, 0, NULL, NULL, &totals, &fault), JOURNAL_OK);
	assert_int_equal(totals.logs, n);
	assert_int_equal(totals.torn, 0);
	assert_int_equal(totals.corrupt, 0);
}

static void run(unsigned compressors, bool busy, unsigned logs, uint64_t segment_size)
{
	struct producer p[PRODUCERS];
	struct journal_config cfg;
	struct journal_recovery rec;
	struct journal_status st;
	struct journal_fault fault;
	struct journal *j;
	uint64_t block;
	uint64_t durable;
	char dir[256];

	test_dir_make(dir);
	test_config(&cfg, dir);
	cfg.compressors = compressors;
	cfg.busy_poll = busy;
	cfg.segment_size = segment_size;
	assert_int_equal(journal_open(&cfg, PRODUCERS, &j, &rec, &fault), JOURNAL_OK);
	assert_int_equal(journal_start(j, &fault), JOURNAL_OK);
	assert_true(journal_watch(j) >= 0);
	for (unsigned i = 0; i < PRODUCERS; i++) {
		p[i] = (struct producer){.j = j, .index = i, .logs = logs, .busy = busy};
		assert_int_equal(pthread_create(&p[i].thread, NULL, produce, &p[i]), 0);
	}
	for (unsigned i = 0; i < PRODUCERS; i++)
		pthread_join(p[i].thread, NULL);
	journal_durable(j, &block, &durable);
	assert_int_equal(durable, PRODUCERS * logs);
	journal_status(j, &st);
	assert_int_equal(st.durable_block, block);
	assert_int_equal(st.blocks_compressed + st.blocks_raw, block);
	assert_int_equal(st.pool_blocks, cfg.pool_blocks);
	assert_true(st.segments >= 1);
	assert_true(st.commits > 0 && st.commit_us_p99 >= st.commit_us_p50);
	check_all(dir, PRODUCERS, logs); /* while it is open */
	journal_stop(j);
	journal_status(j, &st);
	assert_int_equal(st.state, JOURNAL_STOPPED);
	assert_int_equal(st.pool_free, st.pool_blocks);
	journal_close(j);
	check_all(dir, PRODUCERS, logs);
	assert_int_equal(journal_open(&cfg, 1, &j, &rec, &fault), JOURNAL_OK);
	assert_true(rec.clean);
	assert_int_equal(rec.logs, PRODUCERS * logs);
	assert_int_equal(rec.durable_block, block);
	journal_close(j);
	test_dir_remove(dir);
}

static void producers_with_compressors(void **state)
{
	(void)state;
	run(2, false, 3000, 256u << 20);
}

static void producers_busy_poll(void **state)
{
	(void)state;
	run(1, true, 3000, 256u << 20);
}

static void producers_without_compressors_many_segments(void **state)
{
	(void)state;
	run(0, false, 3000, 200u << 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(producers_with_compressors),
		cmocka_unit_test(producers_busy_poll),
		cmocka_unit_test(producers_without_compressors_many_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
