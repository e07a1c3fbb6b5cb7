/* What the files of the spill share. */
#ifndef SLUICE_SEND_SPILL_PRIV_H
#define SLUICE_SEND_SPILL_PRIV_H

#include "send/spill.h"

#define FILE_BYTES   (8u << 20) /* then the next one is begun */
#define BUFFER_BYTES (8u << 20)
#define FILES_MAX    8192u

struct segment {
	uint64_t number, size;
	uint64_t end; /* places of its items are below */
};

struct spill {
	int dir, lock, fd;
	bool sync, rebuilding; /* all goes into one file, whatever its size */
	uint64_t changes;      /* of the client, when its state was written last */
	struct client_mark synced;
	uint64_t end; /* place behind the newest item */
	struct segment segments[FILES_MAX];
	uint32_t n; /* the last of them is being written */
	struct spill_input inputs[SPILL_INPUTS];
	uint32_t n_inputs;
	struct spill_record record;
	size_t used;
	uint8_t buffer[BUFFER_BYTES];
};

struct map {
	void *data;
	size_t len;
};

/* ---- spill_dir.c: files by name; 0, -1 with errno, or a negative errno as said ---- */

/* A file for what is to come, `end` behind its name; the state is its second record. Negative
 * errno. */
int spill_begin_file(struct spill *s, bool base, const char *end);
/* The newest one gets its name without `end`. Negative errno. */
int spill_name_file(struct spill *s, const char *end);
/* The i-th is gone. */
void spill_forget_file(struct spill *s, uint32_t i);
/* Its bytes, for munmap(); m->data NULL: it is empty. -1. */
int spill_map_file(const struct spill *s, uint64_t number, struct map *m);
/* Only so many bytes of it are left. -1. */
int spill_cut_file(const struct spill *s, uint64_t number, size_t good);

/* ---- spill.c ---- */

/* So far an input was read. */
void spill_note_input(struct spill *s, const struct spill_input *in);

#endif
