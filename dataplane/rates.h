/*
 * What each device has used of its rate, one account for all lcores: a device may send over several
 * connections, and has its rate once. But what anybody on the network can send in a device's name
 * is never charged to what only the device can send: each way of these has an account. By the
 * generic cell rate algorithm an account is one number, the time at which all that was taken has
 * been paid for; so two lcores share it by an atomic operation for each log, of devices that have a
 * rate and no others.
 *
 * No account is ever given back: one that is paid for says nothing, and its place may be taken.
 * Only when some hundred thousand devices are all behind with paying do some get their rate anew.
 * Pure, but for atomics; any thread.
 */
#ifndef SLUICE_RATES_H
#define SLUICE_RATES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum rate_way {
	RATE_DATAGRAM, /* anybody can write any source into one */
	RATE_CLEAR,    /* a connection from its address, or of whoever speaks for others */
	RATE_PROVEN,   /* a session that has proven who it is */
	RATE_WAYS
};

/* The key of one of the accounts of a device; `device`: a keyed hash of its name. Not 0. */
static inline uint64_t rates_who(uint64_t device, enum rate_way way)
{
	return (device + (uint64_t)way * 0x9e3779b97f4a7c15ull) | 1;
}

/* So much may be owed at most: what came together and was more than that is forgiven. */
#define RATES_DEBT_NS 60000000000ull

struct rate_cell {
	_Atomic uint64_t who; /* 0: nobody */
	_Atomic uint64_t paid_ns;
};

struct rates {
	struct rate_cell *cells;
	uint32_t mask;
};

/* For so many accounts; memory is reserved, and touched when used. 0, or -1 when out of memory. */
int rates_init(struct rates *r, uint32_t accounts);
void rates_fini(struct rates *r);

/*
 * Takes the worth of `logs` of `per_second` (not 0), of which a second's worth may be taken in
 * advance; so many at once may be more, and are paid for later.
 * `who`: of rates_who(). `now_ns` is monotonic; lcores may differ in it
 * by a round. false: it is used up, and nothing was taken.
 */
bool rates_spend(
	struct rates *r, uint64_t who, uint32_t per_second, uint32_t logs, uint64_t now_ns);

#endif
