/* What the control thread looks after by itself: lcores, ports, journal; alarms come of it. */
#ifndef SLUICE_CONTROL_CHECKS_H
#define SLUICE_CONTROL_CHECKS_H

#include "control/control.h"

/* Cheap; each round. */
void checks_round(struct control *c);
/* Once a second. */
void checks_tick(struct control *c, uint64_t now_us);

#endif
