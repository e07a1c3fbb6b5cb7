/*
 * Large memory of which often only the beginning is used: straight from the system, so that what is
 * never touched costs nothing, whatever the allocator does with what it hands out.
 */
#ifndef SLUICE_JOURNAL_MEMORY_H
#define SLUICE_JOURNAL_MEMORY_H

#include <stddef.h>
#include <sys/mman.h>

/* Zeros, aligned to pages; NULL: out of memory. */
static inline void *memory_map(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* p may be NULL. */
static inline void memory_unmap(void *p, size_t len)
{
	if (p)
		munmap(p, len);
}

#endif
