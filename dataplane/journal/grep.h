/*
 * Looking for a POSIX extended regular expression in many logs at once. Most expressions hold a
 * piece of text that every match must have: a whole block is searched for that first, at the speed
 * of memory, and only logs that have it are given to the C library's matcher. Pure.
 */
#ifndef SLUICE_JOURNAL_GREP_H
#define SLUICE_JOURNAL_GREP_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct grep {
	char *literal; /* NULL: none is known */
	size_t literal_len;
	/*
	 * The C library keeps every state that its matcher comes to, and for some expressions these
	 * are as many as bytes are looked at: after some text it is made anew.
	 */
	regex_t regex;
	char *pattern;
	size_t budget, spent; /* bytes of logs between two times */
	bool has_regex;	      /* else the literal is all of it; with neither everything matches */
};

/* `g` is all zeros. 0, -1: not an expression, `why` says so, -2: memory is out. */
int grep_compile(struct grep *g, const char *pattern, char why[200]);
void grep_free(struct grep *g);

/* The first place at or behind `from` where a match may be, or NULL. */
const uint8_t *grep_seek(const struct grep *g, const uint8_t *from, const uint8_t *end);

/* Does a log match in which the literal, if there is one, was found? */
bool grep_confirm(struct grep *g, const uint8_t *log, size_t len);

#endif
