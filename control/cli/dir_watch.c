#include "control/cli/dir_watch.h"

#include <errno.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#define CHANGES (IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF | IN_ATTRIB)

int dir_watch_open(const char *dir)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	int error;

	if (fd < 0)
		return -errno;
	if (inotify_add_watch(fd, dir, CHANGES) >= 0)
		return fd;
	error = errno;
	close(fd);
	return -error;
}

void dir_watch_close(int watch)
{
	if (watch >= 0)
		close(watch);
}

/* What changed is of no interest: the reader finds out by itself. */
static bool drain(int watch)
{
	_Alignas(struct inotify_event) char events[4096];
	bool any = false;

	while (read(watch, events, sizeof(events)) > 0)
		any = true;
	return any;
}

int dir_watch_wait(int watch, int out, int ms)
{
	struct pollfd v[2] = {{.fd = watch, .events = POLLIN}, {.fd = out}};

	for (;;) {
		int rc = poll(v, 2, ms);

		if (rc < 0 && errno != EINTR)
			return -errno;
		if (rc == 0)
			return 0;
		if (rc > 0 && v[1].revents & (POLLERR | POLLHUP | POLLNVAL))
			return -EPIPE;
		if (rc > 0 && drain(watch))
			return 1;
	}
}
