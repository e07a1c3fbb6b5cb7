#include "tests/unit/journal/work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/journal/internal.h"
#include "dataplane/journal/state.h"
#include "tests/unit/journal/util.h"

void work_init(struct work *w, struct memfs *fs)
{
	memset(w, 0, sizeof(*w));
	w->fs = fs;
	test_config(&w->cfg, "/j");
	w->cfg.pool_blocks = 8;
	w->cfg.segment_size = 64u << 10;
	w->cfg.fs = memfs_table(fs);
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdull;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ull;
	return x ^ x >> 33;
}

/* The text of a sender's log: of a length and content of its own, now and then with a newline. */
static uint32_t text_of(unsigned sender, uint64_t n, char text[1024])
{
	static char pool[4096];
	uint64_t r = mix(sender * 1000003ull + n);
	uint32_t more = (uint32_t)(r % 200);
	uint32_t len = 4;

	for (unsigned i = 0; pool[0] == 0 && i < sizeof(pool); i++)
		pool[sizeof(pool) - 1 - i] = (char)(mix(i) % 97 == 0 ? '\n' : 32 + mix(i) % 95);
	text[0] = (char)('A' + sender);
	text[1] = (char)('0' + n / 100 % 10);
	text[2] = (char)('0' + n / 10 % 10);
	text[3] = (char)('0' + n % 10);
	memcpy(text + len, pool + (r >> 20) % (sizeof(pool) - 200), more);
	return len + more;
}

static uint64_t number_of(const char *text)
{
	return (uint64_t)(text[1] - '0') * 100 + (uint64_t)(text[2] - '0') * 10 +
	       (uint64_t)(text[3] - '0');
}

int work_open(struct work *w)
{
	struct journal_fault fault;
	int rc = journal_open(&w->cfg, WORK_PORTS, &w->j, &w->recovery, &fault);

	if (rc != JOURNAL_OK)
		w->j = NULL;
	if (rc != JOURNAL_OK)
		return rc;
	assert_true((w->life + 1) * WORK_PORTS <= WORK_SENDERS);
	journal_compact(w->j);
	return JOURNAL_OK;
}

static void step(struct work *w)
{
	journal_step(w->j, memfs_table(w->fs)->mono_us(w->fs));
	memfs_advance(w->fs, 100);
}

/* Durable blocks come without holes in their numbers, and in order on each port. */
static void take_completions(struct work *w)
{
	struct journal_port *p[WORK_PORTS];
	struct block *held[WORK_PORTS] = {NULL};

	for (unsigned i = 0; i < WORK_PORTS; i++)
		p[i] = journal_port(w->j, i);
	for (;;) {
		unsigned first = WORK_PORTS;

		for (unsigned i = 0; i < WORK_PORTS; i++) {
			if (!held[i] && journal_completed(p[i], &held[i], 1) == 0)
				held[i] = NULL;
			if (held[i] &&
				(first == WORK_PORTS || held[i]->number < held[first]->number))
				first = i;
		}
		if (first == WORK_PORTS)
			break;
		if (held[first]->error == 0) {
			assert_int_equal(held[first]->number, w->last_durable + 1);
			w->last_durable = held[first]->number;
			w->acked[w->life * WORK_PORTS + first] += held[first]->row_count;
		} else {
			w->refused[w->life * WORK_PORTS + first] += held[first]->row_count;
		}
		journal_block_put(p[first], held[first]);
		held[first] = NULL;
	}
}

bool work_send(struct work *w, unsigned port, unsigned logs)
{
	struct journal_port *p = journal_port(w->j, port);
	unsigned sender = w->life * WORK_PORTS + port;
	struct block *b = journal_block_get(p);
	char device[32];

	if (!b)
		return false;
	snprintf(device, sizeof(device), "sender-%u", sender);
	for (unsigned i = 0; i < logs; i++) {
		char text[1024];
		uint32_t len = text_of(sender, w->sent[sender], text);

		if (!test_log(b, device, memfs_table(w->fs)->wall_ns(w->fs) + i, text, len))
			break;
		w->sent[sender]++;
	}
	if (w->sent[sender] % 3 == 0)
		block_delta_add(b, 0, DROP_malformed, 1);
	b->acked = port == 0;
	b->first_us = memfs_table(w->fs)->mono_us(w->fs);
	journal_submit(p, b);
	step(w);
	take_completions(w);
	return true;
}

void work_settle(struct work *w)
{
	for (unsigned i = 0; i < 800; i++) { /* longer than any commit-interval */
		step(w);
		take_completions(w);
		if (w->j->queue_len == 0 && i > 3)
			break;
	}
}

void work_close(struct work *w)
{
	if (!w->j)
		return;
	journal_stop(w->j);
	take_completions(w);
	journal_close(w->j);
	w->j = NULL;
	w->life++;
}

