/* Intake on a journal whose disk stands still: blocks become scarce, then none is left. */
#include <ftw.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/intake.h"
#include "tests/unit/dp/disk.h"

#define POOL 16u

static char dir[64];
static struct journal *journal;
static struct intake in;

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int start(void **state)
{
	static const struct siphash_key key = {3, 4};
	struct journal_recovery rec;
	struct journal_fault fault;
	struct journal_config cfg;

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/sluice-intake-XXXXXX");
	assert_non_null(mkdtemp(dir));
	atomic_store(&disk_stalled, true);
	journal_config_defaults(&cfg);
	snprintf(cfg.dir, sizeof(cfg.dir), "%s", dir);
	cfg.block_size = 65536;
	cfg.pool_blocks = POOL;
	cfg.busy_poll = true;
	cfg.min_free = 0;
	cfg.fs = disk_fs();
	assert_int_equal(journal_open(&cfg, 1, &journal, &rec, &fault), JOURNAL_OK);
	assert_int_equal(journal_start(journal, &fault), JOURNAL_OK);
	memset(&in, 0, sizeof(in));
	assert_int_equal(intake_init(&in, journal, 0, 100, &key), 0);
	in.now_us = 1000000;
	in.now_ns = 10000000000u; /* devices below were first seen long before */
	return 0;
}

static int stop(void **state)
{
	(void)state;
	disk_goes_on();
	intake_flush(&in);
	journal_stop(journal);
	while (intake_round(&in))
		;
	assert_true(intake_settled(&in));
	intake_fini(&in);
	journal_close(journal);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return 0;
}

/* Logs come faster here than the committer's thread moves blocks: wait until none is on its way. */
static void settle_pool(void)
{
	while (journal_port_free(in.port) + in.in_flight + (in.block != NULL) != POOL)
		sched_yield();
	intake_round(&in);
}

/* intake_room(), which waits for a block that the committer has and this port has not yet. */
static bool room(uint32_t bytes)
{
	while (!intake_room(&in, bytes, 1)) {
		if (journal_port_free(in.port) == 0)
			return false;
		sched_yield();
	}
	return true;
}

/* What rx.c does with a datagram. */
static bool offer(uint32_t device)
{
	static const uint8_t log[1000] = "x";
	struct framing_span v = {log, sizeof(log)};
	struct intake_source src = {.device = device, .port = 1, .transport = TRANSPORT_UDP};

	src.addr = device_at(in.devices, device)->addr;
	if (!intake_admit(&in, device, sizeof(log)) || !room(sizeof(log))) {
		intake_drop(&in, device, intake_no_room_reason(&in), 1);
		return false;
	}
	intake_append(&in, &src, &v, 0, sizeof(log), 0, NULL, 0);
	return true;
}

static uint32_t device(uint8_t last)
{
	const uint8_t four[4] = {192, 0, 2, last};
	struct ip_addr a = ip_addr_v4(four);

	return device_by_addr(in.devices, &a, 1);
}

static void check_equation(const struct device *d)
{
	uint64_t sum = d->stored + d->duplicate + device_pending(d);

	for (unsigned r = 0; r < DROP_REASON_COUNT; r++)
		sum += d->dropped[r];
	assert_int_equal(d->received, sum);
}

static void the_flood_is_dropped_before_the_others(void **state)
{
	uint32_t flood = device(1);
	bool dropped = false;

	(void)state;
	for (unsigned i = 0; i < 100 * POOL; i++) {
		settle_pool();
		if (!offer(flood))
			dropped = true;
		/* Ten quiet sources beside it: none of their logs is lost before the flood's are.
		 */
		if (i % 50 == 0)
			for (uint8_t k = 10; k < 20; k++)
				if (!offer(device(k)))
					fail_msg("log %u of a quiet source: %u blocks left, flood "
						 "took "
						 "%lu of %u",
						i, journal_port_free(in.port),
						device_at(in.devices, flood)->appended, i);
		if (i % 100 == 0)
			in.now_us += 1000;
	}
	assert_true(dropped);
	assert_true(device_at(in.devices, flood)->dropped[DROP_no_block] > 0);
	check_equation(device_at(in.devices, flood));
	check_equation(device_at(in.devices, device(10)));
}

static void alone_it_may_have_every_block(void **state)
{
	uint32_t only = device(1);
	unsigned kept = 0;

	(void)state;
	for (unsigned i = 0; i < 100 * POOL; i++) {
		settle_pool();
		kept += offer(only);
	}
	assert_true(kept >= 60 * POOL); /* 65 logs of 1,001 bytes a block */
	assert_int_equal(device_at(in.devices, only)->dropped[DROP_no_block], 100 * POOL - kept);
	check_equation(device_at(in.devices, only));
}

static void drops_are_told_to_the_journal(void **state)
{
	const struct device *d = device_at(in.devices, device(1));

	(void)state;
	for (unsigned i = 0; i < 100 * POOL; i++)
		offer(device(1));
	assert_true(d->deltas.dropped[DROP_no_block] > 0);
	disk_goes_on();
	while (device_any_dirty(in.devices) || !intake_settled(&in)) {
		in.now_us += 1000;
		intake_round(&in);
	}
	assert_int_equal(d->deltas.dropped[DROP_no_block], 0);
	assert_int_equal(device_pending(d), 0);
	check_equation(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_flood_is_dropped_before_the_others, start, stop),
		cmocka_unit_test_setup_teardown(alone_it_may_have_every_block, start, stop),
		cmocka_unit_test_setup_teardown(drops_are_told_to_the_journal, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
