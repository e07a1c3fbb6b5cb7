/*
 * Items kept on disk until they are confirmed, where `spill` is set: what cannot be written is
 * tried again once a second, and said when it begins and when it ends. Without a spill all is kept
 * at once.
 */
#ifndef SLUICE_SEND_KEEPER_H
#define SLUICE_SEND_KEEPER_H

#include "dataplane/client/client.h"
#include "send/settings.h"
#include "send/spill.h"

struct keeper {
	struct spill *spill; /* NULL: none */
	bool fails;
	uint64_t again_us;
};

enum keeper_state {
	KEEPER_KEPT,   /* what is numbered may leave */
	KEEPER_WAITS,  /* the disk has no room: nothing may leave, or be read where there is none */
	KEEPER_FAILED, /* another error, after which nobody knows what is there */
};

/* Opens the spill and gives `c` what is there to be sent. 0, or -1 with `err` filled. */
int keeper_load(
	struct keeper *k, const struct settings *s, struct client *c, char *err, size_t size);
enum keeper_state keeper_flush(
	struct keeper *k, struct client *c, bool before_send, uint64_t now_us);
/* No room for another item until some are written. */
bool keeper_full(const struct keeper *k);
/* The item that `c` was just given, and where it was read from; false: it has no room, which is
 * said. */
bool keeper_add(struct keeper *k, struct client *c, const struct client_item *item,
	const struct spill_input *from);

#endif
