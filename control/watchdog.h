/*
 * Is each lcore alive? A heartbeat that stands still while its lcore is awake means that this
 * lcore is stuck in something. Pure: sees what dp_lcores() said and a time.
 */
#ifndef SLUICE_CONTROL_WATCHDOG_H
#define SLUICE_CONTROL_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/dp.h"

struct watchdog {
	struct {
		unsigned lcore;
		bool known, stuck;
		uint64_t heartbeat, moved_us;
	} v[DP_MAX_LCORES];
};

/* What changed: `stuck` has begun (true) or ended. */
typedef void (*watchdog_fn)(
	void *ctx, const struct dp_lcore_info *lcore, bool stuck, uint64_t still_us);

/* `now_us` monotonic. Returns how many lcores are stuck. */
unsigned watchdog_check(struct watchdog *w, const struct dp_lcore_info *lcores, unsigned n,
	uint64_t now_us, uint64_t limit_us, watchdog_fn changed, void *ctx);

#endif
