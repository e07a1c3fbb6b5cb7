#include "control/watchdog.h"

unsigned watchdog_check(struct watchdog *w, const struct dp_lcore_info *lcores, unsigned n,
	uint64_t now_us, uint64_t limit_us, watchdog_fn changed, void *ctx)
{
	unsigned stuck_count = 0;

	for (unsigned i = 0; i < n && i < DP_MAX_LCORES; i++) {
		const struct dp_lcore_info *l = &lcores[i];
		bool stuck;

		if (!w->v[i].known || w->v[i].lcore != l->lcore) {
			w->v[i].known = true;
			w->v[i].stuck = false;
			w->v[i].lcore = l->lcore;
			w->v[i].heartbeat = l->heartbeat;
			w->v[i].moved_us = now_us;
			continue;
		}
		if (l->sleeping || l->heartbeat != w->v[i].heartbeat) {
			w->v[i].heartbeat = l->heartbeat;
			w->v[i].moved_us = now_us;
		}
		stuck = now_us - w->v[i].moved_us >= limit_us;
		if (stuck != w->v[i].stuck) {
			w->v[i].stuck = stuck;
			changed(ctx, l, stuck, now_us - w->v[i].moved_us);
		}
		stuck_count += stuck;
	}
	return stuck_count;
}
