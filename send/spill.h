/*
 * The queues on disk: a directory of files `spill-<16 hex digits>`, in which every item is written
 * before it is sent, and every state before anything is sent that follows from it. What is promised
 * with it: docs/sluice-send.md. Kernel files; one process at a time.
 */
#ifndef SLUICE_SEND_SPILL_H
#define SLUICE_SEND_SPILL_H

#include "dataplane/client/spill_code.h"

struct spill;

struct spill_loaded {
	uint64_t files, items, torn_bytes; /* torn: cut off the newest file */
	uint64_t bad_bytes;		   /* inside of older files: what follows there is lost */
};

/*
 * The directory is made if need be; one that others can write is refused. NULL with a line in
 * `err`. `sync`: also fdatasync.
 */
struct spill *spill_open(const char *dir, bool sync, char *err, size_t size);
void spill_close(struct spill *s);

/* Once, into a new client: what there is; then a new file is begun. 0, or -1 with a line. */
int spill_load(
	struct spill *s, struct client *c, struct spill_loaded *what, char *err, size_t size);

/* How far a file was read; 0: it is new. */
uint64_t spill_offset(const struct spill *s, uint64_t dev, uint64_t ino);

/* Two more items can be added before a flush. */
bool spill_has_room(const struct spill *s);

/* An item was added; `input` may be NULL. Written by the next flush. false: there is no room. */
bool spill_add(struct spill *s, uint64_t place, const struct client_item *item,
	const struct spill_input *input);

/*
 * Writes all that is new, items and state. `before_send`: what was numbered is about to leave. 0,
 * or a negative errno: nothing may be sent or added; to be tried again.
 */
int spill_flush(struct spill *s, const struct client *c, bool before_send);

/* Bytes of all files. */
uint64_t spill_bytes(const struct spill *s);

#endif
