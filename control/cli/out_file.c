#include "control/cli/out_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY 40

static bool problem(struct cli *cli, const char *name, int error)
{
	if (error == EEXIST)
		cli_error(cli, "%.1000s is there already", name);
	else
		cli_error(cli, "%.1000s: %s", name, strerror(error));
	return false;
}

/* Of a name that nobody has, in the same directory; its descriptor, or -1 with errno. */
static int make_temporary(const struct out_file *f, char name[TEMPORARY])
{
	uint64_t tag;

	if (getrandom(&tag, sizeof(tag), 0) != (ssize_t)sizeof(tag))
		return -1;
	snprintf(name, TEMPORARY, ".sluicectl-%016" PRIx64, tag);
	return openat(f->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, f->mode);
}

/* 0: nothing has the name; or an errno. */
static int look(const struct out_file *f)
{
	struct stat st;

	if (f->base[0] == '\0')
		return EISDIR;
	if (fstatat(f->dir, f->base, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return EEXIST;
	return errno == ENOENT ? 0 : errno;
}

/* Gives it its name, unless something has it. Not every file system knows the first way, and not
 * every one the second. */
static int give_name(const struct out_file *f, const char *temporary, const char *name)
{
	if (renameat2(f->dir, temporary, f->dir, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return errno;
	if (linkat(f->dir, temporary, f->dir, name, 0) != 0)
		return errno;
	(void)unlinkat(f->dir, temporary, 0); /* it is there under its own name */
	return 0;
}

/* The same for a file beside it, which is given a name and gone at once: so that it is known before
 * anything is issued whether files can be made here in the way that they will be. */
static int try_place(const struct out_file *f)
{
	char made[TEMPORARY], named[TEMPORARY + 1];
	const int fd = make_temporary(f, made);
	int error;

	if (fd < 0)
		return errno;
	close(fd);
	snprintf(named, sizeof(named), "%s-", made);
	error = give_name(f, made, named);
	if (error) {
		(void)unlinkat(f->dir, made, 0);
		return error;
	}
	return unlinkat(f->dir, named, 0) == 0 ? 0 : errno;
}

static int open_directory(const char *name, const char *base)
{
	char *dir = base == name ? strdup(".") : strndup(name, (size_t)(base - name));
	int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	/* Where one may write and not look. */
	if (dir && fd < 0 && errno == EACCES)
		fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	return fd;
}

bool out_open(struct cli *cli, struct out_file *f, const char *name, mode_t mode)
{
	const char *slash = strrchr(name, '/');
	int error;

	*f = (struct out_file){.name = name, .base = slash ? slash + 1 : name, .mode = mode};
	f->dir = open_directory(name, f->base);
	if (f->dir < 0)
		return problem(cli, name, errno);
	error = look(f);
	if (!error)
		error = try_place(f);
	if (!error)
		return true;
	out_close(f);
	return problem(cli, name, error);
}

void out_close(struct out_file *f)
{
	close(f->dir);
	f->dir = -1;
}

static bool write_all(int fd, const char *at, size_t len)
{
	while (len > 0) {
		const ssize_t n = write(fd, at, len);

		if (n < 0 && errno != EINTR)
			return false;
		at += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return fsync(fd) == 0;
}

bool out_save(struct cli *cli, const struct out_file *f, const void *data, size_t len)
{
	char temporary[TEMPORARY];
	const int fd = make_temporary(f, temporary);
	int error;

	if (fd < 0)
		return problem(cli, f->name, errno);
	error = write_all(fd, data, len) ? 0 : errno;
	if (close(fd) != 0 && !error)
		error = errno;
	if (error) {
		/* Half a key is none. */
		unlinkat(f->dir, temporary, 0);
		return problem(cli, f->name, error);
	}
	error = give_name(f, temporary, f->base);
	if (error) {
		problem(cli, f->name, error);
		cli_error(cli, "what it was to hold is in %.*s%s", (int)(f->base - f->name),
			f->name, temporary);
		return false;
	}
	/* The name too; some file systems know nothing of this, and keep it all the same. */
	(void)fsync(f->dir);
	return true;
}
