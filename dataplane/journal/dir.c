#include "dataplane/journal/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/base/crc32c.h"
#include "dataplane/journal/format.h"

int journal_fault_set(struct journal_fault *fault, int error, int sys, const char *text, ...)
{
	va_list ap;

	if (!fault)
		return error;
	fault->sys = sys < 0 ? -sys : sys;
	va_start(ap, text);
	vsnprintf(fault->text, sizeof(fault->text), text, ap);
	va_end(ap);
	return error;
}

/* The same with the system's words behind it, and the kind that this errno stands for. */
static int system_fault(struct journal_fault *fault, int sys, const char *path, const char *what)
{
	int e = sys < 0 ? -sys : sys;
	int error = JOURNAL_E_IO;

	if (e == ENOENT)
		error = JOURNAL_E_MISSING;
	else if (e == EROFS || e == EACCES || e == EPERM)
		error = JOURNAL_E_READ_ONLY;
	else if (e == ENOSPC || e == EDQUOT)
		error = JOURNAL_E_NO_SPACE;
	return journal_fault_set(fault, error, e, "%s: %s: %s", path, what, strerror(e));
}

void journal_path(char path[JOURNAL_PATH_MAX], const char *dir, const char *name)
{
	snprintf(path, JOURNAL_PATH_MAX, "%s/%s", dir, name);
}

void journal_segment_name(char name[64], uint64_t first_block)
{
	snprintf(name, 64, "%016" PRIx64 ".zst", first_block);
}

void journal_segment_path(char path[JOURNAL_PATH_MAX], const char *dir, uint64_t first_block)
{
	snprintf(path, JOURNAL_PATH_MAX, "%s/%016" PRIx64 ".zst", dir, first_block);
}

/* The number in a segment's name; false where it is no such name. */
static bool segment_number(const char *name, uint64_t *first_block)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 16; i++) {
		char c = name[i];

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint64_t)(c - 'a' + 10);
		else
			return false;
	}
	*first_block = v;
	return strcmp(name + 16, ".zst") == 0;
}

struct listing {
	uint64_t *v;
	unsigned n, cap;
};

