#include "dataplane/ties.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/siphash.h"

/* Addresses of devices that have logged in: no key is needed against collisions. */
static const struct siphash_key hash_key = {0x736c756963652d74, 0x6965732d61646472};

struct ties {
	_Atomic unsigned refs;
	uint32_t mask;
	uint32_t *first; /* by hash of the address: index + 1 into `v`; 0: none */
	uint32_t *next;	 /* of each: the one before it with the same hash; likewise */
	struct tie *v;
};

static uint32_t hash_of(const struct ties *t, const struct ip_addr *addr)
{
	return (uint32_t)siphash13(&hash_key, addr, sizeof(*addr)) & t->mask;
}

struct ties *ties_new(const struct tie *v, uint32_t n)
{
	struct ties *t = calloc(1, sizeof(*t));
	uint32_t slots = 8;

	while (slots < n)
		slots *= 2;
	if (t) {
		atomic_init(&t->refs, 1);
		t->mask = slots - 1;
		t->first = calloc(slots, sizeof(*t->first));
		t->next = calloc(n + 1, sizeof(*t->next));
		t->v = calloc(n + 1, sizeof(*t->v));
	}
	if (!t || !t->first || !t->next || !t->v) {
		ties_unref(t);
		return NULL;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t *at = &t->first[hash_of(t, &v[i].addr)];

		t->v[i] = v[i];
		t->next[i] = *at;
		*at = i + 1;
	}
	return t;
}

struct ties *ties_ref(struct ties *t)
{
	atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

void ties_unref(struct ties *t)
{
	if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
		return;
	free(t->first);
	free(t->next);
	free(t->v);
	free(t);
}

const char *ties_find(const struct ties *t, const struct ip_addr *addr, struct text devid)
{
	for (uint32_t i = t->first[hash_of(t, addr)]; i; i = t->next[i - 1]) {
		const struct tie *e = &t->v[i - 1];

		if (ip_addr_equal(&e->addr, addr) &&
			(devid.len == 0 || (strlen(e->serial) == devid.len &&
						   memcmp(e->serial, devid.at, devid.len) == 0)))
			return e->serial;
	}
	return NULL;
}
