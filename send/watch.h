/* Descriptors of the loop: each is watched for who is called when it is ready. */
#ifndef SLUICE_SEND_WATCH_H
#define SLUICE_SEND_WATCH_H

#include <stdint.h>
#include <sys/epoll.h>

struct watch {
	void (*ready)(void *ctx, uint32_t events);
	void *ctx;
	int fd;		 /* -1: none */
	uint32_t events; /* that are asked for */
};

/* The descriptor stays the caller's. Adding, changing and taking out; a negative errno. */
int watch_add(int epoll, struct watch *w, int fd, uint32_t events);
int watch_want(int epoll, struct watch *w, uint32_t events);
void watch_remove(int epoll, struct watch *w);

#endif