static int listing_add(void *arg, const char *name)
{
	struct listing *l = arg;
	uint64_t first;

	if (!segment_number(name, &first))
		return 0;
	if (l->n == l->cap) {
		unsigned cap = l->cap ? l->cap * 2 : 64;
		uint64_t *v = realloc(l->v, cap * sizeof(*v));

		if (!v)
			return -ENOMEM;
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = first;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

int journal_dir_segments(const struct journal_fs *fs, const char *dir, uint64_t **v, unsigned *n)
{
	struct listing l = {NULL, 0, 0};
	int rc = fs->list(fs->ctx, dir, listing_add, &l);

	if (rc < 0) {
		free(l.v);
		return rc;
	}
	if (l.n)
		qsort(l.v, l.n, sizeof(*l.v), by_number);
	*v = l.v;
	*n = l.n;
	return 0;
}

/* ---- ID ---------------------------------------------------------------------------------- */

#define ID_BYTES 256

static unsigned id_text(char text[ID_BYTES], unsigned version, const uint64_t id[2])
{
	int n = snprintf(text, ID_BYTES, "sluice-journal %u\nid %016" PRIx64 "%016" PRIx64 "\n",
		version, id[0], id[1]);

	n += snprintf(text + n, ID_BYTES - (size_t)n, "crc32c %08" PRIx32 "\n",
		crc32c(0, text, (size_t)n));
	return (unsigned)n;
}

static int id_parse(
	const char *text, size_t len, const char *path, uint64_t id[2], struct journal_fault *fault)
{
	char again[ID_BYTES];
	unsigned version;
	unsigned n;

	if (sscanf(text, "sluice-journal %9u", &version) != 1)
		return journal_fault_set(
			fault, JOURNAL_E_FOREIGN, 0, "%s: not a journal's ID file", path);
	if (version > JOURNAL_FORMAT_VERSION)
		return journal_fault_set(fault, JOURNAL_E_NEWER, 0,
			"%s: journal format %u; this program reads up to %u", path, version,
			JOURNAL_FORMAT_VERSION);
	if (sscanf(text, "sluice-journal %9u\nid %16" SCNx64 "%16" SCNx64, &version, &id[0],
		    &id[1]) == 3) {
		n = id_text(again, version, id);
		if (n == len && memcmp(again, text, n) == 0)
			return JOURNAL_OK;
	}
	return journal_fault_set(fault, JOURNAL_E_CORRUPT, 0, "%s: damaged", path);
}

static int check_is_dir(const struct journal_fs *fs, const char *dir, struct journal_fault *fault)
{
	struct journal_fs_info info;
	int rc = fs->info(fs->ctx, dir, &info);

	if (rc == -ENOENT)
		return journal_fault_set(
			fault, JOURNAL_E_MISSING, rc, "%s: no such directory", dir);
	if (rc < 0)
		return system_fault(fault, rc, dir, "cannot be opened");
	if (!info.is_dir)
		return journal_fault_set(
			fault, JOURNAL_E_MISSING, ENOTDIR, "%s: not a directory", dir);
	return JOURNAL_OK;
}

int journal_dir_id(
	const struct journal_fs *fs, const char *dir, uint64_t id[2], struct journal_fault *fault)
{
	char path[JOURNAL_PATH_MAX];
	char text[ID_BYTES];
	int64_t n;
	int fd;
	int rc = check_is_dir(fs, dir, fault);

	if (rc != JOURNAL_OK)
		return rc;
	journal_path(path, dir, "ID");
	fd = fs->open(fs->ctx, path, O_RDONLY, 0);
	if (fd == -ENOENT)
		return journal_fault_set(
			fault, JOURNAL_E_FOREIGN, 0, "%s: not a journal (no ID)", dir);
	if (fd < 0)
		return journal_fault_set(
			fault, JOURNAL_E_IO, fd, "%s: cannot be read: %s", path, strerror(-fd));
	n = journal_fs_read(fs, fd, text, sizeof(text) - 1, 0);
	fs->close(fs->ctx, fd);
	if (n < 0)
		return journal_fault_set(fault, JOURNAL_E_IO, (int)n, "%s: cannot be read: %s",
			path, strerror((int)-n));
	text[n] = 0;
	return id_parse(text, (size_t)n, path, id, fault);
}

static int id_create(
	const struct journal_fs *fs, const char *dir, uint64_t id[2], struct journal_fault *fault)
{
	char path[JOURNAL_PATH_MAX];
	char to[JOURNAL_PATH_MAX];
	char text[ID_BYTES];
	int fd;
	int rc;

	rc = fs->random(fs->ctx, id, 2 * sizeof(*id));
	if (rc < 0)
		return system_fault(fault, rc, dir, "no random bytes");
	journal_path(path, dir, "torn");
	rc = fs->mkdir(fs->ctx, path, 0750);
	if (rc < 0 && rc != -EEXIST)
		return system_fault(fault, rc, path, "cannot be made");
	journal_path(path, dir, "ID.tmp");
	journal_path(to, dir, "ID");
	fd = fs->open(fs->ctx, path, O_WRONLY | O_CREAT | O_TRUNC, 0640);
	if (fd < 0)
		return system_fault(fault, fd, path, "cannot be made");
	rc = journal_fs_write(fs, fd, text, id_text(text, JOURNAL_FORMAT_VERSION, id), 0);
	if (rc == 0)
		rc = fs->fdatasync(fs->ctx, fd);
	fs->close(fs->ctx, fd);
	if (rc == 0)
		rc = fs->rename(fs->ctx, path, to);
	if (rc == 0)
		rc = fs->fsync_dir(fs->ctx, dir);
	if (rc < 0)
		return system_fault(fault, rc, to, "cannot be written");
	return JOURNAL_OK;
}

/* ---- LOCK, and what else lies there ------------------------------------------------------ */

static int lock_take(
	const struct journal_fs *fs, const char *dir, int *lock_fd, struct journal_fault *fault)
{
	char path[JOURNAL_PATH_MAX];
	char pid[32] = {0};
	int fd;
	int rc;

	journal_path(path, dir, "LOCK");
	fd = fs->open(fs->ctx, path, O_RDWR | O_CREAT, 0640);
	if (fd < 0)
		return system_fault(fault, fd, dir, "cannot be written");
	rc = fs->lock(fs->ctx, fd);
	if (rc == -EAGAIN) {
		if (journal_fs_read(fs, fd, pid, sizeof(pid) - 1, 0) < 0)
			pid[0] = 0;
		fs->close(fs->ctx, fd);
		pid[strspn(pid, "0123456789")] = 0;
		return journal_fault_set(fault, JOURNAL_E_LOCKED, EAGAIN, "%s: locked by %s%s", dir,
			pid[0] ? "process " : "another process", pid);
	}
	if (rc < 0) {
		fs->close(fs->ctx, fd);
		return system_fault(fault, rc, path, "cannot be locked");
	}
	snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	rc = fs->truncate(fs->ctx, fd, 0);
	if (rc == 0)
		rc = journal_fs_write(fs, fd, pid, strlen(pid), 0);
	if (rc < 0 && rc != -ENOSPC && rc != -EDQUOT) { /* only the text is missing then */
		fs->close(fs->ctx, fd);
		return system_fault(fault, rc, path, "cannot be written");
	}
	*lock_fd = fd;
	return JOURNAL_OK;
}

struct contents {
	bool id, foreign, segments;
	char name[200];
};

static int look_at(void *arg, const char *name)
{
	static const char *const ours[] = {"LOCK", "ID.tmp", "torn", "lost+found"};
	struct contents *c = arg;
	uint64_t first;

	if (strcmp(name, "ID") == 0) {
		c->id = true;
		return 0;
	}
	for (unsigned i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strcmp(name, ours[i]) == 0)
			return 0;
	if (strlen(name) >= 16 && segment_number(name, &first))
		c->segments = true;
	c->foreign = true;
	snprintf(c->name, sizeof(c->name), "%s", name);
	return 0;
}

int journal_dir_open(const struct journal_fs *fs, const char *dir, uint64_t id[2], int *lock_fd,
	struct journal_fault *fault)
{
	struct contents c = {0};
	int rc;

	rc = check_is_dir(fs, dir, fault);
	if (rc != JOURNAL_OK)
		return rc;
	rc = fs->list(fs->ctx, dir, look_at, &c);
	if (rc < 0)
		return system_fault(fault, rc, dir, "cannot be listed");
	if (!c.id && c.segments)
		return journal_fault_set(fault, JOURNAL_E_CORRUPT, 0,
			"%s: has segments (\"%s\") but no ID", dir, c.name);
	if (!c.id && c.foreign)
		return journal_fault_set(fault, JOURNAL_E_FOREIGN, 0,
			"%s: not empty and not a journal (has \"%s\")", dir, c.name);
	if (c.id) { /* before the lock: nothing is written into another version's journal */
		rc = journal_dir_id(fs, dir, id, fault);
		if (rc != JOURNAL_OK)
			return rc;
	}
	rc = lock_take(fs, dir, lock_fd, fault);
	if (rc != JOURNAL_OK)
		return rc;
	/* Another instance may have made the journal, and gone, since it was looked at. */
	rc = fs->list(fs->ctx, dir, look_at, &c);
	if (rc < 0)
		rc = system_fault(fault, rc, dir, "cannot be listed");
	else
		rc = c.id ? journal_dir_id(fs, dir, id, fault) : id_create(fs, dir, id, fault);
	if (rc != JOURNAL_OK) {
		fs->close(fs->ctx, *lock_fd);
		*lock_fd = -1;
	}
	return rc;
}
