/*
 * mutate-NAME [--runs COUNT] [--first SEED] CORPUS
 *
 * A fuzz target over mutations of its corpus, without libFuzzer: each run takes an input, changes a
 * few places of it and gives it to LLVMFuzzerTestOneInput. What a run does follows from its seed
 * alone, so that a failure, which prints its seed, can be had again with `--first SEED --runs 1`.
 */
#include <dirent.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_INPUTS  4096u
#define MOST_BYTES   (64u << 10)
#define MOST_CHANGES 8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	uint8_t *data;
	size_t len;
};

static struct input corpus[MOST_INPUTS];
static unsigned inputs;
static char failing[80];

static void say_seed(int sig)
{
	(void)sig;
	if (write(STDOUT_FILENO, failing, strlen(failing)) < 0)
		_exit(1);
	_exit(3);
}

static uint64_t next(uint64_t *s)
{
	uint64_t x = *s += 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static size_t below(uint64_t *s, size_t n)
{
	return n ? (size_t)(next(s) % n) : 0;
}

static int load_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = malloc(MOST_BYTES);
	size_t n;

	if (!f || !data || inputs == MOST_INPUTS) {
		fprintf(stderr, "%s: cannot be read\n", path);
		if (f)
			fclose(f);
		free(data);
		return -1;
	}
	n = fread(data, 1, MOST_BYTES, f);
	fclose(f);
	corpus[inputs].data = data;
	corpus[inputs++].len = n;
	return 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int no_dot(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

/* In the order of names: a seed means the same everywhere. */
static int load(const char *dir)
{
	struct dirent **v;
	int n = scandir(dir, &v, no_dot, by_name);
	int rc = n > 0 ? 0 : -1;

	for (int i = 0; i < n; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", dir, v[i]->d_name);
		if (load_file(path) != 0)
			rc = -1;
		free(v[i]);
	}
	if (n >= 0)
		free(v);
	return rc;
}

/* A number that sits on some border, of 1, 2, 4 or 8 bytes, little-endian. */
static void put_number(uint8_t *at, size_t room, uint64_t *s)
{
	static const uint64_t borders[] = {0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x10000,
		0x7fffffff, 0x80000000, 0xffffffff, INT64_MAX, UINT64_MAX};
	size_t size = (size_t)1 << below(s, 4);
	uint64_t v = borders[below(s, sizeof(borders) / sizeof(borders[0]))];

	for (size_t i = 0; i < size && i < room; i++)
		at[i] = (uint8_t)(v >> 8 * i);
}

/* One change of what lies in `b`, which has room for MOST_BYTES; the length afterwards. */
static size_t change(uint8_t *b, size_t len, uint64_t *s)
{
	size_t at = below(s, len);
	size_t n = 1 + below(s, len - at < 64 ? len - at : 64);
	const struct input *other = &corpus[below(s, inputs)];
	size_t from = below(s, other->len);

	if (len == 0)
		return 0;
	switch (below(s, 8)) {
	case 0:
	case 1:
		b[at] ^= (uint8_t)(1u << below(s, 8));
		return len;
	case 2:
		b[at] = (uint8_t)next(s);
		return len;
	case 3:
		put_number(b + at, len - at, s);
		return len;
	case 4: /* taken out */
		n = n < len - at ? n : len - at;
		memmove(b + at, b + at + n, len - at - n);
		return len - n;
	case 5: /* twice */
		n = n < len - at ? n : len - at;
		if (len + n > MOST_BYTES)
			return len;
		memmove(b + at + n, b + at, len - at);
		return len + n;
	case 6: /* another's bytes in their place */
		n = n < len - at ? n : len - at;
		n = n < other->len - from ? n : other->len - from;
		memcpy(b + at, other->data + from, n);
		return len;
	default:
		return below(s, 8) ? len : at; /* cut off, now and then */
	}
}

static void run(uint64_t seed, uint8_t *room)
{
	uint64_t s = seed;
	const struct input *in = &corpus[below(&s, inputs)];
	size_t len = in->len;
	uint8_t *exact;

	snprintf(failing, sizeof(failing), "FAILED: seed %" PRIu64 "\n", seed);
	memcpy(room, in->data, len);
	for (size_t n = 1 + below(&s, MOST_CHANGES); n > 0; n--)
		len = change(room, len, &s);
	/* In a buffer of just this length, so that a sanitizer sees what is read behind it. */
	exact = malloc(len ? len : 1);
	if (!exact)
		abort();
	memcpy(exact, room, len);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"runs", required_argument, NULL, 'r'},
		{"first", required_argument, NULL, 'f'},
		{NULL, 0, NULL, 0},
	};
	uint64_t runs = 1000;
	uint64_t first = 1;
	uint8_t *room = malloc(MOST_BYTES);
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'r')
			runs = strtoull(optarg, NULL, 10);
		else if (c == 'f')
			first = strtoull(optarg, NULL, 10);
		else
			optind = argc;
	}
	if (!room || optind + 1 != argc) {
		fprintf(stderr, "usage: mutate-NAME [--runs COUNT] [--first SEED] CORPUS\n");
		free(room);
		return 2;
	}
	if (load(argv[optind]) != 0) {
		free(room);
		return 1;
	}
	signal(SIGABRT, say_seed);
	for (uint64_t i = 0; i < runs; i++)
		run(first + i, room);
	printf("%" PRIu64 " mutations of %u inputs from seed %" PRIu64 ": nothing found\n", runs,
		inputs, first);
	while (inputs > 0)
		free(corpus[--inputs].data);
	free(room);
	return 0;
}
