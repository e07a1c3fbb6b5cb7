/*
 * Objects of one size, at most `max` of them, in one allocation. Memory that was never used is
 * never touched (the kernel backs it by pages on first use), so that a generous bound costs address
 * space only, and taking or returning an object never calls the allocator.
 */
#ifndef SLUICE_TCP_SLAB_H
#define SLUICE_TCP_SLAB_H

#include <stdint.h>
#include <stdlib.h>

#define SLAB_ALIGN 64U

struct slab {
	void *block; /* as allocated */
	uint8_t *mem;
	void *free;
	uint32_t size, max, fresh, used;
};

/* 0, or -1 when out of memory. `size` must be a multiple of 8. */
static inline int slab_init(struct slab *s, uint32_t size, uint32_t max)
{
	s->size = size;
	s->max = max;
	s->fresh = 0;
	s->used = 0;
	s->free = NULL;
	s->block = calloc((size_t)max * size + SLAB_ALIGN, 1);
	if (!s->block)
		return -1;
	s->mem = (uint8_t *)s->block + (-(uintptr_t)s->block & (SLAB_ALIGN - 1));
	return 0;
}

static inline void slab_destroy(struct slab *s)
{
	free(s->block);
	s->block = NULL;
}

/* An object with undefined content, or NULL at the bound. */
static inline void *slab_get(struct slab *s)
{
	void *p = s->free;

	if (p)
		s->free = *(void **)p;
	else if (s->fresh < s->max)
		p = s->mem + (size_t)s->fresh++ * s->size;
	else
		return NULL;
	s->used++;
	return p;
}

static inline void slab_put(struct slab *s, void *p)
{
	*(void **)p = s->free;
	s->free = p;
	s->used--;
}

static inline uint32_t slab_index(const struct slab *s, const void *p)
{
	return (uint32_t)((size_t)((const uint8_t *)p - s->mem) / s->size);
}

static inline void *slab_at(const struct slab *s, uint32_t index)
{
	return s->mem + (size_t)index * s->size;
}

#endif
