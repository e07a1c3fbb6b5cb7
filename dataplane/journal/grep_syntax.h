/*
 * A regular expression as grep -E understands it, in the words of PCRE2. Besides POSIX extended
 * expressions: GNU's \w \W \s \S \b \B \< \> \` \', back-references, and \d \D \t \n \r. What POSIX
 * leaves undefined and other programs give meanings of their own ("(?", "a\q", "*a") is refused.
 * Pure.
 */
#ifndef SLUICE_JOURNAL_GREP_SYNTAX_H
#define SLUICE_JOURNAL_GREP_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>

struct grep_syntax {
	char *text; /* the caller's to free */
	size_t len;
	bool refers; /* has back-references */
};

/* `utf`: its characters are UTF-8, else bytes. 0, -1: not an expression, `why` says so, -2: memory
 * is out. */
int grep_syntax(struct grep_syntax *s, const char *pattern, bool utf, char why[200]);

/* The length of "{2}", "{2,}", "{2,5}" or "{,5}" at `p`, which is a brace; 0: it is none of them
 * and stands for itself. */
size_t grep_interval(const char *p);

#endif
