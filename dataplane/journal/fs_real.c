#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/journal/fs.h"
#include "dataplane/journal/fs_io.h"

static int result(int rc)
{
	return rc < 0 ? -errno : rc;
}

static int real_open(void *ctx, const char *path, int flags, unsigned mode)
{
	(void)ctx;
	return result(open(path, flags | O_CLOEXEC, mode));
}

static int real_close(void *ctx, int fd)
{
	(void)ctx;
	return result(close(fd));
}

static int64_t real_pread(void *ctx, int fd, void *buf, size_t len, uint64_t off)
{
	ssize_t n = pread(fd, buf, len, (off_t)off);

	(void)ctx;
	return n < 0 ? -errno : n;
}

static int64_t real_pwrite(void *ctx, int fd, const void *buf, size_t len, uint64_t off)
{
	ssize_t n = pwrite(fd, buf, len, (off_t)off);

	(void)ctx;
	return n < 0 ? -errno : n;
}

static int real_fdatasync(void *ctx, int fd)
{
	(void)ctx;
	return result(fdatasync(fd));
}

static int real_fsync_dir(void *ctx, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	(void)ctx;
	if (fd < 0)
		return -errno;
	rc = result(fsync(fd));
	close(fd);
	return rc;
}

static int real_truncate(void *ctx, int fd, uint64_t size)
{
	(void)ctx;
	return result(ftruncate(fd, (off_t)size));
}

static int real_allocate(void *ctx, int fd, uint64_t off, uint64_t len)
{
	(void)ctx;
	return result(fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len));
}

static int real_info(void *ctx, const char *path, struct journal_fs_info *info)
{
	struct stat st;

	(void)ctx;
	if (stat(path, &st) != 0)
		return -errno;
	info->size = (uint64_t)st.st_size;
	info->disk = (uint64_t)st.st_blocks * 512;
	info->is_dir = S_ISDIR(st.st_mode);
	return 0;
}

static int real_size(void *ctx, int fd, uint64_t *size)
{
	struct stat st;

	(void)ctx;
	if (fstat(fd, &st) != 0)
		return -errno;
	*size = (uint64_t)st.st_size;
	return 0;
}

static int real_is_same(void *ctx, int fd, const char *path)
{
	struct stat a;
	struct stat b;

	(void)ctx;
	if (fstat(fd, &a) != 0)
		return -errno;
	if (stat(path, &b) != 0)
		return errno == ENOENT ? 0 : -errno;
	return a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

static int real_rename(void *ctx, const char *from, const char *to)
{
	(void)ctx;
	return result(rename(from, to));
}

static int real_unlink(void *ctx, const char *path)
{
	(void)ctx;
	return result(unlink(path));
}

static int real_mkdir(void *ctx, const char *path, unsigned mode)
{
	(void)ctx;
	return result(mkdir(path, mode));
}

static int real_list(void *ctx, const char *path, journal_fs_name_fn fn, void *arg)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int rc = 0;

	(void)ctx;
	if (!d)
		return -errno;
	for (errno = 0; rc == 0 && (e = readdir(d)) != NULL; errno = 0) {
		if (e->d_name[0] == '.' &&
			(e->d_name[1] == 0 || (e->d_name[1] == '.' && e->d_name[2] == 0)))
			continue;
		rc = fn(arg, e->d_name);
	}
	if (rc == 0 && errno != 0)
		rc = -errno;
	closedir(d);
	return rc;
}

static int real_lock(void *ctx, int fd)
{
	struct flock lk = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	(void)ctx;
	/* Of the open file, not of the process: a second instance in this process is refused too.
	 */
	if (fcntl(fd, F_OFD_SETLK, &lk) == 0)
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

static int real_space(void *ctx, const char *path, struct journal_fs_space *space)
{
	struct statvfs v;

	(void)ctx;
	if (statvfs(path, &v) != 0)
		return -errno;
	space->total = (uint64_t)v.f_blocks * v.f_frsize;
	space->available = (uint64_t)v.f_bavail * v.f_frsize;
	return 0;
}

static uint64_t real_mono_us(void *ctx)
{
	struct timespec ts;

	(void)ctx;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static uint64_t real_wall_ns(void *ctx)
{
	struct timespec ts;

	(void)ctx;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static int real_random(void *ctx, void *buf, size_t len)
{
	ssize_t n = getrandom(buf, len, 0); /* up to 256 bytes come whole */

	(void)ctx;
	return n == (ssize_t)len ? 0 : -EIO;
}

const struct journal_fs journal_fs_real = {
	.open = real_open,
	.close = real_close,
	.pread = real_pread,
	.pwrite = real_pwrite,
	.fdatasync = real_fdatasync,
	.fsync_dir = real_fsync_dir,
	.truncate = real_truncate,
	.allocate = real_allocate,
	.info = real_info,
	.size = real_size,
	.is_same = real_is_same,
	.rename = real_rename,
	.unlink = real_unlink,
	.mkdir = real_mkdir,
	.list = real_list,
	.lock = real_lock,
	.space = real_space,
	.io_open = journal_io_open,
	.io_close = journal_io_close,
	.io_writev = journal_io_writev,
	.io_sync = journal_io_sync,
	.io_reap = journal_io_reap,
	.mono_us = real_mono_us,
	.wall_ns = real_wall_ns,
	.random = real_random,
};

int64_t journal_fs_read(const struct journal_fs *fs, int fd, void *buf, size_t len, uint64_t off)
{
	size_t done = 0;

	while (done < len) {
		int64_t n = fs->pread(fs->ctx, fd, (uint8_t *)buf + done, len - done, off + done);

		if (n == -EINTR)
			continue;
		if (n < 0)
			return n;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (int64_t)done;
}

int journal_fs_write(const struct journal_fs *fs, int fd, const void *buf, size_t len, uint64_t off)
{
	size_t done = 0;

	while (done < len) {
		int64_t n = fs->pwrite(
			fs->ctx, fd, (const uint8_t *)buf + done, len - done, off + done);

		if (n == -EINTR)
			continue;
		if (n < 0)
			return (int)n;
		if (n == 0)
			return -EIO;
		done += (size_t)n;
	}
	return 0;
}
