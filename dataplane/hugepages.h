/* Huge pages for EAL: whether there are enough, and what an earlier life of ours has left of them.
 */
#ifndef SLUICE_HUGEPAGES_H
#define SLUICE_HUGEPAGES_H

#include <stdbool.h>
#include <stdint.h>

/* Are so many MiB free, and is a hugetlbfs mounted? */
bool hugepages_free(uint32_t mib);

/*
 * EAL keeps its pages in files of every hugetlbfs, whose names begin with its file prefix, and
 * leaves them there when the process ends: they count as taken until the next one with this prefix
 * starts. Removes those that no process has locked, as EAL itself would, so that they are free
 * before they are counted. Whatever cannot be removed stays.
 */
void hugepages_reclaim(const char *file_prefix);
/* The same in one directory. */
void hugepages_reclaim_in(const char *dir, const char *file_prefix);

#endif
