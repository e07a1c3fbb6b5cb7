/* What recovery (recover.c) and the repair of single segments (repair.c) share. */
#ifndef SLUICE_JOURNAL_RECOVER_H
#define SLUICE_JOURNAL_RECOVER_H

#include "dataplane/journal/internal.h"

struct old_segment {
	struct segment file;
	struct seg info;
	bool finished, newest;
	struct index_frame index;
	uint64_t index_off;
	struct segment_map map; /* where it was not finished */
	struct segment_judgement judgement;
};

struct recovery {
	struct journal *j;
	struct journal_recovery *out;
	struct journal_fault *fault;
	struct segment_buffers buffers;
	struct index index;
	struct old_segment *v;
	unsigned n;
	uint64_t durable_upto;
};

/* Fill r->fault, and give `error`. `sys`: errno or -errno, 0: none. */
int recover_fail(struct recovery *r, int error, int sys, uint64_t segment, const char *what);
int recover_no_memory(struct recovery *r);

/*
 * A segment that was not closed, open in s->file, judged, its good blocks in r->index (and, where
 * it is the newest, all of them in the journal's fold): makes durable what nothing says to have
 * been, moves what does not belong to it to torn/, closes it. Where the disk is full it stays as it
 * is: the next segment begins with the number at the cut, which supersedes what lies behind it.
 */
int recover_repair(struct recovery *r, struct old_segment *s);

#endif
