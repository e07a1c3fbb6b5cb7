/*
 * Large memory of which often only the beginning is used: straight from the system, so that what is
 * never touched costs nothing, whatever the allocator does with what it hands out. What will be
 * needed at the worst moment is had beforehand.
 */
#ifndef SLUICE_JOURNAL_MEMORY_H
#define SLUICE_JOURNAL_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Zeros, aligned to pages; NULL: out of memory. */
static inline void *memory_map(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Has the memory now, not when it is first written to, which takes a page fault for each page. No
 * matter where the system does not know how (before Linux 5.14). */
static inline void memory_populate(void *p, size_t len)
{
	size_t into_page = (uintptr_t)p % (size_t)sysconf(_SC_PAGESIZE);

	(void)!madvise((uint8_t *)p - into_page, into_page + len, MADV_POPULATE_WRITE);
}

/* p may be NULL. */
static inline void memory_unmap(void *p, size_t len)
{
	if (p)
		munmap(p, len);
}

#endif
