#include "control/privileges.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/securebits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static const cap_value_t kept[] = {CAP_NET_ADMIN, CAP_IPC_LOCK};
#define SECURE_BITS                                                                                \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |                      \
		SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)
#define KEPT (int)(sizeof(kept) / sizeof(kept[0]))

void privileges_look_up(struct privileges *p, const char *user)
{
	char buf[16384];
	struct passwd pw, *found = NULL;

	*p = (struct privileges){
		.root = geteuid() == 0, .uid = (uid_t)-1, .gid = (gid_t)-1, .user = user};
	if (getpwnam_r(user, &pw, buf, sizeof(buf), &found) != 0 || !found || found->pw_uid == 0)
		return;
	p->found = true;
	p->uid = found->pw_uid;
	p->gid = found->pw_gid;
}

void privileges_choose(struct privileges *p)
{
	privileges_look_up(p, PRIVILEGES_USER);
	if (!p->found)
		privileges_look_up(p, PRIVILEGES_OTHER);
}

static int failed(char *err, size_t err_size, const char *what, const char *on)
{
	snprintf(err, err_size, "%s %s: %s", what, on, strerror(errno));
	return -1;
}

static int give_fd(const struct privileges *p, int fd, const struct stat *st)
{
	if (st->st_uid == p->uid && st->st_gid == p->gid)
		return 0;
	return fchown(fd, p->uid, p->gid);
}

int privileges_give_one(const struct privileges *p, const char *path, char *err, size_t err_size)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int rc = 0;

	if (fd < 0)
		return errno == ENOENT ? 0 : failed(err, err_size, "cannot open", path);
	if (fstat(fd, &st) != 0 || give_fd(p, fd, &st) != 0)
		rc = failed(err, err_size, "cannot chown", path);
	close(fd);
	return rc;
}

/* Everything directly in `dirfd`. The user may have been at work there before, so no name is
 * followed and no file that has another name is given away. */
static int give_entries(const struct privileges *p, int dirfd, dev_t dev, unsigned depth)
{
	DIR *d = fdopendir(dirfd);
	const struct dirent *e;
	int rc = 0;

	if (!d) {
		close(dirfd);
		return -1;
	}
	while (rc == 0 && (e = readdir(d)) != NULL) {
		struct stat st;
		int fd;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		fd = openat(dirfd, e->d_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0)
			continue; /* a link, a socket, or gone */
		rc = fstat(fd, &st);
		if (rc == 0 && st.st_dev == dev && S_ISDIR(st.st_mode) && depth > 0) {
			rc = give_fd(p, fd, &st);
			if (rc == 0)
				rc = give_entries(p, fd, dev, depth - 1);
			else
				close(fd);
			continue;
		}
		if (rc == 0 && st.st_dev == dev && S_ISREG(st.st_mode) && st.st_nlink == 1)
			rc = give_fd(p, fd, &st);
		close(fd);
	}
	closedir(d);
	return rc;
}

int privileges_give(const struct privileges *p, const char *dir, char *err, size_t err_size)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return failed(err, err_size, "cannot open", dir);
	if (fstat(fd, &st) != 0 || give_fd(p, fd, &st) != 0) {
		close(fd);
		return failed(err, err_size, "cannot chown", dir);
	}
	if (give_entries(p, fd, st.st_dev, 2) != 0)
		return failed(err, err_size, "cannot chown what is in", dir);
	return 0;
}

/* Sets the calling thread's capabilities to `v`, permitted and effective. */
static int set_capabilities(const cap_value_t *v, int n)
{
	cap_t c = cap_init();
	int rc = -1;

	if (c && (n == 0 || (cap_set_flag(c, CAP_PERMITTED, n, v, CAP_SET) == 0 &&
				    cap_set_flag(c, CAP_EFFECTIVE, n, v, CAP_SET) == 0)))
		rc = cap_set_proc(c);
	cap_free(c);
	return rc;
}

void privileges_prepare(void)
{
	/* Each of these may be forbidden in a container; then the container has seen to it. */
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (geteuid() != 0)
		return;
	prctl(PR_SET_SECUREBITS, SECURE_BITS, 0, 0, 0);
	for (cap_value_t c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
		prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
}

/* Those of `kept` that we have: a container may have given us less than root usually has. */
static int held(cap_value_t *have)
{
	cap_t c = cap_get_proc();
	int n = 0;

	for (int i = 0; c && i < KEPT; i++) {
		cap_flag_value_t set = CAP_CLEAR;

		if (cap_get_flag(c, kept[i], CAP_PERMITTED, &set) == 0 && set == CAP_SET)
			have[n++] = kept[i];
	}
	cap_free(c);
	return n;
}

int privileges_drop(const struct privileges *p, char *err, size_t err_size)
{
	cap_value_t have[KEPT];
	int n = held(have);

	/* glibc changes ids in all threads; the ones without KEEPCAPS lose all capabilities by it.
	 */
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
		return failed(err, err_size, "cannot set", "keepcaps");
	if (setgroups(1, &p->gid) != 0)
		return failed(err, err_size, "cannot set", "groups");
	if (setresgid(p->gid, p->gid, p->gid) != 0)
		return failed(err, err_size, "cannot change to group of", p->user);
	if (setresuid(p->uid, p->uid, p->uid) != 0)
		return failed(err, err_size, "cannot change to user", p->user);
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0)
		return failed(err, err_size, "cannot clear", "keepcaps");
	if (set_capabilities(have, n) != 0)
		return failed(err, err_size, "cannot reduce", "capabilities");
	if (setuid(0) == 0) {
		snprintf(err, err_size, "root could be had back");
		return -1;
	}
	return 0;
}

void privileges_drop_thread(void)
{
	if (geteuid() != 0)
		set_capabilities(NULL, 0);
}

void privileges_text(char *text, size_t size)
{
	cap_t c = cap_get_proc();
	char *s = c ? cap_to_text(c, NULL) : NULL;

	snprintf(text, size, "%s", s ? s : "unknown");
	cap_free(s);
	cap_free(c);
}
