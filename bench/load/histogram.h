/*
 * A histogram of times in the layout of HdrHistogram (Tene): buckets that double, each of 1,024
 * equal parts, so that any value is known to one part in a thousand. (Debian packages the library
 * for Java and Go only.) Pure.
 */
#ifndef SLUICE_LOAD_HISTOGRAM_H
#define SLUICE_LOAD_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB	  1024u /* parts of a bucket */
#define HISTOGRAM_BUCKETS 32u	/* the first has values below 2 * HISTOGRAM_SUB */
#define HISTOGRAM_MAX	  ((UINT64_C(1) << (HISTOGRAM_BUCKETS + 10)) - 1)

struct histogram {
	uint64_t count, sum, min, max;
	uint64_t counts[(HISTOGRAM_BUCKETS + 1) * HISTOGRAM_SUB];
};

/* Start with zeros; nothing to free. Values above HISTOGRAM_MAX count as that. */
void histogram_add(struct histogram *h, uint64_t value, uint64_t times);
void histogram_merge(struct histogram *to, const struct histogram *from);

/*
 * The value at or below which `q` (0 to 1) of all values are: the greatest of its part, never more
 * than the maximum. 0 when empty.
 */
uint64_t histogram_quantile(const struct histogram *h, double q);
double histogram_mean(const struct histogram *h);

#endif
