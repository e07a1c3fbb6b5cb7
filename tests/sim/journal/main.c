/*
 * sim-journal [--states COUNT] [--first SEED] [--seed SEED] [--mutant NAME]
 *
 * Cuts the power at a random call of a random workload, draws several of the states that the disk
 * may be in then, and recovers each with the journal's own code: no acknowledged log may be
 * missing, none be there twice, in another order or altered, none invented; the accounts agree; and
 * the journal goes on. Some recoveries are cut short too, some deaths are the process's alone.
 *
 * With --mutant the journal is made wrong in a known way (sim.h), and the run passes only if that
 * is found. A failure prints its seed; the same seed always fails in the same way.
 */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dataplane/journal/internal.h"
#include "tests/sim/journal/sim.h"
#include "tests/unit/journal/util.h"

#define STATES_OF_A_WORLD 8u
#define EXIT_FOUND	  3

static char failing[80]; /* what to say should the state that is tried now fail */
static struct {
	uint64_t worlds, states, deaths, again, retired, rewritten, direct;
} met;

/* Checks end in abort(), which is how cmocka says at once what was wrong. */
static void say_seed(int sig)
{
	(void)sig;
	if (write(STDOUT_FILENO, failing, strlen(failing)) < 0)
		_exit(1);
	_exit(EXIT_FOUND);
}

static void now_trying(uint64_t seed, unsigned state)
{
	snprintf(failing, sizeof(failing), "FAILED: seed %" PRIu64 ", state %u\n", seed, state);
}

/* Recovery itself is cut, and what is left of it recovers. */
static void recovers_the_second_time(const struct work *before, struct memfs *disk, struct rng *r)
{
	struct work v = *before;
	struct memfs *third;

	v.fs = disk;
	v.cfg.fs = memfs_table(disk);
	v.j = NULL;
	v.life = before->life + 1;
	v.last_durable = 0;
	memfs_cut(disk, 1 + rng_below(r, 60));
	if (work_open(&v) == JOURNAL_OK)
		work_close(&v);
	third = memfs_crash(disk, rng_next(r));
	work_recovers(&v, third);
	memfs_free(third);
	met.again++;
}

static void try_state(struct world *w, struct rng *r)
{
	bool death = rng_chance(r, 15);
	struct memfs *disk = death ? memfs_kill(w->fs) : memfs_crash(w->fs, rng_next(r));

	met.deaths += death;
	if (rng_chance(r, 25))
		recovers_the_second_time(&w->work, disk, r);
	else
		work_recovers(&w->work, disk);
	memfs_free(disk);
	met.states++;
}

static void try_world(uint64_t seed, enum mutant mutant)
{
	struct rng r = {~seed};
	struct world w;
	uint64_t calls;

	now_trying(seed, 0);
	calls = world_run(&w, seed, mutant, 0);
	world_end(&w);
	world_run(&w, seed, mutant, 1 + rng_next(&r) % calls);
	met.worlds++;
	met.retired += w.work.retires;
	met.rewritten += w.rewritten;
	met.direct += memfs_direct_writes(w.fs);
	for (unsigned state = 1; state <= STATES_OF_A_WORLD; state++) {
		now_trying(seed, state);
		try_state(&w, &r);
	}
	world_end(&w);
}

static int run(uint64_t first, uint64_t states, enum mutant mutant)
{
	for (uint64_t seed = first; met.states < states; seed++)
		try_world(seed, mutant);
	printf("sim-journal: %" PRIu64 " states of %" PRIu64 " worlds from seed %" PRIu64
	       ": %" PRIu64 " deaths of the process, %" PRIu64 " recoveries cut, %" PRIu64
	       " worlds with retention, %" PRIu64 " segments rewritten, %" PRIu64
	       " writes past the page cache\n",
		met.states, met.worlds, first, met.deaths, met.again, met.retired, met.rewritten,
		met.direct);
	/* A long run must have met what it claims to test. */
	return states < 1000 || (met.deaths && met.again && met.retired && met.rewritten &&
					met.direct)
		       ? 0
		       : 1;
}

/* In a process of its own, which must fail by a check of the test, not otherwise. */
static int must_fail(uint64_t first, uint64_t states, enum mutant mutant, const char *name)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		int rc = run(first, states, mutant);

		fflush(stdout);
		_exit(rc);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return 1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FOUND) {
		printf("the mutant %s was found\n", name);
		return 0;
	}
	printf("FAILED: the mutant %s was not found (status %#x)\n", name, (unsigned)status);
	return 1;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"states", required_argument, NULL, 'n'},
		{"first", required_argument, NULL, 'f'},
		{"seed", required_argument, NULL, 's'},
		{"mutant", required_argument, NULL, 'm'},
		{NULL, 0, NULL, 0},
	};
	uint64_t states = 10000;
	uint64_t first = 1;
	const char *mutant = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'n') {
			states = strtoull(optarg, NULL, 10);
		} else if (c == 'f') {
			first = strtoull(optarg, NULL, 10);
		} else if (c == 's') {
			first = strtoull(optarg, NULL, 10);
			states = 1;
		} else if (c == 'm' && mutant_by_name(optarg) > 0) {
			mutant = optarg;
		} else {
			fprintf(stderr, "usage: sim-journal [--states COUNT] [--first SEED] "
					"[--seed SEED] [--mutant NAME]\n");
			return 2;
		}
	}
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	signal(SIGABRT, say_seed);
	if (mutant)
		return must_fail(first, states, (enum mutant)mutant_by_name(mutant), mutant);
	return run(first, states, MUTANT_NONE);
}
