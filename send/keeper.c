#include "send/keeper.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "send/tell.h"

#define AGAIN_US 1000000u

int keeper_load(
	struct keeper *k, const struct settings *s, struct client *c, char *err, size_t size)
{
	struct spill_loaded what;

	if (!s->spill[0])
		return 0;
	k->spill = spill_open(s->spill, s->spill_sync, err, size);
	if (!k->spill || spill_load(k->spill, c, &what, err, size) != 0)
		return -1;
	if (what.items)
		tell("spill: %" PRIu64 " items are to be sent", what.items);
	if (what.torn_bytes)
		tell("spill: a torn end of %" PRIu64 " bytes was cut", what.torn_bytes);
	if (what.bad_bytes)
		tell("spill: %" PRIu64 " bytes inside are damaged; what was there is lost",
			what.bad_bytes);
	return 0;
}

enum keeper_state keeper_flush(
	struct keeper *k, struct client *c, bool before_send, uint64_t now_us)
{
	int rc;

	if (!k->spill)
		return KEEPER_KEPT;
	if (k->fails && now_us < k->again_us)
		return KEEPER_WAITS;
	rc = spill_flush(k->spill, c, before_send);
	if (rc == 0) {
		if (k->fails)
			tell("spill: can be written again");
		k->fails = false;
		return KEEPER_KEPT;
	}
	if (!k->fails)
		tell("spill: %s; nothing is sent or read until it can be written", strerror(-rc));
	k->fails = true;
	k->again_us = now_us + AGAIN_US;
	return rc == -ENOSPC || rc == -EDQUOT || rc == -EFBIG ? KEEPER_WAITS : KEEPER_FAILED;
}

bool keeper_full(const struct keeper *k)
{
	return k->spill && !spill_has_room(k->spill);
}

bool keeper_add(struct keeper *k, struct client *c, const struct client_item *item,
	const struct spill_input *from)
{
	struct client_mark m;

	if (!k->spill)
		return true;
	client_save(c, &m);
	if (spill_add(k->spill, m.tail - 1, item, from))
		return true;
	tell("spill: no room for an item");
	return false;
}
