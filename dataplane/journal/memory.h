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
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

#define MEMORY_HUGE (2u << 20)

/* The same, aligned to what a huge page holds. */
static inline void *memory_map_aligned(size_t len)
{
	size_t most = len + MEMORY_HUGE;
	uint8_t *p = memory_map(most);
	size_t before = p ? -(uintptr_t)p % MEMORY_HUGE : 0;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t used = before + ((len + page - 1) & ~(page - 1));

	if (!p)
		return NULL;
	if (before)
		munmap(p, before);
	if (most > used)
		munmap(p + used, most - used);
	return p + before;
}

/* Asks for huge pages, which the disk's driver takes whole; no matter where there are none. */
static inline void memory_be_huge(void *p, size_t len)
{
	(void)!madvise(p, (len + MEMORY_HUGE - 1) & ~(size_t)(MEMORY_HUGE - 1), MADV_HUGEPAGE);
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
