/* One world and one link, which the cases of a test file share. */
#ifndef TESTS_TLS_STAGE_H
#define TESTS_TLS_STAGE_H

#include "tests/unit/tls/link.h"
#include "tests/unit/tls/world.h"

extern struct world world;
extern struct link wire;

/* Of a group of tests: makes the world. */
int stage_setup(void **state);
int stage_teardown(void **state);

#endif
