#include "send/spill_priv.h"

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

#define NAME "spill-%016llx"

static void name_of(uint64_t number, const char *end, char name[40])
{
	snprintf(name, 40, NAME "%s", (unsigned long long)number, end);
}

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

int spill_map_file(const struct spill *s, uint64_t number, struct map *m)
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

int spill_cut_file(const struct spill *s, uint64_t number, size_t good)
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

int spill_begin_file(struct spill *s, bool base, const char *end)
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

void spill_forget_file(struct spill *s, uint32_t i)
{
	char name[40];

	name_of(s->segments[i].number, "", name);
	unlinkat(s->dir, name, 0);
	memmove(&s->segments[i], &s->segments[i + 1], (--s->n - i) * sizeof(s->segments[0]));
}

int spill_name_file(struct spill *s, const char *end)
{
	char from[40], to[40];

	name_of(s->segments[s->n - 1].number, end, from);
	name_of(s->segments[s->n - 1].number, "", to);
	if (fsync(s->fd) != 0 || renameat(s->dir, from, s->dir, to) != 0 || fsync(s->dir) != 0)
		return -errno;
	return 0;
}
