/* The logs that are known to be missing: by stream, as the journal has them. */
#ifndef SLUICE_CONTROL_GAPS_H
#define SLUICE_CONTROL_GAPS_H

#include <stdint.h>

#include "control/text.h"
#include "dataplane/journal/journal.h"

#define GAPS_LISTED 10000u /* in one answer */

/* Appends a JSON array of the device's gaps (NULL: of all), oldest stream first. Returns how many
 * were left out past GAPS_LISTED. */
uint64_t gaps_list(struct text *t, struct journal *j, const char *device);

#endif
