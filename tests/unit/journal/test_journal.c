/* The running journal, with its threads, on real files. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dataplane/journal/fs.h"
#include "dataplane/journal/internal.h"
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
	struct journal_query q = {.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED};
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
	assert_int_equal(
		journal_verify(dir, JOURNAL_UNBOUNDED, NULL, NULL, &totals, &fault), JOURNAL_OK);
	assert_int_equal(totals.logs, n);
	assert_int_equal(totals.torn, 0);
	assert_int_equal(totals.corrupt, 0);
}

/* What was reserved ahead and not written is free again when the segment is closed. */
static void gives_reserve_back(void *ctx, const struct journal_segment_info *info)
{
	struct journal_fs_info file;
	char path[400];

	snprintf(path, sizeof(path), "%s/%s", (const char *)ctx, info->name);
	assert_int_equal(journal_fs_real.info(NULL, path, &file), 0);
	assert_true(info->finished);
	assert_int_equal(file.size, info->bytes);
	assert_true(file.disk < info->bytes + (1u << 20));
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
	cfg.compaction_level = 3; /* beside all the rest */
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
	assert_int_equal(journal_list(dir, gives_reserve_back, dir, &fault), JOURNAL_OK);
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

/* ---- a disk that fails under the threads -------------------------------------------------- */

static _Atomic bool broken;

static int breaking_sync(void *ctx, struct journal_io *io, int fd, uint64_t tag)
{
	return atomic_load(&broken) ? -EIO : journal_fs_real.io_sync(ctx, io, fd, tag);
}

static int breaking_fdatasync(void *ctx, int fd)
{
	return atomic_load(&broken) ? -EIO : journal_fs_real.fdatasync(ctx, fd);
}

static void wait_for(struct journal *j, enum journal_state s)
{
	while (journal_state(j) != s)
		sched_yield();
}

static void failed_journal_is_resumed_from_another_thread(void **state)
{
	struct journal_fs fs = journal_fs_real;
	struct journal_config cfg;
	struct journal_fault fault;
	struct journal_port *port;
	struct journal_status st;
	struct journal *j;
	struct block *b;
	char dir[256];

	(void)state;
	fs.io_sync = breaking_sync;
	fs.fdatasync = breaking_fdatasync;
	test_dir_make(dir);
	test_config(&cfg, dir);
	cfg.fs = &fs;
	cfg.compressors = 1;
	assert_int_equal(journal_open(&cfg, 1, &j, NULL, &fault), JOURNAL_OK);
	assert_int_equal(journal_start(j, &fault), JOURNAL_OK);
	port = journal_port(j, 0);
	atomic_store(&broken, true);
	b = journal_block_get(port);
	test_log(b, "d", 1, "held", 4);
	b->acked = true;
	journal_submit(port, b);
	wait_for(j, JOURNAL_FAILED);
	assert_int_equal(journal_completed(port, &b, 1), 0);
	assert_int_equal(journal_resume(j, &fault), JOURNAL_E_FAILED);
	journal_status(j, &st);
	assert_int_equal(st.state, JOURNAL_FAILED);
	assert_int_equal(st.durable_logs, 0);
	atomic_store(&broken, false);
	assert_int_equal(journal_resume(j, &fault), JOURNAL_OK);
	while (journal_completed(port, &b, 1) == 0)
		sched_yield();
	assert_int_equal(b->error, 0);
	journal_block_put(port, b);
	journal_status(j, &st);
	assert_int_equal(st.state, JOURNAL_RUNNING);
	assert_int_equal(st.durable_logs, 1);
	journal_stop(j);
	assert_int_equal(journal_resume(j, &fault), JOURNAL_E_FAILED); /* stopped */
	journal_close(j);
	test_dir_remove(dir);
}

/* Where io_uring is forbidden (containers), the same is done by plain system calls. */
static void forbid_io_uring(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) != 0)
		_exit(2);
}

