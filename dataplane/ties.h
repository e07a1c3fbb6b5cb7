/*
 * Which addresses are known to be whose: devices that log in by the OFTP profile with `reliable
 * disable` and send their logs as EC CF records over UDP. Immutable snapshots, published with the
 * policy whenever a session of that kind begins or ends; rx lcores only read them.
 */
#ifndef SLUICE_TIES_H
#define SLUICE_TIES_H

#include <stdint.h>

#include "dataplane/auth.h"
#include "dataplane/framing/fields.h"

#define TIES_PER_ADDRESS 256u /* devices that log from one address: behind a NAT */

struct tie {
	struct ip_addr addr;
	uint64_t session;
	uint32_t lcore, slot; /* where the session is */
	char serial[AUTH_SERIAL];
};

struct ties;
/* Copies. NULL when out of memory. */
struct ties *ties_new(const struct tie *v, uint32_t n);
struct ties *ties_ref(struct ties *t);
void ties_unref(struct ties *t); /* any thread; NULL is fine */

/*
 * Who is it that sends from `addr`, naming itself `devid` (may be empty)? Where it names nobody,
 * the one that logged in from there last; else whoever is so named and logged in from there. NULL:
 * nobody who logged in. Any lcore.
 */
const char *ties_find(const struct ties *t, const struct ip_addr *addr, struct text devid);

#endif
