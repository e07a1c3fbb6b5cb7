#include "tests/unit/tls/stage.h"

struct world world;
struct link wire;

int stage_setup(void **state)
{
	(void)state;
	world_make(&world);
	return 0;
}

int stage_teardown(void **state)
{
	(void)state;
	world_free(&world);
	return 0;
}
