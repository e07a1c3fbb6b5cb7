/*
 * The unix socket of a sluice-send that runs: who asks with one line gets a text. Also the asking
 * side. One asks at a time; the others wait.
 */
#ifndef SLUICE_SEND_CONTROL_H
#define SLUICE_SEND_CONTROL_H

#include <stdbool.h>
#include <stdio.h>

#include "send/watch.h"

#define CONTROL_US 5000000u

struct control {
	int epoll, listener, fd; /* fd: who asks; -1: nobody */
	struct watch listening, asking;
	/* Writes the answer; false: no such question. */
	bool (*answer)(void *ctx, const char *question, FILE *to);
	void *ctx;
	char path[108], question[32];
	char *text;
	size_t used, len, at;
	uint64_t until_us; /* of who asks, by the loop's clock; 0: it begins with the next round */
};

/* 0, or a negative errno. A socket that nobody listens at is replaced. */
int control_open(struct control *c, int epoll, const char *path,
	bool (*answer)(void *ctx, const char *question, FILE *to), void *ctx);

/* Each round: who neither asks nor reads for CONTROL_US makes room for the next. */
void control_tick(struct control *c, uint64_t now);
uint64_t control_deadline(const struct control *c); /* of control_tick(); UINT64_MAX: none */
void control_close(struct control *c);

/* Asks a sluice-send; its answer goes to `to`. 0, or a negative errno. */
int control_ask(const char *path, const char *question, FILE *to);

#endif
