/* The journal's directory: ID, LOCK, names of segments. */
#ifndef SLUICE_JOURNAL_DIR_H
#define SLUICE_JOURNAL_DIR_H

#include <stdint.h>

#include "dataplane/journal/fs.h"
#include "dataplane/journal/journal.h"

#define JOURNAL_PATH_MAX 1200

/* Fills `fault` (may be NULL) and returns `error`. `sys`: errno or -errno, 0: none. */
__attribute__((format(printf, 4, 5))) int journal_fault_set(
	struct journal_fault *fault, int error, int sys, const char *text, ...);

void journal_path(char path[JOURNAL_PATH_MAX], const char *dir, const char *name);
/* "<dir>/<first block>.zst" */
void journal_segment_path(char path[JOURNAL_PATH_MAX], const char *dir, uint64_t first_block);
void journal_segment_name(char name[64], uint64_t first_block);

/*
 * For the writer: takes the lock, makes ID and torn/ in an empty directory, removes what an
 * interrupted creation left. JOURNAL_OK, or an error with `fault` and nothing held.
 */
int journal_dir_open(const struct journal_fs *fs, const char *dir, uint64_t id[2], int *lock_fd,
	struct journal_fault *fault);

/* For readers: the journal's id. JOURNAL_OK, or an error with `fault`. */
int journal_dir_id(
	const struct journal_fs *fs, const char *dir, uint64_t id[2], struct journal_fault *fault);

/* The first block numbers of all segments, ascending; *v is the caller's to free. 0 or -errno. */
int journal_dir_segments(const struct journal_fs *fs, const char *dir, uint64_t **v, unsigned *n);

#endif