uint64_t work_check(const struct work *w, struct memfs *fs)
{
	struct journal_query q = {.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED};
	uint64_t got[WORK_SENDERS] = {0};
	bool met[WORK_SENDERS] = {false};
	struct journal_fault fault;
	struct journal_reader *r;
	struct journal_log log;
	uint64_t n = 0;
	int rc = journal_reader_open_fs(memfs_table(fs), "/j", &q, &r, &fault);

	if (rc == JOURNAL_E_FOREIGN || rc == JOURNAL_E_MISSING) { /* cut before there was an ID */
		for (unsigned i = 0; i < WORK_SENDERS; i++)
			assert_int_equal(w->acked[i], 0);
		return 0;
	}
	assert_int_equal(rc, JOURNAL_OK);
	while (journal_reader_next(r, &log) == 1) {
		char text[1024];
		unsigned sender;
		uint32_t len;

		assert_true(log.len >= 4);
		sender = (unsigned)log.log[0] - 'A';
		assert_true(sender < WORK_SENDERS);
		if (w->retires && !met[sender])
			got[sender] = number_of((const char *)log.log);
		met[sender] = true;
		len = text_of(sender, got[sender], text);
		assert_int_equal(log.len, len);
		assert_memory_equal(log.log, text, len);
		got[sender]++;
		n++;
	}
	journal_reader_close(r);
	for (unsigned i = 0; i < WORK_SENDERS; i++) {
		assert_true(got[i] >= w->acked[i] || (w->retires && !met[i]));
		assert_true(got[i] <= w->sent[i]);
	}
	return n;
}

struct sums {
	uint64_t stored;
};

static void add_device(
	void *ctx, const char *device, size_t len, const struct journal_state_device *d)
{
	struct sums *s = ctx;

	(void)device;
	(void)len;
	s->stored += d->stored;
}

void work_check_accounts(const struct work *w, struct journal *j, struct memfs *fs)
{
	struct sums s = {0};
	uint64_t acked = 0;
	uint64_t sent = 0;
	uint64_t block;
	uint64_t logs;

	journal_each_device(j, add_device, &s);
	journal_durable(j, &block, &logs);
	assert_int_equal(s.stored, logs);
	if (!w->retires) {
		assert_int_equal(s.stored, work_check(w, fs));
		return;
	}
	for (unsigned i = 0; i < WORK_SENDERS; i++) { /* for life, though the logs are gone */
		sent += w->sent[i];
		acked += w->acked[i];
	}
	assert_true(s.stored >= acked && s.stored <= sent);
}

struct verdicts {
	unsigned torn, corrupt;
};

static void on_finding(void *ctx, const struct journal_finding *f)
{
	struct verdicts *v = ctx;

	if (getenv("JOURNAL_FINDINGS"))
		print_message(
			"%s at %llu: %s\n", f->segment, (unsigned long long)f->offset, f->text);
	if (f->kind == FINDING_TORN_TAIL)
		v->torn++;
	else
		v->corrupt++;
}

uint64_t work_verify(struct memfs *fs, bool torn_allowed)
{
	struct journal_verify_totals totals;
	struct verdicts v = {0, 0};
	struct journal_fault fault;
	int rc = journal_verify_fs(
		memfs_table(fs), "/j", JOURNAL_UNBOUNDED, on_finding, &v, &totals, &fault);

	if (torn_allowed && (rc == JOURNAL_E_FOREIGN || rc == JOURNAL_E_MISSING))
		return 0;
	assert_int_equal(rc, JOURNAL_OK);
	assert_int_equal(v.corrupt, 0);
	if (!torn_allowed)
		assert_int_equal(v.torn, 0);
	return totals.logs;
}

void work_recovers(const struct work *before, struct memfs *disk)
{
	struct work w = *before;
	uint64_t found;

	w.fs = disk;
	w.cfg.fs = memfs_table(disk);
	w.j = NULL;
	w.life = before->life + 1;
	w.last_durable = 0;
	found = work_check(&w, disk);
	assert_int_equal(work_verify(disk, true), found);
	assert_int_equal(work_open(&w), JOURNAL_OK);
	assert_int_equal(w.recovery.corrupt_blocks, 0);
	assert_int_equal(work_check(&w, disk), found);
	work_check_accounts(&w, w.j, disk);
	w.last_durable = w.recovery.durable_block;
	assert_true(work_send(&w, 0, 30));
	assert_true(work_send(&w, 1, 30));
	work_settle(&w);
	assert_int_equal(w.acked[w.life * WORK_PORTS], 30);
	work_check_accounts(&w, w.j, disk);
	work_close(&w);
	if (!w.retires)
		assert_int_equal(work_check(&w, disk), found + 60);
	assert_int_equal(work_verify(disk, false), work_check(&w, disk));
}
