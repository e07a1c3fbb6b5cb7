/*
 * sim-whole [--first SEED] [--seeds COUNT] [--seed SEED] [--kept FILE] [--mutant NAME]
 *
 * Worlds from consecutive seeds, the one of --seed, or those that FILE lists (a number a line).
 * With
 * --mutant the server is wrong in a known way (sim.h), and the run passes only if that is found. A
 * failure prints its seed; the same seed always fails in the same way.
 */
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/whole/sim.h"

/* Each goodbye is sent three times or more: on networks that lose one in twenty at the worst, one
 * in so many is lost at the most. */
#define UNHEARD_FEW 200u

static struct world sum;
static jmp_buf failed;
static bool trying;

_Noreturn void sim_fail(const char *what, uint64_t a, uint64_t b)
{
	printf("FAILED: %s (%" PRIu64 ", %" PRIu64 ")\n", what, a, b);
	if (!trying)
		exit(2);
	longjmp(failed, 1);
}

static void add(const struct world *w)
{
	const uint64_t *from = (const uint64_t *)&w->met;
	uint64_t *to = (uint64_t *)&sum.met;

	for (size_t i = 0; i < sizeof(sum.met) / sizeof(*to); i++)
		to[i] += from[i];
}

/* A world that failed is left as it is: the process ends. */
static bool try_seed(uint64_t seed)
{
	struct world *volatile w = calloc(1, sizeof(*w));

	if (!w)
		abort();
	trying = true;
	if (setjmp(failed) != 0) {
		printf("replay: sim-whole --seed %" PRIu64 "\n", seed);
		free(w);
		return false;
	}
	world_live(w, seed);
	world_free(w);
	trying = false;
	add(w);
	free(w);
	return true;
}

static int report(uint64_t first, uint64_t seeds)
{
	printf("sim-whole: seeds %" PRIu64 "..%" PRIu64 ": %" PRIu64 " logs, %" PRIu64
	       " of plain senders (%" PRIu64 " dropped, %" PRIu64 " there twice), %" PRIu64
	       " lives of the server, %" PRIu64 " deaths, %" PRIu64 " links cut, %" PRIu64
	       " disks that failed, %" PRIu64 " journals, %" PRIu64 " servers and %" PRIu64
	       " devices restored, %" PRIu64 " clock steps, %" PRIu64
	       " logs dropped by devices, %" PRIu64 " goodbyes, %" PRIu64 " not heard, %" PRIu64
	       " packets from lcore to lcore, %" PRIu64 " that found the ring full, %" PRIu64
	       " datagrams refused\n",
		first, first + seeds - 1, sum.met.logs, sum.met.plain_logs, sum.met.plain_dropped,
		sum.met.answered_twice, sum.met.lives, sum.met.deaths, sum.met.cuts, sum.met.faults,
		sum.met.failed, sum.met.restored_servers, sum.met.restored_clients,
		sum.met.clock_steps, sum.met.dropped, sum.met.goodbyes, sum.met.unheard,
		sum.met.crossed, sum.met.ring_full, sum.met.refused);
	/* A long run must have met what it claims to test. */
	return seeds < 500 || (sum.met.deaths && sum.met.cuts && sum.met.faults && sum.met.failed &&
				      sum.met.restored_servers && sum.met.restored_clients &&
				      sum.met.dropped && sum.met.answered_twice &&
				      sum.met.goodbyes && sum.met.crossed && sum.met.ring_full &&
				      sum.met.refused &&
				      sum.met.unheard * UNHEARD_FEW <= sum.met.goodbyes)
		       ? 0
		       : 1;
}

static int run_kept(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[256];
	unsigned n = 0;

	if (!f) {
		perror(path);
		return 2;
	}
	while (fgets(line, sizeof(line), f)) {
		char *end;
		uint64_t seed = strtoull(line, &end, 10);

		if (end == line)
			continue;
		if (!try_seed(seed))
			return 1;
		n++;
	}
	fclose(f);
	printf("%u kept seeds passed\n", n);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"first", required_argument, NULL, 'f'},
		{"seeds", required_argument, NULL, 'n'},
		{"seed", required_argument, NULL, 's'},
		{"kept", required_argument, NULL, 'k'},
		{"mutant", required_argument, NULL, 'm'},
		{NULL, 0, NULL, 0},
	};
	uint64_t first = 1, seeds = 2000;
	const char *kept = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'f') {
			first = strtoull(optarg, NULL, 10);
		} else if (c == 'n') {
			seeds = strtoull(optarg, NULL, 10);
		} else if (c == 's') {
			first = strtoull(optarg, NULL, 10);
			seeds = 1;
		} else if (c == 'k') {
			kept = optarg;
		} else if (c == 'm' && mutant_by_name(optarg) > 0) {
			sim_mutant = (enum mutant)mutant_by_name(optarg);
		} else {
			fprintf(stderr, "usage: sim-whole [--first SEED] [--seeds COUNT] "
					"[--seed SEED] [--kept FILE] [--mutant NAME]\n");
			return 2;
		}
	}
	/* What is large comes cleared from the system, not from what was freed. */
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
	setvbuf(stdout, NULL, _IOLBF, 0);
	server_eal();
	if (kept)
		return run_kept(kept);
	for (uint64_t seed = first; seed < first + seeds; seed++)
		if (!try_seed(seed))
			return sim_mutant == MUTANT_NONE;
	if (sim_mutant != MUTANT_NONE) {
		printf("FAILED: nobody found the mutant\n");
		return 1;
	}
	return report(first, seeds);
}
