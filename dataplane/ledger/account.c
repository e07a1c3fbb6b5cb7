#include "dataplane/ledger/account.h"

#include <stdlib.h>

#define CACHE_SLOTS	1024u
#define RECYCLE_LOOK_AT 8u /* devices, for one that is new */

struct device_table {
	struct device *devices; /* max + 1 */
	uint32_t *slots;	/* open addressing: index + 1, 0 is free */
	uint32_t *dirty;	/* stack of indexes */
	uint32_t slot_mask;
	uint32_t count;
	uint32_t max;
	uint32_t dirty_count;
	uint32_t hand; /* where recycling looks next */
	uint64_t full, recycled;
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

/* Takes an entry out of the slots; those behind it move up, so that each is still found. */
static void unlink_slot(struct device_table *t, uint32_t index)
{
	uint32_t gap = (uint32_t)t->devices[index].hash & t->slot_mask, at;

	while (t->slots[gap] != index + 1)
		gap = (gap + 1) & t->slot_mask;
	for (at = (gap + 1) & t->slot_mask; t->slots[at]; at = (at + 1) & t->slot_mask) {
		uint32_t home = (uint32_t)t->devices[t->slots[at] - 1].hash & t->slot_mask;

		/* It may move into the gap unless its home lies behind the gap. */
		if (((at - home) & t->slot_mask) >= ((at - gap) & t->slot_mask)) {
			t->slots[gap] = t->slots[at];
			gap = at;
		}
	}
	t->slots[gap] = 0;
}

static void fold(struct device *to, const struct device *d)
{
	to->received += d->received;
	to->appended += d->appended;
	to->bytes += d->bytes;
	to->cut += d->cut;
	to->stored += d->stored;
	to->failed += d->failed;
	to->duplicate += d->duplicate;
	to->late += d->late;
	to->conflict += d->conflict;
	to->client_dropped += d->client_dropped;
	for (unsigned r = 0; r < DROP_REASON_COUNT; r++)
		to->dropped[r] += d->dropped[r];
	if (!to->first_seen_ns || d->first_seen_ns < to->first_seen_ns)
		to->first_seen_ns = d->first_seen_ns;
	if (d->last_seen_ns > to->last_seen_ns)
		to->last_seen_ns = d->last_seen_ns;
}

static bool may_go(const struct device *d, uint64_t now_ns)
{
	/* Signed: the wall clock may have been set back. */
	int64_t since_made = (int64_t)(now_ns - d->first_seen_ns);
	int64_t since_seen = (int64_t)(now_ns - d->last_seen_ns);

	return d->by_addr && d->holds == 0 && !d->dirty && device_pending(d) == 0 &&
	       since_made > DEVICE_IDLE_NS && since_seen > DEVICE_IDLE_NS;
}

/* The place of the one that mattered least, emptied; NULL: none of those looked at can go. */
static struct device *recycle(struct device_table *t, uint64_t now_ns)
{
	struct device *least = NULL;

	for (uint32_t i = 0; i < RECYCLE_LOOK_AT && i < t->max; i++) {
		struct device *d = &t->devices[1 + t->hand];

		t->hand = (t->hand + 1) % t->max;
		if (may_go(d, now_ns) && (!least || d->received < least->received))
			least = d;
	}
	if (!least)
		return NULL;
	unlink_slot(t, (uint32_t)(least - t->devices));
	fold(&t->devices[DEVICE_OTHER], least);
	memset(least, 0, sizeof(*least));
	t->recycled++;
	return least;
}

/* Room for a new device, or NULL. What the caller knows of slots is stale afterwards. */
static struct device *device_make(struct device_table *t, uint64_t hash, uint64_t now_ns)
{
	struct device *d;
	uint32_t slot;

	if (t->count <= t->max) {
		d = &t->devices[t->count++];
	} else {
		t->full++;
		d = recycle(t, now_ns);
		if (!d)
			return NULL;
	}
	for (slot = (uint32_t)hash & t->slot_mask; t->slots[slot];)
		slot = (slot + 1) & t->slot_mask;
	t->slots[slot] = (uint32_t)(d - t->devices) + 1;
	d->hash = hash;
	d->first_seen_ns = now_ns;
	return d;
}

/* The address's entry, or DEVICE_OTHER. */
static uint32_t find_addr(const struct device_table *t, const struct ip_addr *addr, uint64_t hash)
{
	uint32_t slot = (uint32_t)hash & t->slot_mask;

	for (; t->slots[slot]; slot = (slot + 1) & t->slot_mask) {
		uint32_t i = t->slots[slot] - 1;
		const struct device *d = &t->devices[i];

		if (d->hash == hash && d->by_addr && ip_addr_equal(&d->addr, addr))
			return i;
	}
	return DEVICE_OTHER;
}

uint32_t device_known_by_addr(struct device_table *t, const struct ip_addr *addr)
{
	return find_addr(t, addr, siphash13(&t->key, addr, sizeof(*addr)));
}

static uint32_t by_addr_slow(struct device_table *t, const struct ip_addr *addr, uint64_t now_ns)
{
	uint64_t hash = siphash13(&t->key, addr, sizeof(*addr));
	uint32_t found = find_addr(t, addr, hash);
	struct device *d;

	if (found != DEVICE_OTHER)
		return found;
	d = device_make(t, hash, now_ns);
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
	d = device_make(t, hash, now_ns);
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

uint64_t device_table_recycled(const struct device_table *t)
{
	return t->recycled;
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
