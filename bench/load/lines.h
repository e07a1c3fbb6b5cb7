/*
 * Log lines of a FortiGate, out of a seed: traffic, utm and event logs in the field order of
 * FortiOS 6.4 and later, 300 to 1,100 bytes, half of them below about 500. Each line tells its
 * device and its number, and can be made again from these alone, so that a checker needs no copy of
 * what was sent. Pure.
 *
 * Lines are made from `templates`, whose fields are drawn from skewed distributions at the start;
 * sending one is a copy in which time, device and number are written over, all of fixed width. They
 * come in runs of LINES_RUN lines of equal length, since the kernel sends many datagrams with one
 * call (UDP GSO) only if they are of equal length; the order of the runs is shuffled.
 */
#ifndef SLUICE_LOAD_LINES_H
#define SLUICE_LOAD_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINES_MIN	  300u /* bytes */
#define LINES_MAX	  1100u
#define LINES_RUN	  48u
#define LINES_MAX_DEVICES 99999999u
#define LINES_MAX_NUMBER  9999999999u

/*
 * Who sends what: `flows` connections or sockets, each with its own share of the devices, which
 * take turns. The k-th log of a flow carries number k.
 */
struct plan {
	uint32_t devices, flows; /* flows <= devices */
};

static inline uint32_t plan_first(const struct plan *p, uint32_t flow)
{
	return (uint32_t)((uint64_t)flow * p->devices / p->flows);
}

static inline uint32_t plan_device(const struct plan *p, uint32_t flow, uint64_t number)
{
	uint32_t first = plan_first(p, flow);

	return first + (uint32_t)(number % (plan_first(p, flow + 1) - first));
}

static inline uint32_t plan_flow(const struct plan *p, uint32_t device)
{
	return (uint32_t)((((uint64_t)device + 1) * p->flows - 1) / p->devices);
}

struct lines;

/* `templates` is rounded up to whole runs; 64 Ki of them take 40 MiB. NULL when out of memory. */
struct lines *lines_new(uint64_t seed, uint32_t templates, const struct plan *plan);
void lines_free(struct lines *l);
/* How many templates there are, and their mean length in bytes. */
uint32_t lines_count(const struct lines *l);
double lines_mean(const struct lines *l);

/* Length in bytes of a log of the flow (below plan.flows), and how many of this length follow, with
 * it. */
uint32_t lines_len(const struct lines *l, uint32_t flow, uint64_t number, uint32_t *run);
/* Writes it (no newline, no NUL; up to LINES_MAX bytes); returns its length. */
uint32_t lines_write(const struct lines *l, uint32_t flow, uint64_t number, char *to);

/* The device's serial number, 16 characters and a NUL. */
void lines_serial(uint32_t device, char serial[17]);

/* Device and number that a line claims to have; false: it is none of ours. */
bool lines_parse(const char *log, size_t len, uint32_t *device, uint64_t *number);

#endif
