/* A journal whose segments age, on a disk in memory and on a clock of the test's own. */
#ifndef JOURNAL_TEST_AGING_H
#define JOURNAL_TEST_AGING_H

#include "tests/unit/journal/place.h"

#define SECOND 1000000ull
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)

/* cmocka's. Not open yet: the test has its own configuration. */
int aging_set_up(void **state);
#define AGING_CASE(name) cmocka_unit_test_setup_teardown(name, aging_set_up, place_tear_down)

void aging_open(struct place *p);
/* A durable block of so many logs of now. */
void aging_send(struct place *p, unsigned logs);
/* Time passes in steps, as the committer sees it. */
void aging_pass(struct place *p, uint64_t us, uint64_t by);
struct journal_status aging_status(struct place *p);
/* How many segments are closed. */
unsigned aging_finished(struct place *p);

#endif
