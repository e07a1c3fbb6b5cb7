/*
 * Devices and their accounts, as one lcore keeps them (DESIGN section 6). One table an lcore, one
 * writer; control reads copies that the lcore makes between two rounds, so that for each device
 *
 *     received = stored + duplicate + pending + sum(dropped)
 *
 * holds in every copy. Pure; all memory is taken at the start.
 */
#ifndef SLUICE_ACCOUNT_H
#define SLUICE_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/addr.h"
#include "dataplane/base/reason.h"
#include "dataplane/base/siphash.h"

#define DEVICE_NAME_MAX 64
/* Entry 0: the device of all that found no place in a full table. */
#define DEVICE_OTHER	  0u
#define DEVICE_OTHER_NAME "(other)"
/* In a full table a device that is only an address (anybody can make those up), is held by nobody
 * and was silent for so long gives its place to a new one; its account goes to DEVICE_OTHER's. */
#define DEVICE_IDLE_NS 60000000000ll

/* What left no row in a block, since the last block that told. */
struct account_deltas {
	uint32_t dropped[DROP_REASON_COUNT];
	uint32_t duplicate, late, client_dropped, conflict;
};

struct device {
	/* First cache line: what each log touches. */
	uint64_t received;
	uint64_t appended; /* put into a block */
	uint64_t bytes;
	uint64_t last_seen_ns;
	uint32_t block_generation; /* block_index and source_index are of this generation */
	uint16_t block_index;
	uint16_t source_index;
	uint16_t source_port;
	uint8_t by_addr; /* its key is `addr`, else `name` */
	uint8_t name_len;
	uint8_t dirty;	 /* on the list of devices with deltas to tell */
	uint8_t verdict; /* enum admit (admit.h), of `policy` */
	uint8_t reserved[2];
	uint64_t cut;
	uint32_t policy; /* the number of the one by which verdict and rate were looked up */
	uint32_t rate;	 /* logs a second; 0: none */

	/* Second: the key. */
	struct ip_addr addr;
	uint64_t hash;
	uint64_t stored;
	uint64_t failed; /* were in a block that could not be stored; counted as dropped */
	uint64_t duplicate;
	uint64_t late;

	uint64_t first_seen_ns;
	uint64_t rate_who; /* admit.c: its accounts of rates.h */
	uint32_t sessions; /* of this device, by certificate or login */
	uint32_t holds;	   /* who refers to it by its index: blocks in flight, sessions */
	uint32_t window;   /* scarcity (intake.h): the window in which window_bytes were counted */
	uint32_t window_bytes;
	uint64_t conflict, client_dropped;
	uint64_t dropped[DROP_REASON_COUNT];
	struct account_deltas deltas;
	char name[DEVICE_NAME_MAX + 1]; /* NUL-terminated */
};
_Static_assert(offsetof(struct device, addr) == 64, "what each log touches is one cache line");

struct device_table;

/*
 * Room for `max` devices besides DEVICE_OTHER. Memory is reserved at once, touched when used. NULL
 * when out of memory.
 */
struct device_table *device_table_new(uint32_t max, const struct siphash_key *key);
void device_table_free(struct device_table *t);

/*
 * The device of a source address (its name is the address's text), or of a name (1 to
 * DEVICE_NAME_MAX bytes; a longer one is cut). Made when new; DEVICE_OTHER when the table is full
 * and none of a few that are looked at can go.
 */
uint32_t device_by_addr(struct device_table *t, const struct ip_addr *addr, uint64_t now_ns);
/* The same for a device that is known already, else DEVICE_OTHER: for what is not worth an entry.
 */
uint32_t device_known_by_addr(struct device_table *t, const struct ip_addr *addr);
uint32_t device_by_name(struct device_table *t, const char *name, size_t len, uint64_t now_ns);

uint32_t device_count(const struct device_table *t);
struct device *device_at(struct device_table *t, uint32_t index);
/* Times that a new device found the table full, and that another went for it. */
uint64_t device_table_full(const struct device_table *t);
uint64_t device_table_recycled(const struct device_table *t);

/* An index that is kept beyond the call that gave it must be held, or it may come to be another
 * device's. */
static inline void device_hold(struct device *d)
{
	d->holds++;
}

static inline void device_release(struct device *d)
{
	d->holds--;
}

/* Notes that this device has deltas to tell the journal. */
void device_mark_dirty(struct device_table *t, uint32_t index);
/* Takes one marked device off the list; false when there is none. */
bool device_take_dirty(struct device_table *t, uint32_t *index);
bool device_any_dirty(const struct device_table *t);

/* `n` received logs of the device were not kept. */
void device_dropped(struct device_table *t, uint32_t index, enum drop_reason reason, uint64_t n);

static inline uint64_t device_pending(const struct device *d)
{
	return d->appended - d->stored - d->failed;
}

#endif
