#include "control/config/nearest.h"

#include <limits.h>
#include <string.h>

#define LONGEST 63

static unsigned min2(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned word_distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	unsigned rows[3][LONGEST + 1];
	unsigned *before = rows[0], *above = rows[1], *row = rows[2];

	if (la > LONGEST || lb > LONGEST)
		return UINT_MAX;
	for (size_t j = 0; j <= lb; j++)
		above[j] = before[j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned *spare = before;

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned change = above[j - 1] + (a[i - 1] != b[j - 1]);

			row[j] = min2(change, min2(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = min2(row[j], before[j - 2] + 1);
		}
		before = above;
		above = row;
		row = spare;
	}
	return above[lb];
}

void nearest_offer(struct nearest *n, const char *candidate)
{
	unsigned d = word_distance(n->word, candidate);

	if (!n->best || d < n->distance) {
		n->best = candidate;
		n->distance = d;
	}
}

const char *nearest_word(const struct nearest *n)
{
	size_t len = n->best ? strlen(n->best) : 0;

	if (!n->best || n->distance > (len < 6 ? 1 + (len > 3) : len / 3))
		return NULL;
	return n->best;
}
