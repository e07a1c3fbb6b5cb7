/*
 * Metrics in the Prometheus text format 0.0.4: each name once with its HELP and TYPE, all named
 * sluice_*, counters ending in _total, units as suffixes. No label has a device's name: there may
 * be 100,000 of them.
 */
#ifndef SLUICE_CONTROL_METRICS_H
#define SLUICE_CONTROL_METRICS_H

#include "control/control.h"
#include "control/text.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Control thread. All of them, as of now. */
void metrics_write(struct text *t, struct control *c);

#endif
