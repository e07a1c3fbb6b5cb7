/*
 * A disk in memory behind the journal's table of file operations: every call is numbered and can be
 * made to fail, time stands still unless told, and a power cut leaves what a disk may leave: of
 * what was not synced any subset, torn at 512 bytes; of names whatever the directory's sync had not
 * made durable in any state.
 */
#ifndef JOURNAL_TEST_MEMFS_H
#define JOURNAL_TEST_MEMFS_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/journal/fs.h"

enum memfs_fault {
	MEMFS_NO_FAULT,
	MEMFS_EIO,	    /* this call fails */
	MEMFS_ENOSPC,	    /* this call fails if it could take space, else EIO */
	MEMFS_SHORT,	    /* a write writes about half; other calls are unharmed */
	MEMFS_SLOW,	    /* a write or sync ends only much later */
	MEMFS_EIO_ON,	    /* this call and all behind it */
	MEMFS_ENOSPC_ON,    /* from here on everything that takes space fails */
	MEMFS_READ_ONLY_ON, /* from here on nothing can be changed */
	MEMFS_POWER_CUT,    /* the picture is taken before this call; nothing works any more */
	MEMFS_EIO_DEATH,    /* this call fails; the picture is taken before the one behind it */
};

/* Writes past the page cache: O_DIRECT. */
enum memfs_direct {
	MEMFS_DIRECT,	       /* they are taken where offset, length and memory are aligned to
				  4,096 bytes, as they must be: asserted */
	MEMFS_NO_DIRECT_OPEN,  /* no file can be opened for it */
	MEMFS_NO_DIRECT_WRITE, /* one can, but the write is refused with EINVAL */
	MEMFS_DIRECT_SHORT,    /* taken, but for half of each: some multiple of 512 bytes */
};

struct memfs;

struct memfs *memfs_new(void);
void memfs_free(struct memfs *m);
const struct journal_fs *memfs_table(struct memfs *m);

/* Calls so far (clocks and random bytes are none), and what becomes of call number `at`. */
uint64_t memfs_calls(const struct memfs *m);
void memfs_fail(struct memfs *m, uint64_t at, enum memfs_fault fault);
/* Besides: the power goes before call number `at`; 0: never. */
void memfs_cut(struct memfs *m, uint64_t at);
/* Has the power gone? */
bool memfs_was_cut(const struct memfs *m);
/* Has the fault struck? */
bool memfs_failed(const struct memfs *m);
/* From now on no file can be cut shorter. */
void memfs_refuse_truncate(struct memfs *m);
/* Everything works again. */
void memfs_repair(struct memfs *m);

/* The disk as a power cut leaves it, by `seed`: at the moment of MEMFS_POWER_CUT, else now. */
struct memfs *memfs_crash(const struct memfs *m, uint64_t seed);

/*
 * The disk as the death of the process alone leaves it, at the moment of the picture, else now: all
 * that was written can be read, and what was not synced is still not.
 */
struct memfs *memfs_kill(const struct memfs *m);

void memfs_set_time(struct memfs *m, uint64_t mono_us, uint64_t wall_ns);
void memfs_advance(struct memfs *m, uint64_t us); /* both clocks */
void memfs_set_space(struct memfs *m, uint64_t total, uint64_t available);
void memfs_set_direct(struct memfs *m, enum memfs_direct how);
/* Writes past the page cache so far. */
uint64_t memfs_direct_writes(const struct memfs *m);
/* Asynchronous operations end only so many rounds of reaping later. */
void memfs_set_delay(struct memfs *m, unsigned rounds);

/* A file's bytes, to look at or to damage; NULL: no such file. */
uint8_t *memfs_data(struct memfs *m, const char *path, uint64_t *size);
void memfs_put(struct memfs *m, const char *path, const void *data, uint64_t size);
unsigned memfs_count(const struct memfs *m, const char *dir);

#endif
