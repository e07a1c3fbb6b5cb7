/*
 * peer-impair [OPTION...] END END
 *
 * The wire between two ends (ends.h): loses, repeats, delays and reorders TCP segments, in each
 * direction by itself, as a seed says; everything else passes as it is. Says "ready" when both ends
 * are there; ended by SIGTERM it prints what it did, as JSON.
 *
 *   --seed N           default 1
 *   --loss PERCENT     of segments each way; so are --dup and --reorder
 *   --delay US         each way
 *   --late US          how much later a reordered segment comes; default 4000
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ends.h"

#define QUEUE_MAX 65536U /* frames under way, each way */
#define PARTS	  1000000U

struct frame {
	uint64_t at, order;
	uint32_t len;
	uint8_t bytes[];
};

struct way {
	int from, to;
	uint64_t rng;
	struct frame **heap;
	uint32_t count;
	uint64_t order;
	uint64_t segments, lost, repeated, reordered, overflow;
};

static struct {
	uint32_t loss, dup, reorder; /* of PARTS */
	uint64_t delay_us, late_us, seed;
} plan = {.late_us = 4000, .seed = 1};

static volatile sig_atomic_t ended;

static void on_end(int sig)
{
	(void)sig;
	ended = 1;
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static bool chance(struct way *w, uint32_t parts)
{
	uint64_t z = (w->rng += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (z ^ (z >> 31)) % PARTS < parts;
}

static bool before(const struct frame *a, const struct frame *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void push(struct way *w, const uint8_t *bytes, uint32_t len, uint64_t at)
{
	struct frame *f;
	uint32_t i = w->count;

	if (w->count == QUEUE_MAX) {
		w->overflow++;
		return;
	}
	f = malloc(sizeof(*f) + len);
	if (!f)
		err(1, "memory");
	f->at = at;
	f->order = w->order++;
	f->len = len;
	memcpy(f->bytes, bytes, len);
	for (w->count++; i > 0 && before(f, w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = f;
}

static struct frame *pop(struct way *w)
{
	struct frame *first = w->heap[0];
	struct frame *last = w->heap[--w->count];
	uint32_t i = 0;

	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child >= w->count)
			break;
		if (child + 1 < w->count && before(w->heap[child + 1], w->heap[child]))
			child++;
		if (!before(w->heap[child], last))
			break;
		w->heap[i] = w->heap[child];
		i = child;
	}
	w->heap[i] = last;
	return first;
}

static bool is_tcp(const uint8_t *f, uint32_t len)
{
	if (len < 54)
		return false;
	if (f[12] == 0x08 && f[13] == 0x00)
		return f[23] == 6;
	return f[12] == 0x86 && f[13] == 0xdd && f[20] == 6;
}

static void befall(struct way *w, const uint8_t *bytes, uint32_t len, uint64_t now)
{
	uint64_t at = now + plan.delay_us;

	if (!is_tcp(bytes, len)) {
		push(w, bytes, len, at);
		return;
	}
	w->segments++;
	if (chance(w, plan.loss)) {
		w->lost++;
		return;
	}
	if (chance(w, plan.reorder)) {
		w->reordered++;
		at += plan.late_us;
	}
	push(w, bytes, len, at);
	if (chance(w, plan.dup)) {
		w->repeated++;
		push(w, bytes, len, at);
	}
}

static void take(struct way *w)
{
	uint8_t bytes[FRAME_MAX];

	for (unsigned i = 0; i < 64; i++) {
		ssize_t n = read(w->from, bytes, sizeof(bytes));

		if (n <= 0) {
			if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ENETDOWN)
				err(1, "read");
			return;
		}
		befall(w, bytes, (uint32_t)n, now_us());
	}
}

static void deliver(struct way *w, uint64_t now)
{
	while (w->count && w->heap[0]->at <= now) {
		struct frame *f = pop(w);

		/* An interface that is down, or its queue full, loses it as any wire would. */
		if (write(w->to, f->bytes, f->len) != (ssize_t)f->len)
			w->overflow++;
		free(f);
	}
}

static uint64_t wait_us(const struct way *ways, uint64_t now)
{
	uint64_t wait = 1000000; /* a signal that comes before we wait is seen after that */

	for (unsigned i = 0; i < 2; i++) {
		uint64_t at = ways[i].count ? ways[i].heap[0]->at : UINT64_MAX;

		if (at <= now)
			return 0;
		wait = at - now < wait ? at - now : wait;
	}
	return wait;
}

static uint32_t percent(const char *text)
{
	char *end;
	double v = strtod(text, &end);

	if (*text == '\0' || *end != '\0' || !(v >= 0) || v > 100)
		errx(2, "not a percentage: %s", text);
	return (uint32_t)(v * (PARTS / 100) + 0.5);
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t v = strtoull(text, &end, 10);

	if (*text == '\0' || *end != '\0')
		errx(2, "not a number: %s", text);
	return v;
}

static int options(int argc, char **argv)
{
	int i = 1;

	for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
		const char *value = argv[i + 1];

		if (strcmp(argv[i], "--seed") == 0)
			plan.seed = number(value);
		else if (strcmp(argv[i], "--loss") == 0)
			plan.loss = percent(value);
		else if (strcmp(argv[i], "--dup") == 0)
			plan.dup = percent(value);
		else if (strcmp(argv[i], "--reorder") == 0)
			plan.reorder = percent(value);
		else if (strcmp(argv[i], "--delay") == 0)
			plan.delay_us = number(value);
		else if (strcmp(argv[i], "--late") == 0)
			plan.late_us = number(value);
		else
			errx(2, "no such option: %s", argv[i]);
	}
	return i;
}

static void report(const struct way *ways)
{
	static const char *const names[2] = {"there", "back"};

	for (unsigned i = 0; i < 2; i++)
		printf("%s\"%s\": {\"segments\": %llu, \"lost\": %llu, \"repeated\": %llu, "
		       "\"reordered\": %llu, \"overflow\": %llu}",
			i ? ", " : "{", names[i], (unsigned long long)ways[i].segments,
			(unsigned long long)ways[i].lost, (unsigned long long)ways[i].repeated,
			(unsigned long long)ways[i].reordered,
			(unsigned long long)ways[i].overflow);
	printf("}\n");
}

int main(int argc, char **argv)
{
	struct sigaction act = {.sa_handler = on_end};
	struct way ways[2] = {0};
	int at = options(argc, argv);

	if (argc - at != 2)
		errx(2, "usage: peer-impair [OPTION VALUE]... END END");
	sigaction(SIGTERM, &act, NULL);
	ways[0].from = ways[1].to = end_open(argv[at]);
	ways[0].to = ways[1].from = end_open(argv[at + 1]);
	for (unsigned i = 0; i < 2; i++) {
		ways[i].rng = plan.seed * 2 + i;
		ways[i].heap = calloc(QUEUE_MAX, sizeof(*ways[i].heap));
		if (!ways[i].heap)
			err(1, "memory");
	}
	printf("ready\n");
	fflush(stdout);
	while (!ended) {
		uint64_t wait = wait_us(ways, now_us());
		struct timespec ts = {(time_t)(wait / 1000000), (long)(wait % 1000000 * 1000)};
		struct pollfd fds[2] = {{ways[0].from, POLLIN, 0}, {ways[1].from, POLLIN, 0}};

		if (ppoll(fds, 2, &ts, NULL) < 0 && errno != EINTR)
			err(1, "poll");
		for (unsigned i = 0; i < 2; i++) {
			if (fds[i].revents & POLLIN)
				take(&ways[i]);
			deliver(&ways[i], now_us());
		}
	}
	report(ways);
	for (unsigned i = 0; i < 2; i++) {
		while (ways[i].count)
			free(pop(&ways[i]));
		free(ways[i].heap);
	}
	return 0;
}
