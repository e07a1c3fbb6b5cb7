#include "send/spill.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES   (8u << 20) /* then the next one is begun */
#define BUFFER_BYTES (8u << 20)
#define FILES_MAX    8192u
#define NAME	     "spill-%016llx"

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

static void name_of(uint64_t number, const char *end, char name[40])
{
	snprintf(name, 40, NAME "%s", (unsigned long long)number, end);
}

/* ---- opening ---- */

static int by_number(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static int list(struct spill *s)
{
	int copy = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *e;

	if (!d) {
		if (copy >= 0)
			close(copy);
		return -1;
	}
	while ((e = readdir(d)) != NULL) {
		unsigned long long number;
		int used = 0;

		if (sscanf(e->d_name, NAME "%n", &number, &used) != 1 || e->d_name[used] != '\0')
			continue;
		if (s->n == FILES_MAX - 1) {
			errno = EMFILE;
			closedir(d);
			return -1;
		}
		s->segments[s->n++].number = number;
	}
	closedir(d);
	qsort(s->segments, s->n, sizeof(s->segments[0]), by_number);
	return 0;
}

static int sync_parent(int dir)
{
	int up = openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = -1;

	if (up >= 0) {
		rc = fsync(up);
		close(up);
	}
	return rc;
}

/* Who else can write there could put files of theirs in our way. */
static bool is_ours(int dir)
{
	struct stat st;

	return fstat(dir, &st) == 0 && (st.st_uid == geteuid() || st.st_uid == 0) &&
	       (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

struct spill *spill_open(const char *dir, bool sync, char *err, size_t size)
{
	struct spill *s = calloc(1, sizeof(*s));
	bool made;

	if (!s) {
		snprintf(err, size, "%s: out of memory", dir);
		return NULL;
	}
	s->sync = sync;
	s->lock = s->fd = -1;
	made = mkdir(dir, 0700) == 0;
	if (!made && errno != EEXIST)
		s->dir = -1;
	else
		s->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir >= 0 && !is_ours(s->dir)) {
		snprintf(err, size,
			"%s: must belong to who runs this, or to root, and be writable by "
			"nobody else",
			dir);
		spill_close(s);
		return NULL;
	}
	if (s->dir >= 0 && made && sync && sync_parent(s->dir) != 0) {
		snprintf(err, size, "%s/..: %s", dir, strerror(errno));
		rmdir(dir); /* the next one is to try it again */
		spill_close(s);
		return NULL;
	}
	if (s->dir >= 0)
		s->lock = openat(s->dir, "LOCK", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (s->lock < 0 || flock(s->lock, LOCK_EX | LOCK_NB) != 0 || list(s) != 0) {
		snprintf(err, size, "%s: %s", dir,
			errno == EWOULDBLOCK ? "another sluice-send uses it" : strerror(errno));
		spill_close(s);
		return NULL;
	}
	return s;
}

void spill_close(struct spill *s)
{
	if (!s)
		return;
	for (int *fd = (int[]){s->fd, s->lock, s->dir, -2}; *fd != -2; fd++)
		if (*fd >= 0)
			close(*fd);
	free(s);
}

/* ---- loading ---- */

struct map {
	void *data;
	size_t len;
};

static int map_file(const struct spill *s, uint64_t number, struct map *m)
{
	char name[40];
	struct stat st;
	void *data = NULL;
	int fd, rc = -1;

	name_of(number, "", name);
	fd = openat(s->dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0) {
		m->len = (size_t)st.st_size;
		data = m->len ? mmap(NULL, m->len, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
		rc = data == MAP_FAILED ? -1 : 0;
		m->data = rc == 0 ? data : NULL;
	}
	close(fd);
	return rc;
}

static void note_input(struct spill *s, const struct spill_input *in)
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
				note_input(s, &r->inputs[0]);
			s->segments[i].end = r->place + 1;
			break;
		}
	}
}

static int cut(const struct spill *s, uint64_t number, size_t good)
{
	char name[40];
	int fd, rc;

	name_of(number, "", name);
	fd = openat(s->dir, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	rc = ftruncate(fd, (off_t)good);
	close(fd);
	return rc;
}

/* A file for what is to come; the state is its second record. */
static int begin_file(struct spill *s, bool base, const char *end)
{
	struct segment *g = &s->segments[s->n];
	char name[40];
	uint8_t head[64];
	size_t len;
	int fd, rc;

	if (s->n == FILES_MAX)
		return -ENOSPC;
	*g = (struct segment){.number = s->n ? s->segments[s->n - 1].number + 1 : 1};
	name_of(g->number, end, name);
	fd = openat(s->dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	len = spill_write_begin(g->number, base, head, sizeof(head));
	errno = ENOSPC; /* where less is written */
	/* Its records are on the disk only if its name is. */
	if (write(fd, head, len) != (ssize_t)len || (s->sync && fsync(s->dir) != 0)) {
		rc = -errno;
		unlinkat(s->dir, name, 0);
		close(fd);
		return rc;
	}
	if (s->fd >= 0)
		close(s->fd);
	s->fd = fd;
	g->size = len;
	s->n++;
	s->changes = 0; /* the state is written next */
	return 0;
}

static void forget_file(struct spill *s, uint32_t i)
{
	char name[40];

	name_of(s->segments[i].number, "", name);
	unlinkat(s->dir, name, 0);
	memmove(&s->segments[i], &s->segments[i + 1], (--s->n - i) * sizeof(s->segments[0]));
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
	char tmp[40], name[40];
	int rc;

	s->rebuilding = true;
	rc = spill_flush(s, c, true);
	s->rebuilding = false;
	name_of(s->segments[s->n - 1].number, ".tmp", tmp);
	name_of(s->segments[s->n - 1].number, "", name);
	if (rc == 0 && (fsync(s->fd) != 0 || renameat(s->dir, tmp, s->dir, name) != 0 ||
			       fsync(s->dir) != 0))
		rc = -errno;
	for (uint32_t i = 0; rc == 0 && i < old; i++)
		forget_file(s, 0);
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
		if (map_file(s, s->segments[i].number, &maps[i]) != 0)
			return -errno;
		survey(s, i, &maps[i], &l, &good[i]);
		s->segments[i].size = good[i];
		if (good[i] == maps[i].len)
			continue;
		if (i + 1 < old) {
			what->bad_bytes += maps[i].len - good[i];
		} else {
			what->torn_bytes = maps[i].len - good[i];
			if (cut(s, s->segments[i].number, good[i]) != 0)
				return -errno;
		}
	}
	what->files = old;
	restored = l.known && client_restore(c, &l.mark);
	if (!restored)
		l.mark = (struct client_mark){0};
	/* A hole, or a mark that contradicts itself: places are counted anew. */
	again = what->bad_bytes > 0 || (l.known && !restored);
	rc = begin_file(s, again, again ? ".tmp" : "");
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

uint64_t spill_offset(const struct spill *s, uint64_t dev, uint64_t ino)
{
	for (uint32_t i = 0; i < s->n_inputs; i++)
		if (s->inputs[i].dev == dev && s->inputs[i].ino == ino)
			return s->inputs[i].offset;
	return 0;
}

/* ---- writing ---- */

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
		note_input(s, input);
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
		if (rc == 0 && begin_file(s, false, "") == 0) {
			rc = put_state(s, m);
			if (rc == 0)
				rc = put(s);
		}
	}
	if (rc == 0 && s->n > 1 && s->segments[0].end <= m->head)
		rc = sync_file(s, m);
	while (rc == 0 && s->n > 1 && s->segments[0].end <= m->head)
		forget_file(s, 0);
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
