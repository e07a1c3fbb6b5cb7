/* What a mistyped word was probably meant to be. Pure. */
#ifndef SLUICE_CONFIG_NEAREST_H
#define SLUICE_CONFIG_NEAREST_H

/* Letters to insert, delete, change or swap with a neighbour (optimal string alignment); words
 * longer than 63 bytes are as far as can be. */
unsigned word_distance(const char *a, const char *b);

/* Keeps the nearer of candidates in *best; begin with {.word = typed}. */
struct nearest {
	const char *word, *best;
	unsigned distance;
};
void nearest_offer(struct nearest *n, const char *candidate);
/* The candidate, or NULL where none is near enough to be meant: a third of its letters, or 1. */
const char *nearest_word(const struct nearest *n);

#endif
