#include "ends.h"

#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int open_tap(const char *name)
{
	struct ifreq req = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		err(1, "/dev/net/tun");
	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &req) != 0)
		err(1, "tap %s", name);
	return fd;
}

static int open_packet(const char *name)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int room = 64 << 20;
	int one = 1;

	if (fd < 0)
		err(1, "packet socket");
	at.sll_ifindex = (int)if_nametoindex(name);
	/* What we send through it ourselves is not for us. */
	if (at.sll_ifindex == 0 ||
		setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) != 0 ||
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) != 0 ||
		bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0)
		err(1, "packet %s", name);
	return fd;
}

int end_open(const char *text)
{
	char words[256];
	char *name, *file;
	int home = -1;
	int fd;

	snprintf(words, sizeof(words), "%s", text);
	name = strchr(words, ':');
	if (!name)
		errx(2, "no such end: %s", text);
	*name++ = '\0';
	file = strchr(name, '@');
	if (file) {
		int there;

		*file++ = '\0';
		home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
		there = open(file, O_RDONLY | O_CLOEXEC);
		if (home < 0 || there < 0 || setns(there, CLONE_NEWNET) != 0)
			err(1, "namespace %s", file);
		close(there);
	}
	if (strcmp(words, "tap") == 0)
		fd = open_tap(name);
	else if (strcmp(words, "packet") == 0)
		fd = open_packet(name);
	else
		errx(2, "no such end: %s", text);
	if (home >= 0) {
		if (setns(home, CLONE_NEWNET) != 0)
			err(1, "namespace");
		close(home);
	}
	return fd;
}
