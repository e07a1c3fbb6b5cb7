/* JSON shapes that several methods print (INTERFACES: account, wire, ...). */
#ifndef SLUICE_CONTROL_SHAPES_H
#define SLUICE_CONTROL_SHAPES_H

#include <jansson.h>

#include "control/text.h"
#include "dataplane/dp.h"
#include "dataplane/journal/state.h"

typedef const char *(*slug_fn)(unsigned reason);

/* {"reason": n, ...}; `zeros`: also those that are zero. */
void shape_reasons(struct text *t, const uint64_t *counts, unsigned n, slug_fn slug, bool zeros);
json_t *shape_reasons_json(const uint64_t *counts, unsigned n, slug_fn slug);

/* An account without its braces' end: members may follow. `a` NULL: not seen in this run. `life`
 * NULL: nothing of it is durable yet. `j`: its gaps too, else the list is empty. */
void shape_account(struct text *t, const struct dp_account *a, const char *device,
	const struct journal_state_device *life, struct journal *j, bool zeros);

json_t *shape_wire(const struct dp_wire *w);
/* "192.0.2.1/24"; "192.0.2.1" */
json_t *shape_prefix(const struct ip_addr *a, unsigned prefix_len);
json_t *shape_addr(const struct ip_addr *a);

#endif
