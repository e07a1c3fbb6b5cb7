#include "dataplane/ledger/account.h"

#include <stdlib.h>

#define CACHE_SLOTS 1024u

struct device_table {
	struct device *devices; /* max + 1 */
	uint32_t *slots;	/* open addressing: index + 1, 0 is free */
	uint32_t *dirty;	/* stack of indexes */
	uint32_t slot_mask;
	uint32_t count;
	uint32_t max;
	uint32_t dirty_count;
	uint64_t full;
	struct siphash_key key;
	uint32_t cache[CACHE_SLOTS]; /* by address: index of the device seen there last */
};

/* Not keyed: it only picks a cache slot, and a miss costs one SipHash. */
static inline uint32_t cache_slot(const struct ip_addr *a)
{
	uint64_t hi, lo;

	memcpy(&hi, a->b, 8);
	memcpy(&lo, a->b + 8, 8);
	return (uint32_t)(((hi ^ lo) * 0x9e3779b97f4a7c15ULL) >> 54);
}
_Static_assert(CACHE_SLOTS == 1u << (64 - 54), "cache_slot gives as many bits");

struct device_table *device_table_new(uint32_t max, const struct siphash_key *key)
{
	struct device_table *t = calloc(1, sizeof(*t));
	uint32_t slots = 64;

	if (!t)
		return NULL;
	while (slots < max * 2ull)
		slots *= 2;
	t->devices = calloc((size_t)max + 1, sizeof(*t->devices));
	t->slots = calloc(slots, sizeof(*t->slots));
	t->dirty = calloc((size_t)max + 1, sizeof(*t->dirty));
	if (!t->devices || !t->slots || !t->dirty) {
		device_table_free(t);
		return NULL;
	}
	t->slot_mask = slots - 1;
	t->max = max;
	t->key = *key;
	t->count = 1;
	memcpy(t->devices[DEVICE_OTHER].name, DEVICE_OTHER_NAME, sizeof(DEVICE_OTHER_NAME));
	t->devices[DEVICE_OTHER].name_len = sizeof(DEVICE_OTHER_NAME) - 1;
	return t;
}

void device_table_free(struct device_table *t)
{
	if (!t)
		return;
	free(t->devices);
	free(t->slots);
	free(t->dirty);
	free(t);
}

static struct device *device_make(
	struct device_table *t, uint32_t slot, uint64_t hash, uint64_t now_ns)
{
	struct device *d;

	if (t->count > t->max) {
		t->full++;
		return NULL;
	}
	d = &t->devices[t->count];
	t->slots[slot] = t->count + 1;
	t->count++;
	d->hash = hash;
	d->first_seen_ns = now_ns;
	return d;
}

/* Where the address's entry is, or would be: its slot is returned, *found its index or
 * DEVICE_OTHER. */
static uint32_t find_addr(
	const struct device_table *t, const struct ip_addr *addr, uint64_t hash, uint32_t *found)
{
	uint32_t slot = (uint32_t)hash & t->slot_mask;

	*found = DEVICE_OTHER;
	for (; t->slots[slot]; slot = (slot + 1) & t->slot_mask) {
		uint32_t i = t->slots[slot] - 1;
		const struct device *d = &t->devices[i];

		if (d->hash == hash && d->by_addr && ip_addr_equal(&d->addr, addr)) {
			*found = i;
			break;
		}
	}
	return slot;
}

uint32_t device_known_by_addr(struct device_table *t, const struct ip_addr *addr)
{
	uint32_t found;

	find_addr(t, addr, siphash13(&t->key, addr, sizeof(*addr)), &found);
	return found;
}

static uint32_t by_addr_slow(struct device_table *t, const struct ip_addr *addr, uint64_t now_ns)
{
	uint64_t hash = siphash13(&t->key, addr, sizeof(*addr));
	uint32_t found, slot = find_addr(t, addr, hash, &found);
	struct device *d;

	if (found != DEVICE_OTHER)
		return found;
	d = device_make(t, slot, hash, now_ns);
	if (!d)
		return DEVICE_OTHER;
	d->by_addr = 1;
	d->addr = *addr;
	d->name_len = (uint8_t)ip_addr_format(addr, d->name);
	return (uint32_t)(d - t->devices);
}

uint32_t device_by_addr(struct device_table *t, const struct ip_addr *addr, uint64_t now_ns)
{
	uint32_t *cached = &t->cache[cache_slot(addr)];
	const struct device *d = &t->devices[*cached];

	if (!(d->by_addr && ip_addr_equal(&d->addr, addr)))
		*cached = by_addr_slow(t, addr, now_ns);
	return *cached;
}

uint32_t device_by_name(struct device_table *t, const char *name, size_t len, uint64_t now_ns)
{
	struct device *d;
	uint64_t hash;
	uint32_t slot;

	if (len > DEVICE_NAME_MAX)
		len = DEVICE_NAME_MAX;
	hash = siphash13(&t->key, name, len);
	slot = (uint32_t)hash & t->slot_mask;
	for (; t->slots[slot]; slot = (slot + 1) & t->slot_mask) {
		uint32_t i = t->slots[slot] - 1;

		d = &t->devices[i];
		if (d->hash == hash && !d->by_addr && d->name_len == len &&
			memcmp(d->name, name, len) == 0)
			return i;
	}
	d = device_make(t, slot, hash, now_ns);
	if (!d)
		return DEVICE_OTHER;
	memcpy(d->name, name, len);
	d->name_len = (uint8_t)len;
	return (uint32_t)(d - t->devices);
}

uint32_t device_count(const struct device_table *t)
{
	return t->count;
}

struct device *device_at(struct device_table *t, uint32_t index)
{
	return &t->devices[index];
}

uint64_t device_table_full(const struct device_table *t)
{
	return t->full;
}

void device_mark_dirty(struct device_table *t, uint32_t index)
{
	if (t->devices[index].dirty)
		return;
	t->devices[index].dirty = 1;
	t->dirty[t->dirty_count++] = index;
}

bool device_take_dirty(struct device_table *t, uint32_t *index)
{
	if (t->dirty_count == 0)
		return false;
	*index = t->dirty[--t->dirty_count];
	t->devices[*index].dirty = 0;
	return true;
}

bool device_any_dirty(const struct device_table *t)
{
	return t->dirty_count > 0;
}

void device_dropped(struct device_table *t, uint32_t index, enum drop_reason reason, uint64_t n)
{
	struct device *d = &t->devices[index];

	d->dropped[reason] += n;
	d->deltas.dropped[reason] += (uint32_t)n;
	device_mark_dirty(t, index);
}
