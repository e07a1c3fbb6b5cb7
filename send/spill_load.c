/* What a spill holds goes into a new client. */
#include "send/spill_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct loading {
	struct client_mark mark;
	bool known;	/* the mark */
	uint32_t first; /* segment; those before it count no more */
};

/* Reads a file once: the newest state, and how far its records are good. */
static void survey(
	struct spill *s, uint32_t i, const struct map *m, struct loading *l, size_t *good)
{
	struct spill_record *r = &s->record;

	for (size_t at = 0; spill_read(m->data, m->len, &at, r) == SPILL_FOUND; *good = at) {
		if (*good == 0 && r->kind != SPILL_BEGIN)
			return;
		switch (r->kind) {
		case SPILL_BEGIN:
			if (r->base)
				l->first = i;
			break;
		case SPILL_STATE:
			l->mark = r->mark;
			l->known = true;
			s->n_inputs = r->n_inputs;
			memcpy(s->inputs, r->inputs, sizeof(s->inputs));
			break;
		case SPILL_ITEM:
			if (r->n_inputs)
				spill_note_input(s, &r->inputs[0]);
			s->segments[i].end = r->place + 1;
			break;
		}
	}
}

static int restore_items(struct spill *s, struct client *c, const struct map *m, size_t good,
	const struct loading *l, bool again, struct spill_loaded *what)
{
	struct spill_record *r = &s->record;

	for (size_t at = 0; at < good && spill_read(m->data, m->len, &at, r) == SPILL_FOUND;) {
		uint64_t place;

		if (r->kind != SPILL_ITEM || r->place < l->mark.head)
			continue;
		place = client_restore_item(c, r->place, &r->item);
		what->items++;
		if (!again)
			continue;
		if (!spill_has_room(s)) {
			int rc = spill_flush(s, c, false);

			if (rc != 0)
				return rc;
		}
		if (!spill_add(s, place, &r->item, r->n_inputs ? &r->inputs[0] : NULL))
			return -ENOSPC;
	}
	return 0;
}

/* All that is left goes into a new file, after which the old ones count no more. */
static int finish_base(struct spill *s, const struct client *c, uint32_t old)
{
	int rc;

	s->rebuilding = true;
	rc = spill_flush(s, c, true);
	s->rebuilding = false;
	if (rc == 0)
		rc = spill_name_file(s, ".tmp");
	for (uint32_t i = 0; rc == 0 && i < old; i++)
		spill_forget_file(s, 0);
	return rc;
}

static int load(struct spill *s, struct client *c, struct map *maps, size_t *good,
	struct spill_loaded *what)
{
	const uint32_t old = s->n;
	struct loading l = {0};
	bool again, restored;
	int rc;

	for (uint32_t i = 0; i < old; i++) {
		if (spill_map_file(s, s->segments[i].number, &maps[i]) != 0)
			return -errno;
		survey(s, i, &maps[i], &l, &good[i]);
		s->segments[i].size = good[i];
		if (good[i] == maps[i].len)
			continue;
		if (i + 1 < old) {
			what->bad_bytes += maps[i].len - good[i];
		} else {
			what->torn_bytes = maps[i].len - good[i];
			if (spill_cut_file(s, s->segments[i].number, good[i]) != 0)
				return -errno;
		}
	}
	what->files = old;
	restored = l.known && client_restore(c, &l.mark);
	if (!restored)
		l.mark = (struct client_mark){0};
	/* A hole, or a mark that contradicts itself: places are counted anew. */
	again = what->bad_bytes > 0 || (l.known && !restored);
	rc = spill_begin_file(s, again, again ? ".tmp" : "");
	if (rc != 0)
		return rc;
	s->rebuilding = again;
	for (uint32_t i = l.first; rc == 0 && i < old; i++)
		rc = restore_items(s, c, &maps[i], good[i], &l, again, what);
	if (rc != 0)
		return rc;
	client_restored(c);
	return again ? finish_base(s, c, old) : spill_flush(s, c, true);
}

int spill_load(struct spill *s, struct client *c, struct spill_loaded *what, char *err, size_t size)
{
	struct map *maps = calloc(s->n + 1, sizeof(*maps));
	size_t *good = calloc(s->n + 1, sizeof(*good));
	const uint32_t n = s->n;
	int rc = -ENOMEM;

	memset(what, 0, sizeof(*what));
	if (maps && good)
		rc = load(s, c, maps, good, what);
	for (uint32_t i = 0; maps && i < n; i++)
		if (maps[i].data)
			munmap(maps[i].data, maps[i].len);
	free(maps);
	free(good);
	if (rc != 0)
		snprintf(err, size, "spill: %s", strerror(-rc));
	return rc == 0 ? 0 : -1;
}
