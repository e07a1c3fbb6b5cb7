#include "send/spill_priv.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void spill_note_input(struct spill *s, const struct spill_input *in)
{
	uint32_t i = 0;

	while (i < s->n_inputs && (s->inputs[i].dev != in->dev || s->inputs[i].ino != in->ino))
		i++;
	if (i == SPILL_INPUTS) { /* the oldest one gives way */
		memmove(s->inputs, s->inputs + 1, --i * sizeof(*in));
		s->n_inputs--;
	}
	if (i == s->n_inputs)
		s->n_inputs++;
	s->inputs[i] = *in;
}

uint64_t spill_offset(const struct spill *s, uint64_t dev, uint64_t ino)
{
	for (uint32_t i = 0; i < s->n_inputs; i++)
		if (s->inputs[i].dev == dev && s->inputs[i].ino == ino)
			return s->inputs[i].offset;
	return 0;
}

/* For two items, since one may be in the making, and a state. */
bool spill_has_room(const struct spill *s)
{
	return s->used <= BUFFER_BYTES - 3 * SPILL_RECORD_MAX;
}

bool spill_add(struct spill *s, uint64_t place, const struct client_item *item,
	const struct spill_input *input)
{
	size_t n =
		spill_write_item(place, item, input, s->buffer + s->used, BUFFER_BYTES - s->used);

	if (n == 0)
		return false;
	s->used += n;
	s->end = place + 1;
	if (input)
		spill_note_input(s, input);
	return true;
}

static int put(struct spill *s)
{
	struct segment *g = &s->segments[s->n - 1];
	size_t done = 0;

	while (done < s->used) {
		ssize_t n =
			pwrite(s->fd, s->buffer + done, s->used - done, (off_t)(g->size + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int rc = n < 0 ? -errno : -ENOSPC;

			/* What was written is written again. */
			return ftruncate(s->fd, (off_t)g->size) == 0 ? rc : -errno;
		}
		done += (size_t)n;
	}
	g->size += s->used;
	if (s->end > g->end)
		g->end = s->end;
	s->used = 0;
	return 0;
}

static int put_state(struct spill *s, const struct client_mark *m)
{
	int rc = s->used > BUFFER_BYTES - SPILL_RECORD_MAX ? put(s) : 0;

	if (rc == 0)
		s->used += spill_write_state(
			m, s->inputs, s->n_inputs, s->buffer + s->used, BUFFER_BYTES - s->used);
	return rc;
}

/* Has the client given numbers that only it knows? */
static bool numbered(const struct client_mark *before, const struct client_mark *m)
{
	for (unsigned i = 0; i < CLIENT_SERVERS; i++)
		if (before->server[i].epoch != m->server[i].epoch ||
			before->server[i].last_seq != m->server[i].last_seq)
			return true;
	return false;
}

static int sync_file(struct spill *s, const struct client_mark *m)
{
	if (s->sync && fdatasync(s->fd) != 0)
		return -errno;
	s->synced = *m;
	return 0;
}

/* After a write: the next file, if it is time, and those that nobody needs any more. */
static int tidy(struct spill *s, const struct client_mark *m)
{
	int rc = 0;

	if (s->rebuilding)
		return 0;
	if (s->segments[s->n - 1].size >= FILE_BYTES) {
		rc = sync_file(s, m);
		/* Where there is no room for another one, this one grows. */
		if (rc == 0 && spill_begin_file(s, false, "") == 0) {
			rc = put_state(s, m);
			if (rc == 0)
				rc = put(s);
		}
	}
	if (rc == 0 && s->n > 1 && s->segments[0].end <= m->head)
		rc = sync_file(s, m);
	while (rc == 0 && s->n > 1 && s->segments[0].end <= m->head)
		spill_forget_file(s, 0);
	return rc;
}

int spill_flush(struct spill *s, const struct client *c, bool before_send)
{
	struct client_mark m;
	size_t items = s->used;
	int rc = 0;

	client_save(c, &m);
	if (s->changes != client_changes(c)) {
		rc = put_state(s, &m);
		if (rc != 0)
			return rc;
		items = items < s->used ? items : 0; /* else they are written */
	}
	if (s->used > 0) {
		rc = put(s);
		if (rc != 0) {
			s->used = items; /* by then the state will be another one */
			return rc;
		}
		s->changes = client_changes(c);
	}
	if (before_send && numbered(&s->synced, &m))
		rc = sync_file(s, &m);
	return rc == 0 ? tidy(s, &m) : rc;
}

uint64_t spill_bytes(const struct spill *s)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < s->n; i++)
		sum += s->segments[i].size;
	return sum;
}
