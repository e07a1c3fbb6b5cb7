/* A journal on a disk in memory, without threads, and what is read from it. */
#ifndef JOURNAL_TEST_PLACE_H
#define JOURNAL_TEST_PLACE_H

#include "dataplane/journal/journal.h"
#include "tests/unit/journal/memfs.h"
#include "tests/unit/journal/util.h"

#define T0 1763762000000000000ull /* the first log's time */

struct place {
	struct memfs *fs;
	struct journal_config cfg;
	struct journal *j;
	uint64_t sent;
};

/* cmocka's, with segments of 64 KiB. */
int place_set_up(void **state);
int place_tear_down(void **state);
#define PLACE_CASE(name) cmocka_unit_test_setup_teardown(name, place_set_up, place_tear_down)

/* A durable block of logs "DEVICE N", one a second, N rising over all blocks. */
void place_send(struct place *p, const char *device, unsigned logs);
void place_close(struct place *p);

struct journal_reader *place_reader(struct place *p, const struct journal_query *q);
/* Counts what matches; first and last N. */
uint64_t place_run(struct place *p, const struct journal_query *q, uint64_t *first, uint64_t *last,
	struct journal_reader_stats *st);

#endif
