/*
 * DPDK telemetry (dpdk-telemetry.py, with the file prefix that sluiced uses): /sluice/status,
 * /sluice/accounts, /sluice/lcores. Its callbacks run in a thread of EAL's, so they see a copy that
 * the control thread renews each second.
 */
#ifndef SLUICE_CONTROL_TELEMETRY_H
#define SLUICE_CONTROL_TELEMETRY_H

#include "control/control.h"

/* Once, after dp_start(). 0, or -1 where EAL does not take the commands. */
int telemetry_register(void);
/* For control_options.tick. */
void telemetry_tick(void *ctx, struct control *c);

#endif