static int commit_without_io_uring(const char *dir)
{
	struct journal_config cfg;
	struct journal_fault fault;
	struct journal_port *port;
	struct journal *j;
	struct block *b;

	forbid_io_uring();
	test_config(&cfg, dir);
	cfg.compressors = 1;
	if (journal_open(&cfg, 1, &j, NULL, &fault) != JOURNAL_OK ||
		strncmp(journal_io_text(j), "pwritev and fdatasync", 21) != 0 ||
		journal_start(j, &fault) != JOURNAL_OK)
		return 3;
	port = journal_port(j, 0);
	for (unsigned i = 0; i < 20; i++) {
		while ((b = journal_block_get(port)) == NULL)
			sched_yield();
		test_log(b, "d", i, "without", 7);
		journal_submit(port, b);
		while (journal_completed(port, &b, 1) == 0)
			sched_yield();
		if (b->error)
			return 4;
		journal_block_put(port, b);
	}
	journal_stop(j);
	journal_close(j);
	return 0;
}

static void without_io_uring(void **state)
{
	struct journal_verify_totals totals;
	char dir[256];
	int status;
	pid_t pid;

	(void)state;
	test_dir_make(dir);
	pid = fork();
	if (pid == 0)
		_exit(commit_without_io_uring(dir));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(
		journal_verify(dir, JOURNAL_UNBOUNDED, NULL, NULL, &totals, NULL), JOURNAL_OK);
	assert_int_equal(totals.logs, 20);
	assert_int_equal(totals.corrupt + totals.torn, 0);
	test_dir_remove(dir);
}

/* Percent of its pages that are in memory; it begins somewhere in one. */
static size_t resident(uint8_t *p, size_t len)
{
	unsigned char there[1024];
	size_t to_page = -(uintptr_t)p % 4096;
	size_t pages = (len - to_page) / 4096, n = 0;

	assert_in_range(pages, 1, sizeof(there));
	assert_int_equal(mincore(p + to_page, pages * 4096, there), 0);
	for (size_t i = 0; i < pages; i++)
		n += there[i] & 1;
	return 100 * n / pages;
}

static void blocks_at_hand_are_in_memory_at_once(void **state)
{
	char dir[256];

	(void)state;
	test_dir_make(dir);
	for (int populate = 0; populate < 2; populate++) {
		struct journal_config cfg;
		struct journal *j;
		struct block *b;

		test_config(&cfg, dir);
		cfg.block_size = 1u << 20;
		assert_int_equal(journal_open(&cfg, 1, &j, NULL, NULL), JOURNAL_OK);
		if (populate)
			journal_port_populate(journal_port(j, 0));
		b = journal_block_get(journal_port(j, 0));
		/* Its header may have brought a huge page with it. */
		assert_in_range(
			resident(b->raw, b->raw_size), populate ? 100 : 0, populate ? 100 : 99);
		journal_block_put(journal_port(j, 0), b);
		journal_close(j);
	}
	test_dir_remove(dir);
}

/* What an lcore had before is given out before what it is granted. */
static void granted_blocks_lie_beneath_those_at_hand(void **state)
{
	struct block *first[8], *b;
	struct journal_config cfg;
	struct journal_port *port;
	struct journal *j;
	char dir[256];

	(void)state;
	test_dir_make(dir);
	test_config(&cfg, dir);
	cfg.pool_blocks = 16;
	assert_int_equal(journal_open(&cfg, 1, &j, NULL, NULL), JOURNAL_OK);
	port = journal_port(j, 0);
	for (unsigned i = 0; i < 8; i++)
		first[i] = journal_block_get(port); /* and asks for more */
	for (unsigned i = 8; i > 0; i--)
		journal_block_put(port, first[i - 1]);
	journal_step(j, 0);
	assert_int_equal(journal_port_free(port), 16);
	for (unsigned i = 0; i < 8; i++)
		assert_ptr_equal(journal_block_get(port), first[i]);
	b = journal_block_get(port);
	assert_non_null(b);
	journal_block_put(port, b);
	for (unsigned i = 0; i < 8; i++)
		journal_block_put(port, first[i]);
	journal_step(j, 0);
	journal_close(j);
	test_dir_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(producers_with_compressors),
		cmocka_unit_test(producers_busy_poll),
		cmocka_unit_test(producers_without_compressors_many_segments),
		cmocka_unit_test(failed_journal_is_resumed_from_another_thread),
		cmocka_unit_test(without_io_uring),
		cmocka_unit_test(blocks_at_hand_are_in_memory_at_once),
		cmocka_unit_test(granted_blocks_lie_beneath_those_at_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
