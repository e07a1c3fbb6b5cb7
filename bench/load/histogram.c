#include "bench/load/histogram.h"

#include <math.h>

/* Bucket b > 0 has the values from SUB << b on, in parts of 1 << b; its first part is number
 * (b + 1) * SUB. */
static uint32_t part_of(uint64_t v)
{
	unsigned b = v < 2 * HISTOGRAM_SUB ? 0 : 53u - (unsigned)__builtin_clzll(v);

	return (uint32_t)(b * HISTOGRAM_SUB + (v >> b));
}

static uint64_t greatest_of(uint32_t part)
{
	unsigned b = part < 2 * HISTOGRAM_SUB ? 0 : part / HISTOGRAM_SUB - 1;
	uint64_t v = part - (uint64_t)b * HISTOGRAM_SUB;

	return ((v + 1) << b) - 1;
}

void histogram_add(struct histogram *h, uint64_t value, uint64_t times)
{
	if (times == 0)
		return;
	if (value > HISTOGRAM_MAX)
		value = HISTOGRAM_MAX;
	if (h->count == 0 || value < h->min)
		h->min = value;
	if (value > h->max)
		h->max = value;
	h->count += times;
	h->sum += value * times;
	h->counts[part_of(value)] += times;
}

void histogram_merge(struct histogram *to, const struct histogram *from)
{
	if (from->count == 0)
		return;
	if (to->count == 0 || from->min < to->min)
		to->min = from->min;
	if (from->max > to->max)
		to->max = from->max;
	to->count += from->count;
	to->sum += from->sum;
	for (uint32_t i = 0; i < sizeof(to->counts) / sizeof(to->counts[0]); i++)
		to->counts[i] += from->counts[i];
}

uint64_t histogram_quantile(const struct histogram *h, double q)
{
	uint64_t rank = (uint64_t)ceil(q * (double)h->count), seen = 0;

	if (rank == 0)
		rank = 1;
	for (uint32_t i = 0; i < sizeof(h->counts) / sizeof(h->counts[0]); i++) {
		seen += h->counts[i];
		if (h->counts[i] && seen >= rank) {
			uint64_t v = greatest_of(i);

			return v < h->max ? v : h->max;
		}
	}
	return h->max;
}

double histogram_mean(const struct histogram *h)
{
	return h->count ? (double)h->sum / (double)h->count : 0;
}
